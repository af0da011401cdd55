"""Losses for networks of logits: the AUROC family, and any loss by its name.

Importing this module registers its classes, so that compiled models with these
losses load again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras

from heartbeat_clf._validation import check_number
from heartbeat_clf.auroc_losses import (
    ElementwiseAUROCLoss,
    MixedAUROCLoss,
    PairwiseAUROCLoss,
)
from heartbeat_clf.loss_columns import OnLogits, OnLogOdds, OnProbabilities

__all__ = [
    "ElementwiseAUROCLoss",
    "MixedAUROCLoss",
    "OnLogOdds",
    "OnLogits",
    "OnProbabilities",
    "PairwiseAUROCLoss",
    "get_loss",
]

_OWN: dict[str, Callable[[], keras.losses.Loss]] = {
    "auroc": PairwiseAUROCLoss,
    "auroc_logistic": PairwiseAUROCLoss,
    "auroc_sigmoid": lambda: PairwiseAUROCLoss("sigmoid"),
    "auroc_hinge": lambda: PairwiseAUROCLoss("hinge"),
    "auroc_squared_hinge": lambda: PairwiseAUROCLoss("squared_hinge"),
    "auroc_wmw": lambda: PairwiseAUROCLoss("wmw"),
    "auroc_aucm": lambda: PairwiseAUROCLoss("aucm"),
    "auroc_crossentropy": MixedAUROCLoss,
    "mixed": MixedAUROCLoss,
    "elementwise_auroc": ElementwiseAUROCLoss,
}
_SPARSE = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")
# For embeddings and for sequences of labels: no label a row.
_NOT_CLASSIFICATION = ("CTC", "Circle", "Loss")


def get_loss(loss: Any, n_outputs: int, *, from_logits: bool = True) -> Any:
    """Return a loss that fits a network, from its name, class or the loss itself.

    Parameters
    ----------
    loss : str, type, keras.losses.Loss, dict or callable
        A name: "auroc" (logistic), "auroc_sigmoid", "auroc_hinge",
        "auroc_squared_hinge", "auroc_wmw", "auroc_aucm"; "auroc_crossentropy" or
        "mixed"; "elementwise_auroc"; or any that Keras knows, such as
        "binary_crossentropy" or "kl_divergence". A class of Keras is as good as
        its name. A loss object or function is returned as it is, and a dict is
        the configuration of one.
    n_outputs : int
        Outputs of the network: 1 or 2 for two classes, K for K.
    from_logits : bool, default=True
        Whether the network gives logits, or else probabilities.

    Returns
    -------
    loss : keras.losses.Loss, or the callable that was given
        A loss given by name takes labels of shape (n_rows, 1) for one output and
        one-hot rows for more. It works on logits where Keras lets it
        (``from_logits``), otherwise on their sigmoid or softmax.

    Raises
    ------
    TypeError
        If `loss` is none of these.
    ValueError
        If the name is unknown, or the loss does not fit the network.

    Examples
    --------
    >>> get_loss("auroc", n_outputs=1).surrogate
    'logistic'
    >>> get_loss("kl_divergence", n_outputs=1).name
    'kl_divergence'
    """
    check_number("n_outputs", n_outputs, minimum=1, integer=True)
    if isinstance(loss, dict):
        return keras.losses.deserialize(loss)
    if isinstance(loss, str) and loss in _OWN:
        return _fit_own(loss, from_logits)
    if isinstance(loss, str):
        return _fit_keras(_find_keras_class(loss), n_outputs, from_logits)
    if isinstance(loss, type) and issubclass(loss, keras.losses.Loss):
        known = getattr(keras.losses, loss.__name__, None) is loss
        return _fit_keras(loss, n_outputs, from_logits) if known else loss()
    if callable(loss):
        return loss
    raise TypeError(
        "Expected the name of a loss, a keras.losses.Loss or a function, got "
        f"{type(loss).__name__} {loss!r}. Pass a name such as 'auroc_crossentropy'."
    )


def _fit_own(name: str, from_logits: bool) -> keras.losses.Loss:
    loss = _OWN[name]()
    if loss.expects_probabilities:
        return OnProbabilities(loss) if from_logits else loss
    if not from_logits:
        raise ValueError(
            f"Expected a network of logits for the loss {name!r}, got one of "
            "probabilities. Drop its last activation."
        )
    return loss


def _find_keras_class(name: str) -> type[keras.losses.Loss]:
    """Return the loss class behind any of Keras's names for it."""
    classes = {
        key.lower(): value
        for key, value in vars(keras.losses).items()
        if isinstance(value, type) and issubclass(value, keras.losses.Loss)
    }
    # Keras's own lookup knows the aliases, but not every loss that it exports.
    exported = name.replace("_", "").lower() if hasattr(keras.losses, name) else ""
    cls = classes.get(exported) or classes.get(_look_up_alias(name))
    if cls is None:
        functions = sorted(
            key
            for key in vars(keras.losses)
            if key.islower()
            and key.replace("_", "") in classes
            and classes[key.replace("_", "")].__name__ not in _NOT_CLASSIFICATION
        )
        raise ValueError(
            f"Expected a loss among {sorted(_OWN)!r} or Keras's {functions!r}, got "
            f"{name!r}. Pass a keras.losses.Loss for one of your own."
        )
    if cls.__name__ in _NOT_CLASSIFICATION:
        raise ValueError(
            f"Expected a loss on one label a row, got {name!r}, which takes "
            "sequences or embeddings. Choose another, such as 'auroc_crossentropy'."
        )
    return cls


def _look_up_alias(name: str) -> str:
    """Return the lower-case class name behind an alias such as "mse", or ""."""
    try:
        found = keras.losses.get(name)
    except ValueError:
        return ""
    return getattr(found, "__name__", type(found).__name__).replace("_", "").lower()


def _fit_keras(
    cls: type[keras.losses.Loss], n_outputs: int, from_logits: bool
) -> keras.losses.Loss:
    sparse = cls.__name__ in _SPARSE
    if not from_logits or "from_logits" not in inspect.signature(cls).parameters:
        return OnProbabilities(cls(), from_logits=from_logits, sparse_labels=sparse)
    loss = cls(from_logits=True)
    if cls.__name__.startswith("Binary"):
        return loss if n_outputs == 1 else OnLogOdds(loss)
    if sparse or n_outputs == 1:
        return OnLogits(loss, sparse_labels=sparse)
    return loss
