"""CirCor DigiScope: children and pregnant women in Brazil, four chest positions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from heartbeat_clf._validation import check_choice
from heartbeat_clf.csv_table import read_csv
from heartbeat_clf.datasets._bunch import find_folder, list_some, make_bunch

if TYPE_CHECKING:
    import pandas as pd

TARGETS = ("audible", "murmur", "outcome")
_REMEDY = (
    "Get the recordings with heartbeat_clf.datasets.fetch_circor(), or put the "
    "unpacked files there."
)
DESCRIPTION = """
CirCor DigiScope Phonocardiogram Dataset

Up to one recording or a few at each of four chest positions (AV, PV, TV, MV; Phc is
any other) of children and pregnant women in Brazil, 4 kHz as published. Labels are
given for the patient: murmur Present, Unknown or Absent, outcome Normal or Abnormal.

target="audible" gives each recording a label of its own: "murmur" at the positions
where the murmur of a Present patient was heard, "normal" for every recording of an
Absent one. Other recordings of Present patients and all of Unknown ones are left out.

Subjects are persons: two visits joined by `Additional ID` have the smaller patient
number of the two as subject.

Terms: Open Data Commons Attribution License 1.0 (LICENSE.txt beside the files).
Citation: Oliveira et al., "The CirCor DigiScope Dataset: From Murmur Detection to
Murmur Classification", IEEE JBHI 2022; Goldberger et al., PhysioNet, Circulation 2000.
"""


def load_circor(
    folder: str | os.PathLike[str] | None = None, *, target: str = "audible"
) -> Bunch:
    """Return the CirCor recordings, with labels, persons and patient data.

    Parameters
    ----------
    folder : str, path or None, default=None
        Folder with ``training_data.csv`` and ``training_data``, or one that
        contains it, for instance as ``circor``. None takes the environment variable
        ``HEARTBEAT_CLF_DATA``.
    target : {"audible", "murmur", "outcome"}, default="audible"
        "audible": "murmur" where a murmur was heard against "normal" (patients with
        none); other recordings are left out. "murmur": the patient's "Present",
        "Unknown" or "Absent". "outcome": the patient's "Normal" or "Abnormal".

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray of Path), ``target`` and ``subjects``
        (ndarray of str; subjects are persons), ``subjects_known`` (True),
        ``metadata`` (DataFrame: patient, position, age, sex, murmur and outcome of
        the patient, ``segmentation`` with the path of the .tsv file or "" and the
        other published columns in snake case), ``target_names``, ``notes`` and
        ``DESCR``.

    Raises
    ------
    ValueError
        If `target` is unknown, no folder is named anywhere, or the table of patients
        lacks a column or has an unknown label.
    TypeError
        If `folder` is no path.
    FileNotFoundError
        If the data set, or every recording, is missing.

    References
    ----------
    Oliveira et al. (2022), "The CirCor DigiScope Dataset: From Murmur Detection to
    Murmur Classification", IEEE Journal of Biomedical and Health Informatics.
    """
    check_choice("target", target, TARGETS)
    root = find_folder(
        folder,
        name="circor",
        looked_for="the CirCor files training_data.csv and training_data/",
        is_root=_is_root,
        remedy=_REMEDY,
    )
    if root.name == "training_data" and not (root / "training_data.csv").is_file():
        root = root.parent
    patients = _read_patients(root / "training_data.csv")
    persons = _persons(patients["patient"], patients["additional_id"])
    files, missing, unlisted = _recordings_by_patient(
        root / "training_data", patients["patient"]
    )
    rows: list[tuple[int, Path, str, str]] = []
    n_elsewhere = n_unknown = 0
    for row, patient in enumerate(patients["patient"]):
        for path in files.get(patient, []):
            position = path.stem.split("_")[1]
            label = _label(patients, row, position, target)
            if label is not None:
                rows.append((row, path, position, label))
            elif patients["murmur"][row] == "Unknown":
                n_unknown += 1
            else:
                n_elsewhere += 1
    if not rows:
        raise FileNotFoundError(
            f"Expected recordings such as {patients['patient'][0]}_AV.wav in "
            f"{str(root / 'training_data')!r}, got none. {_REMEDY}"
        )
    notes = []
    if n_elsewhere:
        notes.append(
            f"Left out {n_elsewhere} recordings of Present patients at positions where "
            "no murmur was heard: they have no label of their own."
        )
    if n_unknown:
        notes.append(f"Left out {n_unknown} recordings of Unknown patients.")
    n_joined = len(persons) - len(set(persons))
    if n_joined:
        notes.append(f"Merged {n_joined} second visits with the first: Additional ID.")
    if missing:
        notes.append(f"Listed but not in the folder: {list_some(missing)}.")
    if unlisted:
        notes.append(f"Not in training_data.csv, left out: {list_some(unlisted)}.")
    columns: dict[str, list[Any]] = {
        "patient": [patients["patient"][row] for row, *_ in rows],
        "position": [position for _, _, position, _ in rows],
        "segmentation": [_segmentation_of(path) for _, path, *_ in rows],
    }
    for name, values in patients.items():
        columns.setdefault(name, [values[row] for row, *_ in rows])
    return make_bunch(
        recordings=[path for _, path, *_ in rows],
        target=[label for *_, label in rows],
        subjects=[persons[row] for row, *_ in rows],
        subjects_known=True,
        columns=columns,
        description=DESCRIPTION,
        notes=notes,
    )


def read_segmentation(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the heart-sound segmentation of a CirCor recording.

    Parameters
    ----------
    path : str or path
        A ``.tsv`` file, from the column ``segmentation`` of the metadata.

    Returns
    -------
    segments : DataFrame
        One row a segment: ``start`` and ``end`` in seconds, and ``state``: 1 for S1,
        2 for systole, 3 for S2, 4 for diastole, 0 where nothing is annotated.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has not three columns of numbers.
    """
    import pandas as pd

    try:
        table = pd.read_csv(
            path, sep="\t", header=None, names=["start", "end", "state"]
        ).astype({"start": float, "end": float, "state": int})
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Expected three columns of numbers (start and end in seconds, state) in "
            f"{os.fspath(path)!r}, got a file that reads otherwise: {error}"
        ) from error
    return table


