from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from heartbeat_clf import scores
from heartbeat_clf.scores import (
    choose_threshold,
    cinc2016_score,
    get_scorer,
    murmur_weighted_accuracy,
    outcome_cost,
    outcome_weighted_accuracy,
    positive_label,
    sensitivity,
    specificity,
    unweighted_average_recall,
)


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (["murmur", "normal"], "murmur"),
        (["Abnormal", "Normal"], "Abnormal"),
        (["Absent", "Present"], "Present"),
        (["absent", "audible"], "audible"),
        (["healthy", "sick"], "sick"),
        (["control", "case"], "case"),
        ([-1, 1], 1),
        ([0, 1], 1),
        ([False, True], True),
        ([-1, 0], 0),
        (["extrasystole", "murmur"], "murmur"),
    ],
)
def test_positive_label_is_the_one_that_is_not_healthy(classes, positive):
    assert positive_label(classes) == positive
    assert positive_label(classes[::-1]) == positive
    assert positive_label(np.array(classes)) == positive


@pytest.mark.parametrize("classes", [["a"], ["a", "b", "c"]])
def test_positive_label_needs_two_classes(classes):
    with pytest.raises(ValueError, match="Expected two classes"):
        positive_label(classes)


def test_sensitivity_is_of_the_murmurs_though_normal_sorts_last():
    y_true = ["murmur"] * 4 + ["normal"] * 2
    y_pred = ["murmur"] * 3 + ["normal"] * 2 + ["murmur"]
    assert sensitivity(y_true, y_pred) == 0.75
    assert specificity(y_true, y_pred) == 0.5
    assert sensitivity(y_true, y_pred, pos_label="normal") == 0.5


def test_sensitivity_without_positives_is_nan():
    assert np.isnan(sensitivity([0, 0], [0, 1]))


def test_pos_label_has_to_be_a_class():
    with pytest.raises(ValueError, match="pos_label to be one of"):
        sensitivity(["a", "b"], ["a", "b"], pos_label="c")


def test_binary_scores_refuse_a_third_class():
    with pytest.raises(ValueError, match="Expected two classes, got"):
        specificity(["a", "b", "c"], ["a", "b", "c"])


def test_scores_refuse_lengths_that_differ():
    with pytest.raises(ValueError, match="y_pred"):
        sensitivity([0, 1], [0])


def test_scores_refuse_nothing():
    with pytest.raises(ValueError, match="at least one label"):
        unweighted_average_recall([], [])


def test_cinc2016_is_the_mean_of_both():
    y_true = [1, 1, 1, 1, -1, -1]
    y_pred = [1, 1, 1, -1, -1, 1]
    assert cinc2016_score(y_true, y_pred) == pytest.approx((0.75 + 0.5) / 2)


def test_cinc2016_counts_unsure_half():
    y_true, y_pred = [1, 1, -1, -1], [1, 0, -1, -1]
    assert cinc2016_score(y_true, y_pred, unsure=0) == pytest.approx((0.75 + 1) / 2)
    words = ["Abnormal", "Normal"], ["unsure", "unsure"]
    assert cinc2016_score(*words) == 0.5


def test_cinc2016_refuses_unsure_as_a_truth():
    with pytest.raises(ValueError, match="it is an answer, no class"):
        cinc2016_score([1, 0, -1], [1, 1, -1], unsure=0)


def test_murmur_weighted_accuracy_by_hand():
    y_true = ["Present", "Present", "Unknown", "Absent", "Absent", "Absent"]
    y_pred = ["Present", "Absent", "Unknown", "Absent", "Absent", "Present"]
    expected = (5 * 1 + 3 * 1 + 1 * 2) / (5 * 2 + 3 * 1 + 1 * 3)
    assert murmur_weighted_accuracy(y_true, y_pred) == pytest.approx(expected)


def test_murmur_weighted_accuracy_refuses_strange_labels():
    with pytest.raises(ValueError, match="Expected the labels"):
        murmur_weighted_accuracy(["murmur"], ["Present"])
    with pytest.raises(ValueError, match="three labels"):
        murmur_weighted_accuracy(["a"], ["b"], labels=("a", "b"))


def test_outcome_weighted_accuracy_by_hand():
    # TP 2, FN 1, TN 3, FP 1
    y_true = ["Abnormal"] * 3 + ["Normal"] * 4
    y_pred = ["Abnormal"] * 2 + ["Normal"] * 4 + ["Abnormal"]
    expected = (5 * 2 + 3) / (5 * 3 + 1 + 3)
    assert outcome_weighted_accuracy(y_true, y_pred) == pytest.approx(expected)


def test_outcome_cost_by_hand():
    # n 4, TP 1, FP 1, FN 1: r = 1/2
    y_true = ["Abnormal", "Abnormal", "Normal", "Normal"]
    y_pred = ["Abnormal", "Normal", "Abnormal", "Normal"]
    expert = 25 + 397 / 2 - 1718 / 4 + 11296 / 16
    expected = (10 * 4 + 4 * expert + 10_000 + 50_000) / 4
    assert outcome_cost(y_true, y_pred) == pytest.approx(expected)


