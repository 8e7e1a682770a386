"""Tests of motions on characters: directions, feet, root, scale, facing and poses that are not the T-pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_characters import SIDES, as_character, humanoid
from test_bone_matching import ODD, RIGS

from rig.body_frame import body_frame
from rig.bone_mapping import BoneMapping, RigKind
from rig.bone_matching import map_bones
from rig.character import Character
from rig.character_retarget import CharacterAnimation, RetargetSettings, retarget
from rig.errors import RigError
from rig.frames import WORLD_TO_ARMATURE, rotate
from rig.motion import Motion
from rig.root_motion import RootMode
from rig.rotations import quat_wxyz_to_rotmat, rotvec_to_rotmat
from rig.skeleton import JOINT
from tests.sample_motions import standing, walking, wandering

_FREE = RetargetSettings(root_mode=RootMode.FULL, plant_feet=False)
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_QUARTER = rotvec_to_rotmat(np.radians([90.0, 0.0, 0.0]))
_ABOUT = rotvec_to_rotmat(np.radians([0.0, 0.0, 180.0]))
_PROPORTIONS = {
    "short thighs": {"hip": (0.13, 0.0, 0.72), "knee": (0.13, -0.01, 0.45), "ankle": (0.13, 0.03, 0.09)},
    "long thighs": {"hip": (0.07, 0.0, 0.95), "knee": (0.08, -0.01, 0.38), "ankle": (0.08, 0.03, 0.12)},
    "broad": {"hip": (0.2, 0.0, 0.6), "knee": (0.2, 0.0, 0.36), "ankle": (0.2, 0.06, 0.14), "foot": (0.2, -0.2, 0.04)},
}  # fmt: skip


def blender_pose(character: Character, animation: CharacterAnimation) -> np.ndarray:
    """(T, B, 4, 4) poses by Blender's rule written out bone by bone: the oracle of the numbers that are keyed."""
    frames = len(animation)
    basis = np.tile(np.asarray(character.held), (frames, 1, 1, 1))
    for number, name in enumerate(animation.bone_names):
        bone = character.index(name)
        basis[:, bone] = np.eye(4)
        basis[:, bone, :3, :3] = quat_wxyz_to_rotmat(animation.rotations_wxyz[:, number])
        if name in animation.locations:
            basis[:, bone, :3, 3] = animation.locations[name]
    posed = np.empty_like(basis)
    for bone, parent in enumerate(character.parents):
        local = character.rest[bone] if parent < 0 else np.linalg.inv(character.rest[parent]) @ character.rest[bone]
        posed[:, bone] = local @ basis[:, bone] if parent < 0 else posed[:, parent] @ local @ basis[:, bone]
    return posed


def body_heads(character: Character, mapping: BoneMapping, animation: CharacterAnimation) -> dict[str, np.ndarray]:
    """Part -> (T, 3) where its first bone is, in the character's directions over its floor."""
    frame, posed = body_frame(character, mapping), blender_pose(character, animation)
    return {part: frame.to_body(posed[:, character.index(names[0]), :3, 3]) for part, names in mapping.bones.items()}


def _angle_deg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(first, second), axis=-1), np.sum(first * second, axis=-1)))


def worst_direction_deg(character: Character, mapping: BoneMapping, motion: Motion, settings=_FREE) -> float:
    heads = body_heads(character, mapping, retarget(character, mapping, motion, settings))
    joints = rotate(WORLD_TO_ARMATURE, motion.joints())
    worst = 0.0
    for side in SIDES:
        for upper, lower in _LIMBS:
            own = heads[f"{side}_{lower}"] - heads[f"{side}_{upper}"]
            theirs = joints[:, JOINT[f"{side}_{lower}"]] - joints[:, JOINT[f"{side}_{upper}"]]
            worst = max(worst, float(_angle_deg(own, theirs).max()))
    return worst


def _leg_of(motion: Motion) -> float:
    rest = motion.skeleton.rest_joints[[JOINT[f"left_{part}"] for part in ("hip", "knee", "ankle")]]
    return float(np.linalg.norm(np.diff(rest, axis=0), axis=1).sum())


def _planted_steps(heads: dict[str, np.ndarray], contacts: np.ndarray) -> np.ndarray:
    """Lengths of the steps over the floor that the toes make from frame to frame while they stand."""
    steps = []
    for side, column in (("left", 1), ("right", 3)):
        planted = contacts[:, column] > 0.5
        moved = np.linalg.norm(np.diff(heads[f"{side}_foot"][:, :2], axis=0), axis=1)
        steps.append(moved[planted[1:] & planted[:-1]])
    return np.concatenate(steps)


