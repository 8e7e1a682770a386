"""Build the installable Blender add-on: dist/swingtwist-VERSION.zip.

One top folder with bl_info and a manifest, so that the same file installs as an add-on from Blender 3.4 on and as
an extension from 4.2 on; the pure core `rig` is copied inside, and the engine's wheel rides along as data, from which
the add-on sets the engine up. The same sources always give the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ADDON = "swingtwist"
OLDEST_PYTHON = (3, 10)  # Blender 3.4's
WHEEL_FOLDER = "wheel"  # where blender_addon/engine_wheel.py looks
_SUFFIXES = (".py", ".toml", ".md", ".txt", ".whl")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_EPOCH_S = "315532800"
_WHEEL_SOURCES = ("rig", "engine", "blender_addon", "pyproject.toml", "README.md", "LICENSE")


def version() -> str:
    """The version the engine declares."""
    text = (ROOT / "engine" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    if found is None:
        raise SystemExit("engine/__init__.py declares no __version__")
    return found[1]


def stage(folder: Path) -> Path:
    """Lay the add-on out in `folder` as it is installed; the add-on's folder."""
    target = folder / ADDON
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "blender_addon", target, ignore=ignore)
    shutil.copytree(ROOT / "rig", target / "rig", ignore=ignore)
    manifest, init, wanted = target / "blender_manifest.toml", target / "__init__.py", version()
    _replace(manifest, r'(?m)^version = ".*"$', f'version = "{wanted}"')
    _replace(init, r'"version": \(.*?\)', f'"version": ({", ".join(wanted.split("."))})')
    for source in target.rglob("*.py"):
        ast.parse(source.read_text(encoding="utf-8"), str(source), feature_version=OLDEST_PYTHON)
    return target


def build_wheel(out: Path) -> Path:
    """Build the engine's wheel into the folder `out`; its path. The source tree is left as it is."""
    with tempfile.TemporaryDirectory() as scratch:
        sources = Path(scratch)
        for name in _WHEEL_SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copyfile(ROOT / name, sources / name)
        for path in sources.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # A setuptools that is here builds without the network; elsewhere pip fetches one for the build.
        here = ["--no-build-isolation"] if _can_build_wheels() else []
        command = [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "wheel",
            "--no-deps",
            *here,
            "--wheel-dir",
            str(out),
            scratch,
        ]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH_S, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the engine's wheel cannot be built:\n{done.stderr}")
    return next(out.glob(f"swingtwist-{version()}-*.whl"))


def _can_build_wheels() -> bool:
    """Whether setuptools is here with the command for wheels: its own since 70.1, the package wheel's before."""
    found = importlib.util.find_spec
    return bool(found("setuptools") and (found("wheel") or found("setuptools.command.bdist_wheel")))


def build(out: Path, with_engine: bool = True) -> Path:
    """Write the zip into the folder `out`, with the engine's wheel or without; its path."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{ADDON}-{version()}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        staged = stage(Path(scratch))
        if with_engine:
            build_wheel(staged / WHEEL_FOLDER)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for source in sorted(staged.rglob("*")):
                if source.is_file() and source.suffix in _SUFFIXES:
                    entry = zipfile.ZipInfo(source.relative_to(staged.parent).as_posix(), _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.external_attr = 0o644 << 16
                    archive.writestr(entry, source.read_bytes())
    return path


def validator() -> list[str] | None:
    """The command of Blender's own validator, to be followed by the zip's path; None where no Blender has one."""
    spec = importlib.util.find_spec("bpy")
    if spec is not None and spec.submodule_search_locations:
        module = Path(next(iter(spec.submodule_search_locations)))
        for tool in sorted(module.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")):
            return [sys.executable, str(tool), "validate"]
    program = shutil.which("blender")
    if program is not None:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"Blender (\d+)\.(\d+)", told)
        if found and (int(found[1]), int(found[2])) >= (4, 2):
            return [program, "--command", "extension", "validate"]
    return None


def _replace(path: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{path.name} has {count} places that look like a version, expected one")
    path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the installable Blender add-on.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zip (default: dist)")
    parser.add_argument("--no-engine", action="store_true", help="leave the engine out: the user names one")
    arguments = parser.parse_args()
    path = build(arguments.out, with_engine=not arguments.no_engine)
    sys.stdout.write(f"{path} ({path.stat().st_size} bytes)\n")
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".whl"):
                sys.stdout.write(f"  with the engine's {Path(entry.filename).name} ({entry.file_size} bytes)\n")
    command = validator()
    if command is None:
        sys.stdout.write("not validated: no Blender of 4.2 or later here\n")
        return 0
    return subprocess.run([*command, str(path)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
