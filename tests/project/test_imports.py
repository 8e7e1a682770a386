"""The packages' boundaries: who may import whom, and what stays unloaded until it is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.sources import BLENDER_DRIVER, PACKAGES, ROOT, imported, sources, top_level_names

HEAVY = {
    "numpy", "scipy", "cv2", "av", "torch", "mediapipe", "onnx", "onnxruntime", "bpy", "smplx", "anny", "moderngl",
    "array_api_compat",
}  # fmt: skip
ENGINE_MAY_USE = (HEAVY - {"bpy", "anny"}) | {"engine", "rig"}


def _violations(package: str, allowed: set[str]) -> list[str]:
    known = allowed | set(sys.stdlib_module_names)
    return [
        f"{path}:{line} imports {name}"
        for path, tree in sources(package).items()
        if path != BLENDER_DRIVER
        for name, line in top_level_names(tree)
        if name not in known
    ]


def test_there_is_something_to_check() -> None:
    for package in PACKAGES:
        assert len(sources(package)) > 5


def test_rig_uses_the_standard_library_and_numpy_only() -> None:
    assert _violations("rig", {"numpy"}) == []


def test_rig_imports_itself_relatively_because_it_is_copied_into_the_addon() -> None:
    for path, tree in sources("rig").items():
        depth = len(path.parts) - 1
        for level, module, line in imported(tree):
            assert level <= depth, f"{path}:{line} reaches outside of rig"
            assert module.split(".")[0] != "rig" or level, f"{path}:{line} imports rig by its absolute name"


def test_engine_imports_rig_and_declared_packages_only_and_bpy_never() -> None:
    assert _violations("engine", ENGINE_MAY_USE) == []


def test_the_engine_never_imports_the_addon_nor_its_own_blender_driver() -> None:
    for path, tree in sources("engine").items():
        for _level, module, line in imported(tree):
            assert "blender_driver" not in module, f"{path}:{line}"


def test_the_addon_never_imports_the_engine_or_heavy_packages() -> None:
    allowed = {"numpy", "blf", "bpy", "mathutils", "bpy_extras", "bl_operators", "addon_utils", "rig", "blender_addon"}
    assert _violations("blender_addon", allowed) == []


def test_no_import_of_everything() -> None:
    for path, tree in sources(*PACKAGES, "tests").items():
        assert "import *" not in (ROOT / path).read_text(encoding="utf-8") or path.name == Path(__file__).name, path
        assert tree.body, f"{path} is empty"


def _loaded_after(code: str) -> set[str]:
    """Heavy packages in memory after running code in a new Python."""
    tail = "\nimport json, sys\nprint('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-c", code + tail]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return HEAVY & set(json.loads(done.stdout.strip().splitlines()[-1]))


def test_importing_the_engine_loads_nothing_heavy() -> None:
    assert _loaded_after("import engine") == set()


@pytest.mark.parametrize(
    "module", ["engine.cli", "engine.settings", "engine.job", "engine.progress", "engine.errors", "engine.doctor"]
)
def test_what_the_command_line_starts_with_loads_nothing_heavy(module: str) -> None:
    assert _loaded_after(f"import {module}") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "from engine.cli import main\n"
        f"try:\n    main({arguments!r})\n"
        "except SystemExit as end:\n    assert not end.code, end.code"
    )
    assert _loaded_after(code) == set()


@pytest.mark.parametrize(
    "module", ["engine.preview", "engine.evaluation.clip", "engine.export.blender", "engine.video"]
)
def test_stages_load_their_heavy_packages_when_used(module: str) -> None:
    assert _loaded_after(f"import {module}") <= {"numpy"}
