"""The table of all stages, from their saved scores alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from interval_text import show
from score_store import ScoreStore

from heartbeat_clf.results import Evaluation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PUBLISHED", "make_table", "put_between_marks", "within_strata"]

MARKS = ("<!-- table -->", "<!-- end of table -->")
_HEAD = (
    "recordings",
    "model",
    "split",
    "AUROC, a recording",
    "AUROC, a (subject, label) unit",
    "accuracy (majority)",
    "minutes a round (CPU)",
)
_SPLITS = {
    "grouped": "by subject",
    "random": "random (leaks)",
    "records": "records, subjects unknown",
    "grouped 80/20": "one 80/20, by subject",
    "random 80/20": "one 80/20, random (leaks)",
}
# The databases of CinC 2016 that are hard; the others are told by their recording
# conditions or have few recordings.
_HARD = ("a", "b", "f")
PUBLISHED = (
    "PASCAL set_b, murmur v. normal",
    "ancestor, as published",
    "one 80/20, random (leaks)",
    "0.768 (0.62 to 0.92)",
    "-",
    "0.776 (0.776)",
    "-",
)
_NOTES = """\
AUROC with its 95 % cluster-bootstrap interval: taken within folds and averaged,
subjects drawn within folds; see [evaluation](evaluation.md). Accuracy is that of the
model's own `predict`, beside that of always answering the commonest label. Minutes
are those of the folds of one round, reading of recordings included, divided by the
folds that ran at a time, on a machine that did other work as well; the minutes of a
processor are beside them. A random split has clips of one subject on both sides: it
stands here to warn.

