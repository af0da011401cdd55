"""Train one network on several data sets at once, with an output a label scheme."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.augmentations import Augmentation, resolve_augmentations
from heartbeat_clf.multi_output_loss import MultiOutputLoss
from heartbeat_clf.networks import build_network
from heartbeat_clf.pretraining_data import TrainingSet, join_targets
from heartbeat_clf.pretraining_feed import Pools, StratifiedFeed
from heartbeat_clf.pretraining_identity import identify
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.pretraining_rounds import load_checkpoint, train_rounds
from heartbeat_clf.windows import image_statistics

__all__ = [
    "MultiOutputLoss",
    "load_checkpoint",
    "pretrain",
    "set_augmentations",
    "single_output",
    "stratum_pools",
]


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
    identity = identify(data, recipe)
    targets = join_targets(data, list(recipe.outputs))
    standardised: list[np.ndarray] = []

    def feed(first_round: int) -> StratifiedFeed:
        standardised.extend(_standardise([image for part in images for image in part]))
        return StratifiedFeed(
            standardised,
            targets,
            stratum_pools(data),
            window_frames=recipe.window_frames,
            batch_size=recipe.batch_size,
            steps=recipe.steps_per_round,
            seed=recipe.seed,
            augmentations=resolve_augmentations(recipe.augment),
            set_augmentations=set_augmentations(data, recipe),
            first_round=first_round,
        )

    def build() -> keras.Model:
        return build_network(
            recipe.network,
            (standardised[0].shape[0], recipe.window_frames, 1),
            max(len(recipe.outputs), 3),
            kernel_l2=recipe.kernel_l2,
            dropout=recipe.dropout,
        )

    return train_rounds(build, feed, recipe, Path(folder), identity, verbose=verbose)


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


def _standardise(images: list[np.ndarray]) -> list[np.ndarray]:
    standardised = []
    for row, image in enumerate(images):
        mean, scale = image_statistics(image, label=f"row {row}")
        standardised.append(((image - mean) / scale).astype(np.float32)[..., None])
    return standardised


def set_augmentations(
    data: Sequence[TrainingSet], recipe: Recipe
) -> list[Sequence[Augmentation]]:
    """Return the augmentations of each data set alone."""
    return [
        resolve_augmentations(recipe.augment_sets.get(part.name, ())) for part in data
    ]


def stratum_pools(data: Sequence[TrainingSet]) -> Pools:
    """Return the share and the rows of each stratum, for each data set."""
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
