from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf import HeartbeatClassifier
from heartbeat_clf.classifier_checks import (
    check_class_weight,
    check_groups,
    check_labels,
    check_settings,
    check_weights,
    class_weights_of,
)


@pytest.mark.parametrize(
    ("setting", "value", "error", "message"),
    [
        ("kernel_l2", -1.0, ValueError, "kernel_l2 must be a number at least 0"),
        ("kernel_l2", "0.1", TypeError, "kernel_l2 must be a number"),
        ("dropout", 0.96, ValueError, "dropout must be .* at most 0.95, got 0.96"),
        ("learning_rate", 0, ValueError, "learning_rate must be .* greater than 0"),
        ("batch_size", 0, ValueError, "batch_size must be an integer at least 1"),
        ("batch_size", 8.0, TypeError, "batch_size must be an integer"),
        ("epochs", 0, ValueError, "epochs must be an integer at least 1, got 0"),
        ("epochs", True, TypeError, "epochs must be an integer .*, got bool True"),
        ("window_frames", 0, ValueError, "window_frames must be .* or None, got 0"),
        ("validation_fraction", 1.0, ValueError, "validation_fraction must be .* 1"),
        ("validation_fraction", 0.0, ValueError, "greater than 0 and less than 1"),
        ("patience", 0, ValueError, "patience must be an integer at least 1"),
        ("patience", 3, ValueError, "patience=3 needs a validation part. Set valid"),
        ("verbose", 2, ValueError, "verbose must be 0 or 1, got 2"),
        ("verbose", "yes", ValueError, "verbose must be 0 or 1, got 'yes'"),
        ("standardize", 1, TypeError, "standardize must be a bool, got 1"),
        ("augment", "pitch", ValueError, "augment must be one of .*'pitch'"),
        ("augment", 5, TypeError, "Expected augment to be a bool"),
        ("random_state", "seed", ValueError, "'seed' cannot be used to seed"),
    ],
)
def test_bad_setting_fails_at_fit_and_not_before(setting, value, error, message):
    classifier = HeartbeatClassifier(**{setting: value})
    assert getattr(classifier.set_params(**{setting: value}), setting) is value
    with pytest.raises(error, match=message):
        check_settings(classifier)
    with pytest.raises(error, match=message):
        classifier.fit([np.zeros((2, 5))] * 2, [0, 1])
    with pytest.raises(error, match=message):
        classifier.partial_fit([np.zeros((2, 5))] * 2, [0, 1])


def test_defaults_pass():
    check_settings(HeartbeatClassifier())
    check_settings(HeartbeatClassifier(validation_fraction=0.2, patience=1))


def test_continuous_labels_are_refused():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        check_labels([0.1, 0.5, 0.9])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_labels_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        check_labels([0.0, 1.0, bad])


def test_labels_of_several_columns_are_refused():
    with pytest.raises(ValueError, match="y should be a 1d array"):
        check_labels(np.zeros((3, 2)))


def test_no_weights_are_ones():
    weights = check_weights(None, np.array(["a", "b"]))
    assert weights.tolist() == [1, 1]
    assert weights.dtype == np.float32


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_must_be_finite_and_not_negative(bad):
    with pytest.raises(ValueError, match="sample_weight to be finite and not negative"):
        check_weights([1.0, bad], np.array([0, 1]))


def test_weights_of_another_length_are_refused():
    with pytest.raises(
        ValueError, match="Expected as many items in sample_weight as in X, got 1"
    ):
        check_weights([1.0], np.array([0, 1]))


def test_class_without_weight_is_named():
    with pytest.raises(
        ValueError, match=r"sample_weight zero for all recordings of class .*'murmur'"
    ):
        check_weights([1, 0, 0], np.array(["normal", "murmur", "murmur"]))


@pytest.mark.parametrize(
    "class_weight", [{0: 1.0, 1: 0.0}, {0: 1.0, 1: -2.0}, {0: np.nan, 1: 1.0}]
)
def test_class_weights_must_be_positive(class_weight):
    with pytest.raises(ValueError, match=r"positive weights to classes among \[0, 1\]"):
        check_class_weight(class_weight, np.array([0, 1]))


def test_class_weight_is_a_dict_or_balanced():
    classifier = HeartbeatClassifier(class_weight="heavy")
    with pytest.raises(ValueError, match='Expected class_weight to be None, "bal'):
        check_settings(classifier)


def test_class_weight_of_an_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"among \['a', 'b'\], got \{'c': 1.0\}"):
        check_class_weight({"c": 1.0}, np.array(["a", "b"]))


def test_class_weights_are_those_of_scikit_learn():
    classes = np.array(["a", "b", "c"])
    codes = np.array([0, 0, 0, 1])
    assert class_weights_of(None, classes, codes).tolist() == [1, 1, 1]
    given = class_weights_of({"b": 5.0}, classes, codes)
    assert given.tolist() == [1, 5, 1]
    balanced = class_weights_of("balanced", classes, codes)
    np.testing.assert_allclose(balanced, [4 / 6, 2, 1])


def test_unknown_kind_of_class_weight_is_refused():
    with pytest.raises(ValueError, match="class_weight"):
        class_weights_of("heavy", np.array([0, 1]), np.array([0, 1]))


def test_weights_in_a_table_are_refused_by_their_name():
    y = np.array([0, 1])
    with pytest.raises(ValueError, match=r"sample_weight to be 1-D.*shape \(2, 2\)"):
        check_weights(np.ones((2, 2)), y)
    assert check_weights(np.ones((2, 1)), y).tolist() == [1.0, 1.0]


def test_labels_that_are_missing_are_counted():
    with pytest.raises(
        ValueError, match="target y is None: expected a label for every"
    ):
        check_labels(None)
    with pytest.raises(ValueError, match=r"got None for 1 of 3\. Leave"):
        check_labels(np.array(["a", None, "b"], dtype=object))


def test_labels_that_are_missing_among_strings_are_no_class():
    with pytest.raises(ValueError, match=r"got nan for 2 of 4\. Leave"):
        check_labels(["a", float("nan"), "b", None])


def test_subjects_are_one_a_recording():
    images = [None] * 2
    assert check_groups(None, images) is None
    assert check_groups(["a", "b"], images).tolist() == ["a", "b"]
    assert check_groups(np.array([1, 2]), images).tolist() == [1, 2]
    with pytest.raises(ValueError, match="every row of groups, got nan in row 1"):
        check_groups(["a", float("nan")], images)
    with pytest.raises(ValueError, match="1 in groups and 2 in X"):
        check_groups(["a"], images)


@pytest.mark.parametrize("weights", [{"murmur": 2}, ["a", "b"]])
def test_weights_are_numbers(weights):
    with pytest.raises(TypeError, match="sample_weight to be a number a recording"):
        check_weights(weights, np.array([0, 1]))
