"""What is wrong with a waveform can be counted: silence, clipping, constant runs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heartbeat_clf.gaps import find_runs

__all__ = ["SignalMeasures", "measure_signal"]

# Share of the largest excursion that still counts as being at the rail.
_RAIL = 1e-3


class SignalMeasures(NamedTuple):
    """Counts of one waveform.

    Attributes
    ----------
    duration : float
        Seconds.
    level : float
        Standard deviation in dB re full scale; -inf for a constant waveform.
    peak_to_peak : float
        Largest less smallest sample, full scale at ±1.
    clipped : float
        Share of the samples at the largest or the smallest value.
    constant : float
        Share of the time in runs of 50 ms or more of the same sample value.
    """

    duration: float
    level: float
    peak_to_peak: float
    clipped: float
    constant: float


def measure_signal(samples: np.ndarray, rate: float) -> SignalMeasures:
    """Return what can be counted in the samples of a recording.

    Parameters
    ----------
    samples : ndarray of float of shape (n_times,)
        As recorded, before any resampling; at least one.
    rate : float
        Samples per second.

    Returns
    -------
    measures : SignalMeasures

    Notes
    -----
    A sample is at a rail if it is within a thousandth of the largest excursion from
    the largest or the smallest value. Of a sine, 3 % of the samples are; of heart
    sounds that are not clipped, fewer than 1 in 1000.

    Examples
    --------
    >>> square = np.tile([1.0, 1.0, -1.0, -1.0], 500)
    >>> measure_signal(square, 1000).clipped
    1.0
    """
    lowest, highest = float(samples.min()), float(samples.max())
    deviation = float(np.std(samples, dtype=np.float64))
    if lowest == highest:
        return SignalMeasures(len(samples) / rate, -np.inf, 0.0, 0.0, 1.0)
    margin = _RAIL * max(abs(lowest), abs(highest))
    at_rail = (samples >= highest - margin) | (samples <= lowest + margin)
    return SignalMeasures(
        duration=len(samples) / rate,
        level=20 * float(np.log10(deviation)),
        peak_to_peak=highest - lowest,
        clipped=float(at_rail.mean()),
        constant=_share_in_runs(samples, rate),
    )


def _share_in_runs(samples: np.ndarray, rate: float) -> float:
    """Return the share of the time in runs of the same sample value."""
    runs = find_runs(samples, rate)
    return float((runs[:, 1] - runs[:, 0]).sum() / len(samples))
