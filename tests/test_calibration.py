from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.calibration import fit_calibration
from heartbeat_clf.prediction import Calibration, softmax


def draw(n_recordings, slope, intercept, seed=0):
    """Return scores whose log odds are ``slope * score + intercept``, and classes."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=2.0, size=(n_recordings, 1))
    odds = slope * scores[:, 0] + intercept
    codes = (rng.random(n_recordings) < 1 / (1 + np.exp(-odds))).astype(int)
    return scores, codes


def likelihood(calibration, scores, codes, weights):
    probabilities = softmax(calibration.apply(scores))[np.arange(len(codes)), codes]
    return weights @ np.log(probabilities)


def test_slope_and_intercept_are_found():
    scores, codes = draw(20000, 0.5, 1.0)
    found = fit_calibration(Calibration((0.0,)), scores, codes, np.ones(20000))
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept[0] == pytest.approx(1.0, abs=0.05)


def test_shift_is_applied_first_and_kept():
    scores, codes = draw(20000, 0.5, 0.0)
    found = fit_calibration(Calibration((2.0,)), scores - 2.0, codes, np.ones(20000))
    assert found.shift == (2.0,)
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept[0] == pytest.approx(0.0, abs=0.05)


def test_separated_scores_get_a_finite_slope():
    scores = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    codes = np.array([0, 0, 1, 1])
    found = fit_calibration(Calibration((0.0,)), scores, codes, np.ones(4))
    # Targets are 3/4 for two of two: log 3 at a score of about 0.75.
    assert 1.0 < found.slope < 2.5
    assert abs(found.intercept[0]) < 1e-3


def test_a_prior_of_the_slope_keeps_it_finite_and_near_one():
    scores = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    codes = np.array([0, 0, 1, 1])
    found = fit_calibration(
        Calibration((0.0,)), scores, codes, np.ones(4), prior="slope"
    )
    # At the maximum, log(slope) is the gain of the likelihood in the log slope:
    # sum of margin * slope * (1 - probability).
    margins = found.slope * np.array([0.5, 0.5, 1.0, 1.0])
    gain = (margins / (1 + np.exp(margins))).sum()
    assert np.log(found.slope) == pytest.approx(gain, abs=0.01)
    assert 1.5 < found.slope < 4


def test_of_many_nearly_separated_scores_only_the_prior_of_the_slope_finds_the_slope():
    rng = np.random.default_rng(0)
    codes = (np.arange(600) % 5 == 0).astype(int)
    scores = rng.normal(size=(600, 1)) * 2 + np.where(codes, 4.0, -4.0)[:, np.newaxis]
    slopes = {
        prior: fit_calibration(
            Calibration((0.0,)), scores, codes, np.ones(600), prior=prior
        ).slope
        for prior in ("targets", "slope")
    }
    # Log odds of two normal distributions: their distance over the variance, 2.
    assert slopes["targets"] < 0.8 * slopes["slope"]
    assert slopes["slope"] == pytest.approx(2.0, rel=0.25)


@pytest.mark.parametrize(
    ("scores", "codes", "message"),
    [
        (np.full((2, 1), np.nan), [0, 1], "Expected finite scores"),
        (np.ones((2, 1)), [0, 0], r"of every class .* got weights \[2\.0, 0\.0\]"),
        (np.ones((2, 1)), [0, 1, 1], "as many items in codes as in scores"),
    ],
)
def test_scores_that_say_nothing_are_refused(scores, codes, message):
    codes = np.array(codes)
    with pytest.raises(ValueError, match=message):
        fit_calibration(Calibration((0.0,)), scores, codes, np.ones(2), prior="slope")


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="Expected finite weights"):
        fit_calibration(
            Calibration((0.0,)), np.ones((2, 1)), np.arange(2), np.array([1, np.nan])
        )


def test_another_prior_is_refused():
    with pytest.raises(ValueError, match=r"prior must be one of .*'flat'"):
        fit_calibration(
            Calibration((0.0,)), np.ones((2, 1)), np.arange(2), np.ones(2), prior="flat"
        )


def test_many_classes_share_a_slope_and_have_an_intercept_each():
    rng = np.random.default_rng(0)
    scores = rng.normal(scale=2.0, size=(20000, 3))
    truth = Calibration((0.0,) * 3, slope=0.5, intercept=(1.0, 0.0, -1.0))
    cumulated = softmax(truth.apply(scores)).cumsum(axis=1)
    codes = (rng.random((20000, 1)) > cumulated).sum(axis=1)
    found = fit_calibration(Calibration((0.0,) * 3), scores, codes, np.ones(20000))
    assert found.slope == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(found.intercept, (1.0, 0.0, -1.0), atol=0.06)


def test_calibration_raises_the_likelihood():
    scores, codes = draw(200, 0.3, -1.0)
    weights = np.ones(200)
    before = Calibration((0.0,))
    after = fit_calibration(before, scores, codes, weights)
    assert likelihood(after, scores, codes, weights) > likelihood(
        before, scores, codes, weights
    )


def test_weight_counts_as_repetition():
    scores, codes = draw(60, 1.0, 0.5)
    weights = np.where(np.arange(60) % 3, 1.0, 2.0)
    repeated = np.repeat(np.arange(60), weights.astype(int))
    weighted = fit_calibration(Calibration((0.0,)), scores, codes, weights)
    counted = fit_calibration(
        Calibration((0.0,)), scores[repeated], codes[repeated], np.ones(len(repeated))
    )
    assert weighted.slope == pytest.approx(counted.slope, rel=1e-3)
    assert weighted.intercept[0] == pytest.approx(counted.intercept[0], abs=1e-3)


def test_reversed_scores_do_not_turn_the_ranking():
    scores, codes = draw(200, 1.0, 0.0)
    found = fit_calibration(Calibration((0.0,)), -scores, codes, np.ones(200))
    assert 0 < found.slope < 0.1
