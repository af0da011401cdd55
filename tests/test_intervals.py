from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from heartbeat_clf.intervals import (
    aggregate_subjects,
    auroc,
    bootstrap_auroc,
    bootstrap_folds,
    draw_subject_weights,
)


def clustered(rng, n_subjects=40, n_clips=5, effect=1.0, spread=1.0):
    """Return recordings of subjects whose own level moves all their scores."""
    subjects = np.repeat(np.arange(n_subjects), n_clips)
    y = subjects % 2 == 0
    level = rng.normal(scale=spread, size=n_subjects)[subjects]
    noise = rng.normal(scale=0.5, size=len(y))
    return y, effect * y + level + noise, subjects


@pytest.mark.parametrize("labels", [[-1, 1], ["murmur", "normal"]])
def test_labels_in_the_place_of_truth_are_refused(labels):
    with pytest.raises(ValueError, match="Pass y == pos_label"):
        auroc(labels, [0.1, 0.2])
    with pytest.raises(ValueError, match="Pass y == pos_label"):
        bootstrap_auroc(labels, [0.1, 0.2], ["a", "b"])


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(1, 3)),
        min_size=2,
        max_size=30,
    ).filter(lambda rows: len({row[0] for row in rows}) == 2)
)
@settings(max_examples=60, deadline=None)
def test_auroc_equals_scikit_learn_with_ties_and_weights(rows):
    y, score, weight = map(np.array, zip(*rows, strict=True))
    assert auroc(y, score) == pytest.approx(roc_auc_score(y, score))
    repeated = auroc(np.repeat(y, weight), np.repeat(score, weight))
    assert auroc(y, score, weights=weight) == pytest.approx(repeated)


def test_auroc_takes_many_weightings_at_once():
    weights = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 0], [0, 1, 1, 0]])
    areas = auroc([0, 0, 1, 1], [1, 3, 2, 4], weights=weights)
    np.testing.assert_allclose(areas, [0.75, 1.0, np.nan, 0.0])


def test_auroc_of_equal_scores_is_a_half():
    assert auroc([0, 1, 1], [2, 2, 2]) == 0.5


def test_auroc_of_one_class_is_nan():
    assert np.isnan(auroc([1, 1], [1, 2]))


def test_auroc_refuses_scores_that_are_not_known():
    with pytest.raises(ValueError, match=r"every row, got NaN in 1 of 3\. Leave"):
        auroc([True, False, True], [0.1, np.nan, 0.3])
    with pytest.raises(ValueError, match="got NaN in 2 of 2"):
        bootstrap_auroc([True, False], [np.nan, np.nan], ["a", "b"])


def test_infinite_scores_are_ties_as_others_are():
    assert auroc([False, True, False, True], [-np.inf, -np.inf, 0.0, np.inf]) == 0.625
    assert auroc([True, False], [np.inf, np.inf]) == 0.5


def test_auroc_refuses_weights_of_another_length():
    with pytest.raises(ValueError, match="weights for 2 rows"):
        auroc([0, 1], [0, 1], weights=[1, 1, 1])


def test_units_are_subject_and_label():
    units = aggregate_subjects(
        ["b", "a", "b", "a"], [1.0, 2.0, 5.0, 7.0], ["s2", "s1", "s1", "s1"]
    )
    assert units.subjects.tolist() == ["s1", "s1", "s2"]
    assert units.y.tolist() == ["a", "b", "b"]
    assert units.score.tolist() == [4.5, 5.0, 1.0]


def test_units_of_any_are_positive_if_one_recording_is():
    y = [True, False, False]
    units = aggregate_subjects(y, [1.0, 3.0, 5.0], [1, 1, 2], target="any")
    assert units.y.tolist() == [True, False]
    assert units.score.tolist() == [2.0, 5.0]


@pytest.mark.parametrize(("combine", "expected"), [("max", 9.0), (np.median, 2.0)])
def test_units_combine_as_asked(combine, expected):
    units = aggregate_subjects([1] * 3, [1.0, 2.0, 9.0], [0] * 3, combine=combine)
    assert units.score.tolist() == [expected]


@pytest.mark.parametrize("combine", ["mean", np.mean])
def test_units_keep_the_columns_of_classes(combine):
    score = np.arange(6.0).reshape(3, 2)
    units = aggregate_subjects([0, 0, 1], score, [4, 4, 4], combine=combine)
    np.testing.assert_allclose(units.score, [[1, 2], [4, 5]])


