"""Synthetic sounds without a heart."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.non_heart_sounds import KINDS, SAMPLE_RATE, make_non_heart_sound


def _level(waveform, low, high):
    """Return the power of a waveform between two frequencies."""
    power = np.abs(np.fft.rfft(waveform)) ** 2
    frequencies = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE)
    return power[(frequencies >= low) & (frequencies < high)].sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("duration", [0.5, 3.0])
def test_a_sound_is_of_its_length_finite_and_within_full_scale(kind, duration):
    for seed in range(20):
        sound = make_non_heart_sound(kind, duration, random_state=seed)
        assert sound.shape == (round(duration * SAMPLE_RATE),)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        assert 0 < np.ptp(sound) <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_bits_and_another_one_others(kind):
    first, same, other = (
        make_non_heart_sound(kind, 1.0, random_state=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_quiet_sound_is_of_a_few_steps_of_sixteen_bits():
    sound = make_non_heart_sound("quiet", random_state=0) * 2**15
    assert np.array_equal(sound, np.round(sound))
    assert len(np.unique(sound)) < 50


def test_speech_has_pauses_and_a_voice_above_70_hertz():
    share = []
    for seed in range(20):
        sound = make_non_heart_sound("speech", random_state=seed)
        share.append(_level(sound, 70, 500) / _level(sound, 0, 500))
    assert np.median(share) > 0.9


def test_unknown_kind_and_short_duration_are_errors():
    with pytest.raises(ValueError, match="kind must be one of 'noise', 'breath'"):
        make_non_heart_sound("whale")
    with pytest.raises(ValueError, match=r"duration must be a number at least 0\.5"):
        make_non_heart_sound("noise", 0.1)
    with pytest.raises(TypeError, match="duration must be a number"):
        make_non_heart_sound("noise", "long")
