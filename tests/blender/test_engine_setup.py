"""Setting the engine up: its environment, failures, resumption and removal, with tiny wheels and no network."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import pytest
from blender_scripts import run_inside

ROOT = Path(__file__).parents[2]
DOCTOR = """\
import json, sys
import dummy_dependency
FINDINGS = [
    {"name": "Python", "status": "ok", "detail": "3.11", "fix": ""},
    {"name": "person detector", "status": %r, "detail": "mediapipe does not load", "fix": "apt install libgl1"},
    {"name": "torch", "status": "missing", "detail": "not installed; only needed for networks", "fix": "pip"},
    {"name": "Blender", "status": "missing", "detail": "none", "fix": "pip"},
]
print("a library says hello")
print(json.dumps(FINDINGS))
"""


@pytest.fixture(scope="module")
def addon():
    """The add-on's modules that know nothing of Blender, without its __init__, which does."""
    package = types.ModuleType("addon_without_blender")
    package.__path__ = [str(ROOT / "blender_addon")]
    sys.modules[package.__name__] = package
    names = ("engine_setup", "engine_home", "engine_wheel", "engine_check", "engine_process", "python_search")
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in (*names, "pip_output")}
    yield types.SimpleNamespace(**modules)
    modules["engine_process"].kill_all()


def write_wheel(folder, name, version, files, requires=(), python=">=3.11,<3.13"):
    """A pure wheel with the given files; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"
    metadata += "".join(f"Requires-Dist: {other}\n" for other in requires)
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tags}
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in contents.items():
            archive.writestr(file, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{file},,\n" for file in (*contents, f"{info}/RECORD")))
    return path


def write_engine(folder, version="1.0", detector="ok", requires=("dummy-dependency",)):
    files = {"engine/__init__.py": f'__version__ = "{version}"\n', "engine/__main__.py": DOCTOR % detector}
    return write_wheel(folder, "swingtwist", version, files, requires)


@pytest.fixture
def wheels(tmp_path):
    """A folder of wheels with the engine's one dependency."""
    folder = tmp_path / "wheels ü"
    write_wheel(folder, "dummy_dependency", "1.0", {"dummy_dependency.py": ""})
    return folder


@pytest.fixture(scope="module")
def quick_python(tmp_path_factory):
    """A Python that makes environments by copying one, since pip takes seconds to unpack."""
    folder = tmp_path_factory.mktemp("quick")
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder / "env")], check=True)
    script = folder / "python"
    answer = {"executable": str(script), "version": [3, 11, 0], "implementation": "CPython", "bits": 64, "lacks": []}
    lines = [
        "for last; do :; done",
        'case "$*" in',
        f"""*"-m venv"*) sleep 0.2; cp -R "{folder / "env"}" "$last" ;;""",
        f"*) echo '{json.dumps(answer)}' ;;",
        "esac",
    ]
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def make(addon, tmp_path, wheels, quick_python):
    """Makes a Setup into one home; keyword arguments are its options."""

    def setup(wheel=None, home=None, **options):
        wheel = wheel or write_engine(tmp_path / "addon")
        chosen = {"python": quick_python, "wheels_folder": str(wheels), "room_bytes": 0, **options}
        home = home or addon.engine_home.EngineHome(tmp_path / "user dätä" / "engine")
        return addon.engine_setup.Setup(
            home, addon.engine_wheel.read_wheel(wheel), addon.engine_setup.SetupOptions(**chosen)
        )

    return setup


@pytest.fixture
def home(addon, tmp_path):
    return addon.engine_home.EngineHome(tmp_path / "user dätä" / "engine")


def finish(setup, until=None):
    """Run a set-up to its end, or until something holds; the texts that were shown."""
    shown = []
    for _ in range(6000):
        if not setup.step():
            return shown
        if until is not None and until():
            return shown
        shown.append((setup.step_now.title, setup.fraction, setup.text))
        time.sleep(0.01)
    raise AssertionError("the set-up never ends")


