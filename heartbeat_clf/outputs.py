"""Write files whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["check_not_read", "check_target", "whole_file", "write_text"]


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that can be written, before the work is done.

    Parameters
    ----------
    path : str or Path
        File to write later; it may exist.

    Returns
    -------
    target : Path

    Raises
    ------
    IsADirectoryError
        If it is a folder.
    FileNotFoundError
        If its folder does not exist.
    PermissionError
        If its folder cannot be written to.
    """
    target = Path(path).expanduser()
    if target.is_dir():
        raise IsADirectoryError(
            f"Expected a file to write, got the folder {str(target)!r}. "
            "Name a file in it."
        )
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"Expected the folder of {str(target)!r} to exist. Make it first."
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(
            f"Expected a folder that can be written to, got {str(target.parent)!r}. "
            "Name another one."
        )
    return target


def check_not_read(
    target: str | os.PathLike[str], read: Iterable[str | os.PathLike[str]]
) -> None:
    """Raise where a file to be written is one of those that are read.

    Parameters
    ----------
    target : str or Path
        File to write.
    read : iterable of str or Path
        Files and folders that the command reads.

    Raises
    ------
    ValueError
        If `target` is among them, under whatever name.
    """
    place = Path(target).expanduser()
    if not place.exists():
        return
    for source in read:
        with contextlib.suppress(OSError):
            if os.path.samefile(place, source):
                raise ValueError(
                    "Expected an output that is none of the inputs, got "
                    f"{str(target)!r} for both. Name another file to write."
                )


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` once all went well.

    Parameters
    ----------
    path : str or Path
        File to be; an existing one is replaced only once the new one is whole.

    Yields
    ------
    partial : Path
        A hidden file beside it; deleted if the block raises.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "a.txt") as partial:
    ...         _ = partial.write_text("all of it")
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.txt']
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Parameters
    ----------
    path : str or Path
        File to write; an existing one is replaced.
    text : str
        Its content; file names that are not UTF-8 keep their bytes.
    """
    with whole_file(path) as partial:
        partial.write_bytes(text.encode("utf-8", "surrogateescape"))
