"""Break the shipped model's scores on CirCor down by position, age, sex and grade.

``python benchmarks/pretrained_groups.py DATA`` reads the scores of the folds and the
publishers' table in DATA, trains nothing, and writes ``results/pretrained/groups.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from interval_text import show
from pretrained_runs import N_FOLDS
from pretrained_table import RESULTS, read
from scipy.special import expit

from heartbeat_clf import load_pretrained
from heartbeat_clf.datasets import load_circor
from heartbeat_clf.evaluation import bootstrap_auroc

POSITIONS = {
    "AV": "aortic valve",
    "PV": "pulmonary valve",
    "TV": "tricuspid valve",
    "MV": "mitral valve",
}
GROUPS = {
    "campaign": "campaign",
    "age": "age",
    "sex": "sex",
    "pregnancy_status": "pregnant",
}
FEWEST = 5


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds circor")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    lines = [
        "| recordings of CirCor | murmurs | normal | AUROC (95 % interval) "
        "| sensitivity | specificity |",
        "|---|---|---|---|---|---|",
    ]
    for name, part in groups(scores_with_facts(given.results, given.data)):
        truth = (part["stratum"] == "murmur").to_numpy()
        counts = truth.sum(), (~truth).sum()
        cells = [name, *map(str, counts)]
        if min(counts) < FEWEST:
            cells += ["too few", "-", "-"]
        else:
            found = bootstrap_auroc(truth, part["murmur"], part["subject"])
            yes = (part["probability"] >= 0.5).to_numpy()
            cells += [show(found), f"{yes[truth].mean():.2f}"]
            cells += [f"{(~yes)[~truth].mean():.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    print(table)
    (given.results / "groups.md").write_text(table + "\n", encoding="utf-8")


def scores_with_facts(results: Path, data: Path) -> pd.DataFrame:
    """Return a row a recording that has a murmur or is of an Absent patient."""
    scores = pd.concat([read(results, f"fold_{k}") for k in range(N_FOLDS)])
    scores = scores[scores["stratum"].isin(["murmur", "normal"])]
    bunch = load_circor(data, target="murmur")
    facts = bunch.metadata.assign(recording=[Path(p).stem for p in bunch.recordings])
    columns = ["recording", "position", "systolic_murmur_grading", *GROUPS]
    scores = scores.merge(facts[columns], on="recording", validate="one_to_one")
    # The calibration of the box, fitted on these scores: two numbers for all.
    calibration = load_pretrained()[-1].predictor_.calibration
    log_odds = -calibration.apply(-scores[["murmur"]].to_numpy())[:, 0]
    return scores.assign(probability=expit(log_odds))


def groups(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield a name and the recordings of each group."""
    yield "all", scores
    for position, name in POSITIONS.items():
        yield f"position: {name}", scores[scores["position"] == position]
    for column, word in GROUPS.items():
        for value, part in scores.groupby(scores[column].astype(str)):
            label = "not stated" if value in ("", "nan", "None") else value
            yield f"{word}: {label}", part
    normal = scores["stratum"] == "normal"
    grades = scores["systolic_murmur_grading"].astype(str)
    for grade in np.unique(grades[~normal]):
        label = "not stated" if grade in ("", "nan", "None") else grade
        yield f"systolic grade: {label}", scores[normal | (grades == grade)]


if __name__ == "__main__":
    main()
