"""The user's SMPL file: every downloaded form is read, nothing in it is run, bad files end with one clear sentence."""

from __future__ import annotations

import io
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from engine.body.smpl_file import load_smpl_body, load_smplx_layer, read_smpl_arrays
from engine.errors import InputError
from engine.restricted_pickle import load_pickled_arrays
from rig.skeleton import SMPL_PARENTS

VERTICES = 6890


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Random arrays in the layout of a SMPL file."""
    random = np.random.default_rng(7)
    weights = random.random((VERTICES, 24)) ** 8
    regressor = np.zeros((24, VERTICES))
    for row in regressor:
        row[random.permutation(VERTICES)[:12]] = 1 / 12
    parents = np.array(SMPL_PARENTS, dtype=np.int64)
    return {
        "v_template": random.standard_normal((VERTICES, 3)),
        "shapedirs": 0.01 * random.standard_normal((VERTICES, 3, 10)),
        "posedirs": 0.002 * random.standard_normal((VERTICES, 3, 207)).astype(np.float32),
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.stack([np.where(parents < 0, 4294967295, parents), np.arange(24)]),
        "f": random.integers(0, VERTICES, (13776, 3)).astype(np.uint32),
    }


@pytest.fixture(scope="module")
def chumpy_class():
    """A stand-in for chumpy.ch.Ch, known to the pickler only while this module's tests run."""

    class Ch:
        def __init__(self, x):
            self.x = x
            self._itr = None

    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch  # type: ignore[attr-defined]
    package.ch = module  # type: ignore[attr-defined]
    sys.modules["chumpy"], sys.modules["chumpy.ch"] = package, module
    yield Ch
    del sys.modules["chumpy"], sys.modules["chumpy.ch"]


@pytest.fixture(scope="module")
def downloaded(arrays, chumpy_class) -> bytes:
    """The pickle as downloaded: chumpy arrays, a sparse regressor, strings, protocol 2."""
    content = dict(arrays)
    content["shapedirs"] = chumpy_class(arrays["shapedirs"])
    content["posedirs"] = chumpy_class(arrays["posedirs"])
    content["v_template"] = chumpy_class(np.asfortranarray(arrays["v_template"]))
    content["J_regressor"] = csc_matrix(arrays["J_regressor"])
    content["bs_style"], content["bs_type"] = "lbs", "lrotmin"
    return pickle.dumps(content, protocol=2)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def same(read: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> None:
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f"):
        np.testing.assert_array_equal(read[name], arrays[name], err_msg=name)
    np.testing.assert_array_equal(read["kintree_table"][0], SMPL_PARENTS)


def test_pickle_with_chumpy_and_sparse_arrays(tmp_path, arrays, downloaded):
    file = write(tmp_path / "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", downloaded)
    assert "chumpy" not in str(type(read_smpl_arrays(file)["shapedirs"]))
    same(read_smpl_arrays(file), arrays)


def test_the_reader_imports_nothing_the_pickle_names(tmp_path, downloaded):
    file = write(tmp_path / "model.pkl", downloaded)
    real = {name: sys.modules.pop(name) for name in ("chumpy", "chumpy.ch")}
    try:
        read_smpl_arrays(file)
        assert "chumpy" not in sys.modules
    finally:
        sys.modules.update(real)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_and_layout(protocol):
    stored = {
        "a": np.arange(6.0).reshape(2, 3),
        "big": np.arange(4, dtype=">i2"),
        "rows": csr_matrix(np.eye(3)),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "scalar": np.float64(2.5),
        "text": "lbs",
    }
    read = load_pickled_arrays(pickle.dumps(stored, protocol=protocol), "x")
    np.testing.assert_array_equal(read["a"], stored["a"])
    np.testing.assert_array_equal(read["big"], stored["big"])
    np.testing.assert_array_equal(read["rows"], np.eye(3))
    np.testing.assert_array_equal(read["fortran"], stored["fortran"])
    assert read["scalar"] == 2.5
    assert read["text"] == "lbs"


def test_npz(tmp_path, arrays):
    file = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(file, **arrays)
    same(read_smpl_arrays(file), arrays)


def test_zip_chooses_the_gender_and_unpacks_nothing(tmp_path, arrays, downloaded):
    female = pickle.dumps({**arrays, "v_template": arrays["v_template"] + 1.0}, protocol=2)
    file = tmp_path / "SMPL python.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("smpl/models/basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", downloaded)
        archive.writestr("../../smpl/models/basicmodel_f_lbs_10_207_0_v1.1.0.pkl", female)
        archive.writestr("__MACOSX/smpl/models/._basicmodel_m_lbs.pkl", b"junk")
        archive.writestr("smpl/readme.txt", "text")
    before = sorted(tmp_path.rglob("*"))
    same(read_smpl_arrays(file, "neutral"), arrays)
    np.testing.assert_array_equal(read_smpl_arrays(file, "female")["v_template"], arrays["v_template"] + 1.0)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InputError, match="no male model; it holds neutral, female"):
        read_smpl_arrays(file, "male")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("swingtwist_was_here",)


