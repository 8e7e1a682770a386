"""BVH files read back by an independent parser, and by Blender."""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.bone_maps import BoneNaming, bone_name
from rig.bvh_writer import euler_zxy_deg, write_bvh
from rig.motion import Motion
from rig.root_motion import RootMode, split_root_motion
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import SMPL_JOINT_NAMES
from tests.sample_motions import walking, wandering


@dataclass
class Joint:
    name: str
    parent: int
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: list[str] = field(default_factory=list)
    ends: int = 0


@dataclass
class Bvh:
    joints: list[Joint]
    frame_time: float
    values: np.ndarray

    def angles(self) -> np.ndarray:
        """(T, J, 3) degrees, in the order of the channels."""
        columns, start = [], 0
        for joint in self.joints:
            start += len(joint.channels)
            columns.append(self.values[:, start - 3 : start])
        return np.stack(columns, axis=1)

    def positions(self, *, channels_replace_offset: bool) -> dict[str, np.ndarray]:
        """World position of every joint (T, 3), by plain 4x4 products of the file's channels one by one."""
        column, worlds = 0, []
        for joint in self.joints:
            matrix = np.tile(np.eye(4), (len(self.values), 1, 1))
            moved = [axis in joint.channels for axis in ("Xposition", "Yposition", "Zposition")]
            matrix[:, :3, 3] = np.where(moved, 0.0, joint.offset) if channels_replace_offset else joint.offset
            for channel in joint.channels:
                value, axis = self.values[:, column], "XYZ".index(channel[0])
                column += 1
                if channel.endswith("position"):
                    matrix[:, axis, 3] += value
                else:
                    angle, step = np.radians(value), np.tile(np.eye(4), (len(value), 1, 1))
                    a, b = (axis + 1) % 3, (axis + 2) % 3
                    step[:, a, a] = step[:, b, b] = np.cos(angle)
                    step[:, a, b], step[:, b, a] = -np.sin(angle), np.sin(angle)
                    matrix = matrix @ step
            worlds.append(matrix if joint.parent < 0 else worlds[joint.parent] @ matrix)
        return {joint.name: world[:, :3, 3] for joint, world in zip(self.joints, worlds, strict=True)}


def parse(path: Path) -> Bvh:
    tokens = path.read_text().split()
    joints: list[Joint] = []
    stack: list[int] = []
    index = 1
    assert tokens[0] == "HIERARCHY"
    while tokens[index] != "MOTION":
        word = tokens[index]
        if word in ("ROOT", "JOINT"):
            joints.append(Joint(tokens[index + 1], stack[-1] if stack else -1))
            stack.append(len(joints) - 1)
            index += 3
        elif word == "End":
            joints[stack[-1]].ends += 1
            assert tokens[index + 2] == "{"
            assert tokens[index + 7] == "}"
            index += 8
        elif word == "OFFSET":
            joints[stack[-1]].offset = np.array(tokens[index + 1 : index + 4], float)
            index += 4
        elif word == "CHANNELS":
            count = int(tokens[index + 1])
            joints[stack[-1]].channels = tokens[index + 2 : index + 2 + count]
            index += 2 + count
        else:
            assert word == "}"
            stack.pop()
            index += 1
    assert not stack
    assert tokens[index + 1] == "Frames:"
    frames = int(tokens[index + 2])
    assert tokens[index + 3 : index + 5] == ["Frame", "Time:"]
    values = np.array(tokens[index + 6 :], float).reshape(frames, sum(len(j.channels) for j in joints))
    return Bvh(joints, float(tokens[index + 5]), values)


def _expected_joints(motion: Motion, mode: RootMode | None) -> np.ndarray:
    if mode is not RootMode.OFF:
        return motion.joints()
    pelvis = split_root_motion(motion, mode).pelvis_positions
    return replace(motion, transl=pelvis - motion.skeleton.rest_joints[0]).joints()


@pytest.mark.parametrize("mode", [None, *RootMode])
@pytest.mark.parametrize("replaces", [True, False])
def test_joints_come_back_within_a_tenth_of_a_millimetre(tmp_path: Path, mode: RootMode | None, replaces: bool) -> None:
    motion = wandering(60, seed=3)
    write_bvh(tmp_path / "m.bvh", motion, mode)
    bvh = parse(tmp_path / "m.bvh")
    positions = bvh.positions(channels_replace_offset=replaces)
    expected = _expected_joints(motion, mode)
    for index, joint in enumerate(SMPL_JOINT_NAMES):
        name = bone_name(joint, BoneNaming.SMPL)
        np.testing.assert_allclose(positions[name] / 100, expected[:, index], atol=1e-4, err_msg=joint)


