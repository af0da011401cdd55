"""What a network has learnt, put back where a further training fails."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

__all__ = ["restored_on_error"]


@contextlib.contextmanager
def restored_on_error(network: keras.Model | None) -> Iterator[None]:
    """Leave a network and its optimiser as they were, if the block raises.

    Parameters
    ----------
    network : keras.Model or None
        Compiled; None where there is nothing to put back.
    """
    variables = []
    if network is not None:
        variables = [*network.variables, *network.optimizer.variables]
    values = [np.array(variable.numpy()) for variable in variables]
    try:
        yield
    except BaseException:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        raise
