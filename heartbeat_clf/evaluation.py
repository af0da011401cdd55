"""The protocol: subject-wise folds, fold-wise scores, subject-wise intervals.

Takes arrays and estimators and knows no model. ``docs/evaluation.md`` says why.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_choice, check_number, check_same_length
from heartbeat_clf.crossfit import FitPlan, FoldTask, run_folds
from heartbeat_clf.folds import Split, check_labels, subject_folds, subject_split
from heartbeat_clf.intervals import Interval, auroc, bootstrap_auroc
from heartbeat_clf.measures import bind_scores, named_scores
from heartbeat_clf.results import Evaluation
from heartbeat_clf.scores import SCORES, choose_threshold, get_scorer, positive_label
from heartbeat_clf.subjects import Combine, aggregate_subjects, check_combine

__all__ = [
    "Evaluation",
    "Interval",
    "aggregate_subjects",
    "auroc",
    "bootstrap_auroc",
    "choose_threshold",
    "evaluate",
    "get_scorer",
    "positive_label",
    "subject_split",
]


def evaluate(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    pos_label: Any = None,
    n_splits: int = 5,
    n_repeats: int = 1,
    random_state: int = 0,
    subject_target: str = "label",
    combine: Combine = "mean",
    operating_point: str | Mapping[str, float] | None = "youden",
    inner_splits: int = 3,
    scores: Any = None,
    random_split: bool = False,
    n_bootstrap: int = 2000,
    confidence: float = 0.95,
    fit_params: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Evaluation:
    """Return the scores of subject-wise cross-validation, with intervals.

    Parameters
    ----------
    estimator : classifier or pipeline
        With ``decision_function`` or ``predict_proba``; it is cloned, not fitted.
    X : sequence or array of n_recordings rows
        Whatever the estimator takes: paths, waveforms, images, features.
    y : array-like of shape (n_recordings,)
        Labels of two classes or more.
    groups : array-like of shape (n_recordings,), default=None
        Subjects. They make the folds, and reach ``fit`` as ``groups`` where the
        estimator asks for them. None: each recording is its own subject, and the
        table says so.
    pos_label : str or int, default=None
        The positive of two classes; None asks ``positive_label``.
    n_splits, n_repeats : int, default=5, 1
        Folds, and rounds of folds with the seeds ``random_state + r``. The
        reported results take 5 rounds.
    random_state : int, default=0
        Seed of the first round's folds and of the bootstrap.
    subject_target : {"label", "any"}, default="label"
        See ``aggregate_subjects``; "any" for two classes only.
    combine : {"mean", "max"} or callable, default="mean"
        What becomes of a subject's scores.
    operating_point : "youden", mapping or None, default="youden"
        For two classes: where the decisions are taken, or ``{"sensitivity": 0.9}``
        or ``{"specificity": 0.9}`` for the least that is wanted. It is chosen on
        subject-wise predictions within each training part. None takes the
        estimator's own ``predict``, at no extra cost.
    inner_splits : int, default=3
        Folds of those predictions: so many more fits a fold.
    scores : str, callable, list or dict of them, default=None
        Further scores. Names of ``scores.SCORES`` are taken on the decisions, a
        recording; other names and callables ``(estimator, X, y)`` are
        scikit-learn scorers, called on the test part.
    random_split : bool, default=False
        Also run folds that ignore subjects, to show what that hides.
    n_bootstrap, confidence : int and float, default=2000, 0.95
        Draws, and the share of them within the intervals; see ``bootstrap_folds``.
    fit_params : mapping, default=None
        Further arguments of ``fit``; those as long as `y` are cut to the fold. Of a
        step of a Pipeline they are called as in ``classifier__sample_weight``.
    n_jobs : int, default=None
        Folds run at a time, through joblib; the results do not depend on it.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    evaluation : Evaluation
        Print it for the table.

    Raises
    ------
    ValueError
        If lengths differ, a label or subject is missing, a class is lacking or has
        too few subjects, a setting is wrong, or a score is not finite.
    TypeError
        If X is a lone path, the estimator scores nothing, or a setting has the
        wrong type.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> y = np.tile(["murmur", "normal"], 20)
    >>> X = rng.normal(size=(40, 2)) + (y == "murmur")[:, None]
    >>> result = evaluate(LogisticRegression(), X, y, groups=np.arange(40) // 2 * 2)
    >>> result.summary["auroc_recording"].value > 0.6
    True
    """
    if isinstance(X, str | os.PathLike):
        raise TypeError(f"Expected one row a recording, got {X!r}. Wrap it in a list.")
    labels = check_labels("y", y)
    rows = np.arange(X.shape[0] if hasattr(X, "shape") else len(X))
    check_same_length(X=rows, y=labels)
    check_choice("subject_target", subject_target, ("label", "any"))
    for name, value in (("n_splits", n_splits), ("inner_splits", inner_splits)):
        check_number(name, value, minimum=2, integer=True)
    check_number("n_bootstrap", n_bootstrap, minimum=0, integer=True)
    check_number("confidence", confidence, minimum=0, maximum=1, exclusive=True)
    check_combine(combine)
    check_number("n_repeats", n_repeats, minimum=1, integer=True)
    check_number("random_state", random_state, minimum=0, integer=True)
    subjects = rows if groups is None else check_labels("groups", groups)
    check_same_length(y=labels, groups=subjects)
    classes = np.unique(labels).tolist()
    if len(classes) < 2:
        raise ValueError(f"Expected two classes or more in y, got {classes!r} only.")
    if len(classes) == 2 and pos_label is None:
        pos_label = positive_label(classes)
    elif len(classes) == 2 and pos_label not in classes:
        raise ValueError(f"Expected pos_label among {classes!r}, got {pos_label!r}.")
    elif len(classes) > 2 and subject_target == "any":
        raise ValueError(
            f'subject_target="any" needs two classes, got {classes!r}. Use "label".'
        )
    cut = _check_operating_point(operating_point)
    if not isinstance(fit_params, Mapping | None):
        raise TypeError(f"Expected fit_params by name, got {fit_params!r}.")
    if len(classes) > 2:
        if cut:
            raise ValueError(
                f"operating_point={operating_point!r} needs two classes, got "
                f"{classes!r}. Use None: the estimator's own predict."
            )
        pos_label = cut = None
    named, scorers = _sort_scores(scores)
    # A perfect answer, so that an impossible score fails before anything is fitted.
    for score in bind_scores(named_scores(named), pos_label).values():
        score(labels, labels)
    tasks = []
    for kind in ("grouped", "random") if random_split else ("grouped",):
        for r in range(n_repeats):
            seed = random_state + r
            for fold, (train, test) in enumerate(
                subject_folds(
                    labels, subjects, n_splits, seed, by_subject=kind == "grouped"
                )
            ):
                inner = []
                if cut is not None:
                    inner = _inner_folds(
                        labels[train], subjects[train], inner_splits, seed
                    )
                    inner = [(train[a], train[b]) for a, b in inner]
                tasks.append(FoldTask(kind, r, fold, train, test, inner))
    plan = FitPlan(
        estimator,
        X,
        labels,
        subjects,
        dict(fit_params or {}),
        pos_label,
        cut,
        subject_target,
        combine,
        scorers,
    )
    parts = run_folds(plan, tasks, n_jobs=n_jobs, verbose=verbose)
    table = {name: np.concatenate([p[name] for p, _ in parts]) for name in parts[0][0]}
    if groups is None:
        table["subject"] = np.full(len(table["y"]), None)
    if not random_split:
        del table["split"]
    return Evaluation.from_predictions(
        table,
        pos_label=pos_label,
        subject_target=subject_target,
        combine=combine,
        operating_point=_describe(operating_point, cut),
        scores=named,
        n_bootstrap=n_bootstrap,
        confidence=confidence,
        random_state=random_state,
        fold_extras={
            (t.kind, t.repeat, t.fold): extra
            for t, (_, extra) in zip(tasks, parts, strict=True)
        },
    )


def _inner_folds(labels: Any, subjects: Any, n_splits: int, seed: int) -> list[Split]:
    try:
        return subject_folds(labels, subjects, n_splits, seed)
    except ValueError as error:
        raise ValueError(
            f"The training part of a fold is too small for the {n_splits} inner folds "
            f"that choose the operating point: {error} Or choose none "
            "(operating_point=None, --operating-point none)."
        ) from error


def _describe(operating_point: Any, cut: dict[str, float] | None) -> str:
    if operating_point is None or cut is None:
        return "the estimator's own predict"
    if not cut:
        return "Youden's index, on inner subject-wise predictions"
    ((name, value),) = cut.items()
    return f"{name} of at least {value:g}, on inner subject-wise predictions"


def _check_operating_point(point: Any) -> dict[str, float] | None:
    if point is None or point == "youden":
        return None if point is None else {}
    if not isinstance(point, Mapping) or [*point] not in (
        ["sensitivity"],
        ["specificity"],
    ):
        raise ValueError(
            'Expected operating_point to be "youden", None, {"sensitivity": share} or '
            f'{{"specificity": share}}, got {point!r}.'
        )
    ((name, value),) = point.items()
    check_number(name, value, minimum=0, maximum=1)
    return {name: value}


def _sort_scores(scores: Any) -> tuple[list[str], dict[str, Callable[..., float]]]:
    """Return the challenge scores' names, and the scorers by name."""
    if scores is None:
        return [], {}
    if isinstance(scores, str) or callable(scores):
        scores = [scores]
    if not isinstance(scores, Mapping | Iterable):
        raise TypeError(f"Expected scores by name or callable, got {scores!r}.")
    if not isinstance(scores, Mapping):
        scores = {s if isinstance(s, str) else _name_of(s): s for s in scores}
    named, scorers = [], {}
    for name, score in scores.items():
        if isinstance(score, str) and score in SCORES and name == score:
            named.append(score)
        elif isinstance(score, str):
            scorers[name] = get_scorer(score)
        elif callable(score):
            scorers[name] = score
        else:
            raise TypeError(f"Expected scores by name or callable, got {score!r}.")
    return named, scorers


def _name_of(scorer: Callable[..., float]) -> str:
    inner = getattr(scorer, "_score_func", scorer)
    return str(getattr(inner, "__name__", type(scorer).__name__))
