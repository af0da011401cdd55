"""Recordings for the quality gate: who trains it, who sets its threshold, who tests it.

A person of CirCor, or a record of CinC 2016, is always in the same part, which follows
from a checksum of its name and from nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf.audio import load_recording
from heartbeat_clf.datasets import load_cinc2016, load_circor
from heartbeat_clf.quality_windows import SAMPLE_RATE

PARTS = ("train", "choose", "test")


class Gate(NamedTuple):
    """Paths of one data set, with person, part and quality of each."""

    paths: np.ndarray
    subjects: np.ndarray
    parts: np.ndarray
    good: np.ndarray
    poor: np.ndarray

    def take(self, part: str, *, good: bool = True) -> list[Path]:
        """Return the good, or the poor, recordings of a part."""
        return list(self.paths[self.rows(part, good=good)])

    def rows(self, part: str, *, good: bool = True) -> np.ndarray:
        """Return which recordings are those of `take`."""
        flags: np.ndarray = (self.parts == part) & (self.good if good else self.poor)
        return flags


def part_of(subject: str) -> str:
    """Return the part of a person or record: 60, 15 and 25 % of all."""
    number = zlib.crc32(subject.encode()) % 20
    return PARTS[(number >= 12) + (number >= 15)]


def load_sets(data: Path) -> dict[str, Gate]:
    """Return CirCor, all of it good, and CinC 2016 by its flags of signal quality."""
    circor = load_circor(data, target="outcome")
    cinc = load_cinc2016(data)
    quality = cinc.metadata["signal_quality"].to_numpy()
    everything = np.ones(len(circor.recordings), dtype=bool)
    return {
        "circor": Gate(
            circor.recordings,
            circor.subjects,
            np.array([part_of(name) for name in circor.subjects]),
            everything,
            ~everything,
        ),
        "cinc2016": Gate(
            cinc.recordings,
            cinc.subjects,
            np.array([part_of(name) for name in cinc.subjects]),
            quality == 1,
            quality == 0,
        ),
    }


def people(bunch: Any) -> np.ndarray:
    """Return who was recorded, or the day where that is not known.

    In set_a many a clip is of the sound of another: what is of one day may be of one.
    """
    if bunch.subjects_known:
        subjects: np.ndarray = bunch.subjects
        return subjects
    days: np.ndarray = bunch.metadata["timestamp"].str[: len("YYYYMMDD")].to_numpy()
    return days


def waveforms(recordings: Sequence[Path | np.ndarray]) -> list[np.ndarray]:
    """Return recordings as the network hears them."""
    return [load_recording(row, sample_rate=SAMPLE_RATE) for row in recordings]
