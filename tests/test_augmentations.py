from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.augmentations import (
    AUGMENTATIONS,
    add_noise,
    augment_windows,
    change_response,
    mask_bands,
    mask_time,
    resolve_augmentations,
    reverse_time,
    shift_bands,
    stretch_time,
)


def ramp(n_bands, n_frames):
    """Return an image whose values are the numbers of its frames."""
    return np.tile(np.arange(float(n_frames)), (n_bands, 1))[:, :, np.newaxis]


class FixedDraws:
    """A generator that gives the draws it was told."""

    def __init__(self, *draws):
        self.draws = list(draws)

    def _next(self, *args, **kwargs):
        return np.asarray(self.draws.pop(0))

    random = uniform = normal = _next

    def integers(self, low, high, size=None):
        draw = self._next()
        assert (low <= draw).all()
        assert (draw < high).all()
        return draw


def test_reversal_turns_those_windows_that_were_drawn():
    windows = np.stack([ramp(1, 3), ramp(1, 3)])
    turned = reverse_time(windows, FixedDraws([0.4, 0.6]))
    assert turned[0].ravel().tolist() == [2, 1, 0]
    assert turned[1].ravel().tolist() == [0, 1, 2]


def test_time_mask_sets_the_drawn_frames_to_the_mean():
    windows = np.stack([ramp(2, 16), ramp(2, 16)])
    masked = mask_time(windows, FixedDraws([2, 0], [4, 0]))
    expected = np.arange(16.0)
    expected[4:6] = 7.5
    np.testing.assert_array_equal(masked[0, :, :, 0], [expected, expected])
    np.testing.assert_array_equal(masked[1], ramp(2, 16))


def test_band_mask_sets_the_drawn_bands_to_the_mean():
    windows = np.arange(8.0).reshape(1, 8, 1, 1)
    masked = mask_bands(windows, FixedDraws([1], [7]))
    assert masked.ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 3.5]


@pytest.mark.parametrize(
    ("step", "expected"),
    [(1, [0, 0, *range(1, 39)]), (-2, [*range(2, 40), 39, 39]), (0, range(40))],
)
def test_bands_move_and_the_outermost_one_fills_the_gap(step, expected):
    windows = np.arange(40.0).reshape(1, 40, 1, 1)
    moved = shift_bands(windows, FixedDraws([step]))
    assert moved.ravel().tolist() == list(expected)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.5, [1.0, 1.5, 2.0, 2.5, 3.0]),
        (1.0, [0.0, 1.0, 2.0, 3.0, 4.0]),
        (1.5, [1.0, 0.5, 2.0, 3.5, 3.0]),
    ],
)
def test_time_runs_faster_or_slower_about_the_middle(rate, expected):
    windows = ramp(2, 5)[np.newaxis]
    changed = stretch_time(windows, FixedDraws([np.log(rate)]))
    np.testing.assert_allclose(changed[0, :, :, 0], [expected, expected])


def test_a_tenth_is_the_most_that_time_runs_faster_or_slower():
    windows = np.repeat(ramp(1, 101)[np.newaxis], 200, axis=0)
    changed = stretch_time(windows, np.random.default_rng(0))
    rates = changed[:, 0, 51, 0] - changed[:, 0, 50, 0]
    assert 0.9 < rates.min() < 0.91
    assert 1.09 < rates.max() < 1.11


def test_one_frame_cannot_be_stretched():
    windows = np.ones((2, 3, 1, 1))
    assert stretch_time(windows, np.random.default_rng(0)) is windows


def test_noise_fills_what_is_quiet_and_leaves_what_is_loud():
    levels = np.repeat([-1.5, 0.0, 1.5], [20, 60, 20])
    windows = (levels / levels.std()).reshape(1, 1, 100, 1)
    # The noise lies at the 30 % quantile, which is 0, without slope and unrest.
    noisy = add_noise(windows.copy(), FixedDraws([0.2], 0.3, 0.0, 0.0))
    quiet, middle, loud = np.unique(noisy.round(9))
    before = np.log(np.exp(2.3 * np.unique(windows)) + 1)
    np.testing.assert_allclose(
        (middle - quiet) / (loud - middle),
        (before[1] - before[0]) / (before[2] - before[1]),
        rtol=1e-6,
    )
    assert (middle - quiet) / (loud - middle) < 0.3


def test_noise_leaves_mean_deviation_and_half_of_the_windows():
    windows = np.random.default_rng(0).normal(-40, 12, size=(200, 8, 50, 1))
    noisy = add_noise(windows.copy(), np.random.default_rng(0))
    changed = (noisy != windows).any(axis=(1, 2, 3))
    assert 80 < changed.sum() < 120
    within = (1, 2, 3)
    np.testing.assert_allclose(noisy.mean(within), windows.mean(within))
    np.testing.assert_allclose(noisy.std(within), windows.std(within))


def test_noise_depends_on_no_unit():
    windows = np.random.default_rng(0).normal(size=(8, 8, 50, 1))
    one = add_noise(windows.copy(), np.random.default_rng(0))
    other = add_noise(windows * 12 - 40, np.random.default_rng(0))
    np.testing.assert_allclose(other, one * 12 - 40)


