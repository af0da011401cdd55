from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.premature_beats import insert_premature_beats, move_beat

RATE = 1000


def clicks(times, duration=8.0):
    """Return silence with 20 ms tone bursts at the times."""
    waveform = np.zeros(int(duration * RATE), dtype=np.float32)
    burst = np.sin(2 * np.pi * 100 * np.arange(20) / RATE).astype(np.float32)
    for time in times:
        start = round(time * RATE)
        waveform[start : start + 20] += burst
    return waveform


def onsets(waveform):
    loud = np.flatnonzero(np.abs(waveform) > 0.05)
    return loud[np.flatnonzero(np.diff(loud, prepend=-1000) > 60)] / RATE


S1 = np.arange(0.5, 7.5, 0.8)
S2 = S1 + 0.3


def test_sounds_lie_where_the_edited_times_say():
    waveform = clicks([*S1, *S2])
    for seed in range(5):
        edited = insert_premature_beats(
            waveform, S1, S2, sample_rate=RATE, n_beats=2, random_state=seed
        )
        assert edited.premature.sum() == 2
        expected = np.sort([*edited.s1, *edited.s2])
        np.testing.assert_allclose(onsets(edited.waveform), expected, atol=0.004)


def test_premature_beat_is_early_and_the_next_in_time():
    edited = insert_premature_beats(
        clicks([*S1, *S2]), S1, S2, sample_rate=RATE, random_state=0
    )
    (beat,) = np.flatnonzero(edited.premature)
    assert 0 < beat < len(S1) - 1
    intervals = np.diff(edited.s1)
    assert 0.15 - 1e-9 <= 1 - intervals[beat - 1] / 0.8 <= 0.45 + 1e-9
    np.testing.assert_allclose(intervals[beat - 1] + intervals[beat], 1.6)
    np.testing.assert_allclose(np.delete(intervals, [beat - 1, beat]), 0.8)
    np.testing.assert_allclose((edited.s2 - edited.s1), 0.3)


def test_gains_touch_the_premature_beat_alone():
    waveform = clicks([*S1, *S2])
    edited = insert_premature_beats(
        waveform,
        S1,
        S2,
        sample_rate=RATE,
        s1_gain=(0.5, 0.5),
        s2_gain=(0.25, 0.25),
        random_state=1,
    )

    def peak(time):
        start = round(time * RATE)
        return np.abs(edited.waveform[start : start + 20]).max()

    for time, early in zip(edited.s1, edited.premature, strict=True):
        assert peak(time) == pytest.approx(0.5 if early else 1.0, rel=0.05)
    for time, early in zip(edited.s2, edited.premature, strict=True):
        assert peak(time) == pytest.approx(0.25 if early else 1.0, rel=0.05)


def test_same_seed_same_bits_and_the_input_is_left_alone():
    sounds = make_heart_sounds(1, duration=8.0, heart_rate=70.0, random_state=0)
    times = sounds.metadata.loc[0, ["s1_times", "s2_times"]]
    before = sounds.recordings[0].copy()
    first, second = (
        insert_premature_beats(before, *times, sample_rate=RATE, random_state=3)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.waveform, second.waveform)
    np.testing.assert_array_equal(before, sounds.recordings[0])
    assert first.waveform.dtype == np.float32
    assert len(first.waveform) == len(before)


def test_nothing_jumps_at_the_seams():
    tone = np.sin(2 * np.pi * 5 * np.arange(8 * RATE) / RATE).astype(np.float32)
    edited = insert_premature_beats(
        tone,
        S1,
        S2,
        sample_rate=RATE,
        s1_gain=(1, 1),
        s2_gain=(1, 1),
        n_beats=3,
        random_state=0,
    )
    # A fade of 10 ms between two samples at most 2 apart.
    assert np.abs(np.diff(edited.waveform)).max() < 0.25


def test_beats_without_room_stay():
    s1 = np.arange(0.5, 5, 0.45)
    edited = insert_premature_beats(
        clicks([*s1, *s1 + 0.3], 6.0), s1, s1 + 0.3, sample_rate=RATE, random_state=0
    )
    assert not edited.premature.any()
    np.testing.assert_array_equal(edited.s1, s1)


@pytest.mark.parametrize("n_beats", [0, 1, 2])
def test_recordings_of_few_beats_are_returned_as_they_are(n_beats):
    waveform = clicks(S1[:n_beats], 3.0)
    edited = insert_premature_beats(
        waveform, S1[:n_beats], S2[:n_beats], sample_rate=RATE, random_state=0
    )
    np.testing.assert_array_equal(edited.waveform, waveform)
    assert edited.premature.shape == (n_beats,)


def test_neighbours_are_not_both_moved():
    edited = insert_premature_beats(
        clicks([*S1, *S2]), S1, S2, sample_rate=RATE, n_beats=9, random_state=0
    )
    assert not (edited.premature[1:] & edited.premature[:-1]).any()


@pytest.mark.parametrize(
    "times",
    [
        {"cut_end": 0.1, "shift": 0.2, "pause_start": 0.5, "pause_end": 0.9},
        {"cut_end": 0.6, "shift": 0.2, "pause_start": 0.5, "pause_end": 0.9},
        {"cut_end": 0.3, "shift": 0.2, "pause_start": 0.5, "pause_end": 0.5},
        {"cut_end": 0.3, "shift": 0.2, "pause_start": 0.5, "pause_end": 1.1},
    ],
)
def test_times_out_of_order_are_refused(times):
    with pytest.raises(ValueError, match="Move less, or another beat"):
        move_beat(np.zeros(1000), sample_rate=1000, **times)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", 0),
        ("n_beats", 0),
        ("prematurity", (0.5, 0.2)),
        ("prematurity", (0.1, 0.95)),
        ("s1_gain", (-1, 1)),
        ("s2_gain", (2, 1)),
    ],
)
def test_bad_settings_are_refused(name, value):
    settings = {"sample_rate": RATE, name: value}
    with pytest.raises(ValueError, match=name):
        insert_premature_beats(np.zeros(100), [], [], **settings)
