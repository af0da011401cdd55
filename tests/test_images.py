from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.exceptions import NotFittedError

from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.spectrogram import SpectrogramTransformer

IMAGES = hnp.arrays(
    np.float32,
    st.tuples(st.just(4), st.integers(1, 9)),
    elements=st.sampled_from([-80.0, -79.0, -40.0, -6.0, 0.0]),
)
BATCHES = st.lists(IMAGES, min_size=1, max_size=5)


def ragged(images):
    result = np.empty(len(images), dtype=object)
    for row, image in enumerate(images):
        result[row] = image
    return result


def sounding(n_frames=6):
    """Return 3 bands, the last of them flat, and two silent frames at each end."""
    image = np.full((3, n_frames + 4), -80.0, dtype=np.float32)
    image[:2, 2:-2] = np.linspace(-30, 0, 2 * n_frames).reshape(2, n_frames)
    return image


@given(images=BATCHES)
@settings(max_examples=60, deadline=None)
def test_trimming_keeps_content_and_is_idempotent(images):
    trimmer = ImageTrimmer(bands="all").fit(ragged(images))
    once = trimmer.transform(ragged(images))
    for before, after, again in zip(images, once, trimmer.transform(once), strict=True):
        np.testing.assert_array_equal(after, again)
        assert after.shape[1] >= 1
        loud = before > before.max() - 75
        assert (after > before.max() - 75).sum() == loud.sum()


@given(images=BATCHES)
@settings(max_examples=60, deadline=None)
def test_learning_anew_from_trimmed_images_changes_nothing(images):
    trimmer = ImageTrimmer(min_fraction=0.3)
    try:
        once = trimmer.fit_transform(ragged(images))
    except ValueError as error:
        assert "Lower min_range_db" in str(error)  # noqa: PT017
        return
    twice = ImageTrimmer(min_fraction=0.3).fit_transform(once)
    for first, second in zip(once, twice, strict=True):
        np.testing.assert_array_equal(first, second)


@given(image=IMAGES)
@settings(max_examples=60, deadline=None)
def test_fixed_shape_is_kept_and_trimming_idempotent(image):
    X = np.stack([image, image[:, ::-1]])
    trimmer = ImageTrimmer(bands="all").fit(X)
    once = trimmer.transform(X)
    assert once.shape == X.shape
    np.testing.assert_array_equal(trimmer.transform(once), once)
    assert set(np.unique(once)) <= set(np.unique(X))


