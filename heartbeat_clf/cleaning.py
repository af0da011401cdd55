"""Clean-up of waveforms before the spectrogram: band-pass and spike removal."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number

__all__ = ["band_pass_filter", "remove_spikes"]

_SPIKE_FRAME = 0.5  # seconds, Schmidt 2010
_SPIKE_RATIO = 3.0  # times the median frame, Schmidt 2010
_ORDER = 2
# Periods of the low cut after which nothing is left of a sound, and the least of it.
_MEMORY = 5.0
_LOWEST = 5.0
_MULTIPLE = 256


def check_band(band: Any, *, sample_rate: float) -> None:
    """Raise unless `band` is a pair of frequencies that can be passed.

    Parameters
    ----------
    band : tuple of two floats
        Low and high cut in Hz; 0 and half of `sample_rate` leave an end open.
    sample_rate : float
        Rate of the waveform in Hz.

    Raises
    ------
    TypeError
        If `band` is no pair of numbers.
    ValueError
        If it does not hold that 0 <= low < high <= ``sample_rate / 2``.
    """
    if not isinstance(band, tuple | list) or len(band) != 2:
        raise TypeError(
            f"band_pass must be a pair (low, high) in Hz or None, got {band!r}. "
            "Pass for example (25, 400)."
        )
    low, high = band
    nyquist = sample_rate / 2
    check_number("the low cut of band_pass", low, minimum=0, maximum=nyquist)
    check_number("the high cut of band_pass", high, minimum=0, maximum=nyquist)
    if low >= high:
        raise ValueError(
            f"band_pass must rise from low to high, got {band!r}. Swap the two."
        )


def band_pass_filter(
    waveform: np.ndarray, *, low: float, high: float, sample_rate: float
) -> np.ndarray:
    """Return the waveform with only what lies between two frequencies.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples at `sample_rate`.
    low, high : float
        Cuts in Hz, where the level falls by 6 dB. 0 in the place of the low one, and
        half of `sample_rate` in that of the high one, leave that end open.
    sample_rate : float
        Rate of the waveform in Hz.

    Returns
    -------
    filtered : ndarray of shape (n_times,), float32
        Butterworth of order 2, run forwards and backwards: no delay.

    Raises
    ------
    TypeError
        If a cut is not a number.
    ValueError
        If it does not hold that 0 <= low < high <= ``sample_rate / 2``.

    Notes
    -----
    The gain of the digital filter (bilinear transform), run forwards and backwards, is
    applied to the spectrum: what ``scipy.signal.sosfiltfilt`` gives but near the ends.

    Examples
    --------
    >>> hum = np.full(1000, 0.5) + 0.1 * np.sin(np.arange(1000))
    >>> filtered = band_pass_filter(hum, low=25, high=400, sample_rate=1000)
    >>> bool(abs(filtered.mean()) < 1e-3)
    True
    """
    check_band((low, high), sample_rate=sample_rate)
    samples = np.asarray(waveform, dtype=np.float64)
    # Beyond each end the waveform goes on, turned about its last sample, for as long
    # as the filter remembers.
    beyond = min(round(_MEMORY / max(low, _LOWEST) * sample_rate), len(samples) - 1)
    ahead = 2 * samples[0] - samples[beyond:0:-1]
    behind = 2 * samples[-1] - samples[-2 : -beyond - 2 : -1]
    extended = np.concatenate([ahead, samples, behind])
    # A length with small factors: transforms of a prime take three times as long.
    n_fft = -(-len(extended) // _MULTIPLE) * _MULTIPLE
    frequencies = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    spectrum = np.fft.rfft(extended, n_fft)
    spectrum *= _gains(frequencies, low, high, sample_rate)
    filtered = np.fft.irfft(spectrum, n_fft)[beyond : beyond + len(samples)]
    return filtered.astype(np.float32)


def _gains(
    frequencies: np.ndarray, low: float, high: float, sample_rate: float
) -> np.ndarray:
    """Return by what a digital Butterworth filter, run both ways, multiplies a sine."""
    turned = np.tan(np.pi * frequencies[1:] / sample_rate)
    below, above = np.tan(np.pi * np.array([low, high]) / sample_rate)
    if high == sample_rate / 2:
        distance = below / turned
    else:
        distance = (turned**2 - below * above) / (turned * (above - below))
    gains = 1 / (1 + distance ** (2 * _ORDER))
    return np.concatenate([[float(low == 0)], gains])


def remove_spikes(waveform: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """Return the waveform with clicks that stand out of it set to zero.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples at `sample_rate`.
    sample_rate : float
        Rate of the waveform in Hz.

    Returns
    -------
    cleaned : ndarray of shape (n_times,), float32
        A copy. While the largest amplitude of a 500 ms frame exceeds three times
        the median of the frames' largest, the lobe around it, from one zero
        crossing to the next within the frame, is set to zero.

    Notes
    -----
    Samples after the last whole frame belong to that frame. A recording of which
    at least half of the frames is digital silence is left as it is: the median is
    zero there, and every sound would count as a spike.

    References
    ----------
    .. [1] Schmidt, S. E., Holst-Hansen, C., Graff, C., Toft, E., Struijk, J. J.
       (2010). Segmentation of heart sound recordings by a duration-dependent
       hidden Markov model. Physiological Measurement 31(4), section 2.2.

    Examples
    --------
    >>> sound = 0.1 * np.sin(np.arange(3000) / 5)
    >>> sound[1200] = 5.0
    >>> bool(abs(remove_spikes(sound, sample_rate=1000)).max() < 0.11)
    True
    """
    cleaned = np.array(waveform, dtype=np.float32)
    length = max(1, round(_SPIKE_FRAME * sample_rate))
    starts = np.arange(max(1, len(cleaned) // length)) * length
    # Views: what is written into a frame is written into the waveform.
    frames = np.split(cleaned, starts[1:])
    peaks = np.array([np.abs(frame).max() for frame in frames])
    while True:
        limit = _SPIKE_RATIO * np.median(peaks)
        worst = int(peaks.argmax())
        if limit == 0 or peaks[worst] <= limit:
            return cleaned
        _zero_largest_lobe(frames[worst])
        peaks[worst] = np.abs(frames[worst]).max()


def _zero_largest_lobe(frame: np.ndarray) -> None:
    spike = int(np.abs(frame).argmax())
    other_side = np.flatnonzero(np.sign(frame) != np.sign(frame[spike]))
    before = other_side[other_side < spike]
    after = other_side[other_side > spike]
    start = int(before[-1]) + 1 if len(before) else 0
    end = int(after[0]) if len(after) else len(frame)
    frame[start:end] = 0
