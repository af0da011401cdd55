"""Print the figures of the shipped model from the saved scores of its trainings.

``python benchmarks/pretrained_table.py`` reads ``results/pretrained`` and trains
nothing; benchmarks/pretrained_runs.py makes the scores of the folds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from interval_text import show
from pretrained_changes_table import Measure, changed, made, mixed
from pretrained_runs import N_FOLDS
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heartbeat_clf.evaluation import Interval, bootstrap_auroc
from heartbeat_clf.intervals import bootstrap_folds
from heartbeat_clf.pretrained_files import (
    calibrate,
    calibrate_persons,
    choose_combination,
    combine_persons,
    labelled_rows,
    rows_of_persons,
)

RESULTS = Path(__file__).resolve().parent / "results" / "pretrained"
MURMUR = {"murmur": "Present", "elsewhere": "Present", "unknown": "Unknown"}
VIEWS = {
    "windows": "by windows alone: AUROC",
    "beat": "by the network on the average beat alone: AUROC",
    "linear": "by the linear judge of the average beat alone: AUROC",
    "steadiness": "by the judge of steadiness alone: AUROC",
    "made": "by the judge of made murmurs alone: AUROC",
    "units": "by the judge of units alone: AUROC",
}
ELSEWHERE = {"a": "a", "b": "b", "c": "cd", "d": "cd", "e": "e", "f": "f"}
"""Databases, and which ones were left out of the training that scored each."""
MEASURED = "abf"
"""The databases whose mean is measured: both classes are many there."""
WEIGHTS = {"Present": 5, "Unknown": 3, "Absent": 1}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    results = parser.parse_args().results
    table = "\n".join(
        [
            "| measure | value (95 % interval) |",
            "|---|---|",
            *(f"| {name} | {value} |" for _, name, value in measures(results)),
        ]
    )
    print(table)
    (results / "table.md").write_text(table + "\n", encoding="utf-8")


def measures(results: Path) -> list[Measure]:
    """Return every figure with a key and its name."""
    parts = [read(results, f"fold_{k}").assign(fold=k) for k in range(N_FOLDS)]
    scores = pd.concat(parts, ignore_index=True)
    circor = scores[scores["data"] == "circor"]
    circor = circor.assign(murmur_of_person=circor["stratum"].map(MURMUR))
    circor["murmur_of_person"] = circor["murmur_of_person"].fillna("Absent")
    name = "CirCor recordings, audible murmur v. absent: AUROC"
    rows = [("circor recordings", name, audible(circor)), *alone(circor)]
    for name, figures in (("changed", changed), ("mixed", mixed), ("made", made)):
        if (results / f"{name}.csv").exists():
            rows += figures(read(results, name))
    rows += persons(circor)
    rows.append(
        (
            "circor classes",
            "CirCor persons, three classes: weighted accuracy",
            three_classes(circor),
        )
    )
    rows += cinc(scores[scores["data"] == "cinc2016"], results)
    for name, text in (
        ("pascal_b", "PASCAL set_b, murmur v. normal, nothing of PASCAL seen: AUROC"),
        ("pascal_a", "PASCAL set_a, murmur v. normal, nothing of PASCAL seen: AUROC"),
    ):
        if (results / f"{name}.csv").exists():
            found = read(results, name)
            truth = found["stratum"] == "murmur"
            value = bootstrap_auroc(truth, found["murmur"], found["subject"])
            rows.append((name, text, show(value)))
    return rows


def read(results: Path, run: str) -> pd.DataFrame:
    return pd.read_csv(results / f"{run}.csv", dtype={"subject": str})


def audible(circor: pd.DataFrame) -> str:
    known = circor[circor["stratum"].isin(["murmur", "normal"])]
    return show(
        bootstrap_auroc(
            known["stratum"] == "murmur",
            known["murmur"],
            known["subject"],
            folds=known["fold"],
        )
    )


def alone(circor: pd.DataFrame) -> list[Measure]:
    """Return what each view of a recording gives without the other."""
    rows = []
    for view, text in VIEWS.items():
        if f"murmur_{view}" not in circor:
            continue
        by_view = circor.assign(murmur=circor[f"murmur_{view}"])
        # Where no beat is found the windows answer alone.
        by_view["murmur"] = by_view["murmur"].fillna(circor["murmur"])
        name = f"CirCor recordings, {text}"
        rows.append((f"recordings {view}", name, audible(by_view)))
        rows.append(
            (
                f"persons {view}",
                f"CirCor persons, Present v. Absent, {text}",
                persons(by_view)[0][2],
            )
        )
    return rows


def persons(circor: pd.DataFrame) -> list[Measure]:
    """Return Present v. Absent: combination and calibration from the other folds.

    A person who came twice is Present if a visit was; visits of which it is not known
    are left out.
    """
    known = circor[circor["murmur_of_person"] != "Unknown"]
    labelled = labelled_rows(known, "murmur")
    chosen, out = [], []
    for fold in range(N_FOLDS):
        calibration, _ = calibrate(known[known["fold"] != fold], "murmur")
        rows = rows_of_persons(known, labelled, "murmur", calibration)
        inner, outer = rows[rows["fold"] != fold], rows[rows["fold"] == fold]
        combine, _ = choose_combination(inner)
        slope, intercept, _ = calibrate_persons(inner, combine)
        found = combine_persons(outer, combine)
        found["log_odds"] = slope * found["log_odds"] + intercept
        chosen.append(combine)
        out.append(found.assign(fold=fold))
    table = pd.concat(out)
    value = bootstrap_auroc(
        table["positive"], table["log_odds"], table.index, folds=table["fold"]
    )
    y, s = table["positive"].to_numpy(), table["log_odds"].to_numpy()
    p = expit(s)
    rng = np.random.default_rng(0)
    perfect = np.mean([ece(rng.random(len(p)) < p, p) for _ in range(500)])
    line = LogisticRegression(C=1e6).fit(s[:, np.newaxis], y)
    unique = ", ".join(sorted(set(chosen)))
    return [
        (
            "circor persons",
            f"CirCor persons, Present v. Absent, {unique}: AUROC",
            show(value),
        ),
        (
            "ece",
            "CirCor persons: ECE, 10 equal-mass bins (of a perfect model at this n)",
            f"{ece(y, p):.3f} ({perfect:.3f})",
        ),
        ("brier", "CirCor persons: Brier score", f"{np.mean((p - y) ** 2):.3f}"),
        (
            "slope",
            "CirCor persons: calibration slope, intercept",
            f"{line.coef_[0, 0]:.2f}, {line.intercept_[0]:.2f}",
        ),
    ]


def ece(truth: np.ndarray, probability: np.ndarray, n_bins: int = 10) -> float:
    """Return the expected calibration error with equal-mass bins."""
    order = np.argsort(probability, kind="stable")
    gaps = [
        abs(truth[part].mean() - probability[part].mean()) * len(part)
        for part in np.array_split(order, n_bins)
    ]
    return float(sum(gaps) / len(order))


def three_classes(circor: pd.DataFrame) -> str:
    """Return the weighted accuracy; the rule is learnt on the other folds' persons."""
    # Of several visits, one with a murmur tells, and then one without, as above.
    order = ["Unknown", "Absent", "Present"]
    rank = circor["murmur_of_person"].map(order.index)
    groups = circor.assign(rank=rank).groupby(["fold", "subject"])
    table = groups.agg(
        rank=("rank", "max"),
        mean=("murmur", "mean"),
        largest=("murmur", "max"),
        least=("murmur", "min"),
        unknown=("unknown", "mean"),
        most_unknown=("unknown", "max"),
        loud=("loud", "mean"),
        seconds=("seconds", "sum"),
    ).reset_index()
    table["truth"] = table["rank"].map(dict(enumerate(order)))
    # Who was listened to for less was more often hard to tell.
    table["heard"] = np.log(table["seconds"])
    columns = ["mean", "largest", "least", "unknown", "most_unknown", "loud", "heard"]
    said = []
    for fold in range(N_FOLDS):
        inner, outer = table[table["fold"] != fold], table[table["fold"] == fold]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(inner[columns], inner["truth"])
        weights = np.array([WEIGHTS[name] for name in model.classes_])
        gains = model.predict_proba(outer[columns]) * weights
        answers = model.classes_[gains.argmax(axis=1)]
        said.append(outer.assign(answer=answers))
    found, mean = weighted_accuracy(pd.concat(said))
    folds = ", ".join(f"{value:.3f}" for value in found)
    return f"{show(mean)}; folds {folds}"


