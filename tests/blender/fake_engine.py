"""Stands in for the capture engine: speaks its JSON lines about a made-up walk, at the pace asked for.

`fake_engine.py run VIDEO --out DIR/motion.npz ...` or `fake_engine.py import FILE --people-folder DIR ...`;
the file's name chooses the part it plays: `hang` never ends and ignores interrupts, `fail` ends with an error, `crash`
dies without a word to the protocol, `garbage` talks nonsense, `two` finds two people, all else succeeds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np  # noqa: E402
from sample_bodies import box_body  # noqa: E402
from sample_motions import walking  # noqa: E402

from rig.body_mesh import save_body_mesh  # noqa: E402
from rig.motion_file import MotionRecord, save_motion  # noqa: E402
from rig.rotations import rotmat_to_quat_wxyz  # noqa: E402


def say(**event):
    print(json.dumps(event), flush=True)


def info(video):
    """What `mocap info --json` prints."""
    told = {"video": video, "size": [1920, 1080], "fps": "60", "variable_rate": "vfr" in video, "rotation_deg": 0}
    print("a library says hello")
    print(json.dumps({**told, "duration_s": 10.0, "frames": 600, "codec": "h264"}))
    return 0


def people(arguments):
    """What `mocap people --progress json` prints: two people; edits are kept in the job folder and only counted."""
    job = Path(arguments[arguments.index("--job") + 1])
    job.mkdir(parents=True, exist_ok=True)
    kept = job / "track_edits.json"
    edits = json.loads(kept.read_text()) if kept.exists() else []
    if "--undo-edit" in arguments:
        edits = edits[:-1]
    edits += [arguments[at + 1] for at, word in enumerate(arguments) if word in ("--split", "--merge")]
    kept.write_text(json.dumps(edits))
    say(event="progress", stage="detect", done=5, total=10, fps=4.5, eta_s=65.2)
    found = [
        {"id": number, "frames": 300, "start_s": 0.0, "end_s": 5.0, "mean_score": 0.9, "thumbnail": ""}
        for number in range(1, 3 + len(edits))
    ]
    say(event="people", job=str(job), people=found, edits=edits)
    return 0


def main(arguments):
    if arguments[0] in ("info", "models"):
        return info(arguments[1]) if arguments[0] == "info" else print("[]")
    if os.environ.get("FAKE_ENGINE_LOG"):
        with open(os.environ["FAKE_ENGINE_LOG"], "a") as log:
            log.write(json.dumps(arguments) + "\n")
    if arguments[0] == "people":
        return people(arguments)
    if arguments[0] == "preview":
        shutil.copyfile(os.environ["FAKE_ENGINE_OVERLAY"], Path(arguments[1]) / "overlay.mp4")
        say(event="result", job=arguments[1], files=[], people=[])
        return 0
    video, out = Path(arguments[1]), Path(arguments[arguments.index("--out") + 1])
    if arguments[0] == "refine":
        out.touch()
        say(event="result", job=str(video), files=[str(out)], people=[4])
        return 0
    part = video.stem
    pause_s = float(os.environ.get("FAKE_ENGINE_PAUSE_S", "0"))
    if os.environ.get("FAKE_ENGINE_ARGUMENTS"):
        Path(os.environ["FAKE_ENGINE_ARGUMENTS"]).write_text(json.dumps(arguments))
    motion = walking(3.0, Fraction(30000, 1001))[0]
    say(event="progress", stage="detect", done=0, total=len(motion), fps=0.0, eta_s=None)
    if part == "crash":
        print("something went wrong deep inside", file=sys.stderr)
        return 70
    if part == "fail":
        say(event="error", message="no person was found in the video", exit_code=3)
        return 3
    if part == "hang":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(os.environ["FAKE_ENGINE_CHILD"]).write_text(str(child.pid))
        while True:
            time.sleep(1)
    if part == "garbage":
        for line in ("{", "[]", '{"event": 3}', '{"event": "progress", "done": "x", "total": []}', "\x00\xff", '"a"'):
            print(line, flush=True)
        say(event="pose", person_id="nobody", rotations_wxyz="many")
        say(event="result", people=7)
        return 0
    quats = rotmat_to_quat_wxyz(motion.local_rotmats())
    print("a line that is not JSON", flush=True)
    for frame in range(len(motion)):
        event = {"rest_joints": motion.skeleton.rest_joints.tolist()} if frame == 0 else {}
        say(
            event="pose",
            person_id=4,
            frame=frame,
            time_s=float(motion.times_s[frame]),
            rotations_wxyz=quats[frame].tolist(),
            transl=(motion.transl[frame] + [1.0, -2.0, -4.0]).tolist(),
            **event,
        )
        say(event="progress", stage="detect", done=frame + 1, total=len(motion), fps=25.0, eta_s=1.0)
        time.sleep(pause_s)
    say(event="warning", message="the camera's field of view is a guess")
    job = Path(arguments[arguments.index("--job") + 1]) if "--job" in arguments else out.with_suffix(".mocap")
    if arguments[0] == "import":
        job = Path(arguments[arguments.index("--people-folder") + 1])
    job.mkdir(exist_ok=True)
    if "--job" in arguments:
        (job / "job.json").write_text("{}")
    cameras = np.tile(np.eye(4), (len(motion), 1, 1))
    found = [4, 5] if part == "two" else [4]
    for number in found:
        record = MotionRecord(motion, cameras, np.eye(3), (640, 480), number, {"video": video.name})
        save_motion(job / f"motion_{number}.npz", record)
        save_body_mesh(job / f"body_{number}.npz", box_body(motion.skeleton))
    say(event="result", job=str(job), files=[str(out)], people=found)
    return 0


sys.exit(main(sys.argv[1:]))
