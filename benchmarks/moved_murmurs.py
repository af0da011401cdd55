"""Move murmurs from the systole into the diastole, by editing recordings.

Of CirCor's persons four have a murmur in the diastole, each with one in the systole as
well. What a model makes of murmurs of the diastole alone is asked of recordings in
which systole and diastole have changed places: real sound, real noise, another time.
"""

from __future__ import annotations

import numpy as np

from heartbeat_clf.heart_segments import (
    DIASTOLE,
    S1,
    S2,
    SOUND,
    SYSTOLE,
    check_segments,
)

__all__ = ["move_murmurs"]

_LEAST_SOUND = 0.075
_MARGIN = 0.015
_FADE = 0.01
# So many of the beats must be edited: a murmur that stays where it was would be heard.
_ENOUGH = 0.8


def move_murmurs(
    sound: np.ndarray, rate: float, segments: np.ndarray
) -> np.ndarray | None:
    """Return a recording whose systoles and diastoles have changed places.

    From three fifths of each S1 on, at least 75 ms, to the S2 stands what the diastole
    sounded like, played forwards and backwards until it is full; from 15 ms into the
    diastole on stands what was there, as much of it as there is room for. Borders are
    faded over 10 ms, with constant power.

    Parameters
    ----------
    sound : ndarray of shape (n_times,)
        Samples.
    rate : float
        Hz.
    segments : ndarray of shape (n_segments, 3)
        Start and end in seconds and state, as CirCor's ``.tsv`` files have them.

    Returns
    -------
    moved : ndarray of float32 of shape (n_times,), or None
        None where fewer than four fifths of the systoles could be edited: the diastole
        after them is missing or too short.

    Raises
    ------
    ValueError
        If `segments` is no table of stretches of time.
    """
    segments = check_segments(segments)
    moved = np.array(sound, dtype=np.float32)
    n_fade = round(_FADE * rate)
    states = segments[:, 2]
    systoles = edited = 0
    for row in range(1, len(segments) - 1):
        if states[row - 1 : row + 2].tolist() != [S1, SYSTOLE, S2]:
            continue
        systoles += 1
        if row + 2 == len(segments) or states[row + 2] != DIASTOLE:
            continue
        start, length = segments[row - 1, 0], np.ptp(segments[row - 1, :2])
        first = round((start + max(_LEAST_SOUND, SOUND * length)) * rate)
        last = round(segments[row, 1] * rate)
        begin = round((segments[row + 2, 0] + _MARGIN) * rate)
        end = min(round((segments[row + 2, 1] - _MARGIN) * rate), len(moved))
        if min(last - first, end - begin) < 4 * n_fade:
            continue
        systole, diastole = moved[first:last].copy(), moved[begin:end].copy()
        bounce = np.concatenate([diastole, diastole[::-1]])
        _put(moved, first, np.resize(bounce, len(systole)), n_fade)
        _put(moved, begin, systole[: len(diastole)], n_fade)
        edited += 1
    return moved if systoles and edited >= _ENOUGH * systoles else None


def _put(sound: np.ndarray, start: int, part: np.ndarray, n_fade: int) -> None:
    """Let a part stand in a recording, in place; powers add up to what they are."""
    share = np.ones(len(part), dtype=np.float32)
    share[:n_fade] = np.linspace(0, 1, n_fade)
    share[-n_fade:] = np.linspace(1, 0, n_fade)
    there = sound[start : start + len(part)]
    there[:] = there * np.sqrt(1 - share**2) + part * share
