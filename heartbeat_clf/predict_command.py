"""The command ``predict``: recordings or persons in, answers out."""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
from collections import Counter
from typing import Any

from heartbeat_clf.answering import predict_recordings
from heartbeat_clf.answers import NOTICE
from heartbeat_clf.command_parts import Outcome, Say, usage_errors
from heartbeat_clf.inputs import Failure, Found, UsageError, find_recordings
from heartbeat_clf.outputs import check_not_read, check_target, write_text
from heartbeat_clf.persons import subject_of_folder, subject_of_name

__all__ = ["predict"]

# More recordings than CirCor or PASCAL have of a person.
_MANY = 20


def predict(options: argparse.Namespace, say: Say) -> Outcome:
    """Answer recordings one by one with a trained model."""
    if options.output is not None:
        check_target(options.output)

    from heartbeat_clf.pretrained import TARGETS, find_model
    from heartbeat_clf.saved_model import load_to_predict

    name = options.model or TARGETS[0]
    file = find_model(name) if name in TARGETS else name
    model = load_to_predict(file)
    point = _operating_point_of(model, options)
    found, missing = find_recordings(options.inputs)
    if options.output is not None:
        read = [file, *options.inputs, *(item.path for item in found)]
        with usage_errors():
            check_not_read(options.output, read)
    found, subjects, nameless = _subjects_of(found, options)
    if subjects is not None and not options.json:
        say(f"One answer a subject, {len(set(subjects))} in all.")
        if options.subject_pattern is not None or options.subject_from_folder:
            _say_if_many(subjects, say)
            _say_if_scattered(found, subjects, options.subject_from_folder, say)
    answers = predict_recordings(
        model,
        [item.path for item in found],
        subjects=subjects,
        quality=not options.no_quality_check,
        verbose=options.verbose,
    )
    answers.failures.extend([*nameless, *missing])
    if point is not None:
        positive, least, reached = point
        answers = dataclasses.replace(
            answers, positive=positive, least=least, reached=reached
        )
        if not options.json:
            measured = " and ".join(f"{k} {v:.2f}" for k, v in reached.items())
            say(
                f"{str(positive)!r} is answered from a probability of {least:.3f} on, "
                f"which had {measured} on persons left out of training."
            )
    if options.json:
        text = answers.to_json()
    else:
        text = answers.to_csv() if options.csv else answers.to_table()
        say(NOTICE)
    if options.output is not None:
        write_text(options.output, text)
        text = ""
    return Outcome(text, answers.failures)


def _subjects_of(
    found: list[Found], options: argparse.Namespace
) -> tuple[list[Found], list[str] | None, list[Failure]]:
    """Return the recordings, whose they are, and those that nothing tells of."""
    if options.each_recording:
        return found, None, []
    if options.subject_pattern is None and not options.subject_from_folder:
        if not any(item.subject for item in found):
            return found, None, []
        # A recording that no row gives a subject counts as one's own.
        return found, [item.subject or str(item.path) for item in found], []
    kept, subjects, failures = [], [], []
    for item in found:
        try:
            if options.subject_from_folder:
                subjects.append(subject_of_folder(item.path))
            else:
                subjects.append(subject_of_name(item.path, options.subject_pattern))
            kept.append(item)
        except ValueError as error:
            failures.append(Failure(str(item.path), str(error)))
    return kept, subjects, failures


def _say_if_many(subjects: list[str], say: Say) -> None:
    """Doubt that one person was recorded so often."""
    name, count = Counter(subjects).most_common(1)[0] if subjects else ("", 0)
    if count > _MANY:
        say(
            f"Of {name!r} there are {count} recordings, answered together as of one "
            "person. If it is none, --subject-pattern REGEX tells what is."
        )


def _say_if_scattered(
    found: list[Found], subjects: list[str], by_folder: bool, say: Say
) -> None:
    """Doubt that recordings in several folders are one person's."""
    folders: dict[str, set[str]] = {}
    for item, subject in zip(found, subjects, strict=True):
        place = os.path.dirname(os.path.realpath(item.path))
        folders.setdefault(subject, set()).add(place)
    scattered = [subject for subject, places in folders.items() if len(places) > 1]
    if scattered:
        name = scattered[0]
        more = f" (and of {len(scattered) - 1} more)" if len(scattered) > 1 else ""
        remedy = (
            "Give each person's folder a name of its own"
            if by_folder
            else "Where each person has a folder, --subject-from-folder tells them"
        )
        say(
            f"Recordings of {name!r}{more} lie in {len(folders[name])} folders, and "
            f"are answered together as of one person. If they are of several: {remedy}."
        )


def _operating_point_of(
    model: Any, options: argparse.Namespace
) -> tuple[Any, float, dict[str, float]] | None:
    """Return the class, the probability from which it is answered, what it reached."""
    wanted = {
        name: getattr(options, name)
        for name in ("sensitivity", "specificity")
        if getattr(options, name) is not None
    }
    if not wanted:
        return None
    _, last = getattr(model, "steps", [("model", model)])[-1]
    points = getattr(last, "operating_points_", None)
    if points is None:
        raise UsageError(
            f"Expected a model that knows what it reached on persons left out with "
            f"--{next(iter(wanted))}, got one without. The models in the box and those "
            "of 'heartbeat-clf pretrain' know it."
        )
    with usage_errors():
        threshold = points.threshold(**wanted)
    least = 1 / (1 + math.exp(-threshold))
    return points.positive, least, points.reached(threshold)
