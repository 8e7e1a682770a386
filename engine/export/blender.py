"""FBX, GLB, USD and .blend files, written by Blender in a child process."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rig.atomic_file import replacing
from rig.body_mesh import BodyMesh, save_body_mesh
from rig.bone_maps import BoneNaming
from rig.game_engines import FileUnit
from rig.motion_file import MotionRecord, save_motion
from rig.root_motion import RootMode

from ..errors import InputError, MissingTool, OutputError

BLENDER_VARIABLE = "SWINGTWIST_BLENDER"
"""Environment variable that names the Blender program to use in place of the module or the one on PATH."""

SUFFIXES = (".fbx", ".glb", ".usdc", ".blend")
CHARACTER_SUFFIXES = (".fbx", ".glb", ".gltf", ".vrm", ".blend")
_DRIVER = Path(__file__).with_name("blender_driver.py")
_PACKAGES = ("rig", "blender_addon")


@dataclass(frozen=True)
class ExportOptions:
    """How motions become scene files.

    root_mode   what the root bone carries
    bone_names  convention of the bone names, a BoneNaming or its value
    fbx_unit    unit of the numbers in an FBX file, a FileUnit or its value
    clip_name   name of the take; empty: the first output's stem
    blender     the Blender program to use; None: see `find_blender`
    character   a rigged character (.fbx, .glb, .gltf, .vrm, .blend) that plays the people; None: their own bodies
    """

    root_mode: RootMode = RootMode.PLANAR_YAW
    bone_names: BoneNaming | str = BoneNaming.SMPL
    fbx_unit: FileUnit | str = FileUnit.METRE
    clip_name: str = ""
    blender: Path | None = None
    character: Path | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "bone_names", BoneNaming(self.bone_names))
        except ValueError:
            valid = ", ".join(naming.value for naming in BoneNaming)
            raise InputError(f"bone names are {self.bone_names!r}, expected one of {valid}") from None
        try:
            object.__setattr__(self, "fbx_unit", FileUnit(self.fbx_unit))
        except ValueError:
            raise InputError(f"unit of FBX files is {self.fbx_unit!r}, expected m or cm") from None
        if self.character is not None:
            check_character(self.character)


def check_character(path: Path) -> None:
    """Raises InputError unless the path is a file of a kind that characters are read from."""
    if path.suffix.lower() not in CHARACTER_SUFFIXES:
        raise InputError(f"character {path} ends in {path.suffix!r}, expected one of {', '.join(CHARACTER_SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"character {path} does not exist, expected a rigged character's file")


@dataclass(frozen=True)
class BlenderCommand:
    """A Blender that can run the export: `arguments` come before the path of the request file."""

    arguments: tuple[str, ...]
    description: str


def find_blender(program: Path | None = None) -> BlenderCommand:
    """The Blender to export with: `program`, else the one named by SWINGTWIST_BLENDER, else the `bpy` module of this
    Python, else `blender` on PATH. Starts nothing. Raises MissingTool when there is none.
    """
    named = program or os.environ.get(BLENDER_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise MissingTool(f"Blender program {named} does not exist or cannot be run; name another one")
        return _program(found)
    if importlib.util.find_spec("bpy") is not None:
        # -P keeps this folder off the module path, where a file of ours could hide one that Blender wants.
        return BlenderCommand((sys.executable, "-P", str(_DRIVER)), "the bpy module of this Python")
    found = shutil.which("blender")
    if found is None:
        raise MissingTool(
            "Blender is needed for FBX, GLB, USD and .blend and was not found; run: pip install bpy==5.0.1"
        )
    return _program(found)


def export_with_blender(
    records: Sequence[MotionRecord],
    meshes: Sequence[BodyMesh | None],
    outputs: Sequence[Path],
    options: ExportOptions | None = None,
) -> None:
    """Write every output (.fbx, .glb, .usdc, .blend) with all people in it, moved into place when all are complete.

    `meshes` has one body a record, None for a bare armature. All motions must be evenly sampled at one rate; frame 0
    is at time 0. Raises MissingTool without Blender, InputError for an unknown ending, OutputError when Blender fails
    or a file cannot be written.
    """
    options = options or ExportOptions()
    if not records or not outputs:
        raise InputError("there is nothing to export, expected at least one motion and one output file")
    if len(meshes) != len(records):
        raise InputError(f"{len(records)} motions have {len(meshes)} bodies, expected one a motion")
    for output in outputs:
        if output.suffix.lower() not in SUFFIXES:
            raise InputError(f"output {output} ends in {output.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    if len({record.motion.fps for record in records}) > 1:
        raise InputError("the motions have different rates, expected one rate; resample them first")
    command = find_blender(options.blender)
    try:
        with tempfile.TemporaryDirectory(prefix="swingtwist-") as folder, ExitStack() as stack:
            temporaries = [stack.enter_context(replacing(output.absolute())) for output in outputs]
            request = {
                "packages": {name: str(_package_folder(name)) for name in _PACKAGES},
                "people": [
                    _store_person(Path(folder), number, record, mesh)
                    for number, (record, mesh) in enumerate(zip(records, meshes, strict=True))
                ],
                "outputs": [str(temporary) for temporary in temporaries],
                "clip_name": options.clip_name or outputs[0].stem,
                "root_mode": options.root_mode.value,
                "bone_names": BoneNaming(options.bone_names).value,
                "fbx_unit": FileUnit(options.fbx_unit).value,
                "character": str(options.character.absolute()) if options.character else None,
            }
            request_file = Path(folder) / "request.json"
            request_file.write_text(json.dumps(request), encoding="utf-8")
            reason = _run(command, request_file) or _unfinished(temporaries)
            if reason:
                for temporary, output in zip(temporaries, outputs, strict=True):
                    reason = reason.replace(str(temporary), str(output)).replace(temporary.name, output.name)
                names = ", ".join(str(output) for output in outputs)
                raise OutputError(f"{names} could not be written by {command.description}: {reason}")
    except OSError as error:
        names = ", ".join(str(output) for output in outputs)
        raise OutputError(f"{names} cannot be written: {error.strerror or error}") from error


def _program(path: str) -> BlenderCommand:
    # --python-exit-code counts only when it stands before --python.
    flags = ("-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python", str(_DRIVER), "--")
    return BlenderCommand((path, *flags), f"the program {path}")


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingTool(
            f"the package {name} is not installed beside the engine; run `pip install .` in the folder of its source"
        )
    return Path(next(iter(spec.submodule_search_locations))).absolute()


def _store_person(folder: Path, number: int, record: MotionRecord, mesh: BodyMesh | None) -> dict[str, str | None]:
    motion_path, mesh_path = folder / f"motion_{number}.npz", folder / f"body_{number}.npz"
    save_motion(motion_path, record)
    if mesh is not None:
        save_body_mesh(mesh_path, mesh)
    return {"motion": str(motion_path), "mesh": str(mesh_path) if mesh is not None else None}


def _run(command: BlenderCommand, request_file: Path) -> str:
    """Why the export failed; empty when it did not."""
    hidden = ("PYTHONPATH", "PYTHONHOME") if command.arguments[0] != sys.executable else ()
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    process = subprocess.run(
        [*command.arguments, str(request_file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    if process.returncode == 0:
        return ""
    told = request_file.with_name("error.txt")
    if told.is_file():
        return told.read_text(encoding="utf-8")
    lines = process.stderr.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
    return f"it ended with status {process.returncode}: {last}"


def _unfinished(files: Sequence[Path]) -> str:
    """Which of the files Blender left out or broke off without saying so, and how; empty when all are whole."""
    for file in files:
        if not file.is_file():
            return f"it ended without writing {file.name} and without saying why"
        if file.suffix.lower() == ".usdc" and not _is_whole_usd(file):
            return f"{file.name} breaks off; is the disk full?"
    return ""


def _is_whole_usd(file: Path) -> bool:
    """Whether the table of contents of a USD crate, written last, lies inside the file.

    Its place is the 64-bit number at byte 16, after the name "PXR-USDC" and eight bytes of version (OpenUSD,
    pxr/usd/usd/crateFile.h, _BootStrap).
    """
    with open(file, "rb") as stream:
        head = stream.read(24)
    place = int.from_bytes(head[16:24], "little")
    return head[:8] == b"PXR-USDC" and len(head) <= place < file.stat().st_size
