"""Trees of scikit-learn as arrays, which need no scikit-learn any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["TreeArrays", "tree_arrays"]


class TreeArrays(NamedTuple):
    """Nodes of trees, one after the other.

    Attributes
    ----------
    tree : ndarray of int64 of shape (n_nodes,)
        Number of the tree, from 0, rising.
    feature : ndarray of int64 of shape (n_nodes,)
        Which number the node asks for; -1 in a leaf.
    threshold : ndarray of float32 of shape (n_nodes,)
        What is at most as large goes to `low`.
    low, high : ndarray of int64 of shape (n_nodes,)
        The nodes below, counted from the first one of the tree.
    answer : ndarray of float32 of shape (n_nodes,)
        What a leaf answers.
    """

    tree: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    low: np.ndarray
    high: np.ndarray
    answer: np.ndarray


def tree_arrays(
    grown: Iterable[Any], answer: Callable[[np.ndarray], np.ndarray]
) -> TreeArrays:
    """Return the trees of a fitted model.

    Parameters
    ----------
    grown : iterable of DecisionTreeClassifier or DecisionTreeRegressor
        Fitted.
    answer : callable
        Takes the values of a tree's nodes, of shape ``(n_nodes, n_values)``, and
        returns what each answers.

    Returns
    -------
    trees : TreeArrays
        Thresholds are rounded down to single precision: what is compared with them is
        of single precision, and goes the same way.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for number, found in enumerate(grown):
        tree = found.tree_
        leaf = tree.children_left < 0
        parts.append(
            (
                np.full(tree.node_count, number),
                np.where(leaf, -1, tree.feature),
                _rounded_down(np.where(leaf, 0.0, tree.threshold)),
                np.maximum(tree.children_left, 0),
                np.maximum(tree.children_right, 0),
                answer(tree.value[:, 0, :]).astype(np.float32),
            )
        )
    return TreeArrays(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """Return the largest float32 numbers that are not above, as x <= value asks."""
    rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded)
