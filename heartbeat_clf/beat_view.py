"""A second look at a recording: its average beat, judged by a network of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.averaged_beats import (
    BEAT_COLUMNS,
    BEAT_STATISTICS,
    Stays,
    average_beat,
    find_stays,
)
from heartbeat_clf.beat_tracking import (
    BeatModel,
    state_probabilities,
    states_of_image,
)
from heartbeat_clf.prediction import network_session

__all__ = ["BeatView", "stays_in"]


_SETTINGS = {
    "sample_rate": False,
    "hop_duration": False,
    "window_frames": True,
    "context_frames": True,
}
"""What a tracker is run by, and whether it is an integer."""


@dataclass(frozen=True)
class BeatView:
    """What finds the beats in an image and judges their average.

    Attributes
    ----------
    tracker : bytes
        ONNX of a network as :func:`heartbeat_clf.beat_training.build_beat_network`
        makes it, on the lowest bands of the image.
    network : bytes
        ONNX of a network on average beats, whose logits are those of the network on
        windows.
    tracked_bands : int
        How many of the lowest bands `tracker` sees.
    settings : dict
        ``sample_rate`` and ``hop_duration`` of the images, ``window_frames`` and
        ``context_frames`` of the tracker.
    share : float, default=0.5
        Weight of this view's scores beside those of the windows.
    """

    tracker: bytes = field(repr=False)
    network: bytes = field(repr=False)
    tracked_bands: int
    settings: dict[str, Any]
    share: float = 0.5

    def __post_init__(self) -> None:
        check_number("share", self.share, minimum=0, maximum=1)
        check_number("tracked_bands", self.tracked_bands, minimum=1, integer=True)
        if set(self.settings) != set(_SETTINGS):
            raise ValueError(
                f"Expected the settings {sorted(_SETTINGS)}, got "
                f"{sorted(self.settings)}."
            )
        for name, integer in _SETTINGS.items():
            check_number(
                name, self.settings[name], minimum=0, exclusive=True, integer=integer
            )

    def scores(self, image: np.ndarray) -> np.ndarray | None:
        """Return the logits of an image's average beat.

        Parameters
        ----------
        image : ndarray of shape (n_bands, n_frames)
            In dB, as the windows' network gets it.

        Returns
        -------
        scores : ndarray of shape (n_outputs,) or None
            None where a heart state is missing, as in a quarter of a second. Beats
            are found in anything longer, also where there is no heart in it.
        """
        beat = self._beat(image)
        if beat is None:
            return None
        logits: np.ndarray = network_session(self.network)(beat)[0]
        return logits

    def embedding(self, image: np.ndarray) -> np.ndarray:
        """Return what the network hears in the average beat before it judges.

        Parameters
        ----------
        image : ndarray of shape (n_bands, n_frames)
            As `scores` takes it.

        Returns
        -------
        embedding : ndarray of shape (n_units,)
            Zeros, at which no unit speaks, where no beat is found.
        """
        beat = self._beat(image)
        run = network_session(self.network, "embedding")
        if beat is None:
            silent = (1, len(image), sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
            return np.zeros_like(run(np.zeros(silent, dtype=np.float32))[0])
        heard: np.ndarray = run(beat)[0]
        return heard

    def check_networks(self, n_bands: int) -> None:
        """Raise unless both networks run on images of so many bands.

        Raises
        ------
        ValueError
            If one cannot be read, or takes something else than the settings say.
        """
        silence = np.zeros((n_bands, 1), dtype=np.float32)
        beat = (1, n_bands, sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
        try:
            model = BeatModel(self.tracker, self.settings)
            state_probabilities(silence[: self.tracked_bands], model)
            network_session(self.network)(np.zeros(beat, dtype=np.float32))
        # ONNX Runtime's errors have no base of their own.
        except Exception as error:
            raise ValueError(
                f"Expected networks that run on {n_bands} bands with {self.settings} "
                f"and tracked_bands={self.tracked_bands}, got: {error}"
            ) from error

    def _beat(self, image: np.ndarray) -> np.ndarray | None:
        stays = stays_in(
            image, BeatModel(self.tracker, self.settings), self.tracked_bands
        )
        return average_beat(image, stays)[np.newaxis] if stays.n_beats else None

    def blend(self, windows: np.ndarray, beats: list[np.ndarray | None]) -> np.ndarray:
        """Return weighted means of the two views' scores, a row a recording.

        Where there is no beat, the windows' scores stay as they are.
        """
        blended = np.array(windows, dtype=np.float64)
        for row, found in zip(blended, beats, strict=True):
            if found is not None:
                row += self.share * (found - row)
        return blended

    def blend_in(self, windows: np.ndarray, images: Sequence[np.ndarray]) -> np.ndarray:
        """Return what :meth:`blend` does, of images ``(n_bands, n_frames, 1)``."""
        return self.blend(windows, [self.scores(image[..., 0]) for image in images])


def stays_in(image: np.ndarray, tracker: BeatModel, tracked_bands: int) -> Stays:
    """Return when a recording is in which heart state, by an image's lowest bands.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB.
    tracker : BeatModel
        With the settings of :class:`BeatView`.
    tracked_bands : int
        How many of the lowest bands it sees.

    Returns
    -------
    stays : Stays
    """
    return find_stays(states_of_image(image[:tracked_bands], tracker)[1])
