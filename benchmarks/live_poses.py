"""Time that a live pose costs beside the detection of the same frame.

python benchmarks/live_poses.py VIDEO [--frames 200]
"""

import argparse
import statistics
import time
from itertools import islice

from engine.body.open_body import load_open_body
from engine.detection.landmark_detector import LandmarkDetector
from engine.live import LivePoses
from engine.settings import Settings
from engine.video import VideoReader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--frames", type=int, default=200)
    arguments = parser.parse_args()
    detecting, posing = [], []
    with VideoReader(arguments.video) as reader, LandmarkDetector() as detector:
        live = LivePoses(load_open_body(), reader.info.size, Settings())
        for frame in islice(reader, arguments.frames):
            start = time.perf_counter()
            people = detector.detect(frame.image_rgb, frame.size)
            middle = time.perf_counter()
            live.update(frame.index, frame.time_s, people)
            detecting.append(1e3 * (middle - start))
            posing.append(1e3 * (time.perf_counter() - middle))
    a, b = statistics.median(detecting), statistics.median(posing)
    print(f"median of {len(posing)} frames: detection {a:.1f} ms, live pose {b:.1f} ms, ratio {b / a:.2f}")


if __name__ == "__main__":
    main()
