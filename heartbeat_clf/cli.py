"""The command line ``heartbeat-clf``: arguments in, calls out."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from heartbeat_clf import commands
from heartbeat_clf._validation import PYTHON_ONLY
from heartbeat_clf.arguments import build_parser
from heartbeat_clf.standard_output import print_whole

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    code : int
        0 if everything asked for was done, 1 if something failed, 130 after an
        interruption.

    Raises
    ------
    SystemExit
        With code 2 on wrong usage, with 0 after ``--help`` and ``--version``.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.progress is None:
        options.progress = sys.stderr is not None and sys.stderr.isatty()
    options.verbose = int(options.progress)
    with warnings.catch_warnings(), _Warnings() as shown:
        warnings.showwarning = shown.show
        try:
            outcome = options.run(options, _say)
            for failure in outcome.failures:
                _say(f"heartbeat-clf: {failure.path}: {failure.error}")
            print_whole(outcome.text)
        except commands.UsageError as error:
            options.parser.error(_one_line(error))
        except BrokenPipeError:
            # The reader, such as head, has gone. Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (ValueError, TypeError, OSError, ImportError) as error:
            if options.traceback:
                raise
            _say(f"heartbeat-clf: error: {error}")
            for note in getattr(error, "__notes__", ()):
                if not note.startswith(PYTHON_ONLY):
                    _say(f"heartbeat-clf: error: {note}")
            return 1
        except MemoryError as error:
            if options.traceback:
                raise
            detail = f": {error}" if str(error) else ""
            _say(
                f"heartbeat-clf: error: Expected memory for all that was asked for, "
                f"got too little{detail}. Use smaller settings or shorter recordings."
            )
            return 1
        except KeyboardInterrupt:
            _say("heartbeat-clf: interrupted")
            return 130
    return 1 if outcome.failures else 0


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _say(message: str) -> None:
    if sys.stderr is None:
        # The shell has closed it; print would take standard output instead.
        return
    # Standard error replaces by itself what it cannot encode.
    print(_one_line(message), file=sys.stderr, flush=True)


class _Warnings:
    """Show warnings on a line each; of those that list recordings, one and a sum."""

    def __init__(self) -> None:
        self.recordings: dict[str, None] = {}

    def show(self, message: Any, *_: Any, **__: Any) -> None:
        named = getattr(message, "recordings", ())
        if not (named and self.recordings):
            _say(f"heartbeat-clf: warning: {message}")
        self.recordings.update(dict.fromkeys(named))

    def __enter__(self) -> _Warnings:
        return self

    def __exit__(self, *_: object) -> None:
        if len(self.recordings) > 1:
            _say(
                f"heartbeat-clf: warning: {len(self.recordings)} recordings in all "
                f"have too low a rate: {', '.join(self.recordings)}."
            )
