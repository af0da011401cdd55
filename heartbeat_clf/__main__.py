"""``python -m heartbeat_clf`` and ``heartbeat-clf``: the command line."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

__all__ = ["main"]

_INTERRUPTED = b"heartbeat-clf: interrupted\n"
_IMPORT_MACHINERY = "<frozen importlib._bootstrap>"
_STANDARD_ERROR = 2
_HIGH = 100


def main() -> int:
    """Load the command line and run it; return its exit code.

    Returns
    -------
    code : int
        See :func:`heartbeat_clf.cli.main`; 130 also where an import, or what
        precedes the command, is interrupted.
    """
    waiting = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with _kept_standard_error() as errors:

        def interrupt(_: int, frame: FrameType | None) -> None:
            _leave_amid_import(frame, errors)
            raise KeyboardInterrupt

        if waiting:
            signal.signal(signal.SIGINT, interrupt)
        try:
            from heartbeat_clf.cli import main as run

            return run()
        except KeyboardInterrupt:
            # Before the command itself runs, as while its arguments are read.
            _say_interrupted(errors)
            return 130
        finally:
            if waiting:
                signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _kept_standard_error() -> Iterator[int | None]:
    """Give a way to standard error that stays while it is turned away.

    As it is while TensorFlow is imported, the longest of all imports.
    """
    try:
        kept = _duplicate(_STANDARD_ERROR)
    except OSError:  # no standard error, as in some services
        yield None
        return
    try:
        yield kept
    finally:
        os.close(kept)


def _duplicate(descriptor: int) -> int:
    """Return another number of an open file, above those that a shell gives out.

    The lowest one would make /dev/fd/3 an output, where the caller has none.
    """
    try:
        import fcntl
    except ImportError:  # Windows, which has no such names for open files
        return os.dup(descriptor)
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)


def _leave_amid_import(frame: FrameType | None, errors: int | None) -> None:
    """End the process with a line where an import is going on, at start or later.

    An exception amid an import may come out of it as another one, or be dropped by
    Python where a callback of the import's locks is running.
    """
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_MACHINERY:
            _say_interrupted(errors)
            os._exit(130)
        frame = frame.f_back


def _say_interrupted(errors: int | None) -> None:
    if errors is not None:
        os.write(errors, _INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
