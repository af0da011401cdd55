"""The rhythm of whole recordings, as a few numbers for any scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from heartbeat_clf._rows import check_recordings
from heartbeat_clf._validation import check_rate
from heartbeat_clf.beat_tracking import track_beats
from heartbeat_clf.rhythm_features import (
    INTERVAL_FEATURES,
    LEARNT_FEATURES,
    LIKENESS_FEATURES,
    RHYTHM_FEATURES,
    SOUND_FEATURES,
    rhythm_features,
)

__all__ = [
    "INTERVAL_FEATURES",
    "LEARNT_FEATURES",
    "LIKENESS_FEATURES",
    "RHYTHM_FEATURES",
    "SOUND_FEATURES",
    "RhythmTransformer",
    "rhythm_features",
]


class RhythmTransformer(TransformerMixin, BaseEstimator):
    """Turn recordings into numbers that describe their rhythm.

    A recording is tracked whole: a premature beat and the pause after it show in the
    intervals between beats, not in the sound of a window. Nothing is learnt in `fit`.

    Parameters
    ----------
    features : sequence of str or None, default=None
        Some of ``RHYTHM_FEATURES``, in this order, such as ``SOUND_FEATURES``;
        None takes all.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means 1000. Files carry their own.

    Attributes
    ----------
    feature_names_in_order_ : tuple of str
        Names of the columns.

    Examples
    --------
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(2, duration=6.0, random_state=0)
    >>> RhythmTransformer().fit_transform(sounds.recordings).shape
    (4, 41)
    """

    def __init__(
        self, features: Any = None, *, input_rate: float | None = None
    ) -> None:
        self.features = features
        self.input_rate = input_rate

    def fit(self, X: Any, y: Any = None) -> RhythmTransformer:
        """Check the settings and the form of `X`.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row. No file is read.
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self : RhythmTransformer

        Raises
        ------
        TypeError
            If a setting or `X` is of the wrong type.
        ValueError
            If a feature is unknown or named twice, or `input_rate` below 10 Hz or
            above 768 kHz.
        """
        check_rate("input_rate", self.input_rate, optional=True)
        self.feature_names_in_order_ = self._check_features()
        check_recordings(X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the numbers, one row a recording.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row.

        Returns
        -------
        features : ndarray of float64 of shape (n_recordings, n_features)
            As :func:`rhythm_features` describes them.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If a recording cannot be used; the message names it.
        """
        check_is_fitted(self)
        beats = track_beats(X, input_rate=self.input_rate)
        columns = [RHYTHM_FEATURES.index(n) for n in self.feature_names_in_order_]
        return np.stack([rhythm_features(found) for found in beats])[:, columns]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns."""
        check_is_fitted(self)
        return np.array(self.feature_names_in_order_, dtype=object)

    def _check_features(self) -> tuple[str, ...]:
        if self.features is None:
            return RHYTHM_FEATURES
        if isinstance(self.features, str):
            raise TypeError(
                f"Expected features to be a sequence of str, got {self.features!r}. "
                f"Wrap it: features=[{self.features!r}]."
            )
        if not isinstance(self.features, Sequence | np.ndarray):
            raise TypeError(
                f"Expected features to be a sequence of str, got {self.features!r}. "
                "None takes all."
            )
        if isinstance(self.features, np.ndarray) and self.features.ndim != 1:
            raise ValueError(
                "Expected features to be a flat sequence of str, got the shape "
                f"{self.features.shape!r}."
            )
        # As str, not NumPy's, which would print as such.
        names = tuple(n.item() if isinstance(n, np.str_) else n for n in self.features)
        unknown = [
            name
            for name in names
            if not isinstance(name, str) or name not in RHYTHM_FEATURES
        ]
        if unknown or not names:
            raise ValueError(
                f"Expected features among {RHYTHM_FEATURES}, got "
                f"{unknown or 'none'}. None takes all."
            )
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"Expected each of features once, got {twice!r} again.")
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags
