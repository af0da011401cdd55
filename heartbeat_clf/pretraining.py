"""Train one network on several data sets at once, with an output a label scheme."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from tqdm import tqdm

from heartbeat_clf.augmentations import resolve_augmentations
from heartbeat_clf.losses import MixedAUROCLoss
from heartbeat_clf.networks import build_network
from heartbeat_clf.pretraining_data import TrainingSet, join_targets
from heartbeat_clf.pretraining_feed import Pools, StratifiedFeed
from heartbeat_clf.pretraining_identity import LOG, check_identity, identify
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.training import (
    network_archive,
    restored_global_state,
    set_dropout_seeds,
    skip_reduction,
)
from heartbeat_clf.windows import image_statistics

__all__ = ["MultiOutputLoss", "load_checkpoint", "pretrain", "single_output"]


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class MultiOutputLoss(keras.losses.Loss):
    """Sum over the outputs of cross-entropy mixed with pairwise AUROC loss.

    Parameters
    ----------
    output_weights : sequence of float
        Weight of each column of the logits.
    auroc_weight : float, default=0.25
        As in :class:`heartbeat_clf.losses.MixedAUROCLoss`.
    name : str, default="multi_output"

    Notes
    -----
    Targets are ``(n_windows, n_outputs)``, NaN where an output learns nothing from
    a window. An output without any target in a batch adds zero.
    """

    def __init__(
        self,
        output_weights: Sequence[float],
        auroc_weight: float = 0.25,
        *,
        name: str = "multi_output",
        **settings: Any,
    ) -> None:
        # The parts average over rows themselves: nothing is left to reduce.
        super().__init__(name=name, **{**settings, "reduction": None})
        self.output_weights = [float(weight) for weight in output_weights]
        self.auroc_weight = auroc_weight
        self.parts = MixedAUROCLoss(auroc_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of a batch, a scalar."""
        known = keras.ops.logical_not(keras.ops.isnan(y_true))
        targets = keras.ops.where(known, y_true, keras.ops.zeros_like(y_true))
        weights = keras.ops.cast(known, y_pred.dtype)
        total = keras.ops.zeros((), dtype=y_pred.dtype)
        for column, weight in enumerate(self.output_weights):
            part = self.parts(
                targets[:, column],
                y_pred[:, column : column + 1],
                sample_weight=weights[:, column],
            )
            total = total + weight * part
        return total

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            "name": self.name,
            "output_weights": self.output_weights,
            "auroc_weight": self.auroc_weight,
        }


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rise in a straight line, then fall to zero along half a cosine.

    Parameters
    ----------
    learning_rate : float
        Highest rate.
    warmup_steps, steps : int
        Steps of the rise, and in all.
    """

    def __init__(self, learning_rate: float, warmup_steps: int, steps: int) -> None:
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of a step."""
        step = keras.ops.cast(step, "float32")
        rise = (step + 1.0) / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        fall = 0.5 * (1.0 + keras.ops.cos(math.pi * keras.ops.clip(done, 0.0, 1.0)))
        return self.learning_rate * keras.ops.where(
            step < self.warmup_steps, rise, fall
        )

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "steps": self.steps,
        }


