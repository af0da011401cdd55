"""Fine-tune on the recordings of one place: databases a, b and f of CinC 2016.

What a user does who has some recordings from a device of one's own. The network of fold
k, which has seen no record of that fold, is trained on with the other records of one
database and scores those of the fold; so does the default pipeline, which starts from
nothing. ``benchmarks/pretrained_runs.py`` makes the
networks. Scores that are saved are not made again.
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
    parts = [pd.read_csv(saved)] if saved.exists() else []
    known = {(row.database, row.fold) for part in parts for row in part.itertuples()}
    for fold in range(N_FOLDS):
        waiting = [name for name in DATABASES if (name, fold) not in known]
        if waiting:
            parts.extend(fine_tune(fold, waiting, given))
            pd.concat(parts).to_csv(saved, index=False, float_format="%.5f")


def fine_tune(
    fold: int, databases: list[str], given: argparse.Namespace
) -> list[pd.DataFrame]:
    """Return the scores of one fold's records, a table a database."""
    from heartbeat_clf import make_heartbeat_pipeline, save
    from heartbeat_clf.prediction import Calibration
    from heartbeat_clf.pretrained_files import as_pipeline
    from heartbeat_clf.pretraining import load_checkpoint
    from heartbeat_clf.pretraining_data import from_cinc2016, from_circor
    from heartbeat_clf.pretraining_recipe import read_recipe
    from heartbeat_clf.pretraining_run import assign_folds

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
    )
    labels = np.where(records.targets["abnormal"] == 1, "abnormal", "normal")
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        weights = save(origin, Path(folder) / "origin.hbc")
        for name in databases:
            inside = np.char.startswith(records.strata.astype(str), f"{name}/")
            train, test = inside & ~held_out, inside & held_out
            common = {"random_state": 0, "cache": given.work / "cache"}
            tuned = make_heartbeat_pipeline(initial_weights=weights, **common)
            scores = {}
            for way, model in (
                ("tuned", tuned),
                ("scratch", make_heartbeat_pipeline(**common)),
            ):
                model.fit(records.recordings[train], labels[train])
                scores[way] = -model.decision_function(records.recordings[test])
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
