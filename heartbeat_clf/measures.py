"""Measures of one fold's predictions for many draws at once, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_choice
from heartbeat_clf.intervals import Interval, Measure, auroc, bootstrap_folds
from heartbeat_clf.row_values import nameless_rows
from heartbeat_clf.scores import SCORES, positive_label
from heartbeat_clf.subjects import aggregate_subjects

__all__ = ["bind_scores", "measure_predictions", "named_scores"]

Columns = dict[str, np.ndarray]


def _share(hit: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted share of hits in each draw; nan without weight."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return weights @ hit.astype(float) / weights.sum(axis=1)


def _binary_measure(
    columns: Columns,
    score: np.ndarray,
    codes: np.ndarray,
    pos_label: Any,
    settings: dict[str, Any],
) -> Measure:
    truth, score = columns["y"] == pos_label, score[:, 0]
    target, combine = settings["subject_target"], settings["combine"]
    majority = columns["y"] == settings["majority_label"]
    decided = "decision" in columns
    answer = columns["decision"] == pos_label if decided else truth
    cuts = columns.get("subject_threshold")
    if cuts is not None and not np.isfinite(cuts.astype(float)).all():
        cuts = None

    def measure(rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        y, right, drawn = truth[rows], (answer == truth)[rows], weights[:, codes[rows]]
        units = aggregate_subjects(
            y, score[rows], codes[rows], target=target, combine=combine
        )
        unit_drawn = weights[:, units.subjects]
        found = {
            "auroc_recording": auroc(y, score[rows], weights=drawn),
            "auroc_subject": auroc(units.y, units.score, weights=unit_drawn),
        }
        if decided:
            found["sensitivity"] = _share(right[y], drawn[:, y])
            found["specificity"] = _share(right[~y], drawn[:, ~y])
        if cuts is not None:
            called = units.score >= float(cuts[rows[0]])
            for name, part in (("sensitivity", units.y), ("specificity", ~units.y)):
                hit = (called == units.y)[part]
                found[f"{name}_subject"] = _share(hit, unit_drawn[:, part])
        if decided:
            found["accuracy"] = _share(right, drawn)
        found["majority"] = _share(majority[rows], drawn)
        return found

    return measure


def _multiclass_measure(
    columns: Columns,
    score: np.ndarray,
    codes: np.ndarray,
    classes: list[Any],
    settings: dict[str, Any],
) -> Measure:
    y = columns["y"]

    def measure(rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        units = aggregate_subjects(
            y[rows], score[rows], codes[rows], combine=settings["combine"]
        )
        drawn = weights[:, codes[rows]]
        found: dict[str, np.ndarray] = {}
        one_class: dict[str, np.ndarray] = {}
        for kind, labels, values, times in (
            ("recording", y[rows], score[rows], drawn),
            ("subject", units.y, units.score, weights[:, units.subjects]),
        ):
            areas = {
                f"auroc_{kind}[{label}]": auroc(labels == label, column, weights=times)
                for label, column in zip(classes, values.T, strict=True)
            }
            found[f"auroc_{kind}"] = np.mean(list(areas.values()), axis=0)
            one_class |= areas
        if "decision" in columns:
            right = (columns["decision"] == y)[rows]
            found["accuracy"] = _share(right, drawn)
        found["majority"] = _share(y[rows] == settings["majority_label"], drawn)
        return {**found, **one_class}

    return measure


def named_scores(scores: Any) -> dict[str, Callable[..., float]]:
    """Return functions of (y_true, y_pred) by name, from names or a dict."""
    if scores is None:
        return {}
    if isinstance(scores, Mapping):
        return dict(scores)
    names = [scores] if isinstance(scores, str) else list(scores)
    strange = [name for name in names if name not in SCORES]
    if strange:
        raise ValueError(f"Expected scores among {sorted(SCORES)!r}, got {strange!r}.")
    return {name: SCORES[name] for name in names}


def bind_scores(
    scores: Mapping[str, Callable[..., float]], pos_label: Any
) -> dict[str, Callable[..., float]]:
    """Return the scores with the positive class filled in where they take one."""
    bound: dict[str, Callable[..., float]] = {}
    for name, score in scores.items():
        takes = pos_label is not None and "pos_label" in signature(score).parameters
        bound[name] = partial(score, pos_label=pos_label) if takes else score
    return bound


def measure_predictions(
    columns: Columns,
    *,
    settings: dict[str, Any],
    scores: dict[str, Callable[..., float]],
    extras: Mapping[tuple[Any, ...], Mapping[str, float]],
) -> dict[str, Any]:
    """Return the fields of an ``Evaluation`` from out-of-fold predictions.

    Parameters
    ----------
    columns : dict of ndarray of shape (n_rows,)
        As in ``Evaluation.from_predictions``, of one kind of split.
    settings : dict
        Of the same call; `pos_label` and the majority label are filled in.
    scores : dict of callable
        Scores of ``(y_true, y_pred)`` on the decisions.
    extras : mapping
        Further values by (repeat, fold).

    Returns
    -------
    fields : dict

    Raises
    ------
    ValueError
        If a class or a column is lacking, or a setting is wrong.
    """
    n_rows = len(columns["y"])
    classes = np.unique(columns["y"]).tolist()
    check_choice("subject_target", settings["subject_target"], ("label", "any"))
    if len(classes) < 2:
        raise ValueError(f"Expected two classes or more in y, got {classes!r} only.")
    if len(classes) == 2:
        pos_label, wanted = settings["pos_label"], ["score"]
        if pos_label is None:
            pos_label = positive_label(classes)
        elif pos_label not in classes:
            raise ValueError(
                f"Expected pos_label to be one of {classes!r}, got {pos_label!r}."
            )
    else:
        pos_label, wanted = None, [f"score_{label}" for label in classes]
        if settings["subject_target"] == "any":
            raise ValueError(
                f'subject_target="any" needs two classes, got {classes!r}. '
                'Use subject_target="label".'
            )
    lacking = [name for name in wanted if name not in columns]
    if lacking:
        raise ValueError(
            f"Expected the columns {wanted!r} for the classes {classes!r}, but "
            f"{lacking!r} are not among {list(columns)!r}."
        )
    nameless = nameless_rows(columns.get("subject", [None] * n_rows))
    known = not nameless
    if 0 < len(nameless) < n_rows:
        raise ValueError(
            f"Expected a subject in every row or in none, got none in row "
            f"{nameless[0]} ({len(nameless)} in all). Leave such rows out."
        )
    order = columns.get("recording", np.arange(n_rows))
    subjects = columns["subject"] if known else order
    # Numbered by first recording: names read back as integers sort differently.
    names, codes = np.unique(subjects, return_inverse=True)
    earliest = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(earliest, codes, order.astype(np.int64))
    codes = earliest.argsort(kind="stable").argsort()[codes]
    folds = columns.get("fold", np.zeros(n_rows, int))
    repeats = columns.get("repeat", np.zeros(n_rows, int))
    score = np.stack([columns[name] for name in wanted], axis=1).astype(float)
    first = repeats == repeats.min()
    labels, n_labels = np.unique(columns["y"][first], return_counts=True)
    majority = labels.tolist()[n_labels.argmax()]
    settings = {**settings, "pos_label": pos_label, "majority_label": majority}
    if len(classes) == 2:
        measure = _binary_measure(columns, score, codes, pos_label, settings)
    else:
        measure = _multiclass_measure(columns, score, codes, classes, settings)
    fold_values, summary = bootstrap_folds(
        measure,
        subjects=codes,
        folds=folds,
        repeats=repeats,
        n_bootstrap=settings["n_bootstrap"],
        confidence=settings["confidence"],
        random_state=settings["random_state"],
    )
    bound = bind_scores(scores, pos_label)
    pairs = sorted(set(zip(repeats.tolist(), folds.tolist(), strict=True)))
    table = []
    for (repeat, fold), values in zip(pairs, fold_values, strict=True):
        rows = (repeats == repeat) & (folds == fold)
        row = {"repeat": repeat, "fold": fold, "n_recordings": int(rows.sum())}
        row |= {"n_subjects": len(np.unique(codes[rows])), **values}
        if "decision" in columns:
            y, decision = columns["y"][rows], columns["decision"][rows]
            row |= {name: float(f(y, decision)) for name, f in bound.items()}
        table.append({**row, **extras.get((repeat, fold), {})})
    plain = {"repeat", "fold", "n_recordings", "n_subjects", *summary}
    for name in [name for name in table[0] if name not in plain]:
        rounds = [[r[name] for r in table if r["repeat"] == p] for p in set(repeats)]
        summary[name] = Interval(float(np.mean([np.mean(r) for r in rounds])))
    stays = np.unique(
        np.stack([codes[first], np.unique(folds[first], return_inverse=True)[1]]),
        axis=1,
    )
    n_folds = np.bincount(stays[0])
    counts = {
        "recordings": int(first.sum()),
        "subjects": len(np.unique(codes)),
        "units": len({*zip(codes[first], columns["y"][first].tolist(), strict=True)}),
        "folds": len(pairs) // len(np.unique(repeats)),
        "repeats": len(np.unique(repeats)),
        "shared_subjects": int(sum(n > 1 for n in n_folds)),
        "labels": dict(zip(labels.tolist(), n_labels.tolist(), strict=True)),
    }
    return {
        "summary": summary,
        "folds": table,
        "predictions": columns,
        "settings": settings,
        "counts": counts,
        "subjects_known": bool(known),
    }
