"""A folder that keeps computed images, one ``.npy`` entry a recording."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from heartbeat_clf.mapped_arrays import map_floats
from heartbeat_clf.outputs import make_folder, whole_file

__all__ = ["fetch", "key_of", "make_folder"]


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


def fetch(
    folder: str | os.PathLike[str], key: str, compute: Callable[[], np.ndarray]
) -> np.ndarray:
    """Return an entry, memory-mapped; compute and write it where there is none.

    Parameters
    ----------
    folder : str or Path
        Where entries are kept; made if it does not exist.
    key : str
        Name of the entry.
    compute : callable
        Called without arguments for an image of shape (n_mels, n_frames), float32.

    Returns
    -------
    image : memmap of shape (n_mels, n_frames), float32
        Read-only. An entry that cannot be read is computed anew.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    entry = Path(folder) / f"{key}.npy"
    image = _read(entry)
    if image is not None:
        return image
    computed = compute()
    _write(entry, computed)
    image = _read(entry)
    return computed if image is None else image


def _write(entry: Path, image: np.ndarray) -> None:
    """Write in full under another name first: no reader ever sees half an entry."""
    make_folder(entry.parent)
    # Not np.save into the file, which says nothing of the system's reason.
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(image))
    with whole_file(entry) as partial:
        partial.write_bytes(content.getbuffer())


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
