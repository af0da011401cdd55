"""What a fit of the classifier does; each test trains a tiny network."""

from __future__ import annotations

import gc
import os
import pickle
import random
import subprocess
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score
from tiny import (
    build_dense,
    build_two_outputs,
    build_unsupported,
    make_images,
    tiny_classifier,
)

from heartbeat_clf.prediction import mean_logits, softmax
from heartbeat_clf.windows import check_images

pytestmark = pytest.mark.training

TESTS = Path(__file__).parent


def keras_logits(classifier, X):
    """Return mean logits by the Keras network that SciKeras holds."""
    network = classifier.estimator_.model_
    return mean_logits(
        check_images(X),
        lambda windows: np.asarray(network(windows, training=False)),
        window_frames=classifier.window_frames,
        standardize=classifier.standardize,
    )


@pytest.fixture
def parts(monkeypatch):
    """Record the images that a fit trains on and those that it holds back."""
    from heartbeat_clf import training_task

    seen = {}

    def spy(name):
        original = getattr(training_task, name)

        def recorded(images, *args, **kwargs):
            seen[name] = [id(image.base) for image in images]
            return original(images, *args, **kwargs)

        monkeypatch.setattr(training_task, name, recorded)

    spy("WindowFeed")
    spy("RecordingValidation")

    def rows(X):
        owners = {id(image): row for row, image in enumerate(X)}
        return [
            [owners[i] for i in seen[name]]
            for name in ("WindowFeed", "RecordingValidation")
        ]

    return rows


def test_estimator_is_the_scikeras_object_that_was_trained(images, monkeypatch):
    from scikeras.wrappers import KerasClassifier

    trained = []
    original = KerasClassifier._fit_keras_model

    def spy(self, *args, **kwargs):
        trained.append(self)
        before = kwargs.get("warm_start", args[3] if len(args) > 3 else None)
        assert before is False
        original(self, *args, **kwargs)

    monkeypatch.setattr(KerasClassifier, "_fit_keras_model", spy)
    X, y, _ = images
    classifier = tiny_classifier().fit(X, y)
    assert isinstance(classifier.estimator_, KerasClassifier)
    assert trained == [classifier.estimator_]
    # Two epochs of two batches.
    assert int(classifier.estimator_.model_.optimizer.iterations) == 4
    assert classifier.history_["loss"] == classifier.estimator_.history_["loss"]
    np.testing.assert_allclose(
        classifier.predictor_.mean_scores(check_images(X)),
        keras_logits(classifier, X),
        atol=1e-5,
    )


def test_training_changes_the_ranking_for_the_better(images):
    X, y, _ = images
    classifier = tiny_classifier(epochs=30, learning_rate=0.05).fit(X, y)
    assert roc_auc_score(y, classifier.decision_function(X)) > 0.95
    assert classifier.history_["loss"][-1] < classifier.history_["loss"][0]
    assert classifier.n_epochs_ == len(classifier.history_["auroc"]) == 30


def test_same_seed_gives_the_same_bits(fitted, images):
    X, y, _ = images
    again = tiny_classifier().fit(X, y)
    np.testing.assert_array_equal(
        again.decision_function(X), fitted.decision_function(X)
    )
    assert again.history_ == fitted.history_
    other = clone(again).set_params(random_state=1).fit(X, y)
    assert (other.decision_function(X) != fitted.decision_function(X)).all()


def test_refitting_is_a_fresh_fit(fitted, images):
    X, y, _ = images
    classifier = tiny_classifier(epochs=1).fit(X[::-1], y)
    classifier.set_params(epochs=2).fit(X, y)
    np.testing.assert_array_equal(
        classifier.decision_function(X), fitted.decision_function(X)
    )


def test_string_labels_train_like_integers(fitted, images):
    X, y, _ = images
    names = np.array(["murmur", "normal"])
    classifier = tiny_classifier().fit(X, names[y])
    assert classifier.classes_.tolist() == ["murmur", "normal"]
    np.testing.assert_array_equal(
        classifier.decision_function(X), fitted.decision_function(X)
    )
    np.testing.assert_array_equal(classifier.predict(X), names[fitted.predict(X)])


def test_fitting_without_a_seed_works_any_number_of_times(images):
    X, y, _ = images
    decisions = [
        tiny_classifier(random_state=None, epochs=1).fit(X, y).decision_function(X)
        for _ in range(3)
    ]
    assert (decisions[0] != decisions[1]).any()
    assert (decisions[1] != decisions[2]).any()