def test_silence_gets_no_noise():
    windows = np.full((50, 4, 9, 1), -100.0)
    noisy = add_noise(windows, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, np.full((50, 4, 9, 1), -100.0))


def standardised(values):
    return (values - values.mean()) / values.std()


@pytest.mark.parametrize(
    ("draws", "gain"),
    [
        # Half a cosine of weight 1, no low-pass.
        (([1.0, 0.0, 0.0], 0.5), np.cos(np.pi * np.arange(5) / 4)),
        # No smooth gain; from the middle on 2 a unit of the band axis, or 6.
        (([0.0, 0.0, 0.0], 0.2, 2.0, 0.5), [0, 0, 0, -0.5, -1.0]),
        (([0.0, 0.0, 0.0], 0.2, 6.0, 0.5), [0, 0, 0, -1.5, -3.0]),
    ],
)
def test_another_device_adds_a_gain_to_each_band(draws, gain):
    windows = np.random.default_rng(0).normal(-40, 12, size=(1, 5, 30, 1))
    heard = change_response(windows.copy(), FixedDraws(*draws))
    expected = standardised(windows[0]) + np.asarray(gain)[:, np.newaxis, np.newaxis]
    expected = np.maximum(expected, expected.max() - 6)  # the range of an image
    np.testing.assert_allclose(standardised(heard[0]), standardised(expected))


def test_other_devices_favour_low_or_high_bands_and_leave_mean_and_deviation():
    windows = np.random.default_rng(0).normal(-40, 12, size=(200, 40, 50, 1))
    heard = change_response(windows.copy(), np.random.default_rng(0))
    within = (1, 2, 3)
    np.testing.assert_allclose(heard.mean(within), windows.mean(within))
    np.testing.assert_allclose(heard.std(within), windows.std(within))
    change = (heard - windows).mean(axis=(2, 3))
    tilts = change[:, :10].mean(axis=1) - change[:, 30:].mean(axis=1)
    assert (tilts > 6).sum() > 50  # a low-pass, or a gain that falls
    assert (tilts < -6).sum() > 20


def test_silence_sounds_alike_on_every_device():
    windows = np.full((50, 4, 9, 1), -100.0)
    heard = change_response(windows, np.random.default_rng(0))
    np.testing.assert_array_equal(heard, np.full((50, 4, 9, 1), -100.0))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_keeps_single_precision(name):
    (function,) = resolve_augmentations(name)
    windows = np.random.default_rng(0).normal(size=(9, 40, 30, 1)).astype(np.float32)
    assert function(windows, np.random.default_rng(0)).dtype == np.float32


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_keeps_shape_and_follows_its_seed(name):
    (function,) = resolve_augmentations(name)

    def run(seed):
        windows = np.random.default_rng(9).normal(size=(20, 24, 16, 3))
        return augment_windows(windows, [function], np.random.default_rng(seed))

    assert run(0).shape == (20, 24, 16, 3)
    np.testing.assert_array_equal(run(0), run(0))
    assert (run(0) != run(1)).any()


def test_masks_leave_a_window_too_small_for_them():
    windows = np.random.default_rng(0).normal(size=(4, 3, 5, 1))
    for mask in (mask_time, mask_bands):
        masked = mask(windows.copy(), np.random.default_rng(0))
        np.testing.assert_array_equal(masked, windows)


def test_augmentations_resolve_from_any_form():
    usual = (reverse_time, mask_time, mask_bands)
    assert resolve_augmentations(True) == usual
    assert resolve_augmentations(np.bool_(True)) == usual
    assert resolve_augmentations(False) == ()
    assert resolve_augmentations("mask_time") == (mask_time,)
    assert resolve_augmentations(["reverse_time", "mask_bands"]) == (
        reverse_time,
        mask_bands,
    )
    assert resolve_augmentations(np.add) == (np.add,)
    assert resolve_augmentations([np.add, "mask_time"]) == (np.add, mask_time)
    assert resolve_augmentations(np.array(["mask_time"])) == (mask_time,)
    assert resolve_augmentations(np.array(["mask_time"])[0]) == (mask_time,)


def test_unknown_augmentation_is_named():
    with pytest.raises(ValueError, match=r"augment must be one of .*, got 'pitch'"):
        resolve_augmentations(["mask_time", "pitch"])


@pytest.mark.parametrize(
    ("augment", "shown"),
    [(3, "3"), ((n for n in ["mask_time"]), "<generator"), ({"mask_time": 1}, "{")],
)
def test_augment_of_another_type_is_refused(augment, shown):
    with pytest.raises(
        TypeError, match=f"Expected x to be .* or a function, got {shown}"
    ):
        resolve_augmentations(augment, label="x")


def test_an_augmentation_gives_all_windows_back():
    windows, rng = np.zeros((2, 3, 4, 1)), np.random.default_rng(0)
    assert augment_windows(windows, [lambda w, rng: w + 1], rng).sum() == 24
    with pytest.raises(ValueError, match=r"windows of the shape .* got None\. Return"):
        augment_windows(windows, [lambda w, rng: None], rng)
    with pytest.raises(ValueError, match=r"got the shape \(1, 3, 4, 1\)\. Return"):
        augment_windows(windows, [lambda w, rng: w[:1]], rng)
