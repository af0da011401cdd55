"""Find the recordings that a user names: files, folders, patterns and tables."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from heartbeat_clf._validation import check_choice
from heartbeat_clf.csv_table import other_separator_hint, read_csv

if TYPE_CHECKING:
    from sklearn.utils import Bunch

__all__ = [
    "Failure",
    "Found",
    "UsageError",
    "find_recordings",
    "load_labelled",
]

AUDIO_SUFFIXES = frozenset(
    (
        ".aif",
        ".aifc",
        ".aiff",
        ".au",
        ".caf",
        ".flac",
        ".mp3",
        ".oga",
        ".ogg",
        ".opus",
        ".rf64",
        ".snd",
        ".w64",
        ".wav",
    )
)
_TABLE_SUFFIXES = (".csv", ".tsv")
_NO_FILE = (
    "got a pipe or a device, which cannot be read twice. Write what it gives to a file "
    "first, and name that."
)
# The options that each loader takes.
DATASETS = {"pascal": ("subset",), "circor": ("target",), "cinc2016": ("databases",)}


class UsageError(ValueError):
    """Options that cannot be meant; the command line answers with its usage."""


class Found(NamedTuple):
    """A recording, its name below the place searched, its subject if a table tells."""

    path: Path
    name: Path
    subject: str | None = None


class Failure(NamedTuple):
    """Something asked for that got no answer, and why."""

    path: str
    error: str


def find_recordings(inputs: Sequence[str]) -> tuple[list[Found], list[Failure]]:
    """Return the recordings that files, folders, patterns and tables name.

    Parameters
    ----------
    inputs : sequence of str
        Files of any name; folders, searched through for audio files; patterns with
        ``*``, ``?``, ``[...]`` and ``**``; CSV or TSV tables with a column ``path``,
        relative to the table, and a column ``subject`` if there is one.

    Returns
    -------
    found : list of Found
        In the order of `inputs`, sorted within each, every file once, with its
        subject if any table tells it. A file that was named and is not there is found
        too: reading it says so.
    failures : list of Failure
        Inputs that name nothing, and recordings of several subjects.

    Examples
    --------
    >>> find_recordings(["no/such/folder"])[1][0].path
    'no/such/folder'
    """
    found: dict[str, Found] = {}
    disputed: set[str] = set()
    failures: list[Failure] = []
    for text in inputs:
        n_before = len(failures)
        try:
            items = list(_search(text, failures))
        except OSError as error:
            # A name that is too long, or a folder that may not be entered.
            message = f"Expected a file or folder, got the answer {error.strerror!r}."
            failures.append(Failure(text, message))
            continue
        if not items and len(failures) == n_before:
            failures.append(
                Failure(text, "Expected recordings, found no audio file there.")
            )
        for item in items:
            place = os.path.realpath(item.path)
            known = found.setdefault(place, item)
            if known.subject is None and item.subject is not None:
                # Which of the inputs named it first tells nothing of the subject.
                found[place] = known._replace(subject=item.subject)
            elif item.subject not in (None, known.subject):
                message = (
                    "Expected each recording to be of one subject, got it for "
                    f"{known.subject!r} and for {item.subject!r}. Mend the tables."
                )
                failures.append(Failure(str(item.path), message))
                disputed.add(place)
    kept = [item for place, item in found.items() if place not in disputed]
    return kept, failures


def _search(text: str, failures: list[Failure]) -> Iterator[Found]:
    place = Path(text).expanduser()
    if not text:
        # Path("") is the current folder, which nobody means by nothing.
        failures.append(Failure(text, "Expected a file or folder, got no name."))
    elif "\0" in text:
        message = f"Expected a path, got {text!r} with a NUL character. Correct it."
        failures.append(Failure(text, message))
    elif place.is_dir():
        yield from _in_folder(place, place, failures)
    elif place.is_file() and place.suffix.lower() in _TABLE_SUFFIXES:
        yield from _in_table(place, failures)
    elif place.is_file():
        yield Found(place, Path(place.name))
    elif glob.has_magic(text):
        yield from _in_pattern(str(place), failures)
    elif place.exists() or text == "-":
        failures.append(Failure(text, f"Expected a file or folder, {_NO_FILE}"))
    else:
        failures.append(
            Failure(text, "Expected a file, folder or pattern, found nothing there.")
        )


def _is_audio(path: Path) -> bool:
    # Some systems leave "._name.wav" beside name.wav: no sound, hidden.
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def _in_folder(top: Path, base: Path, failures: list[Failure]) -> Iterator[Found]:
    def note(error: OSError) -> None:
        failures.append(Failure(str(error.filename), f"Cannot be searched: {error}"))

    for folder, below, names in os.walk(top, onerror=note):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names)):
            if _is_audio(path):
                yield Found(path, path.relative_to(base))


def _in_pattern(pattern: str, failures: list[Failure]) -> Iterator[Found]:
    parts = Path(pattern).parts
    n_fixed = next(n for n, part in enumerate(parts) if glob.has_magic(part))
    base = Path(*parts[:n_fixed])
    wants_tables = Path(pattern).suffix.lower() in _TABLE_SUFFIXES
    for path in map(Path, sorted(glob.glob(pattern, recursive=True))):
        if path.is_dir():
            yield from _in_folder(path, base, failures)
        elif wants_tables:
            yield from _in_table(path, failures)
        elif _is_audio(path):
            yield Found(path, path.relative_to(base))


def _in_table(table: Path, failures: list[Failure]) -> Iterator[Found]:
    """Yield what a table names; unlike `load_recordings`, row by row."""
    try:
        read = read_csv(table)
    except (ValueError, OSError) as error:
        failures.append(Failure(str(table), str(error)))
        return
    if "path" not in read.header:
        message = (
            f"Expected a column 'path', got the columns {read.header!r}. "
            + other_separator_hint(read.header, "Rename one.")
        )
        failures.append(Failure(str(table), message))
        return
    column = read.header.index("path")
    whose = read.header.index("subject") if "subject" in read.header else None
    alike = [name for name in read.header if name.strip().lower() == "subject"]
    if whose is None and alike:
        # Left aside, a person's recordings would be answered one by one.
        message = f"Expected a column 'subject', got {alike[0]!r}. Rename it."
        failures.append(Failure(str(table), message))
        return
    for row, line in zip(read.rows, read.lines, strict=True):
        text = row[column]
        if not text:
            message = f"Expected a path in every row, got none on line {line}."
            failures.append(Failure(str(table), message))
            continue
        if "\0" in text:
            message = (
                f"Expected a path in every row, got {text!r} with a NUL character on "
                f"line {line}. Correct it."
            )
            failures.append(Failure(str(table), message))
            continue
        path = table.parent / Path(text).expanduser()
        name = os.path.relpath(path, table.parent)
        below = Path(path.name if name.startswith("..") else name)
        yield Found(path, below, None if whose is None else row[whose] or None)


def load_labelled(source: str, *, dataset: str | None = None, **options: Any) -> Bunch:
    """Return the labelled recordings of a table or of a published data set.

    Parameters
    ----------
    source : str
        Table as :func:`~heartbeat_clf.datasets.load_recordings` reads it, or a folder
        with PASCAL, CirCor or CinC 2016 in it.
    dataset : {"pascal", "circor", "cinc2016"} or None, default=None
        Which; needed where the folder has several.
    **options : object
        ``subset`` of PASCAL, ``target`` of CirCor, ``databases`` of CinC 2016; None
        is the loader's own.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        See :mod:`heartbeat_clf.datasets`.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder, or no data set in it.
    ValueError
        If it is a pipe or a device.
    UsageError
        If the folder has several data sets and none is chosen, or an option does not
        belong to it.
    """
    from heartbeat_clf import datasets

    given = {name: value for name, value in options.items() if value is not None}
    place = Path(source).expanduser()
    if place.is_file():
        if dataset is not None or given:
            named = "dataset" if dataset is not None else next(iter(given))
            raise UsageError(
                f"Expected a folder with --{named}, got the table {source!r}. "
                "Leave that option out."
            )
        return datasets.load_recordings(place)
    if place.exists() and not place.is_dir():
        raise ValueError(
            f"Expected a table or a folder of recordings at {source!r}, {_NO_FILE}"
        )
    if not place.is_dir():
        raise FileNotFoundError(
            f"Expected a table or a folder of recordings, found nothing at {source!r}."
        )
    loaders: dict[str, Callable[..., Bunch]] = {
        name: getattr(datasets, f"load_{name}") for name in DATASETS
    }
    if dataset is None:
        dataset = _only_dataset(place, source, loaders, given)
    check_choice("--dataset", dataset, tuple(DATASETS))
    for name in given:
        if name not in DATASETS[dataset]:
            owner = next(key for key, names in DATASETS.items() if name in names)
            raise UsageError(
                f"Expected --{name} with --dataset {owner} only, got it with "
                f"{dataset}. Leave it out."
            )
    return loaders[dataset](place, **given)


def _only_dataset(
    place: Path,
    source: str,
    loaders: dict[str, Callable[..., Bunch]],
    given: dict[str, Any],
) -> str:
    there = []
    for name, loader in loaders.items():
        options = {key: given[key] for key in DATASETS[name] if key in given}
        try:
            loader(place, **options)
        except FileNotFoundError:
            continue
        there.append(name)
    if not there:
        raise FileNotFoundError(
            f"Expected PASCAL, CirCor or CinC 2016 in the folder {source!r}, found "
            "none. Name a CSV table with the columns path, label and subject for "
            "recordings of your own."
        )
    if len(there) > 1:
        raise UsageError(
            f"Expected one data set in the folder {source!r}, found {there!r}. "
            "Choose one with --dataset."
        )
    return there[0]