def test_random_state_object_is_drawn_from(images):
    X, y, _ = images
    rng = np.random.RandomState(0)
    first = tiny_classifier(random_state=rng, epochs=1).fit(X, y)
    assert rng.get_state()[2] != np.random.RandomState(0).get_state()[2]
    second = tiny_classifier(random_state=rng, epochs=1).fit(X, y)
    assert (first.decision_function(X) != second.decision_function(X)).any()


def test_global_state_is_as_before(images):
    import tensorflow as tf
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    def state():
        return (
            random.getstate(),
            pickle.dumps(np.random.get_state()),  # noqa: NPY002 - the global one
            context.global_seed(),
            config.is_op_determinism_enabled(),
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(),
        )

    X, y, _ = images
    tf.random.set_seed(77)
    before = state()
    classifier = tiny_classifier(epochs=1).fit(X, y)
    assert state() == before
    assert before[2] == 77
    classifier.partial_fit(X, y)
    assert state() == before


def test_fit_leaves_no_graph_behind(images):
    from tensorflow.python.framework.func_graph import FuncGraph

    def living_graphs():
        gc.collect()
        return sum(type(found) is FuncGraph for found in gc.get_objects())

    X, y, _ = images
    before = living_graphs()
    tiny_classifier(epochs=1).fit(X, y).partial_fit(X, y)
    assert living_graphs() == before


def test_global_seeds_do_not_matter(fitted, images):
    import tensorflow as tf

    X, y, _ = images
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - the global one
    tf.random.set_seed(5)
    again = tiny_classifier().fit(X, y)
    np.testing.assert_array_equal(
        again.decision_function(X), fitted.decision_function(X)
    )


def test_fit_leaves_no_images_behind(images):
    X, y, _ = images
    copies = [image.copy() for image in X]
    signs = [weakref.ref(image) for image in copies]
    tiny_classifier(epochs=1).fit(copies, y)
    del copies
    gc.collect()
    assert not [sign for sign in signs if sign() is not None]


def test_random_numbers_of_other_threads_do_not_matter(fitted, images):
    X, y, _ = images
    done = threading.Event()

    def draw():
        while not done.wait(1e-4):
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        again = tiny_classifier().fit(X, y)
    finally:
        done.set()
        other.join()
    np.testing.assert_array_equal(
        again.decision_function(X), fitted.decision_function(X)
    )


def test_three_classes_have_a_score_each():
    X, y, _ = make_images(18, n_classes=3)
    classifier = tiny_classifier(epochs=25, learning_rate=0.05).fit(X, y + 5)
    decision = classifier.decision_function(X)
    probabilities = classifier.predict_proba(X)
    assert decision.shape == probabilities.shape == (18, 3)
    np.testing.assert_allclose(probabilities, softmax(decision))
    np.testing.assert_array_equal(
        classifier.predict(X), classifier.classes_[decision.argmax(axis=1)]
    )
    assert classifier.classes_.tolist() == [5, 6, 7]
    assert roc_auc_score(y, probabilities, multi_class="ovr") > 0.9
    assert classifier.history_["auroc"][-1] > 0.8


def test_two_outputs_are_ranked_by_their_difference(images):
    X, y, _ = images
    classifier = tiny_classifier(network=build_two_outputs, epochs=1).fit(X, y)
    logits = keras_logits(classifier, X)
    assert logits.shape == (len(X), 2)
    np.testing.assert_allclose(
        classifier.decision_function(X), logits[:, 1] - logits[:, 0], atol=1e-5
    )


@pytest.mark.parametrize("n_channels", [None, 3])
def test_stacked_images_are_taken_like_a_list_of_them(n_channels):
    X, y, _ = make_images(8, n_channels=n_channels)
    stacked = np.stack([image[:, :30] for image in X])
    classifier = tiny_classifier(epochs=1).fit(stacked, y)
    assert classifier.predictor_.n_channels == (n_channels or 1)
    np.testing.assert_array_equal(
        classifier.decision_function(stacked),
        classifier.decision_function(list(stacked)),
    )
    assert not hasattr(classifier, "n_features_in_")


