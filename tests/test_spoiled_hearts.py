"""Heart sounds changed on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.spoiled_hearts import SPOILERS, add_noise, another_channel


@pytest.fixture(scope="module")
def heart():
    return make_heart_sounds(1, duration=4.0, random_state=0).recordings[0]


@pytest.mark.parametrize("name", SPOILERS)
def test_a_spoiler_keeps_length_and_about_the_power(name, heart):
    spoiled = SPOILERS[name](heart, np.random.default_rng(0))
    assert spoiled.shape == heart.shape
    assert not np.allclose(spoiled, heart)
    assert 0.5 < spoiled.std() / heart.std() < 2


def test_random_phases_keep_the_spectrum(heart):
    spoiled = SPOILERS["phases"](heart, np.random.default_rng(0))
    before, after = (np.abs(np.fft.rfft(sound))[1:-1] for sound in (heart, spoiled))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-4)


def test_shuffling_keeps_a_steady_tone_nearly_free_of_clicks():
    # A constant has no phase to break: what is blended adds up to it again.
    shuffled = SPOILERS["shuffled"](np.ones(1000), np.random.default_rng(0))
    np.testing.assert_allclose(shuffled[8:-8], 1.0)


def test_noise_is_scaled_to_the_contrast_of_the_fifth_best_band():
    heart, noise = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    heart_power = np.tile([[100.0], [1.0]], (5, 20))
    noise_power = np.ones((10, 20))
    # Five bands stand out by 20 dB: for 0 dB the noise gets ten times as strong.
    mixture = add_noise(heart, noise, heart_power, noise_power, 0.0)
    np.testing.assert_allclose(mixture, heart + 10 * noise)
    mixture = add_noise(heart, noise, heart_power, noise_power, 20.0)
    np.testing.assert_allclose(mixture, heart + noise)


def test_another_channel_follows_its_seed_and_stays_finite(heart):
    for seed in range(50):
        first, same = (
            another_channel(heart, np.random.default_rng(seed)) for _ in range(2)
        )
        assert np.array_equal(first, same)
        assert first.shape == heart.shape
        assert np.isfinite(first).all()
        assert 0.01 < np.abs(first).max() < 4
