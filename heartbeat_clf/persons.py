"""One answer a person: several recordings of a subject speak together."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.operating_points import OperatingPoints, as_clarity
from heartbeat_clf.row_values import check_subjects

__all__ = [
    "NAME_PATTERN",
    "Persons",
    "combine_recordings",
    "subject_of_folder",
    "subject_of_name",
]

NAME_PATTERN = r"[^_\-. ]+"
"""What stands before the first ``_``, ``-``, ``.`` or blank of a file's name."""
# Probabilities nearer to 0 or 1 count as this near: no recording decides alone.
_SUREST = 1e-6
# Rounded to three digits, as the command line shows them, they still add up.
_FAR = 0.01


@dataclass(frozen=True)
class Persons:
    """What the recordings of each subject say together.

    Attributes
    ----------
    subjects : list of str
        In the order in which they first come.
    probabilities : ndarray of shape (n_subjects, n_classes)
        NaN for a subject without a usable recording.
    recordings : list of int
        How many recordings of each there are.
    usable : list of int
        How many of them took part.
    """

    subjects: list[str]
    probabilities: np.ndarray
    recordings: list[int]
    usable: list[int]


def combine_recordings(
    probabilities: Any,
    subjects: Sequence[str],
    *,
    classes: Sequence[Any],
    points: OperatingPoints | None = None,
    clarity: Any = None,
) -> Persons:
    """Return one row of probabilities a subject from those of the recordings.

    Parameters
    ----------
    probabilities : array-like of shape (n_recordings, n_classes)
        A row of NaN takes no part. Those nearer than 1e-6 to 0 or 1 count as that near
        where there are several: no recording decides alone.
    subjects : sequence of str of length n_recordings
        Whose each recording is.
    classes : sequence of length n_classes
        In the order of the columns.
    points : OperatingPoints or None, default=None
        What the model learnt on persons left out: its way to combine log odds, and
        how much surer several recordings are. None takes the mean of the log
        probabilities, scaled to sum to one.
    clarity : array-like of shape (n_recordings,) or None, default=None
        How clearly a heart is heard in each, for `points` that weigh them by it, as
        :func:`~heartbeat_clf.operating_points.combine_scores` takes it. None takes all
        for equal.

    Returns
    -------
    persons : Persons

    Raises
    ------
    ValueError
        If lengths or classes differ, a subject is missing, or a probability or a
        clarity is not one.

    Examples
    --------
    >>> persons = combine_recordings(
    ...     np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]),
    ...     ["Ada", "Ada", "Ben"],
    ...     classes=["murmur", "normal"],
    ... )
    >>> persons.subjects, persons.probabilities.round(2).tolist()
    (['Ada', 'Ben'], [[0.75, 0.25], [0.2, 0.8]])
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise ValueError(
            f"Expected probabilities of shape (n_recordings, {len(classes)}), a column "
            f"a class, got {probabilities.shape}."
        )
    check_subjects("subjects", subjects)
    check_same_length(probabilities=probabilities, subjects=subjects)
    known = probabilities[~np.isnan(probabilities).any(axis=1)]
    if ((known < 0) | (abs(known.sum(axis=1, keepdims=True) - 1) > _FAR)).any():
        raise ValueError(
            "Expected probabilities of 0 to 1 whose rows add up to 1, got another row."
        )
    if clarity is not None:
        clarity = as_clarity(clarity, len(probabilities))
    if points is not None and points.positive not in list(classes):
        raise ValueError(
            f"Expected points of one of the classes {list(classes)}, got those of "
            f"{points.positive!r}."
        )
    names = list(dict.fromkeys(subjects))
    owner = np.array([names.index(name) for name in subjects], dtype=int)
    heard = ~np.isnan(probabilities).any(axis=1) if len(subjects) else owner > 0
    combined = np.full((len(names), len(classes)), np.nan)
    counts = []
    for number in range(len(names)):
        own = (owner == number) & heard
        counts.append(int(own.sum()))
        if own.any():
            clear = None if clarity is None else clarity[own]
            combined[number] = _combine(
                probabilities[own], list(classes), points, clear
            )
    return Persons(
        subjects=names,
        probabilities=combined,
        recordings=np.bincount(owner, minlength=len(names)).tolist(),
        usable=counts,
    )


def _combine(
    rows: np.ndarray,
    classes: list[Any],
    points: OperatingPoints | None,
    clarity: np.ndarray | None,
) -> np.ndarray:
    if len(rows) == 1:
        return np.asarray(rows[0])
    logs = np.log(np.clip(rows, _SUREST, 1 - _SUREST))
    if points is None or len(classes) != 2:
        mean = logs.mean(axis=0)
        odds = np.exp(mean - mean.max())
        return np.asarray(odds / odds.sum())
    code = classes.index(points.positive)
    log_odds = points.combined(logs[:, code] - logs[:, 1 - code], clarity)
    share = 1 / (1 + np.exp(-log_odds))
    return np.where(np.arange(2) == code, share, 1 - share)


def subject_of_name(path: str | os.PathLike[str], pattern: str = NAME_PATTERN) -> str:
    """Return the subject that the name of a file tells.

    Parameters
    ----------
    path : str or Path
        File; only its name counts, not its folders.
    pattern : str
        Regular expression, searched for in the name: its first group, or all that
        it matches, is the subject. Default: :data:`NAME_PATTERN`.

    Returns
    -------
    subject : str

    Raises
    ------
    ValueError
        If the pattern is no regular expression, or is not found in the name.

    Examples
    --------
    >>> subject_of_name("circor/85345_AV.wav")
    '85345'
    >>> subject_of_name("visit2-p017.wav", r"p([0-9]+)")
    '017'
    """
    try:
        found = re.search(pattern, Path(path).name)
    except re.error as error:
        raise ValueError(
            f"Expected a regular expression for the subject, got {pattern!r}: {error}."
        ) from error
    subject = found and next((g for g in found.groups() if g), found.group())
    if not subject or not subject.strip():
        raise ValueError(
            f"Expected the name {Path(path).name!r} to tell a subject by the pattern "
            f"{pattern!r}, found none. Name another pattern, or use a table with a "
            "column subject."
        )
    return subject


def subject_of_folder(path: str | os.PathLike[str]) -> str:
    """Return the name of the folder that a file lies in, where it tells the subject.

    Parameters
    ----------
    path : str or Path
        File.

    Returns
    -------
    subject : str

    Raises
    ------
    ValueError
        If that folder has no name.

    Examples
    --------
    >>> subject_of_folder("visits/p017/AV.wav")
    'p017'
    """
    folder = os.path.dirname(os.path.abspath(path))
    if ".." in Path(path).parts:
        # Behind a link it leads elsewhere than its text says.
        folder = os.path.realpath(os.path.dirname(path))
    subject = os.path.basename(folder)
    if not subject.strip():
        raise ValueError(
            f"Expected {os.fspath(path)!r} to lie in a folder that tells its subject, "
            f"got {subject!r} or the root. Use a table with a column subject."
        )
    return subject
