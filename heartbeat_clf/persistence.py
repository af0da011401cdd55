"""Save and load fitted pipelines without pickle: JSON, weights and no code.

A saved model is a zip archive:

- ``model.json``: format version, versions of the libraries, classes, every setting
  and what each step learned;
- ``network.onnx`` (or ``predictor.keras``): the network that predicts;
- ``network.keras``: the network with its optimiser's state, to train on;
- ``beats_tracker.onnx`` and ``beats_network.onnx``, where average beats are judged as
  well: what finds the beats, and what judges them; ``beats_linear.onnx``,
  ``beats_steadiness.onnx``, ``beats_familiarity.onnx``, ``beats_made.onnx`` and
  ``beats_units.onnx``, where such judges have a say.
"""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import heartbeat_clf
from heartbeat_clf._validation import check_rate
from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.classifier import HeartbeatClassifier
from heartbeat_clf.heartbeat_pipeline import HeartbeatPipeline
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.initial_weights import FINE_TUNING
from heartbeat_clf.keras_archive import portable_archive
from heartbeat_clf.model_archive import (
    FORMAT,
    FORMAT_VERSION,
    UNREADABLE,
    damaged,
    read_model,
)
from heartbeat_clf.operating_points import BY_CLARITY
from heartbeat_clf.outputs import check_target, whole_file
from heartbeat_clf.prediction import WindowPredictor
from heartbeat_clf.pretrained import find_model
from heartbeat_clf.saved_parts import (
    BEAT_ENTRIES,
    KINDS,
    LATER_SETTINGS,
    PREDICTOR_ENTRY,
    as_tuples,
    check_steps,
    check_units,
    in_order,
    read_bands,
    read_classes,
    read_points,
    read_predictor,
)
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["load", "load_pretrained", "save"]

# Settings that belong to a machine or a session, not to the model.
_LEFT_BEHIND = {
    "SpectrogramTransformer": ("cache", "n_jobs", "verbose"),
    "ImageTrimmer": (),
    "HeartbeatClassifier": ("callbacks", "verbose"),
}
_STEPS = {
    "SpectrogramTransformer": SpectrogramTransformer,
    "ImageTrimmer": ImageTrimmer,
    "HeartbeatClassifier": HeartbeatClassifier,
}


