"""Which joints of other data sets stand for which of SMPL's."""

COCO_TO_SMPL = {4: 13, 5: 14, 7: 15, 8: 16, 16: 5, 17: 6, 18: 7, 19: 8, 20: 9, 21: 10}
"""SMPL joint: COCO keypoint; knees, ankles, shoulders, elbows, wrists. The hips of both lie elsewhere in the body."""

THREEDHP28_TO_SMPL = {
    0: 4, 12: 5, 4: 19, 5: 24, 7: 20, 8: 25, 16: 9, 17: 14, 18: 10, 19: 15, 20: 11, 21: 16,
}  # fmt: skip
"""SMPL joint: joint of the 28 of MPI-INF-3DHP's training labels; also pelvis and neck."""

THREEDHP17_PELVIS = 14
"""Place of the pelvis among the 17 of MPI-INF-3DHP's test labels."""
