"""Ask a model about recordings, file by file: bad ones are left aside."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.answers import Answers
from heartbeat_clf.inputs import Failure
from heartbeat_clf.operating_points import BY_CLARITY
from heartbeat_clf.persons import combine_recordings

__all__ = ["map_recordings", "predict_recordings"]

# Recordings at a time: enough for full batches of windows, little enough for memory.
_BATCH = 16
_OF_ONE_FILE = (ValueError, TypeError, OSError)


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
    _, last = getattr(model, "steps", [("model", model)])[-1]
    points = getattr(last, "operating_points_", None)
    weighed = points is not None and points.combine == BY_CLARITY
    speak = _speaking(model, subjects is not None and weighed)
    ask = _checked(speak, len(classes)) if quality else _unchecked(speak)
    with _low_rates() as low:
        rows, values, failures = map_recordings(ask, paths, verbose=verbose)
    probabilities = np.array([said.probabilities for said in values], dtype=float)
    answers = Answers(
        classes,
        [paths[row] for row in rows],
        probabilities.reshape(len(rows), len(classes)),
        failures,
        reasons=[said.reason for said in values],
        quality=np.array([said.quality for said in values]) if quality else None,
        low_rates=frozenset(p for p in map(os.fspath, paths) if repr(p) in low),
    )
    if subjects is None:
        return answers
    # What could not be read counts as a recording of the subject, not as usable.
    of_all = np.full((len(paths), len(classes)), np.nan)
    of_all[rows] = answers.probabilities
    clarity = np.full(len(paths), np.nan)
    clarity[rows] = [said.clarity for said in values]
    persons = combine_recordings(
        of_all,
        list(subjects),
        classes=classes,
        points=points,
        clarity=clarity,
    )
    names = [subjects[row] for row in rows]
    heard = clarity[rows] if weighed else None
    return replace(answers, subjects=names, persons=persons, clarity=heard)


class _Said(NamedTuple):
    """What is said of one recording."""

    probabilities: np.ndarray
    clarity: float
    reason: str | None = None
    quality: float = np.nan


_Speak = Callable[[list[Path]], tuple[np.ndarray, np.ndarray]]
_Ask = Callable[[list[Path]], list[_Said]]


def _speaking(model: Any, with_clarity: bool) -> _Speak:
    """Return what gives probabilities, and the clarity of recordings if it can."""

    def speak(paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        if not with_clarity:
            return model.predict_proba(paths), np.full(len(paths), np.nan)
        if not hasattr(model, "steps"):
            return model.predict_with_clarity(paths)
        # A classifier alone says itself that it takes images.
        images = model[:-1].transform(paths) if len(model.steps) > 1 else paths
        return model[-1].predict_with_clarity(images)

    return speak


def _unchecked(speak: _Speak) -> _Ask:
    return lambda paths: [
        _Said(values, float(clear)) for values, clear in zip(*speak(paths), strict=True)
    ]


def _checked(speak: _Speak, n_classes: int) -> _Ask:
    from heartbeat_clf.quality import assess_quality

    def ask(paths: list[Path]) -> list[_Said]:
        reports = assess_quality(paths)
        values = np.full((len(paths), n_classes), np.nan)
        clarity = np.full(len(paths), np.nan)
        usable = [row for row, report in enumerate(reports) if report.usable]
        if usable:
            values[usable], clarity[usable] = speak([paths[row] for row in usable])
        return [
            _Said(value, clear, report.reason, report.score)
            for value, clear, report in zip(
                values, clarity.tolist(), reports, strict=True
            )
        ]

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
    """Give what recordings of too low a rate are called, whatever warnings are shown.

    The warnings are noted first and given on at the end, where the caller's filters
    decide: an answer must not depend on them.
    """
    from heartbeat_clf.recording_images import LowRateWarning

    low: set[str] = set()
    held: list[LowRateWarning] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", LowRateWarning)
        show = warnings.showwarning

        def note(message: Any, *rest: Any, **named: Any) -> None:
            if isinstance(message, LowRateWarning):
                # A batch with a bad file is asked for again, file by file.
                if not low.issuperset(message.recordings):
                    held.append(message)
                low.update(message.recordings)
            else:
                show(message, *rest, **named)

        warnings.showwarning = note
        yield low
    for message in held:
        warnings.warn(message, stacklevel=4)


@contextlib.contextmanager
def _progress(total: int, verbose: int) -> Iterator[Callable[[int], object]]:
    """Give what is told of each batch that is done."""
    if not verbose:
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="recording") as bar:
        yield bar.update
