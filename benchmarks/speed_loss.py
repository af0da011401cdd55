"""The squared-hinge AUROC loss by a sort beside the same over all pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
from heartbeat_clf._tensorflow import tensorflow as tf

# isort: split
import numpy as np
from keras import ops
from speed_timing import interleave, peak_growth, ratio_row

from heartbeat_clf.auroc import all_pairs_mean, sorted_hinge_mean

__all__ = ["squared_hinge"]

N_SCORES = 10_000


def squared_hinge(data: Path) -> dict[str, Any]:
    """Time loss and gradient of 10,000 scores, and measure the memory of more."""
    ways = {"all pairs": _step(_all_pairs), "sorted": _step(_sorted)}
    # First, before there is memory that was used once and is kept; small ones first.
    megabytes = {
        f"{name}, {n}": peak_growth(lambda s=ways[name], n=n: s(*_scores(n))[1].numpy())
        for name, n in (
            ("sorted", N_SCORES),
            ("sorted", 100 * N_SCORES),
            ("sorted", 200 * N_SCORES),
            ("all pairs", N_SCORES // 2),
            ("all pairs", N_SCORES),
        )
    }
    given = _scores(N_SCORES)
    seconds = interleave(
        {
            name: lambda step=step: step(*given)[1].numpy()
            for name, step in ways.items()
        },
        repeats=9,
    )
    values = {
        name: [part.numpy() for part in step(*given)] for name, step in ways.items()
    }
    largest = max(
        float(abs(a - b).max() / abs(a).max())
        for a, b in zip(values["all pairs"], values["sorted"], strict=True)
    )
    return ratio_row(
        seconds,
        slow="all pairs",
        fast="sorted",
        largest_relative_difference=largest,
        peak_megabytes=megabytes,
    )


def _scores(n_rows: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    labels = rng.random(n_rows) < 0.25
    return tuple(
        tf.constant(values, dtype=tf.float32)
        for values in (
            rng.standard_normal(n_rows) + labels,
            labels / labels.sum(),
            ~labels / (~labels).sum(),
        )
    )


def _all_pairs(scores: Any, positive: Any, negative: Any) -> Any:
    return all_pairs_mean(
        scores, positive, negative, lambda d: ops.square(ops.relu(1.0 - d))
    )


def _sorted(scores: Any, positive: Any, negative: Any) -> Any:
    return sorted_hinge_mean(scores, positive, negative, margin=1.0, power=2)


def _step(loss: Any) -> Any:
    signature = [tf.TensorSpec([None], tf.float32)] * 3

    @tf.function(input_signature=signature)
    def step(scores: Any, positive: Any, negative: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(scores, positive, negative)
        return value, tape.gradient(value, scores)

    return step
