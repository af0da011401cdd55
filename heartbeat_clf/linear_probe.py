"""Logistic regression on what a network hears in recordings."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

__all__ = ["fit_probe"]

# Chosen on databases a and b of CinC 2016, see docs/experiments.md.
_C = 0.1


def fit_probe(
    heard: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> tuple[StandardScaler, LogisticRegression]:
    """Return a scaler of embeddings and a regression on what it gives.

    Parameters
    ----------
    heard : ndarray of shape (n_recordings, n_features)
        Embeddings.
    codes : ndarray of int of shape (n_recordings,)
        Classes, two or more.
    weights : ndarray of shape (n_recordings,)
        Positive; only their relations count.

    Returns
    -------
    scaler, model : StandardScaler and LogisticRegression
    """
    # Their mean would otherwise weigh against the penalty.
    relative = weights / weights.mean()
    scaler = StandardScaler().fit(heard, sample_weight=relative)
    model = LogisticRegression(C=_C, max_iter=1000)
    return scaler, model.fit(scaler.transform(heard), codes, sample_weight=relative)
