"""Renders people with a joint covered by bars, circles and rectangles of five sizes, and runs the detector on them.

    python -m engine.training.landmarks.render_occluded --motion clips.npz --out FOLDER --sequences 8 --seed 9
    mocap evaluate landmarks FOLDER

The pattern (see `occlusion`) follows one joint of each person through the clip. Needs what `render_pairs` needs.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np

from engine.body.open_body import load_open_body
from engine.poses import BLAZEPOSE
from rig.array_file import save_arrays

from .motion_clips import read_clips
from .occlusion import DEGREES, UNCOVERED, Pattern, cover, crop_side, folder_name
from .render_pairs import detect_in, make_sequence, true_landmarks_px
from .rendering.painter import Painter
from .rendering.performance import SHORTEST_FRAMES

_COVERED = tuple(
    BLAZEPOSE[f"{side}_{part}"]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)

_log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Render and cover what is asked for; returns 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--motion", type=Path, nargs="+", required=True, help="npz files of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder of the folders of sequences")
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    clips = [clip for path in options.motion for clip in read_clips(path) if len(clip.root) >= SHORTEST_FRAMES]
    body = load_open_body()
    variants: list[tuple[str, Pattern | None, int]] = [(UNCOVERED, None, 0)]
    variants += [(folder_name(pattern, degree), pattern, degree) for pattern in Pattern for degree in DEGREES]
    for name, _, _ in variants:
        (options.out / name).mkdir(parents=True, exist_ok=True)
    with Painter(body) as painter:
        for index in range(options.sequences):
            file = f"{options.seed}_{index:05d}.npz"
            if all((options.out / name / file).exists() for name, _, _ in variants):
                continue
            arrays, pictures = make_sequence(np.random.default_rng([options.seed, index]), body, painter, clips)
            truth_px = true_landmarks_px(arrays, body.skeleton(arrays["betas"]))
            rng = np.random.default_rng([options.seed, index, 1])
            joint, angle = rng.choice(_COVERED), rng.uniform(0.0, np.pi)
            for name, pattern, degree in variants:
                seen = pictures
                if pattern is not None:
                    seen = [
                        cover(picture, landmarks[joint], crop_side(landmarks), pattern, degree, angle)
                        for picture, landmarks in zip(pictures, truth_px, strict=True)
                    ]
                save_arrays(options.out / name / file, arrays | detect_in(seen, arrays, truth_px))
            _log.info("%s: %d frames, landmark %d covered", file, len(pictures), joint)
    return 0


if __name__ == "__main__":
    sys.exit(main())
