"""Read CSV tables as text, strictly, with the line number of every row."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CsvTable", "other_separator_hint", "read_csv", "separator_of"]

_AS_UTF8 = (
    "Save it anew as UTF-8: 'CSV UTF-8' in spreadsheet programs, or "
    "iconv -f {encoding} -t UTF-8 in a shell."
)


_OPEN = "a quotation mark that is not closed."
_BEHIND = "a blank or a letter behind a quotation mark that closes a cell."
_SHEET = "Save the sheet as 'CSV UTF-8'."
_SOUND = "A table names recordings in its column path."
_OTHER_FILES = {
    b"PK\x03\x04": ("a spreadsheet or a zip archive", _SHEET),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet of an old Excel", _SHEET),
    b"RIFF": ("a WAV file", _SOUND),
    b"fLaC": ("a FLAC file", _SOUND),
    b"OggS": ("an OGG file", _SOUND),
    b"ID3": ("an MP3 file", _SOUND),
    b"FORM": ("an AIFF file", _SOUND),
}
"""What files that are no tables begin with."""


@dataclass(frozen=True)
class CsvTable:
    """The cells of a CSV file.

    Attributes
    ----------
    header : list of str
        Names of the columns, stripped and different from each other.
    rows : list of list of str
        As many cells each as `header` has, stripped; rows of blanks are left out.
    lines : list of int
        Line of the file, from 1, on which each row begins.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def separator_of(path: Path) -> str:
    """Return what separates the columns of a file: tabs in .tsv and .txt.

    Examples
    --------
    >>> separator_of(Path("table.csv"))
    ','
    """
    return "\t" if path.suffix.lower() in (".tsv", ".txt") else ","


def other_separator_hint(header: list[str], remedy: str) -> str:
    """Return a remedy for a missing column, which another separator may hide.

    Examples
    --------
    >>> other_separator_hint(["path;label"], "Rename one.")
    'Separate the columns by commas: rename one.'
    """
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        return f"Separate the columns by commas: {remedy[0].lower()}{remedy[1:]}"
    return remedy


def read_csv(path: Path) -> CsvTable:
    r"""Return the header and rows of a CSV file in UTF-8.

    Parameters
    ----------
    path : Path
        A file that exists.

    Returns
    -------
    table : CsvTable

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is not in UTF-8, has no header, a column twice, a row with more cells
        than the header, or a quotation mark that is not closed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "table.csv"
    ...     _ = path.write_text("path,label\n\na.wav,normal\n")
    ...     table = read_csv(path)
    >>> table.rows, table.lines
    ([['a.wav', 'normal']], [3])
    """
    name = str(path)
    text = _decode(path.read_bytes(), name)
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator_of(path),
        skipinitialspace=True,
        strict=True,
    )
    header: list[str] = []
    rows, lines = [], []
    begin = 1
    try:
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            row = [cell.strip() for cell in cells]
            if not any(row):
                continue
            if not header:
                header = _check_header(row, name)
                continue
            rows.append(_fit(row, header, line, name))
            lines.append(line)
    except csv.Error as error:
        raise ValueError(
            f"Expected a CSV table in {name!r}, got something else in the row that "
            f"begins on line {begin}: {error}. Look for "
            + (_BEHIND if "expected after" in str(error) else _OPEN)
        ) from error
    if not header:
        raise ValueError(
            f"Expected a CSV table in UTF-8 with a header in {name!r}, got a file "
            "without any text. Write the names of the columns on its first line."
        )
    return CsvTable(header, rows, lines)


def _decode(content: bytes, name: str) -> str:
    is_text = b"\0" not in content[:1000]
    for beginning, (kind, remedy) in _OTHER_FILES.items():
        if not is_text and content.startswith(beginning):
            raise ValueError(
                f"Expected a CSV table in UTF-8 in {name!r}, got {kind}. {remedy}"
            )
    utf_16 = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
    if not is_text or content.startswith(utf_16):
        raise ValueError(
            f"Expected a CSV table in UTF-8 in {name!r}, got what looks like UTF-16. "
            + _AS_UTF8.format(encoding="UTF-16")
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"Expected a CSV table in UTF-8 in {name!r}, got the byte "
            f"0x{content[error.start]:02x} on line {line}, as Latin-1 and Windows "
            f"write letters with accents. {_AS_UTF8.format(encoding='WINDOWS-1252')}"
        ) from error


def _check_header(header: list[str], name: str) -> list[str]:
    while header and not header[-1]:
        header.pop()
    header = [cell or f"column {n}" for n, cell in enumerate(header, start=1)]
    counts = Counter(header)
    for column, count in counts.items():
        if count > 1:
            raise ValueError(
                f"Expected one column {column!r} in {name!r}, got {count}. Rename or "
                "delete one."
            )
    return header


def _fit(row: list[str], header: list[str], line: int, name: str) -> list[str]:
    """Return a row as long as the header; short ones are filled with blanks."""
    if any(row[len(header) :]):
        raise ValueError(
            f"Expected at most {len(header)} cells in every row of {name!r}, as the "
            f"header has, got {len(row)} on line {line}. Put quotation marks around "
            "cells with a separator in them."
        )
    return [*row, *[""] * len(header)][: len(header)]
