"""Training: beside the ancestor, beside data in memory, and in a grid search."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from speed_data import labelled
from speed_timing import interleave, ratio_row

from heartbeat_clf import (
    HeartbeatClassifier,
    ImageTrimmer,
    SpectrogramTransformer,
    make_heartbeat_pipeline,
)
from heartbeat_clf.augmentations import resolve_augmentations
from heartbeat_clf.losses import get_loss
from heartbeat_clf.networks import build_network
from heartbeat_clf.training import WindowFeed
from heartbeat_clf.windows import image_statistics

__all__ = [
    "against_ancestor",
    "against_memory",
    "grid_search",
    "whole_grid_search",
]

PICTURE = (376, 503, 3)
PICTURES = 8
WINDOW_SECONDS = 4.0
FOLDS, EPOCHS = 5, 6


def against_ancestor(data: Path) -> dict[str, Any]:
    """Time training, a second of audio seen, beside the ancestor's network.

    An epoch of the default network sees a window of 4 s of every recording. A step of
    the ancestor sees 8 pictures, each of a whole recording.
    """
    images, target, files = _images(data)
    classifier = HeartbeatClassifier(random_state=0)
    network = build_network("ancestor", PICTURE, 2, kernel_l2=0.01, dropout=0.5)
    network.compile("adam", get_loss("elementwise_auroc", n_outputs=2))
    rng = np.random.default_rng(0)
    pixels = rng.random((PICTURES, *PICTURE), dtype=np.float32)
    codes = np.eye(2, dtype=np.float32)[np.arange(PICTURES) % 2]
    seconds = interleave(
        {
            "ancestor": lambda: network.train_on_batch(pixels, codes),
            "heartbeat_clf": lambda: classifier.partial_fit(images, target),
        },
        repeats=5,
    )
    frames = SpectrogramTransformer().frames_per_second
    whole = float(np.mean([image.shape[1] for image in images])) / frames
    return ratio_row(
        seconds,
        slow="ancestor",
        fast="heartbeat_clf",
        slow_scale=PICTURES * whole,
        fast_scale=len(files) * WINDOW_SECONDS,
        pictures=PICTURES,
        seconds_of_a_picture=whole,
        recordings=len(files),
    )


class _Ready(keras.utils.PyDataset):
    """The batches of an epoch, made beforehand."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def against_memory(data: Path) -> dict[str, Any]:
    """Time an epoch fed as in `fit` beside the same steps on batches that lie ready."""
    images, target, _ = _images(data)
    classifier = HeartbeatClassifier(random_state=0).partial_fit(images, target)
    network = classifier.estimator_.model_
    rows = [image[:, :, np.newaxis] for image in images]
    codes = np.unique(target, return_inverse=True)[1]
    feed = WindowFeed(
        rows,
        np.array([image_statistics(row, label="a row") for row in rows]),
        codes[:, np.newaxis].astype(np.float32),
        codes,
        np.ones(len(rows), dtype=np.float32),
        window_frames=classifier.window_frames,
        batch_size=classifier.batch_size,
        augmentations=resolve_augmentations(True),
        seed=0,
    )
    ready = _Ready([feed[index] for index in range(len(feed))])
    seconds = interleave(
        {
            "feed": lambda: network.fit(feed, verbose=0, shuffle=False),
            "memory": lambda: network.fit(ready, verbose=0, shuffle=False),
            "feed alone": lambda: [feed[index] for index in range(len(feed))],
        },
        repeats=7,
    )
    return ratio_row(seconds, slow="feed", fast="memory", steps=len(feed))


def grid_search(data: Path) -> dict[str, Any]:
    """Time a search beside the seconds spent in the classifier's `fit`.

    Two settings of twelve and six epochs of forty: more of either only lowers the
    share of what is not training, such as the one pass that fills the cache.
    """
    return _search(data, {"classifier__dropout": [0.2, 0.4]}, epochs=EPOCHS)


def whole_grid_search(data: Path) -> dict[str, Any]:
    """Time the search over twelve settings with all of the epochs: an hour or two."""
    grid = {
        "classifier__dropout": [0.1, 0.2, 0.3, 0.4],
        "classifier__kernel_l2": [1e-5, 1e-4, 1e-3],
    }
    return _search(data, grid)


def _search(data: Path, grid: dict[str, list[float]], **given: Any) -> dict[str, Any]:
    files, target, subjects = labelled(data)
    spent: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as cache, _timed_fits(spent):
        pipeline = make_heartbeat_pipeline(cache=cache, random_state=0, **given)
        search = GridSearchCV(
            pipeline,
            grid,
            scoring="roc_auc",
            cv=StratifiedGroupKFold(FOLDS),
            refit=False,
        )
        start, used = time.perf_counter(), time.process_time()
        search.fit(files, target, groups=subjects)
        whole, used = time.perf_counter() - start, time.process_time() - used
    return {
        "ratio": whole / sum(wall for wall, _ in spent),
        "processor_ratio": used / sum(processor for _, processor in spent),
        "noise": None,
        "seconds": {"search": [whole, used], "fits": spent},
        "settings": len(search.cv_results_["params"]),
        "folds": FOLDS,
        "epochs": pipeline.get_params()["classifier__epochs"],
        "recordings": len(files),
        "scores": search.cv_results_["mean_test_score"].tolist(),
    }


@contextmanager
def _timed_fits(spent: list[tuple[float, float]]) -> Iterator[None]:
    plain = HeartbeatClassifier.fit

    def fit(self: Any, *given: Any, **named: Any) -> Any:
        start, used = time.perf_counter(), time.process_time()
        try:
            return plain(self, *given, **named)
        finally:
            spent.append((time.perf_counter() - start, time.process_time() - used))

    HeartbeatClassifier.fit = fit  # type: ignore[method-assign]
    try:
        yield
    finally:
        HeartbeatClassifier.fit = plain  # type: ignore[method-assign]


def _images(data: Path) -> tuple[list[np.ndarray], np.ndarray, Any]:
    files, target, _ = labelled(data)
    images = SpectrogramTransformer().transform(files)
    return list(ImageTrimmer().fit_transform(images)), target, files
