"""What the judges of beats say of a recording, before it is one score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["BeatScores"]


class BeatScores(NamedTuple):
    """What the judges of beats say of a recording.

    Attributes
    ----------
    network : ndarray of shape (n_outputs,)
        Logits of the network; the greater of two for outputs of either phase.
    linear : ndarray of shape (n_outputs,)
        Log odds of the linear judge, as above; NaN where there is none.
    n_beats : int
        How many beats were averaged.
    clarity : float
        How clearly heart sounds are heard: the probability of the likeliest heart
        state, averaged over the frames; chance is a quarter.
    steadiness : ndarray of shape (n_outputs,)
        Log odds of the judge of steadiness, NaN where there is none, or too few beats.
    familiarity : ndarray of shape (n_outputs,)
        Log odds of the recording sounding like those that the output was learnt from,
        NaN where that is not judged.
    made : ndarray of shape (n_outputs,)
        Log odds of the judge of made murmurs, NaN where there is none.
    units : ndarray of shape (n_outputs,)
        Log odds of the judge of units, NaN where there is none, or before
        :meth:`BeatView.with_units`.
    heard : ndarray of shape (n_units,)
        What the network hears of the beat as it is before it judges; empty where
        nobody asks for it.
    """

    network: np.ndarray
    linear: np.ndarray
    n_beats: int
    clarity: float
    steadiness: np.ndarray
    familiarity: np.ndarray
    made: np.ndarray
    units: np.ndarray
    heard: np.ndarray = np.empty(0)

    def first(self, n_outputs: int) -> BeatScores:
        """Return what is said of the first outputs."""
        return self._replace(
            network=self.network[:n_outputs],
            linear=self.linear[:n_outputs],
            steadiness=self.steadiness[:n_outputs],
            familiarity=self.familiarity[:n_outputs],
            made=self.made[:n_outputs],
            units=self.units[:n_outputs],
        )
