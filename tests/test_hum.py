from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.hum import find_hum, remove_hum

RATE = 1000
TIME = np.arange(10 * RATE) / RATE


def noise(n_times=10 * RATE):
    return np.random.default_rng(0).normal(size=n_times)


def hum(*frequencies, time=TIME):
    return sum(np.sin(2 * np.pi * frequency * time) for frequency in frequencies)


def test_both_mains_and_their_harmonics_are_found():
    found = find_hum(noise() + hum(50, 150), sample_rate=RATE)
    np.testing.assert_allclose(found, [50, 150], atol=0.02)
    found = find_hum(noise() + hum(60, 420), sample_rate=RATE)
    np.testing.assert_allclose(found, [60, 420], atol=0.02)


def test_a_line_between_two_bins_is_found_where_it_is():
    found = find_hum(noise() + hum(50.1), sample_rate=RATE)
    np.testing.assert_allclose(found, [50.1], atol=0.02)


@pytest.mark.parametrize("frequency", [47.0, 52.0, 75.0])
def test_other_tones_are_no_hum(frequency):
    assert find_hum(noise() + hum(frequency), sample_rate=RATE).size == 0


@pytest.mark.parametrize("loud", [True, False])
def test_a_line_has_to_stand_out_by_a_factor_of_four(loud):
    # Of other lines, five and eight Hz away: the second is beyond what is compared.
    others = hum(55) + 9 * hum(58)
    level = 4.4 if loud else 3.6
    found = find_hum(others + level * hum(50) + 0.01 * noise(), sample_rate=RATE)
    assert (len(found) == 1) == loud


@pytest.mark.parametrize(("frequency", "found"), [(50.6, True), (51.1, False)])
def test_the_mains_keep_their_frequency(frequency, found):
    lines = find_hum(noise() + 3 * hum(frequency), sample_rate=RATE)
    assert (lines.size > 0) == found


@pytest.mark.parametrize(("level", "found"), [(1.7, True), (1.3, False)])
def test_a_harmonic_has_to_stand_out_by_a_half(level, found):
    mixed = hum(155) + level * hum(150) + 9 * hum(50) + 0.01 * noise()
    lines = find_hum(mixed, sample_rate=RATE)
    assert len(lines) == (2 if found else 1)


def test_nothing_above_600_hz_is_hum():
    time = np.arange(8 * 4000) / 4000
    for frequency, n_found in ((600, 1), (650, 0)):
        mixed = noise(len(time)) + 3 * hum(frequency, time=time)
        assert len(find_hum(mixed, sample_rate=4000)) == n_found


def test_a_faint_harmonic_counts_beside_a_loud_one():
    faint = noise() + 0.1 * hum(100)
    assert find_hum(faint, sample_rate=RATE).size == 0
    found = find_hum(faint + hum(50), sample_rate=RATE)
    np.testing.assert_allclose(found, [50, 100], atol=0.1)
    # Of the other mains it says nothing: 120 Hz is as faint.
    found = find_hum(noise() + 0.1 * hum(120) + hum(50), sample_rate=RATE)
    np.testing.assert_allclose(found, [50], atol=0.1)


@pytest.mark.parametrize("beats_per_minute", [60, 75, 100, 150])
def test_a_heart_that_beats_like_a_clock_has_no_hum(beats_per_minute):
    beat = np.zeros(round(RATE * 60 / beats_per_minute))
    beat[:100] = np.hanning(100) * np.sin(2 * np.pi * 50 * TIME[:100])
    assert find_hum(np.resize(beat, len(TIME)), sample_rate=RATE).size == 0


def test_synthetic_hearts_have_no_hum():
    sounds = make_heart_sounds(8, random_state=0, sample_rate=RATE)
    for recording in sounds.recordings:
        assert remove_hum(recording, sample_rate=RATE) is recording


@pytest.mark.parametrize("seconds", [2.0, 3.0, 5.3, 9.1, 10.0])
def test_what_is_left_is_the_sound(seconds):
    n_times = round(seconds * RATE)
    sound = noise(n_times)
    mixed = sound + 3 * hum(50, 100, time=TIME[:n_times])
    clean = remove_hum(mixed, sample_rate=RATE)
    assert clean.dtype == np.float32
    assert np.std(clean - sound) < 0.15 * np.std(sound)
    # At either end, too.
    for end in (slice(0, 500), slice(-500, None)):
        assert np.std((clean - sound)[end]) < 0.25 * np.std(sound)


def test_a_drifting_hum_is_followed():
    # A tenth of 1 Hz up and down within 10 s, and twice as loud in the end.
    phase = 2 * np.pi * np.cumsum(50 + 0.1 * np.sin(2 * np.pi * TIME / 10)) / RATE
    drifting = np.linspace(1, 2, len(TIME)) * np.sin(phase)
    clean = remove_hum(noise() + 3 * drifting, sample_rate=RATE)
    assert np.std(clean - noise()) < 0.16 * np.std(3 * drifting)


def test_other_rates_will_do():
    time = np.arange(4 * 4000) / 4000
    mixed = noise(len(time)) + 3 * hum(50, time=time)
    clean = remove_hum(mixed, sample_rate=4000)
    assert np.std(clean - noise(len(time))) < 0.1


@pytest.mark.parametrize("sample_rate", [10, 80, 111.5])
def test_too_low_a_rate_holds_no_hum(sample_rate):
    assert find_hum(noise(), sample_rate=sample_rate).size == 0


def test_short_and_silent_recordings_are_left_alone():
    short = hum(50)[: 2 * RATE - 1]
    assert remove_hum(short, sample_rate=RATE) is short
    silent = np.zeros(5 * RATE)
    assert remove_hum(silent, sample_rate=RATE) is silent


def test_a_pure_hum_leaves_next_to_nothing():
    clean = remove_hum(hum(50), sample_rate=RATE)
    assert np.abs(clean).max() < 0.02
