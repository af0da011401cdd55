"""How steadily a heart beats: the numbers, and the trees that judge them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from scipy.special import expit
from sklearn.ensemble import ExtraTreesClassifier

from heartbeat_clf.averaged_beats import find_stays
from heartbeat_clf.forest_judge import Forest, fit_forest, forests_to_onnx
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.steadiness import STEADINESS_FEATURES, steadiness_features

RATE = 100.0


def states_of(diastoles, systoles=None):
    """Return states of beats whose S1 and S2 last 10 frames."""
    systoles = [20] * len(diastoles) if systoles is None else systoles
    lengths = [
        part
        for d, s in zip(diastoles, systoles, strict=True)
        for part in (d, 10, s, 10)
    ]
    states = np.repeat(np.tile([3, 0, 1, 2], len(diastoles)), lengths)
    return np.concatenate([states, np.full(5, 3)])


def features_of(states, certainty=1.0):
    probabilities = np.full((len(states), 4), (1 - certainty) / 3)
    probabilities[np.arange(len(states)), states] = certainty
    found = steadiness_features(find_stays(states), probabilities, RATE)
    return dict(zip(STEADINESS_FEATURES, found.tolist(), strict=True))


def test_deviations_are_those_of_the_lengths_in_seconds():
    # Whole intervals from S1 to S1: 0.8, 0.7, 0.9 s; whole diastoles: 0.4, 0.3, 0.5.
    found = features_of(states_of([9, 40, 30, 50]))
    intervals = np.array([0.8, 0.7, 0.9])
    assert np.exp(found["interval_spread"]) == pytest.approx(intervals.std())
    changes = np.diff(np.log(intervals))
    rms = np.sqrt((changes**2).mean())
    assert np.exp(found["successive_difference"]) == pytest.approx(rms)
    assert np.exp(found["diastole_spread"]) == pytest.approx(intervals.std())
    for state in ("s1", "systole", "s2"):
        assert np.exp(found[f"{state}_spread"]) == pytest.approx(0.001)


def test_each_state_has_a_deviation_of_its_own():
    found = features_of(states_of([40] * 4, [20, 24, 20, 24]))
    assert np.exp(found["systole_spread"]) == pytest.approx(0.02)
    assert np.exp(found["diastole_spread"]) == pytest.approx(0.001)


def test_clarity_and_regularity_are_what_they_are_elsewhere():
    even, uneven = states_of([40] * 8), states_of([20, 60, 30, 70, 25, 50, 45, 35])
    assert features_of(even, 0.7)["clarity"] == pytest.approx(0.7)
    assert features_of(even)["regularity"] == pytest.approx(1.0, abs=0.05)
    assert features_of(uneven)["regularity"] < 0.7


@pytest.mark.parametrize("n_intervals", [0, 1, 2])
def test_fewer_than_two_intervals_are_not_judged(n_intervals):
    states = states_of([40] * (n_intervals + 1))
    probabilities = np.eye(4)[states]
    found = steadiness_features(find_stays(states), probabilities, RATE)
    assert (found is None) == (n_intervals < 2)


@pytest.mark.parametrize(
    ("shape", "rate", "message"),
    [
        ((5, 3), RATE, r"shape \(n_frames, 4\), got \(5, 3\)"),
        ((5,), RATE, r"shape \(n_frames, 4\), got \(5,\)"),
        ((5, 4), RATE, r"stays within the 5 frames .* up to 319"),
        ((0, 4), RATE, "stays within the 0 frames"),
        ((325, 4), 0.0, "frame_rate must be"),
    ],
)
def test_wrong_probabilities_are_named(shape, rate, message):
    stays = find_stays(states_of([40] * 4))
    with pytest.raises(ValueError, match=message):
        steadiness_features(stays, np.zeros(shape), rate)


def draw(n=400, seed=0):
    """Return features of which the second one tells the class, mostly."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3)).astype(np.float32)
    positive = features[:, 1] + 0.5 * rng.normal(size=n) > 0
    return features, positive, rng.uniform(0.5, 2.0, n)


def test_the_onnx_model_says_what_the_trees_of_scikit_learn_say():
    features, positive, weights = draw()
    trees = ExtraTreesClassifier(
        100, max_leaf_nodes=16, min_samples_leaf=5, random_state=3
    ).fit(features, positive, weights / weights.mean())
    forest = fit_forest(features, positive, weights, seed=3)
    run = network_session(forests_to_onnx([forest]))
    others, _, _ = draw(2000, seed=1)
    expected = trees.predict_proba(others)[:, 1].clip(0.01, 0.99)
    np.testing.assert_allclose(expit(run(others)[:, 0]), expected, atol=1e-5)


def test_borders_of_the_trees_are_those_of_scikit_learn():
    # Thresholds are float64, numbers float32: rounded up, a border would let more in.
    features, positive, weights = draw()
    forest = fit_forest(features, positive, weights)
    trees = ExtraTreesClassifier(
        100, max_leaf_nodes=16, min_samples_leaf=5, random_state=0
    ).fit(features, positive, weights / weights.mean())
    exact = np.concatenate([t.tree_.threshold for t in trees.estimators_])
    inner = forest.feature >= 0
    below = forest.threshold[inner].astype(np.float64)
    above = np.nextafter(forest.threshold[inner], np.float32(np.inf))
    assert (below <= exact[inner]).all()
    assert (above.astype(np.float64) > exact[inner]).all()