def _ue(**shape) -> tuple[Character, BoneMapping]:
    character = as_character(humanoid(RIGS["ue4"][1], **shape), roll_seed=1)
    return character, map_bones(character)


@pytest.mark.parametrize("name", [*RIGS, *ODD])
def test_limbs_of_every_rig_point_where_the_motions_do(name: str) -> None:
    parts = ODD.get(name) or RIGS[name][1]
    character = as_character(humanoid(parts, arms_down_deg=45.0), roll_seed=5)
    assert worst_direction_deg(character, map_bones(character), wandering(40)) < 1e-3


@pytest.mark.parametrize("turn", [np.eye(3), _QUARTER, _ABOUT, _QUARTER @ _ABOUT], ids=["up", "lying", "away", "both"])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_armature_axes_facing_and_scale_do_not_matter(turn: np.ndarray, scale: float) -> None:
    motion = wandering(30)
    bones = humanoid(RIGS["mixamo"][1], arms_down_deg=30.0)
    plain, turned = as_character(bones), as_character(bones, turn, roll_seed=7, scale=scale)
    mapping = map_bones(plain)
    expected = body_heads(plain, mapping, retarget(plain, mapping, motion))
    found = body_heads(turned, map_bones(turned), retarget(turned, map_bones(turned), motion))
    for part, places in expected.items():
        np.testing.assert_allclose(found[part] / scale, places, atol=1e-6, err_msg=part)


def test_a_t_pose_stays_what_it_is_when_the_motion_stands_in_it() -> None:
    character, mapping = _ue()
    animation = retarget(character, mapping, standing(3), replace(_FREE, root_mode=RootMode.PLANAR_YAW))
    heads = body_heads(character, mapping, animation)
    rest = body_frame(character, mapping).to_body(character.heads)
    for part in ("pelvis", "spine", "left_hip", "right_hip", "head"):
        np.testing.assert_allclose(heads[part][0], rest[character.index(mapping.first(part))], atol=1e-3)


def test_rotations_are_continuous_and_step_no_more_than_the_motions() -> None:
    character, mapping = _ue(arms_down_deg=45.0)
    motion = wandering(90, seed=4)
    animation = retarget(character, mapping, motion, _FREE)
    quats = animation.rotations_wxyz
    assert np.all(np.sum(quats[1:] * quats[:-1], axis=-1) > 0)
    posed = blender_pose(character, animation)[..., :3, :3]
    own = np.einsum("tbji,tbjk->tbik", posed[:-1], posed[1:])
    turns = motion.global_rotmats()
    theirs = np.einsum("tbji,tbjk->tbik", turns[:-1], turns[1:])

    def largest(steps: np.ndarray) -> float:
        return float(np.degrees(np.arccos(np.clip((np.trace(steps, axis1=2, axis2=3) - 1) / 2, -1, 1))).max())

    assert largest(own) <= largest(theirs) + 1e-6


@pytest.mark.parametrize("height", [0.5, 1.0, 1.3])
def test_hips_follow_the_leg_length_and_planted_feet_neither_sink_nor_slide(height: float) -> None:
    character, mapping = _ue(height=height)
    motion, contacts = walking(3.0)
    motion = replace(motion, contacts=contacts)
    heads = body_heads(character, mapping, retarget(character, mapping, motion))
    frame = body_frame(character, mapping)
    travel = np.ptp(motion.transl[:, 2])
    assert np.ptp(heads["pelvis"][:, 1]) == pytest.approx(travel * frame.leg / _leg_of(motion), rel=0.02)
    steps = _planted_steps(heads, contacts)
    assert np.mean(steps) < 5e-4 * height
    assert np.max(steps) < 4e-3 * height
    for side in SIDES:
        assert heads[f"{side}_ankle"][:, 2].min() > frame.ankle_height - 2e-3 * height


@pytest.mark.parametrize("name", _PROPORTIONS)
def test_limbs_keep_the_motions_directions_while_feet_stand_on_the_floor(name: str) -> None:
    """What the settings give by default: within 2 degrees in every frame, on the floor, sliding about half as much."""
    character, mapping = _ue(places=_PROPORTIONS[name], arms_down_deg=40.0)
    motion, contacts = walking(3.0)
    motion = replace(motion, contacts=contacts)
    assert worst_direction_deg(character, mapping, motion, RetargetSettings()) < 2.0
    heads = body_heads(character, mapping, retarget(character, mapping, motion))
    free = body_heads(character, mapping, retarget(character, mapping, motion, RetargetSettings(plant_feet=False)))
    ankle = body_frame(character, mapping).ankle_height
    lowest = np.minimum(heads["left_ankle"][:, 2], heads["right_ankle"][:, 2]) - ankle
    assert lowest.min() > -1e-3
    assert np.abs(lowest).max() < 0.012
    assert np.mean(_planted_steps(heads, contacts)) < 0.55 * np.mean(_planted_steps(free, contacts))
    # Hips move little more abruptly for it.
    jumps = [np.linalg.norm(np.diff(one["pelvis"], n=2, axis=0), axis=1).max() for one in (heads, free)]
    assert jumps[0] < jumps[1] + 4e-3


