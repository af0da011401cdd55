"""From images to logits with ONNX Runtime: what a fitted classifier carries along.

Nothing here needs TensorFlow: this is all that runs when a saved model predicts.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.mapped_arrays import release_pages
from heartbeat_clf.network_sessions import (
    RunBatch,
    network_outputs,
    network_session,
)
from heartbeat_clf.windows import cut_window, image_statistics, window_starts

if TYPE_CHECKING:
    from heartbeat_clf.beat_scores import BeatScores
    from heartbeat_clf.beat_view import BeatView

__all__ = [
    "Calibration",
    "WindowPredictor",
    "logits_to_scores",
    "mean_logits",
    "mean_outputs",
    "softmax",
]

BATCH_WINDOWS = 64


@dataclass(frozen=True)
class Calibration:
    """An affine map of scores: ``slope * (scores + shift) + intercept``.

    Attributes
    ----------
    shift : tuple of float
        Log prior odds of the training set less those of the batches, a value a
        score column.
    slope : float
        1 unless fitted on a validation part.
    intercept : tuple of float
        0 unless fitted on a validation part.

    Raises
    ------
    TypeError, ValueError
        If a number is none or not finite, or the slope not above 0.
    """

    shift: tuple[float, ...]
    slope: float = 1.0
    intercept: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("shift", "intercept"):
            for value in getattr(self, name):
                check_number(name, value)
        # Falling, it would turn the answers round.
        check_number("slope", self.slope, minimum=0, exclusive=True)

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Return the corrected scores, of the shape of `scores`."""
        shifted = scores + np.asarray(self.shift)
        intercept = np.asarray(self.intercept or (0.0,) * len(self.shift))
        return self.slope * shifted + intercept


def logits_to_scores(logits: np.ndarray) -> np.ndarray:
    """Return ``(n, 1)`` scores of the second of two classes, or ``(n, n_classes)``.

    One output is the score itself; two outputs are ranked by their difference.

    Examples
    --------
    >>> logits_to_scores(np.array([[1.0, 3.0]])).tolist()
    [[2.0]]
    """
    if logits.shape[1] == 2:
        return logits[:, 1:] - logits[:, :1]
    return logits


def softmax(scores: np.ndarray) -> np.ndarray:
    """Return class probabilities ``(n, n_classes)`` of `scores`.

    One column is read as the log odds of the second class.

    Examples
    --------
    >>> softmax(np.array([[0.0]])).tolist()
    [[0.5, 0.5]]
    """
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@functools.lru_cache(maxsize=4)
def _keras_session(keras_model: bytes) -> RunBatch:
    from heartbeat_clf.training import load_network

    network = load_network(keras_model)
    return lambda windows: np.asarray(network(windows, training=False))


