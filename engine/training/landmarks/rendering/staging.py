"""Draws scenes, clothes and light at random."""

from __future__ import annotations

import numpy as np

from rig.frames import rigid_transform

from .scene import Box, Lighting, Outfit, Scene, Sky

Rng = np.random.Generator

_SKIN = np.array([[0.62, 0.42, 0.32], [0.55, 0.36, 0.26], [0.40, 0.24, 0.15], [0.23, 0.13, 0.08], [0.70, 0.52, 0.44]])
_HAIR = np.array([[0.03, 0.02, 0.015], [0.10, 0.05, 0.025], [0.35, 0.22, 0.10], [0.40, 0.38, 0.36], [0.22, 0.08, 0.03]])
_WALL_M = 0.05


def some_colour(rng: Rng) -> np.ndarray:
    """(3,) linear RGB, greys and dark cloth more often than a rainbow."""
    value = rng.uniform(0.02, 0.85) ** 1.5 + 0.01
    saturation = rng.beta(1.0, 2.0)
    tint = rng.dirichlet(np.ones(3)) * 3.0
    return np.clip(value * ((1 - saturation) + saturation * tint), 0.0, 0.95)


def random_outfit(rng: Rng) -> Outfit:
    """Clothes, hair and face; long and short sleeves, trousers and shorts, bare feet, hats."""
    skin = _SKIN[rng.integers(len(_SKIN))] * rng.uniform(0.75, 1.2) * rng.normal(1.0, 0.04, 3)
    hair = _HAIR[rng.integers(len(_HAIR))] * rng.uniform(0.6, 1.4)
    shirt, trousers = some_colour(rng), some_colour(rng)
    if rng.random() < 0.12:  # overalls
        trousers = shirt
    shoes = skin if rng.random() < 0.15 else some_colour(rng)
    lips = skin * np.array([0.85, 0.55, 0.55])
    sleeve = rng.choice([0.20, 0.36, 0.40, 0.66], p=[0.12, 0.35, 0.13, 0.40]) + rng.normal(0, 0.01)
    leg = rng.choice([0.095, 0.30, 0.55, 0.72], p=[0.66, 0.06, 0.22, 0.06]) + rng.uniform(0, 0.02)
    loose = rng.random() < 0.35
    return Outfit(
        colours=np.clip(
            np.stack([skin, hair, shirt, trousers, shoes, some_colour(rng), some_colour(rng), lips]), 0.0, 1.0
        ),
        cut=np.array([sleeve, rng.uniform(0.84, 1.02), leg, rng.uniform(0.085, 0.14)]),
        pattern=np.array(
            [
                rng.choice(7, p=[0.40, 0.12, 0.06, 0.09, 0.11, 0.14, 0.08]),
                rng.uniform(5, 28),
                rng.choice([0, 2, 3, 4], p=[0.80, 0.05, 0.05, 0.10]),
                rng.uniform(5, 30),
            ],
            dtype=np.float64,
        ),
        face=np.array(
            [
                rng.uniform(0.5, 1.0),
                rng.uniform(0.5, 0.9) if rng.random() < 0.2 else 0.0,
                float(rng.random() < 0.12),
                rng.choice([0.0, 0.7, 1.0], p=[0.8, 0.14, 0.06]),
            ]
        ),
        cloth=np.array(
            [rng.uniform(0.1, 0.9), rng.uniform(1.0, 4.0), rng.uniform(0.0, 0.4), float(rng.random() < 0.06)]
        ),
        puff=np.array(
            [
                rng.uniform(0.015, 0.045) if loose else rng.uniform(0.0, 0.015),
                rng.uniform(0.012, 0.035) if loose else rng.uniform(0.0, 0.012),
                rng.uniform(0.0, 0.035),
            ]
        ),
    )


