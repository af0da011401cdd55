"""How much of the initial weights stays in what was trained on."""

from __future__ import annotations

import functools
import pickle

import keras
import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import Pipeline

from heartbeat_clf import HeartbeatClassifier, load, load_pretrained, save
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.initial_share import KEPT_SHARE, choose_share, draw_back
from heartbeat_clf.pipeline import make_heartbeat_pipeline

N_BANDS = 30


def network_of(weight, *, n_bands=N_BANDS, layer=None):
    """Return a network whose logit is the mean level times a weight."""
    image = keras.Input((n_bands, 8, 1))
    features = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(
        image
    )
    features = layer(features) if layer else features
    mean = keras.layers.GlobalAveragePooling2D()(features)
    head = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(weight))
    return keras.Model(image, head(mean))


def share_of(network, X, y, *, weights=None, groups=None):
    return choose_share(
        network,
        [np.asarray(x, dtype=np.float32)[..., np.newaxis] for x in X],
        np.asarray(y),
        np.ones(len(y)) if weights is None else np.asarray(weights),
        groups,
        window_frames=8,
        standardize=False,
        seed=0,
    )


def loud_and_soft(n=20):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return rng.normal(size=(n, N_BANDS, 8)) + 2.0 * y[:, np.newaxis, np.newaxis], y


@pytest.mark.parametrize(
    ("weight", "share"), [(1.0, KEPT_SHARE), (0.0, 0.0), (-1.0, 0.0)]
)
def test_weights_stay_where_they_know_the_question(weight, share):
    X, y = loud_and_soft()
    assert share_of(network_of(weight), X, y) == share


def test_the_share_is_found_where_scikit_learn_routes_metadata():
    X, y = loud_and_soft()
    with config_context(enable_metadata_routing=True):
        assert share_of(network_of(1.0), X, y) == KEPT_SHARE


def test_subjects_are_kept_apart():
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(24, N_BANDS, 1))
    labels = rng.permutation(24) % 2
    subjects = np.repeat(np.arange(24), 2)
    X = voices[subjects] + 0.1 * rng.normal(size=(48, N_BANDS, 8))
    y = labels[subjects]
    # Who speaks tells the label, which is worth nothing for other people.
    assert share_of(network_of(0.0), X, y) == 0.0
    assert share_of(network_of(0.0), X, y, groups=subjects) == KEPT_SHARE


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_a_missing_subject_is_named(gap):
    X, y = loud_and_soft()
    groups = np.array(["a", "b", gap, *"cdefghijklmnopqrs"], dtype=object)
    with pytest.raises(ValueError, match=r"value in every row of groups, got .* row 2"):
        share_of(network_of(1.0), X, y, groups=groups)


def test_recordings_of_no_weight_have_no_say():
    X, y = loud_and_soft(40)
    y[20:] = 1 - y[20:]
    weights = np.repeat([1.0, 0.0], 20)
    assert share_of(network_of(1.0), X, y, weights=weights) == KEPT_SHARE
    assert share_of(network_of(-1.0), X, y, weights=weights) == 0.0


def test_too_few_recordings_to_say_keep_the_weights():
    X, y = loud_and_soft(6)
    y = np.array([0, 1, 1, 1, 1, 1])
    assert share_of(network_of(0.0), X, y) == KEPT_SHARE


def test_a_network_that_does_not_tell_what_it_hears_is_trained_freely():
    X, y = loud_and_soft()
    own = keras.layers.Lambda(lambda x: x)
    assert share_of(network_of(1.0, layer=own), X, y) == 0.0


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 4.0), (0.25, 3.0), (0.5, 2.0), (1.0, 0.0)]
)
def test_weights_are_moved_back_by_the_share(share, expected):
    network = network_of(0.0)
    initial = network.get_weights()
    kernel, moved, bias = initial
    network.set_weights([kernel, moved + 4.0, bias])
    draw_back(network, initial, share)
    kept, found, _ = network.get_weights()
    np.testing.assert_allclose(found, expected)
    assert np.array_equal(kept, kernel)


@pytest.fixture(scope="module")
def heard():
    """Return images of synthetic recordings and their classes."""
    sounds = make_heart_sounds(12, duration=4.0, random_state=0)
    steps = make_heartbeat_pipeline(initial_weights="pretrained")
    return steps[:-1].fit_transform(sounds.recordings), sounds.target


def renamed(y):
    """Return the classes by names that the weights do not know."""
    return np.where(y == "normal", "no", "yes")


@pytest.fixture(scope="module")
def tuned(heard):
    """Return a function that fits a classifier, or returns it as it was fitted."""

    @functools.cache
    def fitted(share, other_classes, network):
        X, y = heard
        classifier = HeartbeatClassifier(
            network,
            initial_weights="pretrained",
            initial_share=share,
            epochs=1,
            learning_rate=1e-2,
            random_state=0,
        ).fit(X, renamed(y) if other_classes else y)
        return pickle.dumps(classifier)

    def tune(share, *, other_classes=False, network="wide"):
        return pickle.loads(fitted(share, other_classes, network))

    return tune


