"""Says of each image network whether it was added, for `mocap doctor`."""

from __future__ import annotations

from .doctor import Finding, Status
from .errors import EngineError
from .models.catalogue import CATALOGUE
from .models.registry import InstalledModel, installed_models


def model_findings() -> list[Finding]:
    """One finding for each network that is known or was added; raises nothing."""
    try:
        added = installed_models()
    except EngineError as error:
        return [Finding("image networks", Status.WARNING, str(error))]
    names = [*CATALOGUE, *(name for name in added if name not in CATALOGUE)]
    return [_finding(name, added.get(name)) for name in names]


def _finding(name: str, model: InstalledModel | None) -> Finding:
    title = CATALOGUE[name].title if name in CATALOGUE else "your own"
    if model is None:
        return Finding(f"model {name}", Status.MISSING, f"optional: {title}", CATALOGUE[name].instruction)
    if not model.path.is_file():
        fix = f"mocap models add {name} FILE"
        return Finding(f"model {name}", Status.WARNING, f"{title}; its file {model.path} is gone", fix)
    detail = f"{title}; {model.format.value}, {model.size / 1e6:.0f} MB; licence: {model.licence}"
    return Finding(f"model {name}", Status.OK, detail)
