"""What a model was seen to reach on persons left out, kept with the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_choice, check_number, check_same_length
from heartbeat_clf.thresholds import choose_threshold

__all__ = [
    "BY_CLARITY",
    "COMBINATIONS",
    "OperatingPoints",
    "as_clarity",
    "combine_scores",
]

BY_CLARITY = "mean by clarity"
COMBINATIONS = ("mean", "max", "mean and max", BY_CLARITY)
# A guess among four states; and what no recording is clearer than.
_CHANCE, _CLEAREST = 0.25, 0.99


@dataclass(frozen=True)
class OperatingPoints:
    """Scores of persons left out, from which thresholds are chosen.

    Attributes
    ----------
    positive : str or int
        The class that a score at or above the threshold means.
    combine : {"mean", "max", "mean and max", "mean by clarity"}
        How the log odds of several recordings of a person become one; see
        `combine_scores`.
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

    Raises
    ------
    TypeError, ValueError
        If `combine` is unknown, `slope` is not above 0, a number is none or not finite,
        or scores are not one for each of `truth`, which has both.
    """

    positive: Any
    combine: str
    slope: float
    intercept: float
    scores: tuple[float, ...] = field(repr=False)
    truth: tuple[bool, ...] = field(repr=False)
    unit: str
    source: str

    def __post_init__(self) -> None:
        check_choice("combine", self.combine, COMBINATIONS)
        # Falling, it would turn the answers round.
        check_number("slope", self.slope, minimum=0, exclusive=True)
        check_number("intercept", self.intercept)
        check_same_length(truth=self.truth, scores=self.scores)
        scores, truth = np.asarray(self.scores), np.asarray(self.truth)
        if scores.dtype.kind not in "iuf":
            raise TypeError(f"Expected numbers as scores, got {self.scores[:3]!r}.")
        _check_scores(scores)
        found = np.unique(truth).tolist() if truth.ndim == 1 else truth.tolist()
        if truth.dtype.kind not in "biu" or found != [0, 1]:
            raise ValueError(
                "Expected truth of persons with and without what is positive, False "
                f"and True, got {found[:3]}."
            )
        # 0 and 1 would choose rows where True and False choose some of them.
        object.__setattr__(self, "truth", tuple(truth.astype(bool).tolist()))
        object.__setattr__(self, "scores", tuple(scores.astype(float).tolist()))

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

    def combined(self, scores: Any, clarity: Any = None) -> float:
        """Return the log odds of a person from those of the person's recordings.

        Parameters
        ----------
        scores : array-like of shape (n_recordings,)
            Log odds of `positive`.
        clarity : array-like of shape (n_recordings,), default=None
            As `combine_scores` takes it.

        Returns
        -------
        score : float
        """
        scores = np.asarray(scores, dtype=float)
        combined = combine_scores(scores, self.combine, clarity)
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
                "truth": tuple(plain["truth"]),
            }
        )


def combine_scores(scores: Any, combine: str, clarity: Any = None) -> float:
    """Return the log odds of a person from those of the person's recordings.

    Parameters
    ----------
    scores : array-like of shape (n_recordings,)
        Log odds of the positive class.
    combine : {"mean", "max", "mean and max", "mean by clarity"}
        "mean and max" is half of each. "mean by clarity" weighs each recording by the
        square of the odds of its clarity, as if the error of its log odds fell with
        these odds: weights are then one over its variance.
    clarity : array-like of shape (n_recordings,), default=None
        How clearly a heart is heard in each, 0.25 to 1, as
        :meth:`heartbeat_clf.HeartbeatClassifier.predict_with_clarity` gives it; NaN
        and less than 0.25 count as that, which is chance, more than 0.99 as 0.99. None
        takes all for equal.

    Returns
    -------
    score : float

    Raises
    ------
    ValueError
        If there is no score or one that is not finite, `combine` is unknown, lengths
        differ, or a clarity is not a share.

    Examples
    --------
    >>> combine_scores([1.0, 3.0], "mean and max")
    2.5
    >>> round(combine_scores([1.0, 3.0], "mean by clarity", [0.75, 0.5]), 6)
    1.2
    """
    scores = np.asarray(scores, dtype=float)
    check_choice("combine", combine, COMBINATIONS)
    _check_scores(scores)
    if clarity is not None:
        clarity = as_clarity(clarity, len(scores))
    if combine == BY_CLARITY:
        return _mean_by_clarity(scores, clarity)
    parts = {"mean": [scores.mean()], "max": [scores.max()]}
    chosen = parts.get(combine, [scores.mean(), scores.max()])
    return float(np.mean(chosen))


def as_clarity(clarity: Any, n_recordings: int) -> np.ndarray:
    """Return how clearly hearts are heard as an array, one value a recording.

    Raises
    ------
    ValueError
        If there are more or fewer, or one is no share; NaN may be.
    """
    found = np.asarray(clarity, dtype=float)
    if found.shape != (n_recordings,):
        raise ValueError(
            f"Expected clarity of shape ({n_recordings},), one a recording, got "
            f"{found.shape}."
        )
    if ((found < 0) | (found > 1)).any():
        raise ValueError(
            f"Expected clarity of 0 to 1, got {np.nanmin(found):g} to "
            f"{np.nanmax(found):g}. predict_with_clarity gives it."
        )
    return found


def _mean_by_clarity(scores: np.ndarray, clarity: np.ndarray | None) -> float:
    if clarity is None:
        return float(scores.mean())
    clear = np.where(np.isnan(clarity), _CHANCE, clarity).clip(_CHANCE, _CLEAREST)
    weights = (clear / (1 - clear)) ** 2
    return float(scores @ (weights / weights.sum()))


def _check_scores(scores: np.ndarray) -> None:
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise ValueError(
            "Expected finite scores of shape (n_recordings,), at least one, got "
            f"{scores.tolist()}."
        )
