"""Measure how fast the library is beside its peers and limits, as one table.

Examples::

    python benchmarks/speed.py DATA
    python benchmarks/speed.py DATA --rows mel-rfft predict-cold
    python benchmarks/speed.py --from-results --page docs/performance.md
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from quality_table import put_between_marks
from speed_table import ROWS, make_table

RESULTS = Path(__file__).resolve().parent / "results"
# One thread of BLAS, OpenMP and TensorFlow on both sides of every ratio.
PINNED = {
    name: "1"
    for name in (
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "TF_NUM_INTRAOP_THREADS",
    )
} | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def main(argv: list[str] | None = None) -> int:
    options = _parse(argv)
    if options.measure:
        print(json.dumps(_measure(options.measure, Path(options.data).resolve())))
        return 0
    saved = _read(options.results)
    failed = []
    if not options.from_results:
        for name in options.rows or [name for name in ROWS if not ROWS[name].long]:
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                saved[name] = _in_a_process(name, options.data)
            except subprocess.CalledProcessError as error:
                failed.append(name)
                print(f"{error.stdout}{error.stderr}", file=sys.stderr)
                continue
            _write(options.results, saved)
    table = make_table(saved)
    (options.results / "speed.md").write_text(table)
    print(table, end="")
    if options.page is not None:
        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(put_between_marks(page, table), encoding="utf-8")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return bool(failed)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "data", nargs="?", help="folder with pascal and circor in it, with their sounds"
    )
    parser.add_argument(
        "--rows", nargs="+", choices=list(ROWS), metavar="ROW", help=", ".join(ROWS)
    )
    parser.add_argument(
        "--from-results",
        action="store_true",
        help="print the table of what was measured, and measure nothing",
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="what is kept"
    )
    parser.add_argument(
        "--page", type=Path, help="Markdown page whose table is to be renewed"
    )
    parser.add_argument("--measure", choices=list(ROWS), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.data is None and not options.from_results:
        parser.error("Expected a folder of data sets, or --from-results.")
    return options


def _in_a_process(name: str, data: str) -> dict[str, Any]:
    """Measure a row in a process of its own, so that none inherits from another."""
    command = [sys.executable, __file__, data, "--measure", name]
    environment = {**os.environ, **PINNED}
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _measure(name: str, data: Path) -> dict[str, Any]:
    module, function = ROWS[name].call.split(".")
    row = getattr(importlib.import_module(module), function)(data)
    return {
        **row,
        "date": datetime.date.today().isoformat(),
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _read(folder: Path) -> dict[str, Any]:
    file = folder / "speed.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def _write(folder: Path, saved: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / "speed.json.part"
    draft.write_text(json.dumps(saved, indent=1) + "\n")
    os.replace(draft, folder / "speed.json")


if __name__ == "__main__":
    sys.exit(main())
