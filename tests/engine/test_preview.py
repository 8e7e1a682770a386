"""Overlay video and contact sheet: times, sizes, where things are drawn, and paths."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.camera import Camera
from engine.errors import InputError, OutputError
from engine.poses import BLAZEPOSE_NAMES, LandmarkSequence
from engine.preview import write_contact_sheet, write_overlay
from engine.preview.drawing import CONTACT, LEFT, RIGHT
from engine.preview.overlay import draw_overlay, overlay_size
from engine.preview.person_view import person_traces
from engine.video import Frame
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion_file import MotionRecord
from rig.skeleton import JOINT
from tests.sample_motions import standing, walking

_SIZE = (640, 360)
_TIMES = np.array([0.0, 0.04, 0.081, 0.2, 0.23, 0.30, 0.5, 0.51, 0.6, 0.66])


def _frames(times_s: np.ndarray = _TIMES, size: tuple[int, int] = _SIZE) -> Iterator[Frame]:
    for index, time_s in enumerate(times_s):
        yield Frame(index, float(time_s), np.zeros((size[1], size[0], 3), np.uint8), size)


def _record(person_id: int = 1, depth_m: float = 3.5) -> MotionRecord:
    camera = Camera.from_fov(_SIZE)
    motion = replace(standing(30), contacts=np.tile([1.0, 1.0, 0.0, 0.0], (30, 1)))
    world_to_camera = rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.array([0.0, 0.9, depth_m]))
    return MotionRecord(motion, np.tile(world_to_camera, (30, 1, 1)), camera.intrinsics, _SIZE, person_id)


def _landmarks(person_id: int = 1, times_s: np.ndarray = _TIMES) -> LandmarkSequence:
    frames, points = len(times_s), len(BLAZEPOSE_NAMES)
    pixels = np.random.default_rng(0).uniform([250, 50], [390, 300], (frames, points, 2))
    pixels[2] = np.nan
    return LandmarkSequence(
        person_id=person_id,
        frame_indices=np.arange(frames),
        times_s=times_s,
        landmarks_2d=pixels,
        landmarks_3d=np.zeros((frames, points, 3)),
        scores=np.ones((frames, points)),
        boxes_xyxy=np.tile([240.0, 40.0, 400.0, 310.0], (frames, 1)),
    )


def _read(path: Path) -> tuple[list[float], tuple[int, int], float]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [float(frame.time) for frame in container.decode(stream)]
        return times, (stream.width, stream.height), float(stream.duration * stream.time_base)


def test_overlay_keeps_the_times_of_a_variable_rate_video(tmp_path: Path) -> None:
    path, told = tmp_path / "über  'alles'.mp4", []
    count = write_overlay(_frames(_TIMES + 3.0), [_landmarks()], [_record()], path, told.append)
    times, size, duration_s = _read(path)
    assert count == len(_TIMES)
    assert told == list(range(1, count + 1))
    np.testing.assert_allclose(times, _TIMES, atol=2e-5)
    assert duration_s == pytest.approx(0.72, abs=1e-4)
    assert size == _SIZE


def test_overlay_without_anybody_and_of_a_single_frame(tmp_path: Path) -> None:
    assert write_overlay(_frames(_TIMES[:1]), [], [], tmp_path / "o.mp4") == 1
    assert len(_read(tmp_path / "o.mp4")[0]) == 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (1280, 720)), ((1921, 1081), (1280, 720)), ((721, 405), (720, 404)), ((1080, 1920), (720, 1280))],
)
def test_overlay_sizes_are_even_and_bounded(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert overlay_size(*size) == expected


def test_odd_sizes_are_written(tmp_path: Path) -> None:
    write_overlay(_frames(_TIMES[:3], (321, 181)), [], [], tmp_path / "o.mp4")
    width, height = _read(tmp_path / "o.mp4")[1]
    assert (width % 2, height % 2) == (0, 0)


def _has_colour(image: np.ndarray, at: np.ndarray, colour: tuple[int, int, int]) -> bool:
    x, y = np.round(at).astype(int)
    patch = image[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].reshape(-1, 3).astype(int)
    return bool((np.abs(patch - colour).max(axis=1) < 40).any())


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_skeleton_is_drawn_where_the_camera_sees_it(scale: float) -> None:
    record = _record()
    size = (int(_SIZE[0] * scale), int(_SIZE[1] * scale))
    image = draw_overlay(next(_frames()), person_traces([], [record]), size)
    camera = Camera(record.intrinsics, _SIZE, record.world_to_camera[0])
    joints, landmarks = record.motion.joints_and_landmarks()
    middles = {
        LEFT: joints[0, [JOINT["left_shoulder"], JOINT["left_elbow"]]].mean(0),
        RIGHT: joints[0, [JOINT["right_hip"], JOINT["right_knee"]]].mean(0),
    }
    for colour, point in middles.items():
        assert _has_colour(image, scale * camera.project(point), colour)
    heels = scale * camera.project(landmarks[0, [1, 3]])
    assert _has_colour(image, heels[0], CONTACT)
    assert not _has_colour(image, heels[1], CONTACT)
    assert camera.project(joints[0, JOINT["left_hand"]])[0] > camera.project(joints[0, JOINT["right_hand"]])[0]


def test_a_person_is_drawn_only_when_there() -> None:
    trace = person_traces([_landmarks()], [_record()])[0]
    assert trace.at(0.04).keypoints_px is not None
    assert trace.at(0.081).keypoints_px is None  # not detected
    assert trace.at(0.14).keypoints_px is None  # no such frame
    assert trace.at(0.5).posed is not None
    assert trace.at(1.2).posed is None
    behind = person_traces([], [_record(depth_m=-3.0)])[0].at(0.0).posed
    assert behind is not None
    assert np.isnan(behind.points_px).all()


def test_points_behind_or_far_outside_the_picture_do_not_crash(tmp_path: Path) -> None:
    for depth_m in (-3.0, 0.01):
        write_contact_sheet(_frames(), [], [_record(depth_m=depth_m)], tmp_path / "s.png")
        assert write_overlay(_frames(), [], [_record(depth_m=depth_m)], tmp_path / "o.mp4") == len(_TIMES)


def _sheet(path: Path) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def test_contact_sheet_has_a_group_of_rows_for_every_person(tmp_path: Path) -> None:
    times = np.arange(60) / 30.0
    path = tmp_path / "blatt ñ.png"
    write_contact_sheet(_frames(times), [], [_record(1)], path, count=6)
    one = _sheet(path)
    write_contact_sheet(_frames(times), [_landmarks(2, times)], [_record(1), _record(2)], path, count=6)
    two = _sheet(path)
    assert two.shape == (2 * one.shape[0], one.shape[1], 3)
    np.testing.assert_array_equal(two[: one.shape[0]], one)


def test_contact_sheet_shows_depth_from_the_side(tmp_path: Path) -> None:
    """Walking across the picture: the side view sees the walker from the front or back, the picture from the side."""
    motion, contacts = walking(2.0)
    turned = replace(motion, contacts=contacts).transformed(np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]]), np.zeros(3))
    world_to_camera = rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.array([-1.0, 0.9, 4.0]))
    camera = Camera.from_fov(_SIZE)
    record = MotionRecord(turned, np.tile(world_to_camera, (60, 1, 1)), camera.intrinsics, _SIZE, 1)
    write_contact_sheet(_frames(np.arange(60) / 30.0), [], [record], tmp_path / "s.png", count=2)
    cell = _sheet(tmp_path / "s.png")[28:, :700]
    side = cell[:, 300:500].astype(int)
    left = np.argwhere(np.abs(side - LEFT).max(-1) < 30)[:, 1]
    right = np.argwhere(np.abs(side - RIGHT).max(-1) < 30)[:, 1]
    # Faces along +x: its left arm points away from the camera, to the left of a viewer on the camera's left.
    assert left.min() < 60
    assert right.max() > 140


def test_views_in_space_follow_who_leaves_their_usual_height(tmp_path: Path) -> None:
    record = _record()
    transl = np.zeros((30, 3))
    transl[20:, 1] = -3.0  # jumps off a wall
    fallen = replace(record, motion=replace(record.motion, transl=transl))
    write_contact_sheet(_frames(np.arange(30) / 30.0), [], [fallen], tmp_path / "s.png", count=6)
    last = _sheet(tmp_path / "s.png")[28 + 2 * 320 :, 700 + 500 :].astype(int)
    assert (np.abs(last - LEFT).max(-1) < 30).sum() > 100


def test_frames_are_the_nearest_to_evenly_spaced_times(tmp_path: Path) -> None:
    record = _record()
    write_contact_sheet(_frames(), [], [record], tmp_path / "few.png", count=4)
    write_contact_sheet(_frames(), [], [record], tmp_path / "many.png", count=400)
    few, many = _sheet(tmp_path / "few.png"), _sheet(tmp_path / "many.png")
    assert few.shape[0] == 28 + 2 * 320
    assert many.shape[0] == 28 + 5 * 320  # ten frames, each once


def test_nothing_to_draw_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"):
        write_overlay(iter(()), [], [], tmp_path / "o.mp4")
    with pytest.raises(InputError, match="nobody"):
        write_contact_sheet(_frames(), [], [], tmp_path / "s.png")
    with pytest.raises(InputError, match="no frames"):
        write_contact_sheet(iter(()), [], [_record()], tmp_path / "s.png")
    assert list(tmp_path.iterdir()) == []


def test_unwritable_outputs_are_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"gone.*cannot be written"):
        write_overlay(_frames(), [], [], tmp_path / "gone" / "o.mp4")
    with pytest.raises(OutputError, match=r"gone.*cannot be written"):
        write_contact_sheet(_frames(), [], [_record()], tmp_path / "gone" / "s.png")

    def broken() -> Iterator[Frame]:
        yield from _frames(_TIMES[:2])
        raise InputError("the video breaks here")

    with pytest.raises(InputError, match="breaks here"):
        write_overlay(broken(), [], [], tmp_path / "o.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_older_codec_serves_where_h264_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.preview.video_writer._CODECS", ("mpeg4",))
    write_overlay(_frames(), [], [_record()], tmp_path / "o.mp4")
    times, _, duration_s = _read(tmp_path / "o.mp4")
    np.testing.assert_allclose(times, _TIMES, atol=2e-5)
    assert duration_s == pytest.approx(0.72, abs=1e-4)
