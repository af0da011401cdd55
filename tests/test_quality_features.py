"""Windows of the quality gate, and the numbers taken from them."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.quality_features import N_FEATURES, quality_features
from heartbeat_clf.quality_windows import (
    HOP_DURATION,
    SAMPLE_RATE,
    level_image,
    quality_windows,
)

N_LAGS = 62


def _thumps(period, duration=4.0):
    """Return a 60 Hz thump every `period` seconds, in a weak hiss."""
    rng = np.random.default_rng(0)
    times = np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE
    since = times % period
    thump = np.sin(2 * np.pi * 60 * since) * np.exp(-since / 0.03)
    return thump + 0.001 * rng.standard_normal(len(times))


def test_windows_overlap_by_half_and_are_standardised():
    image = level_image(_thumps(0.8, duration=10.0))
    windows = quality_windows(image)
    assert image.shape == (40, 313)
    assert windows.shape == (5, 40, 125)
    assert windows.dtype == np.float32
    np.testing.assert_allclose(windows.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(windows.std(axis=(1, 2)), 1, atol=1e-4)


def test_a_window_does_not_depend_on_its_surroundings():
    image = np.random.default_rng(0).normal(size=(40, 250)).astype(np.float32)
    louder = image.copy()
    louder[:, 130:] += 200
    assert np.array_equal(quality_windows(louder)[0], quality_windows(image)[0])


def test_a_short_image_is_repeated():
    image = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32)
    window = quality_windows(image)[0]
    assert np.array_equal(window[:, :50], window[:, 50:100])


@pytest.mark.parametrize("period", [0.64, 0.96])
def test_autocorrelation_peaks_at_the_period(period):
    window = quality_windows(level_image(_thumps(period)))[:1]
    lags = quality_features(window)[0, : 7 * N_LAGS].reshape(7, N_LAGS)
    # The second group of bands holds 60 Hz; lag 1 stands first.
    n_frames = round(period / HOP_DURATION)
    at_period, half_way = lags[1, n_frames - 1], lags[1, n_frames // 2 - 1]
    assert at_period > 0.9
    assert at_period > lags[1, [n_frames - 3, n_frames + 1]].max()
    assert half_way < 0.2


def test_features_of_a_row_do_not_depend_on_the_other_rows():
    windows = np.random.default_rng(0).normal(size=(5, 40, 125)).astype(np.float32)
    together = quality_features(windows)
    assert together.shape == (5, N_FEATURES)
    assert together.dtype == np.float32
    alone = np.concatenate([quality_features(row[np.newaxis]) for row in windows])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_constant_window_has_finite_features():
    assert np.isfinite(quality_features(np.zeros((1, 40, 125)))).all()
