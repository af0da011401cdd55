"""Prediction: of one file by a new process, and of a thousand recordings."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from speed_data import set_b
from speed_timing import interleave, ratio_row

__all__ = [
    "against_keras",
    "against_keras_batches",
    "against_keras_batches_shipped",
    "cold",
    "equal_scores",
    "with_average_beats",
]

N_RECORDINGS = 1000


def cold(data: Path) -> dict[str, Any]:
    """Time ``heartbeat-clf predict one.wav`` beside ``import tensorflow``."""
    file = str(set_b(data)[0])
    programs = {
        "import tensorflow": ["-c", "import tensorflow"],
        "heartbeat-clf predict": ["-m", "heartbeat_clf", "predict", file],
        "import sklearn.pipeline": ["-c", "import sklearn.pipeline"],
        "import numpy": ["-c", "import numpy"],
    }

    def run(arguments: list[str]) -> None:
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    seconds = interleave(
        {name: lambda a=arguments: run(a) for name, arguments in programs.items()},
        repeats=7,
    )
    return ratio_row(seconds, slow="import tensorflow", fast="heartbeat-clf predict")


def against_keras_batches_shipped(data: Path) -> dict[str, Any]:
    """Time the larger network in the box as `against_keras_batches` does."""
    return against_keras_batches(data, shipped=True)


def against_keras(data: Path) -> dict[str, Any]:
    """Time a thousand recordings beside Keras's `predict`, a recording at a time."""
    model, files, images = _thousand(data, shipped=False)
    # Keras takes 40 ms a call: a hundred recordings tell.
    few = images[: N_RECORDINGS // 10]
    predict = _keras(model)

    def one_by_one() -> None:
        for image in few:
            predict(_windows(model, image), 64).mean(axis=0)

    classifier = model[-1]
    seconds = interleave(
        {
            "keras": one_by_one,
            "heartbeat_clf": lambda: classifier.decision_function(images),
            "heartbeat_clf, from files": lambda: model.decision_function(files),
        },
        repeats=5,
    )
    row = ratio_row(
        seconds,
        slow="keras",
        fast="heartbeat_clf",
        slow_scale=len(few),
        fast_scale=len(images),
    )
    return row


def against_keras_batches(data: Path, *, shipped: bool = False) -> dict[str, Any]:
    """Time a thousand recordings beside Keras on all windows in batches of 64."""
    model, _, images = _thousand(data, shipped=shipped)
    predict = _keras(model)

    def batches() -> None:
        predict(np.concatenate([_windows(model, image) for image in images]), 64)

    classifier = model[-1]
    seconds = interleave(
        {
            "keras": batches,
            "heartbeat_clf": lambda: classifier.decision_function(images),
        },
        repeats=7,
    )
    windows = sum(len(_windows(model, image)) for image in images)
    return ratio_row(seconds, slow="keras", fast="heartbeat_clf", windows=windows)


def with_average_beats(data: Path) -> dict[str, Any]:
    """Time the model in the box with both of its looks beside its windows alone."""
    from heartbeat_clf import load_pretrained

    by_windows, _, images = _thousand(data, shipped=True)
    both = load_pretrained()[-1]
    seconds = interleave(
        {
            "both": lambda: both.decision_function(images),
            "windows": lambda: by_windows[-1].decision_function(images),
        },
        repeats=7,
    )
    return ratio_row(seconds, slow="both", fast="windows")


def equal_scores(data: Path) -> dict[str, Any]:
    """Return the largest difference of a score from Keras's, a recording at a time."""
    model, _, images = _thousand(data, shipped=True)
    predict, classifier = _keras(model), model[-1]
    images = images[:150]
    plain = np.stack([predict(_windows(model, i), 64).mean(axis=0) for i in images])
    scores = classifier.predictor_.mean_scores([i[:, :, np.newaxis] for i in images])
    again = classifier.predictor_.mean_scores([i[:, :, np.newaxis] for i in images])
    alone = [classifier.predictor_.mean_scores([i[:, :, np.newaxis]]) for i in images]
    return {
        "ratio": float(abs(plain - scores).max()),
        "noise": None,
        "same_bits_twice": bool((scores == again).all()),
        "largest_difference_alone": float(abs(np.concatenate(alone) - scores).max()),
        "recordings": len(images),
    }


def _thousand(data: Path, *, shipped: bool) -> tuple[Any, list[Path], list[np.ndarray]]:
    """Return a model, a thousand files and their images.

    The default pipeline after an epoch, for its speed alone, or the model in the box.
    """
    from heartbeat_clf import load_pretrained, make_heartbeat_pipeline

    files = [path for path in set_b(data) for _ in range(2)][:N_RECORDINGS]
    if shipped:
        model = load_pretrained()
        # Keras, on the other side, sees windows alone.
        classifier = model[-1]
        classifier.predictor_ = replace(classifier.predictor_, beats=None)
    else:
        model = make_heartbeat_pipeline(epochs=1, random_state=0)
        model.fit(files[:64:2], np.arange(32) % 2)
    return model, files, list(model[:-1].transform(files))


def _keras(model: Any) -> Any:
    network = model[-1].estimator_.model_
    return lambda windows, size: network.predict(windows, batch_size=size, verbose=0)


def _windows(model: Any, image: np.ndarray) -> np.ndarray:
    """Return the standardised windows of an image, step by step."""
    length = model[-1].window_frames
    image = (image - image.mean(dtype=np.float64)) / image.std(dtype=np.float64)
    if image.shape[1] < length:
        image = np.tile(image, -(-length // image.shape[1]))[:, :length]
    last = image.shape[1] - length
    starts = sorted({*range(0, last + 1, length // 2), last})
    windows = np.stack([image[:, start : start + length] for start in starts])
    return windows[..., np.newaxis].astype(np.float32)
