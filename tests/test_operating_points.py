"""Operating points: thresholds and persons from stored scores."""

from __future__ import annotations

import json

import pytest

from heartbeat_clf.operating_points import OperatingPoints, combine_scores


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
    ("combine", "expected"), [("mean", 2.0), ("max", 4.0), ("mean and max", 3.0)]
)
def test_combinations(combine, expected):
    assert combine_scores([0.0, 2.0, 4.0], combine) == expected


def test_unknown_combination_is_named():
    with pytest.raises(ValueError, match=r"combine must be one of .* got 'median'"):
        combine_scores([0.0], "median")


def test_no_scores_are_refused():
    with pytest.raises(
        ValueError, match="number of scores must be a number at least 1"
    ):
        combine_scores([], "mean")
