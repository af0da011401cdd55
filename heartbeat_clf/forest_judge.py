"""Judges that are extremely randomised trees: of steadiness, and of networks' units.

The trees are kept as arrays and written as ONNX, so that what predicts needs neither
scikit-learn nor pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.judge_graph import JudgeGraph, one_an_output
from heartbeat_clf.judge_inputs import check_features, check_positive, check_weights
from heartbeat_clf.tree_arrays import TreeArrays, tree_arrays

__all__ = ["Forest", "fit_forest", "forests_to_onnx"]

_TREES = 100
# Log odds beyond +-4.6 are more than a few hundred recordings can tell.
_LEAST_SHARE = 0.01


class Forest(NamedTuple):
    """Trees that give a share between 0 and 1; their mean is the answer.

    Attributes
    ----------
    n_features : int
        How many numbers it sees.
    tree, feature, threshold, low, high : ndarray of shape (n_nodes,)
        As in :class:`heartbeat_clf.tree_arrays.TreeArrays`.
    share : ndarray of float32 of shape (n_nodes,)
        What a leaf answers.
    """

    n_features: int
    tree: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    low: np.ndarray
    high: np.ndarray
    share: np.ndarray


def fit_forest(
    features: np.ndarray,
    positive: np.ndarray,
    weights: np.ndarray,
    *,
    leaves: int | None = 16,
    least_leaf: int = 5,
    looked_at: float | None = None,
    halved: bool = False,
    seed: int = 0,
) -> Forest:
    """Return extremely randomised trees that tell one class from the other.

    Parameters
    ----------
    features : ndarray of shape (n_recordings, n_features)
        Finite; such as those of
        :func:`heartbeat_clf.steadiness.steadiness_features`.
    positive : ndarray of bool of shape (n_recordings,)
        What is to be told; both classes must be there.
    weights : ndarray of shape (n_recordings,)
        Of the recordings, above 0.
    leaves : int or None, default=16
        The most that a tree has; None for no bound.
    least_leaf : int, default=5
        The least recordings of a leaf.
    looked_at : float or None, default=None
        Share of the features that each split chooses among; None for the square root
        of their number.
    halved : bool, default=False
        Whether thresholds and shares are rounded to the eleven bits of half precision,
        which packs better: what lies within a two-thousandth of a threshold may go the
        other way.
    seed : int, default=0
        Origin of the trees.

    Returns
    -------
    forest : Forest

    Raises
    ------
    ValueError
        If lengths differ, features are not finite, weights not above 0, `positive` is
        not boolean or of one class, or a setting is out of its range.

    Notes
    -----
    There are 100 trees.

    References
    ----------
    Geurts, Ernst and Wehenkel 2006, "Extremely randomized trees", Machine Learning
    63: 3-42; scikit-learn's implementation.
    """
    features, weights = check_features(features), check_weights(weights)
    positive = check_positive(positive)
    check_number("leaves", leaves, minimum=2, integer=True, optional=True)
    check_number("least_leaf", least_leaf, minimum=1, integer=True)
    check_number("looked_at", looked_at, minimum=1e-9, maximum=1, optional=True)
    check_same_length(features=features, positive=positive, weights=weights)
    if len(np.unique(positive)) < 2:
        raise ValueError(
            f"Expected positive to hold True and False, got {np.unique(positive)}."
        )
    found = ExtraTreesClassifier(
        n_estimators=_TREES,
        max_leaf_nodes=leaves,
        min_samples_leaf=least_leaf,
        max_features="sqrt" if looked_at is None else float(looked_at),
        random_state=seed,
    )
    # A leaf needs some weight beside its number; their mean of 1 makes this no matter
    # of their unit.
    found.fit(features, positive, weights / weights.mean())

    def share(counts: np.ndarray) -> np.ndarray:
        found: np.ndarray = counts[:, 1] / counts.sum(axis=1)
        return found

    trees = tree_arrays(found.estimators_, share)
    if halved:
        trees = trees._replace(
            threshold=_as_halves(trees.threshold), answer=_as_halves(trees.answer)
        )
    return Forest(features.shape[1], *trees)


def _as_halves(values: np.ndarray) -> np.ndarray:
    """Return numbers with the eleven bits of half precision, whatever their size."""
    parts, exponents = np.frexp(values)
    rounded: np.ndarray = np.ldexp(np.round(parts * 2**11) / 2**11, exponents)
    return rounded.astype(np.float32)


def forests_to_onnx(forests: Sequence[Forest | None], *, sign: float = 1.0) -> bytes:
    """Return forests as a serialised ONNX model of log odds.

    Parameters
    ----------
    forests : sequence of Forest or None
        One an output, on the same number of features; None for an output that is not
        judged. One forest at least.
    sign : {1.0, -1.0}, default=1.0
        -1 gives the log odds of the other class.

    Returns
    -------
    model : bytes
        From ``(n_recordings, n_features)`` to ``logits`` of shape ``(n_recordings,
        n_outputs)``, float32, within ±4.6; NaN for outputs that are not judged.

    Raises
    ------
    ValueError
        If there is no forest, they see different numbers of features, or `sign` is
        another.
    TypeError
        If `forests` is no list of them.
    """
    if sign not in (1.0, -1.0):
        raise ValueError(f"sign must be 1.0 or -1.0, got {sign!r}.")
    forests = one_an_output(forests, Forest)
    sizes = {forest.n_features for forest in forests if forest is not None}
    if len(sizes) != 1:
        raise ValueError(
            "Expected forests on one number of features, got "
            f"{sorted(sizes) or 'no forest'}."
        )
    graph = JudgeGraph()
    low, high, one = map(graph.constant, ([_LEAST_SHARE], [1 - _LEAST_SHARE], [1.0]))
    judged: list[str | None] = []
    for forest in forests:
        if forest is None:
            judged.append(None)
            continue
        n_trees = int(forest.tree.max()) + 1
        trees = TreeArrays(
            forest.tree,
            forest.feature,
            forest.threshold,
            forest.low,
            forest.high,
            forest.share / n_trees,
        )
        share = graph.trees("features", trees)
        share = graph.node("Max", graph.node("Min", share, high), low)
        odds = graph.node("Div", share, graph.node("Sub", one, share))
        log_odds = graph.node("Log", odds)
        judged.append(graph.node("Mul", log_odds, graph.constant([sign])))
    return graph.model(judged, sizes.pop(), "forest")
