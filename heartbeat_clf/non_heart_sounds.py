"""Synthetic sounds without a heart: what `assess_quality` has to tell from hearts.

Every kind is a plain function ``(rng, n_times) -> ndarray`` at `SAMPLE_RATE`. Hearts
are heard below 500 Hz, so that is all that is made: of speech its voice and first
formant, of music its lower notes and drums.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import fft

from heartbeat_clf._validation import check_choice, check_number, resolve_random_state

__all__ = ["KINDS", "SAMPLE_RATE", "coloured_noise", "make_non_heart_sound"]

SAMPLE_RATE = 1000
_HIGHEST = 0.48 * SAMPLE_RATE

Kind = Callable[[np.random.Generator, int], np.ndarray]


def make_non_heart_sound(
    kind: str,
    duration: float = 8.0,
    *,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> np.ndarray:
    """Return a synthetic sound that holds no heartbeat.

    Parameters
    ----------
    kind : str
        One of the keys of `KINDS`: "noise", "breath", "tones", "handling",
        "rubbing", "speech", "music", "drums", "quiet".
    duration : float, default=8.0
        Seconds, at least 0.5.
    random_state : int, RandomState, Generator or None, default=None
        The same seed gives the same bits.

    Returns
    -------
    waveform : ndarray of float32 of shape (n_times,)
        At `SAMPLE_RATE` (1000 Hz), within ±1.

    Raises
    ------
    TypeError
        If `duration` is not a number.
    ValueError
        If the kind is unknown or the duration below 0.5 s.

    Examples
    --------
    >>> make_non_heart_sound("speech", 2.0, random_state=0).shape
    (2000,)
    """
    check_choice("kind", kind, tuple(KINDS))
    check_number("duration", duration, minimum=0.5)
    rng = resolve_random_state(random_state)
    waveform = KINDS[kind](rng, round(duration * SAMPLE_RATE))
    if kind == "quiet":  # a step of a 16-bit file stays a step
        return (waveform / 2**15).astype(np.float32)
    peak = np.abs(waveform).max() or 1.0
    return (waveform * (rng.uniform(0.1, 0.95) / peak)).astype(np.float32)


def coloured_noise(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return steady noise of RMS 1 with a random spectrum, white to brown."""
    exponent = rng.uniform(-0.5, 3.0)
    ripple = rng.choice([0.0, 3.0, 8.0])
    return _shaped(rng, n_times, exponent, ripple)


def _shaped(
    rng: np.random.Generator, n_times: int, exponent: float, ripple_db: float
) -> np.ndarray:
    frequencies = np.maximum(fft.rfftfreq(n_times, 1 / SAMPLE_RATE), 1.0)
    gain_db = -10 * exponent * np.log10(np.maximum(frequencies, 10.0) / 10.0)
    knots = np.linspace(0.0, np.log(_HIGHEST), 12)
    gain_db += np.interp(np.log(frequencies), knots, rng.normal(0, ripple_db, 12))
    spectrum = fft.rfft(rng.standard_normal(n_times)) * 10 ** (gain_db / 20)
    return _unit(fft.irfft(spectrum, n=n_times))


def _band(
    rng: np.random.Generator, n_times: int, centre: float, octaves: float
) -> np.ndarray:
    frequencies = np.maximum(fft.rfftfreq(n_times, 1 / SAMPLE_RATE), 1.0)
    gain = np.exp(-0.5 * (np.log2(frequencies / centre) / octaves) ** 2)
    return _unit(fft.irfft(fft.rfft(rng.standard_normal(n_times)) * gain, n=n_times))


def _unit(waveform: np.ndarray) -> np.ndarray:
    return waveform / max(float(np.sqrt(np.mean(waveform**2))), 1e-12)


def _slow_gain(
    rng: np.random.Generator, n_times: int, rate: float, depth_db: float
) -> np.ndarray:
    """Return a gain that wanders, with `rate` independent values a second."""
    n_knots = max(2, int(n_times / SAMPLE_RATE * rate) + 2)
    knots = np.linspace(0, n_times, n_knots)
    level = np.interp(np.arange(n_times), knots, rng.normal(0, depth_db, n_knots))
    return 10 ** (level / 20)


