"""Training with SciKeras: the only file that imports scikeras.

It is imported inside the classifier's methods, so that TensorFlow loads when a
network is trained and not before.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import random
import tempfile
import threading
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from heartbeat_clf._tensorflow import tensorflow as tf

# isort: split - TensorFlow before Keras, which would import it with its greetings
from heartbeat_clf.mapped_arrays import release_pages

# isort: split
import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.base import BaseEstimator, TransformerMixin
from tensorflow.python.eager import context as eager_context
from tensorflow.python.framework import config as tf_config

from heartbeat_clf.augmentations import Augmentation, augment_windows
from heartbeat_clf.windows import (
    balanced_batches,
    cut_window,
    random_start,
)

__all__ = [
    "WindowFeed",
    "WindowTrainer",
    "load_archive",
    "load_network",
    "network_archive",
    "one_at_a_time",
    "own_layer_seeds",
    "pack_network",
    "restored_global_state",
    "set_dropout_seeds",
    "skip_reduction",
]


class WindowFeed(keras.utils.PyDataset):
    """Batches of random windows, one window a recording and epoch.

    Every random choice follows from `seed`, the epoch and the batch, so that the
    order in which batches are asked for does not matter.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_bands, n_frames, n_channels)
        Images of all recordings; they may be memory-mapped.
    statistics : ndarray of shape (n_recordings, 2)
        Mean and scale that each image is standardised with.
    targets : ndarray of shape (n_recordings, n_outputs)
        What the loss compares the outputs with.
    codes : ndarray of int of shape (n_recordings,)
        Classes, for batches that hold them all.
    weights : ndarray of shape (n_recordings,)
        Weight of each recording in the loss.
    window_frames, batch_size, seed : int
        Length of a window, rows a batch, origin of the random choices.
    augmentations : sequence of callable
        Applied in turn to each batch of windows.
    epoch : int, default=0
        First epoch.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        statistics: np.ndarray,
        targets: np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray,
        *,
        window_frames: int,
        batch_size: int,
        augmentations: Sequence[Augmentation],
        seed: int,
        epoch: int = 0,
    ) -> None:
        super().__init__()
        self.images = images
        self.statistics = statistics
        self.targets = targets
        self.codes = codes
        self.weights = weights
        self.window_frames = window_frames
        self.batch_size = batch_size
        self.augmentations = augmentations
        self.seed = seed
        self.epoch = epoch
        self._deal()

    def _deal(self) -> None:
        rng = np.random.default_rng([self.seed, self.epoch])
        self.batches = balanced_batches(self.codes, self.batch_size, rng)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch, 1 + index])
        rows = self.batches[index]
        bands, _, channels = self.images[0].shape
        windows = np.empty(
            (len(rows), bands, self.window_frames, channels), dtype=np.float32
        )
        for window, row in zip(windows, rows, strict=True):
            image = self.images[row]
            start = random_start(image.shape[1], self.window_frames, rng)
            mean, scale = self.statistics[row]
            np.subtract(
                cut_window(image, start, self.window_frames),
                mean,
                out=window,
                casting="unsafe",
            )
            window /= scale
            release_pages(image)
        windows = augment_windows(windows, self.augmentations, rng)
        return windows, self.targets[rows], self.weights[rows]

    def close(self) -> None:
        """Let go of the recordings: TensorFlow keeps this object for ever.

        ``tf.data.Dataset.from_generator``, which Keras feeds from, leaves its functions
        in the list of the process's default graph.
        """
        self.images = ()
        self.statistics = self.targets = self.weights = self.codes = np.empty(0)
        self.batches = []

    def on_epoch_end(self) -> None:
        """Deal new batches for the next epoch."""
        self.epoch += 1
        self._deal()


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class LogitAUROC(keras.metrics.AUC):
    """AUROC of the training windows of an epoch, from logits of any form.

    One output as it is, two by their difference, more one against the rest.
    """

    def __init__(
        self, name: str = "auroc", dtype: Any = None, n_outputs: int = 1, **_: Any
    ) -> None:
        super().__init__(
            name=name,
            dtype=dtype,
            multi_label=n_outputs > 2,
            num_labels=n_outputs if n_outputs > 2 else None,
        )
        self.n_outputs = n_outputs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch of targets and logits; weights are left aside."""
        if self.n_outputs > 2:
            scores = keras.ops.softmax(y_pred)
        elif self.n_outputs == 2:
            scores = keras.ops.sigmoid(y_pred[:, 1:] - y_pred[:, :1])
            y_true = y_true[:, 1:]
        else:
            scores = keras.ops.sigmoid(y_pred)
        super().update_state(y_true, scores)

    def get_config(self) -> dict[str, Any]:
        """Return what a copy is built from."""
        return {"name": self.name, "dtype": self.dtype, "n_outputs": self.n_outputs}


class _KeepAsIs(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """A SciKeras encoder for what is encoded already.

    scikit-learn's FunctionTransformer, which SciKeras would take, warns where a
    global ``transform_output="pandas"`` is set.
    """

    def fit(self, X: np.ndarray, y: Any = None) -> _KeepAsIs:
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return X


class _KeepCodes(_KeepAsIs):
    def get_metadata(self) -> dict[str, Any]:
        return {"n_outputs_": 1, "n_outputs_expected_": 1}


class WindowTrainer(KerasClassifier):
    """SciKeras classifier whose rows are numbers of recordings.

    SciKeras checks `X` as one numeric array and hands it to Keras whole. Ragged
    images pass as a column of row numbers instead, and what Keras is fed is made
    from those rows by ``_feed_maker``. SciKeras reads its parameters from the
    instance dictionary, so this class has no ``__init__``; names that start with
    an underscore are no parameters.
    """

    _feed_maker: Callable[[np.ndarray, np.ndarray | None, keras.Model, int], WindowFeed]
    _run_callbacks: Sequence[keras.callbacks.Callback] = ()

    @classmethod
    def restored(
        cls,
        network: keras.Model,
        *,
        n_classes: int,
        history: dict[str, list[float]],
        **settings: Any,
    ) -> WindowTrainer:
        """Return a trainer as it was after its fit, around a loaded network.

        Parameters
        ----------
        network : keras.Model
            Compiled, with its optimiser's state.
        n_classes : int
            Number of classes.
        history : dict of list
            A value an epoch; partial fits count on from there.
        **settings : object
            SciKeras's parameters.
        """
        trainer = cls(**settings)
        codes = np.arange(n_classes)
        rows = np.arange(n_classes, dtype=float)[:, np.newaxis]
        trainer.classes_ = codes
        trainer._validate_data(rows, codes, reset=True)
        trainer.target_encoder_ = trainer.target_encoder.fit(codes)
        trainer.feature_encoder_ = trainer.feature_encoder.fit(rows)
        for name, value in trainer.target_encoder_.get_metadata().items():
            setattr(trainer, name, value)
        trainer._random_state = trainer.random_state
        trainer._fit_callbacks = trainer._predict_callbacks = []
        trainer.history_ = defaultdict(list, {k: list(v) for k, v in history.items()})
        trainer.model_ = network
        return trainer

    @property
    def target_encoder(self) -> _KeepCodes:
        """Leave the class codes as they are."""
        return _KeepCodes()

    @property
    def feature_encoder(self) -> _KeepAsIs:
        """Leave the row numbers as they are."""
        return _KeepAsIs()

    def _fit_keras_model(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        **kwargs: Any,
    ) -> None:
        rows = X[:, 0].astype(int)
        feed = self._feed_maker(rows, sample_weight, self.model_, initial_epoch)
        self._fit_callbacks = list(self._run_callbacks)
        set_dropout_seeds(self.model_, self._random_state, initial_epoch)
        skip_reduction(self.model_.optimizer)
        # Graphs of networks that are gone refer to themselves: 25 MB each.
        gc.collect()
        try:
            with restored_global_state():
                super()._fit_keras_model(
                    feed, None, None, warm_start, epochs, initial_epoch, **kwargs
                )
        finally:
            feed.close()


def skip_reduction(optimizer: keras.optimizers.Optimizer) -> None:
    """Have an optimiser of one process leave out the sum of gradients over devices.

    Where there is one device, that sum changes nothing, but TensorFlow registers its
    gradient under a new name with every trace and for ever, and what is registered
    holds the graph of the training step: 6 MB a fit for the default network. Under a
    ``tf.distribute`` strategy the optimiser stays as it is.
    """
    if not tf.distribute.has_strategy():
        optimizer._all_reduce_sum_gradients = _as_they_are


def _as_they_are(grads_and_vars: Any) -> Any:
    return grads_and_vars


def set_dropout_seeds(network: keras.Model, seed: int, epoch: int) -> None:
    """Start the random layers from the seed, also in a loaded network.

    A ``.keras`` file does not hold the states of their generators.
    """
    for number, layer in enumerate(network._flatten_layers()):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            start = np.random.default_rng([seed, epoch, number])
            generator.state.assign(start.integers(0, 2**31, size=2))


_TRAINING = threading.RLock()


def one_at_a_time(train: Callable[..., Any]) -> Callable[..., Any]:
    """Have threads train one after the other: the seeds of Keras are the process's."""

    @functools.wraps(train)
    def waiting(*args: Any) -> Any:
        with _TRAINING:
            return train(*args)

    return waiting


