"""Learn from the recordings of one place: databases a, b and f of CinC 2016.

What a user does who has some recordings from a device of one's own. The network of fold
k, which has seen no record of that fold, is trained on with the other records of one
database and scores those of the fold ("tuned"; "linear" with a linear head instead of
its own); or a logistic regression learns from what it hears in them ("embedding"); or
the default pipeline starts from nothing ("scratch"); or a logistic regression learns
from summary statistics of the images alone ("summary").
``benchmarks/pretrained_runs.py`` makes the networks. Scores that are saved are not made
again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.update(
    OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1"
)

import numpy as np
import pandas as pd
from pretrained_runs import N_FOLDS, RESULTS

DATABASES = ("a", "b", "f")
WAYS = ("tuned", "linear", "scratch", "embedding", "summary")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--work", type=Path, required=True, help="folder of pretrained_runs.py")
    add("--recipe", type=Path, help="another recipe than that of the shipped model")
    add("--results", type=Path, default=RESULTS, help="folder of the saved scores")
    given = parser.parse_args()
    saved = given.results / "device.csv"
    scores = pd.read_csv(saved) if saved.exists() else pd.DataFrame()
    for fold in range(N_FOLDS):
        waiting = missing(scores, fold)
        if waiting:
            for found in learn(fold, waiting, given):
                keys = ["database", "fold", "recording", "positive"]
                found = found.set_index(keys)
                if len(scores):
                    found = found.combine_first(scores.set_index(keys))
                scores = found.reset_index()
            scores.to_csv(saved, index=False, float_format="%.5f")


def missing(scores: pd.DataFrame, fold: int) -> dict[str, list[str]]:
    """Return the ways that a fold's records of each database are not scored by yet."""
    found = {}
    for name in DATABASES:
        ways = list(WAYS)
        if len(scores):
            rows = scores[(scores["database"] == name) & (scores["fold"] == fold)]
            ways = [
                way
                for way in WAYS
                if rows.empty or way not in rows or rows[way].isna().any()
            ]
        if ways:
            found[name] = ways
    return found


def learn(
    fold: int, waiting: dict[str, list[str]], given: argparse.Namespace
) -> list[pd.DataFrame]:
    """Return the scores of one fold's records, a table a database."""
    from baselines import make_linear_probe, make_logistic_baseline

    from heartbeat_clf import make_heartbeat_pipeline, save
    from heartbeat_clf.beat_view_training import load_beats
    from heartbeat_clf.prediction import Calibration
    from heartbeat_clf.pretrained_files import as_pipeline
    from heartbeat_clf.pretraining import load_checkpoint
    from heartbeat_clf.pretraining_data import from_cinc2016, from_circor
    from heartbeat_clf.pretraining_recipe import read_recipe
    from heartbeat_clf.pretraining_run import BEATS, assign_folds

    recipe = read_recipe(given.recipe)
    data = [
        from_circor(given.data, recipe.shares.get("circor")),
        from_cinc2016(given.data),
    ]
    records = data[1]
    held_out = assign_folds(data, N_FOLDS, seed=recipe.seed)[1] == fold
    origin = as_pipeline(
        load_checkpoint(given.work / f"fold_{fold}"),
        "abnormal",
        recipe,
        calibration=Calibration((0.0,)),
        operating_points=None,
        class_counts=(1, 1),
        beats=load_beats(given.work / f"fold_{fold}" / BEATS, recipe),
    )
    labels = np.where(records.targets["abnormal"] == 1, "abnormal", "normal")
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        weights = save(origin, Path(folder) / "origin.hbc")
        for name, ways in waiting.items():
            inside = np.char.startswith(records.strata.astype(str), f"{name}/")
            train, test = inside & ~held_out, inside & held_out
            common = {"random_state": 0, "cache": given.work / "cache"}
            models = {
                # The network has seen these records: it knows the question of them, and
                # "auto" would take that for knowledge of all.
                "tuned": make_heartbeat_pipeline(
                    initial_weights=weights, initial_share=0, **common
                ),
                "linear": make_heartbeat_pipeline(
                    initial_weights=weights, network="wide_linear", **common
                ),
                "scratch": make_heartbeat_pipeline(**common),
                "embedding": make_linear_probe(weights, cache=given.work / "cache"),
                "summary": make_logistic_baseline(cache=given.work / "cache"),
            }
            # Records alone are known, no persons; its penalty is chosen by these.
            groups = {"summary": {"classifier__groups": np.arange(train.sum())}}
            scores = {}
            for way in ways:
                fitted = groups.get(way, {})
                models[way].fit(records.recordings[train], labels[train], **fitted)
                X = records.recordings[test]
                scores[way] = -models[way].decision_function(X)
            tables.append(
                pd.DataFrame(
                    {
                        "database": name,
                        "fold": fold,
                        "recording": [p.stem for p in records.recordings[test]],
                        "positive": labels[test] == "abnormal",
                        **scores,
                    }
                )
            )
            print(f"fold {fold}, database {name}: {test.sum()} records", flush=True)
    return tables


if __name__ == "__main__":
    main()
