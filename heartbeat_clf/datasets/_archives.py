"""Download, check and unpack archives; nothing half-written is left behind."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath


def download(url: str, path: Path, *, progressbar: bool, by_hand: str) -> Path:
    """Return `path` after downloading `url` to it, unless it is already there.

    Parameters
    ----------
    url : str
        What to download.
    path : Path
        Where it is stored, whole or not at all.
    progressbar : bool
        Whether to show a progress bar.
    by_hand : str
        Last sentence of the error: what to do without a network.

    Returns
    -------
    path : Path

    Raises
    ------
    ConnectionError
        If the server cannot be reached or answers with an error.
    """
    import pooch

    if path.is_file():
        return path
    downloader = pooch.HTTPDownloader(progressbar=progressbar, timeout=60)
    path.parent.mkdir(parents=True, exist_ok=True)
    # At its usual level pooch prints a hash of every file, and advice on it.
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        pooch.retrieve(
            url,
            known_hash=None,
            fname=path.name,
            path=path.parent,
            downloader=downloader,
        )
    except OSError as error:
        # requests' own errors are OSErrors too.
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
        raise ConnectionError(
            f"Expected to download {url}, got {type(error).__name__}: {error}. "
            f"{by_hand}"
        ) from error
    finally:
        logger.setLevel(level)
    return path


def extract(archive: Path, target: Path) -> None:
    """Unpack a ZIP archive into `target`; a damaged one is deleted.

    Parameters
    ----------
    archive : Path
        The ZIP file.
    target : Path
        Folder to unpack into.

    Raises
    ------
    ValueError
        If it is no whole ZIP archive, or a member would land outside of `target`.
    """
    try:
        with zipfile.ZipFile(archive) as members:
            for member in members.infolist():
                name = member.filename.replace("\\", "/")
                if name.startswith("/") or ".." in PurePosixPath(name).parts:
                    raise ValueError(
                        f"Expected members inside the folder in {archive.name!r}, got "
                        f"{member.filename!r}. The archive was deleted: do not trust "
                        "its source."
                    )
            members.extractall(target)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise ValueError(
            f"Expected a ZIP archive in {str(archive)!r}, got a file that is none or "
            f"is damaged: {error}. It was deleted; try again."
        ) from error
    except ValueError:
        archive.unlink()
        raise


def read_checksums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file named in a ``SHA256SUMS.txt``.

    Raises
    ------
    ValueError
        If a line is not a checksum and a name.
    """
    checksums = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip():
            continue
        digest, _, name = line.strip().partition(" ")
        name = name.strip().removeprefix("*").removeprefix("./")
        if len(digest) != 64 or not name:
            path.unlink()
            raise ValueError(
                f"Expected lines of a SHA-256 and a file name in {path.name!r}, got "
                f"{line[:80]!r}. The server may have answered with a page; try again."
            )
        checksums[name] = digest.lower()
    return checksums


def verify_archive(archive: Path, expected: str) -> None:
    """Raise ValueError and delete the archive if its SHA-256 is not as expected."""
    got = _sha256(archive)
    if got != expected:
        archive.unlink()
        raise ValueError(
            f"Expected SHA-256 {expected!r} for {archive.name!r}, got {got!r}. The "
            "download was deleted; try again."
        )


def verify_files(folder: Path, checksums: Mapping[str, str], archive: Path) -> None:
    """Check every file of `folder` that the list names, and delete the others.

    Parameters
    ----------
    folder : Path
        What was unpacked.
    checksums : mapping
        SHA-256 by path relative to `folder`.
    archive : Path
        Where the files came from; deleted if one of them is wrong.

    Raises
    ------
    ValueError
        If a listed file is missing or has another sum.
    """
    for name, expected in checksums.items():
        path = folder / name
        got = _sha256(path) if path.is_file() else "no such file"
        if got != expected:
            archive.unlink(missing_ok=True)
            raise ValueError(
                f"Expected SHA-256 {expected!r} for {name!r}, got {got!r}. The "
                "download was deleted; try again."
            )
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in checksums:
            path.unlink()


def samples_digest(paths: Iterable[Path]) -> str:
    """Return a SHA-256 over the 16-bit samples of WAV files, whatever their names.

    Parameters
    ----------
    paths : iterable of Path
        Files; their order and headers do not matter.

    Returns
    -------
    digest : str
        SHA-256 of the sorted SHA-256 sums of each file's samples.
    """
    import soundfile

    sums = sorted(
        hashlib.sha256(
            soundfile.read(path, dtype="int16")[0].astype("<i2").tobytes()
        ).digest()
        for path in paths
    )
    return hashlib.sha256(b"".join(sums)).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
