"""Keras callbacks that the classifier adds to a fit."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from heartbeat_clf.prediction import logits_to_scores, mean_logits
from heartbeat_clf.windows import cut_window, one_hot

if TYPE_CHECKING:
    from heartbeat_clf.classifier import HeartbeatClassifier
    from heartbeat_clf.prediction import WindowPredictor

__all__ = [
    "EpochHook",
    "FiniteTraining",
    "LearningRateDecay",
    "ProgressBar",
    "RecordingValidation",
    "copied_callbacks",
    "epoch_hooks",
]

# Recordings whose answers are looked at once more when a training ends.
_ASKED = 8


class LearningRateDecay(keras.callbacks.Callback):
    """Lower the learning rate to zero along half a cosine over the epochs.

    Parameters
    ----------
    learning_rate : float
        Rate of the first epoch.
    epochs : int
        Number of epochs.

    References
    ----------
    Loshchilov, Hutter (2017), "SGDR: Stochastic gradient descent with warm
    restarts", ICLR, equation 5 with a single cycle.
    """

    def __init__(self, learning_rate: float, epochs: int) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.epochs = epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of this epoch."""
        rate = self.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        self.model.optimizer.learning_rate = rate


class FiniteTraining(keras.callbacks.Callback):
    """Stop a training that diverged, rather than keep a network that says nothing.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_bands, n_frames, n_channels)
        What is trained on; some of it is answered in the end.
    statistics : ndarray of shape (n_recordings, 2)
        Mean and scale that each image is standardised with.
    window_frames : int
        Length of a window.
    """

    def __init__(
        self, images: Sequence[np.ndarray], statistics: np.ndarray, window_frames: int
    ) -> None:
        super().__init__()
        rows = np.linspace(0, len(images) - 1, min(len(images), _ASKED)).astype(int)
        self._windows = np.stack(
            [
                (cut_window(images[row], 0, window_frames) - mean) / scale
                for row, (mean, scale) in zip(rows, statistics[rows], strict=True)
            ]
        ).astype(np.float32)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise where the loss of the epoch, or a weight after it, is not finite.

        Raises
        ------
        ValueError
            With the epoch and the remedy.
        """
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise ValueError(_diverged(f"a loss of {loss} in epoch {epoch + 1}"))
        if not all(np.isfinite(part).all() for part in self.model.get_weights()):
            raise ValueError(_diverged(f"other weights after epoch {epoch + 1}"))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Raise where the network that is left has no answer to what it learnt from.

        Raises
        ------
        ValueError
            Large weights may be finite, and what they say may not.
        """
        if not np.isfinite(self.model(self._windows, training=False)).all():
            raise ValueError(_diverged("a network without an answer"))


def _diverged(got: str) -> str:
    return (
        f"Expected a training in which all stays finite, got {got}. Lower "
        "learning_rate, or see to the loss, the augmentations and the images."
    )


class RecordingValidation(keras.callbacks.Callback):
    """Score the recordings of the validation part after each epoch; keep the best.

    Adds ``val_loss`` and ``val_auroc``, one value a recording from the mean score of
    its windows, to the logs; after the last epoch the weights of the epoch with the
    lowest ``val_loss`` come back.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_bands, n_frames, n_channels)
        Images of the validation part.
    codes : ndarray of int of shape (n_recordings,)
        Their classes.
    weights : ndarray of shape (n_recordings,)
        Their weights in the loss.
    window_frames : int
        Length of a window.
    standardize : bool
        As in training.
    patience : int or None
        Epochs without a lower loss after which training stops; None never stops.

    Attributes
    ----------
    best_epoch : int
        Epoch, from 0, whose weights were kept.
    best_scores : ndarray of shape (n_recordings, 1 or n_classes)
        Scores of the validation part in that epoch.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        codes: np.ndarray,
        weights: np.ndarray,
        *,
        window_frames: int,
        standardize: bool,
        patience: int | None,
    ) -> None:
        super().__init__()
        self.images = images
        self.codes = codes
        self.weights = weights
        self.window_frames = window_frames
        self.standardize = standardize
        self.patience = patience
        self.best_loss = math.inf
        self.best_epoch = -1
        self.best_scores = np.empty((0, 1))
        self._best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the part, keep the weights if they are the best so far."""
        logits = self._logits()
        if not np.isfinite(logits).all():
            raise ValueError(_diverged(f"no scores after epoch {epoch + 1}"))
        scores = logits_to_scores(logits)
        n_outputs = logits.shape[1]
        loss = float(
            self.model.loss(one_hot(self.codes, n_outputs), logits, self.weights)
        )
        if logs is not None:
            logs["val_loss"] = loss
            logs["val_auroc"] = recording_auroc(self.codes, scores)
        if loss < self.best_loss or self._best_weights is None:
            self.best_loss = loss
            self.best_epoch = epoch
            self.best_scores = scores
            self._best_weights = self.model.get_weights()
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the best weights back."""
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)

    def score(self) -> np.ndarray:
        """Return the scores of the part by the weights as they are now."""
        return logits_to_scores(self._logits())

    def _logits(self) -> np.ndarray:
        return mean_logits(
            self.images,
            self._run,
            window_frames=self.window_frames,
            standardize=self.standardize,
        )

    def _run(self, windows: np.ndarray) -> np.ndarray:
        return np.asarray(self.model.predict_on_batch(windows))


def recording_auroc(codes: np.ndarray, scores: np.ndarray) -> float:
    """Return the AUROC of scores; the mean of one against the rest for many classes."""
    if scores.shape[1] == 1:
        return float(roc_auc_score(codes, scores[:, 0]))
    return float(
        np.mean([roc_auc_score(codes == k, scores[:, k]) for k in np.unique(codes)])
    )


class ProgressBar(keras.callbacks.Callback):
    """A bar on standard error, a step an epoch, with loss and AUROC beside it."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self._bar: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the bar."""
        self._bar = tqdm(total=self.epochs, desc="Training", unit="epoch")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by one epoch."""
        shown = ("loss", "auroc", "val_loss", "val_auroc")
        logs = logs or {}
        self._bar.set_postfix({k: f"{logs[k]:.3f}" for k in shown if k in logs})
        self._bar.update()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the bar."""
        self._bar.close()


