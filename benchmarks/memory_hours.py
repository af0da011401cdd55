"""Peak memory of `fit` and `predict` over few and over many hours of audio.

Paths go in and `cache` is set. Each measurement is a process of its own; recordings
are one-minute files of noise at 1 kHz, all different, so that no cache finds two alike.

    python benchmarks/memory_hours.py                  # 20 and 200 hours: 9 GB of disk
    python benchmarks/memory_hours.py --hours 2 20
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

__all__ = ["measure", "memory_table"]

_RATE, _SECONDS = 1000, 60


def write_recordings(folder: Path, hours: float) -> None:
    """Write WAV files of noise until there are `hours` of them."""
    import numpy as np
    import soundfile

    for number in range(round(hours * 3600 / _SECONDS)):
        path = folder / f"{number:06}.wav"
        if not path.exists():
            rng = np.random.default_rng(number)
            noise = rng.integers(-9000, 9000, _RATE * _SECONDS, dtype=np.int16)
            soundfile.write(path, noise, _RATE)


class _Watch(threading.Thread):
    """Looks at the memory of this process that no file stands behind."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        while True:
            text = Path("/proc/self/status").read_text(encoding="ascii")
            kilobytes = int(text.split("RssAnon:")[1].split()[0])
            self.peak = max(self.peak, 1024 * kilobytes)
            time.sleep(0.02)


def work(what: str, folder: Path, hours: float, model: Path) -> dict[str, Any]:
    """Fit or predict, and return the peaks in bytes and the seconds."""
    import numpy as np

    from heartbeat_clf import load, make_heartbeat_pipeline, save

    paths = sorted(folder.glob("*.wav"))[: round(hours * 3600 / _SECONDS)]
    cache = folder / f"cache_{what}_{hours:g}"
    watch = _Watch()
    watch.start()
    start = time.perf_counter()
    if what == "fit":
        # One epoch: what follows repeats it.
        pipeline = make_heartbeat_pipeline(epochs=1, random_state=0, cache=cache)
        pipeline.fit(paths, np.arange(len(paths)) % 2)
        save(pipeline, model)
    else:
        load(model).set_params(spectrogram__cache=cache).predict_proba(paths)
    return {
        "what": what,
        "hours": hours,
        "recordings": len(paths),
        "seconds": time.perf_counter() - start,
        "resident": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "own": watch.peak,
    }


def measure(hours: list[float], folder: Path) -> list[dict[str, Any]]:
    """Return what `work` found for each number of hours, fits first."""
    write_recordings(folder, max(hours))
    threads = ("OMP_NUM", "OPENBLAS_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    environment = {**os.environ, **{f"{name}_THREADS": "1" for name in threads}}
    found = []
    for what in ("fit", "predict"):
        for length in hours:
            program = [sys.executable, __file__, "--child", what, str(folder)]
            done = subprocess.run(
                [*program, "--hours", str(length)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(found[-1], file=sys.stderr, flush=True)
            for entry in (folder / f"cache_{what}_{length:g}").glob("*.npy"):
                entry.unlink()
    return found


def memory_table(found: list[dict[str, Any]]) -> str:
    """Return a table of the peaks and of their ratio to the fewest hours."""
    lines = [
        "| | hours | recordings | peak resident, MB | ratio | peak without mapped "
        "files, MB | ratio | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        first = next(other for other in found if other["what"] == row["what"])
        cells = [row["what"], f"{row['hours']:g}", str(row["recordings"])]
        for name in ("resident", "own"):
            cells += [f"{row[name] / 1e6:.0f}", f"{row[name] / first[name]:.2f}"]
        lines.append(f"| {' | '.join(cells)} | {row['seconds']:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table; as a child, one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[20.0, 200.0])
    parser.add_argument(
        "--folder", type=Path, help="where the files go (default: /tmp)"
    )
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        what, place = options.child[0], Path(options.child[1])
        print(json.dumps(work(what, place, options.hours[0], place / "model.hbc")))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(memory_table(measure(options.hours, Path(folder))))


if __name__ == "__main__":
    main()
