"""Tell which subjects of PASCAL set_b keep the shipped model's AUROC below 1.

``python benchmarks/pretrained_missed.py`` reads ``results/pretrained/pascal_b.csv``,
trains nothing, and writes ``results/pretrained/missed.md``. What it leaves out is left
out of no other figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from pretrained_table import RESULTS, read
from sklearn.metrics import roc_auc_score

MOST = 5


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    results = parser.parse_args().results
    scores = read(results, "pascal_b")
    lines = [
        "| left out of set_b, one after the other | clips | AUROC of the rest |",
        "|---|---|---|",
        f"| nobody | 0 | {auroc(scores):.3f} |",
    ]
    for subject, part, value in costliest(scores, MOST):
        counts = part["stratum"].value_counts().items()
        clips = ", ".join(f"{count} {label}" for label, count in counts)
        lines.append(f"| subject {subject} | {clips} | {value:.3f} |")
    table = "\n".join(lines)
    print(table)
    (results / "missed.md").write_text(table + "\n", encoding="utf-8")


def auroc(scores: pd.DataFrame) -> float:
    """Return the AUROC a recording."""
    return float(roc_auc_score(scores["stratum"] == "murmur", scores["murmur"]))


def costliest(scores: pd.DataFrame, n: int) -> list[tuple[str, pd.DataFrame, float]]:
    """Return who lowers the AUROC most, then who does without that one, and so on.

    Parameters
    ----------
    scores : DataFrame
        With ``subject``, ``stratum`` ("murmur" or another) and ``murmur``, the score.
    n : int
        How many subjects.

    Returns
    -------
    found : list of (subject, rows, AUROC)
        The subject's rows, and the AUROC without these and those before.
    """
    found = []
    for _ in range(n):
        without = {
            subject: auroc(scores[scores["subject"] != subject])
            for subject in sorted(scores["subject"].unique())
        }
        worst = max(without, key=lambda subject: without[subject])
        of_worst = scores["subject"] == worst
        found.append((worst, scores[of_worst], without[worst]))
        scores = scores[~of_worst]
    return found


if __name__ == "__main__":
    main()
