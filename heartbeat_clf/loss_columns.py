"""One column a class: forms of labels and outputs, and adapters for Keras losses.

A network here gives logits, with one output for two classes or one a class, and
its labels are one 0/1 column or one-hot rows. Keras's losses each take some of
these forms only; the adapters show them the form that they can read.
"""

from __future__ import annotations

from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
from keras import ops

# Keras has one tensor type a backend and no common name for them.
Tensor = Any

__all__ = ["OnLogOdds", "OnLogits", "OnProbabilities"]


def label_columns(y_true: Tensor, n_classes: int, dtype: str) -> Tensor:
    """Return labels as one column a class.

    Parameters
    ----------
    y_true : tensor of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes)
        Class indices (0 and 1 for two classes; for two classes also shares
        between 0 and 1 of class 1), or one-hot rows.
    n_classes : int
        At least 2.
    dtype : str
        Floating type of the answer.

    Returns
    -------
    columns : tensor of shape (n_rows, n_classes)

    Raises
    ------
    ValueError
        If the labels have another shape.
    """
    shape = tuple(y_true.shape)
    if len(shape) == 2 and shape[1] == n_classes:
        return ops.cast(y_true, dtype)
    if len(shape) == 2 and shape[1] == 1:
        y_true = y_true[:, 0]
    elif len(shape) != 1:
        raise ValueError(
            f"Expected y_true of shape (n_rows,), (n_rows, 1) or (n_rows, "
            f"{n_classes}), got {shape!r}. Pass class indices or one-hot rows."
        )
    if n_classes == 2:
        second = ops.cast(y_true, dtype)
        return ops.stack([1.0 - second, second], axis=1)
    return ops.one_hot(ops.cast(y_true, "int32"), n_classes, dtype=dtype)


def as_rows(outputs: Tensor) -> Tensor:
    """Return outputs of shape (n_rows, n_outputs); one of (n_rows,) gets a column.

    Parameters
    ----------
    outputs : tensor of shape (n_rows, n_outputs) or (n_rows,)

    Returns
    -------
    outputs : tensor of shape (n_rows, n_outputs)

    Raises
    ------
    ValueError
        If the shape is another, or the number of outputs unknown or zero.
    """
    shape = tuple(outputs.shape)
    if len(shape) == 1:
        return ops.expand_dims(outputs, 1)
    if len(shape) != 2 or not shape[1]:
        raise ValueError(
            "Expected y_pred of shape (n_rows, n_outputs) or (n_rows,), got "
            f"{shape!r}. End the network in a Dense layer."
        )
    return outputs


def two_columns(probabilities: Tensor) -> Tensor:
    """Return one probability a class; a single column p becomes (1 - p, p).

    Parameters
    ----------
    probabilities : tensor of shape (n_rows, n_outputs)

    Returns
    -------
    probabilities : tensor of shape (n_rows, max(n_outputs, 2))
    """
    if probabilities.shape[-1] > 1:
        return probabilities
    return ops.concatenate([1.0 - probabilities, probabilities], axis=1)


def class_logits(logits: Tensor) -> Tensor:
    """Return one logit a class; a single output z becomes the pair (0, z).

    Parameters
    ----------
    logits : tensor of shape (n_rows, n_outputs)

    Returns
    -------
    logits : tensor of shape (n_rows, max(n_outputs, 2))
        Their softmax is the distribution that the network states.
    """
    if logits.shape[-1] > 1:
        return logits
    return ops.concatenate([ops.zeros_like(logits), logits], axis=1)


def log_odds(logits: Tensor) -> Tensor:
    """Return the log-odds of each class against all the others.

    Parameters
    ----------
    logits : tensor of shape (n_rows, n_outputs)

    Returns
    -------
    scores : tensor of shape (n_rows, n_outputs)
        ``logit_k - logsumexp(the other logits)``, whose sigmoid is the softmax
        probability of class k. A single output is its own log-odds.
    """
    n_outputs = logits.shape[-1]
    if n_outputs == 1:
        return logits
    if n_outputs == 2:
        difference = logits[:, 1:] - logits[:, :1]
        return ops.concatenate([-difference, difference], axis=1)
    others = [[j for j in range(n_outputs) if j != k] for k in range(n_outputs)]
    rest = ops.logsumexp(ops.take(logits, ops.array(others), axis=1), axis=2)
    return logits - rest