def failure(addon, setup):
    with pytest.raises(addon.engine_setup.SetupFailed) as caught:
        finish(setup)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_sets_up_updates_reuses_and_removes(addon, make, home, tmp_path):
    setup = make(python=sys.executable)
    shown = finish(setup)
    titles = list(dict.fromkeys(title for title, _, _ in shown))
    assert titles == ["Find Python", "Make the environment", "Install", "Verify"]
    fractions = [fraction for _, fraction, _ in shown]
    assert fractions == sorted(fractions)
    assert setup.report.works
    assert setup.report.extras == ("torch: only needed for networks",)
    state = home.read()
    assert (state.stage.value, state.version) == ("verified", "1.0")
    assert home.installed_packages >= 3  # pip, the engine, its dependency
    assert not home.downloads.exists()
    assert not home.temporary.exists()

    # Again: nothing is made or installed anew, all is verified.
    made_at = home.python.lstat().st_mtime_ns
    again = make(python="")
    titles = {title for title, _, _ in finish(again)}
    assert "Make the environment" not in titles
    assert home.python.lstat().st_mtime_ns == made_at

    # A newer wheel in the add-on replaces the engine only.
    newer = write_engine(tmp_path / "newer", "1.1")
    needs_update, read = addon.engine_setup.needs_update, addon.engine_wheel.read_wheel
    assert needs_update(state, read(newer))
    assert needs_update(state, read(write_engine(tmp_path / "rebuilt", "1.0", requires=("dummy-dependency>=1",))))
    assert not needs_update(state, read(write_engine(tmp_path / "older", "0.9")))
    finish(make(newer, python=""))
    assert home.read().version == "1.1"
    assert home.python.lstat().st_mtime_ns == made_at
    assert not needs_update(home.read(), read(newer))

    # An environment that was damaged meanwhile is made anew.
    home.python.unlink()
    finish(make(newer))
    assert home.read().stage.value == "verified"

    # What is not the add-on's stays.
    keep = home.folder / "notes.txt"
    keep.write_text("mine")
    home.remove()
    assert [path.name for path in home.folder.iterdir()] == ["notes.txt"]
    keep.unlink()
    with pytest.raises(addon.engine_home.ForeignFolder, match="not made by this add-on"):
        home.remove()


def test_cancel_in_the_middle_kills_at_once_and_the_next_run_resumes(addon, make, home, tmp_path):
    hook = f"import time, pathlib; pathlib.Path({str(tmp_path / 'waits')!r}).touch(); time.sleep(600)"
    slow = write_wheel(tmp_path / "slow", "swingtwist", "1.0", {"engine/__init__.py": "", "engine/__main__.py": hook})
    setup = make(slow)
    finish(setup, until=(tmp_path / "waits").exists)
    child = setup._child._process
    start = time.monotonic()
    setup.cancel()
    assert time.monotonic() - start < 2.0
    assert child.poll() is not None
    assert home.read().stage.value == "installed"
    setup.cancel()

    # Interrupted while files were copied: made anew, since half a package may be there.
    home.remember(addon.engine_setup.HomeState(addon.engine_home.Stage.INSTALLING))
    (home.environment / "half").write_text("")
    finish(make())
    assert home.read().stage.value == "verified"
    assert not (home.environment / "half").exists()

    # Interrupted while the environment was made.
    setup = make()
    home.remember(addon.engine_setup.HomeState(addon.engine_home.Stage.MAKING))
    finish(setup, until=lambda: setup.step_now.title == "Make the environment" and setup._child is not None)
    setup.cancel()
    assert home.read().stage.value == "making"
    finish(make())
    assert home.read().stage.value == "verified"


def test_two_blenders_do_not_set_up_one_folder_at_once(addon, make, home):
    first, second = make(), make()
    finish(first, until=lambda: first.step_now.title == "Make the environment" and first._child is not None)
    message = failure(addon, second)
    assert message == f"another Blender works on the engine in {home.folder}; wait until it is done, then try again"
    second.cancel()  # ends nothing of the first's
    assert first._child is not None
    assert home.temporary.is_dir()
    first.cancel()
    finish(make())
    assert home.read().stage.value == "verified"


