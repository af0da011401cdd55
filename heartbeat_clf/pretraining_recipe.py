"""The settings of a training over several data sets, in one readable file."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.averaged_beats import BEAT_COLUMNS
from heartbeat_clf.beat_recipe import UNTRAINED, BeatRecipe, check_augmentations
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.mel_filters import mel_frequencies
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = [
    "DEFAULT_RECIPE",
    "NETWORK_NAMES",
    "Recipe",
    "read_recipe",
    "tracked_bands",
]

NETWORK_NAMES = ("small", "wide", "wide_linear", "ancestor")
"""Those of :data:`heartbeat_clf.networks.NETWORKS`, which would load Keras."""

DEFAULT_RECIPE = Path(__file__).with_name("models") / "recipe.toml"
"""The recipe of the shipped model."""


# PASCAL set_b and many stethoscopes pass little above 200 Hz.
_TRACKED_BELOW = 205.0
_FEWEST_TRACKED = 4
_LONGEST_HOP = 0.04


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained on several data sets at once.

    Attributes
    ----------
    audio : dict
        Settings of :class:`~heartbeat_clf.SpectrogramTransformer`.
    trimmer : dict
        Settings of :class:`~heartbeat_clf.ImageTrimmer`.
    network : str
        A name known to :func:`heartbeat_clf.networks.build_network`.
    kernel_l2, dropout : float
        Passed to the network.
    window_frames : int
        Length of a window.
    outputs : dict of str to float
        Outputs of the network, and the weight of each in the loss.
    steps, steps_per_round : int
        Batches in all, and between two checkpoints; of the latter no more than of
        the former.
    batch_size : int
        Windows a batch.
    learning_rate : float
        Highest rate of Adam; it rises over `warmup_steps` and falls along a cosine.
    warmup_steps : int
        Steps of the rise.
    auroc_weight : float
        Share of the pairwise AUROC loss in the loss of each output; the rest is
        cross-entropy.
    average_momentum : float
        Of the running average of the weights, which is what is kept; 0 keeps the
        last weights.
    augment : tuple of str
        Names in :data:`heartbeat_clf.augmentations.AUGMENTATIONS`.
    shares : dict of str to dict of str to float
        For a data set, windows of each stratum in relation to each other; data sets
        without an entry take their strata in equal numbers. Data sets have equal
        parts of a batch.
    seed : int
        Origin of every random choice.
    augment_sets : dict of str to tuple of str, default={}
        For a data set, augmentations of its windows alone, before the others. The
        published sets are "circor" and "cinc2016", a table is called by its file
        without ``.csv``. A file need not have them.
    """

    audio: dict[str, Any]
    trimmer: dict[str, Any]
    network: str
    kernel_l2: float
    dropout: float
    window_frames: int
    outputs: dict[str, float]
    steps: int
    steps_per_round: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    auroc_weight: float
    average_momentum: float
    augment: tuple[str, ...]
    shares: dict[str, dict[str, float]]
    seed: int
    augment_sets: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    beats: BeatRecipe | None = None

    def __post_init__(self) -> None:
        check_choice("network", self.network, NETWORK_NAMES)
        _check_steps(self.audio, self.trimmer)
        check_augmentations("augment", self.augment)
        for name, names in self.augment_sets.items():
            check_augmentations(f"augment_sets.{name}", names)
        for name, weight in self.outputs.items():
            check_number(f"outputs.{name}", weight, minimum=0, exclusive=True)
        check_number("kernel_l2", self.kernel_l2, minimum=0)
        check_number("dropout", self.dropout, minimum=0, maximum=0.95)
        for name in ("window_frames", "steps", "steps_per_round", "batch_size"):
            check_number(name, getattr(self, name), minimum=1, integer=True)
        check_number("warmup_steps", self.warmup_steps, minimum=0, integer=True)
        check_number("seed", self.seed, minimum=0, integer=True)
        check_number("learning_rate", self.learning_rate, minimum=0, exclusive=True)
        check_number("auroc_weight", self.auroc_weight, minimum=0, maximum=1)
        check_number("average_momentum", self.average_momentum, minimum=0, maximum=1)
        if self.warmup_steps >= self.steps:
            raise ValueError(
                f"Expected warmup_steps below steps={self.steps}, got "
                f"{self.warmup_steps} from the recipe. Take more steps, or a recipe "
                "with fewer warmup_steps."
            )
        if self.steps_per_round > self.steps:
            object.__setattr__(self, "steps_per_round", self.steps)
        if not self.outputs:
            raise ValueError("Expected at least one entry under [outputs], got none.")
        if self.beats is not None:
            _check_beats(self.audio, self.trimmer)
            for kind in UNTRAINED:
                for name in getattr(self.beats, kind):
                    check_choice(f"beats.{kind}", name, tuple(self.outputs))

    @property
    def rounds(self) -> int:
        """Number of checkpoints: the last one may come a little late."""
        return -(-self.steps // self.steps_per_round)

    def with_steps(self, steps: int) -> Recipe:
        """Return the recipe for another number of batches, all else in proportion.

        Examples
        --------
        >>> recipe = read_recipe(steps=2000, warmup_steps=200).with_steps(50)
        >>> recipe.steps, recipe.warmup_steps, recipe.steps_per_round
        (50, 5, 50)
        """
        share = steps / self.steps
        beats = self.beats
        if beats is not None:
            beats = dataclasses.replace(
                beats,
                steps=max(1, int(beats.steps * share)),
                warmup_steps=int(beats.warmup_steps * share),
                tracker_epochs=max(1, round(beats.tracker_epochs * min(share, 1.0))),
            )
        warmup = self.warmup_steps * steps // self.steps
        return dataclasses.replace(self, steps=steps, warmup_steps=warmup, beats=beats)

    def with_outputs(self, outputs: dict[str, float]) -> Recipe:
        """Return the recipe for fewer outputs."""
        beats = None if self.beats is None else self.beats.telling(outputs)
        return dataclasses.replace(self, outputs=outputs, beats=beats)

    def judging(self, outputs: Collection[str]) -> Recipe:
        """Return the recipe with judges fitted at once of these outputs alone."""
        if self.beats is None:
            return self
        beats = self.beats.judging(outputs)
        return dataclasses.replace(self, beats=beats)

    @property
    def for_beats(self) -> Recipe:
        """The same recipe with the settings of the network on average beats.

        Raises
        ------
        ValueError
            If there are none.
        """
        if self.beats is None:
            raise ValueError("Expected a recipe with [beats], got one without.")
        return dataclasses.replace(
            self,
            steps=self.beats.steps,
            warmup_steps=self.beats.warmup_steps,
            dropout=self.beats.dropout,
            augment=self.beats.augment,
            window_frames=sum(BEAT_COLUMNS),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, for a model card."""
        return dataclasses.asdict(self)


def read_recipe(path: str | os.PathLike[str] | None = None, **changes: Any) -> Recipe:
    """Return the recipe in a TOML file.

    Parameters
    ----------
    path : str, path or None, default=None
        File with the fields of `Recipe`: numbers at the top, and the tables
        ``[audio]``, ``[trimmer]``, ``[outputs]``, ``[shares.DATASET]``,
        ``[augment_sets]`` and ``[beats]``. None takes the recipe of the shipped model.
    **changes : object
        Fields that replace those of the file, such as ``steps=100``. With other
        ``outputs``, what ``[beats]`` says of those that are no more goes with them.

    Returns
    -------
    recipe : Recipe

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If a field is of the wrong type.
    ValueError
        If the file is no TOML, or a field is unknown, missing or out of range.
    """
    source = DEFAULT_RECIPE if path is None else Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"Expected a recipe in TOML, no file {str(source)!r}.")
    try:
        found = tomllib.loads(source.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"Expected {str(source)!r} to be a recipe in TOML, got: {error}."
        ) from error
    fields = {field.name for field in dataclasses.fields(Recipe)}
    given = {"augment_sets": {}, "beats": None, **found, **changes}
    unknown, missing = sorted(set(given) - fields), sorted(fields - set(given))
    if unknown or missing:
        problem = f"unknown {unknown}" if unknown else f"no {missing}"
        raise ValueError(
            f"Expected the fields {sorted(fields)} in the recipe {str(source)!r}, "
            f"got {problem}."
        )
    for name in ("audio", "trimmer", "outputs", "shares", "augment_sets"):
        if not isinstance(given[name], dict):
            raise TypeError(
                f"Expected {name} to be a table of the recipe {str(source)!r}, got "
                f"{given[name]!r}. Put its settings under [{name}]."
            )
    for name in ("audio", "trimmer"):
        given[name] = {key: _frozen(value) for key, value in given[name].items()}
    given["augment"] = _frozen(given["augment"])
    given["augment_sets"] = {k: _frozen(v) for k, v in given["augment_sets"].items()}
    try:
        beats = _beats(given["beats"], source)
        if beats is not None and "outputs" in changes and "beats" not in changes:
            beats = beats.telling(given["outputs"])
        return Recipe(**{**given, "beats": beats})
    except (TypeError, ValueError) as error:
        error.add_note(f"This is about the recipe {str(source)!r}.")
        raise


def tracked_bands(audio: dict[str, Any]) -> int:
    """Return how many of an image's bands are low enough to find beats in."""
    settings = SpectrogramTransformer(**audio)
    centres = mel_frequencies(
        n_mels=settings.n_mels, fmin=settings.fmin, fmax=settings.fmax
    )
    return int((centres < _TRACKED_BELOW).sum())


def _check_beats(audio: dict[str, Any], trimmer: dict[str, Any]) -> None:
    """Raise unless beats can be found in the images of a recipe."""
    if trimmer.get("bands") != "all":
        raise ValueError(
            'Expected bands = "all" under [trimmer] with [beats], which are found in '
            f"the lowest bands, got {trimmer.get('bands')!r}."
        )
    n_bands = tracked_bands(audio)
    if n_bands < _FEWEST_TRACKED:
        raise ValueError(
            f"Expected at least {_FEWEST_TRACKED} bands below {_TRACKED_BELOW:.0f} Hz "
            f"with [beats], which are found there, got {n_bands}. Lower fmin or raise "
            "n_mels under [audio], or leave out [beats]."
        )
    hop = SpectrogramTransformer(**audio).hop_duration
    if hop > _LONGEST_HOP:
        raise ValueError(
            f"Expected a hop_duration of at most {_LONGEST_HOP} s with [beats], as a "
            f"heart sound lasts 0.1 s, got {hop!r}. Leave out [beats], or shorten it."
        )


def _beats(table: Any, source: Path) -> BeatRecipe | None:
    """Return the table ``[beats]`` of a recipe."""
    if table is None or isinstance(table, BeatRecipe):
        return table
    if not isinstance(table, dict):
        raise TypeError(
            f"Expected beats to be a table of the recipe {str(source)!r}, got "
            f"{table!r}. Put its settings under [beats]."
        )
    fields = {field.name for field in dataclasses.fields(BeatRecipe)}
    if {*UNTRAINED, *table} != fields:
        raise ValueError(
            f"Expected the fields {sorted(fields - {*UNTRAINED})} under [beats], and "
            f"perhaps {', '.join(UNTRAINED)}, got {sorted(table)}."
        )
    return BeatRecipe(**{name: _frozen(value) for name, value in table.items()})


def _frozen(value: Any) -> Any:
    """Return a list of the file as a tuple, anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _check_steps(audio: dict[str, Any], trimmer: dict[str, Any]) -> None:
    """Raise unless the two tables are settings of the first two steps."""
    for table, settings, step in (
        ("audio", audio, SpectrogramTransformer()),
        ("trimmer", trimmer, ImageTrimmer()),
    ):
        known = set(step.get_params()) - {"cache", "n_jobs", "verbose"}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ValueError(
                f"Expected settings among {sorted(known)} under [{table}], got "
                f"{unknown}."
            )
    SpectrogramTransformer(**audio).check_settings()
