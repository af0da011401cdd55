from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heartbeat_clf.gaps import find_gaps, remove_gaps

RATE = 1000


def sound(n_times=3000):
    return np.random.default_rng(0).normal(size=n_times)


def with_gap(start, end, value=0.0):
    samples = sound()
    samples[start:end] = value
    return samples


def test_zeros_and_a_value_that_is_held_are_gaps():
    samples = with_gap(500, 600)
    samples[2000:2300] = samples[1999]
    assert find_gaps(samples, RATE).tolist() == [[500, 600], [1999, 2300]]


@pytest.mark.parametrize(
    ("samples", "rate", "error", "message"),
    [
        (np.zeros((2, 500)), RATE, ValueError, r"1-D array of samples, got .*2, 500"),
        (3.0, RATE, ValueError, r"1-D array of samples, got shape \(\)"),
        (["a", "b"], RATE, TypeError, "real numbers, got <U1"),
        (None, RATE, TypeError, "real numbers, got object"),
        (np.zeros(500), -1, ValueError, "rate must be at least 10 Hz"),
        (np.zeros(500), float("nan"), ValueError, "rate must be"),
    ],
)
def test_other_input_is_named(samples, rate, error, message):
    for ask in (find_gaps, remove_gaps):
        with pytest.raises(error, match=message):
            ask(samples, rate)


def test_lists_will_do():
    samples = with_gap(500, 600).tolist()
    assert find_gaps(samples, RATE).tolist() == [[500, 600]]
    assert remove_gaps(samples, RATE).shape == (2900,)


def test_only_runs_of_50_ms_are_gaps():
    assert find_gaps(with_gap(500, 549), RATE).tolist() == []
    assert find_gaps(with_gap(500, 550), RATE).tolist() == [[500, 550]]
    # The same samples at a quarter of the rate last four times as long.
    assert find_gaps(with_gap(500, 549), RATE / 4).tolist() == [[500, 549]]


def test_what_follows_a_gap_is_moved_to_its_start():
    samples = with_gap(500, 600)
    np.testing.assert_array_equal(
        remove_gaps(samples, RATE), np.delete(samples, np.arange(500, 600))
    )


def test_silence_at_either_end_is_a_gap():
    samples = np.concatenate([np.zeros(100), sound(1000), np.zeros(60)])
    assert find_gaps(samples, RATE).tolist() == [[0, 100], [1100, 1160]]
    assert len(remove_gaps(samples, RATE)) == 1000


def test_a_sound_without_gaps_is_left_as_it_is():
    samples = sound()
    assert remove_gaps(samples, RATE) is samples


def test_a_coarse_converter_makes_no_gaps():
    # Eight bits: heart sounds of 80 ms, and between them less than half a step.
    time = np.arange(4000) / RATE
    beats = np.where(time % 0.4 < 0.08, np.sin(2 * np.pi * 40 * time), 0.0)
    fading = beats * np.exp(-(time % 0.4) / 0.02)
    coarse = np.round(fading * 20) / 20
    flat = find_gaps(np.append(coarse, 1.0), RATE)
    assert flat.tolist() == []
    # The first is no gap because of what is before it alone, which fades.
    assert np.ptp(coarse[400:411]) > 8 / 20


def between_steps(before, after, *, place=495):
    """Return steps of 1 about a run at 500, with one of another size on either side."""
    samples = np.zeros(1100)
    samples[:500] = np.tile([0.0, 1.0], 250)
    samples[600:] = np.tile([1.0, 0.0], 250)
    samples[place], samples[605] = before, after
    return samples


@pytest.mark.parametrize(
    ("before", "after", "gaps"),
    [(4, 5, []), (5, 4, []), (5, 5, [[500, 600]]), (4, 4, [])],
)
def test_a_neighbour_within_four_steps_is_silence(before, after, gaps):
    samples = between_steps(before, after)
    assert find_gaps(samples, RATE).tolist() == gaps
    # Coarser or finer, in whole numbers that wrap around or not.
    for scale, kind in ((0.01, float), (6000, np.int16), (25, np.uint8)):
        scaled = (samples * scale).astype(kind)
        assert find_gaps(scaled, RATE).tolist() == gaps


@pytest.mark.parametrize(("place", "gaps"), [(489, []), (490, [[500, 600]])])
def test_what_is_further_than_10_ms_from_a_run_says_nothing_of_it(place, gaps):
    samples = between_steps(9, 9, place=place)
    assert find_gaps(samples, RATE).tolist() == gaps


def test_one_small_step_does_not_make_a_recording_fine():
    samples = between_steps(4, 4)
    samples[100] += 0.001
    assert find_gaps(samples, RATE).tolist() == []


def test_pauses_of_a_noise_gate_are_no_gaps():
    # Sound of 150 ms, and 100 ms without: four a second.
    gated = sound(4000) * (np.arange(4000) % 250 < 150)
    assert find_gaps(gated, RATE).tolist() == [[3900, 4000]]


def test_one_gap_a_second_is_the_most():
    samples = sound(10_000)
    for start in range(500, 10_000, 1000):
        samples[start : start + 100] = 0.0
    assert len(find_gaps(samples, RATE)) == 10
    samples[1000:1100] = 0.0
    assert len(find_gaps(samples, RATE)) == 0


def test_a_gap_close_to_an_end_has_neighbours():
    samples = sound()
    samples[3:100] = 0.0
    samples[-100:-3] = 0.0
    assert find_gaps(samples, RATE).tolist() == [[3, 100], [2900, 2997]]


def test_a_recording_of_one_value_is_one_gap():
    assert find_gaps(np.zeros(100), RATE).tolist() == [[0, 100]]


def test_less_than_a_run_has_no_gap():
    assert find_gaps(np.zeros(1), RATE).tolist() == []
    assert find_gaps(np.ones(49), RATE).tolist() == []


@given(st.integers(1, 400), st.integers(0, 330), st.sampled_from([40, 100, 333, 1000]))
@settings(deadline=None)
def test_no_run_is_overlooked(length, start, rate):
    samples = np.arange(1000.0) % 97
    samples[start : start + length] = -500.0
    edges = np.flatnonzero(np.diff(samples) != 0) + 1
    runs = np.diff(np.concatenate([[0], edges, [1000]]))
    least = max(2, round(0.05 * rate))
    expected = (runs >= least).sum()
    assert len(find_gaps(samples, rate)) == expected
    assert len(remove_gaps(samples, rate)) == 1000 - runs[runs >= least].sum()
