"""Choosing the body model that the settings name."""

from __future__ import annotations

from pathlib import Path

from ..settings import Settings
from .model import BodyModel


def load_body(settings: Settings) -> BodyModel:
    """The open body, or the user's own SMPL file. Raises InputError naming a file that cannot be used."""
    if settings.body == "open":
        from .open_body import load_open_body

        return load_open_body()
    from .smpl_file import load_smpl_body

    return load_smpl_body(Path(settings.body), settings.gender)
