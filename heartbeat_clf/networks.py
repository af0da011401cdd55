"""Build functions: from an input shape and settings to an uncompiled Keras model.

Every network here emits logits. A build function of one's own has the same form::

    def build(input_shape, n_classes, *, kernel_l2, dropout): ...

It returns an uncompiled :class:`keras.Model` with one or two outputs for two
classes and ``n_classes`` outputs otherwise; settings that it does not name are not
passed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

from heartbeat_clf._validation import check_choice

__all__ = [
    "build_ancestor_network",
    "build_network",
    "build_small_network",
    "build_wide_linear_network",
    "build_wide_network",
    "convolution",
]


def convolution(channels: int, penalty: Any, name: str) -> keras.layers.Layer:
    """Return a 3×3 convolution without a bias, which the norm after it would undo."""
    return keras.layers.Conv2D(
        channels,
        3,
        padding="same",
        use_bias=False,
        kernel_regularizer=penalty,
        name=name,
    )


def build_small_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 1e-4,
    dropout: float = 0.3,
    filters: tuple[int, ...] = (16, 32, 48, 64),
    dense_units: int = 64,
    dilations: tuple[int, ...] = (),
    linear_head: bool = False,
    name: str = "small_network",
) -> keras.Model:
    """Return the default network: 3×3 convolution blocks over a log-mel window.

    Each block is a convolution, 2×2 max pooling, batch normalisation and ReLU (pooled
    first, so that the later layers of the block see a quarter of the points). The
    last feature map is averaged and maximised over the image, so that a murmur
    counts whether it fills the window or a single beat of it.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n_bands, n_frames, n_channels)`` of one window.
    n_classes : int, default=2
        Number of classes; two classes give one output.
    kernel_l2 : float, default=1e-4
        L2 penalty on the kernels of every convolution and dense layer.
    dropout : float, default=0.3
        Share of the pooled features and of the dense units dropped in training.
    filters : tuple of int, default=(16, 32, 48, 64)
        Channels of each block.
    dense_units : int, default=64
        Units of the layer before the output.
    dilations : tuple of int, default=()
        For each number a residual block follows the last one: a 3×3 convolution
        with that dilation in time, batch normalisation and ReLU, added to its input.
    linear_head : bool, default=False
        The logits follow at once from the last feature map's mean over time, for each
        channel and row of bands, without maximum, dense layer, dropout and penalty.
    name : str, default="small_network"
        What errors call it.

    Returns
    -------
    model : keras.Model
        Uncompiled; ``(n_windows, 1)`` logits for two classes, else
        ``(n_windows, n_classes)``.
    """
    penalty = keras.regularizers.L2(kernel_l2) if kernel_l2 else None
    image = keras.Input(input_shape, name="window")
    features = image
    for number, channels in enumerate(filters, start=1):
        features = convolution(channels, penalty, f"conv_{number}")(features)
        pool = tuple(min(2, size) for size in features.shape[1:3])
        if pool != (1, 1):
            features = keras.layers.MaxPooling2D(pool, name=f"pool_{number}")(features)
        # Ten steps, not a hundred, settle the moving statistics: small sets have few.
        features = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(
            features
        )
        features = keras.layers.ReLU(name=f"relu_{number}")(features)
    for number, dilation in enumerate(dilations, start=1):
        context = keras.layers.Conv2D(
            filters[-1],
            3,
            padding="same",
            dilation_rate=(1, dilation),
            use_bias=False,
            kernel_regularizer=penalty,
            name=f"context_conv_{number}",
        )(features)
        context = keras.layers.BatchNormalization(
            momentum=0.9, name=f"context_norm_{number}"
        )(context)
        context = keras.layers.ReLU(name=f"context_relu_{number}")(context)
        features = keras.layers.Add(name=f"context_{number}")([features, context])
    n_outputs = n_classes if n_classes > 2 else 1
    if linear_head:
        mean = keras.layers.AveragePooling2D((1, features.shape[2]), name="over_time")
        rows = keras.layers.Flatten(name="rows")(mean(features))
        logits = keras.layers.Dense(n_outputs, name="logits")(rows)
        return keras.Model(image, logits, name=name)
    pooled = keras.layers.Concatenate(name="pooled")(
        [
            keras.layers.GlobalAveragePooling2D(name="mean")(features),
            keras.layers.GlobalMaxPooling2D(name="maximum")(features),
        ]
    )
    hidden = keras.layers.Dropout(dropout, name="dropout_1")(pooled)
    hidden = keras.layers.Dense(
        dense_units, activation="relu", kernel_regularizer=penalty, name="dense"
    )(hidden)
    hidden = keras.layers.Dropout(dropout, name="dropout_2")(hidden)
    logits = keras.layers.Dense(n_outputs, kernel_regularizer=penalty, name="logits")(
        hidden
    )
    return keras.Model(image, logits, name=name)


def build_ancestor_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 0.01,
    dropout: float = 0.5,
) -> keras.Model:
    """Return the network of the published "Deep Stethoscope", on logits.

    Two 5×5 convolutions of 64 and 32 filters, each with 2×2 max pooling and
    dropout, then dense layers of 100, 50 and 8 units. The published network ends in
    a softmax over one output a class; here the softmax belongs to the loss.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n_bands, n_frames, n_channels)`` of one image.
    n_classes : int, default=2
        Number of outputs, also for two classes.
    kernel_l2 : float, default=0.01
        L2 penalty on every kernel.
    dropout : float, default=0.5
        Share of units dropped after each block.

    Returns
    -------
    model : keras.Model
        Uncompiled; ``(n_windows, n_classes)`` logits.
    """
    penalty = keras.regularizers.L2(kernel_l2) if kernel_l2 else None
    image = keras.Input(input_shape, name="window")
    features = image
    for number, channels in enumerate((64, 32), start=1):
        features = keras.layers.Conv2D(
            channels,
            5,
            padding="same",
            activation="relu",
            kernel_regularizer=penalty,
            name=f"conv_{number}",
        )(features)
        pool = tuple(min(2, size) for size in features.shape[1:3])
        features = keras.layers.MaxPooling2D(pool, name=f"pool_{number}")(features)
        features = keras.layers.Dropout(dropout, name=f"dropout_{number}")(features)
    hidden = keras.layers.Flatten(name="flat")(features)
    for units in (100, 50, 8):
        hidden = keras.layers.Dense(
            units,
            activation="relu",
            kernel_regularizer=penalty,
            name=f"dense_{units}",
        )(hidden)
    hidden = keras.layers.Dropout(dropout, name="dropout_dense")(hidden)
    logits = keras.layers.Dense(n_classes, kernel_regularizer=penalty, name="logits")(
        hidden
    )
    return keras.Model(image, logits, name="ancestor_network")


def build_wide_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 1e-4,
    dropout: float = 0.3,
) -> keras.Model:
    """Return a network that sees several beats at once, for thousands of recordings.

    The default network with more channels, and two dilated residual blocks after it:
    each point of the last feature map sees 238 frames, 3.8 s at a hop of 16 ms,
    instead of 46, so that one beat is judged beside its neighbours.

    Parameters
    ----------
    input_shape, n_classes, kernel_l2, dropout
        As :func:`build_small_network` takes them.

    Returns
    -------
    model : keras.Model
        Blocks of 16, 32, 64 and 96 channels, dilations of 2 and 4.
    """
    return build_small_network(
        input_shape,
        n_classes,
        kernel_l2=kernel_l2,
        dropout=dropout,
        filters=(16, 32, 64, 96),
        dilations=(2, 4),
        name="wide_network",
    )


def build_wide_linear_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 1e-4,
) -> keras.Model:
    """Return the wide network with a linear head, to train weights of it on.

    The head starts from a logistic regression on what the initial weights hear:
    training then does not begin by undoing them for a head that knows nothing (Kumar
    et al. 2022, arXiv 2202.10054).

    Parameters
    ----------
    input_shape, n_classes, kernel_l2
        As :func:`build_small_network` takes them.

    Returns
    -------
    model : keras.Model
        The convolutions of :func:`build_wide_network`.
    """
    return build_small_network(
        input_shape,
        n_classes,
        kernel_l2=kernel_l2,
        filters=(16, 32, 64, 96),
        dilations=(2, 4),
        linear_head=True,
        name="wide_linear_network",
    )


NETWORKS: dict[str, Callable[..., keras.Model]] = {
    "small": build_small_network,
    "wide": build_wide_network,
    "wide_linear": build_wide_linear_network,
    "ancestor": build_ancestor_network,
}


def build_network(
    network: str | Callable[..., keras.Model],
    input_shape: tuple[int, int, int],
    n_classes: int,
    **settings: float,
) -> keras.Model:
    """Build a network by name or with a function of one's own, and check it.

    Parameters
    ----------
    network : {"small", "wide", "wide_linear", "ancestor"} or callable
        A name, or a build function ``(input_shape, n_classes, **settings)``.
    input_shape : tuple of int
        ``(n_bands, n_frames, n_channels)``.
    n_classes : int
        Number of classes.
    **settings : float
        ``kernel_l2`` and ``dropout``; those that the function does not name are
        left out.

    Returns
    -------
    model : keras.Model
        Uncompiled.

    Raises
    ------
    ValueError
        If the name is unknown, the number of outputs does not fit the classes, or
        the network ends in a softmax or sigmoid.
    TypeError
        If `network` is a ready model, or the function returns something else.
    """
    if isinstance(network, keras.Model):
        raise TypeError(
            "Expected a name or a function that builds a new network for each fit, "
            f"got the ready model {network.name!r}. Wrap it: network=lambda "
            "input_shape, n_classes: keras.models.clone_model(model)."
        )
    if isinstance(network, str):
        build = NETWORKS[check_choice("network", network, tuple(NETWORKS))]
    elif callable(network):
        build = network
    else:
        raise TypeError(
            f"Expected network to be one of {tuple(NETWORKS)} or a build function, "
            f"got {network!r} of type {type(network).__name__}."
        )
    accepted = inspect.signature(build).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        settings = {name: v for name, v in settings.items() if name in accepted}
    model = build(input_shape, n_classes, **settings)
    if not isinstance(model, keras.Model):
        raise TypeError(
            "Expected the build function to return a keras.Model, got "
            f"{type(model).__name__}."
        )
    _check_outputs(model, n_classes)
    return model


def _check_outputs(model: keras.Model, n_classes: int) -> None:
    shape = model.output_shape
    allowed = (1, 2) if n_classes == 2 else (n_classes,)
    if not (isinstance(shape, tuple) and len(shape) == 2 and shape[1] in allowed):
        raise ValueError(
            f"Expected a network with {' or '.join(map(str, allowed))} outputs for "
            f"{n_classes} classes, got output shape {shape!r}."
        )
    activation = getattr(model.layers[-1], "activation", None)
    if isinstance(model.layers[-1], keras.layers.Softmax) or activation in (
        keras.activations.softmax,
        keras.activations.sigmoid,
    ):
        name = getattr(activation, "__name__", "softmax")
        raise ValueError(
            f"Expected a network that ends in logits, got one that ends in a {name}. "
            "Drop the last activation: the losses and predict_proba apply it."
        )
