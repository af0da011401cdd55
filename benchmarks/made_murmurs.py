"""Add made murmurs to normal recordings, in annotated systoles or diastoles.

CirCor's murmurs are systolic. What a model makes of other kinds is asked of normal
recordings with filtered noise in a phase, of the pitch and shape that textbooks give a
kind (Walker, Hall and Hurst, eds., Clinical Methods, 3rd ed. 1990, chapters 26 and 27).
Real hearts and real noise, but no real murmurs: they show what a model is deaf to, and
not how well it hears the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from moved_murmurs import DIASTOLE, S1, SOUND, SYSTOLE, check_segments
from scipy.signal import butter, sosfiltfilt

__all__ = ["KINDS", "MurmurKind", "add_murmur"]

# Seconds: CirCor's borders differ by 14 ms or less; what is further apart is no beat.
_GAP = 0.02

Shape = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class MurmurKind:
    """A kind of murmur.

    Parameters
    ----------
    band : (float, float)
        Hz.
    systole, diastole : tuple of (float, float), default=()
        Places in the phase, from 0 to 1, and how loud the murmur is there, with
        straight lines between them and silence beyond. Empty where there is nothing.
    """

    band: tuple[float, float]
    systole: Shape = ()
    diastole: Shape = ()


KINDS = {
    "ejection": MurmurKind((80, 300), ((0, 0), (0.5, 1), (1, 0))),
    "pansystolic": MurmurKind((100, 400), ((0, 1), (1, 1))),
    "late systolic": MurmurKind((100, 400), ((0.5, 0), (0.6, 0.6), (1, 1))),
    "early diastolic": MurmurKind((150, 450), diastole=((0, 1), (0.7, 0))),
    "rumble": MurmurKind(
        (30, 100), diastole=((0.15, 0), (0.3, 1), (0.6, 0.5), (0.8, 0.6), (1, 1))
    ),
    "continuous": MurmurKind(
        (80, 350), ((0, 0.4), (1, 1)), diastole=((0, 1), (0.7, 0.2), (1, 0.4))
    ),
}
"""As of a narrow aortic, leaking mitral, prolapsing mitral, leaking aortic and narrow
mitral valve, and of an open ductus arteriosus."""


def add_murmur(
    sound: np.ndarray,
    rate: float,
    segments: np.ndarray,
    *,
    kind: MurmurKind,
    level_db: float,
    seed: int = 0,
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
        How loud the murmur is where it is loudest, in dB above what the recording has
        in that band in these phases as annotated (median of root mean squares).
    seed : int, default=0
        Of the noise.

    Returns
    -------
    changed : ndarray of float32 of shape (n_times,), or None
        None where nothing is there to add to: no such phase, or silence in it.

    Raises
    ------
    ValueError
        If `segments` is no table of stretches of time.
    """
    segments = check_segments(segments)
    sound = np.asarray(sound, dtype=np.float64)
    pass_band = butter(2, kind.band, "band", fs=rate, output="sos")
    heard = sosfiltfilt(pass_band, sound)
    shape = np.zeros(len(sound))
    levels = []
    for row, (start, end, state) in enumerate(segments):
        begin = start
        if row and (segments[row - 1, 2], state) == (S1, SYSTOLE):
            before, border, _ = segments[row - 1]
            if start - border <= _GAP:
                begin = before + SOUND * (border - before)
        points = {SYSTOLE: kind.systole, DIASTOLE: kind.diastole}.get(state, ())
        first, phase, last = (round(time * rate) for time in (begin, start, end))
        last = min(last, len(sound))
        if not points or last <= phase:
            continue
        places, heights = zip(*points, strict=True)
        there = np.linspace(0, 1, last - first)
        shape[first:last] = np.interp(there, places, heights, left=0, right=0)
        levels.append(np.sqrt(np.mean(np.square(heard[phase:last]))))
    if not levels or not np.median(levels) > 0:
        return None
    noise = np.random.default_rng(seed).normal(size=len(sound))
    noise = sosfiltfilt(pass_band, noise)
    gain = np.median(levels) * 10 ** (level_db / 20) / noise.std()
    return np.asarray(sound + gain * shape * noise, dtype=np.float32)
