"""The arguments of every `mocap` command, made from the one definition of the settings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rig.game_engines import PRESETS

from .. import __version__
from ..settings import load_toml, setting_fields, settings_from
from .model_commands import add_models_parser
from .people_command import add_people_arguments
from .training_commands import add_dataset_parser, add_train_parser

FORMATS = ("fbx", "glb", "bvh", "npz", "blend", "usdc", "pk")


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        # Settings are parsed with an absent default, so that a TOML file can stand behind the command line.
        shown = getattr(action, "shown_default", None)
        if shown is None:
            return action.help
        return f"{action.help} (default: {shown})"


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; builds in milliseconds and imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="mocap", description="Mocap from video: a video of people to a keyframed SMPL armature.",
        formatter_class=_Formatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"swingtwist {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, formatter_class=_Formatter)

    run = command("run", "capture one video and write the animation")
    run.add_argument("video", help="video file, folder or pattern of images (shot_%%04d.png), or webcam:0")
    _add_out(run)
    _add_job(run)
    _add_progress(run)
    _add_settings(run, ())

    batch = command("batch", "capture every video of a folder or pattern, resumable, one job folder each")
    batch.add_argument("videos", nargs="+", help="folders, files or quoted patterns such as 'clips/*.mp4'")
    batch.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for results and jobs")
    batch.add_argument(
        "--format", nargs="+", choices=FORMATS, default=["fbx"], dest="formats", help="formats to write for each video"
    )
    _add_progress(batch)
    _add_settings(batch, ())

    refine = command("refine", "redo smoothing, feet, root motion and export of jobs, without the network")
    refine.add_argument("jobs", nargs="+", type=Path, metavar="JOB", help="job folders")
    _add_out(refine, required=False)
    _add_progress(refine)
    _add_settings(refine, ("video", "detection"))

    worker = command(
        "worker", "refine one job again and again: settings as a JSON object a line on standard input, answers likewise"
    )
    worker.add_argument("job", type=Path, metavar="JOB", help="job folder")
    _add_progress(worker)

    imported = command(
        "import",
        "turn a file of another program into the same outputs: AMASS, GVHMR, WHAM, PHALP and 4D-Humans, HybrIK, BVH, "
        "HumanML3D joints, motion.npz",
    )
    imported.add_argument("file", type=Path, metavar="FILE", help="the file; what it holds decides how it is read")
    imported.add_argument(
        "--fps", dest="source_fps", metavar="FPS",
        help="rate of the file's frames (25, 29.97, 30000/1001), for files that do not hold it, or hold a wrong one",
    )  # fmt: skip
    imported.add_argument(
        "--up", choices=("file", "y", "z"), default="file",
        help="axis that is up in the file's world; file is what files of its kind have",
    )  # fmt: skip
    imported.add_argument(
        "--raw", action="store_true", help="keep rotations and path as they are: no cleaning, no floor, no foot lock"
    )
    imported.add_argument(
        "--people-folder", type=Path, metavar="DIR",
        help="also keep motion_<id>.npz and body_<id>.npz of every person in this folder",
    )  # fmt: skip
    _add_out(imported)
    _add_progress(imported)
    _add_settings(imported, ("video", "detection", "people", "ik"), renamed={"fps": "output-fps"})

    people = command("people", "find the people of a video and list them; split and merge their tracks")
    add_people_arguments(people)
    _add_progress(people)
    _add_settings(people, ("people", "camera", "body", "motion", "output"))

    preview = command("preview", "write an overlay video and a contact sheet of a job")
    preview.add_argument("job", type=Path, metavar="JOB", help="job folder")
    _add_progress(preview)

    info = command("info", "print what will be read of a video: rate, variable rate, rotation, duration")
    info.add_argument("video", help="video file, folder or pattern of images")
    info.add_argument("--json", action="store_true", help="print one JSON object")

    doctor = command("doctor", "say what is installed, what is missing and the command that fixes it")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")

    add_models_parser(command)
    add_train_parser(command)

    evaluate = command("evaluate", "measure against reference numbers or the truth of a clip")
    kinds = evaluate.add_subparsers(dest="evaluation", required=True, metavar="WHAT")
    parity = kinds.add_parser("parity", help="compare with a folder of reference numbers", formatter_class=_Formatter)
    parity.add_argument("folder", type=Path, help="folder with ik.npz, lbs.npz, tolerances.json, seed.txt")
    lifters = kinds.add_parser(
        "landmarks", help="compare lifters on motion or rendered clips with truth", formatter_class=_Formatter
    )
    lifters.add_argument("data", type=Path, help="folder of engine.training.landmarks.prepare or .render_pairs")
    lifters.add_argument("--network", type=Path, help="ONNX file of engine.training.landmarks.export")
    lifters.add_argument("--martinez", type=Path, help="weights of the baseline of engine.training.landmarks.train")
    lifters.add_argument(
        "--ablations", action="store_true", help="also rows without parts of what surrounds the network"
    )
    lifters.add_argument(
        "--trained-without", nargs="+", default=(), metavar="PART=FILE",
        help="also rows of networks trained without lens, learned-errors, roll or nothing (for comparison)",
    )  # fmt: skip
    lifters.add_argument(
        "--every", type=int, default=1, metavar="N", help="use each Nth sequence only, for a quick look"
    )
    clip = kinds.add_parser("clip", help="capture a video and compare with its truth", formatter_class=_Formatter)
    clip.add_argument("video", help="video file")
    clip.add_argument("--truth", required=True, type=Path, help="npz with joint_names, joints_camera_m, times_s")
    clip.add_argument("--json", action="store_true", help="print one JSON object")
    _add_job(clip)
    _add_progress(clip)
    _add_settings(clip, ())
    add_dataset_parser(kinds.add_parser)
    return parser


def settings_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings the user gave: those of --preset, under --settings FILE's, under the command line's."""
    values: dict[str, Any] = {}
    if arguments.preset is not None:
        values.update(PRESETS[arguments.preset])
    if arguments.settings is not None:
        written = load_toml(arguments.settings)
        settings_from(written, str(arguments.settings))
        values.update(written)
    for item in setting_fields():
        given = getattr(arguments, f"set_{item.name}", None)
        if given is not None:
            values[item.name] = given
    return values


