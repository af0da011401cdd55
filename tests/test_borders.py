from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageChops

from heartbeat_clf.borders import content_box, crop_uniform_border

PICTURES = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)),
    elements=st.sampled_from([0, 90, 100, 101, 255]),
)


def trim_as_the_common_recipe(picture):
    background = Image.new(picture.mode, picture.size, picture.getpixel((0, 0)))
    difference = ImageChops.difference(picture, background)
    box = ImageChops.add(difference, difference, 2.0, -100).getbbox()
    return picture.crop(box) if box else picture


@given(pixels=PICTURES)
@settings(max_examples=100, deadline=None)
def test_two_cuts_equal_the_common_recipe_run_twice(pixels):
    picture = Image.fromarray(pixels)
    expected = trim_as_the_common_recipe(trim_as_the_common_recipe(picture))
    cropped = crop_uniform_border(picture)
    assert cropped.size == expected.size
    assert cropped.tobytes() == expected.tobytes()


@given(pixels=PICTURES)
@settings(max_examples=100, deadline=None)
def test_cropping_until_stable_is_idempotent(pixels):
    once = crop_uniform_border(pixels, repeats=None)
    twice = crop_uniform_border(once, repeats=None)
    np.testing.assert_array_equal(once, twice)


@given(
    content=hnp.arrays(np.uint8, (5, 6, 3), elements=st.integers(0, 255)),
    margins=st.lists(st.integers(1, 4), min_size=8, max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_two_borders_are_cut_and_the_content_kept(content, margins):
    # Opposite corners that differ from each other leave no border in the content.
    content[0, 0], content[-1, -1] = 0, 255
    content[0, -1], content[-1, 0] = 255, 255
    outer, inner = margins[:4], margins[4:]
    picture = content
    for (top, bottom, left, right), colour in ((inner, 128), (outer, 255)):
        widths = ((top, bottom), (left, right), (0, 0))
        picture = np.pad(picture, widths, constant_values=colour)
    cropped = crop_uniform_border(picture)
    np.testing.assert_array_equal(cropped, content)
    np.testing.assert_array_equal(crop_uniform_border(cropped), content)


@given(pixels=PICTURES)
@settings(max_examples=100, deadline=None)
def test_outside_of_the_box_is_all_border(pixels):
    differs = (abs(pixels.astype(int) - pixels[0, 0].astype(int)) > 100).any(axis=2)
    if not differs.any():
        return
    top, bottom, left, right = content_box(pixels)
    assert differs[top:bottom, left:right].sum() == differs.sum()


def test_box_of_floating_grey_levels():
    picture = np.zeros((8, 9))
    picture[2:5, 3:7] = 0.05
    assert content_box(picture, tolerance=0.02) == (2, 5, 3, 7)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_pil_modes_stay_as_they_are(mode):
    picture = Image.new("RGB", (10, 8), "white")
    picture.paste("black", (3, 2, 7, 5))
    cropped = crop_uniform_border(picture.convert(mode))
    assert cropped.mode == mode
    assert cropped.size == (4, 3)


def test_blank_picture_is_returned_whole_but_has_no_box():
    blank = np.full((4, 5, 3), 255, dtype=np.uint8)
    np.testing.assert_array_equal(crop_uniform_border(blank), blank)
    with pytest.raises(ValueError, match="picture with content"):
        content_box(blank)


@pytest.mark.parametrize(
    ("image", "error", "match"),
    [
        ("a.png", TypeError, "PIL image or an array, got str"),
        (np.zeros(3), ValueError, r"got \(3, 1\)|got \(3,\)"),
        (np.zeros((0, 3)), ValueError, r"got \(0, 3, 1\)"),
        (np.zeros((2, 3), dtype=int), TypeError, "got int64"),
        (np.full((2, 3), np.nan), ValueError, "got NaN"),
    ],
)
def test_what_is_no_picture_is_an_error(image, error, match):
    with pytest.raises(error, match=match):
        content_box(image)


@pytest.mark.parametrize(
    ("options", "match"), [({"tolerance": 2}, "tolerance"), ({"repeats": 0}, "repeats")]
)
def test_options_out_of_bounds_are_errors(options, match):
    with pytest.raises(ValueError, match=f"{match} must be"):
        crop_uniform_border(np.zeros((2, 3)), **options)
