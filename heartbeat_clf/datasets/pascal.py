"""PASCAL Classifying Heart Sounds Challenge 2011: set_a (phone), set_b (hospital)."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sklearn.utils import Bunch

from heartbeat_clf._validation import check_choice
from heartbeat_clf.datasets._bunch import find_folder, list_some, make_bunch

LABELS = {
    "a": ("normal", "murmur", "extrahls", "artifact", "unlabelled"),
    "b": ("normal", "murmur", "extrasystole", "unlabelled"),
}
# The end of a name tells the set: SUBJECT_timestamp_position, or a date and time,
# which two names of set_a shorten.
_ENDS = {
    "a": re.compile(r"(?:^|_)(?P<timestamp>\d{10,12})$"),
    "b": re.compile(
        r"(?:^|_)(?P<subject>\d{3})_(?P<timestamp>\d{13})_(?P<position>\w+)$"
    ),
}
# In the order they are tried. The published spellings differ between places.
_SPELLINGS = (
    ("unlabelled", "unlabelled"),
    ("extrahls", "extrahls"),
    ("extrahs", "extrahls"),
    ("extrasystole", "extrasystole"),
    ("extrastole", "extrasystole"),
    ("artifact", "artifact"),
    ("murmur", "murmur"),
    ("normal", "normal"),
)
# Clips of 103 and 146 are the same samples, and so is a long one of 101 and 146.
_SAME_PERSON = {"103": "101", "146": "101"}
_CONFLICTING = "201104021355"
_SILENT = "201106120928"
_REMEDY = (
    "Get the recordings with heartbeat_clf.datasets.fetch_pascal(), or put the "
    "unpacked files there."
)
DESCRIPTION = """
PASCAL Classifying Heart Sounds Challenge 2011

set_a: 176 recordings from a phone application, 44.1 kHz, without subjects; each
recording counts as its own. Some of the murmurs are re-recordings of one sound, so
any score on set_a is optimistic. set_b: 656 recordings of 171 subjects with a digital
stethoscope in a hospital, 4 kHz, low-passed near 195 Hz, 0.8 to 28 s.

Labels are read from the file names on disk, because the names in set_b.csv match no
file. Subjects 101, 103 and 146 of set_b share audio and are one subject, "101". Most
subjects with an extrasystole also have normal clips.

