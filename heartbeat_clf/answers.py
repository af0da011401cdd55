"""What a model says about recordings, file by file, and how it is shown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from heartbeat_clf.inputs import Failure

__all__ = ["NOTICE", "Answers", "map_recordings", "predict_recordings"]

NOTICE = "Not a medical device: for research and teaching, no basis for a diagnosis."
# Recordings at a time: enough for full batches of windows, little enough for memory.
_BATCH = 16
_OF_ONE_FILE = (ValueError, TypeError, OSError)


@dataclass(frozen=True)
class Answers:
    """Predictions of recordings, and what could not be answered.

    Attributes
    ----------
    classes : list of str or int
        In the order of the probabilities.
    paths : list of Path
        The recordings that were answered.
    probabilities : ndarray of shape (n_recordings, n_classes)
        Of each class.
    failures : list of Failure
        The others.
    positive : str, int or None, default=None
        Class that is answered from a probability of `least` on; None answers the
        most probable class.
    least : float, default=0.5
        That probability.
    """

    classes: list[Any]
    paths: list[Path]
    probabilities: np.ndarray
    failures: list[Failure]
    positive: Any = None
    least: float = 0.5

    @property
    def labels(self) -> list[Any]:
        """The answer to each recording."""
        if self.positive is not None:
            code = self.classes.index(self.positive)
            return [
                self.classes[code if row[code] >= self.least else 1 - code]
                for row in self.probabilities
            ]
        return [self.classes[code] for code in self.probabilities.argmax(axis=1)]

    def to_table(self) -> str:
        """Return aligned columns: path, prediction, probability of each class."""
        head = ["path", "prediction", *map(str, self.classes)]
        rows = [
            [str(path), str(label), *(f"{value:.3f}" for value in values)]
            for path, label, values in self._rows()
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        return "".join(
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            + "\n"
            for row in [head, *rows]
        )

    def to_csv(self) -> str:
        """Return CSV: path, prediction and ``probability_<class>`` columns."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"probability_{name}" for name in self.classes]
        writer.writerow(["path", "prediction", *columns])
        for path, label, values in self._rows():
            writer.writerow([path, label, *values.tolist()])
        return text.getvalue()

    def to_json(self) -> str:
        """Return a JSON object with the notice, the recordings and the failures."""
        document = {
            "notice": NOTICE,
            "classes": self.classes,
            "recordings": [
                {
                    "path": str(path),
                    "prediction": label,
                    "probabilities": {
                        str(name): value
                        for name, value in zip(
                            self.classes, values.tolist(), strict=True
                        )
                    },
                }
                for path, label, values in self._rows()
            ],
            "failures": [failure._asdict() for failure in self.failures],
        }
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    def _rows(self) -> list[tuple[Path, Any, np.ndarray]]:
        return list(zip(self.paths, self.labels, self.probabilities, strict=True))


def predict_recordings(
    model: Any, paths: Sequence[Path], *, verbose: int = 0
) -> Answers:
    """Return what a fitted pipeline says about recordings, bad ones left aside.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Fitted, such as :func:`heartbeat_clf.load` returns.
    paths : sequence of Path
        The recordings.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    answers : Answers
    """
    rows, values, failures = map_recordings(model.predict_proba, paths, verbose=verbose)
    classes = np.asarray(model.classes_).tolist()
    probabilities = np.asarray(values, dtype=float).reshape(len(rows), len(classes))
    return Answers(classes, [paths[row] for row in rows], probabilities, failures)


def map_recordings(
    function: Callable[[list[Path]], Any], paths: Sequence[Path], *, verbose: int = 0
) -> tuple[np.ndarray, list[Any], list[Failure]]:
    """Return what `function` says about each recording, in small batches.

    Parameters
    ----------
    function : callable
        Takes a list of paths and returns one value a path, such as
        ``pipeline.predict_proba``.
    paths : sequence of Path
        The recordings.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    rows : ndarray of int of shape (n_answered,)
        Which of `paths` were answered.
    values : list of length n_answered
        The answers.
    failures : list of Failure
        The other recordings and what `function` raised for them.

    Examples
    --------
    >>> def lengths(paths):
    ...     return [len(path.read_bytes()) for path in paths]
    >>> rows, values, failures = map_recordings(lengths, [Path("none.wav")])
    >>> len(rows), failures[0].path
    (0, 'none.wav')
    """
    values: dict[int, Any] = {}
    failures = []
    with tqdm(total=len(paths), unit="recording", disable=not verbose) as bar:
        for start in range(0, len(paths), _BATCH):
            batch = range(start, min(start + _BATCH, len(paths)))
            try:
                answers = function([paths[row] for row in batch])
                values.update(zip(batch, answers, strict=True))
            except _OF_ONE_FILE:
                # One file spoils its batch: ask for each alone, to find out which.
                for row in batch:
                    try:
                        values[row] = function([paths[row]])[0]
                    except _OF_ONE_FILE as error:
                        failures.append(Failure(str(paths[row]), str(error)))
            bar.update(len(batch))
    return np.array(list(values), dtype=int), list(values.values()), failures
