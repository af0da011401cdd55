"""A pipeline that knows what its initial weights were trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from heartbeat_clf.classifier import HeartbeatClassifier
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.initial_weights import (
    OTHER_HEADS,
    InitialWeights,
    read_initial_weights,
)
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["HeartbeatPipeline", "check_agreement"]

_OWNERS = {
    "spectrogram": SpectrogramTransformer,
    "trimmer": ImageTrimmer,
    "classifier": HeartbeatClassifier,
}


class HeartbeatPipeline(Pipeline):
    """scikit-learn's pipeline, which refuses to fit what initial weights do not fit.

    What :func:`heartbeat_clf.make_heartbeat_pipeline` and :func:`heartbeat_clf.load`
    return. It differs from its parent in `fit` alone: where the classifier starts from
    ``initial_weights``, the settings that these were trained with are compared with
    those of the steps first, however they were set: by ``set_params``, by a grid
    search, or on the step itself. A step within another pipeline is not looked at.

    Parameters
    ----------
    steps, transform_input, memory, verbose
        Those of :class:`~sklearn.pipeline.Pipeline`.
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> HeartbeatPipeline:
        """Fit all steps.

        Parameters
        ----------
        X : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row.
        y : array-like of shape (n_recordings,)
            Labels.
        **params : object
            As scikit-learn's pipeline passes them on.

        Returns
        -------
        self : HeartbeatPipeline

        Raises
        ------
        ValueError
            If a setting differs from what the initial weights were trained with.
        """
        steps = {
            owner: step
            for owner, kind in _OWNERS.items()
            for _, step in self.steps
            if isinstance(step, kind)
        }
        weights = getattr(steps.get("classifier"), "initial_weights", None)
        if weights is not None:
            known = read_initial_weights(weights)
            for owner, parameter in known.settings:
                if owner in steps:
                    check_agreement(known, owner, parameter, steps[owner])
        super().fit(X, y, **params)
        return self


def check_agreement(
    weights: InitialWeights, owner: str, parameter: str, step: Any
) -> Any:
    """Return the value of a setting that initial weights hold for.

    Parameters
    ----------
    weights : InitialWeights
        As :func:`heartbeat_clf.initial_weights.read_initial_weights` returns them.
    owner : {"spectrogram", "trimmer", "classifier"}
        Whose setting it is.
    parameter : str
        Its name.
    step : SpectrogramTransformer, ImageTrimmer or HeartbeatClassifier
        Where it is set.

    Returns
    -------
    value : object
        That of the weights, or of another head that goes with them.

    Raises
    ------
    ValueError
        If the step has another one.
    """
    value = weights.settings[owner, parameter]
    got = step.get_params()[parameter]
    listed = isinstance(value, tuple) and isinstance(got, list)
    if listed or (hasattr(got, "__array__") and np.ndim(got)):
        got = tuple(np.asarray(got).tolist())
    if parameter == "network" and value is None:
        # A build function, which the file could not hold.
        return got
    other_head = OTHER_HEADS.get(value) if parameter == "network" else None
    if other_head is not None and got == other_head:
        return got
    if got != value:
        wanted = repr(value)
        if parameter == "network" and value in OTHER_HEADS:
            wanted += f" or {OTHER_HEADS[value]!r}"
        raise ValueError(
            f"Expected {parameter}={wanted} as the initial weights "
            f"{weights.origin!r} were trained with, got {got!r}. Leave it "
            "out, or set it to that."
        )
    return value
