"""What the samples of a waveform may be: real, of a known full scale, finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["check_not_masked", "float_samples", "range_of_finite"]

# Full scale of the integer widths that audio comes in; uint8 is offset binary.
_FULL_SCALE = {"int8": 2.0**7, "uint8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}


def float_samples(samples: Any, label: str) -> np.ndarray:
    """Return samples in single precision, integers scaled to ±1 by their type.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        Of a floating type, which are kept as they are, or int8, uint8 (offset
        binary), int16 or int32.
    label : str
        What errors call them.

    Returns
    -------
    samples : ndarray of shape (n_times,), float32
        Contiguous; the same object where nothing had to be done.

    Raises
    ------
    TypeError
        If they are of another type.
    ValueError
        If the array is not 1-D.

    Examples
    --------
    >>> float_samples(np.array([0, 16384], dtype=np.int16), "row 0")
    array([0. , 0.5], dtype=float32)
    """
    array = np.asarray(samples)
    if array.ndim != 1:
        raise ValueError(
            f"Expected a 1-D array of samples in {label}, got shape {array.shape!r}. "
            "Mix the channels to one: array.mean(axis=channel_axis)."
        )
    if array.dtype.kind == "f":
        # What single precision does not hold is infinite, and told as that.
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.name not in _FULL_SCALE:
        raise TypeError(
            f"Expected samples of a floating type, or int8, uint8, int16 or int32 "
            f"PCM, in {label}, got {array.dtype.name}. Scale them to floats within "
            "±1: (array - middle) / half_range, of an unsigned type the middle is half "
            "of its range."
        )
    scale = np.float32(_FULL_SCALE[array.dtype.name])
    scaled = array.astype(np.float32)
    if array.dtype.name == "uint8":
        scaled -= scale
    scaled /= scale
    return scaled


def check_not_masked(samples: Any, label: str) -> None:
    """Raise where samples are masked: what is under a mask would be heard.

    Parameters
    ----------
    samples : object
        Perhaps a ``numpy.ma.MaskedArray``.
    label : str
        What errors call them.

    Raises
    ------
    ValueError
        If some are masked.
    """
    if np.ma.is_masked(samples):
        raise ValueError(
            f"Expected samples without a mask, got {label} with some masked. Cut them "
            "out, or fill them with 0, which is taken for a gap."
        )


def range_of_finite(samples: np.ndarray, label: str) -> tuple[float, float]:
    """Return the lowest and the highest sample, where all are finite.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        At least one sample, of a floating type.
    label : str
        What errors call them.

    Returns
    -------
    lowest, highest : float

    Raises
    ------
    ValueError
        If a sample is NaN or infinite.

    Examples
    --------
    >>> range_of_finite(np.array([0.5, -1.0]), "row 0")
    (-1.0, 0.5)
    """
    lowest, highest = float(samples.min()), float(samples.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        bad = ~np.isfinite(samples)
        raise ValueError(
            f"Expected finite samples, got {int(bad.sum())} NaN or infinite in "
            f"{label}, the first at index {int(bad.argmax())}. Repair the recording "
            "or leave it out."
        )
    return lowest, highest
