"""Logistic regressions: on statistics of images, and on what a network hears.

The features of the first, the plain baseline, were chosen once, before any score was
seen: per mel band, over the frames of the standardised image, the mean, the standard
deviation, the 10th, 50th and 90th percentile, and the standard deviation of the change
from frame to frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.embedding import EmbeddingTransformer

__all__ = ["make_linear_probe", "make_logistic_baseline", "summarise_images"]

_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def summarise_images(images: Any) -> np.ndarray:
    """Return six statistics of every band of every image.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_mels, n_frames_i)
        Log-mel images in dB.

    Returns
    -------
    features : ndarray of shape (n_recordings, 6 * n_mels)
        Mean, standard deviation, three percentiles and the standard deviation of
        the differences of neighbouring frames (0 for an image of one frame).
    """
    rows = []
    for image in images:
        level = np.asarray(image, dtype=float)
        level = (level - level.mean()) / max(level.std(), 1e-8)
        change = np.diff(level, axis=1)
        statistics = [
            level.mean(axis=1),
            level.std(axis=1),
            *np.percentile(level, (10, 50, 90), axis=1),
            change.std(axis=1) if change.shape[1] else np.zeros(len(level)),
        ]
        rows.append(np.concatenate(statistics))
    return np.stack(rows)


def make_logistic_baseline(*, cache: Any = None, n_splits: int = 5) -> Pipeline:
    """Return the baseline; its penalty is chosen by folds of training subjects.

    Parameters
    ----------
    cache : str, Path or None, default=None
        Folder of the images.
    n_splits : int, default=5
        Inner folds, by subject.
    """
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
        {"logisticregression__C": list(_PENALTIES)},
        scoring="roc_auc",
        cv=StratifiedGroupKFold(n_splits, shuffle=True, random_state=0),
    )
    return Pipeline(
        [
            ("spectrogram", SpectrogramTransformer(cache=cache)),
            ("summary", FunctionTransformer(summarise_images)),
            ("classifier", search),
        ]
    )


def make_linear_probe(model: Any, *, cache: Any = None) -> Pipeline:
    """Return logistic regression on what a network hears.

    The penalty was chosen on databases a and b of CinC 2016, by networks that had not
    seen them (docs/experiments.md).

    Parameters
    ----------
    model : str or Path
        As `EmbeddingTransformer` takes it.
    cache : str, Path or None, default=None
        Folder of the images.
    """
    return Pipeline(
        [
            ("embedding", EmbeddingTransformer(model, cache=cache)),
            ("scaler", StandardScaler()),
            ("classifier", LogisticRegression(C=0.1, max_iter=1000)),
        ]
    )
