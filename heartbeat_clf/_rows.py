"""What X may be: one path or 1-D array a recording."""

from __future__ import annotations

import numbers
import os
import reprlib
import sys
from array import array as typed_array
from collections import deque
from typing import Any

import numpy as np

__all__ = ["check_recordings", "is_sparse"]

_ONE_A_ROW = "Expected one path or 1-D array a recording"
_REPLACE = "Replace it by a str, Path or array, or drop the row."
_BUFFERS = (bytes, bytearray, memoryview, typed_array, deque)


def check_recordings(X: Any) -> list[Any]:
    """Return the rows of `X`, one path or 1-D array a recording.

    Parameters
    ----------
    X : sequence of str, Path or 1-D arrays, or 2-D numeric array
        A list, tuple, Series or object array with one item a recording. The
        rows of a 2-D numeric array of shape (n_recordings, n_times) are
        waveforms.

    Returns
    -------
    recordings : list of length n_recordings
        Each item is a ``str``, a ``Path`` or an ndarray of shape (n_times,).

    Raises
    ------
    TypeError
        If `X` is a lone path, no sequence, or holds anything but paths and
        arrays.
    ValueError
        If `X` has no rows, is a lone waveform or an array of more than two
        dimensions, or if an array in it is not 1-D.

    Examples
    --------
    >>> check_recordings(("a.wav", "b.wav"))
    ['a.wav', 'b.wav']
    """
    rows = _rows_of(X)
    if len(rows) == 0:
        raise ValueError(
            f"{_ONE_A_ROW}, got {type(X).__name__} with zero rows. "
            "Give at least one recording."
        )
    if all(_is_number(row) for row in rows):
        raise ValueError(
            f"{_ONE_A_ROW}, got one 1-D numeric {type(X).__name__} of length "
            f"{len(rows)}. Wrap it in a list: [waveform]. Reshape your data with "
            "X.reshape(1, -1) where X has to stay an array."
        )
    return [_check_row(row, index) for index, row in enumerate(rows)]


def _rows_of(X: Any) -> list[Any]:
    if isinstance(X, str | bytes | os.PathLike):
        raise TypeError(f"{_ONE_A_ROW}, got a single {_briefly(X)}. {_remedy(X)}")
    if is_sparse(X):
        raise TypeError(
            f"{_ONE_A_ROW}, got a sparse {type(X).__name__}. "
            "Pass a dense array: X.toarray()."
        )
    if isinstance(X, list | tuple):
        return list(X)
    if isinstance(X, _BUFFERS):
        raise TypeError(f"{_ONE_A_ROW}, got a single {_briefly(X)}. {_remedy(X)}")
    if not hasattr(X, "__array__"):
        raise TypeError(
            f"{_ONE_A_ROW}, in a list, tuple, Series or array; got "
            f"{type(X).__name__}. Pass a list."
        )
    # A view that forgets no mask: what reads the rows refuses it.
    array = np.asanyarray(X) if np.ma.is_masked(X) else np.asarray(X)
    if array.ndim == 0:
        raise TypeError(
            f"{_ONE_A_ROW}, got a single {_briefly(X)}. Wrap it in a list: [path]."
        )
    if array.ndim > 2:
        raise ValueError(
            f"{_ONE_A_ROW}, got an array of shape {array.shape!r}. Pass 1-D "
            "waveforms in a list, or a 2-D array with one waveform a row."
        )
    if array.ndim == 2 and array.dtype.kind not in "biufc":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{_ONE_A_ROW}, got a table of shape {array.shape!r} that is not "
                "numeric. Pass its column of paths alone, such as table['path']."
            ) from error
    if array.ndim == 1 and array.dtype.kind == "U":
        return array.tolist()
    return list(array)


def _briefly(value: Any) -> str:
    """Return what a value is, without the recording that it may hold."""
    kind = type(value).__name__
    if isinstance(value, _BUFFERS):
        return f"{kind} of length {len(value)}"
    return f"{kind} {reprlib.repr(value)}"


def _remedy(value: Any) -> str:
    if isinstance(value, deque | typed_array):
        return "Make an array of it: numpy.array(data)."
    if isinstance(value, _BUFFERS):
        return "Make an array of it: numpy.frombuffer(data, dtype=numpy.int16)."
    return "Wrap it in a list: [path]."


def is_sparse(X: Any) -> bool:
    """Whether `X` is a sparse array or matrix of SciPy.

    Examples
    --------
    >>> is_sparse(np.eye(2))
    False
    """
    # Who has none need not wait for its import.
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(X))


def _is_number(row: Any) -> bool:
    return isinstance(row, numbers.Number | np.generic) and not isinstance(
        row, str | bytes
    )


def _check_row(row: Any, index: int) -> Any:
    if isinstance(row, str | os.PathLike):
        return row
    if isinstance(row, list | tuple) and all(_is_number(value) for value in row):
        return np.asarray(row)
    if not isinstance(row, np.ndarray) and hasattr(row, "__array__"):
        row = np.asarray(row)
    if not isinstance(row, np.ndarray) or row.ndim == 0:
        raise TypeError(
            f"{_ONE_A_ROW}, got {_briefly(row)} in row {index}. "
            + (_remedy(row) if isinstance(row, _BUFFERS) else _REPLACE)
        )
    if row.ndim != 1:
        raise ValueError(
            f"{_ONE_A_ROW}, got an array of shape {row.shape!r} in row {index}. "
            "Mix its channels to one: array.mean(axis=channel_axis)."
        )
    return row
