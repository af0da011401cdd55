"""The network that judges average beats."""

from __future__ import annotations

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

from heartbeat_clf.networks import convolution

__all__ = ["build_beat_view_network"]


def build_beat_view_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 1e-4,
    dropout: float = 0.3,
    filters: tuple[int, ...] = (24, 48, 64),
    dense_units: int = 64,
) -> keras.Model:
    """Return a network on average beats, which knows at which phase it looks.

    Convolution blocks, whose pooling leaves a quarter of the columns; the head takes
    mean and maximum over the bands at each of these, as a murmur is told by when it is
    heard.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n_bands, n_columns, n_channels)``, as
        :func:`heartbeat_clf.averaged_beats.average_beat` gives them.
    n_classes, kernel_l2, dropout
        As :func:`heartbeat_clf.networks.build_small_network` takes them.
    filters : tuple of int, default=(24, 48, 64)
        Channels of each block.
    dense_units : int, default=64
        Units of the layer before the output.

    Returns
    -------
    model : keras.Model
        Uncompiled; ``(n_beats, 1)`` logits for two classes, else
        ``(n_beats, n_classes)``.
    """
    penalty = keras.regularizers.L2(kernel_l2) if kernel_l2 else None
    image = keras.Input(input_shape, name="beat")
    features = image
    for number, channels in enumerate(filters, start=1):
        features = convolution(channels, penalty, f"conv_{number}")(features)
        features = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(
            features
        )
        features = keras.layers.ReLU(name=f"relu_{number}")(features)
        # A quarter of the columns stays.
        pool = (2, 2) if number < 3 else (2, 1)
        pool = tuple(min(p, n) for p, n in zip(pool, features.shape[1:3], strict=True))
        features = keras.layers.MaxPooling2D(pool, name=f"pool_{number}")(features)
    over_bands = (features.shape[1], 1)
    mean = keras.layers.AveragePooling2D(over_bands, name="mean")(features)
    maximum = keras.layers.MaxPooling2D(over_bands, name="maximum")(features)
    pooled = keras.layers.Concatenate(name="pooled")([mean, maximum])
    hidden = keras.layers.Flatten(name="flat")(pooled)
    hidden = keras.layers.Dropout(dropout, name="dropout_1")(hidden)
    hidden = keras.layers.Dense(
        dense_units, activation="relu", kernel_regularizer=penalty, name="dense"
    )(hidden)
    hidden = keras.layers.Dropout(dropout, name="dropout_2")(hidden)
    logits = keras.layers.Dense(
        n_classes if n_classes > 2 else 1, kernel_regularizer=penalty, name="logits"
    )(hidden)
    return keras.Model(image, logits, name="beat_view_network")
