"""Weights of a saved model to start a training from, with the settings they need."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heartbeat_clf._validation import check_choice
from heartbeat_clf.model_archive import UNREADABLE, damaged, read_model
from heartbeat_clf.prediction import Calibration
from heartbeat_clf.pretrained import TARGETS, find_model
from heartbeat_clf.saved_parts import (
    LATER_SETTINGS,
    as_tuples,
    check_steps,
    read_predictor,
)

if TYPE_CHECKING:
    from heartbeat_clf.beat_view import BeatView

__all__ = ["FINE_TUNING", "OTHER_HEADS", "InitialWeights", "read_initial_weights"]

# Settings of the steps that weights hold for. The rest may differ.
BINDING = {
    "spectrogram": (
        "sample_rate",
        "frame_duration",
        "hop_duration",
        "n_mels",
        "fmin",
        "fmax",
        "top_db",
        "band_pass",
        "spike_removal",
        "gap_removal",
        "hum_removal",
    ),
    "trimmer": ("bands",),
    "classifier": ("network", "window_frames", "standardize"),
}
# A trained network needs less of both than a new one.
FINE_TUNING = {"learning_rate": 1e-3, "epochs": 30}
OTHER_HEADS = {"wide": "wide_linear"}
"""Networks that take over all of another one's weights but those of the head."""
_OWNERS = {
    "SpectrogramTransformer": "spectrogram",
    "ImageTrimmer": "trimmer",
    "HeartbeatClassifier": "classifier",
}


@dataclass(frozen=True)
class InitialWeights:
    """A trained network and what it was trained with.

    Attributes
    ----------
    origin : str
        How errors name it.
    archive : bytes
        The network as a ``.keras`` file.
    settings : dict of (str, str) to object
        What must be the same: step ("spectrogram", "trimmer" or "classifier") and
        parameter.
    n_bands, window_frames, n_channels : int
        Shape of its windows.
    classes : tuple
        Its classes.
    calibration : Calibration
        What makes its scores probabilities.
    beats : BeatView or None
        Its view of average beats, where it has one.
    """

    origin: str
    archive: bytes
    settings: dict[tuple[str, str], Any]
    n_bands: int
    window_frames: int
    n_channels: int
    classes: tuple[Any, ...]
    calibration: Calibration
    beats: BeatView | None = None


def read_initial_weights(source: str | os.PathLike[str]) -> InitialWeights:
    """Return the weights and settings of a saved model.

    Parameters
    ----------
    source : str or path
        ``"pretrained"`` for the shipped model of murmurs, ``"pretrained:abnormal"``
        for the other one, or a file that :func:`heartbeat_clf.save` wrote.

    Returns
    -------
    weights : InitialWeights

    Raises
    ------
    OSError
        If the file is missing.
    ValueError
        If it is no saved model, or there is no shipped model of that name.
    TypeError
        If `source` is no path.
    """
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            'Expected initial_weights to be "pretrained", the path of a saved model '
            f"or None, got {source!r}."
        )
    name, _, target = str(source).partition(":")
    path = Path(source)
    if name == "pretrained" and not path.exists():
        named = ("pretrained", *(f"pretrained:{known}" for known in TARGETS))
        check_choice("initial_weights", str(source), named)
        path = find_model(target or "murmur")
    elif str(source) in TARGETS and not path.exists():
        raise FileNotFoundError(
            f"Expected initial_weights to be a saved model, found no file {name!r}. "
            f'The model in the box is "pretrained:{name}".'
        )
    stat = path.stat() if path.exists() else None
    return _read(path, str(source), stat and (stat.st_size, stat.st_mtime_ns))


@functools.lru_cache(maxsize=4)
def _read(path: Path, origin: str, version: Any) -> InitialWeights:
    description, entries = read_model(path)
    settings: dict[tuple[str, str], Any] = {}
    try:
        check_steps(description)
        for step in description["steps"]:
            owner = _OWNERS[step["kind"]]
            known = as_tuples(step["settings"])
            if owner == "spectrogram":
                known = LATER_SETTINGS | known
            settings.update({(owner, key): known[key] for key in BINDING[owner]})
        predictor = read_predictor(description, entries)
        archive = entries["network.keras"]
    except UNREADABLE as error:
        raise damaged(path, error) from error
    return InitialWeights(
        origin=origin,
        archive=archive,
        settings=settings,
        n_bands=predictor.n_bands,
        window_frames=predictor.window_frames,
        n_channels=predictor.n_channels,
        classes=tuple(description["classes"]["values"]),
        calibration=predictor.calibration,
        beats=predictor.beats,
    )
