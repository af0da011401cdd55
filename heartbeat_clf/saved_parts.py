"""What lies in the file of a saved model, as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from heartbeat_clf._validation import check_number
from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.operating_points import OperatingPoints
from heartbeat_clf.prediction import (
    Calibration,
    WindowPredictor,
    logits_to_scores,
)

__all__ = [
    "BEAT_ENTRIES",
    "KINDS",
    "LATER_SETTINGS",
    "PREDICTOR_ENTRY",
    "as_tuples",
    "check_steps",
    "check_units",
    "in_order",
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
    "steadiness": "beats_steadiness.onnx",
    "familiarity": "beats_familiarity.onnx",
    "made": "beats_made.onnx",
    "units": "beats_units.onnx",
}
"""Where the networks of the view of average beats lie, where there is one.

Those of ``JUDGES`` may be missing: not every view has them.
"""


LATER_SETTINGS = {"gap_removal": False, "hum_removal": False}
"""Settings of the images that a file without them does not state."""

KINDS = ("SpectrogramTransformer", "ImageTrimmer", "HeartbeatClassifier")
"""The steps of a model in their order; the last is always there."""


def in_order(kinds: list[str]) -> bool:
    """Return whether these are steps of a model, each in its place.

    Examples
    --------
    >>> in_order(["ImageTrimmer", "HeartbeatClassifier"])
    True
    >>> in_order(["SpectrogramTransformer", "ImageTrimmer"])
    False
    """
    return kinds[-1:] == [KINDS[-1]] and kinds == [k for k in KINDS if k in kinds]


def check_steps(description: dict[str, Any]) -> None:
    """Raise unless the steps of a saved model follow from each other.

    Raises
    ------
    ValueError
        If one stands in a wrong place, or they speak of other bands, rates or hops.
    """
    kinds = [part["kind"] for part in description["steps"]]
    if not in_order(kinds):
        raise ValueError(
            f"steps {kinds}, where {list(KINDS)} have this order and the last is there"
        )
    spectrogram, trimmer = (
        next((part for part in description["steps"] if part["kind"] == kind), None)
        for kind in KINDS[:2]
    )
    predictor = description["predictor"]
    bands: list[tuple[str, Any]] = []
    if spectrogram is not None:
        bands.append(("n_mels of the images", spectrogram["settings"].get("n_mels")))
    if trimmer is not None:
        check_number("silence_db", trimmer["settings"]["silence_db"], minimum=0)
        kept, n_bands = read_bands(trimmer)
        bands.append(("bands of the trimmer", n_bands))
        _check_equal(bands)
        bands = [("bands that are kept", len(kept))]
    _check_equal([*bands, ("bands of the network", predictor["n_bands"])])
    beats = predictor.get("beats")
    if spectrogram is not None and beats is not None:
        for name in ("sample_rate", "hop_duration"):
            _check_equal(
                [
                    (f"{name} of the images", spectrogram["settings"].get(name)),
                    (f"{name} of the beats", beats["settings"].get(name)),
                ]
            )


def _check_equal(found: list[tuple[str, Any]]) -> None:
    if any(value != found[0][1] for _, value in found):
        told = " and ".join(f"{value!r} {name}" for name, value in found)
        raise ValueError(f"{told}, which must be the same")


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
        beats = as_tuples(beats)
        judged = [name for name in JUDGES if _is_true(name, beats.pop(name, False))]
        names = [n for n in BEAT_ENTRIES if n not in JUDGES or n in judged]
        if "made" in judged and "made_sign" not in beats:
            raise ValueError("a judge of made murmurs, and no made_sign")
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
    check_units(predictor)
    return predictor


def check_units(predictor: WindowPredictor) -> None:
    """Raise unless a judge of units, where there is one, runs on what networks hear.

    Raises
    ------
    ValueError
        If it takes another number of units, gives what is no number or other scores
        than the network, or the network on windows has no embedding.
    """
    beats = predictor.beats
    if beats is None or beats.units is None:
        return
    shape = predictor.n_bands, predictor.window_frames, predictor.n_channels
    silence = np.zeros(shape, dtype=np.float32)
    silence[0] = 1.0
    try:
        (heard,) = predictor.embeddings([silence])
        said = network_session(beats.units)(heard.astype(np.float32)[np.newaxis])
        scores = logits_to_scores(predictor.run()(silence[np.newaxis]))
        if said.shape != scores.shape or not np.isfinite(said).all():
            raise ValueError(f"logits {said.tolist()}, where {scores.shape} are right")
    # ONNX Runtime's errors have no base of their own.
    except Exception as error:
        raise ValueError(
            f"Expected a judge of what both networks hear, got: {error}"
        ) from error


def _is_true(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} of the beats {value!r}, where true or false is right")
    return value


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
