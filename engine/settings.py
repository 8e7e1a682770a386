"""Every setting of a capture, defined once for the command line, TOML files and the result file."""

from __future__ import annotations

import json
import tomllib
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import InputError


def _setting(default: Any, group: str, text: str, *, choices: tuple[str, ...] = (), metavar: str = "") -> Any:
    return field(default=default, metadata={"group": group, "help": text, "choices": choices, "metavar": metavar})


REGIONS = ("root", "torso", "head", "arms", "legs")
"""Parts of the body with a factor on their smoothing of their own, `smooth_` before its name."""

LANDMARKS = "landmarks"
"""The model that needs no network but the detector's own."""


@dataclass(frozen=True)
class Settings:
    """Settings of one capture; plain values only, so that importing this loads nothing heavy.

    Fields of the groups "video" and "detection" decide what the network sees; all others can be changed later
    with `mocap refine` without running it again.
    """

    start: float = _setting(0.0, "video", "start of the range to capture, seconds of the video", metavar="S")
    end: float = _setting(0.0, "video", "end of the range, seconds of the video; 0 is the video's end", metavar="S")
    slow_motion: float = _setting(
        1.0, "video", "the video plays this many times slower than life (240 fps footage shown at 30 is 8)", metavar="K"
    )
    rotation: str = _setting(
        "auto",
        "video",
        "turn the picture by degrees clockwise; auto follows the file's own flag",
        choices=("auto", "0", "90", "180", "270"),
    )
    sequence_rate: str = _setting("30", "video", "rate of an image sequence, frames a second", metavar="FPS")
    max_people: int = _setting(4, "detection", "most people looked for in a frame", metavar="N")
    detector: str = _setting(
        "",
        "detection",
        "a pose_landmarker .task file to use in place of the models inside the mediapipe package",
        metavar="FILE",
    )
    device: str = _setting(
        "cpu",
        "detection",
        "where an image network --model runs (gpu needs CUDA), else the detector (gpu needs an OpenGL ES driver)",
        choices=("cpu", "gpu"),
    )
    model: str = _setting(
        LANDMARKS,
        "detection",
        'what poses people: "landmarks", lifted from the detector\'s points, or an image network that was added with '
        "`mocap models add`, such as hybrik-transformer",
        metavar="NAME",
    )
    flip_test: bool = _setting(
        False, "detection", "show the --model mirror images too: a little better, twice the time"
    )
    half: bool = _setting(
        False,
        "detection",
        "let the --model calculate in half precision on a processor too, as it does on a GPU: up to twice as fast "
        "where the processor knows such numbers; exported models need onnxruntime-openvino for it",
    )
    batch_size: int = _setting(16, "detection", "crops that the --model looks at together", metavar="N")
    threads: int = _setting(
        0, "detection", "threads that decode video, and that run an exported --model; 0 lets each choose", metavar="N"
    )
    person: str = _setting(
        "largest",
        "people",
        'whom to capture: "largest", an id such as 2, or a point such as 640,360@2.5 (x,y pixels @ seconds)',
        metavar="WHO",
    )
    all_people: bool = _setting(False, "people", "capture everybody, in one world")
    fov: float = _setting(
        55.0, "camera", "field of view along the picture's longer side, degrees; a guess where unknown", metavar="DEG"
    )
    placement: str = _setting(
        "network",
        "camera",
        "what says how far away people are whom a --model such as hybrik saw that estimates a camera: network, that "
        "camera, or bones, --fov and the bones' lengths, as for all other models",
        choices=("network", "bones"),
    )
    body: str = _setting(
        "open", "body", 'body model: "open", or the path of your own SMPL file (zip, pkl or npz)', metavar="BODY"
    )
    gender: str = _setting(
        "neutral", "body", "which model of an SMPL zip to use", choices=("neutral", "female", "male")
    )
    height: float = _setting(0.0, "body", "the person's height in metres; 0 estimates it", metavar="M")
    lifting: str = _setting(
        "learned",
        "motion",
        "what lifts the points of --model landmarks: learned, by a network trained on captured motion, or geometric, "
        "by bone lengths and the depth that the detector guesses",
        choices=("learned", "geometric"),
    )
    ik: str = _setting(
        "adaptive",
        "motion",
        "inverse kinematics: adaptive aims each bone from where its parent ended, naive copies bone directions",
        choices=("adaptive", "naive"),
    )
    outliers: float = _setting(
        1.0, "motion", "how strictly single wild poses are replaced; 0 keeps them, 2 is twice as strict", metavar="K"
    )
    smoothing: str = _setting("default", "motion", "smoothing preset", choices=("off", "light", "default", "heavy"))
    smooth_root: float = _setting(1.0, "motion", "factor on the smoothing of the path; 0 leaves it", metavar="K")
    smooth_torso: float = _setting(1.0, "motion", "factor on the smoothing of hips and spine", metavar="K")
    smooth_head: float = _setting(1.0, "motion", "factor on the smoothing of neck and head", metavar="K")
    smooth_arms: float = _setting(1.0, "motion", "factor on the smoothing of arms and hands", metavar="K")
    smooth_legs: float = _setting(1.0, "motion", "factor on the smoothing of legs and feet", metavar="K")
    gaps: str = _setting(
        "hold",
        "motion",
        "where somebody is hidden longer than --fill: hold the last pose, fill all the way, or leave as is",
        choices=("hold", "fill", "leave"),
    )
    fill: float = _setting(1.0, "motion", "longest gap that is bridged by interpolation, seconds", metavar="S")
    floor_at: str = _setting(
        "",
        "motion",
        "feet that stand on the floor, which is shifted for one and tilted for more: left@3.2 (seconds of the motion), "
        'or several such as "left@3.2 right@7.5"; left@3.2#2 is person 2',
        metavar="FEET",
    )
    level_at: str = _setting(
        "", "motion", "when the person stands upright, which says where up is: 4.0, or 4.0#2 for person 2", metavar="S"
    )
    foot_lock: str = _setting(
        "auto",
        "motion",
        "pin feet to the floor: auto where they stand, always near the floor, off never; grounding brings them to the "
        "floor's height but lets them slide",
        choices=("auto", "always", "off", "grounding"),
    )
    contacts: str = _setting(
        "",
        "motion",
        "JSON file that says when heels and toes stand, in place of finding out; sought in the job folder first",
        metavar="FILE",
    )
    fps: str = _setting(
        "video", "output", 'output rate: "video" keeps the video\'s own, else 30, 29.97, 30000/1001, ...', metavar="FPS"
    )
    root_motion: str = _setting(
        "planar+yaw",
        "output",
        "what the root bone carries; off keeps the character in place",
        choices=("off", "planar", "planar+yaw", "full"),
    )
    bones: str = _setting("smpl", "output", "bone names of the exported armature", choices=("smpl", "mixamo", "unreal"))
    fbx_unit: str = _setting(
        "m", "output", "unit of the numbers in an FBX file: Unreal wants cm, others m", choices=("m", "cm")
    )
    people_files: str = _setting(
        "together",
        "output",
        "several people in outputs written by Blender: together in one file, or each in one of their own",
        choices=("together", "each"),
    )
    character: str = _setting(
        "",
        "output",
        "rigged character (.fbx .glb .gltf .vrm .blend) that plays the people in outputs written by Blender",
        metavar="FILE",
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            kind = type(item.default)
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
                object.__setattr__(self, item.name, value)
            if type(value) is not kind:
                raise InputError(f"setting {item.name} is {value!r}, expected {_kind_name(kind)}")
            choices = item.metadata["choices"]
            if choices and value not in choices:
                raise InputError(f"setting {item.name} is {value!r}, expected one of {', '.join(choices)}")
        for name, low, high in (
            ("start", 0.0, 1e6), ("end", 0.0, 1e6), ("slow_motion", 0.05, 100.0), ("max_people", 1, 20),
            ("threads", 0, 256), ("batch_size", 1, 4096), ("fov", 5.0, 150.0), ("fill", 0.0, 1e6),
            ("outliers", 0.0, 10.0), *((f"smooth_{region}", 0.0, 10.0) for region in REGIONS),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise InputError(f"setting {name} is {getattr(self, name)}, expected {low} to {high}")
        if self.end and self.end <= self.start:
            raise InputError(f"setting end is {self.end} s, expected more than start, {self.start} s, or 0")
        if self.height and not 0.5 <= self.height <= 2.6:
            raise InputError(f"setting height is {self.height} m, expected 0.5 to 2.6, or 0 to estimate it")

    def to_toml(self) -> str:
        """The settings as a TOML document that `load_toml` reads back."""
        # JSON's strings, numbers and booleans are TOML's too, but for the one control character JSON leaves bare.
        values = {key: json.dumps(value, ensure_ascii=False) for key, value in asdict(self).items()}
        return "".join(f"{key} = {value}\n" for key, value in values.items()).replace("\x7f", "\\u007f")


NETWORK_SETTINGS = tuple(
    item.name
    for item in fields(Settings)
    if item.metadata["group"] in ("video", "detection") and item.name not in ("threads", "batch_size")
)
"""Names of the settings that decide what the network sees; a refinement cannot change them."""


def setting_fields() -> tuple[Field[Any], ...]:
    """The fields of Settings, each with group, help, choices and metavar in its metadata."""
    return fields(Settings)


def settings_from(values: dict[str, Any], source: str) -> Settings:
    """Settings from a dictionary; `source` names it in the InputError for an unknown key or unfit value."""
    known = {f.name for f in fields(Settings)}
    for key in values:
        if key not in known:
            raise InputError(f"{source} has the unknown setting {key!r}, expected one of {', '.join(sorted(known))}")
    try:
        return Settings(**values)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def load_toml(path: Path) -> dict[str, Any]:
    """Read settings from a TOML file; keys are the long options without dashes in front, - or _ alike."""
    try:
        with open(path, "rb") as stream:
            values = tomllib.load(stream)
    except OSError as error:
        raise InputError(f"settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"settings file {path} is not valid TOML: {error}") from error
    return {key.replace("-", "_"): value for key, value in values.items()}


def _kind_name(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[kind]