def test_the_root_joint_is_on_the_floor_and_only_where_asked_for(tmp_path: Path) -> None:
    motion = walking(1.0)[0]
    write_bvh(tmp_path / "plain.bvh", motion)
    write_bvh(tmp_path / "rooted.bvh", motion, RootMode.PLANAR_YAW)
    plain, rooted = parse(tmp_path / "plain.bvh"), parse(tmp_path / "rooted.bvh")
    assert [joint.name for joint in plain.joints] == [joint.name for joint in rooted.joints[1:]]
    assert plain.joints[0].name == "Pelvis"
    assert (rooted.joints[0].name, rooted.joints[1].name, rooted.joints[1].parent) == ("root", "Pelvis", 0)
    assert [len(joint.channels) for joint in rooted.joints] == [6, 6] + [3] * 23
    np.testing.assert_array_equal(rooted.positions(channels_replace_offset=True)["root"][:, 1], 0.0)
    assert {joint.name for joint in plain.joints if joint.ends} == {"Head", "L_Hand", "R_Hand", "L_Foot", "R_Foot"}


def test_dropped_joints_become_end_sites(tmp_path: Path) -> None:
    write_bvh(tmp_path / "m.bvh", wandering(3), naming=BoneNaming.MIXAMO)
    joints = {joint.name: joint for joint in parse(tmp_path / "m.bvh").joints}
    assert len(joints) == 22
    assert joints["mixamorig:LeftHand"].ends == 1


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001)])
def test_frame_time_is_exact(tmp_path: Path, fps: Fraction) -> None:
    motion = walking(0.5, fps=fps)[0]
    write_bvh(tmp_path / "m.bvh", motion)
    bvh = parse(tmp_path / "m.bvh")
    assert bvh.frame_time == float(1 / fps)
    assert len(bvh.values) == len(motion)


def test_angles_never_jump_through_whole_turns_and_gimbal_lock(tmp_path: Path) -> None:
    frames = 400
    motion = wandering(frames, seed=1)
    orient = np.zeros((frames, 3))
    orient[:, 1] = np.linspace(0, 6 * np.pi, frames)  # three pirouettes
    pose = np.zeros((frames, 23, 3))
    pose[:, 17, 0] = np.linspace(0.0, 0.96 * np.pi, frames)  # through x = 90 degrees
    pose[:, 16, 2] = np.linspace(0.0, -0.96 * np.pi, frames)
    motion = replace(motion, global_orient=orient, body_pose=pose)
    write_bvh(tmp_path / "m.bvh", motion)
    angles = parse(tmp_path / "m.bvh").angles()
    assert np.abs(np.diff(angles, axis=0)).max() < 4.0
    assert angles[-1, 0, 2] == pytest.approx(1080.0, abs=1e-3)


@given(st.integers(0, 10_000), st.sampled_from([-90.0, 90.0, 0.0, 89.99999, 37.0]))
@settings(max_examples=60, deadline=None)
def test_euler_angles_reproduce_the_rotation(seed: int, middle_deg: float) -> None:
    rng = np.random.default_rng(seed)
    z, y = np.radians(rng.uniform(-180, 180, 2))
    x = np.radians(middle_deg)

    def compose(z: float, x: float, y: float) -> np.ndarray:
        return rotvec_to_rotmat([0, 0, z]) @ rotvec_to_rotmat([x, 0, 0]) @ rotvec_to_rotmat([0, y, 0])

    rotmat = compose(z, x, y)
    angles = euler_zxy_deg(rotmat[None, None], previous=rng.uniform(-300, 300, (1, 3)))[0, 0]
    np.testing.assert_allclose(compose(*np.radians(angles)), rotmat, atol=2e-6)


def test_unwritable_path_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        write_bvh(tmp_path / "missing" / "m.bvh", wandering(3))
    (tmp_path / "taken.bvh").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_bvh(tmp_path / "taken.bvh", wandering(3))
    assert [path.name for path in tmp_path.iterdir()] == ["taken.bvh"]


_IN_BLENDER = """
import sys, bpy, numpy as np
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_anim.bvh(filepath=sys.argv[1], global_scale=0.01, update_scene_fps=True)
armature = bpy.context.object
heads = []
for frame in range(1, int(sys.argv[3]) + 1):
    bpy.context.scene.frame_set(frame)
    heads.append([list(armature.matrix_world @ bone.head) for bone in armature.pose.bones])
np.savez(sys.argv[2], heads=heads, names=[bone.name for bone in armature.pose.bones],
         fps=bpy.context.scene.render.fps / bpy.context.scene.render.fps_base)
sys.stdout.flush()
import os; os._exit(0)
"""


@pytest.mark.blender
@pytest.mark.parametrize("mode", [None, RootMode.PLANAR_YAW])
def test_blender_reads_the_same_joints(tmp_path: Path, mode: RootMode | None) -> None:
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("needs the bpy package")
    motion = walking(0.5)[0]
    file, result = tmp_path / "dänce 1.bvh", tmp_path / "heads.npz"
    write_bvh(file, motion, mode)
    command = [sys.executable, "-c", _IN_BLENDER, str(file), str(result), str(len(motion))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.exists(), done.stderr
    with np.load(result) as data:
        names, heads, fps = data["names"].tolist(), data["heads"], float(data["fps"])
    joints = motion.joints()
    in_blender = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    for index, joint in enumerate(SMPL_JOINT_NAMES):
        head = heads[:, names.index(str(bone_name(joint, BoneNaming.SMPL)))]
        np.testing.assert_allclose(head, in_blender[:, index], atol=2e-4, err_msg=joint)
    assert fps == pytest.approx(30.0)