@pytest.mark.training
def test_a_share_lies_between_the_weights_before_and_after(tuned):
    early = load_pretrained()[-1].estimator_.model_.get_weights()
    late, half, all_of_it = (
        tuned(share).estimator_.model_.get_weights() for share in (0, 0.5, 1)
    )
    assert max(np.abs(a - b).max() for a, b in zip(early, late, strict=True)) > 1e-2
    for first, last, middle, same in zip(early, late, half, all_of_it, strict=True):
        np.testing.assert_allclose(middle, (first + last) / 2, atol=1e-5)
        np.testing.assert_allclose(same, first, atol=1e-5)


@pytest.mark.training
def test_the_share_is_told_and_saved(tuned, tmp_path):
    assert tuned("auto").initial_share_ in (0.0, KEPT_SHARE)
    # It comes out of a pickle.
    classifier = tuned(0.25)
    assert classifier.initial_share_ == 0.25
    again = load(save(Pipeline([("classifier", classifier)]), tmp_path / "tuned.hbc"))
    assert again[-1].initial_share_ == again[-1].initial_share == 0.25


@pytest.mark.training
def test_what_was_trained_on_sounds_familiar(heard):
    known = load_pretrained("abnormal")[-1].predictor_.beats
    assert known.familiarity is not None
    X, y = heard
    classes = np.where(y == "normal", y, "abnormal")
    half, whole = (
        HeartbeatClassifier(
            "wide",
            initial_weights="pretrained:abnormal",
            initial_share=share,
            epochs=1,
            random_state=0,
        ).fit(X, classes)
        for share in (0.5, 1)
    )
    assert half.predictor_.beats == known.trained_on()
    assert whole.predictor_.beats == known
    assert whole.partial_fit(X, classes).predictor_.beats == known.trained_on()


@pytest.mark.training
def test_the_look_at_the_average_beat_stays_where_a_share_does(heard, tuned):
    known = load_pretrained()[-1].predictor_.beats
    assert known is not None
    kept = tuned(0.25)
    assert kept.predictor_.beats == known
    assert kept.partial_fit(*heard).predictor_.beats == known
    assert tuned(0).predictor_.beats is None
    assert tuned("auto", other_classes=True).predictor_.beats is None


@pytest.mark.training
def test_probabilities_are_calibrated_on_the_weights_that_stay(heard):
    X, y = heard
    groups = np.arange(len(y))
    settings = {"epochs": 1, "validation_fraction": 0.4, "random_state": 0}
    classifiers = [
        HeartbeatClassifier(
            "wide",
            initial_weights="pretrained",
            initial_share=1,
            learning_rate=rate,
            **settings,
        ).fit(X, y, groups=groups)
        for rate in (1e-2, 1e-6)
    ]
    one, other = (c.predictor_.calibration for c in classifiers)
    # However far training went, nothing of it is left.
    assert one.slope == pytest.approx(other.slope, rel=1e-3)
    np.testing.assert_allclose(one.shift, other.shift, atol=1e-3)


@pytest.mark.training
def test_weights_that_stay_answer_as_their_model_does(heard):
    X, y = heard
    model = load_pretrained()[-1]
    classifier = HeartbeatClassifier(
        "wide",
        initial_weights="pretrained",
        initial_share=1,
        epochs=1,
        class_weight={"murmur": 20.0, "normal": 1.0},
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(
        classifier.predict_proba(X), model.predict_proba(X), atol=1e-4
    )


@pytest.mark.training
def test_other_classes_train_freely_and_refuse_a_share(tuned):
    assert tuned("auto", other_classes=True).initial_share_ == 0.0
    with pytest.raises(
        ValueError, match=r"initial_share=0 .* got 0.5: .* \['no', 'yes'\]. Name"
    ):
        tuned(0.5, other_classes=True)


@pytest.mark.training
def test_a_linear_head_may_keep_a_share(tuned):
    classifier = tuned(0.5, other_classes=True, network="wide_linear")
    assert classifier.initial_share_ == 0.5


@pytest.mark.training
def test_one_more_epoch_keeps_no_share(heard, tuned):
    X, y = heard
    classifier = HeartbeatClassifier(
        "wide", initial_weights="pretrained", initial_share=1, random_state=0
    ).partial_fit(X, y)
    assert classifier.initial_share_ == 0.0
    assert tuned(0.5).partial_fit(X, y).initial_share_ == 0.5
    early = load_pretrained()[-1].estimator_.model_.get_weights()
    late = classifier.estimator_.model_.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(early, late, strict=True)) > 1e-4


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"initial_share": "half"}, TypeError, '"auto" or a number .* got .half.'),
        ({"initial_share": 1.5}, ValueError, '"auto" or a number from 0 to 1, got 1.5'),
        ({"initial_share": None}, TypeError, '"auto" or a number .* got None'),
        ({"initial_share": 0.5}, ValueError, "initial_share=0.5 needs weights to keep"),
    ],
)
def test_shares_that_mean_nothing_are_named(images, settings, error, message):
    with pytest.raises(error, match=message):
        HeartbeatClassifier(**settings).fit(images[0], images[1])
