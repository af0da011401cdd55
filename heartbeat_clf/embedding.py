"""What a trained network hears in recordings, as numbers for any scikit-learn model."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from heartbeat_clf.persistence import load
from heartbeat_clf.pretrained import TARGETS, find_model
from heartbeat_clf.windows import check_images

__all__ = ["EmbeddingTransformer"]


class EmbeddingTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Turn recordings into what a trained network hears in them before it judges.

    The last feature map of the network, averaged over time and over the windows of a
    recording: a number a channel and row of bands; and, where the model judges the
    average beat as well, the units of that network before its output. A linear model
    on these learns a question of one's own from a hundred recordings in a second,
    without TensorFlow. Nothing is learnt in `fit` but which model it is.

    Parameters
    ----------
    model : {"murmur", "abnormal"}, str or Path, default="murmur"
        One of the box (both hear the same: they differ in what they make of it), or
        a file written by :func:`heartbeat_clf.save` of a whole pipeline whose network
        runs in ONNX Runtime.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means that of the model. Files carry their own.
    cache : str, Path or None, default=None
        Folder that keeps images, as
        :class:`~heartbeat_clf.SpectrogramTransformer` takes it.
    n_jobs : int or None, default=None
        Threads that make images.
    verbose : {0, 1}, default=0
        1 shows a progress bar.

    Attributes
    ----------
    model_ : sklearn.pipeline.Pipeline
        The model: pickles carry it along, and need no file.

    Notes
    -----
    Features of a network that was trained on large sets with a linear model on top
    are known as a linear probe (Alain and Bengio 2016, arXiv 1610.01644). Not a
    medical device.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(6, random_state=0)
    >>> pipeline = make_pipeline(
    ...     EmbeddingTransformer(), StandardScaler(), LogisticRegression(C=0.1)
    ... )
    >>> pipeline.fit(sounds.recordings, sounds.target).classes_.tolist()
    ['murmur', 'normal']
    >>> pipeline[:1].transform(sounds.recordings[:2]).shape
    (2, 256)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "murmur",
        *,
        input_rate: float | None = None,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.input_rate = input_rate
        self.cache = cache
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> EmbeddingTransformer:
        """Read the model, and check the settings and the form of `X`.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row. No recording is read.
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self : EmbeddingTransformer

        Raises
        ------
        OSError
            If the file of the model is missing.
        TypeError
            If `X`, `model` or a setting is of the wrong type, or the model takes no
            recordings.
        ValueError
            If the file is no model, or its network gives no embeddings.
        """
        self.model_ = self._read()
        # It checks the settings and the form of X, and counts the columns of a table.
        spectrogram = self._spectrogram().fit(X)
        if hasattr(spectrogram, "n_features_in_"):
            self.n_features_in_ = spectrogram.n_features_in_
        elif hasattr(self, "n_features_in_"):
            del self.n_features_in_
        probe = np.zeros((self._predictor.n_bands, 1, self._predictor.n_channels))
        probe[0] = 1.0
        self._n_features_out = self._predictor.embeddings([probe]).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the embeddings, one row a recording.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row.

        Returns
        -------
        embeddings : ndarray of float64 of shape (n_recordings, n_features)
            256 features for the models in the box.

        Raises
        ------
        NotFittedError
            Before `fit`.
        OSError, TypeError, ValueError
            If a recording cannot be used; the message names it.

        Warns
        -----
        LowRateWarning
            If a recording's own rate is too low for the upper bands, unless its image
            comes from the cache.
        """
        check_is_fitted(self)
        images = self._spectrogram().transform(X)
        for _, step in self.model_.steps[1:-1]:
            images = step.transform(images)
        return self._predictor.embeddings(check_images(images))

    @property
    def _predictor(self) -> Any:
        return self.model_[-1].predictor_

    def _spectrogram(self) -> Any:
        """Return a copy of the model's first step with the settings as they are now."""
        copied = copy.copy(self.model_[0])
        copied.set_params(cache=self.cache, n_jobs=self.n_jobs, verbose=self.verbose)
        if self.input_rate is not None:
            copied.set_params(input_rate=self.input_rate)
        if hasattr(self, "n_features_in_"):
            copied.n_features_in_ = self.n_features_in_
        return copied

    def _read(self) -> Pipeline:
        expected = f"Expected model to be one of {TARGETS} or the path of a saved model"
        if not isinstance(self.model, str | os.PathLike):
            raise TypeError(
                f"{expected}, got {type(self.model).__name__}. A fitted pipeline is "
                "given by its file: heartbeat_clf.save(pipeline, path) writes one."
            )
        in_box = isinstance(self.model, str) and self.model in TARGETS
        file = find_model(str(self.model)) if in_box else Path(self.model)
        if not file.is_file():
            raise FileNotFoundError(f"{expected}, found no file {str(self.model)!r}.")
        model = load(file)
        first = model[0] if isinstance(model, Pipeline) else None
        if first is None or "input_rate" not in first.get_params():
            raise TypeError(
                "Expected a model that takes recordings, got one without a "
                f"SpectrogramTransformer from {str(self.model)!r}."
            )
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags
