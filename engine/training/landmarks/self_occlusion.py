"""Guesses which landmarks a person's own body hides from the camera."""

from __future__ import annotations

import numpy as np

from engine.ik.plan import TIPS_24
from rig.skeleton import JOINT

_LIMBS = {"hip": (0.085, (0.2, 0.5, 0.8)), "knee": (0.055, (0.15, 0.5, 0.85)), "shoulder": (0.05, (0.3, 0.75)),
          "elbow": (0.04, (0.25, 0.75)), "wrist": (0.04, (0.5,))}  # fmt: skip
_TRUNK = (("pelvis", 0.5, 0.14), ("spine1", 1.0, 0.13), ("spine3", 0.15, 0.14), ("spine3", 0.7, 0.13))


def _balls() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Joint, the joint its bone leads to, the place on the bone and the radius (m) of every ball."""
    rows = [(JOINT[name], TIPS_24[JOINT[name]], share, radius) for name, share, radius in _TRUNK]
    rows += [(JOINT["neck"], JOINT["head"], 1.5, 0.095)]
    for side in ("left", "right"):
        for part, (radius, shares) in _LIMBS.items():
            joint = JOINT[f"{side}_{part}"]
            rows += [(joint, TIPS_24[joint], share, radius) for share in shares]
    starts, ends, shares, radii = zip(*rows, strict=True)
    return np.array(starts), np.array(ends), np.array(shares, np.float32), np.array(radii, np.float32)


_STARTS, _ENDS, _SHARES, _RADII = _balls()
_DEPTH_SHARE, _DEPTH_M = 0.6, 0.02
"""How far behind a ball's centre a landmark lies at least when the ball hides it: a share of the radius, plus m."""


def hidden_landmarks(landmarks: np.ndarray, joints: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(33, n, T) 0..1: how surely balls around the bones cover each landmark.

    landmarks (3, 33, n, T) and joints (3, 24, n, T), m, camera axes and origin; size (n,) of the person, 1 for 1.70 m.
    """
    distance = np.sqrt(np.einsum("clnt,clnt->lnt", landmarks, landmarks))
    sight = landmarks / np.maximum(distance, 1e-6)
    hidden = np.zeros(landmarks.shape[1:], dtype=landmarks.dtype)
    for start, end, share, radius in zip(_STARTS, _ENDS, _SHARES, _RADII, strict=True):
        centre = joints[:, start] + share * (joints[:, end] - joints[:, start])
        r = (radius * size)[:, None].astype(landmarks.dtype)
        along = sight[0] * centre[0]
        along += sight[1] * centre[1]
        along += sight[2] * centre[2]
        beside = np.einsum("cnt,cnt->nt", centre, centre) - along * along
        cover = np.clip(2.0 - (2.0 / (r * r)) * beside, 0.0, 1.0)
        cover *= distance - along > _DEPTH_SHARE * r + _DEPTH_M
        np.maximum(hidden, cover, out=hidden)
    return hidden