def random_lighting(rng: Rng) -> Lighting:
    """A main light from above somewhere, and fill from strong to hardly any."""
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(np.radians(25), np.radians(80))
    way = -np.array([np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth)])
    warm = 1 + rng.uniform(-0.12, 0.12) * np.array([1.0, 0.1, -1.0])
    fill = rng.uniform(0.35, 0.95)
    return Lighting(
        way=way,
        colour=rng.uniform(0.25, 1.1) * warm,
        sky=fill * rng.uniform(0.9, 1.1) / warm,
        ground=fill * rng.uniform(0.4, 0.8) * rng.normal(1.0, 0.05, 3),
    )


def random_sky(rng: Rng) -> Sky:
    """A gradient with stains, plain or as busy as a crowd."""
    turn = rng.normal(np.pi / 2, 0.4)
    colours = np.stack([some_colour(rng) ** 0.6, some_colour(rng) ** 0.6])
    speckle, scale = rng.uniform(0, 0.35) * rng.integers(1, 4), rng.uniform(0.1, 2.0)
    return Sky(colours, np.array([speckle, scale, np.cos(turn), np.sin(turn)]))


def random_box(rng: Rng, centre: np.ndarray, half: np.ndarray, turn: float = 0.0, lean: float = 0.0) -> Box:
    """A patterned box about `centre` (3,) m with half edges (3,) m, turned about the upright and leaning, radians."""
    c, s, cl, sl = np.cos(turn), np.sin(turn), np.cos(lean), np.sin(lean)
    upright = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    leaning = np.array([[cl, -sl, 0.0], [sl, cl, 0.0], [0.0, 0.0, 1.0]])
    return Box(
        model=rigid_transform(upright @ leaning, centre),
        size=half,
        colours=np.stack([some_colour(rng), some_colour(rng)]),
        pattern=np.array(
            [
                rng.choice(6, p=[0.35, 0.1, 0.1, 0.25, 0.1, 0.1]),
                rng.uniform(0.5, 4.0),
                rng.uniform(0.0, 1.2),
                rng.uniform(0, 1),
            ]
        ),
    )


def _room(rng: Rng, path: np.ndarray, eye: np.ndarray) -> list[Box]:
    """Floor, walls and furniture clear of the path (T, 3) and of the eye's own places (T, 3)."""
    low = np.minimum(path.min(axis=0), eye.min(axis=0))
    high = np.maximum(path.max(axis=0), eye.max(axis=0))
    middle, span = 0.5 * (low + high), 0.5 * (high - low)
    reach = np.array([span[0] + rng.uniform(0.6, 4.0), 0.0, span[2] + rng.uniform(0.6, 4.0)])
    floor = random_box(rng, np.array([middle[0], -_WALL_M, middle[2]]), np.array([12.0, _WALL_M, 12.0]))
    boxes = [floor]
    if rng.random() < 0.75:
        height = rng.uniform(2.2, 4.5) + max(0.0, high[1] - 2.2)
        wall = random_box(rng, np.zeros(3), np.ones(3))
        same = rng.random() < 0.7
        for axis in (0, 2):
            for sign in (-1, 1):
                centre = np.array([middle[0], height / 2, middle[2]])
                centre[axis] += sign * reach[axis]
                half = np.array([reach[0] + 0.1, height / 2, reach[2] + 0.1])
                half[axis] = _WALL_M
                box = random_box(rng, centre, half)
                boxes.append(Box(box.model, box.size, wall.colours, wall.pattern) if same else box)
                for _ in range(rng.integers(0, 4)):  # pictures, windows, cupboards
                    spot, size = centre.copy(), rng.uniform(0.1, 0.8, 3)
                    spot[2 - axis] += rng.uniform(-0.8, 0.8) * reach[2 - axis]
                    spot[1] = rng.uniform(0.3, height)
                    size[axis] = rng.uniform(0.06, 0.3)
                    boxes.append(random_box(rng, spot, size))
    for _ in range(rng.integers(0, 7)):
        half = rng.uniform(0.05, 0.6, 3)
        centre = middle + rng.uniform(-1.0, 1.0, 3) * (reach + 2.0)
        centre[1] = half[1] if rng.random() < 0.8 else rng.uniform(0.0, 2.2)
        clear = min(_distance(centre, path), _distance(centre, eye))
        if clear > 0.9 + np.hypot(half[0], half[2]) and not _between(centre, half, path, eye):
            boxes.append(random_box(rng, centre, half, rng.uniform(0, np.pi)))
    return boxes


