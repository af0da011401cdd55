"""One fit of a classifier: split, network, loss, callbacks, calibration."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from sklearn.utils import check_random_state

from heartbeat_clf.augmentations import resolve_augmentations
from heartbeat_clf.calibration import blend_calibrations, fit_calibration
from heartbeat_clf.classifier_checks import class_weights_of
from heartbeat_clf.fine_tuning import learn_head, start_from
from heartbeat_clf.initial_share import choose_share, draw_back
from heartbeat_clf.initial_weights import InitialWeights, read_initial_weights
from heartbeat_clf.losses import get_loss
from heartbeat_clf.mapped_arrays import release_pages
from heartbeat_clf.network_state import restored_on_error
from heartbeat_clf.networks import build_network
from heartbeat_clf.onnx_export import UnsupportedLayerError, network_to_onnx
from heartbeat_clf.prediction import Calibration, WindowPredictor
from heartbeat_clf.training import (
    LogitAUROC,
    WindowFeed,
    WindowTrainer,
    load_network,
    one_at_a_time,
    own_layer_seeds,
    pack_network,
)
from heartbeat_clf.training_callbacks import (
    FiniteTraining,
    LearningRateDecay,
    ProgressBar,
    RecordingValidation,
    copied_callbacks,
    epoch_hooks,
)
from heartbeat_clf.validation_split import hold_back
from heartbeat_clf.windows import drawn_counts, image_statistics, one_hot

if TYPE_CHECKING:
    from heartbeat_clf.beat_view import BeatView
    from heartbeat_clf.classifier import HeartbeatClassifier

__all__ = ["TrainingTask", "restore_trainer"]


class TrainingTask:
    """What a classifier hands over to train, and what comes back.

    Parameters
    ----------
    classifier : HeartbeatClassifier
        Source of the settings; left as it is.
    images : list of ndarray of shape (n_bands, n_frames, n_channels)
        One a recording.
    codes : ndarray of int of shape (n_recordings,)
        Classes.
    weights : ndarray of float32 of shape (n_recordings,)
        Sample weights.
    groups : ndarray of shape (n_recordings,) or None
        Subjects.
    data : tuple
        ``(X, y)`` as the user gave them, for scikit-learn's callbacks.

    Attributes
    ----------
    seed : int
        Drawn from the classifier's random state.
    class_totals : ndarray of shape (2, n_classes)
        Weight of each class in the recordings and in what the loss was fed.
    history : dict of list
        What the classifier keeps as ``history_``.
    initial_share : float
        Share of the initial weights that stays.
    """

    def __init__(
        self,
        classifier: HeartbeatClassifier,
        images: list[np.ndarray],
        codes: np.ndarray,
        weights: np.ndarray,
        groups: np.ndarray | None,
        data: tuple[Any, np.ndarray],
    ) -> None:
        self.classifier = classifier
        self.images = images
        self.codes = codes
        self.weights = weights
        self.groups = groups
        self.data = data
        self.n_classes = len(classifier.classes_)
        self.window_frames = _window_frames(classifier.window_frames, images)
        self.seed = int(
            check_random_state(classifier.random_state).randint(np.iinfo(np.int32).max)
        )
        self.statistics = np.zeros((len(images), 2))
        self.statistics[:, 1] = 1.0
        for row, image in enumerate(images):
            found = image_statistics(image, label=f"row {row}")
            release_pages(image)
            if classifier.standardize:
                self.statistics[row] = found
        self.class_totals = np.zeros((2, self.n_classes))
        self.history: dict[str, list[float]] = {}
        self.validation: RecordingValidation | None = None
        self.rows = np.arange(len(images))
        self.initial_share = 0.0
        self._initial: list[np.ndarray] = []
        self._early: Calibration | None = None
        self._beats: BeatView | None = None
        self._draws_back = False

    @one_at_a_time
    def fit(self) -> WindowTrainer:
        """Train for all epochs and return the SciKeras object."""
        rows, validation_rows = hold_back(
            self.classifier, self.codes, self.groups, seed=self.seed
        )
        self.rows = rows
        self._draws_back = True
        epochs = self.classifier.epochs
        trainer = self._new_trainer(epochs)
        callbacks: list[keras.callbacks.Callback] = [
            FiniteTraining(self.images, self.statistics, self.window_frames),
            LearningRateDecay(float(self.classifier.learning_rate), epochs),
        ]
        if len(validation_rows):
            self.validation = RecordingValidation(
                [self.images[row] for row in validation_rows],
                self.codes[validation_rows],
                self.weights[validation_rows],
                window_frames=self.window_frames,
                standardize=self.classifier.standardize,
                patience=self.classifier.patience,
            )
            callbacks.append(self.validation)
        if self.classifier.verbose:
            callbacks.append(ProgressBar(epochs))
        trainer._run_callbacks = [
            *callbacks,
            *copied_callbacks(self.classifier.callbacks),
            *epoch_hooks(self.classifier, self.data, epochs, self.predictor),
        ]
        trainer.fit(rows[:, np.newaxis].astype(float), self.codes[rows], self._w(rows))
        self.history = _history(trainer)
        if self.initial_share:
            draw_back(trainer.model_, self._initial, self.initial_share)
            self._initial = []
            if self.validation is not None:
                self.validation.best_scores = self.validation.score()
        if self.validation is not None and self._beats is not None:
            heard = self.predictor(trainer.model_)
            self.validation.best_scores = heard.mean_scores(self.validation.images)
        return trainer

    @one_at_a_time
    def continue_from(self, previous: HeartbeatClassifier | None) -> WindowTrainer:
        """Train for one more epoch and return the SciKeras object."""
        if previous is None:
            trainer = self._new_trainer(1)
        else:
            self._check_windows(previous.predictor_)
            trainer = previous.estimator_
            self.initial_share = previous.initial_share_
            beats = previous.predictor_.beats
            self._beats = None if beats is None else beats.trained_on()
            trainer._feed_maker = self._feed
            self.seed = previous._seed
            self.class_totals += previous._class_totals
            rate = float(self.classifier.learning_rate)
            trainer.model_.optimizer.learning_rate = rate
        finite = FiniteTraining(self.images, self.statistics, self.window_frames)
        own = copied_callbacks(self.classifier.callbacks)
        trainer._run_callbacks = [finite, *own]
        with restored_on_error(None if previous is None else trainer.model_):
            trainer.partial_fit(
                self.rows[:, np.newaxis].astype(float),
                self.codes,
                classes=np.arange(self.n_classes),
                sample_weight=self._w(self.rows),
            )
        self.history = _history(trainer)
        return trainer

    def _check_windows(self, known: WindowPredictor) -> None:
        bands, _, channels = self.images[0].shape
        got = (bands, self.window_frames, channels)
        expected = (known.n_bands, known.window_frames, known.n_channels)
        if got != expected:
            raise ValueError(
                f"Expected windows of {expected!r} bands, frames and channels as in "
                f"the first call, got {got!r}. Fit a new classifier for other images."
            )

    def predictor(self, network: keras.Model) -> WindowPredictor:
        """Return what predicts with a network: ONNX where its layers allow."""
        try:
            engine, packed = "onnx", network_to_onnx(network)
        except UnsupportedLayerError:
            engine, packed = "keras", pack_network(network)
        bands, _, channels = self.images[0].shape
        return WindowPredictor(
            network=packed,
            engine=engine,
            n_bands=bands,
            window_frames=self.window_frames,
            n_channels=channels,
            standardize=bool(self.classifier.standardize),
            calibration=self._calibration(),
            beats=self._beats,
        )

    def _calibration(self) -> Calibration:
        natural, drawn = self.class_totals
        seen = natural > 0
        shift = np.zeros(self.n_classes)
        shift[seen] = np.log(natural[seen] / drawn[seen])
        shift = shift[1:] - shift[:1] if self.n_classes == 2 else shift - shift.mean()
        calibration = Calibration(tuple(map(float, shift)))
        if self.validation is None:
            if self._early is None:
                return calibration
            # What stays of the initial weights saw no class weights of this training.
            return blend_calibrations(calibration, self._early, self.initial_share)
        return fit_calibration(
            calibration,
            self.validation.best_scores,
            self.validation.codes,
            self.validation.weights,
        )

    def _w(self, rows: np.ndarray) -> np.ndarray:
        class_weights = class_weights_of(
            self.classifier.class_weight, self.classifier.classes_, self.codes[rows]
        )
        return self.weights[rows] * class_weights[self.codes[rows]]

    def _new_trainer(self, epochs: int) -> WindowTrainer:
        trainer = WindowTrainer(
            # SciKeras takes plain functions and partials, no bound methods.
            model=functools.partial(TrainingTask._build, self),
            random_state=self.seed,
            epochs=epochs,
            verbose=0,
            shuffle=False,
        )
        trainer._feed_maker = self._feed
        return trainer

    def _build(self) -> keras.Model:
        settings = self.classifier
        bands, _, channels = self.images[0].shape
        with own_layer_seeds(self.seed):
            network = build_network(
                settings.network,
                (bands, self.window_frames, channels),
                self.n_classes,
                kernel_l2=settings.kernel_l2,
                dropout=settings.dropout,
            )
        if settings.initial_weights is not None:
            weights = read_initial_weights(settings.initial_weights)
            keeps_head = start_from(
                network,
                weights,
                classes=settings.classes_.tolist(),
                frozen_blocks=settings.frozen_blocks,
            )
            if settings.network == "wide_linear" and not keeps_head:
                learn_head(
                    network,
                    [self.images[row] for row in self.rows],
                    self.codes[self.rows],
                    self._w(self.rows),
                    window_frames=self.window_frames,
                    standardize=bool(settings.standardize),
                )
            if self._draws_back:
                self.initial_share = self._share(network, weights, keeps_head)
                self._initial = network.get_weights()
                if self.initial_share and keeps_head:
                    self._early = weights.calibration
                    self._beats = weights.beats
                    # With all of them nothing is learnt of other recordings.
                    if self._beats is not None and self.initial_share < 1:
                        self._beats = self._beats.trained_on()
        n_outputs = network.output_shape[1]
        network.compile(
            optimizer=keras.optimizers.Adam(float(settings.learning_rate)),
            loss=get_loss(settings.loss, n_outputs=n_outputs),
            metrics=[LogitAUROC(n_outputs=n_outputs)],
            jit_compile=False,
        )
        # Variables made during tracing would have TensorFlow trace the step twice.
        network.optimizer.build(network.trainable_variables)
        return network

    def _share(
        self, network: keras.Model, weights: InitialWeights, keeps_head: bool
    ) -> float:
        share = self.classifier.initial_share
        if share != "auto":
            if share and not keeps_head and self.classifier.network != "wide_linear":
                raise ValueError(
                    'Expected initial_share=0 or "auto" where the last layer starts '
                    f"from chance, got {share!r}: the initial weights "
                    f"{weights.origin!r} have the classes {list(weights.classes)}, "
                    f"these are {self.classifier.classes_.tolist()}. Name them alike, "
                    'or set network="wide_linear" on weights of "wide".'
                )
            return float(share)
        if not keeps_head:
            return 0.0
        return choose_share(
            network,
            [self.images[row] for row in self.rows],
            self.codes[self.rows],
            self._w(self.rows),
            None if self.groups is None else self.groups[self.rows],
            window_frames=self.window_frames,
            standardize=bool(self.classifier.standardize),
            seed=self.seed,
        )

    def _feed(
        self,
        rows: np.ndarray,
        sample_weight: np.ndarray | None,
        network: keras.Model,
        epoch: int,
    ) -> WindowFeed:
        weights = np.ones(len(rows)) if sample_weight is None else sample_weight
        codes = self.codes[rows]
        batch_size = int(self.classifier.batch_size)
        counts = np.bincount(codes, minlength=self.n_classes)
        mean_weights = np.bincount(codes, weights, self.n_classes) / counts.clip(1)
        self.class_totals[0] += np.bincount(codes, self.weights[rows], self.n_classes)
        self.class_totals[1] += mean_weights * drawn_counts(
            codes, batch_size, self.n_classes
        )
        return WindowFeed(
            [self.images[row] for row in rows],
            self.statistics[rows],
            one_hot(codes, network.output_shape[1]),
            codes,
            weights.astype(np.float32),
            window_frames=self.window_frames,
            batch_size=batch_size,
            augmentations=resolve_augmentations(self.classifier.augment),
            seed=self.seed,
            epoch=epoch,
        )


def restore_trainer(
    packed: bytes, *, n_classes: int, history: dict[str, list[float]], seed: int
) -> WindowTrainer:
    """Return the SciKeras object of an unpickled or loaded classifier."""
    return WindowTrainer.restored(
        load_network(packed),
        n_classes=n_classes,
        history=history,
        model=_no_rebuilding,
        random_state=seed,
        verbose=0,
        shuffle=False,
    )


def _no_rebuilding() -> keras.Model:
    raise RuntimeError(
        "Expected the network of this loaded object to be trained further or used, "
        "got a call to build it anew. Fit the HeartbeatClassifier instead."
    )


def _window_frames(window_frames: int | None, images: list[np.ndarray]) -> int:
    if window_frames is not None:
        return int(window_frames)
    lengths = {image.shape[1] for image in images}
    if len(lengths) > 1:
        raise ValueError(
            "Expected images of one length with window_frames=None, got lengths from "
            f"{min(lengths)} to {max(lengths)} frames. Set window_frames, or give the "
            "SpectrogramTransformer a duration."
        )
    return lengths.pop()


def _history(trainer: WindowTrainer) -> dict[str, list[float]]:
    return {key: [float(v) for v in values] for key, values in trainer.history_.items()}
