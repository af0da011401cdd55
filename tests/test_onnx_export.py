from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers

from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.networks import build_network
from heartbeat_clf.onnx_export import (
    UnsupportedLayerError,
    network_to_onnx,
    with_half_weights,
)


def run_onnx(network, windows):
    session = onnxruntime.InferenceSession(
        network_to_onnx(network), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: windows})[0]


def randomised(network, seed=0):
    """Give every weight a random value: none may be left out or swapped unseen."""
    rng = np.random.default_rng(seed)
    network.set_weights(
        [rng.uniform(0.1, 0.6, w.shape) - 0.3 * (w.ndim > 1) for w in network.weights]
    )
    return network


def assert_same_logits(network, shape, n_windows=5):
    windows = np.random.default_rng(1).normal(size=(n_windows, *shape))
    windows = windows.astype(np.float32)
    expected = np.asarray(network(windows, training=False))
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(run_onnx(network, windows), expected, atol=1e-5)


def chain(shape, *steps, flatten=True):
    image = keras.Input(shape)
    features = image
    for step in steps:
        features = step(features)
    if flatten:
        features = layers.Dense(2)(layers.Flatten()(features))
    return keras.Model(image, features)


@pytest.mark.parametrize(
    ("name", "last"), [("small", "relu_4"), ("wide", "context_2"), ("ancestor", None)]
)
def test_embedding_is_the_last_feature_map_over_time(name, last):
    shape = (40, 40, 1)
    network = randomised(build_network(name, shape, 2))
    layer = network.get_layer(last or "dropout_2")
    windows = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    feature_map = np.asarray(keras.Model(network.input, layer.output)(windows))
    session = onnxruntime.InferenceSession(
        network_to_onnx(network), providers=["CPUExecutionProvider"]
    )
    found = session.run(["embedding"], {"windows": windows})[0]
    expected = feature_map.mean(axis=2).transpose(0, 2, 1).reshape(3, -1)
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["small", "ancestor"])
def test_trained_network_equals_keras(name, n_classes):
    shape = (13, 27, 1)
    # Without a seed the ancestor's few units are at times all dead.
    keras.utils.set_random_seed(n_classes)
    network = build_network(name, shape, n_classes, kernel_l2=1e-4, dropout=0.3)
    network.compile("adam", "mse", run_eagerly=True)
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(6, network.output_shape[1])).astype(np.float32)
    for _ in range(3):
        batch = rng.normal(2.0, 3.0, (6, *shape)).astype(np.float32)
        network.train_on_batch(batch, targets)
    norms = [la for la in network.layers if isinstance(la, layers.BatchNormalization)]
    assert all(np.ptp(np.asarray(la.moving_variance)) > 0 for la in norms)
    assert_same_logits(network, shape)


def test_network_of_every_layer_equals_keras():
    image = keras.Input((17, 23, 3))
    features = layers.Conv2D(6, 3, padding="same", strides=2, activation="relu")(image)
    features = layers.BatchNormalization()(features)
    branch = layers.DepthwiseConv2D(3, padding="same", activation="silu")(features)
    branch = layers.SpatialDropout2D(0.2)(branch)
    features = layers.Add()([features, branch, features])
    features = layers.Conv2D(8, (1, 3), groups=2, use_bias=False)(features)
    features = layers.Activation("elu")(features)
    features = layers.AveragePooling2D(2, padding="same")(features)
    features = layers.GaussianNoise(0.1)(features)
    features = layers.Concatenate()([features, layers.ReLU()(features)])
    features = layers.MaxPooling2D(2, strides=1)(features)
    pooled = layers.Concatenate(axis=1)(
        [
            layers.GlobalAveragePooling2D()(features),
            layers.GlobalMaxPooling2D()(features),
            layers.Flatten()(layers.Conv2D(2, 2)(features)),
        ]
    )
    hidden = layers.Dense(7, activation="softplus", use_bias=False)(pooled)
    hidden = layers.BatchNormalization(center=False, scale=False)(hidden)
    hidden = layers.GaussianDropout(0.1)(layers.Dropout(0.2)(hidden))
    network = keras.Model(image, layers.Dense(3)(hidden))
    assert_same_logits(randomised(network), (17, 23, 3))


@pytest.mark.parametrize("size", [(8, 9), (9, 8), (7, 7), (5, 12)])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_strides_and_padding_agree_on_odd_and_even_sizes(size, strides, padding):
    network = chain(
        (*size, 2),
        layers.Conv2D(4, 3, strides=strides, padding=padding),
        layers.DepthwiseConv2D(2, depth_multiplier=2, padding="same", use_bias=False),
        layers.AveragePooling2D(2, strides=strides, padding="same"),
        layers.MaxPooling2D((1, 2), strides=strides, padding="same"),
    )
    assert_same_logits(randomised(network), (*size, 2))


def test_strides_longer_than_a_kernel_pad_nothing():
    network = chain(
        (8, 9, 2),
        layers.MaxPooling2D(1, strides=3, padding="same"),
        layers.Conv2D(3, 1, strides=2, padding="same"),
    )
    assert_same_logits(randomised(network), (8, 9, 2))


def test_images_of_any_width_are_refused():
    pooled = layers.GlobalAveragePooling2D()
    network = chain((8, None, 1), pooled, layers.Dense(2), flatten=False)
    with pytest.raises(UnsupportedLayerError, match=r"one size, got \(8, None, 1\)"):
        network_to_onnx(network)


