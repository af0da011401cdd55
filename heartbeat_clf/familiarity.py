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
# Far beyond any level that float32 sound can have.
_LOUDEST = 1e6


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
        If `image` has another number of dimensions, is empty, or holds something else
        than finite numbers.

    Examples
    --------
    >>> quiet_above = np.array([[0.0, -6.0, 0.0], [-20.0, -20.0, -26.0]])
    >>> print(level_features(quiet_above).round(1))
    [ 0.7 -1.2  1.2 -0.8  1.2 -0.8]
    """
    image = np.asarray(image)
    if image.ndim != 2 or not image.size:
        raise ValueError(
            f"Expected an image of shape (n_bands, n_frames), got {image.shape!r}."
        )
    # The deviation of large numbers is none in half or single precision.
    numbers = image.dtype.kind in "iuf"
    image = image.astype(np.float64) if numbers else np.full((1, 1), np.nan)
    if not np.isfinite(image).all() or np.abs(image).max() > _LOUDEST:
        raise ValueError(
            "Expected an image of finite levels in dB, got NaN, infinity, levels "
            f"beyond {_LOUDEST:g} dB or no numbers."
        )
    levels = np.quantile(image, LEVEL_QUANTILES, axis=1)
    centred = (levels - image.mean()) / max(float(image.std()), _LEAST)
    return centred.ravel().astype(np.float32)
