from __future__ import annotations

from array import array
from collections import deque
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from heartbeat_clf._rows import check_recordings
from heartbeat_clf._validation import (
    check_choice,
    check_number,
    check_rate,
    check_same_length,
    check_truth,
    hint_for_python,
    resolve_random_state,
)


@pytest.mark.parametrize(
    "X",
    [
        ["a.wav", "b.wav"],
        ("a.wav", "b.wav"),
        np.array(["a.wav", "b.wav"]),
        np.array(["a.wav", "b.wav"], dtype=object),
        pd.Series(["a.wav", "b.wav"]),
    ],
)
def test_paths_come_in_any_sequence(X):
    assert check_recordings(X) == ["a.wav", "b.wav"]


def test_paths_and_arrays_may_be_mixed():
    wave = np.zeros(3)
    rows = check_recordings([Path("a.wav"), wave])
    assert rows[0] == Path("a.wav")
    assert rows[1] is wave


def test_rows_of_numeric_table_are_waveforms():
    rows = check_recordings(np.arange(6, dtype=np.int16).reshape(2, 3))
    assert [row.tolist() for row in rows] == [[0, 1, 2], [3, 4, 5]]
    assert rows[0].dtype == np.int16


def test_lists_of_numbers_are_waveforms():
    rows = check_recordings([[1.0, 2.0], [3.0, 4.0, 5.0]])
    assert [row.shape for row in rows] == [(2,), (3,)]


def test_equal_arrays_in_object_array_are_rows():
    X = np.empty(2, dtype=object)
    X[:] = [np.zeros(3), np.ones(3)]
    assert [row.shape for row in check_recordings(X)] == [(3,), (3,)]


@pytest.mark.parametrize(
    ("buffer", "name", "remedy"),
    [
        (bytes(64), "bytes of length 64", r"numpy\.frombuffer\(data, dtype=numpy"),
        (bytearray(64), "bytearray of length 64", r"numpy\.frombuffer"),
        (memoryview(bytes(64)), "memoryview of length 64", r"numpy\.frombuffer"),
        (array("d", [0] * 64), "array of length 64", r"numpy\.array\(data\)"),
        (deque([0] * 64), "deque of length 64", r"numpy\.array\(data\)"),
    ],
)
def test_a_buffer_is_named_without_what_is_in_it(buffer, name, remedy):
    with pytest.raises(TypeError, match=f"{name} in row 0. .*{remedy}"):
        check_recordings([buffer])
    with pytest.raises(TypeError, match=f"got a single {name}. .*{remedy}"):
        check_recordings(buffer)


def test_a_row_of_another_kind_is_cut_short():
    with pytest.raises(TypeError, match=r"got set \{.* in row 1\. Replace") as caught:
        check_recordings(["a.wav", set(range(100_000))])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "values", [[True, False], [1, 0], [1.0, 0.0], np.array([1, 0])]
)
def test_truth_may_be_bool_or_numbers(values):
    assert check_truth("y", values).tolist() == [True, False]
    assert check_truth("y", []).tolist() == []


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (["murmur", "normal"], "'murmur'"),
        ([-1, 1], "-1"),
        ([0.5, 1.0], "0.5"),
        ([None, True], "None"),
        ([float("nan"), 1.0], "nan"),
    ],
)
def test_labels_are_no_truth(values, got):
    with pytest.raises(
        ValueError, match=rf"of 0 and 1, got values such as {got}. Pass y == pos_label"
    ):
        check_truth("y", values)


@pytest.mark.parametrize("X", ["a.wav", Path("a.wav")])
def test_lone_path_is_refused(X):
    with pytest.raises(TypeError, match=r"got a single .*Wrap it in a list: \[path\]"):
        check_recordings(X)


@pytest.mark.parametrize("X", [np.zeros(4), [0.0, 1.0], pd.Series([1, 2])])
def test_lone_waveform_is_refused(X):
    with pytest.raises(ValueError, match=r"1-D numeric.*Wrap it in a list"):
        check_recordings(X)


@pytest.mark.parametrize("X", [[], (), np.empty((0, 5)), np.empty(0, dtype=object)])
def test_zero_rows_are_refused(X):
    with pytest.raises(ValueError, match="zero rows"):
        check_recordings(X)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (3.0, "got float"),
        ({"a": 1}, "got dict"),
        (np.float64(3), "single float64"),
        (sparse.csr_array(np.eye(2)), "sparse"),
        ([None, "a.wav"], "NoneType None in row 0"),
        (["a.wav", {}], "dict .* in row 1"),
    ],
)
def test_wrong_types_are_named(X, match):
    with pytest.raises(TypeError, match=match):
        check_recordings(X)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (["a.wav", np.zeros((2, 3))], r"shape \(2, 3\) in row 1"),
        (pd.DataFrame({"path": ["a.wav"], "label": ["x"]}), "column of paths"),
    ],
)
def test_wrong_shapes_are_named(X, match):
    with pytest.raises(ValueError, match=match):
        check_recordings(X)


