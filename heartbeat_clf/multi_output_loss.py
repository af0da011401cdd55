"""The loss of a network with an output a label scheme, of which few are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

from heartbeat_clf.losses import MixedAUROCLoss

__all__ = ["MultiOutputLoss"]


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class MultiOutputLoss(keras.losses.Loss):
    """Sum over the outputs of cross-entropy mixed with pairwise AUROC loss.

    Parameters
    ----------
    output_weights : sequence of float
        Weight of each column of the logits.
    auroc_weight : float, default=0.25
        As in :class:`heartbeat_clf.losses.MixedAUROCLoss`.
    name : str, default="multi_output"

    Notes
    -----
    Targets are ``(n_windows, n_outputs)``, NaN where an output learns nothing from
    a window. An output without any target in a batch adds zero.
    """

    def __init__(
        self,
        output_weights: Sequence[float],
        auroc_weight: float = 0.25,
        *,
        name: str = "multi_output",
        **settings: Any,
    ) -> None:
        # The parts average over rows themselves: nothing is left to reduce.
        super().__init__(name=name, **{**settings, "reduction": None})
        self.output_weights = [float(weight) for weight in output_weights]
        self.auroc_weight = auroc_weight
        self.parts = MixedAUROCLoss(auroc_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of a batch, a scalar."""
        known = keras.ops.logical_not(keras.ops.isnan(y_true))
        targets = keras.ops.where(known, y_true, keras.ops.zeros_like(y_true))
        weights = keras.ops.cast(known, y_pred.dtype)
        total = keras.ops.zeros((), dtype=y_pred.dtype)
        for column, weight in enumerate(self.output_weights):
            part = self.parts(
                targets[:, column],
                y_pred[:, column : column + 1],
                sample_weight=weights[:, column],
            )
            total = total + weight * part
        return total

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            "name": self.name,
            "output_weights": self.output_weights,
            "auroc_weight": self.auroc_weight,
        }
