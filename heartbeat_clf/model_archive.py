"""The file of a saved model: a zip archive of JSON and networks, no code."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from heartbeat_clf._validation import check_number, hint_for_python

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "NO_ARCHIVE",
    "UNREADABLE",
    "damaged",
    "read_model",
]

UNREADABLE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)
"""What reading a description raises where a part of it is missing or another."""

NO_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
)
"""What reading a zip archive raises where it is damaged.

The last two: a flipped bit can ask for a password or an unknown compression.
"""

FORMAT = "heartbeat_clf model"
FORMAT_VERSION = 9
"""2: with the networks of average beats; 3: and a linear judge of them; 4: recordings
of a person weighed by how clearly a heart is heard; 5: a judge of how steadily a heart
beats, and perhaps one of whether the recording sounds familiar; 6: average beats judged
with systole and diastole exchanged as well; 7: a judge that learnt from made murmurs;
8: gaps or hum taken out of recordings; 9: a judge of what both networks hear.

What has none of these is still written as 1, and so on.
"""


def read_model(source: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the description of a saved model and all entries of its file.

    Parameters
    ----------
    source : Path
        File written by :func:`heartbeat_clf.save`.

    Returns
    -------
    description : dict
        What ``model.json`` holds.
    entries : dict of str to bytes
        Content by name.

    Raises
    ------
    OSError
        If the file is missing.
    ValueError
        If it is no such file, damaged, or of a newer format.
    """
    if not source.is_file():
        raise hint_for_python(
            FileNotFoundError(
                f"Expected a saved model, found no file {str(source)!r}. Check the "
                "spelling, or write one with 'heartbeat-clf train'."
            ),
            "heartbeat_clf.save(pipeline, path) writes one.",
        )
    entries = _read_archive(source)
    try:
        description = json.loads(entries["model.json"])
    # ValueError: no JSON, or no text.
    except (KeyError, RecursionError, ValueError) as error:
        raise damaged(source, error) from error
    _check_format(source, description)
    return description, entries


def damaged(source: Path, error: Exception) -> ValueError:
    """Return the error for a model file with a damaged or missing part."""
    problem = repr(error)
    if isinstance(error, KeyError):
        problem = f"no {error.args[0]!r}"
    elif type(error) in (OverflowError, TypeError, ValueError):
        problem = str(error).removesuffix(".")
    return ValueError(
        f"Expected {str(source)!r} to be a whole model saved by heartbeat_clf, "
        f"got one with a damaged or missing part: {problem}."
    )


def _read_archive(source: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(source) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except NO_ARCHIVE as error:
        raise ValueError(
            f"Expected {str(source)!r} to be a model saved by heartbeat_clf, got "
            f"something else or a damaged file: {error}. (joblib.load reads pickles.)"
        ) from error


def _check_format(source: Path, description: Any) -> None:
    found = description.get("format") if isinstance(description, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"Expected {str(source)!r} to be a model saved by heartbeat_clf, got "
            f"format {found!r}."
        )
    try:
        version = check_number(
            "format_version", description["format_version"], minimum=1, integer=True
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(source, error) from error
    if version > FORMAT_VERSION:
        versions = description.get("versions")
        writer = versions.get("heartbeat_clf") if isinstance(versions, dict) else None
        raise ValueError(
            f"Expected a model of format version {FORMAT_VERSION} or lower, got "
            f"{version} in {str(source)!r}. Upgrade heartbeat_clf (written by "
            f"{writer})."
        )
