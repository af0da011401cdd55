"""The average beat in few numbers: how loud each region of it is."""

from __future__ import annotations

import functools

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.averaged_beats import BEAT_COLUMNS, BEAT_STATISTICS

__all__ = ["beat_regions", "count_regions"]

_GROUPS = 10
_COLUMNS = 4


def beat_regions(beat: np.ndarray, n_beats: int) -> np.ndarray:
    """Return the levels of an average beat's regions, and of how many beats it is.

    From each band its mean over the columns, in the first channel, is taken away: what
    a device does to the bands does not count. A region is a tenth of the bands and four
    columns wide.

    Parameters
    ----------
    beat : ndarray of shape (n_bands, 52, 3)
        As :func:`heartbeat_clf.averaged_beats.average_beat` gives it.
    n_beats : int
        How many were averaged: what few have in common may be chance.

    Returns
    -------
    features : ndarray of float32 of shape (n_features,)
        Regions by bands, columns and channels, and `n_beats` last; see
        :func:`count_regions`.

    Raises
    ------
    ValueError
        If `beat` has another shape or is not finite, or `n_beats` is below 1.

    Examples
    --------
    >>> beat = np.zeros((40, 52, 3))
    >>> beat[:4, :4] = 13.0
    >>> features = beat_regions(beat, 7)
    >>> features[0], features[3], features[-1]
    (np.float32(12.0), np.float32(-1.0), np.float32(7.0))
    """
    beat = np.asarray(beat, dtype=np.float32)
    shape = sum(BEAT_COLUMNS), len(BEAT_STATISTICS)
    if beat.shape[1:] != shape or not beat.size or not np.isfinite(beat).all():
        raise ValueError(
            f"Expected a finite beat of shape (n_bands, {shape[0]}, {shape[1]}), got "
            f"{beat.shape!r}, finite: {bool(np.isfinite(beat).all())}."
        )
    check_number("n_beats", n_beats, minimum=1, integer=True)
    levels = beat - beat[..., :1].mean(axis=1, keepdims=True)
    starts, sizes = _groups(len(beat))
    sums = np.add.reduceat(levels, starts, axis=0)
    columns = sums.reshape(len(starts), -1, _COLUMNS, len(BEAT_STATISTICS))
    regions = columns.sum(axis=2) / sizes
    return np.append(regions.ravel(), n_beats).astype(np.float32)


def count_regions(n_bands: int) -> int:
    """Return how many numbers `beat_regions` gives.

    Examples
    --------
    >>> count_regions(40)
    391
    """
    n_columns = sum(BEAT_COLUMNS) // _COLUMNS
    return len(_groups(n_bands)[0]) * n_columns * len(BEAT_STATISTICS) + 1


@functools.lru_cache(maxsize=8)
def _groups(n_bands: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first band of each group, no group empty, and levels in a region."""
    n_groups = min(_GROUPS, n_bands)
    starts = np.arange(n_groups) * n_bands // n_groups
    widths = np.diff(starts, append=n_bands)
    return starts, _COLUMNS * widths[:, np.newaxis, np.newaxis]
