"""A training in rounds, with a checkpoint after each from which it goes on."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
from tqdm import tqdm

from heartbeat_clf.multi_output_loss import MultiOutputLoss
from heartbeat_clf.pretraining_feed import StratifiedFeed
from heartbeat_clf.pretraining_identity import (
    LOG,
    check_identity,
    keep_identity,
)
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.training import (
    network_archive,
    restored_global_state,
    set_dropout_seeds,
    skip_reduction,
)

__all__ = ["load_checkpoint", "train_rounds"]


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


def train_rounds(
    build: Callable[[], keras.Model],
    feed: Callable[[int], StratifiedFeed],
    recipe: Recipe,
    place: Path,
    identity: str,
    *,
    verbose: int = 0,
    label: str = "pretrain",
) -> keras.Model:
    """Train a network in rounds with a checkpoint each, or go on training it.

    Parameters
    ----------
    build : callable
        Returns the untrained network; called after `feed`.
    feed : callable
        From the number of rounds that were trained before to the batches.
    recipe : Recipe
        Rounds, optimiser, loss and seed.
    place : Path
        Folder of the checkpoints.
    identity : str
        Of the training, as :func:`heartbeat_clf.pretraining_identity.identify` says.
    verbose : {0, 1}, default=0
        1 shows a progress bar.
    label : str, default="pretrain"
        What the bar says.

    Returns
    -------
    network : keras.Model

    Raises
    ------
    ValueError
        If `place` holds the checkpoints of another training.
    """
    place.mkdir(parents=True, exist_ok=True)
    network, first_round = _resume(place, identity)
    if first_round < recipe.rounds:
        batches = feed(first_round)
        if network is None:
            keras.utils.set_random_seed(recipe.seed)
            network = build()
            _compile(network, recipe)
        skip_reduction(network.optimizer)
        try:
            with restored_global_state():
                network.fit(
                    batches,
                    epochs=recipe.rounds,
                    initial_epoch=first_round,
                    verbose=0,
                    shuffle=False,
                    callbacks=[_Rounds(place, identity, recipe, verbose, label)],
                )
        finally:
            batches.close()
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


class _Rounds(keras.callbacks.Callback):
    """Seed the dropout of each round, write a checkpoint after it, show progress."""

    def __init__(
        self, place: Path, identity: str, recipe: Recipe, verbose: int, label: str
    ) -> None:
        super().__init__()
        self.place = place
        self.identity = identity
        self.recipe = recipe
        self.bar = tqdm(
            total=recipe.rounds, desc=label, unit="round", disable=not verbose
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        set_dropout_seeds(self.model, self.recipe.seed, epoch)
        self.bar.n = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = (logs or {})["loss"]
        if not math.isfinite(loss):
            raise ValueError(
                f"Expected a training whose loss stays finite, got {loss} in round "
                f"{epoch + 1}. Lower learning_rate in the recipe."
            )
        partial = self.place / "partial.keras"
        partial.write_bytes(network_archive(self.model))
        os.replace(partial, self.place / f"round_{epoch + 1}.keras")
        keep_identity(self.place, self.identity, round=epoch + 1, loss=loss)
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


def _compile(network: keras.Model, recipe: Recipe) -> None:
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
