"""Captures that several tests look at, made once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from captures import FORMATS, Capture, Ended, capture_sample


@pytest.fixture
def mocap(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run `mocap` in this process, which spares loading everything again."""
    from engine.cli import main

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        command, *rest = map(str, arguments)
        code = main([command, "--progress", "json", *rest])
        said = capfd.readouterr()
        return Ended(code, [json.loads(line) for line in said.out.splitlines()], said.err)

    return run


@pytest.fixture(scope="session")
def sample_capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """The sample captured to the formats that need no Blender; look, and copy it to change anything."""
    return capture_sample(tmp_path_factory.mktemp("sample capture ü"), FORMATS[:2])


@pytest.fixture(scope="session")
def sample_scenes(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    """The sample captured to every format."""
    from engine.export.blender import MissingTool, find_blender

    try:
        find_blender()
    except MissingTool as missing:
        pytest.skip(str(missing))
    return capture_sample(tmp_path_factory.mktemp("sample scenes"), FORMATS)
