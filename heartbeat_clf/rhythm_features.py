"""From the beats of a recording to numbers that describe its rhythm.

Plain functions of :class:`~heartbeat_clf.beat_tracking.Beats`.
"""

from __future__ import annotations

import itertools

import numpy as np

from heartbeat_clf.beat_decoding import STATES
from heartbeat_clf.beat_likeness import LIKENESS_FEATURES, beat_likeness
from heartbeat_clf.beat_tracking import Beats
from heartbeat_clf.extra_sounds import extra_sound

__all__ = [
    "INTERVAL_FEATURES",
    "LEARNT_FEATURES",
    "LIKENESS_FEATURES",
    "RHYTHM_FEATURES",
    "SOUND_FEATURES",
    "regularity",
    "rhythm_features",
]

INTERVAL_FEATURES = (
    "n_intervals",
    "median_interval",
    "spread",
    "successive_difference",
    "shortest",
    "longest",
    "drop_and_pause",
    "paired_change",
    "compensation",
    "entropy",
    "regularity",
    "systole_spread",
    "premature_level",
    "level_spread",
    "confidence",
    "weak_beats",
)
SOUND_FEATURES = (
    "systole_outlier",
    "systole_level",
    "systole_stray",
    "systole_stray_median",
    "diastole_outlier",
    "diastole_level",
    "diastole_stray",
    "diastole_stray_median",
)
LEARNT_FEATURES = ("extra_sound",)
RHYTHM_FEATURES = (
    INTERVAL_FEATURES + SOUND_FEATURES + LIKENESS_FEATURES + LEARNT_FEATURES
)
_NEIGHBOURS = 3
_ENTROPY_STEP = 0.05
# The ends of a stay hold the flanks of the sounds beside it.
_MARGIN_FRAMES = 2
_NO_SOUND = (0.0, -5.0, 0.1, 0.1)


def rhythm_features(beats: Beats) -> np.ndarray:
    """Return the numbers that describe the rhythm of one recording.

    Intervals run from one S1 to the next. Each is compared with the median of up to
    three intervals on either side of it, as the logarithm of their ratio: −0.3 is
    an interval 26 % short.

    Parameters
    ----------
    beats : Beats
        From :func:`~heartbeat_clf.beat_tracking.track_beats`.

    Returns
    -------
    features : ndarray of float64 of shape (41,)
        In the order of ``RHYTHM_FEATURES``: those of the intervals, of sounds between
        the beats, of how alike the beats are, and what was learnt from edited clips.
        Finite; where there are too few intervals, the value of a perfectly even rhythm.

    Notes
    -----
    ================================  ===============================================
    n_intervals                       whole intervals
    median_interval                   seconds
    spread                            1.48 × median distance from the local median
    successive_difference             root mean square of log ratios of neighbours
    shortest, longest                 least and largest log ratio to the local median
    drop_and_pause                    largest of min(−ratio, next ratio): a short
                                      interval followed by a long one
    paired_change                     largest log ratio of an interval to the one
                                      before
    compensation                      mean log ratio of that pair: 0 where the pause
                                      makes up for the early beat
    entropy                           bits, of the ratios in steps of 5 %
    regularity                        highest autocorrelation of the probability of
                                      S1 between 0.3 and 1.6 s
    systole_spread                    as spread, of S1 to S2
    premature_level                   dB of the early beat's S1 over the median S1
    level_spread                      1.48 × median absolute deviation of S1 in dB
    confidence                        mean probability of the chosen states
    weak_beats                        share of beats with a probability of S1 below ½
    systole_outlier                   dB by which the loudest systole is over the median
                                      one, each by its loudest frame
    systole_level                     dB of the median systole over the median S1
    systole_stray                     highest probability of a heart sound in a systole
    systole_stray_median              the same in the median systole
    diastole_...                      the same four of diastoles: a weak early beat that
                                      is not counted as a beat shows here
    s1_low_oddest, s1_low_unlike,     how unlike the median one the oddest stay in a
    ...                               heart state is, and the middle one: see
                                      :func:`~heartbeat_clf.beat_likeness.beat_likeness`
    extra_sound                       log odds of a quiet sound too many between the
                                      beats, by the eight numbers of sounds: see
                                      :func:`~heartbeat_clf.extra_sounds.extra_sound`
    ================================  ===============================================

    Examples
    --------
    >>> from heartbeat_clf.beat_tracking import Beats
    >>> diastoles = (20, 20, 20, 10, 30, 20)
    >>> states = [np.repeat([3, 0, 1, 2], [d, 5, 10, 5]) for d in diastoles]
    >>> states = np.concatenate([*states, np.full(20, 3)])
    >>> s1 = (np.flatnonzero(np.diff(states) == -3) + 0.5) / 50
    >>> quiet = np.zeros(len(states))
    >>> image = np.zeros((16, len(states)))
    >>> beats = Beats(s1, s1 + 0.3, states, np.eye(4)[states], quiet, 50.0, image)
    >>> values = dict(zip(RHYTHM_FEATURES, rhythm_features(beats)))
    >>> round(float(np.exp(values["shortest"])), 2)
    0.75
    >>> round(float(np.exp(values["paired_change"])), 2)
    1.67
    """
    values = dict.fromkeys(RHYTHM_FEATURES, 0.0)
    intervals = np.diff(beats.s1)
    values["n_intervals"] = float(len(intervals))
    values["median_interval"] = float(np.median(intervals)) if len(intervals) else 0.8
    chosen = beats.probabilities[np.arange(len(beats.states)), beats.states]
    values["confidence"] = float(chosen.mean())
    values["regularity"] = regularity(beats.probabilities[:, 0], beats.frame_rate)
    loudness, certainty = _first_sounds(beats)
    if len(loudness):
        values["weak_beats"] = float((certainty < 0.5).mean())
        values["level_spread"] = _spread(loudness - np.median(loudness))
    systoles = _systoles(beats)
    if len(systoles):
        values["systole_spread"] = _spread(np.log(systoles / np.median(systoles)))
    if len(intervals) >= 2:
        ratios = np.log(intervals / _local_medians(intervals))
        change = np.diff(np.log(intervals))
        place = int(change.argmax())
        middle = np.log(np.median(intervals))
        values["spread"] = _spread(ratios)
        values["successive_difference"] = float(np.sqrt(np.mean(change**2)))
        values["shortest"] = float(ratios.min())
        values["longest"] = float(ratios.max())
        values["drop_and_pause"] = float(np.minimum(-ratios[:-1], ratios[1:]).max())
        values["paired_change"] = float(change[place])
        values["compensation"] = float(
            np.log(intervals[place : place + 2]).mean() - middle
        )
        values["entropy"] = _entropy(ratios)
        values["premature_level"] = float(loudness[place + 1] - np.median(loudness))
    intervals_part = [values[name] for name in INTERVAL_FEATURES]
    sounds = _sounds_between(beats)
    likeness = beat_likeness(beats.image, beats.states)
    return np.array([*intervals_part, *sounds, *likeness, extra_sound(sounds)])


