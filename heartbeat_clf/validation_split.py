"""Which recordings of a fit are held back to choose the epoch and to calibrate."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from heartbeat_clf.classifier import HeartbeatClassifier

__all__ = ["hold_back"]


def hold_back(
    classifier: HeartbeatClassifier,
    codes: np.ndarray,
    groups: np.ndarray | None,
    *,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and those held back, which share no subject.

    Parameters
    ----------
    classifier : HeartbeatClassifier
        Of whose `fit` the function that calls this was called.
    codes : ndarray of int of shape (n_recordings,)
        Classes.
    groups : ndarray of shape (n_recordings,) or None
        Subjects; None takes each recording for one, with a warning.
    seed : int
        Origin of the split.

    Returns
    -------
    train, validation : ndarray of int
        None are held back where ``classifier.validation_fraction`` is None.

    Raises
    ------
    ValueError
        If a class has too few subjects for both parts.

    Warns
    -----
    UserWarning
        If recordings are held back without `groups`.
    """
    everything = np.arange(len(codes))
    fraction = classifier.validation_fraction
    if fraction is None:
        return everything, everything[:0]
    if groups is None:
        warnings.warn(
            "validation_fraction holds back single recordings because fit got no "
            "groups: recordings of one subject may be on both sides. Pass "
            "groups=subjects to fit.",
            UserWarning,
            # One frame more where scikit-learn's callbacks wrap fit (1.9).
            stacklevel=6 if hasattr(type(classifier).fit, "__wrapped__") else 5,
        )
        groups = everything
    from heartbeat_clf.folds import check_labels, subject_split

    # Not within: what is wrong with them has no part in the split.
    groups = check_labels("groups", groups)
    try:
        train, _, validation = subject_split(
            classifier.classes_[codes],
            groups,
            test_size=fraction,
            validation_size=None,
            random_state=seed,
        )
    except ValueError as error:
        raise ValueError(
            f"Expected validation_fraction={fraction!r} to leave every class in "
            f"both parts, got too few subjects: {error}"
        ) from error
    return train, validation
