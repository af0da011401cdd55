"""Tell which subjects of PASCAL set_b keep the shipped model's AUROC below 1.

``python benchmarks/pretrained_missed.py`` reads ``results/pretrained/pascal_b.csv`` and
``results/pascal_finetuned.csv``, trains nothing, and writes
``results/pretrained/missed.md``. What it leaves out is left out of no other figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
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
    finetuned = read(results.parent, "pascal_finetuned")
    lines = [
        "| left out of set_b, one after the other | clips | AUROC of the rest "
        "| of all, were the rest ranked rightly | the same, fine-tuned |",
        "|---|---|---|---|---|",
        f"| nobody | 0 | {auroc(scores):.3f} | 1.000 | 1.000 |",
    ]
    missed: list[str] = []
    for subject, part, value in costliest(scores, MOST):
        counts = part["stratum"].value_counts().items()
        clips = ", ".join(f"{count} {label}" for label, count in counts)
        missed.append(subject)
        unseen = attainable(as_ranked(scores, "stratum", "murmur"), missed)
        rounds = [
            attainable(as_ranked(part, "y", "score"), missed)
            for _, part in finetuned.groupby(["repeat", "fold"])
        ]
        lines.append(
            f"| subject {subject} | {clips} | {value:.3f} | {unseen:.3f} "
            f"| {np.mean(rounds):.3f} |"
        )
    table = "\n".join(lines)
    print(table)
    (results / "missed.md").write_text(table + "\n", encoding="utf-8")


def as_ranked(scores: pd.DataFrame, label: str, score: str) -> pd.DataFrame:
    """Return subjects, whether each row is a murmur, and its score."""
    return pd.DataFrame(
        {
            "subject": scores["subject"],
            "murmur": scores[label] == "murmur",
            "score": scores[score],
        }
    )


def attainable(ranked: pd.DataFrame, missed: list[str]) -> float:
    """Return the AUROC if whoever is not missed were ranked rightly.

    Parameters
    ----------
    ranked : DataFrame
        With ``subject``, ``murmur`` (bool) and ``score``.
    missed : list of str
        Subjects whose scores stay as they are, among all others as they are.
    """
    murmurs, others = ranked[ranked["murmur"]], ranked[~ranked["murmur"]]
    difference = np.subtract.outer(
        murmurs["score"].to_numpy(), others["score"].to_numpy()
    )
    right = (np.sign(difference) + 1) / 2
    stay = np.logical_or.outer(
        murmurs["subject"].isin(missed).to_numpy(),
        others["subject"].isin(missed).to_numpy(),
    )
    return float(np.where(stay, right, 1.0).mean())


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
