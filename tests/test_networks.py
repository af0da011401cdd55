from __future__ import annotations

import keras
import numpy as np
import pytest
from tiny import build_dense, build_tiny

from heartbeat_clf.networks import (
    build_ancestor_network,
    build_network,
    build_small_network,
)


def ends_in(**settings):
    """Return a build function whose last layer has these settings."""

    def build(input_shape, n_classes):
        image = keras.Input(input_shape)
        flat = keras.layers.Flatten()(image)
        return keras.Model(image, keras.layers.Dense(**settings)(flat))

    return build


def penalties(model):
    return {
        round(float(layer.kernel_regularizer.l2), 6)
        for layer in model.layers
        if getattr(layer, "kernel_regularizer", None) is not None
    }


@pytest.mark.parametrize(("n_classes", "n_outputs"), [(2, 1), (3, 3), (5, 5)])
def test_small_network_has_one_output_for_two_classes(n_classes, n_outputs):
    model = build_small_network((40, 250, 1), n_classes)
    assert model.output_shape == (None, n_outputs)


def test_default_network_has_ninety_thousand_parameters_at_most():
    assert 10_000 < build_small_network((40, 250, 1)).count_params() < 90_000


@pytest.mark.parametrize("n_classes", [2, 4])
def test_ancestor_has_one_output_a_class_and_the_published_layers(n_classes):
    model = build_ancestor_network((64, 188, 1), n_classes)
    assert model.output_shape == (None, n_classes)
    convolutions = [la for la in model.layers if isinstance(la, keras.layers.Conv2D)]
    assert [(c.filters, c.kernel_size) for c in convolutions] == [
        (64, (5, 5)),
        (32, (5, 5)),
    ]
    dense = [la.units for la in model.layers if isinstance(la, keras.layers.Dense)]
    assert dense == [100, 50, 8, n_classes]


@pytest.mark.parametrize("name", ["small", "wide", "wide_linear", "ancestor"])
@pytest.mark.parametrize("shape", [(1, 50, 1), (16, 1, 1), (1, 1, 3), (3, 5, 3)])
def test_networks_take_one_band_and_short_windows(name, shape):
    model = build_network(name, shape, 3, kernel_l2=1e-4, dropout=0.3)
    logits = np.asarray(model(np.ones((2, *shape), dtype=np.float32)))
    assert logits.shape == (2, 3)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("name", ["small", "wide", "ancestor"])
def test_settings_reach_every_layer_of_a_network(name):
    model = build_network(name, (16, 40, 1), 2, kernel_l2=0.02, dropout=0.4)
    weighted = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert penalties(model) == {0.02}
    assert all(layer.kernel_regularizer is not None for layer in weighted)
    rates = {la.rate for la in model.layers if isinstance(la, keras.layers.Dropout)}
    assert rates == {0.4}


@pytest.mark.parametrize("name", ["small", "wide", "wide_linear", "ancestor"])
def test_zero_penalty_is_none(name):
    model = build_network(name, (16, 40, 1), 2, kernel_l2=0.0, dropout=0.0)
    assert penalties(model) == set()


@pytest.mark.parametrize("name", ["small", "wide", "wide_linear", "ancestor"])
def test_networks_end_in_logits_and_are_not_compiled(name):
    model = build_network(name, (16, 40, 1), 2)
    assert model.name == f"{name}_network"
    assert model.layers[-1].activation is keras.activations.linear
    assert not model.compiled


def test_settings_that_a_function_does_not_name_are_not_passed():
    model = build_network(build_dense, (4, 10, 1), 2, kernel_l2=1.0, dropout=0.5)
    assert model.output_shape == (None, 1)


def test_settings_that_a_function_names_are_passed():
    model = build_network(build_tiny, (12, 40, 1), 2, kernel_l2=0.5, dropout=0.25)
    assert penalties(model) == {0.5}


def test_function_with_free_settings_gets_them_all():
    got = {}

    def build(input_shape, n_classes, **settings):
        got.update(settings)
        return build_dense(input_shape, n_classes)

    build_network(build, (4, 10, 1), 2, kernel_l2=1.0, dropout=0.5)
    assert got == {"kernel_l2": 1.0, "dropout": 0.5}


def test_two_classes_may_have_two_outputs():
    model = build_network(ends_in(units=2), (4, 10, 1), 2)
    assert model.output_shape == (None, 2)


def test_unknown_name_is_refused():
    with pytest.raises(
        ValueError, match=r"network must be one of 'small', 'wide', .* got 'resnet'"
    ):
        build_network("resnet", (4, 10, 1), 2)


def test_ready_model_is_refused():
    model = build_dense((4, 10, 1), 2)
    with pytest.raises(TypeError, match=f"the ready model '{model.name}'. Wrap it"):
        build_network(model, (4, 10, 1), 2)


def test_network_of_another_type_is_refused():
    with pytest.raises(TypeError, match="or a build function, got 3 of type int"):
        build_network(3, (4, 10, 1), 2)


def test_function_must_return_a_model():
    with pytest.raises(TypeError, match=r"to return a keras.Model, got NoneType"):
        build_network(lambda input_shape, n_classes: None, (4, 10, 1), 2)


@pytest.mark.parametrize(
    ("units", "n_classes", "allowed"), [(3, 2, "1 or 2"), (1, 3, "3"), (2, 3, "3")]
)
def test_wrong_number_of_outputs_is_refused(units, n_classes, allowed):
    with pytest.raises(
        ValueError,
        match=rf"{allowed} outputs for {n_classes} classes, got .*\(None, {units}\)",
    ):
        build_network(ends_in(units=units), (4, 10, 1), n_classes)


def test_outputs_of_another_rank_are_refused():
    def build(input_shape, n_classes):
        image = keras.Input(input_shape)
        return keras.Model(image, keras.layers.Conv2D(1, 3)(image))

    with pytest.raises(ValueError, match=r"got output shape \(None, 2, 8, 1\)"):
        build_network(build, (4, 10, 1), 2)


@pytest.mark.parametrize(
    ("units", "activation"), [(2, "softmax"), (1, "sigmoid"), (2, "sigmoid")]
)
def test_network_that_ends_in_probabilities_is_refused(units, activation):
    with pytest.raises(ValueError, match=f"one that ends in a {activation}. Drop"):
        build_network(ends_in(units=units, activation=activation), (4, 10, 1), 2)


@pytest.mark.parametrize(
    "layer", [keras.layers.Softmax, lambda: keras.layers.Activation("softmax")]
)
def test_softmax_layer_at_the_end_is_refused(layer):
    def build(input_shape, n_classes):
        image = keras.Input(input_shape)
        flat = keras.layers.Flatten()(image)
        return keras.Model(image, layer()(keras.layers.Dense(n_classes)(flat)))

    with pytest.raises(ValueError, match=r"one that ends in a softmax. Drop"):
        build_network(build, (4, 10, 1), 3)
