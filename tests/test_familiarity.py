"""How a recording sounds besides its heart, and whether the like of it was learnt."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from heartbeat_clf.familiarity import level_features
from heartbeat_clf.familiarity_judge import Places, fit_places, places_to_onnx
from heartbeat_clf.network_sessions import network_session


def test_features_are_quantiles_of_each_band_in_units_of_the_image():
    image = np.array([np.arange(11.0), 20 + 2 * np.arange(11.0)])
    low, middle, high = level_features(image).reshape(3, 2)
    for found, levels in ((low, [1, 22]), (middle, [5, 30]), (high, [9, 38])):
        expected = (np.array(levels) - image.mean()) / image.std()
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert low.dtype == np.float32


def test_gain_and_order_in_time_do_not_count():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(5, 200))
    expected = level_features(image)
    shuffled = 3 * image[:, rng.permutation(200)] - 40
    np.testing.assert_allclose(level_features(shuffled), expected, atol=1e-5)


def test_silence_has_no_level():
    assert level_features(np.full((2, 9), -80.0)).tolist() == [0.0] * 6


@pytest.mark.parametrize(
    "image",
    [
        np.full((2, 3), np.nan),
        np.full((2, 3), np.inf),
        np.full((2, 3), 1e30),
        np.full((2, 3), "1"),
        np.zeros((2, 3), dtype=bool),
        np.full((2, 3), None),
    ],
)
def test_what_is_no_level_is_refused(image):
    with pytest.raises(ValueError, match="image of finite levels in dB, got NaN"):
        level_features(image)


def test_precision_of_the_image_does_not_matter():
    image = np.random.default_rng(0).normal(-60, 20, size=(4, 500))
    for dtype in (np.float16, np.float32):
        found = level_features(image.astype(dtype))
        np.testing.assert_allclose(found, level_features(image), atol=2e-3)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1), (2, 0), (0, 5)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(n_bands, n_frames\), got \("):
        level_features(np.zeros(shape))


def draw(n=300, seed=0):
    """Return features of two places, ten apart, their names, subjects and weights."""
    rng = np.random.default_rng(seed)
    groups = np.where(rng.random(n) < 0.5, "here", "there")
    features = rng.normal(size=(n, 5))
    features[:, 0] += np.where(groups == "there", 10.0, 0.0)
    return features, groups, np.arange(n) // 2, np.ones(n)


def log_odds(places, features):
    run = network_session(places_to_onnx([places]))
    return run(np.asarray(features, dtype=np.float32))[:, 0]


def test_nine_tenths_of_what_was_never_heard_of_the_same_places_is_familiar():
    odds = log_odds(fit_places(*draw()), draw(3000, seed=1)[0])
    assert np.mean(odds > 0) == pytest.approx(0.9, abs=0.05)


def test_other_places_are_not_familiar():
    places = fit_places(*draw())
    features = draw(200, seed=1)[0]
    # Between both, beyond both, and beside both.
    between = np.where(np.arange(5) == 0, 5.0, features)
    for strange in (between, features + 10.0, np.roll(features, 1, axis=1) * 4):
        assert np.mean(log_odds(places, strange) < -4) > 0.9


def test_log_odds_are_eight_times_those_of_squared_distances():
    places = Places(
        mean=np.array([1.0, 2.0], dtype=np.float32),
        projection=np.array([[1.0, 0.0], [0.0, 2.0]], dtype=np.float32),
        centres=np.array([[0.0, 0.0], [30.0, 0.0]], dtype=np.float32),
        limit=4.0,
    )
    # Half a unit in the second feature is one in its component.
    found = log_odds(places, [[3.0, 2.0], [1.0, 4.0], [30.0, 2.0], [1.0, 2.0]])
    expected = [0.0, 8 * np.log(4 / 16), 8 * np.log(4.0), 50.0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert log_odds(places, [[1e20, 2.0]]).tolist() == [-50.0]


def test_a_group_has_the_shape_that_all_have_within():
    rng = np.random.default_rng(0)
    features, groups, subjects, weights = draw(2000)
    mixed = features @ rng.normal(size=(5, 5))
    odds = [log_odds(fit_places(f, groups, subjects, weights), f) for f in (mixed,)]
    # Whatever the units of features are.
    units = mixed * rng.uniform(0.01, 100, 5) + rng.normal(size=5)
    odds.append(log_odds(fit_places(units, groups, subjects, weights), units))
    np.testing.assert_allclose(odds[0], odds[1], atol=0.05)


def test_heavy_recordings_decide_how_far_their_like_may_be():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 5))
    wide = np.arange(400) % 2 == 1
    features[wide] *= 5.0
    groups, subjects = np.zeros(400), np.arange(400)
    shares = []
    for weight in (0.01, 1.0):
        weights = np.where(wide, weight, 1.0)
        odds = log_odds(fit_places(features, groups, subjects, weights), features)
        shares.append(np.mean(odds[wide] > 0))
    assert shares[0] < 0.1
    assert shares[1] > 0.5


def test_recordings_of_a_subject_do_not_vouch_for_each_other():
    # Ten subjects, each a place of its own: those left out are unlike all others.
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(10), 20)
    features = 20 * rng.normal(size=(10, 6))[subjects] + rng.normal(size=(200, 6))
    alone = fit_places(features, subjects, subjects, np.ones(200))
    mixed = fit_places(features, subjects, np.arange(200), np.ones(200))
    assert alone.limit > 20 * mixed.limit


def test_weights_of_any_size_are_taken():
    features, groups, subjects, weights = draw()
    one = fit_places(features, groups, subjects, weights)
    other = fit_places(features, groups, subjects, weights * 1e308)
    np.testing.assert_allclose(other.centres, one.centres, rtol=1e-4, atol=1e-4)
    assert other.limit == pytest.approx(one.limit, rel=1e-4)


def test_the_seed_draws_the_folds():
    limits = {fit_places(*draw(60), seed=seed).limit for seed in (0, 0, 1)}
    assert len(limits) == 2


def test_few_recordings_and_features_that_never_change_are_taken():
    features, groups, subjects, weights = draw(10)
    odds = log_odds(fit_places(features, groups, subjects, weights), features)
    assert np.isfinite(odds).all()
    features[:, 2:] = 0.0
    odds = log_odds(fit_places(features, groups, subjects, weights), features)
    assert np.isfinite(odds).all()


@pytest.mark.parametrize("constant", [0.0, 0.1, -0.3, 1 / 3, 7.0, 1e30])
def test_what_never_varies_is_not_looked_at(constant):
    # Its mean is rounded: what is left of it is no deviation.
    features, groups, subjects, _ = draw()
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(features))
    features[:, 3] = 0.0
    expected = fit_places(features, groups, subjects, weights)
    features[:, 3] = constant
    found = fit_places(features, groups, subjects, weights)
    assert found.limit == pytest.approx(expected.limit)
    features[:, 3] += 0.001 * constant
    np.testing.assert_allclose(
        log_odds(found, features), log_odds(expected, features), atol=0.01
    )


def test_settings_say_how_much_is_near_and_by_what():
    drawn = draw(1000)
    for near in (0.5, 0.95):
        odds = log_odds(fit_places(*drawn, near=near), draw(3000, seed=1)[0])
        assert np.mean(odds > 0) == pytest.approx(near, abs=0.06)
    assert fit_places(*drawn, components=2).centres.shape == (2, 2)
    assert fit_places(*drawn, components=99).centres.shape == (2, 5)


def test_what_is_not_judged_is_nan():
    places = fit_places(*draw())
    features = draw(10, seed=1)[0].astype(np.float32)
    beside = network_session(places_to_onnx([None, places, None]))(features)
    assert np.isnan(beside[:, [0, 2]]).all()
    assert np.array_equal(beside[:, 1], log_odds(places, features))


def test_the_model_asks_for_what_the_lowest_onnx_runtime_reads():
    model = onnx.load_from_string(places_to_onnx([fit_places(*draw())]))
    assert model.ir_version <= 10
    assert {part.domain: part.version for part in model.opset_import}[""] == 17


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.zeros(300)}, r"shape \(n_recordings, n_features\), got shape"),
        ({"features": np.full((300, 3), np.nan)}, "finite: False"),
        ({"features": np.full((300, 3), 1e39)}, "finite: False"),
        ({"features": np.zeros((300, 0))}, r"got shape \(300, 0\)"),
        ({"features": np.full((300, 3), "1")}, "features to be numbers, got <U1"),
        ({"features": np.full((300, 3), 1j)}, "features to be numbers, got complex"),
        ({"features": [[1.0], [1.0, 2.0]]}, "features to be an array, got: setting"),
        ({"weights": np.ones((300, 1))}, r"shape \(n_recordings,\), got \(300, 1\)"),
        ({"weights": None}, "weights to be numbers, got object"),
        ({"weights": np.zeros(300)}, r"finite weights above 0, got 0\.0"),
        ({"weights": np.full(300, np.nan)}, "above 0, got nan"),
        ({"weights": np.full(300, np.inf)}, "above 0, got inf"),
        ({"subjects": np.arange(300) % 4}, "5 subjects at least, got 4"),
        ({"groups": None}, r"groups of shape \(n_recordings,\), got \(\)"),
        ({"subjects": np.zeros((300, 2))}, r"subjects of shape .* got \(300, 2\)"),
        ({"components": 0}, "components must be an integer at least 1"),
        ({"near": 1.0}, "near must be"),
        ({"features": draw()[0] * 1e-44}, "of sizes like each other, got some too"),
        ({"features": np.full((300, 3), 7)}, "features that vary, got recordings all"),
        ({"weights": [5e-324] + [1e308] * 299}, "got some that vanish beside the larg"),
        (
            {"groups": np.array(["a", 1] * 150, object)},
            "each of one type, got: '<' not",
        ),
        ({"seed": -1}, "seed must be an integer"),
        ({"groups": np.zeros(3)}, "as many items in"),
        ({"subjects": np.zeros(3)}, "as many items in"),
    ],
)
def test_wrong_input_of_the_places_is_named(changes, message):
    names = ("features", "groups", "subjects", "weights")
    given = {**dict(zip(names, draw(), strict=True)), **changes}
    with pytest.raises(ValueError, match=message):
        fit_places(**given)


@pytest.mark.parametrize("wrong", ["one", {"a": None}, 5, None, ["a"], [3]])
def test_what_is_no_list_of_places_is_refused(wrong):
    places = fit_places(*draw()) if wrong == "one" else wrong
    with pytest.raises(TypeError, match=r"a list of Places or None, got [A-Za-z]+"):
        places_to_onnx(places)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": np.nan}, "a limit above 0 in Places, got limit=nan"),
        ({"limit": 0.0}, r"limit=0\.0"),
        ({"limit": np.inf}, "limit=inf"),
        ({"mean": np.full(5, np.nan)}, "the others finite: False"),
        ({"centres": np.zeros((0, 5))}, r"shapes that fit .* \(0, 5\)"),
        ({"centres": np.zeros((2, 3))}, r"shapes that fit .* \(2, 3\)"),
        ({"projection": np.zeros((4, 5))}, r"shapes that fit .* \(4, 5\)"),
        ({"projection": np.zeros(5)}, r"shapes that fit .* \(5,\)"),
    ],
)
def test_places_that_cannot_judge_are_refused(changes, message):
    places = fit_places(*draw())._replace(**changes)
    with pytest.raises(ValueError, match=message):
        places_to_onnx([None, places])


def test_models_without_one_number_of_features_are_refused():
    with pytest.raises(ValueError, match="one number of features, got no places"):
        places_to_onnx([None])
    places = fit_places(*draw())
    other = places._replace(mean=np.zeros(4), projection=np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"one number of features, got \[4, 5\]"):
        places_to_onnx([places, other])
