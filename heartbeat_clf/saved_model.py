"""A saved model that only predicts: no scikit-learn, no TensorFlow, quick to start.

It gives what the pipeline gives that :func:`heartbeat_clf.load` returns, to the bit:
both read the same file and call the same functions. A pipeline can be trained on,
searched and inspected as well; for that it imports scikit-learn, which takes longer
than the answer about one recording.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from heartbeat_clf._rows import check_recordings
from heartbeat_clf._validation import check_rate
from heartbeat_clf.model_archive import UNREADABLE, damaged, read_model
from heartbeat_clf.prediction import softmax
from heartbeat_clf.recording_images import check_image_settings, images_of
from heartbeat_clf.saved_parts import (
    KINDS,
    LATER_SETTINGS,
    as_tuples,
    check_steps,
    read_bands,
    read_classes,
    read_points,
    read_predictor,
)
from heartbeat_clf.trimming import check_image, trim_image
from heartbeat_clf.windows import check_images

__all__ = ["SavedModel", "load_to_predict"]

# Left behind when a pipeline is saved.
_OF_THE_MACHINE = {"cache": None, "n_jobs": None, "verbose": 0}


class SavedModel:
    """What :func:`load_to_predict` returns: recordings in, probabilities out.

    Parameters
    ----------
    description : dict
        What ``model.json`` of the file holds.
    entries : dict of str to bytes
        The file's entries by name.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        In the order of the probabilities.
    predictor_ : WindowPredictor
        The network.
    operating_points_ : OperatingPoints or None
        What the model reached on persons left out, where it knows.
    """

    def __init__(self, description: dict[str, Any], entries: dict[str, bytes]) -> None:
        check_steps(description)
        spectrogram, trimmer, classifier = description["steps"]
        settings = LATER_SETTINGS | as_tuples(spectrogram["settings"])
        self._image_settings = settings | _OF_THE_MACHINE
        check_image_settings(self._image_settings)
        self._bands, _ = read_bands(trimmer)
        self._trim_time = trimmer["settings"]["trim_time"]
        self._silence_db = trimmer["settings"]["silence_db"]
        self.classes_ = read_classes(description)
        self.predictor_ = read_predictor(description, entries)
        self.operating_points_ = read_points(classifier, self.classes_)

    def decision_function(
        self, recordings: Any, *, input_rate: float | None = None
    ) -> np.ndarray:
        """Return the score of each recording, as the pipeline does.

        Parameters
        ----------
        recordings : sequence of str, Path or 1-D arrays, or 2-D numeric array
            One recording a row.
        input_rate : float or None, default=None
            Rate of arrays in Hz, in this call; None is that of the file, which is the
            rate of its images (1000 for the models in the box) if it was saved without
            one. Files carry their own.

        Returns
        -------
        scores : ndarray of shape (n_recordings,) or (n_recordings, n_classes)
            Two classes: log odds of ``classes_[1]``.

        Raises
        ------
        OSError, TypeError, ValueError
            If a recording cannot be used; the message names it. If `input_rate` is no
            rate.

        Warns
        -----
        LowRateWarning
            If a recording's own rate is too low for the upper bands.
        """
        scores, _ = self._scores(recordings, input_rate)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(
        self, recordings: Any, *, input_rate: float | None = None
    ) -> np.ndarray:
        """Return the probability of each class; see `decision_function`.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            Rows add up to 1.
        """
        return softmax(self._scores(recordings, input_rate)[0])

    def predict_with_clarity(
        self, recordings: Any, *, input_rate: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities, and how clearly a heart is heard in each recording.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            As `predict_proba` gives them.
        clarity : ndarray of shape (n_recordings,)
            Mean probability of the likeliest heart state, 0.25 to 1; NaN where the
            model looks for no beats or finds none.
        """
        scores, clarity = self._scores(recordings, input_rate)
        return softmax(scores), clarity

    def _scores(
        self, recordings: Any, input_rate: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        settings = self._image_settings
        if input_rate is not None:
            settings = settings | {"input_rate": check_rate("input_rate", input_rate)}
        images, low = images_of(check_recordings(recordings), settings)
        if low is not None:
            warnings.warn(low, stacklevel=3)
        for row, image in enumerate(images):
            check_image(image, row)
        trimmed = [
            trim_image(
                image,
                self._bands,
                trim_time=self._trim_time,
                silence_db=self._silence_db,
            )
            for image in images
        ]
        return self.predictor_.decision_and_clarity(check_images(trimmed))


def load_to_predict(path: str | os.PathLike[str]) -> Any:
    """Return a saved model to predict with.

    Parameters
    ----------
    path : str or Path
        File written by :func:`heartbeat_clf.save`.

    Returns
    -------
    model : SavedModel or sklearn.pipeline.Pipeline
        The pipeline where steps are missing; both have `predict_proba`,
        `decision_function` and ``classes_``, and ``model[-1]`` of a pipeline what else
        a SavedModel has.

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
        if [step["kind"] for step in description["steps"]] == list(KINDS):
            return SavedModel(description, entries)
    except UNREADABLE as error:
        raise damaged(source, error) from error
    from heartbeat_clf.persistence import load

    return load(source)
