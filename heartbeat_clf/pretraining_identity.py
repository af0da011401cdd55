"""Whether what lies in a folder is of the training that is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from heartbeat_clf.beat_recipe import UNTRAINED
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_recipe import Recipe

__all__ = ["LOG", "check_identity", "identify", "keep_identity"]

LOG = "rounds.jsonl"
"""File with a line a checkpoint, each with the identity of its training."""


def identify(
    data: Sequence[TrainingSet],
    recipe: Recipe,
    *,
    beats: bool = False,
    besides: Collection[str] = (),
) -> str:
    """Return a digest of the settings and of what is trained on: names and labels.

    The network on windows does not depend on what the recipe says of beats: `beats`
    counts it in. Nothing but a judge that is fitted at once, and scores, depend on the
    fields ``UNTRAINED`` of that: `besides` counts those that it names in as well.
    """
    settings = recipe.to_dict()
    of_beats = settings.pop("beats")
    if beats and of_beats is not None:
        untrained = {kind: of_beats.pop(kind) for kind in UNTRAINED}
        settings["beats"] = of_beats | {kind: untrained[kind] for kind in besides}
    # Logits are in the order of the outputs.
    parts = [json.dumps(settings, sort_keys=True), json.dumps(list(recipe.outputs))]
    for part in data:
        parts.extend([part.name, *map(lambda p: Path(p).name, part.recordings)])
        parts.append(json.dumps(part.shares, sort_keys=True))
        parts.extend([*map(str, part.subjects), *map(str, part.strata)])
        parts.append(part.targets.to_csv(index=False))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_identity(place: Path, identity: str) -> None:
    """Raise if a folder holds checkpoints of another training.

    Parameters
    ----------
    place : Path
        Folder of one training.
    identity : str
        As :func:`identify` gives it.

    Raises
    ------
    ValueError
        If a checkpoint there has another identity.
    """
    log = place / LOG
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    if any(json.loads(line)["identity"] != identity for line in lines):
        raise ValueError(
            f"Expected {str(place)!r} to be empty or to hold checkpoints of this "
            "training, got those of another recipe or other recordings. Name another "
            "folder or remove it."
        )


def keep_identity(place: Path, identity: str, **state: float) -> None:
    """Note in a folder which training it holds, and how far that came.

    Parameters
    ----------
    place : Path
        Folder of one training.
    identity : str
        As :func:`identify` gives it.
    **state : float
        What else the line of the file says, such as ``round`` and ``loss``.
    """
    with (place / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"identity": identity, **state}) + "\n")
