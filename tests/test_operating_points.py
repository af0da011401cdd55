"""Operating points: thresholds and persons from stored scores."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from heartbeat_clf.operating_points import (
    BY_CLARITY,
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


def test_clarity_is_one_a_score():
    with pytest.raises(ValueError, match="Expected as many items in clarity"):
        combine_scores([1.0, 3.0], BY_CLARITY, [0.5])


def test_unknown_combination_is_named():
    with pytest.raises(ValueError, match=r"combine must be one of .* got 'median'"):
        combine_scores([0.0], "median")


def test_no_scores_are_refused():
    with pytest.raises(
        ValueError, match="number of scores must be a number at least 1"
    ):
        combine_scores([], "mean")
