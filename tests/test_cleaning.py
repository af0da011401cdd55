from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from heartbeat_clf.cleaning import band_pass_filter, remove_spikes

SECONDS = np.arange(4000) / 1000


def tone(frequency):
    return np.sin(2 * np.pi * frequency * SECONDS)


def test_band_pass_keeps_the_middle_and_drops_the_rest():
    mixed = tone(5) + tone(100) + tone(480)
    filtered = band_pass_filter(mixed, low=25, high=300, sample_rate=1000)
    assert filtered.dtype == np.float32
    assert abs(filtered - tone(100))[500:-500].max() < 0.05


@pytest.mark.parametrize("n_times", [1, 2, 5, 14, 15, 16])
def test_band_pass_takes_short_clips(n_times):
    filtered = band_pass_filter(tone(100)[:n_times], low=25, high=400, sample_rate=1000)
    assert filtered.shape == (n_times,)
    assert np.isfinite(filtered).all()


@pytest.mark.parametrize(
    ("low", "high", "kind", "cuts"),
    [
        (25, 400, "bandpass", (25, 400)),
        (25, 500, "highpass", 25),
        (0, 100, "lowpass", 100),
    ],
)
def test_the_filter_is_that_of_scipy_away_from_the_ends(low, high, kind, cuts):
    noise = np.random.default_rng(0).normal(size=4000)
    sections = signal.butter(2, cuts, kind, fs=1000, output="sos")
    expected = signal.sosfiltfilt(sections, noise)
    filtered = band_pass_filter(noise, low=low, high=high, sample_rate=1000)
    np.testing.assert_allclose(filtered[500:-500], expected[500:-500], atol=1e-5)


def test_an_open_end_takes_nothing_away():
    mixed = tone(5) + tone(480)
    upper = band_pass_filter(mixed, low=100, high=500, sample_rate=1000)
    assert abs(upper - tone(480))[500:-500].max() < 0.01
    lower = band_pass_filter(mixed + 3, low=0, high=100, sample_rate=1000)
    assert abs(lower - tone(5) - 3)[500:-500].max() < 0.01


def test_an_offset_and_a_slope_leave_no_step_at_the_ends():
    rising = 1000 + 50 * SECONDS
    passed = band_pass_filter(rising + tone(100), low=25, high=500, sample_rate=1000)
    assert abs(passed).max() < 1.3


@pytest.mark.parametrize(
    ("low", "high", "match"),
    [
        (-1, 400, "low cut of band_pass"),
        (25, 501, "high cut of band_pass"),
        (25, 25, "rise from low to high"),
        (400, 25, "rise from low to high"),
    ],
)
def test_band_out_of_bounds_is_an_error(low, high, match):
    with pytest.raises(ValueError, match=match):
        band_pass_filter(tone(100), low=low, high=high, sample_rate=1000)


def test_click_is_removed_and_the_rest_left_alone():
    sound = 0.1 * tone(40).astype(np.float32)
    clicked = sound.copy()
    clicked[1500:1503] = [3.0, 5.0, 2.0]
    cleaned = remove_spikes(clicked, sample_rate=1000)
    assert abs(cleaned).max() <= abs(sound).max()
    changed = np.flatnonzero(cleaned != sound)
    # One lobe of a 40 Hz tone is 12.5 samples long.
    assert 1480 < changed.min() <= changed.max() < 1520
    assert (cleaned[1500:1503] == 0).all()


def test_sound_without_clicks_is_left_alone():
    sound = tone(40).astype(np.float32)
    assert (remove_spikes(sound, sample_rate=1000) == sound).all()


def test_input_is_not_written_to():
    sound = 0.1 * tone(40)
    sound[100] = 9.0
    remove_spikes(sound, sample_rate=1000)
    assert sound[100] == 9.0


def test_mostly_silent_recording_is_left_alone():
    sound = np.zeros(4000, dtype=np.float32)
    sound[:500] = tone(40)[:500]
    assert (remove_spikes(sound, sample_rate=1000) == sound).all()


def test_click_after_the_last_whole_frame_is_removed():
    sound = 0.1 * tone(40)[:3700]
    sound[3650] = 4.0
    assert abs(remove_spikes(sound, sample_rate=1000)).max() < 0.11


@pytest.mark.parametrize("n_times", [1, 10, 499, 750])
def test_clip_under_two_frames_is_left_alone(n_times):
    sound = tone(40)[:n_times].astype(np.float32)
    assert (remove_spikes(sound, sample_rate=1000) == sound).all()


def test_offset_with_clicks_ends():
    sound = np.full(4000, 0.1, dtype=np.float32)
    sound[700] = 5.0
    assert abs(remove_spikes(sound, sample_rate=1000)).max() <= np.float32(0.1)
