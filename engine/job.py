"""A job folder: everything one capture keeps, so that it can be resumed, refined and looked at later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from rig.atomic_file import replacing

from .errors import InputError, OutputError
from .settings import Settings, settings_from

_MANIFEST = "job.json"


@dataclass(frozen=True)
class Clip:
    """What must be known of a video once it is detected: picture size, px, nominal rate, and where it ends, s."""

    image_size: tuple[int, int]
    fps: Fraction
    is_variable_rate: bool
    end_s: float


@dataclass(frozen=True)
class Job:
    """One job folder and what its `job.json` says.

    video_hash is the content hash of the input; settings are those of the last run or refine; outputs are the files
    it was asked for and files those it wrote (several people get one file each of some formats), all as absolute
    paths; finished is False while work is under way or was interrupted.
    """

    folder: Path
    video: str
    video_hash: str
    settings: Settings
    clip: Clip
    outputs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    finished: bool = False

    @property
    def detections_folder(self) -> Path:
        return self.folder / "detections"

    @property
    def network_folder(self) -> Path:
        return self.folder / "network"

    @property
    def log_path(self) -> Path:
        return self.folder / "job.log"

    def motion_path(self, person_id: int) -> Path:
        return self.folder / f"motion_{person_id}.npz"

    def body_path(self, person_id: int) -> Path:
        return self.folder / f"body_{person_id}.npz"

    def motion_paths(self) -> list[Path]:
        """The motion files of this job, by person id."""
        return sorted(self.folder.glob("motion_*.npz"), key=lambda path: int(path.stem.split("_")[1]))

    def remove_results(self) -> None:
        """Take away what an earlier capture left in the folder, but for its detections and log."""
        names = ("motion_*.npz", "body_*.npz", "contacts.json", "overlay.mp4", "contact_sheet.png")
        try:
            for path in [path for name in names for path in self.folder.glob(name)]:
                path.unlink()
        except OSError as error:
            raise OutputError(f"job folder {self.folder} cannot be written: {error.strerror or error}") from error

    def save(self) -> None:
        """Write job.json, creating the folder. Raises OutputError where it cannot be written."""
        manifest: dict[str, Any] = {
            "schema": 1,
            "video": self.video,
            "video_hash": self.video_hash,
            "settings": asdict(self.settings),
            "clip": {**asdict(self.clip), "fps": str(self.clip.fps)},
            "outputs": list(self.outputs),
            "files": list(self.files),
            "finished": self.finished,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / _MANIFEST) as temporary:
                temporary.write_text(json.dumps(manifest, indent=2, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"job folder {self.folder} cannot be written: {error.strerror or error}") from error


def open_job(folder: Path) -> Job:
    """Read a job folder. Raises InputError when it is not one."""
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        clip = manifest["clip"]
        width, height = clip["image_size"]
        return Job(
            folder=folder,
            video=manifest["video"],
            video_hash=manifest["video_hash"],
            settings=settings_from(manifest["settings"], str(path)),
            clip=Clip(
                (int(width), int(height)), Fraction(clip["fps"]), bool(clip["is_variable_rate"]), float(clip["end_s"])
            ),
            outputs=tuple(str(path) for path in manifest["outputs"]),
            files=tuple(str(path) for path in manifest["files"]),
            finished=bool(manifest["finished"]),
        )
    except FileNotFoundError as error:
        raise InputError(f"{folder} is not a job folder: it has no {_MANIFEST}; `mocap run` makes one") from error
    except OSError as error:
        raise InputError(f"job folder {folder} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, ZeroDivisionError, InputError) as error:
        raise InputError(f"{path} is damaged ({error}); the same `mocap run` as before makes it anew") from error


def find_job(folder: Path) -> Job | None:
    """The job in `folder`, or None where there is none or it is damaged."""
    try:
        return open_job(folder)
    except InputError:
        return None
