"""Scores of decisions, as the heart-sound challenges compute them.

Each is a plain function of true and predicted labels, and a scikit-learn scorer
by name through :func:`get_scorer`. Classes are told apart by name, never by their
place: scikit-learn sorts them, so that of ``("murmur", "normal")`` the second is
the healthy one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.row_values import missing_rows
from heartbeat_clf.thresholds import choose_threshold

__all__ = [
    "SCORES",
    "choose_threshold",
    "cinc2016_score",
    "get_scorer",
    "murmur_weighted_accuracy",
    "outcome_cost",
    "outcome_weighted_accuracy",
    "positive_label",
    "sensitivity",
    "specificity",
    "unweighted_average_recall",
]

_HEALTHY_NAMES = frozenset({"normal", "absent", "healthy", "control", "negative"})
_HEALTHY_NUMBERS = frozenset({0, -1})


def _is_healthy(label: Any) -> bool:
    if isinstance(label, str):
        return label.casefold() in _HEALTHY_NAMES
    return label in _HEALTHY_NUMBERS


def positive_label(classes: Sequence[Any] | np.ndarray) -> Any:
    """Return the class whose finding is asked about: the one that is not healthy.

    Parameters
    ----------
    classes : array-like of two labels
        As in ``classifier.classes_``; the order does not matter.

    Returns
    -------
    label : str or int
        If exactly one label is "normal", "absent", "healthy", "control" or
        "negative" (in any case), 0 or -1: the other one. Otherwise the second in
        sorted order, which is scikit-learn's rule.

    Raises
    ------
    ValueError
        If there are not two classes.

    Examples
    --------
    >>> positive_label(["murmur", "normal"])
    'murmur'
    >>> positive_label([-1, 1])
    1
    >>> positive_label(["A", "B"])
    'B'
    """
    labels = np.unique(np.asarray(classes)).tolist()
    if len(labels) != 2:
        raise ValueError(
            f"Expected two classes, of which one is positive, got {labels!r}. "
            "Give pos_label."
        )
    healthy = [_is_healthy(label) for label in labels]
    return labels[healthy.index(False)] if sum(healthy) == 1 else labels[1]


def _labels(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    if check_same_length(y_true=y_true, y_pred=y_pred) == 0:
        raise ValueError("Expected at least one label in y_true, got none.")
    for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
        if missing := missing_rows(labels):
            raise ValueError(
                f"Expected a label in every row of {name}, got none in row "
                f"{missing[0]} ({len(missing)} in all). Leave such rows out."
            )
    return np.asarray(y_true), np.asarray(y_pred)


def _binary(
    y_true: Any, y_pred: Any, pos_label: Any, other: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and answer as booleans; `other` is an answer that is no class."""
    y_true, y_pred = _labels(y_true, y_pred)
    found = sorted({*y_true.tolist(), *y_pred.tolist()} - {other})
    if len(found) > 2:
        raise ValueError(f"Expected two classes, got {found!r}. Score two at a time.")
    if pos_label is None:
        pos_label = positive_label(found)
    elif pos_label not in found and len(found) == 2:
        raise ValueError(
            f"Expected pos_label to be one of {found!r}, got {pos_label!r}."
        )
    return y_true == pos_label, y_pred == pos_label


def _share(hit: np.ndarray) -> float:
    return float(hit.mean()) if hit.size else float("nan")


def sensitivity(y_true: Any, y_pred: Any, *, pos_label: Any = None) -> float:
    """Return the share of positive rows that were answered positive.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_rows,)
        Labels of two classes.
    pos_label : str or int, default=None
        The positive class; None asks :func:`positive_label`.

    Returns
    -------
    share : float
        Between 0 and 1; nan if no row is positive.

    Raises
    ------
    ValueError
        If the lengths differ, there are more than two classes, or `pos_label` is
        none of them.

    Examples
    --------
    >>> sensitivity(["murmur", "murmur", "normal"], ["murmur", "normal", "normal"])
    0.5
    """
    truth, answer = _binary(y_true, y_pred, pos_label)
    return _share(answer[truth])


