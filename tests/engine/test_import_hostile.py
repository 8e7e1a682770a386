"""Files that are foreign, damaged, wrong or hostile end an import with one sentence, and nothing in them runs."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.body.open_body import load_open_body
from engine.cli import main
from engine.errors import EngineError, InputError, MissingTool
from engine.importing import result_pickle, source_file
from engine.importing.importers import IMPORTERS, ImportedMotion, ImportRequest, find_importer
from engine.importing.source_file import Container, open_source
from engine.settings import Settings
from tests.engine.joblib_writer import joblib_bytes
from tests.engine.test_import_bvh import cmu_bvh
from tests.engine.test_import_formats import amass, gvhmr, parameters, phalp, wham


def read(path: Path) -> list[ImportedMotion]:
    source = open_source(path)
    return find_importer(source).read(source, ImportRequest(Fraction(30), Settings()), load_open_body())


def npz(values: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **values)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def refused(folder: Path, data: bytes, message: str) -> None:
    path = folder / "file.bin"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        read(path)


class _Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("wrap", [pickle.dumps, joblib_bytes, lambda value: joblib_bytes(value, "zlib")])
@pytest.mark.parametrize("place", ["whole", "person", "array"])
def test_nothing_in_a_pickle_runs(tmp_path: Path, wrap: Callable[[Any], bytes], place: str) -> None:
    bomb = _Call(os.mkdir, str(tmp_path / "was run"))
    person = {"pose": np.zeros((3, 72)), "trans": np.zeros((3, 3)), "frame_ids": np.arange(3)}
    objects = np.array([bomb], dtype=object)
    value = {"whole": bomb, "person": {1: {**person, "x": bomb}}, "array": {1: {**person, "x": objects}}}[place]
    refused(tmp_path, wrap(value), r"refused: it asks to load (posix|nt)\.mkdir.*nothing in it was run")
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("function", [eval, getattr, np.load, zlib.decompress, dict.fromkeys, "".join])
def test_functions_that_look_harmless_are_refused_too(tmp_path: Path, function: Any) -> None:
    refused(tmp_path, pickle.dumps({1: {"tid": [], "smpl": _Call(function, "1")}}), "refused|expected|holds")


def test_arrays_of_objects_inside_an_npz_are_not_opened(tmp_path: Path) -> None:
    rotvecs, trans = parameters()
    values = {**amass(rotvecs, trans), "extra": np.array([_Call(os.mkdir, str(tmp_path / "was run"))], dtype=object)}
    (tmp_path / "a.npz").write_bytes(npz(values))
    assert len(read(tmp_path / "a.npz")[0].motion) == 6
    assert not (tmp_path / "was run").exists()


SAMPLES: dict[str, Callable[[], bytes]] = {
    "amass": lambda: npz(amass(*parameters())),
    "gvhmr": lambda: npz(gvhmr(*parameters())),
    "wham": lambda: wham()[0],
    "wham zlib": lambda: wham("zlib")[0],
    "phalp": lambda: joblib_bytes(phalp(3)[0], "gzip"),
    "joints": lambda: npy(np.random.default_rng(0).standard_normal((9, 22, 3))),
}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_every_truncation_ends_in_one_sentence(tmp_path: Path, name: str) -> None:
    data = SAMPLES[name]()
    path = tmp_path / "file.bin"
    for end in range(1, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:end])
        with pytest.raises(InputError):
            read(path)


@pytest.mark.parametrize("name", list(SAMPLES))
def test_random_damage_is_read_or_ends_in_one_sentence(tmp_path: Path, name: str) -> None:
    data, random = SAMPLES[name](), np.random.default_rng(1)
    path = tmp_path / "file.bin"
    for _ in range(25):
        damaged = bytearray(data)
        for place in random.integers(0, len(data), 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            people = read(path)
        except EngineError:
            continue
        assert all(np.isfinite(person.motion.joints()).all() for person in people)


ROTVECS, TRANS = parameters()


def subject(**changed: Any) -> bytes:
    """A pickle of one of WHAM's subjects."""
    return pickle.dumps({1: {"pose": np.zeros((3, 72)), "trans": np.zeros((3, 3)), **changed}})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npz({**amass(ROTVECS, TRANS), "poses": np.zeros((6, 60))}), "poses has 60 numbers a frame"),
        (npz({**amass(ROTVECS, TRANS), "poses": np.zeros(())}), "poses"),
        (npz({**amass(ROTVECS, TRANS), "trans": np.zeros((5, 3))}), "different numbers of frames: poses 6, trans 5"),
        (npz({**amass(ROTVECS, TRANS), "trans": np.array(["a", "b"])}), "trans has shape"),
        (npz({**amass(ROTVECS, np.full((6, 3), np.nan))}), "no frame that can be used"),
        (npz({**amass(ROTVECS, np.full((6, 3), 1e300))}), "no frame that can be used"),
        (npz({**amass(ROTVECS, TRANS), "poses": np.zeros((0, 156)), "trans": np.zeros((0, 3))}), "poses has shape"),
        (npz({**gvhmr(ROTVECS, TRANS), "body_pose": np.zeros((6, 20))}), "body_pose has 23 numbers"),
        (npz({"faces": np.zeros(3)}), "nothing that can be imported.*AMASS.*BVH"),
        (npy(np.zeros((5, 263))), "expected frames x 22 x 3"),
        (npy(np.zeros((5, 22, 3), dtype=bool).astype(object)), "objects"),
        (npy(np.full((5, 22, 3), np.nan)), "no frame with a pelvis"),
        (pickle.dumps({1: {"pose": np.zeros((3, 72)), "frame_ids": np.arange(3)}}), "subject 1 lacks trans"),
        (subject(frame_ids=np.arange(2)), "frames"),
        (subject(frame_ids=np.array([1, 9, 4])), "do not increase"),
        (subject(frame_ids=np.array([0, 1, 10**8])), "numbers run from 0 to 100000000"),
        (pickle.dumps({"a.jpg": {"tid": [1, 2], "smpl": [{}], "camera": []}}), "expected one of each"),
        (pickle.dumps({"a.jpg": {"tid": [1], "smpl": [{}], "camera": [0], "size": [[9, 9]]}}), "lacks the rotations"),
        (pickle.dumps({"a.jpg": {"tid": [], "smpl": []}}), "no tracked person"),
        (pickle.dumps([1, 2]), "nothing that can be imported"),
        (b"", "nothing that can be imported"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "nothing that can be imported"),
        (b"once upon a time", "nothing that can be imported"),
        (b"\x04\x22\x4d\x18" + bytes(40), r"LZ4.*joblib\.dump"),
        (b"ZF0x1234", "joblib older"),
        (b"PK\x03\x04" + bytes(40), "damaged"),
    ],
)  # fmt: skip
def test_unfit_content_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    refused(tmp_path, data, message)


