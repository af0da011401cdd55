"""Start a network from the weights of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

from heartbeat_clf.initial_weights import InitialWeights
from heartbeat_clf.training import load_archive

__all__ = ["start_from"]


def start_from(
    network: keras.Model,
    weights: InitialWeights,
    *,
    classes: Sequence[Any],
    frozen_blocks: int = 0,
) -> None:
    """Copy weights into a network, layer by layer, and freeze its lower blocks.

    The last layer, ``logits``, is copied only where the classes are the same.

    Parameters
    ----------
    network : keras.Model
        Not compiled yet.
    weights : InitialWeights
        Of a network of the same build function.
    classes : sequence
        The classes to be learnt.
    frozen_blocks : int, default=0
        Convolution blocks, counted from the input, that keep their weights and
        their normalisation.

    Raises
    ------
    ValueError
        If the windows differ in shape, a layer is missing or has other shapes, or
        there are fewer blocks.
    """
    got = tuple(network.input_shape[1:])
    expected = (weights.n_bands, weights.window_frames, weights.n_channels)
    for name, want, have in zip(
        ("n_mels", "window_frames", "channels"), expected, got, strict=True
    ):
        if want != have:
            raise ValueError(
                f"Expected {name}={want} as the initial weights {weights.origin!r} "
                f"were trained with, got {have}. Build the pipeline with "
                "make_heartbeat_pipeline(initial_weights=...), which sets it."
            )
    source = {layer.name: layer for layer in load_archive(weights.archive).layers}
    for layer in network.layers:
        if not layer.weights:
            continue
        if layer.name == "logits" and tuple(classes) != weights.classes:
            continue
        values = source[layer.name].get_weights() if layer.name in source else []
        shapes = [tuple(value.shape) for value in values]
        wanted = [tuple(value.shape) for value in layer.get_weights()]
        if shapes != wanted:
            raise ValueError(
                f"Expected the initial weights {weights.origin!r} to fit the network "
                f"{network.name!r}: layer {layer.name!r} has shapes {wanted}, they "
                f"have {shapes or 'no such layer'}. Set "
                f"network={weights.settings['classifier', 'network']!r}."
            )
        layer.set_weights(values)
    _freeze(network, frozen_blocks)


def _freeze(network: keras.Model, frozen_blocks: int) -> None:
    for number in range(1, frozen_blocks + 1):
        names = {f"conv_{number}", f"norm_{number}"}
        layers = [layer for layer in network.layers if layer.name in names]
        if len(layers) < 2:
            raise ValueError(
                f"Expected frozen_blocks to be at most {number - 1}, the blocks of "
                f"the network {network.name!r}, got {frozen_blocks}."
            )
        for layer in layers:
            layer.trainable = False