The last row is the ancestor's own. Its accuracy, 52 of 67 on one random split, is the
share of the commonest label; its AUROC is 599 of 780 pairs, so that the interval
reaches from about 0.62 to 0.92; and clips of one subject were on both sides."""


class Row(NamedTuple):
    """One line of the table and, for recordings in strata, what stands below it."""

    cells: tuple[str, ...]
    below: tuple[str, ...] = ()


def make_table(results: Path, stages: Iterable[str]) -> str:
    """Return the table of the stages that have scores, and its notes, as Markdown.

    Parameters
    ----------
    results : Path
        Folder of the scores.
    stages : iterable of str
        Names, in the order of the table.

    Raises
    ------
    FileNotFoundError
        If no stage has scores.
    """
    rows, dates, versions = [], set(), set()
    for name in stages:
        store = ScoreStore(results, name)
        scores, record = store.scores(), store.record()
        if scores is None:
            continue
        for split in scores["split"].unique().tolist():
            part = scores[scores["split"] == split].drop(columns="split")
            rows.append(_make_row(part, split, store, record["settings"]))
        for facts in record["folds"].values():
            dates.add(facts["date"][:10])
            versions.add(
                f"TensorFlow {facts['tensorflow']}, Keras {facts['keras']}, "
                f"scikit-learn {facts['scikit-learn']}, Python {facts['python']}"
            )
    if not rows:
        raise FileNotFoundError(
            f"Expected saved scores such as pascal_default.csv in {str(results)!r}, "
            "got none. Run benchmarks/quality.py with the folder of the recordings."
        )
    lines = _markdown([_HEAD, *(row.cells for row in rows), PUBLISHED])
    for row in rows:
        lines += ["", *row.below] if row.below else []
    span = " to ".join(sorted({min(dates), max(dates)}))
    made = f"Measured {span} with {'; '.join(sorted(versions))}."
    return "\n".join([*lines, "", _NOTES, "", made])


def within_strata(scores: pd.DataFrame, positive: Any) -> dict[str, tuple[float, int]]:
    """Return the AUROC within each stratum, and how many folds it is the mean of.

    AUROCs are taken within folds, then averaged; a fold in which a stratum lacks a
    class is left out.

    Parameters
    ----------
    scores : DataFrame
        With the columns "repeat", "fold", "stratum", "y" and "score".
    positive : str
        The positive class.
    """
    from sklearn.metrics import roc_auc_score

    found: dict[str, list[float]] = {}
    for (stratum, _, _), part in scores.groupby(["stratum", "repeat", "fold"]):
        truth = part["y"] == positive
        areas = found.setdefault(str(stratum), [])
        if 0 < truth.sum() < len(truth):
            areas.append(float(roc_auc_score(truth, part["score"])))
    return {
        stratum: (float(np.mean(areas)) if areas else float("nan"), len(areas))
        for stratum, areas in found.items()
    }


def put_between_marks(page: str, table: str) -> str:
    r"""Return `page` with `table` between its two marks.

    Raises
    ------
    ValueError
        If the page lacks the marks.

    Examples
    --------
    >>> put_between_marks("a <!-- table -->old<!-- end of table --> b", "new")
    'a <!-- table -->\nnew\n<!-- end of table --> b'
    """
    before, found, rest = page.partition(MARKS[0])
    _, closed, after = rest.partition(MARKS[1])
    if not found or not closed:
        raise ValueError(
            f"Expected the lines {MARKS[0]!r} and {MARKS[1]!r} in the page, got a page "
            f"of {len(page.splitlines())} lines without them. Put them where the "
            "table is to stand."
        )
    return f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}"


def _make_row(
    scores: pd.DataFrame, split: str, store: ScoreStore, settings: dict[str, Any]
) -> Row:
    n_folds = 1 if "80/20" in split else settings["n_splits"]
    folds = scores.groupby("repeat")["fold"].nunique()
    whole = folds.index[folds == n_folds]
    extent = _extent(split, folds, n_folds)
    model = settings["model"]
    if n_folds == 1:
        model = f"{model}, {settings['estimator']['classifier__epochs']} epochs"
    if len(whole):
        scores = scores[scores["repeat"].isin(whole)]
    else:
        scores = scores[scores["repeat"] == folds.index[0]]
    evaluation = Evaluation.from_predictions(scores)
    summary = evaluation.summary
    repeats = set(scores["repeat"])
    facts = [f for (repeat, _), f in store.folds(split).items() if repeat in repeats]
    wall = sum(fold["seconds"] / fold["n_workers"] for fold in facts)
    used = sum(fold["cpu_seconds"] for fold in facts)
    unit = "-"
    if evaluation.subjects_known:
        unit = show(summary["auroc_subject"])
    cells = (
        settings["data"],
        model,
        extent,
        show(summary["auroc_recording"]),
        unit,
        f"{summary['accuracy'].value:.3f} ({summary['majority'].value:.3f})",
        f"{wall / 60 / len(repeats):.1f} ({used / 60 / len(repeats):.1f})",
    )
    if not settings["stratum"]:
        return Row(cells)
    inner = within_strata(scores, evaluation.settings["pos_label"])
    return Row(cells, _strata_lines(inner, settings, n_folds * len(whole)))


def _extent(split: str, folds: pd.Series, n_folds: int) -> str:
    """Return the words for a split and how much of it was run."""
    words = _SPLITS[split]
    n_whole = int((folds == n_folds).sum())
    if n_whole == 0:
        return f"{words}: {folds.iloc[0]} of {n_folds} folds so far"
    if n_folds == 1:
        return words
    return f"{words}, {n_folds} folds × {n_whole}"


def _strata_lines(
    inner: dict[str, tuple[float, int]], settings: dict[str, Any], n_folds: int
) -> tuple[str, ...]:
    kind = settings["stratum"]
    values = ", ".join(
        f"{stratum} {value:.3f}" + (f" ({n} folds)" if n != n_folds else "")
        for stratum, (value, n) in sorted(inner.items())
    )
    lines = [
        f"{settings['data']}: the AUROC above is mostly that of telling the {kind}s "
        f"apart. Within each {kind}, the mean over the folds that hold both classes "
        f"of it: {values}."
    ]
    hard = [inner[stratum][0] for stratum in _HARD if stratum in inner]
    if len(hard) == len(_HARD):
        lines.append(f"Mean of {', '.join(_HARD)}: {np.mean(hard):.3f}.")
    return tuple(lines)


def _markdown(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]