def _add(waveform: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Add `sound` from `start`, as far as it fits."""
    first, last = max(start, 0), min(start + len(sound), len(waveform))
    if first < last:
        waveform[first:last] += sound[first - start : last - start]


def _swell(n_times: int, edge: float) -> np.ndarray:
    """Return a window that rises and falls within the share `edge` of its length."""
    n_edge = max(1, int(edge * n_times))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n_edge) + 0.5) / n_edge)
    window = np.ones(n_times)
    window[:n_edge] = ramp[: len(window[:n_edge])]
    window[-n_edge:] = np.minimum(window[-n_edge:], ramp[::-1][-n_times:])
    return window


def _noise(rng: np.random.Generator, n_times: int) -> np.ndarray:
    sound = coloured_noise(rng, n_times)
    style = rng.random()
    if style < 0.6:
        rate, depth = rng.uniform(0.2, 6.0), rng.uniform(0.0, 8.0)
        sound = sound * _slow_gain(rng, n_times, rate, depth)
    elif style < 0.75:  # an engine or a fan: faster than any heart
        times = np.arange(n_times) / SAMPLE_RATE
        wave = np.sin(2 * np.pi * rng.uniform(6.0, 25.0) * times)
        sound = sound * (1 + rng.uniform(0.2, 0.9) * wave)
    return sound


def _breath(rng: np.random.Generator, n_times: int) -> np.ndarray:
    sound = np.zeros(n_times)
    position = -rng.uniform(0, 2) * SAMPLE_RATE
    cycle = rng.uniform(1.5, 6.0)
    centre, octaves = rng.uniform(80, 400), rng.uniform(0.4, 1.5)
    wheezes = rng.random() < 0.2
    while position < n_times:
        this = cycle * rng.uniform(0.85, 1.15) * SAMPLE_RATE
        for share, level, pitch in ((0.4, 1.0, 1.0), (0.5, rng.uniform(0.2, 1), 0.8)):
            n_part = int(this * share * rng.uniform(0.7, 1.0))
            part = _band(rng, n_part, centre * pitch, octaves)
            if wheezes:
                turns = np.arange(n_part) / SAMPLE_RATE * rng.uniform(100, 400)
                part += 2 * np.sin(2 * np.pi * turns)
            _add(sound, int(position), level * part * _swell(n_part, 0.5))
            position += this * 0.5
    return sound + 10 ** (rng.uniform(-40, -10) / 20) * coloured_noise(rng, n_times)


def _tones(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return mains hum, steady or gliding tones, beeps or squeals of feedback."""
    times = np.arange(n_times) / SAMPLE_RATE
    sound = np.zeros(n_times)
    style = rng.choice(["hum", "steady", "glide", "beeps", "squeal"])
    if style == "hum":
        mains = rng.choice([50.0, 60.0])
        for harmonic in range(1, int(_HIGHEST / mains) + 1):
            level = rng.lognormal(0, 1) / harmonic ** rng.uniform(0.3, 1.5)
            turns = mains * harmonic * times + rng.random()
            sound += level * np.sin(2 * np.pi * turns)
    elif style == "steady":
        for _ in range(rng.integers(1, 5)):
            turns = rng.uniform(30, _HIGHEST) * times + rng.random()
            sound += rng.uniform(0.2, 1) * np.sin(2 * np.pi * turns)
    else:
        n_sounds = int(rng.integers(1, 4))
        if style == "beeps":
            n_sounds = int(rng.integers(2, 4 + 2 * n_times // SAMPLE_RATE))
        for _ in range(n_sounds):
            length = rng.uniform(0.05, 0.5) if style == "beeps" else rng.uniform(0.4, 4)
            n_part = int(length * SAMPLE_RATE)
            ends = rng.uniform(40, _HIGHEST, 2)
            if style == "beeps":
                ends[1] = ends[0]
            turns = np.cumsum(np.linspace(ends[0], ends[1], n_part)) / SAMPLE_RATE
            part = np.sin(2 * np.pi * turns) * _swell(n_part, rng.uniform(0.02, 0.4))
            if style == "squeal":
                part *= 10 ** (np.linspace(-60, 0, n_part) / 20)
            _add(sound, int(rng.integers(-n_part // 2, n_times)), part)
    sound *= _slow_gain(rng, n_times, 1.0, rng.uniform(0, 4))
    return _unit(sound) + 10 ** (rng.uniform(-50, 0) / 20) * _noise(rng, n_times)


def _knock(rng: np.random.Generator) -> np.ndarray:
    """Return a click, a thump or a knock."""
    style = rng.choice(3)
    pitch = rng.uniform(*((20, 120), (80, 450), (150, 480))[style])
    decay = rng.uniform(*((0.01, 0.12), (0.005, 0.05), (0.001, 0.006))[style])
    times = np.arange(int(6 * decay * SAMPLE_RATE) + 4) / SAMPLE_RATE
    damped = np.exp(-times / decay)
    tone = np.sin(2 * np.pi * (pitch * times + rng.random()))
    hiss = rng.standard_normal(len(times)) * rng.choice([0.0, 0.3, 1.0])
    return (tone + hiss) * damped


def _handling(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return clicks, thumps and knocks at times that follow no rhythm."""
    sound = np.zeros(n_times)
    rate = rng.uniform(0.7, 9.0)
    spread = rng.uniform(0.2, 1.2)
    n_knocks = max(1, rng.poisson(rate * n_times / SAMPLE_RATE))
    similar = _knock(rng) if rng.random() < 0.4 else None
    for start in rng.integers(-50, n_times, n_knocks):
        knock = _knock(rng) if similar is None else similar
        _add(sound, int(start), rng.lognormal(0, spread) * knock)
    floor = 10 ** (rng.uniform(-45, -8) / 20)
    return _unit(sound) + floor * _noise(rng, n_times)


def _rubbing(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return bursts of rough noise: cloth or a hand over the microphone."""
    sound = np.zeros(n_times)
    position = int(-rng.uniform(0, 1) * SAMPLE_RATE)
    longest = rng.uniform(0.2, 2.0)
    while position < n_times:
        n_part = int(rng.uniform(0.06, longest) * SAMPLE_RATE)
        part = _shaped(rng, n_part, rng.uniform(0, 3), 6.0)
        part *= _slow_gain(rng, n_part, rng.uniform(5, 40), rng.uniform(2, 8))
        level = rng.lognormal(0, 0.7)
        _add(sound, position, level * part * _swell(n_part, rng.uniform(0.02, 0.5)))
        position += n_part + int(rng.exponential(0.3) * SAMPLE_RATE)
    return sound + 10 ** (rng.uniform(-45, -8) / 20) * coloured_noise(rng, n_times)


def _voice(
    rng: np.random.Generator, n_part: int, pitches: np.ndarray, formant: float
) -> np.ndarray:
    """Return a vowel: harmonics of a gliding pitch, loudest near the formant."""
    pitch = np.linspace(pitches[0], pitches[1], n_part)
    turns = np.cumsum(pitch) / SAMPLE_RATE + rng.random()
    sound = np.zeros(n_part)
    for harmonic in range(1, int(_HIGHEST / pitches.max()) + 1):
        distance = (harmonic * pitches.mean() - formant) / 120.0
        level = (0.15 + 1 / (1 + distance**2)) / harmonic**0.3
        sound += level * np.sin(2 * np.pi * harmonic * turns)
    return sound


def _speech(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return phrases of three to twelve syllables, with pauses between them."""
    sound = np.zeros(n_times)
    base = rng.choice([rng.uniform(75, 160), rng.uniform(150, 320)])
    syllable = rng.uniform(0.12, 0.32)
    position = int(-rng.uniform(0, 1.5) * SAMPLE_RATE)
    while position < n_times:
        n_syllables = int(rng.integers(3, 13))
        for number in range(n_syllables):
            n_part = int(syllable * rng.lognormal(0, 0.3) * SAMPLE_RATE) + 20
            fall = 1.15 - 0.3 * number / n_syllables
            pitches = base * fall * rng.uniform(0.85, 1.15, 2)
            level = rng.lognormal(0, 0.4)
            if rng.random() < 0.25:  # a consonant: hiss above, little below
                n_hiss = min(n_part, int(rng.uniform(0.03, 0.12) * SAMPLE_RATE) + 4)
                hiss = _shaped(rng, n_hiss, -1.5, 3.0) * _swell(n_hiss, 0.3)
                _add(sound, position, 0.3 * level * hiss)
                position += n_hiss
            vowel = _voice(rng, n_part, pitches, rng.uniform(220, 850))
            vowel *= level * _swell(n_part, rng.uniform(0.08, 0.4))
            _add(sound, position, vowel)
            position += n_part + int(rng.uniform(-0.02, 0.05) * SAMPLE_RATE)
        position += int(rng.exponential(0.5) * SAMPLE_RATE)
    sound = _unit(sound) if sound.any() else sound
    return sound + 10 ** (rng.uniform(-50, -10) / 20) * _noise(rng, n_times)


def _note(rng: np.random.Generator, pitch: float, length: float) -> np.ndarray:
    times = np.arange(int(length * SAMPLE_RATE) + 8) / SAMPLE_RATE
    sound = np.zeros(len(times))
    tilt = rng.uniform(0.5, 2.0)
    for harmonic in range(1, min(6, int(_HIGHEST / pitch)) + 1):
        turns = pitch * harmonic * times + rng.random()
        sound += np.sin(2 * np.pi * turns) / harmonic**tilt
    if rng.random() < 0.5:  # plucked or struck; else bowed or blown
        return (
            sound * np.exp(-times / rng.uniform(0.05, 0.6)) * _swell(len(times), 0.01)
        )
    return sound * _swell(len(times), rng.uniform(0.03, 0.3))


def _music(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return notes of a scale, chords and a bass at a tempo, often with drums."""
    sound = np.zeros(n_times)
    step = 60 / rng.uniform(50, 180) / rng.choice([1, 2, 2, 4])
    scale = np.array([0, 2, 4, 5, 7, 9, 11]) if rng.random() < 0.5 else np.arange(12)
    root = rng.uniform(35, 110)
    busy, chords = rng.uniform(0.3, 1.0), rng.random() < 0.5
    start = -rng.uniform(0, 4) * step
    for number in range(int(n_times / SAMPLE_RATE / step) + 6):
        at = int((start + number * step) * SAMPLE_RATE)
        length = step * rng.uniform(0.5, 2.0)
        if rng.random() < busy:
            degree = rng.choice(scale)
            for interval in (0, 4, 7) if chords else (0,):
                octave = rng.integers(0, 3)
                pitch = root * 2 ** ((degree + interval) / 12 + octave)
                if pitch < _HIGHEST:
                    _add(sound, at, rng.uniform(0.4, 1) * _note(rng, pitch, length))
        if number % 4 == 0:
            pitch = root * 2 ** (rng.choice(scale) / 12)
            _add(sound, at, rng.uniform(0, 1) * _note(rng, pitch, 3 * step))
    sound = _unit(sound) if sound.any() else sound
    if rng.random() < 0.4:
        sound = sound + rng.uniform(0.2, 1.5) * _unit(_drums(rng, n_times))
    return sound + 10 ** (rng.uniform(-60, -10) / 20) * _noise(rng, n_times)


def _drum(rng: np.random.Generator, name: str) -> np.ndarray:
    length = {"kick": 0.35, "snare": 0.25, "hat": 0.1, "tom": 0.4}[name]
    times = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    decay = length * rng.uniform(0.1, 0.4)
    if name in ("kick", "tom"):
        low, high = (40, 70) if name == "kick" else (80, 200)
        pitch = rng.uniform(low, high) * (1 + 2 * np.exp(-times / 0.02))
        return np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * np.exp(
            -times / decay
        )
    hiss = _shaped(rng, len(times), -2.0 if name == "hat" else -0.5, 2.0)
    return 0.7 * hiss * np.exp(-times / decay)


def _drums(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return a pattern of eight or sixteen steps on several drums, repeated."""
    sound = np.zeros(n_times)
    n_steps = int(rng.choice([8, 16]))
    step = 60 / rng.uniform(60, 180) / rng.choice([2, 4])
    first = -rng.uniform(0, n_steps) * step
    kit = {"kick": 0.25, "snare": 0.2, "hat": 0.6, "tom": 0.2}
    for name, share in kit.items():
        drum, level = _drum(rng, name), rng.uniform(0.2, 1)
        pattern = rng.random(n_steps) < share
        if name in ("snare", "hat") and not pattern.any():
            pattern[int(rng.integers(n_steps))] = True
        for number in range(int(n_times / SAMPLE_RATE / step) + n_steps):
            if pattern[number % n_steps]:
                at = int((first + number * step) * SAMPLE_RATE)
                _add(sound, at, level * rng.uniform(0.8, 1.2) * drum)
    return _unit(sound) + 10 ** (rng.uniform(-60, -15) / 20) * _noise(rng, n_times)


def _quiet(rng: np.random.Generator, n_times: int) -> np.ndarray:
    """Return what a microphone gives that hears nothing: a few steps, some hum."""
    times = np.arange(n_times) / SAMPLE_RATE
    sound = rng.uniform(0.2, 4.0) * coloured_noise(rng, n_times)
    hum = rng.choice([50.0, 60.0]) * times
    sound += rng.choice([0.0, rng.uniform(0.2, 2)]) * np.sin(2 * np.pi * hum)
    return np.round(sound)


KINDS: dict[str, Kind] = {
    "noise": _noise,
    "breath": _breath,
    "tones": _tones,
    "handling": _handling,
    "rubbing": _rubbing,
    "speech": _speech,
    "music": _music,
    "drums": _drums,
    "quiet": _quiet,
}
