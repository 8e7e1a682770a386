"""Peak memory of capturing a long video beside a short one of the same pictures.

    python benchmarks/memory.py VIDEO [--short 10 --long 600]

The clip is repeated without re-encoding until it is long enough. Peaks are of the largest single process.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import av


def loop_video(source: str, target: Path, seconds: float) -> None:
    """Repeat the packets of `source` into `target` until it lasts `seconds`."""
    with av.open(str(target), "w") as output:
        stream, offset = None, 0
        while True:
            with av.open(source) as container:
                video = container.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                end = 0
                for packet in container.demux(video):
                    if packet.dts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.pts += offset
                    packet.dts += offset
                    packet.stream = stream
                    if packet.pts * video.time_base > seconds:
                        return
                    output.mux(packet)
                offset += end


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
sys.exit(code)
"""


def peak_mb(video: Path) -> float:
    """Largest resident size of any process of one `mocap run` to npz, MiB."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", MEASURE, sys.executable, "-m", "engine", "run", str(video)]
        command += ["--out", str(Path(folder) / "x.npz")]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--short", type=float, default=10.0, help="seconds")
    parser.add_argument("--long", type=float, default=600.0, help="seconds")
    arguments = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (arguments.short, arguments.long):
            path = Path(folder) / f"{seconds:.0f}.mp4"
            loop_video(arguments.video, path, seconds)
            peaks.append(peak_mb(path))
            print(f"{seconds:6.0f} s of video: peak {peaks[-1]:.0f} MiB")
    print(f"difference {peaks[1] - peaks[0]:.0f} MiB (wanted: within 150)")


if __name__ == "__main__":
    main()
