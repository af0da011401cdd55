"""Everything behind the figures of the shipped model, and one table of it.

``python benchmarks/shipped.py DATA --work FOLDER`` trains what is not saved yet: the
eight trainings of the recipe, fine-tuning, the baselines, the quality gate and the
rhythm. It may be stopped at any time. ``--from-scores`` prints the table of the saved
scores, in seconds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from shipped_table import make_shipped_table

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
STAGES = (
    "pascal_finetuned",
    "pascal_linear",
    "pascal_embedding",
    "pascal_logistic",
    "pascal_ancestor",
    "circor_logistic",
)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", nargs="?", help="folder that holds pascal, circor and cinc2016")
    add(
        "--work",
        type=Path,
        default=RESULTS / "cache" / "pretraining",
        help="folder of checkpoints",
    )
    add("--from-scores", action="store_true", help="print the table; train nothing")
    given = parser.parse_args()
    if not given.from_scores:
        if given.data is None:
            parser.error("the folder of the recordings is needed to train; see --help")
        for script, *options in (
            ("pretrained_runs.py", given.data, "--work", str(given.work)),
            ("pretrained_changed.py", given.data, "--work", str(given.work)),
            ("pretrained_mixed.py", given.data, "--work", str(given.work)),
            ("pretrained_made.py", given.data, "--work", str(given.work)),
            ("pretrained_device.py", given.data, "--work", str(given.work)),
            ("pretrained_pascal.py", given.data),
            ("quality.py", given.data, "--stages", *STAGES),
            ("quality_gate.py", given.data),
            *rhythm(given.data),
        ):
            print(f"{script}:", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, str(HERE / script), *options], check=True)
    table = make_shipped_table(RESULTS)
    print(table)
    (RESULTS / "shipped.md").write_text(table + "\n", encoding="utf-8")


def rhythm(data: str) -> list[tuple[str, ...]]:
    """Return the command of the rhythm, unless its scores are saved."""
    saved = all(
        (RESULTS / f"rhythm_{name}.csv").exists()
        for name in ("tries", "edited", "outcomes")
    )
    return [] if saved else [("rhythm.py", data)]


if __name__ == "__main__":
    main()
