"""Arithmetic of the pairwise AUROC losses, on ``keras.ops`` alone.

Everything here takes tensors and returns tensors; the Keras classes with their
settings live in :mod:`heartbeat_clf.auroc_losses`.
"""

from __future__ import annotations

from collections.abc import Callable

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
from keras import ops

from heartbeat_clf.loss_columns import Tensor, log_odds

SURROGATES = ("logistic", "sigmoid", "hinge", "squared_hinge", "wmw", "aucm")


def cross_entropy_rows(
    columns: Tensor, logits: Tensor, *, label_smoothing: float = 0.0
) -> Tensor:
    """Return the cross-entropy of each row, from logits.

    Parameters
    ----------
    columns : tensor of shape (n_rows, max(n_outputs, 2))
        Labels as :func:`heartbeat_clf.loss_columns.label_columns` gives them.
    logits : tensor of shape (n_rows, n_outputs)
        One output is read through a sigmoid, several through a softmax.
    label_smoothing : float, default=0.0
        Share of the label that is spread evenly over the classes.

    Returns
    -------
    losses : tensor of shape (n_rows,)
    """
    n_classes = columns.shape[-1]
    columns = columns * (1.0 - label_smoothing) + label_smoothing / n_classes
    if logits.shape[-1] == 1:
        rows = ops.binary_crossentropy(columns[:, 1:], logits, from_logits=True)
        return rows[:, 0]
    return ops.categorical_crossentropy(columns, logits, from_logits=True)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return ``sum(weight * values) / sum(weight)``, and 0 where that is 0 / 0.

    Parameters
    ----------
    values, weight : tensor of shape (n_rows,)

    Returns
    -------
    mean : tensor of shape ()
    """
    return ops.sum(_shares(weight) * values)


def all_pairs_mean(
    scores: Tensor,
    positive: Tensor,
    negative: Tensor,
    penalty: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return the mean penalty over all pairs of a positive and a negative.

    Takes time and memory of O(n_rows ** 2).

    Parameters
    ----------
    scores : tensor of shape (n_rows,)
    positive, negative : tensor of shape (n_rows,)
        Share of each row in its side; a side sums to 1, or to 0 if empty.
    penalty : callable
        Takes the differences, score of the positive less that of the negative.

    Returns
    -------
    loss : tensor of shape ()
    """
    differences = ops.expand_dims(scores, 1) - ops.expand_dims(scores, 0)
    over_negatives = ops.sum(penalty(differences) * negative, axis=1)
    return ops.sum(positive * over_negatives)


def sorted_hinge_mean(
    scores: Tensor, positive: Tensor, negative: Tensor, *, margin: float, power: int
) -> Tensor:
    """Return the mean of ``max(margin - d, 0) ** power`` over pairs, by a sort.

    Equal to :func:`all_pairs_mean` of the same penalty in value and gradient, in
    O(n log n) time and O(n) memory. Second derivatives are not carried.

    Parameters
    ----------
    scores, positive, negative : tensor of shape (n_rows,)
        As in :func:`all_pairs_mean`.
    margin : float
        In units of the scores.
    power : {1, 2}
        1 for the hinge, 2 for the squared hinge.

    Returns
    -------
    loss : tensor of shape ()

    Notes
    -----
    The reference adds up coefficients of quadratics in the score itself. Their
    terms cancel in float32, so here sums of distances are carried from one
    sorted score to the next: every term is non-negative and nothing cancels. The
    gradient is written out for the same reason.

    References
    ----------
    Rust, K. R. and Hocking, T. D., 2023. "A Log-linear Gradient Descent Algorithm
    for Unbalanced Binary Classification using the All Pairs Squared Hinge Loss",
    arXiv:2302.11062.
    """
    # The loss does not see a shift; near zero, `score - margin` keeps its digits.
    # Eight binary digits of the centre do, and taking off so few moves no pair that
    # is exactly at the margin to one side of it.
    centre = 0.5 * ops.sum(ops.stop_gradient(scores) * (positive + negative))
    scores = scores - ops.cast(ops.cast(centre, "bfloat16"), scores.dtype)
    points = ops.concatenate([scores - margin, scores])
    nothing = ops.zeros_like(positive)
    # Shifted positives come first, so that a stable sort leaves pairs exactly at
    # the margin out of the hinge's subgradient, as relu does.
    order = ops.argsort(-ops.stop_gradient(points))
    points = ops.take(points, order)
    positive = ops.take(ops.concatenate([positive, nothing]), order)
    negative = ops.take(ops.concatenate([nothing, negative]), order)

    fixed = ops.stop_gradient(points)
    above = _running_moments(negative, fixed)
    below = [
        ops.flip(moment, axis=0)
        for moment in _running_moments(ops.flip(positive, 0), ops.flip(fixed, 0))
    ]
    value = ops.sum(positive * above[power])
    slope = power * (negative * below[power - 1] - positive * above[power - 1])
    return value + ops.sum(ops.stop_gradient(slope) * (points - fixed))


