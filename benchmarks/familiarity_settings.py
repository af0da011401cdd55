"""Try the settings of the judge of familiarity on the saved scores of CinC 2016.

How many components, how much of what was learnt from is near, and how much the log odds
by steadiness count beside half of the others: a line for each of 45 settings, with what
it gives on databases left out and within databases that the networks know. Then the
settings that the other databases choose for each of a, b and f, and what these give.
All of it is without the judge of what both networks hear, which came later.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from pretrained_table import ELSEWHERE, MEASURED, N_FOLDS, RESULTS, read
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from heartbeat_clf.familiarity import level_features
from heartbeat_clf.familiarity_judge import fit_places, places_to_onnx
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.pretraining_data import from_cinc2016
from heartbeat_clf.pretraining_recipe import read_recipe
from heartbeat_clf.pretraining_run import make_images

COMPONENTS, NEAR = (5, 10, 20), (0.8, 0.9, 0.95)
# Weights of steadiness where the sound is familiar, and where it is not.
WEIGHTS = ((0.5, 0.5), (0.5, 1.0), (0.5, 1.5), (1.0, 1.0), (1.0, 1.5))
Settings = tuple[int, float, float, float]
Areas = dict[str, float]
"""The AUROC within each database."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds cinc2016")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--cache", type=Path, help="folder of images")
    given = parser.parse_args()
    data = from_cinc2016(given.data)
    images = make_images([data], read_recipe(), cache=given.cache)[0]
    features = np.array([level_features(image) for image in images])
    names = [Path(path).stem for path in data.recordings]
    within = pd.concat(
        [read(given.results, f"fold_{k}").assign(run=k) for k in range(N_FOLDS)]
    )
    left_out = pd.concat(
        read(given.results, f"without_{run}").assign(run=run)
        for run in dict.fromkeys(ELSEWHERE.values())
    )
    tables = [
        part[part["data"] == "cinc2016"].set_index("recording").loc[names]
        for part in (within, left_out)
    ]
    share = np.array([data.shares[stratum] for stratum in data.strata])
    size = pd.Series(data.strata).groupby(data.strata).transform("size").to_numpy()
    found: dict[Settings, tuple[Areas, Areas]] = {}
    for components, near in itertools.product(COMPONENTS, NEAR):
        familiar = [np.empty(len(names)), np.empty(len(names))]
        for table, odds in zip(tables, familiar, strict=True):
            for run in set(table["run"]):
                left = (table["run"] == run).to_numpy()
                places = fit_places(
                    features[~left],
                    data.strata[~left],
                    data.subjects[~left],
                    (share / size)[~left],
                    components=components,
                    near=near,
                )
                judge = network_session(places_to_onnx([places]))
                odds[left] = judge(features[left])[:, 0]
        for known, unknown in WEIGHTS:
            scores = [
                blend(table, expit(odds), known, unknown)
                for table, odds in zip(tables, familiar, strict=True)
            ]
            found[components, near, known, unknown] = (
                {d: area(tables[1], scores[1], d) for d in ELSEWHERE},
                {d: area(tables[0], scores[0], d) for d in MEASURED},
            )
    show(found)


def blend(
    table: pd.DataFrame, familiar: np.ndarray, known: float, unknown: float
) -> np.ndarray:
    """Return scores with weights of steadiness beside half of each network."""
    windows = table["abnormal_windows"]
    beat = table["abnormal_beat"].fillna(windows)
    steady = table["abnormal_steadiness"]
    judged = familiar * (windows / 2 + known * steady)
    judged += (1 - familiar) * unknown * steady
    return (judged.fillna(windows / 2) + beat / 2).to_numpy()


def area(table: pd.DataFrame, scores: np.ndarray, database: str) -> float:
    """Return the AUROC within a database: the mean of the runs that scored it."""
    there = table["stratum"].str.startswith(f"{database}/").to_numpy()
    truth = table["stratum"].str.endswith("abnormal").to_numpy()
    areas = []
    for run in set(table["run"][there]):
        rows = there & (table["run"] == run).to_numpy()
        if len(set(truth[rows])) == 2:
            areas.append(roc_auc_score(truth[rows], scores[rows]))
    return float(np.mean(areas))


def show(found: dict[Settings, tuple[Areas, Areas]]) -> None:
    """Print what each setting gives, and what the nested choice comes to."""
    print(
        "| components | near | weight where familiar | where not | left out: "
        "a, b, f | all | within a, b, f |\n|---|---|---|---|---|---|---|"
    )
    for settings, (outside, inside) in found.items():
        of_all = [
            [outside[d] for d in MEASURED],
            [*outside.values()],
            [*inside.values()],
        ]
        told = " | ".join(f"{np.mean(areas):.3f}" for areas in of_all)
        print("| " + " | ".join(map(str, settings)) + f" | {told} |")
    chosen = []
    for database in MEASURED:

        def others(settings: Settings, database: str = database) -> float:
            return sum(
                float(
                    np.mean([area for name, area in areas.items() if name != database])
                )
                for areas in found[settings]
            )

        best = max(found, key=others)
        chosen.append(found[best][0][database])
        print(f"\n{database}: the others choose {best}, {chosen[-1]:.3f}", end="")
    print(f"\n\nMean: {np.mean(chosen):.3f}")


if __name__ == "__main__":
    main()
