"""BVH files in: our own come back exactly; other programs' names, channel orders, units, axes and rest poses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.errors import InputError
from engine.importing.bvh_file import read_bvh
from engine.importing.importers import ImportedMotion, ImportRequest, UpAxis, find_importer
from engine.importing.source_file import open_source
from engine.settings import Settings
from rig.bone_maps import BoneNaming
from rig.bvh_writer import write_bvh
from rig.motion import Motion
from rig.root_motion import RootMode
from rig.rotations import rotvec_to_rotmat
from rig.skeleton import JOINT
from tests.sample_motions import wandering

CMU = """LHipJoint,Hips,0,0,0;LeftUpLeg,LHipJoint,1.4,-1.8,0.8;LeftLeg,LeftUpLeg,2.4,-6.7,0;LeftFoot,LeftLeg,2.6,-7,0;
LeftToeBase,LeftFoot,0.2,-0.4,2.3;RHipJoint,Hips,0,0,0;RightUpLeg,RHipJoint,-1.4,-1.8,0.8;RightLeg,RightUpLeg,-2.4,-6.7,0;
RightFoot,RightLeg,-2.6,-7,0;RightToeBase,RightFoot,-0.2,-0.4,2.3;LowerBack,Hips,0,0,0;Spine,LowerBack,0,2,-0.2;
Spine1,Spine,0,2,0;Neck,Spine1,0,0,0;Neck1,Neck,0,1.6,0.3;Head,Neck1,0,1.6,-0.2;LeftShoulder,Spine1,0,0,0;
LeftArm,LeftShoulder,3.1,1.4,-0.3;LeftForeArm,LeftArm,5,0,0;LeftHand,LeftForeArm,3.3,0,0;LThumb,LeftHand,0,0,0.5;
RightShoulder,Spine1,0,0,0;RightArm,RightShoulder,-3.1,1.4,-0.3;RightForeArm,RightArm,-5,0,0;
RightHand,RightForeArm,-3.3,0,0"""
"""A skeleton with the names and the splayed legs of CMU's BVH files: name, parent, offset."""


def cmu_bvh(angles: dict[str, str], order: str = "ZYX", place: str = "0 17 0", time: str = ".0083333") -> str:
    """Three frames of that skeleton, joints turned by `angles` (in the channels' order, degrees)."""
    table = [line.split(",") for line in CMU.replace("\n", "").split(";")]
    rotations = " ".join(f"{axis}rotation" for axis in order)
    row = []

    def block(name: str, offset: str, moves: bool) -> str:
        channels = f"CHANNELS 6 Xposition Yposition Zposition {rotations}" if moves else f"CHANNELS 3 {rotations}"
        row.append((place + " " if moves else "") + angles.get(name, "0 0 0"))
        below = [(child, " ".join(xyz)) for child, parent, *xyz in table if parent == name]
        inner = "".join(f"JOINT {child} {block(child, offset, False)}" for child, offset in below)
        inner = inner or "End Site\n{\nOFFSET 0 1 0\n}\n"
        return f"{{\nOFFSET {offset}\n{channels}\n{inner}}}\n"

    tree = "HIERARCHY\nROOT Hips " + block("Hips", "0 0 0", True)
    frames = "\n".join([" ".join(row)] * 3)
    return f"{tree}MOTION\nFrames: 3\nFrame Time: {time}\n{frames}\n"


def read(path: Path, up: UpAxis = UpAxis.FILE) -> ImportedMotion:
    source = open_source(path)
    return find_importer(source).read(source, ImportRequest(None, Settings(), up), load_open_body())[0]


def written(folder: Path, text: str) -> Path:
    path = folder / "clip.bvh"
    path.write_text(text)
    return path


def direction(motion: Motion, start: str, end: str) -> np.ndarray:
    joints = motion.joints()[0]
    step = joints[JOINT[end]] - joints[JOINT[start]]
    return step / np.linalg.norm(step)


@pytest.mark.parametrize("naming", list(BoneNaming))
@pytest.mark.parametrize("mode", [None, RootMode.PLANAR_YAW, RootMode.FULL])
def test_our_own_files_come_back(tmp_path: Path, naming: BoneNaming, mode: RootMode | None) -> None:
    body, betas = load_open_body(), 0.7 * np.random.default_rng(1).standard_normal(10)
    motion = replace(wandering(40), skeleton=body.skeleton(betas), betas=betas, fps=Fraction(30000, 1001),
                     times_s=np.arange(40) * 1001 / 30000)  # fmt: skip
    write_bvh(tmp_path / "a.bvh", motion, mode, naming)
    again = read(tmp_path / "a.bvh").motion
    kept = 24 if naming is BoneNaming.SMPL else 22
    assert again.fps == Fraction(30000, 1001)
    np.testing.assert_allclose(again.local_rotmats()[:, :kept], motion.local_rotmats()[:, :kept], atol=1e-6)
    np.testing.assert_allclose(again.joints()[:, 0], motion.joints()[:, 0], atol=1e-6)
    assert np.abs(again.skeleton.offsets - motion.skeleton.offsets).max() < 0.03


