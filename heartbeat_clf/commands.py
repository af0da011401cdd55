"""What each command does: options in, text and failures out; prints nothing."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
from typing import Any

from heartbeat_clf.answers import NOTICE
from heartbeat_clf.command_parts import Outcome, Say, usage_errors
from heartbeat_clf.inputs import (
    UsageError,
    load_labelled,
)
from heartbeat_clf.outputs import check_not_read, check_target, write_text
from heartbeat_clf.predict_command import predict
from heartbeat_clf.spectrogram_command import spectrogram

__all__ = [
    "Outcome",
    "UsageError",
    "evaluate",
    "predict",
    "pretrain",
    "spectrogram",
    "train",
]

# Options of `evaluate` that make sense only where something is trained.
_TRAINING_OPTIONS = (
    "folds",
    "repeats",
    "operating_point",
    "random_split",
    "n_jobs",
    "cluster",
    "preset",
    "epochs",
    "settings",
    "validation_fraction",
    "cache",
)
_FOLDS = 5
_SEEN = "The scores hold only if the model was trained on none of these subjects."


def train(options: argparse.Namespace, say: Say) -> Outcome:
    """Train a pipeline on labelled recordings and save it."""
    pipeline = _build_pipeline(options)
    target = check_target(options.output)
    bunch = _load(options, say)
    with usage_errors():
        check_not_read(target, [options.data, *bunch.recordings])

    from heartbeat_clf.persistence import save

    parameters = {}
    if bunch.subjects_known:
        parameters["classifier__groups"] = bunch.subjects
    pipeline.fit(bunch.recordings, bunch.target, **parameters)
    save(pipeline, target)
    say(f"Model for {bunch.target_names!r} written to {str(target)!r}.")
    say(NOTICE)
    return Outcome("", [])


def evaluate(options: argparse.Namespace, say: Say) -> Outcome:
    """Cross-validate a pipeline by the protocol, or score a trained model."""
    if options.csv is not None:
        check_target(options.csv)
        with usage_errors():
            check_not_read(options.csv, [options.data, options.model or options.data])
    if options.model is not None:
        result, failures, bunch = _evaluate_model(options, say)
    else:
        result, failures, bunch = _cross_validate(options, say)
    if options.csv is not None:
        with usage_errors():
            check_not_read(options.csv, bunch.recordings)
        frame = result.to_frame()
        rows = frame["recording"].to_numpy()
        frame.insert(0, "path", [str(path) for path in bunch.recordings[rows]])
        write_text(options.csv, frame.to_csv(index=False))
    if options.json:
        document = {
            "notice": NOTICE,
            **result.to_dict(),
            "notes": [*bunch.notes, *([_SEEN] if options.model is not None else [])],
            "failures": [failure._asdict() for failure in failures],
        }
        return Outcome(json.dumps(document, indent=2, allow_nan=False) + "\n", failures)
    remark = f"{_SEEN}\n" if options.model is not None else ""
    return Outcome(f"{result}\n{remark}{NOTICE}\n", failures)


def pretrain(options: argparse.Namespace, say: Say) -> Outcome:
    """Train on several data sets at once and write a model for each label scheme."""
    from heartbeat_clf.pretraining_models import load_sets, make_models
    from heartbeat_clf.pretraining_recipe import read_recipe

    with usage_errors():
        recipe = read_recipe(options.recipe)
        if options.steps is not None:
            recipe = recipe.with_steps(options.steps)
    data = load_sets(options.data, recipe)
    for part in data:
        say(f"{part.name}: {len(part.recordings)} recordings, {part.shares}")
    files = make_models(
        data,
        recipe,
        work=options.work,
        output=options.output,
        n_folds=options.folds or _FOLDS,
        verbose=options.verbose,
        say=say,
    )
    say(f"Written: {', '.join(map(str, files))}.")
    say(NOTICE)
    return Outcome("", [])


def parse_settings(pairs: list[str]) -> dict[str, Any]:
    """Return ``NAME=VALUE`` texts as settings of the pipeline.

    Examples
    --------
    >>> parse_settings(["classifier__dropout=0.5", "loss=auroc", "augment=False"])
    {'classifier__dropout': 0.5, 'loss': 'auroc', 'augment': False}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, found, value = (part.strip() for part in pair.partition("="))
        if not found or not name.isidentifier():
            raise UsageError(
                f"Expected --set NAME=VALUE, got {pair!r}. "
                "For instance: --set classifier__dropout=0.5"
            )
        if name in settings:
            raise UsageError(f"Expected --set {name}=VALUE once, got it again.")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            # No number, None, True, tuple or the like: a name.
            settings[name] = value
    return settings