def test_rows_of_a_table_are_images_of_one_band():
    rng = np.random.default_rng(0)
    table, y = rng.normal(size=(8, 30)), np.array([0, 1] * 4)
    classifier = tiny_classifier(
        network=build_dense, window_frames=None, epochs=1, standardize=False
    ).fit(table, y)
    assert classifier.n_features_in_ == 30
    assert classifier.predictor_.n_bands == 1
    listed = clone(classifier).fit(table.tolist(), y.tolist())
    np.testing.assert_array_equal(
        classifier.predict_proba(table), listed.predict_proba(table)
    )
    with pytest.raises(ValueError, match="X has 29 features, but HeartbeatClassifier"):
        classifier.predict(table[:, 1:])
    images, codes, _ = make_images(4)
    classifier.set_params(window_frames=40).fit(images, codes)
    assert not hasattr(classifier, "n_features_in_")


@pytest.mark.parametrize(
    "loss",
    [
        "auroc",
        "binary_crossentropy",
        "kl_divergence",
        "hinge",
        "binary_focal_crossentropy",
    ],
)
def test_losses_are_known_by_name(images, loss):
    X, y, _ = images
    classifier = tiny_classifier(loss=loss, epochs=1).fit(X, y)
    assert np.isfinite(classifier.history_["loss"]).all()
    assert classifier.history_["loss"][0] > 0
    assert np.ptp(classifier.decision_function(X)) > 0


def test_unknown_loss_is_named(images):
    X, y, _ = images
    with pytest.raises(ValueError, match=r"Expected a loss among .* got 'auc_roc'"):
        tiny_classifier(loss="auc_roc").fit(X, y)


def test_loss_objects_train_like_their_names(images):
    from heartbeat_clf.losses import PairwiseAUROCLoss

    X, y, _ = images
    by_name = tiny_classifier(loss="auroc", epochs=1).fit(X, y)
    by_object = tiny_classifier(loss=PairwiseAUROCLoss(), epochs=1).fit(X, y)
    np.testing.assert_array_equal(
        by_object.decision_function(X), by_name.decision_function(X)
    )


def test_probabilities_are_corrected_for_class_weights(images):
    X, y, _ = images
    weighted = tiny_classifier(class_weight={0: 1.0, 1: 3.0}, epochs=1).fit(X, y)
    assert weighted.predictor_.calibration.shift == pytest.approx((-np.log(3),))
    np.testing.assert_allclose(
        weighted.decision_function(X),
        weighted.predictor_.mean_scores(check_images(X))[:, 0] - np.log(3),
    )


def test_probabilities_are_corrected_for_repeated_rows(images):
    X, _, _ = images
    y = np.array([0] * 14 + [1] * 2)
    # Four batches: the two rows of class 1 are drawn four times.
    classifier = tiny_classifier(batch_size=4, epochs=2).fit(X, y)
    assert classifier.predictor_.calibration.shift == pytest.approx((-np.log(2),))


def test_sample_weights_of_the_data_are_no_imbalance_to_correct(images):
    X, y, _ = images
    weights = np.where(y == 1, 5.0, 1.0)
    classifier = tiny_classifier(epochs=1).fit(X, y, sample_weight=weights)
    assert classifier.predictor_.calibration.shift == pytest.approx((0.0,))


def test_correction_of_many_classes_adds_up_to_zero():
    X, _, _ = make_images(12)
    y = np.repeat([0, 1, 2], [6, 4, 2])
    classifier = tiny_classifier(class_weight="balanced", epochs=1).fit(X, y)
    logs = np.log([6.0, 4.0, 2.0])
    assert classifier.predictor_.calibration.shift == pytest.approx(logs - logs.mean())


def test_validation_part_holds_back_whole_subjects(parts):
    X, y, groups = make_images(24)
    classifier = tiny_classifier(
        epochs=6, learning_rate=0.3, validation_fraction=0.3, loss="binary_crossentropy"
    ).fit(X, y, groups=groups)
    train, validation = parts(X)
    assert sorted(train + validation) == list(range(24))
    assert not set(groups[train]) & set(groups[validation])
    assert len(validation) in (6, 8, 10)
    assert set(y[validation]) == {0, 1}

    history = classifier.history_
    assert set(history) == {"loss", "auroc", "val_loss", "val_auroc"}
    assert {len(values) for values in history.values()} == {6}
    held_out = [image[:, :, np.newaxis] for image in X[validation]]
    scores = classifier.predictor_.mean_scores(held_out)
    best = int(np.argmin(history["val_loss"]))
    assert log_loss(y[validation], softmax(scores)) == pytest.approx(
        min(history["val_loss"]), rel=1e-4
    )
    assert roc_auc_score(y[validation], scores[:, 0]) == pytest.approx(
        history["val_auroc"][best]
    )
    np.testing.assert_allclose(scores, keras_logits(classifier, held_out), atol=1e-4)
    calibration = classifier.predictor_.calibration
    assert calibration.slope != 1
    assert calibration.slope > 0
    assert len(calibration.intercept) == 1


