from __future__ import annotations

import itertools

import numpy as np
import pytest

from heartbeat_clf.beat_decoding import (
    DURATIONS,
    STATES,
    StateDuration,
    decode_states,
    state_starts,
)

RATE = 62.5


def states_of(diastoles, *, s1=7, systole=12, s2=6):
    """Return states a frame of beats whose diastoles last so many frames."""
    lengths = [[s1, systole, s2, diastole] for diastole in diastoles]
    return np.repeat(np.tile([0, 1, 2, 3], len(diastoles)), np.ravel(lengths))


def log_scores(states, *, certainty=0.9):
    rest = (1 - certainty) / 3
    return np.log(np.where(np.eye(4)[states] > 0, certainty, rest))


def test_clear_scores_give_the_truth():
    truth = states_of([25, 30, 28, 26])
    np.testing.assert_array_equal(
        decode_states(log_scores(truth), frame_rate=RATE), truth
    )


def test_a_premature_beat_and_its_pause_are_kept():
    truth = states_of([30, 30, 8, 60, 30])
    np.testing.assert_array_equal(
        decode_states(log_scores(truth), frame_rate=RATE), truth
    )


@pytest.mark.parametrize("start", [0, 3, 10, 22, 30])
def test_a_recording_may_begin_and_end_anywhere(start):
    truth = states_of([25, 30, 28])[start : -start or None]
    np.testing.assert_array_equal(
        decode_states(log_scores(truth), frame_rate=RATE), truth
    )


def test_single_wrong_frames_are_overruled():
    truth = states_of([25, 30, 28, 26])
    scores = log_scores(truth, certainty=0.7)
    scores[[40, 90, 130]] = log_scores(np.array([2, 0, 1]), certainty=0.9)
    np.testing.assert_array_equal(decode_states(scores, frame_rate=RATE), truth)


def test_states_follow_each_other_in_order():
    scores = np.random.default_rng(0).normal(size=(500, 4))
    states = decode_states(scores, frame_rate=RATE)
    steps = np.diff(states)[np.diff(states) != 0] % 4
    assert set(steps) == {1}
    for state, duration in enumerate(DURATIONS):
        edges = np.flatnonzero(np.diff(states)) + 1
        inner = [(a, b) for a, b in itertools.pairwise(edges)]
        seconds = [(b - a) / RATE for a, b in inner if states[a] == state]
        assert min(seconds) >= duration.shortest
        assert max(seconds) <= duration.longest


def brute_force(scores, durations, rate):
    """Return the best states by trying every division into stays."""
    n_frames = len(scores)

    def log_duration(state, n, *, cut):
        longest = int(np.ceil(max(d.longest for d in durations) * rate))
        seconds = np.arange(1, longest + 1) / rate
        d = durations[state]
        weight = np.exp(-0.5 * (np.log(seconds / d.median) / d.spread) ** 2)
        weight *= (seconds >= d.shortest) & (seconds <= d.longest)
        weight /= weight.sum()
        share = weight[n - 1 :].sum() if cut else weight[n - 1 : n].sum()
        return np.log(share) if share > 0 else -np.inf

    best, found = -np.inf, None

    def extend(states, score):
        nonlocal best, found
        position = len(states)
        options = range(4) if position == 0 else [(states[-1] + 1) % 4]
        for state in options:
            for n in range(1, n_frames - position + 1):
                last = position + n == n_frames
                cut = position == 0 or last
                stay = log_duration(state, n, cut=cut)
                total = score + stay + scores[position : position + n, state].sum()
                if total == -np.inf:
                    continue
                if not last:
                    extend([*states, *[state] * n], total)
                elif total > best:
                    best, found = total, [*states, *[state] * n]

    extend([], 0.0)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_search_equals_trying_everything(seed):
    durations = (
        StateDuration(0.2, 0.5, 0.1, 0.4),
        StateDuration(0.3, 0.5, 0.1, 0.5),
        StateDuration(0.2, 0.5, 0.2, 0.3),
        StateDuration(0.4, 0.8, 0.1, 0.6),
    )
    scores = np.random.default_rng(seed).normal(scale=2, size=(9, 4))
    found = decode_states(scores, frame_rate=10, durations=durations)
    assert found.tolist() == brute_force(scores, durations, 10)


def test_one_frame_is_decoded():
    assert decode_states(np.log([[0.1, 0.1, 0.7, 0.1]]), frame_rate=RATE).tolist() == [
        STATES.index("S2")
    ]


def test_starts_leave_out_a_sound_that_is_cut():
    states = states_of([25, 30])
    assert state_starts(states, 0).tolist() == [50]
    assert state_starts(states, 2).tolist() == [19, 69]


@pytest.mark.parametrize("shape", [(10,), (10, 3), (0, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"Expected log probabilities of shape"):
        decode_states(np.zeros(shape), frame_rate=RATE)


def test_frame_rate_is_positive():
    with pytest.raises(ValueError, match="frame_rate"):
        decode_states(np.zeros((3, 4)), frame_rate=0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(value):
    scores = np.zeros((20, 4))
    scores[3] = value
    with pytest.raises(ValueError, match=r"finite log probabilities, .* such as 1e-4"):
        decode_states(scores, frame_rate=50)


def test_frames_longer_than_a_heart_sound_are_refused():
    with pytest.raises(ValueError, match=r"0\.04 to 0\.25 s, got a frame_rate of 3"):
        decode_states(np.zeros((5, 4)), frame_rate=3)