def test_outcome_cost_refers_the_unknown():
    y_true = ["Present", "Unknown", "Absent"]
    binary = outcome_cost(["Abnormal", "Abnormal", "Normal"], ["Normal"] * 3)
    assert outcome_cost(y_true, ["Absent"] * 3) == pytest.approx(binary)
    kept = outcome_cost(y_true, ["Absent"] * 3, pos_label="Present")
    assert kept < binary
    both = outcome_cost(y_true, ["Absent"] * 3, pos_label=["Present", "Unknown"])
    assert both == pytest.approx(binary)


def test_outcome_cost_asks_when_no_class_is_healthy():
    with pytest.raises(ValueError, match="healthy class"):
        outcome_cost(["a", "b"], ["a", "b"])


def test_uar_equals_the_balanced_accuracy():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (2, 50))
    expected = metrics.balanced_accuracy_score(y_true, y_pred)
    assert unweighted_average_recall(y_true, y_pred) == pytest.approx(expected)


def test_threshold_of_youden_lies_halfway():
    assert choose_threshold([0, 0, 1, 1], [0.0, 1.0, 4.0, 5.0]) == 2.5
    with pytest.raises(ValueError, match="Pass y == pos_label"):
        choose_threshold([-1, -1, 1, 1], [0.0, 1.0, 4.0, 5.0])


def test_threshold_of_youden_takes_the_lowest_of_equals():
    # 1 | 2 | 3 | 4 with labels 0 1 0 1: cuts at 1.5 and at 3.5 both reach 0.5.
    assert choose_threshold([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0]) == 1.5


@pytest.mark.parametrize(
    ("wanted", "threshold"), [(1.0, 1.5), (0.5, 3.5), (0.51, 1.5), (0.0, 4.0)]
)
def test_threshold_keeps_the_sensitivity_asked_for(wanted, threshold):
    found = choose_threshold([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], sensitivity=wanted)
    assert found == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("wanted", "threshold"), [(1.0, 3.5), (0.5, 1.5), (0.51, 3.5), (0.0, 1.0)]
)
def test_threshold_keeps_the_specificity_asked_for(wanted, threshold):
    found = choose_threshold([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0], specificity=wanted)
    assert found == pytest.approx(threshold)


def test_threshold_reaches_full_specificity_where_a_negative_is_on_top():
    threshold = choose_threshold([1, 0], [1.0, 2.0], specificity=1.0)
    assert threshold > 2.0


@pytest.mark.parametrize("wanted", [0.7, 0.8, 0.9])
def test_threshold_of_ten_positives_is_not_pushed_over_by_rounding(wanted):
    score = np.arange(20.0)
    y = np.arange(20) >= 10
    cut = choose_threshold(y, score, sensitivity=wanted)
    assert np.mean(score[y] >= cut) == pytest.approx(wanted)


def test_threshold_separates_neighbouring_floats():
    score = [1.0, np.nextafter(1.0, 2.0)]
    assert choose_threshold([0, 1], score) == score[1]


def test_threshold_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match="got both"):
        choose_threshold([0, 1], [0, 1], sensitivity=0.9, specificity=0.9)
    with pytest.raises(ValueError, match="sensitivity must be"):
        choose_threshold([0, 1], [0, 1], sensitivity=1.1)
    with pytest.raises(ValueError, match="got one class"):
        choose_threshold([1, 1], [0, 1])
    with pytest.raises(ValueError, match="in row 1"):
        choose_threshold([0, 1], [0, np.nan])


@pytest.mark.parametrize(
    "name", sorted(set(scores.SCORES) - {"murmur_weighted_accuracy"})
)
def test_scorer_works_in_cross_val_score_with_string_labels(name):
    rng = np.random.default_rng(0)
    y = np.tile(["murmur", "normal"], 30)
    X = rng.normal(size=(60, 2)) + 2 * (y == "murmur")[:, None]
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    values = cross_val_score(LogisticRegression(), X, y, scoring=scorer, cv=3)
    assert np.isfinite(values).all()
    assert (values < 0).all() == (name == "outcome_cost")


def test_murmur_scorer_works_on_three_classes():
    y = np.tile(["Absent", "Present", "Unknown"], 10)
    X = (y[:, None] == np.unique(y)) * 5.0
    scorer = get_scorer("murmur_weighted_accuracy")
    assert cross_val_score(LogisticRegression(), X, y, scoring=scorer, cv=2).min() == 1


def test_scorer_falls_back_on_those_of_scikit_learn():
    assert get_scorer("roc_auc") is not None


def test_scorer_names_what_it_knows():
    with pytest.raises(ValueError, match="cinc2016"):
        get_scorer("nonsense")
    with pytest.raises(ValueError, match="no options"):
        get_scorer("roc_auc", pos_label=1)


def test_threshold_refuses_scores_of_several_classes():
    with pytest.raises(ValueError, match="one score a row, got the shape"):
        choose_threshold([True, False], [[0.1, 0.9], [0.8, 0.2]])


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize(
    "score", [sensitivity, cinc2016_score, unweighted_average_recall, outcome_cost]
)
def test_labels_that_are_missing_are_told(score, missing):
    with pytest.raises(ValueError, match="every row of y_true, got none in row 1"):
        score(["normal", missing], ["normal", "murmur"])
    with pytest.raises(ValueError, match="every row of y_pred, got none in row 0"):
        score(["normal", "murmur"], [missing, "murmur"])


def test_options_of_a_scorer_are_those_of_its_score():
    with pytest.raises(ValueError, match=r"'sensitivity' among \['pos_label'\], got"):
        get_scorer("sensitivity", foo=2)
