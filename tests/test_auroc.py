"""The sorted form against all pairs, and answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

tf = pytest.importorskip("tensorflow")

from heartbeat_clf.auroc import (  # noqa: E402
    all_pairs_mean,
    aucm_mean,
    sorted_hinge_mean,
    weighted_mean,
)
from heartbeat_clf.loss_columns import log_odds  # noqa: E402


def make_sides(labels, weight):
    positive = np.where(labels == 1, weight, 0.0)
    negative = np.where(labels == 0, weight, 0.0)
    positive /= positive.sum()
    negative /= negative.sum()
    return positive.astype(np.float32), negative.astype(np.float32)


def value_and_gradient(function, scores):
    scores = tf.constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = function(scores)
    return float(loss), tape.gradient(loss, scores).numpy()


def reference(scores, positive, negative, *, margin, power):
    """All pairs in float64, with the gradient written out."""
    high, low = np.flatnonzero(positive), np.flatnonzero(negative)
    scores = scores.astype(np.float64)
    p, q = positive[high].astype(np.float64), negative[low].astype(np.float64)
    short = np.maximum(margin - (scores[high][:, None] - scores[low]), 0.0)
    slope = power * short ** (power - 1) * (short > 0.0)
    gradient = np.zeros(len(scores))
    gradient[high] = -p * (slope @ q)
    gradient[low] = q * (p @ slope)
    return p @ short**power @ q, gradient


def test_hinge_of_three_scores_is_known():
    # Positives 0 and 2, negative 1, margin 1: shortfalls 2 and 0.
    scores = tf.constant([0.0, 2.0, 1.0])
    positive = tf.constant([0.5, 0.5, 0.0])
    negative = tf.constant([0.0, 0.0, 1.0])
    hinge = sorted_hinge_mean(scores, positive, negative, margin=1.0, power=1)
    squared = sorted_hinge_mean(scores, positive, negative, margin=1.0, power=2)
    assert float(hinge) == pytest.approx(1.0)
    assert float(squared) == pytest.approx(2.0)


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("spread", [1.0, 300.0])
@pytest.mark.parametrize("separation", [0.0, 3.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_sorted_form_keeps_its_digits_for_ten_thousand_shifted_scores(
    power, spread, separation, weighted
):
    rng = np.random.default_rng(0)
    labels = (rng.random(10_000) < 0.23).astype(int)
    scores = rng.normal(size=10_000) * spread + 1e3 + separation * spread * labels
    scores = scores.astype(np.float32)
    positive, negative = make_sides(
        labels, rng.random(10_000) if weighted else np.ones(10_000)
    )
    expected, slope = reference(scores, positive, negative, margin=1.0, power=power)
    loss, gradient = value_and_gradient(
        lambda s: sorted_hinge_mean(s, positive, negative, margin=1.0, power=power),
        scores,
    )
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, slope, atol=1e-5 * np.abs(slope).max())


# Quarters are exact in float32, so that ties, also at the margin, are ties.
ROWS = st.lists(
    st.tuples(
        st.integers(-40, 40).map(lambda n: n / 4),
        st.booleans(),
        st.sampled_from([0.5, 1.0, 3.0]),
    ),
    min_size=2,
    max_size=12,
).filter(lambda rows: len({label for _, label, _ in rows}) == 2)


# A pair exactly at the margin, whose centre has digits without end.
@example(rows=[(-0.25, False, 3.0), (0.75, True, 0.5), (-0.75, False, 0.5)], power=1)
@settings(deadline=None, max_examples=40)
@given(rows=ROWS, power=st.sampled_from([1, 2]))
def test_sorted_form_equals_all_pairs_with_ties_and_weights(rows, power):
    scores, labels, weight = (np.array(column) for column in zip(*rows, strict=True))
    scores = scores.astype(np.float32)
    positive, negative = make_sides(labels, weight)

    def by_sort(s):
        return sorted_hinge_mean(s, positive, negative, margin=1.0, power=power)

    def by_pairs(s):
        return all_pairs_mean(
            s, positive, negative, lambda d: tf.nn.relu(1.0 - d) ** power
        )

    loss, gradient = value_and_gradient(by_sort, scores)
    expected, slope = value_and_gradient(by_pairs, scores)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


def test_sorted_form_takes_memory_in_proportion_to_its_rows():
    n_rows = 200_000  # all pairs would take 160 GB
    scores = np.linspace(-1.0, 1.0, n_rows, dtype=np.float32)
    labels = np.arange(n_rows) % 2
    positive, negative = make_sides(labels, np.ones(n_rows))
    loss = sorted_hinge_mean(scores, positive, negative, margin=1.0, power=2)
    # Both sides uniform on (-1, 1): d is triangular on (-2, 2), and the integral
    # of max(1 - d, 0) ** 2 against its density is 79 / 48.
    assert float(loss) == pytest.approx(79 / 48, rel=1e-4)


def test_margin_loss_without_its_cut_is_the_mean_square_over_pairs():
    scores = np.array([0.3, -0.2, 0.9, 0.1, -1.0], dtype=np.float32)
    positive, negative = make_sides(np.array([1, 1, 0, 0, 0]), np.arange(1.0, 6.0))
    loss = aucm_mean(scores, positive, negative, margin=2.0)
    square = all_pairs_mean(scores, positive, negative, lambda d: (2.0 - d) ** 2)
    assert float(loss) == pytest.approx(float(square), rel=1e-6)


def test_margin_loss_of_means_beyond_the_margin_is_the_variances():
    scores = np.array([9.0, 11.0, 0.0, 4.0], dtype=np.float32)
    positive, negative = make_sides(np.array([1, 1, 0, 0]), np.ones(4))
    assert float(aucm_mean(scores, positive, negative, margin=1.0)) == pytest.approx(
        1.0 + 4.0
    )


def test_margin_loss_is_the_saddle_value_of_its_min_max_form():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=8).astype(np.float32)
    positive, negative = make_sides(np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.ones(8))
    high, low = positive @ scores, negative @ scores
    alpha = np.linspace(0.0, 10.0, 100_001)
    spread = positive @ (scores - high) ** 2 + negative @ (scores - low) ** 2
    saddle = spread + np.max(2.0 * alpha * (1.0 - high + low) - alpha**2)
    loss = aucm_mean(scores, positive, negative, margin=1.0)
    assert float(loss) == pytest.approx(saddle, rel=1e-5)


def test_log_odds_are_those_of_the_softmax():
    logits = np.array([[1.0, -2.0, 0.5]])
    rest = np.log(np.exp(logits).sum() - np.exp(logits))
    np.testing.assert_allclose(log_odds(logits), logits - rest, rtol=1e-5)


def test_log_odds_of_far_logits_do_not_overflow():
    odds = log_odds(np.array([[90.0, 0.0, -90.0]], dtype=np.float32))
    np.testing.assert_allclose(odds, [[90.0, -90.0, -180.0]])


def test_log_odds_of_two_outputs_are_their_difference():
    odds = log_odds(np.array([[1.0, 3.5]], dtype=np.float32))
    np.testing.assert_array_equal(odds, [[-2.5, 2.5]])


def test_weighted_mean_of_no_weight_is_zero():
    assert float(weighted_mean(tf.constant([3.0]), tf.constant([0.0]))) == 0.0
