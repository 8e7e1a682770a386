"""Renders with truth: cameras, performances and, where OpenGL is to be had, pictures that show what they should."""

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.errors import MissingTool
from engine.training.landmarks.motion_clips import MotionClip
from engine.training.landmarks.render_pairs import OUTSIDE, VISIBLE, make_sequence, on_subject, project
from engine.training.landmarks.rendering.filming import look_at, random_shot
from engine.training.landmarks.rendering.painter import Painter, PosedFigure, noise_texture, projection, vertex_normals
from engine.training.landmarks.rendering.performance import mirrored_pose, random_performance
from engine.training.landmarks.rendering.scene import SUBJECT, THING, Box, Scene
from engine.training.landmarks.rendering.staging import (
    develop,
    random_lighting,
    random_outfit,
    random_scene,
    random_sky,
)
from rig.frames import transform
from rig.kinematics import global_rotations, joint_positions
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, mirrored_names

BODY = load_open_body()
INTRINSICS = np.array([[260.0, 0.0, 128.0], [0.0, 260.0, 96.0], [0.0, 0.0, 1.0]])
SIZE = (256, 192)


def clip(frames: int = 90) -> MotionClip:
    """A body that turns and swings its arms, on the open body's own joints under another program's names."""
    names = {"hip": "Thigh", "knee": "Shin", "ankle": "Foot", "foot": "ToeTip", "collar": "Collar", "shoulder": "Shldr",
             "elbow": "ForeArm", "wrist": "Hand"}  # fmt: skip
    trunk = {"pelvis": "hip", "spine1": "abdomen", "spine2": "chest", "neck": "neck", "head": "head"}
    joints = list(trunk) + [f"{side}_{part}" for side in ("left", "right") for part in names]
    joints.sort(key=SMPL_JOINT_NAMES.index)
    called = [trunk.get(j) or j[0] + names[j.split("_")[1]] for j in joints]
    parents, offsets = [], []
    rest = BODY.skeleton(np.zeros(10)).rest_joints
    for joint in joints:
        parent = SMPL_PARENTS[SMPL_JOINT_NAMES.index(joint)]
        while parent >= 0 and SMPL_JOINT_NAMES[parent] not in joints:
            parent = SMPL_PARENTS[parent]
        parents.append(joints.index(SMPL_JOINT_NAMES[parent]) if parent >= 0 else -1)
        offsets.append(rest[SMPL_JOINT_NAMES.index(joint)] - (rest[parent] if parent >= 0 else 0.0))
    quats = np.zeros((frames, len(joints), 4))
    quats[..., 0] = 1.0
    half = 0.02 * np.arange(frames)
    quats[:, 0, 0], quats[:, 0, 2] = np.cos(half), np.sin(half)
    offsets[0] = np.zeros(3)
    return MotionClip(
        "made_up", "turn", "daz", tuple(called), tuple(parents), np.array(offsets), quats,
        np.tile([0.0, 0.97, 0.0], (frames, 1)), 30.0,
    )  # fmt: skip


def test_cameras_look_where_they_should() -> None:
    rng = np.random.default_rng(0)
    eye, aim = rng.normal(0, 2, (8, 3)), rng.normal(0, 2, (8, 3))
    view = look_at(eye, aim, np.zeros(8))
    np.testing.assert_allclose(transform(view, eye), 0.0, atol=1e-9)
    seen = transform(view, aim)
    np.testing.assert_allclose(seen[:, :2], 0.0, atol=1e-9)
    np.testing.assert_allclose(seen[:, 2], np.linalg.norm(aim - eye, axis=1))
    above = transform(view, aim + np.array([0.0, 0.1, 0.0]))
    assert (above[:, 1] < 0).all()  # y down
    assert np.abs(above[:, 0]).max() < 1e-9
    np.testing.assert_allclose(np.linalg.det(view[:, :3, :3]), 1.0)


def test_shots_keep_people_before_the_camera() -> None:
    path = np.stack([np.linspace(-1, 1, 40), np.ones(40), np.zeros(40)], axis=1)
    for seed in range(40):
        shot = random_shot(np.random.default_rng(seed), path, 30.0)
        depth = transform(shot.world_to_camera, path)[:, 2]
        assert depth.min() > 0.3
        assert shot.world_to_camera.shape == (40, 4, 4)


def test_a_mirrored_pose_is_the_mirror_image() -> None:
    rng = np.random.default_rng(1)
    skeleton = BODY.skeleton(np.zeros(10))
    local = rotvec_to_rotmat(rng.normal(0, 0.5, (6, 24, 3)))
    transl = rng.normal(0, 1, (6, 3))

    def places(rotmats: np.ndarray, at: np.ndarray) -> np.ndarray:
        return joint_positions(skeleton, global_rotations(skeleton.parents, rotmats), at)

    image = places(*mirrored_pose(local, transl))
    swap = list(mirrored_names(SMPL_JOINT_NAMES))
    np.testing.assert_allclose(image, places(local, transl)[:, swap] * [-1, 1, 1], atol=2e-3)


