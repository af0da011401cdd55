"""What lies in the file of a saved model, as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf.prediction import Calibration, WindowPredictor

__all__ = [
    "BEAT_ENTRIES",
    "PREDICTOR_ENTRY",
    "as_tuples",
    "read_classes",
    "read_predictor",
]

PREDICTOR_ENTRY = {"onnx": "network.onnx", "keras": "predictor.keras"}
"""Where the network lies in the file, by what runs it."""


BEAT_ENTRIES = {
    "tracker": "beats_tracker.onnx",
    "network": "beats_network.onnx",
    "linear": "beats_linear.onnx",
}
"""Where the networks of the view of average beats lie, where there is one.

The last may be missing: not every view has a linear judge.
"""


def read_classes(description: dict[str, Any]) -> np.ndarray:
    """Return the classes that a saved model tells apart."""
    classes = description["classes"]
    return np.asarray(classes["values"], dtype=classes["dtype"])


def read_predictor(
    description: dict[str, Any], entries: dict[str, bytes]
) -> WindowPredictor:
    """Return the network of a saved model with all that it takes to run it."""
    settings = dict(description["predictor"])
    calibration: dict[str, Any] = as_tuples(settings.pop("calibration"))
    # Models of before there was one have none.
    beats = settings.pop("beats", None)
    if beats is not None:
        from heartbeat_clf.beat_view import BeatView

        # What the file says and what it holds must agree: an answer without a judge is
        # another one.
        beats = dict(beats)
        judged = beats.pop("linear", False) is True
        names = [name for name in BEAT_ENTRIES if name != "linear" or judged]
        networks: dict[str, Any] = {name: entries[BEAT_ENTRIES[name]] for name in names}
        settings["beats"] = BeatView(**networks, **beats)
        settings["beats"].check_networks(settings["n_bands"])
    used = settings.get("beats")
    for name, entry in BEAT_ENTRIES.items():
        if entry in entries and (used is None or getattr(used, name) is None):
            raise ValueError(f"{entry} is in it, and model.json does not know of it")
    predictor = WindowPredictor(
        network=entries[PREDICTOR_ENTRY[settings["engine"]]],
        calibration=Calibration(**calibration),
        **settings,
    )
    predictor.check_network()
    return predictor


def as_tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the lists, which JSON made of tuples, as tuples again.

    Examples
    --------
    >>> as_tuples({"band_pass": [25, 400]})
    {'band_pass': (25, 400)}
    """
    return {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in settings.items()
    }
