"""What is given for every row: subjects and scores, with nothing missing."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_scores", "check_subjects", "missing_rows", "nameless_rows"]


def missing_rows(values: Any) -> list[int]:
    """Return the rows that hold no value.

    Parameters
    ----------
    values : sequence
        Of any kind. In a list of strings NumPy spells NaN "nan": give the list.

    Returns
    -------
    rows : list of int
        Those with None, NaN or pandas' NA, and those that are masked.

    Examples
    --------
    >>> missing_rows(["Ada", float("nan"), None])
    [1, 2]
    """
    plain = isinstance(values, np.ndarray) and not np.ma.is_masked(values)
    if plain and values.dtype.kind in "biuUS":
        return []
    # What is masked is None in the list.
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    return [row for row, value in enumerate(listed) if _is_missing(value)]


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, list | tuple | np.ndarray):
        return False
    try:
        # NaN is the one value that differs from itself.
        return bool(value != value)
    except (TypeError, ValueError):
        # pandas' NA says neither.
        return True


def nameless_rows(values: Any) -> list[int]:
    """Return the rows that name nobody: those of :func:`missing_rows` and blank ones.

    Examples
    --------
    >>> nameless_rows(["Ada", " ", None])
    [1, 2]
    """
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    blank = [r for r, v in enumerate(listed) if isinstance(v, str) and not v.strip()]
    return sorted([*missing_rows(values), *blank])


def check_subjects(name: str, values: Any) -> np.ndarray:
    """Return subjects as a 1-D array, strings as an array of str.

    Parameters
    ----------
    name : str
        Name of the argument, used in errors.
    values : array-like of shape (n_rows,)
        Whose each row is.

    Returns
    -------
    subjects : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If they are not 1-D, or one is missing or blank: all rows without one would
        stand for one person.

    Examples
    --------
    >>> check_subjects("subjects", ["Ada", "Ben"]).tolist()
    ['Ada', 'Ben']
    """
    if values is None:
        raise ValueError(f"Expected a value for every recording in {name}, got None.")
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"Expected {name} to be 1-D, got the shape {array.shape!r}.")
    plain = isinstance(values, np.ndarray) and not np.ma.is_masked(values)
    if plain and values.dtype.kind in "biu":
        return array
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    if gaps := nameless_rows(listed):
        raise ValueError(
            f"Expected a value in every row of {name}, got {listed[gaps[0]]!r} in row "
            f"{gaps[0]} ({len(gaps)} in all). Leave such rows out."
        )
    return np.asarray(listed) if array.dtype == object and len(array) else array


def as_scores(score: Any) -> np.ndarray:
    """Return one score a row, as float64.

    Parameters
    ----------
    score : array-like of shape (n_rows,)
        Numbers.

    Returns
    -------
    scores : ndarray of float64 of shape (n_rows,)

    Raises
    ------
    ValueError
        If they are not 1-D.

    Examples
    --------
    >>> as_scores([1, 0]).tolist()
    [1.0, 0.0]
    """
    scores = np.asarray(score, dtype=float)
    if scores.ndim != 1:
        raise ValueError(
            f"Expected one score a row, got the shape {scores.shape!r}. Of several "
            "columns take that of one class, as in predict_proba(X)[:, 0]."
        )
    return scores
