"""Gaps: parts of a recording in which the device gave no sound."""

from __future__ import annotations

import numpy as np

__all__ = ["find_gaps", "remove_gaps"]

# Seconds of the same value that are no sound any more: as long as an S1.
_SHORTEST = 0.05
# Seconds on either side that tell a gap from silence.
_BESIDE = 0.01
# Steps of the samples' resolution. What is beside the gaps in CinC 2016 d and e spans
# 17 and more; where f falls silent, 1.
_QUIET_STEPS = 8


def find_gaps(samples: np.ndarray, rate: float) -> np.ndarray:
    """Return where a recording stands still for 50 ms or more.

    Wireless stethoscopes give zeros, or the last value again, where a packet is lost.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        As recorded, before any resampling.
    rate : float
        Samples per second.

    Returns
    -------
    gaps : ndarray of int of shape (n_gaps, 2)
        Where each begins and ends, the end exclusive.

    Notes
    -----
    Where the 10 ms before or after a run of one value span no more than eight of the
    smallest steps there are in the recording, the sound fades into the silence between
    two heart sounds, which a coarse converter made flat: that is no gap. A run at
    either end of a recording is one.

    Examples
    --------
    >>> sound = np.sin(np.arange(3000) / 5)
    >>> sound[1000:1200] = 0.0
    >>> find_gaps(sound, 1000).tolist()
    [[1000, 1200]]
    """
    shortest = max(2, round(_SHORTEST * rate))
    if not _may_stand_still(samples, shortest):
        return np.empty((0, 2), dtype=int)
    steps = np.diff(samples)
    breaks = np.flatnonzero(steps) + 1
    edges = np.concatenate([[0], breaks, [len(samples)]])
    long = np.flatnonzero(np.diff(edges) >= shortest)
    runs = np.column_stack([edges[long], edges[long + 1]])
    if len(runs) == 0 or len(breaks) == 0:
        return runs
    beside = max(1, round(_BESIDE * rate))
    quiet = _QUIET_STEPS * np.abs(steps[breaks - 1]).min()
    return np.array(
        [run for run in runs if _stands_out(samples, run, beside, quiet)], dtype=int
    ).reshape(-1, 2)


def _may_stand_still(samples: np.ndarray, shortest: int) -> bool:
    """Return whether there may be a run of so many equal samples, by a few of them.

    Such a run holds three neighbours that are equal, a third of it from each other.
    """
    stride = max(1, (shortest - 1) // 3)
    equal = samples[:-1:stride] == samples[1::stride]
    found = equal
    for further in range(1, min(3, shortest - 1)):
        found = found[:-1] & equal[further:]
    return bool(found.any())


def _stands_out(
    samples: np.ndarray, run: np.ndarray, beside: int, quiet: float
) -> bool:
    start, end = run
    if start == 0 or end == len(samples):
        return True
    before = samples[max(0, start - beside) : start + 1]
    after = samples[end - 1 : end + beside]
    return bool(min(np.ptp(before), np.ptp(after)) > quiet)


def remove_gaps(samples: np.ndarray, rate: float) -> np.ndarray:
    """Return a recording without its gaps: what follows one is moved to its start.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        As recorded, before any resampling.
    rate : float
        Samples per second.

    Returns
    -------
    samples : ndarray of shape (n_kept,)
        The same array where there is no gap.

    Examples
    --------
    >>> sound = np.sin(np.arange(3000) / 5)
    >>> sound[1000:1200] = 0.0
    >>> remove_gaps(sound, 1000).shape
    (2800,)
    """
    gaps = find_gaps(samples, rate)
    if len(gaps) == 0:
        return samples
    kept = np.ones(len(samples), dtype=bool)
    for start, end in gaps:
        kept[start:end] = False
    return samples[kept]
