"""A folder that keeps computed images, one ``.npy`` entry a recording."""

from __future__ import annotations

import hashlib
import io
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from heartbeat_clf.mapped_arrays import map_floats
from heartbeat_clf.outputs import have_folder, make_folder, whole_file

__all__ = ["find", "have_folder", "keep", "key_of"]


def key_of(recording: Any, settings: dict[str, Any], *, version: int) -> str:
    """Return the name under which the image of a recording is kept.

    Parameters
    ----------
    recording : str, Path or ndarray of shape (n_times,)
        A file, known by its content whatever its name; or samples, known by
        their bytes and type.
    settings : dict
        Everything that decides the image.
    version : int
        Version of the algorithm.

    Returns
    -------
    key : str
        40 hexadecimal digits.

    Raises
    ------
    OSError
        If a path names no file.
    """
    content, settings = _content_of(recording), dict(settings)
    if not isinstance(recording, np.ndarray):
        # Files carry their own rate: arrays alone depend on this setting.
        settings.pop("input_rate", None)
    text = json.dumps(
        [version, content, settings], sort_keys=True, default=_plain_number
    )
    return _digest(text.encode())


def _plain_number(value: Any) -> Any:
    return value.item()


def _content_of(recording: Any) -> str:
    if isinstance(recording, np.ndarray):
        head = f"{recording.dtype.str}{recording.shape}".encode()
        return _digest(head, np.ascontiguousarray(recording).tobytes())
    path = Path(recording).resolve()
    status = path.stat()
    return _hash_file(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 17)
def _hash_file(path: str, size: int, mtime_ns: int) -> str:
    """Hash a file once a process; size and time are there to notice changes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(
            file, lambda: hashlib.blake2b(digest_size=20)
        ).hexdigest()


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def find(folder: str | os.PathLike[str], key: str) -> np.ndarray | None:
    """Return an entry, memory-mapped, or None if it is missing or broken.

    Parameters
    ----------
    folder : str or Path
        Where entries are kept.
    key : str
        Name of the entry.

    Returns
    -------
    image : memmap of shape (n_mels, n_frames), float32, or None
        Read-only.
    """
    return _read(_entry_of(folder, key))


def keep(folder: str | os.PathLike[str], key: str, image: np.ndarray) -> np.ndarray:
    """Write an entry, and return it memory-mapped.

    Parameters
    ----------
    folder : str or Path
        Where entries are kept; made if it does not exist.
    key : str
        Name of the entry; an old one is replaced.
    image : ndarray of shape (n_mels, n_frames), float32
        What to keep.

    Returns
    -------
    image : ndarray of shape (n_mels, n_frames), float32
        Read-only; what was given, if the entry cannot be read back.

    Raises
    ------
    OSError
        If the folder cannot be written to, or the disk is full.
    """
    make_folder(folder)
    # Not np.save into the file, which says nothing of the system's reason.
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(image))
    entry = _entry_of(folder, key)
    # No reader ever sees half an entry.
    with whole_file(entry) as partial:
        partial.write_bytes(content.getbuffer())
    kept = _read(entry)
    return image if kept is None else kept


def _entry_of(folder: str | os.PathLike[str], key: str) -> Path:
    return Path(folder) / f"{key}.npy"


def _read(entry: Path) -> np.ndarray | None:
    """Return an entry memory-mapped, or None if it is missing or broken."""
    try:
        with entry.open("rb") as file:
            npy_format.read_magic(file)
            shape, fortran, dtype = npy_format.read_array_header_1_0(file)
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
            whole = size == offset + int(np.prod(shape)) * dtype.itemsize
            if fortran or dtype != np.float32 or len(shape) != 2 or not whole:
                return None
            return map_floats(file, entry, offset, size, shape)
    except (OSError, ValueError):
        return None
