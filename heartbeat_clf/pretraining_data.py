"""Recordings of several data sets with one column of targets an output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from heartbeat_clf._validation import check_choice

__all__ = [
    "TrainingSet",
    "check_folds",
    "check_sets",
    "from_cinc2016",
    "from_circor",
    "from_table",
    "join_targets",
    "joined_subjects",
    "sparse_outputs",
]

LABEL_OUTPUTS = {
    frozenset({"murmur", "normal"}): ("murmur", "murmur"),
    frozenset({"abnormal", "normal"}): ("abnormal", "abnormal"),
}
"""Labels of a table of one's own: the output that learns them, the positive label."""


@dataclass(frozen=True)
class TrainingSet:
    """The recordings of one data set.

    Attributes
    ----------
    name : str
        Of the data set.
    recordings : ndarray of object of shape (n_recordings,)
        Files.
    subjects : ndarray of str of shape (n_recordings,)
        Persons, or the recordings' own names where nobody tells persons apart.
    targets : DataFrame of shape (n_recordings, n_outputs)
        0 or 1 in a column an output, NaN where an output has nothing to learn.
    strata : ndarray of str of shape (n_recordings,)
        What batches are balanced over.
    shares : dict of str to float
        Windows of each stratum in relation to each other.
    metadata : DataFrame
        As the loader gives it.
    """

    name: str
    recordings: np.ndarray
    subjects: np.ndarray
    targets: pd.DataFrame
    strata: np.ndarray
    shares: dict[str, float]
    metadata: pd.DataFrame

    def take(self, rows: np.ndarray | Sequence[int]) -> TrainingSet:
        """Return some of the recordings; strata without any drop out."""
        rows = np.asarray(rows, dtype=int)
        strata = self.strata[rows]
        return TrainingSet(
            name=self.name,
            recordings=self.recordings[rows],
            subjects=self.subjects[rows],
            targets=self.targets.iloc[rows].reset_index(drop=True),
            strata=strata,
            shares={k: v for k, v in self.shares.items() if k in set(strata)},
            metadata=self.metadata.iloc[rows].reset_index(drop=True),
        )


def from_circor(
    folder: str | Path, shares: dict[str, float] | None = None
) -> TrainingSet:
    """Return CirCor with the outputs ``murmur``, ``unknown`` and ``loud``.

    Parameters
    ----------
    folder : str or path
        As :func:`heartbeat_clf.datasets.load_circor` takes it.
    shares : dict, default=None
        Shares of the strata; None for equal ones.

    Returns
    -------
    data : TrainingSet
        ``murmur``: 1 where the murmur was heard, 0 for patients without one, nothing
        elsewhere. ``loud``: the same, 1 only for a systolic grade of III/VI.
        ``unknown``: 1 for patients whom the experts could not tell. Strata:
        "murmur", "normal", "unknown" and "elsewhere" (Present patients at positions
        where no murmur was heard).
    """
    from heartbeat_clf.datasets.circor import load_circor

    bunch = load_circor(folder, target="murmur")
    table = bunch.metadata
    murmur = table["murmur"].to_numpy()
    heard = np.array(
        [
            position in str(places).split("+")
            for position, places in zip(
                table["position"], table["murmur_locations"], strict=True
            )
        ]
    ) & (murmur == "Present")
    absent, unknown = murmur == "Absent", murmur == "Unknown"
    known = heard | absent
    loud = heard & (table["systolic_murmur_grading"].to_numpy() == "III/VI")
    strata = np.select(
        [heard, absent, unknown], ["murmur", "normal", "unknown"], "elsewhere"
    )
    return TrainingSet(
        name="circor",
        recordings=bunch.recordings,
        subjects=bunch.subjects,
        targets=pd.DataFrame(
            {
                "murmur": np.where(known, heard, np.nan),
                "unknown": unknown.astype(float),
                "loud": np.where(known, loud, np.nan),
            }
        ),
        strata=strata,
        shares=_complete("circor", shares, strata),
        metadata=table,
    )


def from_cinc2016(
    folder: str | Path, shares: dict[str, float] | None = None
) -> TrainingSet:
    """Return CinC 2016 with the output ``abnormal``.

    Within each database, normal and abnormal windows are drawn in equal numbers, so
    that the database, which the spectrum gives away, tells nothing of the label.
    Databases are drawn by the square root of their sizes.

    Parameters
    ----------
    folder : str or path
        As :func:`heartbeat_clf.datasets.load_cinc2016` takes it.
    shares : dict, default=None
        Shares of the strata, named as "a/normal".

    Returns
    -------
    data : TrainingSet
    """
    from heartbeat_clf.datasets.cinc2016 import load_cinc2016

    bunch = load_cinc2016(folder)
    databases = bunch.metadata["database"].to_numpy().astype(str)
    strata = np.array(
        [f"{d}/{label}" for d, label in zip(databases, bunch.target, strict=True)]
    )
    if shares is None:
        shares = {
            stratum: float(np.sqrt((databases == stratum.split("/")[0]).sum()))
            for stratum in np.unique(strata).tolist()
        }
    return TrainingSet(
        name="cinc2016",
        recordings=bunch.recordings,
        subjects=bunch.subjects,
        targets=pd.DataFrame({"abnormal": (bunch.target == "abnormal").astype(float)}),
        strata=strata,
        shares=_complete("cinc2016", shares, strata),
        metadata=bunch.metadata,
    )


