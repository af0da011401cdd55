from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from heartbeat_clf.rendering import colour_table, render_image


def ramp():
    return np.repeat(np.linspace(-80, 0, 40)[:, None], 50, axis=1)


def test_low_frequencies_are_at_the_bottom():
    image = np.full((40, 50), -60.0)
    image[:5] = 0.0
    pixels = np.asarray(render_image(image, colormap="gray")).astype(int)
    assert pixels[-10:].min() > pixels[:10].max()


def test_time_runs_to_the_right():
    image = np.full((40, 50), -60.0)
    image[:, 40:] = 0.0
    pixels = np.asarray(render_image(image, colormap="gray")).astype(int)
    assert pixels[:, -20:].min() > pixels[:, :20].max()


def test_default_size_is_large_enough_to_look_at():
    picture = render_image(ramp())
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
    assert picture.size == (200, 320)


def test_long_recording_stays_viewable():
    assert render_image(np.random.default_rng(0).normal(size=(40, 3000))).width == 4000


def test_size_can_be_chosen():
    assert render_image(ramp(), width=123, height=45).size == (123, 45)


def test_flat_image_is_dark():
    assert np.asarray(render_image(np.full((4, 5), -80.0))).max() == 0


@pytest.mark.parametrize("name", ["ember", "gray"])
def test_colours_rise_evenly_in_lightness(name):
    table = colour_table(name)
    lightness = table @ [0.299, 0.587, 0.114]
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert lightness[0] < 1
    assert lightness[-1] > 240
    assert (np.diff(lightness) > -1).all()


@pytest.mark.parametrize(
    ("spectrogram", "match"),
    [
        (np.zeros(5), r"got \(5,\)"),
        (np.zeros((0, 5)), r"got \(0, 5\)"),
        (np.full((2, 2), np.nan), "got NaN"),
    ],
)
def test_what_is_no_spectrogram_is_an_error(spectrogram, match):
    with pytest.raises(ValueError, match=match):
        render_image(spectrogram)


def test_unknown_colours_are_an_error():
    with pytest.raises(ValueError, match="colormap must be one of 'ember', 'gray'"):
        render_image(ramp(), colormap="jet")


def test_size_must_be_whole():
    with pytest.raises(TypeError, match="width must be an integer"):
        render_image(ramp(), width=10.5)
