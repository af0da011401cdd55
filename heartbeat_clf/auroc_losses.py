"""The AUROC losses as Keras classes on logits, registered for saving.

The arithmetic is in :mod:`heartbeat_clf.auroc`.
"""

from __future__ import annotations

from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
from keras import ops

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.auroc import (
    SURROGATES,
    cross_entropy_rows,
    pairwise_auroc,
    weighted_mean,
)
from heartbeat_clf.loss_columns import Tensor, as_rows, label_columns, two_columns

__all__ = ["ElementwiseAUROCLoss", "MixedAUROCLoss", "PairwiseAUROCLoss"]

# Keras's names for the mean over a batch, which is all that pairs have.
_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class PairwiseAUROCLoss(keras.losses.Loss):
    """Mean penalty over the pairs of a positive and a negative row of a batch.

    Parameters
    ----------
    surrogate : str, default="logistic"
        What a pair costs, with d the score of its positive less that of its
        negative: "logistic", softplus(-d / temperature); "sigmoid",
        sigmoid(-d / temperature); "hinge", max(margin - d, 0); "squared_hinge",
        its square; "wmw", max(gamma - d, 0) ** power. "aucm" is the AUC margin
        loss: the variances of both sides, plus max(margin - the difference of
        their means, 0) ** 2.
    margin : float, default=1.0
        Difference asked for by "hinge", "squared_hinge" and "aucm", in logits.
    temperature : float, default=1.0
        Scale of "logistic" and "sigmoid", in logits.
    gamma : float, default=0.3
        Difference asked for by "wmw", in logits.
    power : float, default=2
        Exponent of "wmw", above 1.
    name : str, default="pairwise_auroc"
    reduction : str, default="sum_over_batch_size"
        For Keras. A pairwise loss has one value a batch, so "sum", "none" and
        None are refused.
    dtype : str or None, default=None
        Type of the computation; None is Keras's ``floatx``, also where the
        network computes in half precision.

    Raises
    ------
    TypeError
        If a setting that is a number is none.
    ValueError
        If a setting is not one of those named, or out of bounds.

    Notes
    -----
    Called with labels of shape (n_rows,), (n_rows, 1) or one-hot (n_rows,
    n_classes), and logits of shape (n_rows, n_outputs). One output is the score;
    two are ranked by their difference; of K, each class is ranked against the
    rest by its log-odds ``logit_k - logsumexp(others)``, and the mean is over
    the classes with rows on both sides. The log-odds rank as the softmax
    probabilities do, and, unlike the bare logits, do not change when a constant
    is added to a row.

    A pair weighs the product of its rows' sample weights, and the mean is over
    the weighted number of pairs. A weight common to a whole class cancels.
    A batch without a pair gives zero with zero gradient. "hinge",
    "squared_hinge" and "wmw" of power 2 take O(n log n) time; "logistic",
    "sigmoid" and other powers O(n ** 2) time and memory.

    References
    ----------
    Yan, L. et al., 2003. "Optimizing Classifier Performance via an Approximation
    to the Wilcoxon-Mann-Whitney Statistic", ICML ("wmw").
    Burges, C. et al., 2005. "Learning to Rank using Gradient Descent", ICML
    ("logistic").
    Rust, K. R. and Hocking, T. D., 2023, arXiv:2302.11062 ("squared_hinge").
    Yuan, Z. et al., 2021. "Large-scale Robust Deep AUC Maximization", ICCV
    ("aucm").

    Examples
    --------
    >>> loss = PairwiseAUROCLoss("hinge")
    >>> float(loss([0.0, 1.0], [[0.0], [0.25]]))
    0.75
    """

    expects_probabilities = False

    def __init__(
        self,
        surrogate: str = "logistic",
        *,
        margin: float = 1.0,
        temperature: float = 1.0,
        gamma: float = 0.3,
        power: float = 2,
        name: str = "pairwise_auroc",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        check_choice("surrogate", surrogate, SURROGATES)
        check_number("margin", margin, minimum=0, exclusive=True)
        check_number("temperature", temperature, minimum=0, exclusive=True)
        check_number("gamma", gamma, minimum=0, exclusive=True)
        check_number("power", power, minimum=1, exclusive=True)
        if reduction not in _MEANS:
            raise ValueError(
                f"Expected a reduction among {list(_MEANS)!r}, got {reduction!r}. A "
                "loss over pairs has one value a batch: leave reduction out."
            )
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.surrogate = surrogate
        self.margin = margin
        self.temperature = temperature
        self.gamma = gamma
        self.power = power

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        y_true : tensor of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes)
        y_pred : tensor of shape (n_rows, n_outputs) or (n_rows,)
            Logits.
        sample_weight : tensor of shape (n_rows,) or (n_rows, 1), or None
            Not negative. A row of weight 0, or masked, plays no part.

        Returns
        -------
        loss : tensor of shape ()

        Raises
        ------
        ValueError
            If a shape is another.
        """
        # Keras would multiply weights into values a row; here they go to pairs.
        with keras.name_scope(self.name):
            logits = as_rows(ops.convert_to_tensor(y_pred, dtype=self.dtype))
            labels = ops.convert_to_tensor(y_true, dtype=self.dtype)
            columns = label_columns(labels, max(logits.shape[-1], 2), self.dtype)
            weight = ops.ones_like(logits[:, 0])
            mask = getattr(y_pred, "_keras_mask", None)
            for name, given in (("sample_weight", sample_weight), ("mask", mask)):
                if given is not None:
                    weight = weight * _as_weight(name, given, self.dtype)
            used = ops.expand_dims(weight > 0.0, 1)
            logits = ops.where(used, logits, ops.zeros_like(logits))
            return self._batch_loss(columns, logits, weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of a batch without weights."""
        return self(y_true, y_pred)

    def _batch_loss(self, columns: Tensor, logits: Tensor, weight: Tensor) -> Tensor:
        return pairwise_auroc(
            columns,
            logits,
            weight,
            surrogate=self.surrogate,
            margin=self.margin,
            temperature=self.temperature,
            gamma=self.gamma,
            power=self.power,
        )

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "surrogate": self.surrogate,
            "margin": self.margin,
            "temperature": self.temperature,
            "gamma": self.gamma,
            "power": self.power,
        }


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class MixedAUROCLoss(PairwiseAUROCLoss):
    """A mixture of cross-entropy and a pairwise AUROC loss.

    Cross-entropy fixes the level of the logits, which the pairs leave free.

    Parameters
    ----------
    auroc_weight : float, default=0.5
        Share of the pairwise loss, from 0 to 1; the rest is cross-entropy.
    surrogate : str, default="logistic"
        As in :class:`PairwiseAUROCLoss`, like all that is not named here.
    label_smoothing : float, default=0.0
        Share of each label spread over the classes, from 0 to 1; in the
        cross-entropy only.
    margin, temperature : float, default=1.0
    gamma : float, default=0.3
    power : float, default=2
    name : str, default="auroc_crossentropy"
    reduction : str, default="sum_over_batch_size"
    dtype : str or None, default=None

    Raises
    ------
    TypeError, ValueError
        As :class:`PairwiseAUROCLoss` does.

    Notes
    -----
    The cross-entropy is binary for one output and categorical for more, and is
    the weighted mean ``sum(w * l) / sum(w)``. Keras divides by the number of rows
    instead, which would shift the mixture with the scale of the weights. A batch
    with one class keeps its cross-entropy.

    Examples
    --------
    >>> loss = MixedAUROCLoss(surrogate="hinge")
    >>> round(float(loss([0.0, 1.0], [[0.0], [0.0]])), 4)  # (log 2 + 1) / 2
    0.8466
    """

    def __init__(
        self,
        auroc_weight: float = 0.5,
        *,
        surrogate: str = "logistic",
        label_smoothing: float = 0.0,
        margin: float = 1.0,
        temperature: float = 1.0,
        gamma: float = 0.3,
        power: float = 2,
        name: str = "auroc_crossentropy",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        check_number("auroc_weight", auroc_weight, minimum=0, maximum=1)
        check_number("label_smoothing", label_smoothing, minimum=0, maximum=1)
        super().__init__(
            surrogate,
            margin=margin,
            temperature=temperature,
            gamma=gamma,
            power=power,
            name=name,
            reduction=reduction,
            dtype=dtype,
        )
        self.auroc_weight = auroc_weight
        self.label_smoothing = label_smoothing

    def _batch_loss(self, columns: Tensor, logits: Tensor, weight: Tensor) -> Tensor:
        rows = cross_entropy_rows(columns, logits, label_smoothing=self.label_smoothing)
        pairs = super()._batch_loss(columns, logits, weight)
        share = self.auroc_weight
        return share * pairs + (1.0 - share) * weighted_mean(rows, weight)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            **super().get_config(),
            "auroc_weight": self.auroc_weight,
            "label_smoothing": self.label_smoothing,
        }


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class ElementwiseAUROCLoss(keras.losses.Loss):
    """The elementwise form that has passed for an AUROC loss, for comparison.

    It compares the probability of the right class with that of the wrong class
    of the *same* row: ``sigmoid(p_wrong - p_right)``. So it compares no two
    recordings, lies between sigmoid(-1) = 0.269 and sigmoid(1) = 0.731, and can
    prefer a constant answer to a perfect ranking. Not for new work.

    Takes probabilities, of shape (n_rows, 2) or (n_rows, 1), and labels as
    :class:`PairwiseAUROCLoss` does. Sample weights are applied by Keras.

    Parameters
    ----------
    name : str, default="elementwise_auroc"
    reduction : str or None, default="sum_over_batch_size"
    dtype : str or None, default=None

    Examples
    --------
    Nine rows in ten are negative. "Never" scores better than a perfect ranking:

    >>> labels = [0] * 9 + [1]
    >>> never = [[1.0, 0.0]] * 10
    >>> ranked = [[0.7, 0.3]] * 9 + [[0.6, 0.4]]
    >>> loss = ElementwiseAUROCLoss()
    >>> round(float(loss(labels, never)), 3), round(float(loss(labels, ranked)), 3)
    (0.315, 0.416)
    """

    expects_probabilities = True

    def __init__(
        self,
        *,
        name: str = "elementwise_auroc",
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each row, of shape (n_rows,).

        Raises
        ------
        ValueError
            If `y_pred` has more than two columns.
        """
        outputs = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        probabilities = two_columns(as_rows(outputs))
        if probabilities.shape[-1] != 2:
            raise ValueError(
                "Expected probabilities of two classes, got shape "
                f"{tuple(outputs.shape)!r}. Use PairwiseAUROCLoss for more classes."
            )
        labels = ops.convert_to_tensor(y_true, dtype=self.dtype)
        columns = label_columns(labels, 2, self.dtype)
        return ops.sigmoid(ops.sum((1.0 - 2.0 * columns) * probabilities, axis=1))


def _as_weight(name: str, given: Tensor, dtype: str) -> Tensor:
    """Return one weight a row, of shape (n_rows,) or, for a scalar, (1,)."""
    weight = ops.convert_to_tensor(given)
    shape = tuple(weight.shape)
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(
            f"Expected {name} of shape (n_rows,) or (n_rows, 1), got {shape!r}. "
            "Pass one value a row."
        )
    return ops.reshape(ops.cast(weight, dtype), (-1,))
