"""From scores of recordings left out to answers about persons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.operating_points import BY_CLARITY
from heartbeat_clf.pretrained_files import (
    calibrate,
    calibrate_answer,
    calibrate_persons,
    choose_combination,
    combine_persons,
    rows_of_persons,
)


def table(rows, columns=("data", "subject", "stratum", "murmur", "fold", "clarity")):
    return pd.DataFrame(rows, columns=list(columns))


SCORES = table(
    [
        ("circor", "c/1", "murmur", 3.0, 0, 0.9),
        ("circor", "c/1", "elsewhere", -4.0, 0, 0.5),
        ("circor", "c/2", "normal", -3.0, 0, 0.9),
        ("circor", "c/2", "normal", 1.0, 0, 0.4),
        ("circor", "c/3", "unknown", 0.5, 0, 0.6),
        ("circor", "c/4", "murmur", 1.0, 1, 0.8),
        ("circor", "c/5", "normal", -1.0, 1, 0.8),
        ("cinc2016", "d/1", "a/normal", -2.0, 1, 0.8),
    ]
)


def test_a_person_is_made_of_all_recordings():
    calibration, labelled = calibrate(SCORES, "murmur")
    assert labelled["subject"].tolist() == ["c/1", "c/2", "c/2", "c/4", "c/5"]
    rows = rows_of_persons(SCORES, labelled, "murmur", calibration)
    # The position without a murmur is one of a person with a murmur; who is unknown
    # and who is of another data set stay out.
    assert rows["subject"].tolist() == ["c/1", "c/1", "c/2", "c/2", "c/4", "c/5"]
    assert rows["positive"].tolist() == [True, True, False, False, True, False]
    expected = calibration.slope * rows["murmur"] - calibration.intercept[0]
    np.testing.assert_allclose(rows["log_odds"], expected)
    same = labelled.index
    np.testing.assert_allclose(rows.loc[same, "log_odds"], labelled["log_odds"])


def test_outputs_without_a_score_take_no_part():
    scores = SCORES.assign(murmur=SCORES["murmur"].where(SCORES.index != 1))
    calibration, labelled = calibrate(scores, "murmur")
    rows = rows_of_persons(scores, labelled, "murmur", calibration)
    assert rows["subject"].value_counts()["c/1"] == 1


def test_persons_are_combined_by_clarity():
    rows = SCORES.assign(log_odds=SCORES["murmur"], positive=SCORES["murmur"] > 2)
    persons = combine_persons(rows, BY_CLARITY)
    # Odds of 9 and 1.
    assert persons.loc["c/1", "log_odds"] == pytest.approx((81 * 3 - 4) / 82)
    equal = combine_persons(rows.drop(columns="clarity"), BY_CLARITY)
    assert equal.loc["c/1", "log_odds"] == pytest.approx(-0.5)
    assert persons["positive"].tolist() == [True, *[False] * 5]


def test_the_way_to_combine_is_that_which_ranks_persons_best():
    # By the mean the person with a murmur ranks below the other of the fold, by what is
    # heard clearly above.
    scores = SCORES.assign(murmur=SCORES["murmur"].where(SCORES.index != 1, -6.0))
    calibration, labelled = calibrate(scores, "murmur")
    rows = rows_of_persons(scores, labelled, "murmur", calibration)
    assert choose_combination(rows, options=("mean", BY_CLARITY)) == (
        BY_CLARITY,
        {"mean": 0.5, BY_CLARITY: 1.0},
    )


def test_persons_with_one_recording_each_are_not_mapped():
    rows = SCORES.iloc[[0, 2, 5, 6]]
    rows = rows.assign(log_odds=rows["murmur"], positive=rows["murmur"] > 0)
    slope, intercept, persons = calibrate_persons(rows, "mean")
    assert (slope, intercept) == (1.0, 0.0)
    assert persons["log_odds"].tolist() == [3.0, -3.0, 1.0, -1.0]


def test_an_answer_tells_persons_of_several_sets_apart():
    rng = np.random.default_rng(0)
    murmur = np.isin(np.arange(40) % 4, [0, 3])
    scores = table(
        [
            (
                "circor",
                str(row // 2),
                ("normal", "murmur")[int(sick)],
                score,
                row % 2,
                0.9,
            )
            for row, (sick, score) in enumerate(
                zip(murmur, murmur * 3 + rng.normal(size=40), strict=True)
            )
        ]
    )
    # Two recordings a number, one of each set: nobody has two.
    scores["data"] = np.where(np.arange(40) % 2, "circor", "mine")
    found = calibrate_answer(scores, "murmur", n_folds=2)
    points = found.operating_points
    assert (points.unit, points.positive) == ("recording", "murmur")
    assert points.source.startswith("2 folds of circor, mine, each scored by")
    assert found.class_counts == (20, 20)
    report = found.report()
    assert report["recordings"] == {"murmur": 20, "normal": 20}
    assert report["slope"] == found.calibration.slope
    assert report["combine"] == points.combine
    pairs = [f"{row // 4}, {sick}" for row, sick in enumerate(murmur)]
    pairs = scores.assign(data="circor", subject=pairs)
    together = calibrate_answer(pairs, "murmur", n_folds=2)
    assert together.operating_points.unit == "person"
