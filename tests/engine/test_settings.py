"""Settings: one definition for the command line, TOML and the result file."""

from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.arguments import build_parser, settings_values
from engine.detection.pose_networks import Device
from engine.errors import InputError
from engine.foot_lock import FootLockMode
from engine.gaps import GapPolicy
from engine.ik.solve import IKMode
from engine.settings import Settings, load_toml, settings_from
from engine.smoothing import SmoothingPreset
from rig.bone_maps import BoneNaming
from rig.root_motion import RootMode


def test_toml_round_trip_keeps_every_setting(tmp_path):
    settings = Settings(start=1.5, end=2.5, person='640,360@2.5 "left"', all_people=True, fps="30000/1001", height=1.8)
    path = tmp_path / "ünï.toml"
    path.write_text(settings.to_toml(), encoding="utf-8")
    assert settings_from(load_toml(path), str(path)) == settings


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_toml(text):
    import tomllib

    assert tomllib.loads(Settings(body=text).to_toml())["body"] == text


def test_command_line_overrides_the_file(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text('smoothing = "heavy"\nfoot-lock = "off"\n')
    arguments = build_parser().parse_args(
        ["run", "v.mp4", "--out", "o.npz", "--settings", str(path), "--smoothing", "light"]
    )
    assert settings_values(arguments) == {"smoothing": "light", "foot_lock": "off"}


def test_every_setting_is_an_option_with_its_default_in_the_help():
    parser = build_parser()
    run = parser._subparsers._group_actions[0].choices["run"]
    text = " ".join(run.format_help().split())
    for item in fields(Settings):
        assert "--" + item.name.replace("_", "-") in text
        shown = {True: "yes", False: "no", "": "none"}.get(item.default, item.default)
        if isinstance(item.default, (int, float)) and not isinstance(item.default, bool):
            shown = item.default
        assert f"(default: {shown})" in text, item.name


@pytest.mark.parametrize(
    ("values", "culprit"),
    [
        ({"smoothing": "strong"}, "smoothing"),
        ({"fov": 400.0}, "fov"),
        ({"fov": "wide"}, "fov"),
        ({"all_people": 1}, "all_people"),
        ({"start": 3.0, "end": 2.0}, "end"),
        ({"height": 17.0}, "height"),
        ({"smothing": "light"}, "smothing"),
    ],
)
def test_unfit_settings_are_named(values, culprit):
    with pytest.raises(InputError, match=culprit):
        settings_from(values, "test")


def test_bad_toml_is_named(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("smoothing = ")
    with pytest.raises(InputError, match=r"bad\.toml"):
        load_toml(path)
    with pytest.raises(InputError, match=r"absent\.toml"):
        load_toml(tmp_path / "absent.toml")


def test_choices_are_those_of_the_stages():
    choices = {f.name: f.metadata["choices"] for f in fields(Settings)}
    for name, kind in (
        ("root_motion", RootMode),
        ("bones", BoneNaming),
        ("gaps", GapPolicy),
        ("smoothing", SmoothingPreset),
        ("foot_lock", FootLockMode),
        ("ik", IKMode),
        ("device", Device),
    ):
        assert set(choices[name]) == {member.value for member in kind}, name


def test_settings_are_plain_values():
    assert all(isinstance(value, (str, int, float, bool)) for value in asdict(Settings()).values())
