"""Where to cut a score in two."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number, check_same_length, check_truth
from heartbeat_clf.row_values import as_scores

__all__ = ["choose_threshold"]


def choose_threshold(
    y: Any,
    score: Any,
    *,
    sensitivity: float | None = None,
    specificity: float | None = None,
) -> float:
    """Return the threshold at which ``score >= threshold`` should mean positive.

    Parameters
    ----------
    y : array-like of bool of shape (n_rows,)
        True for the positive class.
    score : array-like of shape (n_rows,)
        Larger for the positive class.
    sensitivity : float, default=None
        Reach at least this sensitivity, and the best specificity with it.
    specificity : float, default=None
        Reach at least this specificity, and the best sensitivity with it.

    Returns
    -------
    threshold : float
        With neither: where sensitivity + specificity - 1 (Youden's index) is
        largest, of equals the lowest. It lies halfway between two scores.

    Raises
    ------
    ValueError
        If both are given, one lies outside 0 to 1, `y` holds labels, a class is
        lacking, scores are not 1-D, or one is not finite.

    References
    ----------
    Youden (1950). Index for rating diagnostic tests. Cancer 3(1): 32-35.

    Examples
    --------
    >>> choose_threshold([False, False, True, True], [0.0, 1.0, 2.0, 3.0])
    1.5
    """
    if sensitivity is not None and specificity is not None:
        raise ValueError(
            "Expected sensitivity or specificity, got both. Leave one out."
        )
    for name, value in (("sensitivity", sensitivity), ("specificity", specificity)):
        check_number(name, value, minimum=0, maximum=1, optional=True)
    truth, score = check_truth("y", y), as_scores(score)
    check_same_length(y=truth, score=score)
    if not (truth.any() and (~truth).any()):
        raise ValueError("Expected rows of both classes in y, got one class.")
    if not np.isfinite(score).all():
        row = int(np.flatnonzero(~np.isfinite(score))[0])
        raise ValueError(f"Expected finite scores, got {score[row]!r} in row {row}.")
    values = np.unique(score)
    middle = (values[:-1] + values[1:]) / 2
    middle = np.where(middle > values[:-1], middle, values[1:])
    cuts = np.concatenate([values[:1], middle, [np.nextafter(values[-1], np.inf)]])
    positives, negatives = np.sort(score[truth]), np.sort(score[~truth])
    sens = 1 - np.searchsorted(positives, cuts) / len(positives)
    spec = np.searchsorted(negatives, cuts) / len(negatives)
    # The margins keep rounding from pushing 9 of 10 under 0.9.
    if sensitivity is not None:
        return float(cuts[np.flatnonzero(sens >= sensitivity - 1e-12)[-1]])
    if specificity is not None:
        return float(cuts[np.flatnonzero(spec >= specificity - 1e-12)[0]])
    return float(cuts[np.flatnonzero(sens + spec >= (sens + spec).max() - 1e-12)[0]])
