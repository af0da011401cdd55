"""From recordings to probabilities in one scikit-learn pipeline."""

from __future__ import annotations

import difflib
from typing import Any

from sklearn.pipeline import Pipeline

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.classifier import HeartbeatClassifier
from heartbeat_clf.classifier_checks import check_settings
from heartbeat_clf.heartbeat_pipeline import HeartbeatPipeline, check_agreement
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.initial_weights import (
    FINE_TUNING,
    read_initial_weights,
)
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["PRESETS", "check_pipeline", "make_heartbeat_pipeline"]

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # The published system at a quarter of its image size: where the publication
    # gives no value, a 6 s image of 64 bands and 188 frames at 4 kHz stands in.
    "ancestor": {
        "sample_rate": 4000,
        "frame_duration": 0.128,
        "hop_duration": 0.032,
        "n_mels": 64,
        "fmin": 0.0,
        "fmax": 2000.0,
        "duration": 6.0,
        "bands": "all",
        "network": "ancestor",
        "loss": "elementwise_auroc",
        "window_frames": None,
        "kernel_l2": 0.01,
        "dropout": 0.5,
        "learning_rate": 1e-3,
        "epochs": 20,
        "augment": False,
    },
}


def make_heartbeat_pipeline(
    preset: str = "default",
    *,
    window_duration: float | None = None,
    memory: Any = None,
    **settings: Any,
) -> Pipeline:
    """Return a pipeline from recordings to the probability of a murmur.

    Parameters
    ----------
    preset : {"default", "ancestor"}, default="default"
        ``"ancestor"`` rebuilds the published "Deep Stethoscope": a fixed image, its
        network with two outputs, its elementwise loss, no augmentation.
    window_duration : float or None, default=None
        Length in seconds of the classifier's windows, instead of `window_frames`;
        None leaves the preset's (4 s in the default).
    memory : str, joblib.Memory or None, default=None
        Passed to :class:`~sklearn.pipeline.Pipeline`. Prefer ``cache=folder``: it
        notices changed files and serves test folds too.
    **settings : object
        Parameters of :class:`SpectrogramTransformer`, :class:`ImageTrimmer` and
        :class:`HeartbeatClassifier` by their plain names, or in scikit-learn's form,
        such as ``classifier__epochs``. `verbose` goes to both that have it.
        ``initial_weights="pretrained"`` starts from the shipped model: images,
        network and windows are then those that it was trained with, and training
        is gentler (30 epochs, rate 1e-3) where nothing else is given. With
        ``network="wide_linear"`` the head is a linear one, which starts from a
        logistic regression on what the weights hear.

    Returns
    -------
    pipeline : HeartbeatPipeline
        A :class:`sklearn.pipeline.Pipeline` with the steps ``"spectrogram"``,
        ``"trimmer"`` and ``"classifier"``. Its `fit` refuses settings, by whatever way
        they came, that differ from those of the initial weights.

    Raises
    ------
    ValueError
        If the preset or a setting is unknown, a window has no frame, or a setting
        differs from what the initial weights were trained with.
    TypeError
        If both `window_duration` and `window_frames` are given, or a parameter under
        two names.

    Examples
    --------
    >>> pipeline = make_heartbeat_pipeline(n_mels=32, window_duration=3.0)
    >>> pipeline.named_steps["classifier"].window_frames
    188
    """
    check_choice("preset", preset, tuple(PRESETS))
    steps: dict[str, Any] = {
        "spectrogram": SpectrogramTransformer(),
        "trimmer": ImageTrimmer(),
        "classifier": HeartbeatClassifier(),
    }
    for given in (PRESETS[preset], settings):
        source: dict[tuple[str, str], str] = {}
        for name, value in given.items():
            for owner, parameter in _owners(name, steps):
                before = source.setdefault((owner, parameter), name)
                if before != name:
                    raise TypeError(
                        f"Expected one value for {parameter} of the {owner}, got "
                        f"{before}={given[before]!r} and {name}={value!r}. Drop one."
                    )
                steps[owner].set_params(**{parameter: value})
    if steps["classifier"].initial_weights is not None:
        if preset != "default":
            raise ValueError(
                f'Expected preset="default" with initial_weights, got {preset!r}: '
                "another preset has another network and other images. Drop one."
            )
        _take_over(steps, source)
    if window_duration is not None:
        if "window_frames" in settings or "classifier__window_frames" in settings:
            raise TypeError(
                "Expected window_duration or window_frames, got both. Drop one."
            )
        check_number("window_duration", window_duration, minimum=0, exclusive=True)
        transformer = steps["spectrogram"]
        frames = max(1, round(window_duration * transformer.frames_per_second))
        weights = steps["classifier"].initial_weights
        if weights is not None and frames != steps["classifier"].window_frames:
            raise ValueError(
                f"Expected windows of {steps['classifier'].window_frames} frames as "
                f"the initial weights {str(weights)!r} were trained with, got "
                f"window_duration={window_duration!r}, which is {frames} frames. "
                "Leave it out."
            )
        steps["classifier"].set_params(window_frames=frames)
    return HeartbeatPipeline(list(steps.items()), memory=memory)


def _take_over(steps: dict[str, Any], given: dict[tuple[str, str], str]) -> None:
    """Set what the initial weights were trained with; refuse other values."""
    weights = read_initial_weights(steps["classifier"].initial_weights)
    for (owner, parameter), value in weights.settings.items():
        if (owner, parameter) in given:
            value = check_agreement(weights, owner, parameter, steps[owner])
        steps[owner].set_params(**{parameter: value})
    for parameter, value in FINE_TUNING.items():
        if ("classifier", parameter) not in given:
            steps["classifier"].set_params(**{parameter: value})


def check_pipeline(pipeline: Pipeline) -> None:
    """Raise for settings that training would refuse, before a recording is read.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        From :func:`make_heartbeat_pipeline`; left as it is.

    Raises
    ------
    TypeError
        If a setting is of the wrong type.
    ValueError
        If a setting is out of range, or a network or loss unknown.

    Notes
    -----
    Networks and losses load Keras; without it they are not checked.
    """
    steps = pipeline.named_steps
    steps["spectrogram"].check_settings()
    steps["trimmer"]._check_parameters()
    classifier = steps["classifier"]
    check_settings(classifier)
    try:
        from heartbeat_clf.losses import get_loss
        from heartbeat_clf.networks import NETWORKS
    except ImportError:
        return
    if not callable(classifier.network):
        check_choice("network", classifier.network, tuple(NETWORKS))
    get_loss(classifier.loss, 1)


def _owners(name: str, steps: dict[str, Any]) -> list[tuple[str, str]]:
    owner, found, parameter = name.partition("__")
    if found and owner in steps:
        return [(owner, parameter)]
    owners = [(o, name) for o, step in steps.items() if name in step.get_params()]
    if owners:
        return owners
    known = sorted({key for step in steps.values() for key in step.get_params()})
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"Did you mean {close[0]!r}?" if close else f"Known are {known}."
    raise ValueError(
        "Expected settings of the spectrogram, trimmer or classifier, got "
        f"{name!r}. {remedy}"
    )
