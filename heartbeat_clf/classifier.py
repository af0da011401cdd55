"""The classifier of spectrogram images: a SciKeras network behind scikit-learn's API.

TensorFlow, Keras and SciKeras are imported inside the methods that train.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from heartbeat_clf._callback_protocol import CallbackSupport, with_callbacks
from heartbeat_clf._validation import check_same_length
from heartbeat_clf.classifier_checks import (
    check_class_weight,
    check_groups,
    check_labels,
    check_settings,
    check_weights,
)
from heartbeat_clf.kept_training import KeptTraining
from heartbeat_clf.prediction import softmax
from heartbeat_clf.windows import check_images

__all__ = ["HeartbeatClassifier"]


class HeartbeatClassifier(CallbackSupport, ClassifierMixin, KeptTraining):
    """Convolutional network on spectrogram images of heart sounds.

    Each recording's image is brought to mean 0 and standard deviation 1. Training
    draws one random window of each recording an epoch; prediction averages the
    logits of overlapping windows over the whole recording.

    Parameters
    ----------
    network : {"small", "wide", "wide_linear", "ancestor"} or callable, default="small"
        The network, or a build function ``(input_shape, n_classes, *, kernel_l2,
        dropout) -> keras.Model`` that returns an uncompiled model which emits logits.
    loss : str, keras.losses.Loss or callable, default="auroc_crossentropy"
        A name known to :func:`heartbeat_clf.losses.get_loss` (among them ``"auroc"``,
        ``"binary_crossentropy"``, ``"kl_divergence"`` and every name of Keras), or a
        loss on logits. The default is half cross-entropy, half pairwise logistic.
    kernel_l2 : float, default=1e-4
        L2 penalty on the kernels of the network.
    dropout : float, default=0.3
        Share of units dropped in training, at least 0 and below 1; ``"wide_linear"``
        drops none.
    learning_rate : float, default=2e-3
        Rate of Adam in the first epoch; it falls to zero along half a cosine.
    batch_size : int, default=32
        Recordings a batch. Every batch holds every class, rare ones repeated if
        need be.
    epochs : int, default=40
        Passes over the training recordings.
    window_frames : int or None, default=250
        Length of a window in frames of the image; shorter images are repeated.
        None takes images whole; they must then all have the same length.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss. `predict_proba` is corrected for them.
    augment : bool, str, callable, or list of str or callable, default=True
        True for "reverse_time", "mask_time" and "mask_bands"; names of these and of
        "shift_bands", "stretch_time", "add_noise" and "change_response", as in
        :mod:`heartbeat_clf.augmentations`; or functions
        ``(windows, rng) -> windows``.
    standardize : bool, default=True
        Whether each recording's image is standardised.
    validation_fraction : float or None, default=None
        Share of the recordings held back to choose the best epoch and to calibrate
        probabilities: whole subjects when `groups` reaches `fit`.
    patience : int or None, default=None
        Epochs without a lower validation loss after which training stops. Needs
        `validation_fraction`.
    initial_weights : "pretrained", path of a saved model or None, default=None
        Where training starts from. The network, the bands and the length of a window
        must be those of that model:
        ``make_heartbeat_pipeline(initial_weights="pretrained")`` sets them. Its last
        layer is taken over only where the classes are the same; the linear head of
        ``"wide_linear"`` on weights of ``"wide"`` starts from a logistic regression,
        from zero where the first recordings lack a class.
    frozen_blocks : int, default=0
        Convolution blocks, counted from the input, that keep their initial weights.
    initial_share : "auto" or float, default="auto"
        Share of the initial weights, from 0 to 1, in those of the result: after the
        last epoch, trained weights are moved back by it (Wortsman et al. 2022, arXiv
        2109.01903). "auto" is 0.5 where the weights as they came rank the training
        recordings as well as a logistic regression on what they hear would by
        cross-validation, or worse by no more than 0.05 AUROC, or where there are too
        few recordings or subjects of a class to say; and 0 elsewhere, also where the
        last layer is not taken over. Subjects need `groups` to be kept apart, and the
        weights must not have been trained on these recordings. Probabilities take their
        level from both trainings in the same shares, unless a validation part gives it.
        Where any share is kept and the last layer taken over, so is the model's view of
        average beats, whole (:mod:`heartbeat_clf.beat_view`).
        ``history_`` and `callbacks` see the weights before they are moved.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Copied for each fit.
    random_state : int, RandomState or None, default=None
        Origin of all random choices. The same seed gives the same bits on the same
        machine, versions and number of TensorFlow threads.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    estimator_ : scikeras.wrappers.KerasClassifier
        The SciKeras object that was trained; its ``model_`` is the Keras network.
    predictor_ : WindowPredictor
        What predicts: the network as ONNX, window settings, calibration.
    history_ : dict of list
        ``loss`` and ``auroc`` of the training windows an epoch; with a validation
        part also ``val_loss`` and ``val_auroc``, of whole recordings.
    n_epochs_ : int
        Epochs run.
    initial_share_ : float
        Share of the initial weights that the last `fit` kept; 0 without any, or
        before one.
    operating_points_ : OperatingPoints
        Scores of persons left out, from which thresholds are chosen; only in models
        that were trained with ``heartbeat-clf pretrain``, the shipped ones among them.
    n_features_in_ : int
        Number of columns, where `X` was a 2-D numeric array.

    See Also
    --------
    heartbeat_clf.make_heartbeat_pipeline : from files to this classifier.

    Notes
    -----
    Not a medical device.

    Examples
    --------
    >>> import numpy as np
    >>> from heartbeat_clf import HeartbeatClassifier
    >>> classifier = HeartbeatClassifier(epochs=5, random_state=0)
    >>> classifier.set_params(kernel_l2=1e-3).kernel_l2
    0.001
    """

    # A class attribute rather than set_fit_request, so that groups are routed
    # without the user asking and the class also works with routing off.
    __metadata_request__fit = {"groups": True}  # noqa: RUF012 - scikit-learn's form

    def __init__(
        self,
        network: str | Callable[..., Any] = "small",
        *,
        loss: Any = "auroc_crossentropy",
        kernel_l2: float = 1e-4,
        dropout: float = 0.3,
        learning_rate: float = 2e-3,
        batch_size: int = 32,
        epochs: int = 40,
        window_frames: int | None = 250,
        class_weight: dict[Any, float] | str | None = None,
        augment: Any = True,
        standardize: bool = True,
        validation_fraction: float | None = None,
        patience: int | None = None,
        initial_weights: str | os.PathLike[str] | None = None,
        frozen_blocks: int = 0,
        initial_share: float | str = "auto",
        callbacks: Sequence[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network = network
        self.loss = loss
        self.kernel_l2 = kernel_l2
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.window_frames = window_frames
        self.class_weight = class_weight
        self.augment = augment
        self.standardize = standardize
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.initial_weights = initial_weights
        self.frozen_blocks = frozen_blocks
        self.initial_share = initial_share
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> HeartbeatClassifier:
        """Train a new network.

        Parameters
        ----------
        X : sequence or ndarray of n_recordings images
            1-D object array or list of ``(n_bands, n_frames)`` images, a 3-D array
            of them, a 4-D array with one or three channels, or a 2-D array whose rows
            are one-band images.
        y : array-like of shape (n_recordings,)
            Labels, strings or integers, of two classes or more.
        sample_weight : array-like of shape (n_recordings,), default=None
            Weights of the recordings in the loss.
        groups : array-like of shape (n_recordings,), default=None
            Subjects; used to choose the validation part and `initial_share`.

        Returns
        -------
        self : HeartbeatClassifier

        Raises
        ------
        ValueError
            If a parameter is out of its range, there is one class only, lengths
            differ, a class has no weight, or the validation part lacks a class.
        TypeError
            If a parameter or `X` is of the wrong type.
        ImportError
            If TensorFlow, Keras or SciKeras is missing.
        """
        check_settings(self)
        images = self._check_images(X, reset=True)
        y = check_labels(y)
        check_same_length(X=images, y=y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "Expected two classes or more, got one class, "
                f"{self.classes_.tolist()}. Add recordings of another class."
            )
        task = self._training_task(images, codes, sample_weight, groups, X, y)
        self._keep(task, task.fit())
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> HeartbeatClassifier:
        """Train for one more epoch, with the optimiser's state kept.

        `initial_share` has no say here: weights stay as training left them.
        Probabilities take their level from the recordings that were trained on; a
        calibration that the model came with is left behind.

        Parameters
        ----------
        X, y, sample_weight : see `fit`
            Recordings of this epoch; `y` need not hold all classes.
            `validation_fraction` and `patience` have no say: all are trained on.
        classes : array-like of shape (n_classes,), default=None
            All classes; needed at the first call where `y` lacks some.

        Returns
        -------
        self : HeartbeatClassifier

        Raises
        ------
        ValueError
            As `fit`; also if `classes` differ from those known or `y` holds others.
        """
        check_settings(self)
        first = not self.__sklearn_is_fitted__()
        images = self._check_images(X, reset=first)
        y = check_labels(y)
        check_same_length(X=images, y=y)
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        elif not (classes is None or np.array_equal(np.unique(classes), self.classes_)):
            raise ValueError(
                f"Expected classes to be {self.classes_.tolist()} as in the first "
                f"call, got {np.unique(classes).tolist()}."
            )
        unknown = np.setdiff1d(y, self.classes_).tolist()
        if unknown or len(self.classes_) < 2:
            raise ValueError(
                f"Expected labels of two classes or more, got {unknown or y[:1]} and "
                f"the classes {self.classes_.tolist()}. Name all classes in the first "
                "call: partial_fit(X, y, classes=[...])."
            )
        codes = np.searchsorted(self.classes_, y)
        task = self._training_task(images, codes, sample_weight, None, X, y)
        self._keep(task, task.continue_from(None if first else self))
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the mean logit of each recording, corrected for the batches' balance.

        Parameters
        ----------
        X : see `fit`

        Returns
        -------
        scores : ndarray of shape (n_recordings,) or (n_recordings, n_classes)
            Two classes: log odds of ``classes_[1]``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If images differ from those of `fit` in bands or channels.
        """
        check_is_fitted(self)
        scores = self.predictor_.decision(self._check_images(X, reset=False))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class; see `decision_function`.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            Rows add up to 1.
        """
        return self.predict_with_clarity(X)[0]

    def predict_with_clarity(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities, and how clearly a heart is heard in each recording.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            As `predict_proba` gives them.
        clarity : ndarray of shape (n_recordings,)
            Mean probability of the likeliest heart state, 0.25 to 1; NaN where no beat
            is found, or looked for: models of ``heartbeat-clf pretrain`` do, and what
            keeps a share of one.
        """
        check_is_fitted(self)
        images = self._check_images(X, reset=False)
        scores, clarity = self.predictor_.decision_and_clarity(images)
        return softmax(scores), clarity

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each recording.

        Returns
        -------
        labels : ndarray of shape (n_recordings,)
        """
        scores = self.decision_function(X)
        codes = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[codes]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags

    def _training_task(
        self,
        images: list[np.ndarray],
        codes: np.ndarray,
        sample_weight: Any,
        groups: Any,
        X: Any,
        y: np.ndarray,
    ) -> Any:
        try:
            from heartbeat_clf.training_task import TrainingTask
        except ImportError as error:
            raise ImportError(
                "Training needs TensorFlow, Keras and SciKeras. Install them: "
                "pip install 'heartbeat_clf[train]'."
            ) from error
        groups = check_groups(groups, images)
        weights = check_weights(sample_weight, self.classes_[codes])
        check_class_weight(self.class_weight, self.classes_)
        return TrainingTask(self, images, codes, weights, groups, (X, y))

    def _check_images(self, X: Any, *, reset: bool) -> list[np.ndarray]:
        if reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_
        if not _holds_images(X):
            X = validate_data(
                self,
                X,
                reset=reset,
                allow_nd=True,
                dtype="numeric",
                # Columns are counted where each row is one band.
                ensure_2d=not reset or getattr(X, "ndim", 2) < 3,
            )
        return check_images(X)


def _holds_images(X: Any) -> bool:
    """Whether `X` has an image an item, rather than numbers in rows and columns."""
    if isinstance(X, np.ndarray):
        return X.dtype == object and X.ndim == 1
    return isinstance(X, list | tuple) and not (X and np.ndim(X[0]) == 1)