def test_downloads_of_an_interrupted_setup_are_used_again(addon, make, home, tmp_path, monkeypatch):
    index = tmp_path / "index"
    arrived = write_wheel(index, "dummy_dependency", "1.0", {"dummy_dependency.py": ""})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    home.open()
    unpacking = home.temporary / "pip-unpack-x"
    unpacking.mkdir()
    (unpacking / arrived.name).write_bytes(arrived.read_bytes())
    (unpacking / "partial-1.0-py3-none-any.whl").write_bytes(arrived.read_bytes()[:-30])
    home.tidy()
    assert [path.name for path in home.downloads.iterdir()] == [arrived.name]
    assert not home.temporary.exists()

    shown = finish(make(wheels_folder=""))
    titles = list(dict.fromkeys(title for title, _, _ in shown))
    assert titles == ["Find Python", "Make the environment", "Download packages", "Install", "Verify"]
    log = home.log.read_text(encoding="utf-8")
    assert f"File was already downloaded {home.downloads / arrived.name}" in log
    assert home.read().stage.value == "verified"


def test_wrong_or_missing_pythons_are_named(addon, make, monkeypatch, tmp_path):
    assert "does not exist" in failure(addon, make(python=str(tmp_path / "python9")))
    assert "no Python in the folder" in failure(addon, make(python=str(tmp_path)))
    old = write_script(tmp_path / "old", '{"executable": "/x", "version": [3, 9, 1], "implementation": "CPython", '
                       '"bits": 64, "lacks": []}')  # fmt: skip
    assert failure(addon, make(python=str(old))).endswith("is Python 3.9.1; the engine needs 3.11 or 3.12")
    bare = write_script(tmp_path / "bare", '{"executable": "/x", "version": [3, 11, 2], "implementation": "CPython", '
                        '"bits": 64, "lacks": ["ensurepip"]}')  # fmt: skip
    assert "without ensurepip; mend it with: sudo apt install python3.11-venv" in failure(addon, make(python=str(bare)))
    odd = write_script(tmp_path / "odd", "Python was not found; run without arguments to install")
    assert "is no working Python (Python was not found" in failure(addon, make(python=str(odd)))
    dead = tmp_path / "dead"
    dead.write_bytes(b"\x7fELF")
    dead.chmod(0o755)
    assert "cannot be started" in failure(addon, make(python=str(dead)))

    monkeypatch.setattr(addon.python_search, "candidates", lambda *rest: [])
    message = failure(addon, make(python=""))
    assert message.startswith("no suitable Python was found; install Python 3.11 or 3.12 from python.org")
    monkeypatch.setattr(addon.python_search, "candidates", lambda *rest: [dead, old, bare])
    assert "python3.11-venv" in failure(addon, make(python=""))


