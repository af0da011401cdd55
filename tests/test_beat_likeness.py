from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.beat_likeness import LIKENESS_FEATURES, beat_likeness

LENGTHS = (4, 8, 4, 10)
BEAT = sum(LENGTHS)
DIASTOLE = slice(16, 26)
# Ten frames at twenty columns: the outermost two hold a quarter of what is beside them.
SHARE = np.sqrt((18 + 2 * 0.75**2) / 20)


def beats(n_beats, n_bands=16):
    """Return an image of beats that are all alike, and their states."""
    states = np.tile(np.repeat([0, 1, 2, 3], LENGTHS), n_beats)
    return np.tile(np.where(states % 2 == 0, 10.0, 0.0), (n_bands, 1)), states


def of_beat(number, part=DIASTOLE):
    return slice(number * BEAT + part.start, number * BEAT + part.stop)


def named(image, states):
    return dict(zip(LIKENESS_FEATURES, beat_likeness(image, states), strict=True))


def scale_of(image):
    return (image - image.mean(axis=1, keepdims=True)).std()


def test_names_are_of_parts_bands_and_measures():
    assert LIKENESS_FEATURES[:5] == (
        "s1_low_oddest",
        "s1_low_unlike",
        "s1_high_oddest",
        "s1_high_unlike",
        "systole_low_oddest",
    )
    assert len(set(LIKENESS_FEATURES)) == 16


def test_beats_that_are_alike_give_zeros():
    np.testing.assert_array_equal(beat_likeness(*beats(6)), np.zeros(16))


@pytest.mark.parametrize(
    ("bands", "found", "other"),
    [(slice(0, 6), "low", "high"), (slice(6, 16), "high", "low")],
)
def test_one_odd_diastole_is_told_in_its_bands(bands, found, other):
    image, states = beats(7)
    image[bands, of_beat(2)] += 5.0
    values = named(image, states)
    expected = 5.0 * SHARE / scale_of(image)
    assert values[f"diastole_{found}_oddest"] == pytest.approx(expected, rel=1e-5)
    assert values[f"diastole_{found}_unlike"] == 0
    assert values[f"diastole_{other}_oddest"] == 0
    assert values[f"systole_{found}_oddest"] == 0


def test_beats_that_all_differ_are_unlike_and_none_is_odd():
    # Six whole diastoles, as the last is cut: each is half of the step from the median.
    image, states = beats(7)
    for number in (0, 2, 4):
        image[:, of_beat(number)] += 4.0
    values = named(image, states)
    expected = 2.0 * SHARE / scale_of(image)
    assert values["diastole_low_unlike"] == pytest.approx(expected, rel=1e-5)
    assert values["diastole_low_oddest"] == pytest.approx(0, abs=1e-6)


def test_the_level_of_bands_and_the_gain_of_levels_do_not_count():
    rng = np.random.default_rng(0)
    image, states = beats(6)
    image = image + rng.normal(size=image.shape)
    changed = 0.5 * image + rng.normal(0, 20, size=(16, 1))
    np.testing.assert_allclose(
        beat_likeness(changed, states), beat_likeness(image, states), rtol=1e-4
    )


@pytest.mark.parametrize("states", [np.full(30, 3), np.repeat([3, 0, 1], 10)])
def test_states_without_a_stay_give_zeros(states):
    image = np.random.default_rng(0).normal(size=(16, 30))
    values = beat_likeness(image, states)
    assert values.shape == (16,)
    assert np.isfinite(values).all()
    absent = [8, 9, 10, 11]  # those of S2
    np.testing.assert_array_equal(values[absent], 0)


def test_the_middle_of_an_even_number_is_between_its_two():
    # Of four diastoles one is 2, one 6 dB louder: unlike the median by 1, 1, 1 and 5.
    image, states = beats(5)
    image[:, of_beat(1)] += 2.0
    image[:, of_beat(3)] += 6.0
    values = named(image, states)
    step = SHARE / scale_of(image)
    assert values["diastole_low_unlike"] == pytest.approx(1.0 * step, rel=1e-5)
    assert values["diastole_low_oddest"] == pytest.approx(4.0 * step, rel=1e-5)


def test_a_nearly_flat_image_is_not_blown_up():
    image, states = beats(7)
    image = 1e-7 * image
    image[:6, of_beat(2)] += 1e-7
    assert beat_likeness(image, states).max() < 1e-3


@pytest.mark.parametrize(
    ("n_bands", "n_low"), [(2, 1), (4, 2), (5, 2), (16, 6), (40, 15)]
)
def test_three_eighths_of_the_bands_are_low_and_no_half_is_empty(n_bands, n_low):
    image, states = beats(7, n_bands)
    image[n_low - 1, of_beat(2)] += 5.0
    values = named(image, states)
    assert values["diastole_low_oddest"] > 0
    assert values["diastole_high_oddest"] == 0
    image, states = beats(7, n_bands)
    image[n_low, of_beat(2)] += 5.0
    values = named(image, states)
    assert values["diastole_high_oddest"] > 0
    assert values["diastole_low_oddest"] == 0


@pytest.mark.parametrize("level", [np.nan, np.inf])
def test_levels_that_are_not_finite_are_refused(level):
    image, states = beats(3)
    image[3, 5] = level
    with pytest.raises(ValueError, match="finite levels in dB in image"):
        beat_likeness(image, states)


@pytest.mark.parametrize("kind", ["float16", "int8", "uint8", "uint64", "float64"])
def test_levels_may_be_of_any_kind_of_numbers(kind):
    image, states = beats(7)
    image[:6, of_beat(2)] += 5
    expected = beat_likeness(image.astype(np.float32), states)
    assert expected.any()
    found = beat_likeness(image.astype(kind), states)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_lists_are_taken():
    image, states = beats(4)
    found = beat_likeness(image.tolist(), states.tolist())
    np.testing.assert_array_equal(found, np.zeros(16))


def test_silence_gives_zeros():
    _, states = beats(4)
    assert not beat_likeness(np.full((16, len(states)), -80.0), states).any()


@pytest.mark.parametrize(
    ("image", "n_states"),
    [(np.zeros((1, 20)), 20), (np.zeros(20), 20), (np.zeros((16, 20)), 19)],
)
def test_other_shapes_are_refused(image, n_states):
    with pytest.raises(ValueError, match="two bands or more, and a state a frame"):
        beat_likeness(image, np.zeros(n_states, dtype=int))
