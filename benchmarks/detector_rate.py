"""Measures frames a second: the detector alone, decode to stored detections, and MediaPipe's own pose landmarker.

    python benchmarks/detector_rate.py VIDEO... [--frames 200]

The detector alone gets pictures that were decoded beforehand; `decode to store` is what a capture does before it
lifts poses; its share of the detector alone says what decoding and storing cost.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from engine.detection.detect_video import MAX_SIDE_PX, detect_video, open_store
from engine.detection.landmark_detector import DetectorOptions, LandmarkDetector
from engine.detection.model_bundle import find_bundle
from engine.detection.native_log import without_native_chatter
from engine.video import Frame, ReadOptions, VideoReader


def detector_alone(frames: list[Frame]) -> float:
    """Frames a second of our detector on decoded pictures."""
    with LandmarkDetector() as detector:
        detector.detect(frames[0].image_rgb, frames[0].size)
        start = time.perf_counter()
        for frame in frames:
            detector.detect(frame.image_rgb, frame.size)
        return len(frames) / (time.perf_counter() - start)


def library_alone(frames: list[Frame]) -> float:
    """Frames a second of MediaPipe's pose landmarker, several people, video mode, on decoded pictures."""
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=find_bundle().read_bytes()),
        running_mode=vision.RunningMode.VIDEO,
        num_poses=DetectorOptions().max_people,
    )
    with without_native_chatter(), vision.PoseLandmarker.create_from_options(options) as landmarker:
        start = time.perf_counter()
        for frame in frames:
            picture = mediapipe.Image(mediapipe.ImageFormat.SRGB, frame.image_rgb)
            landmarker.detect_for_video(picture, int(frame.time_s * 1000))
        return len(frames) / (time.perf_counter() - start)


def decode_to_store(path: Path, end_s: float) -> float:
    """Frames a second from the file to detections on disk, start of the detector included."""
    reading, detector = ReadOptions(end_s=end_s), DetectorOptions()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder), "benchmark", reading, detector)
        start = time.perf_counter()
        run = detect_video(path, reading, detector, store)
        return run.frames / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=200, help="frames of each video that are measured")
    arguments = parser.parse_args()
    print(f"{'video':28}{'library':>10}{'detector':>10}{'to store':>10}{'share':>8}   frames/s")
    for path in arguments.videos:
        with VideoReader(path, ReadOptions(max_side_px=MAX_SIDE_PX)) as video:
            frames = [frame for frame, _ in zip(video, range(arguments.frames), strict=False)]
        end_s = frames[-1].time_s + 1e-3
        library, alone, stored = library_alone(frames), detector_alone(frames), decode_to_store(path, end_s)
        print(f"{path.name:28}{library:10.1f}{alone:10.1f}{stored:10.1f}{stored / alone:8.2f}")


if __name__ == "__main__":
    main()