def write_script(path, says):
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_a_search_meets_the_likeliest_first_and_each_once(addon, tmp_path):
    for place in ("a", "b", ".pyenv/versions/3.11.9/bin", ".pyenv/versions/3.12.1/bin", "miniconda3/bin"):
        (tmp_path / place).mkdir(parents=True)
    for file in (
        "a/python3", "b/python3.12", ".pyenv/versions/3.11.9/bin/python3.11", "miniconda3/bin/python", "blender"
    ):  # fmt: skip
        (tmp_path / file).touch()
    (tmp_path / "a/python").symlink_to(tmp_path / "a/python3")
    environment = {"PATH": os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")])}
    pythons = addon.engine_wheel.PythonRange((3, 11), (3, 13))
    found = addon.python_search.candidates(pythons, environment, tmp_path, False, [str(tmp_path / "blender")])
    ours = [path.relative_to(tmp_path).as_posix() for path in found if tmp_path in path.parents]
    assert ours == [
        "b/python3.12", ".pyenv/versions/3.11.9/bin/python3.11", "a/python3", "miniconda3/bin/python", "blender"
    ]  # fmt: skip
    lines = [" -V:3.12 *        C:\\Programs ü\\Python312\\python.exe", "Installed Pythons found by py", ""]
    assert [str(path) for path in addon.python_search.launcher_paths(lines)] == [
        "C:\\Programs ü\\Python312\\python.exe"
    ]


def test_damaged_and_incomplete_wheels_are_named(addon, make, tmp_path, wheels):
    whole = write_engine(tmp_path / "whole")
    for number, content in enumerate((b"", b"no zip", whole.read_bytes()[:300])):
        broken = tmp_path / f"broken{number}.whl"
        broken.write_bytes(content)
        with pytest.raises(addon.engine_wheel.DamagedWheel, match=r"broken\d.whl is damaged .* zip again"):
            addon.engine_wheel.read_wheel(broken)
    flipped = bytearray(whole.read_bytes())
    flipped[60] ^= 0xFF
    (tmp_path / "flipped.whl").write_bytes(flipped)
    with pytest.raises(addon.engine_wheel.DamagedWheel):
        addon.engine_wheel.read_wheel(tmp_path / "flipped.whl")
    assert addon.engine_wheel.carried_wheel(tmp_path) is None

    lacking = write_engine(tmp_path / "lacking", requires=("absent-package",))
    message = failure(addon, make(lacking))
    assert "lacks a wheel of absent-package" in message
    assert str(wheels) in message
    (wheels / "dummy_dependency-1.0-py3-none-any.whl").write_bytes(b"damaged")
    assert "damaged" in failure(addon, make())


def test_the_network_is_used_only_where_blender_allows_it(addon, make, tmp_path):
    message = failure(addon, make(wheels_folder="", online=False))
    assert "Allow Online Access" in message
    assert "folder of wheels" in message
    (tmp_path / "empty").mkdir()
    assert "holds no wheels" in failure(addon, make(wheels_folder=str(tmp_path / "empty")))


def test_unwritable_full_and_foreign_folders_are_named(addon, make, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    blocked = addon.engine_home.EngineHome(tmp_path / "file" / "engine")
    message = failure(addon, make(home=blocked))
    assert message.startswith(f"cannot write {tmp_path / 'file'}")
    assert "make the folder writable" in message

    foreign = addon.engine_home.EngineHome(tmp_path / "foreign")
    foreign.environment.mkdir(parents=True)
    (foreign.environment / "thesis.txt").write_text("precious")
    assert "did not make" in failure(addon, make(home=foreign))
    with pytest.raises(addon.engine_home.ForeignFolder):
        foreign.remove()
    assert (foreign.environment / "thesis.txt").read_text() == "precious"

    linked = addon.engine_home.EngineHome(tmp_path / "linked")
    linked.open()
    linked.environment.symlink_to(foreign.environment)
    linked.remove()
    assert (foreign.environment / "thesis.txt").exists()
    assert not linked.folder.exists()

    assert "GB free and needs" in failure(addon, make(room_bytes=10**18))


def test_an_engine_that_cannot_capture_says_what_mends_it(addon, make, tmp_path, home):
    message = failure(addon, make(write_engine(tmp_path / "ill", detector="missing")))
    assert message == "person detector: mediapipe does not load; apt install libgl1"
    assert home.read().stage.value == "installed"
    mute = write_wheel(tmp_path / "mute", "swingtwist", "1.0", {"engine/__main__.py": "raise SystemExit('broken')"})
    assert "does not answer: broken" in failure(addon, make(mute, python=""))


def test_pip_output_is_read_from_old_and_new_pips(addon, tmp_path):
    installed = [2]
    progress = addon.pip_output.PipProgress(tmp_path, lambda: installed[0])
    for line in (
        "Processing /addons/ü x/wheel/swingtwist-0.1.0-py3-none-any.whl",
        "Collecting numpy<2,>=1.26 (from swingtwist==0.1.0)",
        "  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (61 kB)",
        "Collecting ml_dtypes>=0.2.0 (from jax->swingtwist==0.1.0)",
        "  Using cached ml_dtypes-0.5.1-cp311-cp311-manylinux_2_17_x86_64.whl.metadata (21 kB)",
        "Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl (18.3 MB)",
    ):
        progress.feed(line)
    (tmp_path / "pip-unpack-x").mkdir()
    with (tmp_path / "pip-unpack-x" / "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl").open("wb") as file:
        file.truncate(9_150_000)
    assert progress.text == "Package 2 of 3: numpy, 9 of 18 MB"
    assert progress.fetched_fraction == pytest.approx(1.5 / 3)
    progress.feed("Using cached ml_dtypes-0.5.1-cp311-cp311-manylinux_2_17_x86_64.whl (4.7 MB)")
    assert progress.text.startswith("Package 3 of 3: ml_dtypes")
    progress.feed("Installing collected packages: numpy, ml-dtypes, swingtwist")
    installed[0] = 3
    assert progress.text == "Installing package 2 of 3"
    assert progress.installed_fraction == pytest.approx(1 / 3)

    # An index without metadata: packages are learnt of one by one, so no total is claimed.
    progress = addon.pip_output.PipProgress(tmp_path, lambda: 2)
    fractions = []
    for line in (
        "Collecting numpy<2,>=1.26 (from swingtwist==0.1.0)",
        "  Downloading numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl (18.3 MB)",
        "     ━━━━━━━━━━━━━━━━ 18.3/18.3 MB 32.8 MB/s eta 0:00:00",
        "Collecting jax (from mediapipe==0.10.21->swingtwist==0.1.0)",
        "  File was already downloaded /home dir/ü/jax-0.7.1-py3-none-any.whl",
    ):
        progress.feed(line)
        fractions.append(progress.fetched_fraction)
    assert progress.text == "Package 2: jax"
    assert fractions == sorted(fractions)
    assert 0 < fractions[-1] < 0.2


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/numpy/\n"
            "ERROR: No matching distribution found for numpy<2",
            "index cannot be reached",
        ),
        ("ERROR: No matching distribution found for mediapipe==0.10.21", "no package mediapipe==0.10.21 for here"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate is not trusted"),
        ("ERROR: something else\nmore", "pip failed: something else"),
        ("", "pip failed: it said nothing"),
    ],
)
def test_pip_failures_become_sentences(addon, tmp_path, output, told):
    progress = addon.pip_output.PipProgress(tmp_path, lambda: 0)
    for line in output.splitlines():
        progress.feed(line)
    assert told in progress.failure("", "here")


