"""What a model says about recordings, file by file, and how it is shown."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.inputs import Failure
from heartbeat_clf.persons import Persons, combine_recordings

__all__ = [
    "LOW_RATE",
    "NOTICE",
    "UNUSABLE",
    "Answers",
    "map_recordings",
    "predict_recordings",
]

NOTICE = "Not a medical device: for research and teaching, no basis for a diagnosis."
UNUSABLE = "unusable"
LOW_RATE = "sampled at too low a rate for the upper bands of the model"
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
        The recordings that were read.
    probabilities : ndarray of shape (n_recordings, n_classes)
        Of each class; NaN for a recording that is not usable.
    failures : list of Failure
        What could not be read.
    positive : str, int or None, default=None
        Class that is answered from a probability of `least` on; None answers the
        most probable class.
    least : float, default=0.5
        That probability.
    reached : dict of float, default=None
        Sensitivity and specificity of that decision where they were measured.
    reasons : list of (str or None), default=None
        Why a recording is not usable, None where it is; None for all usable.
    subjects : list of str, default=None
        Whose each recording is, where there is to be one answer a subject.
    persons : Persons, default=None
        What the recordings of each subject say together.
    low_rates : frozenset of str, default=()
        Paths of the recordings whose own rate is too low for the upper bands of the
        model: an answer to them is one to half of the sound.
    """

    classes: list[Any]
    paths: list[Path]
    probabilities: np.ndarray
    failures: list[Failure]
    positive: Any = None
    least: float = 0.5
    reached: dict[str, float] | None = None
    reasons: list[str | None] | None = None
    subjects: list[str] | None = None
    persons: Persons | None = None
    low_rates: frozenset[str] = frozenset()

    @property
    def labels(self) -> list[Any]:
        """The answer to each recording, "unusable" for those not worth one."""
        return [self._label(row) for row in self.probabilities]

    def to_table(self) -> str:
        """Return aligned columns: what was answered, prediction, probabilities.

        A row is a recording, or a subject where there is one answer a subject.
        """
        names, rows = self._columns()
        reasons = [row[-1] for row in rows]
        head = [*names, "prediction", *map(str, self.classes)]
        n_left = len(names) + 1
        cells = [
            [
                *(_printable(str(cell)) for cell in row[: len(names) + 1]),
                *("-" if np.isnan(value) else f"{value:.3f}" for value in row[-2]),
            ]
            for row in rows
        ]
        if any(reasons):
            # Last, not to widen the columns that matter.
            head.append("reason")
            cells = [
                [*row, reason or ""] for row, reason in zip(cells, reasons, strict=True)
            ]
        widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
        left = (*range(n_left), n_left + len(self.classes))
        lines = [
            "  ".join(
                cell.ljust(width) if column in left else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in [head, *cells]
        ]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Return CSV: path, prediction, ``probability_<class>``, reason, warning.

        Where there is one answer a subject, ``subject``, ``recordings`` and
        ``usable`` (numbers of recordings) stand in the place of ``path``, and there
        is no warning: that is of single recordings.
        """
        names, rows = self._columns()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"probability_{name}" for name in self.classes]
        single = self.persons is None
        head = [*names, "prediction", *columns, "reason"]
        writer.writerow([*head, "warning"] if single else head)
        for *start, values, reason in rows:
            numbers = ["" if np.isnan(value) else value for value in values.tolist()]
            cells = [*start, *numbers, reason or ""]
            writer.writerow(
                [*cells, self._warning(start[0]) or ""] if single else cells
            )
        return text.getvalue()

    def to_json(self) -> str:
        """Return a JSON object: notice, recordings, subjects if any, and failures."""
        document = {
            "notice": NOTICE,
            "classes": self.classes,
            "decision": self._decision(),
            "recordings": [
                {
                    "path": str(path),
                    **({} if self.subjects is None else {"subject": subject}),
                    **self._as_json(values, reason),
                    "warning": self._warning(path),
                }
                for path, subject, values, reason in zip(
                    self.paths,
                    self.subjects or self.paths,
                    self.probabilities,
                    self._reasons(),
                    strict=True,
                )
            ],
        }
        if self.persons is not None:
            document["subjects"] = [
                {
                    "subject": subject,
                    "recordings": recordings,
                    "usable": usable,
                    **self._as_json(values, reason),
                }
                for subject, recordings, usable, _, values, reason in self._columns()[1]
            ]
        document["failures"] = [failure._asdict() for failure in self.failures]
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    def _label(self, probabilities: np.ndarray) -> Any:
        if np.isnan(probabilities).any():
            return UNUSABLE
        if self.positive is None:
            return self.classes[int(probabilities.argmax())]
        code = self.classes.index(self.positive)
        return self.classes[code if probabilities[code] >= self.least else 1 - code]

    def _decision(self) -> dict[str, Any] | None:
        """Return the probability from which a class is answered, or None."""
        if self.positive is None:
            return None
        return {"class": self.positive, "from": self.least, **(self.reached or {})}

    def _as_json(self, values: np.ndarray, reason: str | None) -> dict[str, Any]:
        probabilities = None
        if not np.isnan(values).any():
            names = map(str, self.classes)
            probabilities = dict(zip(names, values.tolist(), strict=True))
        return {
            "prediction": self._label(values),
            "probabilities": probabilities,
            "reason": reason,
        }

    def _warning(self, path: Path) -> str | None:
        return LOW_RATE if os.fspath(path) in self.low_rates else None

    def _reasons(self) -> list[str | None]:
        return [None] * len(self.paths) if self.reasons is None else self.reasons

    def _columns(self) -> tuple[list[str], list[list[Any]]]:
        """Return names, and rows of these, the label, probabilities and reason."""
        if self.persons is None:
            return ["path"], [
                [path, self._label(values), values, reason]
                for path, values, reason in zip(
                    self.paths, self.probabilities, self._reasons(), strict=True
                )
            ]
        told = self.persons
        return ["subject", "recordings", "usable"], [
            [
                subject,
                recordings,
                usable,
                self._label(values),
                values,
                None if usable else "no usable recording",
            ]
            for subject, recordings, usable, values in zip(
                told.subjects,
                told.recordings,
                told.usable,
                told.probabilities,
                strict=True,
            )
        ]


def predict_recordings(
    model: Any,
    paths: Sequence[Path],
    *,
    subjects: Sequence[str] | None = None,
    quality: bool = False,
    verbose: int = 0,
) -> Answers:
    """Return what a fitted pipeline says about recordings, bad ones left aside.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Fitted, such as :func:`heartbeat_clf.load` returns.
    paths : sequence of Path
        The recordings.
    subjects : sequence of str or None, default=None
        Whose each recording is, for one answer a subject beside those to the
        recordings. A model of the box combines them as was best on persons left
        out; another one by the mean of the log probabilities.
    quality : bool, default=False
        Ask :func:`heartbeat_clf.assess_quality` first, and answer "unusable" with
        its reason where no heart is heard.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    answers : Answers

    Raises
    ------
    ValueError
        If `subjects` is not one a path.
    """
    if subjects is not None:
        check_same_length(paths=paths, subjects=subjects)
    classes = np.asarray(model.classes_).tolist()
    ask = _checked(model, len(classes)) if quality else _unchecked(model)
    with _low_rates() as low:
        rows, values, failures = map_recordings(ask, paths, verbose=verbose)
    probabilities = np.array([value for value, _ in values], dtype=float)
    answers = Answers(
        classes,
        [paths[row] for row in rows],
        probabilities.reshape(len(rows), len(classes)),
        failures,
        reasons=[reason for _, reason in values],
        low_rates=frozenset(p for p in map(os.fspath, paths) if repr(p) in low),
    )
    if subjects is None:
        return answers
    _, last = getattr(model, "steps", [("model", model)])[-1]
    # What could not be read counts as a recording of the subject, not as usable.
    of_all = np.full((len(paths), len(classes)), np.nan)
    of_all[rows] = answers.probabilities
    persons = combine_recordings(
        of_all,
        list(subjects),
        classes=classes,
        points=getattr(last, "operating_points_", None),
    )
    names = [subjects[row] for row in rows]
    return replace(answers, subjects=names, persons=persons)


def _printable(text: str) -> str:
    """Return `text` with line ends, escape codes and the like as Python writes them."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


_Ask = Callable[[list[Path]], list[tuple[np.ndarray, str | None]]]


def _unchecked(model: Any) -> _Ask:
    return lambda paths: [(values, None) for values in model.predict_proba(paths)]


def _checked(model: Any, n_classes: int) -> _Ask:
    from heartbeat_clf.quality import assess_quality

    def ask(paths: list[Path]) -> list[tuple[np.ndarray, str | None]]:
        reasons = [report.reason for report in assess_quality(paths)]
        values = np.full((len(paths), n_classes), np.nan)
        usable = [row for row, reason in enumerate(reasons) if reason is None]
        if usable:
            values[usable] = model.predict_proba([paths[row] for row in usable])
        return list(zip(values, reasons, strict=True))

    return ask


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
    with _progress(len(paths), verbose) as advance:
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
            advance(len(batch))
    return np.array(list(values), dtype=int), list(values.values()), failures


@contextlib.contextmanager
def _low_rates() -> Iterator[set[str]]:
    """Give what recordings of too low a rate are called, as they are warned of."""
    low: set[str] = set()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Any, *rest: Any, **named: Any) -> None:
            low.update(getattr(message, "recordings", ()))
            show(message, *rest, **named)

        warnings.showwarning = note
        yield low


@contextlib.contextmanager
def _progress(total: int, verbose: int) -> Iterator[Callable[[int], object]]:
    """Give what is told of each batch that is done."""
    if not verbose:
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="recording") as bar:
        yield bar.update
