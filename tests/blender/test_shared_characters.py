"""Characters of other makers, where local copies are: the bones found, limbs' directions and feet on the floor."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from blender_scripts import run_inside
from sample_motions import walking

from rig.bone_mapping import LIMB_PARTS, SIDES, RigKind
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.motion_file import MotionRecord, save_motion
from rig.skeleton import JOINT

HERE = Path(__file__).parent
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_UE_LIMBS = ("clavicle", "upperarm", "lowerarm", "hand", "thigh", "calf", "foot", "ball")
_MIXAMO_LIMBS = ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")


def _bones(trunk: dict[str, str], limbs: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    expected = {part: names.split() for part, names in trunk.items()}
    for side in SIDES:
        expected |= {f"{side}_{part}": [name] for part, name in zip(LIMB_PARTS, limbs[side], strict=True) if name}
    return expected


_MIXAMO = _bones(
    {"pelvis": "mixamorig:Hips", "spine": "mixamorig:Spine mixamorig:Spine1 mixamorig:Spine2",
     "neck": "mixamorig:Neck", "head": "mixamorig:Head"},
    {side: tuple(f"mixamorig:{side.capitalize()}{name}" for name in _MIXAMO_LIMBS) for side in SIDES},
)  # fmt: skip
EXPECTED = {
    "xbot.glb": (RigKind.MIXAMO, _MIXAMO),
    "mixamo_original_rig.fbx": (RigKind.MIXAMO, _MIXAMO),
    "m2m_human_male.glb": (RigKind.UE4, _bones(
        {"root": "root", "pelvis": "pelvis", "spine": "spine_01 spine_02 spine_03", "neck": "neck_01", "head": "head"},
        {side: tuple(f"{name}_{side[0]}" for name in _UE_LIMBS) for side in SIDES})),
    "gdquest_mannequiny.glb": (RigKind.MATCHED, _bones(
        {"pelvis": "pelvis", "spine": "spine_01 spine_02", "neck": "neck_01", "head": "head"},
        {side: tuple(f"{name}.{side[0]}" for name in _UE_LIMBS) for side in SIDES})),
    "cesiumman.glb": (RigKind.MATCHED, _bones(
        {"pelvis": "Skeleton_torso_joint_1", "spine": "Skeleton_torso_joint_2 torso_joint_3",
         "neck": "Skeleton_neck_joint_1", "head": "Skeleton_neck_joint_2"},
        {"left": ("", *(f"Skeleton_arm_joint_L__{k}_" for k in (4, 3, 2)), *(f"leg_joint_L_{k}" for k in (1, 2, 3, 5))),
         "right": ("", "Skeleton_arm_joint_R", "Skeleton_arm_joint_R__2_", "Skeleton_arm_joint_R__3_",
                   *(f"leg_joint_R_{k}" for k in (1, 2, 3, 5)))})),
    "godette.vrm": (RigKind.VRM, _bones(
        {"root": "Armature_rootJoint", "pelvis": "pelvis_Armature", "spine": "tummy_Armature chest_Armature",
         "neck": "neck_Armature", "head": "head_Armature"},
        {side: tuple(f"{name}.{side[0]}_Armature" for name in (
            "shoulder", "upper_arm", "lowerarm", "hand", "thigh", "shin", "foot", "toes")) for side in SIDES})),
}  # fmt: skip


@pytest.mark.blender
@pytest.mark.shared_data
@pytest.mark.parametrize("name", EXPECTED)
def test_characters_of_other_makers(name, shared_data, blender_module, tmp_path):
    source = shared_data / "characters" / name
    if not source.is_file():
        pytest.skip(f"needs the local character {name}")
    motion, contacts = walking(1.5)
    motion = replace(motion, contacts=contacts)
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    save_motion(tmp_path / "motion.npz", MotionRecord(motion, cameras, np.eye(3), (640, 480), 1))
    output = run_inside(
        None, HERE / "measure_character.py", str(HERE.parents[1]), str(source), str(tmp_path / "motion.npz")
    )
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))

    kind, bones = EXPECTED[name]
    assert told["kind"] == kind.value
    assert told["bones"] == bones
    joints = rotate(WORLD_TO_ARMATURE, motion.joints())
    for settings, most_deg in (("free", 0.1), ("planted", 2.0)):
        for frame, places in enumerate(told[settings]["heads"]):
            for side in SIDES:
                for upper, lower in _LIMBS:
                    own = np.array(places[f"{side}_{lower}"]) - np.array(places[f"{side}_{upper}"])
                    theirs = joints[frame, JOINT[f"{side}_{lower}"]] - joints[frame, JOINT[f"{side}_{upper}"]]
                    angle = np.degrees(np.arctan2(np.linalg.norm(np.cross(own, theirs)), own @ theirs))
                    assert angle < most_deg, f"{settings}, frame {frame}, {side} {upper}"
    assert min(told["planted"]["lowest"]) > -0.01  # of a leg's length
