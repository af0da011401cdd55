"""The figures of recordings that were changed, from the scores of the persons left out.

They were changed as another device might, or another heart, or what is heard beside it;
benchmarks/pretrained_table.py prints them.
"""

from __future__ import annotations

import pandas as pd
from interval_text import show
from murmur_kinds import KINDS
from pretrained_changed import CHANGES, MOVED
from pretrained_made import LEVELS_DB
from pretrained_mixed import SOUNDS

from heartbeat_clf.evaluation import bootstrap_auroc

Measure = tuple[str, str, str]
"""Key, name and value of a figure."""
PASSING = 0.035
"""Share of normal recordings above the threshold at which murmurs are looked for:
about as many as pass even odds."""


def changed(scores: pd.DataFrame) -> list[Measure]:
    """Return the figure of recordings that were changed."""
    rows = []
    changes = [*((key, text) for key, (text, _) in CHANGES.items()), ("moved", MOVED)]
    for change, text in changes:
        if change not in scores:
            continue
        found = scores[scores[change].notna()]
        value = bootstrap_auroc(
            found["stratum"] == "murmur",
            found[change],
            found["subject"],
            folds=found["fold"],
        )
        name = f"CirCor recordings, {text}: AUROC"
        rows.append((f"changed {change}", name, show(value)))
    # As they are, they stand in the row above.
    return rows[1:]


def made(scores: pd.DataFrame) -> list[Measure]:
    """Return how normal recordings are told from themselves with a made murmur.

    Found are those above what a few of the recordings as they are reach in a fold.
    """
    limits = scores.groupby("fold")["plain"].quantile(1 - PASSING)
    rows = []
    for kind in KINDS:
        values, found = [], []
        for level in LEVELS_DB:
            # Both versions of a recording are of one person.
            both = pd.concat(
                [
                    scores.assign(murmur=scores[column], positive=positive)
                    for column, positive in ((f"{kind} {level}", 1), ("plain", 0))
                ]
            ).dropna(subset="murmur")
            value = bootstrap_auroc(
                both["positive"], both["murmur"], both["subject"], folds=both["fold"]
            )
            values.append(show(value))
            there = scores.dropna(subset=f"{kind} {level}")
            above = there[f"{kind} {level}"] > there["fold"].map(limits)
            found.append(f"{100 * above.mean():.0f} %")
        levels = " and ".join(map(str, LEVELS_DB))
        name = f"CirCor, made murmurs, {kind}, {levels} dB: AUROC"
        rows.append((f"made {kind}", name, ", ".join(values)))
        name = f"the same: found where {100 * PASSING:g} % of them without it pass"
        rows.append((f"found {kind}", name, ", ".join(found)))
    return rows


def mixed(scores: pd.DataFrame) -> list[Measure]:
    """Return how murmurs are told where other sounds are mixed in.

    Found are those above what a few of the normal recordings as they are reach in a
    fold.
    """
    murmur = scores["stratum"] == "murmur"
    limits = scores[~murmur].groupby("fold")["plain"].quantile(1 - PASSING)
    limit = scores["fold"].map(limits)
    rows = []
    for kind, (text, ratios) in {"plain": ("", ()), **SOUNDS}.items():
        columns = [f"{kind} {ratio}" for ratio in ratios] or [kind]
        values, passing = [], []
        for column in columns:
            value = bootstrap_auroc(
                murmur, scores[column], scores["subject"], folds=scores["fold"]
            )
            values.append(show(value))
            above = 100 * (scores[column] > limit)
            passing.append(
                f"{above[murmur].mean():.0f} and {above[~murmur].mean():.1f} %"
            )
        levels = " and ".join(map(str, ratios))
        beside = f"with {text}, {levels} dB" if text else "a quarter of the normal ones"
        name = f"CirCor recordings, {beside}: AUROC"
        rows.append((f"mixed {kind}", name, ", ".join(values)))
        share = f"{100 * PASSING:g} % of these without it"
        name = f"the same: murmurs and others called murmurs, where {share} are"
        rows.append((f"mixed passing {kind}", name, ", ".join(passing)))
    return rows
