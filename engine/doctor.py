"""Looks at what is installed and says what is missing and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from .errors import EngineError

_PROBE_TIMEOUT_S = 90.0
_LOW_DISK_GB = 2.0
_READS = ("h264", "hevc", "vp9", "av1", "mpeg4", "prores")


class Status(StrEnum):
    """How a finding stands."""

    OK = "ok"
    MISSING = "missing"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its name, how it stands, what was found, and the one command or step that mends it."""

    name: str
    status: Status
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class _Package:
    """A Python package: its distribution name, lowest version, and what needs it ("" when everything does)."""

    name: str
    lowest: tuple[int, ...]
    fix: str
    needed_for: str = ""
    below: tuple[int, ...] = ()


_INSTALL = f'"{sys.executable}" -m pip install'

_PACKAGES = (
    _Package("numpy", (1, 26), f'{_INSTALL} "numpy>=1.26,<2"', below=(2,)),
    _Package("scipy", (1, 11), f'{_INSTALL} "scipy>=1.11"'),
    _Package("av", (18,), f'{_INSTALL} "av>=18,<19"', below=(19,)),
    _Package("mediapipe", (0, 10, 21), f"{_INSTALL} mediapipe==0.10.21"),
    _Package("array-api-compat", (1, 9), f'{_INSTALL} "array-api-compat>=1.9"'),
    _Package(
        "onnxruntime", (1, 20), f'{_INSTALL} "onnxruntime>=1.20,<2"', needed_for="--lifting learned, exported --model"
    ),
    _Package("torch", (2, 7), f'{_INSTALL} "torch>=2.7"', needed_for="image networks (--model), and smplx"),
    _Package("smplx", (0, 1, 28), f'{_INSTALL} "smplx>=0.1.28"', needed_for="an SMPL file as a torch layer"),
)

_PROBES = {
    "mediapipe": "from mediapipe.tasks.python import vision; print('loads')",
    "bpy": "import bpy, os; print(bpy.app.version_string, flush=True); os._exit(0)",
    "torch": "import torch as t; print(t.cuda.get_device_name(0) if t.cuda.is_available() else '')",
}
"""Packages with compiled parts, tried in a Python of their own: what fails there cannot take this one down."""


def diagnose() -> list[Finding]:
    """Look at Python, packages, models, Blender, GPU, codecs and disk; a few seconds, raises nothing."""
    from .doctor_models import model_findings

    # All start first and are read later, so that the slowest alone decides how long this takes.
    probes = {name: _start_probe(code) for name, code in _PROBES.items() if _is_installed(name)}
    program = shutil.which("blender")
    if program:
        probes["blender"] = _start([program, "--version"])
    smi = shutil.which("nvidia-smi")
    if smi:
        probes["nvidia-smi"] = _start([smi, "--query-gpu=name,memory.total", "--format=csv,noheader"])
    findings = [_python(), *map(_package, _PACKAGES), *_opencv(), _codecs()]
    results = {name: _finish(process) for name, process in probes.items()}
    findings += [_detector_loads(results.get("mediapipe")), _detector_models(), _body(), _blender(results, program)]
    findings += model_findings()
    findings += [_gpu(results), _cache(), _disk()]
    return findings