@pytest.mark.parametrize("place", ["alone", "inside"])
def test_malicious_pickle_is_refused_and_not_run(tmp_path, monkeypatch, arrays, place):
    monkeypatch.chdir(tmp_path)
    content = Evil() if place == "alone" else {**arrays, "weights": Evil()}
    file = write(tmp_path / "model.pkl", pickle.dumps(content, protocol=2))
    with pytest.raises(InputError, match=r"posix\.mkdir|nt\.mkdir"):
        load_smpl_body(file)
    assert not (tmp_path / "swingtwist_was_here").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"c__builtin__\nexec\n(S'1'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n}S'__call__'\nS'x'\nsb.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cscipy.sparse.csc\nnp\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"Pexternal\n.",
        b"\x80\x02]q\x00",
        b"\x80\x02r\xff\xff\xff\x7f.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    ],
)
def test_hostile_programs_end_with_an_input_error(program):
    with pytest.raises(InputError):
        load_pickled_arrays(program, "x")


@pytest.mark.parametrize(
    "state",
    [
        (1, (1 << 40,), np.dtype("f8"), False, b"12345678"),
        (1, (-1,), np.dtype("f8"), False, b"12345678"),
        (1, (1,), np.dtype("O"), False, [Ellipsis]),
    ],
)
def test_arrays_that_lie_about_their_size_or_hold_objects(state):
    class Lying:
        def __reduce__(self):
            return np.core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), state

    with pytest.raises(InputError):
        load_pickled_arrays(pickle.dumps({"a": Lying()}, protocol=2), "x")


def test_truncated_files(tmp_path, downloaded):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("basicmodel_neutral.pkl", downloaded[: 1 << 20])
    for name, data in {
        "cut.pkl": downloaded[: len(downloaded) // 2],
        "cut.zip": buffer.getvalue()[:-100],
        "inner.zip": buffer.getvalue(),
        "empty.pkl": b"",
        "text.pkl": b"this is no model",
    }.items():
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            read_smpl_arrays(write(tmp_path / name, data))


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("basicmodel_neutral.pkl", bytes(64 << 20))
    with pytest.raises(InputError, match="refused"):
        read_smpl_arrays(file)


def test_npz_inside_a_zip_but_no_archive_of_archives(tmp_path, arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    file, outer = tmp_path / "smpl.zip", tmp_path / "outer.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("models/SMPL_NEUTRAL.npz", buffer.getvalue())
    same(read_smpl_arrays(file), arrays)
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(file, "models/SMPL_NEUTRAL.npz")
    with pytest.raises(InputError, match="archive inside"):
        read_smpl_arrays(outer)


def test_wrong_models_say_what_they_are(tmp_path, arrays):
    def read(**changed):
        content = {name: value for name, value in {**arrays, **changed}.items() if value is not None}
        return read_smpl_arrays(write(tmp_path / "x.pkl", pickle.dumps(content, protocol=2)))

    with pytest.raises(InputError, match="lacks weights"):
        read(weights=None)
    with pytest.raises(InputError, match="SMPL-X"):
        read(v_template=np.zeros((10475, 3)))
    with pytest.raises(InputError, match="SMPL-H"):
        read(weights=np.zeros((VERTICES, 52)))
    with pytest.raises(InputError, match="do not sum to 1"):
        read(weights=np.zeros((VERTICES, 24)))
    with pytest.raises(InputError, match="not finite"):
        read(v_template=np.full((VERTICES, 3), np.nan))
    with pytest.raises(InputError, match="kintree_table"):
        read(kintree_table=np.zeros((2, 24)))
    with pytest.raises(InputError, match="f has shape"):
        read(f=np.full((10, 3), VERTICES))


def test_missing_file_and_folder_and_gender(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_smpl_body(tmp_path / "nothing.pkl")
    with pytest.raises(InputError, match="folder"):
        load_smpl_body(tmp_path)
    with pytest.raises(InputError, match="gender"):
        load_smpl_body(tmp_path / "nothing.pkl", "other")


def test_the_body_poses_as_smplx_does(tmp_path, downloaded):
    torch = pytest.importorskip("torch")
    pytest.importorskip("smplx")
    from engine.body.lbs import Origin, SkinnedBody, rest_vertices_and_joints, skin

    file = write(tmp_path / "model.pkl", downloaded)
    body, layer = load_smpl_body(file), load_smplx_layer(file)
    random = np.random.default_rng(3)
    betas, rotvecs = random.standard_normal((4, 10)), 0.5 * random.standard_normal((4, 24, 3))
    posed = layer(
        betas=torch.tensor(betas, dtype=torch.float32),
        global_orient=torch.tensor(rotvecs[:, 0], dtype=torch.float32),
        body_pose=torch.tensor(rotvecs[:, 1:].reshape(4, -1), dtype=torch.float32),
        transl=torch.zeros(4, 3),
    )
    from rig.rotations import rotvec_to_rotmat

    arrays = SkinnedBody(
        template=body.template,
        shape_directions=body.shape_directions,
        pose_directions=body.pose_directions,
        joint_regressor=body.joint_regressor,
        h36m_regressor=np.zeros((17, VERTICES)),
        skin_weights=body.skin_weights,
    )
    rest_vertices, rest_joints = rest_vertices_and_joints(arrays, betas)
    mine = skin(arrays, rest_vertices, rest_joints, rotvec_to_rotmat(rotvecs), Origin.REST)
    np.testing.assert_allclose(mine.vertices, posed.vertices.detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(mine.joints, posed.joints[:, :24].detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(
        body.skeleton(betas[0]).rest_landmarks, rest_vertices[0][[332, 3387, 3216, 6787, 6617]], atol=1e-9
    )