class EpochHook(keras.callbacks.Callback):
    """Tell scikit-learn's callbacks about epochs.

    Parameters
    ----------
    begin : callable
        Called as ``begin()`` before each epoch.
    end : callable
        Called as ``end(network)`` after each epoch; training stops where it returns
        True.
    """

    def __init__(
        self, begin: Callable[[], None], end: Callable[[keras.Model], bool]
    ) -> None:
        super().__init__()
        self.begin = begin
        self.end = end

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the epoch's task."""
        self.begin()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Close the epoch's task."""
        if self.end(self.model):
            self.model.stop_training = True


def epoch_hooks(
    classifier: HeartbeatClassifier,
    data: tuple[Any, np.ndarray],
    epochs: int,
    predictor: Callable[[keras.Model], WindowPredictor],
) -> list[EpochHook]:
    """Return what tells scikit-learn's callbacks of a classifier about its epochs.

    Parameters
    ----------
    classifier : HeartbeatClassifier
        Being fitted.
    data : tuple
        ``(X, y)`` as the user gave them.
    epochs : int
        Epochs of the fit.
    predictor : callable
        From the network as it is to what predicts with it.

    Returns
    -------
    hooks : list of EpochHook
        None where scikit-learn has no callbacks, before 1.9.
    """
    if not hasattr(classifier, "_init_callback_context"):
        return []
    context = classifier._init_callback_context(max_subtasks=epochs)
    X, y = data
    context.call_on_fit_task_begin(estimator=classifier, X=X, y=y)
    open_tasks: list[Any] = []

    def begin() -> None:
        task = context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=classifier, X=X, y=y)
        open_tasks.append(task)

    def end(network: keras.Model) -> bool:
        state = None
        if getattr(classifier, "_skl_callbacks", ()):
            state = {"predictor_": predictor(network)}
        return bool(
            open_tasks.pop().call_on_fit_task_end(
                estimator=classifier, X=X, y=y, reconstruction_attributes=state
            )
        )

    return [EpochHook(begin, end)]


def copied_callbacks(callbacks: Sequence[Any] | None) -> list[keras.callbacks.Callback]:
    """Return copies of Keras callbacks, which keep the state of one fit.

    Parameters
    ----------
    callbacks : sequence of keras.callbacks.Callback or None
        As the classifier was given them.

    Raises
    ------
    TypeError
        If one is something else.
    """
    callbacks = () if callbacks is None else callbacks
    if isinstance(callbacks, keras.callbacks.Callback):
        raise TypeError(
            f"Expected a list of callbacks, got one, {callbacks!r}. Wrap it: "
            "callbacks=[callback]."
        )
    wrong = [c for c in callbacks if not isinstance(c, keras.callbacks.Callback)]
    if wrong:
        raise TypeError(
            "Expected callbacks to be a list of keras.callbacks.Callback, got "
            f"{wrong[0]!r} in it. scikit-learn's go to set_callbacks."
        )
    return [copy.deepcopy(callback) for callback in callbacks]
