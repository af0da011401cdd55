"""What is measured: for every stage the recordings, the estimator and the splits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from heartbeat_clf.crossfit import FoldTask
from heartbeat_clf.datasets import load_cinc2016, load_circor, load_pascal
from heartbeat_clf.folds import subject_folds, subject_split
from heartbeat_clf.pipeline import make_heartbeat_pipeline

__all__ = ["STAGES", "Options", "Stage", "make_tasks", "take_few"]

# Enough for two folds of every stratum of CinC 2016.
_FEW = 24


@dataclass(frozen=True)
class Options:
    """What the command line sets.

    Attributes
    ----------
    repeats : int
        Rounds of the protocol: of the default pipeline and the baseline.
    ancestor_repeats, random_repeats : int
        Rounds of the ancestor preset by subject, and of random splits of networks.
    png_epochs : int
        Epochs of the ancestor on pictures.
    png_splits : tuple of str
        "random", "grouped" or both: the splits it is tried on.
    quick : bool
        One epoch, one round of two folds and a few recordings, to see that all of
        it runs.
    """

    repeats: int = 5
    ancestor_repeats: int = 1
    random_repeats: int = 1
    png_epochs: int = 3
    png_splits: tuple[str, ...] = ("random",)
    quick: bool = False

    @property
    def n_splits(self) -> int:
        """Folds of a round."""
        return 2 if self.quick else 5

    def epochs(self, epochs: int | None = None) -> dict[str, Any]:
        """Return the setting of the epochs, nothing for the pipeline's own."""
        if self.quick:
            return {"epochs": 1}
        return {} if epochs is None else {"epochs": epochs}


@dataclass(frozen=True)
class Stage:
    """One thing to measure.

    Attributes
    ----------
    data, model : str
        Words of the table.
    load : callable
        From the data folder to a bunch.
    make : callable
        From the folder for cached images and the options to an estimator.
    rounds : callable
        From the options to the rounds of each kind of split: "grouped" (by subject),
        "random" (recordings), "records" (recordings within strata), or
        "grouped 80/20" and "random 80/20".
    stratum : str or None
        Column of the metadata within which AUROCs are taken; for "records".
    is_heavy : bool
        Whether folds run one after another, each with all threads.
    is_network : bool
        Whether the training AUROC is worth keeping.
    """

    data: str
    model: str
    load: Callable[[Path], Bunch]
    make: Callable[[Path, Options], Any]
    rounds: Callable[[Options], dict[str, int]]
    stratum: str | None = None
    is_heavy: bool = False
    is_network: bool = True


def _make_default(cache: Path, options: Options, epochs: int | None = None) -> Any:
    settings = options.epochs(epochs)
    return make_heartbeat_pipeline(random_state=0, cache=cache, **settings)


def _make_ancestor(cache: Path, options: Options) -> Any:
    settings = options.epochs()
    return make_heartbeat_pipeline("ancestor", random_state=0, cache=cache, **settings)


def _make_finetuned(cache: Path, options: Options, **settings: Any) -> Any:
    return make_heartbeat_pipeline(
        initial_weights="pretrained",
        random_state=0,
        cache=cache,
        **settings,
        **options.epochs(),
    )


def _make_embedding(cache: Path, options: Options) -> Any:
    from baselines import make_linear_probe

    return make_linear_probe("murmur", cache=cache)


def _make_logistic(cache: Path, options: Options) -> Any:
    from baselines import make_logistic_baseline

    return make_logistic_baseline(cache=cache, n_splits=options.n_splits)


def _make_pictures(cache: Path, options: Options) -> Any:
    from ancestor_png import make_picture_pipeline

    epochs = options.epochs(options.png_epochs)["epochs"]
    return make_picture_pipeline(folder=cache.parent / "pictures", epochs=epochs)


def _load_set_b(folder: Path) -> Bunch:
    return load_pascal(folder, subset="b", labels=("normal", "murmur"))


SET_B = "PASCAL set_b, murmur v. normal"

