"""Several recordings of a person speak together."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.operating_points import OperatingPoints
from heartbeat_clf.persons import (
    combine_recordings,
    subject_of_folder,
    subject_of_name,
)

CLASSES = ["murmur", "normal"]


def shares(*murmur):
    share = np.array(murmur, dtype=float)
    return np.stack([share, 1 - share], axis=1)


def points(combine, slope=1.0, intercept=0.0, positive="murmur"):
    return OperatingPoints(
        positive, combine, slope, intercept, (0.0, 1.0), (False, True), "person", ""
    )


def test_subjects_stand_in_the_order_in_which_they_come():
    persons = combine_recordings(
        shares(0.1, 0.2, 0.3), ["b", "a", "b"], classes=CLASSES
    )
    assert persons.subjects == ["b", "a"]
    assert persons.recordings == persons.usable == [2, 1]
    assert persons.probabilities.sum(axis=1) == pytest.approx([1.0, 1.0])


def test_without_points_the_log_probabilities_are_averaged():
    # Odds of 9 and 1: the geometric mean is 3.
    persons = combine_recordings(shares(0.9, 0.5), ["a", "a"], classes=CLASSES)
    assert persons.probabilities[0] == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("positive", CLASSES)
def test_points_tell_how_to_combine(positive):
    # Log odds of "murmur": log 9 and 0.
    sign = 1 if positive == "murmur" else -1
    largest = max(sign * np.log(9), 0.0)
    told = points("max", slope=2.0, intercept=0.5, positive=positive)
    persons = combine_recordings(
        shares(0.9, 0.5), ["a", "a"], classes=CLASSES, points=told
    )
    share = 1 / (1 + np.exp(-(2 * largest + 0.5)))
    assert persons.probabilities[0, CLASSES.index(positive)] == pytest.approx(share)
    assert persons.probabilities[0].sum() == pytest.approx(1.0)


def test_recordings_are_weighed_by_their_clarity():
    # Log odds of log 9, 0 and log 9 again, which takes no part; weights 9 and 1.
    rows = shares(0.9, 0.5, np.nan)
    persons = combine_recordings(
        rows,
        ["a"] * 3,
        classes=CLASSES,
        points=points("mean by clarity"),
        clarity=np.array([0.75, 0.5, 0.9]),
    )
    share = 1 / (1 + 9**-0.9)
    assert persons.probabilities[0] == pytest.approx([share, 1 - share])
    equal = combine_recordings(
        rows, ["a"] * 3, classes=CLASSES, points=points("mean by clarity")
    )
    assert equal.probabilities[0] == pytest.approx([0.75, 0.25])


def test_clarity_is_one_a_recording():
    with pytest.raises(ValueError, match=r"clarity of shape \(1,\), .* got \(2,\)"):
        combine_recordings(
            shares(0.1), ["a"], classes=CLASSES, clarity=np.array([0.5, 0.5])
        )


def test_clarity_is_a_share_whether_it_counts_or_not():
    for told in (None, points("mean"), points("mean by clarity")):
        with pytest.raises(ValueError, match=r"clarity of 0 to 1, got 5 to 5"):
            combine_recordings(
                shares(0.1), ["a"], classes=CLASSES, points=told, clarity=[5.0]
            )


@pytest.mark.parametrize("row", [[5.0, -4.0], [0.9, 0.9], [np.inf, 0.0]])
def test_probabilities_add_up(row):
    with pytest.raises(ValueError, match="Expected probabilities of 0 to 1 whose rows"):
        combine_recordings([row, [0.5, 0.5]], ["a", "b"], classes=CLASSES)


def test_points_are_of_one_of_the_classes():
    with pytest.raises(
        ValueError, match=r"classes \['x', 'y'\], got those of 'murmur'"
    ):
        combine_recordings(
            shares(0.1), ["a"], classes=["x", "y"], points=points("mean")
        )


def test_lists_and_tables_are_taken_as_arrays_are():
    told = points("mean by clarity")
    rows, clarity = shares(0.9, 0.5), np.array([0.75, 0.5])
    found = [
        combine_recordings(p, ["a", "a"], classes=CLASSES, points=told, clarity=c)
        for p, c in (
            (rows, clarity),
            (rows.tolist(), clarity.tolist()),
            (pd.DataFrame(rows), pd.Series(clarity, index=[5, 6])),
        )
    ]
    for other in found[1:]:
        assert np.array_equal(other.probabilities, found[0].probabilities)


@pytest.mark.parametrize("rows", [[0.5, 0.5], np.ones((2, 3)) / 3])
def test_probabilities_have_a_column_a_class(rows):
    with pytest.raises(ValueError, match=r"of shape \(n_recordings, 2\), .* got \(2,"):
        combine_recordings(rows, ["a", "a"], classes=CLASSES)


def test_a_single_recording_speaks_for_itself():
    persons = combine_recordings(
        shares(0.3), ["a"], classes=CLASSES, points=points("mean", slope=5.0)
    )
    assert persons.probabilities.tolist() == [[0.3, 0.7]]


def test_recordings_without_an_answer_take_no_part():
    persons = combine_recordings(
        shares(0.3, np.nan, np.nan), ["a", "a", "b"], classes=CLASSES
    )
    assert persons.probabilities[0].tolist() == [0.3, 0.7]
    assert np.isnan(persons.probabilities[1]).all()
    assert (persons.recordings, persons.usable) == ([2, 1], [1, 0])


def test_three_classes_sum_to_one():
    rows = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    persons = combine_recordings(rows, ["a", "a"], classes=list("xyz"))
    assert persons.probabilities[0].sum() == pytest.approx(1.0)
    assert persons.probabilities[0, 0] == pytest.approx(persons.probabilities[0, 2])


def test_a_certain_recording_does_not_silence_the_others():
    persons = combine_recordings(shares(1.0, 0.5, 0.5), ["a"] * 3, classes=CLASSES)
    assert 0.5 < persons.probabilities[0, 0] < 1


def test_nobody_at_all():
    persons = combine_recordings(np.empty((0, 2)), [], classes=CLASSES)
    assert persons.subjects == []
    assert persons.probabilities.shape == (0, 2)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"Expected as many items in subjects"):
        combine_recordings(shares(0.1), ["a", "b"], classes=CLASSES)


@pytest.mark.parametrize(
    ("name", "pattern", "subject"),
    [
        ("85345_AV.wav", None, "85345"),
        ("p-7.flac", None, "p"),
        ("visit2-p017.wav", r"p([0-9]+)", "017"),
        ("ab12.wav", r"[0-9]+", "12"),
        ("x7.wav", r"q([0-9])|x([0-9])", "7"),
    ],
)
def test_names_tell_subjects(name, pattern, subject):
    given = () if pattern is None else (pattern,)
    assert subject_of_name(f"folder_1/{name}", *given) == subject


def test_a_name_that_tells_nothing_is_named():
    with pytest.raises(
        ValueError, match=r"Expected the name 'a\.wav' to tell a subject"
    ):
        subject_of_name("a.wav", "[0-9]+")
    with pytest.raises(ValueError, match="Expected a regular expression"):
        subject_of_name("a.wav", "(")


def test_recordings_of_strangers_are_no_person():
    with pytest.raises(ValueError, match="every row of subjects, got nan in row 1"):
        combine_recordings(shares(0.1, 0.2), ["a", float("nan")], classes=CLASSES)


def test_a_folder_tells_the_subject(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert subject_of_folder("a.wav") == tmp_path.name
    assert subject_of_folder(Path("x") / "y" / ".." / "p1" / "a.wav") == "p1"
    with pytest.raises(ValueError, match="in a folder that tells its subject, got ''"):
        subject_of_folder(os.path.join(os.path.abspath(os.sep), "a.wav"))
    (tmp_path / "p2" / "visit").mkdir(parents=True)
    (tmp_path / "p3").mkdir()
    (tmp_path / "p3" / "link").symlink_to(tmp_path / "p2" / "visit")
    assert subject_of_folder("p3/link/a.wav") == "link"
    # The system follows the link before it goes up.
    assert subject_of_folder("p3/link/../a.wav") == "p2"
    with pytest.raises(ValueError, match="in a folder that tells its subject, got ' '"):
        subject_of_folder(Path(" ") / "a.wav")
    with pytest.raises(ValueError, match="to tell a subject by the pattern"):
        subject_of_name("A b.wav", " ")
