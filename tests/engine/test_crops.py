"""Tests of the crop around a person: where it lies, what it shows, what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.evaluation import recipe
from engine.models.crops import (
    CROP_SIZE,
    crop_frame,
    image_centre,
    map_points,
    normalise,
    square_frame,
    uv_to_image,
    warp_crop,
    xywh_to_clipped_xyxy,
)

PICTURE = recipe.picture(5, 300, 420)
coordinates = st.floats(-500, 1500)
extents = st.floats(2, 2000)


@given(x=coordinates, y=coordinates, width=extents, height=extents, degrees=st.floats(-180, 180))
@settings(max_examples=100, deadline=None)
def test_affines_are_inverse_and_take_the_box_centre_to_the_crop_centre(x, y, width, height, degrees):
    frame = crop_frame([x, y, x + width, y + height], rotation_deg=degrees)
    side = 1.25 * max(width, height)
    assert frame.side == pytest.approx(side, rel=1e-6)
    middle = map_points(np.array([[x + width / 2, y + height / 2]]), frame.image_to_crop)
    np.testing.assert_allclose(middle, 128.0, atol=1e-3 * 256 / side + 1e-3)
    points = np.array([[0.0, 0.0], [256.0, 3.0], [40.0, 250.0]])
    there_and_back = map_points(map_points(points, frame.crop_to_image), frame.image_to_crop)
    np.testing.assert_allclose(there_and_back, points, atol=0.1 * 256 / side + 1e-2)
    lengths = np.linalg.norm(np.diff(map_points(points, frame.crop_to_image), axis=0), axis=1)
    np.testing.assert_allclose(lengths, np.linalg.norm(np.diff(points, axis=0), axis=1) * side / 256, rtol=1e-2)


def test_the_square_spans_the_crop_from_edge_to_edge():
    frame = crop_frame([100, 50, 220, 330])
    np.testing.assert_allclose(frame.square_box_xyxy, [-15, 15, 335, 365])
    corners = map_points(np.array([[0.0, 0.0], [256.0, 256.0]]), frame.crop_to_image)
    np.testing.assert_allclose(corners.ravel(), frame.square_box_xyxy, atol=1e-9)
    np.testing.assert_allclose(uv_to_image(np.array([[-0.5, -0.5], [0.5, 0.5]]), frame.crop_to_image), corners)
    # the square itself, without margin, is the same frame again
    np.testing.assert_allclose(crop_frame(frame.square_box_xyxy, 1.0).crop_to_image, frame.crop_to_image)


def test_a_quarter_turn_is_clockwise_on_screen():
    frame = square_frame([50.0, 60.0], 40.0, rotation_deg=90.0)
    # the middle of the crop's upper edge lies to the right of the centre
    np.testing.assert_allclose(map_points(np.array([[128.0, 0.0]]), frame.crop_to_image), [[70.0, 60.0]], atol=1e-4)


def exact_crop(picture, frame):
    """Bilinear crop by floating-point arithmetic, pixel by pixel, black outside."""
    height, width = picture.shape[:2]
    padded = np.zeros((height + 2, width + 2, 3))
    padded[1:-1, 1:-1] = picture
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    at = map_points(np.stack([x, y], -1).reshape(-1, 2).astype(float), frame.crop_to_image) + 1
    at = np.clip(at, 0, [width + 0.999, height + 0.999])
    low = np.minimum(np.floor(at).astype(int), [width, height])
    fraction = at - low
    result = np.zeros((len(at), 3))
    for step_x in (0, 1):
        for step_y in (0, 1):
            weight = np.abs(1 - step_x - fraction[:, :1]) * np.abs(1 - step_y - fraction[:, 1:])
            result += weight * padded[low[:, 1] + step_y, low[:, 0] + step_x]
    return result.reshape(CROP_SIZE, CROP_SIZE, 3)


@pytest.mark.parametrize(
    ("box", "degrees"),
    [([100, 50, 220, 330], 0.0), ([-40, -30, 150, 200], 0.0), ([200, 150, 212, 171], 25.0), ([10, 20, 300, 90], -40.0)],
)
def test_the_warp_agrees_with_exact_interpolation(box, degrees):
    frame = crop_frame(box, rotation_deg=degrees)
    difference = np.abs(warp_crop(PICTURE, frame) - exact_crop(PICTURE, frame))
    assert difference.mean() < 0.4
    assert difference.max() < 8


@pytest.mark.parametrize("shape", [(2, 2), (2, 900), (31, 17)])
def test_a_small_picture_is_enlarged(shape):
    picture = recipe.picture(2, *shape)
    crop = warp_crop(picture, crop_frame([0, 0, shape[1], shape[0]], image_wh=shape[::-1]))
    assert crop.shape == (256, 256, 3)
    assert crop.max() > 0


def test_a_view_of_another_array_can_be_cropped():
    mirrored = PICTURE[:, ::-1]
    frame = crop_frame([100, 50, 220, 330])
    np.testing.assert_array_equal(warp_crop(mirrored, frame), warp_crop(mirrored.copy(), frame))


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ([10, 10, 10, 50], "0 x 40 px"),
        ([10, 50, 40, 20], "30 x -30 px"),
        ([10, np.nan, 40, 20], "four finite numbers"),
        ([10, 20, 40], "four finite numbers"),
        ([0, 0, 1e300, 1e300], "four finite numbers"),
        ([430, 10, 500, 80], "outside of the picture of 420 x 300 px"),
        ([10, -80, 50, -5], "outside of the picture"),
    ],
)
def test_refused_boxes(box, says):
    with pytest.raises(InputError, match=says):
        crop_frame(box, image_wh=(420, 300))


def test_refused_pictures():
    frame = crop_frame([0, 0, 50, 50])
    with pytest.raises(InputError, match="1 x 300 px, expected 2 to 32766"):
        warp_crop(PICTURE[:, :1], frame)
    with pytest.raises(InputError, match="float64 of shape"):
        warp_crop(PICTURE.astype(float), frame)
    with pytest.raises(InputError, match=r"crop .* outside of the picture"):
        warp_crop(PICTURE, square_frame([900.0, 50.0], 100.0))
    with pytest.raises(InputError, match="margin"):
        crop_frame([0, 0, 50, 50], margin=np.nan)


def test_normalisation_divides_only_crops_brighter_than_one():
    crops = np.zeros((3, 256, 256, 3), np.uint8)
    crops[1] = 1
    crops[2, 7, 9] = [2, 100, 255]
    result = normalise(crops)
    assert result.shape == (3, 3, 256, 256)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        result[1, :, 4, 4], (1 - np.array([0.406, 0.457, 0.480])) / [0.225, 0.224, 0.229], rtol=1e-6
    )
    expected = (np.array([2, 100, 255]) / 255 - [0.406, 0.457, 0.480]) / [0.225, 0.224, 0.229]
    np.testing.assert_allclose(result[2, :, 7, 9], expected, rtol=1e-6)
    np.testing.assert_array_equal(result[0], result[2, :, :1, :1] + 0 * result[0])
    assert normalise(crops[:0]).shape == (0, 3, 256, 256)


def test_crops_made_by_torch_are_the_same_integers():
    torch = pytest.importorskip("torch")
    from engine.models import crops_torch

    rng = np.random.default_rng(3)
    pictures = np.stack([PICTURE, recipe.picture(6, 300, 420)])
    owner = rng.integers(0, 2, 12)
    frames = [
        square_frame(rng.uniform(-60, [480, 360]), rng.uniform(150, 700), degrees)
        for degrees in np.where(np.arange(12) % 2, rng.uniform(-60, 60, 12), 0.0)
    ]
    expected = np.stack([warp_crop(pictures[index], frame) for index, frame in zip(owner, frames, strict=True)])
    crops = crops_torch.warp_crops(torch.from_numpy(pictures), frames, torch.from_numpy(owner))
    difference = np.abs(crops.numpy().astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
    expected[3] = np.minimum(expected[3], 1)
    network_input = crops_torch.normalise(torch.from_numpy(expected))
    np.testing.assert_allclose(network_input.numpy(), normalise(expected), atol=1e-6)
    assert crops_torch.warp_crops(torch.from_numpy(pictures), []).shape == (0, 256, 256, 3)
    with pytest.raises(InputError, match="numbers below 2"):
        crops_torch.warp_crops(torch.from_numpy(pictures), frames)
    with pytest.raises(InputError, match=r"expected .count, height, width, 3. uint8"):
        crops_torch.warp_crops(torch.from_numpy(pictures).float(), frames[:2])


def test_annotation_boxes_end_at_their_last_pixel_and_stay_inside():
    boxes = [[10, 20, 30, 40], [-5, 5, 3, 0], [400, 290, 50, 50]]
    expected = [[10, 20, 39, 59], [0, 5, 0, 5], [400, 290, 419, 299]]
    np.testing.assert_array_equal(xywh_to_clipped_xyxy(boxes, (420, 300)), expected)
    np.testing.assert_array_equal(image_centre((421, 300)), [210.5, 150.0])
