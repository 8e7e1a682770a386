"""Inside Blender: install the zip and set a stand-in for the engine up without a window: `-- ZIP PYTHON WHEELS`.

Prints one JSON object with what happened.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import bpy

package, python, wheels = sys.argv[sys.argv.index("--") + 1 :]
bpy.ops.wm.read_factory_settings(use_empty=True)
if bpy.app.version >= (4, 2):
    bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)
    name = "bl_ext.user_default.swingtwist"
else:
    bpy.ops.preferences.addon_install(filepath=package, overwrite=True)
    bpy.ops.preferences.addon_enable(module="swingtwist")
    name = "swingtwist"
module = importlib.import_module(name)
location = importlib.import_module(f"{name}.engine_location")
preferences = bpy.context.preferences.addons[name].preferences
state = bpy.context.window_manager.swingtwist_setup


def attempt(operator):
    try:
        return [*sorted(operator()), state.message]
    except RuntimeError as error:  # how a script sees an operator's error report
        return str(error)


def files_of_addon():
    folder = Path(module.__file__).parent
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts)


before = files_of_addon()
told = {"home": str(location.engine_home().folder), "engine_before": location.engine_path(bpy.context)}
preferences.setup_python = python
preferences.wheels_folder = os.path.join(wheels, "none")
told["no_wheels"] = attempt(bpy.ops.mocap.setup_engine)
if not getattr(bpy.app, "online_access", True):
    preferences.wheels_folder = ""
    told["offline"] = attempt(bpy.ops.mocap.setup_engine)
preferences.wheels_folder = wheels
told["setup"] = attempt(bpy.ops.mocap.setup_engine)
told["engine"] = location.engine_path(bpy.context)
told["check"] = attempt(bpy.ops.mocap.check_engine)
told["written_beside_the_code"] = [name for name in files_of_addon() if name not in before]
told["remove"] = attempt(bpy.ops.mocap.remove_engine)
told["left"] = Path(told["home"]).exists()
preferences.engine = os.path.dirname(os.path.dirname(told["engine"]))
told["named"] = attempt(bpy.ops.mocap.check_engine)
bpy.ops.preferences.addon_disable(module=name)
print("TOLD " + json.dumps(told), flush=True)
os._exit(0)
