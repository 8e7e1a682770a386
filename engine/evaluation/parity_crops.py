"""Recalculates the crops of a parity folder through the product's own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.models import crops

from . import recipe

if TYPE_CHECKING:
    from .parity_arrays import ParityFolder


def crop_arrays(folder: ParityFolder) -> dict[str, np.ndarray]:
    """Frames, 8-bit crops and normalised inputs of the boxes in crop.npz."""
    given = folder.arrays("crop")
    height, width = (int(length) for length in given["picture_hw"])
    picture = recipe.picture(int(given["picture_seed"]), height, width)
    frames = [crops.crop_frame(box) for box in given["boxes"]]
    turned = [
        crops.square_frame(centre, scale[0], degrees)
        for centre, scale, degrees in zip(given["rot_center"], given["rot_scale"], given["rot_deg"], strict=True)
    ]
    tight = [crops.crop_frame(box, crops.HUMAN36M_MARGIN) for box in given["boxes"]]
    pictures = np.stack([crops.warp_crop(picture, frame) for frame in frames])
    squares = [crops.crop_frame(box, 1.0).crop_to_image for box in given["square_box"]]
    uv = crops.uv_to_image(given["uvd"][..., :2].astype(np.float64), np.stack(squares))
    return {
        "center": np.stack([frame.centre for frame in frames]),
        "scale": _twice([frame.side for frame in frames]),
        "center_m1": _twice([frame.side for frame in tight]),
        "full_to_crop": np.stack([frame.image_to_crop for frame in frames]),
        "crop_to_full": np.stack([frame.crop_to_image for frame in frames]),
        "square_box": np.stack([frame.square_box_xyxy for frame in frames]),
        "img_center": np.tile(crops.image_centre((width, height)), (len(frames), 1)),
        "rot_affine": np.stack([frame.image_to_crop for frame in turned]),
        "rot_affine_inv": np.stack([frame.crop_to_image for frame in turned]),
        "xyxy_clipped": crops.xywh_to_clipped_xyxy(given["xywh"], (width, height)),
        "uv_full": np.concatenate([uv, np.zeros_like(uv[..., :1])], axis=-1),
        "tensor_stride4": crops.normalise(pictures)[:, :, ::4, ::4],
        **{f"crop_u8_{index}": pictures[index] for index in (0, 1, 3)},
        "dark_tensor_centre": _even_picture_centre(1, picture.shape),
        "dark2_tensor_centre": _even_picture_centre(2, picture.shape),
    }


def _twice(values: list[float]) -> np.ndarray:
    """The folder holds width and height of each square."""
    return np.repeat(np.array(values)[:, None], 2, axis=1)


def _even_picture_centre(level: int, shape: tuple[int, ...]) -> np.ndarray:
    picture = np.full(shape, level, np.uint8)
    frame = crops.crop_frame([0, 0, shape[1], shape[0]])
    return crops.normalise(crops.warp_crop(picture, frame)[None])[0, :, crops.CROP_SIZE // 2, crops.CROP_SIZE // 2]
