"""The sound of one synthetic heart: draw it, draw its beats, render a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

TIMINGS = ("systolic", "diastolic", "continuous")
_SHAPES = {
    "systolic": ("diamond", "plateau", "decrescendo"),
    "diastolic": ("decrescendo",),
    "continuous": ("diamond",),
}
# Level of a murmur of grade 1 and of one more grade, in dB relative to S1.
_GRADE_1_DB = -22.0
_GRADE_STEP_DB = 4.0
_PREMATURE = (0.55, 0.75)
_KERNEL_DURATION = 0.18


@dataclass(frozen=True)
class Heart:
    """What stays the same in all recordings of a subject; seconds and Hz."""

    heart_rate: float
    s1_frequencies: np.ndarray
    s2_frequencies: np.ndarray
    s1_decay: float
    s2_decay: float
    s2_level: float
    s2_split: float
    muffling: float
    breathing_rate: float
    timing: str
    shape: str
    grade: int
    pitch: float


@dataclass(frozen=True)
class Beats:
    """Onsets of S1, S2 and of the next S1 in seconds, ndarrays of shape (n_beats,)."""

    s1: np.ndarray
    s2: np.ndarray
    following: np.ndarray
    premature: np.ndarray


def draw_heart(
    rng: np.random.Generator,
    *,
    heart_rate: float,
    timing: str,
    grade: int,
    pitch: float,
) -> Heart:
    """Return a heart with everything drawn that is not given.

    Parameters
    ----------
    rng : numpy.random.Generator
        Always advanced by the same number of draws.
    heart_rate : float
        Beats a minute.
    timing : {"systolic", "diastolic", "continuous", ""}
        Where in the cycle the murmur is; "" for none.
    grade : int
        1 to 6.
    pitch : float
        Middle of the murmur's band in Hz.

    Returns
    -------
    heart : Heart
    """
    shape = rng.random()
    shapes = _SHAPES.get(timing, ("",))
    return Heart(
        heart_rate=float(heart_rate),
        s1_frequencies=rng.uniform([28, 50, 90, 150], [45, 80, 140, 280]),
        s2_frequencies=rng.uniform([35, 60, 110, 170], [55, 100, 170, 320]),
        s1_decay=rng.uniform(0.016, 0.030),
        s2_decay=rng.uniform(0.011, 0.020),
        s2_level=rng.uniform(0.45, 1.4),
        s2_split=rng.uniform(0.0, 0.035),
        muffling=rng.uniform(120.0, 320.0),
        breathing_rate=rng.uniform(0.18, 0.4),
        timing=timing,
        shape=shapes[int(shape * len(shapes))],
        grade=grade,
        pitch=float(pitch),
    )


def draw_beats(
    rng: np.random.Generator, heart: Heart, duration: float, *, extrasystoles: bool
) -> Beats:
    """Return the beats that a recording of `duration` seconds can hear.

    A premature beat comes after 55 to 75 % of a cycle, and the pause after it makes up
    for that, so that the two cycles together last as long as two others.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    heart : Heart
        Whose beats.
    duration : float
        Seconds.
    extrasystoles : bool
        Whether to have premature beats, at least one.

    Returns
    -------
    beats : Beats
        From before the beginning of the recording to after its end.
    """
    mean = 60.0 / heart.heart_rate
    # Breathing and chance change a cycle by a few per cent each: at most 20 %.
    n_beats = int(np.ceil(duration / mean / 0.8)) + 4
    phase = 2 * np.pi * (np.arange(n_beats) * mean * heart.breathing_rate)
    chance = np.clip(rng.normal(0, 0.02, n_beats), -0.06, 0.06)
    cycles = mean * (1 + 0.03 * np.sin(phase + rng.uniform(0, 2 * np.pi)) + chance)
    start = -rng.uniform(1.0, 2.0) * mean
    premature = np.zeros(n_beats, dtype=bool)
    early = rng.uniform(*_PREMATURE, n_beats)
    wanted = rng.random(n_beats) < 0.15
    first_heard = 3
    last_heard = max(first_heard, int((duration - start) / mean) - 2)
    forced = int(rng.integers(first_heard, last_heard, endpoint=True))
    if extrasystoles:
        wanted[forced] = True
        for beat in np.flatnonzero(wanted[: n_beats - 1]):
            crowded = beat < 2 or premature[max(0, beat - 2) : beat].any()
            near_forced = beat != forced and abs(int(beat) - forced) <= 2
            if crowded or near_forced:
                continue
            premature[beat] = True
            both = cycles[beat - 1] + cycles[beat]
            cycles[beat - 1] *= early[beat]
            cycles[beat] = both - cycles[beat - 1]
    onsets = start + np.concatenate([[0.0], np.cumsum(cycles)])
    s1, following = onsets[:-1], onsets[1:]
    rate = np.where(
        premature, np.minimum(heart.heart_rate * 1.3, 220.0), heart.heart_rate
    )
    systole = 0.413 - 0.0017 * rate + 0.03
    systole = np.minimum(np.maximum(systole, 0.12), 0.6 * (following - s1))
    return Beats(s1=s1, s2=s1 + systole, following=following, premature=premature)


def render(
    rng: np.random.Generator,
    heart: Heart,
    beats: Beats,
    *,
    duration: float,
    sample_rate: int,
    murmur_gain_db: float,
    noise_level: float,
) -> np.ndarray:
    """Return the waveform of one recording.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    heart, beats : Heart, Beats
        What sounds, and when.
    duration : float
        Seconds.
    sample_rate : int
        Hz.
    murmur_gain_db : float
        Level of the murmur at this chest position.
    noise_level : float
        Background in dB relative to the heart sounds.

    Returns
    -------
    waveform : ndarray of float32 of shape (n_times,)
        Within ±1.
    """
    n_times = round(duration * sample_rate)
    times = np.arange(n_times) / sample_rate
    breathing = np.sin(
        2 * np.pi * heart.breathing_rate * times + rng.uniform(0, 2 * np.pi)
    )
    # Room before the beginning and after the end, for sounds that are cut there.
    margin = round(_KERNEL_DURATION * sample_rate) + 1
    sounds = np.zeros(n_times + 2 * margin)
    n_beats = len(beats.s1)
    s1_level = rng.normal(1, 0.08, n_beats) * np.where(beats.premature, 1.15, 1.0)
    s2_level = rng.normal(1, 0.08, n_beats) * np.where(beats.premature, 0.5, 1.0)
    s2_level *= heart.s2_level * 10 ** (rng.uniform(-3, 3) / 20)
    split = heart.s2_split * (
        1 + 0.5 * np.sin(2 * np.pi * heart.breathing_rate * beats.s2)
    )
    for onsets, level, frequencies, decay in (
        (beats.s1, s1_level, heart.s1_frequencies, heart.s1_decay),
        (beats.s2, 0.6 * s2_level, heart.s2_frequencies, heart.s2_decay),
        (beats.s2 + split, 0.4 * s2_level, heart.s2_frequencies, heart.s2_decay),
    ):
        _add_bursts(sounds, onsets, level, frequencies, decay, sample_rate, margin)
    signal = sounds[margin : margin + n_times] * (1 + 0.15 * breathing)
    loudness = _loudness(signal)

    noises = rng.standard_normal((3, n_times))
    if heart.timing:
        envelope = murmur_envelope(heart, beats, times)
        murmur_db = _GRADE_1_DB + _GRADE_STEP_DB * (heart.grade - 1) + murmur_gain_db
        murmur = _band_noise(noises[0], heart.pitch, 0.7, sample_rate)
        signal = signal + murmur * envelope * loudness * 10 ** (murmur_db / 20)
    signal = _muffle(signal, heart.muffling, sample_rate)
    background = loudness * 10 ** (noise_level / 20)
    colour = rng.uniform(1.0, 2.0)
    signal = signal + background * _coloured_noise(noises[1], colour, sample_rate)
    breath = np.clip(breathing, 0, None) ** 2
    breath_level = background * 10 ** (rng.uniform(-10, 4) / 20)
    signal = signal + breath_level * breath * _band_noise(
        noises[2], rng.uniform(120, 250), 0.7, sample_rate
    )
    signal = signal + loudness * _clicks(rng, n_times, sample_rate)
    peak = np.abs(signal).max()
    return (signal * (rng.uniform(0.2, 0.9) / peak)).astype(np.float32)


def murmur_envelope(heart: Heart, beats: Beats, times: np.ndarray) -> np.ndarray:
    """Return how loud the murmur is at each time, between 0 and 1.

    Parameters
    ----------
    heart, beats : Heart, Beats
        Timing and shape, and the beats.
    times : ndarray of shape (n_times,)
        Seconds.

    Returns
    -------
    envelope : ndarray of shape (n_times,)
    """
    if heart.timing == "systolic":
        start, end = beats.s1 + 0.04, beats.s2 - 0.005
    elif heart.timing == "diastolic":
        start = beats.s2 + 0.03
        end = start + 0.7 * (beats.following - start)
    else:
        # From S1 to S1, loudest at S2.
        start, end = beats.s1, beats.following
    index = np.clip(np.searchsorted(beats.s1, times, side="right") - 1, 0, None)
    place = (times - start[index]) / np.maximum(end - start, 0.02)[index]
    inside = (place >= 0) & (place <= 1)
    place = np.clip(place, 0, 1)
    if heart.timing == "continuous":
        top = ((beats.s2 - start) / (end - start))[index]
        rising = place < top
        warped = np.where(rising, place / top, 1 + (place - top) / (1 - top)) / 2
        shape = 0.25 + 0.75 * np.sin(np.pi * warped)
    elif heart.shape == "diamond":
        shape = np.sin(np.pi * place)
    elif heart.shape == "plateau":
        shape = np.clip(8 * np.minimum(place, 1 - place), 0, 1)
    else:
        shape = np.clip(10 * place, 0, 1) * (1 - place)
    return np.where(inside, shape, 0.0)


def _add_bursts(
    sounds: np.ndarray,
    onsets: np.ndarray,
    levels: np.ndarray,
    frequencies: np.ndarray,
    decay: float,
    sample_rate: int,
    margin: int,
) -> None:
    """Add a burst of damped oscillations at each onset, to fractions of a sample."""
    n_kernel = round(_KERNEL_DURATION * sample_rate)
    first = np.floor(onsets * sample_rate).astype(int)
    audible = (first + margin >= 0) & (first + margin + n_kernel <= len(sounds))
    first, onsets, levels = first[audible], onsets[audible], levels[audible]
    index = first[:, None] + np.arange(n_kernel)
    t = np.maximum(index / sample_rate - onsets[:, None], 0.0)
    # Higher oscillations are weaker and die away faster.
    weights = np.array([1.0, 0.7, 0.3, 0.2])
    phases = 2 * np.pi * frequencies[:, None, None] * t
    damping = np.exp(-t / (decay * np.array([1.2, 1.0, 0.6, 0.35]))[:, None, None])
    attack = 1 - np.exp(-t / 0.004)
    burst = attack * np.einsum("f,fbt->bt", weights, np.sin(phases) * damping)
    np.add.at(sounds, index + margin, levels[:, None] * burst)


def _loudness(signal: np.ndarray) -> float:
    """Return the RMS of the loudest tenth: that of the heart sounds themselves."""
    power = np.sort(signal**2)[-max(1, len(signal) // 10) :]
    return float(np.sqrt(power.mean())) or 1.0


def _filtered(white: np.ndarray, gain: np.ndarray) -> np.ndarray:
    shaped = fft.irfft(fft.rfft(white) * gain, n=len(white))
    return shaped / max(float(np.sqrt(np.mean(shaped**2))), 1e-12)


def _band_noise(
    white: np.ndarray, centre: float, octaves: float, sample_rate: int
) -> np.ndarray:
    """Return noise of RMS 1 in a band around `centre`, Gaussian in octaves."""
    frequencies = np.maximum(fft.rfftfreq(len(white), 1 / sample_rate), 1e-3)
    gain = np.exp(-0.5 * (np.log2(frequencies / centre) / octaves) ** 2)
    return _filtered(white, gain)


def _coloured_noise(white: np.ndarray, exponent: float, sample_rate: int) -> np.ndarray:
    """Return noise of RMS 1: power 1 / f**exponent above 15 Hz, and a weak hiss."""
    frequencies = fft.rfftfreq(len(white), 1 / sample_rate)
    gain = (15.0 / np.maximum(frequencies, 15.0)) ** (exponent / 2)
    return _filtered(white, np.maximum(gain, 0.01))


def _muffle(signal: np.ndarray, cutoff: float, sample_rate: int) -> np.ndarray:
    """Return the signal behind the chest: 12 dB an octave less above `cutoff` Hz."""
    frequencies = fft.rfftfreq(len(signal), 1 / sample_rate)
    gain = 1 / (1 + (frequencies / cutoff) ** 2)
    return fft.irfft(fft.rfft(signal) * gain, n=len(signal))


def _clicks(rng: np.random.Generator, n_times: int, sample_rate: int) -> np.ndarray:
    """Return short bursts where a hand touches the stethoscope: one in 8 s or so."""
    clicks = np.zeros(n_times)
    n_burst = min(n_times, max(2, round(0.03 * sample_rate)))
    for _ in range(rng.poisson(n_times / sample_rate / 8)):
        start = int(rng.integers(0, n_times - n_burst, endpoint=True))
        decay = np.exp(-np.arange(n_burst) / (0.005 * sample_rate))
        loudness = rng.uniform(0.3, 2.0)
        clicks[start : start + n_burst] += (
            loudness * decay * rng.standard_normal(n_burst)
        )
    return clicks