def _distance(point: np.ndarray, path: np.ndarray) -> float:
    return float(np.linalg.norm((path - point)[:, [0, 2]], axis=1).min())


def _between(centre: np.ndarray, half: np.ndarray, path: np.ndarray, eye: np.ndarray) -> bool:
    """Whether a box seen from above lies on some line of sight."""
    step = np.linspace(0.0, 1.0, 12)[:, None, None]
    sight = eye + step * (path - eye)
    return bool((np.linalg.norm((sight - centre)[..., [0, 2]], axis=-1) < 0.5 + np.hypot(half[0], half[2])).any())


def occluders(rng: Rng, path: np.ndarray, eye: np.ndarray) -> list[Box]:
    """One to three things between the eye (T, 3) and the person's path (T, 3): boxes, bars, a table."""
    boxes = []
    for _ in range(rng.integers(1, 4)):
        at = rng.integers(len(path))
        share = rng.uniform(0.25, 0.85)
        centre = eye[at] + share * (path[at] - eye[at]) + rng.normal(0, 0.3, 3) * share
        kind = rng.integers(3)
        if kind == 0:
            half = share * rng.uniform(0.05, 0.4, 3)
        elif kind == 1:  # a bar, upright or across
            half = np.array([0.5, 0.5, 0.5]) * rng.uniform(0.02, 0.12)
            half[rng.choice([0, 1, 2])] = rng.uniform(0.5, 2.5)
        else:
            half = np.array([rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.55), rng.uniform(0.2, 0.5)])
            centre[1] = half[1]
        boxes.append(random_box(rng, centre, half, rng.uniform(0, np.pi), rng.normal(0, 0.3) if kind < 2 else 0.0))
    return boxes


def random_scene(rng: Rng, path: np.ndarray, eye: np.ndarray, occluded: bool) -> Scene:
    """A scene about a person's path (T, 3) seen from places (T, 3), m; with things in the way if `occluded`."""
    has_floor = rng.random() < 0.85
    boxes = _room(rng, path, eye) if has_floor else []
    if occluded:
        boxes += occluders(rng, path, eye)
    return Scene(random_lighting(rng), random_sky(rng), tuple(boxes), has_floor)


def develop(rng: Rng, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """(H, W, 3) uint8 linear-ish renders to what a camera makes of them: tone, blur, noise and compression."""
    import cv2

    gamma, gain = rng.uniform(0.55, 1.0), rng.uniform(0.6, 1.5)
    balance = rng.normal(1.0, 0.05, 3)
    levels = np.arange(256) / 255.0
    table = np.clip(255 * gain * levels[:, None] ** gamma * balance, 0, 255).astype(np.uint8)[None]
    blur = rng.uniform(0.3, 1.3)
    grain = rng.uniform(0.0, 11.0) * (rng.random() < 0.7)
    quality = int(rng.uniform(30, 95)) if rng.random() < 0.6 else None
    height, width = pictures[0].shape[:2]
    grains = (rng.standard_normal((height + 64, width + 64, 3), dtype=np.float32) * grain).astype(np.int16)
    developed = []
    for picture in pictures:
        out = cv2.LUT(np.ascontiguousarray(picture), table)
        out = cv2.GaussianBlur(out, (0, 0), blur)
        if grain > 0.5:
            row, column = rng.integers(0, 64, 2)
            speck = grains[row : row + height, column : column + width]
            out = np.clip(out.astype(np.int16) + speck, 0, 255).astype(np.uint8)
        if quality is not None:
            _, data = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
            out = cv2.imdecode(data, cv2.IMREAD_COLOR)
        developed.append(np.ascontiguousarray(out))
    return developed
