"""What the network of the quality gate learns from, and how it is written."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import onnxruntime
import pytest

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.quality_examples import NEGATIVE_KINDS, QualityExamples
from heartbeat_clf.quality_features import N_FEATURES, quality_features
from heartbeat_clf.quality_training import network_to_onnx, train_quality_network


@pytest.fixture(scope="module")
def hearts():
    return make_heart_sounds(6, duration=5.0, random_state=1).recordings


@pytest.fixture(scope="module")
def examples(hearts):
    return QualityExamples([hearts, hearts[:2]], hearts[:1], pool_size=2)


def _run(network, features):
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": features.astype(np.float32)})[0]


def test_every_other_window_has_a_heart(examples):
    windows, kinds = examples.draw(12)
    assert windows.shape == (12, 40, 125)
    assert np.isfinite(windows).all()
    assert (kinds[1::2] == "heart").all()
    assert set(kinds[::2]) <= set(NEGATIVE_KINDS)


@pytest.mark.parametrize("kind", ["heart", *NEGATIVE_KINDS])
def test_every_kind_can_be_drawn(examples, kind):
    for seed in range(5):
        window = examples.window(kind, np.random.default_rng(seed))
        assert window.shape == (40, 125)
        assert np.isfinite(window).all()


def test_draws_follow_seed_and_batch(hearts, examples):
    same = QualityExamples([hearts, hearts[:2]], hearts[:1], pool_size=2)
    first, _ = examples.draw(4)
    assert np.array_equal(same.draw(6)[0][:4], first)
    assert not np.array_equal(examples.draw(4, 1)[0], first)
    other = QualityExamples([hearts], hearts[:1], pool_size=2, seed=1)
    assert not np.array_equal(other.draw(4)[0], first)


def test_kinds_can_be_left_out_and_poor_needs_recordings(hearts):
    few = QualityExamples([hearts], kinds=["speech", "poor"], pool_size=1)
    assert few.kinds == ["speech"]
    assert set(few.draw(8)[1]) == {"speech", "heart"}


def test_onnx_is_the_mean_of_clipped_scaled_dense_networks():
    mean, scale = np.full(N_FEATURES, 1.0), np.full(N_FEATURES, 2.0)
    up = np.zeros((N_FEATURES, 2))
    up[0] = [1.0, -1.0]
    one = [(up, np.zeros(2)), (np.array([[1.0], [3.0]]), np.array([0.5]))]
    two = [(np.zeros((N_FEATURES, 1)), np.array([4.0])), (np.eye(1), np.zeros(1))]
    network = network_to_onnx(mean, scale, [one, two])
    features = np.ones((3, N_FEATURES))
    features[:, 0] = [5.0, -1.0, 1001.0]
    # Scaled and clipped: 2, -1, 5; the first network gives 2.5, 3.5, 5.5.
    expected = (np.array([2.5, 3.5, 5.5]) + 4.0) / 2
    np.testing.assert_allclose(_run(network, features)[:, 0], expected)


def test_training_learns_and_gives_the_same_bytes():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((256, N_FEATURES))
    labels = np.arange(256) % 2
    features[:, 3] += 4 * labels
    network, again = (
        train_quality_network(features, labels, members=2, epochs=3) for _ in range(2)
    )
    assert network == again
    logits = _run(network, features)[:, 0]
    assert np.mean((logits > 0) == labels) > 0.95


def test_the_shipped_files_are_small_and_belong_together():
    folder = resources.files("heartbeat_clf") / "models" / "quality"
    network = (folder / "network.onnx").read_bytes()
    text = (folder / "settings.json").read_text(encoding="utf-8")
    settings = json.loads(text)
    assert len(network) + len(text) <= 300_000
    assert settings["format_version"] == 1
    assert settings["kinds"] == list(NEGATIVE_KINDS)
    assert _run(network, np.zeros((2, N_FEATURES))).shape == (2, 1)


def test_shipped_network_ranks_new_windows(hearts):
    fresh = QualityExamples([hearts], pool_size=4, seed=5)
    windows, kinds = fresh.draw(60)
    folder = resources.files("heartbeat_clf") / "models" / "quality"
    scores = _run((folder / "network.onnx").read_bytes(), quality_features(windows))
    heart = kinds == "heart"
    assert np.median(scores[heart]) > np.median(scores[~heart]) + 1
