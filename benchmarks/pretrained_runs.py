"""The trainings behind the shipped model's figures, each saved with its scores.

``fold_k`` leaves out part k of CirCor's persons and of CinC 2016's records together,
``without_x`` leaves out database x of CinC 2016, or several. Those of ``EXTRA`` are run
where they are named: no aim is about them. A run whose scores are saved by the
same recipe is not trained again, and one that was stopped goes on from its last
checkpoint.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

N_FOLDS = 5
RESULTS = Path(__file__).resolve().parent / "results" / "pretrained"
RUNS = (*(f"fold_{k}" for k in range(N_FOLDS)), "without_a", "without_b", "without_f")
EXTRA = ("without_cd", "without_e")
FOLLOWING = ("changed", "mixed", "made", "device")
"""Scores that other scripts make with the networks of the folds."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--work", type=Path, required=True, help="folder of checkpoints and scores")
    runs = (*RUNS, *EXTRA)
    add("--runs", nargs="+", choices=runs, default=RUNS, metavar="RUN", help=str(runs))
    add("--recipe", type=Path, help="another recipe than that of the shipped model")
    add("--results", type=Path, default=RESULTS, help="folder of the saved scores")
    add("--n-jobs", type=int, default=2, help="trainings at a time, a core each")
    given = parser.parse_args()
    if len(given.runs) == 1:
        train(given.runs[0], given.data, given.work, given.recipe)
        return
    start_results(given.results, given.work, given.recipe)
    waiting = [run for run in given.runs if not saved(given.results, run)]
    running: list[subprocess.Popen[bytes]] = []
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    while waiting or running:
        running = [process for process in running if process.poll() is None]
        keep_scores(given)
        if waiting and len(running) < given.n_jobs:
            command = [sys.executable, __file__, str(given.data), "--runs"]
            command += [waiting.pop(0), "--work", str(given.work)]
            if given.recipe is not None:
                command += ["--recipe", str(given.recipe)]
            environment = {**os.environ, **threads, "OMP_NUM_THREADS": "1"}
            running.append(subprocess.Popen(command, env=environment))
        time.sleep(1)
    keep_scores(given)
    missing = [run for run in given.runs if not saved(given.results, run)]
    if missing:
        raise SystemExit(f"These runs ended without scores: {missing}.")


def start_results(results: Path, work: Path, recipe: Path | None) -> None:
    """Note the recipe; scores of another one are no longer those of the model."""
    from heartbeat_clf.pretraining_recipe import DEFAULT_RECIPE

    text = (DEFAULT_RECIPE if recipe is None else recipe).read_text("utf-8")
    noted = results / "recipe.toml"
    if not noted.exists() or noted.read_text("utf-8") != text:
        results.mkdir(parents=True, exist_ok=True)
        for name in (*RUNS, *EXTRA, *FOLLOWING):
            (results / f"{name}.csv").unlink(missing_ok=True)
            (work / name / "scores.csv").unlink(missing_ok=True)
        noted.write_text(text, encoding="utf-8")


def saved(results: Path, run: str) -> bool:
    return (results / f"{run}.csv").exists()


def keep_scores(given: argparse.Namespace) -> None:
    """Copy the scores of the runs that ended."""
    for run in given.runs:
        scores = given.work / run / "scores.csv"
        if scores.exists() and not saved(given.results, run):
            shutil.copyfile(scores, given.results / f"{run}.csv")


def train(run: str, folder: Path, work: Path, recipe_path: Path | None) -> None:
    """Train one run and save the scores of what it left out."""
    from heartbeat_clf.pretraining_data import from_cinc2016, from_circor
    from heartbeat_clf.pretraining_recipe import read_recipe
    from heartbeat_clf.pretraining_run import assign_folds, make_images, train_fold

    recipe = read_recipe(recipe_path)
    data = [from_circor(folder, recipe.shares.get("circor")), from_cinc2016(folder)]
    kind, _, which = run.partition("_")
    if kind == "fold":
        folds = assign_folds(data, N_FOLDS, seed=recipe.seed)
        held_out = [part == int(which) for part in folds]
    else:
        left_out = tuple(f"{database}/" for database in which)
        held_out = [
            np.array([s.startswith(left_out) for s in part.strata]) for part in data
        ]
    images = make_images(data, recipe, cache=work / "cache")
    start, cpu = time.time(), time.process_time()
    train_fold(data, images, held_out, recipe, work / run, verbose=0)
    minutes = (time.time() - start) / 60
    cpu_minutes = (time.process_time() - cpu) / 60
    with (work / "times.txt").open("a", encoding="utf-8") as log:
        log.write(f"{run} {minutes:.1f} min, {cpu_minutes:.1f} CPU min\n")


if __name__ == "__main__":
    main()
