"""How a recording sounds besides its heart: the levels of its bands, time left aside.

Device, filter, gate and room shape the distribution of levels in each band. Where it is
like that of no recording learnt from, what was learnt of the look of images may not
hold.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LEVEL_QUANTILES", "level_features"]

LEVEL_QUANTILES = (0.1, 0.5, 0.9)
"""The quantiles of :func:`level_features`, in their order."""

# A level that varies by less, in dB, does not vary.
_LEAST = 1e-6


def level_features(image: np.ndarray) -> np.ndarray:
    """Return quantiles of the level in each band of a recording.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB.

    Returns
    -------
    features : ndarray of float32 of shape (3 * n_bands,)
        The lowest tenth, the median and the highest tenth over time, each for all bands
        in turn. The image's mean is 0 and its deviation 1, so that its gain does not
        count; of an image without any change all are 0.

    Raises
    ------
    ValueError
        If `image` has another number of dimensions, or is empty.

    Examples
    --------
    >>> quiet_above = np.array([[0.0, -6.0, 0.0], [-20.0, -20.0, -26.0]])
    >>> level_features(quiet_above).round(1).tolist()
    [0.7, 0.8, 1.2, -0.8, 1.2, -0.8]
    """
    image = np.asarray(image)
    if image.ndim != 2 or not image.size:
        raise ValueError(
            f"Expected an image of shape (n_bands, n_frames), got {image.shape!r}."
        )
    levels = np.quantile(image, LEVEL_QUANTILES, axis=1)
    centred = (levels - image.mean()) / max(float(image.std()), _LEAST)
    return centred.ravel().astype(np.float32)
