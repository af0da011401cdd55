"""The picture of a spectrogram that people look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from heartbeat_clf._validation import check_choice, check_number

__all__ = ["render_image"]

_LEAST_HEIGHT = 320
_MOST_WIDTH = 4000


def colour_table(name: str) -> np.ndarray:
    """Return 256 colours from dark to light.

    Parameters
    ----------
    name : {"ember", "gray"}
        ``"ember"`` runs from black over violet and orange to pale yellow with
        evenly rising lightness.

    Returns
    -------
    table : ndarray of shape (256, 3), uint8
        Red, green and blue.

    References
    ----------
    .. [1] Green, D. A. (2011). A colour scheme for the display of astronomical
       intensity images. Bulletin of the Astronomical Society of India 39,
       equation 2.
    """
    check_choice("colormap", name, ("ember", "gray"))
    grey = np.linspace(0, 1, 256)
    if name == "gray":
        return np.repeat(np.round(grey * 255).astype(np.uint8)[:, None], 3, axis=1)
    start, turns, saturation = 0.35, 0.45, 1.25
    angle = 2 * np.pi * (start / 3 + 1 + turns * grey)
    swing = saturation * grey * (1 - grey) / 2
    weights = np.array([[-0.14861, 1.78277], [-0.29227, -0.90649], [1.97294, 0.0]])
    colours = grey[:, None] + swing[:, None] * (
        np.stack([np.cos(angle), np.sin(angle)], axis=1) @ weights.T
    )
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def render_image(
    spectrogram: Any,
    *,
    width: int | None = None,
    height: int | None = None,
    colormap: str = "ember",
) -> Image.Image:
    """Return a spectrogram as a colour picture, low frequencies at the bottom.

    Parameters
    ----------
    spectrogram : array of shape (n_mels, n_frames)
        Levels in dB, low frequencies first. The lowest level becomes the darkest
        colour, the highest the lightest.
    width, height : int or None, default=None
        Size in pixels. None enlarges by whole numbers: bands until the picture is
        at least 320 pixels high, frames by half as much.
    colormap : {"ember", "gray"}, default="ember"
        Colours.

    Returns
    -------
    picture : PIL.Image.Image
        Mode RGB.

    Raises
    ------
    TypeError
        If a size is not an integer.
    ValueError
        If the spectrogram is not 2-D, is empty or not finite, or `colormap` is
        unknown.

    Examples
    --------
    >>> render_image(np.arange(12.0).reshape(3, 4), width=40, height=30).size
    (40, 30)
    """
    check_number("width", width, minimum=1, integer=True, optional=True)
    check_number("height", height, minimum=1, integer=True, optional=True)
    table = colour_table(colormap)
    levels = np.asarray(spectrogram, dtype=np.float32)
    if levels.ndim != 2 or levels.size == 0:
        raise ValueError(
            f"Expected a spectrogram of shape (n_mels, n_frames), got "
            f"{levels.shape!r}. Pass one image at a time: images[0]."
        )
    if not np.isfinite(levels).all():
        raise ValueError(
            "Expected finite levels, got NaN or infinity in the spectrogram. "
            "Compute it from a repaired recording."
        )
    n_mels, n_frames = levels.shape
    enlarge = -(-_LEAST_HEIGHT // n_mels)
    if height is None:
        height = n_mels * enlarge
    if width is None:
        width = min(n_frames * max(1, enlarge // 2), max(n_frames, _MOST_WIDTH))
    span = levels.max() - levels.min()
    grey = (levels - levels.min()) / (span if span > 0 else 1)
    # Levels are enlarged before they get their colours: mixed colours of two levels
    # need not be on the scale.
    picture = Image.fromarray(grey[::-1]).resize(
        (int(width), int(height)), Image.Resampling.BICUBIC
    )
    shades = np.round(np.clip(np.asarray(picture), 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(table[shades])
