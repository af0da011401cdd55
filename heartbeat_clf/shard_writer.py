"""Turn recordings into shards of images, side by side and where they were stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from tqdm import tqdm

from heartbeat_clf.csv_table import read_csv
from heartbeat_clf.image_shards import COLUMNS, ShardFiles, write_settings
from heartbeat_clf.inputs import Failure, Found
from heartbeat_clf.outputs import make_folder, whole_file, write_text
from heartbeat_clf.recording_images import ALGORITHM_VERSION

__all__ = ["ShardCounts", "labels_of", "settings_of", "shard_of", "write_shards"]

# Recordings that are handed to the transformer at a time.
_TOGETHER = 32


class ShardCounts(NamedTuple):
    """How many shards were written and kept, and the recordings left out of them.

    `faults` tells of shards that were taken for whole and had to be made anew.
    """

    written: int
    kept: int
    images: int
    failures: list[Failure]
    faults: list[str]


def shard_of(name: str | os.PathLike[str], total: int) -> int:
    """Return the shard, from 1, that a recording of this name belongs to.

    It depends on the name alone, so that machines agree without talking, and adding
    recordings moves none.

    Examples
    --------
    >>> [shard_of(f"{number}.wav", 4) for number in range(6)]
    [2, 4, 2, 1, 4, 3]
    """
    key = Path(name).as_posix().encode("utf-8", "surrogateescape")
    digest = hashlib.blake2b(key, digest_size=8).digest()
    return int.from_bytes(digest, "big") % total + 1


def settings_of(transformer: Any) -> dict[str, Any]:
    """Return all that decides the image of a file.

    Examples
    --------
    >>> from heartbeat_clf import SpectrogramTransformer
    >>> settings_of(SpectrogramTransformer(n_mels=64))["n_mels"]
    64
    """
    settings = transformer.get_params(deep=False)
    for name in ("cache", "input_rate", "n_jobs", "verbose"):
        del settings[name]
    return settings


def labels_of(source: str) -> dict[str, str]:
    """Return the labels of a table by absolute path, none where it has none.

    Raises
    ------
    ValueError
        If a file is there twice, with another label or subject.
    """
    table = Path(source).expanduser()
    if not (table.is_file() and table.suffix.lower() in (".csv", ".tsv")):
        return {}
    read = read_csv(table)
    if "path" not in read.header:
        return {}
    labels: dict[str, str] = {}
    seen: dict[str, tuple[dict[str, str], int]] = {}
    for cells, line in zip(read.rows, read.lines, strict=True):
        row = dict(zip(read.header, cells, strict=True))
        if not row["path"]:
            continue
        path = os.path.abspath(table.parent / Path(row["path"]).expanduser())
        known = {name: row.get(name, "") for name in ("label", "subject")}
        before, first = seen.setdefault(os.path.realpath(path), (known, line))
        for name, value in known.items():
            if before[name] != value:
                raise ValueError(
                    f"Expected each file once in {str(table)!r}, got {row['path']!r} "
                    f"on lines {first} and {line}, of {name} {before[name]!r} and "
                    f"{value!r}. Delete one of them."
                )
        if known["label"]:
            labels[path] = known["label"]
    return labels


def write_shards(
    recordings: Sequence[Found],
    folder: Path,
    *,
    transformer: Any,
    settings: Mapping[str, Any],
    numbers: Sequence[int] = (1,),
    total: int = 1,
    labels: Mapping[str, str] | None = None,
    overwrite: bool = False,
    verbose: int = 0,
) -> ShardCounts:
    """Write the images of some shards; shards that are whole are kept.

    Parameters
    ----------
    recordings : sequence of Found
        All of them, also those of other shards.
    folder : Path
        Where to write; made if it is not there.
    transformer : SpectrogramTransformer
        Makes the images.
    settings : mapping
        All that decides an image, to be kept beside them.
    numbers : sequence of int, default=(1,)
        Shards to write, from 1.
    total : int, default=1
        Number of shards of the whole.
    labels : mapping of str to str, default=None
        Labels by path.
    overwrite : bool, default=False
        Whether whole shards are made anew.
    verbose : {0, 1}, default=0
        1 shows a progress bar on standard error.

    Returns
    -------
    counts : ShardCounts
        The recordings left out of kept shards are among the failures.

    Raises
    ------
    ValueError
        If the folder was begun with other settings, or a whole shard is of other
        recordings, labels or subjects, or of files that have changed.
    OSError
        If the folder cannot be written to.
    """
    make_folder(folder)
    write_settings(folder, dict(settings), total=total, version=ALGORITHM_VERSION)
    wanted = set(numbers)
    parts: dict[int, list[Found]] = {number: [] for number in sorted(wanted)}
    for item in recordings:
        number = shard_of(item.name, total)
        if number in wanted:
            parts[number].append(item)
    written = kept = n_images = 0
    failures: list[Failure] = []
    faults: list[str] = []
    n_all = sum(map(len, parts.values()))
    with tqdm(total=n_all, unit="recording", disable=not verbose) as progress:
        for number, items in parts.items():
            shard = ShardFiles(folder, number, total)
            summary = None if overwrite else shard.read_summary()
            if summary is not None and (fault := shard.fault(summary)):
                faults.append(fault)
                summary = None
            if summary is None:
                summary = _write(shard, items, transformer, labels or {}, progress)
                written += 1
            else:
                _check_same(shard, summary, _digest(items, labels or {}))
                progress.update(len(items))
                kept += 1
            n_images += summary["images"]
            failures += [Failure(*pair) for pair in summary["failures"]]
    return ShardCounts(written, kept, n_images, failures, faults)


def _write(
    shard: ShardFiles,
    items: list[Found],
    transformer: Any,
    labels: Mapping[str, str],
    progress: Any,
) -> dict[str, Any]:
    """Write the files of a shard, the summary last, and return it."""
    _clear(shard)
    # Before the files are read: one that changes meanwhile is noticed later.
    digest = _digest(items, labels)
    failures: list[tuple[str, str]] = []
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    size = n_images = 0
    with whole_file(shard.data) as partial, partial.open("w+b") as file:
        _write_header(file, 0)
        for item, image, error in _images(items, transformer):
            progress.update()
            if image is None:
                failures.append((str(item.path), error))
                continue
            file.write(np.ascontiguousarray(image, dtype="<f4").data)
            size += image.size
            n_images += 1
            path = os.path.abspath(item.path)
            label = labels.get(path, "")
            rows.writerow([path, item.name, label, item.subject or "", image.shape[1]])
        file.seek(0)
        _write_header(file, size)
        file.flush()
        os.fsync(file.fileno())
    write_text(shard.table, table.getvalue())
    summary = {
        "images": n_images,
        "recordings": digest,
        "bytes": {p.suffix: p.stat().st_size for p in (shard.data, shard.table)},
        "failures": failures,
    }
    # Bytes of names that are not UTF-8 are escaped, so that the file is ASCII.
    write_text(shard.summary, json.dumps(summary, indent=2) + "\n")
    return json.loads(json.dumps(summary))


def _clear(shard: ShardFiles) -> None:
    """Remove what a run that was stopped left behind, the summary first."""
    shard.summary.unlink(missing_ok=True)
    for path in (shard.data, shard.table):
        path.unlink(missing_ok=True)
        for partial in path.parent.glob(f".{path.name}.*.part"):
            partial.unlink(missing_ok=True)


def _images(
    items: list[Found], transformer: Any
) -> Iterator[tuple[Found, np.ndarray | None, str]]:
    for start in itertools.count(0, _TOGETHER):
        chunk = items[start : start + _TOGETHER]
        if not chunk:
            return
        try:
            images = transformer.transform([item.path for item in chunk])
        except (ValueError, TypeError, OSError):
            # One of them is bad: which one, and what of the others?
            yield from (_one(item, transformer) for item in chunk)
        else:
            for item, image in zip(chunk, images, strict=True):
                yield item, image, ""


def _one(item: Found, transformer: Any) -> tuple[Found, np.ndarray | None, str]:
    try:
        return item, transformer.transform([item.path])[0], ""
    except (ValueError, TypeError, OSError) as error:
        return item, None, str(error)


def _write_header(file: BinaryIO, size: int) -> None:
    # NumPy leaves room for the first axis to grow, so that the length stays.
    header = {"descr": "<f4", "fortran_order": False, "shape": (size,)}
    npy_format.write_array_header_1_0(file, header)


def _check_same(shard: ShardFiles, summary: dict[str, Any], digest: str) -> None:
    if summary["recordings"] != digest:
        raise ValueError(
            f"Expected the recordings that {shard.summary.name!r} was made of, got "
            "others: some were added or removed since, or a path, label, subject or "
            "file has changed. Make it anew with --overwrite, or use another folder."
        )


def _digest(items: list[Found], labels: Mapping[str, str]) -> str:
    """Return a hash of all that a shard tells of its recordings, and of their state."""
    digest = hashlib.blake2b(digest_size=20)
    for item in items:
        path = os.path.abspath(item.path)
        told = [item.name.as_posix(), path, labels.get(path, ""), item.subject or ""]
        # JSON keeps the parts apart, and escapes bytes that are not UTF-8.
        digest.update(json.dumps([*told, *_state(item.path)]).encode())
    return digest.hexdigest()


def _state(path: Path) -> tuple[int, ...]:
    """Return size and time of change, in ns; nothing of a file that is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return found.st_size, found.st_mtime_ns
