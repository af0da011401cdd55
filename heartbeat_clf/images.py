"""The scikit-learn transformer that drops what carries nothing from images."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from heartbeat_clf._image_output import ImageOutput
from heartbeat_clf._rows import is_sparse
from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.borders import content_box, crop_uniform_border
from heartbeat_clf.mapped_arrays import release_pages
from heartbeat_clf.trimming import check_image, check_n_bands, trim_image

__all__ = ["ImageTrimmer", "content_box", "crop_uniform_border"]


class ImageTrimmer(  # type: ignore[call-arg]
    ImageOutput, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Drop mel bands that carry nothing, and silent margins in time.

    Parameters
    ----------
    bands : "learn", "all" or (low, high), default="learn"
        ``"learn"`` keeps what varied in the training set; a pair keeps the bands
        from index `low` up to, but without, `high`.
    min_range_db : float, default=3.0
        A band counts in a recording if its levels span more than this many dB.
    min_fraction : float, default=0.5
        Share of the recordings in which a band must count to be kept.
    trim_time : bool, default=True
        Whether leading and trailing silent frames are cut.
    silence_db : float, default=75.0
        A frame is silent if all of its kept bands lie at least this far below the
        loudest level of the image. Has to be at most the `top_db` of the
        spectrogram for anything to be silent.

    Attributes
    ----------
    bands_ : ndarray of shape (n_kept,), int
        Indices of the bands that are kept, rising.
    n_bands_in_ : int
        Bands of the images that `fit` saw.
    n_features_in_ : int
        Columns, where `fit` was given a 2-D numeric array.

    Notes
    -----
    Images of one shape (numeric input) keep their number of frames: the frames that
    remain after cutting are repeated, and the last repetition takes the end of the
    image, not its start, so that the result begins and ends with a frame that is
    not silent. Trimming an image twice is the same as trimming it once.

    An image that is silent throughout has a loudest level as well, and so keeps
    the frames that reach it: something always remains.

    Examples
    --------
    >>> image = np.full((3, 6), -80.0)
    >>> image[:2, 2:5] = [[0.0, -10.0, -20.0], [-30.0, -5.0, -8.0]]
    >>> images = np.empty(1, dtype=object)
    >>> images[0] = image
    >>> trimmer = ImageTrimmer().fit(images)
    >>> trimmer.bands_
    array([0, 1])
    >>> trimmer.transform(images)[0]
    array([[  0., -10., -20.],
           [-30.,  -5.,  -8.]])
    """

    def __init__(
        self,
        *,
        bands: str | tuple[int, int] = "learn",
        min_range_db: float = 3.0,
        min_fraction: float = 0.5,
        trim_time: bool = True,
        silence_db: float = 75.0,
    ) -> None:
        self.bands = bands
        self.min_range_db = min_range_db
        self.min_fraction = min_fraction
        self.trim_time = trim_time
        self.silence_db = silence_db

    def fit(self, X: Any, y: Any = None) -> ImageTrimmer:
        """Learn which bands to keep.

        Parameters
        ----------
        X : array of images
            A 1-D object array or list of arrays of shape (n_mels, n_frames[,
            n_channels]); a numeric array of shape (n_recordings, n_mels, n_frames[,
            n_channels]); or a 2-D numeric array, each row an image of one band.
        y : ignored
            For scikit-learn's pipelines.

        Returns
        -------
        self : ImageTrimmer
            The fitted object.

        Raises
        ------
        TypeError
            If a setting or an image is of the wrong type.
        ValueError
            If a setting is out of bounds, images differ in bands, hold NaN or are
            empty, or no band would remain.
        """
        self._check_parameters()
        images, _ = self._check_images(X, reset=True)
        n_bands = len(images[0])
        for row, image in enumerate(images):
            check_n_bands(image, n_bands, row, "as row 0 has")
        if isinstance(self.bands, str):
            kept = np.arange(n_bands)
            if self.bands == "learn":
                kept = self._learn_bands(images)
        else:
            low, high = self.bands
            check_number("the upper end of bands", high, maximum=n_bands)
            kept = np.arange(low, high)
        self.bands_ = kept
        self.n_bands_in_ = n_bands
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the images without what carries nothing.

        Parameters
        ----------
        X : array of images
            As in `fit`, with as many bands.

        Returns
        -------
        trimmed : ndarray
            For a list or an object array, an object array of shape
            (n_recordings,), each item of shape (n_kept, n_frames_i[, n_channels])
            and, where the kept bands are neighbours, a view of the image. For a
            numeric array, one of the same shape but for the bands.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If `fit` was not called.
        ValueError
            If an image has another number of bands than those in `fit`.
        """
        check_is_fitted(self)
        images, numeric = self._check_images(X, reset=False)
        for row, image in enumerate(images):
            check_n_bands(image, self.n_bands_in_, row, "as the images in fit had")
        trimmed = [self._trim(image, self.bands_) for image in images]
        if numeric is not None:
            n_frames = images[0].shape[1]
            stacked = np.stack([_fill_frames(image, n_frames) for image in trimmed])
            return stacked[:, 0] if numeric == 2 else stacked
        result = np.empty(len(trimmed), dtype=object)
        for row, image in enumerate(trimmed):
            result[row] = image
        return result

    def _learn_bands(self, images: list[np.ndarray]) -> np.ndarray:
        # What counts as silence depends on the bands, and which bands vary depends
        # on the margins: repeat until neither changes. Bands only ever leave.
        kept = np.arange(len(images[0]))
        while True:
            counts = np.zeros(len(kept))
            for image in images:
                trimmed = self._trim(image, kept)
                counts += _range_of_bands(trimmed) > self.min_range_db
                release_pages(image)
            mask = counts >= self.min_fraction * len(images)
            if not mask.any():
                raise ValueError(
                    f"Expected a band that spans more than min_range_db="
                    f"{self.min_range_db!r} dB in at least min_fraction="
                    f"{self.min_fraction!r} of the recordings, got none of "
                    f"{len(images[0])}. Lower min_range_db or min_fraction, or set "
                    "bands='all'."
                )
            if mask.all():
                return kept
            kept = kept[mask]

    def _trim(self, image: np.ndarray, kept: np.ndarray) -> np.ndarray:
        return trim_image(
            image, kept, trim_time=self.trim_time, silence_db=self.silence_db
        )

    def _check_parameters(self) -> None:
        if isinstance(self.bands, str):
            check_choice("bands", self.bands, ("learn", "all"))
        else:
            _check_band_range(self.bands)
        check_number("min_range_db", self.min_range_db, minimum=0)
        check_number("min_fraction", self.min_fraction, minimum=0, maximum=1)
        check_choice("trim_time", self.trim_time, (True, False))
        check_number("silence_db", self.silence_db, minimum=0, exclusive=True)

    def _check_images(
        self, X: Any, *, reset: bool
    ) -> tuple[list[np.ndarray], int | None]:
        """Return the images and, for numeric input, its number of dimensions."""
        if reset and hasattr(self, "n_features_in_"):
            del self.n_features_in_
        if _is_ragged(X):
            images = [np.asanyarray(image) for image in X]
            if not images:
                raise ValueError(
                    "Expected at least one image, got zero rows. Give at least one "
                    "recording."
                )
            numeric = None
        else:
            n_dimensions = X.ndim if is_sparse(X) else np.asarray(X).ndim
            if n_dimensions <= 2:
                array = validate_data(self, X, reset=reset, dtype="numeric")
                array = array[:, None, :]
            else:
                array = np.asarray(X)
            images, numeric = list(array), n_dimensions
            if not images:
                raise ValueError(
                    f"Expected at least one image, got an array of shape "
                    f"{array.shape!r} with zero rows. Give at least one recording."
                )
        for row, image in enumerate(images):
            check_image(image, row)
        return images, numeric

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _is_ragged(X: Any) -> bool:
    if isinstance(X, list | tuple):
        if any(isinstance(image, str | os.PathLike) for image in X):
            # No images at all, which check_image says better than scikit-learn.
            return True
        shapes = {np.shape(image) for image in X}
        return len(shapes) != 1 or len(shapes.pop()) > 1
    return isinstance(X, np.ndarray) and X.dtype.kind in "OU" and X.ndim == 1


def _check_band_range(bands: Any) -> None:
    if not isinstance(bands, tuple | list) or len(bands) != 2:
        raise TypeError(
            f"bands must be 'learn', 'all' or a pair (low, high), got {bands!r}. "
            "Pass for example (0, 20)."
        )
    low, high = bands
    check_number("the lower end of bands", low, minimum=0, integer=True)
    check_number("the upper end of bands", high, minimum=0, integer=True)
    if low >= high:
        raise ValueError(
            f"bands must rise from low to high (exclusive), got {bands!r}. "
            "Raise the upper end."
        )


def _range_of_bands(image: np.ndarray) -> np.ndarray:
    others = tuple(range(1, image.ndim))
    return np.asarray(image.max(axis=others) - image.min(axis=others))


def _fill_frames(image: np.ndarray, n_frames: int) -> np.ndarray:
    """Repeat an image in time until it has `n_frames`, ending with its own end."""
    length = image.shape[1]
    whole, rest = divmod(n_frames, length)
    order = np.concatenate(
        [np.tile(np.arange(length), whole), np.arange(length - rest, length)]
    )
    return image[:, order]