def _is_root(place: Path) -> bool:
    if place.name == "training_data" and (place.parent / "training_data.csv").is_file():
        return True
    return (place / "training_data.csv").is_file() and (
        place / "training_data"
    ).is_dir()


def _read_patients(path: Path) -> dict[str, list[str]]:
    """Return the columns of the table of patients, named in snake case."""
    table = read_csv(path)
    columns = {
        name.strip(" :").lower().replace(" ", "_"): [
            "" if row[place] == "nan" else row[place] for row in table.rows
        ]
        for place, name in enumerate(table.header)
    }
    columns["patient"] = columns.pop("patient_id", [])
    needed = ("patient", "murmur", "murmur_locations", "outcome", "additional_id")
    absent = [name for name in needed if not columns.get(name)]
    if absent:
        raise ValueError(
            f"Expected columns 'Patient ID', 'Murmur', 'Murmur locations', 'Outcome' "
            f"and 'Additional ID' with a row a patient in {str(path)!r}, found "
            f"{table.header!r} and {len(table.rows)} rows. Take the published table."
        )
    known = {
        "murmur": ("Present", "Unknown", "Absent"),
        "outcome": ("Normal", "Abnormal"),
    }
    for name, allowed in known.items():
        for row, value in enumerate(columns[name]):
            if value not in allowed:
                raise ValueError(
                    f"Expected {name} among {allowed} in {str(path)!r}, got {value!r} "
                    f"for patient {columns['patient'][row]!r}."
                )
    columns["additional_id"] = [
        str(int(float(value))) if value else "" for value in columns["additional_id"]
    ]
    return columns


def _persons(patients: list[str], additional: list[str]) -> list[str]:
    """Return the smallest number of each patient's group of joined numbers."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers = sorted({*patients, *filter(None, additional)}, key=_sort_key)
    index = {number: place for place, number in enumerate(numbers)}
    links = [(p, a) for p, a in zip(patients, additional, strict=True) if a]
    ends = np.array([[index[p], index[a]] for p, a in links], dtype=int).reshape(-1, 2)
    graph = coo_array(
        (np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(numbers),) * 2
    )
    group = connected_components(graph, directed=False)[1]
    first: dict[int, str] = {}
    for number in numbers:
        first.setdefault(int(group[index[number]]), number)
    return [first[int(group[index[patient]])] for patient in patients]


def _sort_key(number: str) -> tuple[int, str]:
    return len(number), number


def _recordings_by_patient(
    folder: Path, patients: list[str]
) -> tuple[dict[str, list[Path]], list[str], list[str]]:
    """Return the files of each patient, those listed but missing, those unlisted."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*_*.wav")):
        if not path.name.startswith("."):
            files.setdefault(path.name.split("_")[0], []).append(path)
    present = {path.name for paths in files.values() for path in paths}
    missing = []
    for patient in patients:
        header = folder / f"{patient}.txt"
        if header.is_file():
            lines = header.read_text(encoding="utf-8").splitlines()
            listed = [
                word
                for line in lines
                if not line.startswith("#")
                for word in line.split()
                if word.endswith(".wav")
            ]
            missing += [name for name in listed if name not in present]
        elif patient not in files:
            missing.append(f"{patient}_*.wav")
    known = set(patients)
    unlisted = [
        path.name
        for patient in files
        if patient not in known
        for path in files[patient]
    ]
    return files, missing, unlisted


def _label(
    patients: dict[str, list[str]], row: int, position: str, target: str
) -> str | None:
    murmur = patients["murmur"][row]
    if target == "outcome":
        return patients["outcome"][row]
    if target == "murmur":
        return murmur
    if murmur == "Absent":
        return "normal"
    heard = patients["murmur_locations"][row].split("+")
    return "murmur" if murmur == "Present" and position in heard else None


def _segmentation_of(path: Path) -> str:
    segmentation = path.with_suffix(".tsv")
    return str(segmentation) if segmentation.is_file() else ""
