"""Cut an image to chosen bands and to the frames that are not silent."""

from __future__ import annotations

import numpy as np

from heartbeat_clf.mapped_arrays import release_pages

__all__ = ["check_image", "check_n_bands", "trim_image"]


def trim_image(
    image: np.ndarray, kept: np.ndarray, *, trim_time: bool, silence_db: float
) -> np.ndarray:
    """Return the kept bands of an image, without silent margins where asked for.

    Parameters
    ----------
    image : ndarray of shape (n_mels, n_frames[, n_channels])
        Levels in dB.
    kept : ndarray of int of shape (n_kept,)
        Rising band numbers.
    trim_time : bool
        Whether margins in time are cut.
    silence_db : float
        Margins are frames whose loudest band is this far below the loudest frame.

    Returns
    -------
    trimmed : ndarray of shape (n_kept, n_sounding[, n_channels])
        A view where the kept bands are neighbours.

    Examples
    --------
    >>> image = np.array([[-90.0, -10.0, -20.0, -95.0], [-99.0, -5.0, -15.0, -99.0]])
    >>> trim_image(image, np.array([0]), trim_time=True, silence_db=60.0)
    array([[-10., -20.]])
    """
    if len(kept) == kept[-1] - kept[0] + 1:
        # A slice is a view: memory-mapped images stay on disk.
        image = image[kept[0] : kept[-1] + 1]
    else:
        image = image[kept]
    if not trim_time:
        return image
    levels = image.max(axis=(0, *range(2, image.ndim)))
    release_pages(image)
    sounding = np.flatnonzero(levels > levels.max() - silence_db)
    return image[:, sounding[0] : sounding[-1] + 1]


def check_image(image: np.ndarray, row: int) -> None:
    """Raise unless an image is finite, of numbers, and has frames.

    Raises
    ------
    TypeError
        If it is not of numbers.
    ValueError
        If it is not 2-D or 3-D, empty, or holds NaN or infinite levels.
    """
    if image.ndim not in (2, 3):
        raise ValueError(
            f"Expected images of shape (n_mels, n_frames) or (n_mels, n_frames, "
            f"n_channels), got {image.shape!r} in row {row}. Compute them with "
            "SpectrogramTransformer."
        )
    if image.dtype.kind not in "fiu":
        raise TypeError(
            f"Expected images of numbers, got {image.dtype.name} in row {row}. "
            "Compute them with SpectrogramTransformer."
        )
    if image.size == 0:
        raise ValueError(
            f"Expected images with frames, got shape {image.shape!r} in row {row}. "
            "Leave the recording out."
        )
    finite = np.isfinite(image).all()
    release_pages(image)
    if not finite:
        raise ValueError(
            f"Expected finite levels, got NaN or infinity in row {row}. Repair the "
            "recording or leave it out."
        )


def check_n_bands(image: np.ndarray, expected: int, row: int, why: str) -> None:
    """Raise ValueError unless an image has as many bands as expected."""
    if len(image) != expected:
        raise ValueError(
            f"Expected images of {expected} bands, {why}, got {len(image)} bands in "
            f"row {row}. Compute all images with the same n_mels."
        )
