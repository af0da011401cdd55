"""What the classifier asks of its settings, labels and weights before it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.augmentations import resolve_augmentations
from heartbeat_clf.row_values import check_subjects, missing_rows

__all__ = [
    "check_class_weight",
    "check_groups",
    "check_labels",
    "check_settings",
    "check_weights",
    "class_weights_of",
]


def check_settings(classifier: Any) -> None:
    """Raise for settings of a classifier that are out of range or of a wrong type.

    Parameters
    ----------
    classifier : HeartbeatClassifier
        Its `network` and `loss` are checked where they are built.

    Raises
    ------
    TypeError
        If a setting is of the wrong type.
    ValueError
        If a setting is out of range, or `patience` comes without a validation part.
    """
    check_number("kernel_l2", classifier.kernel_l2, minimum=0)
    check_number("dropout", classifier.dropout, minimum=0, maximum=0.95)
    check_number("learning_rate", classifier.learning_rate, minimum=0, exclusive=True)
    check_number("batch_size", classifier.batch_size, minimum=1, integer=True)
    check_number("epochs", classifier.epochs, minimum=1, integer=True)
    check_number(
        "window_frames",
        classifier.window_frames,
        minimum=1,
        integer=True,
        optional=True,
    )
    check_number(
        "validation_fraction",
        classifier.validation_fraction,
        minimum=0,
        maximum=1,
        exclusive=True,
        optional=True,
    )
    check_number(
        "patience", classifier.patience, minimum=1, integer=True, optional=True
    )
    if classifier.patience is not None and classifier.validation_fraction is None:
        raise ValueError(
            f"patience={classifier.patience!r} needs a validation part. Set "
            "validation_fraction, such as 0.2."
        )
    check_number("frozen_blocks", classifier.frozen_blocks, minimum=0, integer=True)
    if classifier.frozen_blocks and classifier.initial_weights is None:
        raise ValueError(
            f"frozen_blocks={classifier.frozen_blocks!r} needs weights to keep. Set "
            'initial_weights, such as "pretrained".'
        )
    _check_share(classifier.initial_share, classifier.initial_weights)
    if classifier.verbose not in (0, 1):
        raise ValueError(f"verbose must be 0 or 1, got {classifier.verbose!r}.")
    if not isinstance(classifier.standardize, bool | np.bool_):
        raise TypeError(f"standardize must be a bool, got {classifier.standardize!r}.")
    weights = classifier.class_weight
    if not (weights is None or isinstance(weights, dict) or weights == "balanced"):
        raise ValueError(
            'Expected class_weight to be None, "balanced" or a dict of weights by '
            f"class, got {weights!r}."
        )
    resolve_augmentations(classifier.augment)
    check_random_state(classifier.random_state)


def _check_share(share: Any, weights: Any) -> None:
    if isinstance(share, str) and share == "auto":
        return
    try:
        check_number("initial_share", share, minimum=0, maximum=1)
    except (TypeError, ValueError) as error:
        raise type(error)(
            'Expected initial_share to be "auto" or a number from 0 to 1, got '
            f"{share!r}."
        ) from None
    if share and weights is None:
        raise ValueError(
            f"initial_share={share!r} needs weights to keep. Set initial_weights, "
            'such as "pretrained".'
        )


def check_labels(y: Any) -> np.ndarray:
    """Return labels as an array of shape (n_recordings,).

    Raises
    ------
    ValueError
        If they are not one label a recording, hold None or NaN, or are continuous.
    """
    if y is None:
        raise ValueError(
            # In scikit-learn's words, which its tools look for.
            "A fit requires y to be passed, but the target y is None: expected a label "
            "for every recording. Without labels they can only be answered."
        )
    strings = isinstance(y, list | tuple) and any(isinstance(v, str) for v in y)
    if strings and (missing := missing_rows(y)):
        # As an array it would have a class "nan".
        raise ValueError(_without_label(y[missing[0]], len(missing), len(y)))
    y = column_or_1d(y, warn=True)
    if y.dtype == object and (nones := sum(label is None for label in y)):
        raise ValueError(_without_label(None, nones, len(y)))
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def _without_label(label: Any, missing: int, total: int) -> str:
    return (
        f"Expected a label for every recording, got {label!r} for {missing} of "
        f"{total}. Leave these recordings out."
    )


def check_groups(groups: Any, images: Sequence[Any]) -> np.ndarray | None:
    """Return subjects as an array of shape (n_recordings,); None for None.

    Raises
    ------
    ValueError
        If they are not one a recording, or one is missing or blank.
    """
    if groups is None:
        return None
    if not isinstance(groups, list | tuple):
        groups = column_or_1d(groups)
    groups = check_subjects("groups", groups)
    check_same_length(X=images, groups=groups)
    return groups


def check_weights(sample_weight: Any, y: np.ndarray) -> np.ndarray:
    """Return sample weights as float32 of shape (n_recordings,), ones for None.

    Raises
    ------
    ValueError
        If there are more or fewer than labels, one is negative, infinite or NaN, or
        a class has none.
    TypeError
        If they are no numbers.
    """
    if sample_weight is None:
        return np.ones(len(y), dtype=np.float32)
    try:
        weights = np.asarray(sample_weight, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "Expected sample_weight to be a number a recording, got "
            f"{sample_weight!r}. Weights of classes are class_weight."
        ) from error
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights[:, 0]
    if weights.ndim != 1:
        raise ValueError(
            "Expected sample_weight to be 1-D, one number a recording, got the shape "
            f"{weights.shape!r}."
        )
    check_same_length(X=y, sample_weight=weights)
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(
            "Expected sample_weight to be finite and not negative, got values from "
            f"{float(weights.min())!r} to {float(weights.max())!r}."
        )
    for label in np.unique(y):
        if not weights[y == label].any():
            raise ValueError(
                "Expected some weight for every class, got sample_weight zero for all "
                f"recordings of class {label!r}."
            )
    return weights


def class_weights_of(
    class_weight: Any, classes: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """Return the weight of each class, one for those that `codes` lacks.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        As scikit-learn takes it.
    classes : ndarray of shape (n_classes,)
        All labels.
    codes : ndarray of int of shape (n_recordings,)
        Classes of the recordings, for "balanced".

    Returns
    -------
    weights : ndarray of float32 of shape (n_classes,)
    """
    present = np.unique(codes)
    weights = np.ones(len(classes), dtype=np.float32)
    weights[present] = compute_class_weight(
        class_weight, classes=classes[present], y=classes[codes]
    )
    return weights


def check_class_weight(class_weight: Any, classes: np.ndarray) -> None:
    """Raise unless every class has a positive weight.

    Raises
    ------
    ValueError
        If a weight is zero, negative or NaN, or a label is unknown.
    """
    if not isinstance(class_weight, dict):
        return
    unknown = [label for label in class_weight if label not in classes.tolist()]
    wrong = [label for label, weight in class_weight.items() if not weight > 0]
    if unknown or wrong:
        raise ValueError(
            "Expected class_weight to give positive weights to classes among "
            f"{classes.tolist()}, got {class_weight!r}."
        )
