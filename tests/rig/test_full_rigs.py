"""Tests of whole rigs of other programs: every bone found whatever hangs beside the body, limbs as the motion's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from full_rigs import KNOWN, UNKNOWN, FullRig
from made_characters import Bones, as_character
from test_character_retarget import blender_pose, worst_direction_deg

from rig.bone_mapping import BoneMapping
from rig.bone_matching import map_bones
from rig.character_retarget import RetargetSettings, retarget
from rig.rotations import rotvec_to_rotmat
from tests.sample_motions import walking

_ALL = {**KNOWN, **UNKNOWN}
_LYING = rotvec_to_rotmat(np.radians([90.0, 0.0, 0.0])) @ rotvec_to_rotmat(np.radians([0.0, 0.0, -90.0]))
_CHILD = {"hip": (0.1, 0.0, 0.5), "knee": (0.1, 0.0, 0.3), "ankle": (0.1, 0.02, 0.08), "foot": (0.1, -0.08, 0.02)}
_ABSENT = {
    "no neck": ("neck",),
    "no collars": ("left_collar", "right_collar"),
    "no spine": ("spine",),
    "no root": ("root",),
    "no neck, collars or spine": ("neck", "left_collar", "right_collar", "spine"),
}


def _without(bones: Bones, names: set[str]) -> Bones:
    """The bones but these; what hung from them hangs from what they hung from."""
    parents = {bone[0]: bone[1] for bone in bones}

    def kept(name: str | None) -> str | None:
        while name in names:
            name = parents[name]
        return name

    return [(name, kept(parent), head, tail) for name, parent, head, tail in bones if name not in names]


def _check(mapping: BoneMapping, rig: FullRig, absent: tuple[str, ...] = ()) -> None:
    expected = {part: tuple(names) for part, names in rig.parts.items() if names and part not in absent}
    assert dict(mapping.bones) == expected


@pytest.mark.parametrize("name", _ALL)
def test_every_bone_is_found_and_limbs_follow_the_motion(name: str) -> None:
    rig = _ALL[name]
    character = as_character(rig.bones(), roll_seed=3)
    mapping = map_bones(character)
    assert mapping.kind is rig.kind
    _check(mapping, rig)
    assert dict(mapping.twists) == dict(rig.twists)
    motion, contacts = walking(0.4)
    assert worst_direction_deg(character, mapping, replace(motion, contacts=contacts), RetargetSettings()) < 2.0


@pytest.mark.parametrize("absent", _ABSENT)
def test_bones_that_are_missing_do_not_confuse(absent: str) -> None:
    for rig in _ALL.values():
        names = {name for part in _ABSENT[absent] for name in rig.parts.get(part, [])}
        _check(map_bones(as_character(_without(rig.bones(), names))), rig, _ABSENT[absent])


@pytest.mark.parametrize("name", _ALL)
def test_size_axes_pose_and_proportions_do_not_confuse(name: str) -> None:
    rig = _ALL[name]
    _check(map_bones(as_character(rig.bones(), _LYING, roll_seed=4, scale=100.0)), rig)
    _check(map_bones(as_character(replace(rig, arms_down_deg=65.0).bones())), rig)
    _check(map_bones(as_character(replace(rig, places=_CHILD).bones())), rig)
    lean = rotvec_to_rotmat(np.radians([35.0, 0.0, 0.0]))
    leaning = [(bone, parent, lean @ head, lean @ tail) for bone, parent, head, tail in rig.bones()]
    _check(map_bones(as_character(leaning)), rig)


def test_chains_of_cloth_and_hair_without_a_telling_name_do_not_confuse() -> None:
    places = (((0.06, 0.1, 1.65), (0.0, 0.01, -0.18), 8), ((0.12, 0.1, 0.93), (0.02, 0.02, -0.2), 4),
              ((0.12, -0.1, 0.93), (0.02, -0.02, -0.2), 4))  # fmt: skip
    for rig in _ALL.values():
        bones = rig.bones()
        for chain, (start, step, count) in enumerate(places):
            for sign in (1.0, -1.0):
                parent, place = rig.parts["head" if chain == 0 else "pelvis"][0], np.array(start) * [sign, 1.0, 1.0]
                for number in range(count):
                    name, after = f"Bone.{500 + 100 * chain + 50 * (sign > 0) + number}", place + step
                    bones.append((name, parent, place, after))
                    parent, place = name, after
        _check(map_bones(as_character(bones)), rig)


def test_feet_that_hang_from_the_root_stay_at_their_shins() -> None:
    rig = UNKNOWN["feet that hang from the root"]
    character = as_character(rig.bones(), roll_seed=3)
    mapping = map_bones(character)
    motion, contacts = walking(1.0)
    posed = blender_pose(character, retarget(character, mapping, replace(motion, contacts=contacts)))
    for side in "LR":
        shin, foot = (posed[:, character.index(f"{name}{side}"), :3, 3] for name in ("LowerLeg", "Foot"))
        rest = character.heads[character.index(f"Foot{side}")] - character.heads[character.index(f"LowerLeg{side}")]
        np.testing.assert_allclose(np.linalg.norm(foot - shin, axis=1), np.linalg.norm(rest), atol=1e-9)


def test_sides_named_as_a_viewer_sees_them_are_exchanged() -> None:
    rig = KNOWN["unreal 4"]
    about = np.diag([-1.0, 1.0, 1.0])
    mirrored = [(name, parent, about @ head, about @ tail) for name, parent, head, tail in rig.bones()]
    mapping = map_bones(as_character(mirrored))
    assert mapping.bones["left_hip"] == ("thigh_r",)
    assert mapping.twists["right_elbow"] == ("lowerarm_twist_01_l",)
    assert mapping.bones["spine"] == ("spine_01", "spine_02", "spine_03")
