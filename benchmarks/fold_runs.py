"""Run the folds of a stage that are not saved yet, each in a worker process."""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import platform
import sys
import time
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from joblib.externals.loky import get_reusable_executor
from score_store import FoldKey, ScoreStore
from sklearn.utils import Bunch
from stages import Options, Stage, make_tasks, strata_of, take_few

from heartbeat_clf.crossfit import FitPlan, FoldTask, run_folds
from heartbeat_clf.pretrained import TARGETS, find_model
from heartbeat_clf.scores import positive_label

__all__ = ["run_stage"]

_PACKAGES = ("heartbeat_clf", "keras", "numpy", "scikit-learn", "scipy", "tensorflow")
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
# Neither changes a score.
_INDIFFERENT = ("cache", "n_jobs", "verbose", "memory")
# Have no say where nothing is started from; stages may be older than they are.
_OF_INITIAL_WEIGHTS = ("initial_weights", "frozen_blocks", "initial_share")


def run_stage(
    name: str,
    stage: Stage,
    data: Path,
    results: Path,
    options: Options,
    *,
    n_jobs: int,
) -> None:
    """Run what is missing of a stage and save every fold as it ends.

    Parameters
    ----------
    name, stage : str and Stage
        What to run.
    data, results : Path
        Folder of the recordings, and where scores are kept.
    options : Options
        Of the command line.
    n_jobs : int
        Folds at a time, or threads of a heavy fold.
    """
    bunch = stage.load(data)
    strata = strata_of(stage, bunch)
    rows = take_few(strata) if options.quick else np.arange(len(strata))
    estimator = stage.make(results / "cache" / "images", options)
    store = ScoreStore(results, name)
    store.start(
        {
            "data": stage.data,
            "model": stage.model,
            "n_recordings": len(rows),
            "n_splits": options.n_splits,
            "stratum": stage.stratum,
            "subjects_known": bool(bunch.subjects_known),
            "estimator": describe_estimator(estimator),
        }
    )
    tasks = make_tasks(stage, bunch, options, rows)
    done = store.done()
    missing = [task for task in tasks if _key(task) not in done]
    _say(f"{name}: {len(tasks)} folds, {len(tasks) - len(missing)} saved before")
    plan = _make_plan(stage, bunch, estimator)
    n_workers, n_threads = (1, n_jobs) if stage.is_heavy else (n_jobs, 1)
    with _workers(n_workers, n_threads) as executor:
        running = [executor.submit(run_task, plan, task) for task in missing]
        for number, future in enumerate(as_completed(running), start=1):
            task, columns, facts = future.result()
            if not bunch.subjects_known:
                columns["subject"] = np.full(len(task.test), None)
            if stage.stratum is not None:
                strata_column = np.asarray(bunch.metadata[stage.stratum])
                columns["stratum"] = strata_column[task.test]
            facts |= {"n_workers": n_workers, "n_threads": n_threads}
            store.add(_key(task), columns, facts)
            _say(
                f"{name}: {number} of {len(missing)}, {task.kind} round {task.repeat} "
                f"fold {task.fold} in {facts['seconds']:.0f} s"
            )


def run_task(
    plan: FitPlan, task: FoldTask
) -> tuple[FoldTask, dict[str, np.ndarray], dict[str, Any]]:
    """Return the task, its predictions, and the seconds it took; for a worker."""
    started, used = time.perf_counter(), time.process_time()
    ((columns, extras),) = run_folds(plan, [task], n_jobs=None, verbose=0)
    facts = {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        **{name: round(value, 4) for name, value in extras.items()},
    }
    return task, columns, facts


def describe_estimator(estimator: Any) -> dict[str, str]:
    """Return all settings that may change a score, as text.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> describe_estimator(Ridge())["alpha"]
    '1.0'
    """
    settings = estimator.get_params()
    left_out = _INDIFFERENT
    if settings.get("classifier__initial_weights") is None:
        left_out += _OF_INITIAL_WEIGHTS
    described = {
        name: repr(value)
        for name, value in sorted(settings.items())
        if name.rpartition("__")[2] not in left_out
        and not hasattr(value, "get_params")
        and not isinstance(value, list | dict)
        and not callable(value)
    }
    starts = "classifier__initial_weights", "embedding__model"
    if {settings.get(name) for name in starts} & {"pretrained", TARGETS[0]}:
        # Other weights in the box are another start.
        with zipfile.ZipFile(find_model(TARGETS[0])) as archive:
            packed = io.BytesIO(archive.read("network.keras"))
            with zipfile.ZipFile(packed) as network:
                content = network.read("model.weights.h5")
            described["weights"] = hashlib.sha256(content).hexdigest()
            # A head of its own, as of "wide_linear" and regressions, drops the beats.
            if settings.get("classifier__network") == "wide":
                notes = json.loads(archive.read("model.json"))["predictor"]
                judges = [name for name in archive.namelist() if "beats" in name]
                content = b"".join(archive.read(name) for name in sorted(judges))
                content += json.dumps(notes.get("beats"), sort_keys=True).encode()
                described["beats"] = hashlib.sha256(content).hexdigest()
    return described


def _make_plan(stage: Stage, bunch: Bunch, estimator: Any) -> FitPlan:
    labels = np.asarray(bunch.target)
    scorers = {"training_auroc": training_auroc} if stage.is_network else {}
    return FitPlan(
        estimator=estimator,
        X=bunch.recordings,
        y=labels,
        groups=np.asarray(bunch.subjects),
        fit_params={},
        pos_label=positive_label(np.unique(labels).tolist()),
        cut=None,
        subject_target="label",
        combine="mean",
        scorers=scorers,
    )


def training_auroc(fitted: Any, X: Any, y: Any) -> float:
    """Return the AUROC of the last epoch's training windows; has the scorers' form."""
    return float(fitted[-1].history_["auroc"][-1])


def _key(task: FoldTask) -> FoldKey:
    return task.kind, task.repeat, task.fold


@contextmanager
def _workers(n_workers: int, n_threads: int) -> Iterator[Any]:
    """Give an executor whose processes load their libraries with so many threads.

    One worker is a process as well: the thread count is read when TensorFlow loads,
    and what TensorFlow does not give back to the system ends with the process.
    """
    executor = get_reusable_executor(
        max_workers=n_workers, env=dict.fromkeys(_THREAD_VARIABLES, str(n_threads))
    )
    try:
        with warnings.catch_warnings():
            # TensorFlow's growth looks like a leak to loky, which then starts a new
            # worker: no harm done.
            warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
            yield executor
    except BaseException:
        # Folds that wait would otherwise be run to the end before the program stops.
        executor.shutdown(wait=True, kill_workers=True)
        raise
    executor.shutdown(wait=True)


def _say(line: str) -> None:
    clock = time.strftime("%H:%M:%S")
    print(f"{clock} {line}", file=sys.stderr, flush=True)
