"""Checks that every module shares, so that all errors speak with one voice."""

from __future__ import annotations

import numbers
from collections.abc import Collection
from typing import Any

import numpy as np

__all__ = [
    "HIGHEST_RATE",
    "LOWEST_RATE",
    "PYTHON_ONLY",
    "check_choice",
    "check_number",
    "check_rate",
    "check_same_length",
    "hint_for_python",
    "resolve_random_state",
]

# Samples per second, twice the highest rate of common sound cards: more is a slip.
HIGHEST_RATE = 768_000
# Below this no heart sound is left, and resampling would blow the recording up.
LOWEST_RATE = 10
# How notes begin that are of no use on the command line.
PYTHON_ONLY = "In Python: "


def check_number(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive: bool = False,
    integer: bool = False,
    optional: bool = False,
) -> Any:
    """Return `value` if it is a finite number within its bounds.

    Parameters
    ----------
    name : str
        Name of the parameter, used in errors.
    value : object
        What was given. A bool is not a number.
    minimum, maximum : float or None, default=None
        Bounds; None leaves that side open.
    exclusive : bool, default=False
        Whether the bounds themselves are refused.
    integer : bool, default=False
        Whether only whole-number types pass.
    optional : bool, default=False
        Whether None passes too.

    Returns
    -------
    value : number or None
        As it came.

    Raises
    ------
    TypeError
        If `value` is not a number of the kind asked for.
    ValueError
        If `value` is not finite or out of bounds.

    Examples
    --------
    >>> check_number("epochs", 3, minimum=1, integer=True)
    3
    """
    if value is None and optional:
        return value
    kind = numbers.Integral if integer else numbers.Real
    expected = "an integer" if integer else "a number"
    bounds = _describe_bounds(minimum, maximum, exclusive)
    if optional:
        bounds += " or None"
    if isinstance(value, bool | np.bool_) or not isinstance(value, kind):
        raise TypeError(
            f"{name} must be {expected}{bounds}, got {type(value).__name__} {value!r}."
        )
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = np.inf
    below = minimum is not None and (
        number <= minimum if exclusive else number < minimum
    )
    above = maximum is not None and (
        number >= maximum if exclusive else number > maximum
    )
    if not np.isfinite(number) or below or above:
        raise ValueError(f"{name} must be {expected}{bounds}, got {value!r}.")
    return value


def check_rate(name: str, value: Any, *, optional: bool = False) -> Any:
    """Return `value` if it is a rate in Hz that sound can have.

    Parameters
    ----------
    name : str
        Name of the parameter, used in errors.
    value : object
        What was given.
    optional : bool, default=False
        Whether None passes too.

    Returns
    -------
    value : number or None
        As it came.

    Raises
    ------
    TypeError
        If `value` is not a number.
    ValueError
        If it is not finite, below 10 Hz or above 768 kHz.

    Examples
    --------
    >>> check_rate("sample_rate", 1000)
    1000
    """
    check_number(name, value, optional=optional)
    if value is None:
        return value
    if value < LOWEST_RATE:
        raise ValueError(
            f"{name} must be at least {LOWEST_RATE} Hz, got {value!r}. Give it in Hz, "
            "not in kHz."
        )
    if value > HIGHEST_RATE:
        raise ValueError(
            f"{name} must be at most {HIGHEST_RATE} Hz, got {value!r}. Heart sounds "
            "need 1000 to 4000."
        )
    return value


def hint_for_python(error: Exception, hint: str) -> Exception:
    """Return `error` with a note that only users of Python are shown.

    Parameters
    ----------
    error : Exception
        Its own message has to serve the command line as well.
    hint : str
        What else there is in Python, such as a keyword argument.

    Returns
    -------
    error : Exception
        The same object. Python prints its notes below the message (PEP 678).

    Examples
    --------
    >>> hint_for_python(ValueError("Expected a."), "Pass a=1.").__notes__
    ['In Python: Pass a=1.']
    """
    error.add_note(f"{PYTHON_ONLY}{hint}")
    return error


