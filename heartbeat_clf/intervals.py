"""Scores a subject, and intervals that draw subjects within folds.

AUROCs are taken within a fold and averaged, because the scores of two fits are not
comparable. The bootstrap draws whole subjects, because the recordings of one are
not independent, and gives them the same weight in every repeat, because repeats
are not extra data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf._validation import (
    check_choice,
    check_number,
    check_same_length,
    check_truth,
    resolve_random_state,
)
from heartbeat_clf.row_values import as_scores, check_subjects
from heartbeat_clf.subjects import (
    Combine,
    SubjectUnits,
    aggregate_subjects,
    check_combine,
)

__all__ = [
    "Interval",
    "SubjectUnits",
    "aggregate_subjects",
    "auroc",
    "bootstrap_auroc",
    "bootstrap_folds",
    "draw_subject_weights",
]

Measure = Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
# Entries of a block of draws: about 16 MB of float64 at a time.
_BLOCK = 2_000_000


class Interval(NamedTuple):
    """A mean over folds with its percentile interval; nan where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def auroc(y: Any, score: Any, *, weights: Any = None) -> Any:
    """Return the area under the ROC curve, for many weightings at once.

    Parameters
    ----------
    y : array-like of bool of shape (n_rows,)
        True for the positive class.
    score : array-like of shape (n_rows,)
        Larger for the positive class; ties count half.
    weights : array-like of shape (n_rows,) or (n_draws, n_rows), default=None
        How often each row counts; None is once.

    Returns
    -------
    area : float, or ndarray of shape (n_draws,) for 2-D weights
        nan where a class has no weight.

    Raises
    ------
    ValueError
        If `y` holds labels, the lengths differ, scores are not 1-D, one is NaN, or a
        weight is negative or NaN.

    Examples
    --------
    >>> auroc([False, True, False, True], [0.1, 0.2, 0.3, 0.4])
    0.75
    """
    truth, score = check_truth("y", y), as_scores(score)
    n_rows = check_same_length(y=truth, score=score)
    if (unknown := int(np.isnan(score).sum())) > 0:
        raise ValueError(
            f"Expected a score for every row, got NaN in {unknown} of {n_rows}. Leave "
            "these rows out, and say so."
        )
    weights = np.ones(n_rows) if weights is None else np.asarray(weights, dtype=float)
    if weights.shape[-1] != n_rows:
        raise ValueError(
            f"Expected weights for {n_rows} rows, got the shape {weights.shape!r}."
        )
    if not (weights >= 0).all():
        raise ValueError(
            f"Expected weights that are not negative, got {float(weights.min())!r}."
        )
    order = np.argsort(score, kind="stable")
    levels = score[order]
    ranked = np.atleast_2d(weights)[:, order]
    positive, negative = ranked * truth[order], ranked * ~truth[order]
    starts = np.flatnonzero(np.r_[True, levels[1:] != levels[:-1]])
    if 0 < len(starts) < n_rows:
        positive = np.add.reduceat(positive, starts, axis=1)
        negative = np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        area = np.einsum("ij,ij->i", positive, below) / (
            positive.sum(axis=1) * negative.sum(axis=1)
        )
    return float(area[0]) if weights.ndim == 1 else area


def draw_subject_weights(
    subjects: np.ndarray, folds: np.ndarray, *, n_bootstrap: int, random_state: Any = 0
) -> np.ndarray:
    """Return how often each subject is drawn, with replacement, in each draw.

    Parameters
    ----------
    subjects : ndarray of int of shape (n_rows,)
        Codes from 0.
    folds : ndarray of shape (n_rows,)
        The fold of each row. Subjects are drawn within folds; where one stands in
        several folds (an ungrouped split), from all subjects together.
    n_bootstrap : int
        Number of draws.
    random_state : int, RandomState, Generator or None, default=0
        Source of the draws.

    Returns
    -------
    weights : ndarray of int of shape (n_bootstrap, n_subjects)
    """
    rng = resolve_random_state(random_state)
    weights = np.zeros((n_bootstrap, int(subjects.max()) + 1), dtype=np.int32)
    members = [np.unique(subjects[folds == fold]) for fold in np.unique(folds)]
    if sum(map(len, members)) > len(np.unique(subjects)):
        members = [np.unique(subjects)]
    for codes in members:
        share = np.full(len(codes), 1 / len(codes))
        weights[:, codes] = rng.multinomial(len(codes), share, size=n_bootstrap)
    return weights


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of what is not nan."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def _mean_over_folds(values: np.ndarray, repeats: np.ndarray) -> np.ndarray:
    return _mean(np.stack([_mean(values[repeats == r]) for r in np.unique(repeats)]))


