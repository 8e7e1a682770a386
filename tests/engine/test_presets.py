"""Presets for game engines: settings behind those that the user gives."""

import pytest

from engine.cli.arguments import build_parser, settings_values
from engine.settings import Settings, settings_from
from rig.game_engines import PRESETS


def values(*given):
    return settings_values(build_parser().parse_args(["run", "x.mp4", "--out", "x.fbx", *given]))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_made_of_settings(preset):
    assert values("--preset", preset) == PRESETS[preset]
    settings_from(values("--preset", preset), preset)


def test_what_the_user_says_goes_before_the_preset(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('bones = "smpl"\n')
    assert values("--preset", "unreal")["bones"] == "unreal"
    assert values("--preset", "unreal", "--settings", str(file))["bones"] == "smpl"
    assert values("--preset", "unreal", "--settings", str(file), "--bones", "mixamo")["bones"] == "mixamo"
    assert values() == {}
    assert settings_from(dict(PRESETS["generic"]), "generic") == Settings()
