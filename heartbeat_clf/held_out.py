"""Score a trained model on labelled recordings that it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch

from heartbeat_clf.answering import map_recordings
from heartbeat_clf.inputs import Failure
from heartbeat_clf.results import Evaluation
from heartbeat_clf.scores import positive_label

__all__ = ["score_model"]


def score_model(
    model: Any, bunch: Bunch, *, random_state: int = 0, verbose: int = 0
) -> tuple[Evaluation, list[Failure]]:
    """Return the evaluation of a fitted model on a data set; nothing is trained.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Fitted, with ``decision_function``, such as :func:`heartbeat_clf.load` returns.
    bunch : sklearn.utils.Bunch
        Labelled recordings from :mod:`heartbeat_clf.datasets`.
    random_state : int, default=0
        Seed of the bootstrap.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    evaluation : Evaluation
        All recordings as one fold, decisions by the model's own ``predict``,
        intervals by subjects.
    failures : list of Failure
        Recordings that could not be scored; they are left out.

    Raises
    ------
    ValueError
        If the labels are not the model's classes, or no recording could be scored.
    """
    classes = np.asarray(model.classes_).tolist()
    found = np.unique(bunch.target).tolist()
    if found != classes:
        raise ValueError(
            f"Expected recordings of the model's classes {classes!r}, got labels "
            f"{found!r}. Take a data set with these labels, or train a model for it."
        )
    rows, values, failures = map_recordings(
        model.decision_function, bunch.recordings.tolist(), verbose=verbose
    )
    if len(rows) == 0:
        raise ValueError(
            f"Expected recordings to score, got none of {len(bunch.recordings)} "
            f"readable. The first: {failures[0].error}"
        )
    scores = np.stack(values)
    columns: dict[str, Any] = {"recording": rows, "y": bunch.target[rows]}
    if bunch.subjects_known:
        columns["subject"] = bunch.subjects[rows]
    if len(classes) == 2:
        positive = positive_label(classes)
        columns["score"] = scores if classes.index(positive) == 1 else -scores
        codes = (scores > 0).astype(int)
    else:
        positive = None
        for code, name in enumerate(classes):
            columns[f"score_{name}"] = scores[:, code]
        codes = scores.argmax(axis=1)
    columns["decision"] = np.asarray(model.classes_)[codes]
    evaluation = Evaluation.from_predictions(
        columns,
        pos_label=positive,
        operating_point="the model's own predict",
        random_state=random_state,
    )
    return evaluation, failures
