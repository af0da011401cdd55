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
    found = np.asarray(segments, dtype=float)
    if found.size == 0:
        return found.reshape(0, 3)
    good = found.ndim == 2 and found.shape[1] == 3 and np.isfinite(found).all()
    if good:
        starts, ends = found[:, 0], found[:, 1]
        good = (
            starts[0] >= 0 and (np.diff(starts) >= 0).all() and (ends >= starts).all()
        )
    if not good:
        raise ValueError(
            "Expected segments of shape (n_segments, 3): start, end and state, in "
            f"turn, with 0 <= start <= end, got shape {found.shape!r}: "
            f"{found[:3].tolist()}."
        )
    return found
