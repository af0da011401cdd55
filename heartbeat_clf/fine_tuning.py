"""Start a network from the weights of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.initial_weights import OTHER_HEADS, InitialWeights
from heartbeat_clf.linear_probe import fit_probe
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.onnx_export import network_to_onnx
from heartbeat_clf.prediction import mean_logits
from heartbeat_clf.training import load_archive

__all__ = ["learn_head", "start_from"]


def start_from(
    network: keras.Model,
    weights: InitialWeights,
    *,
    classes: Sequence[Any],
    frozen_blocks: int = 0,
) -> bool:
    """Copy weights into a network, layer by layer, and freeze its lower blocks.

    The last layer, ``logits``, is copied only where the classes and the head are the
    same.

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

    Returns
    -------
    copied : bool
        Whether the last layer was copied as well.

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
    original = weights.settings["classifier", "network"]
    other_head = network.name == f"{OTHER_HEADS.get(original)}_network"
    keeps_head = tuple(classes) == weights.classes and not other_head
    source = {layer.name: layer for layer in load_archive(weights.archive).layers}
    for layer in network.layers:
        if not layer.weights:
            continue
        if layer.name == "logits" and not keeps_head:
            continue
        values = source[layer.name].get_weights() if layer.name in source else []
        shapes = [tuple(value.shape) for value in values]
        wanted = [tuple(value.shape) for value in layer.get_weights()]
        if shapes != wanted:
            fitting = [original, OTHER_HEADS.get(original)]
            names = " or ".join(f"network={name!r}" for name in fitting if name)
            raise ValueError(
                f"Expected the initial weights {weights.origin!r} to fit the network "
                f"{network.name!r}: layer {layer.name!r} has shapes {wanted}, they "
                f"have {shapes or 'no such layer'}. Set {names}."
            )
        layer.set_weights(values)
    _freeze(network, frozen_blocks)
    return keeps_head


def learn_head(
    network: keras.Model,
    images: Sequence[np.ndarray],
    codes: np.ndarray,
    sample_weight: np.ndarray,
    *,
    window_frames: int,
    standardize: bool,
) -> None:
    """Start a linear head from a logistic regression on what the network hears.

    Parameters
    ----------
    network : keras.Model
        Whose layer ``logits`` follows on a flat mean over time.
    images : sequence of ndarray of shape (n_bands, n_frames, n_channels)
        To learn from.
    codes : ndarray of int of shape (n_recordings,)
        Their classes. Where one of the network's is missing, the head starts from
        zero: it favours none.
    sample_weight : ndarray of shape (n_recordings,)
        Their weights in relation to each other; those of zero are left out.
    window_frames : int
        Length of a window.
    standardize : bool
        Whether each image is brought to mean 0 and deviation 1.
    """
    head = network.get_layer("logits")
    n_outputs = head.units
    counted = np.flatnonzero(sample_weight)
    codes = codes[counted]
    if len(np.unique(codes)) < max(n_outputs, 2):
        head.set_weights([np.zeros_like(w) for w in head.get_weights()])
        return
    heard = mean_logits(
        [images[row] for row in counted.tolist()],
        network_session(network_to_onnx(network), "embedding"),
        window_frames=window_frames,
        standardize=standardize,
    )
    scaler, model = fit_probe(heard, codes, sample_weight[counted])
    kernel = model.coef_ / scaler.scale_
    bias = model.intercept_ - kernel @ scaler.mean_
    # An embedding counts rows of bands within channels, Keras channels within rows.
    _, rows, _, channels = network.get_layer("over_time").output.shape
    kernel = kernel.reshape(n_outputs, channels, rows).transpose(2, 1, 0)
    head.set_weights([kernel.reshape(-1, n_outputs), bias])


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
