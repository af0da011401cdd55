"""Write a text to standard output, whole or with an error."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

__all__ = ["print_whole"]


def print_whole(text: str) -> None:
    r"""Write all of a text to standard output.

    Parameters
    ----------
    text : str
        What to write; what the encoding lacks, as file names may have, is escaped.

    Raises
    ------
    BrokenPipeError
        If the reader has gone.
    OSError
        If standard output is closed or did not take everything.

    Notes
    -----
    Where Python's output is unbuffered, its streams drop what the system left over of
    a write, as it does at the end of a disk or of a quota, and say nothing. So the
    bytes go to the file itself where there is one.

    Examples
    --------
    >>> print_whole("All of it.\n")
    All of it.
    """
    if not text:
        return
    stream = sys.stdout
    if stream is None:
        # Python has none where the shell has closed it.
        raise OSError(
            "Expected a standard output to write the answer to, got a closed one. "
            "Send it to a file."
        )
    encoding = getattr(stream, "encoding", None) or "utf-8"
    file = _file_below(stream)
    ending = "\n" if file is None else os.linesep
    content = text.replace("\n", ending).encode(encoding, "backslashreplace")
    written = 0
    try:
        stream.flush()
        if file is None:
            stream.write(content.decode(encoding))
            stream.flush()
            return
        while written < len(content):
            written += os.write(file, memoryview(content)[written:])
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "a full disk" if is_full else f"the system's answer {error.strerror!r}"
        raise type(error)(
            f"Expected standard output to take the whole answer, got {reason} after "
            f"{written} of {len(content)} bytes. Free some space, or send it to "
            "another place."
        ) from error


def _file_below(stream: TextIO) -> int | None:
    """Return the descriptor that a stream of Python's own writes to."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw.fileno() if isinstance(raw, io.FileIO) else None
