"""Build small ONNX models of judges by hand: numbers in, log odds of outputs out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from heartbeat_clf.tree_arrays import TreeArrays

__all__ = ["JudgeGraph", "one_an_output"]

_OPSET = 17
# Where ONNX keeps its trees.
_ML = "ai.onnx.ml"
_ML_OPSET = 3
# ONNX Runtime 1.20, the lowest that is declared, reads IR version 10.
_IR_VERSION = 8


def one_an_output(judges: Any, kind: type) -> list[Any]:
    """Return judges as a list, of which some may be None.

    Raises
    ------
    TypeError
        If they are no list or tuple, or one is of another kind.
    """
    # A judge may be a tuple itself.
    listed = isinstance(judges, list | tuple) and not isinstance(judges, kind)
    parts = list(judges) if listed else [judges]
    strange = [part for part in parts if not isinstance(part, (kind, type(None)))]
    if strange or not listed:
        got = type((strange or parts)[0]).__name__
        raise TypeError(f"Expected a list of {kind.__name__} or None, got {got}.")
    return parts


class JudgeGraph:
    """A graph that grows by nodes, from ``features`` to ``logits``."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return the name of what it gives."""
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def trees(self, features: str, trees: TreeArrays) -> str:
        """Add trees that sum the answers of their leaves; return the sum's name."""
        tree, leaf = trees.tree, trees.feature < 0
        node = np.arange(len(tree)) - np.searchsorted(tree, tree)
        return self.node(
            "TreeEnsembleRegressor",
            features,
            domain=_ML,
            n_targets=1,
            nodes_treeids=tree.tolist(),
            nodes_nodeids=node.tolist(),
            nodes_modes=np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
            nodes_featureids=np.maximum(trees.feature, 0).tolist(),
            nodes_values=trees.threshold.tolist(),
            nodes_truenodeids=trees.low.tolist(),
            nodes_falsenodeids=trees.high.tolist(),
            target_treeids=tree[leaf].tolist(),
            target_nodeids=node[leaf].tolist(),
            target_ids=np.zeros(int(leaf.sum()), dtype=int).tolist(),
            target_weights=trees.answer[leaf].tolist(),
        )

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Add an array and return its name."""
        name = f"c{len(self._constants)}"
        array = np.asarray(value, dtype=dtype)
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def model(self, judged: Sequence[str | None], n_features: int, name: str) -> bytes:
        """Return the model, serialised.

        Parameters
        ----------
        judged : sequence of str or None
            What gives the log odds of each output, of shape ``(n_recordings, 1)``; None
            for one that is not judged, which is NaN then. One judge at least.
        n_features : int
            Columns of ``features``.
        name : str
            Of the graph.

        Returns
        -------
        model : bytes
            From ``features`` of shape ``(n_recordings, n_features)`` to ``logits`` of
            shape ``(n_recordings, n_outputs)``, float32.
        """
        # As many rows as the others have.
        heard = next(part for part in judged if part is not None)
        columns = [
            self.node("Mul", heard, self.constant([np.nan])) if part is None else part
            for part in judged
        ]
        self._nodes.append(helper.make_node("Concat", columns, ["logits"], axis=1))
        graph = helper.make_graph(
            self._nodes,
            name,
            [_matrix("features", n_features)],
            [_matrix("logits", len(columns))],
            self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", _OPSET),
                helper.make_opsetid(_ML, _ML_OPSET),
            ],
            ir_version=_IR_VERSION,
            producer_name="heartbeat_clf",
        )
        onnx.checker.check_model(model)
        serialised: bytes = model.SerializeToString()
        return serialised


def _matrix(name: str, columns: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["n_recordings", columns]
    )
