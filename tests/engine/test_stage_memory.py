"""The memory of stages: settings by value, arrays by identity, and nothing forgotten that decides."""

from __future__ import annotations

import numpy as np
import pytest
from sample_motions import standing

from engine.smoothing import SmoothingConfig, smooth
from engine.stage_memory import StageMemory, compute_anew


def test_settings_are_compared_by_value_and_arrays_by_identity() -> None:
    memory, ran = StageMemory(), []

    def stage(values: np.ndarray, config: SmoothingConfig, many: list[np.ndarray]) -> np.ndarray:
        ran.append(config)
        return values + 1.0

    values, other = np.zeros(3), np.zeros(3)
    first = memory("a", stage, values, SmoothingConfig(0.1), [values])
    assert memory("a", stage, values, SmoothingConfig(0.1), [values]) is first
    assert len(ran) == 1
    for inputs in (
        (values, SmoothingConfig(0.2), [values]),
        (other, SmoothingConfig(0.2), [values]),
        (other, SmoothingConfig(0.2), [values, values]),
        (other, SmoothingConfig(0.2), [other, values]),
    ):
        before = len(ran)
        memory("a", stage, *inputs)
        memory("a", stage, *inputs)
        assert len(ran) == before + 1


def test_slots_and_stages_are_told_apart() -> None:
    memory = StageMemory()
    assert memory("a", abs, -1) == 1
    assert memory("b", float, -1) == -1.0
    assert memory("a", float, -1) == -1.0
    assert memory("a", abs, -1) == 1


def test_a_motion_that_comes_from_memory_keeps_the_stages_behind_it() -> None:
    memory = StageMemory()
    motion, config = standing(30), SmoothingConfig()
    first = memory("smooth", smooth, motion, config)
    again = memory("smooth", smooth, motion, SmoothingConfig())
    assert again is first
    np.testing.assert_array_equal(compute_anew("smooth", smooth, motion, config).transl, first.transl)


def test_an_interruption_before_a_stage_leaves_what_was_made() -> None:
    allowed = [True]

    def check() -> None:
        if not allowed[0]:
            raise TimeoutError

    memory = StageMemory(check)
    memory("a", abs, -1)
    allowed[0] = False
    assert memory("a", abs, -1) == 1
    with pytest.raises(TimeoutError):
        memory("a", abs, -2)
    assert memory("a", abs, -1) == 1
