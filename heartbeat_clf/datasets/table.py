"""One's own recordings: a table of paths, labels and subjects, read and written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from heartbeat_clf._validation import hint_for_python
from heartbeat_clf.csv_table import other_separator_hint, read_csv
from heartbeat_clf.datasets._bunch import list_some, make_bunch

if TYPE_CHECKING:
    import pandas as pd

# What R, pandas and SQL write for a missing value.
_MISSING = frozenset(("NA", "N/A", "NaN", "nan", "<NA>", "NULL", "null"))
# Without leading zeros: "007" is a name, not the number 7.
_NOT_IN_NAMES = re.compile(r"[^\w. -]|^[. ]+")
_LONGEST_NAME = 60
_INTEGER = re.compile(r"-?(0|[1-9]\d*)")


def load_recordings(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    path: str = "path",
    label: str | None = "label",
    subject: str | None = "subject",
    folder: str | os.PathLike[str] | None = None,
) -> Bunch:
    """Return one's own recordings from a table, with labels and subjects.

    Parameters
    ----------
    table : str, path or DataFrame
        CSV file (``.tsv`` and ``.txt``: tab-separated) or DataFrame, one row a
        recording.
    path : str, default="path"
        Name of the column with the files.
    label : str or None, default="label"
        Name of the column with the classes; None for recordings without labels.
    subject : str or None, default="subject"
        Name of the column that tells persons apart. Without such a column, or with
        None, each recording is its own subject and ``subjects_known`` is False.
    folder : str, path or None, default=None
        What relative paths start from; None takes the folder of the CSV file, and for
        a DataFrame the working directory.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray of Path), ``target`` (ndarray of int if every
        label is an integer, else of str; None with ``label=None``), ``subjects``
        (ndarray of str), ``subjects_known``, ``metadata`` (DataFrame with `path`,
        `label`, `subject` and the table's other columns), ``target_names``,
        ``notes`` and ``DESCR``.

    Raises
    ------
    TypeError
        If `table` is neither a path nor a DataFrame.
    ValueError
        If the table is empty or no table, not in UTF-8, lacks a column or has one
        twice or by another spelling ("Subject"), has a row with more cells than the
        header, a blank path, label or subject, a label that is a fraction, or names a
        file twice.
    FileNotFoundError
        If the table or a recording is not there.

    Examples
    --------
    >>> import tempfile
    >>> from heartbeat_clf.datasets import make_heart_sounds, write_recordings
    >>> sounds = make_heart_sounds(2, duration=1.0, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bunch = load_recordings(write_recordings(sounds, folder))
    >>> len(bunch.recordings), bunch.target_names, bunch.subjects_known
    (4, ['murmur', 'normal'], True)
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        frame, origin, base = table, "the DataFrame", Path.cwd()
        lines = None
    elif isinstance(table, str | os.PathLike):
        source = Path(table).expanduser()
        frame, lines = _read_table(source)
        origin, base = repr(str(source)), source.parent
    else:
        raise TypeError(
            f"Expected a table: the path of a CSV file or a DataFrame, got "
            f"{type(table).__name__}."
        )
    if folder is not None:
        base = Path(folder).expanduser()
    if subject == "subject" and subject not in frame.columns:
        _check_no_column_is_alike(frame, subject, origin)
        subject = None
    _check_columns(frame, [path, label, subject], origin)
    if len(frame) == 0:
        raise ValueError(
            f"Expected at least one recording in {origin}, got a table of no rows. "
            "Add a row for each recording."
        )
    rows = _Rows(lines)
    written = _text_column(frame, path, origin, rows)
    recordings = [base / Path(name).expanduser() for name in written]
    _check_files(recordings, written, origin, rows)
    target = None
    if label is not None:
        texts = _text_column(frame, label, origin, rows)
        target = _as_target(texts, label, origin, rows)
    subjects = (
        [str(recording) for recording in recordings]
        if subject is None
        else _text_column(frame, subject, origin, rows)
    )
    used = {path, label, subject}
    standard = {"path", "label", "subject"}
    columns = {
        f"{name}_original" if name in standard else str(name): frame[name].tolist()
        for name in frame.columns
        if name not in used
    }
    notes = []
    if subject is None:
        notes.append("No subjects in the table: each recording is its own subject.")
    return make_bunch(
        recordings=recordings,
        target=target,
        subjects=subjects,
        subjects_known=subject is not None,
        columns=columns,
        description=f"{len(recordings)} recordings named in {origin}",
        notes=notes,
    )


def write_recordings(
    bunch: Bunch, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write recordings held in memory as WAV files with a table beside them.

    Parameters
    ----------
    bunch : sklearn.utils.Bunch
        From :func:`make_heart_sounds`: ``recordings`` as arrays within ±1,
        ``sample_rate``, ``target`` and ``metadata``.
    folder : str or path
        Where to write; made if it is not there.
    overwrite : bool, default=False
        Whether files of the same names may be replaced.

    Returns
    -------
    table : Path
        ``table.csv`` in that folder, with `path`, `label`, `subject` and the rest of
        the metadata: what :func:`load_recordings` reads.

    Raises
    ------
    TypeError
        If a recording is not a 1-D array, or neither floating nor int16.
    ValueError
        If a recording is empty, or a sample beyond ±1 or NaN.
    FileExistsError
        If the folder has a ``table.csv`` and `overwrite` is False.

    Notes
    -----
    Samples are written as 16-bit PCM, in files that are called by the subject and the
    row; what may not stand in the name of a file becomes "-". The table comes last, so
    that a folder with a table is complete.
    """
    import soundfile

    for row, recording in enumerate(bunch.recordings):
        if not isinstance(recording, np.ndarray) or recording.ndim != 1:
            raise TypeError(
                f"Expected recordings in memory (1-D arrays), got "
                f"{type(recording).__name__} in row {row}. Files need no writing."
            )
        if recording.size == 0:
            raise ValueError(f"Expected samples to write, got none in row {row}.")
        if recording.dtype.kind != "f" and recording.dtype != np.int16:
            raise TypeError(
                "Expected samples of a floating type within ±1, or int16, got "
                f"{recording.dtype} in row {row}. Scale the recording."
            )
        # Of NaN neither is larger.
        if recording.dtype.kind == "f" and not (np.abs(recording) <= 1).all():
            raise ValueError(
                f"Expected samples within ±1, got {np.abs(recording).max():.3g} in row "
                f"{row}, which a file does not hold. Scale or repair the recording."
            )
    place = Path(folder)
    table = place / "table.csv"
    if table.exists() and not overwrite:
        raise FileExistsError(
            f"Expected a folder without a table, but {str(table)!r} exists. "
            "Name another folder or pass overwrite=True."
        )
    table.unlink(missing_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    names = []
    width = len(str(max(len(bunch.recordings) - 1, 0)))
    for row, recording in enumerate(bunch.recordings):
        name = f"{_file_name(str(bunch.subjects[row]))}_{row:0{width}d}.wav"
        soundfile.write(place / name, recording, bunch.sample_rate, subtype="PCM_16")
        names.append(name)
    metadata = bunch.metadata.copy()
    metadata.insert(0, "path", names)
    partial = table.with_suffix(".csv.part")
    metadata.to_csv(partial, index=False)
    partial.replace(table)
    return table


def _file_name(subject: str) -> str:
    return _NOT_IN_NAMES.sub("-", subject)[:_LONGEST_NAME]


class _Rows:
    """How errors name the rows of a table.

    Parameters
    ----------
    lines : list of int or None
        Line of each row in the file; None for a DataFrame.
    """

    def __init__(self, lines: list[int] | None) -> None:
        self.lines = lines

    def short(self, row: int) -> str:
        """Return ``row 0`` or, of a file, ``line 2``."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def __call__(self, *rows: int) -> str:
        named = f"row{'s' * (len(rows) > 1)} {' and '.join(map(str, rows))}"
        if self.lines is None:
            return f"{named} (counted from 0)"
        lines = " and ".join(str(self.lines[row]) for row in rows)
        return f"{named} (counted from 0; line{'s' * (len(rows) > 1)} {lines})"


def _read_table(source: Path) -> tuple[pd.DataFrame, list[int]]:
    import pandas as pd

    if not source.is_file():
        raise FileNotFoundError(
            f"Expected a CSV file with one row a recording, but {str(source)!r} is no "
            "file."
        )
    # pandas would rename a column that is there twice, take longer rows for shifted
    # ones, and read the label "NA" as missing.
    table = read_csv(source)
    cells = np.array(table.rows, dtype=object).reshape(-1, len(table.header))
    return pd.DataFrame(cells, columns=table.header, dtype=str), table.lines


def _check_no_column_is_alike(frame: pd.DataFrame, name: str, origin: str) -> None:
    # Left aside, a person's recordings would stand on both sides of a split.
    for column in frame.columns:
        if str(column).strip().lower() == name:
            raise hint_for_python(
                ValueError(
                    f"Expected a column {name!r} in {origin}, got {str(column)!r}. "
                    "Rename it."
                ),
                f"{name}={str(column)!r} names it, {name}=None leaves it aside.",
            )


def _check_columns(frame: pd.DataFrame, names: list[str | None], origin: str) -> None:
    for name in names:
        if name is None:
            continue
        count = list(frame.columns).count(name)
        if count > 1:
            raise ValueError(
                f"Expected one column {name!r} in {origin}, got {count}. Rename one."
            )
        if count == 0:
            header = [str(column) for column in frame.columns]
            remedy = other_separator_hint(header, "Rename one.")
            hint = f"{_argument(names, name)}=... names it."
            if names.index(name) == 1:
                hint += " label=None is for recordings without labels."
            raise hint_for_python(
                ValueError(
                    f"Expected a column {name!r} in {origin}, got the columns "
                    f"{header!r}. {remedy}"
                ),
                hint,
            )


def _argument(names: list[str | None], name: str) -> str:
    return ("path", "label", "subject")[names.index(name)]


def _text_column(frame: pd.DataFrame, name: str, origin: str, rows: _Rows) -> list[str]:
    """Return a column as stripped text, without blanks."""
    import pandas as pd

    texts = []
    for row, value in enumerate(frame[name]):
        text = "" if value is None or value is pd.NA else _as_text(value)
        if not text:
            raise ValueError(
                f"Expected a {name} in every row of {origin}, got {value!r} in "
                f"{rows(row)}. Fill it in or delete the row."
            )
        if text in _MISSING and name != "path":
            raise ValueError(
                f"Expected a {name} in every row of {origin}, got {text!r} in "
                f"{rows(row)}, which programs write for a missing value. "
                "Fill it in, delete the row, or write the class out."
            )
        texts.append(text)
    return texts


def _as_text(value: Any) -> str:
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        if value.is_integer():
            # A column of integers with one gap comes as floats.
            return str(int(value))
    return str(value).strip()


def _as_target(
    texts: list[str], name: str, origin: str, rows: _Rows
) -> list[int] | list[str]:
    if all(_INTEGER.fullmatch(text) for text in texts):
        return [int(text) for text in texts]
    for row, text in enumerate(texts):
        if re.fullmatch(r"-?\d*\.\d+(e-?\d+)?", text):
            raise ValueError(
                f"Expected classes in column {name!r} of {origin}, got the fraction "
                f"{text!r} in {rows(row)}. Use names or integers."
            )
    return texts


def _check_files(
    recordings: list[Path], written: list[str], origin: str, rows: _Rows
) -> None:
    missing = [row for row, place in enumerate(recordings) if not place.is_file()]
    if missing:
        named = [f"{rows.short(row)}: {written[row]}" for row in missing]
        first = recordings[missing[0]]
        base = "the working directory" if rows.lines is None else "the table's folder"
        raise hint_for_python(
            FileNotFoundError(
                f"Expected a file for every row of {origin}, got {len(missing)} of "
                f"{len(recordings)} missing: {list_some(named)}. The first was looked "
                f"for at {str(first)!r}; relative paths start from {base}."
            ),
            "folder=... gives another start.",
        )
    seen: dict[Path, int] = {}
    for row, place in enumerate(recordings):
        before = seen.setdefault(place.resolve(), row)
        if before != row:
            raise ValueError(
                f"Expected each file once in {origin}, got {written[row]!r} in "
                f"{rows(before, row)}. Delete one of them."
            )
