"""The doctor finds what is there, names what is not, and never fails itself."""

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from engine import doctor
from engine.doctor import Finding, Status, diagnose, format_findings


def _by_name(findings: list[Finding]) -> dict[str, Finding]:
    named = {finding.name: finding for finding in findings}
    assert len(named) == len(findings)
    return named


@pytest.fixture
def no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no other Python."""
    monkeypatch.setattr(doctor, "_PROBES", {})


@pytest.fixture(scope="module")
def found_here() -> list[Finding]:
    return diagnose()


def test_this_environment_is_described(found_here: list[Finding]) -> None:
    findings = _by_name(found_here)
    assert findings["numpy"].status is Status.OK
    assert findings["numpy"].detail == importlib.metadata.version("numpy")
    assert findings["Python"].detail.startswith(".".join(map(str, sys.version_info[:3])))
    assert "h264" in findings["video codecs"].detail
    for name in ("person detector", "detector models", "Blender", "GPU", "cache folder", "free disk", "open body"):
        assert findings[name].detail
    json.dumps([asdict(finding) for finding in findings.values()])


def test_every_problem_comes_with_a_fix(found_here: list[Finding]) -> None:
    for finding in found_here:
        assert finding.status is Status.OK or finding.fix, finding


def test_nothing_installed_is_reported_without_a_crash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, no_probes: None
) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setattr(doctor, "_is_installed", lambda name: False)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    findings = _by_name(diagnose())
    for name in ("numpy", "scipy", "av", "mediapipe", "torch", "video codecs", "person detector", "Blender", "OpenCV"):
        assert findings[name].status is Status.MISSING
        assert findings[name].fix
    assert "only needed for" in findings["torch"].detail
    assert findings["GPU"].status is Status.OK


def test_wrong_versions_are_told(monkeypatch: pytest.MonkeyPatch, no_probes: None) -> None:
    versions = {
        "numpy": "2.1.0",
        "scipy": "1.2",
        "torch": "2.13.0+cpu",
        "opencv-python": "4",
        "opencv-contrib-python": "4",
    }
    monkeypatch.setattr(doctor, "_version", versions.get)
    findings = _by_name(diagnose())
    assert findings["numpy"].status is Status.WARNING
    assert "2.1.0, expected at least 1.26 and below 2" in findings["numpy"].detail
    assert findings["scipy"].status is Status.WARNING
    assert findings["torch"].status is Status.OK
    assert findings["OpenCV"].status is Status.WARNING
    assert "opencv-contrib-python and opencv-python" in findings["OpenCV"].detail


def test_a_package_that_does_not_load_is_missing_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "raise ImportError('libGL.so.1: cannot open shared object file')"
    monkeypatch.setattr(doctor, "_PROBES", {"mediapipe": code, "bpy": code})
    monkeypatch.setattr(doctor, "_is_installed", lambda name: True)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    findings = _by_name(diagnose())
    assert findings["person detector"].status is Status.MISSING
    assert "libGL.so.1: cannot open shared object file" in findings["person detector"].detail
    assert findings["Blender"].status is Status.MISSING
    assert "libGL" in findings["Blender"].detail


def test_a_probe_that_hangs_is_given_up() -> None:
    start = time.monotonic()
    result = doctor._finish(doctor._start_probe("import time; time.sleep(60)"), timeout_s=0.3)
    assert not result.ok
    assert "no answer" in result.complaint
    assert time.monotonic() - start < 10
    assert not doctor._finish(doctor._start(["/no/such/program"])).ok


@pytest.mark.skipif(os.name == "nt", reason="the stand-in programs are shell scripts")
def test_an_unused_gpu_and_a_blender_program_are_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, says in (("nvidia-smi", "NVIDIA T4, 15360 MiB"), ("blender", "Blender 4.5.1 LTS")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "_PROBES", {"torch": "print()"})
    monkeypatch.setattr(doctor, "_is_installed", lambda name: name == "torch")
    findings = _by_name(diagnose())
    assert findings["GPU"].status is Status.WARNING
    assert "NVIDIA T4" in findings["GPU"].detail
    assert findings["Blender"].status is Status.OK
    assert "4.5.1" in findings["Blender"].detail
    monkeypatch.setenv("SWINGTWIST_BLENDER", str(tmp_path / "gone"))
    assert _by_name(diagnose())["Blender"].status is Status.WARNING


def test_a_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_free_gb", lambda folder: 0.1)
    assert doctor._disk().status is Status.WARNING
    monkeypatch.setattr(doctor, "_free_gb", lambda folder: None)
    assert doctor._disk().status is Status.OK


def test_the_table_shows_fixes_of_problems_only() -> None:
    text = format_findings(
        [Finding("a", Status.OK, "fine", "unneeded"), Finding("bb", Status.MISSING, "gone", "get it")]
    )
    assert text.splitlines() == ["a   ok       fine", "bb  missing  gone", "             fix: get it"]
    assert format_findings([]) == ""


def test_it_runs_without_numpy() -> None:
    """The doctor must work where the rest does not: without any installed package."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'av', 'cv2', 'scipy', 'torch', 'mediapipe')))\n"
        "from engine import doctor; doctor._PROBES = {}; print(doctor.format_findings(doctor.diagnose()))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "free disk" in done.stdout


def test_a_log_line_is_not_taken_for_blenders_version(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = "print('00:00.061  system.path | WARNING no list of file-systems'); print('5.0.1')"
    monkeypatch.setattr(doctor, "_PROBES", {"bpy": noisy})
    monkeypatch.setattr(doctor, "_is_installed", lambda name: True)
    blender = next(finding for finding in doctor.diagnose() if finding.name == "Blender")
    assert "bpy package 5.0.1" in blender.detail


def test_image_networks_are_listed_whether_they_were_added_or_not(tmp_path: Path, monkeypatch) -> None:
    from engine.doctor_models import model_findings

    monkeypatch.setenv("SWINGTWIST_HOME", str(tmp_path))
    found = {finding.name: finding for finding in model_findings()}
    missing = found["model hybrik-transformer"]
    assert missing.status is Status.MISSING
    assert missing.detail.startswith("optional")
    assert "mocap models add hybrik-transformer" in missing.fix
    folder = tmp_path / "models" / "my-own"
    folder.mkdir(parents=True)
    entry = {
        "schema": 1, "name": "my-own", "path": "weights.pth", "architecture": "hybrik-camera-resnet34",
        "licence": "mine", "format": "torch", "blake2b": "0", "size": 3_000_000, "body": "", "linked": False,
    }  # fmt: skip
    (folder / "entry.json").write_text(json.dumps(entry))
    lost = {finding.name: finding for finding in model_findings()}["model my-own"]
    assert lost.status is Status.WARNING
    assert "gone" in lost.detail
    (folder / "weights.pth").write_bytes(b"w")
    own = {finding.name: finding for finding in model_findings()}["model my-own"]
    assert own.status is Status.OK
    assert "licence: mine" in own.detail
    (folder / "entry.json").write_text("{")
    [damaged] = model_findings()
    assert damaged.status is Status.WARNING
    assert "damaged" in damaged.detail
