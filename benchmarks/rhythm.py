"""Measure what the rhythm tells of extrasystoles, and three outcomes, on PASCAL set_b.

Usage::

    python benchmarks/rhythm.py DATA                 # fifteen minutes of a processor
    python benchmarks/rhythm.py DATA --murmur FILE   # with a saved murmur model
    python benchmarks/rhythm.py --from-scores        # the tables, seconds

DATA is a folder with ``pascal`` and ``circor`` in it. Without ``--murmur`` murmurs are
heard by the model in the box, which knows nothing of PASCAL. Folds are by
subject, ``StratifiedGroupKFold(5, shuffle=True, random_state=r)`` with r = 0 to 4; no
choice is made on a test fold. Scores are saved in ``benchmarks/results``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rhythm_data import EDITS, Described, describe, describe_set_b, edited_clips
from rhythm_table import make_tables
from rhythm_tries import CLASSIFIERS, columns_of, run_fold
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer

from heartbeat_clf import load, load_pretrained
from heartbeat_clf.datasets import load_circor
from heartbeat_clf.evaluation import evaluate
from heartbeat_clf.folds import subject_folds
from heartbeat_clf.outcomes import OutcomeClassifier

RESULTS = Path(__file__).resolve().parent / "results"
REPEATS = 5


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="folder with pascal and circor")
    parser.add_argument("--murmur", help="murmur model that `save` wrote")
    parser.add_argument("--from-scores", action="store_true", help="train nothing")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    if not options.from_scores:
        if options.data is None:
            parser.error("Expected DATA, or --from-scores.")
        measure(options.data, options.results, options.murmur)
    print(make_tables(options.results))


def measure(data: str, results: Path, murmur: str | None) -> None:
    """Write the scores of every try, of the edited clips and of the outcomes."""
    results.mkdir(parents=True, exist_ok=True)
    bunch, noisy, described = describe_set_b(data)
    controls, learnt = measure_edits(data, described)
    controls.to_csv(results / "rhythm_edited.csv", index=False, float_format="%.4g")
    tries = measure_tries(bunch, noisy, described, learnt)
    tries.to_csv(results / "rhythm_tries.csv", index=False, float_format="%.4g")
    model = load(murmur) if murmur else load_pretrained()
    scores = model.decision_function(list(bunch.recordings)).reshape(-1)
    scores = scores if model.classes_[1] == "murmur" else -scores
    outcomes = measure_outcomes(bunch, scores, described)
    outcomes.to_csv(results / "rhythm_outcomes.csv", index=False, float_format="%.4g")


def measure_edits(
    data: str, described: Described
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return scores of edited clips, and what was learnt on them said of set_b.

    A fifth of CirCor's persons, the one that the tracker was not trained on, is the
    control.
    """
    from train_beats import split_persons

    persons = load_circor(data, target="murmur").subjects
    held_persons = set(persons[split_persons(persons)])
    tables, learnt = [], {}
    for kind in EDITS:
        clips = edited_clips(data, kind)
        edited = np.array(clips["edited"])
        held = np.array([person in held_persons for person in clips["subjects"]])
        numbers = describe(clips["waveforms"])
        table = pd.DataFrame(
            {
                "edit": kind,
                "subject": np.array(clips["subjects"])[held],
                "edited": edited[held].astype(int),
                "duration": numbers.duration[held],
            }
        )
        table["extra sound"] = columns_of(numbers, "learnt")[held, 0]
        for which in ("intervals", "all"):
            X, of_set_b = columns_of(numbers, which), columns_of(described, which)
            for name, make in CLASSIFIERS.items():
                fitted = make().fit(X[~held], edited[~held])
                table[f"{which}, {name}"] = fitted.predict_proba(X[held])[:, 1]
                learnt[f"learnt on {kind}, {which}, {name}"] = fitted.predict_proba(
                    of_set_b
                )[:, 1]
        tables.append(table)
    return pd.concat(tables), learnt


def measure_tries(
    bunch: Any, noisy: np.ndarray, described: Described, learnt: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return a row a recording and repeat: extrasystole v. normal by every try."""
    kept = np.flatnonzero(np.isin(bunch.target, ["normal", "extrasystole"]))
    part = Described(*(values[kept] for values in described))
    truth, subjects = bunch.target[kept] == "extrasystole", bunch.subjects[kept]
    tables = []
    for repeat in range(REPEATS):
        folds = subject_folds(truth, subjects, 5, repeat)
        for fold, (train, test) in enumerate(folds):
            scores, chosen = run_fold(part, truth, subjects, train, test, seed=repeat)
            # Nothing of set_b has taught this one.
            scores["extra sound, as in the box"] = columns_of(part, "learnt")[test, 0]
            for name, values in learnt.items():
                scores[name] = values[kept][test]
            tables.append(
                pd.DataFrame(
                    {
                        "recording": kept[test],
                        "repeat": repeat,
                        "fold": fold,
                        "subject": subjects[test],
                        "y": truth[test].astype(int),
                        "noisy": noisy[kept][test].astype(int),
                        "duration": part.duration[test],
                        "chosen": chosen,
                        **scores,
                    }
                )
            )
    return pd.concat(tables)


class FirstColumn(ClassifierMixin, BaseEstimator):
    """A murmur model that has spoken already: its score stands in the first column."""

    classes_ = np.array(["murmur", "normal"])

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> FirstColumn:
        """Learn nothing."""
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return the score of "normal"."""
        return -X[:, 0]


def _other_columns(X: np.ndarray) -> np.ndarray:
    return X[:, 1:]


def _no_columns(X: np.ndarray) -> np.ndarray:
    return X[:, :0]


def measure_outcomes(
    bunch: Any, murmur: np.ndarray, described: Described
) -> pd.DataFrame:
    """Return out-of-fold predictions of `OutcomeClassifier`, of both views and of one.

    Neither view learns from set_b: murmur scores and features are worked out once.
    """
    rhythm = columns_of(described, "sounds, likeness, learnt")
    views = {
        "murmur score": (murmur, _no_columns),
        "rhythm": (np.zeros(len(murmur)), _other_columns),
        "both": (murmur, _other_columns),
    }
    tables = []
    for name, (first, rest) in views.items():
        evaluation = evaluate(
            OutcomeClassifier(
                FrozenEstimator(FirstColumn()), rhythm=FunctionTransformer(rest)
            ),
            np.column_stack([first, rhythm]),
            bunch.target,
            groups=bunch.subjects,
            n_repeats=REPEATS,
            n_bootstrap=0,
        )
        tables.append(evaluation.to_frame().assign(view=name))
    return pd.concat(tables)


if __name__ == "__main__":
    main()