def aucm_mean(
    scores: Tensor, positive: Tensor, negative: Tensor, *, margin: float
) -> Tensor:
    """Return the AUC margin loss with its inner problems solved.

    Parameters
    ----------
    scores, positive, negative : tensor of shape (n_rows,)
        As in :func:`all_pairs_mean`.
    margin : float
        Distance asked for between the means of the two sides.

    Returns
    -------
    loss : tensor of shape ()
        ``var(positives) + var(negatives) + max(margin - (mean of the positives -
        mean of the negatives), 0) ** 2``.

    Notes
    -----
    In the min-max form, the minimum over a and b lies at the two means, and the
    maximum over alpha >= 0 of ``2 * alpha * x - alpha ** 2`` is ``max(x, 0) ** 2``.

    References
    ----------
    Yuan, Z., Yan, Y., Sonka, M. and Yang, T., 2021. "Large-scale Robust Deep AUC
    Maximization", ICCV.
    Ying, Y., Wen, L. and Lyu, S., 2016. "Stochastic Online AUC Maximization",
    NeurIPS (the square loss, without the max).
    """
    scores = scores - 0.5 * ops.sum(ops.stop_gradient(scores) * (positive + negative))
    high, low = ops.sum(positive * scores), ops.sum(negative * scores)
    spread = ops.sum(
        positive * ops.square(scores - high) + negative * ops.square(scores - low)
    )
    return spread + ops.square(ops.relu(margin - (high - low)))


def pairwise_auroc(
    columns: Tensor,
    logits: Tensor,
    weight: Tensor,
    *,
    surrogate: str,
    margin: float,
    temperature: float,
    gamma: float,
    power: float,
) -> Tensor:
    """Return the pairwise loss of a batch, averaged over its classes.

    Parameters
    ----------
    columns : tensor of shape (n_rows, max(n_outputs, 2))
        Labels as :func:`heartbeat_clf.loss_columns.label_columns` gives them.
    logits : tensor of shape (n_rows, n_outputs)
    weight : tensor of shape (n_rows,)
    surrogate : str
        One of ``SURROGATES``.
    margin, temperature, gamma, power : float
        As in :class:`heartbeat_clf.losses.PairwiseAUROCLoss`.

    Returns
    -------
    loss : tensor of shape ()
        Zero, with zero gradient, where no class has rows on both sides.
    """
    scores = log_odds(logits)
    # With two classes, each against the other is the same set of pairs.
    classes = [1] if columns.shape[-1] == 2 else list(range(columns.shape[-1]))
    total = n_valid = ops.zeros((), dtype=logits.dtype)
    for k in classes:
        positive = _shares(weight * columns[:, k])
        negative = _shares(weight * (1.0 - columns[:, k]))
        both = ops.logical_and(ops.sum(positive) > 0.0, ops.sum(negative) > 0.0)
        # Zero scores give a finite penalty, so that zero times it stays zero.
        column = scores[:, min(k, scores.shape[-1] - 1)]
        column = ops.where(both, column, ops.zeros_like(column))
        loss = _one_class(
            column,
            positive,
            negative,
            surrogate=surrogate,
            margin=margin,
            temperature=temperature,
            gamma=gamma,
            power=power,
        )
        valid = ops.cast(both, logits.dtype)
        total = total + valid * loss
        n_valid = n_valid + valid
    return total / ops.maximum(n_valid, 1.0)


def _one_class(
    scores: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    surrogate: str,
    margin: float,
    temperature: float,
    gamma: float,
    power: float,
) -> Tensor:
    sides = (scores, positive, negative)
    if surrogate == "aucm":
        return aucm_mean(*sides, margin=margin)
    if surrogate == "hinge":
        return sorted_hinge_mean(*sides, margin=margin, power=1)
    if surrogate == "squared_hinge":
        return sorted_hinge_mean(*sides, margin=margin, power=2)
    if surrogate == "wmw" and power == 2:
        return sorted_hinge_mean(*sides, margin=gamma, power=2)
    if surrogate == "wmw":
        return all_pairs_mean(*sides, lambda d: ops.power(ops.relu(gamma - d), power))
    if surrogate == "sigmoid":
        return all_pairs_mean(*sides, lambda d: ops.sigmoid(-d / temperature))
    return all_pairs_mean(*sides, lambda d: ops.softplus(-d / temperature))


def _shares(weight: Tensor) -> Tensor:
    """Scale weights to the sum 1; no weight at all stays 0."""
    total = ops.sum(weight)
    return weight / ops.where(total > 0.0, total, ops.ones_like(total))


def _running_moments(weight: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sum weight, weight * distance and weight * distance ** 2 over earlier points.

    ``points`` are sorted, either way; distances are to the current point.
    """
    gaps = ops.abs(ops.concatenate([points[:1], points[:-1]]) - points)
    mass = _before(_running_sum(weight))
    first = _running_sum(gaps * mass)
    second = _running_sum(gaps * (2.0 * _before(first) + gaps * mass))
    return mass, first, second


def _before(running: Tensor) -> Tensor:
    return ops.concatenate([ops.zeros_like(running[:1]), running[:-1]])


def _running_sum(values: Tensor, levels: int = 2) -> Tensor:
    """Return ``cumsum(values)`` in blocks of 32, and the blocks' sums in blocks.

    Equal increments are rounded the same way over and over, so that a plain sum in
    float32 drifts by 5e-5 within 10,000 of them.
    """
    if levels == 0:
        return ops.cumsum(values)
    n_values = ops.shape(values)[0]
    n_padded = (n_values + 31) // 32 * 32
    padded = ops.concatenate([values, ops.zeros((31,), dtype=values.dtype)])
    inner = ops.cumsum(ops.reshape(padded[:n_padded], (-1, 32)), axis=1)
    earlier = _before(_running_sum(inner[:, -1], levels - 1))
    return ops.reshape(inner + ops.expand_dims(earlier, 1), (-1,))[:n_values]
