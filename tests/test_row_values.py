"""Subjects and scores are given for every row, and nothing else is taken for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.row_values import as_scores, check_subjects, missing_rows


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (["a", float("nan"), None], [1, 2]),
        (pd.Series(["a", None, "b"]), [1]),
        (pd.Series([1, pd.NA], dtype="Int64"), [1]),
        (pd.array(["a", pd.NA], dtype="string"), [1]),
        (np.array([1.0, np.nan]), [1]),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"), [1]),
        (np.array(["nan", "None"]), []),
        (np.arange(3), []),
        ([[1, 2], (3,), np.zeros(2)], []),
        ([], []),
    ],
)
def test_what_is_missing(values, rows):
    assert missing_rows(values) == rows


def test_subjects_are_an_array():
    assert check_subjects("groups", ["a", "b"]).dtype.kind == "U"
    assert check_subjects("groups", pd.Series(["a", "b"])).dtype.kind == "U"
    codes = np.arange(3)
    assert check_subjects("groups", codes) is codes
    assert check_subjects("groups", range(2)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", np.nan, "b", None], r"every row of groups, got nan in row 1 \(2 in all"),
        (pd.Series(["a", pd.NA], dtype=object), "got <NA> in row 1"),
        (["a", " "], "got ' ' in row 1"),
        (None, "for every recording in groups, got None"),
        ([["a"], ["b"]], r"groups to be 1-D, got the shape \(2, 1\)"),
    ],
)
def test_subjects_that_say_nothing_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        check_subjects("groups", values)


@pytest.mark.parametrize("shape", [(3, 2), (3, 1), ()])
def test_scores_are_one_a_row(shape):
    with pytest.raises(ValueError, match="Expected one score a row, got the shape"):
        as_scores(np.zeros(shape))
    assert as_scores([True, False]).tolist() == [1.0, 0.0]


def test_what_is_masked_is_missing():
    names = np.ma.array(["a", "b", "c"], mask=[False, True, False])
    codes = np.ma.array([1, 2, 3], mask=[False, False, True])
    assert missing_rows(names) == [1]
    assert missing_rows(codes) == [2]
    for values, row in ((names, 1), (codes, 2)):
        with pytest.raises(ValueError, match=f"got None in row {row}"):
            check_subjects("groups", values)
    assert check_subjects("groups", np.ma.array([1, 2])).tolist() == [1, 2]
