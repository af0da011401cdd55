"""What a recipe says of the second look, beat by beat."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.augmentations import AUGMENTATIONS

__all__ = ["JUDGES", "UNTRAINED", "BeatRecipe", "check_augmentations"]

JUDGES = {
    "linear": "linear judge",
    "steadiness": "judge of steadiness",
    "familiarity": "judge of familiarity",
    "made": "judge of made murmurs",
    "units": "judge of units",
}
"""Fields with the outputs of judges that are fitted at once, and what these are called.

A recipe may leave them out.
"""

UNTRAINED = (*JUDGES, "either_phase")
"""Fields with names of outputs on which the training of the network does not depend."""


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
    steadiness : tuple of str, default=()
        Outputs of which a judge of steadiness has a say as well
        (:mod:`heartbeat_clf.forest_judge`, :mod:`heartbeat_clf.steadiness`).
    familiarity : tuple of str, default=()
        Outputs, among those of `steadiness`, of which that judge takes the place of the
        network on windows in recordings unlike those learnt from
        (:mod:`heartbeat_clf.familiarity_judge`).
    either_phase : tuple of str, default=()
        Outputs of what may be in the systole or in the diastole: the average beat is
        judged with both exchanged as well
        (:func:`heartbeat_clf.averaged_beats.exchange_phases`).
    made : tuple of str, default=()
        Outputs that tell a murmur from none, in which a judge that learnt from made
        murmurs has a say as well (:mod:`heartbeat_clf.murmur_judge`).
    units : tuple of str, default=()
        Outputs of which trees on what both networks hear before they judge have half
        of the say of both, where the sound is familiar
        (:mod:`heartbeat_clf.forest_judge`).
    """

    steps: int
    warmup_steps: int
    dropout: float
    augment: tuple[str, ...]
    tracker_epochs: int
    linear: tuple[str, ...] = ()
    steadiness: tuple[str, ...] = ()
    familiarity: tuple[str, ...] = ()
    either_phase: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

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
        for name in UNTRAINED:
            _check_names(f"beats.{name}", getattr(self, name))
        alone = [name for name in self.familiarity if name not in self.steadiness]
        if alone:
            raise ValueError(
                "Expected beats.familiarity to be among beats.steadiness, which judges "
                f"where the sound is not familiar, got {alone} besides."
            )
        if "reverse_time" in self.augment:
            raise ValueError(
                'Expected beats.augment without "reverse_time", got it: a diastole '
                "does not come before its systole. Leave it out."
            )

    def judging(self, outputs: Collection[str]) -> BeatRecipe:
        """Return the settings with judges fitted at once of these outputs alone."""
        return self._without(JUDGES, outputs)

    def telling(self, outputs: Collection[str]) -> BeatRecipe:
        """Return the settings for these outputs alone."""
        return self._without(UNTRAINED, outputs)

    def _without(self, fields: Collection[str], outputs: Collection[str]) -> BeatRecipe:
        kept: dict[str, Any] = {
            kind: tuple(name for name in getattr(self, kind) if name in outputs)
            for kind in fields
        }
        return dataclasses.replace(self, **kept)


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


def _check_names(field: str, names: Any) -> None:
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"Expected {field} to be a list of names of outputs, got {names!r}."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"Expected each name once in {field}, got {list(names)}.")
