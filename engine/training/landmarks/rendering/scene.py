"""What a rendered scene is made of: lights, sky, boxes, clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rig.validation import check_array

SUBJECT, THING, NOTHING = 1, 2, 0
"""Identities of pixels: the person whose landmarks are learned, any other solid thing, and the sky."""


@dataclass(frozen=True)
class Lighting:
    """One sun-like light and the sky's and ground's fill: way (3,) unit from the light, colours (3,) linear RGB."""

    way: np.ndarray
    colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray

    def __post_init__(self) -> None:
        for name in ("way", "colour", "sky", "ground"):
            object.__setattr__(self, name, check_array(name, getattr(self, name), (3,), finite=True))


@dataclass(frozen=True)
class Sky:
    """What is seen behind everything: colours (2, 3) from one side to the other, and speckle.

    pattern  (4,) speckle strength, speckle scale, direction cosine and sine of the gradient in the picture
    """

    colours: np.ndarray
    pattern: np.ndarray


@dataclass(frozen=True)
class Box:
    """A box: model (4, 4) to the world, size (3,) half edges in m, colours (2, 3).

    pattern  (4,) kind (0 plain, 1 checks, 2 stripes, 3 stains, 4 bricks, 5 planks), repeats per m, speckle, shift
    """

    model: np.ndarray
    size: np.ndarray
    colours: np.ndarray
    pattern: np.ndarray

    def __post_init__(self) -> None:
        for name, shape in (("model", (4, 4)), ("size", (3,)), ("colours", (2, 3)), ("pattern", (4,))):
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, finite=True))


@dataclass(frozen=True)
class Outfit:
    """Clothes, hair and face of a body.

    colours  (8, 3) linear RGB: skin, hair, shirt, trousers, shoes, second of shirt, second of trousers, lips
    cut      (4,) m on the rest template: where sleeves end, shirt's hem, trousers' hem, radius of the neckline
    pattern  (4,) kind and scale of the shirt's pattern, kind and scale of the trousers'
    face     (4,) strength 0..1 of brows, beard, hat, glasses (above 0.9 dark)
    cloth    (4,) strength and scale of folds, colour noise, 1 without hair
    puff     (3,) m that shirt, trousers and hair stand off the body
    """

    colours: np.ndarray
    cut: np.ndarray
    pattern: np.ndarray
    face: np.ndarray
    cloth: np.ndarray
    puff: np.ndarray

    def __post_init__(self) -> None:
        shapes = {"colours": (8, 3), "cut": (4,), "pattern": (4,), "face": (4,), "cloth": (4,), "puff": (3,)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, check_array(name, getattr(self, name), shape, finite=True))


@dataclass(frozen=True)
class Scene:
    """Everything around the subject; boxes[0] is the floor that shadows fall on, if there is one."""

    lighting: Lighting
    sky: Sky
    boxes: tuple[Box, ...]
    has_floor: bool
