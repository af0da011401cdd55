"""What a model was seen to reach on persons left out, kept with the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.thresholds import choose_threshold

__all__ = ["OperatingPoints", "combine_scores"]

COMBINATIONS = ("mean", "max", "mean and max")


@dataclass(frozen=True)
class OperatingPoints:
    """Scores of persons left out, from which thresholds are chosen.

    Attributes
    ----------
    positive : str or int
        The class that a score at or above the threshold means.
    combine : {"mean", "max", "mean and max"}
        How the log odds of several recordings of a person become one.
    slope, intercept : float
        Map of combined log odds to those of the person, ``slope * s + intercept``:
        several recordings are surer than one. Not applied to a single recording.
    scores : tuple of float
        Combined and mapped log odds of `positive`, one a person (or a recording, where
        `unit` says so), from networks that were trained without them.
    truth : tuple of bool
        Whether each was of the class `positive`.
    unit : str
        What a score stands for, such as "person".
    source : str
        Where the scores come from, in a sentence.
    """

    positive: Any
    combine: str
    slope: float
    intercept: float
    scores: tuple[float, ...] = field(repr=False)
    truth: tuple[bool, ...] = field(repr=False)
    unit: str
    source: str

    def threshold(
        self, *, sensitivity: float | None = None, specificity: float | None = None
    ) -> float:
        """Return the log odds at which to answer `positive`.

        Parameters
        ----------
        sensitivity, specificity : float, default=None
            What to reach at least on the persons left out; with neither, Youden's
            index is maximised.

        Returns
        -------
        threshold : float

        Raises
        ------
        ValueError
            If both are given or one lies outside 0 to 1.
        """
        return choose_threshold(
            self.truth, self.scores, sensitivity=sensitivity, specificity=specificity
        )

    def combined(self, scores: Any) -> float:
        """Return the log odds of a person from those of the person's recordings.

        Parameters
        ----------
        scores : array-like of shape (n_recordings,)
            Log odds of `positive`.

        Returns
        -------
        score : float
        """
        scores = np.asarray(scores, dtype=float)
        combined = combine_scores(scores, self.combine)
        return combined if len(scores) == 1 else self.slope * combined + self.intercept

    def reached(self, threshold: float) -> dict[str, float]:
        """Return sensitivity and specificity of a threshold on the persons left out."""
        answer = np.asarray(self.scores) >= threshold
        truth = np.asarray(self.truth)
        return {
            "sensitivity": float(answer[truth].mean()),
            "specificity": float((~answer)[~truth].mean()),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON holds them; scores to four decimals."""
        plain = asdict(self)
        plain["scores"] = [round(score, 4) for score in self.scores]
        plain["truth"] = [int(positive) for positive in self.truth]
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> OperatingPoints:
        """Return what `to_dict` described."""
        return cls(
            **{
                **plain,
                "scores": tuple(plain["scores"]),
                "truth": tuple(bool(value) for value in plain["truth"]),
            }
        )


def combine_scores(scores: Any, combine: str) -> float:
    """Return the log odds of a person from those of the person's recordings.

    Parameters
    ----------
    scores : array-like of shape (n_recordings,)
        Log odds of the positive class.
    combine : {"mean", "max", "mean and max"}
        The last is half of each.

    Returns
    -------
    score : float

    Examples
    --------
    >>> combine_scores([1.0, 3.0], "mean and max")
    2.5
    """
    scores = np.asarray(scores, dtype=float)
    check_number("number of scores", len(scores), minimum=1)
    check_choice("combine", combine, COMBINATIONS)
    parts = {"mean": [scores.mean()], "max": [scores.max()]}
    chosen = parts.get(combine, [scores.mean(), scores.max()])
    return float(np.mean(chosen))
