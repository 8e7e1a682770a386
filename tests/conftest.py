"""Fixtures shared by all tests."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A machine that is busy with something else is no fault of what is tested.
settings.register_profile("any time", deadline=None)
settings.load_profile("any time")

_exit_status = 0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of local real videos, motion and characters; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("SWINGTWIST_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("needs local data: set SWINGTWIST_SHARED_DATA to the folder with videos/ and characters/")
    return folder


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    global _exit_status
    _exit_status = int(exitstatus)


def pytest_unconfigure(config: pytest.Config) -> None:
    # Some Blender modules crash or hang while the interpreter shuts down with them loaded.
    if "bpy" in sys.modules and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_status)
