"""What the commands share: what they return, and which errors are wrong usage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from heartbeat_clf._validation import PYTHON_ONLY
from heartbeat_clf.inputs import Failure, UsageError

__all__ = ["Outcome", "Say", "usage_errors"]

Say = Callable[[str], None]


class Outcome(NamedTuple):
    """What a command has to tell: for standard output, and what failed."""

    text: str
    failures: list[Failure]


@contextlib.contextmanager
def usage_errors() -> Iterator[None]:
    """Have what is raised inside answered with the usage."""
    try:
        yield
    except (ValueError, TypeError) as error:
        notes = getattr(error, "__notes__", ())
        more = [note for note in notes if not note.startswith(PYTHON_ONLY)]
        raise UsageError(" ".join([str(error), *more])) from error
