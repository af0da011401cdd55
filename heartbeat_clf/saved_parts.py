"""What lies in the file of a saved model, as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.operating_points import OperatingPoints
from heartbeat_clf.prediction import Calibration, WindowPredictor

__all__ = [
    "BEAT_ENTRIES",
    "PREDICTOR_ENTRY",
    "as_tuples",
    "read_bands",
    "read_classes",
    "read_points",
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
    found = np.asarray(classes["values"], dtype=classes["dtype"])
    if found.ndim != 1 or len(found) < 2 or len(np.unique(found)) < len(found):
        raise ValueError(
            f"classes {found.tolist()}, where two different ones are least"
        )
    return found


def read_bands(trimmer: dict[str, Any]) -> tuple[np.ndarray, int]:
    """Return which bands a saved model keeps, and of how many."""
    learned = trimmer["learned"]
    n_bands = check_number("n_bands_in", learned["n_bands_in"], minimum=1, integer=True)
    bands = np.asarray(learned["bands"], dtype=int)
    rising = bands.ndim == 1 and len(bands) and (np.diff(bands) > 0).all()
    if not rising or bands[0] < 0 or bands[-1] >= n_bands:
        raise ValueError(f"bands {bands.tolist()} of {n_bands}, where they must rise")
    check_number("silence_db", trimmer["settings"]["silence_db"], minimum=0)
    return bands, n_bands


def read_points(
    classifier: dict[str, Any], classes: np.ndarray
) -> OperatingPoints | None:
    """Return what a saved model reached on persons left out, where it knows."""
    plain = classifier["learned"].get("operating_points")
    if plain is None:
        return None
    points = OperatingPoints.from_dict(plain)
    if points.positive not in classes.tolist():
        raise ValueError(
            f"operating points of {points.positive!r}, which is none of the classes "
            f"{classes.tolist()}"
        )
    return points


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
    predictor.check_network(len(read_classes(description)))
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
