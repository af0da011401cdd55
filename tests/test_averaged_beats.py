"""The average beat of an image: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.averaged_beats import (
    BEAT_COLUMNS,
    BEAT_STATISTICS,
    average_beat,
    exchange_phases,
    find_stays,
    stretch_stays,
)

S1, SYSTOLE, S2, DIASTOLE = (
    slice(end - columns, end)
    for end, columns in zip(np.cumsum(BEAT_COLUMNS), BEAT_COLUMNS, strict=True)
)


def states_of(beats):
    """Return states a frame of beats given as lengths of their four stays."""
    return np.concatenate([np.repeat([0, 1, 2, 3], lengths) for lengths in beats])


def test_stays_that_the_ends_cut_are_left_out():
    states = np.repeat([2, 3, 0, 1, 2, 3, 0, 1], [3, 9, 4, 8, 4, 10, 4, 2])
    stays = find_stays(states)
    assert [part.tolist() for part in stays.first] == [
        [11.5, 37.5],
        [15.5],
        [23.5],
        [2.5, 27.5],
    ]
    assert [part.tolist() for part in stays.last] == [
        [15.5, 41.5],
        [23.5],
        [27.5],
        [11.5, 37.5],
    ]
    assert stays.n_beats == 1


def test_a_state_that_is_cut_wherever_it_occurs_keeps_what_there_is():
    stays = find_stays(np.repeat([1, 2, 3, 0, 1], [2, 4, 9, 4, 5]))
    assert stays.first[1].tolist() == [-0.5, 18.5]
    assert stays.n_beats == 1


@pytest.mark.parametrize("states", [[3, 3, 3], [0, 1, 2], [1]])
def test_less_than_a_beat_is_none(states):
    assert find_stays(np.array(states)).n_beats == 0


def test_less_than_a_beat_cannot_be_averaged():
    stays = find_stays(np.array([0, 0, 1, 1]))
    with pytest.raises(
        ValueError, match=r"a stay of each heart state at least, .* longer"
    ):
        average_beat(np.zeros((4, 4)), stays)


@pytest.mark.parametrize("states", [[], [[0, 1]], [0, 1, 9]])
def test_what_is_no_row_of_states_is_refused(states):
    with pytest.raises(ValueError, match="integers from 0 to 3"):
        find_stays(np.array(states, dtype=int))
    with pytest.raises(ValueError, match="integers from 0 to 3"):
        find_stays(np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match="and object such as"):
        find_stays(np.array([0, None]))


@pytest.mark.parametrize("function", [average_beat, stretch_stays])
def test_stays_of_a_longer_image_are_refused(function):
    stays = find_stays(states_of([(8, 16, 8, 20)] * 3))
    with pytest.raises(ValueError, match=r"image of 100 frames, got some up to 135\.5"):
        function(np.zeros((4, 100)), stays)


@pytest.mark.parametrize("function", [average_beat, stretch_stays])
@pytest.mark.parametrize("shape", [(4, 0), (52,), (4, 52, 1)])
def test_what_is_no_image_is_refused(shape, function):
    stays = find_stays(states_of([(8, 16, 8, 20)]))
    with pytest.raises(ValueError, match=r"an image of shape \(n_bands, n_frames\)"):
        function(np.zeros(shape), stays)


@pytest.mark.parametrize("level", [np.nan, np.inf, -np.inf, -1e30, 1e200])
def test_levels_that_are_not_finite_are_refused(level):
    stays = find_stays(states_of([(8, 16, 8, 20)] * 3))
    image = np.zeros((4, 156))
    image[1, 3] = level
    beat = np.zeros((4, 52, 3))
    beat[1, 3] = level
    for function in (average_beat, stretch_stays):
        with pytest.raises(ValueError, match="finite levels in dB in image"):
            function(image, stays)
        with pytest.raises(ValueError, match="finite levels in dB in image"):
            function(image.astype(object), stays)
    with pytest.raises(ValueError, match="finite levels in dB in beat"):
        exchange_phases(beat)


def test_columns_divide_each_stay_evenly():
    stays = find_stays(states_of([(8, 8, 8, 8), (4, 8, 4, 40), (8, 8, 8, 8)]))
    n_frames = 8 * 8 + 56
    frames = np.arange(n_frames, dtype=float)
    stretched = stretch_stays(np.stack([frames, 2 * frames]), stays)
    assert [len(part) for part in stretched] == [2, 3, 3, 2]
    systole = stretched[1][1]  # frames 36 to 43 at 16 columns, two bands
    np.testing.assert_allclose(systole[:, 0], 35.5 + (np.arange(16) + 0.5) / 2)
    np.testing.assert_allclose(systole[:, 1], 2 * systole[:, 0])
    assert stretched[3][1, 0, 0] == 47.5 + 1  # the long diastole, a column two frames


def test_a_state_without_a_stay_is_an_empty_part():
    stays = find_stays(np.array([0, 0, 1, 1]))
    assert stretch_stays(np.zeros((3, 4)), stays)[2].shape == (0, 8, 3)


def test_beats_of_any_length_lie_on_top_of_each_other():
    slow = states_of([(6, 14, 6, 30)] * 5)
    fast = states_of([(6, 10, 6, 12)] * 9)
    # Loud where the sounds are, and a murmur of one band in the systole.
    beats = []
    for states in (slow, fast):
        image = np.tile(np.where(states % 2 == 0, 20.0, 0.0), (6, 1))
        image[4, states == 1] = 10.0
        beats.append(average_beat(image, find_stays(states)))
    middles = [slice(part.start + 2, part.stop - 2) for part in (S1, SYSTOLE, S2)]
    for beat in beats:
        assert beat.shape == (6, sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
        assert beat.dtype == np.float32
        sound, murmur, quiet = (
            beat[4, middles[0], 0],
            beat[4, middles[1], 0],
            beat[3, middles[1], 0],
        )
        assert sound.min() > murmur.max() > quiet.max()
    for part in middles:
        # Columns at the borders differ, and with them the standardisation a little.
        np.testing.assert_allclose(beats[0][:, part], beats[1][:, part], atol=0.06)


def test_statistics_are_median_lower_fifth_and_mean_over_beats():
    levels = np.array([0.0, 1.0, 2.0, 3.0, 14.0, 5.0])
    states = states_of([(8, 16, 8, 20)] * 6)
    image = np.repeat(levels, 52)[np.newaxis] + np.arange(3)[:, np.newaxis]
    # A diastole at the end is cut: it is one beat less there.
    stays = find_stays(np.append(states, [0] * 8))
    beat = average_beat(np.append(image, image[:, -8:], axis=1), stays)
    spread = np.std(np.tile([[0.0], [1.0], [2.0]], 52))
    middle = beat[0, SYSTOLE, 0].mean()
    found = (beat[0, SYSTOLE].mean(axis=0) - middle) * spread
    np.testing.assert_allclose(found, [0.0, 1.0 - 2.5, levels.mean() - 2.5], atol=0.05)


def test_the_median_is_standardised_and_a_flat_image_is_not_divided_by_zero():
    rng = np.random.default_rng(0)
    stays = find_stays(states_of([(5, 9, 5, 20)] * 4))
    beat = average_beat(rng.normal(-40, 9, (7, 156)), stays)
    assert beat[..., 0].mean() == pytest.approx(0, abs=1e-5)
    assert beat[..., 0].std() == pytest.approx(1, abs=1e-5)
    assert not average_beat(np.full((7, 156), -40.0), stays).any()


def test_a_murmur_of_the_diastole_stands_where_one_of_the_systole_would():
    beats = []
    for state in (1, 3):
        states = states_of([(8, 16, 8, 20)] * 6)
        image = np.tile(np.where(states % 2 == 0, 20.0, 0.0), (6, 1))
        image[4, states == state] = 10.0
        beats.append(average_beat(image, find_stays(states)))
    systolic, diastolic = beats
    exchanged = exchange_phases(diastolic)
    assert exchanged.dtype == np.float32
    # But for columns at the borders, whose number differs.
    for part in (S1, SYSTOLE, S2):
        inner = slice(part.start + 2, part.stop - 2)
        np.testing.assert_allclose(exchanged[:, inner], systolic[:, inner], atol=0.06)


def test_exchanged_phases_are_standardised_and_interpolated():
    rng = np.random.default_rng(0)
    beat = rng.normal(size=(7, 52, 3)).astype(np.float32)
    before = beat.copy()
    exchanged = exchange_phases(beat)
    assert np.array_equal(beat, before)
    assert exchanged[..., 0].mean() == pytest.approx(0, abs=1e-5)
    assert exchanged[..., 0].std() == pytest.approx(1, abs=1e-5)
    # Levels that rise evenly still do: 20 columns from 0 to 19, on 16.
    ramp = np.zeros((1, 52, 1))
    ramp[0, 32:, 0] = np.arange(20)
    found = exchange_phases(ramp)[0, 8:24, 0]
    np.testing.assert_allclose(np.diff(found) / np.diff(found)[0], 1, atol=1e-4)
    assert not exchange_phases(np.full((7, 52, 3), -40.0)).any()


@pytest.mark.parametrize(
    "shape", [(7, 51, 3), (52, 3), (1, 7, 52, 3), (0, 52, 3), (7, 52, 0)]
)
def test_what_is_no_beat_is_not_exchanged(shape):
    with pytest.raises(ValueError, match=r"beat of shape \(n_bands, 52, n_channels\)"):
        exchange_phases(np.zeros(shape))


def test_the_level_of_a_recording_does_not_matter():
    rng = np.random.default_rng(1)
    image = rng.normal(-40, 9, (7, 156)).astype(np.float32)
    stays = find_stays(states_of([(5, 9, 5, 20)] * 4))
    np.testing.assert_allclose(
        average_beat(image, stays), average_beat(2 * image - 30, stays), atol=1e-3
    )


def test_noise_falls_with_the_number_of_beats():
    rng = np.random.default_rng(2)
    states = states_of([(8, 16, 8, 20)] * 81)
    pattern = np.where(states == 1, 1.0, 0.0)
    noisy = pattern + rng.normal(0, 4, (9, len(states)))

    def heard(n_beats):
        end = 52 * n_beats
        beat = average_beat(noisy[:, :end], find_stays(states[:end]))
        flat = beat[..., 2]
        return flat[:, SYSTOLE].mean() - flat[:, DIASTOLE].mean()

    assert heard(81) > 3 * heard(4)


def test_training_draws_other_parts_each_time_and_repeats_by_seed():
    rng = np.random.default_rng(3)
    image = rng.normal(size=(5, 520)).astype(np.float32)
    stays = find_stays(states_of([(8, 16, 8, 20)] * 10))
    drawn = [
        average_beat(image, stays, rng=np.random.default_rng(seed))
        for seed in (0, 1, 0)
    ]
    assert np.array_equal(drawn[0], drawn[2])
    assert not np.allclose(drawn[0], drawn[1])
    single = find_stays(states_of([(8, 16, 8, 20)]))
    beat = average_beat(image[:, :52], single, rng=np.random.default_rng(0))
    assert np.isfinite(beat).all()
