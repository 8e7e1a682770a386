"""The user's own SMPL file, as downloaded (zip, pkl or npz), read without executing anything from it."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import InputError, MissingTool
from rig.skeleton import LANDMARK_NAMES, SMPL_JOINT_NAMES, SMPL_PARENTS

from ..restricted_pickle import load_pickled_arrays
from .model import BodyModel

if TYPE_CHECKING:
    import smplx

SMPL_LICENCE = "SMPL body model licence (non-commercial, Max Planck); the user's own file, not part of this program"
GENDERS = ("neutral", "female", "male")
VERTEX_COUNT = 6890
SHAPE_COUNT = 10
POSE_COUNT = 207
LANDMARK_VERTICES = {
    "nose": 332,
    "left_heel": 3387,
    "left_big_toe": 3216,
    "right_heel": 6787,
    "right_big_toe": 6617,
}
"""Vertices of SMPL's own mesh (numbers as published in smplx's `vertex_ids`)."""

LARGEST_FILE = 1 << 30
"""Bytes that a file, or a member of an archive once unpacked, may have; SMPL's largest has about 300 MB."""

LARGEST_RATIO = 300
"""How many times its packed size a member may unpack to; SMPL's own unpack to less than 10 times."""

_OTHER_MODELS = {10475: "SMPL-X", 778: "MANO", 5023: "FLAME"}
_REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")


def load_smpl_body(path: str | Path, gender: str = "neutral") -> BodyModel:
    """The SMPL body in a file as downloaded: a zip, a pkl (chumpy and SciPy inside) or an npz.

    gender chooses among an archive's models: neutral, female or male.
    The first ten shape coefficients are used. Raises InputError that says what is wrong with the file.
    """
    arrays = read_smpl_arrays(path, gender)
    landmarks = np.zeros((len(LANDMARK_NAMES), VERTEX_COUNT))
    landmarks[np.arange(len(LANDMARK_NAMES)), [LANDMARK_VERTICES[name] for name in LANDMARK_NAMES]] = 1.0
    return BodyModel(
        name="smpl",
        licence=SMPL_LICENCE,
        template=arrays["v_template"],
        shape_directions=arrays["shapedirs"][:, :, :SHAPE_COUNT],
        joint_regressor=arrays["J_regressor"],
        skin_weights=arrays["weights"],
        faces=arrays["f"].astype(np.int64),
        landmark_regressor=landmarks,
        pose_directions=arrays["posedirs"].reshape(-1, POSE_COUNT).T,
        h36m_regressor=arrays.get("J_regressor_h36m"),
    )


def load_smplx_layer(path: str | Path, gender: str = "neutral") -> smplx.SMPL:
    """The same file as a torch module of the smplx package, built in memory; smplx itself never opens the file.

    Raises MissingTool without the `smpl` extra, InputError for a file that cannot be used.
    """
    try:
        import smplx
        from smplx.utils import Struct
    except ImportError as error:
        raise MissingTool("The package smplx is not installed; install it with: pip install smplx") from error
    arrays = read_smpl_arrays(path, gender)
    return smplx.SMPL(model_path="", data_struct=Struct(**arrays), gender=gender, num_betas=SHAPE_COUNT)


def read_smpl_arrays(path: str | Path, gender: str = "neutral") -> dict[str, np.ndarray]:
    """The checked arrays of a SMPL file under SMPL's own names, float64 and free of chumpy.

    v_template (6890, 3), shapedirs (6890, 3, B), posedirs (6890, 3, 207), J_regressor (24, 6890), weights (6890, 24),
    kintree_table (2, 24), f (13776, 3), and J_regressor_h36m (17, 6890) where the file has it.
    """
    path = Path(path)
    if gender not in GENDERS:
        raise InputError(f"The gender {gender!r} is not known; choose one of {', '.join(GENDERS)}.")
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected the SMPL file in it (zip, pkl or npz).")
        if size > LARGEST_FILE:
            raise InputError(f"{path} has {size} bytes, more than any SMPL file ({LARGEST_FILE}).")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"The body file {path} cannot be read: {error.strerror or error}.") from error
    return _checked(_read_any(data, str(path), gender), str(path))


def _read_any(data: bytes, source: str, gender: str, inside: bool = False) -> dict[str, Any]:
    """The arrays in a file's bytes, recognised by content and not by its name; `inside` an archive no other follows."""
    if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [info for info in archive.infolist() if not info.is_dir()]
                if members and all(info.filename.endswith(".npy") for info in members):
                    return _read_npz(archive, members, source)
                if inside:
                    raise InputError(f"{source} is an archive inside the archive; unpack it and give the file in it.")
                chosen = _choose_member(members, source, gender)
                inner = _read_member(archive, chosen, source)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise InputError(f"{source} is a damaged or encrypted archive ({error}); download it again.") from error
        return _read_any(inner, f"{source}: {chosen.filename}", gender, inside=True)
    if not data or not (data[:1] == b"\x80" or data[:1] in b"(}]c"):
        raise InputError(f"{source} is neither a zip, a pickle nor an npz; give the SMPL file as downloaded.")
    return load_pickled_arrays(data, source)


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, source: str) -> bytes:
    """One member's bytes, unpacked in memory within the limits (its declared size is not trusted)."""
    limit = min(LARGEST_FILE, max(info.compress_size, 1 << 12) * LARGEST_RATIO)
    if info.file_size > limit:
        raise InputError(
            f"{source} was refused: {info.filename} would unpack from {info.compress_size} to {info.file_size} bytes."
        )
    with archive.open(info) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{source} was refused: {info.filename} unpacks to more than {limit} bytes.")
    return data


