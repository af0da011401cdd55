"""Resident memory while one process fits the default classifier again and again.

Each fit is of a new classifier on new images; nothing is collected or given back by
hand in between.

    python benchmarks/memory_fits.py
    python benchmarks/memory_fits.py --fits 60 --network wide
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

__all__ = ["fit_and_watch", "growth_table", "resident_bytes"]

_RECORDINGS, _BANDS, _FRAMES = 64, 40, 300


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes, on Linux."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fit_and_watch(n_fits: int, **settings: object) -> list[int]:
    """Return the resident memory in bytes after each of `n_fits` fits."""
    import numpy as np

    from heartbeat_clf import HeartbeatClassifier

    found = []
    y = np.arange(_RECORDINGS) % 2
    for number in range(n_fits):
        rng = np.random.default_rng(number)
        X = rng.normal(size=(_RECORDINGS, _BANDS, _FRAMES)).astype(np.float32)
        HeartbeatClassifier(epochs=1, random_state=number, **settings).fit(X, y)
        found.append(resident_bytes())
    return found


def growth_table(resident: list[int]) -> str:
    """Return a table of the memory after fits 1, 10, 20, ... and the last."""
    shown = [n for n in range(1, len(resident) + 1) if n == 1 or n % 10 == 0]
    if shown[-1] != len(resident):
        shown.append(len(resident))
    lines = ["| after fit | resident memory, MB | to the first |", "|---|---|---|"]
    for number in shown:
        size = resident[number - 1]
        lines.append(f"| {number} | {size / 1e6:.0f} | {size / resident[0]:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Fit, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=60)
    parser.add_argument("--network", default="small")
    options = parser.parse_args()
    # Before NumPy and TensorFlow start their threads: each has memory of its own.
    for name in ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        os.environ.setdefault(f"{name}_THREADS", "1")
    resident = fit_and_watch(options.fits, network=options.network)
    print(growth_table(resident))


if __name__ == "__main__":
    main()