def test_validation_part_without_groups_warns_the_caller(images, parts):
    X, y, _ = images
    with pytest.warns(UserWarning, match="fit got no groups: recordings of one") as got:
        tiny_classifier(epochs=1, validation_fraction=0.25).fit(X, y)
    assert [w.filename for w in got] == [__file__]
    train, validation = parts(X)
    assert (len(train), len(validation)) == (12, 4)


def test_patience_stops_once_the_loss_falls_no_more(images):
    X, y, groups = images
    # Steps so small that float32 does not see them: no epoch is better than the first.
    classifier = tiny_classifier(
        network=build_dense,
        learning_rate=1e-12,
        epochs=20,
        patience=2,
        validation_fraction=0.3,
    ).fit(X, y, groups=groups)
    assert classifier.n_epochs_ == len(classifier.history_["val_loss"]) == 3


def test_partial_fit_is_one_epoch_with_the_optimiser_kept(images):
    X, y, _ = images
    classifier = tiny_classifier()
    classifier.partial_fit(X[:8], y[:8], classes=[0, 1])
    trainer = classifier.estimator_
    first = classifier.decision_function(X)
    assert classifier.n_epochs_ == 1
    assert int(trainer.model_.optimizer.iterations) == 1
    # One class only, the other known from the first call.
    classifier.partial_fit(X[y == 1], y[y == 1], sample_weight=np.ones(8))
    assert classifier.estimator_ is trainer
    assert classifier.n_epochs_ == len(classifier.history_["loss"]) == 2
    assert int(trainer.model_.optimizer.iterations) == 2
    assert (classifier.decision_function(X) != first).any()
    assert classifier.partial_fit(X, y, classes=[1, 0]).n_epochs_ == 3

    with pytest.raises(
        ValueError, match=r"classes to be \[0, 1\] as in the first call"
    ):
        classifier.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(
        ValueError, match=r"got \[2\] and the classes \[0, 1\]. Name al"
    ):
        classifier.partial_fit(X[:2], [0, 2])
    with pytest.raises(
        ValueError, match=r"windows of \(12, 40, 1\) .*got \(6, 40, 1\)"
    ):
        classifier.partial_fit([image[:6] for image in X], y)
    assert classifier.n_epochs_ == 3


def test_partial_fit_goes_on_from_a_fit(images):
    X, y, _ = images
    classifier = tiny_classifier(epochs=2).fit(X, y)
    classifier.partial_fit(X, y)
    assert classifier.n_epochs_ == 3
    assert int(classifier.estimator_.model_.optimizer.iterations) == 6


def test_unpickled_classifier_trains_on_identically(images):
    X, y, _ = images
    classifier = tiny_classifier(epochs=1, dropout=0.5).fit(X, y)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(
        copied.decision_function(X), classifier.decision_function(X)
    )
    assert copied.history_ == classifier.history_
    classifier.partial_fit(X, y)
    copied.partial_fit(X, y)
    np.testing.assert_array_equal(
        copied.decision_function(X), classifier.decision_function(X)
    )
    assert copied.history_ == classifier.history_


def test_unpickled_network_is_trained_on_or_used_and_not_rebuilt(fitted, images):
    X, y, _ = images
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(keras_logits(copied, X), keras_logits(fitted, X))
    rows = np.arange(len(X), dtype=float)[:, np.newaxis]
    with pytest.raises(
        RuntimeError, match=r"a call to build it anew. Fit the Heartbeat"
    ):
        copied.estimator_.fit(rows, y)


def test_pickle_is_small_and_stays_small(fitted):
    once = pickle.dumps(fitted)
    twice = pickle.dumps(pickle.loads(once))
    assert len(once) < 50_000
    assert len(twice) < len(once) + 1000


