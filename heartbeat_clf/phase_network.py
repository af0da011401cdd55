"""A network that knows the phases of the heart: systole and diastole are told apart.

Murmurs fill the systole or the diastole and are silent in the sounds between, so that
what is heard when says more than what is heard. The network gives every 64 ms (at a hop
of 16 ms) a phase, and averages its features over each of the phases by themselves.
Where recordings with a segmentation are at hand, training on them teaches the phases
(``phase_weight`` of a pretraining recipe); without, the four averages are those of an
attention that is free.
"""

from __future__ import annotations

from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

__all__ = ["N_PHASES", "PHASES_LAYER", "PhasePooling", "build_phase_network"]

# First heart sound, systole, second heart sound, diastole.
N_PHASES = 4
PHASES_LAYER = "phases"

# Keeps a phase that is not in the window from dividing by zero.
_LEAST_SHARE = 1e-3


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class PhasePooling(keras.layers.Layer):
    """Average features over the points of a map, once for each phase.

    Called with features ``(n_windows, height, width, n_channels)`` and the logits of
    the phases ``(n_windows, height, width, n_phases)``; returns
    ``(n_windows, n_phases * n_channels)``. A point counts for each phase by its
    probability there.
    """

    least_share = _LEAST_SHARE

    def call(self, features: Any, phases: Any) -> Any:
        """Return the averages, the channels of the first phase first."""
        ops = keras.ops
        n_channels, n_phases = features.shape[-1], phases.shape[-1]
        points = features.shape[1] * features.shape[2]
        shares = ops.reshape(ops.softmax(phases, axis=-1), (-1, points, n_phases))
        shares = ops.transpose(shares, (0, 2, 1))
        sums = ops.matmul(shares, ops.reshape(features, (-1, points, n_channels)))
        weights = ops.sum(shares, axis=-1, keepdims=True) + self.least_share
        return ops.reshape(sums / weights, (-1, n_phases * n_channels))

    def compute_output_shape(
        self, features_shape: tuple[int, ...], phases_shape: tuple[int, ...]
    ) -> tuple[int | None, int]:
        """Return the shape of the averages."""
        return features_shape[0], features_shape[-1] * phases_shape[-1]


def build_phase_network(
    input_shape: tuple[int, int, int],
    n_classes: int = 2,
    *,
    kernel_l2: float = 1e-4,
    dropout: float = 0.3,
    filters: tuple[int, ...] = (16, 32, 64, 96),
    dilations: tuple[int, ...] = (1, 2, 4, 8),
    dense_units: int = 64,
) -> keras.Model:
    """Return a network that averages its features over the phases of the heart.

    Blocks of a 3×3 convolution, max pooling, batch normalisation and ReLU; the first
    two halve bands and frames, the others bands alone. One convolution over all bands
    that are left makes a sequence, which dilated residual convolutions look along: at
    a hop of 16 ms each point sees 2.1 s. The sequence is averaged and maximised as a
    whole, and averaged over each phase.

    Parameters
    ----------
    input_shape : tuple of int
        ``(n_bands, n_frames, n_channels)`` of one window.
    n_classes : int, default=2
        Number of classes; two classes give one output.
    kernel_l2 : float, default=1e-4
        L2 penalty on the kernels.
    dropout : float, default=0.3
        Share of the pooled features and of the dense units dropped in training.
    filters : tuple of int, default=(16, 32, 64, 96)
        Channels of each block.
    dilations : tuple of int, default=(1, 2, 4, 8)
        Dilation of each residual convolution.
    dense_units : int, default=64
        Units of the layers before the phases and before the output.

    Returns
    -------
    model : keras.Model
        Uncompiled; ``(n_windows, 1)`` logits for two classes, else
        ``(n_windows, n_classes)``. The output of its layer "phases", logits of shape
        ``(n_windows, 1, n_frames // 4, 4)``, can be trained as well.
    """
    layers = keras.layers
    penalty = keras.regularizers.L2(kernel_l2) if kernel_l2 else None

    def convolve(
        tensor: Any, channels: int, size: tuple[int, int], name: str, **settings: Any
    ) -> Any:
        return layers.Conv2D(
            channels,
            size,
            use_bias=False,
            kernel_regularizer=penalty,
            name=name,
            **settings,
        )(tensor)

    def activate(tensor: Any, suffix: str) -> Any:
        tensor = layers.BatchNormalization(momentum=0.9, name=f"norm_{suffix}")(tensor)
        return layers.ReLU(name=f"relu_{suffix}")(tensor)

    image = keras.Input(input_shape, name="window")
    features = image
    for number, channels in enumerate(filters, start=1):
        features = convolve(
            features, channels, (3, 3), f"conv_{number}", padding="same"
        )
        wanted = (2, 2) if number <= 2 else (2, 1)
        pool = tuple(
            min(pair) for pair in zip(wanted, features.shape[1:3], strict=True)
        )
        if pool != (1, 1):
            features = layers.MaxPooling2D(pool, name=f"pool_{number}")(features)
        features = activate(features, str(number))
    features = convolve(features, filters[-1], (features.shape[1], 1), "conv_bands")
    features = activate(features, "bands")
    for number, dilation in enumerate(dilations, start=1):
        context = convolve(
            features,
            filters[-1],
            (1, 3),
            f"context_conv_{number}",
            padding="same",
            dilation_rate=(1, dilation),
        )
        context = activate(context, f"context_{number}")
        features = layers.Add(name=f"context_{number}")([features, context])
    hidden = layers.Dropout(dropout, name="dropout_phases")(features)
    hidden = layers.Conv2D(
        dense_units,
        1,
        activation="relu",
        kernel_regularizer=penalty,
        name="dense_phases",
    )(hidden)
    phases = layers.Conv2D(N_PHASES, 1, kernel_regularizer=penalty, name=PHASES_LAYER)(
        hidden
    )
    pooled = layers.Concatenate(name="pooled")(
        [
            layers.GlobalAveragePooling2D(name="mean")(features),
            layers.GlobalMaxPooling2D(name="maximum")(features),
            PhasePooling(name="mean_of_phases")(features, phases),
        ]
    )
    hidden = layers.Dropout(dropout, name="dropout_1")(pooled)
    hidden = layers.Dense(
        dense_units, activation="relu", kernel_regularizer=penalty, name="dense"
    )(hidden)
    hidden = layers.Dropout(dropout, name="dropout_2")(hidden)
    logits = layers.Dense(
        n_classes if n_classes > 2 else 1, kernel_regularizer=penalty, name="logits"
    )(hidden)
    return keras.Model(image, logits, name="phase_network")
