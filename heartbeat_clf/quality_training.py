"""Train the network of `assess_quality` and write it as ONNX.

The recipe is kept with the library so that the file it ships can be made again:
``python benchmarks/quality_gate_train.py DATA``.
"""

from __future__ import annotations

import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from heartbeat_clf.quality_features import N_FEATURES

__all__ = ["network_to_onnx", "train_quality_network"]

# What ONNX Runtime 1.20 reads, as in `onnx_export`.
_OPSET = 17
_IR_VERSION = 8
# Features further from their mean than this many deviations count as this far.
_LARGEST = 5.0


def train_quality_network(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    hidden: tuple[int, ...] = (32, 16),
    members: int = 3,
    alpha: float = 1.0,
    epochs: int = 12,
    seed: int = 0,
) -> bytes:
    """Return a trained network as ONNX: the mean of a few small ones.

    Parameters
    ----------
    features : ndarray of shape (n_windows, N_FEATURES)
        From `quality_features`.
    labels : ndarray of shape (n_windows,)
        1 with a heart, 0 without.
    hidden : tuple of int, default=(32, 16)
        Units of the hidden layers of each.
    members : int, default=3
        How many, alike but for their first weights and the order of the windows.
    alpha : float, default=1.0
        L2 penalty on the weights, as scikit-learn counts it.
    epochs : int, default=12
        How often each window is seen.
    seed : int, default=0
        Origin of the first weights and of the order of the windows.

    Returns
    -------
    model : bytes
        For `onnxruntime.InferenceSession`: features to the log odds of "a heart is
        heard".
    """
    scaler = StandardScaler().fit(features)
    scaled = np.clip(scaler.transform(features), -_LARGEST, _LARGEST)
    codes = np.asarray(labels).astype(int)
    layers = []
    for member in range(members):
        network = MLPClassifier(
            hidden,
            alpha=alpha,
            learning_rate_init=2e-3,
            batch_size=64,
            max_iter=epochs,
            random_state=1000 * seed + member,
        )
        # One thread: the order of the sums is then the same on every machine.
        with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(scaled, codes)
        layers.append(list(zip(network.coefs_, network.intercepts_, strict=True)))
    return network_to_onnx(scaler.mean_, scaler.scale_, layers)


def network_to_onnx(
    mean: np.ndarray,
    scale: np.ndarray,
    layers: list[list[tuple[np.ndarray, np.ndarray]]],
) -> bytes:
    """Return the mean of networks of dense layers, with the scaling, as ONNX.

    Parameters
    ----------
    mean, scale : ndarray of shape (N_FEATURES,)
        What features are brought to mean 0 and deviation 1 with.
    layers : list of list of tuple of ndarray
        For each network, for each layer, weights of shape (n_inputs, n_outputs) and
        biases of shape (n_outputs,); ReLU stands between two layers.

    Returns
    -------
    model : bytes
        ``features`` (n_windows, N_FEATURES) to ``logits`` (n_windows, 1), float32.
    """
    parts: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def weight(values: np.ndarray | float) -> str:
        name = f"w{len(parts)}"
        array = np.asarray(values, dtype=np.float32)
        parts.append(numpy_helper.from_array(array, name))
        return name

    def node(operator: str, *inputs: str) -> str:
        name = f"t{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name]))
        return name

    scaled = node("Sub", "features", weight(mean))
    scaled = node("Mul", scaled, weight(1 / scale))
    scaled = node("Clip", scaled, weight(-_LARGEST), weight(_LARGEST))
    logits = []
    for member in layers:
        values = scaled
        for number, (kernel, bias) in enumerate(member):
            if number:
                values = node("Relu", values)
            values = node("Gemm", values, weight(kernel), weight(bias))
        logits.append(values)
    values = node("Mean", *logits)
    nodes.append(helper.make_node("Identity", [values], ["logits"]))
    graph = helper.make_graph(
        nodes,
        "heartbeat_clf_quality",
        [_value("features", N_FEATURES)],
        [_value("logits", 1)],
        parts,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="heartbeat_clf",
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _value(name: str, size: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n_windows", size])
