"""Hum: the frequency of the mains and its harmonics, found and taken out."""

from __future__ import annotations

import functools

import numpy as np

from heartbeat_clf.windows import window_starts

__all__ = ["find_hum", "remove_hum"]

_MAINS = (50.0, 60.0)
# Hz on either side of a multiple of the mains' frequency, which is kept to 0.2 Hz.
_TOLERANCE = 0.5
# Hz on either side that a line has to stand out of.
_BESIDE = 6.0
_CERTAIN = 4.0
_LIKELY = 1.5
# Hz beyond which there is no hum to speak of.
_HIGHEST = 600.0
# Seconds within which the mains keep their frequency.
_BLOCK = 4.0
_SHORTEST = 2.0
# Bins of a line under a Hann window, with one more on either side.
_LOBE = 3
_LEAST = 1e-300


def find_hum(waveform: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """Return the frequencies of the mains that stand out of a waveform.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples at `sample_rate`. Of less than 2 s nothing is found.
    sample_rate : float
        Rate of the waveform in Hz.

    Returns
    -------
    frequencies : ndarray of shape (n_lines,)
        In Hz, rising: near multiples of 50 or of 60 Hz, whose amplitude in the mean
        spectrum of blocks of 4 s is four times that of anything within 6 Hz, and other
        multiples of the same with one and a half times that. Heart sounds have no
        such lines: theirs lie as closely as the beats follow each other, so that only
        what beats like a clock at 300 a minute or more may be taken for a hum.

    Examples
    --------
    >>> time = np.arange(4000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=4000)
    >>> find_hum(noise + np.sin(2 * np.pi * 50 * time), sample_rate=1000).round(1)
    array([50.])
    """
    if len(waveform) < _SHORTEST * sample_rate:
        return np.empty(0)
    blocks = _blocks(waveform, sample_rate)
    powers = np.abs(np.fft.rfft(blocks * _hann(blocks.shape[1]), axis=1)) ** 2
    levels = np.sqrt(powers.mean(axis=0))
    width = sample_rate / blocks.shape[1]
    highest = min(sample_rate / 2 - _BESIDE, _HIGHEST)
    found: list[float] = []
    for main in _MAINS:
        places = main * np.arange(1, int(highest / main) + 1) / width
        lines = [_line_near(levels, place, width) for place in places]
        if any(ratio > _CERTAIN for _, ratio in lines):
            found += [line for line, ratio in lines if ratio > _LIKELY]
    return np.unique(found) * width


@functools.lru_cache(maxsize=8)
def _hann(length: int) -> np.ndarray:
    window = np.hanning(length)
    window.flags.writeable = False
    return window


def _blocks(waveform: np.ndarray, sample_rate: float) -> np.ndarray:
    """Return blocks ``(n_blocks, length)`` that overlap by half, the last flush."""
    length = min(len(waveform), round(_BLOCK * sample_rate))
    starts = window_starts(len(waveform), length, length // 2)
    return np.stack([waveform[start : start + length] for start in starts])


def _line_near(levels: np.ndarray, nominal: float, width: float) -> tuple[float, float]:
    """Return the place of a line in bins, and by what ratio it stands out."""
    first, last = (
        round(nominal + sign * max(1.0, _TOLERANCE / width)) for sign in (-1, 1)
    )
    peak = first + int(levels[first : last + 1].argmax())
    beside = round(_BESIDE / width)
    others = np.concatenate(
        [
            levels[max(0, peak - beside) : peak - _LOBE],
            levels[peak + _LOBE + 1 : peak + beside + 1],
        ]
    )
    ratio = float(levels[peak] / max(others.max(), _LEAST))
    # The vertex of a parabola through the logarithms.
    left, middle, right = np.log(np.maximum(levels[peak - 1 : peak + 2], _LEAST))
    bend = left - 2 * middle + right
    beyond = 0.5 * float((left - right) / bend) if bend < 0 else 0.0
    return peak + beyond, ratio


def remove_hum(waveform: np.ndarray, *, sample_rate: float) -> np.ndarray:
    """Return a waveform without the lines of the mains that stand out of it.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples at `sample_rate`.
    sample_rate : float
        Rate of the waveform in Hz.

    Returns
    -------
    waveform : ndarray of shape (n_times,), float32
        The same array where no hum is found.

    Notes
    -----
    In blocks of 4 s that overlap by half, a sine of each frequency whose amplitude and
    phase may drift is fitted by least squares; what is fitted is taken away, under
    windows that add up. What else is within a quarter of 1 Hz goes with it. A hum that
    comes and goes within seconds is no line, and stays.

    Examples
    --------
    >>> time = np.arange(4000) / 1000
    >>> noise = np.random.default_rng(0).normal(size=4000)
    >>> clean = remove_hum(noise + np.sin(2 * np.pi * 50 * time), sample_rate=1000)
    >>> bool(np.abs(clean - noise).std() < 0.1)
    True
    """
    frequencies = find_hum(waveform, sample_rate=sample_rate)
    if len(frequencies) == 0:
        return waveform
    length = min(len(waveform), round(_BLOCK * sample_rate))
    time = (np.arange(length) - (length - 1) / 2) / sample_rate
    waves = np.exp(2j * np.pi * np.outer(time, frequencies))
    parts = np.column_stack([waves.real, waves.imag])
    parts = np.column_stack([parts, parts * (time / time[-1])[:, np.newaxis]])
    # Never 0, so that the first and the last sample have a weight.
    window = np.hanning(length + 2)[1:-1, np.newaxis]
    weighed = parts * window**2
    fitting = np.linalg.pinv(parts.T @ weighed, hermitian=True) @ weighed.T
    hum, weights = np.zeros(len(waveform)), np.zeros(len(waveform))
    for start in window_starts(len(waveform), length, length // 2):
        here = slice(start, start + length)
        hum[here] += window[:, 0] * (parts @ (fitting @ waveform[here]))
        weights[here] += window[:, 0]
    return (waveform - hum / weights).astype(np.float32)