def bootstrap_folds(
    measure: Measure,
    *,
    subjects: Any,
    folds: Any,
    repeats: Any = None,
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> tuple[list[dict[str, float]], dict[str, Interval]]:
    """Return the measures of every fold, and their means with intervals.

    Parameters
    ----------
    measure : callable
        Of ``(rows, weights)``: the row numbers of a fold and an array of shape
        (n_draws, n_subjects) of how often each subject counts; returns a dict of
        arrays of shape (n_draws,).
    subjects, folds, repeats : array-like of shape (n_rows,)
        Of each row; `repeats` None is a single one.
    n_bootstrap : int, default=2000
        Draws of the cluster bootstrap; 0 for no interval.
    confidence : float, default=0.95
        Share of the draws within the interval.
    random_state : int, RandomState, Generator or None, default=0
        Source of the draws.

    Returns
    -------
    fold_values : list of dict
        One a fold, in the order of (repeat, fold).
    summary : dict of Interval
        The mean over folds, then over repeats, and the percentile interval.

    Notes
    -----
    Subjects are drawn within the folds of the first repeat, and count the same in
    the others, so that the interval does not shrink with repeats. A fold that
    loses a class in a draw is left out of that draw's mean; a draw that so loses
    every fold is left out of the interval.

    References
    ----------
    Field and Welsh (2007). Bootstrapping clustered data. J. R. Stat. Soc. B 69(3).
    """
    check_number("n_bootstrap", n_bootstrap, minimum=0, integer=True)
    check_number("confidence", confidence, minimum=0, maximum=1, exclusive=True)
    folds = np.asarray(folds)
    repeats = np.zeros(len(folds), int) if repeats is None else np.asarray(repeats)
    _, codes = np.unique(np.asarray(subjects), return_inverse=True)
    check_same_length(subjects=codes, folds=folds, repeats=repeats)
    pairs = sorted(set(zip(repeats.tolist(), folds.tolist(), strict=True)))
    rows = [np.flatnonzero((repeats == r) & (folds == f)) for r, f in pairs]
    fold_repeats = np.array([r for r, _ in pairs])
    first = repeats == fold_repeats[0]
    for repeat in np.unique(repeats):
        if set(codes[repeats == repeat]) != set(codes[first]):
            raise ValueError(
                f"Expected the same subjects in every repeat, got others in {repeat!r}."
            )
    once = np.ones((1, codes.max() + 1))
    points = [measure(r, once) for r in rows]
    fold_values = [{k: float(v[0]) for k, v in point.items()} for point in points]
    blocks = []
    if n_bootstrap:
        weights = draw_subject_weights(
            codes[first],
            folds[first],
            n_bootstrap=n_bootstrap,
            random_state=random_state,
        )
        n_blocks = max(1, n_bootstrap * max(map(len, rows)) // _BLOCK)
        for block in np.array_split(weights, n_blocks):
            drawn = [measure(r, block) for r in rows]
            blocks.append(
                {
                    name: _mean_over_folds(
                        np.stack([d[name] for d in drawn]), fold_repeats
                    )
                    for name in points[0]
                }
            )
    summary = {}
    for name in points[0]:
        values = np.stack([point[name] for point in points])
        limits: list[float] = []
        draws = np.concatenate([b[name] for b in blocks]) if blocks else np.empty(0)
        draws = draws[np.isfinite(draws)]
        if draws.size:
            tails = [(1 - confidence) / 2, (1 + confidence) / 2]
            limits = np.quantile(draws, tails).tolist()
        mean = float(_mean_over_folds(values, fold_repeats)[0])
        summary[name] = Interval(mean, *limits)
    return fold_values, summary


def bootstrap_auroc(
    y: Any,
    score: Any,
    subjects: Any,
    *,
    folds: Any = None,
    repeats: Any = None,
    unit: str = "recording",
    combine: Combine = "mean",
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> Interval:
    """Return the mean AUROC of the folds with its cluster-bootstrap interval.

    Parameters
    ----------
    y : array-like of bool of shape (n_rows,)
        True for the positive class.
    score : array-like of shape (n_rows,)
        Larger for the positive class.
    subjects : array-like of shape (n_rows,)
        Who is drawn.
    folds, repeats : array-like of shape (n_rows,), default=None
        Of each row; None is a single one.
    unit : {"recording", "label", "any"}, default="recording"
        What is ranked; the last two as in :func:`aggregate_subjects`.
    combine, n_bootstrap, confidence, random_state
        As in :func:`aggregate_subjects` and :func:`bootstrap_folds`.

    Returns
    -------
    interval : Interval

    Raises
    ------
    ValueError
        If `y` holds labels, the lengths differ, scores are not 1-D, one is NaN, a
        subject is missing or an option is unknown.

    Examples
    --------
    >>> bootstrap_auroc([False, True], [0.0, 1.0], ["a", "b"], n_bootstrap=9)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    truth, score = check_truth("y", y), as_scores(score)
    owners = check_subjects("subjects", subjects)
    _, codes = np.unique(owners, return_inverse=True)
    check_same_length(y=truth, score=score, subjects=codes)
    check_choice("unit", unit, ("recording", "label", "any"))
    check_combine(combine)

    def measure(rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        units = SubjectUnits(truth[rows], score[rows], codes[rows])
        if unit != "recording":
            units = aggregate_subjects(*units, target=unit, combine=combine)
        drawn = weights[:, units.subjects]
        return {"auroc": auroc(units.y, units.score, weights=drawn)}

    _, summary = bootstrap_folds(
        measure,
        subjects=codes,
        folds=np.zeros(len(codes), int) if folds is None else folds,
        repeats=repeats,
        n_bootstrap=n_bootstrap,
        confidence=confidence,
        random_state=random_state,
    )
    return summary["auroc"]