def _parse_operating_point(text: str) -> Any:
    if text in ("youden", "none"):
        return None if text == "none" else text
    name, _, value = text.partition("=")
    with contextlib.suppress(ValueError):
        if name in ("sensitivity", "specificity") and 0 <= float(value) <= 1:
            return {name: float(value)}
    raise UsageError(
        "Expected --operating-point youden, none, sensitivity=SHARE or "
        f"specificity=SHARE with a share of 0 to 1, got {text!r}."
    )


def _build_pipeline(options: argparse.Namespace) -> Any:
    settings = parse_settings(options.settings or [])
    for name in ("preset", "memory", "callbacks"):
        if name in settings:
            raise UsageError(f"Expected no {name!r} in --set: it cannot be set there.")
    given = {name.rpartition("__")[2]: name for name in settings}
    for name in ("epochs", "validation_fraction", "cache"):
        value = getattr(options, name)
        if value is None:
            continue
        if name in given:
            raise UsageError(
                f"Expected --{name.replace('_', '-')} or --set {given[name]}=..., got "
                "both. Drop one."
            )
        settings[name] = value
    for name, value in (("random_state", options.seed), ("verbose", options.verbose)):
        if name not in given:
            settings[name] = value

    from heartbeat_clf.pipeline import check_pipeline, make_heartbeat_pipeline

    with usage_errors():
        pipeline = make_heartbeat_pipeline(options.preset or "default", **settings)
        check_pipeline(pipeline)
    return pipeline


def _load(options: argparse.Namespace, say: Say) -> Any:
    bunch = load_labelled(
        options.data,
        dataset=options.dataset,
        subset=options.subset,
        target=options.target,
        databases=options.databases,
    )
    subjects = f"{len(set(bunch.subjects))} subjects"
    if not bunch.subjects_known:
        subjects = "subjects unknown, each recording counts as its own"
    say(f"{len(bunch.recordings)} recordings of {bunch.target_names!r}; {subjects}.")
    for note in bunch.notes:
        say(f"note: {note}")
    return bunch


def _evaluate_model(options: argparse.Namespace, say: Say) -> tuple[Any, Any, Any]:
    unused = [name for name in _TRAINING_OPTIONS if getattr(options, name) is not None]
    if unused:
        named = {"settings": "set"}.get(unused[0], unused[0]).replace("_", "-")
        raise UsageError(
            f"Expected no --{named} with --model, which trains nothing. Drop one."
        )

    from heartbeat_clf.held_out import score_model
    from heartbeat_clf.persistence import load
    from heartbeat_clf.pretrained import TARGETS, find_model

    name = options.model
    model = load(find_model(name) if name in TARGETS else name)
    bunch = _load(options, say)
    result, failures = score_model(
        model, bunch, random_state=options.seed, verbose=options.verbose
    )
    return result, failures, bunch


def _cross_validate(options: argparse.Namespace, say: Say) -> tuple[Any, Any, Any]:
    point = _parse_operating_point(options.operating_point or "youden")
    if options.cluster is not None and options.n_jobs is not None:
        raise UsageError("Expected --cluster or --n-jobs, got both. Drop one.")
    pipeline = _build_pipeline(options)
    # One bar over the folds, not one for each fit.
    pipeline.set_params(classifier__verbose=0, spectrogram__verbose=0)
    bunch = _load(options, say)

    recordings = bunch.recordings
    where: Any = contextlib.nullcontext()
    if options.cluster is not None:
        from heartbeat_clf import cluster

        # Workers may have been started in another folder.
        recordings = [os.path.abspath(path) for path in recordings]
        if pipeline["spectrogram"].cache is not None:
            cache = os.path.abspath(pipeline["spectrogram"].cache)
            pipeline.set_params(spectrogram__cache=cache)
        where = cluster.connect(options.cluster)
    with where:
        result = _evaluate_folds(options, pipeline, recordings, bunch, point)
    return result, [], bunch


def _evaluate_folds(
    options: argparse.Namespace, pipeline: Any, recordings: Any, bunch: Any, point: Any
) -> Any:
    from heartbeat_clf import evaluation

    return evaluation.evaluate(
        pipeline,
        recordings,
        bunch.target,
        groups=bunch.subjects if bunch.subjects_known else None,
        n_splits=options.folds or _FOLDS,
        n_repeats=options.repeats or 1,
        random_state=options.seed,
        operating_point=point,
        random_split=bool(options.random_split),
        n_jobs=options.n_jobs,
        verbose=options.verbose,
    )
