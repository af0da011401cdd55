"""The tables of `rhythm.py`, from saved scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heartbeat_clf.evaluation import Evaluation, Interval, auroc, bootstrap_auroc

__all__ = ["confusion", "make_tables", "table_of_edits", "table_of_tries"]

_NO_SCORE = ("recording", "repeat", "fold", "subject", "y", "noisy", "chosen")
_N_BOOTSTRAP = 2000


def make_tables(results: Path) -> str:
    """Return all tables as Markdown."""
    tries = pd.read_csv(results / "rhythm_tries.csv", dtype={"subject": str})
    edited = pd.read_csv(results / "rhythm_edited.csv", dtype={"subject": str})
    outcomes = pd.read_csv(results / "rhythm_outcomes.csv", dtype={"subject": str})
    return "\n\n".join(
        [
            table_of_tries(tries),
            choices(tries),
            table_of_edits(edited),
            *(
                f"{view}:\n\n{_evaluation(part).to_markdown()}\n\n{confusion(part)}"
                for view, part in outcomes.groupby("view", sort=False)
            ),
        ]
    )


def _evaluation(outcomes: pd.DataFrame) -> Evaluation:
    return Evaluation.from_predictions(outcomes.drop(columns="view"), scores=["uar"])


def _cell(interval: Interval) -> str:
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _auroc(table: pd.DataFrame, score: pd.Series, **options: Any) -> Interval:
    return bootstrap_auroc(
        table["y"] == 1,
        score,
        table["subject"],
        folds=table["fold"],
        repeats=table["repeat"],
        n_bootstrap=_N_BOOTSTRAP,
        **options,
    )


def table_of_tries(tries: pd.DataFrame) -> str:
    """Return a row a try: recordings, units, and against clean and noisy normals."""
    lines = [
        "| try | a recording | a (subject, label) unit | a subject, by maximum "
        "| v. clean | v. noisy |",
        "|---|---|---|---|---|---|",
    ]
    for name in tries.columns.difference(_NO_SCORE, sort=False):
        by_noise = []
        for noisy in (0, 1):
            part = tries[(tries["y"] == 1) | (tries["noisy"] == noisy)]
            folds = part.groupby(["repeat", "fold"])
            by_noise.append(np.nanmean([auroc(f["y"] == 1, f[name]) for _, f in folds]))
        lines.append(
            f"| {name} | {_cell(_auroc(tries, tries[name]))} "
            f"| {_cell(_auroc(tries, tries[name], unit='label'))} "
            f"| {_cell(_auroc(tries, tries[name], unit='any', combine='max'))} "
            f"| {by_noise[0]:.3f} | {by_noise[1]:.3f} |"
        )
    return "\n".join(lines)


def choices(tries: pd.DataFrame) -> str:
    """Return how often the inner folds chose what."""
    chosen = tries.drop_duplicates(["repeat", "fold"])["chosen"].value_counts()
    said = ", ".join(f"{name} {count}" for name, count in chosen.items())
    return f"Chosen by inner folds: {said}."


def table_of_edits(edited: pd.DataFrame) -> str:
    """Return the AUROC of edited clips against others, of persons left out."""
    names = list(edited.columns[edited.columns.get_loc("duration") + 1 :])
    lines = [
        f"| edit | clips | edited | duration alone | {' | '.join(names)} |",
        "|---" * (4 + len(names)) + "|",
    ]
    for kind, part in edited.groupby("edit", sort=False):
        truth = part["edited"] == 1
        cells = [
            _cell(
                bootstrap_auroc(
                    truth, part[name], part["subject"], n_bootstrap=_N_BOOTSTRAP
                )
            )
            for name in ("duration", *names)
        ]
        lines.append(f"| {kind} | {len(part)} | {truth.sum()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def confusion(outcomes: pd.DataFrame) -> str:
    """Return the mean number of recordings a repeat by label and decision."""
    counts = pd.crosstab(outcomes["y"], outcomes["decision"])
    counts = counts / outcomes["repeat"].nunique()
    names = list(counts.columns)
    lines = [
        f"| label | {' | '.join(f'answered {name}' for name in names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for label, row in counts.iterrows():
        lines.append(f"| {label} | {' | '.join(f'{row[n]:.1f}' for n in names)} |")
    return "\n".join(lines)
