"""What an evaluation found, recomputed from out-of-fold scores, and its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_same_length
from heartbeat_clf.intervals import Interval
from heartbeat_clf.measures import Columns, measure_predictions, named_scores
from heartbeat_clf.subjects import Combine

__all__ = ["Evaluation"]

_KINDS = ("grouped", "random")


@dataclass(frozen=True)
class Evaluation:
    """What :func:`heartbeat_clf.evaluation.evaluate` found; printed, it is a table.

    Attributes
    ----------
    summary : dict of Interval
        Mean over folds, then repeats, and interval, by measure: "auroc_recording",
        "auroc_subject", "accuracy", "majority"; for two classes "sensitivity",
        "specificity", "sensitivity_subject", "specificity_subject" as well; for
        more the AUROC of each against the rest, as in "auroc_recording[murmur]".
    folds : list of dict
        One a fold, in the order of (repeat, fold), for ``DataFrame(folds)``.
    predictions : dict of ndarray of shape (n_repeats * n_recordings,)
        The columns of :meth:`to_frame`.
    settings : dict
        How it was done.
    counts : dict
        "recordings", "subjects", "units" ((subject, label) pairs), "folds",
        "repeats" and "labels", the recordings of each label.
    subjects_known : bool
        False where each recording counts as its own subject.
    random_split : Evaluation or None
        The same over folds that ignore subjects: what a leak would have shown.
    """

    summary: dict[str, Interval]
    folds: list[dict[str, Any]]
    predictions: Columns = field(repr=False)
    settings: dict[str, Any]
    counts: dict[str, Any]
    subjects_known: bool
    random_split: Evaluation | None = field(default=None, repr=False)

    @classmethod
    def from_predictions(
        cls,
        table: Any,
        *,
        pos_label: Any = None,
        subject_target: str = "label",
        combine: Combine = "mean",
        operating_point: Any = "as saved",
        scores: Mapping[str, Callable[..., float]] | list[str] | str | None = None,
        n_bootstrap: int = 2000,
        confidence: float = 0.95,
        random_state: Any = 0,
        fold_extras: Mapping[tuple[Any, ...], Mapping[str, float]] | None = None,
    ) -> Evaluation:
        """Return the evaluation of saved out-of-fold scores; nothing is trained.

        Parameters
        ----------
        table : DataFrame or mapping of columns
            As :meth:`to_frame` gives it: "y", and "score" or, for more than two
            classes, "score_<class>"; where they are there, "recording", "repeat",
            "fold", "subject", "decision", "subject_threshold" and "split".
        pos_label : str or int, default=None
            The class that high scores speak for; None asks ``positive_label``.
        subject_target, combine, n_bootstrap, confidence, random_state
            As in :func:`heartbeat_clf.evaluation.evaluate`.
        operating_point : object, default="as saved"
            How the decisions were taken, for the record.
        scores : name, list of names or dict of functions, default=None
            Scores of ``(y_true, y_pred)`` on the decisions; names are those of
            ``heartbeat_clf.scores.SCORES``.
        fold_extras : mapping, default=None
            Further values by (split, repeat, fold), averaged beside the others.

        Returns
        -------
        evaluation : Evaluation

        Raises
        ------
        ValueError
            If a column is lacking, lengths differ, or a setting is wrong.
        """
        columns = {str(name): np.asarray(table[name]) for name in table}
        if "y" not in columns or len(columns["y"]) == 0:
            raise ValueError(
                f'Expected a column "y" with rows, got the columns {list(columns)!r}.'
            )
        check_same_length(**columns)
        settings = {
            "pos_label": pos_label,
            "subject_target": subject_target,
            "combine": combine,
            "operating_point": operating_point,
            "n_bootstrap": n_bootstrap,
            "confidence": confidence,
            "random_state": random_state,
        }
        split = columns.pop("split", np.full(len(columns["y"]), "grouped"))
        if not np.any(split == "grouped"):
            raise ValueError(
                'Expected rows of the split "grouped", got '
                f"{sorted(set(split.tolist()))!r} only."
            )
        parts = [
            cls(
                **measure_predictions(
                    {name: column[split == kind] for name, column in columns.items()},
                    settings=settings,
                    scores=named_scores(scores),
                    extras={
                        key[1:]: values
                        for key, values in (fold_extras or {}).items()
                        if key[0] == kind
                    },
                )
            )
            for kind in _KINDS
            if np.any(split == kind)
        ]
        return replace(parts[0], random_split=parts[1] if len(parts) == 2 else None)

    def to_frame(self) -> Any:
        """Return the out-of-fold predictions as a DataFrame, one row each.

        Its columns are "recording" (row of X), "repeat", "fold", "subject" (None
        where unknown), "y", "score" (or "score_<class>"), "decision", "threshold",
        "subject_threshold", and "split" where a random split stands beside.
        """
        import pandas as pd

        frame = pd.DataFrame(self.predictions)
        if self.random_split is None:
            return frame
        frames = (frame, pd.DataFrame(self.random_split.predictions))
        marked = [f.assign(split=k) for f, k in zip(frames, _KINDS, strict=True)]
        return pd.concat(marked, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the predictions, ready for ``json.dump``."""
        return {
            "summary": {k: _plain(v._asdict()) for k, v in self.summary.items()},
            "folds": _plain(self.folds),
            "settings": _plain(self.settings),
            "counts": _plain(self.counts),
            "subjects_known": self.subjects_known,
            "random_split": self.random_split and self.random_split.to_dict(),
        }

    def to_markdown(self) -> str:
        """Return the table, and what has to be said beside it, as Markdown."""
        return "\n".join([*_headline(self), "", *_table(self), "", *_remarks(self)])

    def __str__(self) -> str:
        return self.to_markdown()


