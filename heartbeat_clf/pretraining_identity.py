"""Whether what lies in a folder is of the training that is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_recipe import Recipe

__all__ = ["LOG", "check_identity", "identify"]

LOG = "rounds.jsonl"
"""File with a line a checkpoint, each with the identity of its training."""


def identify(data: Sequence[TrainingSet], recipe: Recipe) -> str:
    """Return a digest of the settings and of the recordings that are trained on."""
    parts = [json.dumps(recipe.to_dict(), sort_keys=True)]
    for part in data:
        parts.extend([part.name, *map(lambda p: Path(p).name, part.recordings)])
        parts.append(json.dumps(part.shares, sort_keys=True))
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