@pytest.mark.parametrize("value", [1, 1.5, np.float32(2), np.int64(3)])
def test_numbers_pass_as_they_came(value):
    assert check_number("x", value, minimum=1) is value


def test_none_passes_where_optional():
    assert check_number("x", None, optional=True) is None


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1 + 2j, [1]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="epochs must be a number, got"):
        check_number("epochs", value)


def test_fraction_is_no_integer():
    with pytest.raises(TypeError, match=r"must be an integer at least 1, got float"):
        check_number("epochs", 2.0, integer=True, minimum=1)


@pytest.mark.parametrize(
    ("value", "options", "match"),
    [
        (0, {"minimum": 1}, "at least 1, got 0"),
        (2, {"maximum": 1}, "at most 1, got 2"),
        (0, {"minimum": 0, "exclusive": True}, "greater than 0, got 0"),
        (1, {"maximum": 1, "exclusive": True}, "less than 1, got 1"),
        (5, {"minimum": 0, "maximum": 1, "optional": True}, "and at most 1 or None"),
        (float("nan"), {}, "got nan"),
        (float("inf"), {"minimum": 0}, "got inf"),
    ],
)
def test_bounds_are_named(value, options, match):
    with pytest.raises(ValueError, match=match):
        check_number("x", value, **options)


def test_choice_passes_or_lists_the_options():
    assert check_choice("subset", "a", ("a", "b")) == "a"
    with pytest.raises(ValueError, match="subset must be one of 'a', 'b', got 'c'"):
        check_choice("subset", "c", ("a", "b"))


def test_one_is_not_true():
    with pytest.raises(ValueError, match="must be one of True, False, got 1"):
        check_choice("trim", 1, (True, False))


def test_choice_of_an_array_is_refused():
    with pytest.raises(ValueError, match="must be one of"):
        check_choice("bands", np.array(["a", "b"]), ("a", "b"))


def test_same_length_returns_it_and_skips_none():
    assert check_same_length(X=[1, 2], y="ab", groups=None) == 2


def test_length_mismatch_names_both():
    with pytest.raises(ValueError, match="got 3 in groups and 2 in X"):
        check_same_length(X=[1, 2], y=[1, 2], groups=[1, 2, 3])


def test_same_seed_gives_same_stream():
    for seed in (0, np.int64(0)):
        assert resolve_random_state(seed).random() == np.random.default_rng(0).random()


def test_generator_is_returned_itself():
    rng = np.random.default_rng(3)
    assert resolve_random_state(rng) is rng


def test_random_state_is_followed_and_global_state_untouched():
    first = resolve_random_state(np.random.RandomState(5)).random()
    assert first == resolve_random_state(np.random.RandomState(5)).random()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    resolve_random_state(None).random()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("seed", ["0", 1.5, True])
def test_odd_seeds_are_refused(seed):
    with pytest.raises(TypeError, match="random_state must be"):
        resolve_random_state(seed)


def test_negative_seed_is_refused():
    with pytest.raises(ValueError, match=r"at least 0, got -1"):
        resolve_random_state(-1)


@pytest.mark.parametrize("value", [1e9, 768_001])
def test_rates_that_sound_does_not_have_are_refused(value):
    with pytest.raises(ValueError, match="rate must be at most 768000 Hz, got"):
        check_rate("rate", value)
    assert check_rate("rate", 768_000) == 768_000


@pytest.mark.parametrize("value", [9.99, 4, 0, -1])
def test_rates_below_all_sound_are_refused(value):
    with pytest.raises(ValueError, match=r"rate must be at least 10 Hz, .* not in kHz"):
        check_rate("rate", value)
    assert check_rate("rate", 10) == 10


def test_rate_is_a_finite_number_or_none_where_optional():
    with pytest.raises(ValueError, match="rate must be a number, got nan"):
        check_rate("rate", float("nan"))
    with pytest.raises(TypeError, match="rate must be a number, got NoneType"):
        check_rate("rate", None)
    assert check_rate("rate", None, optional=True) is None


def test_hints_for_python_are_notes():
    error = hint_for_python(ValueError("Expected a."), "Pass a=1.")
    assert str(error) == "Expected a."
    assert error.__notes__ == ["In Python: Pass a=1."]