def _read_npz(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], source: str) -> dict[str, Any]:
    arrays = {}
    for info in members:
        name = info.filename.removesuffix(".npy")
        if name not in (*_REQUIRED, "J_regressor_h36m"):
            continue
        try:
            arrays[name] = np.lib.format.read_array(io.BytesIO(_read_member(archive, info, source)), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise InputError(f"{source}: the array {name} cannot be read ({error}).") from error
    return arrays


def _member_gender(name: str) -> str | None:
    """The gender that a model's file name states, as in basicModel_f_lbs_10_207_0_v1.0.0.pkl or SMPL_NEUTRAL.npz."""
    words = re.split(r"[^a-z]+", PurePosixPath(name.replace("\\", "/")).name.lower())
    for word in words:
        for gender in GENDERS:
            if word in (gender, gender[0]):
                return gender
    return None


def _choose_member(members: list[zipfile.ZipInfo], source: str, gender: str) -> zipfile.ZipInfo:
    """The archive's model of one gender. Only names are looked at; nothing is written anywhere."""
    models = [
        info
        for info in members
        if info.filename.lower().endswith((".pkl", ".npz"))
        and "__MACOSX" not in info.filename
        and not PurePosixPath(info.filename).name.startswith(".")
    ]
    if not models:
        raise InputError(f"{source} holds no SMPL model (.pkl or .npz); give the archive as downloaded.")
    fitting = [info for info in models if _member_gender(info.filename) == gender]
    if fitting:
        return max(fitting, key=lambda info: (info.file_size, info.filename))
    if len(models) == 1 and _member_gender(models[0].filename) is None:
        return models[0]
    known = [found for found in GENDERS if any(_member_gender(info.filename) == found for info in models)]
    raise InputError(
        f"{source} holds no {gender} model; it holds {', '.join(known) or 'models of no stated gender'}: "
        "choose with the gender setting."
    )


def _checked(arrays: dict[str, Any], source: str) -> dict[str, np.ndarray]:
    """SMPL's arrays with their shapes, joint tree and weights checked."""
    missing = [name for name in _REQUIRED if name not in arrays]
    if missing:
        raise InputError(f"{source} is not a SMPL model: it lacks {', '.join(missing)}.")
    shapes = {
        "v_template": (VERTEX_COUNT, 3),
        "posedirs": (VERTEX_COUNT, 3, POSE_COUNT),
        "J_regressor": (len(SMPL_JOINT_NAMES), VERTEX_COUNT),
        "weights": (VERTEX_COUNT, len(SMPL_JOINT_NAMES)),
        "J_regressor_h36m": (17, VERTEX_COUNT),
    }
    out: dict[str, np.ndarray] = {}
    for name in (*_REQUIRED, "J_regressor_h36m"):
        if name not in arrays:
            continue
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "iuf":
            raise InputError(f"{source}: {name} holds {array.dtype}, expected numbers.")
        if name == "v_template" and array.shape[:1] != (VERTEX_COUNT,):
            other = _OTHER_MODELS.get(len(array)) if array.ndim == 2 else None
            found = f"a {other} model" if other else f"a model of shape {array.shape}"
            raise InputError(f"{source} is {found}, expected SMPL with {VERTEX_COUNT} vertices and 24 joints.")
        if name in shapes and array.shape != shapes[name]:
            hint = (
                " (SMPL-H has hands; SMPL is needed)" if array.shape in ((6890, 52), (52, 6890), (6890, 3, 459)) else ""
            )
            raise InputError(f"{source}: {name} has shape {array.shape}, expected {shapes[name]}{hint}.")
        if not np.isfinite(array).all():
            raise InputError(f"{source}: {name} holds values that are not finite.")
        out[name] = array.astype(np.float64)
    shapedirs, faces, tree = out["shapedirs"], out["f"], out["kintree_table"]
    if shapedirs.ndim != 3 or shapedirs.shape[:2] != (VERTEX_COUNT, 3) or shapedirs.shape[2] < SHAPE_COUNT:
        raise InputError(f"{source}: shapedirs has shape {shapedirs.shape}, expected ({VERTEX_COUNT}, 3, 10 or more).")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.min() < 0 or faces.max() >= VERTEX_COUNT:
        raise InputError(f"{source}: f has shape {faces.shape}, expected triangles of {VERTEX_COUNT} vertices.")
    if tree.shape != (2, len(SMPL_PARENTS)) or not np.array_equal(tree[0, 1:], SMPL_PARENTS[1:]):
        raise InputError(f"{source}: kintree_table does not describe SMPL's 24 joints.")
    for name, axis in (("J_regressor", 1), ("weights", 1)):
        if np.abs(out[name].sum(axis=axis) - 1.0).max() > 1e-2:
            raise InputError(f"{source}: the rows of {name} do not sum to 1; the file is damaged.")
    out["f"] = faces.astype(np.int64)
    tree[0, 0] = -1
    out["kintree_table"] = tree.astype(np.int64)
    return out