def _plain(value: Any) -> Any:
    """Return `value` in the types of JSON; nan becomes None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    plain = value is None or isinstance(value, str | int | float)
    return value if plain else repr(value)


def _title(name: str, settings: dict[str, Any]) -> str:
    """Return the words of the table for a measure."""
    known = {"sensitivity", "specificity", "accuracy", "auroc_recording"}
    any_target = settings["subject_target"] == "any"
    unit = "a subject" if any_target else "a (subject, label) unit"
    kind, bracket, label = name.partition("[")
    if kind in known:
        title = f"{kind.removesuffix('_recording')}, a recording"
    elif kind.endswith("_subject"):
        title = f"{kind.removesuffix('_subject')}, {unit}"
    elif kind == "majority":
        title = f"accuracy of always answering {settings['majority_label']!r}"
    else:
        title = name
    title = title.replace("auroc", "AUROC")
    return f"{title}: {label[:-1]!r} against the rest" if bracket else title


def _cells(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return "-"
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _table(evaluation: Evaluation) -> list[str]:
    other = evaluation.random_split
    share = 100 * evaluation.settings["confidence"]
    head = ["measure", "mean", f"{share:g} % interval", "lowest and highest fold"]
    rows = [[*head, "random split (leaks)"] if other else head]
    for name, interval in evaluation.summary.items():
        values = [fold[name] for fold in evaluation.folds if np.isfinite(fold[name])]
        span = f"{min(values):.3f}, {max(values):.3f}" if values else "-"
        title = _title(name, evaluation.settings)
        row = [title, f"{interval.value:.3f}", _cells(interval), span]
        rows.append([*row, f"{other.summary[name].value:.3f}"] if other else row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |"
        for r in rows
    ]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]


def _headline(evaluation: Evaluation) -> list[str]:
    counts, settings = evaluation.counts, evaluation.settings
    labels = ", ".join(f"{n} {label!r}" for label, n in counts["labels"].items())
    subjects = (
        f"{counts['subjects']} subjects, {counts['units']} (subject, label) units"
        if evaluation.subjects_known
        else "subjects unknown"
    )
    repeats = f" x {counts['repeats']} repeats" if counts["repeats"] > 1 else ""
    lines = [
        f"{counts['recordings']} recordings ({labels}), {subjects}; "
        f"{counts['folds']} fold{'' if counts['folds'] == 1 else 's'}{repeats}.",
    ]
    if settings["pos_label"] is not None:
        lines.append(
            f"Positive: {settings['pos_label']!r}; "
            f"operating point: {settings['operating_point']}."
        )
    else:
        lines.append(
            "AUROC of each class against the rest, and their mean; sensitivity and "
            "specificity need two classes."
        )
    return lines


def _remarks(evaluation: Evaluation) -> list[str]:
    if evaluation.subjects_known and evaluation.counts["shared_subjects"]:
        subjects = (
            f"Subjects are known, but {evaluation.counts['shared_subjects']} of them "
            "stand in several folds: the scores leak."
        )
    elif evaluation.subjects_known and len(evaluation.folds) > 1:
        subjects = "Subjects are known: none is in both training and test."
    elif evaluation.subjects_known:
        subjects = "Subjects are known; whether one was trained on is not told here."
    else:
        subjects = (
            "Subjects are NOT known: each recording counts as its own, so one person "
            "may be in training and test, and the intervals may be too narrow."
        )
    lines = [
        subjects,
        "AUROCs are taken within folds and averaged, never pooled; intervals draw "
        "subjects within folds.",
    ]
    if evaluation.random_split:
        lines.append(
            "The random split has a subject's recordings on both sides: a warning, "
            "not a result."
        )
    return lines
