"""Frames a second from decode to FBX written, beside the bare detector's own rate on the same video.

    python benchmarks/end_to_end.py VIDEO [--rounds 3]

Rounds alternate between the two, so that a machine that slows down slows both; the ratio of the medians counts.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.detection.landmark_detector import LandmarkDetector
from engine.video import VideoReader


def detector_rate(video: str) -> tuple[int, float]:
    """(frames, frames/s) of the detector alone on decoded pictures, a hundred at a time to bound memory."""
    frames, busy_s = 0, 0.0
    with VideoReader(video) as reader, LandmarkDetector() as detector:
        block = []
        for frame in reader:
            block.append(frame)
            if len(block) == 100:
                busy_s += _time(detector, block)
                frames, block = frames + len(block), []
        busy_s += _time(detector, block)
        frames += len(block)
    return frames, frames / busy_s


def _time(detector: LandmarkDetector, block: list) -> float:
    start = time.perf_counter()
    for frame in block:
        detector.detect(frame.image_rgb, frame.size)
    return time.perf_counter() - start


def pipeline_seconds(video: str) -> float:
    """Wall time of the whole `mocap run`, start of the program to FBX written, s."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "engine", "run", video, "--out", str(Path(folder) / "x.fbx")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    bare, whole = [], []
    for number in range(arguments.rounds):
        frames, rate = detector_rate(arguments.video)
        seconds = pipeline_seconds(arguments.video)
        bare.append(rate)
        whole.append(frames / seconds)
        print(f"round {number + 1}: detector {rate:.1f} frames/s, whole pipeline {whole[-1]:.1f} ({seconds:.1f} s)")
    a, b = statistics.median(whole), statistics.median(bare)
    print(f"median: detector {b:.1f} frames/s, whole pipeline {a:.1f}, ratio {a / b:.2f} (wanted: at least 0.6)")


if __name__ == "__main__":
    main()