@given(rows=st.lists(st.integers(0, 3), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_row_is_the_same_alone_and_in_any_batch(rows):
    images = [sounding(n) for n in (3, 6, 9, 12)]
    trimmer = ImageTrimmer().fit(ragged(images))
    batch = trimmer.transform(ragged([images[row] for row in rows]))
    for trimmed, row in zip(batch, rows, strict=True):
        alone = trimmer.transform(ragged([images[row]]))[0]
        np.testing.assert_array_equal(trimmed, alone)


def test_flat_band_and_silent_margins_are_dropped():
    image = sounding()
    trimmer = ImageTrimmer().fit(ragged([image]))
    assert trimmer.bands_.tolist() == [0, 1]
    assert trimmer.n_bands_in_ == 3
    trimmed = trimmer.transform(ragged([image]))[0]
    np.testing.assert_array_equal(trimmed, image[:2, 2:-2])


def test_trimmer_keeps_bands_learned_in_fit():
    trimmer = ImageTrimmer().fit(ragged([sounding()]))
    other = np.random.default_rng(0).uniform(-20, 0, (3, 8))
    np.testing.assert_array_equal(trimmer.transform(ragged([other]))[0], other[:2])


def test_band_that_varies_only_through_silent_margins_is_flat():
    image = np.full((2, 8), -80.0)
    image[:, 2:6] = [[-9.0, -1.0, -9.0, -1.0], [-20.0, -20.0, -20.0, -20.0]]
    assert ImageTrimmer().fit(ragged([image])).bands_.tolist() == [0]


@pytest.mark.parametrize(("fraction", "kept"), [(0.5, [0, 1, 2]), (0.6, [0, 1])])
def test_band_must_vary_in_enough_recordings(fraction, kept):
    lively = sounding()
    lively[2, 3] = -10.0
    trimmer = ImageTrimmer(min_fraction=fraction).fit(ragged([sounding(), lively]))
    assert trimmer.bands_.tolist() == kept


def test_range_of_bands_can_be_given():
    trimmer = ImageTrimmer(bands=(1, 3), trim_time=False).fit(ragged([sounding()]))
    assert trimmer.bands_.tolist() == [1, 2]
    trimmed = trimmer.transform(ragged([sounding()]))[0]
    np.testing.assert_array_equal(trimmed, sounding()[1:3])


def test_neighbouring_bands_are_a_view():
    image = sounding()
    trimmed = ImageTrimmer().fit_transform(ragged([image]))[0]
    assert np.shares_memory(trimmed, image)


def test_bands_apart_are_picked():
    image = sounding()[[0, 2, 1]]
    trimmer = ImageTrimmer()
    np.testing.assert_array_equal(
        trimmer.fit_transform(ragged([image]))[0], image[[0, 2], 2:-2]
    )
    assert trimmer.bands_.tolist() == [0, 2]


def test_silent_image_stays_as_it_is():
    silent = np.full((3, 5), -100.0)
    trimmer = ImageTrimmer(bands="all").fit(ragged([silent]))
    np.testing.assert_array_equal(trimmer.transform(ragged([silent]))[0], silent)


def test_fixed_shape_is_filled_with_repeated_frames():
    row = np.array([-80.0, -80.0, -3.0, -2.0, -1.0, -80.0, -80.0, -80.0])
    X = np.stack([[row, row]])
    filled = ImageTrimmer(bands="all").fit_transform(X)
    expected = [-3.0, -2.0, -1.0, -3.0, -2.0, -1.0, -2.0, -1.0]
    np.testing.assert_array_equal(filled, [[expected, expected]])


def test_rows_of_table_are_images_of_one_band():
    X = np.array([[-80.0, -5.0, -1.0, -9.0], [-5.0, -1.0, -9.0, -2.0]])
    trimmed = ImageTrimmer().fit_transform(X)
    np.testing.assert_array_equal(trimmed[0], [-5.0, -1.0, -9.0, -9.0])
    np.testing.assert_array_equal(trimmed[1], X[1])


@pytest.mark.parametrize("n_channels", [1, 3])
def test_channels_are_kept(n_channels):
    image = np.repeat(sounding()[:, :, None], n_channels, axis=2)
    assert ImageTrimmer().fit_transform(ragged([image]))[0].shape == (2, 6, n_channels)
    fixed = ImageTrimmer().fit_transform(image[None])
    assert fixed.shape == (1, 2, 10, n_channels)


def test_list_of_images_gives_ragged_images():
    images = ImageTrimmer().fit_transform([sounding(), sounding(9)])
    assert images.dtype == object
    assert [image.shape for image in images] == [(2, 6), (2, 9)]


def test_silent_ends_of_recordings_are_cut():
    beats = np.random.default_rng(0).standard_normal(2000)
    padded = np.concatenate([np.zeros(1000), beats, np.zeros(1000)])
    images = SpectrogramTransformer().transform([padded])
    trimmed = ImageTrimmer().fit_transform(images)[0]
    assert 2000 / 16 <= trimmed.shape[1] <= 2000 / 16 + 6


def test_wrapped_output_leaves_images_alone():
    with sklearn.config_context(transform_output="pandas"):
        images = ImageTrimmer().fit_transform(ragged([sounding()]))
    assert isinstance(images, np.ndarray)


def test_trimmer_pickles():
    trimmer = pickle.loads(pickle.dumps(ImageTrimmer().fit(ragged([sounding()]))))
    assert trimmer.transform(ragged([sounding()]))[0].shape == (2, 6)


def test_unfitted_trimmer_is_told():
    with pytest.raises(NotFittedError, match="not fitted"):
        ImageTrimmer().transform(ragged([sounding()]))


def test_no_band_left_is_an_error():
    flat = np.full((3, 5), -20.0)
    with pytest.raises(ValueError, match="Lower min_range_db or min_fraction"):
        ImageTrimmer().fit(ragged([flat]))


def test_other_number_of_bands_is_an_error():
    trimmer = ImageTrimmer().fit(ragged([sounding()]))
    with pytest.raises(ValueError, match=r"3 bands.*got 2 bands in row 1"):
        trimmer.transform(ragged([sounding(), sounding()[:2]]))
    with pytest.raises(ValueError, match="as row 0 has, got 2 bands in row 1"):
        ImageTrimmer().fit(ragged([sounding(), sounding()[:2]]))


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([], ValueError, "zero rows"),
        (np.zeros((0, 3, 4)), ValueError, "zero rows"),
        (ragged([np.zeros(3)]), ValueError, r"got \(3,\) in row 0"),
        ([np.zeros(3), np.zeros(4)], ValueError, r"got \(3,\) in row 0"),
        (np.zeros((1, 2, 3, 4, 5)), ValueError, r"got \(2, 3, 4, 5\) in row 0"),
        (ragged([np.zeros((3, 0))]), ValueError, r"shape \(3, 0\) in row 0"),
        (ragged([np.full((3, 2), np.nan)]), ValueError, "NaN or infinity in row 0"),
        (ragged([np.full((3, 2), "a")]), TypeError, "of numbers, got str"),
        (["a.wav", "b.wav"], ValueError, "Compute them with SpectrogramTransformer"),
        ([Path("a.wav")], ValueError, "Compute them with SpectrogramTransformer"),
        (ragged(["a.wav"]), ValueError, "Compute them with SpectrogramTransformer"),
        (np.array(["a.wav"]), ValueError, "Compute them with SpectrogramTransformer"),
    ],
)
def test_what_are_no_images_is_an_error(X, error, match):
    with pytest.raises(error, match=match):
        ImageTrimmer().fit(X)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"bands": "some"}, ValueError, "bands must be one of"),
        ({"bands": 3}, TypeError, "or a pair"),
        ({"bands": (2, 2)}, ValueError, "rise from low to high"),
        ({"bands": (0, 4)}, ValueError, "upper end of bands must be .* at most 3"),
        ({"bands": (-1, 2)}, ValueError, "lower end of bands"),
        ({"bands": (0.5, 2)}, TypeError, "lower end of bands"),
        ({"min_range_db": -1}, ValueError, "min_range_db must be"),
        ({"min_fraction": 1.5}, ValueError, "min_fraction must be"),
        ({"trim_time": "yes"}, ValueError, "trim_time must be one of"),
        ({"silence_db": 0}, ValueError, "silence_db must be"),
    ],
)
def test_bad_settings_fail_at_fit(changes, error, match):
    with pytest.raises(error, match=match):
        ImageTrimmer(**changes).fit(ragged([sounding()]))


@pytest.mark.real
def test_most_of_set_b_is_kept(real_data):
    paths = sorted(real_data.glob("pascal/set_b/*.wav"))[::20]
    images = SpectrogramTransformer().transform(paths)
    trimmed = ImageTrimmer().fit_transform(images)
    kept = [
        after.shape[1] / before.shape[1]
        for before, after in zip(images, trimmed, strict=True)
    ]
    assert min(kept) > 0.5