def specificity(y_true: Any, y_pred: Any, *, pos_label: Any = None) -> float:
    """Return the share of negative rows that were answered negative.

    Parameters, errors and the nan are those of :func:`sensitivity`.

    Examples
    --------
    >>> specificity(["murmur", "normal", "normal"], ["murmur", "normal", "murmur"])
    0.5
    """
    truth, answer = _binary(y_true, y_pred, pos_label)
    return _share(~answer[~truth])


def unweighted_average_recall(y_true: Any, y_pred: Any) -> float:
    """Return the mean over the true classes of the share answered right (UAR).

    Examples
    --------
    >>> unweighted_average_recall(["a", "a", "b", "c"], ["a", "b", "b", "b"])
    0.5
    """
    y_true, y_pred = _labels(y_true, y_pred)
    right = y_true == y_pred
    return float(np.mean([right[y_true == c].mean() for c in np.unique(y_true)]))


def cinc2016_score(
    y_true: Any, y_pred: Any, *, pos_label: Any = None, unsure: Any = "unsure"
) -> float:
    """Return the mean of sensitivity and specificity; an unsure answer counts half.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Labels of two classes.
    y_pred : array-like of shape (n_rows,)
        Labels of the same classes, or `unsure`.
    pos_label : str or int, default=None
        The positive class; None asks :func:`positive_label`.
    unsure : str or int, default="unsure"
        The answer that counts half right and half wrong.

    Returns
    -------
    score : float
        Between 0 and 1; nan if `y_true` lacks a class.

    Notes
    -----
    The challenge's last phase weighed unsure answers by the recording's signal
    quality, which only the organisers' reference files tell.

    References
    ----------
    Clifford et al. (2016). Classification of normal/abnormal heart sound
    recordings: the PhysioNet/Computing in Cardiology Challenge 2016.

    Examples
    --------
    >>> cinc2016_score([1, 1, -1, -1], [1, 0, -1, 0], unsure=0)
    0.75
    """
    truth, answer = _binary(y_true, y_pred, pos_label, other=unsure)
    if bool(np.any(np.asarray(y_true) == unsure)):
        raise ValueError(
            f"Expected no {unsure!r} in y_true: it is an answer, no class."
        )
    half = np.asarray(y_pred) == unsure
    right = np.where(half, 0.5, truth == answer)
    return (_share(right[truth]) + _share(right[~truth])) / 2


def murmur_weighted_accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Sequence[Any] = ("Present", "Unknown", "Absent"),
) -> float:
    """Return CinC 2022's weighted accuracy: right answers weigh 5, 3 and 1.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_patients,)
        One label a patient.
    labels : sequence of three labels, default=("Present", "Unknown", "Absent")
        In the order of the weights.

    Returns
    -------
    score : float
        ``(5 P + 3 U + 1 A) / (5 nP + 3 nU + 1 nA)``, right answers over patients.

    Raises
    ------
    ValueError
        If the lengths differ or a label is none of `labels`.

    References
    ----------
    Reyna et al. (2023). Heart murmur detection from phonocardiogram recordings:
    the George B. Moody PhysioNet Challenge 2022. PLOS Digital Health 2(9):
    e0000324.

    Examples
    --------
    >>> murmur_weighted_accuracy(["Present", "Absent"], ["Absent", "Absent"])
    0.16666666666666666
    """
    y_true, y_pred = _labels(y_true, y_pred)
    if len(labels) != 3:
        raise ValueError(
            f"Expected three labels for the weights 5, 3, 1, got {labels!r}."
        )
    strange = sorted({*y_true.tolist(), *y_pred.tolist()} - set(labels))
    if strange:
        raise ValueError(
            f"Expected the labels {tuple(labels)!r}, got {strange!r} as well."
        )
    pairs = zip(labels, (5.0, 3.0, 1.0), strict=True)
    weight = np.sum([w * (y_true == label) for label, w in pairs], axis=0)
    return float(weight[y_true == y_pred].sum() / weight.sum())


