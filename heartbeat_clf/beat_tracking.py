"""Beats of recordings: when the first and the second heart sounds begin.

A small network, trained on CirCor and shipped as ONNX, gives each frame of a log-mel
image the probabilities of S1, systole, S2 and diastole; a search that knows how long
these last makes a sequence of beats of them.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from heartbeat_clf._rows import check_recordings
from heartbeat_clf.audio import load_recording
from heartbeat_clf.beat_decoding import decode_states, state_starts
from heartbeat_clf.mel import log_mel_spectrogram
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.prediction import softmax

__all__ = [
    "BeatModel",
    "Beats",
    "beat_image",
    "load_beat_model",
    "standardise_bands",
    "state_probabilities",
    "states_of_image",
    "track_beats",
]

_MEL_SETTINGS = (
    "sample_rate",
    "frame_duration",
    "hop_duration",
    "n_mels",
    "fmin",
    "fmax",
    "top_db",
)


class BeatModel(NamedTuple):
    """A beat tracker's network and its settings.

    Attributes
    ----------
    network : bytes
        ONNX: windows ``(n_windows, n_mels, window_frames + 2 * context_frames, 1)``
        to ``window_frames * 4`` logits.
    settings : dict
        Those of :func:`~heartbeat_clf.spectrogram.log_mel_spectrogram`, and
        ``window_frames`` and ``context_frames``.
    """

    network: bytes
    settings: dict[str, Any]

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        rate = float(self.settings["sample_rate"])
        return rate / round(self.settings["hop_duration"] * rate)


class Beats(NamedTuple):
    """The beats of a recording.

    Attributes
    ----------
    s1, s2 : ndarray of float64
        Onsets of first and second sounds in seconds. A sound that the start of the
        recording cuts has none.
    states : ndarray of int of shape (n_frames,)
        Index into ``beat_decoding.STATES``.
    probabilities : ndarray of float32 of shape (n_frames, 4)
        What the network says of each frame by itself.
    level : ndarray of float32 of shape (n_frames,)
        Mean of the bands in dB.
    frame_rate : float
        Frames a second.
    image : ndarray of float32 of shape (n_bands, n_frames)
        What the network heard: see :func:`beat_image`.
    """

    s1: np.ndarray
    s2: np.ndarray
    states: np.ndarray
    probabilities: np.ndarray
    level: np.ndarray
    frame_rate: float
    image: np.ndarray


@lru_cache(maxsize=1)
def _shipped_model() -> BeatModel:
    return load_beat_model(str(resources.files("heartbeat_clf") / "models" / "beats"))


def load_beat_model(folder: str | Path | None = None) -> BeatModel:
    """Return the beat tracker of a folder, or the one that is shipped.

    Parameters
    ----------
    folder : str, Path or None, default=None
        With ``beats.onnx`` and ``beats.json``; None takes the shipped one.

    Returns
    -------
    model : BeatModel

    Raises
    ------
    FileNotFoundError
        If one of the two files is missing.
    """
    if folder is None:
        return _shipped_model()
    place = Path(folder)
    for name in ("beats.onnx", "beats.json"):
        if not (place / name).is_file():
            raise FileNotFoundError(
                f"Expected beats.onnx and beats.json in {str(place)!r}, found no "
                f"{name}. Make them with benchmarks/train_beats.py."
            )
    settings = json.loads((place / "beats.json").read_text(encoding="utf-8"))
    return BeatModel((place / "beats.onnx").read_bytes(), settings)


def beat_image(
    recording: Any,
    settings: dict[str, Any],
    *,
    input_rate: float | None = None,
    label: str = "row 0",
) -> np.ndarray:
    """Return the log-mel image that the tracker sees, in dB.

    A recording shorter than one frame is repeated to reach it.
    """
    waveform = load_recording(
        recording,
        sample_rate=settings["sample_rate"],
        input_rate=input_rate,
        label=label,
    )
    least = round(settings["frame_duration"] * settings["sample_rate"])
    if len(waveform) < least:
        waveform = np.resize(waveform, least)
    return log_mel_spectrogram(
        waveform, **{name: settings[name] for name in _MEL_SETTINGS}
    )


def standardise_bands(image: np.ndarray) -> np.ndarray:
    """Return an image with mean 0 in each band and deviation 1 over all.

    Examples
    --------
    >>> standardise_bands(np.array([[1.0, 3.0], [7.0, 9.0]])).tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """
    centred = image - image.mean(axis=1, keepdims=True)
    return centred / max(float(centred.std()), 1e-6)


def state_probabilities(image: np.ndarray, model: BeatModel) -> np.ndarray:
    """Return the probabilities of the four states in each frame of an image.

    Parameters
    ----------
    image : ndarray of shape (n_mels, n_frames)
        From :func:`beat_image`.
    model : BeatModel
        From :func:`load_beat_model`.

    Returns
    -------
    probabilities : ndarray of float32 of shape (n_frames, 4)
    """
    size, context = (model.settings[f"{name}_frames"] for name in ("window", "context"))
    n_bands, n_frames = image.shape
    n_windows = -(-n_frames // size)
    # Zero is the mean of each band: what lies beyond the ends is of mean loudness.
    padded = np.zeros((n_bands, n_windows * size + 2 * context), dtype=np.float32)
    padded[:, context : context + n_frames] = standardise_bands(image)
    windows = np.stack(
        [
            padded[:, start : start + size + 2 * context]
            for start in range(0, n_windows * size, size)
        ]
    )
    logits = network_session(model.network)(windows[..., np.newaxis])
    return softmax(logits.reshape(-1, 4))[:n_frames].astype(np.float32)


def states_of_image(
    image: np.ndarray, model: BeatModel
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the states in each frame, and the likeliest path.

    Parameters
    ----------
    image : ndarray of shape (n_mels, n_frames)
        In dB, of the bands that the model sees.
    model : BeatModel
        Of its settings, those that :func:`state_probabilities` and `frame_rate` read.

    Returns
    -------
    probabilities : ndarray of float32 of shape (n_frames, 4)
    states : ndarray of int of shape (n_frames,)
    """
    probabilities = state_probabilities(image, model)
    # What the network rules out stays possible: durations have a say as well.
    scores = np.log(probabilities + 1e-4)
    return probabilities, decode_states(scores, frame_rate=model.frame_rate)


