"""Operating points: thresholds and persons from stored scores."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from heartbeat_clf.operating_points import (
    BY_CLARITY,
    COMBINATIONS,
    OperatingPoints,
    combine_scores,
)


@pytest.fixture
def points():
    return OperatingPoints(
        positive="murmur",
        combine="mean",
        slope=2.0,
        intercept=1.0,
        scores=(-2.0, -1.0, 0.0, 1.0, 2.0),
        truth=(False, False, True, False, True),
        unit="person",
        source="five persons",
    )


def test_threshold_reaches_the_sensitivity(points):
    threshold = points.threshold(sensitivity=1.0)
    assert threshold == -0.5
    assert points.reached(threshold) == {
        "sensitivity": 1.0,
        "specificity": pytest.approx(2 / 3),
    }


def test_threshold_reaches_the_specificity(points):
    assert points.threshold(specificity=1.0) == 1.5


def test_one_recording_is_not_mapped_but_several_are(points):
    assert points.combined([3.0]) == 3.0
    assert points.combined([1.0, 3.0]) == 2.0 * 2.0 + 1.0


def test_plain_values_come_back_through_json(points):
    plain = json.loads(json.dumps(points.to_dict()))
    assert OperatingPoints.from_dict(plain) == points


@pytest.mark.parametrize(
    ("combine", "expected"),
    [("mean", 2.0), ("max", 4.0), ("mean and max", 3.0), ("mean by clarity", 2.0)],
)
def test_combinations(combine, expected):
    assert combine_scores([0.0, 2.0, 4.0], combine) == expected


def test_clear_recordings_count_for_more():
    # Odds of 3, 1 and, for chance, 1 to 3; their squares are the weights.
    scores, clarity = [1.0, 3.0, 10.0], [0.75, 0.5, np.nan]
    expected = (9 * 1 + 1 * 3 + 10 / 9) / (9 + 1 + 1 / 9)
    found = combine_scores(scores, BY_CLARITY, clarity)
    assert found == pytest.approx(expected)
    assert combine_scores(scores, "mean", clarity) == pytest.approx(14 / 3)
    # Nothing is so clear that it silences the others.
    assert 1 < combine_scores([1.0, 3.0], BY_CLARITY, [1.0, 0.98]) < 2
    assert combine_scores([1.0, 3.0], BY_CLARITY, [np.nan, np.nan]) == 2.0


def test_a_person_is_mapped_from_what_was_heard_clearly(points):
    clear = dataclasses.replace(points, combine=BY_CLARITY)
    assert clear.combined([1.0, 3.0], [0.75, 0.5]) == pytest.approx(2 * 1.2 + 1)
    assert clear.combined([3.0], [0.3]) == 3.0


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_clarity_is_one_a_score(combine):
    with pytest.raises(
        ValueError,
        match=r"Expected clarity of shape \(2,\), one a recording, got \(1,\)",
    ):
        combine_scores([1.0, 3.0], combine, [0.5])


@pytest.mark.parametrize(
    ("clarity", "found"),
    [([90.0, 0.5], "0.5 to 90"), ([-1.0, 0.5], "-1 to 0.5"), ([np.inf, np.nan], "inf")],
)
def test_clarity_is_a_share(clarity, found):
    with pytest.raises(ValueError, match=f"Expected clarity of 0 to 1, got {found}"):
        combine_scores([1.0, 3.0], BY_CLARITY, clarity)


def test_truth_may_be_zeros_and_ones(points):
    same = dataclasses.replace(points, truth=tuple(map(int, points.truth)))
    assert same == points
    assert same.reached(-0.5) == points.reached(-0.5)
    arrays = dataclasses.replace(
        points, truth=np.array(points.truth), scores=np.array(points.scores)
    )
    assert arrays == points
    assert json.dumps(arrays.to_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"combine": "median"}, "combine must be one of"),
        ({"slope": -1.0}, r"slope must be a number greater than 0"),
        ({"slope": np.inf}, "slope must be"),
        ({"intercept": np.nan}, "intercept must be a number"),
        ({"scores": (0.0,)}, "Expected as many items in scores"),
        ({"scores": (0.0, np.nan)}, "Expected finite scores"),
        ({"truth": (True, True)}, r"with and without .*, got \[True\]"),
        ({"truth": (0, 2)}, r"with and without .*, got \[0, 2\]"),
    ],
)
def test_operating_points_that_could_not_be_used_are_refused(points, changes, message):
    two = dataclasses.replace(points, scores=(0.0, 1.0), truth=(False, True))
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(two, **changes)


def test_unknown_combination_is_named():
    with pytest.raises(ValueError, match=r"combine must be one of .* got 'median'"):
        combine_scores([0.0], "median")


@pytest.mark.parametrize("scores", [[], [[1.0]], [1.0, np.nan], 3.0])
def test_scores_that_cannot_be_combined_are_refused(scores):
    with pytest.raises(ValueError, match=r"finite scores of shape .*, at least one"):
        combine_scores(scores, "mean")