def outcome_weighted_accuracy(
    y_true: Any, y_pred: Any, *, pos_label: Any = None
) -> float:
    """Return CinC 2022's weighted accuracy of two classes: positives weigh 5.

    Parameters and errors are those of :func:`sensitivity`, with one row a patient;
    the reference is that of :func:`murmur_weighted_accuracy`.

    Returns
    -------
    score : float
        ``(5 TP + TN) / (5 (TP + FN) + FP + TN)``.

    Examples
    --------
    >>> outcome_weighted_accuracy(["Abnormal", "Normal"], ["Abnormal", "Abnormal"])
    0.8333333333333334
    """
    truth, answer = _binary(y_true, y_pred, pos_label)
    weight = np.where(truth, 5.0, 1.0)
    return float(weight[truth == answer].sum() / weight.sum())


def outcome_cost(y_true: Any, y_pred: Any, *, pos_label: Any = None) -> float:
    """Return CinC 2022's mean cost a patient; smaller is better.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_patients,)
        One label a patient, of two classes or more.
    pos_label : label or sequence of labels, default=None
        What is referred to an expert. None: every label but the healthy names of
        :func:`positive_label`, so that "Unknown" counts as positive.

    Returns
    -------
    cost : float
        With n patients and ``r = (TP + FP) / n``: ``10 + 25 + 397 r - 1718 r**2 +
        11296 r**4 + (10000 TP + 50000 FN) / n``.

    References
    ----------
    Reyna et al. (2023), as in :func:`murmur_weighted_accuracy`.

    Examples
    --------
    >>> outcome_cost(["Abnormal", "Normal"], ["Normal", "Normal"])
    25035.0
    """
    y_true, y_pred = _labels(y_true, y_pred)
    found = {*y_true.tolist(), *y_pred.tolist()}
    if pos_label is None:
        positives = {label for label in found if not _is_healthy(label)}
        if len(positives) == len(found) > 1:
            raise ValueError(
                f"Expected a healthy class among {sorted(found)!r}. Give pos_label."
            )
    else:
        several = isinstance(pos_label, list | tuple | set | frozenset | np.ndarray)
        positives = set(pos_label) if several else {pos_label}
    truth = np.isin(y_true, list(positives))
    answer = np.isin(y_pred, list(positives))
    r = answer.mean()
    expert = 25 + 397 * r - 1718 * r**2 + 11296 * r**4
    treated, missed = (truth & answer).mean(), (truth & ~answer).mean()
    return float(10 + expert + 10_000 * treated + 50_000 * missed)


SCORES: dict[str, Callable[..., float]] = {
    "cinc2016": cinc2016_score,
    "murmur_weighted_accuracy": murmur_weighted_accuracy,
    "outcome_cost": outcome_cost,
    "outcome_weighted_accuracy": outcome_weighted_accuracy,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "uar": unweighted_average_recall,
}


def get_scorer(name: str, **options: Any) -> Callable[..., float]:
    """Return the scorer of that name, for ``scoring=`` in scikit-learn's tools.

    Parameters
    ----------
    name : str
        A key of ``SCORES``, or any name that scikit-learn knows.
    **options : dict
        Passed on to the score of ``SCORES``, as in ``pos_label="murmur"``.

    Returns
    -------
    scorer : callable
        Of ``(estimator, X, y)``; larger is better, so "outcome_cost" is negated.

    Raises
    ------
    ValueError
        If nobody knows the name, or the score has no such option.

    Examples
    --------
    >>> scorer = get_scorer("cinc2016", pos_label="murmur")
    """
    if name not in SCORES:
        if name in metrics.get_scorer_names() and not options:
            return metrics.get_scorer(name)
        raise ValueError(
            f"Expected one of {sorted(SCORES)!r}, or a scorer of scikit-learn with no "
            f"options, got {name!r} with {options!r}."
        )
    known = [*inspect.signature(SCORES[name]).parameters][2:]
    if strange := [option for option in options if option not in known]:
        raise ValueError(f"Expected options of {name!r} among {known}, got {strange}.")
    better = name != "outcome_cost"
    return metrics.make_scorer(SCORES[name], greater_is_better=better, **options)
