"""What judges that are fitted at once may learn from, checked in one place."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_features", "check_positive", "check_weights"]

_NUMBERS = "biuf"


def check_features(features: Any) -> np.ndarray:
    """Return features as float32, which networks take.

    Parameters
    ----------
    features : array-like of shape (n_recordings, n_features)
        Numbers that float32 holds.

    Returns
    -------
    features : ndarray of float32

    Raises
    ------
    ValueError
        If they are of another shape, no numbers, or not finite in float32.
    """
    found = _as_numbers("features", features)
    # Beyond what float32 holds, numbers are infinite, and refused below.
    with np.errstate(over="ignore"):
        found = found.astype(np.float32)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all():
        raise ValueError(
            "Expected finite features of shape (n_recordings, n_features), got shape "
            f"{found.shape!r}, finite: {bool(np.isfinite(found).all())}."
        )
    return found


def check_positive(positive: Any) -> np.ndarray:
    """Return which recordings are to be told, as booleans.

    Parameters
    ----------
    positive : array-like of bool of shape (n_recordings,)
        Labels compared with one of them.

    Returns
    -------
    positive : ndarray of bool

    Raises
    ------
    ValueError
        If they are no booleans.
    """
    found = np.asarray(positive)
    if found.dtype != bool:
        raise ValueError(
            f"Expected positive to hold True and False, got {found.dtype}. Compare "
            'labels with the positive one: labels == "murmur".'
        )
    return found


def check_weights(weights: Any) -> np.ndarray:
    """Return the weights of recordings as float64; their sum is finite.

    Parameters
    ----------
    weights : array-like of shape (n_recordings,)
        Above 0.

    Returns
    -------
    weights : ndarray of float64
        Divided by the largest where their sum would not be finite.

    Raises
    ------
    ValueError
        If they are of another shape, no numbers, not finite or not above 0.
    """
    found = _as_numbers("weights", weights).astype(np.float64)
    if found.ndim != 1:
        raise ValueError(
            f"Expected weights of shape (n_recordings,), got {found.shape!r}."
        )
    wrong = ~(np.isfinite(found) & (found > 0))
    if wrong.any():
        raise ValueError(
            f"Expected finite weights above 0, got {float(found[wrong][0])!r}."
        )
    with np.errstate(over="ignore"):
        total = found.sum()
    if np.isfinite(total):
        return found
    found = found / found.max()
    if not found.all():
        raise ValueError(
            "Expected weights of sizes like each other, got some that vanish beside "
            "the largest."
        )
    return found


def _as_numbers(name: str, value: Any) -> np.ndarray:
    try:
        found = np.asarray(value)
    # Lists of different lengths.
    except ValueError as error:
        raise ValueError(f"Expected {name} to be an array, got: {error}") from error
    if found.dtype.kind not in _NUMBERS:
        raise ValueError(f"Expected {name} to be numbers, got {found.dtype}.")
    return found
