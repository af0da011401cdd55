"""Write a Keras network as an ONNX model, layer by layer.

Keras's own export to ONNX goes through TensorFlow's graph and takes seconds; fits
are many and networks small, so the layers that heart-sound networks are made of are
written here directly, in milliseconds. A network with any other layer draws
`UnsupportedLayerError`, which the classifier answers by predicting with Keras.

The operators follow the ONNX operator specification, opset 17. Images are
``(n_windows, n_bands, n_frames, n_channels)`` outside and
``(n_windows, n_channels, n_bands, n_frames)`` between the convolutions inside.
"""

from __future__ import annotations

from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["UnsupportedLayerError", "network_to_onnx", "with_half_weights"]

OPSET = 17
# ONNX Runtime 1.20, the lowest that is declared, reads IR version 10.
IR_VERSION = 8

ACTIVATIONS = {
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "elu": "Elu",
    "softplus": "Softplus",
}


class UnsupportedLayerError(ValueError):
    """A network holds a layer, or a setting of one, that is not converted."""


class _Graph:
    """Nodes and weights of an ONNX graph that is being written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, values: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name


def network_to_onnx(network: keras.Model, *, embedding: str | None = None) -> bytes:
    """Return a functional Keras network as a serialised ONNX model.

    Parameters
    ----------
    network : keras.Model
        Functional or sequential, with one input ``(n_bands, n_frames, n_channels)``
        and one output of logits.
    embedding : str or None, default=None
        Name of a dense layer whose units are the embedding; None for the last
        feature map.

    Returns
    -------
    model : bytes
        ONNX with a free number of windows. Output ``logits``; and ``embedding``, the
        last feature map's mean over time, a value a channel and row of bands,
        ``(n_windows, n_channels * n_rows)``, or the units of a layer.

    Raises
    ------
    UnsupportedLayerError
        If a layer or one of its settings is not converted.
    """
    functional = network
    if isinstance(network, keras.Sequential):
        functional = network._functional
    if not getattr(functional, "_nodes_by_depth", None):
        raise UnsupportedLayerError(
            f"Expected a functional network, got {type(network).__name__}."
        )
    graph = _Graph()
    image = network.inputs[0]
    if len(network.inputs) != 1 or len(image.shape) != 4:
        raise UnsupportedLayerError(
            "Expected one input (n_bands, n_frames, n_channels), got "
            f"{[tuple(i.shape[1:]) for i in network.inputs]}."
        )
    if None in image.shape[1:]:
        raise UnsupportedLayerError(
            f"Expected windows of one size, got {tuple(image.shape[1:])}."
        )
    tensors = {id(image): graph.node("Transpose", "windows", perm=[0, 3, 1, 2])}
    last_map = image
    for layer, inputs, output in _calls(functional):
        names = [tensors[id(tensor)] for tensor in inputs]
        tensors[id(output)] = _write_layer(graph, layer, names, inputs, output)
        if len(inputs[0].shape) == 4 and len(output.shape) == 2:
            last_map = inputs[0]
    logits = tensors[id(network.outputs[0])]
    graph.nodes.append(helper.make_node("Identity", [logits], ["logits"]))
    if embedding is None:
        mean = graph.node("ReduceMean", tensors[id(last_map)], axes=[3], keepdims=0)
        graph.nodes.append(helper.make_node("Flatten", [mean], ["embedding"], axis=1))
        _, rows, _, channels = last_map.shape
        width = channels * rows
    else:
        units = network.get_layer(embedding).output
        graph.nodes.append(
            helper.make_node("Identity", [tensors[id(units)]], ["embedding"])
        )
        width = units.shape[1]
    proto = helper.make_graph(
        graph.nodes,
        "heartbeat_clf",
        [_value("windows", image.shape[1:])],
        [
            _value("logits", network.outputs[0].shape[1:]),
            _value("embedding", (width,)),
        ],
        graph.weights,
    )
    model = helper.make_model(
        proto,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="heartbeat_clf",
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def with_half_weights(model: bytes) -> bytes:
    """Return an ONNX model whose weights are stored as float16: half the size.

    They are cast to float32 when a session starts; each is off by a two-thousandth of
    itself at most.

    Parameters
    ----------
    model : bytes
        As :func:`network_to_onnx` gives it.
    """
    proto = onnx.load_from_string(model)
    casts, halves = [], []
    for weights in proto.graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == np.float32:
            name = f"{weights.name}_half"
            halves.append(numpy_helper.from_array(values.astype(np.float16), name))
            casts.append(
                helper.make_node("Cast", [name], [weights.name], to=TensorProto.FLOAT)
            )
        else:
            halves.append(weights)
    nodes = [*casts, *proto.graph.node]
    del proto.graph.initializer[:], proto.graph.node[:]
    proto.graph.initializer.extend(halves)
    proto.graph.node.extend(nodes)
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def _value(name: str, shape: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["n_windows", *(int(size) for size in shape)]
    )


def _calls(functional: keras.Model) -> list[tuple[Any, list[Any], Any]]:
    """Return ``(layer, input tensors, output tensor)`` in the order of computation."""
    calls = []
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if isinstance(node.operation, keras.layers.InputLayer):
                continue
            calls.append(
                (
                    node.operation,
                    list(node.arguments.keras_tensors),
                    node.output_tensors[0],
                )
            )
    return calls


def _write_layer(
    graph: _Graph, layer: Any, names: list[str], inputs: list[Any], output: Any
) -> str:
    rank = len(inputs[0].shape)
    kind = type(layer)
    if kind in (keras.layers.Dropout, keras.layers.SpatialDropout2D) or kind in (
        keras.layers.GaussianNoise,
        keras.layers.GaussianDropout,
    ):
        return names[0]
    if kind is keras.layers.Conv2D:
        convolved = _convolve(graph, layer, names[0], inputs[0])
        return _activate(graph, layer.activation, convolved)
    if kind is keras.layers.DepthwiseConv2D:
        convolved = _depthwise(graph, layer, names[0], inputs[0])
        return _activate(graph, layer.activation, convolved)
    if kind is keras.layers.Dense and rank == 2:
        return _activate(graph, layer.activation, _dense(graph, layer, names[0]))
    if kind is keras.layers.BatchNormalization:
        return _normalise(graph, layer, names[0], rank)
    if kind in (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D):
        return _pool(graph, layer, names[0], inputs[0])
    if kind in (
        keras.layers.GlobalAveragePooling2D,
        keras.layers.GlobalMaxPooling2D,
    ):
        return _pool_all(graph, layer, names[0])
    if kind is keras.layers.Flatten:
        _check_channels_last(layer)
        name = names[0]
        if rank == 4:
            name = graph.node("Transpose", name, perm=[0, 2, 3, 1])
        return graph.node("Flatten", name, axis=1)
    if kind is keras.layers.ReLU and _is_plain_relu(layer):
        return graph.node("Relu", names[0])
    if kind is keras.layers.Activation:
        return _activate(graph, layer.activation, names[0])
    if kind is keras.layers.Add:
        total = names[0]
        for name in names[1:]:
            total = graph.node("Add", total, name)
        return total
    if kind is keras.layers.Concatenate and layer.axis in (-1, rank - 1):
        return graph.node("Concat", *names, axis=1)
    raise UnsupportedLayerError(
        f"Layer {layer.name!r} of type {kind.__name__} is not converted to ONNX."
    )


def _is_plain_relu(layer: Any) -> bool:
    return (
        layer.max_value is None and layer.negative_slope == 0 and layer.threshold == 0
    )


def _activate(graph: _Graph, activation: Any, name: str) -> str:
    kind = getattr(activation, "__name__", "linear")
    if kind == "linear":
        return name
    if kind in ("silu", "swish"):
        return graph.node("Mul", name, graph.node("Sigmoid", name))
    if kind not in ACTIVATIONS:
        raise UnsupportedLayerError(f"Activation {kind!r} is not converted to ONNX.")
    return graph.node(ACTIVATIONS[kind], name)


def _array(variable: Any) -> np.ndarray:
    return np.asarray(variable, dtype=np.float32)


def _check_channels_last(layer: Any) -> None:
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise UnsupportedLayerError(
            f"Expected layer {layer.name!r} to be channels_last, got "
            f"{layer.data_format!r}."
        )


def _padding(layer: Any, image: Any, kernel_size: tuple[int, int]) -> dict[str, Any]:
    """Return the padding in numbers, as Keras does it: the smaller half first.

    ONNX's automatic padding knows no dilation, and ONNX Runtime 1.32 takes strides
    longer than the kernel for negative padding.
    """
    if layer.padding == "valid":
        return {"auto_pad": "VALID"}
    dilations = getattr(layer, "dilation_rate", (1, 1))
    before, after = [], []
    for size, kernel, stride, dilation in zip(
        image.shape[1:3], kernel_size, layer.strides, dilations, strict=True
    ):
        reach = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1
        total = max(reach - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return {"pads": [*before, *after]}


def _convolve(graph: _Graph, layer: Any, name: str, image: Any) -> str:
    _check_channels_last(layer)
    inputs = [name, graph.weight(_array(layer.kernel).transpose(3, 2, 0, 1))]
    if layer.use_bias:
        inputs.append(graph.weight(_array(layer.bias)))
    return graph.node(
        "Conv",
        *inputs,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        group=layer.groups,
        **_padding(layer, image, layer.kernel_size),
    )


def _depthwise(graph: _Graph, layer: Any, name: str, image: Any) -> str:
    _check_channels_last(layer)
    if max(layer.dilation_rate) > 1:
        raise UnsupportedLayerError(
            f"Layer {layer.name!r}: a dilated depthwise convolution is not converted."
        )
    kernel = _array(layer.kernel)
    height, width, channels, _ = kernel.shape
    kernel = kernel.transpose(2, 3, 0, 1).reshape(-1, 1, height, width)
    inputs = [name, graph.weight(kernel)]
    if layer.use_bias:
        inputs.append(graph.weight(_array(layer.bias)))
    return graph.node(
        "Conv",
        *inputs,
        strides=list(layer.strides),
        group=channels,
        **_padding(layer, image, layer.kernel_size),
    )


def _dense(graph: _Graph, layer: Any, name: str) -> str:
    inputs = [name, graph.weight(_array(layer.kernel))]
    if layer.use_bias:
        inputs.append(graph.weight(_array(layer.bias)))
    return graph.node("Gemm", *inputs)


def _normalise(graph: _Graph, layer: Any, name: str, rank: int) -> str:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis not in (-1, rank - 1):
        raise UnsupportedLayerError(
            f"Expected layer {layer.name!r} to normalise channels, got axis {axis}."
        )
    mean, variance = _array(layer.moving_mean), _array(layer.moving_variance)
    gamma = _array(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = _array(layer.beta) if layer.center else np.zeros_like(mean)
    parts = [graph.weight(part) for part in (gamma, beta, mean, variance)]
    return graph.node("BatchNormalization", name, *parts, epsilon=float(layer.epsilon))


def _pool(graph: _Graph, layer: Any, name: str, image: Any) -> str:
    _check_channels_last(layer)
    largest = isinstance(layer, keras.layers.MaxPooling2D)
    return graph.node(
        "MaxPool" if largest else "AveragePool",
        name,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        **_padding(layer, image, layer.pool_size),
    )


def _pool_all(graph: _Graph, layer: Any, name: str) -> str:
    _check_channels_last(layer)
    if layer.keepdims:
        raise UnsupportedLayerError(
            f"Layer {layer.name!r}: keepdims is not converted to ONNX."
        )
    largest = isinstance(layer, keras.layers.GlobalMaxPooling2D)
    operator = "GlobalMaxPool" if largest else "GlobalAveragePool"
    return graph.node("Flatten", graph.node(operator, name), axis=1)
