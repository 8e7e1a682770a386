"""Names that other programs give to the bones of an SMPL skeleton."""

from __future__ import annotations

from enum import Enum

from .errors import RigError
from .skeleton import SMPL_JOINT_NAMES

ROOT_BONE = "root"
"""Name of the bone on the floor that carries root motion; the same in every naming."""


class BoneNaming(Enum):
    """A convention for bone names."""

    SMPL = "smpl"
    MIXAMO = "mixamo"
    UNREAL = "unreal"


_SMPL = (
    "Pelvis", "L_Hip", "R_Hip", "Spine1", "L_Knee", "R_Knee", "Spine2", "L_Ankle", "R_Ankle", "Spine3",
    "L_Foot", "R_Foot", "Neck", "L_Collar", "R_Collar", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow",
    "R_Elbow", "L_Wrist", "R_Wrist", "L_Hand", "R_Hand",
)  # fmt: skip

_MIXAMO = (
    "Hips", "LeftUpLeg", "RightUpLeg", "Spine", "LeftLeg", "RightLeg", "Spine1", "LeftFoot", "RightFoot", "Spine2",
    "LeftToeBase", "RightToeBase", "Neck", "LeftShoulder", "RightShoulder", "Head", "LeftArm", "RightArm",
    "LeftForeArm", "RightForeArm", "LeftHand", "RightHand", None, None,
)  # fmt: skip

_UNREAL = (
    "pelvis", "thigh_l", "thigh_r", "spine_02", "calf_l", "calf_r", "spine_04", "foot_l", "foot_r", "spine_05",
    "ball_l", "ball_r", "neck_01", "clavicle_l", "clavicle_r", "head", "upperarm_l", "upperarm_r", "lowerarm_l",
    "lowerarm_r", "hand_l", "hand_r", None, None,
)  # fmt: skip

_MAPS: dict[BoneNaming, dict[str, str | None]] = {
    BoneNaming.SMPL: dict(zip(SMPL_JOINT_NAMES, _SMPL, strict=True)),
    BoneNaming.MIXAMO: {
        joint: name and f"mixamorig:{name}" for joint, name in zip(SMPL_JOINT_NAMES, _MIXAMO, strict=True)
    },
    BoneNaming.UNREAL: dict(zip(SMPL_JOINT_NAMES, _UNREAL, strict=True)),
}


def bone_name(joint_name: str, naming: BoneNaming) -> str | None:
    """The bone's name for a SMPL joint; None where the convention has no such bone (SMPL's hand joints in
    Mixamo and Unreal: the skin of a dropped joint belongs to its parent's bone). Raises RigError for an unknown joint.
    """
    try:
        return _MAPS[naming][joint_name]
    except KeyError:
        valid = ", ".join(SMPL_JOINT_NAMES)
        raise RigError(f"joint {joint_name!r} has no bone name, expected one of {valid}") from None
