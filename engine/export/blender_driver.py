"""The program that runs inside Blender, as a module or a binary, to carry out one export request.

`python blender_driver.py REQUEST.json`, or `blender -b --python blender_driver.py -- REQUEST.json`. The request names
the folders of the packages it needs, so that Blender's own Python gets those and nothing else of the engine's.
An error becomes `error.txt` beside the request and exit status 1.
"""

import importlib
import importlib.util
import json
import os
import sys
import traceback
from pathlib import Path


def main() -> int:
    """Run the request named last on the command line; the exit status."""
    request_file = Path(sys.argv[-1])
    request = json.loads(request_file.read_text(encoding="utf-8"))
    try:
        import bpy  # noqa: F401  (as a module it must be loaded before anything that imports a part of it)

        for name, folder in request["packages"].items():
            _load_package(name, Path(folder))
        importlib.import_module("blender_addon.export_job").run_export(request)
    except Exception as error:  # the process boundary: everything becomes a message for the parent
        traceback.print_exc()
        ours = type(error).__module__.split(".")[0] in request["packages"]
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        request_file.with_name("error.txt").write_text(text, encoding="utf-8")
        return 1
    return 0


def _load_package(name: str, folder: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Some Blender modules crash or hang while the interpreter shuts down with them loaded.
    os._exit(status)
