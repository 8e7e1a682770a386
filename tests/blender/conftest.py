"""The Blenders of this machine, and ways to run scripts inside them."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from engine.export.blender import BlenderCommand, find_blender

_BINARY = os.environ.get("SWINGTWIST_TEST_BLENDER") or shutil.which("blender")


def _commands() -> dict[str, BlenderCommand]:
    found = {}
    if importlib.util.find_spec("bpy") is not None:
        found["module"] = BlenderCommand((sys.executable, "-P"), "module")
    if _BINARY:
        found["program"] = find_blender(Path(_BINARY))
    return found


@pytest.fixture
def no_blender_named(monkeypatch):
    """The environment without a setting that names a Blender."""
    monkeypatch.delenv("SWINGTWIST_BLENDER", raising=False)


@pytest.fixture(scope="session")
def blender_kinds() -> dict[str, Path | None]:
    """What ExportOptions.blender takes to use the bpy "module" or the Blender "program", as far as they are here."""
    return {kind: Path(_BINARY) if _BINARY and kind == "program" else None for kind in _commands()}


@pytest.fixture(params=["module", "program"])
def blender_program(request, blender_kinds, no_blender_named):
    """What ExportOptions.blender takes to export with the bpy module (None) or the Blender program."""
    if request.param not in blender_kinds:
        pytest.skip(f"needs Blender as a {request.param}")
    return blender_kinds[request.param]


@pytest.fixture
def blender_module(no_blender_named):
    """Skips without the bpy module."""
    if "module" not in _commands():
        pytest.skip("needs the bpy module")
