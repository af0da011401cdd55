"""The scikit-learn transformer from recordings to log-mel images."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import validate_data

from heartbeat_clf._image_output import ImageOutput
from heartbeat_clf._rows import check_recordings, is_sparse
from heartbeat_clf.mel import log_mel_spectrogram, warn_of_empty_bands
from heartbeat_clf.mel_filters import mel_frequencies
from heartbeat_clf.recording_images import (
    LowRateWarning,
    check_image_settings,
    images_of,
)
from heartbeat_clf.rendering import render_image

__all__ = [
    "LowRateWarning",
    "SpectrogramTransformer",
    "log_mel_spectrogram",
    "render_image",
]


class SpectrogramTransformer(  # type: ignore[call-arg]
    ImageOutput, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Turn recordings into log-mel images in dB.

    Stateless: `transform` works without `fit`, which only checks the settings and
    the recordings' form.

    Parameters
    ----------
    sample_rate : float, default=1000
        Rate in Hz that every recording is brought to first.
    frame_duration : float, default=0.064
        Length of a frame in seconds.
    hop_duration : float, default=0.016
        Time from one frame to the next in seconds.
    n_mels : int, default=40
        Number of mel bands.
    fmin, fmax : float, default=20.0, 480.0
        Lower edge of the first and upper edge of the last band in Hz.
    top_db : float or None, default=80.0
        Levels more than this below a recording's loudest are raised to it. With
        None, levels below -100 dB are raised to that.
    duration : float or None, default=None
        Length in seconds that every recording is cut to, or repeated end to end
        to reach. None keeps each recording's own.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means `sample_rate`. Files carry their own.
    band_pass : tuple of two floats or None, default=None
        Low and high cut in Hz of a zero-phase Butterworth filter; 0 and half of
        `sample_rate` leave an end open.
    spike_removal : bool, default=False
        Whether clicks are set to zero before the filter (Schmidt 2010).
    gap_removal : bool, default=False
        Whether runs of 50 ms or more of the same value, as lost packets leave them,
        are cut out of the recording as it was made: :mod:`heartbeat_clf.gaps`.
    hum_removal : bool, default=False
        Whether lines of the mains that stand out are taken out before the filter:
        :mod:`heartbeat_clf.hum`.
    cache : str, Path or None, default=None
        Folder that keeps one image a recording under the content of the recording
        and all settings. Entries are read back memory-mapped.
    n_jobs : int or None, default=None
        Threads to work with, as joblib understands it. Decoding, resampling and
        matrix products let go of the interpreter, so threads suffice and images
        need not be copied between processes.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Attributes
    ----------
    frequencies_ : ndarray of shape (n_mels,)
        Centres of the bands in Hz.
    n_features_in_ : int
        Samples a row, where `fit` was given a 2-D numeric array.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> recordings = [rng.standard_normal(3000), rng.standard_normal(5000)]
    >>> images = SpectrogramTransformer().fit_transform(recordings)
    >>> [image.shape for image in images]
    [(40, 188), (40, 313)]
    >>> SpectrogramTransformer(duration=4.0).fit_transform(recordings).shape
    (2, 40, 251)
    """

    def __init__(
        self,
        *,
        sample_rate: float = 1000,
        frame_duration: float = 0.064,
        hop_duration: float = 0.016,
        n_mels: int = 40,
        fmin: float = 20.0,
        fmax: float = 480.0,
        top_db: float | None = 80.0,
        duration: float | None = None,
        input_rate: float | None = None,
        band_pass: tuple[float, float] | None = None,
        spike_removal: bool = False,
        gap_removal: bool = False,
        hum_removal: bool = False,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.sample_rate = sample_rate
        self.frame_duration = frame_duration
        self.hop_duration = hop_duration
        self.n_mels = n_mels
        self.fmin = fmin
        self.fmax = fmax
        self.top_db = top_db
        self.duration = duration
        self.input_rate = input_rate
        self.band_pass = band_pass
        self.spike_removal = spike_removal
        self.gap_removal = gap_removal
        self.hum_removal = hum_removal
        self.cache = cache
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def n_fft(self) -> int:
        """Length of a frame in samples."""
        return round(self.frame_duration * self.sample_rate)

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop_duration * self.sample_rate)

    @property
    def frames_per_second(self) -> float:
        """Frames a second, after rounding the hop to whole samples."""
        return self.sample_rate / self.hop_length

    def frame_times(self, n_frames: int) -> np.ndarray:
        """Return the centres of the first `n_frames` frames in seconds.

        Parameters
        ----------
        n_frames : int
            Number of frames, such as ``image.shape[1]``.

        Returns
        -------
        times : ndarray of shape (n_frames,), float64
            Seconds from the start of the recording.
        """
        return np.arange(n_frames) / self.frames_per_second

    def fit(self, X: Any, y: Any = None) -> SpectrogramTransformer:
        """Check the settings and the form of `X`.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row. No file is read.
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self : SpectrogramTransformer
            The same object.

        Raises
        ------
        TypeError
            If a setting or `X` is of the wrong type.
        ValueError
            If a setting is out of bounds or `X` is not one recording a row.

        Warns
        -----
        UserWarning
            If a mel band is so narrow that no frequency bin falls into it.
        """
        self.check_settings()
        warn_of_empty_bands(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self.fmax,
        )
        self._check_rows(X, reset=True)
        self.frequencies_ = mel_frequencies(
            n_mels=self.n_mels, fmin=self.fmin, fmax=self.fmax
        )
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return one log-mel image a recording.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row.

        Returns
        -------
        images : ndarray
            With ``duration=None`` an object array of shape (n_recordings,), each
            item float32 of shape (n_mels, n_frames) with its own number of frames
            (read-only where it comes from the cache). Else float32 of shape
            (n_recordings, n_mels, n_frames).

        Raises
        ------
        OSError
            If a file is missing, or an image cannot be written to the cache.
        TypeError
            If a setting or a recording is of the wrong type.
        ValueError
            If a recording cannot be used: not audio, cut short, NaN or infinite
            samples, constant, too faint for float32, shorter than one frame. The
            message names it; where there are several, notes of the error have those
            of the others.

        Warns
        -----
        LowRateWarning
            If the own rate of a recording is below twice `fmax`, unless its image
            comes from the cache: the bands above half that rate hold no sound.
        """
        self.check_settings()
        recordings = self._check_rows(X, reset=False)
        images, low = images_of(recordings, self.get_params(deep=False))
        if low is not None:
            warnings.warn(low, stacklevel=2)
        return images

    def check_settings(self) -> None:
        """Raise for settings that no recording could be transformed with.

        Raises
        ------
        TypeError
            If a setting is of the wrong type.
        ValueError
            If a setting is out of bounds.
        """
        check_image_settings(self.get_params(deep=False))

    def _check_rows(self, X: Any, *, reset: bool) -> list[Any]:
        if reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_
        if _is_table(X):
            # A 2-D numeric array takes scikit-learn's own road, which counts the
            # columns and refuses NaN; one column cannot be a waveform.
            return list(
                validate_data(
                    self,
                    X,
                    reset=reset,
                    dtype="numeric",
                    ensure_min_features=2 if reset else 1,
                )
            )
        return check_recordings(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _is_table(X: Any) -> bool:
    """Whether `X` is 2-D and could be numeric."""
    if is_sparse(X):
        return True
    # validate_data would drop a mask without a word.
    if isinstance(X, list | tuple) or np.ma.is_masked(X):
        return False
    array = np.asarray(X)
    if array.ndim != 2:
        return False
    return array.size == 0 or not isinstance(array.flat[0], str | os.PathLike)
