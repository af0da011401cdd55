"""Fit the slope and intercept of a classifier's scores on held-out recordings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

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

    Returns
    -------
    calibration : Calibration
        One positive slope for all scores, an intercept a score column.

    Notes
    -----
    Targets are smoothed to ``(n_k + 1) / (n + n_classes)``-like values, Platt's
    prior, so that separated scores get a finite slope.

    References
    ----------
    Platt (1999), "Probabilistic outputs for support vector machines"; Lin, Lin,
    Weng (2007), Machine Learning 68, 267-276, equation 2.
    """
    columns = scores.shape[1]
    n_classes = max(columns, 2)
    shifted = scores + np.asarray(calibration.shift)
    counts = np.bincount(codes, weights, n_classes)
    right = (counts + 1) / (counts + n_classes)
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
        return float(weights @ rows / weights.sum() + 1e-6 * (parameters**2).sum())

    start = np.zeros(1 + columns)
    found = minimize(loss, start, method="L-BFGS-B").x
    return replace(
        calibration,
        slope=float(np.exp(found[0])),
        intercept=tuple(map(float, found[1:])),
    )
