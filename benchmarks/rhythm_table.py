"""The tables of `rhythm.py`, from saved scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from interval_text import show

from heartbeat_clf.evaluation import Evaluation, Interval, auroc, bootstrap_auroc
from heartbeat_clf.intervals import draw_subject_weights

__all__ = [
    "at_equal_length",
    "confusion",
    "make_tables",
    "table_of_edits",
    "table_of_tries",
]

_NO_SCORE = (
    "recording",
    "repeat",
    "fold",
    "subject",
    "y",
    "noisy",
    "duration",
    "chosen",
)
_EQUAL = 1.15
"""Clips are of equal length if one is no more than this much longer."""
_N_BOOTSTRAP = 2000
_LEARNT_ELSEWHERE = (
    "extra sound, as in the box",
    "learnt on weak sounds, all, extra trees",
)


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
    """Return a row a try: recordings, units, clips of equal length, clean and noisy."""
    lines = [
        "| try | a recording | a (subject, label) unit | a subject, by maximum "
        "| v. clean | v. noisy | equal length | equal, v. clean | equal, v. noisy |",
        "|---" * 9 + "|",
    ]
    for name in tries.columns.difference(_NO_SCORE, sort=False):
        by_noise, equal = [], [at_equal_length(tries, name)]
        for noisy in (0, 1):
            part = tries[(tries["y"] == 1) | (tries["noisy"] == noisy)]
            folds = part.groupby(["repeat", "fold"])
            by_noise.append(np.nanmean([auroc(f["y"] == 1, f[name]) for _, f in folds]))
            equal.append(at_equal_length(part, name))
        lines.append(
            f"| {name} | {show(_auroc(tries, tries[name]))} "
            f"| {show(_auroc(tries, tries[name], unit='label'))} "
            f"| {show(_auroc(tries, tries[name], unit='any', combine='max'))} "
            f"| {by_noise[0]:.3f} | {by_noise[1]:.3f} "
            f"| {' | '.join(f'{found.value:.3f}' for found in equal)} |"
        )
    return "\n".join(lines)


def at_equal_length(
    tries: pd.DataFrame, name: str, *, n_bootstrap: int = 0, seed: int = 0
) -> Interval:
    """Return the share of pairs of clips of equal length that are ranked right.

    Pairs are of one fold, as its scores are of one model. The interval draws subjects
    within the folds of the first repeat; they count the same in the others, as repeats
    are no further data.
    """
    _, codes = np.unique(tries["subject"], return_inverse=True)
    first = (tries["repeat"] == tries["repeat"].min()).to_numpy()
    drawn = draw_subject_weights(
        codes[first],
        tries["fold"].to_numpy()[first],
        n_bootstrap=n_bootstrap,
        random_state=seed,
    )
    weights = np.vstack([np.ones(drawn.shape[1]), drawn])
    right, pairs = np.zeros(n_bootstrap + 1), np.zeros(n_bootstrap + 1)
    for _, part in tries.assign(code=codes).groupby(["repeat", "fold"]):
        positive = part["y"].to_numpy() == 1
        score, length = part[name].to_numpy(), np.log(part["duration"].to_numpy())
        above = score[positive][:, np.newaxis] - score[~positive]
        apart = np.abs(length[positive][:, np.newaxis] - length[~positive])
        equal = apart <= np.log(_EQUAL)
        won = equal * ((above > 0) + 0.5 * (above == 0))
        counts = weights[:, part["code"]]
        heard, others = counts[:, positive], counts[:, ~positive]
        right += np.einsum("dp,pn,dn->d", heard, won, others, optimize=True)
        pairs += np.einsum("dp,pn,dn->d", heard, equal, others, optimize=True)
    value = float(right[0] / pairs[0])
    if not n_bootstrap:
        return Interval(value)
    there = pairs[1:] > 0
    low, high = np.quantile(right[1:][there] / pairs[1:][there], [0.025, 0.975])
    return Interval(value, float(low), float(high))


def choices(tries: pd.DataFrame) -> str:
    """Return how often the inner folds chose what."""
    chosen = tries.drop_duplicates(["repeat", "fold"])["chosen"].value_counts()
    said = ", ".join(f"{name} {count}" for name, count in chosen.items())
    clean = tries[(tries["y"] == 1) | (tries["noisy"] == 0)]
    equal = [
        show(at_equal_length(part, "chosen by inner folds", n_bootstrap=_N_BOOTSTRAP))
        for part in (tries, clean)
    ]
    alone = ", ".join(
        f"{name} {show(at_equal_length(clean, name, n_bootstrap=_N_BOOTSTRAP))}"
        for name in _LEARNT_ELSEWHERE
        if name in tries
    )
    return (
        f"Chosen by inner folds: {said}.\n\nThat, among clips of equal length: "
        f"{equal[0]}, against clean ones {equal[1]}.\n\nNothing learnt on set_b, "
        f"against clean clips of equal length: {alone or '-'}."
    )


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
            show(
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
