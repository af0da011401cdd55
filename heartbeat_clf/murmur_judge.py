"""A judge that has learnt from made murmurs alone: boosted trees on an average beat.

The murmurs of a data set are of the kinds that its persons have. What learns from made
ones knows others, and answers for what the rest of a model has never met. The trees are
kept as arrays and written as ONNX, so that what predicts needs neither scikit-learn nor
pickle.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.calibration import fit_calibration
from heartbeat_clf.folds import subject_folds
from heartbeat_clf.judge_graph import JudgeGraph, one_an_output
from heartbeat_clf.judge_inputs import check_features, check_positive
from heartbeat_clf.prediction import Calibration
from heartbeat_clf.tree_arrays import TreeArrays, tree_arrays

__all__ = ["BoostedTrees", "boosted_to_onnx", "fit_boosted"]

_TREES = 300
_LEAVES = 8
_LEAST_LEAF = 30
_RATE = 0.1
_SAMPLE = 0.5
_CANDIDATES = 40
_SPLITS = 3


class BoostedTrees(NamedTuple):
    """Trees whose answers are added up.

    Attributes
    ----------
    n_features : int
        How many numbers it sees.
    tree, feature, threshold, low, high : ndarray of shape (n_nodes,)
        As in :class:`heartbeat_clf.tree_arrays.TreeArrays`.
    log_odds : ndarray of float32 of shape (n_nodes,)
        What a leaf adds.
    intercept : float
        What is added to their sum.
    """

    n_features: int
    tree: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    low: np.ndarray
    high: np.ndarray
    log_odds: np.ndarray
    intercept: float


def fit_boosted(
    features: np.ndarray,
    positive: np.ndarray,
    subjects: np.ndarray,
    *,
    n_trees: int = _TREES,
    learning_rate: float = _RATE,
    seed: int = 0,
) -> BoostedTrees | None:
    """Return boosted trees that tell one class from the other.

    Log odds are calibrated on folds of the subjects, for classes of equal weight.

    Parameters
    ----------
    features : ndarray of shape (n_beats, n_features)
        Finite; such as :func:`heartbeat_clf.beat_regions.beat_regions` gives them.
    positive : ndarray of bool of shape (n_beats,)
        What is to be told.
    subjects : ndarray of shape (n_beats,)
        Whose each beat is.
    n_trees : int, default=300
        How many trees.
    learning_rate : float, default=0.1
        Which part of a step each takes.
    seed : int, default=0
        Origin of the trees and folds.

    Returns
    -------
    trees : BoostedTrees or None
        None where a class has fewer than two subjects, so that nothing could be
        calibrated.

    Raises
    ------
    ValueError
        If lengths differ, features are not finite, `positive` is not boolean, or a
        setting is out of range.

    Notes
    -----
    Trees of up to 8 leaves, each of 30 beats or more, on a half of the beats and 40 of
    the features.

    References
    ----------
    Friedman 2002, "Stochastic gradient boosting", Computational Statistics & Data
    Analysis 38(4): 367-378; scikit-learn's implementation.
    """
    check_number("n_trees", n_trees, minimum=1, integer=True)
    check_number("learning_rate", learning_rate, minimum=0, maximum=1, exclusive=True)
    features = check_features(features)
    positive, subjects = check_positive(positive), np.asarray(subjects)
    for name, labels in (("positive", positive), ("subjects", subjects)):
        if labels.ndim != 1:
            raise ValueError(
                f"Expected {name} of shape (n_beats,), got {labels.shape!r}."
            )
    check_same_length(features=features, positive=positive, subjects=subjects)
    fewest = min(len(set(subjects[positive == side])) for side in (True, False))
    if fewest < 2:
        return None
    weights = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
    weights *= len(weights)
    fit = functools.partial(
        _boosted, n_trees=n_trees, learning_rate=learning_rate, seed=seed
    )
    held_out = np.empty(len(features))
    for train, test in subject_folds(positive, subjects, min(_SPLITS, fewest), seed):
        grown = fit(features[train], positive[train], weights[train])
        held_out[test] = grown.decision_function(features[test])
    calibration = fit_calibration(
        Calibration((0.0,)),
        held_out[:, np.newaxis],
        positive.astype(int),
        weights,
        prior="slope",
    )
    grown = fit(features, positive, weights)

    def added(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = calibration.slope * learning_rate * values[:, 0]
        return found

    arrays = tree_arrays(grown.estimators_[:, 0], added)
    return BoostedTrees(features.shape[1], *arrays, float(calibration.intercept[0]))


def _boosted(
    features: np.ndarray,
    positive: np.ndarray,
    weights: np.ndarray,
    *,
    n_trees: int,
    learning_rate: float,
    seed: int,
) -> GradientBoostingClassifier:
    grown = GradientBoostingClassifier(
        # Both classes weigh the same: log odds begin at 0.
        init="zero",
        n_estimators=n_trees,
        learning_rate=learning_rate,
        subsample=_SAMPLE,
        max_depth=None,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=_LEAST_LEAF,
        max_features=min(_CANDIDATES, features.shape[1]),
        random_state=seed,
    )
    return grown.fit(features, positive, weights)


def boosted_to_onnx(
    judges: Sequence[BoostedTrees | None],
    *,
    sign: float = 1.0,
    name: str = "made_murmurs",
) -> bytes:
    """Return judges as a serialised ONNX model of log odds.

    Parameters
    ----------
    judges : sequence of BoostedTrees or None
        One an output, on the same number of features; None for an output that is not
        judged. One judge at least.
    sign : {1.0, -1.0}, default=1.0
        -1 gives the log odds of the other class.
    name : str, default="made_murmurs"
        Of the graph.

    Returns
    -------
    model : bytes
        From ``(n_beats, n_features)`` to ``logits`` of shape ``(n_beats, n_outputs)``,
        float32; NaN for outputs that are not judged.

    Raises
    ------
    ValueError
        If there is no judge, they see different numbers of features, or `sign` is
        another.
    TypeError
        If `judges` is no list of them.
    """
    if sign not in (1.0, -1.0):
        raise ValueError(f"sign must be 1.0 or -1.0, got {sign!r}.")
    judges = one_an_output(judges, BoostedTrees)
    sizes = {judge.n_features for judge in judges if judge is not None}
    if len(sizes) != 1:
        raise ValueError(
            f"Expected judges on one number of features, got "
            f"{sorted(sizes) or 'no judge'}."
        )
    graph = JudgeGraph()
    judged: list[str | None] = []
    for judge in judges:
        if judge is None:
            judged.append(None)
            continue
        trees = TreeArrays(
            judge.tree,
            judge.feature,
            judge.threshold,
            judge.low,
            judge.high,
            sign * judge.log_odds,
        )
        log_odds = graph.trees("features", trees)
        judged.append(
            graph.node("Add", log_odds, graph.constant([sign * judge.intercept]))
        )
    return graph.model(judged, sizes.pop(), name)
