"""Download the published data sets from their publishers, checked, and load them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sklearn.utils import Bunch

from heartbeat_clf._validation import check_choice
from heartbeat_clf.datasets._archives import (
    download,
    extract,
    read_checksums,
    samples_digest,
    verify_archive,
    verify_files,
)
from heartbeat_clf.datasets.cinc2016 import DATABASES, load_cinc2016
from heartbeat_clf.datasets.circor import load_circor
from heartbeat_clf.datasets.pascal import LABELS, load_pascal, parse_name

PASCAL_URL = "http://www.peterjbentley.com/heartchallenge/wav"
PHYSIONET_URL = "https://physionet.org"
CIRCOR_ARCHIVE = "circor-heart-sound-1.0.3.zip"
CINC2016_ARCHIVE = "challenge-2016-training.zip"
# Archive: number of recordings, and digest of their samples (see samples_digest).
PASCAL_ARCHIVES: dict[str, dict[str, tuple[int, str]]] = {
    "a": {
        "Atraining_normal.zip": (
            31,
            "cff35adfa4ba005ec0ba30f7b8c5692388cbe3649c20f22350b48bb25d233330",
        ),
        "Atraining_murmur.zip": (
            34,
            "1edd8221e16a79103389cbef9e9d4702c47d1de898f56acd6b59ec40515c7753",
        ),
        "Atraining_extrahs.zip": (
            19,
            "274538db45a3bafdfcd914e78d2ba71607325813629d6ab776da5f55c704b1c9",
        ),
        "Atraining_artifact.zip": (
            40,
            "feebeb75f9538c4d4eb4e255e34cd4c46b9440187cc9f8e147626c94c13a7a95",
        ),
        "Aunlabelledtest.zip": (
            52,
            "46da150d540dcc0d5964d93171daeb9f580973e3a99cd5ba2452a8bb413a6d4a",
        ),
    },
    "b": {
        "Btraining_normal.zip": (
            320,
            "444f33dd1288b4ec208906b0a21135d7bee80879a9f78617a498f25f23da2cab",
        ),
        "Btraining_murmur.zip": (
            95,
            "4917ef727068d6b3e917972eac7cd4da3e73869ca9835cbc0494f870ef5cf547",
        ),
        "Btraining_extrasystole.zip": (
            46,
            "e25c5ef823ce29563188376d3e1898b456c7e27841e6e64bedf7a557c157d718",
        ),
        "Bunlabelledtest.zip": (
            195,
            "3c71bfe9871cc2d16f38a5617a54341dbbd7633908ad5ab297a0d94ff157d901",
        ),
    },
}


def fetch_pascal(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: str = "b",
    labels: Sequence[str] = ("normal", "murmur"),
    download_if_missing: bool = True,
    verify: bool = True,
    progressbar: bool = True,
    base_url: str = PASCAL_URL,
) -> Bunch:
    """Return the PASCAL recordings, downloaded from the challenge's page if need be.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder in which ``pascal`` is made; None takes the user's cache folder for
        heartbeat_clf.
    subset : {"a", "b"}, default="b"
        Which set to download (about 85 MB and 30 MB) and load.
    labels : sequence of str, default=("normal", "murmur")
        See :func:`load_pascal`.
    download_if_missing : bool, default=True
        If False, raise when the set is not in `data_home`.
    verify : bool, default=True
        Whether to compare the samples with known digests. The publisher gives no
        checksums; ours are over the decoded samples of the public copies. The number
        of recordings is compared in any case.
    progressbar : bool, default=True
        Whether to show a progress bar for each archive.
    base_url : str
        Where the archives are.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As from :func:`load_pascal`.

    Raises
    ------
    ConnectionError
        If an archive cannot be downloaded.
    FileNotFoundError
        If the set is not there and `download_if_missing` is False.
    ValueError
        If an archive is not what it should be, or an argument is wrong.

    Notes
    -----
    Recordings are stored under the names of the public copies, such as
    ``set_b/normal_noisynormal_101_1305030823364_B.wav``. Names inside the archives
    begin with the subject or the date; the label comes from the archive and its
    folders. Both ways of naming are understood.
    """
    check_choice("subset", subset, tuple(LABELS))
    home = _data_home(data_home)
    place = home / "pascal" / f"set_{subset}"

    def get(partial: Path) -> None:
        archives = PASCAL_ARCHIVES[subset]
        for archive, (count, digest) in archives.items():
            source = download(
                f"{base_url.rstrip('/')}/{archive}",
                home / "archives" / archive,
                progressbar=progressbar,
                by_hand=_by_hand(place, "load_pascal"),
            )
            _unpack_pascal(source, partial, subset, count, digest if verify else None)

    _provide(place, get, download_if_missing)
    _discard(home / "archives", PASCAL_ARCHIVES[subset])
    return load_pascal(home, subset=subset, labels=labels)


def fetch_circor(
    *,
    data_home: str | os.PathLike[str] | None = None,
    target: str = "audible",
    download_if_missing: bool = True,
    progressbar: bool = True,
    base_url: str = PHYSIONET_URL,
) -> Bunch:
    """Return the CirCor recordings, downloaded from PhysioNet if need be.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder in which ``circor`` is made; None takes the user's cache folder for
        heartbeat_clf.
    target : {"audible", "murmur", "outcome"}, default="audible"
        See :func:`load_circor`.
    download_if_missing : bool, default=True
        If False, raise when the data set is not in `data_home`.
    progressbar : bool, default=True
        Whether to show a progress bar (about 550 MB).
    base_url : str
        Where PhysioNet is.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As from :func:`load_circor`.

    Raises
    ------
    ConnectionError
        If a file cannot be downloaded.
    FileNotFoundError
        If the data set is not there and `download_if_missing` is False.
    ValueError
        If a file differs from PhysioNet's SHA256SUMS.txt, or `target` is unknown.

    Notes
    -----
    Version 1.0.3 comes as one archive, whose files are compared one by one with
    PhysioNet's SHA256SUMS.txt.
    """
    base = base_url.rstrip("/")
    home = _data_home(data_home)
    place = home / "circor"

    def get(partial: Path) -> None:
        _get_physionet(
            f"{base}/content/circor-heart-sound/get-zip/1.0.3/",
            f"{base}/files/circor-heart-sound/1.0.3/SHA256SUMS.txt",
            archive=home / "archives" / CIRCOR_ARCHIVE,
            partial=partial,
            marker="training_data.csv",
            progressbar=progressbar,
            by_hand=_by_hand(place, "load_circor"),
        )

    _provide(place, get, download_if_missing)
    _discard(home / "archives", [CIRCOR_ARCHIVE])
    return load_circor(place, target=target)


def fetch_cinc2016(
    *,
    data_home: str | os.PathLike[str] | None = None,
    databases: str | Iterable[str] = DATABASES,
    download_if_missing: bool = True,
    progressbar: bool = True,
    base_url: str = PHYSIONET_URL,
) -> Bunch:
    """Return the CinC 2016 recordings, downloaded from PhysioNet if need be.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder in which ``cinc2016`` is made; None takes the user's cache folder for
        heartbeat_clf.
    databases : str or iterable of str, default="abcdef"
        Which to load; all are downloaded. See :func:`load_cinc2016`.
    download_if_missing : bool, default=True
        If False, raise when the data set is not in `data_home`.
    progressbar : bool, default=True
        Whether to show a progress bar (about 180 MB).
    base_url : str
        Where PhysioNet is.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        As from :func:`load_cinc2016`.

    Raises
    ------
    ConnectionError
        If a file cannot be downloaded.
    FileNotFoundError
        If the data set is not there and `download_if_missing` is False.
    ValueError
        If the archive differs from PhysioNet's SHA256SUMS.txt, or a database is
        unknown.
    """
    base = base_url.rstrip("/") + "/files/challenge-2016/1.0.0"
    home = _data_home(data_home)
    place = home / "cinc2016"

    def get(partial: Path) -> None:
        _get_physionet(
            f"{base}/training.zip",
            f"{base}/SHA256SUMS.txt",
            archive=home / "archives" / CINC2016_ARCHIVE,
            partial=partial,
            marker="training-a",
            progressbar=progressbar,
            by_hand=_by_hand(place, "load_cinc2016"),
        )

    _provide(place, get, download_if_missing)
    _discard(home / "archives", [CINC2016_ARCHIVE])
    return load_cinc2016(place, databases=databases)


def _data_home(data_home: str | os.PathLike[str] | None) -> Path:
    if data_home is not None:
        return Path(data_home).expanduser()
    import pooch

    return Path(pooch.os_cache("heartbeat_clf"))


def _by_hand(place: Path, loader: str) -> str:
    return (
        f"Try again later, or put the unpacked files in {str(place)!r} by hand and "
        f"call {loader}({str(place.parent)!r})."
    )


def _provide(
    place: Path, get: Callable[[Path], None], download_if_missing: bool
) -> None:
    """Make `place` by `get` unless it is there: whole, or not at all."""
    if place.is_dir():
        return
    if not download_if_missing:
        raise FileNotFoundError(
            f"Expected the data set in {str(place)!r}, which is not there, while "
            "download_if_missing=False. Call again with download_if_missing=True."
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".partial-") as folder:
        partial = Path(folder) / place.name
        partial.mkdir()
        get(partial)
        partial.replace(place)


def _discard(store: Path, archives: Iterable[str]) -> None:
    """Delete archives that are unpacked, and their folder if it is then empty."""
    for archive in archives:
        (store / archive).unlink(missing_ok=True)
    if store.is_dir() and not any(store.iterdir()):
        store.rmdir()


def _unpack_pascal(
    source: Path, target: Path, subset: str, count: int, digest: str | None
) -> None:
    """Copy the recordings of one archive to `target`, under their common names."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # The archive's own name is the outermost folder: it may be all there is to
        # tell the label.
        inside = Path(folder) / source.stem
        extract(source, inside)
        found = {}
        for path in sorted(inside.rglob("*")):
            shown = path.relative_to(folder)
            hidden = path.name.startswith(".") or "__MACOSX" in shown.parts
            if path.suffix.lower() == ".wav" and not hidden:
                name = parse_name(shown)
                if name is None or name.subset != subset:
                    source.unlink()
                    raise ValueError(
                        f"Expected recordings of set_{subset} in {source.name!r}, got "
                        f"{str(shown)!r}. The archive was deleted; try again."
                    )
                found[name.stem] = path
        if len(found) != count:
            source.unlink()
            raise ValueError(
                f"Expected {count} recordings in {source.name!r}, got {len(found)}. "
                "The archive was deleted; try again."
            )
        if digest is not None:
            got = samples_digest(found.values())
            if got != digest:
                source.unlink()
                raise ValueError(
                    f"Expected samples with digest {digest!r} in {source.name!r}, got "
                    f"{got!r}. The archive was deleted; try again, or pass "
                    "verify=False to take it as it is."
                )
        for stem, path in found.items():
            shutil.move(path, target / f"{stem}.wav")


def _get_physionet(
    archive_url: str,
    sums_url: str,
    *,
    archive: Path,
    partial: Path,
    marker: str,
    progressbar: bool,
    by_hand: str,
) -> None:
    """Fill `partial` with what a PhysioNet archive holds beside `marker`, checked."""
    sums_file = archive.parent / f"{archive.stem}-SHA256SUMS.txt"
    sums_file.unlink(missing_ok=True)
    download(sums_url, sums_file, progressbar=False, by_hand=by_hand)
    checksums = read_checksums(sums_file)
    sums_file.unlink()
    download(archive_url, archive, progressbar=progressbar, by_hand=by_hand)
    published = archive_url.rsplit("/", 1)[-1]
    if published in checksums:
        verify_archive(archive, checksums[published])
    unpacked = partial.parent / "unpacked"
    extract(archive, unpacked)
    marks = sorted(unpacked.rglob(marker), key=lambda mark: len(mark.parts))
    if not marks:
        archive.unlink()
        raise ValueError(
            f"Expected {marker!r} in the archive from {archive_url}, found none. "
            "The archive was deleted; try again."
        )
    top = marks[0].parent
    if published not in checksums:
        verify_files(top, checksums, archive)
    partial.rmdir()
    top.replace(partial)
