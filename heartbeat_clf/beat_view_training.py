"""Train the view of average beats: what finds the beats, and what judges them."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.annotated_rows import annotated_rows
from heartbeat_clf.augmentations import resolve_augmentations
from heartbeat_clf.averaged_beats import (
    BEAT_COLUMNS,
    BEAT_STATISTICS,
    Stays,
    average_beat,
)
from heartbeat_clf.beat_judges import Judges, kept_judges, load_judges
from heartbeat_clf.beat_tracking import BeatModel
from heartbeat_clf.beat_training import (
    CONTEXT_FRAMES,
    WINDOW_FRAMES,
    train_beat_network,
)
from heartbeat_clf.beat_view import BeatView
from heartbeat_clf.beat_view_network import build_beat_view_network
from heartbeat_clf.familiarity_judge import places_to_onnx
from heartbeat_clf.forest_judge import forests_to_onnx
from heartbeat_clf.heard_beats import Heard, hear_beats
from heartbeat_clf.judge_fitting import Lessons
from heartbeat_clf.murmur_judge import boosted_to_onnx
from heartbeat_clf.onnx_export import network_to_onnx, with_half_weights
from heartbeat_clf.prediction import mean_outputs
from heartbeat_clf.pretraining import set_augmentations, single_output, stratum_pools
from heartbeat_clf.pretraining_data import TrainingSet, join_targets
from heartbeat_clf.pretraining_feed import Pools, StratifiedFeed
from heartbeat_clf.pretraining_identity import check_identity, identify, keep_identity
from heartbeat_clf.pretraining_recipe import Recipe, tracked_bands
from heartbeat_clf.pretraining_rounds import load_checkpoint, train_rounds
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["TrainedBeats", "load_beats", "train_beats"]

_TRACKER = "tracker.onnx"


@dataclass(frozen=True)
class TrainedBeats:
    """The networks of the view of average beats.

    Attributes
    ----------
    network : keras.Model
        On average beats; logits in the order of ``recipe.outputs``.
    tracker : bytes
        ONNX of what finds the beats.
    recipe : Recipe
        What it was trained by.
    judges : Judges, default=Judges()
        What was fitted at once: the linear judge, those of steadiness and familiarity,
        that of made murmurs, that of units.
    """

    network: keras.Model
    tracker: bytes
    recipe: Recipe
    judges: Judges = field(default_factory=Judges)

    def view(self, output: str | None = None, *, sign: float = 1.0) -> BeatView:
        """Return what predicts: all outputs, or one of them times `sign`."""
        network, linear = self.network, self.judges.linear
        outputs = list(self.recipe.outputs)
        assert self.recipe.beats is not None
        either = self.recipe.beats.either_phase
        if output is not None:
            column = outputs.index(output)
            outputs = [output]
            network = single_output(network, column, sign=sign)
            if linear is not None:
                linear = single_output(linear, column, sign=sign)
        # NaN: the judge says nothing of this output.
        if linear is not None and np.isnan(linear.get_layer("logits").bias).all():
            linear = None
        steady = [self.judges.steadiness.get(name) for name in outputs]
        places = [
            part if forest else None
            for part, forest in zip(
                map(self.judges.familiarity.get, outputs), steady, strict=True
            )
        ]
        made = [self.judges.made.get(name) for name in outputs]
        units = [self.judges.units.get(name) for name in outputs]
        turned = 1.0 if output is None else sign
        return BeatView(
            tracker=with_half_weights(self.tracker),
            network=with_half_weights(network_to_onnx(network, embedding="dense")),
            tracked_bands=tracked_bands(self.recipe.audio),
            settings=_tracker_settings(self.recipe),
            linear=(
                None
                if linear is None
                else with_half_weights(network_to_onnx(linear, embedding="logits"))
            ),
            steadiness=(
                None if not any(steady) else forests_to_onnx(steady, sign=turned)
            ),
            familiarity=places_to_onnx(places) if any(places) else None,
            made=boosted_to_onnx(made, sign=turned) if any(made) else None,
            made_sign=int(turned) if any(made) else 1,
            units=forests_to_onnx(units, sign=turned) if any(units) else None,
            either_phase=(
                tuple(int(sign) * (name in either) for name in outputs)
                if set(either) & set(outputs)
                else ()
            ),
        )


class _AverageBeatFeed(StratifiedFeed):
    """Average beats of random parts of random recordings."""

    def __init__(
        self,
        images: Sequence[np.ndarray],
        stays: Sequence[Stays],
        *args: Any,
        **rest: Any,
    ) -> None:
        super().__init__(images, *args, **rest)
        self.stays = stays

    @property
    def window_shape(self) -> tuple[int, int, int]:
        return len(self.images[0]), sum(BEAT_COLUMNS), len(BEAT_STATISTICS)

    def draw_window(self, row: int, rng: np.random.Generator) -> np.ndarray:
        return average_beat(self.images[row], self.stays[row], rng=rng)


def train_beats(
    data: Sequence[TrainingSet],
    images: Sequence[Sequence[np.ndarray]],
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    windows: keras.Model | None = None,
    verbose: int = 0,
    say: Callable[[str], None] = lambda message: None,
) -> TrainedBeats | None:
    """Train, or go on training, what finds beats and what judges their average.

    Parameters
    ----------
    data, images
        As :func:`heartbeat_clf.pretraining.pretrain` takes them.
    recipe : Recipe
        With ``beats``.
    folder : str or path
        Where the tracker and checkpoints are kept.
    windows : keras.Model or None, default=None
        The network on windows, which a judge of units needs.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.
    say : callable, default=no output
        Called with a sentence where nothing can be trained.

    Returns
    -------
    beats : TrainedBeats or None
        None where the recipe wants none, or no recording has annotated heart states.

    Raises
    ------
    ValueError
        If `folder` holds another training, an output has nothing to learn from, or
        there is no network on windows for a judge of units.
    """
    if recipe.beats is None:
        return None
    annotated = [
        annotated_rows(part, ims, recipe)
        for part, ims in zip(data, images, strict=True)
    ]
    if not any(annotated):
        say("no view of average beats: no recording has annotated heart states")
        return None
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    identity = identify(data, recipe, beats=True)
    check_identity(place, identity)
    tracker = _tracker(annotated, images, recipe, place, identity)
    everything = [image for part in images for image in part]
    tracker_model = BeatModel(tracker, _tracker_settings(recipe))
    n_bands = tracked_bands(recipe.audio)
    targets = join_targets(data, list(recipe.outputs))

    @functools.cache
    def all_heard() -> list[Heard]:
        return [hear_beats(image, tracker_model, n_bands) for image in everything]

    def feed(first_round: int) -> StratifiedFeed:
        stays = [heard.stays for heard in all_heard()]
        return _AverageBeatFeed(
            everything,
            stays,
            targets,
            _with_beats(stratum_pools(data), stays),
            window_frames=recipe.for_beats.window_frames,
            batch_size=recipe.batch_size,
            steps=recipe.for_beats.steps_per_round,
            seed=recipe.seed,
            augmentations=resolve_augmentations(recipe.for_beats.augment),
            set_augmentations=set_augmentations(data, recipe),
            first_round=first_round,
        )

    def build() -> keras.Model:
        return build_beat_view_network(
            (len(everything[0]), sum(BEAT_COLUMNS), len(BEAT_STATISTICS)),
            max(len(recipe.outputs), 3),
            kernel_l2=recipe.kernel_l2,
            dropout=recipe.for_beats.dropout,
        )

    network = train_rounds(
        build, feed, recipe.for_beats, place, identity, verbose=verbose, label="beats"
    )
    trained = TrainedBeats(network, tracker, recipe)

    def units_of(images: list[np.ndarray]) -> np.ndarray:
        _, embeddings = mean_outputs(
            (image[..., np.newaxis] for image in images),
            network_to_onnx(windows),
            window_frames=recipe.window_frames,
            standardize=True,
        )
        view = trained.view()
        return np.hstack([embeddings, [view.embedding(image) for image in images]])

    lessons = Lessons(
        data=data,
        images=everything,
        all_heard=all_heard,
        recipe=recipe,
        tracker=tracker_model,
        say=say,
        units_of=None if windows is None else units_of,
    )
    return dataclasses.replace(trained, judges=kept_judges(lessons, place))


def load_beats(folder: str | os.PathLike[str], recipe: Recipe) -> TrainedBeats | None:
    """Return what :func:`train_beats` left in a folder; None where it left nothing.

    Parameters
    ----------
    folder : str or path
        As `train_beats` was given it.
    recipe : Recipe
        The same.

    Raises
    ------
    FileNotFoundError
        If the recipe has a judge and the folder not that one: the training was
        stopped, or was another.
    """
    tracker = Path(folder) / _TRACKER
    if recipe.beats is None or not tracker.exists():
        return None
    judges = load_judges(folder, recipe)
    return TrainedBeats(load_checkpoint(folder), tracker.read_bytes(), recipe, judges)


def _tracker(
    annotated: Sequence[dict[int, np.ndarray]],
    images: Sequence[Sequence[np.ndarray]],
    recipe: Recipe,
    place: Path,
    identity: str,
) -> bytes:
    """Return the network that finds the beats, trained if it is not in the folder."""
    file = place / _TRACKER
    if not file.exists():
        assert recipe.beats is not None
        n_bands = tracked_bands(recipe.audio)
        pairs = [
            (np.ascontiguousarray(part[row][:n_bands]), table)
            for part, tables in zip(images, annotated, strict=True)
            for row, table in tables.items()
        ]
        network = train_beat_network(
            [image for image, _ in pairs],
            [table for _, table in pairs],
            frame_rate=BeatModel(b"", _tracker_settings(recipe)).frame_rate,
            epochs=recipe.beats.tracker_epochs,
            random_state=recipe.seed,
        )
        keep_identity(place, identity)
        partial = file.with_suffix(".part")
        partial.write_bytes(network)
        os.replace(partial, file)
    return file.read_bytes()


def _tracker_settings(recipe: Recipe) -> dict[str, Any]:
    audio = SpectrogramTransformer(**recipe.audio)
    return {
        "sample_rate": audio.sample_rate,
        "hop_duration": audio.hop_duration,
        "window_frames": WINDOW_FRAMES,
        "context_frames": CONTEXT_FRAMES,
    }


def _with_beats(pools: Pools, stays: Sequence[Stays]) -> Pools:
    """Return the pools without recordings in which no beat is found."""
    found = np.array([part.n_beats > 0 for part in stays])
    return [
        [(share, rows[found[rows]]) for share, rows in part if found[rows].any()]
        for part in pools
    ]
