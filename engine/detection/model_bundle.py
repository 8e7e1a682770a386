"""Finds the pose landmarker's model bundle, or packs it from the models inside the mediapipe package."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from rig.atomic_file import replacing

from ..errors import InputError, MissingTool

BUNDLE_NAME = "pose_landmarker_full_0.10.21.task"
"""File name of the packed bundle, with the version of the mediapipe package that its models come from."""

_DETECTOR = ("modules/pose_detection/pose_detection.tflite", "pose_detector.tflite", 127.5, 127.5)
_LANDMARKS = ("modules/pose_landmark/pose_landmark_full.tflite", "pose_landmarks_detector.tflite", 0.0, 255.0)
# Each: path inside the mediapipe package, name inside the bundle, and the mean and deviation that bring 0..255 to the
# range its input layer was trained on, [-1, 1] and [0, 1].


def find_bundle(given: str | os.PathLike[str] | None = None) -> Path:
    """Path of a pose landmarker `.task` bundle.

    Looked up in this order: `given`, the one packed into this package (engine/assets/*.task), the one packed at first
    use from the installed mediapipe package. Raises InputError for an unfit `given`, MissingTool if there is none.
    """
    if given:
        path = Path(given)
        if not path.is_file():
            raise InputError(f"detector model {path} does not exist, expected a pose_landmarker .task file")
        if not zipfile.is_zipfile(path):
            raise InputError(f"detector model {path} is not a .task bundle, expected a pose_landmarker .task file")
        return path
    packed = sorted((Path(__file__).parents[1] / "assets").glob("*.task"))
    if packed:
        return packed[0]
    for folder in (cache_folder(), Path(tempfile.gettempdir()) / f"swingtwist-{_user()}"):
        path = folder / BUNDLE_NAME
        if path.is_file() and zipfile.is_zipfile(path):
            return path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pack_bundle(path)
        except OSError:
            continue
        return path
    raise MissingTool(f"the detector's models cannot be unpacked: neither {cache_folder()} nor {folder} can be written")


def pack_bundle(path: Path) -> None:
    """Write the bundle to `path` from the models inside the installed mediapipe package.

    A bundle is a stored zip of two TFLite models, each with the normalisation of its input as TFLite metadata.
    Raises MissingTool when the package or its models are not installed, OSError when `path` cannot be written.
    """
    spec = find_spec("mediapipe")
    root = Path(spec.origin).parent if spec and spec.origin else None
    if root is None or not all((root / model[0]).is_file() for model in (_DETECTOR, _LANDMARKS)):
        raise MissingTool(
            "no pose models were found: install mediapipe==0.10.21, whose package holds them, "
            "or give a pose_landmarker .task file"
        )
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter
    from mediapipe.tasks.python.metadata.metadata_writers.model_asset_bundle_utils import create_model_asset_bundle

    models = {}
    for source, name, mean, deviation in (_DETECTOR, _LANDMARKS):
        writer = MetadataWriter.create(bytearray((root / source).read_bytes()))
        writer.add_general_info(name, "").add_image_input([mean], [deviation])
        models[name] = bytes(writer.populate()[0])
    with replacing(path) as temporary:
        create_model_asset_bundle(models, str(temporary))


def cache_folder() -> Path:
    """Where this user's programs keep files that can be made again, by the platform's convention."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "swingtwist"


def _user() -> str:
    return re.sub(r"\W", "_", os.environ.get("USER") or os.environ.get("USERNAME") or "user")