def _add_out(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--out", action="append", required=required, type=Path, metavar="FILE",
        help=f"file to write, repeat for several; the ending decides: {', '.join('.' + f for f in FORMATS)}; "
        ".amass.npz is AMASS' layout",
    )  # fmt: skip


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--job", type=Path, metavar="DIR", help="job folder (default: the first --out with the ending .mocap)"
    )


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress", choices=("auto", "bar", "json", "none"), default="auto",
        help="bar, or one JSON object a line for programs; auto is a bar on a terminal (default: auto)",
    )  # fmt: skip
    parser.add_argument("--progress-poses", action="store_true", help="with json: also each frame's preliminary pose")


def _add_settings(
    parser: argparse.ArgumentParser, left_out: tuple[str, ...], renamed: Mapping[str, str] = MappingProxyType({})
) -> None:
    parser.add_argument("--settings", type=Path, metavar="TOML", help="file with any of the settings below")
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), help="game engine that the output is for; says what bones are called"
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for item in setting_fields():
        name, meta = item.name, item.metadata
        if meta["group"] in left_out or name in left_out:
            continue
        if meta["group"] not in groups:
            groups[meta["group"]] = parser.add_argument_group(meta["group"])
        group = groups[meta["group"]]
        flag = "--" + renamed.get(name, name).replace("_", "-")
        if isinstance(item.default, bool):
            action = group.add_argument(
                flag, dest=f"set_{name}", action=argparse.BooleanOptionalAction, default=None, help=meta["help"]
            )
        else:
            action = group.add_argument(
                flag, dest=f"set_{name}", type=type(item.default), choices=meta["choices"] or None,
                metavar=meta["metavar"] or None, default=None, help=meta["help"].replace("%", "%%"),
            )  # fmt: skip
        shown = {True: "yes", False: "no", "": "none"}.get(item.default, item.default)
        if isinstance(item.default, (int, float)) and not isinstance(item.default, bool):
            shown = item.default
        action.shown_default = shown  # type: ignore[attr-defined]
