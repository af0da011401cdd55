from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat_clf.folds import check_labels, subject_folds, subject_split


def subjects_and_labels(n_subjects=60, n_clips=3, share=0.25):
    groups = np.repeat([f"s{i}" for i in range(n_subjects)], n_clips)
    sick = np.arange(n_subjects) < share * n_subjects
    return np.where(np.repeat(sick, n_clips), "murmur", "normal"), groups


def test_split_is_exact_where_subjects_allow():
    y, groups = subjects_and_labels()
    parts = subject_split(y, groups)
    assert [len(part) for part in parts] == [108, 36, 36]
    assert [int(np.sum(y[part] == "murmur")) for part in parts] == [27, 9, 9]


def test_split_without_validation_leaves_that_part_empty():
    y, groups = subjects_and_labels()
    for nothing in (0, None):
        train, validation, test = subject_split(y, groups, validation_size=nothing)
        assert (len(train), len(validation), len(test)) == (144, 0, 36)
        assert validation.dtype == train.dtype


@given(
    st.lists(
        st.tuples(st.integers(1, 7), st.sampled_from(["a", "a", "b", "c"])),
        min_size=12,
        max_size=60,
    ).filter(lambda rows: min([*map([r[1] for r in rows].count, "abc")]) >= 3),
    st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_split_is_a_partition_that_shares_no_subject(rows, seed):
    y = np.repeat([label for _, label in rows], [n for n, _ in rows])
    groups = np.repeat(np.arange(len(rows)), [n for n, _ in rows])
    parts = subject_split(y, groups, random_state=seed)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    held = [set(groups[part]) for part in parts]
    assert sum(map(len, held)) == len(rows)
    assert all(set(y[part]) == set("abc") for part in parts)


def test_split_puts_the_rarest_class_in_every_part():
    y, groups = subjects_and_labels(share=3 / 60)
    assert all("murmur" in y[part] for part in subject_split(y, groups))


def test_split_follows_its_seed():
    y, groups = subjects_and_labels()
    first, same, other = (
        subject_split(y, groups, random_state=seed)[2].tolist() for seed in (0, 0, 1)
    )
    assert first == same != other


def test_split_without_subjects_takes_each_recording_for_one():
    y, _ = subjects_and_labels()
    assert len(subject_split(y, None)[2]) == 36


def test_split_keeps_a_subject_of_two_labels_whole():
    y, groups = subjects_and_labels()
    y[::3] = "normal"
    train, validation, test = subject_split(y, groups)
    assert not set(groups[train]) & set(groups[test])
    assert not set(groups[validation]) & set(groups[test])


def test_split_says_why_it_cannot():
    y, groups = subjects_and_labels(share=2 / 60)
    with pytest.raises(ValueError, match=r"3 parts, got 2 subjects of 'murmur'"):
        subject_split(y, groups)
    with pytest.raises(ValueError, match="below 1"):
        subject_split(y, groups, test_size=0.5, validation_size=0.5)
    with pytest.raises(ValueError, match="test_size must be"):
        subject_split(y, groups, test_size=0.0)
    with pytest.raises(ValueError, match="two classes"):
        subject_split(["a"] * 9, range(9))
    with pytest.raises(ValueError, match="groups"):
        subject_split(y, groups[:-1])


def test_split_fails_where_no_deal_serves_every_part():
    # Each of three subjects lacks another class, and one has to stand alone.
    y, groups = ["a", "b", "a", "c", "b", "c"], [0, 0, 1, 1, 2, 2]
    with pytest.raises(ValueError, match="found no such split"):
        subject_split(y, groups, test_size=0.5, validation_size=0)


def test_folds_hold_every_class_and_share_no_subject():
    y, groups = subjects_and_labels()
    for train, test in subject_folds(y, groups, 5, 0):
        assert not set(groups[train]) & set(groups[test])
        assert set(y[train]) == set(y[test]) == {"murmur", "normal"}


def test_folds_by_recording_share_subjects():
    y, groups = subjects_and_labels()
    folds = subject_folds(y, groups, 5, 0, by_subject=False)
    assert set(groups[folds[0][0]]) & set(groups[folds[0][1]])


def test_folds_name_the_class_with_too_few_subjects():
    y, groups = subjects_and_labels(share=4 / 60)
    with pytest.raises(ValueError, match=r"got 4 of 'murmur'.*'normal': 56"):
        subject_folds(y, groups, 5, 0)


def test_folds_name_the_class_that_a_fold_lacks():
    # Each of three subjects lacks another class, and one has to stand alone.
    y, groups = np.array(["a", "b", "a", "c", "b", "c"]), np.array([0, 0, 1, 1, 2, 2])
    with pytest.raises(ValueError, match=r"part of fold \d, got none of '[abc]'"):
        subject_folds(y, groups, 2, 0)


def test_labels_have_to_be_labels():
    assert check_labels("y", ["a", "b"]).tolist() == ["a", "b"]
    assert (
        check_labels("groups", np.array(["s1", "s2"], dtype=object)).dtype.kind == "U"
    )
    with pytest.raises(ValueError, match="1-D"):
        check_labels("y", [[1, 0]])
    with pytest.raises(ValueError, match=r"row 1 \(2 in all\)"):
        check_labels("groups", ["a", None, np.nan])
    with pytest.raises(ValueError, match="in row 0"):
        check_labels("y", [np.nan, 1.0])
    with pytest.raises(ValueError, match="continuous"):
        check_labels("y", [0.1, 0.2, 0.3])
