"""Real heart sounds changed: into what is none any more, and by another microphone.

All functions take and return waveforms at `non_heart_sounds.SAMPLE_RATE`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft

from heartbeat_clf.non_heart_sounds import SAMPLE_RATE

__all__ = ["SPOILERS", "add_noise", "another_channel"]

# Samples over which the ends of two pieces are blended.
_BLEND = 8


def _join(waveform: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return pieces of a waveform one after the other, without clicks between."""
    half = _BLEND // 2
    padded = np.pad(waveform, half, mode="edge")
    joined = np.zeros(int(lengths.sum()) + 2 * half)
    ramp = (np.arange(_BLEND) + 0.5) / _BLEND
    position = 0
    for start, length in zip(starts, lengths, strict=True):
        piece = padded[start : start + length + 2 * half].astype(np.float64)
        piece[:_BLEND] *= ramp
        piece[-_BLEND:] *= ramp[::-1]
        joined[position : position + len(piece)] += piece
        position += int(length)
    return joined[half:-half]


def shuffle_pieces(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the waveform cut into pieces of 50 to 150 ms, in another order."""
    cuts = np.cumsum(rng.integers(50, 150, len(waveform) // 50 + 1))
    cuts = np.concatenate([[0], cuts[cuts < len(waveform) - 2 * _BLEND]])
    lengths = np.diff(np.append(cuts, len(waveform)))
    order = rng.permutation(len(cuts))
    return _join(waveform, cuts[order], lengths[order])


def splice_pieces(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return pieces of 80 to 350 ms from anywhere: heart sounds without a rhythm."""
    lengths = rng.integers(80, 350, len(waveform) // 80 + 1)
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), len(waveform))) + 1]
    starts = rng.integers(0, max(1, len(waveform) - 350), len(lengths))
    return _join(waveform, starts, lengths)[: len(waveform)]


def randomise_phases(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return steady noise with the very spectrum of the waveform."""
    spectrum = np.abs(fft.rfft(waveform))
    turns = rng.uniform(0, 2 * np.pi, len(spectrum))
    return fft.irfft(spectrum * np.exp(1j * turns), n=len(waveform))


SPOILERS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "shuffled": shuffle_pieces,
    "spliced": splice_pieces,
    "phases": randomise_phases,
}


def add_noise(
    heart: np.ndarray,
    noise: np.ndarray,
    heart_power: np.ndarray,
    noise_power: np.ndarray,
    contrast_db: float,
) -> np.ndarray:
    """Return heart and noise together, the heart standing out by `contrast_db`.

    How far a heart stands out is told in each band: its loudest moments (the 90th
    percentile over time) over the mean power of the noise. The mixture has
    `contrast_db` in the fifth best band, so that a noise in other bands than the
    heart counts for little.

    Parameters
    ----------
    heart, noise : ndarray of shape (n_times,)
        The two sounds.
    heart_power, noise_power : ndarray of shape (n_bands, n_frames)
        Their mel powers.
    contrast_db : float
        What to reach, in dB.

    Returns
    -------
    mixture : ndarray of shape (n_times,)
    """
    contrast = np.percentile(heart_power, 90, axis=1) / np.maximum(
        noise_power.mean(axis=1), 1e-12
    )
    fifth = np.sort(contrast)[-min(5, len(contrast))]
    gain = np.sqrt(fifth / 10 ** (contrast_db / 10))
    return heart + gain * noise


def another_channel(waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the waveform as another microphone, room and codec would give it.

    Hearts and other sounds pass through the same chain in training, so that nothing
    can be told from the spectrum of a stethoscope alone.
    """
    frequencies = np.maximum(fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE), 1.0)
    gain_db = np.zeros(len(frequencies))
    if rng.random() < 0.6:
        gain_db += rng.uniform(-6, 6) * np.log2(frequencies / 100.0)
    if rng.random() < 0.4:
        low = rng.uniform(20, 110)
        gain_db -= rng.uniform(1, 4) * 3 * np.log2(1 + (low / frequencies) ** 2)
    if rng.random() < 0.5:
        high = rng.uniform(100, 450)
        order = rng.choice([1, 2, 4, 8])
        gain_db -= order * 3 * np.log2(1 + (frequencies / high) ** 2)
    if rng.random() < 0.6:
        knots = np.linspace(np.log(15.0), np.log(500.0), 10)
        ripple = rng.normal(0, rng.uniform(1, 7), 10)
        gain_db += np.interp(np.log(frequencies), knots, ripple)
    spectrum = fft.rfft(waveform) * 10 ** (gain_db / 20)
    if rng.random() < 0.15:  # a room
        n_echo = int(rng.uniform(0.05, 0.4) * SAMPLE_RATE)
        echo = rng.standard_normal(len(waveform))
        echo *= np.exp(-6.9 * np.arange(len(waveform)) / n_echo)
        echo *= rng.uniform(0.1, 1.0) / np.sqrt(np.sum(echo**2))
        echo[0] += 1.0
        spectrum = spectrum * fft.rfft(echo)
    changed = fft.irfft(spectrum, n=len(waveform))
    changed /= max(float(np.abs(changed).max()), 1e-12)
    if rng.random() < 0.15:
        limit = rng.uniform(0.3, 0.9)
        changed = np.clip(changed, -limit, limit)
    if rng.random() < 0.2:  # a gate that closes in quiet passages
        block = 32
        n_blocks = -(-len(changed) // block)
        power = np.resize(changed, n_blocks * block).reshape(n_blocks, block) ** 2
        level = np.convolve(power.mean(axis=1), np.ones(5) / 5, mode="same")
        closed = level < np.quantile(level, rng.uniform(0.1, 0.5))
        gain = np.where(closed, 10 ** (rng.uniform(-60, -10) / 20), 1.0)
        changed = changed * np.repeat(gain, block)[: len(changed)]
    floor = 10 ** (rng.uniform(-75, -30) / 20)
    changed = changed + floor * rng.standard_normal(len(changed))
    if rng.random() < 0.15:
        steps = 2.0 ** rng.integers(5, 12)
        changed = np.round(changed * steps) / steps
    return changed
