"""The user's whole way, from installing the add-on to switching it off, in every Blender of this machine."""

import os
import sys
from pathlib import Path

import journey
import pytest
from test_addon import package  # noqa: F401  (a fixture)

_PROGRAM_FLAGS = ("-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python")


@pytest.mark.blender
def test_from_the_zip_to_a_characters_fbx_and_away(blender_program, package, tmp_path):  # noqa: F811
    command = [sys.executable, "-P"] if blender_program is None else [str(blender_program), *_PROGRAM_FLAGS]
    told = journey.travel(command, package, tmp_path)
    assert told.failed == "", told.output


@pytest.mark.blender
def test_the_same_way_in_a_module_of_another_version(package, tmp_path):  # noqa: F811
    python = os.environ.get("SWINGTWIST_TEST_BPY_PYTHON", "")
    if not python:
        pytest.skip("needs SWINGTWIST_TEST_BPY_PYTHON, a Python with another bpy, such as bpy==4.2.23")
    assert Path(python).is_file(), python
    told = journey.travel([python, "-P"], package, tmp_path)
    assert told.failed == "", told.output
