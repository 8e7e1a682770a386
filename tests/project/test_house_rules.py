"""Rules of the house that a machine can check."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.sources import BLENDER_DRIVER, FOLDERS, PACKAGES, ROOT, sources

_TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ".cfg", ".sh", ".mjs", ".html", ".ini", ""}


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Public functions of a module and public methods of its public classes, with their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for item in node.body:
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_"):
                    yield f"{node.name}.{item.name}", item


def _tracked_texts() -> Iterator[tuple[Path, str]]:
    try:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone to know which files belong to the project")
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.suffix in _TEXT and path.is_file():
            yield Path(name), path.read_text(encoding="utf-8", errors="replace")


def test_every_file_says_on_its_first_line_what_it_is_for() -> None:
    for path, tree in sources(*FOLDERS).items():
        lines = (ROOT / path).read_text(encoding="utf-8").split("\n")
        first = next((line for line in lines if not line.startswith("#")), "")  # after #! and the licence's name
        assert first.startswith('"""'), f"{path} does not begin with a docstring"
        sentence = (ast.get_docstring(tree) or "").split("\n")[0]
        assert sentence.endswith("."), f"{path}: the first line is not one whole sentence: {sentence!r}"


def test_no_file_is_named_for_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "misc", "stuff", "tools"}
    assert [path for path in sources(*FOLDERS) if path.stem in nothing or nothing & set(path.parts)] == []


def test_public_functions_have_docstrings() -> None:
    trees = sources("rig", "engine")
    promised = {name for tree in trees.values() for name in _protocol_methods(tree)}
    missing = [
        f"{path}:{node.lineno} {name}"
        for path, tree in trees.items()
        for name, node in _functions(tree)
        if ast.get_docstring(node) is None
        and node.name not in promised
        and not ("." in name and len(node.body) == 1)  # a method that is its own description
    ]
    assert missing == []


def _protocol_methods(tree: ast.Module) -> Iterator[str]:
    """Methods of Protocols, whose docstrings hold for every class that fills them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).split(".")[-1] == "Protocol" for base in node.bases
        ):
            yield from (
                item.name for item in node.body if isinstance(item, ast.FunctionDef) and ast.get_docstring(item)
            )


def test_public_classes_have_docstrings() -> None:
    missing = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in sources("rig", "engine").items()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]
    assert missing == []


def test_only_the_command_line_prints() -> None:
    for path, tree in sources(*PACKAGES).items():
        if path.parts[:2] == ("engine", "cli") or path == BLENDER_DRIVER:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno} prints"


def test_no_error_is_caught_without_naming_it() -> None:
    for path, tree in sources(*FOLDERS).items():
        if path == BLENDER_DRIVER:
            continue  # the outermost edge of a program of its own, which reports every error to its parent
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            names = {item.id for item in ast.walk(node.type) if isinstance(item, ast.Name)} if node.type else {"all"}
            raises = any(isinstance(item, ast.Raise) and item.exc is None for item in ast.walk(node))
            broad = names & {"all", "Exception", "BaseException"}
            assert not broad or raises, f"{path}:{node.lineno} catches {broad} and goes on"


def test_input_is_not_checked_by_assert() -> None:
    for path, tree in sources(*PACKAGES).items():
        for node in ast.walk(tree):
            assert not isinstance(node, ast.Assert), f"{path}:{node.lineno}: raise a named error instead"


def test_public_dataclasses_that_hold_values_are_frozen() -> None:
    for path, tree in sources("rig", "engine").items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_") or _keeps_count(node):
                continue
            for decorator in node.decorator_list:
                text = ast.unparse(decorator)
                if text.split("(")[0].split(".")[-1] == "dataclass":
                    assert "frozen=True" in text, f"{path}:{node.lineno} {node.name} is not frozen"


def _keeps_count(node: ast.ClassDef) -> bool:
    """Whether a method changes the object: a process in progress, not a value."""
    targets: list[ast.expr] = []
    for item in ast.walk(node):
        if isinstance(item, ast.Assign):
            targets += item.targets
        elif isinstance(item, ast.AugAssign):
            targets.append(item.target)
    return any(ast.unparse(target).startswith("self.") for target in targets)


def test_no_mutable_default_arguments() -> None:
    for path, tree in sources(*FOLDERS).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
                    assert not isinstance(default, ast.List | ast.Dict | ast.Set), f"{path}:{node.lineno} {node.name}"


def test_no_path_of_one_machine_is_stored() -> None:
    # Written in pieces, so that this file does not hold what it looks for.
    start = r"(?<![\w./~<:-])/"
    machine = re.compile(rf"{start}(?:home|Users|root|work|mnt)/\w|[A-Z]:\\Users\\" + rf"|{start}tmp" + r"/\w")
    found = [
        f"{path}:{number} {line.strip()[:100]}"
        for path, text in _tracked_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if machine.search(line) and path.name != Path(__file__).name
    ]
    assert found == []


def test_nothing_big_is_tracked() -> None:
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and a clone to know which files belong to the project")
    paths = [ROOT / name for name in filter(None, listing.split("\0"))]
    network = ROOT / "engine" / "assets" / "landmark_transformer.onnx"
    big = {path for path in paths if path.is_file() and path.stat().st_size > 5_000_000}
    assert big <= {network}
    assert network.stat().st_size < 20_000_000