def format_findings(findings: list[Finding]) -> str:
    """The findings as lines of name, status and detail, each problem followed by what mends it."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.name:<{width}}  {finding.status.value:<7}  {finding.detail}".rstrip())
        if finding.fix and finding.status is not Status.OK:
            lines.append(f"{'':<{width}}  {'':<7}  fix: {finding.fix}")
    return "\n".join(lines)


def _python() -> Finding:
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return Finding("Python", Status.OK, detail)
    return Finding("Python", Status.WARNING, f"{detail}; tested with 3.11 and 3.12", "install Python 3.11")


def _package(package: _Package) -> Finding:
    version = _version(package.name)
    if version is None:
        detail = f"not installed; only needed for {package.needed_for}" if package.needed_for else "not installed"
        return Finding(package.name, Status.MISSING, detail, package.fix)
    numbers = _numbers(version)
    if numbers < package.lowest or (package.below and numbers >= package.below):
        limit = f" and below {_dotted(package.below)}" if package.below else ""
        detail = f"{version}, expected at least {_dotted(package.lowest)}{limit}"
        return Finding(package.name, Status.WARNING, detail, package.fix)
    return Finding(package.name, Status.OK, version)


def _opencv() -> list[Finding]:
    names = ("opencv-contrib-python", "opencv-python", "opencv-python-headless", "opencv-contrib-python-headless")
    found = [name for name in names if _version(name) is not None]
    if len(found) > 1:
        detail = f"{' and '.join(found)} overwrite each other's cv2"
        spare = " ".join(found)
        fix = f"{_INSTALL[: -len('install')]}uninstall -y {spare} && {_INSTALL} --force-reinstall --no-deps {names[0]}"
        return [Finding("OpenCV", Status.WARNING, detail, fix)]
    if not found:
        return [Finding("OpenCV", Status.MISSING, "not installed", f"{_INSTALL} {names[0]}")]
    return [Finding("OpenCV", Status.OK, f"{found[0]} {_version(found[0])}")]


def _codecs() -> Finding:
    fix = f'{_INSTALL} --force-reinstall "av>=18,<19"'
    try:
        import av
    except (ImportError, OSError) as error:
        return Finding("video codecs", Status.MISSING, f"PyAV does not load: {_one_line(str(error))}", fix)

    def has(name: str, mode: Literal["r", "w"]) -> bool:
        try:
            av.codec.Codec(name, mode)
        except (ValueError, OSError):
            return False
        return True

    reads = [name for name in _READS if has(name, "r")]
    writes = [name for name in ("libx264", "mpeg4") if has(name, "w")]
    detail = f"reads {', '.join(reads) or 'nothing'}; writes {', '.join(writes) or 'nothing'}"
    complete = len(reads) == len(_READS) and bool(writes)
    return Finding("video codecs", Status.OK if complete else Status.WARNING, detail, fix)


def _detector_loads(result: _Result | None) -> Finding:
    if result is None:
        return Finding("person detector", Status.MISSING, "mediapipe is not installed", _PACKAGES[3].fix)
    if result.ok:
        return Finding("person detector", Status.OK, "mediapipe loads")
    fix = "sudo apt-get install libgl1 libegl1 libgles2 libglib2.0-0" if sys.platform.startswith("linux") else ""
    detail = f"mediapipe does not load: {result.complaint}"
    return Finding("person detector", Status.MISSING, detail, fix or f"{_PACKAGES[3].fix} --force-reinstall")


def _detector_models() -> Finding:
    name, fix = "detector models", f"{_PACKAGES[3].fix} --force-reinstall"
    packed = sorted((Path(__file__).parent / "assets").glob("*.task"))
    if packed:
        return Finding(name, Status.OK, f"{packed[0].name}, packed with the program")
    folder = _package_folder("mediapipe")
    models = ("modules/pose_detection/pose_detection.tflite", "modules/pose_landmark/pose_landmark_full.tflite")
    if folder is not None and all((folder / model).is_file() for model in models):
        return Finding(name, Status.OK, "inside the mediapipe package")
    return Finding(name, Status.MISSING, "neither packed with the program nor inside the mediapipe package", fix)


def _body() -> Finding:
    path = Path(__file__).parent / "assets" / "open_body.npz"
    if path.is_file():
        return Finding("open body", Status.OK, f"{path.stat().st_size / 1e6:.1f} MB, packed with the program")
    return Finding("open body", Status.MISSING, f"{path} is missing", f"{_INSTALL} --force-reinstall swingtwist")


def _blender(results: dict[str, _Result], program: str | None) -> Finding:
    fix = f"{_INSTALL} bpy==5.0.1" if sys.version_info[:2] == (3, 11) else "install Blender from blender.org"
    found, broken = [], []
    for name, label in (("bpy", "bpy package"), ("blender", program or "")):
        result = results.get(name)
        if result is not None and result.ok:
            # Blender may log a line with the time of day first.
            version = re.search(r"^(?:Blender )?(\d+\.\d+\.\d+)", result.text, re.MULTILINE)
            found.append(f"{label} {version.group(1) if version else ''}".strip())
        elif result is not None:
            broken.append(f"{label} does not start: {result.complaint}")
    named = _named_blender()
    if named:
        broken.append(named)
    if found:
        return Finding("Blender", Status.WARNING if broken else Status.OK, "; ".join(found + broken), fix)
    detail = "; ".join(broken) or "neither the bpy package nor a blender program was found"
    return Finding("Blender", Status.MISSING, f"{detail}; needed for FBX, GLB, USD and .blend", fix)


def _named_blender() -> str:
    """What is wrong with the Blender that the user named in the environment, or nothing."""
    try:
        from .export.blender import BLENDER_VARIABLE, find_blender
    except ImportError:
        return ""  # without NumPy, which has a finding of its own
    if not os.environ.get(BLENDER_VARIABLE):
        return ""
    try:
        find_blender()
    except EngineError as error:
        return f"{BLENDER_VARIABLE}: {error}"
    return ""


def _gpu(results: dict[str, _Result]) -> Finding:
    torch, smi = results.get("torch"), results.get("nvidia-smi")
    cards = "; ".join(smi.text.splitlines()) if smi is not None and smi.ok else ""
    if torch is not None and torch.ok and torch.text:
        return Finding("GPU", Status.OK, f"torch computes on {torch.text}")
    if not cards:
        return Finding("GPU", Status.OK, "none found; everything runs on the CPU")
    if torch is None:
        return Finding("GPU", Status.OK, f"{cards}; not used, because torch is not installed")
    why = "its build has no CUDA" if torch.ok else f"it does not load: {torch.complaint}"
    fix = f"{_INSTALL} --force-reinstall torch"
    return Finding("GPU", Status.WARNING, f"{cards}; torch does not use it: {why}", fix)


def _cache() -> Finding:
    from .detection.model_bundle import cache_folder

    folder = cache_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if existing.is_dir() and os.access(existing, os.W_OK):
        return Finding("cache folder", Status.OK, str(folder))
    detail = f"{folder} cannot be written; {tempfile.gettempdir()} is used, which may be emptied"
    return Finding("cache folder", Status.WARNING, detail, f'sudo chown -R "$(id -un)" "{existing}"')


def _disk() -> Finding:
    rooms: list[str] = []
    low = False
    for label, folder in (("here", Path.cwd), ("for temporary files", lambda: Path(tempfile.gettempdir()))):
        room = _free_gb(folder)
        rooms.append(f"{room:.1f} GB {label}" if room is not None else f"unknown {label}")
        low |= room is not None and room < _LOW_DISK_GB
    status = Status.WARNING if low else Status.OK
    return Finding("free disk", status, ", ".join(rooms), "free some space or work in another folder")


def _free_gb(folder: Callable[[], Path]) -> float | None:
    try:
        return shutil.disk_usage(folder()).free / 1e9
    except OSError:
        return None


@dataclass(frozen=True)
class _Result:
    """How a probe ended: text is its output, complaint the last line of what it said against it."""

    ok: bool
    text: str
    complaint: str = ""


def _start_probe(code: str) -> subprocess.Popen[str] | None:
    # -P: a file in the current folder that is named like a package must not be imported in its place.
    return _start([sys.executable, "-P", "-c", code])


def _start(command: list[str]) -> subprocess.Popen[str] | None:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    except OSError:
        return None


def _finish(process: subprocess.Popen[str] | None, timeout_s: float = _PROBE_TIMEOUT_S) -> _Result:
    if process is None:
        return _Result(False, "", "it cannot be started")
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return _Result(False, "", f"no answer within {timeout_s:.0f} s")
    if process.returncode == 0:
        return _Result(True, out.strip())
    lines = [line for line in (err or out).splitlines() if line.strip()]
    return _Result(False, out.strip(), _one_line(lines[-1]) if lines else f"exit status {process.returncode}")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name) if _is_installed(name) else None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.13.0+cpu" is (2, 13, 0)."""
    leading = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in leading.group(0).split(".")) if leading else ()


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
