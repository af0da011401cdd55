"""``python -m heartbeat_clf`` and ``heartbeat-clf``: the command line."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

__all__ = ["main"]

_INTERRUPTED = b"heartbeat-clf: interrupted\n"
_IMPORT_MACHINERY = "<frozen importlib._bootstrap>"


def main() -> int:
    """Load the command line and run it; return its exit code.

    Returns
    -------
    code : int
        See :func:`heartbeat_clf.cli.main`; 130 also where an import, or what
        precedes the command, is interrupted.
    """
    waiting = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if waiting:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from heartbeat_clf.cli import main as run

        return run()
    except KeyboardInterrupt:
        # Before the command itself runs, as while its arguments are read.
        os.write(2, _INTERRUPTED)
        return 130
    finally:
        if waiting:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(_: int, frame: FrameType | None) -> None:
    """Leave at once amid an import, at start or later, and raise elsewhere.

    An exception amid an import may come out of it as another one, or be dropped by
    Python where a callback of the import's locks is running.
    """
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT_MACHINERY:
            os.write(2, _INTERRUPTED)
            os._exit(130)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
