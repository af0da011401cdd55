"""Phases of the heart, where a data set marks them, as something more to learn.

CirCor comes with a segmentation of stretches that its authors are sure of. Learning it
beside the labels teaches a network when to listen: 2,000 recordings have a
segmentation, a few hundred a murmur.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.phase_network import N_PHASES
from heartbeat_clf.pretraining_data import TrainingSet

__all__ = ["PhaseLoss", "mark_phases", "phase_shares"]


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class PhaseLoss(keras.losses.Loss):
    """Cross-entropy of the phases, a mean over what is marked.

    Targets are shares of the phases ``(n_windows, 1, n_steps, n_phases)``, all zero
    where nothing is marked; a batch without any mark adds zero.
    """

    def __init__(self, name: str = "phases", **settings: Any) -> None:
        # The mean over marked steps is taken here: nothing is left to reduce.
        super().__init__(name=name, **{**settings, "reduction": None})

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of a batch, a scalar."""
        entropy = -keras.ops.sum(y_true * keras.ops.log_softmax(y_pred, axis=-1))
        return entropy / keras.ops.maximum(keras.ops.sum(y_true), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {"name": self.name}


def mark_phases(
    part: TrainingSet, images: Sequence[np.ndarray], *, hop_duration: float
) -> list[np.ndarray]:
    """Return the phase of each frame of each image.

    Parameters
    ----------
    part : TrainingSet
        Its metadata may have a column ``segmentation`` with files as
        :func:`heartbeat_clf.datasets.read_segmentation` reads them.
    images : sequence of ndarray of shape (n_bands, n_frames)
        Images of its recordings.
    hop_duration : float
        Seconds from one frame to the next.

    Returns
    -------
    phases : list of ndarray of int8 of shape (n_frames,)
        0 where nothing is marked; 1 first heart sound, 2 systole, 3 second heart
        sound, 4 diastole. An image that is shorter than its segmentation has lost
        frames, nobody knows which: nothing of it is marked.
    """
    from heartbeat_clf.datasets.circor import read_segmentation

    marked = [np.zeros(image.shape[1], dtype=np.int8) for image in images]
    if "segmentation" not in part.metadata:
        return marked
    for codes, path in zip(marked, part.metadata["segmentation"], strict=True):
        segments = read_segmentation(path).to_numpy()
        frames = np.rint(segments[:, :2] / hop_duration).astype(int)
        if len(frames) and frames[-1, 1] > len(codes):
            continue
        for (first, end), state in zip(frames, segments[:, 2], strict=True):
            # One file of CirCor has a state of 28.
            if 1 <= state <= N_PHASES:
                codes[first:end] = state
    return marked


def phase_shares(codes: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the share of each phase in each of some steps.

    Parameters
    ----------
    codes : ndarray of int of shape (n_windows, n_frames)
        As :func:`mark_phases` gives them.
    n_steps : int
        Steps, of equal numbers of frames; frames that are left over are not used.

    Returns
    -------
    shares : ndarray of float32 of shape (n_windows, 1, n_steps, n_phases)
        A step's shares sum to the share of its frames that are marked.

    Examples
    --------
    >>> phase_shares(np.array([[1, 1, 2, 0, 0]]), 2).tolist()
    [[[[1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0]]]]
    """
    frames = codes.shape[1] // n_steps
    steps = codes[:, : n_steps * frames].reshape(len(codes), 1, n_steps, frames, 1)
    shares: np.ndarray = (steps == np.arange(1, N_PHASES + 1)).mean(
        axis=3, dtype=np.float32
    )
    return shares
