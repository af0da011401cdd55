"""Images of many recordings in a few flat files, read back memory-mapped.

A folder holds ``settings.json`` and, for each shard, three files that differ in their
ending: ``.npy``, the float32 images end to end; ``.csv``, a row a recording; ``.json``,
written last, which says that the shard is whole.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from heartbeat_clf._validation import check_choice
from heartbeat_clf.outputs import write_text

__all__ = ["COLUMNS", "ShardFiles", "open_images", "read_settings", "write_settings"]

COLUMNS = ("path", "name", "label", "subject", "n_frames")
FORMAT = "heartbeat_clf images"
FORMAT_VERSION = 1
_REMEDY = (
    "Run the command that made the shard again: it makes anew what is not whole. "
    "With --overwrite it makes all anew."
)


class ShardFiles(NamedTuple):
    """The files of shard `number`, from 1, of `total`."""

    folder: Path
    number: int
    total: int

    def _with(self, suffix: str) -> Path:
        name = f"shard-{self.number:05}-of-{self.total:05}{suffix}"
        return self.folder / name

    @property
    def data(self) -> Path:
        """Images end to end, each of ``n_mels`` rows of its own length."""
        return self._with(".npy")

    @property
    def table(self) -> Path:
        """Path, name, label, subject and number of frames of each image."""
        return self._with(".csv")

    @property
    def summary(self) -> Path:
        """What the shard holds and what was left out; written last."""
        return self._with(".json")

    def read_summary(self) -> dict[str, Any] | None:
        """Return the summary, or None where the shard is not whole."""
        why = "something is missing in it"
        try:
            found = json.loads(self.summary.read_text("utf-8"))
            if {"images", "recordings", "bytes", "failures"} <= set(found) and {
                ".npy",
                ".csv",
            } <= set(found["bytes"]):
                return found
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            why = str(error)
        raise ValueError(
            f"Expected the summary of a shard, got {str(self.summary)!r}: {why}. "
            "Delete it, and make the shard again."
        )

    def fault(self, summary: dict[str, Any]) -> str:
        """Return which file is not there as the summary says, "" where both are."""
        for path in (self.data, self.table):
            expected = summary["bytes"][path.suffix]
            told = f"Expected {expected} bytes in {str(path)!r}, as its summary says, "
            if not path.is_file():
                return told + "found no such file."
            if (size := path.stat().st_size) != expected:
                return told + f"got {size}."
        return ""


def read_settings(folder: Path) -> dict[str, Any] | None:
    """Return what the images of a folder were made with, None where it has none.

    Raises
    ------
    ValueError
        If the file of that name is not of this format.
    """
    place = folder / "settings.json"
    try:
        found = json.loads(place.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(
            f"Expected {str(place)!r} to describe images of heartbeat_clf, got "
            "something else. Name another folder."
        )
    if found["format_version"] != FORMAT_VERSION:
        raise ValueError(
            f"Expected version {FORMAT_VERSION} of the format, got "
            f"{found['format_version']!r} in {str(place)!r}. Install a newer "
            "heartbeat_clf."
        )
    return found


def write_settings(
    folder: Path, settings: dict[str, Any], *, total: int, version: int
) -> None:
    """Write what images are made with, or check that it is what the folder has.

    Parameters
    ----------
    folder : Path
        Folder of the shards; it exists.
    settings : dict
        Settings of the transformer.
    total : int
        Number of shards.
    version : int
        Version of the transformer's algorithm.

    Raises
    ------
    ValueError
        If the folder was begun with others.
    """
    wanted = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "algorithm_version": version,
        "shards": total,
        "settings": settings,
    }
    # As JSON has it: tuples as lists, NumPy's numbers as Python's.
    wanted = json.loads(json.dumps(wanted, default=lambda value: value.item()))
    if read_settings(folder) is None:
        write_text(folder / "settings.json", json.dumps(wanted, indent=2) + "\n")
    # Read again: another process may have been quicker.
    found = read_settings(folder) or {}
    for name, got, expected in (
        ("shards", found.get("shards"), total),
        ("algorithm_version", found.get("algorithm_version"), version),
        *(
            (key, found["settings"].get(key), v)
            for key, v in wanted["settings"].items()
        ),
    ):
        if got != expected:
            raise ValueError(
                f"Expected {name}={got!r}, with which {str(folder)!r} was begun, got "
                f"{expected!r}. Use the same, or another folder."
            )


def open_images(folder: str | os.PathLike[str], *, incomplete: str = "error") -> Bunch:
    """Return the images of a folder of shards, memory-mapped.

    ``heartbeat-clf spectrogram IN FOLDER --format npy`` writes such folders. Nothing
    but the tables is read here: an image is read from disk when it is used, and given
    back when memory runs short.

    Parameters
    ----------
    folder : str or Path
        Where the shards are.
    incomplete : {"error", "skip"}, default="error"
        What becomes of shards that are not there yet.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``images``, object array of shape (n_recordings,) of read-only float32 images
        of shape (n_mels, n_frames_i), as ``SpectrogramTransformer.transform`` gives
        them; ``paths`` and ``names``, object arrays of str; ``target`` and
        ``subjects``, object arrays of str with None for recordings without, or None
        where no recording has one;
        ``settings``, those of the transformer; ``failures``, a list of
        ``(path, error)`` of the recordings that were left out.

    Raises
    ------
    FileNotFoundError
        If the folder is none or holds no shards, or some of them or of their files
        are missing.
    ValueError
        If a file is not what it should be, such as cut off.

    Examples
    --------
    >>> from heartbeat_clf.image_shards import open_images
    >>> found = open_images("images")  # doctest: +SKIP
    >>> HeartbeatClassifier().fit(found.images, found.target)  # doctest: +SKIP
    """
    place = Path(folder)
    check_choice("incomplete", incomplete, ("error", "skip"))
    described = read_settings(place)
    if described is None:
        raise FileNotFoundError(
            f"Expected a folder of images with settings.json, got {str(place)!r}. Make "
            "one: heartbeat-clf spectrogram IN OUT --format npy"
        )
    total, settings = described["shards"], described["settings"]
    shards = [ShardFiles(place, number, total) for number in range(1, total + 1)]
    summaries = {shard: shard.read_summary() for shard in shards}
    missing = [shard.number for shard, found in summaries.items() if found is None]
    if missing and incomplete == "error":
        raise FileNotFoundError(
            f"Expected {total} shards in {str(place)!r}, got all but {len(missing)}, "
            f'such as {missing[0]}. Make them, or use incomplete="skip".'
        )
    images: list[np.ndarray] = []
    rows: list[dict[str, str]] = []
    failures: list[tuple[str, str]] = []
    for shard, summary in summaries.items():
        if summary is None:
            continue
        if fault := shard.fault(summary):
            there = shard.data.is_file() and shard.table.is_file()
            raise (ValueError if there else FileNotFoundError)(f"{fault} {_REMEDY}")
        found, table = _read_shard(shard, settings["n_mels"])
        images += found
        rows += table
        failures += [(path, error) for path, error in summary["failures"]]
    filled = np.empty(len(images), dtype=object)
    filled[:] = images
    return Bunch(
        images=filled,
        paths=_column(rows, "path"),
        names=_column(rows, "name"),
        target=_known(rows, "label"),
        subjects=_known(rows, "subject"),
        settings=settings,
        failures=failures,
    )


def _read_shard(
    shard: ShardFiles, n_mels: int
) -> tuple[list[np.ndarray], list[dict[str, str]]]:
    # Names that are not UTF-8 keep their bytes.
    text = shard.table.read_text("utf-8", "surrogateescape")
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        lengths = np.array([int(row["n_frames"]) for row in rows], dtype=np.int64)
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise ValueError(
            f"Expected the columns {', '.join(COLUMNS)} in {str(shard.table)!r}, got "
            f"something else: {error!r}. {_REMEDY}"
        ) from error
    ends = np.cumsum(lengths * n_mels)
    size = int(ends[-1]) if len(ends) else 0
    try:
        # Nothing can be mapped of a file without numbers.
        flat = np.load(shard.data, mmap_mode="r" if size else None)
    except (ValueError, EOFError) as error:
        raise ValueError(
            f"Expected {size} float32 numbers in {str(shard.data)!r} as its table "
            f"says, got no array of NumPy. {_REMEDY}"
        ) from error
    if flat.dtype != np.float32 or flat.shape != (size,):
        raise ValueError(
            f"Expected {size} float32 numbers in {str(shard.data)!r} as its table "
            f"says, got {flat.shape!r} of {flat.dtype}. {_REMEDY}"
        )
    # A plain array over the map: a memmap an image would take ten times the memory.
    plain = flat.view(np.ndarray)
    images = [
        plain[end - length * n_mels : end].reshape(n_mels, length)
        for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]
    return images, rows


def _column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=object)


def _known(rows: list[dict[str, str]], name: str) -> np.ndarray | None:
    column = np.array([row[name] or None for row in rows], dtype=object)
    return column if any(column) else None
