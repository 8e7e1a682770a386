"""The accidents of the reference programs that released weights were trained with, each with why it exists.

Nothing here is a good idea by itself; leave one out and a released checkpoint gives other numbers. Code that is free to
choose (a network trained anew, an animation) should not build on them.
"""

from __future__ import annotations

from engine.ik.reference import JUMP_M, LEAF_SLOTS, RELEASED_TIPS_24, RIGHT_HAND, ReferenceForm

from .crops import DEVIATION, MEAN

__all__ = [
    "DEVIATION",
    "JUMP_M",
    "LEAF_MIRROR",
    "LEAF_SLOTS",
    "MEAN",
    "NORM_EPSILON",
    "RELEASED_TIPS_24",
    "RIGHT_HAND",
    "TWIST_TEMPLATE_OFFSET",
    "TYPE_ROWS",
    "ReferenceForm",
]
# From engine.models.crops: MEAN and DEVIATION, ImageNet's numbers in the order blue, green, red (two of them slightly
# off), applied to red, green, blue: pictures were read as RGB and normalised as if they were BGR.
#
# From engine.ik.reference: JUMP_M, the undocumented 15 mm beyond which evaluation (not training) forgets the error
# absorbed so far; RELEASED_TIPS_24, whose last entry lets the right hand aim at the rest position of the pelvis, so
# that its rotation means nothing; LEAF_SLOTS, raw leaf rotations consumed in joint order (feet, head, hand) although
# the templates' order is another, the fifth by nobody; ReferenceForm, the pelvis solved differently in training.

TWIST_TEMPLATE_OFFSET = -1
"""The template for the twist of joint j takes the embedding of joint j - 1: templates were counted from 0, twists from
joint 1."""

TYPE_ROWS = 10
"""Rows of the table of template types, of which four (joint, twist, leaf, shape) are ever read."""

NORM_EPSILON = 1e-6
"""Added to the standard deviation, not the variance, by the transformer's normalisation, which divides by N - 1."""

LEAF_MIRROR = (1, 0, 2, 4, 3)
"""Leaf rotation that the flip test averages with each: feet swap, the head stays, and the left hand (3) swaps with the
unused slot (4), which no training ever touched."""
