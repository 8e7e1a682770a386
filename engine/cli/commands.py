"""What each `mocap` command does; heavy modules are imported only by the command that needs them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..errors import EngineError, InputError
from ..settings import Settings, settings_from
from .arguments import settings_values
from .model_commands import run_models
from .people_command import run_people
from .reporters import CommandReporter
from .training_commands import run_evaluate_dataset, run_train


def _settings(arguments: argparse.Namespace, base: Settings | None = None) -> Settings:
    values = settings_values(arguments)
    return settings_from({**(asdict(base) if base else {}), **values}, "command line")


def _run(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..pipeline import capture

    outputs: list[Path] = arguments.out
    folder = arguments.job or outputs[0].with_suffix(".mocap")
    job, people = capture(arguments.video, outputs, _settings(arguments), folder, reporter)
    reporter.result(str(job.folder), list(job.files), people)
    return 0


def _refine(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..job import open_job
    from ..pipeline import refine_job

    if arguments.out and len(arguments.jobs) > 1:
        raise InputError(f"--out names one result but {len(arguments.jobs)} jobs are given; refine them one by one")
    for folder in arguments.jobs:
        job = open_job(folder)
        outputs = arguments.out or [Path(path) for path in job.outputs]
        job, people = refine_job(job, outputs, _settings(arguments, job.settings), reporter)
        reporter.result(str(job.folder), list(job.files), people)
    return 0


def _worker(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..refine_worker import serve_refinements

    # Unbuffered: a thread that waits for the next line must not hold a lock when the program ends.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as lines:
        serve_refinements(
            arguments.job, lines, lambda answer: print(json.dumps(answer, ensure_ascii=False), flush=True)
        )
    return 0


def _batch(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..batch import find_videos, run_batch
    from ..outputs import check_outputs

    videos = find_videos(arguments.videos)
    settings = _settings(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    check_outputs([arguments.out / f"result.{ending}" for ending in arguments.formats], settings.character)
    rows = []
    for row in run_batch(videos, arguments.out, arguments.formats, settings, reporter):
        rows.append(row)
        if row.status == "failed":
            reporter.warning(f"{row.video}: {row.message}")
    failed = [row for row in rows if row.status == "failed"]
    reporter.result(str(arguments.out), [file for row in rows for file in row.files], [])
    if arguments.progress != "json":
        width = max(len(row.video.name) for row in rows)
        for row in rows:
            detail = row.message if row.status == "failed" else ", ".join(Path(file).name for file in row.files)
            print(f"{row.video.name:<{width}}  {row.status:<6}  {detail}")
        print(f"{len(rows) - len(failed)} of {len(rows)} videos captured, {len(failed)} failed")
    return EngineError.exit_code if failed else 0


def _import(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from rig.timing import parse_rate

    from ..importing.importers import ImportRequest, UpAxis
    from ..importing.run_import import import_file

    fps = None if arguments.source_fps is None else parse_rate(arguments.source_fps)
    request = ImportRequest(fps, _settings(arguments), UpAxis(arguments.up))
    folder: Path | None = arguments.people_folder
    files, people = import_file(
        arguments.file, arguments.out, request, reporter, raw=arguments.raw, people_folder=folder
    )
    reporter.result("" if folder is None else str(folder), [str(path) for path in files], people)
    return 0


def _people(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    return run_people(arguments, settings_values(arguments), reporter)


def _preview(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..job import open_job
    from ..preview.job_preview import preview_job

    job = open_job(arguments.job)
    files = preview_job(job, reporter)
    reporter.result(str(job.folder), [str(path) for path in files], [])
    return 0


def _info(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..video import probe

    info = probe(arguments.video)
    values = {
        "video": str(arguments.video),
        "size": list(info.size),
        "fps": str(info.fps),
        "variable_rate": info.is_variable_rate,
        "rotation_deg": info.rotation_deg,
        "duration_s": info.duration_s,
        "frames": info.frame_count,
        "codec": info.codec,
    }
    if arguments.json:
        print(json.dumps(values, ensure_ascii=False))
        return 0
    values["size"] = f"{info.size[0]} x {info.size[1]} px"
    values["fps"] = f"{info.fps} ({float(info.fps):.3f}/s)" if info.fps.denominator != 1 else f"{info.fps}/s"
    values["variable_rate"] = (
        f"yes, {info.lowest_fps:.1f} to {info.highest_fps:.1f}/s" if info.is_variable_rate else "no"
    )
    values["duration_s"] = f"{info.duration_s:.3f}"
    values["frames"] = "unknown" if info.frame_count is None else info.frame_count
    for name, value in values.items():
        print(f"{name:<14} {value}")
    return 0


def _doctor(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..doctor import diagnose, format_findings

    findings = diagnose()
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, default=str))
    else:
        print(format_findings(findings))
    return 0


def _evaluate(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    kinds = {
        "parity": _evaluate_parity,
        "clip": _evaluate_clip,
        "landmarks": _evaluate_landmarks,
        "dataset": run_evaluate_dataset,
    }
    return kinds[arguments.evaluation](arguments, reporter)


def _evaluate_parity(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..evaluation.parity import ParityStatus, evaluate_parity, format_parity

    rows = evaluate_parity(arguments.folder)
    print(format_parity(rows))
    return EngineError.exit_code if any(row.status is ParityStatus.FAIL for row in rows) else 0


def _evaluate_landmarks(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..training.landmarks.evaluate import evaluate_folder
    from ..training.landmarks.ingredients import network_without

    others = [network_without(text) for text in arguments.trained_without]
    print(
        evaluate_folder(
            arguments.data, arguments.network, arguments.martinez, arguments.ablations, others, arguments.every
        )
    )
    return 0


def _evaluate_clip(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..evaluation.capture_clip import capture_and_score
    from ..evaluation.clip import format_scores

    scores = capture_and_score(arguments.video, arguments.truth, _settings(arguments), arguments.job, reporter)
    print(json.dumps(scores.as_dict()) if arguments.json else format_scores(scores))
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace, CommandReporter], int]] = {
    "run": _run,
    "refine": _refine,
    "worker": _worker,
    "batch": _batch,
    "people": _people,
    "preview": _preview,
    "info": _info,
    "doctor": _doctor,
    "import": _import,
    "models": run_models,
    "train": run_train,
    "evaluate": _evaluate,
}
"""Every command by name."""
