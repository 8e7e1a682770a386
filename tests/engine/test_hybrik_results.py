"""HybrIK's result files: read without running anything, put into the world as their camera saw them, written again."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.body.smpl_file import load_smpl_body
from engine.camera import Camera
from engine.cli import main
from engine.errors import InputError
from engine.evaluation import recipe
from engine.importing.hybrik_motion import export_hybrik, import_hybrik, motion_of, results_of
from engine.importing.hybrik_results import HybrIKResults, read_hybrik_results
from engine.settings import Settings
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion_file import MotionRecord, load_motion
from rig.rotations import rotmat_to_quat_wxyz, rotvec_to_rotmat
from rig.skeleton import SMPL_PARENTS
from tests.sample_motions import wandering

SIZE = (1920, 1080)


def content(frames: int = 5, first: int = 0) -> dict[str, Any]:
    """The arrays of a res.pk as the demo writes them, from random numbers."""
    random = np.random.default_rng(3)
    rotvecs = 0.4 * random.standard_normal((frames, 24, 3))
    rotvecs[:, 0] += [np.pi * 0.97, 0.0, 0.0]
    side = random.uniform(300, 500, frames)
    centre = random.uniform(400, 700, (frames, 2))
    transl = np.column_stack([random.uniform(-0.4, 0.4, (frames, 2)), random.uniform(3, 5, frames)])
    boxes = np.concatenate([centre - side[:, None] / 2, centre + side[:, None] / 2], axis=1)
    single = {
        "pred_uvd": random.uniform(-0.4, 0.4, (frames, 29, 3)),
        "pred_xyz_24_struct": 0.2 * random.standard_normal((frames, 24, 3)),
        "pred_scores": random.uniform(0.01, 0.3, (frames, 29)),
        "pred_betas": 0.5 * random.standard_normal((frames, 10)),
        "pred_thetas": rotvec_to_rotmat(rotvecs).reshape(frames, 216),
        "transl": transl,
        "transl_camsys": transl * (256 / side)[:, None],
        "bbox": boxes,
    }
    return {
        **{key: value.astype(np.float32) for key, value in single.items()},
        "width": np.full(frames, SIZE[0]),
        "height": np.full(frames, SIZE[1]),
        "img_path": np.array([f"out/raw_images/dance-{first + row + 1:06d}.png" for row in range(frames)]),
    }


def write(folder: Path, values: Any, protocol: int = 4) -> Path:
    path = folder / "res.pk"
    path.write_bytes(pickle.dumps(values, protocol=protocol))
    return path


def read(folder: Path, **changed: Any) -> HybrIKResults:
    values = {key: value for key, value in {**content(), **changed}.items() if value is not None}
    return read_hybrik_results(write(folder, values))


def camera() -> Camera:
    return Camera.from_fov(SIZE)


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_files_of_both_generations_of_numpy_are_read(tmp_path: Path, core: bytes, protocol: int) -> None:
    values = content()
    path = write(tmp_path, values, protocol)
    data = path.read_bytes()
    if protocol == 2:  # names end with a line break there, so that they can be exchanged
        path.write_bytes(data.replace(b"numpy.core", core).replace(b"numpy._core", core))
    results = read_hybrik_results(path)
    np.testing.assert_allclose(results.rotmats.reshape(5, 216), values["pred_thetas"])
    np.testing.assert_allclose(results.transl, values["transl"])
    np.testing.assert_allclose(results.joints, 2.2 * values["pred_xyz_24_struct"].astype(np.float64))
    np.testing.assert_array_equal(results.frame_numbers, np.arange(5))
    assert results.image_size == SIZE


def test_the_older_kind_with_quaternions_gives_the_same_rotations(tmp_path: Path) -> None:
    rotmats = content()["pred_thetas"].reshape(5, 24, 3, 3).astype(np.float64)
    quats = 1.7 * rotmat_to_quat_wxyz(rotmats).reshape(5, 96)
    old = read(tmp_path, pred_thetas=quats.astype(np.float32), pred_scores=None)
    np.testing.assert_allclose(old.rotmats, rotmats, atol=1e-5)
    assert (old.scores == 1).all()
    np.testing.assert_allclose(old.joints, 2.0 * content()["pred_xyz_24_struct"].astype(np.float64))


def test_the_pelvis_stays_at_its_pixel_under_one_focal_length(tmp_path: Path) -> None:
    results = read(tmp_path)
    motion = motion_of(results, Fraction(25), camera(), load_open_body())
    for row in range(5):
        focal = 1000 * (results.boxes_xyxy[row, 2] - results.boxes_xyxy[row, 0]) / 256
        x, y, z = results.transl[row]
        expected = [focal * x / z + SIZE[0] / 2, focal * y / z + SIZE[1] / 2]
        np.testing.assert_allclose(camera().project(motion.joints()[row, 0]), expected, atol=1e-6)


def test_bones_point_where_the_files_rotations_point_them(tmp_path: Path) -> None:
    results = read(tmp_path)
    motion = motion_of(results, Fraction(25), camera(), load_open_body())
    rest = motion.skeleton.rest_joints
    for row in range(5):  # forward kinematics in the camera's frame, the slow way
        turns, places = [results.rotmats[row, 0]], [np.zeros(3)]
        for joint in range(1, 24):
            parent = SMPL_PARENTS[joint]
            places.append(places[parent] + turns[parent] @ (rest[joint] - rest[parent]))
            turns.append(turns[parent] @ results.rotmats[row, joint])
        seen = motion.joints()[row] @ WORLD_TO_CAMERA_UPRIGHT.T
        np.testing.assert_allclose(seen - seen[0], places, atol=1e-5)


def test_a_file_of_the_reference_program_is_seen_where_its_network_saw_it(tmp_path: Path) -> None:
    with np.load(Path(__file__).parents[1] / "data" / "parity" / "camera_train.npz") as archive:
        values = {name[4:]: archive[name] for name in archive.files if name.startswith("res/")}
    body_file = tmp_path / "body.pkl"
    body_file.write_bytes(pickle.dumps(recipe.body(1)))  # the body that the reference program was given
    body = load_smpl_body(body_file)
    for row in range(3):  # one at a time, since each has a shape of its own
        results = read_hybrik_results(write(tmp_path, {key: value[row : row + 1] for key, value in values.items()}))
        motion = motion_of(results, Fraction(30), camera(), body)
        assert motion.times_s[0] == pytest.approx(row / 30)
        side, corner = values["bbox"][row, 2] - values["bbox"][row, 0], values["bbox"][row, :2]
        seen = (values["pred_uvd"][row, 0, :2] + 0.5) * side + corner
        joints = motion.joints()[0]
        np.testing.assert_allclose(camera().project(joints[0]), seen, atol=1e-3)
        np.testing.assert_allclose((joints - joints[0]) @ WORLD_TO_CAMERA_UPRIGHT.T, results.joints[0], atol=1e-5)


def test_frames_before_the_first_detection_and_between_are_counted(tmp_path: Path) -> None:
    values = content(4, first=10)
    values["img_path"][3] = "out/raw_images/dance-000017.png"
    motion = motion_of(read_hybrik_results(write(tmp_path, values)), Fraction(25), camera(), load_open_body())
    np.testing.assert_allclose(motion.times_s, np.arange(10, 17) / 25)
    np.testing.assert_array_equal((motion.confidence > 0).all(axis=1), [True, True, True, False, False, False, True])


def test_rows_that_cannot_be_used_are_gaps(tmp_path: Path) -> None:
    values = content()
    values["pred_thetas"][1] = np.nan
    values["transl"][2, 2] = -1.0
    results = read_hybrik_results(write(tmp_path, values))
    np.testing.assert_array_equal(results.usable, [True, False, False, True, True])
    motion = motion_of(results, Fraction(25), camera(), load_open_body())
    np.testing.assert_array_equal(motion.confidence[:, 0], [1, 0, 0, 1, 1])
    values["bbox"][:] = 100.0
    with pytest.raises(InputError, match="no frame with a person"):
        import_hybrik(write(tmp_path, values), Fraction(25), Settings(), load_open_body())


def _record(results: HybrIKResults) -> MotionRecord:
    motion = motion_of(results, Fraction(25), camera(), load_open_body())
    return MotionRecord(motion, np.tile(camera().world_to_camera, (len(motion), 1, 1)), camera().intrinsics, SIZE)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    results = read(tmp_path)
    export_hybrik(tmp_path / "again.pk", _record(results))
    again = read_hybrik_results(tmp_path / "again.pk")
    np.testing.assert_allclose(again.rotmats, results.rotmats, atol=1e-5)
    np.testing.assert_array_equal(again.frame_numbers, results.frame_numbers)
    focal = camera().intrinsics[0, 0]
    np.testing.assert_allclose(again.pelvis_m(focal), results.pelvis_m(focal), atol=1e-5)
    assert again.image_size == SIZE


def test_a_motion_comes_back_as_it_was() -> None:
    motion = replace(wandering(30), times_s=2.0 + np.arange(30) / float(wandering(30).fps))
    place = rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.array([0.2, 1.0, 6.0]))
    intrinsics = camera().intrinsics.copy()
    intrinsics[0, 2] += 30.0  # a principal point off the centre
    record = MotionRecord(motion, np.tile(place, (30, 1, 1)), intrinsics, SIZE)
    results = results_of(record)
    np.testing.assert_allclose(results.frame_numbers / float(motion.fps), motion.times_s, atol=1e-9)
    joints = motion.joints() @ place[:3, :3].T + place[:3, 3]
    pixels = (joints[:, 0] / joints[:, 0, 2:]) @ intrinsics.T
    shown = results.focal_px[:, None] * results.transl[:, :2] / results.transl[:, 2:] + np.array(SIZE) / 2
    np.testing.assert_allclose(shown, pixels[:, :2], atol=1e-9)
    np.testing.assert_allclose(results.pelvis_m(intrinsics[0, 0])[:, 2], joints[:, 0, 2], atol=1e-9)
    np.testing.assert_allclose(results.joints, joints - joints[:, :1], atol=1e-12)
    inside = (results.boxes_xyxy[:, :2] < pixels[:, :2]) & (pixels[:, :2] < results.boxes_xyxy[:, 2:])
    assert inside.all()


def test_a_written_file_has_the_demos_keys_and_types(tmp_path: Path) -> None:
    export_hybrik(tmp_path / "dance.pk", _record(read(tmp_path)))
    with open(tmp_path / "dance.pk", "rb") as stream:
        values = pickle.load(stream)  # our own file
    kinds = {key: (value.shape[1:], value.dtype.kind) for key, value in values.items()}
    assert kinds == {
        "pred_xyz_24_struct": ((24, 3), "f"), "pred_scores": ((29,), "f"), "pred_camera": ((1,), "f"),
        "pred_betas": ((10,), "f"), "pred_thetas": ((216,), "f"), "pred_cam_root": ((3,), "f"),
        "transl": ((3,), "f"), "transl_camsys": ((3,), "f"), "bbox": ((4,), "f"), "height": ((), "i"),
        "width": ((), "i"), "img_path": ((), "U"),
    }  # fmt: skip
    np.testing.assert_allclose(values["pred_camera"][:, 0] * 256 * values["transl"][:, 2], 1000, rtol=1e-5)


class _Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("place", ["whole", "key", "inside"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_file_that_would_run_something_is_refused_and_not_run(tmp_path: Path, place: str, protocol: int) -> None:
    bomb = _Call(os.mkdir, str(tmp_path / "was run"))
    values = {"whole": bomb, "key": {**content(), "extra": bomb}, "inside": {**content(), "img_path": [bomb]}}[place]
    with pytest.raises(InputError, match=r"refused: it asks to load (posix|nt)\.mkdir.*nothing in it was run"):
        read_hybrik_results(write(tmp_path, values, protocol))
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, np.frombuffer, np.array])
def test_functions_that_look_harmless_are_refused_too(tmp_path: Path, function: Any) -> None:
    with pytest.raises(InputError, match="refused"):
        read_hybrik_results(write(tmp_path, {**content(), "x": _Call(function, "1")}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pred_thetas": None}, "lacks pred_thetas"),
        ({"pred_thetas": np.zeros((5, 100))}, "pred_thetas has shape"),
        ({"transl": np.zeros((4, 3))}, "shape"),
        ({"transl": np.zeros((0, 3))}, "no frames"),
        ({"transl": "x"}, "no frames"),
        ({"bbox": "x"}, "bbox has shape str"),
        ({"bbox": np.array(["a"] * 20)}, "bbox has shape"),
        ({"bbox": {"a": 1}}, "bbox has shape dict"),
        ({"pred_scores": np.zeros((5, 7))}, "pred_scores has shape"),
        ({"width": np.array([1, 2, 1, 1, 1])}, "width is not the same"),
        ({"width": np.full(5, -3)}, "width is not"),
        ({"img_path": np.array(["a", "b", "c", "d", "e"])}, "img_path does not number"),
        ({"img_path": np.array([f"a-{n:06d}.png" for n in (1, 2, 3, 1, 2)])}, "a-000001.png follows a-000003.png"),
        ({"img_path": np.array([None] * 5)}, "img_path"),
    ],
)
def test_unfit_arrays_are_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, **changed)


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"not a pickle", b"\x89PNG", pickle.dumps([1, 2])])
def test_other_files_end_with_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "res.pk"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"res\.pk"):
        read_hybrik_results(path)


def test_every_truncation_is_an_input_error(tmp_path: Path) -> None:
    data = pickle.dumps(content())
    path = tmp_path / "res.pk"
    for end in range(1, len(data), len(data) // 23):
        path.write_bytes(data[:end])
        with pytest.raises(InputError):
            read_hybrik_results(path)


def test_text_with_characters_that_do_not_exist_is_damage(tmp_path: Path) -> None:
    values = content()
    values["img_path"] = np.frombuffer(b"\xff" * 20, "<U1")
    with pytest.raises(InputError, match="characters"):
        read_hybrik_results(write(tmp_path, values))


def test_pictures_numbered_apart_do_not_fill_the_memory(tmp_path: Path) -> None:
    values = content()
    values["img_path"] = np.array([f"a-{number}.png" for number in (1, 2, 3, 4, 999_999_999)])
    with pytest.raises(InputError, match="run from 0 to 999999998"):
        motion_of(read_hybrik_results(write(tmp_path, values)), Fraction(25), camera(), load_open_body())


def test_the_command_writes_every_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, content(40, first=5))
    outputs = [tmp_path / f"dance.{ending}" for ending in ("npz", "bvh", "pk")]
    command = [
        "import",
        str(path),
        "--fps",
        "29.97",
        "--output-fps",
        "60",
        *(f"--out={path}" for path in outputs),
    ]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "no skeleton: the open body" in said.err
    assert said.out.split() == [word for output in outputs for word in ("wrote", str(output))]
    record = load_motion(outputs[0])
    assert record.motion.fps == 60
    assert record.motion.times_s[0] == pytest.approx(5 * 1001 / 30000)
    assert record.provenance["input"]["name"] == "res.pk"
    assert "non-commercial" in record.provenance["model"]["licence"]
    assert len(read_hybrik_results(outputs[2])) == len(record.motion)


def test_raw_keeps_what_the_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, content())
    assert main(["import", str(path), "--fps", "25", "--raw", "--out", str(tmp_path / "a.npz")]) == 0
    record = load_motion(tmp_path / "a.npz")
    expected = motion_of(read_hybrik_results(path), Fraction(25), camera(), load_open_body())
    np.testing.assert_allclose(record.motion.joints(), expected.joints(), atol=1e-9)


def test_the_rate_must_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, content())
    assert main(["import", str(path), "--out", str(tmp_path / "a.npz")]) == 2
    assert "give its video's" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "no.pk"), "--fps", "25", "--progress", "json", "--out", "a.npz"]) == 2
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "error"
