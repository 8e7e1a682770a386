"""Stands in for the engine's worker: `fake_worker.py worker JOB ...` answers each line with a motion made for it.

Smoothing "heavy" lifts the person by 0.25 m, height scales the body to it, given contacts come back as they are, and
outliers of 9 is an error. Each line asked for is added to asked.jsonl beside the job.
"""

import json
import os
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from sample_bodies import box_body  # noqa: E402
from sample_motions import walking  # noqa: E402

from rig.body_mesh import save_body_mesh  # noqa: E402
from rig.motion_file import MotionRecord, save_motion  # noqa: E402
from rig.skeleton import CONTACT_NAMES, Skeleton  # noqa: E402

PERSON = 4


def scaled(skeleton: Skeleton, factor: float) -> Skeleton:
    return replace(skeleton, rest_joints=skeleton.rest_joints * factor, rest_landmarks=skeleton.rest_landmarks * factor)


def make(job: Path, settings: dict) -> list[str]:
    """Write the motion and body that these settings ask for."""
    motion, contacts = walking(3.0, Fraction(30000, 1001))
    if settings.get("height"):
        motion = replace(motion, skeleton=scaled(motion.skeleton, settings["height"] / 1.7))
    if settings.get("smoothing") == "heavy":
        motion = replace(motion, transl=motion.transl + np.array([0.0, 0.25, 0.0]))
    if settings.get("contacts"):
        told = json.loads((job / settings["contacts"]).read_text())["people"][str(PERSON)]
        contacts = np.zeros_like(contacts)
        for column, name in enumerate(CONTACT_NAMES):
            for start, end in told[name]:
                contacts[(motion.times_s >= start - 1e-4) & (motion.times_s < end - 1e-4), column] = 1.0
    confidence = np.ones_like(motion.confidence)
    confidence[30:50] = 0.0
    motion = replace(motion, contacts=contacts, confidence=confidence)
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    record = MotionRecord(motion, cameras, np.eye(3), (640, 480), PERSON, {"settings": settings})
    save_motion(job / f"motion_{PERSON}.npz", record)
    save_body_mesh(job / f"body_{PERSON}.npz", box_body(motion.skeleton))
    return [str(job / f"motion_{PERSON}.npz")]


def main(job: Path) -> None:
    (job.parent / "worker.pid").write_text(str(os.getpid()))
    for number, line in enumerate(sys.stdin, 1):
        settings = json.loads(line)
        with (job.parent / "asked.jsonl").open("a") as asked:
            asked.write(line)
        if settings["outliers"] == 9.0:
            answer = {"event": "error", "message": "outliers of 9 are too many", "exit_code": 2}
        else:
            answer = {"event": "result", "files": make(job, settings), "people": [PERSON], "warnings": []}
        print(json.dumps({**answer, "request": number}), flush=True)
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[2]))
