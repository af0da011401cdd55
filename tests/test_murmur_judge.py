"""A judge that learns from made murmurs: its features, its trees, its ONNX model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from heartbeat_clf.averaged_beats import BEAT_COLUMNS
from heartbeat_clf.beat_regions import beat_regions, count_regions
from heartbeat_clf.murmur_judge import BoostedTrees, boosted_to_onnx, fit_boosted
from heartbeat_clf.network_sessions import network_session

SHAPE = (40, sum(BEAT_COLUMNS), 3)


def test_regions_are_means_of_four_bands_and_columns_less_the_mean_of_the_band():
    rng = np.random.default_rng(0)
    beat = rng.normal(size=SHAPE)
    features = beat_regions(beat, 9)
    assert (features.dtype, features.shape) == (np.float32, (391,))
    assert features[-1] == 9
    regions = features[:-1].reshape(10, 13, 3)
    levels = beat - beat[..., :1].mean(axis=1, keepdims=True)
    for group, column, channel in ((0, 0, 0), (3, 7, 1), (9, 12, 2)):
        part = levels[4 * group :, 4 * column :, channel][:4, :4]
        assert regions[group, column, channel] == pytest.approx(part.mean(), abs=1e-5)


def test_what_a_device_does_to_the_bands_does_not_count():
    beat = np.random.default_rng(0).normal(size=SHAPE)
    gain = np.linspace(3, -9, 40)[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(
        beat_regions(beat + gain, 3), beat_regions(beat, 3), atol=1e-5
    )


@pytest.mark.parametrize("n_bands", [1, 7, 10, 13, 128])
def test_every_band_is_in_one_region(n_bands):
    beat = np.zeros((n_bands, *SHAPE[1:]))
    beat[:, :4] = np.arange(1, n_bands + 1)[:, np.newaxis, np.newaxis]
    features = beat_regions(beat, 1)
    assert len(features) == count_regions(n_bands)
    regions = features[:-1].reshape(min(10, n_bands), 13, 3)
    # 12 of 13 columns lie a 13th of the first one's level below their mean.
    levels = regions[:, 0, 0] * 13 / 12
    sizes = np.diff(np.arange(len(levels) + 1) * n_bands // len(levels))
    assert sizes.min() >= 1
    assert (levels * sizes).sum() == pytest.approx(np.arange(1, n_bands + 1).sum())


@pytest.mark.parametrize("shape", [(40, 51, 3), (40, 52), (40, 52, 2), (0, 52, 3)])
def test_what_is_no_beat_has_no_regions(shape):
    message = r"Expected a finite beat of shape \(n_bands, 52, 3\), got"
    with pytest.raises(ValueError, match=message):
        beat_regions(np.zeros(shape), 3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_beats_of_no_numbers_are_refused(wrong):
    beat = np.zeros(SHAPE)
    beat[3, 3, 0] = wrong
    with pytest.raises(ValueError, match=r"Expected a finite beat .* finite: False"):
        beat_regions(beat, 3)
    with pytest.raises(ValueError, match="n_beats must be an integer at least 1"):
        beat_regions(np.zeros(SHAPE), 0)


def draw(n=600, seed=0):
    """Return features of which two tell the class together, and neither alone."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 5)).astype(np.float32)
    positive = features[:, 1] * features[:, 3] > 0
    return features, positive, np.array([f"s{row // 4}" for row in range(n)])


@pytest.fixture(scope="module")
def trees():
    return fit_boosted(*draw())


def test_trees_tell_what_no_number_tells_alone(trees):
    others, positive, _ = draw(400, seed=1)
    run = network_session(boosted_to_onnx([trees]))
    assert roc_auc_score(positive, run(others)[:, 0]) > 0.95


def test_the_onnx_model_adds_up_what_the_trees_say(trees):
    features = draw(200, seed=2)[0]
    total = np.full(len(features), trees.intercept)
    first = np.searchsorted(trees.tree, np.arange(trees.tree.max() + 1))
    for start in first:
        node = np.full(len(features), start)
        while (inner := trees.feature[node] >= 0).any():
            rows = np.flatnonzero(inner)
            at = node[rows]
            low = features[rows, trees.feature[at]] <= trees.threshold[at]
            node[rows] = start + np.where(low, trees.low[at], trees.high[at])
        total += trees.log_odds[node]
    run = network_session(boosted_to_onnx([trees]))
    np.testing.assert_allclose(run(features)[:, 0], total, atol=1e-4)


