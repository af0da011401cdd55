"""The models in the box, and training that starts from them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from heartbeat_clf import (
    HeartbeatClassifier,
    SpectrogramTransformer,
    load_pretrained,
    make_heartbeat_pipeline,
    save,
)
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.fine_tuning import learn_head
from heartbeat_clf.heartbeat_pipeline import check_agreement
from heartbeat_clf.initial_weights import read_initial_weights
from heartbeat_clf.model_archive import read_model
from heartbeat_clf.pretrained import MODELS, find_model


@pytest.mark.parametrize("target", ["murmur", "abnormal"])
def test_shipped_model_answers_recordings(target, synthetic):
    model = load_pretrained(target)
    assert model.classes_.tolist() == [target, "normal"]
    probabilities = model.predict_proba(synthetic.recordings[:3])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


@pytest.mark.parametrize("target", ["murmur", "abnormal"])
def test_a_clone_starts_from_the_weights(target):
    cloned = clone(load_pretrained(target))
    made = make_heartbeat_pipeline(
        initial_weights=f"pretrained:{target}", random_state=0
    )
    known = made.get_params()
    for name, value in cloned.get_params().items():
        if not isinstance(value, BaseEstimator | list):
            if name == "classifier__augment":
                assert known[name] is True
                continue
            assert value == known[name], name


def test_unknown_model_is_named():
    with pytest.raises(ValueError, match="target must be one of 'murmur', 'abnormal'"):
        load_pretrained("valve")


def test_models_are_small_and_say_how_they_were_made():
    size = sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file())
    assert size <= 5_000_000
    training = json.loads((MODELS / "training.json").read_text())
    names = {part["name"] for part in training["data"]}
    assert names == {"circor", "cinc2016"}
    card = (MODELS / "model_card.md").read_text()
    assert "Not a medical device" in card


def test_operating_points_reach_what_is_asked():
    points = load_pretrained()[-1].operating_points_
    assert points.unit == "person"
    assert points.combine == "mean by clarity"
    # Who does not know of what is in them reads no other answer out of the files.
    assert read_model(find_model("murmur"))[0]["format_version"] == 8
    assert read_model(find_model("abnormal"))[0]["format_version"] == 9
    for share in (0.8, 0.9, 0.95):
        reached = points.reached(points.threshold(sensitivity=share))
        assert reached["sensitivity"] >= share


def test_murmurs_are_heard_in_either_phase():
    # Of the score of "normal", the lower one says more of a murmur.
    assert load_pretrained()[-1].predictor_.beats.either_phase == (-1,)
    assert load_pretrained("abnormal")[-1].predictor_.beats.either_phase == ()


@pytest.fixture(scope="module")
def hearts():
    return make_heart_sounds(2, duration=8.0, random_state=0).recordings


@pytest.mark.parametrize("target", ["murmur", "abnormal"])
def test_gaps_are_no_part_of_what_is_heard(target, hearts):
    model = load_pretrained(target)
    whole = model.decision_function(hearts)
    broken = [np.insert(r, [700] * 80 + [1900] * 300, 0.0) for r in hearts]
    np.testing.assert_array_equal(model.decision_function(broken), whole)
    model.set_params(spectrogram__gap_removal=False)
    assert np.abs(model.decision_function(broken) - whole).max() > 0.5


def test_hum_is_no_part_of_what_is_heard(hearts):
    model = load_pretrained()
    plain = model.predict_proba(hearts)[:, 0]
    humming = [
        r + 3 * r.std() * np.sin(2 * np.pi * 50 * np.arange(len(r)) / 1000)
        for r in hearts
    ]
    changes = np.abs(model.predict_proba(humming)[:, 0] - plain)
    model.set_params(spectrogram__hum_removal=False)
    others = np.abs(model.predict_proba(humming)[:, 0] - plain)
    assert (changes < 0.2 * others).all()
    assert others.max() > 0.05


def test_a_rumble_below_the_heart_is_no_part_of_what_is_heard(hearts):
    model, normal = load_pretrained(), hearts[2:]
    plain = model.decision_function(normal)
    noise = np.random.default_rng(0).normal(size=8000)
    low = np.fft.rfft(noise)
    low[np.fft.rfftfreq(8000, 1 / 1000) > 15] = 0
    rumble = np.fft.irfft(low)
    rumbling = [r + 3 * r.std() * rumble / rumble.std() for r in normal]
    changes = np.abs(model.decision_function(rumbling) - plain)
    model.set_params(spectrogram__band_pass=None)
    others = np.abs(model.decision_function(rumbling) - plain)
    assert (changes < 0.3 * others).all()
    assert others.min() > 0.5


def test_shipped_model_needs_no_tensorflow():
    code = (
        "import sys, numpy as np; from heartbeat_clf import load_pretrained;"
        "load_pretrained().predict_proba([np.sin(np.arange(3000.0))]);"
        "print([m for m in ('tensorflow', 'keras', 'matplotlib') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_pipeline_takes_over_what_the_weights_need():
    pipeline = make_heartbeat_pipeline(initial_weights="pretrained")
    classifier = pipeline[-1]
    weights = read_initial_weights("pretrained")
    assert classifier.network == weights.settings["classifier", "network"] == "wide"
    assert pipeline["trimmer"].bands == "all"
    assert (classifier.epochs, classifier.learning_rate) == (30, 1e-3)
    chosen = make_heartbeat_pipeline(
        initial_weights="pretrained", epochs=3, network="wide_linear"
    )
    assert (chosen[-1].epochs, chosen[-1].network) == (3, "wide_linear")


@pytest.mark.parametrize("same", [(25, 500), [25.0, 500.0], np.array([25.0, 500.0])])
def test_pairs_of_any_kind_may_say_what_the_weights_need(same):
    pipeline = make_heartbeat_pipeline(initial_weights="pretrained", band_pass=same)
    assert pipeline["spectrogram"].band_pass == (25.0, 500.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_mels": 32}, r"n_mels=40 as the initial weights 'pretrained' .* got 32"),
        ({"spectrogram__sample_rate": 2000}, "sample_rate=1000 as .* got 2000"),
        ({"gap_removal": False}, "gap_removal=True as .* got False"),
        ({"band_pass": None}, r"band_pass=\(25.0, 500.0\) as .* got None"),
        ({"band_pass": [25, 400]}, r"band_pass=\(25.0, 500.0\) as .* got \(25, 400\)"),
        ({"hum_removal": False}, "hum_removal=True as .* got False"),
        ({"network": "small"}, "network='wide' or 'wide_linear' as .* got 'small'"),
        ({"window_duration": 3.0}, "windows of 250 frames as .* is 188 frames"),
        ({"preset": "ancestor"}, 'preset="default" with initial_weights'),
        ({"initial_weights": "pretrained:valve"}, "initial_weights must be one of"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_heartbeat_pipeline(**{"initial_weights": "pretrained", **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spectrogram__fmax": 400.0}, r"fmax=480\.0 as the initial .* got 400\.0"),
        ({"spectrogram__band_pass": None}, r"band_pass=\(25.0, 500.0\) as .* got None"),
        ({"trimmer__bands": "auto"}, "bands='all' as the initial .* got 'auto'"),
        ({"classifier__standardize": False}, "standardize=True as .* got False"),
    ],
)
def test_settings_that_are_set_later_are_named_before_anything_is_read(
    settings, message
):
    recordings = ["no.wav", "file.wav"]
    for pipeline in (
        make_heartbeat_pipeline(initial_weights="pretrained"),
        make_heartbeat_pipeline(),
        load_pretrained(),
        clone(load_pretrained()),
    ):
        if pipeline[-1].initial_weights is None:
            # They come later, and so do the settings that go with them.
            known = make_heartbeat_pipeline(initial_weights="pretrained")
            names = [
                f"{o}__{p}" for o, p in read_initial_weights("pretrained").settings
            ]
            given = {name: known.get_params()[name] for name in names}
            pipeline.set_params(classifier__initial_weights="pretrained", **given)
        pipeline.set_params(**settings)
        with pytest.raises(ValueError, match=message):
            pipeline.fit(recordings, ["a", "b"])


def test_what_no_weights_hold_for_is_free(tmp_path):
    pipeline = make_heartbeat_pipeline(initial_weights="pretrained")
    pipeline.set_params(
        spectrogram__duration=3.0,
        spectrogram__band_pass=[25, 500],
        classifier__network="wide_linear",
        classifier__epochs=1,
    )
    with pytest.raises(FileNotFoundError, match=r"no\.wav"):
        pipeline.fit([str(tmp_path / "no.wav")] * 2, ["murmur", "normal"])
    # Without initial weights nothing is asked.
    free = make_heartbeat_pipeline(n_mels=8)
    with pytest.raises(FileNotFoundError, match=r"no\.wav"):
        free.fit([str(tmp_path / "no.wav")] * 2, ["murmur", "normal"])


@pytest.mark.parametrize("wrong", [np.array([25, 400]), [25, 400], np.arange(3)])
def test_pairs_that_differ_are_named_whatever_holds_them(wrong):
    weights = replace(
        read_initial_weights("pretrained"),
        settings={("spectrogram", "band_pass"): None},
    )
    step = SpectrogramTransformer(band_pass=wrong)
    with pytest.raises(ValueError, match=r"band_pass=None as .* out, or set it to"):
        check_agreement(weights, "spectrogram", "band_pass", step)


def test_a_network_that_a_file_could_not_hold_is_free():
    weights = replace(
        read_initial_weights("pretrained"), settings={("classifier", "network"): None}
    )
    step = HeartbeatClassifier(network=len)
    assert check_agreement(weights, "classifier", "network", step) is len


def test_a_pipeline_of_parts_is_checked_as_far_as_it_goes():
    pipeline = make_heartbeat_pipeline(initial_weights="pretrained")
    images = type(pipeline)(pipeline.steps[-1:])
    images.set_params(classifier__window_frames=100)
    with pytest.raises(ValueError, match=r"window_frames=250 as .* got 100"):
        images.fit([np.ones((40, 300))] * 2, ["murmur", "normal"])


def test_initial_weights_that_are_no_path():
    with pytest.raises(TypeError, match=r"initial_weights to be .* got 3"):
        read_initial_weights(3)


def test_frozen_blocks_need_weights(images):
    with pytest.raises(ValueError, match="frozen_blocks=1 needs weights to keep"):
        HeartbeatClassifier(frozen_blocks=1).fit(images[0], images[1])


def rows_of(n=6):
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(40, 260)).astype("f4") for _ in range(n)]
    return images, np.array(["murmur", "normal"] * (n // 2))


@pytest.mark.training
def test_training_starts_from_the_weights_and_keeps_frozen_blocks():
    X, y = rows_of()
    settings = {
        "network": "wide",
        "epochs": 1,
        "initial_weights": "pretrained",
        "random_state": 0,
    }
    start = load_pretrained()[-1].estimator_.model_
    tuned = HeartbeatClassifier(frozen_blocks=2, **settings).fit(X, y)
    network = tuned.estimator_.model_
    for name in ("conv_1", "norm_1", "conv_2", "norm_2"):
        for one, other in zip(
            start.get_layer(name).get_weights(),
            network.get_layer(name).get_weights(),
            strict=True,
        ):
            assert np.array_equal(one, other)
    moved = network.get_layer("conv_4").get_weights()[0]
    known = start.get_layer("conv_4").get_weights()[0]
    assert 0 < np.abs(moved - known).max() < 0.05


@pytest.mark.training
@pytest.mark.parametrize("labels", [("murmur", "normal"), ("early", "late", "none")])
def test_a_linear_head_starts_as_a_logistic_regression(labels):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(40, 260)).astype("f4") for _ in range(12)]
    y = np.array(labels * (12 // len(labels)))
    given = {
        "network": "wide_linear",
        "initial_weights": "pretrained",
        "epochs": 1,
        "learning_rate": 1e-12,
        "augment": False,
        "random_state": 0,
    }
    # Moving statistics of the norms would still change: the weights are too far.
    classifier = HeartbeatClassifier(**given, frozen_blocks=4)
    norms = ("context_norm_1", "context_norm_2")
    start = load_pretrained()[-1]
    # The head learns from what the network on windows hears, not from average beats.
    windows_alone = replace(start.predictor_, beats=None)
    heard = windows_alone.embeddings([image[..., np.newaxis] for image in X])
    scaled = StandardScaler().fit_transform(heard)
    model = LogisticRegression(C=0.1, max_iter=1000).fit(scaled, y)
    network = classifier.fit(X, y).estimator_.model_
    for name in norms:
        network.get_layer(name).set_weights(
            start.estimator_.model_.get_layer(name).get_weights()
        )
    windows = np.stack([(x[:, :250] - x.mean()) / x.std() for x in X])[..., np.newaxis]
    late = np.stack([(x[:, 10:] - x.mean()) / x.std() for x in X])[..., np.newaxis]
    found = (np.asarray(network(windows)) + np.asarray(network(late))) / 2
    expected = model.decision_function(scaled).reshape(len(X), -1)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.fixture
def linear_network():
    import keras

    from heartbeat_clf.networks import build_small_network

    keras.utils.set_random_seed(0)  # others may have dead units
    return build_small_network((32, 20, 1), filters=(2, 3, 4), linear_head=True)


def head_of(network, images, codes, weights):
    learn_head(network, images, codes, weights, window_frames=20, standardize=True)
    return network.get_layer("logits").get_weights()


def test_a_linear_head_counts_weights_in_relation(linear_network):
    images, codes = (
        np.random.default_rng(0).normal(size=(9, 32, 20, 1)),
        np.arange(9) % 2,
    )
    weights = np.ones(9)
    weights[-2:] = 0.0
    kernel, bias = head_of(linear_network, images[:-2], codes[:-2], weights[:-2])
    assert np.abs(kernel).max() > 0.01
    others = images.copy()
    others[-2:] *= np.random.default_rng(1).normal(size=(2, 32, 20, 1))
    for part in (images, others):
        again = head_of(linear_network, part, codes, 1000 * weights)
        np.testing.assert_allclose(again[0], kernel, atol=1e-5)
        np.testing.assert_allclose(again[1], bias, atol=1e-5)


def test_a_linear_head_without_a_class_favours_none(linear_network):
    images = np.random.default_rng(0).normal(size=(4, 32, 20, 1))
    kernel, bias = head_of(linear_network, images, np.zeros(4, int), np.ones(4))
    assert (np.abs(kernel).max(), bias) == (0.0, 0.0)


@pytest.mark.training
def test_a_tuned_linear_head_is_a_start_itself(tmp_path, synthetic):
    X, y = synthetic.recordings[:6], synthetic.target[:6]
    pipeline = make_heartbeat_pipeline(
        initial_weights="pretrained", network="wide_linear", epochs=1, random_state=0
    ).fit(X, y)
    file = save(pipeline, tmp_path / "tuned.hbc")
    again = make_heartbeat_pipeline(initial_weights=file, epochs=1, learning_rate=1e-9)
    assert again[-1].network == "wide_linear"
    again.fit(X, y)
    one, other = (
        p[-1].estimator_.model_.get_layer("logits").get_weights()[0]
        for p in (pipeline, again)
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.training
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen_blocks": 9}, "frozen_blocks to be at most 4, the blocks of"),
        (
            {"network": "small"},
            "'conv_3' has shapes .* Set network='wide' or network='wide_linear'",
        ),
        ({"window_frames": 100}, "window_frames=250 as the initial weights"),
    ],
)
def test_networks_that_do_not_fit_are_named(settings, message):
    X, y = rows_of(2)
    given = {"network": "wide", "epochs": 1, "initial_weights": "pretrained"}
    with pytest.raises(ValueError, match=message):
        HeartbeatClassifier(**{**given, **settings}).fit(X, y)


def test_weights_come_from_a_saved_model_too(tiny_model):
    weights = read_initial_weights(tiny_model)
    assert weights.n_bands <= 16
    assert weights.classes == ("murmur", "normal")
    assert find_model("murmur").name == "murmur.hbc"