def weighted_accuracy(persons: pd.DataFrame) -> tuple[list[float], Interval]:
    """Return that of each fold and their mean, persons drawn within folds.

    It is that of the George B. Moody PhysioNet Challenge 2022, as
    :func:`heartbeat_clf.scores.murmur_weighted_accuracy` counts it.
    """
    weight = persons["truth"].map(WEIGHTS).to_numpy()
    right = weight * (persons["truth"] == persons["answer"]).to_numpy()
    _, codes = np.unique(persons["subject"], return_inverse=True)

    def measure(rows: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
        drawn = counts[:, codes[rows]]
        return {"accuracy": drawn @ right[rows] / (drawn @ weight[rows])}

    found, summary = bootstrap_folds(
        measure, subjects=persons["subject"], folds=persons["fold"]
    )
    return [fold["accuracy"] for fold in found], summary["accuracy"]


def cinc(scores: pd.DataFrame, results: Path) -> list[Measure]:
    rows: list[Measure] = []
    at_home: dict[str, str] = {}
    elsewhere: dict[str, str] = {}
    known = scores[scores["data"] == "cinc2016"]
    known = known.assign(
        database=known["stratum"].str[0],
        positive=known["stratum"].str.endswith("abnormal"),
    )
    classes = known.groupby(["database", "fold"])["positive"].transform("nunique")
    for database, part in known[classes == 2].groupby("database"):
        value = within(part, part["fold"])
        name = f"CinC 2016 within {database}, stratified folds of records: AUROC"
        rows.append((f"within {database}", name, show(value)))
        at_home[str(database)] = familiar(part)
    measured = known[(classes == 2) & known["database"].isin(list(MEASURED))]
    value = within(measured, measured["database"] + measured["fold"].astype(str))
    name = f"CinC 2016, mean of {', '.join(MEASURED)}"
    rows.append(("within", name, show(value)))
    for view, text in VIEWS.items():
        if f"abnormal_{view}" in known:
            said = measured[f"abnormal_{view}"].fillna(measured["abnormal"])
            part = measured.assign(abnormal=said)
            value = within(part, part["database"] + part["fold"].astype(str))
            name = f"CinC 2016, mean of {', '.join(MEASURED)}, {text}"
            rows.append((f"within, {view}", name, f"{value.value:.3f}"))
    value = within(known, known["fold"])
    name = "CinC 2016, the records of all six ranked together: AUROC"
    rows.append(("together", name, show(value)))
    if (results / "device.csv").exists():
        rows += device(pd.read_csv(results / "device.csv"))
    tables = []
    for database, run in ELSEWHERE.items():
        if not (results / f"without_{run}.csv").exists():
            continue
        found = read(results, f"without_{run}")
        found = found[found["stratum"].str.startswith(f"{database}/")]
        found = found.assign(
            database=database, positive=found["stratum"].str.endswith("abnormal")
        )
        less = "that database" if run == database else " and ".join(run)
        name = f"CinC 2016 {database}, trained without {less}: AUROC"
        rows.append((f"without {database}", name, show(within(found))))
        elsewhere[database] = familiar(found)
        tables.append(found)
    outside = pd.concat(tables)
    outside = outside[outside["database"].isin(list(MEASURED))]
    name = f"CinC 2016 left out, mean of {', '.join(MEASURED)}"
    rows.append(("without", name, show(within(outside, outside["database"]))))
    for key, where, shares in (
        ("familiar within", "stratified folds of records", at_home),
        ("familiar without", "trained without that database", elsewhere),
    ):
        name = f"CinC 2016 {', '.join(shares)}, {where}: share that sounds familiar"
        rows.append((key, name, ", ".join(shares.values())))
    return rows + alone_elsewhere(results)


def within(part: pd.DataFrame, groups: pd.Series | None = None) -> Interval:
    """Return the mean of the AUROC of "abnormal" within each group of records."""
    return bootstrap_auroc(
        part["positive"], part["abnormal"], part["recording"], folds=groups
    )


def familiar(scores: pd.DataFrame) -> str:
    """Return the share of recordings that sound like those learnt from."""
    if "abnormal_familiarity" not in scores:
        return "-"
    # Where no beat is found nobody is asked.
    return f"{(scores['abnormal_familiarity'].dropna() > 0).mean():.2f}"


def alone_elsewhere(results: Path) -> list[Measure]:
    """Return what each view gives on databases that were left out."""
    found = [read(results, f"without_{database}") for database in MEASURED]
    rows = []
    for view, text in VIEWS.items():
        if not all(f"abnormal_{view}" in table for table in found):
            continue
        values = []
        for table in found:
            part = table[table["data"] == "cinc2016"]
            # Where no beat is found the windows answer alone.
            said = part[f"abnormal_{view}"].fillna(part["abnormal"])
            values.append(roc_auc_score(part["stratum"].str.endswith("abnormal"), said))
        name = f"CinC 2016 left out, mean of a, b, f, {text}"
        rows.append((f"without, {view}", name, f"{np.mean(values):.3f}"))
    return rows


def device(scores: pd.DataFrame) -> list[Measure]:
    """Return the figures of networks trained on the records of one database."""
    rows = []
    for way, text in (
        ("tuned", "fine-tuned on"),
        ("linear", "fine-tuned with a linear head on"),
        ("embedding", "logistic regression on the embedding, with"),
        ("scratch", "trained on nothing but"),
        ("summary", "logistic regression on summary statistics, with"),
    ):
        if way not in scores:
            continue
        values = []
        for database, part in scores.groupby("database"):
            value = bootstrap_auroc(
                part["positive"], part[way], part["recording"], folds=part["fold"]
            )
            name = f"CinC 2016 within {database}, {text} that database: AUROC"
            rows.append((f"{way} {database}", name, show(value)))
            values.append(value.value)
        name = f"CinC 2016, {text} one database, mean of a, b, f"
        rows.append((way, name, f"{np.mean(values):.3f}"))
    return rows


if __name__ == "__main__":
    main()