def test_random_motions_keep_directions_and_stay_above_the_floor() -> None:
    character, mapping = _ue(places=_PROPORTIONS["short thighs"])
    motion = wandering(90, seed=2)
    assert worst_direction_deg(character, mapping, motion, RetargetSettings()) < 2.0


def test_feet_reach_the_motions_places_measured_in_legs() -> None:
    character, mapping = _ue(places=_PROPORTIONS["short thighs"])
    motion, contacts = walking(2.0)
    motion = replace(motion, contacts=contacts)
    settings = RetargetSettings(root_mode=RootMode.FULL, place_feet=True)
    heads = body_heads(character, mapping, retarget(character, mapping, motion, settings))
    frame = body_frame(character, mapping)
    scale = frame.leg / _leg_of(motion)
    joints = scale * rotate(WORLD_TO_ARMATURE, motion.joints())
    for side, column in (("left", 0), ("right", 2)):
        away = heads[f"{side}_ankle"][:, :2] - joints[:, JOINT[f"{side}_ankle"], :2]
        assert np.linalg.norm(away, axis=1).max() < 6e-3
        standing_on = heads[f"{side}_ankle"][contacts[:, column] > 0.5, 2]
        np.testing.assert_allclose(standing_on, frame.ankle_height, atol=1e-2)


def test_root_bone_carries_what_the_mode_says() -> None:
    character, mapping = _ue()
    motion, _ = walking(2.0)
    for mode, travels, lifted in (
        (RootMode.OFF, False, False),
        (RootMode.PLANAR, True, False),
        (RootMode.FULL, True, True),
    ):
        heads = body_heads(character, mapping, retarget(character, mapping, motion, RetargetSettings(mode, False)))
        assert bool(np.ptp(heads["root"][:, 1]) > 0.5) is travels
        assert bool(np.ptp(heads["root"][:, 2]) > 1e-3) is lifted
        assert bool(np.ptp(heads["pelvis"][:, 1]) > 0.5) is travels
    moving = {mode: body_heads(character, mapping, retarget(character, mapping, motion, RetargetSettings(mode, False)))
              for mode in (RootMode.PLANAR, RootMode.FULL)}  # fmt: skip
    np.testing.assert_allclose(moving[RootMode.PLANAR]["pelvis"], moving[RootMode.FULL]["pelvis"], atol=1e-9)


def test_spine_of_any_length_ends_in_the_chests_turn() -> None:
    motion = wandering(20)
    chest = rotate(WORLD_TO_ARMATURE, motion.global_rotmats()[:, JOINT["spine3"]] @ np.array([1.0, 0.0, 0.0]))
    for count in (1, 2, 3, 5):
        parts = {**RIGS["ue4"][1], "spine": [f"spine_0{k + 1}" for k in range(count)]}
        character = as_character(humanoid(parts))
        posed = blender_pose(character, retarget(character, map_bones(character), motion, _FREE))
        bone = character.index(f"spine_0{count}")
        left = posed[:, bone, :3, :3] @ character.rest[bone, :3, :3].T @ np.array([1.0, 0.0, 0.0])
        np.testing.assert_allclose(left, chest, atol=1e-6)


def test_twist_along_a_limb_is_shared() -> None:
    bones = humanoid(RIGS["ue4"][1])
    arm = next(bone for bone in bones if bone[0] == "lowerarm_l")
    half = (arm[2] + arm[3]) / 2
    bones.append(("lowerarm_twist_01_l", "lowerarm_l", half, half + 0.3 * (arm[3] - arm[2])))
    character = as_character(bones)
    mapping = map_bones(character)
    still = standing(11)
    poses = still.body_pose.copy()
    poses[:, JOINT["left_wrist"] - 1, 0] = np.linspace(0.0, 1.2, 11)  # about the arm, which lies along x
    animation = retarget(character, mapping, replace(still, body_pose=poses), _FREE)
    turns = quat_wxyz_to_rotmat(animation.rotations_wxyz)
    number = animation.bone_names.index("lowerarm_twist_01_l")
    angle = np.arccos((np.trace(turns[:, number], axis1=1, axis2=2) - 1) / 2)
    np.testing.assert_allclose(angle, np.linspace(0.0, 0.6, 11), atol=0.02)


