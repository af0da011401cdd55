"""The recordings that speed is measured on, found in a folder of data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["labelled", "long_recordings", "set_b"]


def set_b(data: Path) -> list[Path]:
    """Return the files of PASCAL set_b, 4 kHz and 6.5 s on average."""
    return _found(data, "pascal/set_b/*.wav")


def long_recordings(data: Path) -> list[Path]:
    """Return the files of CirCor, 4 kHz and 22 s on average."""
    return _found(data, "circor/training_data/*.wav")


def labelled(data: Path) -> tuple[np.ndarray, np.ndarray, Any]:
    """Return files, labels and subjects of PASCAL set_b, murmur against normal."""
    from heartbeat_clf.datasets import load_pascal

    bunch = load_pascal(data / "pascal", subset="b")
    return bunch.recordings, bunch.target, bunch.subjects


def _found(data: Path, pattern: str) -> list[Path]:
    files = sorted(data.glob(pattern))
    if not files:
        raise FileNotFoundError(
            f"Expected recordings at {str(data / pattern)!r}, got none. Name the "
            "folder that pascal and circor are in."
        )
    return files
