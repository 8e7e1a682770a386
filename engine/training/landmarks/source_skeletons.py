"""Which joint of a source skeleton turns which of SMPL's joints."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InputError

Turn = tuple[str, ...]
"""One joint whose rotation is taken, or two whose middle is."""


@dataclass(frozen=True)
class SourceSkeleton:
    """Names in one family of skeletons; limbs as patterns in which {} stands for the side's word.

    hand is where the bone of the hand ends, or None where the skeleton has no such joint.
    """

    sides: tuple[str, str]
    pelvis: str
    spine1: Turn
    spine2: Turn
    spine3: Turn
    neck: Turn
    head: str
    collar: str
    shoulder: str
    elbow: str
    wrist: str
    hand: tuple[str, ...]
    hip: str
    knee: str
    ankle: str
    toe: str

    def limb(self, part: str, side: str) -> str:
        """The joint for a part ("knee") of a side ("left" or "right")."""
        return str(getattr(self, part)).format(self.sides[0 if side == "left" else 1])

    def hand_end(self, side: str, names: tuple[str, ...]) -> str | None:
        """The joint at the end of the hand, if the skeleton has one."""
        ends = (name.format(self.sides[0 if side == "left" else 1]) for name in self.hand)
        return next((name for name in ends if name in names), None)

    def fits(self, names: tuple[str, ...]) -> bool:
        """Whether a skeleton has all joints of the family."""
        parts = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe")
        needed = {self.pelvis, self.head, *self.spine1, *self.spine2, *self.spine3, *self.neck}
        needed |= {self.limb(part, side) for part in parts for side in ("left", "right")}
        return needed <= set(names)


def _mixamo(prefix: str, spine: tuple[str, str, str], neck: Turn, hand: tuple[str, ...]) -> SourceSkeleton:
    return SourceSkeleton(
        ("Left", "Right"), f"{prefix}Hips", (spine[0],), (spine[1],), (spine[2],), neck, f"{prefix}Head",
        prefix + "{}Shoulder", prefix + "{}Arm", prefix + "{}ForeArm", prefix + "{}Hand", hand,
        prefix + "{}UpLeg", prefix + "{}Leg", prefix + "{}Foot", prefix + "{}ToeBase",
    )  # fmt: skip


DAZ = SourceSkeleton(
    ("l", "r"), "hip", ("hip", "abdomen"), ("abdomen",), ("chest",), ("neck",), "head",
    "{}Collar", "{}Shldr", "{}ForeArm", "{}Hand", ("{}HandMid",), "{}Thigh", "{}Shin", "{}Foot", "{}ToeTip",
)  # fmt: skip
ASF = SourceSkeleton(
    ("l", "r"), "root", ("lowerback",), ("upperback",), ("thorax",), ("lowerneck", "upperneck"), "head",
    "{}clavicle", "{}humerus", "{}radius", "{}wrist", ("{}fingers",), "{}femur", "{}tibia", "{}foot", "{}toes",
)  # fmt: skip
ASF_RENAMED = SourceSkeleton(
    ("Left", "Right"), "Hips", ("lowerback",), ("Chest",), ("Chest2",), ("lowerneck", "Neck"), "Head",
    "{}Collar", "{}Shoulder", "{}Elbow", "{}Wrist", (), "{}Hip", "{}Knee", "{}Ankle", "{}Toe",
)  # fmt: skip
XSENS = SourceSkeleton(
    ("Left", "Right"), "Hips", ("Chest",), ("Chest2", "Chest3"), ("Chest4",), ("Neck",), "Head",
    "{}Collar", "{}Shoulder", "{}Elbow", "{}Wrist", ("{}Wrist_end",), "{}Hip", "{}Knee", "{}Ankle", "{}Toe",
)  # fmt: skip
MOTION_BUILDER = _mixamo("", ("LowerBack", "Spine", "Spine1"), ("Neck", "Neck1"), ("{}HandIndex1",))
FIVE_SPINES = _mixamo("", ("Spine1", "Spine2", "Spine3"), ("Neck",), ("{}HandEnd",))
PREFIXED = _mixamo("Neo_", ("Neo_Spine", "Neo_Spine1", "Neo_Spine2"), ("Neo_Neck",), ())
UNREAL = SourceSkeleton(
    ("l", "r"), "pelvis", ("spine_01",), ("spine_02",), ("spine_03",), ("neck_01",), "head",
    "clavicle_{}", "upperarm_{}", "lowerarm_{}", "hand_{}", ("middle_01_{}",),
    "thigh_{}", "calf_{}", "foot_{}", "ball_{}",
)  # fmt: skip
RIGIFY = SourceSkeleton(
    ("L", "R"), "DEF-hips", ("DEF-spine.001",), ("DEF-spine.002",), ("DEF-spine.003",), ("DEF-neck",), "DEF-head",
    "DEF-shoulder.{}", "DEF-upper_arm.{}", "DEF-forearm.{}", "DEF-hand.{}", ("DEF-f_middle.01.{}",),
    "DEF-thigh.{}", "DEF-shin.{}", "DEF-foot.{}", "DEF-toe.{}",
)  # fmt: skip

FAMILIES = (DAZ, ASF, ASF_RENAMED, XSENS, MOTION_BUILDER, FIVE_SPINES, PREFIXED, UNREAL, RIGIFY)
"""All have a rest pose that stands upright, faces +z and points its palms to where a T-pose's swing leads them."""


def family_of(skeleton: str, names: tuple[str, ...]) -> SourceSkeleton:
    """The family whose joints the skeleton has. Raises InputError where it is none of ours."""
    for family in FAMILIES:
        if family.fits(names):
            return family
    raise InputError(
        f"the skeleton {skeleton!r} has the joints {', '.join(names[:8])}, ...; expected one of the known families "
        "(daz, asf, xsens, mixamo, unreal, rigify): add it to source_skeletons.py."
    )