def test_a_pose_made_by_hand_can_stand_for_the_rest_pose() -> None:
    """A rest pose of rubbish with a T-pose on the screen gives what a character resting in that T-pose does."""
    character, mapping = _ue()
    motion = wandering(10)
    rng = np.random.default_rng(3)
    rubbish = np.empty_like(character.rest)
    for bone, parent in enumerate(character.parents):
        local = np.array(character.rest[bone])
        if parent >= 0:
            local = np.linalg.inv(character.rest[parent]) @ local
        local[:3, :3] = local[:3, :3] @ rotvec_to_rotmat(rng.normal(size=3))
        rubbish[bone] = local if parent < 0 else rubbish[parent] @ local
    odd = replace(character, rest=rubbish, reference=character.rest)
    found, expected = (body_heads(one, mapping, retarget(one, mapping, motion, _FREE)) for one in (odd, character))
    for part, places in expected.items():
        np.testing.assert_allclose(found[part], places, atol=1e-6)


def test_leaning_rest_poses_are_stood_up() -> None:
    bones = humanoid(RIGS["ue4"][1])
    lean = rotvec_to_rotmat(np.radians([38.0, 0.0, 0.0]))
    leaning = [(name, parent, lean @ head, lean @ tail) for name, parent, head, tail in bones]
    character = as_character(leaning, roll_seed=2)
    assert worst_direction_deg(character, map_bones(character), wandering(20)) < 1e-3


def test_a_rest_pose_that_jumps_still_has_its_floor_at_the_origin() -> None:
    lean = rotvec_to_rotmat(np.radians([40.0, 0.0, 0.0]))
    hips = np.array([0.0, 0.0, 0.95])
    parts = {**RIGS["ue4"][1], "root": []}
    jumping = [(name, parent, hips + lean @ (head - hips), hips + lean @ (tail - hips))
               for name, parent, head, tail in humanoid(parts)]  # fmt: skip
    character = as_character(jumping)
    mapping = map_bones(character)
    posed = blender_pose(character, retarget(character, mapping, standing(2)))
    ankle = posed[0, character.index("foot_l"), 2, 3]
    assert 0.05 < ankle < 0.12


def test_only_mapped_bones_are_touched_and_held_poses_are_reckoned_with() -> None:
    bones = humanoid(RIGS["ue4"][1])
    chest = next(bone for bone in bones if bone[0] == "spine_03")
    bones.append(("backpack", "spine_03", chest[2], chest[3]))
    character = as_character(bones)
    held = np.array(character.held)
    held[character.index("spine_01"), :3, :3] = rotvec_to_rotmat(np.array([0.3, 0.2, 0.0]))
    character = replace(character, held=held)
    mapping = map_bones(character)
    part = BoneMapping(RigKind.PRESET, {**mapping.bones, "spine": ("spine_03",)})
    animation = retarget(character, part, wandering(10), _FREE)
    assert "backpack" not in animation.bone_names
    assert "spine_01" not in animation.bone_names
    assert worst_direction_deg(character, part, wandering(10)) < 1e-3


def test_hands_reach_the_motions_places_measured_in_legs() -> None:
    character, mapping = _ue(height=0.8)
    motion = replace(standing(5))
    poses = motion.body_pose.copy()
    poses[:, JOINT["left_shoulder"] - 1] = [0.0, 0.0, -0.9]
    poses[:, JOINT["left_elbow"] - 1] = [0.0, -0.8, 0.0]
    motion = replace(motion, body_pose=poses)
    heads = body_heads(character, mapping, retarget(character, mapping, motion, RetargetSettings(place_hands=True)))
    free = body_heads(character, mapping, retarget(character, mapping, motion))
    assert np.abs(heads["left_wrist"] - free["left_wrist"]).max() > 0.005
    assert np.linalg.norm(heads["left_wrist"] - heads["left_elbow"], axis=1) == pytest.approx(0.25 * 0.8, rel=0.01)


def test_a_pelvis_that_cannot_move_is_refused() -> None:
    character, mapping = _ue()
    connected = np.zeros(len(character.bone_names), bool)
    connected[character.index("pelvis")] = True
    with pytest.raises(RigError, match="connected to its parent"):
        retarget(replace(character, connected=connected), mapping, standing(2))
