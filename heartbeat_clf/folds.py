"""Splits that share no subject: folds, and one part each to train, tune and test."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils.multiclass import type_of_target

from heartbeat_clf._validation import (
    check_number,
    check_same_length,
    resolve_random_state,
)
from heartbeat_clf.row_values import check_subjects

__all__ = ["Split", "check_labels", "subject_folds", "subject_split"]

Split = tuple[np.ndarray, np.ndarray]
_TRIES = 10


def check_labels(name: str, values: Any) -> np.ndarray:
    """Return 1-D labels without gaps, strings as an array of str."""
    array = check_subjects(name, values)
    if array.size == 0:
        raise ValueError(f"Expected at least one value in {name}, got none.")
    if name == "y" and type_of_target(array) not in ("binary", "multiclass"):
        raise ValueError(f"Expected labels in y, got {type_of_target(array)} values.")
    return array


def _subjects_of(y: np.ndarray, groups: np.ndarray) -> dict[Any, int]:
    """Return how many subjects have recordings of each class."""
    return {c: len(np.unique(groups[y == c])) for c in np.unique(y).tolist()}


def subject_folds(
    y: np.ndarray,
    groups: np.ndarray,
    n_splits: int,
    random_state: int,
    *,
    by_subject: bool = True,
) -> list[Split]:
    """Return stratified folds, each part of which holds every class.

    Parameters
    ----------
    y, groups : ndarray of shape (n_recordings,)
        Labels and subjects.
    n_splits : int
        Number of folds.
    random_state : int
        Seed of the shuffle.
    by_subject : bool, default=True
        False ignores subjects, as a plain random split does.

    Returns
    -------
    folds : list of (train, test)
        Row numbers.

    Raises
    ------
    ValueError
        If a class has fewer subjects than there are folds, or a fold lacks one.
    """
    counts = _subjects_of(y, groups if by_subject else np.arange(len(y)))
    for label, count in counts.items():
        if count < n_splits:
            raise ValueError(
                f"Expected at least {n_splits} subjects of each class for {n_splits} "
                f"folds, got {count} of {label!r} (of all: {counts!r}). Use fewer "
                "splits or more recordings."
            )
    kind = StratifiedGroupKFold if by_subject else StratifiedKFold
    splitter = kind(n_splits, shuffle=True, random_state=random_state)
    by = groups if by_subject else None
    folds = list(splitter.split(np.zeros(len(y)), y, by))
    for number, parts in enumerate(folds):
        for name, rows in zip(("training", "test"), parts, strict=True):
            lacking = sorted(set(counts) - set(y[rows].tolist()))
            if lacking:
                raise ValueError(
                    f"Expected every class in the {name} part of fold {number}, got "
                    f"none of {lacking[0]!r} (subjects of each class: {counts!r}). "
                    "Use fewer splits or another random_state."
                )
    return folds


def subject_split(
    y: Any,
    groups: Any,
    *,
    test_size: float = 0.2,
    validation_size: float | None = 0.2,
    random_state: Any = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row numbers to train, validate and test on, sharing no subject.

    Parameters
    ----------
    y : array-like of shape (n_recordings,)
        Labels of two classes or more.
    groups : array-like of shape (n_recordings,) or None
        Subjects; None makes each recording its own.
    test_size : float, default=0.2
        Share of the recordings of each class to test on, as near as subjects allow.
    validation_size : float or None, default=0.2
        Likewise; 0 or None leaves the validation part empty.
    random_state : int, RandomState, Generator or None, default=0
        Which of the good splits it is.

    Returns
    -------
    train, validation, test : ndarray of int
        Sorted row numbers.

    Raises
    ------
    ValueError
        If lengths differ, sizes leave nothing to train on, or a part would lack a
        class.

    Notes
    -----
    Subjects are dealt out one by one, those that hold most of a class first, each
    to the part whose class counts it brings nearest to what is wanted (by
    chi-square); of ten such deals in random order the nearest is kept.

    Examples
    --------
    >>> y = ["murmur", "normal"] * 10
    >>> train, validation, test = subject_split(y, range(20))
    >>> len(train), len(validation), len(test)
    (12, 4, 4)
    """
    labels = check_labels("y", y)
    groups = (
        np.arange(len(labels)) if groups is None else check_labels("groups", groups)
    )
    check_same_length(y=labels, groups=groups)
    validation_size = validation_size or 0.0
    check_number("test_size", test_size, minimum=0, maximum=1, exclusive=True)
    check_number("validation_size", validation_size, minimum=0, maximum=1)
    if test_size + validation_size >= 1:
        raise ValueError(
            "Expected test_size + validation_size below 1, got "
            f"{test_size!r} + {validation_size!r}. Leave something to train on."
        )
    shares = [1 - test_size - validation_size, validation_size, test_size]
    used = np.flatnonzero(shares)
    counts = _subjects_of(labels, groups)
    if len(counts) < 2:
        raise ValueError(f"Expected two classes or more in y, got {[*counts]!r} only.")
    for label, count in counts.items():
        if count < len(used):
            raise ValueError(
                f"Expected a subject of each class in each of {len(used)} parts, got "
                f"{count} subjects of {label!r}. Drop the validation part or the class."
            )
    _, codes = np.unique(groups, return_inverse=True)
    _, classes = np.unique(labels, return_inverse=True)
    held = np.zeros((codes.max() + 1, len(counts)))
    np.add.at(held, (codes, classes), 1)
    wanted = np.outer(np.array(shares)[used], held.sum(axis=0))
    rng = resolve_random_state(random_state)
    deals = [_deal(held, wanted, rng) for _ in range(_TRIES)]
    distance, part = min(deals, key=lambda deal: deal[0])
    if not np.isfinite(distance):
        raise ValueError(
            f"Expected every class in every part, found no such split of {len(held)} "
            f"subjects (of each class: {counts!r}). Drop a part or use other sizes."
        )
    rows = [np.flatnonzero(used[part[codes]] == p) for p in range(3)]
    return rows[0], rows[1], rows[2]


def _deal(
    held: np.ndarray, wanted: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Return the distance of a greedy deal, inf if a class is lacking, and the deal."""
    order = rng.permutation(len(held))
    weight = (held / held.sum(axis=0)).max(axis=1)
    order = order[np.argsort(-weight[order], kind="stable")]
    have = np.zeros_like(wanted)
    part = np.empty(len(held), dtype=int)
    left = (held > 0).sum(axis=0)
    for subject in order:
        gain = held[subject]
        change = (gain * (2 * (have - wanted) + gain) / wanted).sum(axis=1)
        # The last subjects of a class go where it is still lacking.
        lacking = have == 0
        scarce = (gain > 0) & (left <= lacking.sum(axis=0)) & lacking.any(axis=0)
        change[~lacking[:, scarce].all(axis=1)] += 1e9
        left -= gain > 0
        part[subject] = change.argmin()
        have[part[subject]] += gain
    distance = float(((have - wanted) ** 2 / wanted).sum())
    return (distance if have.min() > 0 else np.inf), part
