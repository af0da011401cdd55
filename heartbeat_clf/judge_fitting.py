"""Fit the judges that are not trained: from recordings and labels to what is kept.

Each takes what is learnt from and the outputs that are judged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.averaged_beats import BEAT_COLUMNS, BEAT_STATISTICS, average_beat
from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.beat_tracking import BeatModel
from heartbeat_clf.familiarity import level_features
from heartbeat_clf.familiarity_judge import LEAST_SUBJECTS, Places, fit_places
from heartbeat_clf.forest_judge import Forest, fit_forest
from heartbeat_clf.heard_beats import Heard
from heartbeat_clf.linear_beats import fit_linear_beats, linear_network
from heartbeat_clf.murmur_examples import murmur_examples
from heartbeat_clf.murmur_judge import BoostedTrees, fit_boosted
from heartbeat_clf.pretraining import stratum_pools
from heartbeat_clf.pretraining_data import (
    TrainingSet,
    join_targets,
    joined_subjects,
)
from heartbeat_clf.pretraining_recipe import Recipe

__all__ = [
    "Lessons",
    "fit_familiarity_judge",
    "fit_linear_judge",
    "fit_made_judge",
    "fit_steadiness_judge",
    "fit_units_judge",
]


@dataclass(frozen=True)
class Lessons:
    """What judges learn from.

    Attributes
    ----------
    data : sequence of TrainingSet
        Recordings and what is known of them.
    images : sequence of ndarray of shape (n_bands, n_frames)
        Of all recordings of all sets.
    all_heard : callable
        Returns what the tracker hears in each; called by judges that go by beats.
    recipe : Recipe
        With ``beats``.
    tracker : BeatModel
        What hears the beats of made murmurs.
    say : callable, default=no output
        Called with a sentence where there is too little to learn from.
    units_of : callable or None, default=None
        Returns what both networks hear in some of the images before they judge, one
        row each; a judge of units needs it.
    """

    data: Sequence[TrainingSet]
    images: Sequence[np.ndarray]
    all_heard: Callable[[], list[Heard]]
    recipe: Recipe
    tracker: BeatModel
    say: Callable[[str], None] = lambda message: None
    units_of: Callable[[list[np.ndarray]], np.ndarray] | None = None


def fit_linear_judge(lessons: Lessons, judged: Sequence[str]) -> keras.Model:
    """Return a linear judge of average beats: a network, NaN for what is not judged."""
    images, heard = lessons.images, lessons.all_heard()
    outputs = list(lessons.recipe.outputs)
    targets = join_targets(lessons.data, outputs)
    subjects = joined_subjects(lessons.data)
    shape = len(images[0]), sum(BEAT_COLUMNS), len(BEAT_STATISTICS)
    weights = np.zeros((len(outputs), *shape))
    intercepts = np.full(len(outputs), np.nan)
    for name in judged:
        column = outputs.index(name)
        rows = [
            row
            for row in np.flatnonzero(~np.isnan(targets[:, column])).tolist()
            if heard[row].stays.n_beats
        ]
        beats = [average_beat(images[row], heard[row].stays) for row in rows]
        found = fit_linear_beats(
            np.array(beats).reshape(-1, *shape),
            targets[rows, column] == 1,
            subjects[rows],
            seed=lessons.recipe.seed,
        )
        if found is None:
            few = "fewer than two subjects of a class"
            lessons.say(f"no {JUDGES['linear']} of {name}: {few}")
        else:
            weights[column], intercepts[column] = found
    return linear_network(weights, intercepts)


def fit_steadiness_judge(lessons: Lessons, judged: Sequence[str]) -> dict[str, Forest]:
    """Return trees on how steadily a heart beats, by the name of the output."""
    heard = lessons.all_heard()

    def seen(rows: list[int]) -> np.ndarray:
        return np.array([heard[row].steadiness for row in rows])

    steady = np.array([part.steadiness is not None for part in heard])
    fit = functools.partial(fit_forest, seed=lessons.recipe.seed)
    return _forests("steadiness", lessons, judged, seen, steady, fit)


def fit_units_judge(lessons: Lessons, judged: Sequence[str]) -> dict[str, Forest]:
    """Return trees on what both networks hear, by the name of the output.

    Raises
    ------
    ValueError
        If ``lessons.units_of`` is None: there is no network on windows.
    """
    images, units_of = lessons.images, lessons.units_of
    if units_of is None:
        raise ValueError(
            "Expected both networks for a judge of units, got none on windows."
        )

    def seen(rows: list[int]) -> np.ndarray:
        return units_of([images[row] for row in rows])

    # Where no beat is found, windows judge alone.
    heard = np.array([part.stays.n_beats > 0 for part in lessons.all_heard()])
    fit = functools.partial(
        fit_forest,
        leaves=None,
        least_leaf=3,
        looked_at=0.3,
        halved=True,
        seed=lessons.recipe.seed,
    )
    return _forests("units", lessons, judged, seen, heard, fit)


def _forests(
    kind: str,
    lessons: Lessons,
    judged: Sequence[str],
    seen: Callable[[list[int]], np.ndarray],
    usable: np.ndarray,
    fit: Callable[..., Forest],
) -> dict[str, Forest]:
    """Return a forest an output, on what is seen of the rows that are usable."""
    subjects = joined_subjects(lessons.data)
    found = {}
    for name in judged:
        rows, positive, weights = _learnt_from(lessons, name, usable)
        classes = (positive, ~positive)
        if min(len(set(subjects[rows[side]])) for side in classes) < 2:
            few = "fewer than two subjects of a class"
            lessons.say(f"no {JUDGES[kind]} of {name}: {few}")
            continue
        found[name] = fit(seen(rows.tolist()), positive, weights)
    return found


def fit_familiarity_judge(lessons: Lessons, judged: Sequence[str]) -> dict[str, Places]:
    """Return where recordings learnt from lie, by the name of the output."""
    data, images = lessons.data, lessons.images
    subjects = joined_subjects(data)
    strata = np.array([f"{part.name}/{name}" for part in data for name in part.strata])
    found = {}
    for name in judged:
        rows, _, weights = _learnt_from(lessons, name)
        if len(set(subjects[rows])) < LEAST_SUBJECTS:
            few = f"fewer than {LEAST_SUBJECTS} subjects"
            lessons.say(f"no {JUDGES['familiarity']} of {name}: {few}")
            continue
        features = np.array([level_features(images[row]) for row in rows.tolist()])
        found[name] = fit_places(
            features, strata[rows], subjects[rows], weights, seed=lessons.recipe.seed
        )
    return found


def fit_made_judge(lessons: Lessons, judged: Sequence[str]) -> dict[str, BoostedTrees]:
    """Return trees that learnt from made murmurs, by the name of the output."""
    recipe, heard = lessons.recipe, lessons.all_heard()
    found = {}
    for name in judged:
        examples = murmur_examples(
            lessons.data, lessons.images, heard, recipe, name, lessons.tracker
        )
        trees = None if examples is None else fit_boosted(*examples, seed=recipe.seed)
        if trees is None:
            few = "fewer than two subjects without it whose beats are annotated"
            lessons.say(f"no {JUDGES['made']} of {name}: {few}")
        else:
            found[name] = trees
    return found


def _learnt_from(
    lessons: Lessons, name: str, usable: np.ndarray | bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows that teach an output, which are positive, and their weights."""
    outputs = list(lessons.recipe.outputs)
    target = join_targets(lessons.data, outputs)[:, outputs.index(name)]
    weights = _stratum_weights(lessons.data, ~np.isnan(target) & usable)
    rows = np.flatnonzero(weights)
    return rows, target[rows] == 1, weights[rows]


def _stratum_weights(data: Sequence[TrainingSet], known: np.ndarray) -> np.ndarray:
    """Return the weight of each recording: 0 for those that are not known.

    As in a batch, data sets weigh the same, and strata as their shares.
    """
    weights = np.zeros(len(known))
    for pools in stratum_pools(data):
        parts = [(share, rows[known[rows]]) for share, rows in pools]
        parts = [(share, rows) for share, rows in parts if len(rows)]
        total = sum(share for share, _ in parts)
        for share, rows in parts:
            weights[rows] = share / total / len(rows)
    return weights
