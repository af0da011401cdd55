"""Whether a file can be read as audio, and is as long as it says."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from heartbeat_clf._validation import HIGHEST_RATE, LOWEST_RATE, hint_for_python

__all__ = ["check_complete", "check_declared", "check_file", "truncated"]

# What a stream of unknown length writes into its header in place of a size.
_UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)

# Of an Ogg page (RFC 3533, section 6): its longest, its header without the table of
# segments, and the flag of the last one.
_LONGEST_PAGE = 65_307
_PAGE_HEAD = 27
_END_OF_STREAM = 0x04


def check_file(name: str) -> None:
    """Raise unless there is such a file, with something in it, that may be read.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        As the system would.
    ValueError
        If it is a pipe or a device, is empty, or its name holds a NUL character.
    """
    if "\0" in os.fsdecode(name):
        raise ValueError(
            f"Expected the path of an audio file, got {name!r} with a NUL character "
            "in it. Correct the path."
        )
    if os.path.isdir(name):
        raise hint_for_python(
            IsADirectoryError(
                f"Expected an audio file, got the folder {name!r}. Name its files."
            ),
            "sorted(Path(folder).glob('*.wav')) lists them.",
        )
    if not os.path.exists(name):
        raise FileNotFoundError(
            f"Expected an audio file, got {name!r}, which does not exist. Check the "
            "spelling, or give the path in full."
        )
    if not os.path.isfile(name):
        raise ValueError(
            f"Expected an audio file, got {name!r}, which is a pipe or a device. "
            "Write what it gives to a file first, and name that."
        )
    if not os.access(name, os.R_OK):
        raise PermissionError(
            f"Expected an audio file that may be read, got {name!r}, which this user "
            "may not. Change its permissions, or leave it out."
        )
    if os.path.getsize(name) == 0:
        raise ValueError(
            f"Expected an audio file, got {name!r}, which is empty (0 bytes). "
            "Copy it again, or leave it out."
        )


def check_declared(name: str, rate: int) -> None:
    """Raise a ValueError where a header names a rate that no sound has."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"Expected a rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz in the header of "
            f"{name!r}, got {rate} Hz. Correct the header, or leave the file out."
        )


def truncated(name: str, promised: str, found: str) -> str:
    """Return what to say of a file that ends before its header says."""
    return (
        f"Expected {promised} as the header of {name!r} says, got {found}: the file "
        "is truncated. Copy it again, or leave it out."
    )


def check_complete(name: str) -> None:
    """Raise if a WAV, AIFF or Ogg file ends before its samples do.

    libsndfile reads such a file without a word, as if it were shorter.
    """
    with Path(name).open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RIFX") and head[8:] == b"WAVE":
            order, wanted = ("<" if head[:4] == b"RIFF" else ">"), b"data"
        elif head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            order, wanted = ">", b"SSND"
        elif head[:4] == b"OggS":
            _check_last_page(name, file)
            return
        else:
            return
        promised = _size_of_chunk(file, wanted, order)
        found = os.path.getsize(name) - file.tell()
    if promised is None:
        raise ValueError(
            f"Expected a {wanted.decode()!r} chunk with the samples in {name!r}, got "
            "a file that ends before it: the file is truncated. Copy it again, or "
            "leave it out."
        )
    if promised not in _UNKNOWN_SIZES and promised > found:
        raise ValueError(
            truncated(name, f"{promised} bytes of samples", f"{found} bytes")
        )


def _check_last_page(name: str, file: BinaryIO) -> None:
    """Raise unless an Ogg file ends in a whole page that says it is the last."""
    size = os.path.getsize(name)
    file.seek(max(0, size - _LONGEST_PAGE - _PAGE_HEAD))
    tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) >= _PAGE_HEAD and page[5] & _END_OF_STREAM:
        body = _PAGE_HEAD + page[26]
        if len(page) >= body + sum(page[_PAGE_HEAD:body]):
            return
    raise ValueError(
        f"Expected an Ogg stream that ends in its last page in {name!r}, got a file "
        "that ends before it: the file is truncated. Copy it again, or leave it out."
    )


def _size_of_chunk(file: BinaryIO, wanted: bytes, order: str) -> int | None:
    """Walk an IFF file to the chunk `wanted`; None where the file ends before."""
    while len(head := file.read(8)) == 8:
        size = int(struct.unpack(f"{order}4sI", head)[1])
        if head[:4] == wanted:
            return size
        file.seek(size + size % 2, os.SEEK_CUR)
    return None