def test_units_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(0)
    y, score, subjects = clustered(rng)
    order = rng.permutation(len(y))
    one = aggregate_subjects(y, score, subjects)
    other = aggregate_subjects(y[order], score[order], subjects[order])
    np.testing.assert_allclose(one.score, other.score)


def test_units_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="Expected y of bool"):
        aggregate_subjects(["a"], [1.0], [1], target="any")
    with pytest.raises(ValueError, match="target must be"):
        aggregate_subjects([1], [1.0], [1], target="all")
    with pytest.raises(ValueError, match="combine must be"):
        aggregate_subjects([1], [1.0], [1], combine="min")
    with pytest.raises(ValueError, match="subjects"):
        aggregate_subjects([1], [1.0], [1, 2])


def test_draws_keep_the_number_of_subjects_in_each_fold():
    subjects, folds = np.repeat(np.arange(6), 2), np.repeat([0, 0, 0, 0, 1, 1], 2)
    weights = draw_subject_weights(subjects, folds, n_bootstrap=50)
    assert (weights[:, :4].sum(axis=1) == 4).all()
    assert (weights[:, 4:].sum(axis=1) == 2).all()


def test_draws_are_from_all_where_folds_share_subjects():
    weights = draw_subject_weights(
        np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), n_bootstrap=50
    )
    assert (weights.sum(axis=1) == 2).all()


def test_folds_are_averaged_and_never_pooled():
    # Each fold ranks perfectly, but the second one's scores are lower throughout.
    y = np.array([0, 1, 0, 1], dtype=bool)
    score, folds = np.array([10.0, 11.0, 0.0, 1.0]), [0, 0, 1, 1]
    assert auroc(y, score) == 0.75
    assert bootstrap_auroc(y, score, range(4), folds=folds).value == 1.0


def test_folds_are_averaged_before_repeats():
    # One repeat of one fold with AUROC 1, one of two folds with AUROC 0 and 1.
    y = np.array([0, 1, 0, 1] * 2, dtype=bool)
    score = np.array([0, 1, 0, 1, 1, 0, 0, 1.0])
    interval = bootstrap_auroc(
        y,
        score,
        [0, 1, 2, 3] * 2,
        folds=[0, 0, 0, 0, 0, 0, 1, 1],
        repeats=[0] * 4 + [1] * 4,
        n_bootstrap=0,
    )
    assert interval.value == pytest.approx((1 + 0.5) / 2)
    assert np.isnan(interval.low)


def test_interval_does_not_shrink_with_repeats():
    y, score, subjects = clustered(np.random.default_rng(1))
    one = bootstrap_auroc(y, score, subjects)
    five = bootstrap_auroc(
        np.tile(y, 5),
        np.tile(score, 5),
        np.tile(subjects, 5),
        repeats=np.repeat(range(5), len(y)),
    )
    assert five == pytest.approx(one)


def test_interval_by_subject_is_wider_than_by_recording():
    y, score, subjects = clustered(np.random.default_rng(2), spread=1.0)
    by_subject = bootstrap_auroc(y, score, subjects, n_bootstrap=500)
    by_recording = bootstrap_auroc(y, score, range(len(y)), n_bootstrap=500)
    assert by_subject.value == by_recording.value
    widths = [i.high - i.low for i in (by_subject, by_recording)]
    assert widths[0] > 1.4 * widths[1]


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    # A subject's level has variance 1 and its noise 0.25, so that two recordings
    # differ by a normal of variance 2.5 and mean 1: Phi(1 / sqrt(2.5)) = 0.7365.
    covered = 0
    for _ in range(150):
        y, score, subjects = clustered(rng, n_subjects=60, n_clips=3)
        interval = bootstrap_auroc(
            y, score, subjects, n_bootstrap=150, confidence=0.9, random_state=rng
        )
        covered += interval.low <= 0.7365 <= interval.high
    assert 0.82 <= covered / 150 <= 0.97


def test_subject_units_leave_the_level_but_not_the_noise():
    y, score, subjects = clustered(np.random.default_rng(4), spread=0.0)
    units = bootstrap_auroc(y, score, subjects, unit="label", n_bootstrap=0)
    recordings = bootstrap_auroc(y, score, subjects, n_bootstrap=0)
    assert units.value > recordings.value


