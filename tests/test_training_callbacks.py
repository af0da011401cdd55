from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from heartbeat_clf.training_callbacks import (
    EpochHook,
    FiniteTraining,
    LearningRateDecay,
    RecordingValidation,
    recording_auroc,
)


class FakeNetwork:
    """Logits are the weight times the mean of the window; the loss is set by hand."""

    def __init__(self, losses):
        self.losses = iter(losses)
        self.weights = [np.array(1.0)]
        self.optimizer = SimpleNamespace(learning_rate=None)
        self.stop_training = False

    def loss(self, targets, logits, weights):
        return next(self.losses)

    def predict_on_batch(self, windows):
        return windows.mean(axis=(1, 2)) * self.weights[0]

    def get_weights(self):
        return list(self.weights)

    def set_weights(self, weights):
        self.weights = list(weights)


def run_epochs(losses, patience=None):
    """Return the network, the callback and the logs of epochs with these losses."""
    network = FakeNetwork(losses)
    images = [np.full((2, 6, 1), level) for level in (1.0, 3.0, 2.0)]
    callback = RecordingValidation(
        images,
        np.array([0, 1, 1]),
        np.ones(3),
        window_frames=4,
        standardize=False,
        patience=patience,
    )
    callback.set_model(network)
    history = []
    for epoch in range(len(losses)):
        network.weights = [np.array(epoch + 1.0)]
        logs = {}
        callback.on_epoch_end(epoch, logs)
        history.append(logs)
        if network.stop_training:
            break
    callback.on_train_end()
    return network, callback, history


def test_learning_rate_falls_to_zero_along_half_a_cosine():
    callback = LearningRateDecay(2.0, 4)
    callback.set_model(FakeNetwork([]))
    rates = []
    for epoch in (0, 2, 4):
        callback.on_epoch_begin(epoch)
        rates.append(callback.model.optimizer.learning_rate)
    assert rates == pytest.approx([2.0, 1.0, 0.0])


def test_weights_and_scores_of_the_best_epoch_come_back():
    network, callback, history = run_epochs([0.5, 0.2, 0.4, 0.3])
    assert callback.best_epoch == 1
    assert callback.best_loss == 0.2
    assert network.weights == [np.array(2.0)]
    np.testing.assert_allclose(callback.best_scores, [[2.0], [6.0], [4.0]])
    assert [logs["val_loss"] for logs in history] == [0.5, 0.2, 0.4, 0.3]
    assert {logs["val_auroc"] for logs in history} == {1.0}


@pytest.mark.parametrize(
    ("losses", "n_epochs"),
    [
        ([0.5, 0.4, 0.4, 0.4, 0.1], 4),
        ([0.5, 0.6, 0.4, 0.6, 0.6, 0.1], 5),
        ([0.5, 0.4, 0.3, 0.2], 4),
    ],
)
def test_patience_counts_epochs_without_a_lower_loss(losses, n_epochs):
    network, _, history = run_epochs(losses, patience=2)
    assert len(history) == n_epochs
    assert network.stop_training is (n_epochs < len(losses))


def test_loss_that_is_never_finite_keeps_the_first_weights():
    network, callback, _ = run_epochs([np.nan, np.nan])
    assert callback.best_epoch == 0
    assert network.weights == [np.array(1.0)]


def test_auroc_of_many_classes_is_the_mean_of_one_against_the_rest():
    codes = np.array([0, 0, 1, 2])
    scores = np.array([[3.0, 0, 0], [2.0, 1, 0], [1.0, 0.5, 1], [0.0, 2, 2]])
    # Class 0: perfect; class 1: half of three pairs right, by one; class 2: perfect.
    assert recording_auroc(codes, scores) == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert recording_auroc(np.array([0, 1]), np.array([[0.0], [1.0]])) == 1.0


def test_hook_stops_training_where_the_end_says_so():
    calls = []
    hook = EpochHook(lambda: calls.append("begin"), lambda network: network is not None)
    network = FakeNetwork([])
    hook.set_model(network)
    hook.on_epoch_begin(0)
    hook.on_epoch_end(0)
    assert calls == ["begin"]
    assert network.stop_training is True


@pytest.mark.parametrize(
    ("loss", "weight"), [(np.nan, 1.0), (np.inf, 1.0), (0.5, np.nan), (0.5, -np.inf)]
)
def test_a_training_that_diverged_is_stopped(loss, weight):
    callback = FiniteTraining([np.ones((2, 3, 1))], np.array([[0.0, 1.0]]), 4)
    network = FakeNetwork([])
    callback.set_model(network)
    callback.on_epoch_end(0, {"loss": 1e30})
    network.weights = [np.array([1.0, weight])]
    with pytest.raises(ValueError, match=r"epoch 3\. Lower learning_rate"):
        callback.on_epoch_end(2, {"loss": loss})


def test_a_network_is_asked_about_what_it_learnt_from():
    images = [np.full((2, 3, 1), level) for level in range(20)]
    callback = FiniteTraining(images, np.tile([1.0, 2.0], (20, 1)), 4)
    asked = []

    class Network:
        def __call__(self, windows, training):
            asked.append(windows)
            return np.where(windows[:, 0, 0] > limit, np.inf, 0.0)

    callback.set_model(Network())
    limit = 9.5
    callback.on_train_end()
    assert asked[0].shape == (8, 2, 4, 1)
    assert asked[0][[0, -1], 0, 0, 0].tolist() == [-0.5, 9.0]
    limit = 8.5
    with pytest.raises(ValueError, match="got a network without an answer"):
        callback.on_train_end()