Terms: CC0 on its public copies.
Citation: Bentley, Nordehn, Coimbra, Mannor, "The PASCAL Classifying Heart Sounds
Challenge", 2011.
"""


class PascalName(NamedTuple):
    """What the name of a file tells about a recording."""

    subset: str
    label: str
    sublabel: str
    published_subject: str
    timestamp: str
    position: str

    @property
    def stem(self) -> str:
        """Name without suffix, in the layout of the public copies."""
        first = self.label
        if first == "unlabelled":
            first = f"{self.subset.upper()}unlabelledtest"
        elif first == "extrasystole":
            first = "extrastole"
        end = [self.published_subject, self.timestamp, self.position]
        return "_".join([first, self.sublabel, *(part for part in end if part)])


def parse_name(path: Path) -> PascalName | None:
    """Return what a file's name tells, or None if it is no PASCAL recording.

    The label is the beginning of the file's name, as in the public copies; in the
    challenge's own archives, where names begin with the subject or the date, it is
    that of the folders.

    Examples
    --------
    >>> parse_name(Path("set_b/normal_noisynormal_101_1305030823364_B.wav")).label
    'normal'
    >>> parse_name(Path("Training B Normal/103_1305031931979_D3.wav")).stem
    'normal__103_1305031931979_D3'
    """
    for subset in ("b", "a"):
        match = _ENDS[subset].search(path.stem)
        if match is not None:
            break
    else:
        return None
    parts = match.groupdict()
    start = path.stem[: match.start()]
    folders = list(path.parts[:-1][::-1])
    label = _first_label([start, *folders])
    if label is None or label not in LABELS[subset]:
        return None
    where = start or (folders[0] if folders else "")
    noisy = f"noisy{label}"
    return PascalName(
        subset=subset,
        label=label,
        sublabel=noisy if noisy in where.lower() else "",
        published_subject=parts.get("subject", ""),
        timestamp=parts["timestamp"],
        position=parts.get("position", ""),
    )


def _first_label(texts: Sequence[str]) -> str | None:
    for text in texts:
        for spelling, label in _SPELLINGS:
            if spelling in text.lower():
                return label
    return None


def find_recordings(root: Path, subset: str) -> dict[str, tuple[Path, PascalName]]:
    """Return path and parsed name of every recording of a set, by its common name."""
    found: dict[str, tuple[Path, PascalName]] = {}
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        hidden = any(part.startswith((".", "__MACOSX")) for part in inside.parts)
        if hidden or path.suffix.lower() != ".wav":
            continue
        name = parse_name(Path(root.name) / inside)
        if name is not None and name.subset == subset:
            found.setdefault(name.stem, (path, name))
    return found


def load_pascal(
    folder: str | os.PathLike[str] | None = None,
    *,
    subset: str = "b",
    labels: Sequence[str] = ("normal", "murmur"),
) -> Bunch:
    """Return the recordings of the PASCAL challenge, with labels and subjects.

    Parameters
    ----------
    folder : str, path or None, default=None
        Folder with ``set_a`` and ``set_b``, or one that contains ``pascal``. The
        challenge's own archives may also simply be unpacked there. None takes
        the environment variable ``HEARTBEAT_CLF_DATA``.
    subset : {"a", "b"}, default="b"
        "a" from a phone, without subjects; "b" from a hospital, with subjects.
    labels : sequence of str, default=("normal", "murmur")
        Which recordings: "normal", "murmur" and "unlabelled" in both sets,
        "extrahls" and "artifact" in set_a, "extrasystole" in set_b.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray of Path), ``target`` and ``subjects``
        (ndarray of str), ``subjects_known`` (False for set_a), ``metadata``
        (DataFrame), ``target_names``, ``notes`` and ``DESCR``. Where
        ``set_a_timing.csv`` is there, the metadata of set_a has ``s1_samples`` and
        ``s2_samples``: tuples of positions in the file, empty where not annotated.

    Raises
    ------
    ValueError
        If `subset` or a label is unknown, or no folder is named anywhere.
    TypeError
        If `labels` is a single string, or `folder` no path.
    FileNotFoundError
        If the set, or every recording with these labels, is missing.

    References
    ----------
    Bentley, Nordehn, Coimbra, Mannor (2011), "The PASCAL Classifying Heart Sounds
    Challenge".
    """
    check_choice("subset", subset, tuple(LABELS))
    wanted = _check_labels(labels, subset)
    root = find_folder(
        folder,
        name="pascal",
        looked_for=f"the PASCAL recordings of set_{subset} (set_{subset}/*.wav)",
        is_root=lambda place: _holds_subset(place, subset),
        remedy=_REMEDY,
    )
    found = find_recordings(root, subset)
    notes = []
    chosen = []
    for path, name in found.values():
        if name.label not in wanted:
            continue
        if subset == "a" and name.timestamp == _CONFLICTING:
            continue
        chosen.append((path, name))
    pair = {name.label for _, name in found.values() if name.timestamp == _CONFLICTING}
    if subset == "a" and pair & set(wanted):
        notes.append(
            f"Left out extrahls__{_CONFLICTING} and murmur__{_CONFLICTING}: they are "
            "the same audio under two labels."
        )
    if subset == "a" and any(name.timestamp == _SILENT for _, name in chosen):
        notes.append(f"Aunlabelledtest__{_SILENT} is practically silent.")
    if not chosen:
        raise FileNotFoundError(
            f"Expected recordings of set_{subset} labelled {list_some(wanted)} in "
            f"{str(root)!r}, got none. {_REMEDY}"
        )
    merged = sorted({n.published_subject for _, n in chosen} & {"101", *_SAME_PERSON})
    if len(merged) > 1:
        notes.append(f"Subjects {', '.join(merged)} share audio and are one: 101.")
    known = subset == "b"
    columns: dict[str, list[Any]] = {
        field: [getattr(name, field) for _, name in chosen]
        for field in PascalName._fields
        if field != "label"
    }
    if subset == "a":
        columns.update(_read_timing(root, [name.stem for _, name in chosen]))
    return make_bunch(
        recordings=[path for path, _ in chosen],
        target=[name.label for _, name in chosen],
        subjects=[
            _SAME_PERSON.get(name.published_subject, name.published_subject)
            if known
            else name.stem
            for _, name in chosen
        ],
        subjects_known=known,
        columns=columns,
        description=DESCRIPTION,
        notes=notes,
    )


def _check_labels(labels: Sequence[str], subset: str) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise TypeError(
            f"Expected labels to be a sequence of str, got a single str {labels!r}. "
            f"Wrap it: labels=({labels!r},)."
        )
    wanted = tuple(labels)
    unknown = [label for label in wanted if label not in LABELS[subset]]
    if unknown or not wanted:
        raise ValueError(
            f"Expected labels of set_{subset} among {LABELS[subset]}, got {wanted!r}."
        )
    return wanted


def _holds_subset(place: Path, subset: str) -> bool:
    """Say whether recordings of the set lie here, or up to two folders down."""
    own = place / f"set_{subset}"
    if own.is_dir() and any(own.glob("*.wav")):
        return True
    return any(
        name is not None and name.subset == subset and "__MACOSX" not in path.parts
        for pattern in ("*.wav", "*/*.wav", "*/*/*.wav")
        for path in place.glob(pattern)
        for name in [parse_name(path.relative_to(place.parent))]
    )


def _read_timing(root: Path, stems: list[str]) -> dict[str, list[Any]]:
    import pandas as pd

    path = root / "set_a_timing.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path)
    table["stem"] = [Path(name).stem for name in table["fname"]]
    columns: dict[str, list[Any]] = {}
    for sound in ("S1", "S2"):
        samples = table[table["sound"] == sound].groupby("stem")["location"]
        by_stem = {str(stem): tuple(map(int, values)) for stem, values in samples}
        columns[f"{sound.lower()}_samples"] = [by_stem.get(stem, ()) for stem in stems]
    return columns
