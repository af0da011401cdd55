"""``python -m heartbeat_clf`` and ``heartbeat-clf``: the command line."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

__all__ = ["main"]


def main() -> int:
    """Load the command line and run it; return its exit code.

    Returns
    -------
    code : int
        See :func:`heartbeat_clf.cli.main`; 130 also where the loading is interrupted.
    """
    # An exception amid the imports may come out of them as another one.
    waiting = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if waiting:
        signal.signal(signal.SIGINT, _leave)
    from heartbeat_clf.cli import main as run

    if waiting:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


def _leave(*_: Any) -> None:
    os.write(2, b"heartbeat-clf: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
