"""Clean-up of waveforms before the spectrogram: band-pass and spike removal."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number

__all__ = ["band_pass_filter", "remove_spikes"]

_SPIKE_FRAME = 0.5  # seconds, Schmidt 2010
_SPIKE_RATIO = 3.0  # times the median frame, Schmidt 2010
_ORDER = 2


def check_band(band: Any, *, sample_rate: float) -> None:
    """Raise unless `band` is a pair of frequencies that can be passed.

    Parameters
    ----------
    band : tuple of two floats
        Low and high cut in Hz.
    sample_rate : float
        Rate of the waveform in Hz.

    Raises
    ------
    TypeError
        If `band` is no pair of numbers.
    ValueError
        If it does not hold that 0 < low < high < ``sample_rate / 2``.
    """
    if not isinstance(band, tuple | list) or len(band) != 2:
        raise TypeError(
            f"band_pass must be a pair (low, high) in Hz or None, got {band!r}. "
            "Pass for example (25, 400)."
        )
    low, high = band
    nyquist = sample_rate / 2
    check_number(
        "the low cut of band_pass", low, minimum=0, maximum=nyquist, exclusive=True
    )
    check_number(
        "the high cut of band_pass", high, minimum=0, maximum=nyquist, exclusive=True
    )
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
        Cuts in Hz, where the level falls by 6 dB.
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
        If it does not hold that 0 < low < high < ``sample_rate / 2``.

    Examples
    --------
    >>> hum = np.full(1000, 0.5) + 0.1 * np.sin(np.arange(1000))
    >>> filtered = band_pass_filter(hum, low=25, high=400, sample_rate=1000)
    >>> bool(abs(filtered.mean()) < 1e-3)
    True
    """
    check_band((low, high), sample_rate=sample_rate)
    # Not at the top: it takes as long to import as a short prediction takes.
    from scipy import signal

    sections = signal.butter(
        _ORDER, (low, high), btype="bandpass", fs=sample_rate, output="sos"
    )
    # scipy's own default, cut down for clips shorter than it.
    padding = min(3 * (2 * len(sections) + 1), len(waveform) - 1)
    samples = np.asarray(waveform, dtype=np.float64)
    filtered = signal.sosfiltfilt(sections, samples, padlen=padding)
    return filtered.astype(np.float32)


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
