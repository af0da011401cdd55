"""Networks, pipelines and images that train in about a second."""

from __future__ import annotations

import numpy as np

from heartbeat_clf import HeartbeatClassifier, make_heartbeat_pipeline

TINY = {
    "epochs": 2,
    "window_frames": 40,
    "batch_size": 8,
    "augment": False,
    "random_state": 0,
}


def build_tiny(input_shape, n_classes, *, kernel_l2, dropout):
    """Return one convolution block of four filters."""
    import keras

    image = keras.Input(input_shape)
    penalty = keras.regularizers.L2(kernel_l2)
    features = keras.layers.Conv2D(4, 3, kernel_regularizer=penalty)(image)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.ReLU()(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(dropout)(features)
    n_outputs = 1 if n_classes == 2 else n_classes
    return keras.Model(image, keras.layers.Dense(n_outputs)(features))


def build_two_outputs(input_shape, n_classes, *, dropout):
    """Return a network with one output a class, also for two."""
    import keras

    image = keras.Input(input_shape)
    features = keras.layers.Conv2D(4, 3, activation="relu")(image)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(dropout)(features)
    return keras.Model(image, keras.layers.Dense(n_classes)(features))


def build_unsupported(input_shape, n_classes):
    """Return a network with a layer that is not written as ONNX."""
    import keras

    image = keras.Input(input_shape)
    features = keras.layers.Conv2D(4, 3)(image)
    features = keras.layers.LayerNormalization()(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(image, keras.layers.Dense(1)(features))


def tiny_classifier(**settings):
    """Return a classifier whose fit takes about a second."""
    return HeartbeatClassifier(**{"network": build_tiny, **TINY, **settings})


def tiny_pipeline(**settings):
    """Return a pipeline whose fit takes about a second."""
    return make_heartbeat_pipeline(
        **{"network": build_tiny, **TINY, "n_mels": 16, **settings}
    )


def make_images(n_recordings=16, *, n_classes=2, n_channels=None, seed=0):
    """Return ragged images, their classes and their subjects, two rows each.

    The louder half of the bands tells the class.
    """
    rng = np.random.default_rng(seed)
    codes = np.arange(n_recordings) // 2 % n_classes
    images = np.empty(n_recordings, dtype=object)
    for row, code in enumerate(codes):
        shape = (12, int(rng.integers(30, 90)))
        image = rng.normal(size=shape if n_channels is None else (*shape, n_channels))
        image[4 * code : 4 * code + 4] += 2.0
        images[row] = image.astype(np.float32)
    subjects = np.array([f"s{row // 2}" for row in range(n_recordings)])
    return images, codes, subjects


def build_dense(input_shape, n_classes):
    """Return one hidden layer on the flat window: enough for the checks' blobs."""
    import keras

    image = keras.Input(input_shape)
    features = keras.layers.Flatten()(image)
    features = keras.layers.Dense(16, activation="relu")(features)
    n_outputs = 1 if n_classes == 2 else n_classes
    return keras.Model(image, keras.layers.Dense(n_outputs)(features))
