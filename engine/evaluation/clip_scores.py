"""The scores of one clip against its truth, as a value, a table and plain data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClipScores:
    """Scores of one person in one clip; NaN where the truth does not allow the measure.

    Unless told otherwise they are means over the frames that truth and prediction share, in the camera's frame.
    coverage is the fraction of the truth's frames that have a prediction seen with confidence above 0.
    root_error_mm is absolute; root_drift_mm is after moving both paths together in the first common frame, also per
    metre that the true root travelled. Jitter (10 m/s^3) is of each motion at its own frame rate.
    """

    person_id: int
    truth_frames: int
    compared_frames: int
    compared_points: tuple[str, ...]
    coverage: float
    mpjpe_mm: float
    pa_mpjpe_mm: float
    root_error_mm: float
    root_drift_mm: float
    root_drift_mm_per_m: float
    true_path_m: float
    acceleration_error_m_s2: float
    jitter: float
    true_jitter: float
    foot_skate_mm: float
    true_foot_skate_mm: float
    bone_length_error_mm: float
    bone_length_variation_mm: float
    joint_angle_error_deg: float
    swing_error_deg: float
    twist_error_deg: float
    root_angle_error_deg: float
    frames_per_s: float = float("nan")
    mpjpe_mm_by_point: dict[str, float] = field(default_factory=dict)
    joint_angle_error_deg_by_joint: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, None in place of NaN."""
        return {name: _plain(value) for name, value in dataclasses.asdict(self).items()}


def format_scores(scores: ClipScores) -> str:
    """The scores as a table of one line each; "-" where the truth does not allow the measure."""
    rows = [
        ("person", str(scores.person_id), f"{len(scores.compared_points)} points compared"),
        ("coverage", f"{100 * scores.coverage:.1f} %", f"{scores.compared_frames} of {scores.truth_frames} frames"),
        ("MPJPE", _shown(scores.mpjpe_mm, 1, "mm"), "mid-hip aligned"),
        ("PA-MPJPE", _shown(scores.pa_mpjpe_mm, 1, "mm"), "similarity per frame"),
        ("root trajectory", _shown(scores.root_error_mm, 1, "mm"), "absolute, camera frame"),
        ("root drift", _shown(scores.root_drift_mm, 1, "mm"), "from the first common frame on"),
        ("root drift per metre", _shown(scores.root_drift_mm_per_m, 1, "mm/m"), f"of {scores.true_path_m:.2f} m"),
        ("acceleration error", _shown(scores.acceleration_error_m_s2, 2, "m/s^2"), "mid-hip aligned"),
        ("jitter", _shown(scores.jitter, 2, "10 m/s^3"), f"truth {_shown(scores.true_jitter, 2, '')}".rstrip()),
        (
            "foot skate",
            _shown(scores.foot_skate_mm, 2, "mm/frame"),
            f"truth {_shown(scores.true_foot_skate_mm, 2, '')}".rstrip(),
        ),
        ("bone lengths", _shown(scores.bone_length_error_mm, 1, "mm"), "mean error"),
        ("bone length variation", _shown(scores.bone_length_variation_mm, 2, "mm"), "over time"),
        ("joint angles", _shown(scores.joint_angle_error_deg, 1, "deg"), "without the pelvis"),
        ("  swing", _shown(scores.swing_error_deg, 1, "deg"), ""),
        ("  twist", _shown(scores.twist_error_deg, 1, "deg"), ""),
        ("pelvis angle", _shown(scores.root_angle_error_deg, 1, "deg"), "in the camera frame"),
        ("speed", _shown(scores.frames_per_s, 1, "frames/s"), ""),
    ]
    return "\n".join(f"{name:<22} {value:>16}  {note}".rstrip() for name, value, note in rows)


def _shown(value: float, digits: int, unit: str) -> str:
    return "-" if np.isnan(value) else f"{value:.{digits}f} {unit}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and np.isnan(value) else value