def test_cmus_splayed_rest_pose_is_told_from_bending(tmp_path: Path) -> None:
    motion = read(written(tmp_path, cmu_bvh({}))).motion
    assert motion.fps == 120
    leg = np.array([2.4, -6.7, 0]) / np.linalg.norm([2.4, -6.7, 0])
    np.testing.assert_allclose(direction(motion, "left_hip", "left_knee"), leg, atol=1e-6)
    np.testing.assert_allclose(direction(motion, "left_shoulder", "left_elbow"), [1, 0, 0], atol=0.2)
    toes = direction(motion, "left_ankle", "left_foot")
    assert toes[2] > 0.9
    unit_m = 2.54 / 45
    np.testing.assert_allclose(motion.joints()[:, 0], np.tile([0, 17 * unit_m, 0], (3, 1)), atol=1e-6)
    assert 0.7 < np.linalg.norm(motion.skeleton.offsets[JOINT["left_knee"]]) / (7.1 * unit_m) < 1.3


@pytest.mark.parametrize("order", ["ZYX", "XYZ", "ZXY", "YZX"])
def test_channels_turn_in_the_order_they_are_written(tmp_path: Path, order: str) -> None:
    turn = dict(zip("XYZ", (20.0, -35.0, 50.0), strict=True))
    angles = " ".join(str(turn[axis]) for axis in order)
    motion = read(written(tmp_path, cmu_bvh({"Hips": angles}, order))).motion
    expected = np.eye(3)
    for axis in order:
        expected = expected @ rotvec_to_rotmat(np.radians(turn[axis]) * np.eye(3)["XYZ".index(axis)])
    np.testing.assert_allclose(motion.local_rotmats()[0, 0], expected, atol=1e-9)


def test_joints_smpl_does_not_have_pass_their_turns_on(tmp_path: Path) -> None:
    still, turned = read(written(tmp_path, cmu_bvh({}))), read(written(tmp_path, cmu_bvh({"RHipJoint": "0 0 40"})))
    back = rotvec_to_rotmat(np.radians([40.0, 0, 0]))
    before = direction(still.motion, "right_hip", "right_knee")
    np.testing.assert_allclose(direction(turned.motion, "right_hip", "right_knee"), back @ before, atol=1e-6)
    other = direction(still.motion, "left_hip", "left_knee")
    np.testing.assert_allclose(direction(turned.motion, "left_hip", "left_knee"), other)


def test_a_file_with_z_up_or_that_looks_elsewhere_stands_too(tmp_path: Path) -> None:
    text = cmu_bvh({}, "XYZ", "1 2 17")
    lines = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["OFFSET"]:  # y up, looking along z, to z up, looking along -y
            x, y, z = words[1:]
            line = f"OFFSET {x} {-float(z)} {y}"
        lines.append(line)
    motion = read(written(tmp_path, "\n".join(lines))).motion
    assert direction(motion, "pelvis", "neck")[1] > 0.95
    np.testing.assert_allclose(motion.local_rotmats()[0, 0], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(motion.joints()[0, 0], np.array([1, 17, -2]) * 2.54 / 45, atol=1e-6)
    as_told = read(written(tmp_path, "\n".join(lines)), UpAxis.Y).motion
    assert abs(direction(as_told, "pelvis", "neck")[1]) < 0.1


@pytest.mark.parametrize(("time", "rate"), [
    (".0083333", 120), ("0.033333", 30), ("0.0333667", Fraction(30000, 1001)), ("0.04", 25), ("0.0416667", 24),
    ("0.033366700033366704", Fraction(30000, 1001)), ("0.0417083", Fraction(24000, 1001)), ("0.01", 100),
    ("0.01668335", Fraction(60000, 1001)), ("1.6666667e-2", 60), ("0.03336666666666667", Fraction(30000, 1001)),
])  # fmt: skip
def test_rates_come_out_exact(time: str, rate: Fraction) -> None:
    assert read_bvh(cmu_bvh({}, time=time), Path("a.bvh")).fps == rate


def test_frames_with_nan_are_gaps(tmp_path: Path) -> None:
    text = cmu_bvh({}).splitlines()
    text[-2] = text[-2].replace("0 17 0", "nan 17 0")
    np.testing.assert_array_equal(read(written(tmp_path, "\n".join(text))).motion.confidence[:, 0], [1, 0, 1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MOTION", "MOT", "MOT"),
        ("Frame Time", "Frame", "lacks Frames or Frame Time"),
        ("Time: .0083333", "Time: 0", "Frame Time '0'"),
        ("CHANNELS 6", "CHANNELS 5", "CHANNELS 5"),
        ("OFFSET 0 0 0", "OFFSET 0 x 0", "OFFSET 0 x 0"),
        ("LeftLeg", "Bone07", "no joint for left_knee"),
        ("0 17 0", "0 17", "breaks off"),
        ("0 17 0", "0 17 a", "other than numbers"),
        ("ROOT Hips", "ROOT Hips\n}", "line 4"),
        ("1.4 -1.8 0.8", "inf -1.8 0.8", "OFFSET inf"),
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = cmu_bvh({}).replace(old, new, 1)
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, text))


def test_every_truncation_is_read_or_refused(tmp_path: Path) -> None:
    text = cmu_bvh({})
    for end in range(20, len(text), 97):
        try:
            motion = read(written(tmp_path, text[:end])).motion
        except InputError:
            continue
        assert len(motion) in (1, 2)
