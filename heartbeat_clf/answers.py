"""What a model said about recordings, and how it is shown."""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heartbeat_clf.inputs import Failure
from heartbeat_clf.persons import Persons

__all__ = ["LOW_RATE", "NOTICE", "UNUSABLE", "Answers"]

NOTICE = "Not a medical device: for research and teaching, no basis for a diagnosis."
UNUSABLE = "unusable"
LOW_RATE = "sampled at too low a rate for the upper bands of the model"


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
    clarity : ndarray of shape (n_recordings,), default=None
        How clearly a heart is heard in each, where `persons` weigh them by it; NaN
        where it is not known.
    quality : ndarray of shape (n_recordings,), default=None
        Log odds that a heart is heard in each, by
        :func:`~heartbeat_clf.assess_quality`; None where it was not asked.
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
    clarity: np.ndarray | None = None
    quality: np.ndarray | None = None
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
        ``usable`` (numbers of recordings) stand in the place of ``path``, and the
        warning says of how many of the usable recordings it is.
        """
        names, rows = self._columns()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [f"probability_{name}" for name in self.classes]
        single = self.persons is None
        warn = self._warning if single else self._warnings_of_subjects().get
        writer.writerow([*names, "prediction", *columns, "reason", "warning"])
        for *start, values, reason in rows:
            numbers = ["" if np.isnan(value) else value for value in values.tolist()]
            writer.writerow([*start, *numbers, reason or "", warn(start[0]) or ""])
        return text.getvalue()

    def to_json(self) -> str:
        """Return a JSON object: notice, recordings, subjects if any, and failures.

        Recordings have a ``quality``, log odds that a heart is heard, where it was
        asked for, and a ``clarity`` where it is their weight in that of a subject.
        """
        document = {
            "notice": NOTICE,
            "classes": self.classes,
            "decision": self._decision(),
            "recordings": [
                {
                    "path": str(path),
                    **({} if self.subjects is None else {"subject": subject}),
                    **self._as_json(values, reason),
                    **heard,
                    **clear,
                    "warning": self._warning(path),
                }
                for path, subject, values, reason, heard, clear in zip(
                    self.paths,
                    self.subjects or self.paths,
                    self.probabilities,
                    self._reasons(),
                    self._numbers("quality"),
                    self._numbers("clarity"),
                    strict=True,
                )
            ],
        }
        if self.persons is not None:
            warnings = self._warnings_of_subjects()
            document["subjects"] = [
                {
                    "subject": subject,
                    "recordings": recordings,
                    "usable": usable,
                    **self._as_json(values, reason),
                    "warning": warnings.get(subject),
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

    def _warnings_of_subjects(self) -> dict[str, str]:
        usable = [
            (subject, self._warning(path) is not None)
            for subject, path, values in zip(
                self.subjects or (), self.paths, self.probabilities, strict=True
            )
            if not np.isnan(values).any()
        ]
        of_all = Counter(subject for subject, _ in usable)
        of_low = Counter(subject for subject, low in usable if low)
        return {
            subject: f"{n} of {of_all[subject]} usable recordings: {LOW_RATE}"
            for subject, n in of_low.items()
        }

    def _numbers(self, name: str) -> list[dict[str, float | None]]:
        """Return an entry of JSON a recording; none where nobody asked for it."""
        values = getattr(self, name)
        if values is None:
            return [{}] * len(self.paths)
        return [{name: None if np.isnan(v) else v} for v in values.tolist()]

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


def _printable(text: str) -> str:
    """Return `text` with line ends, escape codes and the like as Python writes them."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
