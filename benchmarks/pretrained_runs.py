"""The trainings behind the shipped model's figures, each saved with its scores.

``fold_k`` leaves out part k of CirCor's persons and of CinC 2016's records together,
``without_x`` leaves out database x of CinC 2016. A run that is saved is not trained
again, and one that was stopped goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

N_FOLDS = 5
RUNS = (*(f"fold_{k}" for k in range(N_FOLDS)), "without_a", "without_b", "without_f")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--work", type=Path, required=True, help="folder of checkpoints and scores")
    add("--runs", nargs="+", choices=RUNS, default=RUNS, metavar="RUN", help=str(RUNS))
    add("--recipe", type=Path, help="another recipe than that of the shipped model")
    add("--n-jobs", type=int, default=2, help="trainings at a time, a core each")
    given = parser.parse_args()
    if len(given.runs) == 1:
        train(given.runs[0], given.data, given.work, given.recipe)
        return
    waiting = [run for run in given.runs if not saved(given.work, run)]
    running: list[subprocess.Popen[bytes]] = []
    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    while waiting or running:
        running = [process for process in running if process.poll() is None]
        if waiting and len(running) < given.n_jobs:
            command = [sys.executable, __file__, str(given.data), "--runs"]
            command += [waiting.pop(0), "--work", str(given.work)]
            if given.recipe is not None:
                command += ["--recipe", str(given.recipe)]
            environment = {**os.environ, **threads, "OMP_NUM_THREADS": "1"}
            running.append(subprocess.Popen(command, env=environment))
        time.sleep(1)
    missing = [run for run in given.runs if not saved(given.work, run)]
    if missing:
        raise SystemExit(f"These runs ended without scores: {missing}.")


def saved(work: Path, run: str) -> bool:
    return (work / run / "scores.csv").exists()


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
        held_out = [
            part.metadata.get("database", part.strata) == which for part in data
        ]
        held_out = [
            out.to_numpy() if hasattr(out, "to_numpy") else out for out in held_out
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