def _describe_bounds(
    minimum: float | None, maximum: float | None, exclusive: bool
) -> str:
    lower, upper = (
        ("greater than", "less than") if exclusive else ("at least", "at most")
    )
    parts = []
    if minimum is not None:
        parts.append(f"{lower} {minimum:g}")
    if maximum is not None:
        parts.append(f"{upper} {maximum:g}")
    return " " + " and ".join(parts) if parts else ""


def check_choice(name: str, value: Any, options: Collection[Any]) -> Any:
    """Return `value` if it is one of `options`.

    Parameters
    ----------
    name : str
        Name of the parameter, used in errors.
    value : object
        What was given.
    options : collection
        What is allowed, in the order in which the error lists it.

    Returns
    -------
    value : object
        As it came.

    Raises
    ------
    ValueError
        If `value` equals none of `options`.

    Examples
    --------
    >>> check_choice("subset", "b", ("a", "b"))
    'b'
    """
    for option in options:
        if type(option) is type(value) and option == value:
            return value
    listed = ", ".join(repr(option) for option in options)
    raise ValueError(f"{name} must be one of {listed}, got {value!r}.")


def check_truth(name: str, values: Any) -> np.ndarray:
    """Return which rows are positive, where that is what the values say.

    Parameters
    ----------
    name : str
        Name of the argument, used in errors.
    values : array-like of bool of shape (n_rows,)
        0 and 1 will do.

    Returns
    -------
    truth : ndarray of bool of shape (n_rows,)

    Raises
    ------
    ValueError
        If they are anything else, such as labels.

    Examples
    --------
    >>> check_truth("y", [0, 1])
    array([False,  True])
    """
    array = np.asarray(values)
    if array.dtype == bool:
        return array
    # Columns of tables may hold bools as objects.
    others = [v for v in array.ravel().tolist() if v not in (0, 1)]
    if others or array.dtype.kind in "USc":
        raise ValueError(
            f"Expected {name} of bool, or of 0 and 1, got values such as "
            f"{(others or array.ravel().tolist())[0]!r}. Pass {name} == pos_label."
        )
    return array.astype(bool)


def check_same_length(**named: Any) -> int:
    """Return the length that all arguments share.

    Parameters
    ----------
    **named : sized
        Sequences under the names that errors use for them; None is skipped.

    Returns
    -------
    length : int
        The common length.

    Raises
    ------
    ValueError
        If two lengths differ; both are named.

    Examples
    --------
    >>> check_same_length(X=[1, 2], y=["a", "b"])
    2
    """
    lengths = {name: len(value) for name, value in named.items() if value is not None}
    first_name, first = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != first:
            raise ValueError(
                f"Expected as many items in {name} as in {first_name}, got "
                f"{length} in {name} and {first} in {first_name}. "
                "Give one item a recording in each."
            )
    return first


def resolve_random_state(random_state: Any) -> np.random.Generator:
    """Return a generator for `random_state`, without touching global state.

    Parameters
    ----------
    random_state : None, int, RandomState or Generator
        None draws fresh entropy; an int always gives the same stream; a
        ``RandomState`` is advanced by one draw; a ``Generator`` is returned
        as it is.

    Returns
    -------
    rng : numpy.random.Generator
        The generator to draw from.

    Raises
    ------
    TypeError
        If `random_state` is none of these.
    ValueError
        If it is a negative integer.

    Examples
    --------
    >>> bool(resolve_random_state(0).random() == resolve_random_state(0).random())
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**31 - 1, size=4))
    if random_state is None:
        return np.random.default_rng()
    if isinstance(random_state, bool | np.bool_) or not isinstance(
        random_state, numbers.Integral
    ):
        raise TypeError(
            "random_state must be None, an integer, a RandomState or a Generator, "
            f"got {type(random_state).__name__} {random_state!r}."
        )
    check_number("random_state", random_state, minimum=0, integer=True)
    return np.random.default_rng(int(random_state))
