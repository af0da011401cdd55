"""A judge of whether a recording sounds like those of the places learnt from.

Kept as arrays and written as ONNX, so that what predicts needs neither scikit-learn nor
pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import GroupKFold

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.judge_graph import JudgeGraph, one_an_output
from heartbeat_clf.judge_inputs import check_features, check_weights

__all__ = ["LEAST_SUBJECTS", "Places", "fit_places", "places_to_onnx"]

LEAST_SUBJECTS = 5
"""So few subjects say how far others may be, one left out of each fold."""

_FOLDS = 5
# How steeply the odds of being familiar fall, in powers of the squared distance.
_STEEPNESS = 8.0
# Variance along a component that is always there, in units of all recordings' own.
_LEAST_VARIANCE = 1e-3
_LEAST_DISTANCE = 1e-6
# Beside its mean, what varies by less does not vary but by rounding.
_LEAST_DEVIATION = 1e-6
# Log odds beyond which it is all the same.
_FAR = 50.0


class Places(NamedTuple):
    """Where recordings learnt from lie among all sounds.

    Attributes
    ----------
    mean : ndarray of float32 of shape (n_features,)
        What is taken from the features.
    projection : ndarray of float32 of shape (n_features, n_components)
        What they are multiplied with then: within a group, the components are
        uncorrelated and their variance is 1.
    centres : ndarray of float32 of shape (n_groups, n_components)
        The groups' means there.
    limit : float
        The squared distance to the nearest centre at which familiarity is a half.
    """

    mean: np.ndarray
    projection: np.ndarray
    centres: np.ndarray
    limit: float


def fit_places(
    features: np.ndarray,
    groups: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    *,
    components: int = 5,
    near: float = 0.9,
    seed: int = 0,
) -> Places:
    """Return where groups of recordings lie, and how far their like may be.

    Parameters
    ----------
    features : ndarray of shape (n_recordings, n_features)
        Finite; such as those of :func:`heartbeat_clf.familiarity.level_features`.
    groups : ndarray of shape (n_recordings,)
        What lies together, such as the stratum; any labels.
    subjects : ndarray of shape (n_recordings,)
        Who was recorded; five at least.
    weights : ndarray of shape (n_recordings,)
        Of the recordings, above 0.
    components : int, default=5
        Principal components; fewer where there are no more.
    near : float, default=0.9
        Share of the recordings learnt from, by weight, each heard as if it were not
        among them, that is no farther than the distance at which familiarity is a half.
    seed : int, default=0
        Draws the folds that the limit is taken from.

    Returns
    -------
    places : Places

    Raises
    ------
    ValueError
        If lengths differ, features are not finite, all the same or of sizes that cannot
        be told from each other in single precision, weights are not above 0, labels of
        several types, there are fewer than five subjects, or a setting is out of its
        range.

    Notes
    -----
    Features are scaled to deviation 1 and projected on their first principal
    components; the distance to a group is Mahalanobis's, with one covariance for all
    groups. The limit is that within which the share `near` lies when each recording is
    measured by what the other four of five folds of subjects gave. What never varies
    among the recordings is not looked at.

    References
    ----------
    Lee et al. 2018, "A simple unified framework for detecting out-of-distribution
    samples and adversarial attacks" (arXiv 1807.03888), take the distance to the
    nearest class, with a common covariance, to find what a network has not seen the
    like of.
    """
    features = check_features(features).astype(np.float64)
    groups, subjects = np.asarray(groups), np.asarray(subjects)
    weights = check_weights(weights)
    for name, labels in (("groups", groups), ("subjects", subjects)):
        if labels.ndim != 1:
            raise ValueError(
                f"Expected {name} of shape (n_recordings,), got {labels.shape!r}."
            )
    check_same_length(
        features=features, groups=groups, subjects=subjects, weights=weights
    )
    check_number("components", components, minimum=1, integer=True)
    check_number("near", near, minimum=0, maximum=1, exclusive=True)
    check_number("seed", seed, minimum=0, maximum=2**32 - 1, integer=True)
    try:
        n_subjects, _ = len(np.unique(subjects)), np.unique(groups)
    except TypeError as error:
        raise ValueError(
            f"Expected groups and subjects each of one type, got: {error}."
        ) from error
    if n_subjects < LEAST_SUBJECTS:
        raise ValueError(
            f"Expected {LEAST_SUBJECTS} subjects at least, got {n_subjects}."
        )
    distances = np.empty(len(features))
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=seed)
    for kept, left in folds.split(features, groups=subjects):
        known = _fit(features[kept], groups[kept], weights[kept], components)
        distances[left] = _distances(known, features[left])
    order = np.argsort(distances)
    passed = np.cumsum(weights[order]) / weights.sum()
    last = min(int(np.searchsorted(passed, near)), len(order) - 1)
    limit = max(float(distances[order[last]]), _LEAST_DISTANCE)
    return _fit(features, groups, weights, components)._replace(limit=limit)


def _fit(
    features: np.ndarray, groups: np.ndarray, weights: np.ndarray, components: int
) -> Places:
    """Return everything but the limit."""
    weights = weights / weights.sum()
    mean = weights @ features
    deviation = np.sqrt(weights @ (features - mean) ** 2)
    varies = deviation > _LEAST_DEVIATION * np.abs(mean)
    if not varies.any():
        raise ValueError("Expected features that vary, got recordings all the same.")
    scale = np.divide(1, deviation, where=varies, out=np.zeros_like(deviation))
    scaled = (features - mean) * scale
    weighed = scaled * np.sqrt(weights)[:, np.newaxis]
    axes = np.linalg.svd(weighed, full_matrices=False)[2][:components].T
    points = scaled @ axes
    _, group = np.unique(groups, return_inverse=True)
    mass = np.bincount(group, weights)
    centres = np.array(
        [np.bincount(group, weights * column) / mass for column in points.T]
    ).T
    within = points - centres[group]
    covariance = within.T @ (within * weights[:, np.newaxis])
    covariance += _LEAST_VARIANCE * np.eye(len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    projection = scale[:, np.newaxis] * (axes @ whitening)
    # What single precision cannot hold is refused below.
    with np.errstate(over="ignore", invalid="ignore"):
        places = Places(
            mean=mean.astype(np.float32),
            projection=projection.astype(np.float32),
            centres=(centres @ whitening).astype(np.float32),
            limit=1.0,
        )
    if not all(np.isfinite(part).all() for part in places):
        raise ValueError(
            "Expected features and weights of sizes like each other, got some too "
            "small or large beside the others for single precision."
        )
    return places


def _distances(places: Places, features: np.ndarray) -> np.ndarray:
    """Return squared distances to the nearest centre."""
    points = (features - places.mean) @ places.projection
    between = points[:, np.newaxis] - places.centres
    nearest: np.ndarray = (between**2).sum(axis=2).min(axis=1)
    return nearest


def _check(places: Places) -> None:
    mean, projection, centres = map(np.asarray, places[:3])
    shapes = mean.shape, projection.shape, centres.shape
    fitting = projection.ndim == centres.ndim == 2 and (
        mean.shape == projection.shape[:1] and projection.shape[1:] == centres.shape[1:]
    )
    if not fitting or not len(centres):
        raise ValueError(f"Expected shapes that fit in Places, got {shapes}.")
    whole = all(np.isfinite(part).all() for part in (mean, projection, centres))
    if not whole or not 0 < places.limit < np.inf:
        raise ValueError(
            "Expected finite numbers and a limit above 0 in Places, got "
            f"limit={places.limit!r}, the others finite: {whole}."
        )


def places_to_onnx(places: Sequence[Places | None]) -> bytes:
    """Return places as a serialised ONNX model of familiarity.

    Parameters
    ----------
    places : sequence of Places or None
        One an output, on the same number of features; None for an output that is not
        judged. One at least.

    Returns
    -------
    model : bytes
        From ``features`` of shape ``(n_recordings, n_features)`` to ``logits`` of shape
        ``(n_recordings, n_outputs)``, float32: log odds of the sound being a familiar
        one, ``8 log(limit / distance)`` with squared distances, within ±50; NaN for
        outputs that are not judged.

    Raises
    ------
    ValueError
        If there are no places, they see different numbers of features, have other
        shapes, are not finite, or a limit is not above 0.
    TypeError
        If `places` is no list of them.
    """
    places = one_an_output(places, Places)
    for part in places:
        if part is not None:
            _check(part)
    sizes = {len(part.mean) for part in places if part is not None}
    if len(sizes) != 1:
        raise ValueError(
            "Expected places on one number of features, got "
            f"{sorted(sizes) or 'no places'}."
        )
    graph = JudgeGraph()
    last, middle = graph.constant([2], np.int64), graph.constant([1], np.int64)
    judged: list[str | None] = []
    for part in places:
        if part is None:
            judged.append(None)
            continue
        points = graph.node("Sub", "features", graph.constant(part.mean))
        points = graph.node("MatMul", points, graph.constant(part.projection))
        points = graph.node("Unsqueeze", points, middle)
        between = graph.node("Sub", points, graph.constant(part.centres[np.newaxis]))
        squares = graph.node("Mul", between, between)
        distances = graph.node("ReduceSum", squares, last, keepdims=0)
        nearest = graph.node("ReduceMin", distances, axes=[1], keepdims=1)
        nearer = graph.node("Div", graph.constant([part.limit]), nearest)
        log_odds = graph.node(
            "Mul", graph.node("Log", nearer), graph.constant([_STEEPNESS])
        )
        bounds = graph.constant(-_FAR), graph.constant(_FAR)
        judged.append(graph.node("Clip", log_odds, *bounds))
    return graph.model(judged, sizes.pop(), "familiarity")