def test_draws_in_which_a_fold_loses_a_class_leave_that_fold_out():
    # Two subjects in a fold: half of the draws have one class only.
    interval = bootstrap_auroc([False, True], [0.0, 1.0], [0, 1], n_bootstrap=100)
    assert interval == (1.0, 1.0, 1.0)


def test_same_seed_same_interval_and_other_seed_another():
    y, score, subjects = clustered(np.random.default_rng(5))
    draws = [
        bootstrap_auroc(y, score, subjects, n_bootstrap=99, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_blocks_of_draws_change_nothing(monkeypatch):
    y, score, subjects = clustered(np.random.default_rng(6))
    whole = bootstrap_auroc(y, score, subjects, n_bootstrap=200)
    monkeypatch.setattr("heartbeat_clf.intervals._BLOCK", 1000)
    assert bootstrap_auroc(y, score, subjects, n_bootstrap=200) == pytest.approx(whole)


def test_two_thousand_draws_over_five_times_five_folds_are_fast():
    rng = np.random.default_rng(7)
    y, score, subjects = clustered(rng, n_subjects=83)
    folds = np.concatenate([rng.permutation(83)[subjects] % 5 for _ in range(5)])
    start = time.perf_counter()
    bootstrap_auroc(
        np.tile(y, 5),
        np.tile(score, 5),
        np.tile(subjects, 5),
        folds=folds,
        repeats=np.repeat(range(5), len(y)),
    )
    assert time.perf_counter() - start < 2


def test_bootstrap_refuses_what_it_cannot_use():
    y, score, subjects = [False, True], [0.0, 1.0], [0, 1]
    with pytest.raises(ValueError, match="unit must be"):
        bootstrap_auroc(y, score, subjects, unit="beat")
    with pytest.raises(ValueError, match="confidence must be"):
        bootstrap_auroc(y, score, subjects, confidence=1.0)
    with pytest.raises(ValueError, match="n_bootstrap must be"):
        bootstrap_auroc(y, score, subjects, n_bootstrap=-1)
    with pytest.raises(ValueError, match="same subjects in every repeat"):
        bootstrap_auroc(y, score, subjects, repeats=[0, 1])
    with pytest.raises(ValueError, match="folds"):
        bootstrap_auroc(y, score, subjects, folds=[0])


def test_bootstrap_takes_any_measure():
    hits = np.array([1.0, 0.0, 1.0, 1.0])

    def share(rows, weights):
        return {"share": weights[:, rows] @ hits[rows] / weights[:, rows].sum(axis=1)}

    folds, summary = bootstrap_folds(share, subjects=range(4), folds=[0, 0, 1, 1])
    assert [fold["share"] for fold in folds] == [0.5, 1.0]
    assert summary["share"].value == 0.75
    assert 0.5 <= summary["share"].low < 0.75 < summary["share"].high <= 1


def test_missing_subjects_are_no_person():
    y, score = [True, False, True], [3.0, 1.0, 2.0]
    subjects = ["a", float("nan"), float("nan")]
    with pytest.raises(ValueError, match="every row of subjects, got nan in row 1"):
        bootstrap_auroc(y, score, subjects)
    with pytest.raises(ValueError, match="every row of subjects, got nan in row 1"):
        aggregate_subjects(y, score, subjects)
    with pytest.raises(ValueError, match="every recording in subjects, got None"):
        bootstrap_auroc(y, score, None)


def test_scores_of_several_classes_are_no_score():
    y, score = [True, False], [[0.1, 0.9], [0.8, 0.2]]
    for measure in (auroc, lambda *given: bootstrap_auroc(*given, ["a", "b"])):
        with pytest.raises(ValueError, match=r"predict_proba\(X\)\[:, 0\]"):
            measure(y, score)


def test_weights_are_not_negative():
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match="weights that are not negative"):
            auroc([True, False], [1.0, 0.0], weights=[1.0, bad])


def test_an_option_that_is_unknown_is_told_though_it_has_no_say():
    with pytest.raises(ValueError, match="combine must be one of"):
        bootstrap_auroc([True, False], [1.0, 0.0], ["a", "b"], combine="least")
