"""Fit a clone on each fold and score what was left out; worker processes welcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn import clone, config_context
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from heartbeat_clf.folds import Split
from heartbeat_clf.subjects import Combine, aggregate_subjects
from heartbeat_clf.thresholds import choose_threshold

__all__ = ["FitPlan", "FoldTask", "fit_with_groups", "run_folds"]

Part = tuple[dict[str, np.ndarray], dict[str, float]]


class FoldTask(NamedTuple):
    """One fold to be run; everything a worker needs to know of it."""

    kind: str
    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    inner: list[Split]


class FitPlan(NamedTuple):
    """What is the same for every fold."""

    estimator: Any
    X: Any
    y: np.ndarray
    groups: np.ndarray
    fit_params: dict[str, Any]
    pos_label: Any
    cut: dict[str, float] | None
    subject_target: str
    combine: Combine
    scorers: dict[str, Callable[..., float]]


def run_folds(
    plan: FitPlan, tasks: list[FoldTask], *, n_jobs: int | None, verbose: int
) -> list[Part]:
    """Return the columns of predictions and the extra scores of every task."""
    from tqdm import tqdm

    work = (delayed(_run_fold)(plan, task) for task in tasks)
    parts = Parallel(n_jobs=n_jobs, return_as="generator")(work)
    return list(tqdm(parts, "folds", len(tasks), disable=not verbose))


def _run_fold(plan: FitPlan, task: FoldTask) -> Part:
    fitted = _fit(plan, task.train)
    X_test, y_test = _safe_indexing(plan.X, task.test), plan.y[task.test]
    where = f"fold {task.fold} of repeat {task.repeat}"
    score = _score(plan, fitted, X_test, where)
    columns: dict[str, Any] = {
        "split": task.kind,
        "recording": task.test,
        "repeat": task.repeat,
        "fold": task.fold,
        "subject": plan.groups[task.test],
        "y": y_test,
    }
    if plan.pos_label is None:
        labels = np.unique(plan.y).tolist()
        columns |= {f"score_{c}": s for c, s in zip(labels, score.T, strict=True)}
    else:
        columns["score"] = score[:, 0]
    if plan.cut is None:
        columns["decision"] = np.asarray(fitted.predict(X_test))
    else:
        threshold, subject_threshold = _thresholds(plan, task, where)
        negative = next(c for c in np.unique(plan.y).tolist() if c != plan.pos_label)
        called = score[:, 0] >= threshold
        columns["decision"] = np.where(called, plan.pos_label, negative)
        columns["threshold"] = threshold
        columns["subject_threshold"] = subject_threshold
    extras = {
        name: float(scorer(fitted, X_test, y_test))
        for name, scorer in plan.scorers.items()
    }
    n_rows = len(task.test)
    filled = {
        name: np.full(n_rows, value) if np.ndim(value) == 0 else np.asarray(value)
        for name, value in columns.items()
    }
    return filled, extras


def _thresholds(plan: FitPlan, task: FoldTask, where: str) -> tuple[float, float]:
    """Return the thresholds a recording and a unit, from inner predictions.

    One threshold has to serve all scores, so here, unlike for the AUROC, the inner
    folds are taken together.
    """
    rows = np.concatenate([test for _, test in task.inner])
    inner = [
        _score(plan, _fit(plan, train), _safe_indexing(plan.X, test), f"inner {where}")
        for train, test in task.inner
    ]
    score, truth = np.concatenate(inner)[:, 0], plan.y[rows] == plan.pos_label
    units = aggregate_subjects(
        truth,
        score,
        plan.groups[rows],
        target=plan.subject_target,
        combine=plan.combine,
    )
    cut = plan.cut or {}
    recording = choose_threshold(truth, score, **cut)
    return recording, choose_threshold(units.y, units.score, **cut)


def _routes_groups(estimator: Any) -> bool:
    with config_context(enable_metadata_routing=True):
        try:
            routing = get_routing_for_object(estimator)
        except NotImplementedError:
            # Some of scikit-learn's meta-estimators have no routing yet.
            return False
        return bool(routing.consumes("fit", ["groups"]))


def _fit(plan: FitPlan, train: np.ndarray) -> Any:
    estimator = clone(plan.estimator)
    params = {}
    for name, value in plan.fit_params.items():
        is_row_wise = hasattr(value, "__len__") and not isinstance(value, str | dict)
        cut = is_row_wise and len(value) == len(plan.y)
        params[name] = _safe_indexing(value, train) if cut else value
    X_train, y_train = _safe_indexing(plan.X, train), plan.y[train]
    return fit_with_groups(estimator, X_train, y_train, plan.groups[train], params)


def fit_with_groups(
    estimator: Any, X: Any, y: Any, groups: Any, params: dict[str, Any] | None = None
) -> Any:
    """Return an estimator fitted, to which groups went where it takes them.

    Parameters
    ----------
    estimator : estimator
        Perhaps a pipeline or a search.
    X, y : as `estimator` takes them
        What it is fitted to.
    groups : array-like of shape (n_recordings,) or None
        Subjects; None gives none to any estimator.
    params : dict or None, default=None
        What else its `fit` is given; those of a step of a Pipeline as ``step__name``.

    Returns
    -------
    estimator : estimator
        The same object.
    """
    given = dict(params or {})
    if groups is None:
        return estimator.fit(X, y, **given)
    routes = _routes_groups(estimator)
    name, last = getattr(estimator, "steps", [("", None)])[-1]
    takes = has_fit_parameter(last, "groups")
    if name and any("__" in key for key in given) and (takes or not routes):
        # Such names are for pipelines that route nothing: groups go along with them.
        own = {f"{name}__groups": groups} if takes else {}
        with config_context(enable_metadata_routing=False):
            return estimator.fit(X, y, **{**own, **given})
    # The configuration is set here, because workers do not inherit the caller's.
    if routes:
        with config_context(enable_metadata_routing=True):
            return estimator.fit(X, y, groups=groups, **given)
    if has_fit_parameter(estimator, "groups"):
        given["groups"] = groups
    return estimator.fit(X, y, **given)


def _score(plan: FitPlan, fitted: Any, X: Any, where: str) -> np.ndarray:
    """Return scores of shape (n_rows, 1), of the positive, or (n_rows, n_classes)."""
    if not hasattr(fitted, "classes_"):
        raise TypeError(
            f"Expected a classifier, got {type(fitted).__name__}, which has no "
            "classes_ after its fit."
        )
    order = np.asarray(fitted.classes_).tolist()
    decides = hasattr(fitted, "decision_function")
    if decides:
        raw = np.asarray(fitted.decision_function(X), dtype=float)
    elif hasattr(fitted, "predict_proba"):
        raw = np.asarray(fitted.predict_proba(X), dtype=float)
    else:
        raise TypeError(
            "Expected an estimator with decision_function or predict_proba, got "
            f"{type(fitted).__name__}. Wrap it in CalibratedClassifierCV."
        )
    raw = raw.reshape(len(raw), -1)
    if raw.shape[1] not in (len(order), 1 if len(order) == 2 else len(order)):
        raise ValueError(
            f"Expected scores of {len(order)} classes, got the shape {raw.shape!r}."
        )
    if not np.isfinite(raw).all():
        row = int(np.flatnonzero(~np.isfinite(raw).all(axis=1))[0])
        raise ValueError(f"Expected finite scores, got {raw[row]!r} in {where}.")
    if plan.pos_label is None:
        labels = np.unique(plan.y).tolist()
        return raw[:, [order.index(label) for label in labels]]
    positive = order.index(plan.pos_label)
    if raw.shape[1] == 1:
        return raw if positive == 1 else -raw
    return raw[:, [positive]] - raw[:, [1 - positive]] * decides
