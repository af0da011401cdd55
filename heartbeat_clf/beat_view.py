"""A second look at a recording: its average beat, judged by a network of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from heartbeat_clf.averaged_beats import Stays, average_beat, find_stays
from heartbeat_clf.beat_decoding import decode_states
from heartbeat_clf.beat_tracking import BeatModel, state_probabilities
from heartbeat_clf.prediction import network_session

__all__ = ["BeatView", "stays_in"]


@dataclass(frozen=True)
class BeatView:
    """What finds the beats in an image and judges their average.

    Attributes
    ----------
    tracker : bytes
        ONNX of a network as :func:`heartbeat_clf.beat_training.build_beat_network`
        makes it, on the lowest bands of the image.
    network : bytes
        ONNX of a network on average beats, with the outputs that the network on
        windows has.
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

    def scores(self, image: np.ndarray) -> np.ndarray | None:
        """Return the logits of an image's average beat.

        Parameters
        ----------
        image : ndarray of shape (n_bands, n_frames)
            In dB, as the windows' network gets it.

        Returns
        -------
        scores : ndarray of shape (n_outputs,) or None
            None where no beat is found: shorter than one, or no heart in it.
        """
        stays = stays_in(
            image, self.tracker, tracked_bands=self.tracked_bands, **self.settings
        )
        if stays.n_beats == 0:
            return None
        beat = average_beat(image, stays)
        logits: np.ndarray = network_session(self.network)(beat[np.newaxis])[0]
        return logits

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

    def kept(self, share: float) -> BeatView:
        """Return the view with a share of its weight: the rest was trained on."""
        return dataclasses.replace(self, share=self.share * share)


def stays_in(
    image: np.ndarray,
    tracker: bytes,
    *,
    tracked_bands: int,
    **settings: Any,
) -> Stays:
    """Return when a recording is in which heart state, by an image's lowest bands.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB.
    tracker : bytes
        As :class:`BeatView` has it.
    tracked_bands : int
        How many of the lowest bands it sees.
    **settings : object
        Those of :class:`BeatView`.

    Returns
    -------
    stays : Stays
    """
    model = BeatModel(tracker, settings)
    probabilities = state_probabilities(image[:tracked_bands], model)
    states = decode_states(np.log(probabilities + 1e-4), frame_rate=model.frame_rate)
    return find_stays(states)
