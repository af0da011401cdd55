"""Gaps: parts of a recording in which the device gave no sound."""

from __future__ import annotations

import numpy as np

from heartbeat_clf._validation import check_rate

__all__ = ["find_gaps", "find_runs", "remove_gaps"]

# Seconds of the same value that are no sound any more: as long as an S1.
_SHORTEST = 0.05
# Seconds on either side that tell a gap from silence.
_BESIDE = 0.01
# By how many of the recording's small steps sound differs from silence, and which steps
# are small. What is beside the gaps in CinC 2016 d and e spans 8 of them and more;
# where f falls silent, a quarter of one.
_QUIET_STEPS = 4
_SMALL = 0.1
_MOST_STEPS = 100_000
# Gaps a second: more of them are the pauses between heart sounds.
_MOST = 1.0


def find_gaps(samples: np.ndarray, rate: float) -> np.ndarray:
    """Return where a recording stands still for 50 ms or more.

    Wireless stethoscopes give zeros, or the last value again, where a packet is lost.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        As recorded, before any resampling; real numbers of any type.
    rate : float
        Samples per second.

    Returns
    -------
    gaps : ndarray of int of shape (n_gaps, 2)
        Where each begins and ends, the end exclusive.

    Raises
    ------
    TypeError
        If the samples are no real numbers, or `rate` is none.
    ValueError
        If they are not 1-D, or `rate` is below 10 Hz or above 768 kHz.

    Notes
    -----
    A run of one value at either end of a recording is a gap. Within, there are two
    kinds that are none, but silence between heart sounds:

    - that of a coarse converter, into which a sound fades: within 10 ms before or
      after it the samples span no more than four of the recording's small steps, of
      which a tenth are smaller;
    - that of a noise gate, which closes after every sound: there are more of them than
      one a second.

    Examples
    --------
    >>> sound = np.sin(np.arange(3000) / 5)
    >>> sound[1000:1200] = 0.0
    >>> find_gaps(sound, 1000).tolist()
    [[1000, 1200]]
    """
    samples = np.asarray(samples)
    check_rate("rate", rate)
    if samples.dtype.kind not in "biuf":
        raise TypeError(f"Expected samples of real numbers, got {samples.dtype}.")
    if samples.ndim != 1:
        raise ValueError(
            f"Expected a 1-D array of samples, got shape {samples.shape!r}. Mix the "
            "channels to one: array.mean(axis=channel_axis)."
        )
    runs = find_runs(samples, rate)
    at_end = (runs[:, 0] == 0) | (runs[:, 1] == len(samples))
    within = runs[~at_end]
    if len(within):
        beside, quiet = max(1, round(_BESIDE * rate)), _QUIET_STEPS * _step(samples)
        spans = [_span_beside(samples, run, beside) for run in within]
        within = within[np.array(spans) > quiet]
    if len(within) > _MOST * len(samples) / rate:
        within = within[:0]
    gaps: np.ndarray = np.concatenate([runs[at_end], within])
    return gaps[np.argsort(gaps[:, 0])]


def find_runs(samples: np.ndarray, rate: float) -> np.ndarray:
    """Return all runs of one value of 50 ms or more, of silence as well.

    Parameters
    ----------
    samples : ndarray of shape (n_times,)
        As recorded.
    rate : float
        Samples per second.

    Returns
    -------
    runs : ndarray of int of shape (n_runs, 2)
        Where each begins and ends, the end exclusive.
    """
    shortest = max(2, round(_SHORTEST * rate))
    if not _may_stand_still(samples, shortest):
        return np.empty((0, 2), dtype=int)
    still = np.zeros(len(samples) + 1, dtype=bool)
    np.equal(samples[1:], samples[:-1], out=still[1:-1])
    edges = np.flatnonzero(still[1:] != still[:-1])
    runs = np.column_stack([edges[::2], edges[1::2] + 1])
    return runs[runs[:, 1] - runs[:, 0] >= shortest]


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


def _step(samples: np.ndarray) -> float:
    """Return a small step of a recording, of which a tenth are smaller."""
    places = np.arange(0, len(samples) - 1, -(-len(samples) // _MOST_STEPS))
    steps = np.abs(samples[places + 1].astype(float) - samples[places])
    steps = steps[steps > 0]
    return float(np.quantile(steps, _SMALL)) if len(steps) else 0.0


def _span_beside(samples: np.ndarray, run: np.ndarray, beside: int) -> float:
    """Return what the samples span before or after a run, whichever is less."""
    start, end = run
    before = samples[max(0, start - beside) : start + 1].astype(float)
    after = samples[end - 1 : end + beside].astype(float)
    return float(min(np.ptp(before), np.ptp(after)))


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
    samples = np.asarray(samples)
    gaps = find_gaps(samples, rate)
    if len(gaps) == 0:
        return samples
    kept = np.ones(len(samples), dtype=bool)
    for start, end in gaps:
        kept[start:end] = False
    return samples[kept]
