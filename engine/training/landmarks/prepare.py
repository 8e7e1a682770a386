"""Prepares the training data of the landmark network: `python -m engine.training.landmarks.prepare`."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import InputError
from rig.atomic_file import replacing

from .bodies import mean_skeleton
from .motion_corpus import CORPUS_FILE, CORPUS_FPS, Corpus, build_corpus, motion_files

FORMAT = 3
VALIDATION_SHARE = 0.07


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when the data lie there, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m engine.training.landmarks.prepare", description=__doc__)
    parser.add_argument("--motion", type=Path, nargs="+", required=True, help="folders of motion to train on")
    parser.add_argument("--test", type=Path, nargs="*", default=[], help="folders of motion to report on only")
    parser.add_argument("--validation", nargs="*", help="beginnings of the clip ids kept for validation")
    parser.add_argument("--out", type=Path, required=True, help="folder for the prepared data")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        made = prepare(options.motion, options.test, options.validation, options.out, options.seed)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(made + "\n")
    return 0


def prepare(
    motion: Sequence[Path], test: Sequence[Path], validation: Sequence[str] | None, out: Path, seed: int
) -> str:
    """Write the motion and notes on it into `out` unless they are there for the same input; a summary in words.

    Raises InputError for folders without motion.
    """
    train_files, test_files = motion_files(motion), motion_files(test)
    key = _key([*train_files, *test_files], [len(train_files), list(validation or ()), seed])
    notes = out / "motion.json"
    if (out / CORPUS_FILE).is_file() and notes.is_file():
        known = json.loads(notes.read_text())
        if known["key"] == key:
            return str(known["summary"])
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    left_out: list[str] = []
    skeleton = mean_skeleton()
    corpus = build_corpus(train_files, skeleton, lambda _: "train", left_out.append)
    chosen = tuple(validation) if validation else _draw_subjects(corpus, seed)
    kept = np.array([clip_id.startswith(chosen) for clip_id in corpus.ids.tolist()])
    corpus.splits[:] = np.where(kept, "validation", "train")
    if test_files:
        corpus = _joined(corpus, build_corpus(test_files, skeleton, lambda _: "test", left_out.append))
    corpus.save(out / CORPUS_FILE)
    summary = _summary(corpus, left_out, time.perf_counter() - began)
    with replacing(notes) as temporary:
        temporary.write_text(json.dumps({"key": key, "validation": chosen, "summary": summary}, indent=1))
    return summary


def _key(files: Sequence[Path], settings: list[object]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([FORMAT, settings]).encode())
    for path in files:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def subject_of(clip_id: str) -> str:
    """Who moves, as far as a clip's id tells: its first two words."""
    return "_".join(clip_id.split("_")[:2]) + "_"


def _draw_subjects(corpus: Corpus, seed: int) -> tuple[str, ...]:
    """Small subjects at random until they hold VALIDATION_SHARE of the frames."""
    frames: Counter[str] = Counter()
    for clip_id, start, end in zip(corpus.ids.tolist(), corpus.starts, corpus.ends, strict=True):
        frames[subject_of(clip_id)] += int(end - start)
    total, chosen, held = sum(frames.values()), [], 0
    subjects = sorted(frames)
    for k in np.random.default_rng(seed).permutation(len(subjects)):
        if held + frames[subjects[k]] <= VALIDATION_SHARE * total:
            chosen.append(subjects[k])
            held += frames[subjects[k]]
    return tuple(chosen or subjects[:1])


def _joined(first: Corpus, second: Corpus) -> Corpus:
    shift = {"starts": first.ends[-1], "ends": first.ends[-1]}
    names = Corpus.__dataclass_fields__
    return Corpus(
        **{
            n: np.concatenate([getattr(first, n), getattr(second, n) + shift[n] if n in shift else getattr(second, n)])
            for n in names
        }
    )


def _summary(corpus: Corpus, left_out: list[str], seconds: float) -> str:
    lines = [f"{len(corpus.ids)} clips, {len(corpus.pelvis)} frames, {len(corpus.pelvis) / CORPUS_FPS / 60:.1f} min, "
             f"made in {seconds:.0f} s"]  # fmt: skip
    for split in ("train", "validation", "test"):
        frames: dict[str, int] = defaultdict(int)
        for category, which, start, end in zip(
            corpus.categories, corpus.splits, corpus.starts, corpus.ends, strict=True
        ):
            if which == split:
                frames[str(category)] += int(end - start)
        parts = ", ".join(
            f"{c} {n / CORPUS_FPS / 60:.1f}" for c, n in sorted(frames.items(), key=lambda item: -item[1])
        )
        lines.append(f"{split}: {sum(frames.values())} frames; minutes: {parts}")
    return "\n".join(lines + left_out)


if __name__ == "__main__":
    sys.exit(main())
