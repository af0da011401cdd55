"""Add made murmurs to normal recordings, in annotated systoles or diastoles.

Filtered noise in a phase of real heart sounds: real hearts and real noise, but no real
murmurs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.signal import butter, sosfiltfilt

from heartbeat_clf._validation import check_number, check_rate
from heartbeat_clf.heart_segments import DIASTOLE, S1, SOUND, SYSTOLE, check_segments

__all__ = ["MurmurKind", "add_murmur", "draw_murmur"]

# Seconds: CirCor's borders differ by 14 ms or less; what is further apart is no beat.
_GAP = 0.02
# Of what is drawn: Hz, the upper border over the lower, dB, shares of a phase.
_CENTRES = (60.0, 350.0)
_BORDERS = (25.0, 480.0)
_WIDTHS = (1.5, 4.0)
_LEVELS_DB = (4.0, 22.0)
# What a recording holds of its rate, with room for the filter.
_HELD = 0.49
_LEAST_RATE = 100.0
# Hz; below, filters of second order are no longer stable.
_LOWEST = 1.0
# More than the filter's transient.
_LEAST_SAMPLES = 16
_LOUDEST = 1e15
_MOST_DB = 200.0
_LATEST_START = 0.5
_LEAST_LENGTH = 0.3

Shape = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class MurmurKind:
    """A kind of murmur.

    Parameters
    ----------
    band : (float, float)
        Hz.
    systole, diastole : tuple of (float, float), default=()
        Places in the phase, from 0 to 1 and rising, and how loud the murmur is there,
        from 0 to 1, with straight lines between them and silence beyond. Empty where
        there is nothing.

    Raises
    ------
    TypeError, ValueError
        If a number is none or out of these bounds, or places do not rise.
    """

    band: tuple[float, float]
    systole: Shape = ()
    diastole: Shape = ()

    def __post_init__(self) -> None:
        if not isinstance(self.band, tuple) or len(self.band) != 2:
            raise TypeError(f"Expected band to be two numbers, got {self.band!r}.")
        low, high = self.band
        check_number("band", low, minimum=_LOWEST)
        check_number("band", high, minimum=low, exclusive=True)
        for name in ("systole", "diastole"):
            points = getattr(self, name)
            pairs = isinstance(points, tuple) and all(
                isinstance(point, tuple) and len(point) == 2 for point in points
            )
            if not pairs:
                raise TypeError(
                    f"Expected {name} to be a tuple of places and heights, got "
                    f"{points!r}."
                )
            for number in (number for point in points for number in point):
                check_number(name, number, minimum=0, maximum=1)
            places = [place for place, _ in points]
            if len(places) == 1 or places != sorted(set(places)):
                raise ValueError(
                    f"Expected {name} to have two places or more that rise, got "
                    f"{places}."
                )


def draw_murmur(rng: np.random.Generator, *, rate: float) -> tuple[MurmurKind, float]:
    """Return a murmur of any kind, and how loud it is.

    Two in five are systolic, two diastolic, one is both. The middle of the band is from
    60 to 350 Hz, its upper border 1.5 to 4 times the lower, within 25 to 480 Hz and
    what the recording holds. A murmur begins in the first half of a phase, takes 0.3 of
    it at least, and rises and falls in any way.

    Parameters
    ----------
    rng : Generator
        Source of all that.
    rate : float
        Hz, of the recording.

    Returns
    -------
    kind : MurmurKind
    level_db : float
        As `add_murmur` takes it: 4 to 22 dB.

    Raises
    ------
    ValueError
        If `rate` is below 100 Hz.
    """
    check_number("rate", rate, minimum=_LEAST_RATE)
    phases = rng.choice(3, p=[0.4, 0.4, 0.2])
    centre = float(np.exp(rng.uniform(*np.log(_CENTRES))))
    half = float(np.sqrt(rng.uniform(*_WIDTHS)))
    low, high = _BORDERS[0], min(_BORDERS[1], _HELD * rate)
    centre = min(centre, 0.8 * high)
    band = max(centre / half, low), min(centre * half, high)
    level = float(rng.uniform(*_LEVELS_DB))
    systole, diastole = _draw_shape(rng), _draw_shape(rng)
    return MurmurKind(
        band,
        systole=() if phases == 1 else systole,
        diastole=() if phases == 0 else diastole,
    ), level


def _draw_shape(rng: np.random.Generator) -> Shape:
    start = float(rng.uniform(0, _LATEST_START))
    end = float(rng.uniform(start + _LEAST_LENGTH, 1))
    heights = rng.uniform(size=3)
    places = (start, float(rng.uniform(start, end)), end)
    return tuple(zip(places, (heights / heights.max()).tolist(), strict=True))


def add_murmur(
    sound: np.ndarray,
    rate: float,
    segments: np.ndarray,
    *,
    kind: MurmurKind,
    level_db: float,
    seed: int | np.random.Generator = 0,
) -> np.ndarray | None:
    """Return a recording with a murmur in every phase of its kind.

    What is before the first or after the last annotated phase stays as it was. A murmur
    of the systole begins three fifths into the S1 that ends where the systole begins.

    Parameters
    ----------
    sound : ndarray of shape (n_times,)
        Samples.
    rate : float
        Hz.
    segments : ndarray of shape (n_segments, 3)
        Start and end in seconds and state, as CirCor's ``.tsv`` files have them.
    kind : MurmurKind
        Pitch and shape.
    level_db : float
        How loud the murmur is where its height is 1, in dB above what the recording
        has in that band in these phases as annotated (median of root mean squares);
        -200 to 200.
    seed : int or Generator, default=0
        Of the noise.

    Returns
    -------
    changed : ndarray of float32 of shape (n_times,), or None
        None where nothing is there to add to: no such phase, or silence in it.

    Raises
    ------
    TypeError
        If `kind` is none, or a number is none.
    ValueError
        If `segments` is no table of stretches of time, `sound` not finite, too short or
        of another shape, the rate too low for the band, or a number out of bounds.

    Notes
    -----
    Where annotated phases overlap, the later one counts.
    """
    segments = check_segments(segments)
    sound = _checked_sound(sound)
    check_rate("rate", rate)
    check_number("level_db", level_db, minimum=-_MOST_DB, maximum=_MOST_DB)
    if not isinstance(kind, MurmurKind):
        raise TypeError(f"Expected kind to be a MurmurKind, got {kind!r}.")
    if kind.band[1] >= rate / 2:
        raise ValueError(
            f"Expected a murmur below {rate / 2:g} Hz, which is all that {rate:g} Hz "
            f"hold, got a band of {kind.band}. Lower it."
        )
    pass_band = butter(2, kind.band, "band", fs=rate, output="sos")
    heard = sosfiltfilt(pass_band, sound)
    shape = np.zeros(len(sound))
    levels = []
    for row, (start, end, state) in enumerate(segments):
        begin = start
        if row and (segments[row - 1, 2], state) == (S1, SYSTOLE):
            before, border, _ = segments[row - 1]
            if start - border <= _GAP:
                begin = min(start, before + SOUND * (border - before))
        points = {SYSTOLE: kind.systole, DIASTOLE: kind.diastole}.get(state, ())
        first, phase, last = (round(time * rate) for time in (begin, start, end))
        length, last = last - first, min(last, len(sound))
        if not points or last <= phase:
            continue
        places, heights = zip(*points, strict=True)
        there = np.arange(last - first) / max(length - 1, 1)
        shape[first:last] = np.interp(there, places, heights, left=0, right=0)
        levels.append(np.sqrt(np.mean(np.square(heard[phase:last]))))
    if not levels or not np.median(levels) > 0:
        return None
    noise = np.random.default_rng(seed).normal(size=len(sound))
    noise = sosfiltfilt(pass_band, noise)
    gain = np.median(levels) * 10 ** (level_db / 20) / noise.std()
    return np.asarray(sound + gain * shape * noise, dtype=np.float32)


def _checked_sound(sound: Any) -> np.ndarray:
    found = np.asarray(sound)
    numbers = found.dtype.kind in "fiu"
    samples = found.astype(np.float64) if numbers else found
    good = found.ndim == 1 and numbers and len(found) >= _LEAST_SAMPLES
    # Squares have to be numbers as well.
    if not good or not np.abs(samples).max() < _LOUDEST:
        raise ValueError(
            f"Expected a sound of shape (n_times,), {_LEAST_SAMPLES} finite samples or "
            f"more, got shape {found.shape!r} of {found.dtype}."
        )
    return samples