def from_table(path: str | Path, shares: dict[str, float] | None = None) -> TrainingSet:
    """Return recordings of one's own.

    Parameters
    ----------
    path : str or path
        A table as :func:`heartbeat_clf.datasets.load_recordings` takes it, with the
        labels "murmur" and "normal", or "abnormal" and "normal".
    shares : dict, default=None
        Shares of the two labels; None for equal ones.

    Returns
    -------
    data : TrainingSet
        With the output ``murmur`` or ``abnormal``.

    Raises
    ------
    ValueError
        If the table has other labels.
    """
    from heartbeat_clf.datasets.table import load_recordings

    bunch = load_recordings(path)
    labels = frozenset(map(str, bunch.target))
    if labels not in LABEL_OUTPUTS:
        raise ValueError(
            f"Expected the labels of {str(path)!r} to be 'murmur' and 'normal', or "
            f"'abnormal' and 'normal', got {sorted(labels)}."
        )
    output, positive = LABEL_OUTPUTS[labels]
    strata = np.asarray(bunch.target).astype(str)
    name = Path(path).stem
    return TrainingSet(
        name=name,
        recordings=bunch.recordings,
        subjects=bunch.subjects,
        targets=pd.DataFrame({output: (strata == positive).astype(float)}),
        strata=strata,
        shares=_complete(name, shares, strata),
        metadata=bunch.metadata,
    )


def _complete(
    name: str, shares: dict[str, float] | None, strata: np.ndarray
) -> dict[str, float]:
    found = np.unique(strata).tolist()
    if shares is None:
        return dict.fromkeys(found, 1.0)
    for stratum, share in shares.items():
        if not share >= 0:
            raise ValueError(
                f"Expected the share of {stratum!r} in {name!r} to be 0 or more, got "
                f"{share!r}."
            )
    for stratum in found:
        check_choice(f"stratum of {name}", stratum, tuple(shares))
    return {stratum: float(shares[stratum]) for stratum in found}


def join_targets(data: Sequence[TrainingSet], outputs: Sequence[str]) -> np.ndarray:
    """Return the targets of all data sets, one below the other.

    Parameters
    ----------
    data : sequence of TrainingSet
        The data sets.
    outputs : sequence of str
        Outputs of the network, which are the columns.

    Returns
    -------
    targets : ndarray of float32 of shape (n_recordings, n_outputs)
        0 or 1, NaN where an output has nothing to learn.

    Raises
    ------
    ValueError
        If the recordings that an output learns from are of one class, or none.
    """
    joined = _join(data, outputs)
    for name in _one_sided(joined, outputs):
        known = sorted({str(label) for part in data for label in part.targets})
        raise ValueError(
            f"Expected recordings of both classes for the output {name!r}, got data "
            f"sets with {known}. Add a data set or drop the output from the recipe."
        )
    return joined


def check_sets(data: Sequence[TrainingSet]) -> None:
    """Raise if data sets share a name or a recording.

    Raises
    ------
    ValueError
        A recording in two sets would be trained on and left out at once.
    """
    seen: dict[Path, str] = {}
    names: set[str] = set()
    for part in data:
        if part.name in names:
            raise ValueError(
                f"Expected data sets of different names, got {part.name!r} twice. "
                "Rename a table, or make one of both."
            )
        names.add(part.name)
        for path in part.recordings:
            first = seen.setdefault(Path(path).resolve(), part.name)
            if first != part.name:
                raise ValueError(
                    f"Expected each recording in one data set, got {str(path)!r} in "
                    f"{first!r} and in {part.name!r}. Leave it out of one."
                )


def check_folds(
    data: Sequence[TrainingSet], folds: Sequence[np.ndarray], outputs: Sequence[str]
) -> None:
    """Raise if a network that leaves out a fold would see one class alone.

    Parameters
    ----------
    data : sequence of TrainingSet
        The data sets.
    folds : sequence of ndarray of int of shape (n_recordings,)
        Number of the fold of each recording, for each data set.
    outputs : sequence of str
        Outputs of the network.

    Raises
    ------
    ValueError
        If an output has one class left.
    """
    joined, numbers = _join(data, outputs), np.concatenate(folds)
    for number in np.unique(numbers).tolist():
        for name in _one_sided(joined[numbers != number], outputs):
            raise ValueError(
                f"Expected several subjects of each class of {name!r}, in different "
                f"folds, got all of a class in fold {number + 1} of "
                f"{len(np.unique(numbers))}. Add recordings of other subjects."
            )


def sparse_outputs(
    data: Sequence[TrainingSet], folds: Sequence[np.ndarray], outputs: Sequence[str]
) -> list[str]:
    """Return the outputs that some fold leaves with one subject of a class.

    Parameters are those of :func:`check_folds`.
    """
    joined, numbers = _join(data, outputs), np.concatenate(folds)
    subjects = joined_subjects(data)
    found = []
    for name, column in zip(outputs, joined.T, strict=True):
        left = [
            len(set(subjects[(column == side) & (numbers != number)]))
            for number in np.unique(numbers)
            for side in (0, 1)
        ]
        if min(left) < 2:
            found.append(name)
    return found


def joined_subjects(data: Sequence[TrainingSet]) -> np.ndarray:
    """Return the subject of every recording of all data sets.

    A number may be one person in one data set and another in the next.
    """
    return np.concatenate([[f"{p.name}/{s}" for s in p.subjects] for p in data])


def _join(data: Sequence[TrainingSet], outputs: Sequence[str]) -> np.ndarray:
    columns = list(outputs)
    return np.concatenate(
        [part.targets.reindex(columns=columns).to_numpy(np.float32) for part in data]
    )


def _one_sided(targets: np.ndarray, outputs: Sequence[str]) -> list[str]:
    """Return the outputs whose targets are not of both classes."""
    return [
        name
        for name, column in zip(outputs, targets.T, strict=True)
        if len(np.unique(column[np.isfinite(column)])) < 2
    ]
