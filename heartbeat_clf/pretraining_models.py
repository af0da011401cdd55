"""From data sets to the shipped model files, in one call that can be resumed."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import heartbeat_clf
from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.datasets._bunch import NoDataSetError
from heartbeat_clf.datasets.cinc2016 import DATABASES
from heartbeat_clf.murmur_examples import sparse_murmurs
from heartbeat_clf.persistence import save
from heartbeat_clf.pretrained_files import as_pipeline, calibrate_answer
from heartbeat_clf.pretraining_data import (
    TrainingSet,
    check_folds,
    check_sets,
    from_cinc2016,
    from_circor,
    from_table,
    join_targets,
    sparse_outputs,
)
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.pretraining_run import (
    BEATS,
    assign_folds,
    make_images,
    train_folds,
)

__all__ = ["load_sets", "make_models"]

Say = Callable[[str], None]
# Outputs that answer by themselves; the others only help the network to learn.
ANSWERS = ("murmur", "abnormal")
_PUBLISHED = {"circor": from_circor, "cinc2016": from_cinc2016}
# By these names in a folder, or its own, something of a set should be there.
_SIGNS = {
    "circor": {"circor", "training_data", "training_data.csv"},
    "cinc2016": {"cinc2016", *(f"training-{letter}" for letter in DATABASES)},
}


def make_models(
    data: Sequence[TrainingSet],
    recipe: Recipe,
    *,
    work: str | os.PathLike[str],
    output: str | os.PathLike[str],
    n_folds: int = 5,
    verbose: int = 0,
    say: Say = lambda message: None,
) -> list[Path]:
    """Train on several data sets and write a model file for each label scheme.

    First a network for each fold scores the persons left out; calibration, the way
    to combine a person's recordings and the operating points come from these scores.
    Then one network is trained on everything.

    Parameters
    ----------
    data : sequence of TrainingSet
        The data sets.
    recipe : Recipe
        All settings. Outputs that no data set has a column for are left out.
    work : str or path
        Checkpoints, scores and images are kept there; a further call goes on from
        them.
    output : str or path
        Folder for ``murmur.hbc``, ``abnormal.hbc`` and ``training.json``.
    n_folds : int, default=5
        Number of folds, 2 or more.
    verbose : {0, 1}, default=0
        1 shows progress bars.
    say : callable, default=no output
        Called with a sentence at each step.

    Returns
    -------
    models : list of Path
        The files.

    Raises
    ------
    ValueError
        If `work` holds another training, no data set has labels for an answer, two
        sets share a recording, or there are too few subjects of a class for the
        folds.
    """
    place, target = Path(work), Path(output)
    known = {str(column) for part in data for column in part.targets}
    wanted = [name for name in ANSWERS if name in recipe.outputs]
    answers = [name for name in wanted if name in known]
    if not answers:
        raise ValueError(
            f"Expected data sets with labels for an answer of the recipe, {wanted} of "
            f"{list(ANSWERS)}, got {sorted(known)}."
        )
    check_sets(data)
    unlabelled = [name for name in recipe.outputs if name not in known]
    if unlabelled:
        say(f"left out, as nothing has labels for it: {', '.join(unlabelled)}")
        learnt = {k: v for k, v in recipe.outputs.items() if k in known}
        recipe = recipe.with_outputs(learnt)
    # What is missing should be told before the images are made.
    join_targets(data, list(recipe.outputs))
    folds = assign_folds(data, n_folds, seed=recipe.seed)
    check_folds(data, folds, list(recipe.outputs))
    if recipe.beats is not None:
        # What judges in some folds alone would be calibrated as if it did in all.
        sparse: list[str] = []
        for kind, judge in JUDGES.items():
            few = sparse_outputs(data, folds, getattr(recipe.beats, kind))
            for name in few:
                say(f"no {judge} of {name}: a fold leaves one subject of a class")
            sparse += few
        recipe = recipe.judging(set(recipe.outputs).difference(sparse))

    def score_folds(recipe: Recipe) -> list[pd.DataFrame]:
        return list(
            train_folds(
                data,
                images,
                recipe,
                place,
                n_folds=n_folds,
                verbose=verbose,
                say=say,
            )
        )

    target.mkdir(parents=True, exist_ok=True)
    say("images")
    images = make_images(data, recipe, cache=place / "cache", verbose=verbose)
    if recipe.beats is not None and recipe.beats.made:
        few = sparse_murmurs(data, images, folds, recipe, recipe.beats.made)
        for name in few:
            lack = "a fold leaves fewer than two subjects without it that are annotated"
            say(f"no {JUDGES['made']} of {name}: {lack}")
        rest = tuple(name for name in recipe.beats.made if name not in few)
        recipe = dataclasses.replace(
            recipe, beats=dataclasses.replace(recipe.beats, made=rest)
        )
    tables = score_folds(recipe)
    unheard = _missing_judges(recipe, tables)
    if unheard:
        # Counted were labels; too few of these recordings may have beats to be heard.
        for name, judge in unheard:
            say(f"no {judge} of {name}: a fold has none")
        judged = set(recipe.outputs).difference(name for name, _ in unheard)
        recipe = recipe.judging(judged)
        tables = score_folds(recipe)
    scores = pd.concat(tables, ignore_index=True)
    say("final network, on everything")
    from heartbeat_clf.beat_view_training import train_beats
    from heartbeat_clf.pretraining import pretrain

    final = place / "final"
    network = pretrain(data, images, recipe, final, verbose=verbose)
    beats = train_beats(
        data,
        images,
        recipe,
        final / BEATS,
        windows=network,
        verbose=verbose,
        say=say,
    )
    files = []
    if beats is None:
        recipe = dataclasses.replace(recipe, beats=None)
    report: dict[str, Any] = {
        "heartbeat_clf": heartbeat_clf.__version__,
        "recipe": recipe.to_dict(),
        "data": [_describe(part) for part in data],
        "answers": {},
    }
    for name in answers:
        found = calibrate_answer(scores, name, n_folds=n_folds)
        pipeline = as_pipeline(
            network,
            name,
            recipe,
            calibration=found.calibration,
            operating_points=found.operating_points,
            class_counts=found.class_counts,
            beats=beats,
        )
        files.append(save(pipeline, target / f"{name}.hbc"))
        report["answers"][name] = found.report()
    text = json.dumps(report, indent=2, default=float)
    (target / "training.json").write_text(text + "\n", encoding="utf-8")
    return files


def load_sets(sources: Sequence[str | Path], recipe: Recipe) -> list[TrainingSet]:
    """Return the data sets in folders and tables.

    Parameters
    ----------
    sources : sequence of str or path
        Folders with CirCor, CinC 2016 or both in them; CSV tables of one's own.
    recipe : Recipe
        Its shares are taken.

    Returns
    -------
    data : list of TrainingSet

    Raises
    ------
    FileNotFoundError
        If a folder holds neither data set.
    TypeError
        If `sources` is one name, and no list of them.
    ValueError
        If the recipe names a data set that is not among them; the published ones
        may be missing.
    """
    if isinstance(sources, str | os.PathLike):
        raise TypeError(
            f"Expected a list of folders and tables, got {str(sources)!r}. Wrap it in "
            f"a list: [{str(sources)!r}]."
        )
    data: list[TrainingSet] = []
    shares = recipe.shares
    for source in map(Path, sources):
        if not source.is_dir():
            # What the recipe says of a published set is not of a table of its name.
            alike = source.stem in _PUBLISHED
            table = from_table(source, None if alike else shares.get(source.stem))
            data.append(
                dataclasses.replace(table, name=source.name) if alike else table
            )
            continue
        found = []
        for name, reader in _PUBLISHED.items():
            try:
                found.append(reader(source, shares.get(name)))
            except NoDataSetError:
                # What is there in part should be told, what is not is left out.
                found_names = {part.name for part in source.iterdir()}
                if _SIGNS[name] & {source.resolve().name, *found_names}:
                    raise
        if not found:
            raise FileNotFoundError(
                f"Expected CirCor or CinC 2016 in {str(source)!r}, found neither. For "
                "other recordings write a CSV table with path and label. (PASCAL is "
                "kept to test on hearts from elsewhere.)"
            )
        data.extend(found)
    names = [part.name for part in data]
    for field in ("shares", "augment_sets"):
        strange = sorted(set(getattr(recipe, field)) - {*names, *_PUBLISHED})
        if strange:
            raise ValueError(
                f"Expected {field} of the recipe to name data sets that are trained "
                f"on, {names}, got {strange}. A table is called by its file without "
                "'.csv'."
            )
    return data


def _missing_judges(
    recipe: Recipe, tables: Sequence[pd.DataFrame]
) -> list[tuple[str, str]]:
    """Return outputs and judges that a fold has not, although the recipe wants them."""
    heard = [table for table in tables if "beats" in table]
    if recipe.beats is None:
        return []
    return [
        (name, judge)
        for kind, judge in JUDGES.items()
        for name in getattr(recipe.beats, kind)
        if any(f"{name}_{kind}" not in table for table in heard)
    ]


def _describe(part: TrainingSet) -> dict[str, Any]:
    return {
        "name": part.name,
        "recordings": len(part.recordings),
        "subjects": len(set(part.subjects)),
        "shares": part.shares,
    }
