"""Read the plainest of audio files, 16-bit PCM in a WAV, without a library.

Most published heart sounds are such files. Opening one through libsndfile takes longer
than reading its samples.
"""

from __future__ import annotations

import os
import struct

import numpy as np

__all__ = ["read_plain_wav"]

_HEAD = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_PCM = 1
# More are left to libsndfile, whose limits then hold.
_MOST_CHANNELS = 8
# Headers end well before; a file is read at once where it is no longer than this.
_AT_ONCE = 1 << 24
# Opening a named pipe would wait for a writer otherwise.
_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def read_plain_wav(path: str) -> tuple[np.ndarray, int] | None:
    """Return the samples of a whole 16-bit PCM WAV file, and their rate.

    Parameters
    ----------
    path : str
        Any file.

    Returns
    -------
    samples : ndarray of shape (n_times, n_channels), float32
        Full scale at 1: what libsndfile gives, bit for bit.
    rate : int
        Samples per second, as the header says.

    None stands for every other file, whether another format, damaged, missing or
    long: libsndfile reads it or says what is wrong with it.

    Examples
    --------
    >>> read_plain_wav("missing.wav") is None
    True
    """
    content = _content_of(path)
    if content is None or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    position, shape = 12, None
    while position + _HEAD.size <= len(content):
        name, size = _HEAD.unpack_from(content, position)
        position += _HEAD.size
        if name == b"data":
            break
        if name == b"fmt ":
            if shape is not None or size < _FORMAT.size:
                return None
            if position + _FORMAT.size > len(content):
                return None
            shape = _FORMAT.unpack_from(content, position)
        position += size + size % 2
    else:
        return None
    if shape is None:
        return None
    kind, channels, rate, _, block, bits = shape
    known = kind == _PCM and bits == 16 and 1 <= channels <= _MOST_CHANNELS
    if not known or block != 2 * channels or size == 0 or size % block:
        return None
    if position + size > len(content):
        return None
    pcm = np.frombuffer(content, "<i2", size // 2, position)
    samples = pcm.astype(np.float32)
    samples *= np.float32(2.0**-15)
    return samples.reshape(-1, channels), rate


def _content_of(path: str) -> bytes | None:
    """Return what is in a file, unless it is long or cannot be read.

    Python's file objects take half as long again, and let go of the interpreter six
    times where threads wait for it.
    """
    try:
        file = os.open(path, _FLAGS)
    except (OSError, ValueError):
        # ValueError where there is a NUL character in the name.
        return None
    try:
        size = os.fstat(file).st_size
        return None if size > _AT_ONCE else os.read(file, size)
    except OSError:
        return None
    finally:
        os.close(file)