def test_the_onnx_model_ranks_as_scikit_learn_does():
    features, positive, subjects = draw()
    weights = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum()) * 600
    grown = GradientBoostingClassifier(
        init="zero",
        n_estimators=300,
        subsample=0.5,
        max_depth=None,
        max_leaf_nodes=8,
        min_samples_leaf=30,
        max_features=5,
        random_state=3,
    ).fit(features, positive, weights)
    judge = fit_boosted(features, positive, subjects, seed=3)
    others = draw(200, seed=2)[0]
    said = network_session(boosted_to_onnx([judge]))(others)[:, 0] - judge.intercept
    expected = grown.decision_function(others)
    slope = (said * expected).sum() / (expected**2).sum()
    assert slope > 0
    np.testing.assert_allclose(said, slope * expected, atol=1e-3)


def test_what_subjects_left_out_say_shifts_the_log_odds():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(40), 15)
    positive = subjects < 30
    features = rng.normal(size=(600, 3)) + 3.0 * rng.normal(size=(40, 3))[subjects]
    assert fit_boosted(features, positive, subjects).intercept != 0.0


def test_classes_weigh_the_same_whatever_their_number():
    rng = np.random.default_rng(0)
    # Nothing to learn: by number, log odds of -1.1 would be said.
    positive, subjects = rng.random(600) < 0.25, np.arange(600)
    judge = fit_boosted(rng.normal(size=(600, 3)), positive, subjects)
    run = network_session(boosted_to_onnx([judge]))
    others = rng.normal(size=(300, 3)).astype(np.float32)
    assert abs(run(others).mean()) < 0.4


def test_log_odds_are_calibrated_on_subjects_left_out():
    rng = np.random.default_rng(0)
    # Each subject's own number tells the class of that one alone.
    subjects = np.repeat(np.arange(100), 6)
    positive = np.arange(100)[subjects] % 2 == 0
    features = np.column_stack([subjects, rng.normal(size=(600, 2))])
    judge = fit_boosted(features, positive, subjects)
    said = network_session(boosted_to_onnx([judge]))(features.astype(np.float32))
    # Uncalibrated, it would be sure of what it has seen: log odds of 3 and more.
    assert np.abs(said).mean() < 1.5


def test_what_is_not_judged_is_nan_and_the_sign_turns_the_rest(trees):
    features = draw(10, seed=1)[0]
    (alone,) = network_session(boosted_to_onnx([trees]))(features).T
    beside = network_session(boosted_to_onnx([None, trees, None]))(features)
    assert np.isnan(beside[:, [0, 2]]).all()
    assert np.array_equal(beside[:, 1], alone)
    turned = network_session(boosted_to_onnx([trees], sign=-1.0))(features)
    assert np.array_equal(turned[:, 0], -alone)


def test_the_model_asks_for_what_the_lowest_onnx_runtime_reads(trees):
    model = onnx.load_from_string(boosted_to_onnx([trees]))
    assert model.ir_version <= 10


def test_one_subject_of_a_class_is_too_few():
    features, positive, subjects = draw()
    subjects = np.where(positive, "one", subjects)
    assert fit_boosted(features, positive, subjects) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.full((600, 5), np.nan)}, "finite: False"),
        ({"positive": np.arange(600) % 2}, "True and False, got int64"),
        ({"subjects": np.arange(3)}, "as many items in"),
        ({"subjects": None}, r"subjects of shape \(n_beats,\), got \(\)"),
        ({"positive": np.ones((600, 1), bool)}, r"positive of shape \(n_beats,\), got"),
    ],
)
def test_wrong_input_is_named(changes, message):
    names = ("features", "positive", "subjects")
    given = {**dict(zip(names, draw(), strict=True)), **changes}
    with pytest.raises(ValueError, match=message):
        fit_boosted(**given)


def test_wrong_judges_are_refused(trees):
    with pytest.raises(ValueError, match="one number of features, got no judge"):
        boosted_to_onnx([None])
    other = BoostedTrees(7, *trees[1:])
    with pytest.raises(ValueError, match=r"one number of features, got \[5, 7\]"):
        boosted_to_onnx([trees, other])
    with pytest.raises(ValueError, match=r"sign must be 1\.0 or -1\.0, got 2"):
        boosted_to_onnx([trees], sign=2)
    with pytest.raises(TypeError, match="a list of BoostedTrees or None, got"):
        boosted_to_onnx(trees)