@contextlib.contextmanager
def own_layer_seeds(seed: int) -> Iterator[None]:
    """Have Keras draw the seeds of new layers from a generator that is seeded here.

    It takes them from Python's global one, which SciKeras seeds alike, but from which
    other threads draw as well: those of a Dask worker do all the time.
    """
    from keras.src.random import seed_generator

    kept = seed_generator.python_random
    seed_generator.python_random = random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = kept


@contextlib.contextmanager
def restored_global_state() -> Iterator[None]:
    """Undo what SciKeras leaves behind: seeds and TensorFlow's deterministic mode."""
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global state is the point
    tensorflow_seed = eager_context.global_seed()
    deterministic = tf_config.is_op_determinism_enabled()
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        tf.random.set_seed(tensorflow_seed)
        if not deterministic:
            tf_config.disable_op_determinism()


def network_archive(network: keras.Model) -> bytes:
    """Return a network and its optimiser's state as the bytes of a ``.keras`` file."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Keras turns TensorFlow's variables into arrays in a way that NumPy 2 warns of.
        warnings.filterwarnings("ignore", "__array__", DeprecationWarning)
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.read_bytes()


def pack_network(network: keras.Model) -> bytes:
    """Return `network_archive`, compressed."""
    return zlib.compress(network_archive(network), 1)


def load_network(packed: bytes) -> keras.Model:
    """Return the network that `pack_network` packed; Keras's safe mode stays on."""
    return load_archive(zlib.decompress(packed))


def load_archive(archive: bytes) -> keras.Model:
    """Return the network in the bytes of a ``.keras`` file; safe mode stays on."""
    import heartbeat_clf.losses  # noqa: F401 - registers the losses

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        path.write_bytes(archive)
        return keras.saving.load_model(path)