def pretrain(
    data: Sequence[TrainingSet],
    images: Sequence[Sequence[np.ndarray]],
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    verbose: int = 0,
) -> keras.Model:
    """Train, or go on training, and return the network.

    After each round of ``recipe.steps_per_round`` batches the network is written to
    `folder`; a call with the same recipe and recordings goes on from there, with the
    batches that an unbroken training would have had.

    Parameters
    ----------
    data : sequence of TrainingSet
        The data sets.
    images : sequence of sequence of ndarray of shape (n_bands, n_frames)
        The images of each data set's recordings.
    recipe : Recipe
        All settings.
    folder : str or path
        Where checkpoints are kept.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    network : keras.Model
        Logits in the order of ``recipe.outputs``.

    Raises
    ------
    ValueError
        If `folder` holds the checkpoints of another training, or an output has
        nothing to learn from.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    identity = identify(data, recipe)
    targets = join_targets(data, list(recipe.outputs))
    network, first_round = _resume(place, identity)
    if first_round < recipe.rounds:
        standardised = _standardise([image for part in images for image in part])
        if network is None:
            keras.utils.set_random_seed(recipe.seed)
            network = _build(recipe, standardised[0].shape)
        feed = StratifiedFeed(
            standardised,
            targets,
            _pools(data),
            window_frames=recipe.window_frames,
            batch_size=recipe.batch_size,
            steps=recipe.steps_per_round,
            seed=recipe.seed,
            augmentations=resolve_augmentations(recipe.augment),
            set_augmentations=[
                resolve_augmentations(recipe.augment_sets.get(part.name, ()))
                for part in data
            ],
            first_round=first_round,
        )
        skip_reduction(network.optimizer)
        try:
            with restored_global_state():
                network.fit(
                    feed,
                    epochs=recipe.rounds,
                    initial_epoch=first_round,
                    verbose=0,
                    shuffle=False,
                    callbacks=[_Rounds(place, identity, recipe, verbose)],
                )
        finally:
            feed.close()
    assert network is not None
    if recipe.average_momentum:
        network.optimizer.finalize_variable_values(network.trainable_variables)
    return network


def load_checkpoint(folder: str | os.PathLike[str]) -> keras.Model:
    """Return the network of the last checkpoint in a folder of `pretrain`.

    Parameters
    ----------
    folder : str or path
        As `pretrain` was given it.

    Returns
    -------
    network : keras.Model
        Logits in the order of ``recipe.outputs``; the last weights, where `pretrain`
        with ``average_momentum`` returns their average.

    Raises
    ------
    FileNotFoundError
        If there is no checkpoint.
    """
    network, _ = _last_checkpoint(Path(folder))
    if network is None:
        raise FileNotFoundError(
            f"Expected a checkpoint of a pretraining in {os.fspath(folder)!r}, got "
            "none."
        )
    return network


def single_output(
    network: keras.Model, output: int, *, sign: float = 1.0
) -> keras.Model:
    """Return a network with one of the outputs, its weights copied.

    Parameters
    ----------
    network : keras.Model
        With a dense layer named "logits" at the end.
    output : int
        Column of the logits.
    sign : float, default=1.0
        Factor of the output: -1 turns the log odds of a class into those of the
        other.

    Returns
    -------
    network : keras.Model
        Uncompiled; ``(n_windows, 1)`` logits.
    """
    config = network.get_config()
    last = next(layer for layer in config["layers"] if layer["name"] == "logits")
    last["config"]["units"] = 1
    single = type(network).from_config(config)
    for layer in single.layers:
        weights = network.get_layer(layer.name).get_weights()
        if layer.name == "logits":
            weights = [sign * w[..., output : output + 1] for w in weights]
        layer.set_weights(weights)
    return single


class _Rounds(keras.callbacks.Callback):
    """Seed the dropout of each round, write a checkpoint after it, show progress."""

    def __init__(self, place: Path, identity: str, recipe: Recipe, verbose: int):
        super().__init__()
        self.place = place
        self.identity = identity
        self.recipe = recipe
        self.bar = tqdm(
            total=recipe.rounds, desc="pretrain", unit="round", disable=not verbose
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        set_dropout_seeds(self.model, self.recipe.seed, epoch)
        self.bar.n = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {})["loss"]
        partial = self.place / "partial.keras"
        partial.write_bytes(network_archive(self.model))
        os.replace(partial, self.place / f"round_{epoch + 1}.keras")
        state = {"identity": self.identity, "round": epoch + 1, "loss": loss}
        with (self.place / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(state) + "\n")
        (self.place / f"round_{epoch}.keras").unlink(missing_ok=True)
        self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self.bar.update()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.close()


def _resume(place: Path, identity: str) -> tuple[keras.Model | None, int]:
    check_identity(place, identity)
    return _last_checkpoint(place) if (place / LOG).exists() else (None, 0)


def _last_checkpoint(place: Path) -> tuple[keras.Model | None, int]:
    rounds = [
        (int(found.stem.removeprefix("round_")), found)
        for found in place.glob("round_*.keras")
    ]
    if not rounds:
        return None, 0
    number, saved = max(rounds)
    return keras.saving.load_model(saved), number


def _standardise(images: list[np.ndarray]) -> list[np.ndarray]:
    standardised = []
    for row, image in enumerate(images):
        mean, scale = image_statistics(image, label=f"row {row}")
        standardised.append(((image - mean) / scale).astype(np.float32)[..., None])
    return standardised


def _pools(data: Sequence[TrainingSet]) -> Pools:
    pools = []
    first = 0
    for part in data:
        pools.append(
            [
                (share, first + np.flatnonzero(part.strata == stratum))
                for stratum, share in part.shares.items()
                if share > 0
            ]
        )
        first += len(part.strata)
    return pools


def _build(recipe: Recipe, shape: tuple[int, ...]) -> keras.Model:
    network = build_network(
        recipe.network,
        (shape[0], recipe.window_frames, 1),
        max(len(recipe.outputs), 3),
        kernel_l2=recipe.kernel_l2,
        dropout=recipe.dropout,
    )
    average = {}
    if recipe.average_momentum:
        average = {"use_ema": True, "ema_momentum": recipe.average_momentum}
    network.compile(
        optimizer=keras.optimizers.Adam(
            WarmupCosine(recipe.learning_rate, recipe.warmup_steps, recipe.steps),
            **average,
        ),
        loss=MultiOutputLoss(list(recipe.outputs.values()), recipe.auroc_weight),
        jit_compile=False,
    )
    # Variables made during tracing would have TensorFlow trace the step twice.
    network.optimizer.build(network.trainable_variables)
    return network