def test_network_with_other_layers_predicts_with_keras(images):
    X, y, _ = images
    classifier = tiny_classifier(network=build_unsupported, epochs=1).fit(X, y)
    assert classifier.predictor_.engine == "keras"
    with pytest.raises(ValueError, match="layers that only keras runs"):
        classifier.predictor_.embeddings(X[:1])
    np.testing.assert_allclose(
        classifier.decision_function(X), keras_logits(classifier, X)[:, 0], atol=1e-6
    )
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(
        copied.decision_function(X), classifier.decision_function(X)
    )


def test_callbacks_are_copied_for_each_fit(images):
    import keras

    runs = []

    class Recorder(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.epochs = []

        def on_epoch_end(self, epoch, logs=None):
            self.epochs.append(epoch)

        def on_train_end(self, logs=None):
            runs.append(list(self.epochs))

    X, y, _ = images
    recorder = Recorder()
    classifier = tiny_classifier(callbacks=[recorder]).fit(X, y)
    classifier.set_params(epochs=1).fit(X, y)
    classifier.partial_fit(X, y)
    assert runs == [[0, 1], [0], [1]]
    assert recorder.epochs == []
    assert classifier.callbacks == [recorder]


def test_augmentation_of_ones_own_sees_standardised_windows(images):
    shapes, levels = set(), []

    def spy(windows, rng):
        shapes.add(windows.shape[1:])
        levels.append(np.abs(windows).max())
        return windows + rng.normal(size=windows.shape).astype(np.float32)

    X, y, _ = images
    louder = [100.0 * image for image in X]
    tiny_classifier(augment=spy, epochs=1).fit(louder, y)
    assert shapes == {(12, 40, 1)}
    assert max(levels) < 10


def test_memory_mapped_images_train_like_arrays_in_memory(fitted, images, tmp_path):
    X, y, _ = images
    mapped = np.empty(len(X), dtype=object)
    for row, image in enumerate(X):
        np.save(tmp_path / f"{row}.npy", image)
        mapped[row] = np.load(tmp_path / f"{row}.npy", mmap_mode="r")
    classifier = tiny_classifier().fit(mapped, y)
    np.testing.assert_array_equal(
        classifier.decision_function(mapped), fitted.decision_function(X)
    )


def test_verbose_shows_a_bar_on_standard_error(images, capfd):
    X, y, groups = images
    tiny_classifier(verbose=1, validation_fraction=0.3).fit(X, y, groups=groups)
    out, err = capfd.readouterr()
    assert out == ""
    assert "Training: 100%" in err
    assert "2/2" in err
    assert "val_auroc=" in err


@pytest.mark.parametrize("n_classes", [2, 3])
def test_silent_fit_prints_nothing_in_a_new_process(n_classes):
    program = (
        "from tiny import make_images, tiny_classifier\n"
        f"X, y, groups = make_images(24, n_classes={n_classes})\n"
        "c = tiny_classifier(epochs=1, validation_fraction=0.3, verbose=0)\n"
        "c.fit(X, y, groups=groups).partial_fit(X, y).predict_proba(X)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.training
def test_fits_in_threads_give_the_same_bits(images):
    X, y, groups = images

    def fitted(seed):
        model = tiny_classifier(epochs=1, random_state=seed).fit(X, y, groups=groups)
        return model.decision_function(X)

    alone = [fitted(seed) for seed in (0, 1, 0)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fitted, (0, 1, 0)))
    np.testing.assert_array_equal(together, alone)
    assert np.abs(alone[0] - alone[1]).max() > 0


def test_worker_processes_inherit_the_kernels_of_this_one():
    # TensorFlow first, as where a script begins with "import keras".
    program = (
        "import os, tensorflow\n"
        "from tensorflow.python.util import _pywrap_util_port as port\n"
        "enabled = port.IsMklEnabled()\n"
        "import heartbeat_clf.training\n"
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'] == str(int(enabled)))\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout == "True\n"


def test_progress_bar_of_scikit_learn_runs_on_the_classifier(images, capfd):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn below 1.9")
    pytest.importorskip("rich", reason="ProgressBar needs rich")
    X, y, _ = images
    classifier = tiny_classifier().set_callbacks(callback.ProgressBar())
    classifier.fit(X, y)
    assert "HeartbeatClassifier" in capfd.readouterr().out


def test_progress_bar_of_scikit_learn_runs_on_a_search(images, capfd):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn below 1.9")
    pytest.importorskip("rich", reason="ProgressBar needs rich")
    from sklearn.model_selection import GridSearchCV

    X, y, _ = images
    search = GridSearchCV(
        tiny_classifier(epochs=1), {"dropout": [0.1]}, cv=2, scoring="roc_auc"
    ).set_callbacks(callback.ProgressBar())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, y)
    assert "GridSearchCV" in capfd.readouterr().out


def test_scoring_monitor_of_scikit_learn_gets_a_score_an_epoch(images):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn below 1.9")
    X, y, _ = images
    monitor = callback.ScoringMonitor(scoring="roc_auc")
    classifier = tiny_classifier(epochs=3).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs()
    scores = [row["roc_auc"] for row in log.data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == pytest.approx(
        roc_auc_score(y, classifier.decision_function(X))
    )


@pytest.mark.parametrize("validation_fraction", [None, 0.5])
def test_a_training_that_diverges_is_no_fitted_model(images, validation_fraction):
    X, y, subjects = images
    classifier = tiny_classifier(
        learning_rate=1e30, validation_fraction=validation_fraction
    )
    with pytest.raises(ValueError, match="all stays finite, got"):
        classifier.fit(X, y, groups=subjects)
    assert not hasattr(classifier, "predictor_")
    with pytest.raises(ValueError, match="all stays finite, got"):
        tiny_classifier(learning_rate=1e30).partial_fit(X, y).partial_fit(X, y)


@pytest.mark.parametrize("rate", [1, np.float32(1e-3), np.int64(1)])
def test_any_number_is_a_learning_rate(images, rate):
    X, y, _ = images
    classifier = tiny_classifier(learning_rate=rate, epochs=1).fit(X, y)
    expected = tiny_classifier(learning_rate=float(rate), epochs=1).fit(X, y)
    assert np.array_equal(classifier.predict_proba(X), expected.predict_proba(X))
    classifier.partial_fit(X, y)


def test_an_augmentation_that_keeps_no_shape_is_named(images):
    X, y, _ = images

    def cut(windows, rng):
        return windows[:, :, :3]

    with pytest.raises(ValueError, match=r"from the augmentation .*cut.*, got the sh"):
        tiny_classifier(augment=cut).fit(X, y)


def test_a_lone_callback_is_to_be_wrapped(images):
    import keras

    X, y, _ = images
    with pytest.raises(TypeError, match=r"Wrap it: callbacks=\[callback\]"):
        tiny_classifier(callbacks=keras.callbacks.Callback()).fit(X, y)


def test_a_partial_fit_that_fails_leaves_the_classifier_to_go_on(images):
    X, y, _ = images
    whole = tiny_classifier().partial_fit(X, y).partial_fit(X, y)
    classifier = tiny_classifier().partial_fit(X, y)
    before = classifier.predict_proba(X)
    rate = classifier.learning_rate
    for bad in ({"learning_rate": 1e30}, {"augment": [lambda w, rng: w * np.nan]}):
        classifier.set_params(**bad)
        with pytest.raises(ValueError, match="all stays finite"):
            classifier.partial_fit(X, y)
        assert np.array_equal(classifier.predict_proba(X), before)
        classifier.set_params(learning_rate=rate, augment=whole.augment)
    classifier.partial_fit(X, y)
    assert np.array_equal(classifier.predict_proba(X), whole.predict_proba(X))
    assert classifier.n_epochs_ == 2


def root_network(input_shape, n_classes, *, kernel_l2, dropout):
    """Return a network that answers negative levels alone, of any number of frames."""
    import keras

    bands, _, channels = input_shape
    levels = keras.Input((bands, None, channels))
    roots = keras.ops.sqrt(-levels)
    mean = keras.layers.GlobalAveragePooling2D()(roots)
    return keras.Model(levels, keras.layers.Dense(1)(mean))


def test_a_network_need_not_answer_noise_nor_know_how_long_a_window_is(images):
    X, y, _ = images
    levels = [image - 200 for image in X]
    classifier = tiny_classifier(
        network=root_network, standardize=False, augment=False, epochs=1
    )
    classifier.fit(levels, y)
    assert np.isfinite(classifier.predict_proba(levels)).all()