def test_an_engine_can_be_named_by_program_folder_or_command(addon, tmp_path, monkeypatch):
    name = addon.engine_check.named_engine
    program = tmp_path / "env" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.touch()
    assert name(str(program)) == name(str(tmp_path / "env")) == str(program)
    mocap = write_script(tmp_path / "mocap", "[]")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert name("mocap") == str(mocap)
    assert name("no-such-command") == "no-such-command"
    assert name(str(tmp_path / "gone")) == str(tmp_path / "gone")


def test_an_engine_is_checked(addon, tmp_path):
    says = '[{"name": "open body", "status": "missing", "detail": "gone", "fix": "reinstall"}]'
    check = addon.engine_check.EngineCheck(str(write_script(tmp_path / "mocap", says)))
    while check.step():
        time.sleep(0.01)
    assert not check.report.works
    assert check.report.summary == "The engine cannot capture yet: open body: gone"
    assert check.report.problems[0].fix == "reinstall"


@pytest.mark.blender
def test_blender_sets_the_engine_up_without_a_window(blender_program, quick_python, wheels, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("build_addon", ROOT / "build_addon.py")
    build_addon = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_addon)
    monkeypatch.setattr(build_addon, "build_wheel", lambda folder: write_engine(folder))
    package = build_addon.build(tmp_path / "dist")
    user = tmp_path / "user ü"
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(user))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no mocap there

    output = run_inside(blender_program, ROOT / "tests/blender/drive_setup.py", str(package), quick_python, str(wheels))
    told = json.loads(next(line[5:] for line in output.splitlines() if line.startswith("TOLD ")))
    assert Path(told["home"]).is_relative_to(user)
    assert told["engine_before"] == ""
    assert "holds no wheels" in told["no_wheels"]
    assert "Allow Online Access" in told.get("offline", "Allow Online Access")
    assert told["setup"] == told["check"] == ["FINISHED", "The engine is ready"]
    assert Path(told["engine"]).is_relative_to(told["home"])
    assert told["written_beside_the_code"] == []
    assert told["remove"] == ["FINISHED", "Removed"]
    assert not told["left"]
    assert "does not exist; correct it in the add-on's preferences" in told["named"]


def test_what_a_capture_needs_is_named_as_the_doctor_names_it():
    import engine.doctor as doctor

    report = importlib.import_module("addon_without_blender.doctor_report")
    text = Path(doctor.__file__).read_text(encoding="utf-8")
    assert [name for name in report.NEEDED if f'"{name}"' not in text] == []
