"""Judges of beats that are fitted at once, made and kept beside a training.

Five kinds: a linear one of the average beat, trees on how steadily a heart beats, one
of whether a recording sounds like those learnt from, trees that learnt from made
murmurs, and trees on what both networks hear before they judge. Each kind lies in a
file of its own, with a note of what it was made by.
"""

from __future__ import annotations

import io
import json
import os
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.familiarity_judge import Places
from heartbeat_clf.forest_judge import Forest
from heartbeat_clf.judge_fitting import (
    Lessons,
    fit_familiarity_judge,
    fit_linear_judge,
    fit_made_judge,
    fit_steadiness_judge,
    fit_units_judge,
)
from heartbeat_clf.model_archive import NO_ARCHIVE, UNREADABLE
from heartbeat_clf.murmur_judge import BoostedTrees
from heartbeat_clf.outputs import whole_file
from heartbeat_clf.pretraining_identity import identify
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.training import network_archive

__all__ = ["Judges", "kept_judges", "load_judges"]

_LINEAR, _STEADINESS, _FAMILIARITY = "linear", "steadiness", "familiarity"
_MADE, _UNITS = "made", "units"
_FILES = {
    _LINEAR: "linear.keras",
    _STEADINESS: "steadiness.npz",
    _FAMILIARITY: "familiarity.npz",
    _MADE: "made.npz",
    _UNITS: "units.npz",
}
_FITS: dict[str, Callable[[Lessons, Sequence[str]], Any]] = {
    _LINEAR: fit_linear_judge,
    _STEADINESS: fit_steadiness_judge,
    _FAMILIARITY: fit_familiarity_judge,
    _MADE: fit_made_judge,
    _UNITS: fit_units_judge,
}
_KEPT_AS: dict[str, Any] = {
    _STEADINESS: Forest,
    _FAMILIARITY: Places,
    _MADE: BoostedTrees,
    _UNITS: Forest,
}


@dataclass(frozen=True)
class Judges:
    """What was fitted at once.

    Attributes
    ----------
    linear : keras.Model or None, default=None
        On average beats; logits in the order of ``recipe.outputs``, NaN for outputs
        without such a judge. None where the recipe wants none.
    steadiness : dict of str to Forest, default={}
        By the name of an output.
    familiarity : dict of str to Places, default={}
        By the name of an output.
    made : dict of str to BoostedTrees, default={}
        By the name of an output.
    units : dict of str to Forest, default={}
        By the name of an output.
    """

    linear: keras.Model | None = None
    steadiness: dict[str, Forest] = field(default_factory=dict)
    familiarity: dict[str, Places] = field(default_factory=dict)
    made: dict[str, BoostedTrees] = field(default_factory=dict)
    units: dict[str, Forest] = field(default_factory=dict)


def kept_judges(lessons: Lessons, place: Path) -> Judges:
    """Return the judges of a recipe, fitted where they are not in the folder.

    Parameters
    ----------
    lessons : Lessons
        What is learnt from; its functions are called if something is to be fitted.
    place : Path
        Folder of the training.

    Returns
    -------
    judges : Judges

    Raises
    ------
    ValueError
        If the file of a judge is damaged, or a judge of units is to be fitted without
        ``lessons.units_of``.
    """
    recipe = lessons.recipe
    assert recipe.beats is not None
    found: dict[str, Any] = {}
    for kind, fit in _FITS.items():
        outputs = list(getattr(recipe.beats, kind))
        if not outputs:
            continue
        identity = identify(lessons.data, recipe, beats=True, besides=[kind])
        made = {"identity": identity, "outputs": outputs}
        if _note(place, kind) == made:
            found[kind] = _read(place, kind, outputs)
            continue
        found[kind] = fit(lessons, outputs)
        # Stopped between the two, it is fitted anew.
        made_by = _made_by(place, kind)
        made_by.unlink(missing_ok=True)
        with whole_file(place / _FILES[kind]) as partial:
            partial.write_bytes(_archive(found[kind]))
        with whole_file(made_by) as partial:
            partial.write_text(json.dumps(made), encoding="utf-8")
    return Judges(**found)


def load_judges(folder: str | os.PathLike[str], recipe: Recipe) -> Judges:
    """Return what :func:`kept_judges` left in a folder.

    Raises
    ------
    FileNotFoundError
        If the recipe has a judge and the folder not that one: the training was
        stopped, or was another.
    ValueError
        If the file of a judge is damaged.
    """
    assert recipe.beats is not None
    found: dict[str, Any] = {}
    for kind, name in JUDGES.items():
        outputs = list(getattr(recipe.beats, kind))
        if not outputs:
            continue
        made = _note(Path(folder), kind)
        if made.get("outputs") != outputs:
            raise FileNotFoundError(
                f"Expected a {name} of {outputs} in {os.fspath(folder)!r}, got "
                f"{made.get('outputs', 'none')}. Go on with the training."
            )
        found[kind] = _read(Path(folder), kind, outputs)
    return Judges(**found)


def _made_by(place: Path, kind: str) -> Path:
    return place / f"{kind}.json"


def _note(place: Path, kind: str) -> dict[str, Any]:
    """Return what a judge was made by; nothing where there is no judge, or no note."""
    if not (place / _FILES[kind]).exists():
        return {}
    try:
        note = json.loads(_made_by(place, kind).read_text("utf-8"))
    # Text that is none, and JSON that is none, are both errors of values.
    except (OSError, RecursionError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _archive(judge: keras.Model | dict[str, Any]) -> bytes:
    if isinstance(judge, keras.Model):
        return network_archive(judge)
    content = io.BytesIO()
    arrays: dict[str, Any] = {
        f"{name}/{field}": np.asarray(value)
        for name, of_output in judge.items()
        for field, value in of_output._asdict().items()
    }
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def _read(
    place: Path, kind: str, outputs: Sequence[str]
) -> keras.Model | dict[str, Any]:
    file = place / _FILES[kind]
    try:
        if kind == _LINEAR:
            return keras.saving.load_model(file)
        return _load(file, kind, outputs)
    # NumPy reads the header of an array with Python's tokenizer.
    except (*UNREADABLE, *NO_ARCHIVE, OSError, tokenize.TokenError) as error:
        raise ValueError(
            f"Expected a {JUDGES[kind]} in {str(file)!r}, got: {error}. The file is "
            "damaged: remove it, and the judge is fitted again."
        ) from error


def _load(file: Path, kind: str, outputs: Sequence[str]) -> dict[str, Any]:
    # Of a path that is no archive, NumPy would leave the file open.
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        names = dict.fromkeys(key.rpartition("/")[0] for key in arrays)
        strange = sorted(set(names).difference(outputs))
        if strange:
            raise ValueError(f"judges of {strange}, where {list(outputs)} have one")
        made = _KEPT_AS[kind]
        return {
            name: made(*(_plain(arrays[f"{name}/{field}"]) for field in made._fields))
            for name in names
        }


def _plain(array: np.ndarray) -> Any:
    """Return a number as such."""
    return array if array.ndim else array.item()