STAGES: dict[str, Stage] = {
    "pascal_default": Stage(
        data=SET_B,
        model="default pipeline",
        load=_load_set_b,
        make=_make_default,
        rounds=lambda options: {"grouped": options.repeats},
    ),
    "pascal_finetuned": Stage(
        data=SET_B,
        model='initial_weights="pretrained"',
        load=_load_set_b,
        make=_make_finetuned,
        rounds=lambda options: {"grouped": options.repeats},
    ),
    "pascal_linear": Stage(
        data=SET_B,
        model='initial_weights="pretrained", network="wide_linear"',
        load=_load_set_b,
        make=lambda cache, options: _make_finetuned(
            cache, options, network="wide_linear"
        ),
        rounds=lambda options: {"grouped": options.repeats},
    ),
    "pascal_embedding": Stage(
        data=SET_B,
        model="EmbeddingTransformer, logistic regression",
        load=_load_set_b,
        make=_make_embedding,
        rounds=lambda options: {"grouped": options.repeats},
        is_network=False,
    ),
    "pascal_random": Stage(
        data=SET_B,
        model="default pipeline",
        load=_load_set_b,
        make=_make_default,
        rounds=lambda options: {"random": options.random_repeats},
    ),
    "pascal_logistic": Stage(
        data=SET_B,
        model="logistic regression on summary statistics",
        load=_load_set_b,
        make=_make_logistic,
        rounds=lambda options: dict.fromkeys(("grouped", "random"), options.repeats),
        is_network=False,
    ),
    "pascal_ancestor": Stage(
        data=SET_B,
        model='preset="ancestor"',
        load=_load_set_b,
        make=_make_ancestor,
        rounds=lambda options: {
            "grouped": options.ancestor_repeats,
            "random": options.random_repeats,
        },
    ),
    "ancestor_png": Stage(
        data=SET_B,
        model="ancestor on pictures of 376×503 pixels",
        load=_load_set_b,
        make=_make_pictures,
        rounds=lambda options: {f"{kind} 80/20": 1 for kind in options.png_splits},
        is_heavy=True,
    ),
    "circor": Stage(
        data="CirCor, audible murmur v. normal",
        model="default pipeline, 12 epochs",
        load=lambda folder: load_circor(folder, target="audible"),
        make=lambda cache, options: _make_default(cache, options, 12),
        rounds=lambda options: {"grouped": 1},
    ),
    "circor_logistic": Stage(
        data="CirCor, audible murmur v. normal",
        model="logistic regression on summary statistics",
        load=lambda folder: load_circor(folder, target="audible"),
        make=_make_logistic,
        rounds=lambda options: {"grouped": 1},
        is_network=False,
    ),
    "cinc2016_logistic": Stage(
        data="CinC 2016, abnormal v. normal",
        model="logistic regression on summary statistics",
        load=load_cinc2016,
        make=_make_logistic,
        rounds=lambda options: {"records": 1},
        stratum="database",
        is_network=False,
    ),
    "cinc2016": Stage(
        data="CinC 2016, abnormal v. normal",
        model="default pipeline, 20 epochs",
        load=load_cinc2016,
        make=lambda cache, options: _make_default(cache, options, 20),
        rounds=lambda options: {"records": 1},
        stratum="database",
    ),
}


def strata_of(stage: Stage, bunch: Bunch) -> np.ndarray:
    """Return what folds are stratified by: the label, within the stratum if any."""
    if stage.stratum is None:
        return np.asarray(bunch.target)
    pairs = zip(bunch.metadata[stage.stratum], bunch.target, strict=True)
    return np.array([f"{stratum} {label}" for stratum, label in pairs])


def take_few(strata: np.ndarray, n_recordings: int = _FEW) -> np.ndarray:
    """Return row numbers of a few recordings of every stratum, spread over all."""
    found = []
    names = np.unique(strata)
    count = max(2, n_recordings // len(names))
    for name in names:
        rows = np.flatnonzero(strata == name)
        places = np.linspace(0, len(rows) - 1, min(count, len(rows)))
        found.append(rows[places.round().astype(int)])
    return np.sort(np.concatenate(found))


def make_tasks(
    stage: Stage, bunch: Bunch, options: Options, rows: np.ndarray
) -> list[FoldTask]:
    """Return every fold of a stage, in numbers of rows of the bunch.

    The protocol's folds: those of round r have the seed r.
    """
    strata = strata_of(stage, bunch)[rows]
    labels, subjects = np.asarray(bunch.target)[rows], np.asarray(bunch.subjects)[rows]
    tasks = []
    for kind, n_rounds in stage.rounds(options).items():
        for r in range(1 if options.quick else n_rounds):
            folds = _folds(kind, labels, subjects, strata, options.n_splits, r)
            for fold, (train, test) in enumerate(folds):
                tasks.append(FoldTask(kind, r, fold, rows[train], rows[test], []))
    return tasks


def _folds(
    kind: str,
    labels: np.ndarray,
    subjects: np.ndarray,
    strata: np.ndarray,
    n_splits: int,
    seed: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    if kind == "grouped":
        return subject_folds(labels, subjects, n_splits, seed)
    if kind in ("random", "records"):
        numbers = np.arange(len(strata))
        return subject_folds(strata, numbers, n_splits, seed, by_subject=False)
    if kind == "grouped 80/20":
        train, _, test = subject_split(
            labels, subjects, test_size=0.2, validation_size=None, random_state=seed
        )
        return [(train, test)]
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, random_state=seed, stratify=labels
    )
    return [(np.sort(train), np.sort(test))]
