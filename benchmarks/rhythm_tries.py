"""The tries of `rhythm.py`: what was tried to tell extrasystoles from normal clips."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rhythm_data import Described
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heartbeat_clf.evaluation import auroc
from heartbeat_clf.folds import subject_folds
from heartbeat_clf.rhythm import (
    INTERVAL_FEATURES,
    LIKENESS_FEATURES,
    RHYTHM_FEATURES,
    SOUND_FEATURES,
)

__all__ = [
    "CANDIDATES",
    "CLASSIFIERS",
    "TRIES",
    "columns_of",
    "make_forest",
    "make_logistic",
    "make_trees",
    "run_fold",
]

_CORE = (
    "spread",
    "successive_difference",
    "shortest",
    "longest",
    "drop_and_pause",
    "entropy",
    "regularity",
    "confidence",
)


def make_logistic() -> Any:
    return make_pipeline(
        StandardScaler(),
        LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000),
    )


def make_forest() -> Any:
    return RandomForestClassifier(
        200, min_samples_leaf=5, class_weight="balanced_subsample", random_state=0
    )


def make_trees() -> Any:
    return ExtraTreesClassifier(
        300,
        min_samples_leaf=5,
        bootstrap=True,
        class_weight="balanced_subsample",
        random_state=0,
    )


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic": make_logistic,
    "forest": make_forest,
    "extra trees": make_trees,
}

# (name, which numbers, which classifier), in the order in which they were first tried.
TRIES: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("intervals, logistic", "intervals", make_logistic),
    ("eight interval features, logistic", "core", make_logistic),
    ("sounds, logistic", "sounds", make_logistic),
    ("all, logistic", "all", make_logistic),
    ("bands, logistic", "bands", make_logistic),
    ("sounds and bands, logistic", "sounds and bands", make_logistic),
    ("duration, logistic", "duration", make_logistic),
    ("sounds, forest", "sounds", make_forest),
    ("all, forest", "all", make_forest),
    ("duration, forest", "duration", make_forest),
    ("systoles, forest", "systoles", make_forest),
    ("diastoles, forest", "diastoles", make_forest),
    ("intervals, forest", "intervals", make_forest),
    ("likeness, logistic", "likeness", make_logistic),
    ("likeness, forest", "likeness", make_forest),
    ("likeness, extra trees", "likeness", make_trees),
    ("sounds and likeness, logistic", "sounds and likeness", make_logistic),
    ("sounds and likeness, forest", "sounds and likeness", make_forest),
    ("sounds and likeness, extra trees", "sounds and likeness", make_trees),
    ("intervals, extra trees", "intervals", make_trees),
    ("sounds, extra trees", "sounds", make_trees),
    ("all, extra trees", "all", make_trees),
    ("sounds, likeness, learnt, logistic", "sounds, likeness, learnt", make_logistic),
    ("sounds, likeness, learnt, forest", "sounds, likeness, learnt", make_forest),
    ("sounds, likeness, learnt, extra trees", "sounds, likeness, learnt", make_trees),
)
# What an inner loop may choose from: every kind of feature with every classifier.
CANDIDATES = tuple(
    f"{which}, {classifier}"
    for which in (
        "intervals",
        "sounds",
        "likeness",
        "sounds and likeness",
        "sounds, likeness, learnt",
        "all",
    )
    for classifier in CLASSIFIERS
)


def columns_of(described: Described, which: str) -> np.ndarray:
    """Return the numbers that a try works on."""
    kinds = INTERVAL_FEATURES, SOUND_FEATURES, LIKENESS_FEATURES
    intervals, sounds, likeness, learnt = np.split(
        described.rhythm, np.cumsum([len(names) for names in kinds]), axis=1
    )
    return {
        "intervals": intervals,
        "core": described.rhythm[:, [RHYTHM_FEATURES.index(n) for n in _CORE]],
        "sounds": sounds,
        "systoles": sounds[:, :4],
        "diastoles": sounds[:, 4:],
        "likeness": likeness,
        "learnt": learnt,
        "sounds and likeness": np.hstack([sounds, likeness]),
        "sounds, likeness, learnt": np.hstack([sounds, likeness, learnt]),
        "all": described.rhythm,
        "bands": described.bands,
        "sounds and bands": np.hstack([sounds, described.bands]),
        "duration": described.duration[:, np.newaxis],
    }[which]


def run_fold(
    described: Described,
    truth: np.ndarray,
    subjects: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    seed: int,
) -> tuple[dict[str, np.ndarray], str]:
    """Return the scores of the test rows by each try, and what the inner folds chose.

    The choice is by the mean AUROC of three folds of the training subjects.
    """
    scores = {}
    for name, which, make in TRIES:
        X = columns_of(described, which)
        scores[name] = make().fit(X[train], truth[train]).predict_proba(X[test])[:, 1]
    inner = subject_folds(truth[train], subjects[train], 3, seed)
    quality = {}
    for name, which, make in TRIES:
        if name in CANDIDATES:
            X = columns_of(described, which)[train]
            parts = [
                auroc(
                    truth[train][b],
                    make().fit(X[a], truth[train][a]).predict_proba(X[b])[:, 1],
                )
                for a, b in inner
            ]
            quality[name] = float(np.mean(parts))
    chosen = max(quality, key=lambda name: quality[name])
    scores["chosen by inner folds"] = scores[chosen]
    return scores, chosen