def test_the_projection_matrix_agrees_with_the_pinhole() -> None:
    points = np.random.default_rng(2).uniform([-1, -1, 1], [1, 1, 6], (50, 3))
    clip_space = np.concatenate([points, np.ones((50, 1))], axis=1) @ projection(INTRINSICS, SIZE).T
    pixels = (clip_space[:, :2] / clip_space[:, 3:] + 1) / 2 * SIZE
    np.testing.assert_allclose(pixels, project(points, INTRINSICS), atol=1e-9)


def test_normals_point_outwards_and_noise_tiles() -> None:
    normals = vertex_normals(BODY.template.astype(np.float64), BODY.faces)
    crown = BODY.template[:, 1].argmax()
    assert normals[crown, 1] > 0.9
    noise = noise_texture().astype(int)
    assert np.abs(noise[0] - noise[-1]).mean() < 1.5 * np.abs(noise[100] - noise[101]).mean()


def test_who_is_followed_is_told_by_distance() -> None:
    truth = np.random.default_rng(3).uniform(0, 100, (3, 33, 2))
    found = truth.copy()
    found[1] += 200.0
    found[2] = np.nan
    assert on_subject(found, truth).tolist() == [True, False, False]


def test_developing_keeps_size_and_changes_little_of_what_is_where() -> None:
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[20:40, 30:50] = 180
    for seed in range(6):
        out = develop(np.random.default_rng(seed), [picture])[0]
        assert out.shape == picture.shape
        assert out.dtype == np.uint8
        assert out[25:35, 35:45].mean() > out[:10, :10].mean() + 30


@pytest.fixture(scope="module")
def painter():
    try:
        made = Painter(BODY)
    except MissingTool as error:
        pytest.skip(str(error))
    with made:
        yield made


def _standing(painter: Painter, boxes: tuple[Box, ...] = ()):
    rng = np.random.default_rng(4)
    figure = painter.figure(np.zeros(10), random_outfit(rng), rng)
    person = PosedFigure(figure, np.tile(np.eye(3), (24, 1, 1)), figure.rest_joints)
    view = look_at(np.array([[0.0, 1.0, 3.2]]), np.array([[0.0, 0.9, 0.0]]), np.zeros(1))[0]
    scene = Scene(random_lighting(rng), random_sky(rng), boxes, has_floor=False)
    return painter.paint(scene, [person], INTRINSICS, view, SIZE), transform(view, figure.rest_joints)


def test_the_body_is_painted_where_its_joints_are(painter: Painter) -> None:
    picture, joints = _standing(painter)
    column, row = np.floor(project(joints, INTRINSICS)).astype(int).T
    assert (picture.identity[row, column] == SUBJECT).mean() > 0.95
    before = joints[:, 2] - picture.depth_m[row, column]
    assert ((before > -0.02) & (before < 0.25)).all()
    head, foot = row[SMPL_JOINT_NAMES.index("head")], row[SMPL_JOINT_NAMES.index("left_ankle")]
    assert head < foot
    assert column[SMPL_JOINT_NAMES.index("left_wrist")] > column[SMPL_JOINT_NAMES.index("right_wrist")]


def test_things_in_front_hide_the_body(painter: Painter) -> None:
    model = np.eye(4)
    model[:3, 3] = [0.0, 0.5, 1.5]
    wall = Box(model, np.array([1.0, 0.3, 0.05]), np.full((2, 3), 0.4), np.array([1.0, 2.0, 0.2, 0.0]))
    picture, joints = _standing(painter, (wall,))
    column, row = np.floor(project(joints, INTRINSICS)).astype(int).T
    knee, head = (SMPL_JOINT_NAMES.index(name) for name in ("left_knee", "head"))
    assert picture.identity[row[knee], column[knee]] == THING
    assert picture.identity[row[head], column[head]] == SUBJECT


def test_sequences_are_the_same_for_the_same_seed(painter: Painter) -> None:
    first, again = (make_sequence(np.random.default_rng([5, 0]), BODY, painter, [clip(46)]) for _ in range(2))
    for name in first[0]:
        np.testing.assert_array_equal(first[0][name], again[0][name])
    for one, other in zip(first[1], again[1], strict=True):
        assert np.abs(one.astype(int) - other).mean() < 0.5
    assert len(first[1]) == len(first[0]["times_s"])
    values = set(np.unique(first[0]["visibility"]))
    assert values <= set(range(VISIBLE, OUTSIDE + 1))
    assert VISIBLE in values


def test_performances_stand_on_the_floor() -> None:
    acting = random_performance(np.random.default_rng(6), BODY, [clip()], 2.0, 30.0)
    points = acting.landmarks()
    assert abs(points[..., 1].min()) < 0.05
    path = acting.transl + np.array([0.0, 1.0, 0.0])
    scene = random_scene(np.random.default_rng(6), path, path + np.array([0.0, 0.0, 4.0]), occluded=True)
    assert scene.boxes or not scene.has_floor