def _local_medians(intervals: np.ndarray) -> np.ndarray:
    """Return the median of the neighbours of each interval, itself left out."""
    medians = np.empty(len(intervals))
    for place in range(len(intervals)):
        start = max(0, place - _NEIGHBOURS)
        near = np.delete(intervals[start : place + _NEIGHBOURS + 1], place - start)
        medians[place] = np.median(near)
    return medians


def _spread(values: np.ndarray) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _entropy(ratios: np.ndarray) -> float:
    _, counts = np.unique(np.round(ratios / _ENTROPY_STEP), return_counts=True)
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum() + 0.0)


def regularity(probability: np.ndarray, frame_rate: float) -> float:
    """Return how alike a recording is to itself one interval later.

    Parameters
    ----------
    probability : ndarray of shape (n_frames,)
        Of S1 in each frame.
    frame_rate : float
        Frames a second.

    Returns
    -------
    regularity : float
        The highest autocorrelation between 0.3 and 1.6 s; 1 where nothing varies or
        the recording is too short to tell.
    """
    centred = probability - probability.mean()
    power = float(centred @ centred) / len(centred)
    first = round(0.3 * frame_rate)
    # Half of the recording has to remain, or chance alone makes a high value.
    last = min(round(1.6 * frame_rate), len(centred) // 2)
    if last <= first or power < 1e-9:
        return 1.0
    return max(
        float(np.mean(centred[lag:] * centred[:-lag]) / power)
        for lag in range(first, last + 1)
    )


def _first_sounds(beats: Beats) -> tuple[np.ndarray, np.ndarray]:
    """Return loudness in dB and mean probability of each S1 in `beats.s1`."""
    starts = np.round(beats.s1 * beats.frame_rate + 0.5).astype(int)
    loudness, certainty = np.empty(len(starts)), np.empty(len(starts))
    for row, start in enumerate(starts):
        later = np.flatnonzero(beats.states[start:] != 0)
        end = start + max(1, int(later[0])) if len(later) else len(beats.states)
        loudness[row] = beats.level[start:end].max(initial=-np.inf)
        certainty[row] = beats.probabilities[start:end, 0].mean()
    return loudness, certainty


def _systoles(beats: Beats) -> np.ndarray:
    """Return the seconds from each S1 to the S2 of the same beat."""
    following = np.searchsorted(beats.s2, beats.s1, side="right")
    ends = np.append(beats.s1[1:], np.inf)
    known = following < len(beats.s2)
    s2 = beats.s2[following[known]]
    return (s2 - beats.s1[known])[s2 < ends[known]]


def _sounds_between(beats: Beats) -> list[float]:
    """Return what ``SOUND_FEATURES`` names."""
    edges = np.flatnonzero(np.diff(beats.states)) + 1
    stays = [
        (int(beats.states[start]), start, end)
        for start, end in itertools.pairwise(edges)
    ]
    first = [beats.level[a:b].max() for state, a, b in stays if state == 0]
    values: list[float] = []
    for name in ("systole", "diastole"):
        peaks, strays = [], []
        for state, start, end in stays:
            if state != STATES.index(name):
                continue
            if end - start > 3 * _MARGIN_FRAMES:
                start, end = start + _MARGIN_FRAMES, end - _MARGIN_FRAMES
            peaks.append(beats.level[start:end].max())
            strays.append(beats.probabilities[start:end, [0, 2]].sum(axis=1).max())
        if not peaks or not first:
            values += _NO_SOUND
            continue
        middle = float(np.median(peaks))
        values += [
            float(max(peaks)) - middle,
            middle - float(np.median(first)),
            float(max(strays)),
            float(np.median(strays)),
        ]
    return values
