"""What a recipe says of the average beat."""

from __future__ import annotations

import dataclasses
from typing import Any

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.augmentations import AUGMENTATIONS

__all__ = ["BeatRecipe", "check_augmentations"]


@dataclasses.dataclass(frozen=True)
class BeatRecipe:
    """How the network that judges average beats is trained.

    What is not said here (loss, rate, batches, outputs) is as for the other network.

    Attributes
    ----------
    steps : int
        Batches in all.
    warmup_steps : int
        Steps in which the rate rises.
    dropout : float
        Of the network.
    augment : tuple of str
        Names in :data:`heartbeat_clf.augmentations.AUGMENTATIONS`. Those of
        ``Recipe.augment_sets`` come before.
    tracker_epochs : int
        Rounds of training for the network that finds the beats.
    linear : tuple of str, default=()
        Outputs of which a linear judge has a say as well
        (:mod:`heartbeat_clf.linear_beats`).
    """

    steps: int
    warmup_steps: int
    dropout: float
    augment: tuple[str, ...]
    tracker_epochs: int
    linear: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("steps", "tracker_epochs"):
            check_number(f"beats.{name}", getattr(self, name), minimum=1, integer=True)
        check_number(
            "beats.warmup_steps",
            self.warmup_steps,
            minimum=0,
            maximum=self.steps - 1,
            integer=True,
        )
        check_number("beats.dropout", self.dropout, minimum=0, maximum=0.95)
        check_augmentations("beats.augment", self.augment)
        if not isinstance(self.linear, tuple) or not all(
            isinstance(name, str) for name in self.linear
        ):
            raise TypeError(
                "Expected beats.linear to be a list of names of outputs, got "
                f"{self.linear!r}."
            )
        if len(set(self.linear)) < len(self.linear):
            raise ValueError(
                f"Expected each name once in beats.linear, got {list(self.linear)}."
            )
        if "reverse_time" in self.augment:
            raise ValueError(
                'Expected beats.augment without "reverse_time", got it: a diastole '
                "does not come before its systole. Leave it out."
            )


def check_augmentations(field: str, names: Any) -> None:
    """Raise unless a field of the recipe is a list of names of augmentations."""
    if isinstance(names, str):
        raise TypeError(
            f"Expected {field} to be a list of names, got {names!r}. Wrap it: "
            f"{field} = [{names!r}]."
        )
    if not isinstance(names, list | tuple):
        raise TypeError(
            f"Expected {field} to be a list of names of augmentations, got {names!r}."
        )
    for name in names:
        check_choice(field, name, tuple(AUGMENTATIONS))