def test_the_unit_of_weights_does_not_matter_and_their_ratio_does():
    features, positive, weights = draw()
    one = fit_forest(features, positive, weights)
    other = fit_forest(features, positive, weights / 1024)
    assert np.array_equal(one.share, other.share)
    more = fit_forest(features, positive, np.where(positive, 9.0, 1.0))
    run, leaning = (network_session(forests_to_onnx([f])) for f in (one, more))
    assert leaning(features).mean() > run(features).mean() + 1


def test_what_is_not_judged_is_nan_and_the_sign_turns_the_rest():
    forest = fit_forest(*draw())
    features = draw(10, seed=1)[0]
    (alone,) = network_session(forests_to_onnx([forest]))(features).T
    beside = network_session(forests_to_onnx([None, forest, None]))(features)
    assert np.isnan(beside[:, [0, 2]]).all()
    assert np.array_equal(beside[:, 1], alone)
    turned = network_session(forests_to_onnx([forest], sign=-1.0))(features)
    assert np.array_equal(turned[:, 0], -alone)


def test_log_odds_are_bounded():
    features = np.repeat([[0.0], [1.0]], 50, axis=0)
    forest = fit_forest(features, features[:, 0] > 0.5, np.ones(100))
    run = network_session(forests_to_onnx([forest]))
    said = run(np.array([[-9.0], [9.0]], dtype=np.float32))[:, 0]
    np.testing.assert_allclose(said, [-np.log(99), np.log(99)], rtol=1e-5)


def test_the_model_asks_for_what_the_lowest_onnx_runtime_reads():
    model = onnx.load_from_string(forests_to_onnx([fit_forest(*draw())]))
    assert model.ir_version <= 10
    versions = {part.domain: part.version for part in model.opset_import}
    assert versions == {"": 17, "ai.onnx.ml": 3}


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.1, np.inf, "0.5", 1j])
def test_what_is_no_probability_is_refused(wrong):
    probabilities = np.full((325, 4), 0.25).astype(np.array(wrong).dtype)
    probabilities[7, 2] = wrong
    with pytest.raises(ValueError, match="as numbers from 0 to 1, got others"):
        steadiness_features(find_stays(states_of([40] * 4)), probabilities, RATE)


@pytest.mark.parametrize("sign", [0, 2.5, np.nan, None, "1"])
def test_other_signs_are_refused(sign):
    with pytest.raises(ValueError, match=r"sign must be 1\.0 or -1\.0, got"):
        forests_to_onnx([fit_forest(*draw())], sign=sign)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.zeros(400)}, r"shape \(n_recordings, n_features\), got shape"),
        ({"features": np.full((400, 3), np.nan)}, "finite: False"),
        ({"positive": np.zeros(400, dtype=bool)}, r"True and False, got \[False\]"),
        ({"positive": np.arange(400) % 2}, "True and False, got int64"),
        ({"features": np.full((400, 3), 1e39)}, "finite: False"),
        ({"features": np.zeros((400, 0))}, r"got shape \(400, 0\)"),
        ({"features": np.full((400, 3), "1")}, "features to be numbers, got <U1"),
        ({"features": np.full((400, 3), 1j)}, "features to be numbers, got complex"),
        ({"features": [[1.0], [1.0, 2.0]]}, "features to be an array, got: setting"),
        ({"weights": np.ones((400, 1))}, r"shape \(n_recordings,\), got \(400, 1\)"),
        ({"weights": None}, "weights to be numbers, got object"),
        ({"weights": np.zeros(400)}, r"finite weights above 0, got 0\.0"),
        ({"weights": np.where(np.arange(400) == 3, np.inf, 1)}, "above 0, got inf"),
        ({"weights": np.where(np.arange(400) == 3, np.nan, 1)}, "above 0, got nan"),
        ({"weights": np.ones(3)}, "as many items in"),
    ],
)
def test_wrong_input_of_the_trees_is_named(changes, message):
    names = ("features", "positive", "weights")
    given = {**dict(zip(names, draw(), strict=True)), **changes}
    with pytest.raises(ValueError, match=message):
        fit_forest(**given)


def test_what_is_no_list_of_forests_is_refused():
    forest = fit_forest(*draw())
    for wrong in (forest, {"a": forest}, [forest, 3], None):
        with pytest.raises(TypeError, match=r"a list of Forest or None, got [A-Za-z]+"):
            forests_to_onnx(wrong)


def test_models_without_one_number_of_features_are_refused():
    with pytest.raises(ValueError, match="one number of features, got no forest"):
        forests_to_onnx([None])
    forest = fit_forest(*draw())
    other = Forest(5, *forest[1:])
    with pytest.raises(ValueError, match=r"one number of features, got \[3, 5\]"):
        forests_to_onnx([forest, other])
