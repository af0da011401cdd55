"""Write files whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = [
    "check_not_read",
    "check_target",
    "have_folder",
    "make_folder",
    "plain_os_errors",
    "whole_file",
    "write_text",
]

_MOST_LINKS = 40


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
    ValueError
        If it is "-", which other programs take for standard output.
    FileNotFoundError
        If its folder does not exist.
    PermissionError
        If it or its folder cannot be written to.
    OSError
        If its folder takes no files for another reason.
    """
    target = Path(path).expanduser()
    if str(path) == "-":
        raise ValueError(
            "Expected a file to write, got '-'. Leave the option out for standard "
            "output, or write './-'."
        )
    with plain_os_errors(target, "a file that can be written"):
        is_folder, has_folder = target.is_dir(), target.parent.is_dir()
    if is_folder:
        raise IsADirectoryError(
            f"Expected a file to write, got the folder {str(target)!r}. "
            "Name a file in it."
        )
    if not has_folder:
        raise FileNotFoundError(
            f"Expected the folder of {str(target)!r} to exist. Make it first."
        )
    if _open_descriptor(target) is not None:
        return target
    if target.exists() and not os.access(target, os.W_OK):
        # Its folder alone would let it be replaced.
        raise PermissionError(
            f"Expected a file that can be written to, got {str(target)!r}, which is "
            "write-protected. Name another one."
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(
            f"Expected a folder that can be written to, got {str(target.parent)!r}. "
            "Name another one."
        )
    if target.is_file() or not target.exists():
        # Some folders, as of /proc, take no files though their permissions allow it.
        with plain_os_errors(target, "a file that can be written"):
            folder = os.path.dirname(os.path.realpath(target))
            tempfile.TemporaryFile(dir=folder).close()
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
def plain_os_errors(place: str | os.PathLike[str], expected: str) -> Iterator[None]:
    """Raise what the operating system refuses with the place and a remedy.

    Parameters
    ----------
    place : str or Path
        File or folder that the block works on.
    expected : str
        What it was expected to be, such as "a folder that can be written to".

    Raises
    ------
    OSError
        Of the same kind. Errors that are not of the operating system stay.

    Examples
    --------
    >>> import errno
    >>> with plain_os_errors("a.txt", "a file that can be written"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    ...
    OSError: Expected room for 'a.txt', got a full disk. Free some space, or name ...
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        name = str(place)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(
                f"Expected room for {name!r}, got a full disk. Free some space, or "
                "name another place."
            ) from error
        raise type(error)(
            f"Expected {name!r} to be {expected}, got the system's answer "
            f"{error.strerror!r}. Name another place."
        ) from error


def have_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder, made where it is not there, whether it can be written to or not.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    folder : Path

    Raises
    ------
    FileExistsError
        If it is a file.
    OSError
        If it cannot be made.
    """
    folder = Path(path)
    with plain_os_errors(folder, "a folder that can be written to"):
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(
                f"Expected a folder, got the file {str(folder)!r}. Name a folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder to write to, made where it is not there.

    Parameters
    ----------
    path : str or Path
        The folder.

    Returns
    -------
    folder : Path

    Raises
    ------
    FileExistsError
        If it is a file.
    OSError
        If it cannot be made or written to.
    """
    folder = have_folder(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Expected a folder that can be written to, got {str(folder)!r}. "
            "Name another one."
        )
    return folder


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` once all went well.

    Parameters
    ----------
    path : str or Path
        File to be; an existing one is replaced only once the new one is whole, and
        passes its permissions on. A link stays a link to the file. Into a device or a
        pipe the finished content is written, and into what is open already, such as
        ``/dev/stdout``, from where its writer is.

    Yields
    ------
    partial : Path
        A hidden file beside it; deleted if the block raises.

    Raises
    ------
    OSError
        If it cannot be written, with its name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "a.txt") as partial:
    ...         _ = partial.write_text("all of it")
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.txt']
    """
    descriptor = _open_descriptor(path)
    target = Path(path if descriptor is not None else os.path.realpath(path))
    is_special = (target.exists() and not target.is_file()) or descriptor is not None
    folder = Path(tempfile.gettempdir()) if is_special else target.parent
    # Threads, processes and machines may write the same file at once.
    partial = folder / f".{target.name}.{os.urandom(6).hex()}.part"
    with plain_os_errors(target, "a file that can be written"):
        try:
            yield partial
            if is_special:
                # A copy of the descriptor shares its place in the file with others.
                place = target if descriptor is None else os.dup(descriptor)
                with partial.open("rb") as source, open(place, "wb") as sink:
                    shutil.copyfileobj(source, sink)
                return
            if target.exists():
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            os.replace(partial, target)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _open_descriptor(path: str | os.PathLike[str]) -> int | None:
    """Return the number of the open file that a path stands for, if it does.

    Others go on writing to what a shell opened for ``/dev/stdout`` or ``/dev/fd/63``:
    it is not to be replaced, nor opened anew.
    """
    place = os.fspath(path)
    if not os.path.exists(place):
        return None
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(os.path.dirname(place))
        name = os.path.basename(place)
        # Here a process finds what it has open: /dev/stdout is a link into the first.
        if folder in (f"/proc/{os.getpid()}/fd", "/dev/fd") and name.isdecimal():
            return int(name)
        if not os.path.islink(place):
            break
        place = os.path.join(folder, os.readlink(place))
    return None


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
