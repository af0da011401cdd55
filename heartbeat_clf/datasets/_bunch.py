"""Find the folder of a data set, and put together what every loader returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

DATA_VARIABLE = "HEARTBEAT_CLF_DATA"


class NoDataSetError(FileNotFoundError):
    """A folder holds nothing of a data set; one that is there in part is another."""


def find_folder(
    folder: str | os.PathLike[str] | None,
    *,
    name: str,
    looked_for: str,
    is_root: Callable[[Path], bool],
    remedy: str,
) -> Path:
    """Return the folder that holds a data set in its publisher's layout.

    Tried in this order: the folder `name` inside the one given, that one itself, and
    the folders directly inside these two.

    Parameters
    ----------
    folder : str, path or None
        None takes the environment variable ``HEARTBEAT_CLF_DATA``.
    name : str
        Usual name of the data set's folder, such as ``"pascal"``.
    looked_for : str
        What `is_root` looks for, in words, for the error.
    is_root : callable
        Takes a folder and says whether it holds the data set.
    remedy : str
        Last sentence of the error.

    Returns
    -------
    root : Path

    Raises
    ------
    TypeError
        If `folder` is not a path.
    ValueError
        If `folder` is None and the environment variable is not set.
    FileNotFoundError
        If there is no such folder; a `NoDataSetError` if the data set is not in it.
    """
    if folder is None:
        named = os.environ.get(DATA_VARIABLE, "")
        if not named:
            raise ValueError(
                f"Expected a folder with {looked_for}, got folder=None while the "
                f"environment variable {DATA_VARIABLE} is not set. "
                f"Pass folder=... or set {DATA_VARIABLE}. {remedy}"
            )
        origin = f"{DATA_VARIABLE}={named!r}"
        base = Path(named).expanduser()
    elif isinstance(folder, str | os.PathLike):
        origin = f"folder={os.fspath(folder)!r}"
        base = Path(folder).expanduser()
    else:
        raise TypeError(
            f"Expected folder to be a path (str or Path) or None, got "
            f"{type(folder).__name__}: {folder!r}."
        )
    if not base.is_dir():
        raise FileNotFoundError(
            f"Expected a folder with {looked_for}, but {origin} is not a folder. "
            f"{remedy}"
        )
    for candidate in _candidates(base, name):
        if is_root(candidate):
            return candidate
    raise NoDataSetError(
        f"Expected {looked_for} in {origin}, in a folder {name!r} there, or one level "
        f"down, and found none. {remedy}"
    )


def _candidates(base: Path, name: str) -> list[Path]:
    named = base / name
    tops = [named, base] if named.is_dir() else [base]
    below = [
        child
        for top in tops
        for child in sorted(top.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    ]
    return tops + below


def list_some(names: Sequence[Any], *, limit: int = 5) -> str:
    """Return the first few names in words, and how many more there are.

    Examples
    --------
    >>> list_some(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(str(name)) for name in names[:limit])
    left = len(names) - limit
    return f"{shown} and {left} more" if left > 0 else shown


def object_array(items: Sequence[Any]) -> np.ndarray:
    """Return a 1-D object array with one item a row, whatever the items are."""
    array = np.empty(len(items), dtype=object)
    for row, item in enumerate(items):
        array[row] = item
    return array


def make_bunch(
    *,
    recordings: Sequence[Any],
    target: Sequence[Any] | np.ndarray | None,
    subjects: Sequence[str],
    subjects_known: bool,
    columns: Mapping[str, Sequence[Any]],
    description: str,
    notes: Sequence[str] = (),
    **extra: Any,
) -> Bunch:
    """Return the Bunch that every loader returns.

    Parameters
    ----------
    recordings : sequence of Path or of ndarray of shape (n_times_i,)
        One item a recording.
    target : sequence of str or int, or None
        Class of each recording; None where nobody gave any.
    subjects : sequence of str
        The person of each recording, or a name of its own.
    subjects_known : bool
        Whether `subjects` tells persons apart.
    columns : mapping
        Further columns of the metadata.
    description : str
        Text on the data set; the notes are added to it.
    notes : sequence of str, default=()
        What was left out or merged in this load, one sentence each.
    **extra
        Further entries of the Bunch.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray), ``target`` (ndarray of str or int, or None),
        ``subjects`` (ndarray of str), ``subjects_known``, ``metadata`` (DataFrame:
        `path` where the recordings are files, `label` where there is a target,
        `subject`, then `columns`), ``target_names`` (list, sorted), ``notes`` (list
        of str) and ``DESCR``.
    """
    import pandas as pd

    rows: dict[str, Any] = {}
    if all(isinstance(recording, Path) for recording in recordings):
        rows["path"] = [str(recording) for recording in recordings]
    labels = None
    if target is not None:
        labels = np.asarray(target)
        rows["label"] = labels
    rows["subject"] = list(subjects)
    rows.update({key: list(values) for key, values in columns.items()})
    text = description.strip()
    if notes:
        text += "\n\nNotes on this load\n" + "\n".join(f"- {note}" for note in notes)
    return Bunch(
        recordings=object_array(recordings),
        target=labels,
        subjects=np.asarray(subjects, dtype=str),
        subjects_known=subjects_known,
        metadata=pd.DataFrame(rows),
        target_names=[] if labels is None else np.unique(labels).tolist(),
        notes=list(notes),
        DESCR=text + "\n",
        **extra,
    )