def track_beats(
    recordings: Any,
    *,
    input_rate: float | None = None,
    model: BeatModel | None = None,
) -> list[Beats]:
    """Return the beats of recordings.

    Parameters
    ----------
    recordings : sequence of str, Path or 1-D arrays, or 2-D numeric array
        One recording a row.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means that of the model (1000). Files carry their
        own.
    model : BeatModel or None, default=None
        None takes the shipped one.

    Returns
    -------
    beats : list of Beats
        One a recording. Not a medical device.

    Raises
    ------
    TypeError
        If `recordings` is of the wrong type.
    ValueError
        If a recording cannot be used; the message names it.

    Examples
    --------
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(1, heart_rate=75.0, duration=6.0, random_state=0)
    >>> beats = track_beats(sounds.recordings[:1])[0]
    >>> 5 <= len(beats.s1) <= 9
    True
    """
    model = load_beat_model() if model is None else model
    found = []
    with threadpool_limits(limits=1, user_api="blas"):
        for row, recording in enumerate(check_recordings(recordings)):
            image = beat_image(
                recording, model.settings, input_rate=input_rate, label=f"row {row}"
            )
            found.append(beats_of_image(image, model))
    return found


def beats_of_image(image: np.ndarray, model: BeatModel) -> Beats:
    """Return the beats that an image of :func:`beat_image` shows."""
    rate = model.frame_rate
    probabilities, states = states_of_image(image, model)
    return Beats(
        # Frame i is centred on time i / rate; a state begins half a frame before.
        s1=(state_starts(states, 0) - 0.5) / rate,
        s2=(state_starts(states, 2) - 0.5) / rate,
        states=states,
        probabilities=probabilities,
        level=image.mean(axis=0),
        frame_rate=rate,
        image=image,
    )
