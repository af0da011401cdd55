from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.windows import (
    balanced_batches,
    check_images,
    cut_window,
    drawn_counts,
    image_statistics,
    one_hot,
    random_start,
    window_starts,
)


def ramp(n_bands, n_frames):
    """Return an image whose values are the numbers of its frames."""
    return np.tile(np.arange(float(n_frames)), (n_bands, 1))[:, :, np.newaxis]


@pytest.mark.parametrize(
    ("start", "expected"),
    [(0, [0, 1, 2]), (2, [2, 3, 4]), (4, [4, 0, 1])],
)
def test_window_is_cut_and_goes_round_the_end(start, expected):
    window = cut_window(ramp(2, 5), start, 3)
    np.testing.assert_array_equal(window[:, :, 0], [expected, expected])


def test_short_image_is_repeated_end_to_end():
    window = cut_window(ramp(1, 2), 0, 5)
    assert window.ravel().tolist() == [0, 1, 0, 1, 0]


def test_window_inside_an_image_is_a_view():
    image = ramp(2, 9)
    assert np.shares_memory(cut_window(image, 3, 4), image)


@pytest.mark.parametrize(
    ("n_frames", "window", "hop", "expected"),
    [
        (10, 4, 2, [0, 2, 4, 6]),
        (11, 4, 2, [0, 2, 4, 6, 7]),
        (4, 4, 2, [0]),
        (5, 4, 2, [0, 1]),
        (1, 4, 2, [0]),
    ],
)
def test_windows_cover_the_image_and_the_last_ends_with_it(
    n_frames, window, hop, expected
):
    assert window_starts(n_frames, window, hop) == expected


def test_random_starts_reach_both_ends_and_no_further():
    rng = np.random.default_rng(0)
    assert {random_start(5, 3, rng) for _ in range(100)} == {0, 1, 2}


def test_image_to_be_repeated_starts_anywhere():
    rng = np.random.default_rng(0)
    assert {random_start(3, 4, rng) for _ in range(100)} == {0, 1, 2}


def test_image_as_long_as_a_window_is_taken_from_its_start():
    rng = np.random.default_rng(0)
    assert {random_start(4, 4, rng) for _ in range(100)} == {0}


@pytest.mark.parametrize("counts", [(5, 1), (30, 3), (7, 7), (1, 40), (9, 4, 2), (2,)])
@pytest.mark.parametrize("batch_size", [1, 3, 8, 100])
def test_batches_hold_every_class_and_every_row(counts, batch_size):
    codes = np.repeat(np.arange(len(counts)), counts)
    batches = balanced_batches(codes, batch_size, np.random.default_rng(0))
    assert len(batches) == -(-len(codes) // batch_size)
    for batch in batches:
        assert set(codes[batch]) == set(codes)
    drawn = np.concatenate(batches)
    assert set(drawn) == set(range(len(codes)))
    np.testing.assert_array_equal(
        np.bincount(codes[drawn]), drawn_counts(codes, batch_size, len(counts))
    )


def test_common_rows_are_drawn_once_an_epoch():
    codes = np.array([0] * 12 + [1])
    drawn = np.concatenate(balanced_batches(codes, 4, np.random.default_rng(0)))
    assert np.bincount(drawn).tolist() == [1] * 12 + [4]


def test_batches_differ_in_size_by_one_a_class_at_most():
    codes = np.array([0] * 23 + [1] * 9)
    sizes = [len(b) for b in balanced_batches(codes, 8, np.random.default_rng(0))]
    assert max(sizes) - min(sizes) <= 1


def test_absent_class_is_not_drawn():
    assert drawn_counts(np.array([0, 0, 2]), 2, 4).tolist() == [2, 0, 2, 0]


def test_same_seed_deals_the_same_batches():
    codes = np.array([0, 1] * 10)

    def deal(seed):
        return np.concatenate(balanced_batches(codes, 4, np.random.default_rng(seed)))

    np.testing.assert_array_equal(deal(3), deal(3))
    assert (deal(3) != deal(4)).any()


def test_targets_have_a_column_for_one_output_and_one_hot_rows_for_more():
    codes = np.array([0, 1, 1])
    assert one_hot(codes, 1).tolist() == [[0], [1], [1]]
    assert one_hot(codes, 3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert one_hot(codes, 1).dtype == one_hot(codes, 3).dtype == np.float32


@pytest.mark.parametrize(
    ("X", "shape"),
    [
        ([np.zeros((4, 7)), np.zeros((4, 9))], (4, 7, 1)),
        ([np.zeros((4, 7, 3))], (4, 7, 3)),
        ((np.zeros((4, 7)),), (4, 7, 1)),
        (np.zeros((2, 4, 7)), (4, 7, 1)),
        (np.zeros((2, 4, 7, 3)), (4, 7, 3)),
        (np.zeros((2, 7)), (1, 7, 1)),
        ([[[1, 2, 3]]], (1, 3, 1)),
    ],
)
def test_images_come_in_many_forms(X, shape):
    images = check_images(X)
    assert len(images) == len(X)
    assert images[0].shape == shape


def test_memory_mapped_images_stay_on_disk(tmp_path):
    path = tmp_path / "image.npy"
    np.save(path, np.arange(12.0).reshape(3, 4))
    X = np.empty(1, dtype=object)
    X[0] = np.load(path, mmap_mode="r")
    (image,) = check_images(X)
    assert isinstance(image, np.memmap)
    assert np.shares_memory(image, X[0])
    assert isinstance(cut_window(image, 1, 2), np.memmap)


@pytest.mark.parametrize("X", [[], np.zeros((0, 3, 4)), np.empty(0, dtype=object)])
def test_zero_rows_are_refused(X):
    with pytest.raises(ValueError, match="at least one image, got zero rows"):
        check_images(X)


def test_paths_are_no_images():
    with pytest.raises(
        TypeError, match=r"row 0 to be a numeric image, got str .*Put a"
    ):
        check_images(["a.wav"])


def test_row_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match=r"row 1 to be an image .*, got shape \(5,\)"):
        check_images([np.zeros((2, 5)), np.zeros(5)])


def test_image_without_frames_is_refused():
    with pytest.raises(ValueError, match=r"row 1 to hold frames, got \(2, 0, 1\)"):
        check_images([np.zeros((2, 5)), np.zeros((2, 0))])


@pytest.mark.parametrize(
    ("second", "got"), [((3, 5), "got 3 and 1"), ((2, 5, 3), "got 2 and 3")]
)
def test_rows_of_unequal_bands_or_channels_are_refused(second, got):
    with pytest.raises(
        ValueError, match=f"row 1 to have 2 bands and 1 channels as row 0 has, {got}"
    ):
        check_images([np.zeros((2, 5)), np.zeros(second)])


def test_statistics_are_mean_and_deviation():
    assert image_statistics(np.array([[1.0, 3.0]]), label="row 0") == (2.0, 1.0)


@pytest.mark.parametrize("level", [0.0, -80.0, 1e6])
def test_constant_image_is_scaled_by_one(level):
    image = np.full((3, 4), level, dtype=np.float32)
    assert image_statistics(image, label="row 0") == (level, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_image_that_is_not_finite_is_named(bad):
    with pytest.raises(ValueError, match="Expected row 7 to be finite, got NaN or inf"):
        image_statistics(np.array([[0.0, bad]]), label="row 7")