def test_archives_that_unpack_to_too_much_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "LARGEST_CONTENT", 1 << 20)
    monkeypatch.setattr(result_pickle, "LARGEST_CONTENT", 1 << 20)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("poses.npy", bytes(2 << 20))
    refused(tmp_path, stream.getvalue(), "unpacks to more than")
    refused(tmp_path, zlib.compress(bytes(2 << 20)), "unpacks to more than")


def test_headers_that_promise_too_much_are_refused(tmp_path: Path) -> None:
    array = npy(np.zeros((9, 22, 3)))
    refused(tmp_path, array.replace(b"(9, 22, 3)", b"(9, 22, 3" + b"0" * 9 + b")"), "damaged")
    lying = joblib_bytes({1: {"pose": np.zeros((7, 72)), "frame_ids": np.arange(3)}})
    refused(tmp_path, lying.replace(b"K\x07KH\x86", b"K\x07J\xff\xff\xff\x7f\x86"), "breaks off|expected|complete")


def test_pickles_of_endless_pieces_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_pickle, "MOST_READS", 1000)
    refused(tmp_path, zlib.compress(b"\x80\x04" + b"]" * 100_000 + b"."), "more than 1000 pieces")


def test_a_locked_or_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path / "no.npz"), "--out", str(tmp_path / "a.npz"), "--progress", "none"]) == 2
    assert "no.npz cannot be read" in capsys.readouterr().err
    (tmp_path / "folder.npz").mkdir()
    assert main(["import", str(tmp_path / "folder.npz"), "--out", str(tmp_path / "a.npz"), "--progress", "none"]) == 2


def test_no_two_importers_claim_a_sample(tmp_path: Path) -> None:
    for data in (*(sample() for sample in SAMPLES.values()), cmu_bvh({}).encode()):
        path = tmp_path / "file.bin"
        path.write_bytes(data)
        source = open_source(path)
        assert source.container is not Container.OTHER
        assert sum(importer.recognises(source) for importer in IMPORTERS) == 1


def test_a_pytorch_file_without_pytorch_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("hmr4d_results/data.pkl", b"\x80\x02}.")
    (tmp_path / "hmr4d_results.pt").write_bytes(stream.getvalue())
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingTool, match="needs PyTorch: install it with `pip install torch`"):
        read(tmp_path / "hmr4d_results.pt")
