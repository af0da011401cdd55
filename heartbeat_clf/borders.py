"""Cropping the uniform border of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from heartbeat_clf._validation import check_number

__all__ = ["content_box", "crop_uniform_border"]

# More than 100 of 255 levels: what was left of the difference picture after
# ``ImageChops.add(diff, diff, 2.0, -100)``, the common recipe for trimming.
_DEFAULT_TOLERANCE = 100 / 255


def content_box(
    image: Any, *, tolerance: float = _DEFAULT_TOLERANCE
) -> tuple[int, int, int, int]:
    """Return the smallest box that holds everything but the border.

    Parameters
    ----------
    image : PIL.Image.Image or ndarray of shape (height, width[, n_channels])
        A picture: uint8, or floating with values between 0 and 1.
    tolerance : float, default=100 / 255
        Largest difference from the top left pixel, in any channel and as a share
        of full scale, still counted as border.

    Returns
    -------
    box : tuple of int
        ``(top, bottom, left, right)`` in pixels; end values are exclusive.

    Raises
    ------
    TypeError
        If `image` is no picture, or `tolerance` not a number.
    ValueError
        If every pixel is border, `image` has no pixels or is not finite, or
        `tolerance` is not between 0 and 1.

    Examples
    --------
    >>> picture = np.zeros((5, 6))
    >>> picture[1:3, 2:5] = 1
    >>> content_box(picture)
    (1, 3, 2, 5)
    """
    check_number("tolerance", tolerance, minimum=0, maximum=1)
    box = _find_box(_pixels_of(image), tolerance)
    if box is None:
        raise ValueError(
            f"Expected a picture with content, got one whose every pixel is within "
            f"{tolerance!r} of the top left one. Lower tolerance, or leave it out."
        )
    return box


def crop_uniform_border(
    image: Any, *, tolerance: float = _DEFAULT_TOLERANCE, repeats: int | None = 2
) -> Any:
    """Return a picture without its uniform border.

    Parameters
    ----------
    image : PIL.Image.Image or ndarray of shape (height, width[, n_channels])
        A picture: uint8, or floating with values between 0 and 1.
    tolerance : float, default=100 / 255
        As in :func:`content_box`.
    repeats : int or None, default=2
        How many borders, one inside the other, are cut. Saved figures have two: a
        white margin, and the empty part of the axes within it. None goes on until
        nothing changes.

    Returns
    -------
    cropped : PIL.Image.Image or ndarray
        Of the type that came; an array is a view. A picture that is nothing but
        border is returned whole.

    Raises
    ------
    TypeError
        If `image` is no picture, or an option of the wrong type.
    ValueError
        If `image` has no pixels or is not finite, or an option is out of bounds.

    Examples
    --------
    >>> picture = np.zeros((6, 6))
    >>> picture[1:5, 1:5] = 1
    >>> picture[2:4, 2:4] = 0.2
    >>> crop_uniform_border(picture, repeats=1).shape
    (4, 4)
    >>> crop_uniform_border(picture).shape
    (2, 2)
    """
    check_number("tolerance", tolerance, minimum=0, maximum=1)
    check_number("repeats", repeats, minimum=1, integer=True, optional=True)
    pixels = _pixels_of(image)
    top, bottom, left, right = 0, pixels.shape[0], 0, pixels.shape[1]
    n_cut = 0
    while repeats is None or n_cut < repeats:
        box = _find_box(pixels[top:bottom, left:right], tolerance)
        if box is None or box == (0, bottom - top, 0, right - left):
            break
        top, bottom, left, right = (
            top + box[0],
            top + box[1],
            left + box[2],
            left + box[3],
        )
        n_cut += 1
    if isinstance(image, Image.Image):
        return image.crop((left, top, right, bottom))
    return np.asarray(image)[top:bottom, left:right]


def _find_box(pixels: np.ndarray, tolerance: float) -> tuple[int, int, int, int] | None:
    # A billionth more, so that 100 / 255 means 100 levels in spite of rounding.
    differs = (np.abs(pixels - pixels[0, 0]) > tolerance + 1e-9).any(axis=2)
    rows = np.flatnonzero(differs.any(axis=1))
    columns = np.flatnonzero(differs.any(axis=0))
    if len(rows) == 0:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _pixels_of(image: Any) -> np.ndarray:
    """Return shape (height, width, n_channels), full scale at 1."""
    if isinstance(image, Image.Image):
        # Palette indices are no levels: compare the colours they stand for.
        image = image.convert("RGBA") if image.mode in ("P", "PA") else image
        pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    elif isinstance(image, np.ndarray):
        pixels = image
    else:
        raise TypeError(
            f"Expected a PIL image or an array, got {type(image).__name__}. Open a "
            "file first: PIL.Image.open(path)."
        )
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.size == 0:
        raise ValueError(
            f"Expected a picture of shape (height, width) or (height, width, "
            f"n_channels), got {pixels.shape!r}. Pass one picture at a time."
        )
    if pixels.dtype == np.uint8:
        return pixels / 255.0
    if pixels.dtype.kind != "f":
        raise TypeError(
            f"Expected a uint8 or floating picture, got {pixels.dtype.name}. Convert "
            "it, for example by dividing by its largest possible value."
        )
    if not np.isfinite(pixels).all():
        raise ValueError(
            "Expected finite pixels, got NaN or infinity. Replace them first."
        )
    return pixels.astype(np.float64)
