"""A motion on somebody's character: rotations for its mapped bones, locations for hips and root."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .body_frame import body_frame
from .bone_mapping import SIDES, BoneMapping
from .character import Character
from .foot_planting import FootMotion, place_foot, plant_foot
from .foot_shape import foot_shape
from .frames import rotate
from .hip_shift import shift_hips
from .limb_ik import bounded, reach
from .motion import Motion
from .posed_character import PosedBones, pose_bones
from .rest_alignment import Alignment, align
from .root_motion import RootMode
from .rotations import make_sign_continuous, quat_wxyz_to_rotmat, rotmat_to_quat_wxyz, slerp
from .scaled_motion import ScaledMotion
from .skeleton import JOINT
from .twist_sharing import inline_shares, turned_about, twist_rad
from .validation import check_array

_FRONT, _LEFT = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])
_HANGS_FROM = {
    "shoulder": "collar", "elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee", "foot": "ankle",
}  # fmt: skip
_FOLLOWED_BY = {"shoulder": "elbow", "elbow": "wrist", "hip": "knee", "knee": "ankle"}

GENTLE_BEND_DEG = 1.5
"""How far planting feet may turn a thigh or a shin off the motion's direction."""


@dataclass(frozen=True)
class RetargetSettings:
    """How a motion is put on a character.

    root_mode    what the root bone carries; without one the hips carry everything
    plant_feet   move the hips so that feet stand as the motion's do and keep off the floor, and bend legs for what is
                 left by no more than GENTLE_BEND_DEG: every limb keeps the motion's direction within that
    place_feet   move feet by leg IK to where the motion's are, measured in legs; legs bend as far as it takes
    place_hands  move hands by arm IK to where the motion's are above the floor, measured in legs; arms likewise
    """

    root_mode: RootMode = RootMode.PLANAR_YAW
    plant_feet: bool = True
    place_feet: bool = False
    place_hands: bool = False


@dataclass(frozen=True)
class CharacterAnimation:
    """The pose of a character's M mapped bones over T frames, relative to rest in their own axes (Blender's basis).

    fps             exact rate; frame k is shown at k / fps
    bone_names      M bones, parents first
    rotations_wxyz  (T, M, 4) unit quaternions, signs continuous over time
    locations       bone -> (T, 3) location in the bone's own axes, of the hips and the root
    matrices        (T, M, 4, 4) the same poses in armature space
    """

    fps: Fraction
    bone_names: tuple[str, ...]
    rotations_wxyz: np.ndarray
    locations: dict[str, np.ndarray]
    matrices: np.ndarray

    def __post_init__(self) -> None:
        sizes = {"M": len(self.bone_names)}
        for name, shape in (("rotations_wxyz", ("T", "M", 4)), ("matrices", ("T", "M", 4, 4))):
            value = check_array(name, getattr(self, name), shape, sizes=sizes, finite=True)
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.rotations_wxyz)


def retarget(
    character: Character, mapping: BoneMapping, motion: Motion, settings: RetargetSettings | None = None
) -> CharacterAnimation:
    """The motion on the character, about the place on the floor where its hips rest, scaled by the length of its legs.

    Every mapped limb points where the motion's does, to GENTLE_BEND_DEG with planted feet; hands and feet placed by
    the settings bend arms and legs further. Only mapped bones are in the result. Raises RigError when the mapping does
    not fit the character or has no pelvis.
    """
    return _Retarget(character, mapping.checked(character), motion, settings or RetargetSettings()).animation()