class _OnColumns(keras.losses.Loss):
    """Show a loss one column a class, whatever the network and labels are like."""

    expects_probabilities = False

    def __init__(
        self,
        loss: keras.losses.Loss,
        *,
        sparse_labels: bool = False,
        name: str | None = None,
        reduction: str | None = None,
        dtype: Any = None,
    ) -> None:
        if isinstance(loss, dict):
            loss = keras.losses.deserialize(loss)
        if not isinstance(loss, keras.losses.Loss):
            raise TypeError(
                f"Expected a keras.losses.Loss, got {type(loss).__name__} {loss!r}. "
                "Use get_loss for a loss given by name."
            )
        # The inner loss reduces; the outer one only says so.
        reduction = reduction or loss.reduction
        super().__init__(name=name or loss.name, reduction=reduction, dtype=dtype)
        self.loss = loss
        self.sparse_labels = sparse_labels

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss that is held, of one column a class.

        Parameters
        ----------
        y_true : tensor of shape (n_rows,), (n_rows, 1) or (n_rows, n_classes)
        y_pred : tensor of shape (n_rows, n_outputs) or (n_rows,)
        sample_weight : tensor of shape (n_rows,) or None

        Returns
        -------
        loss : tensor, as the loss that is held reduces
        """
        outputs = self._show(as_rows(ops.convert_to_tensor(y_pred, dtype=self.dtype)))
        labels = ops.convert_to_tensor(y_true, dtype=self.dtype)
        if outputs.shape[-1] > 1:
            labels = label_columns(labels, outputs.shape[-1], self.dtype)
        else:
            labels = label_columns(labels, 2, self.dtype)[:, 1:]
        if self.sparse_labels:
            labels = ops.argmax(labels, axis=1)
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            outputs._keras_mask = mask
        return self.loss(labels, outputs, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss without weights."""
        return self(y_true, y_pred)

    def _show(self, outputs: Tensor) -> Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "loss": keras.losses.serialize(self.loss),
            "sparse_labels": self.sparse_labels,
        }


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class OnProbabilities(_OnColumns):
    """Give a loss the probability of each class instead of the logits.

    One output gives the two columns (1 - p, p): the divergence of a lone column
    is that of no distribution.

    Parameters
    ----------
    loss : keras.losses.Loss
        A loss on probabilities, such as ``keras.losses.KLDivergence()``.
    from_logits : bool, default=True
        Whether the network gives logits; if not, only columns are completed.
    sparse_labels : bool, default=False
        Whether `loss` takes class indices.
    name : str or None, default=None
        None is that of `loss`.
    reduction : str or None, default=None
        For Keras; the reduction is that of `loss`.
    dtype : str or None, default=None

    Raises
    ------
    TypeError
        If `loss` is no Keras loss.

    Examples
    --------
    >>> loss = OnProbabilities(keras.losses.KLDivergence())
    >>> round(float(loss([[1.0]], [[0.0]])), 4)  # -log(1 / 2)
    0.6931
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        *,
        from_logits: bool = True,
        sparse_labels: bool = False,
        name: str | None = None,
        reduction: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            loss,
            sparse_labels=sparse_labels,
            name=name,
            reduction=reduction,
            dtype=dtype,
        )
        self.from_logits = from_logits
        self.expects_probabilities = not from_logits

    def _show(self, outputs: Tensor) -> Tensor:
        if not self.from_logits:
            return two_columns(outputs)
        return ops.softmax(class_logits(outputs), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the settings, as Keras stores them."""
        return {**super().get_config(), "from_logits": self.from_logits}


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class OnLogits(_OnColumns):
    """Give a categorical loss one logit a class, and the labels that it takes.

    Parameters
    ----------
    loss : keras.losses.Loss
        With ``from_logits=True``. A single output z becomes the logits (0, z).
    sparse_labels : bool, default=False
        Whether `loss` takes class indices.
    name, reduction, dtype : default=None
        As in :class:`OnProbabilities`.
    """

    def _show(self, outputs: Tensor) -> Tensor:
        return class_logits(outputs)


@keras.saving.register_keras_serializable(package="heartbeat_clf")
class OnLogOdds(_OnColumns):
    """Give a binary loss the log-odds of each class against the rest.

    Their sigmoid is the softmax probability. Left to itself a binary loss would
    read each of two outputs through a sigmoid of its own, and their difference
    would come out at twice the log-odds.

    Parameters
    ----------
    loss : keras.losses.Loss
        With ``from_logits=True``.
    sparse_labels : bool, default=False
        Whether `loss` takes class indices.
    name, reduction, dtype : default=None
        As in :class:`OnProbabilities`.
    """

    def _show(self, outputs: Tensor) -> Tensor:
        return log_odds(outputs)
