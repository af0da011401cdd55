"""Slaney's mel scale and triangular filters on it."""

from __future__ import annotations

import numpy as np

__all__ = ["hz_to_mel", "mel_filters", "mel_frequencies", "mel_to_hz"]

# Slaney's mel scale: linear below 1 kHz, then 27 steps to a factor of 6.4.
_HZ_A_MEL = 200.0 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _HZ_A_MEL
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(frequency: np.ndarray | float) -> np.ndarray:
    """Return frequencies in Hz on Slaney's mel scale."""
    frequency = np.asarray(frequency, dtype=np.float64)
    above = np.log(np.maximum(frequency, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(frequency < _KNEE_HZ, frequency / _HZ_A_MEL, _KNEE_MEL + above)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Return values of Slaney's mel scale in Hz."""
    mel = np.asarray(mel, dtype=np.float64)
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _HZ_A_MEL, above)


def mel_frequencies(*, n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    """Return the centres of the mel bands.

    Parameters
    ----------
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Lower edge of the first and upper edge of the last band in Hz.

    Returns
    -------
    frequencies : ndarray of shape (n_mels,), float64
        Band centres in Hz, rising.

    Examples
    --------
    >>> mel_frequencies(n_mels=3, fmin=0.0, fmax=400.0).round(1)
    array([100., 200., 300.])
    """
    return _band_edges(n_mels, fmin, fmax)[1:-1]


def _band_edges(n_mels: int, fmin: float, fmax: float) -> np.ndarray:
    return mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2))


def mel_filters(
    *, sample_rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> np.ndarray:
    """Return triangular mel filters of equal area.

    Parameters
    ----------
    sample_rate : float
        Rate of the waveform in Hz.
    n_fft : int
        Frame length in samples.
    n_mels : int
        Number of bands.
    fmin, fmax : float
        Lower edge of the first and upper edge of the last band in Hz.

    Returns
    -------
    filters : ndarray of shape (n_mels, n_fft // 2 + 1), float64
        Weights of the power in each bin. A row is zero where a band falls
        between two bins.

    References
    ----------
    .. [1] Slaney, M. (1998). Auditory Toolbox, version 2. Technical report
       1998-010, Interval Research Corporation. Function ``MakeERBFilters`` and
       companions; the area normalisation is that of its ``mfcc``.
    """
    edges = _band_edges(n_mels, fmin, fmax)
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]