@dataclass(frozen=True)
class WindowPredictor:
    """A trained network with all that it takes to score images.

    Attributes
    ----------
    network : bytes
        The network as ONNX, or as a ``.keras`` archive where `engine` says so.
    engine : {"onnx", "keras"}
        What runs `network`; Keras only for layers that cannot be converted.
    n_bands, window_frames, n_channels : int
        Shape of a window.
    standardize : bool
        Whether each recording's image is brought to mean 0 and deviation 1.
    calibration : Calibration
        Applied to the mean logit of a recording's windows.
    beats : BeatView or None, default=None
        A second look, beat by beat, whose scores are blended with the mean logit
        before `calibration`.
    """

    network: bytes = field(repr=False)
    engine: str
    n_bands: int
    window_frames: int
    n_channels: int
    standardize: bool
    calibration: Calibration
    beats: BeatView | None = None

    def run(self) -> RunBatch:
        """Return a function from windows to logits."""
        start = network_session if self.engine == "onnx" else _keras_session
        return start(self.network)

    def check_network(self, n_classes: int) -> None:
        """Raise unless the network says as much of silence as there are classes.

        Raises
        ------
        ValueError
            If it cannot be read, takes windows of another shape, gives no numbers or
            those of other classes (what needs Keras is not tried), or the calibration
            is one of other classes.
        """
        n_scores = 1 if n_classes == 2 else n_classes
        lengths = len(self.calibration.shift), len(self.calibration.intercept)
        if lengths not in ((n_scores, n_scores), (n_scores, 0)):
            raise ValueError(
                f"Expected a calibration of {n_classes} classes, got "
                f"{self.calibration}."
            )
        if self.engine != "onnx":
            return
        shape = (1, self.n_bands, self.window_frames, self.n_channels)
        run = self.run()
        try:
            logits = run(np.zeros(shape, dtype=np.float32))
            with np.errstate(over="ignore", invalid="ignore"):
                scores = self.calibration.apply(logits_to_scores(logits))
            if not np.isfinite(scores).all() or scores.shape != (1, n_scores):
                raise ValueError(f"logits of silence {logits.tolist()}")
        # ONNX Runtime's errors have no base of their own.
        except Exception as error:
            raise ValueError(
                f"Expected a network that tells {n_classes} classes by windows "
                f"{shape[1:]}, got: {error}"
            ) from error

    def decision(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Return corrected mean scores of images, one row a recording.

        Parameters
        ----------
        images : iterable of ndarray of shape (n_bands, n_frames, n_channels)
            They are read one after the other; at most a batch of windows is held.

        Returns
        -------
        scores : ndarray of float64 of shape (n_recordings, 1 or n_classes)
            Log odds of the second class, or one score a class.

        Raises
        ------
        ValueError
            If an image has other bands or channels than the training images.
        """
        return self.decision_and_clarity(images)[0]

    def decision_and_clarity(
        self, images: Iterable[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the scores of :meth:`decision`, and how clearly hearts are heard.

        Returns
        -------
        scores : ndarray of float64 of shape (n_recordings, 1 or n_classes)
        clarity : ndarray of float64 of shape (n_recordings,)
            As :class:`~heartbeat_clf.beat_view.BeatScores` says; NaN where no beat was
            found or looked for.
        """
        scores, clarity = self._listen(images)
        return self.calibration.apply(scores), clarity

    def mean_scores(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Return uncorrected mean scores of images; see `decision`."""
        return self._listen(images)[0]

    def _listen(self, images: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if self.beats is None:
            logits = self._over_windows(self._checked(images), self.run())
            return logits_to_scores(logits), np.full(len(logits), np.nan)
        heard: list[BeatScores | None] = []
        listened = _noted(self._checked(images), self.beats.scores, heard)
        if self.beats.units is None:
            logits = self._over_windows(listened, self.run())
        else:
            logits, embeddings = mean_outputs(
                listened,
                self.network,
                window_frames=self.window_frames,
                standardize=self.standardize,
            )
            heard = self.beats.with_units(heard, embeddings)
        scores = logits_to_scores(logits)
        clarity = [np.nan if said is None else said.clarity for said in heard]
        return self.beats.blend(scores, heard), np.array(clarity, dtype=np.float64)

    def embeddings(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """Return what the network hears in images before it judges.

        The mean over windows of the last feature map's mean over time, and after it
        what `beats` hears; `images` as :meth:`decision` takes them.

        Returns
        -------
        embeddings : ndarray of float64 of shape (n_recordings, n_features)
            ``n_features`` is channels times rows of bands of that map, and units of
            `beats`.

        Raises
        ------
        ValueError
            If the network runs in Keras or was written without this output, or an
            image has other bands or channels than the training images.
        """
        if self.engine != "onnx":
            raise ValueError(
                "Expected a network in ONNX to take embeddings from, got one with "
                f"layers that only {self.engine} runs."
            )
        run = network_session(self.network, "embedding")
        if self.beats is None:
            return self._over_windows(self._checked(images), run)
        heard: list[np.ndarray] = []
        listened = _noted(self._checked(images), self.beats.embedding, heard)
        windows = self._over_windows(listened, run)
        return np.hstack([windows, np.stack(heard)])

    def _over_windows(self, images: Iterable[np.ndarray], run: RunBatch) -> np.ndarray:
        return mean_logits(
            images,
            run,
            window_frames=self.window_frames,
            standardize=self.standardize,
        )

    def _checked(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for number, image in enumerate(images):
            if (image.shape[0], image.shape[2]) != (self.n_bands, self.n_channels):
                raise ValueError(
                    f"Expected row {number} to have {self.n_bands} bands and "
                    f"{self.n_channels} channels as the training images had, got "
                    f"{image.shape[0]} and {image.shape[2]}."
                )
            yield image


def _noted(
    images: Iterable[np.ndarray],
    look: Callable[[np.ndarray], Any],
    heard: list[Any],
) -> Iterator[np.ndarray]:
    """Pass images on, and note what a look at each gives."""
    for image in images:
        heard.append(look(image[..., 0]))
        yield image


def mean_logits(
    images: Iterable[np.ndarray],
    run: RunBatch,
    *,
    window_frames: int,
    standardize: bool,
) -> np.ndarray:
    """Return the mean logits of the overlapping windows of each image.

    Windows overlap by half and go through `run` in batches that span recordings.

    Parameters
    ----------
    images : iterable of ndarray of shape (n_bands, n_frames, n_channels)
        Read one after the other.
    run : callable
        From float32 windows ``(n_windows, n_bands, window_frames, n_channels)`` to
        logits ``(n_windows, n_outputs)``.
    window_frames : int
        Length of a window.
    standardize : bool
        Whether each image is brought to mean 0 and standard deviation 1.

    Returns
    -------
    logits : ndarray of float64 of shape (n_recordings, n_outputs)
    """
    sums: list[np.ndarray] = []
    counts: list[int] = []
    pending: list[np.ndarray] = []
    owners: list[int] = []

    def flush() -> None:
        windows = np.stack(pending).astype(np.float32, copy=False)
        logits = np.asarray(run(windows), dtype=np.float64)
        for owner, row in zip(owners, logits, strict=True):
            if owner == len(sums):
                sums.append(np.zeros_like(row))
            sums[owner] += row
        pending.clear()
        owners.clear()

    for number, image in enumerate(images):
        mean, scale = image_statistics(image, label=f"row {number}")
        starts = window_starts(
            image.shape[1], window_frames, max(window_frames // 2, 1)
        )
        counts.append(len(starts))
        for start in starts:
            window = cut_window(image, start, window_frames)
            pending.append((window - mean) / scale if standardize else window)
            owners.append(number)
            if len(pending) == BATCH_WINDOWS:
                flush()
        release_pages(image)
    if pending:
        flush()
    return np.stack(sums) / np.asarray(counts, dtype=np.float64)[:, np.newaxis]


def mean_outputs(
    images: Iterable[np.ndarray],
    network: bytes,
    *,
    window_frames: int,
    standardize: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean logits of images, and the mean embeddings beside them.

    Parameters
    ----------
    images, window_frames, standardize
        As :func:`mean_logits` takes them.
    network : bytes
        As :func:`heartbeat_clf.onnx_export.network_to_onnx` gives it.

    Returns
    -------
    logits : ndarray of float64 of shape (n_recordings, n_outputs)
    embeddings : ndarray of float64 of shape (n_recordings, n_features)
    """
    run = network_outputs(network)
    n_outputs = 0

    def both(windows: np.ndarray) -> np.ndarray:
        nonlocal n_outputs
        logits, embedding = run(windows)
        n_outputs = logits.shape[1]
        return np.hstack([logits, embedding])

    means = mean_logits(
        images, both, window_frames=window_frames, standardize=standardize
    )
    return means[:, :n_outputs], means[:, n_outputs:]
