# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps two programs from working in one folder, without anything of Blender."""

import os
from pathlib import Path
from typing import TextIO


class FolderInUse(Exception):
    """Another program holds the folder; the message names it."""


class FolderLock:
    """A lock on a file beside the folder, which the system lets go of when its holder ends, in whatever way."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder.with_name(f"{folder.name}.lock")
        self._file: TextIO | None = None

    def take(self) -> None:
        """Hold the folder until `release`. Raises FolderInUse and OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115
        try:
            _lock(file.fileno())
        except OSError as error:
            file.close()
            raise FolderInUse(
                f"another Blender works on the engine in {self._folder}; wait until it is done, then try again"
            ) from error
        self._file = file

    def release(self) -> None:
        """Let others have the folder; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
