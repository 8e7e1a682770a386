"""The project's own source files, parsed once for the tests of its shape."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rig", "engine", "blender_addon")
"""What is shipped."""

FOLDERS = (*PACKAGES, "tests", "scripts", "benchmarks")
"""Every folder with Python of ours."""

BLENDER_DRIVER = Path("engine/export/blender_driver.py")
"""The one file of the engine that runs inside Blender."""


def sources(*folders: str) -> dict[Path, ast.Module]:
    """Every Python file below the folders by its path from the root, parsed."""
    return {path: tree for folder in folders for path, tree in _folder(folder).items()}


@cache
def _folder(folder: str) -> dict[Path, ast.Module]:
    paths = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not {"node_modules", "__pycache__", "vendor"} & set(path.parts)
    ]
    return {path: ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path)) for path in paths}


def imported(tree: ast.Module) -> list[tuple[int, str, int]]:
    """(level, module, line) of every import in a file, also those inside functions; level 0 is absolute."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", node.lineno))
    return found


def top_level_names(tree: ast.Module) -> list[tuple[str, int]]:
    """(first part of the module's name, line) of every absolute import in a file."""
    return [(module.split(".")[0], line) for level, module, line in imported(tree) if level == 0]
