"""The files a capture writes: checked before the long work, written when it is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rig.amass_writer import write_amass
from rig.body_mesh import BodyMesh
from rig.bone_maps import BoneNaming
from rig.bvh_writer import write_bvh
from rig.motion_file import MotionRecord, save_motion
from rig.root_motion import RootMode

from .errors import InputError, OutputError
from .settings import Settings

BLENDER_SUFFIXES = (".fbx", ".glb", ".blend", ".usdc")
"""Formats written by Blender, all people in one file."""

AMASS_ENDING = ".amass.npz"
"""Names that end like this are written in AMASS' layout, every other .npz is a motion.npz."""

OWN_SUFFIXES = (".npz", ".bvh", ".pk")
"""Formats written without Blender, one file per person."""


def check_outputs(outputs: Sequence[Path], character: str = "") -> None:
    """Refuse outputs that cannot be written, before any work is spent on them.

    character: the rigged character's file that plays the people; empty: none.
    Raises InputError for an unknown ending or a missing character, OutputError for a folder that is missing or not
    writable, MissingTool when Blender is needed and absent.
    """
    for path in outputs:
        if path.suffix.lower() not in BLENDER_SUFFIXES + OWN_SUFFIXES:
            known = ", ".join(BLENDER_SUFFIXES + OWN_SUFFIXES)
            raise InputError(f"output {path} ends in {path.suffix or 'nothing'!r}, expected one of {known}")
        folder = path.absolute().parent
        if not folder.is_dir():
            raise OutputError(f"output folder {folder} does not exist; make it first or choose another --out")
        if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
            raise OutputError(f"output {path} cannot be written: permission denied; choose another --out")
        if path.is_dir():
            raise OutputError(f"output {path} is a folder, expected a file name")
    if any(path.suffix.lower() in BLENDER_SUFFIXES for path in outputs):
        from .export.blender import check_character, find_blender

        find_blender()
        if character:
            check_character(Path(character))


def write_outputs(
    outputs: Sequence[Path], records: Sequence[MotionRecord], meshes: Sequence[BodyMesh], settings: Settings
) -> list[Path]:
    """Write every output and return the paths written.

    One person: the very names asked for. Several: Blender's formats hold everybody unless the settings want a file
    each, the others get one file a person, `dance_2.bvh` for the person with id 2.
    """
    written: list[Path] = []
    for path in outputs:
        if path.suffix.lower() in OWN_SUFFIXES:
            for record in records:
                target = path if len(records) == 1 else _name_of_person(path, record.person_id)
                _write_person(target, record, settings)
                written.append(target)
    for_blender = [path for path in outputs if path.suffix.lower() in BLENDER_SUFFIXES]
    if for_blender:
        from .export.blender import ExportOptions, export_with_blender

        options = ExportOptions(
            root_mode=RootMode(settings.root_motion),
            bone_names=settings.bones,
            fbx_unit=settings.fbx_unit,
            character=Path(settings.character) if settings.character else None,
        )
        if len(records) == 1 or settings.people_files == "together":
            export_with_blender(records, meshes, for_blender, options)
            return written + for_blender
        for record, mesh in zip(records, meshes, strict=True):
            targets = [_name_of_person(path, record.person_id) for path in for_blender]
            export_with_blender([record], [mesh], targets, options)
            written += targets
    return written


def _write_person(target: Path, record: MotionRecord, settings: Settings) -> None:
    """Write one person in a format that needs no Blender. Raises OutputError."""
    try:
        if target.name.lower().endswith(AMASS_ENDING):
            write_amass(target, record)
        elif target.suffix.lower() == ".npz":
            save_motion(target, record)
        elif target.suffix.lower() == ".pk":
            from .importing.hybrik_motion import export_hybrik

            export_hybrik(target, record)
        else:
            write_bvh(target, record.motion, RootMode(settings.root_motion), BoneNaming(settings.bones))
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error


def _name_of_person(path: Path, person_id: int) -> Path:
    """`dance_2.bvh` for `dance.bvh`, `dance_2.amass.npz` for `dance.amass.npz`."""
    length = len(AMASS_ENDING) if path.name.lower().endswith(AMASS_ENDING) else len(path.suffix)
    return path.with_name(f"{path.name[:-length]}_{person_id}{path.name[-length:]}")
