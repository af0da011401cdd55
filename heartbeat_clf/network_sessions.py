"""Networks in ONNX, started once: from windows to what they give.

Nothing here needs TensorFlow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["RunBatch", "network_outputs", "network_session"]

RunBatch = Callable[[np.ndarray], np.ndarray]
"""From float32 windows to an output, one row a window."""


@functools.lru_cache(maxsize=16)
def network_session(onnx_model: bytes, output: str = "logits") -> RunBatch:
    """Return a function from float32 windows to an output of an ONNX network.

    Parameters
    ----------
    onnx_model : bytes
        As :func:`heartbeat_clf.onnx_export.network_to_onnx` gives it.
    output : {"logits", "embedding"}, default="logits"
        What the function returns, one row a window.

    Raises
    ------
    ValueError
        If it is no network, or has no such output: it was written before there was one.
    """
    run = _started(onnx_model, (output,))
    return lambda windows: run(windows)[0]


@functools.lru_cache(maxsize=8)
def network_outputs(onnx_model: bytes) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a function from float32 windows to logits and embedding of a network.

    Parameters
    ----------
    onnx_model : bytes
        As :func:`heartbeat_clf.onnx_export.network_to_onnx` gives it.

    Raises
    ------
    ValueError
        As :func:`network_session` does.
    """
    return _started(onnx_model, ("logits", "embedding"))


def _started(
    onnx_model: bytes, outputs: tuple[str, ...]
) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a function from float32 windows to outputs of an ONNX network."""
    session = _session(onnx_model)
    name = session.get_inputs()[0].name
    given = [found.name for found in session.get_outputs()]
    for output in outputs:
        if output not in given:
            raise ValueError(
                f"Expected a network with the output {output!r}, got one without: it "
                "was trained by an older version. Train it anew with this one."
            )
    return lambda windows: session.run(list(outputs), {name: windows})


# A model in the box has up to six: two networks, the tracker and three judges.
@functools.lru_cache(maxsize=16)
def _session(onnx_model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # One thread: windows are small, results do not depend on the machine's cores,
    # and parallel jobs do not fight over them.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            onnx_model, options, providers=["CPUExecutionProvider"]
        )
    # Its errors have no base of their own.
    except Exception as error:
        raise ValueError(
            "Expected a network in ONNX, got something that ONNX Runtime cannot read: "
            f"{error}. The model file is damaged."
        ) from error
