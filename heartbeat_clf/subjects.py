"""From the scores of recordings to one score a subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf._validation import check_choice, check_same_length
from heartbeat_clf.row_values import check_subjects

__all__ = ["Combine", "SubjectUnits", "aggregate_subjects", "check_combine"]

Combine = str | Callable[[np.ndarray], float]


def check_combine(combine: Combine) -> None:
    """Raise unless it says what becomes of the scores of a subject."""
    if not callable(combine):
        check_choice("combine", combine, ("mean", "max"))


class SubjectUnits(NamedTuple):
    """One entry a unit: its label, its score and the subject it belongs to."""

    y: np.ndarray
    score: np.ndarray
    subjects: np.ndarray


def aggregate_subjects(
    y: Any,
    score: Any,
    subjects: Any,
    *,
    target: str = "label",
    combine: Combine = "mean",
) -> SubjectUnits:
    """Return one score a unit from the scores of its recordings.

    Parameters
    ----------
    y : array-like of shape (n_recordings,)
        Labels; bool for ``target="any"``.
    score : array-like of shape (n_recordings,) or (n_recordings, n_classes)
        Scores of one fit.
    subjects : array-like of shape (n_recordings,)
        Whose recording it is.
    target : {"label", "any"}, default="label"
        "label": a unit is a subject with a label, so that one with recordings of
        two labels makes two. "any": a unit is a subject, positive if any of its
        recordings is.
    combine : {"mean", "max"} or callable, default="mean"
        What becomes of the scores of a unit; a callable gets a 1-D array.

    Returns
    -------
    units : SubjectUnits
        Sorted by subject, then label.

    Raises
    ------
    ValueError
        If the lengths differ, a subject is missing, an option is unknown, or y is not
        bool for "any".

    Examples
    --------
    >>> units = aggregate_subjects(["a", "a", "b"], [1.0, 3.0, 5.0], [7, 7, 7])
    >>> units.score.tolist()
    [2.0, 5.0]
    """
    y, score = np.asarray(y), np.asarray(score, float)
    subjects = check_subjects("subjects", subjects)
    check_same_length(y=y, score=score, subjects=subjects)
    check_choice("target", target, ("label", "any"))
    check_combine(combine)
    if target == "any" and y.dtype != bool:
        raise ValueError(
            f'Expected y of bool for target="any", got {y.dtype!r}. '
            "Pass y == pos_label."
        )
    labels, label_code = np.unique(y, return_inverse=True)
    names, subject_code = np.unique(subjects, return_inverse=True)
    key = subject_code * len(labels) + (label_code if target == "label" else 0)
    units, unit_of_row = np.unique(key, return_inverse=True)
    order = np.argsort(unit_of_row, kind="stable")
    starts = np.searchsorted(unit_of_row[order], np.arange(len(units)))
    if callable(combine):
        columns = score.reshape(len(score), -1)[order].T
        parts = [[combine(p) for p in np.split(c, starts[1:])] for c in columns]
        combined = np.asarray(parts, dtype=float).T.reshape(-1, *score.shape[1:])
    elif combine == "max":
        combined = np.maximum.reduceat(score[order], starts, axis=0)
    else:
        n_rows = np.diff(np.append(starts, len(score)))
        total = np.add.reduceat(score[order], starts, axis=0)
        combined = (total.T / n_rows).T
    if target == "label":
        truth = labels[units % len(labels)]
    else:
        truth = np.logical_or.reduceat(y[order], starts)
    return SubjectUnits(truth, combined, names[units // len(labels)])
