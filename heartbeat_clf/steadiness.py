"""How steadily a heart is heard to beat: eight numbers that a judge can go by.

In all six databases of CinC 2016 the heart's states last less evenly in recordings of
abnormal hearts than in those of normal ones, and their sounds are less clear. When a
sound begins depends less on the device than how it sounds.
"""

from __future__ import annotations

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.averaged_beats import Stays
from heartbeat_clf.beat_decoding import STATES
from heartbeat_clf.rhythm_features import regularity

__all__ = ["STEADINESS_FEATURES", "mean_clarity", "steadiness_features"]

STEADINESS_FEATURES = (
    "interval_spread",
    "s1_spread",
    "systole_spread",
    "s2_spread",
    "diastole_spread",
    "successive_difference",
    "clarity",
    "regularity",
)
"""The numbers of :func:`steadiness_features`, in their order."""

_FEWEST_INTERVALS = 2
# Below a sixteenth of a frame nothing is measured: what does not vary at all is this.
_LEAST = 1e-3
# What a sum of exponentials in float32 may be off by.
_ROUNDING = 1e-3


def steadiness_features(
    stays: Stays, probabilities: np.ndarray, frame_rate: float
) -> np.ndarray | None:
    """Return how steadily a heart is heard to beat.

    Parameters
    ----------
    stays : Stays
        When the heart is in which state, in frames; as
        :func:`heartbeat_clf.averaged_beats.find_stays` gives them.
    probabilities : ndarray of shape (n_frames, 4)
        Of the four heart states in each frame, as the tracker gives them.
    frame_rate : float
        Frames a second.

    Returns
    -------
    features : ndarray of float32 of shape (8,)
        In the order of ``STEADINESS_FEATURES``; see Notes. None where there are fewer
        than two intervals from one S1 to the next, or a state has no stay.

    Raises
    ------
    ValueError
        If shapes are wrong, stays reach beyond the frames, or a probability is none.

    Notes
    -----
    =======================  =========================================================
    interval_spread          natural logarithm of the standard deviation, in seconds, of
                             the intervals from one S1 to the next
    s1_spread, ...           the same of how long each state lasts
    successive_difference    logarithm of the root mean square of the log ratios of
                             successive intervals, as RMSSD is of their differences
    clarity                  as :func:`mean_clarity` gives it
    regularity               highest autocorrelation of the probability of S1 between
                             0.3 and 1.6 s; 1 where it cannot be told
    =======================  =========================================================

    What varies by less than 0.001 counts as 0.001.

    References
    ----------
    RMSSD and the standard deviation of intervals are the measures of heart rate
    variability in time: Task Force of the ESC and NASPE 1996, Circulation 93(5):
    1043-1065. Deviations of intervals and of the lengths of states are among the
    features of Potes et al. 2016 (Computing in Cardiology 43: 621-624), who won the
    challenge of that year.

    Examples
    --------
    >>> from heartbeat_clf.averaged_beats import find_stays
    >>> states = np.repeat(np.tile([0, 1, 2, 3], 5), np.tile([6, 12, 5, 25], 5))
    >>> even = steadiness_features(find_stays(states), np.eye(4)[states], 62.5)
    >>> bool(np.allclose(even[:6], np.log(0.001))), float(even[6])
    (True, 1.0)
    """
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(STATES):
        raise ValueError(
            "Expected probabilities of shape (n_frames, 4), got "
            f"{probabilities.shape!r}."
        )
    # A comparison with NaN is False.
    in_range = probabilities.dtype.kind in "fiu" and bool(
        ((probabilities >= 0) & (probabilities <= 1 + _ROUNDING)).all()
    )
    if not in_range:
        raise ValueError("Expected probabilities as numbers from 0 to 1, got others.")
    end = max((float(part[-1]) for part in stays.last if len(part)), default=0.0)
    if end > len(probabilities):
        raise ValueError(
            f"Expected stays within the {len(probabilities)} frames of probabilities, "
            f"got some up to {end:g}. Take those of the same recording."
        )
    check_number("frame_rate", frame_rate, minimum=0, exclusive=True)
    intervals = np.diff(stays.first[STATES.index("S1")]) / frame_rate
    if len(intervals) < _FEWEST_INTERVALS or stays.n_beats == 0:
        return None
    lengths = [
        (last - first) / frame_rate
        for first, last in zip(stays.first, stays.last, strict=True)
    ]
    spreads = [float(part.std()) for part in (intervals, *lengths)]
    changes = np.diff(np.log(intervals))
    spreads.append(float(np.sqrt(np.mean(changes**2))))
    first_sound = probabilities[:, STATES.index("S1")].astype(np.float64)
    return np.array(
        [
            *np.log(np.maximum(spreads, _LEAST)),
            mean_clarity(probabilities),
            regularity(first_sound, frame_rate),
        ],
        dtype=np.float32,
    )


def mean_clarity(probabilities: np.ndarray) -> float:
    """Return how clearly heart sounds are heard.

    Parameters
    ----------
    probabilities : ndarray of shape (n_frames, 4)
        As :func:`steadiness_features` takes them.

    Returns
    -------
    clarity : float
        The probability of the likeliest state, averaged over frames; chance is a
        quarter.
    """
    return float(probabilities.max(axis=1).mean())
