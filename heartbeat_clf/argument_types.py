"""Types of the command line's arguments: from text to values, or an error."""

from __future__ import annotations

import argparse
import re

__all__ = ["count", "folds", "jobs", "letters", "pattern", "seed", "shard", "share"]

MOST = 10**9


def pattern(text: str) -> str:
    """Return a regular expression that compiles."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"expected a regular expression, got {text!r}: {error}"
        ) from error
    return text


def letters(text: str) -> str:
    """Return letters of databases of CinC 2016."""
    if not text or set(text) - set("abcdef"):
        raise argparse.ArgumentTypeError(f"expected letters from a to f, got {text!r}")
    return text


def whole(text: str, least: int, most: int, expected: str) -> int:
    """Return a whole number within bounds."""
    # Python refuses to read more than 4300 digits.
    digits = text.removeprefix("-")
    number = int(text) if digits.isdecimal() and len(digits) < 20 else None
    if number is None or not least <= number <= most:
        raise argparse.ArgumentTypeError(
            f"expected a whole number {expected}, got {text!r}"
        )
    return number


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"expected a share of 0 to 1, got {text!r}")
    return number


def count(text: str) -> int:
    """Return a whole number of at least 1."""
    return whole(text, 1, MOST, "of at least 1")


def folds(text: str) -> int:
    """Return a number of folds, at least 2."""
    return whole(text, 2, MOST, "of at least 2")


def seed(text: str) -> int:
    """Return a seed that NumPy and TensorFlow take."""
    return whole(text, 0, 2**31 - 1, f"from 0 to {2**31 - 1}")


def shard(text: str) -> tuple[range, int]:
    """Return the numbers and the total of ``I/N`` or ``A-B/N``."""
    numbers, _, total = text.partition("/")
    first, dash, last = numbers.partition("-")
    try:
        n_shards = whole(total, 1, 99_999, "")
        low = whole(first, 1, n_shards, "")
        high = whole(last, low, n_shards, "") if dash else low
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected I/N or A-B/N with numbers from 1 to N, such as 3/100, got "
            f"{text!r}"
        ) from None
    return range(low, high + 1), n_shards


def jobs(text: str) -> int:
    """Return a number of jobs, negative ones as joblib means them."""
    number = whole(text, -MOST, MOST, "other than 0")
    if number == 0:
        raise argparse.ArgumentTypeError("expected a whole number other than 0, got 0")
    return number
