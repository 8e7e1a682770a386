"""The document of file formats says what the program does, and its example runs."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

import engine.errors
from engine.camera import Camera
from engine.cli import INTERRUPTED
from engine.evaluation.clip import evaluate_record
from engine.evaluation.truth_file import Truth
from engine.importing.hybrik_motion import export_hybrik
from engine.models.registry import InstalledModel
from engine.motion_points import camera_points
from engine.restricted_pickle import load_pickled_arrays
from rig.amass_writer import write_amass
from rig.body_mesh import BodyMesh, save_body_mesh
from rig.frames import WORLD_TO_CAMERA_UPRIGHT, rigid_transform
from rig.motion_file import SCHEMA, MotionRecord, save_motion
from tests.project.sources import ROOT
from tests.sample_motions import wandering

_DOCUMENT = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return re.split(r"\n## ", _DOCUMENT.split(f"\n## {title}", 1)[1])[0]


def _names(section: str) -> set[str]:
    """Names in the first column of a section's tables."""
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def _record() -> MotionRecord:
    motion = wandering(25)
    camera = Camera.from_fov((1280, 720))
    world_to_camera = rigid_transform(WORLD_TO_CAMERA_UPRIGHT, np.array([0.1, 1.0, 6.0]))
    return MotionRecord(motion, np.tile(world_to_camera, (25, 1, 1)), camera.intrinsics, (1280, 720))


def test_the_example_gives_the_joints_and_their_pixels(tmp_path: Path) -> None:
    record = _record()
    save_motion(tmp_path / "motion.npz", record)
    code = re.search(r"```python\n(.*?)```", _section("motion.npz"), re.DOTALL)
    assert code is not None
    assert len(code[1].splitlines()) <= 20
    script = code[1] + "\nnp.savez('result.npz', joints=joints, pixels=pixels)\n"
    script += "import sys; assert not {'rig', 'engine', 'scipy'} & set(sys.modules)\n"
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "result.npz") as result:
        np.testing.assert_allclose(result["joints"], record.motion.joints(), atol=1e-9)
        camera = Camera(record.intrinsics, record.image_size, record.world_to_camera[0])
        np.testing.assert_allclose(result["pixels"], camera.project(record.motion.joints()), atol=1e-6)


def test_every_array_of_a_motion_file_is_described_and_exists(tmp_path: Path) -> None:
    save_motion(tmp_path / "motion.npz", _record())
    with np.load(tmp_path / "motion.npz", allow_pickle=False) as archive:
        assert _names(_section("motion.npz")) == set(archive.files)
    assert f"## motion.npz, schema {SCHEMA}\n" in _DOCUMENT


def test_every_array_of_a_body_file_is_described_and_exists(tmp_path: Path) -> None:
    mesh = BodyMesh(
        vertices=np.zeros((3, 3)),
        faces=np.array([[0, 1, 2]]),
        skin_joints=np.zeros((3, 1)),
        skin_weights=np.ones((3, 1)),
        face_materials=np.zeros(1),
        material_names=("skin",),
        material_colors=np.ones((1, 3)),
    )
    save_body_mesh(tmp_path / "body.npz", mesh)
    with np.load(tmp_path / "body.npz", allow_pickle=False) as archive:
        assert _names(_section("body_<id>.npz")) == set(archive.files)


def test_every_array_of_a_written_hybrik_file_is_described(tmp_path: Path) -> None:
    export_hybrik(tmp_path / "res.pk", _record())
    keys = set(load_pickled_arrays((tmp_path / "res.pk").read_bytes(), "res.pk", text_arrays=True))
    never = {"pred_uvd", "pred_xyz_17", "pred_xyz_29", "pred_phi"}
    assert _names(_section("res.pk of HybrIK")) == keys | never
    assert not keys & never


def test_every_array_of_a_written_amass_file_is_described(tmp_path: Path) -> None:
    write_amass(tmp_path / "walk.amass.npz", _record())
    with np.load(tmp_path / "walk.amass.npz", allow_pickle=False) as archive:
        assert _names(_section("AMASS files")) == set(archive.files)


def test_every_value_of_a_models_entry_is_described() -> None:
    described = set(re.findall(r"`(\w+)`", _section("Models").split("| `entry.json` |")[1].split("\n")[0]))
    assert described == {field.name for field in fields(InstalledModel)}


def test_every_score_is_described() -> None:
    record = _record()
    names, points = camera_points(record)
    scores = evaluate_record(record, Truth(names, points, record.motion.times_s)).as_dict()
    described = _names(_section("truth.npz"))
    plain = {"person_id", "truth_frames", "compared_frames", "compared_points", "true_path_m"}
    assert set(scores) - plain <= described


def test_exit_codes_are_those_of_the_program() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", _section("Exit codes"), re.MULTILINE)}
    kinds = [kind for kind in vars(engine.errors).values() if isinstance(kind, type)]
    used = {kind.exit_code for kind in kinds if issubclass(kind, engine.errors.EngineError)}
    assert codes == used | {0, INTERRUPTED}


def test_links_inside_the_document_lead_somewhere() -> None:
    titles = re.findall(r"^## (.*)$", _DOCUMENT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", _DOCUMENT)) == anchors
