"""motion.npz: written, read back, and refused when damaged."""

from fractions import Fraction

import numpy as np
import pytest
from sample_motions import wandering

from rig.errors import RigError
from rig.motion_file import SCHEMA, MotionRecord, load_motion, save_motion
from rig.resample import resample


def record():
    motion = resample(wandering(20), Fraction(30000, 1001))
    return MotionRecord(
        motion=motion,
        world_to_camera=np.tile(np.eye(4), (len(motion), 1, 1)),
        intrinsics=np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]),
        image_size=(1280, 720),
        person_id=7,
        provenance={"version": "1", "body": {"licence": "CC0"}, "note": "größe ✓"},
    )


def test_round_trip(tmp_path):
    path, before = tmp_path / "ein tänzer 1.npz", record()
    save_motion(path, before)
    after = load_motion(path)
    for name in ("times_s", "betas", "global_orient", "body_pose", "transl", "contacts", "confidence"):
        np.testing.assert_array_equal(getattr(after.motion, name), getattr(before.motion, name))
    assert after.motion.fps == Fraction(30000, 1001)
    assert after.provenance == before.provenance
    assert (after.person_id, after.image_size) == (7, (1280, 720))
    np.testing.assert_array_equal(after.world_to_camera, before.world_to_camera)
    here, there = before.motion.skeleton, after.motion.skeleton
    assert (here.joint_names, here.parents, here.landmark_names) == (
        there.joint_names,
        there.parents,
        there.landmark_names,
    )
    np.testing.assert_array_equal(here.rest_landmarks, there.rest_landmarks)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_any_numpy_reads_it_without_pickle(tmp_path):
    save_motion(tmp_path / "m.npz", record())
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert int(archive["schema"]) == SCHEMA
        assert archive["fps"].tolist() == [30000, 1001]
        assert archive["joint_names"][0] == "pelvis"
        assert archive["rest_joints"].shape == (24, 3)


def test_missing_damaged_newer_and_foreign_files_are_named(tmp_path):
    path = tmp_path / "m.npz"
    with pytest.raises(RigError, match="does not exist"):
        load_motion(path)
    save_motion(path, record())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RigError, match=r"not a motion\.npz"):
        load_motion(path)
    path.write_bytes(b"")
    with pytest.raises(RigError, match=r"not a motion\.npz"):
        load_motion(path)
    path.write_text("hello")
    with pytest.raises(RigError, match=r"not a motion\.npz"):
        load_motion(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(RigError, match=r"not a motion\.npz"):
        load_motion(tmp_path / "array.npy")
    np.savez(path, schema=np.int64(1))
    with pytest.raises(RigError, match=r"lacks fps, times_s"):
        load_motion(path)


def rewritten(path, **changes):
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez(path, **(arrays | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": np.int64(99)}, "schema 99"),
        ({"transl": np.zeros((3, 3))}, "damaged: transl has shape"),
        ({"fps": np.array([30, 0])}, "damaged"),
        ({"provenance": np.array("{")}, "damaged"),
        ({"world_to_camera": np.zeros((2, 4, 4))}, "damaged: world_to_camera"),
        ({"fps": np.int64(30)}, "damaged"),
        ({"person_id": np.array([1, 2])}, "damaged"),
    ],
)
def test_inconsistent_content_is_named(tmp_path, changes, message):
    path = tmp_path / "m.npz"
    save_motion(path, record())
    rewritten(path, **changes)
    with pytest.raises(RigError, match=message):
        load_motion(path)


def test_pickled_objects_are_never_loaded(tmp_path):
    path = tmp_path / "m.npz"
    save_motion(path, record())
    rewritten(path, provenance=np.array([{"evil": 1}], dtype=object))
    with pytest.raises(RigError):
        load_motion(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path, good = tmp_path / "m.npz", record()
    save_motion(path, good)
    before = path.read_bytes()
    bad = MotionRecord(**{**good.__dict__, "provenance": {"x": object()}})
    with pytest.raises(TypeError):
        save_motion(path, bad)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.npz"]
