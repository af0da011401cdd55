"""PhysioNet/CinC Challenge 2016: six databases from as many groups."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from heartbeat_clf.datasets._bunch import find_folder, list_some, make_bunch

DATABASES = "abcdef"
_LABELS = {"-1": "normal", "1": "abnormal"}
_REMEDY = (
    "Get the recordings with heartbeat_clf.datasets.fetch_cinc2016(), or put the "
    "unpacked files there."
)
DESCRIPTION = """
PhysioNet/Computing in Cardiology Challenge 2016, training set

Recordings of 2 kHz in six databases, a to f, from as many groups: "normal" or
"abnormal". Nothing tells which recordings are of one person, so each counts as its
own subject and a split may share persons.

The database can be told from the spectrum alone, and the share of abnormal records
differs between databases: an AUROC over all six mostly says which database a
recording is from. Report it within each database (`metadata["database"]`), and with
one left out of training. `metadata["signal_quality"]` is 1 for good and 0 for poor
recordings, as published.

Citation: Liu et al., "An open access database for the evaluation of heart sound
algorithms", Physiol. Meas. 2016; Goldberger et al., PhysioNet, Circulation 2000.
"""


def load_cinc2016(
    folder: str | os.PathLike[str] | None = None,
    *,
    databases: str | Iterable[str] = DATABASES,
) -> Bunch:
    """Return the training recordings of CinC 2016, with labels and quality.

    Parameters
    ----------
    folder : str, path or None, default=None
        Folder with ``training-a`` to ``training-f``, or one that contains it, for
        instance as ``cinc2016`` or ``training``. None takes the environment variable
        ``HEARTBEAT_CLF_DATA``.
    databases : str or iterable of str, default="abcdef"
        Letters of the databases to load.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray of Path), ``target`` ("normal" or "abnormal"),
        ``subjects`` (each recording its own), ``subjects_known`` (False),
        ``metadata`` (DataFrame: database, record, signal_quality: 1 good, 0 poor,
        -1 not told), ``target_names``, ``notes`` and ``DESCR``.

    Raises
    ------
    ValueError
        If a database or a label in REFERENCE.csv is unknown, or no folder is named
        anywhere.
    TypeError
        If `folder` is no path.
    FileNotFoundError
        If the data set, one of the databases or every recording is missing.

    References
    ----------
    Liu et al. (2016), "An open access database for the evaluation of heart sound
    algorithms", Physiological Measurement 37.
    """
    letters = sorted(set(databases))
    if not letters or any(letter not in tuple(DATABASES) for letter in letters):
        raise ValueError(
            f"Expected databases to be letters among {DATABASES!r}, got {databases!r}."
        )
    root = find_folder(
        folder,
        name="cinc2016",
        looked_for="the CinC 2016 folders training-a to -f with REFERENCE.csv",
        is_root=lambda place: any(_has_database(place, letter) for letter in DATABASES),
        remedy=_REMEDY,
    )
    absent = [letter for letter in letters if not _has_database(root, letter)]
    if absent:
        there = "".join(lt for lt in DATABASES if _has_database(root, lt))
        raise FileNotFoundError(
            f"Expected training-{absent[0]}/REFERENCE.csv in {str(root)!r}, found the "
            f"databases {there!r}. {_REMEDY} load_cinc2016 takes databases={there!r} "
            "to load what is there."
        )
    notes = []
    if (root / "validation").is_dir() or (root.parent / "validation").is_dir():
        notes.append(
            "Ignored the folder `validation`: it is a copy of training recordings."
        )
    recordings, target = [], []
    columns: dict[str, list[Any]] = {"database": [], "record": [], "signal_quality": []}
    missing = []
    for letter in letters:
        place = root / f"training-{letter}"
        labels = _read_column(place / "REFERENCE.csv", 1)
        sqi = place / "REFERENCE-SQI.csv"
        quality = _read_column(sqi, 2) if sqi.is_file() else {}
        if not quality:
            notes.append(
                f"training-{letter} has no REFERENCE-SQI.csv: quality not told."
            )
        for record, label in labels.items():
            if label not in _LABELS:
                raise ValueError(
                    f"Expected -1 (normal) or 1 (abnormal) in "
                    f"{str(place / 'REFERENCE.csv')!r}, got {label!r} for {record!r}."
                )
            path = place / f"{record}.wav"
            if not path.is_file():
                missing.append(path.name)
                continue
            recordings.append(path)
            target.append(_LABELS[label])
            columns["database"].append(letter)
            columns["record"].append(record)
            columns["signal_quality"].append(int(quality.get(record, -1)))
    if missing:
        notes.append(f"Listed but not in the folder: {list_some(missing)}.")
    if not recordings:
        raise FileNotFoundError(
            f"Expected recordings such as {missing[:1]!r} in {str(root)!r}, got none. "
            f"{_REMEDY}"
        )
    return make_bunch(
        recordings=recordings,
        target=target,
        subjects=columns["record"],
        subjects_known=False,
        columns=columns,
        description=DESCRIPTION,
        notes=notes,
    )


def _has_database(place: Path, letter: str) -> bool:
    return (place / f"training-{letter}" / "REFERENCE.csv").is_file()


def _read_column(path: Path, column: int) -> dict[str, str]:
    """Return one column of a table without header, by its first column."""
    rows = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) <= column:
            raise ValueError(
                f"Expected at least {column + 1} columns in {str(path)!r}, got "
                f"{line!r} in line {number}."
            )
        rows[cells[0]] = cells[column]
    return rows