@pytest.mark.parametrize(
    "activation", ["relu", "sigmoid", "tanh", "elu", "softplus", "silu", "linear"]
)
def test_activations_agree(activation):
    network = chain((4, 6, 1), layers.Conv2D(3, 2, activation=activation))
    assert_same_logits(randomised(network), (4, 6, 1))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [2, 3])
def test_dilated_convolution_agrees(padding, size):
    layer = layers.Conv2D(3, size, dilation_rate=(2, 3), padding=padding)
    network = chain((9, 11, 1), layer)
    assert_same_logits(randomised(network), (9, 11, 1))


def test_flatten_keeps_the_order_of_keras():
    network = chain((3, 4, 2), layers.Flatten(), flatten=False)
    windows = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2)
    assert run_onnx(network, windows).ravel().tolist() == list(range(24))


def test_sequential_network_is_written():
    network = keras.Sequential(
        [keras.Input((6, 8, 1)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(1)]
    )
    assert_same_logits(randomised(network), (6, 8, 1))


def test_shared_layer_is_written_at_each_call():
    image = keras.Input((6, 8, 2))
    shared = layers.Conv2D(2, 3, padding="same")
    features = layers.Flatten()(shared(shared(image)))
    network = randomised(keras.Model(image, layers.Dense(1)(features)))
    assert_same_logits(network, (6, 8, 2))


@pytest.mark.parametrize("n_windows", [1, 7])
def test_number_of_windows_is_free(n_windows):
    network = randomised(chain((4, 6, 1), layers.Conv2D(3, 2)))
    windows = np.zeros((n_windows, 4, 6, 1), dtype=np.float32)
    assert run_onnx(network, windows).shape == (n_windows, 2)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.LayerNormalization(name="odd"), "Layer 'odd' of type LayerNormal"),
        (layers.ReLU(max_value=6, name="odd"), "Layer 'odd' of type ReLU"),
        (layers.ReLU(negative_slope=0.1, name="odd"), "Layer 'odd' of type ReLU"),
        (layers.Dense(3, name="odd"), "Layer 'odd' of type Dense"),
        (layers.Activation("gelu"), "Activation 'gelu' is not converted"),
        (layers.Conv2D(2, 2, activation="selu"), "Activation 'selu' is not conv"),
        (
            layers.DepthwiseConv2D(2, dilation_rate=2, name="odd"),
            "Layer 'odd': a dilated depthwise convolution",
        ),
        (
            layers.BatchNormalization(axis=1, name="odd"),
            "layer 'odd' to normalise channels, got axis 1",
        ),
        (
            layers.GlobalAveragePooling2D(keepdims=True, name="odd"),
            "Layer 'odd': keepdims",
        ),
        (
            layers.MaxPooling2D(2, data_format="channels_first", name="odd"),
            "layer 'odd' to be channels_last, got 'channels_first'",
        ),
        (
            layers.Flatten(data_format="channels_first", name="odd"),
            "layer 'odd' to be channels_last, got 'channels_first'",
        ),
    ],
)
def test_layer_that_is_not_converted_is_named(layer, message):
    # A layer belongs to one network, parameters are made once.
    network = chain((8, 9, 2), type(layer).from_config(layer.get_config()))
    with pytest.raises(UnsupportedLayerError, match=message):
        network_to_onnx(network)


def test_concatenation_along_frames_is_not_converted():
    image = keras.Input((4, 6, 1))
    joined = layers.Concatenate(axis=2, name="odd")([image, image])
    network = keras.Model(image, layers.Flatten()(joined))
    with pytest.raises(UnsupportedLayerError, match="Layer 'odd' of type Concatenate"):
        network_to_onnx(network)


def test_subclassed_network_is_not_converted():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            return self.dense(keras.ops.mean(inputs, axis=(1, 2)))

    with pytest.raises(UnsupportedLayerError, match="functional network, got Own"):
        network_to_onnx(Own())


@pytest.mark.parametrize("shapes", [[(4, 6)], [(4, 6, 1), (4, 6, 1)]])
def test_inputs_that_are_not_one_image_are_not_converted(shapes):
    images = [keras.Input(shape) for shape in shapes]
    flat = [layers.Flatten()(image) for image in images]
    network = keras.Model(images, layers.Dense(1)(flat[0]))
    with pytest.raises(UnsupportedLayerError, match=r"Expected one input .*got \[\(4,"):
        network_to_onnx(network)


def test_half_weights_take_half_the_space_and_answer_alike():
    network = randomised(build_network("small", (40, 64, 1), 2))
    whole = network_to_onnx(network)
    half = with_half_weights(whole)
    assert len(half) < 0.6 * len(whole)
    windows = np.random.default_rng(0).normal(size=(3, 40, 64, 1)).astype(np.float32)
    for output in ("logits", "embedding"):
        expected = network_session(whole, output)(windows)
        found = network_session(half, output)(windows)
        assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()


def test_an_embedding_may_be_the_units_of_a_layer():
    network = randomised(build_network("small", (40, 64, 1), 2))
    model = network_to_onnx(network, embedding="dense")
    windows = np.random.default_rng(0).normal(size=(3, 40, 64, 1)).astype(np.float32)
    units = keras.Model(network.input, network.get_layer("dense").output)
    np.testing.assert_allclose(
        network_session(model, "embedding")(windows), units(windows), rtol=1e-5
    )
