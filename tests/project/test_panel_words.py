"""The add-on's texts can be translated: no panel puts values into words before Blender looks them up."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "blender_addon"
_WORD = re.compile(r"[A-Za-z]{4,}")


def _shown_texts(tree: ast.Module) -> list[ast.expr]:
    """What is drawn: `text=` of any call, and the arguments of `draw_text` and `draw_line`."""
    texts: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            texts += [given.value for given in node.keywords if given.arg == "text"]
            if isinstance(node.func, ast.Name) and node.func.id in ("draw_text", "draw_line"):
                texts += node.args
    return texts


def test_no_panel_mixes_words_and_values() -> None:
    mixed = []
    for path in sorted(FOLDER.glob("*.py")):
        for text in _shown_texts(ast.parse(path.read_text(encoding="utf-8"))):
            words = [
                part.value
                for joined in ast.walk(text)
                if isinstance(joined, ast.JoinedStr)
                for part in joined.values
                if isinstance(part, ast.Constant) and _WORD.search(str(part.value))
            ]
            mixed += [f"{path.name}:{text.lineno}: {word!r}" for word in words]
    assert mixed == []
