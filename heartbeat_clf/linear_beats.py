"""A linear judge of average beats: a logistic regression on their levels.

It has nothing but one weight a place of the image, and is fitted to the one best
solution instead of being trained in batches: what it gets wrong is not what a network
gets wrong.
"""

from __future__ import annotations

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.calibration import fit_calibration
from heartbeat_clf.folds import subject_folds
from heartbeat_clf.judge_inputs import check_positive
from heartbeat_clf.prediction import Calibration

__all__ = ["fit_linear_beats", "linear_network"]

_C = 0.01
_SPLITS = 5
_LEAST_SPREAD = 0.1
# A place that hardly varies, as above what a device passes on, gets no weight: other
# recordings have sound there. On CirCor no place is below 0.19.


def fit_linear_beats(
    beats: np.ndarray, positive: np.ndarray, subjects: np.ndarray, *, seed: int = 0
) -> tuple[np.ndarray, float] | None:
    """Return weights and intercept of a logistic regression on average beats.

    From each beat the mean of its first channel over the columns is taken away, band
    by band: what a device does to the bands does not count, only what differs from
    column to column. Log odds are calibrated on folds of the subjects.

    Parameters
    ----------
    beats : ndarray of shape (n_recordings, n_bands, n_columns, n_channels)
        As :func:`heartbeat_clf.averaged_beats.average_beat` gives them.
    positive : ndarray of bool of shape (n_recordings,)
        What is to be told.
    subjects : ndarray of shape (n_recordings,)
        Whose each recording is.
    seed : int, default=0
        Origin of the folds.

    Returns
    -------
    weights : ndarray of float64 of shape (n_bands, n_columns, n_channels)
        Of the beat as it is: log odds are ``(weights * beat).sum() + intercept``.
    intercept : float

    or None where a class has fewer than two subjects, so that nothing could be
    calibrated.

    Raises
    ------
    ValueError
        If lengths differ, beats are no finite images, or `positive` is not boolean.

    Notes
    -----
    Penalty C = 0.01 on standardised levels, both classes with the same weight in all.
    Places whose levels deviate by less than 0.1 have no weight.
    """
    beats, positive = np.asarray(beats), check_positive(positive)
    subjects = np.asarray(subjects)
    check_same_length(beats=beats, positive=positive, subjects=subjects)
    if beats.ndim != 4 or not np.isfinite(beats).all():
        raise ValueError(
            "Expected finite beats of shape (n_recordings, n_bands, n_columns, "
            f"n_channels), got shape {beats.shape!r}, finite: "
            f"{bool(np.isfinite(beats).all())}."
        )
    fewest = min(len(set(subjects[positive == side])) for side in (True, False))
    if fewest < 2:
        return None
    shape = beats.shape[1:]
    levels = beats - beats[..., :1].mean(axis=2, keepdims=True)
    levels = levels.reshape(len(levels), -1).astype(np.float64)
    held_out = np.empty(len(levels))
    for train, test in subject_folds(positive, subjects, min(_SPLITS, fewest), seed):
        weights, intercept = _regression(levels[train], positive[train])
        held_out[test] = levels[test] @ weights + intercept
    calibration = fit_calibration(
        Calibration((0.0,)),
        held_out[:, np.newaxis],
        positive.astype(int),
        np.ones(len(positive)),
        prior="slope",
    )
    weights, intercept = _regression(levels, positive)
    weights = calibration.slope * weights.reshape(shape)
    # The mean that is taken from every channel is one of the first channel.
    weights[..., 0] -= weights.sum(axis=(1, 2))[:, np.newaxis] / shape[1]
    return weights, calibration.slope * intercept + calibration.intercept[0]


def linear_network(weights: np.ndarray, intercepts: np.ndarray) -> keras.Model:
    """Return a network of one dense layer that judges average beats.

    Parameters
    ----------
    weights : ndarray of shape (n_outputs, n_bands, n_columns, n_channels)
        As :func:`fit_linear_beats` gives them.
    intercepts : ndarray of shape (n_outputs,)
        NaN for an output that has no such judge.

    Returns
    -------
    network : keras.Model
        Uncompiled; ``(n_beats, n_outputs)`` logits.
    """
    beat = keras.Input(weights.shape[1:], name="beat")
    flat = keras.layers.Flatten(name="flat")(beat)
    logits = keras.layers.Dense(len(weights), name="logits")
    network = keras.Model(beat, logits(flat), name="linear_beats")
    logits.set_weights([weights.reshape(len(weights), -1).T, intercepts])
    return network


def _regression(levels: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights and intercept for levels as they are."""
    mean = levels.mean(axis=0)
    spread = levels.std(axis=0)
    scale = np.where(spread < _LEAST_SPREAD, np.inf, spread)
    found = LogisticRegression(C=_C, class_weight="balanced", max_iter=5000)
    found.fit((levels - mean) / scale, positive)
    weights = found.coef_[0] / scale
    return weights, float(found.intercept_[0] - weights @ mean)
