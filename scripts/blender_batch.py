"""Capture videos from Blender without a window, with the engine that the add-on uses; the same as `mocap batch`.

    blender -b --python-exit-code 1 --python blender_batch.py -- videos/*.mp4 --out fbx/ --preset unreal

What follows the two dashes goes to `mocap batch` as it is. The exit code is the engine's.
"""

import importlib
import sys

import addon_utils
import bpy


def _addon() -> str:
    """The name of the add-on's module, enabled; it is one of its own or part of an extension repository."""
    for module in addon_utils.modules():
        if module.__name__.split(".")[-1] == "swingtwist":
            if not addon_utils.check(module.__name__)[1]:
                addon_utils.enable(module.__name__)
            return module.__name__
    raise SystemExit("blender_batch.py: the add-on Mocap from Video is not installed in this Blender")


def main() -> int:
    """Run the batch named behind the dashes; the exit code."""
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    name = _addon()
    headless = importlib.import_module(f"{name}.headless")
    engine_process = importlib.import_module(f"{name}.engine_process")
    try:
        return int(headless.run_engine(["batch", *arguments]))
    except engine_process.EngineMissing as error:
        print(f"blender_batch.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.stdout.flush()
    status = main()
    if status:
        sys.exit(status)
    bpy.ops.wm.quit_blender()
