"""What tells a heartbeat in a window: rhythm, contrast and spectrum, as numbers."""

from __future__ import annotations

import itertools

import numpy as np

__all__ = ["N_FEATURES", "quality_features"]

# Bands are gathered into groups, narrower below, where S1 and S2 are.
_EDGES = (0, 2, 5, 9, 14, 20, 28, 40)
_N_GROUPS = len(_EDGES) - 1
# Frames of 32 ms: up to 1.98 s, more than a cycle of any heart above 31 a minute.
_N_LAGS = 62
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)
_PAIRS = np.triu_indices(_N_GROUPS, 1)
N_FEATURES = (
    (_N_GROUPS + 1) * _N_LAGS + _N_GROUPS * (len(_QUANTILES) + 2) + len(_PAIRS[0]) + 80
)


def quality_features(windows: np.ndarray) -> np.ndarray:
    """Return the features of windows.

    Parameters
    ----------
    windows : ndarray of shape (n_windows, 40, n_frames)
        Standardised log-mel windows, from `quality_windows`.

    Returns
    -------
    features : ndarray of float32 of shape (n_windows, N_FEATURES)
        For each of seven groups of bands: the autocorrelation of its level over lags
        up to 2 s, quantiles, deviation and unrest of its level; the autocorrelation
        of the onsets in all bands; how the groups go together; mean and deviation of
        each band. None depends on when in the window a beat begins.
    """
    windows = np.asarray(windows, dtype=np.float32)
    groups = np.stack(
        [windows[:, low:high].mean(axis=1) for low, high in itertools.pairwise(_EDGES)],
        axis=1,
    )
    deviation = groups.std(axis=2, keepdims=True)
    shape = (groups - groups.mean(axis=2, keepdims=True)) / np.maximum(deviation, 1e-3)
    onsets = np.maximum(np.diff(windows, axis=2), 0).mean(axis=1)
    onsets -= onsets.mean(axis=1, keepdims=True)
    onsets /= np.maximum(onsets.std(axis=1, keepdims=True), 1e-3)
    together = shape @ shape.swapaxes(1, 2) / shape.shape[2]
    # Quantiles without interpolation: one sort, a tenth of the time of np.quantile.
    n_frames = shape.shape[2]
    places = [round(share * (n_frames - 1)) for share in _QUANTILES]
    parts = [
        _autocorrelation(shape),
        _autocorrelation(onsets[:, np.newaxis]),
        np.sort(shape, axis=2)[..., places],
        deviation,
        np.abs(np.diff(shape, axis=2)).mean(axis=2),
        together[:, _PAIRS[0], _PAIRS[1]],
        windows.mean(axis=2),
        windows.std(axis=2),
    ]
    flat = [part.reshape(len(windows), -1) for part in parts]
    return np.concatenate(flat, axis=1).astype(np.float32)


def _autocorrelation(curves: np.ndarray) -> np.ndarray:
    """Return the autocorrelation at lags from 1 frame, over the last axis."""
    n_frames = curves.shape[-1]
    # NumPy's FFT, whose import costs nothing beside SciPy's; a power of two suits it.
    n_fft = 1 << (n_frames + _N_LAGS).bit_length()
    power = np.abs(np.fft.rfft(curves, n_fft)) ** 2
    sums = np.fft.irfft(power, n_fft)[..., 1 : _N_LAGS + 1]
    return sums / (n_frames - np.arange(1, _N_LAGS + 1))
