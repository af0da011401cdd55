"""Fit the slope and intercept of a classifier's scores on held-out recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from heartbeat_clf._validation import check_choice, check_same_length
from heartbeat_clf.prediction import Calibration

__all__ = ["blend_calibrations", "fit_calibration"]


def blend_calibrations(
    late: Calibration, early: Calibration, share: float
) -> Calibration:
    """Return a calibration between two, for a network whose weights lie between two.

    Parameters
    ----------
    late, early : Calibration
        Of as many score columns.
    share : float
        Of `early`: at 0 scores are corrected as by `late`, at 1 as by `early`.

    Returns
    -------
    calibration : Calibration
        Without shift.

    Examples
    --------
    >>> late, early = Calibration((1.0,)), Calibration((0.0,), 2.0, (-1.0,))
    >>> blend_calibrations(late, early, 0.5)
    Calibration(shift=(0.0,), slope=1.5, intercept=(0.0,))
    """
    zero = np.zeros((1, len(late.shift)))
    constant = (1 - share) * late.apply(zero)[0] + share * early.apply(zero)[0]
    return Calibration(
        tuple(map(float, zero[0])),
        (1 - share) * late.slope + share * early.slope,
        tuple(map(float, constant)),
    )


def fit_calibration(
    calibration: Calibration,
    scores: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    *,
    prior: str = "targets",
) -> Calibration:
    """Return `calibration` with slope and intercepts of the best likelihood.

    Parameters
    ----------
    calibration : Calibration
        Its shift is applied first and kept.
    scores : ndarray of shape (n_recordings, 1 or n_classes)
        Uncorrected mean scores of recordings not trained on.
    codes : ndarray of int of shape (n_recordings,)
        Their classes.
    weights : ndarray of shape (n_recordings,)
        Their weights.
    prior : {"targets", "slope"}, default="targets"
        What keeps the slope finite where scores are separated, see below.

    Returns
    -------
    calibration : Calibration
        One positive slope for all scores, an intercept a score column.

    Notes
    -----
    "targets": they are smoothed to ``(n_k + 1) / (n + n_classes)``-like values, Platt's
    prior. Where scores are nearly separated it keeps the slope low however many
    recordings there are: 572 persons of CirCor had a slope of 0.9 of the right one.

    "slope": its logarithm has a standard normal prior, so that scores are taken for the
    log odds that they are meant to be until recordings say otherwise; of hundreds of
    recordings that are not quite separated nothing is left of it. It does not hold the
    intercept: there must be recordings of every class.

    Raises
    ------
    ValueError
        If lengths differ, scores or weights are not finite, or, with a prior of the
        slope, a class has no recording.

    References
    ----------
    Platt (1999), "Probabilistic outputs for support vector machines"; Lin, Lin,
    Weng (2007), Machine Learning 68, 267-276, equation 2.
    """
    columns = scores.shape[1]
    n_classes = max(columns, 2)
    shifted = scores + np.asarray(calibration.shift)
    check_choice("prior", prior, ("targets", "slope"))
    check_same_length(scores=scores, codes=codes, weights=weights)
    for name, values in (("scores", shifted), ("weights", weights)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"Expected finite {name}, got some that are NaN or infinite."
            )
    counts = np.bincount(codes, weights, n_classes)
    if prior == "slope" and not counts.all():
        raise ValueError(
            "Expected recordings of every class for a prior of the slope, got weights "
            f"{counts.tolist()} in all. Take prior='targets'."
        )
    right = np.ones(n_classes)
    pull = 1e-6
    if prior == "targets":
        right = (counts + 1) / (counts + n_classes)
    else:
        pull = 0.5 / len(codes)
    targets = np.empty((len(codes), n_classes))
    targets[:] = ((1 - right) / (n_classes - 1))[codes][:, np.newaxis]
    targets[np.arange(len(codes)), codes] = right[codes]

    def loss(parameters: np.ndarray) -> float:
        corrected = np.exp(parameters[0]) * shifted + parameters[1:]
        if columns == 1:
            corrected = np.hstack([np.zeros_like(corrected), corrected])
        else:
            corrected = corrected - corrected.mean(axis=1, keepdims=True)
        log_probabilities = corrected - logsumexp(corrected, axis=1, keepdims=True)
        rows = -(targets * log_probabilities).sum(axis=1)
        # The faint pull on the intercepts fixes the constant that a softmax ignores.
        pulls = pull * parameters[0] ** 2 + 1e-6 * (parameters[1:] ** 2).sum()
        return float(weights @ rows / weights.sum() + pulls)

    start = np.zeros(1 + columns)
    found = minimize(loss, start, method="L-BFGS-B").x
    return replace(
        calibration,
        slope=float(np.exp(found[0])),
        intercept=tuple(map(float, found[1:])),
    )
