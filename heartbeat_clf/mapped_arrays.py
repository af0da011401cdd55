"""Arrays that lie in files: mapped into memory, and let go of once looked at."""

from __future__ import annotations

import ctypes
import mmap
import sys
import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["map_floats", "release_pages"]

# Address and size of what `map_floats` has mapped and is still in use.
_mapped: dict[int, int] = {}


def map_floats(
    file: Any, path: Path, offset: int, size: int, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the float32 array that an open file holds, read-only.

    ``numpy.memmap`` holds a file descriptor for each array, and a process has 1024 of
    them by default: too few for a data set. A mapping made by the C library outlives
    its descriptor.

    Parameters
    ----------
    file : file object
        Open to read.
    path : Path
        Its name.
    offset, size : int
        Where the array starts, and the length of the file, in bytes.
    shape : tuple of int
        Of the array.

    Returns
    -------
    array : memmap of `shape`, float32
    """
    if sys.platform == "win32":
        return np.load(path, mmap_mode="r")
    library = _c_library()
    prot_read, map_shared, failed = 1, 1, ctypes.c_void_p(-1).value
    address = library.mmap(None, size, prot_read, map_shared, file.fileno(), 0)
    if address is None or address == failed:
        return np.load(path)
    buffer = (ctypes.c_char * size).from_address(address)
    _mapped[address] = size
    weakref.finalize(buffer, _unmap, address, size).atexit = False
    flat = np.frombuffer(memoryview(buffer), dtype=np.float32, offset=offset)
    array = flat.reshape(shape).view(np.memmap)
    array.flags.writeable = False
    array.filename, array.mode, array.offset = str(path), "r", offset
    return array


def release_pages(image: np.ndarray) -> None:
    """Take the pages of a read-only mapped array out of this process's memory.

    The system reads them again, mostly from its own cache, when they are looked at.
    Without this, going once through a data set leaves all of it resident. Arrays in
    memory, and mappings that may have been written to, are left alone.

    Parameters
    ----------
    image : ndarray
        An array of `map_floats` or a ``numpy.memmap`` of mode "r", or a view of one;
        others are left alone.
    """
    found = _extent(image)
    if found is None or sys.platform == "win32":
        return
    low, size = found
    low, surplus = low - low % mmap.PAGESIZE, low % mmap.PAGESIZE
    # Only a hint: whether it was taken makes no difference to what is read.
    _c_library().madvise(low, size + surplus, mmap.MADV_DONTNEED)


def _extent(image: np.ndarray) -> tuple[int, int] | None:
    """Return address and size of a read-only mapping, or None for other arrays."""
    owner: Any = image
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap) and isinstance(owner.base, mmap.mmap):
            if owner.mode != "r" or not owner.flags.c_contiguous:
                return None
            return owner.ctypes.data, owner.nbytes
        owner = owner.base
    if isinstance(owner, memoryview) and isinstance(owner.obj, ctypes.Array):
        address = ctypes.addressof(owner.obj)
        if address in _mapped:
            return address, _mapped[address]
    return None


def _unmap(address: int, size: int) -> None:
    del _mapped[address]
    _c_library().munmap(address, size)


@lru_cache(maxsize=1)
def _c_library() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_long,
    ]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return library
