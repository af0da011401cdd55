"""Windows of spectrogram images: cutting, repeating, balanced batches.

All functions work on plain arrays. An image is ``(n_bands, n_frames, n_channels)``;
a window is a run of ``window_frames`` of its frames. An image shorter than a window
is repeated end to end.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "balanced_batches",
    "check_images",
    "cut_window",
    "drawn_counts",
    "image_statistics",
    "one_hot",
    "random_start",
    "window_starts",
]


def check_images(X: object) -> list[np.ndarray]:
    """Return the images of `X` as a list of ``(n_bands, n_frames, n_channels)``.

    Parameters
    ----------
    X : sequence or ndarray
        A 1-D object array or a list of images of shape ``(n_bands, n_frames)`` or
        ``(n_bands, n_frames, n_channels)``; or a numeric array of shape
        ``(n_recordings, n_bands, n_frames[, n_channels])``; or a 2-D numeric array,
        whose rows are one-band images.

    Returns
    -------
    images : list of ndarray
        Views where possible; memory-mapped images stay on disk.

    Raises
    ------
    ValueError
        If there are no rows, or an image is empty, of another number of bands or
        channels than the first, or holds NaN or infinite values.
    TypeError
        If a row is not a numeric array.
    """
    rows = X if isinstance(X, np.ndarray) and X.dtype != object else list(X)  # type: ignore[call-overload]
    if len(rows) == 0:
        raise ValueError("Expected at least one image, got zero rows.")
    flat = isinstance(rows, np.ndarray) and rows.ndim == 2
    images: list[np.ndarray] = []
    for number, row in enumerate(rows):
        image = row if isinstance(row, np.ndarray) else np.asarray(row)
        if image.dtype.kind not in "fiub":
            raise TypeError(
                f"Expected row {number} to be a numeric image, got "
                f"{type(row).__name__} of dtype {image.dtype}. Put a "
                "SpectrogramTransformer before the classifier."
            )
        if flat:
            image = image[np.newaxis, :]
        if image.ndim == 2:
            image = image[:, :, np.newaxis]
        if image.ndim != 3:
            raise ValueError(
                f"Expected row {number} to be an image of shape (n_bands, n_frames) "
                f"or (n_bands, n_frames, n_channels), got shape {np.shape(row)}."
            )
        if image.size == 0:
            raise ValueError(
                f"Expected row {number} to hold frames, got {image.shape}."
            )
        if images and (image.shape[0], image.shape[2]) != (
            images[0].shape[0],
            images[0].shape[2],
        ):
            raise ValueError(
                f"Expected row {number} to have {images[0].shape[0]} bands and "
                f"{images[0].shape[2]} channels as row 0 has, got {image.shape[0]} "
                f"and {image.shape[2]}."
            )
        images.append(image)
    return images


def image_statistics(image: np.ndarray, *, label: str) -> tuple[float, float]:
    """Return mean and standard deviation of an image, the deviation never zero.

    Parameters
    ----------
    image : ndarray
        Any shape.
    label : str
        How errors name the image.

    Returns
    -------
    mean, scale : float
        `scale` is 1 for a constant image.

    Raises
    ------
    ValueError
        If the image holds NaN or infinite values.
    """
    mean = float(np.mean(image, dtype=np.float64))
    scale = float(np.std(image, dtype=np.float64))
    if not np.isfinite(mean) or not np.isfinite(scale):
        raise ValueError(f"Expected {label} to be finite, got NaN or infinity in it.")
    return mean, scale if scale > 1e-8 * max(abs(mean), 1.0) else 1.0


def window_starts(n_frames: int, window_frames: int, hop_frames: int) -> list[int]:
    """Return the first frames of overlapping windows that cover an image.

    The last window ends with the image. An image no longer than a window has one.

    Examples
    --------
    >>> window_starts(10, 4, 2)
    [0, 2, 4, 6]
    >>> window_starts(9, 4, 4)
    [0, 4, 5]
    >>> window_starts(3, 4, 2)
    [0]
    """
    last = max(n_frames - window_frames, 0)
    starts = list(range(0, last + 1, hop_frames))
    if starts[-1] != last:
        starts.append(last)
    return starts


def cut_window(image: np.ndarray, start: int, window_frames: int) -> np.ndarray:
    """Return `window_frames` frames of `image` from `start`, repeated as needed.

    Examples
    --------
    >>> image = np.arange(3.0).reshape(1, 3, 1)
    >>> cut_window(image, 1, 5).ravel().tolist()
    [1.0, 2.0, 0.0, 1.0, 2.0]
    """
    n_frames = image.shape[1]
    if start + window_frames <= n_frames:
        return image[:, start : start + window_frames]
    return image[:, np.arange(start, start + window_frames) % n_frames]


def random_start(n_frames: int, window_frames: int, rng: np.random.Generator) -> int:
    """Draw where a training window starts: anywhere, for an image to be repeated.

    An image as long as a window starts where it starts: a whole picture is not turned.
    """
    if n_frames >= window_frames:
        return int(rng.integers(n_frames - window_frames + 1))
    return int(rng.integers(n_frames))


def balanced_batches(
    codes: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal rows into batches that all hold every class.

    The rows of each class are shuffled and dealt out evenly. A class with fewer rows
    than there are batches is repeated until it has one for each.

    Parameters
    ----------
    codes : ndarray of int of shape (n_recordings,)
        Class of each row, 0 to ``n_classes - 1``.
    batch_size : int
        Rows a batch; repeated rows come on top.
    rng : numpy.random.Generator
        Source of the shuffle.

    Returns
    -------
    batches : list of ndarray of int
        Row numbers of each batch.

    Examples
    --------
    >>> codes = np.array([0, 0, 0, 0, 0, 1])
    >>> batches = balanced_batches(codes, 3, np.random.default_rng(0))
    >>> [sorted(codes[batch].tolist()) for batch in batches]
    [[0, 0, 0, 1], [0, 0, 1]]
    """
    n_batches = max(1, -(-len(codes) // batch_size))
    batches: list[list[int]] = [[] for _ in range(n_batches)]
    first = 0
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        if len(rows) < n_batches:
            rows = np.resize(rows, n_batches)
        for position, row in enumerate(rows):
            batches[(first + position) % n_batches].append(int(row))
        first = (first + len(rows)) % n_batches
    return [rng.permutation(np.array(batch)) for batch in batches]


def drawn_counts(codes: np.ndarray, batch_size: int, n_classes: int) -> np.ndarray:
    """Return how often `balanced_batches` draws each class in an epoch.

    Examples
    --------
    >>> drawn_counts(np.array([0, 0, 0, 0, 0, 1]), 3, 2).tolist()
    [5, 2]
    """
    n_batches = max(1, -(-len(codes) // batch_size))
    counts = np.bincount(codes, minlength=n_classes)
    return np.where(counts > 0, np.maximum(counts, n_batches), 0)


def one_hot(codes: np.ndarray, n_outputs: int) -> np.ndarray:
    """Return targets for the losses: a column for one output, else one-hot rows.

    Examples
    --------
    >>> one_hot(np.array([0, 1]), 1).tolist()
    [[0.0], [1.0]]
    >>> one_hot(np.array([0, 1]), 2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if n_outputs == 1:
        return codes[:, np.newaxis].astype(np.float32)
    return np.eye(n_outputs, dtype=np.float32)[codes]
