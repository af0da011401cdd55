"""Tables of heart states as annotators write them: start and end in seconds, state."""

from __future__ import annotations

import numpy as np

__all__ = ["DIASTOLE", "S1", "S2", "SOUND", "SYSTOLE", "check_segments"]

S1, SYSTOLE, S2, DIASTOLE = 1, 2, 3, 4
SOUND = 0.6
"""The last two fifths of an S1 of CirCor's annotation may hold a murmur already."""


def check_segments(segments: np.ndarray) -> np.ndarray:
    """Return a table of heart states as an array, or raise.

    Parameters
    ----------
    segments : array-like of shape (n_segments, 3)
        Start and end in seconds and state.

    Returns
    -------
    segments : ndarray of float64 of shape (n_segments, 3)

    Raises
    ------
    ValueError
        If it does not have three columns of numbers, or a stretch begins before the
        recording or the one above it, or ends before it begins.
    """
    try:
        found = np.asarray(segments, dtype=float)
    except (TypeError, ValueError):
        found = np.array(np.nan)
    if found.size == 0:
        return found.reshape(0, 3)
    wrong = str(segments)
    if found.ndim == 2 and found.shape[1] == 3:
        starts, ends = found[:, 0], found[:, 1]
        before = np.maximum.accumulate(np.concatenate([[0.0], starts[:-1]]))
        # What is no number is no good either.
        good = (starts >= before) & (ends >= starts) & np.isfinite(found).all(axis=1)
        if good.all():
            return found
        row = int(np.argmin(good))
        wrong = f"{found[row].tolist()} in row {row}"
    raise ValueError(
        "Expected segments of shape (n_segments, 3): start, end and state, in turn, "
        f"with 0 <= start <= end, got {wrong:.200}. Sort them by start."
    )
