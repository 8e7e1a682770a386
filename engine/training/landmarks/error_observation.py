"""What a pair of detected and true landmarks says about the detector's errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.rotations import rotmat_to_rotvec

from .detector_errors import SWAPS, hip_centred, metric_errors
from .observed_geometry import OTHER_SIDE, Seen, measure, seen_state

_ASTRAY = 0.35  # median error, in sizes, from which the detector counts as astray
_APART, _SWAPPED = 0.25, 0.5  # sizes that the sides must be apart to be confused; share of the error that is left then
_MIRROR_VIEW = np.array([1, 1, -1, 1, -1, -1, 1, 1, 1], dtype=np.float64)


@dataclass(frozen=True)
class Observation:
    """One sequence of T frames as the fit needs it.

    times (T,);  error (T, 33, 2) along the trunk's axes in sizes, against the other side where sides are swapped;
    logit (T, 33) of the scores;  state (T, 33);  view (T, VIEW_TERMS);  facing (T,);  share (T,) of landmarks in sight;
    found, astray (T,) bool;  swapped (3, T) bool;  places, world (T, 33, 3) true landmarks about the hips and the
    detector's, NaN where not found;  metric (T, 33, 2) `metric_errors`;  these three m along the trunk's axes
    """

    times: np.ndarray
    error: np.ndarray
    logit: np.ndarray
    state: np.ndarray
    view: np.ndarray
    facing: np.ndarray
    share: np.ndarray
    found: np.ndarray
    swapped: np.ndarray
    astray: np.ndarray
    places: np.ndarray
    world: np.ndarray
    metric: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """(T,) frames whose errors count: found, nothing swapped, not astray."""
        return self.found & ~self.swapped.any(axis=0) & ~self.astray


def observation(batch: dict[str, np.ndarray], points_px: np.ndarray, scores: np.ndarray) -> Observation:
    """One window (n = 1) of a batch of pairs with what was reported in it, (1, T, 33, 2) px and (1, T, 33)."""
    geometry = measure(batch)
    state = seen_state(batch, batch["visibility"] == Seen.COVERED)[0]
    found = (scores[0] > 0).any(axis=-1)
    true, seen = geometry.points_px[0], points_px[0]
    swapped = swaps(true, seen, geometry.scale_px[0]) & found
    logit = np.log(np.clip(scores[0], 1e-4, 1 - 1e-4))
    error = geometry.to_local(points_px - geometry.points_px)[0].astype(np.float64)
    far = np.median(np.linalg.norm(error, axis=-1), axis=-1) > _ASTRAY
    logit -= np.log1p(-np.clip(scores[0], 1e-4, 1 - 1e-4))
    metric = metric_errors(batch, points_px - geometry.points_px)
    world = np.where(found[:, None, None], batch["landmarks_world"], np.nan)
    return Observation(
        times=batch["times_s"][0].astype(np.float64),
        error=error,
        logit=logit.astype(np.float64),
        state=state,
        view=geometry.view[0].astype(np.float64),
        facing=geometry.facing[0],
        share=(state <= Seen.BEHIND_OWN_BODY).mean(axis=-1),
        found=found,
        swapped=swapped,
        astray=found & far & ~swapped.any(axis=0),
        places=geometry.to_upright(hip_centred(batch["landmarks_camera"].astype(np.float64)))[0],
        world=geometry.to_upright(world.astype(np.float64))[0],
        metric=(metric @ np.swapaxes(geometry.axes, -1, -2))[0],
    )


def swaps(true: np.ndarray, seen: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(3, T) bool: frames in which left and right of SWAPS are confused; (T, 33, 2) px and (T,) px."""
    result = []
    for side in SWAPS:
        part = [i for i in side if OTHER_SIDE[i] != i]
        apart = np.linalg.norm(true[:, part] - true[:, OTHER_SIDE][:, part], axis=-1).mean(-1)
        same = np.linalg.norm(seen[:, part] - true[:, part], axis=-1).mean(-1)
        other = np.linalg.norm(seen[:, part] - true[:, OTHER_SIDE][:, part], axis=-1).mean(-1)
        result.append((apart > _APART * scale) & (other < _SWAPPED * same))
    legs, arms, everything = result
    everything = everything | (legs & arms)
    return np.stack([legs & ~everything, arms & ~everything, everything])


def world_terms(usual: np.ndarray, world: np.ndarray) -> np.ndarray:
    """(T, WORLD_TERMS) log size, rotation vector and rest of the detector's places (T, 33, 3) against the usual ones.

    NaN where the detector's are.
    """
    found = np.isfinite(world).all((-1, -2))
    seen = np.nan_to_num(world)
    u, s, vt = np.linalg.svd(np.einsum("tli,tlj->tij", seen, usual))
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    turn = (u * sign[:, None]) @ vt
    size = np.maximum((s * sign).sum(-1) / (usual**2).sum((-1, -2)), 1e-3)
    rest = seen - size[:, None, None] * np.einsum("tij,tlj->tli", turn, usual)
    terms = np.concatenate([np.log(size)[:, None], rotmat_to_rotvec(turn), rest.reshape(len(rest), -1)], axis=1)
    terms[~found] = np.nan
    return terms


def mirrored(o: Observation) -> Observation:
    """The mirror image of a sequence, which is as likely."""
    places, world = (part[:, OTHER_SIDE] * [-1.0, 1.0, 1.0] for part in (o.places, o.world))
    return Observation(
        o.times, o.error[:, OTHER_SIDE] * [-1.0, 1.0], o.logit[:, OTHER_SIDE], o.state[:, OTHER_SIDE],
        o.view * _MIRROR_VIEW, o.facing, o.share, o.found, o.swapped, o.astray, places, world,
        o.metric[:, OTHER_SIDE] * [-1.0, 1.0],
    )  # fmt: skip
