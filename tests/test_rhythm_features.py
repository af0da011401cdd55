from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.beat_likeness import beat_likeness
from heartbeat_clf.beat_tracking import Beats
from heartbeat_clf.extra_sounds import extra_sound
from heartbeat_clf.rhythm_features import RHYTHM_FEATURES, rhythm_features

RATE = 50.0


def beats_of(diastoles, *, level=None, certainty=1.0):
    """Return beats of 0.1 s S1, 0.2 s systole, 0.1 s S2 and diastoles in frames."""
    states = np.concatenate(
        [[3] * 10, *(np.repeat([0, 1, 2, 3], [5, 10, 5, d]) for d in diastoles)]
    ).astype(int)
    level = np.zeros(len(states)) if level is None else level(states)
    starts = np.flatnonzero(np.diff(states)) + 1
    probabilities = np.where(np.eye(4)[states] > 0, certainty, (1 - certainty) / 3)
    return Beats(
        s1=(starts[states[starts] == 0] - 0.5) / RATE,
        s2=(starts[states[starts] == 2] - 0.5) / RATE,
        states=states,
        probabilities=probabilities.astype(np.float32),
        level=level.astype(np.float32),
        frame_rate=RATE,
        image=np.tile(level.astype(np.float32), (16, 1)),
    )


def values_of(beats):
    return dict(zip(RHYTHM_FEATURES, rhythm_features(beats), strict=True))


def test_even_rhythm_has_no_deviation():
    values = values_of(beats_of([20] * 8))
    assert values["n_intervals"] == 7
    assert values["median_interval"] == pytest.approx(0.8)
    for name in ("spread", "shortest", "longest", "drop_and_pause", "paired_change"):
        assert values[name] == pytest.approx(0, abs=1e-9)
    assert values["entropy"] == 0
    assert values["systole_spread"] == pytest.approx(0, abs=1e-9)
    assert values["regularity"] > 0.95
    assert values["confidence"] == pytest.approx(1)
    assert values["weak_beats"] == 0


def test_premature_beat_with_full_pause():
    # Intervals of 0.8 s; one of 0.6 s followed by one of 1.0 s.
    values = values_of(beats_of([20, 20, 20, 10, 30, 20, 20, 20]))
    assert np.exp(values["shortest"]) == pytest.approx(0.75)
    assert np.exp(values["longest"]) == pytest.approx(1.25)
    assert values["drop_and_pause"] == pytest.approx(np.log(1.25))
    assert np.exp(values["paired_change"]) == pytest.approx(1 / 0.6)
    assert values["compensation"] == pytest.approx(np.log(0.6 / 0.64) / 2)
    assert values["spread"] == pytest.approx(0, abs=1e-9)
    assert values["entropy"] == pytest.approx(
        -(5 / 7) * np.log2(5 / 7) - (2 / 7) * np.log2(1 / 7)
    )


def test_loudness_of_the_premature_beat_is_found():
    def level(states):
        loud = np.zeros(len(states))
        starts = np.flatnonzero((states == 0) & (np.roll(states, 1) == 3))
        loud[starts[4] : starts[4] + 5] = 6.0
        return loud

    values = values_of(beats_of([20, 20, 20, 10, 30, 20, 20], level=level))
    assert values["premature_level"] == pytest.approx(6)


@pytest.mark.parametrize(("state", "name"), [(1, "systole"), (3, "diastole")])
def test_a_sound_between_beats_stands_out(state, name):
    def level(states):
        loud = np.where(np.isin(states, (0, 2)), 0.0, -20.0)
        edges = np.flatnonzero(np.diff(states)) + 1
        third = [edge for edge in edges if states[edge] == state][2]
        loud[third + 4] = -8.0
        return loud

    values = values_of(beats_of([20] * 6, level=level))
    other = "diastole" if name == "systole" else "systole"
    assert values[f"{name}_outlier"] == pytest.approx(12)
    assert values[f"{other}_outlier"] == pytest.approx(0)
    assert values[f"{name}_level"] == values[f"{other}_level"] == pytest.approx(-20)


def test_flanks_of_the_sounds_do_not_count():
    def level(states):
        loud = np.full(len(states), -20.0)
        edges = np.flatnonzero(np.diff(states)) + 1
        loud[edges[6] + 1] = loud[edges[6] - 2] = 0.0
        return loud

    values = values_of(beats_of([20] * 6, level=level))
    assert values["diastole_outlier"] == values["systole_outlier"] == 0


def test_stray_sounds_are_the_networks_doubts():
    beats = beats_of([20] * 5, certainty=0.94)
    middle = np.flatnonzero(np.diff(beats.states)) + 1
    third = [edge for edge in middle if beats.states[edge] == 3][2]
    beats.probabilities[third + 8] = [0.5, 0.1, 0.1, 0.3]
    values = values_of(beats)
    assert values["diastole_stray"] == pytest.approx(0.6)
    assert values["diastole_stray_median"] == pytest.approx(0.04)
    assert values["systole_stray"] == pytest.approx(0.04)


def test_weak_beats_are_counted():
    beats = beats_of([20] * 4)
    starts = np.round(beats.s1 * RATE + 0.5).astype(int)
    beats.probabilities[starts[0] : starts[0] + 5] = 0.25
    assert values_of(beats)["weak_beats"] == pytest.approx(0.25)


@pytest.mark.parametrize("n_beats", [0, 1, 2, 3])
def test_few_beats_give_finite_numbers(n_beats):
    features = rhythm_features(beats_of([20] * n_beats))
    assert features.shape == (len(RHYTHM_FEATURES),)
    assert np.isfinite(features).all()
    values = dict(zip(RHYTHM_FEATURES, features, strict=True))
    assert values["drop_and_pause"] == 0


def test_likeness_and_the_extra_sound_are_among_them():
    def level(states):
        loud = np.where(np.isin(states, (0, 2)), 0.0, -20.0)
        loud[100:104] = -8.0
        return loud

    beats = beats_of([20] * 6, level=level)
    beats.image[12:] -= 5.0 * np.sin(np.arange(len(beats.states)))
    features = rhythm_features(beats)
    likeness = beat_likeness(beats.image, beats.states)
    assert likeness.any()
    assert len(set(likeness[:4])) > 2
    np.testing.assert_array_equal(features[24:40], likeness)
    assert features[40] == extra_sound(features[16:24])


def test_a_single_frame_gives_finite_numbers():
    beats = Beats(
        np.empty(0),
        np.empty(0),
        np.array([3]),
        np.full((1, 4), 0.25, np.float32),
        np.zeros(1, np.float32),
        RATE,
        np.zeros((16, 1), np.float32),
    )
    assert np.isfinite(rhythm_features(beats)).all()