class _Retarget:
    """The steps of one retargeting; `turns` are bone -> (T, 3, 3) from the reference pose, in the body's directions."""

    def __init__(self, character: Character, mapping: BoneMapping, motion: Motion, settings: RetargetSettings) -> None:
        self.character, self.mapping, self.settings, self.fps = character, mapping, settings, motion.fps
        self.frame = body_frame(character, mapping)
        self.alignment: Alignment = align(character, mapping, self.frame, motion.skeleton)
        self.feet = {side: foot_shape(character, mapping, self.frame, self.alignment, side) for side in SIDES}
        heights = [shape.ankle_height for shape in self.feet.values() if shape is not None]
        ankle_height = float(np.mean(heights)) if heights else self.frame.ankle_height
        self.source = ScaledMotion(motion, settings.root_mode, self.frame.leg, ankle_height)
        self.part_turns: dict[str, np.ndarray] = {}
        self.turns: dict[int, np.ndarray] = {}
        self.heads: dict[int, np.ndarray] = {}
        self.loose_feet = self._loose_feet()

    def animation(self) -> CharacterAnimation:
        self._turn_trunk()
        self._turn_limbs()
        self._place_root_and_hips()
        if self.settings.plant_feet:
            self._shift_hips()
        self._move_hands_and_feet()
        self._set_limb_bones()
        self._turn_twist_bones()
        posed = self._posed()
        order = sorted(self.turns)
        bases = np.stack([posed.bases[bone] for bone in order], axis=1)
        names = self.character.bone_names
        return CharacterAnimation(
            fps=self.fps,
            bone_names=tuple(names[bone] for bone in order),
            rotations_wxyz=make_sign_continuous(rotmat_to_quat_wxyz(bases)),
            locations={names[bone]: place for bone, place in posed.places.items()},
            matrices=np.stack([posed.matrices[bone] for bone in order], axis=1),
        )

    def _bones(self, part: str) -> list[int]:
        return [self.character.index(name) for name in self.mapping.bones.get(part, ())]

    def _loose_feet(self) -> dict[int, int]:
        """Foot -> shin, for feet that do not hang from their shins: rigs that held them by inverse kinematics."""
        found = {}
        for side in SIDES:
            shins, feet = self._bones(f"{side}_knee"), self._bones(f"{side}_ankle")
            if shins and feet and shins[0] not in self.character.path(feet[0]):
                found[feet[0]] = shins[-1]
        return found

    def _turn_trunk(self) -> None:
        source, turns = self.source, self.alignment.turns
        chains = {"pelvis": ["pelvis"], "spine": ["pelvis", "spine1", "spine2", "spine3"], "neck": ["spine3", "neck"]}
        for part, joints in chains.items():
            bones = self._bones(part)
            for number, bone in enumerate(bones, start=1):
                self.turns[bone] = _between([source.turn(j) for j in joints], number / len(bones)) @ turns[part]
        for bone in self._bones("head")[:1]:
            self.turns[bone] = source.turn("head") @ turns["head"]
        for bone in self._bones("root")[:1]:
            self.turns[bone] = source.root_turns

    def _turn_limbs(self) -> None:
        for part, turn in self.alignment.turns.items():
            if part in JOINT and part != "pelvis" and part not in ("neck", "head") and self._bones(part):
                self.part_turns[part] = self.source.turn(part) @ turn
        self._set_limb_bones()

    def _set_limb_bones(self) -> None:
        for part, turn in self.part_turns.items():
            bones = self._bones(part)
            direction = self.alignment.directions.get(part)
            if len(bones) == 1 or direction is None:
                self.turns[bones[0]] = turn
                continue
            twist = twist_rad(self._turn_above(part), turn, direction)
            for bone, share in zip(bones, inline_shares(len(bones)), strict=True):
                self.turns[bone] = turned_about(turn, direction, (share - 1.0) * twist)

    def _turn_above(self, part: str) -> np.ndarray:
        """(T, 3, 3) turn of what a limb's part hangs from."""
        side, _, short = part.partition("_")
        above = self.part_turns.get(f"{side}_{_HANGS_FROM.get(short, '')}")
        if above is not None:
            return above
        trunk = self._bones("pelvis") if short == "hip" else [*self._bones("pelvis"), *self._bones("spine")]
        return self.turns[trunk[-1]]

    def _turn_twist_bones(self) -> None:
        for part, names in self.mapping.twists.items():
            side, _, short = part.partition("_")
            direction, turn = self.alignment.directions.get(part), self.part_turns.get(part)
            if direction is None or turn is None:
                continue
            start = self.character.heads[self._bones(part)[0]]
            after = self._bones(f"{side}_{_FOLLOWED_BY[short]}")
            end = self.character.heads[after[0]] if after else self.character.tails[self._bones(part)[-1]]
            along = (end - start) / max(float((end - start) @ (end - start)), 1e-12)
            following = self.part_turns.get(f"{side}_{_FOLLOWED_BY[short]}", turn)
            for name in names:
                bone = self.character.index(name)
                share = float(np.clip((self.character.heads[bone] - start) @ along, 0.0, 1.0))
                if short in ("shoulder", "hip"):
                    angle = (share - 1.0) * twist_rad(self._turn_above(part), turn, direction)
                else:
                    angle = share * twist_rad(turn, following, direction)
                self.turns[bone] = turned_about(turn, direction, angle)

    def _place_root_and_hips(self) -> None:
        frame, source = self.frame, self.source
        for bone in self._bones("root")[:1]:
            rest = frame.to_body(self.character.heads[bone])
            self.heads[bone] = self._to_armature(source.root_positions + rotate(source.root_turns, rest))
        pelvis = self._bones("pelvis")[0]
        self.heads[pelvis] = np.tile(self.character.heads[pelvis], (len(source), 1))
        posed = self._posed()
        hips = [self._bones(f"{side}_hip") for side in SIDES]
        if all(hips):
            middle = (posed.head(hips[0][0]) + posed.head(hips[1][0])) / 2
            wanted = (source.place("left_hip") + source.place("right_hip")) / 2
        else:
            middle, wanted = posed.head(pelvis), source.place("pelvis")
        self.heads[pelvis] = self.heads[pelvis] + self._to_armature(wanted) - middle

    def _to_armature(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points @ self.frame.axes.T + self.frame.origin)

    def _posed(self) -> PosedBones:
        axes, reference = self.frame.axes, np.asarray(self.character.reference)[:, :3, :3]
        rotations = {bone: axes @ turn @ axes.T @ reference[bone] for bone, turn in self.turns.items()}
        if self.loose_feet:
            self.heads |= self._places_of_loose_feet(rotations)
        return pose_bones(self.character, len(self.source), rotations, self.heads)

    def _places_of_loose_feet(self, rotations: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Foot -> (T, 3) end of its shin, for feet that hang from something else."""
        shins = {shin: rotations[shin] for shin in self.character.with_ancestors([*self.loose_feet.values()])
                 if shin in rotations}  # fmt: skip
        heads = {bone: place for bone, place in self.heads.items() if bone not in self.loose_feet}
        posed = pose_bones(self.character, len(self.source), shins, heads)
        places = {}
        for foot, shin in self.loose_feet.items():
            at = np.linalg.inv(np.asarray(self.character.reference)[shin]) @ np.append(self.character.heads[foot], 1.0)
            places[foot] = (posed.matrices[shin] @ at)[:, :3]
        return places

    def _foot(self, side: str, posed: PosedBones) -> FootMotion | None:
        """One foot as it is posed; None where no bone moves it."""
        source, ankle, shape = self.source, f"{side}_ankle", self.feet[side]
        if shape is None:
            return None
        places = self.frame.to_body(posed.head(self._bones(ankle)[0]))
        return FootMotion(
            ankles=places,
            toes=places + rotate(source.turn(ankle), shape.ball),
            source_ankles=source.place(ankle),
            source_toes=source.place(f"{side}_foot"),
            ankle_turns=source.turn(ankle),
            toe_turns=source.turn(f"{side}_foot"),
            ball=shape.ball,
            foot_skin=shape.foot_skin,
            toe_skin=shape.toe_skin,
            contacts=source.contacts[:, [0, 1] if side == "left" else [2, 3]],
        )

    def _shift_hips(self) -> None:
        posed = self._posed()
        feet = [foot for side in SIDES if (foot := self._foot(side, posed)) is not None]
        step = shift_hips(feet, self.source.clearance, self.frame.leg, float(self.fps))
        self.heads[self._bones("pelvis")[0]] += step @ self.frame.axes.T

    def _move_hands_and_feet(self) -> None:
        """Bend arms and legs as the settings ask."""
        settings = self.settings
        if not (settings.plant_feet or settings.place_feet or settings.place_hands):
            return
        posed, gentle = self._posed(), np.radians(GENTLE_BEND_DEG)
        for side in SIDES:
            leg, arm = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")
            foot = self._foot(side, posed)
            if foot is not None and settings.place_feet:
                self._bend(side, leg, place_foot(foot), posed)
            elif foot is not None and settings.plant_feet:
                self._bend(side, leg, plant_foot(foot), posed, gentle)
            if settings.place_hands:
                self._bend(side, arm, self.source.place(f"{side}_wrist"), posed)

    def _bend(
        self,
        side: str,
        parts: tuple[str, str, str],
        target: np.ndarray,
        posed: PosedBones,
        most_rad: float = np.inf,
    ) -> None:
        """Turn a limb's upper and lower part by so much at most that its end reaches the target (body's directions)."""
        names = [f"{side}_{part}" for part in parts]
        bones = [self._bones(name) for name in names]
        if not all(bones):
            return
        start, middle, end = (self.frame.to_body(posed.head(bone[0])) for bone in bones)
        upper = self.source.turn(names[0])
        outward = _LEFT if side == "left" else -_LEFT
        hinge = rotate(upper, _LEFT if parts[0] == "hip" else np.cross(outward, _FRONT))
        turns = bounded(reach(start, middle, end, target, hinge), most_rad)
        self.part_turns[names[0]] = turns.upper @ self.part_turns[names[0]]
        self.part_turns[names[1]] = turns.lower @ self.part_turns[names[1]]


def _between(turns: list[np.ndarray], share: float) -> np.ndarray:
    """(T, 3, 3) turn at a share 0..1 of the way along a chain of turns."""
    at = share * (len(turns) - 1)
    before = min(int(at), len(turns) - 2) if len(turns) > 1 else 0
    if len(turns) == 1 or at - before >= 1.0 - 1e-9:
        return turns[-1] if len(turns) == 1 else turns[before + 1]
    quats = [rotmat_to_quat_wxyz(turn) for turn in turns[before : before + 2]]
    return quat_wxyz_to_rotmat(slerp(quats[0], quats[1], np.full(len(quats[0]), at - before)))
