"""The arguments and the work of `mocap models`: list, add, check, export and remove the networks that read pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EngineError, InputError, OutputError
from .reporters import CommandReporter

if TYPE_CHECKING:
    from ..models.registry import InstalledModel


def add_models_parser(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add `mocap models` with its own commands to the command line."""
    text = "list, add, check and remove the networks that read pictures (nothing is downloaded)"
    kinds = command("models", text).add_subparsers(dest="models_command", required=True, metavar="WHAT")

    def kind(name: str, text: str) -> argparse.ArgumentParser:
        parser = kinds.add_parser(name, help=text, description=text)
        parser.add_argument("--json", action="store_true", help="print JSON")
        return parser

    kind("list", "the networks, whether they are added, under which licence, and what to download")
    add = kind("add", "check a downloaded checkpoint (.pth) or an exported network (.onnx) fully, then keep a copy")
    add.add_argument("name", metavar="NAME", help="name of the entry, as `mocap models list` shows it")
    add.add_argument("file", metavar="FILE", type=Path, help="the file you downloaded, trained or exported")
    add.add_argument("--link", action="store_true", help="leave the file where it is and remember its place")
    add.add_argument("--licence", default="", help="licence of the weights, for a network that is not in the list")
    add.add_argument(
        "--body", type=Path, metavar="FILE",
        help="your own SMPL file, or a checkpoint that carries a body, for weights that carry none",
    )  # fmt: skip
    verify = kind("verify", "read the added networks again: unchanged, loads, finite")
    verify.add_argument("name", metavar="NAME", nargs="?", help="one of them (default: all)")
    export = kind("export", "write an added network as an ONNX file that runs without PyTorch; it holds no body")
    export.add_argument("name", metavar="NAME", help="the added network")
    export.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="the file to write")
    export.add_argument("--fp16", action="store_true", help="keep weights in half precision: half the size")
    export.add_argument(
        "--flip",
        action="store_true",
        help="look at mirror images too, inside the file: a little better, twice the time",
    )
    remove = kind("remove", "forget a network and delete its copy")
    remove.add_argument("name", metavar="NAME")


def run_models(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    """Do what `mocap models ...` asks."""
    return _COMMANDS[arguments.models_command](arguments, reporter)


def _row(model: InstalledModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "state": "added" if model.path.is_file() else "file lost",
        "architecture": model.architecture.value,
        "format": str(model.format),
        "licence": model.licence,
        "blake2b": model.blake2b,
        "file": str(model.path),
        "body": model.body,
    }


def _list(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..models.catalogue import CATALOGUE
    from ..models.registry import installed_models

    rows = {
        entry.name: {
            "name": entry.name,
            "state": "not added",
            "architecture": entry.architecture.value,
            "licence": entry.licence,
            "download": entry.file_name,
            "from": entry.address,
            "publisher": entry.publisher,
        }
        for entry in CATALOGUE.values()
    }
    for name, model in installed_models().items():
        rows[name] = _row(model)
    if arguments.json:
        print(json.dumps(list(rows.values()), ensure_ascii=False))
        return 0
    for row in rows.values():
        title = CATALOGUE[row["name"]].title if row["name"] in CATALOGUE else "your own network"
        print(f"{row['name']}  ({title})\n  {row['state']}")
        if row["state"] == "not added":
            print(f"  download {row['download']}\n  from     {row['from']}\n  licence  {row['licence']}")
            print(f"  then     mocap models add {row['name']} {CATALOGUE[row['name']].command_file}")
        else:
            print(f"  file     {row['file']} ({row['format']})\n  blake2b  {row['blake2b']}")
            print(f"  licence  {row['licence']}")
    return 0


def _add(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..models.registry import add_model

    model = add_model(arguments.name, arguments.file, arguments.licence, arguments.body, link=arguments.link)
    if arguments.json:
        print(json.dumps(_row(model), ensure_ascii=False))
    else:
        print(f"added {model.name} ({model.architecture.value}): {model.path}\nlicence: {model.licence}")
    return 0


def _verify(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..models.registry import find_model, installed_models, verify_model

    names = [arguments.name] if arguments.name else list(installed_models())
    rows = []
    for name in names:
        try:
            verify_model(find_model(name))
            rows.append({"name": name, "ok": True, "message": "unchanged, loads, all weights finite"})
        except EngineError as error:
            if arguments.name and not arguments.json:
                raise
            rows.append({"name": name, "ok": False, "message": str(error)})
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for row in rows:
            print(f"{row['name']}  {'ok' if row['ok'] else 'FAILED'}  {row['message']}")
        if not rows:
            print("no networks were added; `mocap models list` says which there are")
    return 0 if all(row["ok"] for row in rows) else EngineError.exit_code


def _export(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..models.load import load_network
    from ..models.registry import find_model

    if arguments.out.suffix.lower() != ".onnx":
        raise InputError(f"--out is {arguments.out}, expected a name that ends in .onnx")
    if not arguments.out.absolute().parent.is_dir():
        raise OutputError(f"--out is {arguments.out}, but its folder does not exist; make it first")
    model = find_model(arguments.name)
    network = load_network(model)
    from ..models.onnx_export import export_network

    report = export_network(
        network,
        arguments.out,
        licence=model.licence,
        source=model.name,
        source_hash=model.blake2b,
        half=arguments.fp16,
        averages_mirror=arguments.flip,
    )
    if arguments.json:
        # JSON has no NaN.
        rotation = report.rotation_rad if report.rotation_rad == report.rotation_rad else None
        values = {"file": str(arguments.out), "bytes": report.size, "differences": report.differences}
        print(json.dumps({**values, "rotation_rad": rotation}, ensure_ascii=False))
        return 0
    print(f"wrote {arguments.out} ({report.size / 1e6:.1f} MB, without a body)\nlicence: {model.licence}")
    print("largest differences from the network, over three pictures of noise:")
    for name, value in report.differences.items():
        print(f"  {name:<16} {value:.1e}")
    print(f"  rotations        {report.rotation_rad:.1e} rad")
    body = f" --body {model.body}" if model.body else " --body YOUR_SMPL_FILE"
    print(f"to use it: mocap models add {arguments.name} {arguments.out}{body}")
    return 0


def _remove(arguments: argparse.Namespace, reporter: CommandReporter) -> int:
    from ..models.registry import remove_model

    folder = remove_model(arguments.name)
    print(json.dumps({"removed": str(folder)}) if arguments.json else f"removed {folder}")
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace, CommandReporter], int]] = {
    "list": _list,
    "add": _add,
    "verify": _verify,
    "export": _export,
    "remove": _remove,
}
"""Every `mocap models` command by name."""
