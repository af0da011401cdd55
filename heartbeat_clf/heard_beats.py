"""What the tracker hears in a recording: when the heart is in which state."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heartbeat_clf.averaged_beats import Stays, find_stays
from heartbeat_clf.beat_tracking import BeatModel, states_of_image
from heartbeat_clf.steadiness import mean_clarity, steadiness_features

__all__ = ["Heard", "hear_beats"]


class Heard(NamedTuple):
    """What the tracker hears in a recording.

    Attributes
    ----------
    stays : Stays
        When the heart is in which state.
    clarity : float
        How clearly heart sounds are heard: the probability of the likeliest heart
        state, averaged over the frames; chance is a quarter.
    steadiness : ndarray of float32 of shape (8,), or None
        As :func:`heartbeat_clf.steadiness.steadiness_features` gives it; None as well
        where it was not asked for.
    """

    stays: Stays
    clarity: float
    steadiness: np.ndarray | None


def hear_beats(
    image: np.ndarray,
    tracker: BeatModel,
    tracked_bands: int,
    *,
    steadiness: bool = True,
) -> Heard:
    """Return what the tracker hears in a recording, by an image's lowest bands.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB, as the windows' network gets it.
    tracker : BeatModel
        With the settings of :class:`heartbeat_clf.beat_view.BeatView`.
    tracked_bands : int
        How many of the lowest bands it sees.
    steadiness : bool, default=True
        Whether to tell how steadily the heart beats, which takes some time as well.

    Returns
    -------
    heard : Heard
    """
    probabilities, states = states_of_image(image[:tracked_bands], tracker)
    stays = find_stays(states)
    steady = None
    if steadiness:
        steady = steadiness_features(stays, probabilities, tracker.frame_rate)
    return Heard(stays, mean_clarity(probabilities), steady)
