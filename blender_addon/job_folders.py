# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that keep searches for people and captures, so that later work goes on from what was detected."""

import hashlib
import json
import shutil
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

_EDITS = "track_edits.json"
_DETECTIONS = "detections"


def jobs_folder() -> Path:
    """The folder of all captures where the user names none: beside the user's data, never beside the code."""
    if hasattr(bpy.utils, "extension_path_user"):  # 4.2
        try:
            return Path(bpy.utils.extension_path_user(__package__, path="jobs"))
        except ValueError:
            pass  # installed as an add-on of the old kind
    return Path(bpy.utils.user_resource("DATAFILES")) / "swingtwist" / "jobs"


@dataclass(frozen=True)
class JobFolders:
    """The folders of one video, read in one way; their names begin alike."""

    folder: Path
    name: str

    @classmethod
    def of(cls, video: str, arguments: Sequence[str], folder: Path | None = None) -> "JobFolders":
        """Those of a video and the arguments that decide what is detected, inside `folder` or that of all captures."""
        told = hashlib.blake2b(json.dumps([video, *arguments]).encode(), digest_size=4).hexdigest()
        return cls(folder or jobs_folder(), f"{bpy.path.clean_name(Path(video).stem)}-{told}")

    @property
    def search(self) -> Path:
        """Where the search for people, and the edits of their tracks, are kept."""
        return self.folder / f"{self.name}-people.mocap"

    def for_capture(self, in_use: Collection[Path] = ()) -> Path:
        """A folder for one capture, holding what was detected before; one that was broken off is taken up again.

        Each capture has its own, so that cleaning one up leaves the others alone. Raises OSError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        others = [path for path in self._all() if path != self.search and path not in in_use]
        folder = next((path for path in others if not any(path.glob("motion_*.npz"))), None) or self._new()
        folder.mkdir(exist_ok=True)
        if not (folder / _DETECTIONS / "finished.json").is_file():
            sources = (path / _DETECTIONS for path in (self.search, *others))
            found = next((path for path in sources if (path / "finished.json").is_file()), None)
            if found is not None:
                shutil.rmtree(folder / _DETECTIONS, ignore_errors=True)
                shutil.copytree(found, folder / _DETECTIONS)
        self._copy_edits(folder)
        return folder

    def _copy_edits(self, folder: Path) -> None:
        if (self.search / _EDITS).is_file():
            shutil.copyfile(self.search / _EDITS, folder / _EDITS)
        else:
            (folder / _EDITS).unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        # The name may hold letters that mean something in a pattern.
        return sorted(p for p in self.folder.iterdir() if p.name.startswith(f"{self.name}-") and p.suffix == ".mocap")

    def _new(self) -> Path:
        start = f"{self.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        paths = (
            self.folder / f"{start}{ending}.mocap" for ending in ("", *(f"-{number}" for number in range(2, 1000)))
        )
        return next(path for path in paths if not path.exists())


def remove_if_empty(folder: Path) -> None:
    """Take a job folder away in which nothing was detected."""
    if not any((folder / _DETECTIONS).glob("frames_*.npz")) and not any(folder.glob("motion_*.npz")):
        shutil.rmtree(folder, ignore_errors=True)
