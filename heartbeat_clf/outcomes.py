"""Three outcomes from two views: how a recording sounds, and its rhythm."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.crossfit import fit_with_groups
from heartbeat_clf.folds import Split, check_labels, subject_folds
from heartbeat_clf.rhythm import (
    LEARNT_FEATURES,
    LIKENESS_FEATURES,
    SOUND_FEATURES,
    RhythmTransformer,
)

__all__ = ["OutcomeClassifier", "balance_decisions"]

_MURMUR = "murmur"
_REST = "normal"
_RHYTHM = (*SOUND_FEATURES, *LIKENESS_FEATURES, *LEARNT_FEATURES)
# Factors that an outcome's probability may be multiplied with before the decision, the
# mildest first: of several that serve alike it is the one to take.
_FACTORS = np.exp(sorted(np.arange(-2.0, 2.01, 0.25), key=abs))
_LARGEST_SEED = 2**32 - 1
_ROUNDS = 2


class OutcomeClassifier(ClassifierMixin, BaseEstimator):
    """Tell normal hearts, murmurs and extrasystoles apart.

    A classifier of murmurs hears the sound of short windows, a transformer describes
    the rhythm of the whole recording, and a last classifier decides on both. The
    decision gives every outcome its due: on folds of the training subjects, factors
    are chosen that make the mean of the recalls largest, so that a rare outcome is
    not left out because it is rare. (One that cannot be told may still be.)

    Parameters
    ----------
    murmur : classifier
        From recordings to murmur or not, with ``decision_function`` or
        ``predict_proba``; its classes hold ``"murmur"``. It is cloned and fitted on
        murmur against the rest, which is called ``"normal"`` there, and gets `groups`
        where it takes them; the last classifier learns from predictions on
        folds of subjects that it was not fitted on. A model that is trained already
        is taken as it is when wrapped: ``FrozenEstimator(load_pretrained())``.
    rhythm : transformer or None, default=None
        From recordings to numbers; None is a `RhythmTransformer` of
        ``SOUND_FEATURES``, ``LIKENESS_FEATURES`` and ``LEARNT_FEATURES``.
    final : classifier or None, default=None
        From the murmur score and the rhythm to the outcome; None is extremely
        randomised trees (Geurts, Ernst and Wehenkel 2006, Machine Learning 63: 3-42),
        300 of them, each on a bootstrap sample, with at least 5 recordings a leaf and
        balanced classes.
    inner_splits : int, default=3
        Folds of those predictions.
    random_state : int, default=0
        Seed of the folds and of the trees.

    Attributes
    ----------
    classes_ : ndarray of str
        Sorted.
    murmur_, rhythm_, final_ : estimator
        Fitted.
    factors_ : ndarray of shape (n_classes,)
        What the probabilities are multiplied with before the largest is answered.

    Notes
    -----
    ``docs/rhythm.md`` says how well it does; many extrasystoles are missed. Not a
    medical device.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(
    ...     9, murmur_fraction=0.33, extrasystole_fraction=0.33, random_state=0
    ... )
    >>> model = OutcomeClassifier(DummyClassifier(strategy="prior"))
    >>> model = model.fit(sounds.recordings, sounds.target, groups=sounds.subjects)
    >>> model.classes_.tolist()
    ['extrasystole', 'murmur', 'normal']
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012 - scikit-learn's form

    def __init__(
        self,
        murmur: Any,
        *,
        rhythm: Any = None,
        final: Any = None,
        inner_splits: int = 3,
        random_state: int = 0,
    ) -> None:
        self.murmur = murmur
        self.rhythm = rhythm
        self.final = final
        self.inner_splits = inner_splits
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> OutcomeClassifier:
        """Fit the three parts.

        Parameters
        ----------
        X : sequence of n_recordings rows
            What `murmur` and `rhythm` take: paths or waveforms.
        y : array-like of str of shape (n_recordings,)
            Labels; one is ``"murmur"``.
        groups : array-like of shape (n_recordings,), default=None
            Subjects, for the inner folds; None makes each recording its own.

        Returns
        -------
        self : OutcomeClassifier

        Raises
        ------
        ValueError
            If lengths differ, a value of `groups` is missing, no label is ``"murmur"``,
            there is only one, or a label has too few subjects for the inner folds; if
            a frozen `murmur` has other classes.
        TypeError
            If a part lacks a method that is needed of it.
        NotFittedError
            If a frozen `murmur` is not fitted.
        """
        check_number("inner_splits", self.inner_splits, minimum=2, integer=True)
        check_number(
            "random_state",
            self.random_state,
            minimum=0,
            maximum=_LARGEST_SEED,
            integer=True,
        )
        labels = check_labels("y", y)
        rows = np.arange(len(labels))
        subjects = rows if groups is None else check_labels("groups", groups)
        check_same_length(X=X, y=labels, groups=subjects)
        classes = np.unique(labels)
        if _MURMUR not in classes or len(classes) < 2:
            raise ValueError(
                f"Expected labels with {_MURMUR!r} and others in y, got "
                f"{classes.tolist()!r}. Rename the label of murmurs."
            )
        # What can be found wrong is found before a recording is heard.
        folds = subject_folds(labels, subjects, self.inner_splits, self.random_state)
        murmur = self.murmur
        frozen = isinstance(murmur, FrozenEstimator)
        if frozen:
            check_is_fitted(murmur)
            _check_classes(murmur)
        else:
            murmur = clone(_check_part("murmur", murmur, "fit"))
        _check_part("murmur", murmur, "decision_function", "predict_proba")
        rhythm = _default("rhythm", self.rhythm, RhythmTransformer(_RHYTHM))
        for method in ("fit_transform", "transform"):
            _check_part("rhythm", rhythm, method)
        final = _default(
            "final",
            self.final,
            ExtraTreesClassifier(
                300,
                min_samples_leaf=5,
                bootstrap=True,
                class_weight="balanced_subsample",
                random_state=self.random_state,
            ),
        )
        for method in ("fit", "predict_proba"):
            _check_part("final", final, method)
        # As the models in the box call it, so that weights of theirs can be kept.
        heard = np.where(labels == _MURMUR, _MURMUR, _REST)
        if frozen:
            scores = _murmur_scores(murmur, X)
        else:
            scores = np.empty(len(labels))
            for train, test in folds:
                part = clone(murmur)
                fit_with_groups(
                    part,
                    _safe_indexing(X, train),
                    heard[train],
                    None if groups is None else subjects[train],
                )
                scores[test] = _murmur_scores(part, _safe_indexing(X, test))
            fit_with_groups(murmur, X, heard, None if groups is None else subjects)
        table = np.column_stack([scores, rhythm.fit_transform(X, labels)])
        factors = _choose_factors(final, table, labels, folds)
        final.fit(table, labels)
        # All at once: what fails leaves the model as it was.
        self.murmur_, self.rhythm_, self.final_ = murmur, rhythm, final
        self.factors_, self.classes_ = factors, final.classes_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each outcome.

        Parameters
        ----------
        X : sequence of n_recordings rows
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_recordings, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        columns = _murmur_scores(self.murmur_, X), self.rhythm_.transform(X)
        return np.asarray(self.final_.predict_proba(np.column_stack(columns)))

    def predict(self, X: Any) -> np.ndarray:
        """Return an outcome for each recording: the largest after ``factors_``.

        Parameters
        ----------
        X : sequence of n_recordings rows
            As in `fit`.

        Returns
        -------
        labels : ndarray of str of shape (n_recordings,)
        """
        probabilities = self.predict_proba(X)
        return self.classes_[(probabilities * self.factors_).argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        return tags


def balance_decisions(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return factors that make the mean recall of the largest product high.

    Parameters
    ----------
    probabilities : ndarray of shape (n_recordings, n_classes)
        Of recordings that were not fitted on.
    codes : ndarray of int of shape (n_recordings,)
        True classes.

    Returns
    -------
    factors : ndarray of shape (n_classes,)
        Found class by class, in two rounds; of those that serve alike the one nearest
        to 1, which it is where nothing is gained.

    Raises
    ------
    ValueError
        If probabilities are not finite, below 0 or of another shape, or codes are no
        such integers or leave out a class.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    >>> factors = balance_decisions(probabilities, np.array([0, 0, 1]))
    >>> (probabilities * factors).argmax(axis=1).tolist()
    [0, 0, 1]
    """
    probabilities, codes = np.asarray(probabilities), np.asarray(codes)
    numbers = probabilities.dtype.kind in "fiu" and probabilities.ndim == 2
    # Of NaN neither holds.
    if not numbers or not ((probabilities >= 0) & (probabilities < np.inf)).all():
        raise ValueError(
            "Expected finite probabilities of shape (n_recordings, n_classes), none "
            f"below 0, got {probabilities.dtype} of shape {probabilities.shape!r}."
        )
    n_classes = probabilities.shape[1]
    if (
        codes.shape != probabilities.shape[:1]
        or codes.dtype.kind not in "iu"
        or np.unique(codes).tolist() != list(range(n_classes))
    ):
        raise ValueError(
            f"Expected an integer code a recording, each of 0 to {n_classes - 1} at "
            f"least once, got {codes.dtype} of shape {codes.shape!r}."
        )
    truth = np.eye(n_classes)[codes] / np.bincount(codes, minlength=n_classes)
    factors = np.ones(n_classes)

    def mean_recall() -> float:
        answers = (probabilities * factors).argmax(axis=1)
        return float(truth[np.arange(len(codes)), answers].sum())

    for _ in range(_ROUNDS):
        for column in range(n_classes):
            recalls = []
            for factor in _FACTORS:
                factors[column] = factor
                recalls.append(mean_recall())
            # The first, and mildest, of the best; rounding must not pass for a gain.
            factors[column] = _FACTORS[np.argmax(np.round(recalls, 9))]
    return factors


def _choose_factors(
    final: Any,
    table: np.ndarray,
    labels: np.ndarray,
    folds: list[Split],
) -> np.ndarray:
    """Return the factors that serve best on the test parts of folds."""
    classes, codes = np.unique(labels, return_inverse=True)
    probabilities = np.empty((len(labels), len(classes)))
    for train, test in folds:
        part = clone(final).fit(table[train], labels[train])
        probabilities[test] = part.predict_proba(table[test])
    return balance_decisions(probabilities, codes)


def _check_part(name: str, part: Any, *methods: str) -> Any:
    """Return a part that is an estimator with one of the methods."""
    if isinstance(part, type) or not any(hasattr(part, method) for method in methods):
        raise TypeError(
            f"Expected an estimator with {' or '.join(methods)} as {name}, got "
            f"{part!r}."
        )
    return part


def _default(name: str, given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else clone(_check_part(name, given, "fit"))


def _check_classes(model: Any) -> list[Any]:
    """Return the classes of a fitted murmur classifier."""
    if not hasattr(model, "classes_"):
        raise TypeError(
            f"Expected a classifier as murmur, got {model!r}, which knows no classes."
        )
    classes = np.asarray(model.classes_).tolist()
    if _MURMUR not in classes or len(classes) != 2:
        raise ValueError(
            f"Expected a murmur classifier with two classes, one of them {_MURMUR!r}, "
            f"got {classes!r}. Train it on murmur against the rest."
        )
    return classes


def _murmur_scores(model: Any, X: Any) -> np.ndarray:
    """Return one score a recording, larger for a murmur."""
    classes = _check_classes(model)
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(X)).reshape(-1)
        return scores if classes[1] == _MURMUR else -scores
    return np.asarray(model.predict_proba(X))[:, classes.index(_MURMUR)]