def save(pipeline: Pipeline, path: str | os.PathLike[str]) -> Path:
    """Write a fitted pipeline to one file that holds no code.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted; its steps are `SpectrogramTransformer`, `ImageTrimmer` and, last,
        `HeartbeatClassifier`, each at most once.
    path : str or Path
        File to write; an existing one is replaced only once the new one is whole.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    TypeError
        If the object or a step is something else.
    OSError
        If the file cannot be written.
    sklearn.exceptions.NotFittedError
        If the pipeline is not fitted.
    ValueError
        If its view of average beats was changed so that it does not run: `load` would
        refuse the file.

    Warns
    -----
    UserWarning
        If a setting cannot be written, such as a build function or a loss object of
        one's own: predictions stay the same, but a loaded model cannot be fitted
        anew without it.

    Notes
    -----
    `cache`, `n_jobs`, `verbose` and `callbacks` are left behind.
    """
    steps = _checked_steps(pipeline)
    target = check_target(path)
    classifier: HeartbeatClassifier = steps[-1][1]
    predictor = classifier.predictor_
    if predictor.beats is not None:
        predictor.beats.check_networks(predictor.n_bands)
        check_units(predictor)
    lost: list[str] = []
    described = [_describe_step(name, step, lost) for name, step in steps]
    description = {
        "format": FORMAT,
        "format_version": _format_version(classifier, described),
        "versions": {
            "heartbeat_clf": heartbeat_clf.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
        "classes": {
            "dtype": classifier.classes_.dtype.str,
            "values": classifier.classes_.tolist(),
        },
        "steps": described,
        "predictor": _describe_predictor(predictor),
    }
    for setting in lost:
        warnings.warn(
            f"{setting} cannot be written to a model file: predictions stay the "
            "same, but set it again before fitting the loaded model anew.",
            UserWarning,
            stacklevel=2,
        )
    text = json.dumps(description, indent=2, allow_nan=False)
    entries = {
        "model.json": text.encode(),
        PREDICTOR_ENTRY[predictor.engine]: predictor.network,
        "network.keras": portable_archive(classifier.network_archive()),
    }
    if predictor.beats is not None:
        for name, entry in BEAT_ENTRIES.items():
            network = getattr(predictor.beats, name)
            if network is not None:
                entries[entry] = network
    with (
        whole_file(target) as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return target


def load(path: str | os.PathLike[str]) -> Pipeline:
    """Return the fitted pipeline that `save` wrote.

    Nothing in the file is run, and prediction needs no TensorFlow: only training on
    with ``partial_fit`` or looking at ``estimator_`` brings the Keras network back.

    Parameters
    ----------
    path : str or Path
        File written by `save`.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Gives the predictions of the one that was saved, to the bit with the same
        version of ONNX Runtime.

    Raises
    ------
    OSError
        If the file is missing.
    ValueError
        If it is no such file, damaged, or of a newer format.
    """
    source = Path(path)
    description, entries = read_model(source)
    try:
        return _build_pipeline(description, entries)
    except UNREADABLE as error:
        raise damaged(source, error) from error


def _checked_steps(pipeline: Any) -> list[tuple[str, Any]]:
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            "Expected a fitted Pipeline of heartbeat_clf's steps, got "
            f"{type(pipeline).__name__}. For a search, save its best_estimator_; for "
            "other objects use joblib.dump."
        )
    steps = pipeline.steps
    kinds = [type(step).__name__ for _, step in steps]
    if not in_order(kinds):
        raise TypeError(
            f"Expected steps of the kinds {list(KINDS)} in this order, the last one "
            f"always there, got {kinds}. Use joblib.dump for other pipelines."
        )
    for _, step in steps:
        check_is_fitted(step)
    return steps


def _describe_step(name: str, step: Any, lost: list[str]) -> dict[str, Any]:
    kind = type(step).__name__
    settings = {}
    for key, value in step.get_params(deep=False).items():
        if key in _LEFT_BEHIND[kind]:
            continue
        # Older versions do not know of these.
        if kind == KINDS[0] and key in LATER_SETTINGS and value == LATER_SETTINGS[key]:
            continue
        settings[key] = _plain(f"{name}__{key}", value, lost)
    learned: dict[str, Any] = {}
    if isinstance(step, ImageTrimmer):
        learned = {"bands": step.bands_.tolist(), "n_bands_in": int(step.n_bands_in_)}
    if isinstance(step, SpectrogramTransformer):
        learned = {"frequencies": step.frequencies_.tolist()}
    if isinstance(step, HeartbeatClassifier):
        learned = {"history": step.history_, **step.training_state()}
        points = getattr(step, "operating_points_", None)
        if points is not None:
            learned["operating_points"] = points.to_dict()
    return {"name": name, "kind": kind, "settings": settings, "learned": learned}


def _format_version(
    classifier: HeartbeatClassifier, steps: list[dict[str, Any]]
) -> int:
    """Return the oldest version that gives the answers: older ones then read it."""
    beats = classifier.predictor_.beats
    if beats is not None and beats.units is not None:
        return FORMAT_VERSION
    if any(set(LATER_SETTINGS) & set(step["settings"]) for step in steps):
        return 8
    if beats is not None and beats.made is not None:
        return 7
    if beats is not None and any(beats.either_phase):
        return 6
    if beats is not None and beats.steadiness is not None:
        return 5
    points = getattr(classifier, "operating_points_", None)
    if points is not None and points.combine == BY_CLARITY:
        return 4
    if beats is None:
        return 1
    return 2 if beats.linear is None else 3


def _describe_predictor(predictor: WindowPredictor) -> dict[str, Any]:
    """Return what is not a network of its own in the file."""
    described = asdict(predictor)
    del described["network"]
    if described["beats"] is None:
        del described["beats"]
    else:
        for name in BEAT_ENTRIES:
            del described["beats"][name]
        for name in JUDGES:
            if getattr(predictor.beats, name) is not None:
                described["beats"][name] = True
        # Older versions do not know of these.
        if predictor.beats is None or predictor.beats.made is None:
            del described["beats"]["made_sign"]
        signs = described["beats"].pop("either_phase")
        if any(signs):
            described["beats"]["either_phase"] = [int(sign) for sign in signs]
    return described


def _plain(name: str, value: Any, lost: list[str]) -> Any:
    """Return `value` as JSON can hold it, or None with a note in `lost`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple | list):
        return [_plain(name, part, lost) for part in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(name, part, lost) for key, part in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    lost.append(f"{name}={value!r}")
    return None


def _build_pipeline(description: dict[str, Any], entries: dict[str, bytes]) -> Pipeline:
    check_steps(description)
    steps = []
    for part in description["steps"]:
        step = _STEPS[part["kind"]](**as_tuples(part["settings"]))
        learned = part["learned"]
        if isinstance(step, SpectrogramTransformer):
            step.check_settings()
            step.frequencies_ = np.asarray(learned["frequencies"])
        if isinstance(step, ImageTrimmer):
            step.bands_, step.n_bands_in_ = read_bands(part)
        if isinstance(step, HeartbeatClassifier):
            step.classes_ = read_classes(description)
            step.predictor_ = read_predictor(description, entries)
            step.restore_training(
                entries["network.keras"], learned.pop("history"), learned
            )
            points = read_points(part, step.classes_)
            if points is not None:
                step.operating_points_ = points
        steps.append((part["name"], step))
    return HeartbeatPipeline(steps)


def load_pretrained(
    target: str = "murmur", *, input_rate: float | None = None
) -> Pipeline:
    """Return a model from the box: a fitted pipeline that takes recordings.

    Parameters
    ----------
    target : {"murmur", "abnormal"}, default="murmur"
        "murmur": an audible murmur against normal, learnt from CirCor. "abnormal":
        a heart that experts called abnormal against normal, learnt from CinC 2016.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means 1000. Files carry their own. Where arrays of
        several rates come, have a pipeline for each.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Predicts without TensorFlow. ``classes_`` are `target` and "normal".

    Raises
    ------
    ValueError
        If there is no such model, or `input_rate` is below 10 Hz or above 768 kHz.

    Notes
    -----
    Fitted anew, or cloned as in cross-validation, it starts from its weights, as
    ``make_heartbeat_pipeline(initial_weights="pretrained")`` does. To be measured as
    it is, it goes into :class:`sklearn.frozen.FrozenEstimator`.

    Not a medical device. The model card beside the weights says what the models
    were trained and tested on, and what they must not be used for.

    Examples
    --------
    >>> from heartbeat_clf import load_pretrained
    >>> load_pretrained().classes_.tolist()
    ['murmur', 'normal']
    """
    check_rate("input_rate", input_rate, optional=True)
    pipeline = load(find_model(target))
    pipeline["spectrogram"].set_params(input_rate=input_rate)
    pipeline["classifier"].set_params(
        initial_weights=f"pretrained:{target}", **FINE_TUNING
    )
    return pipeline
