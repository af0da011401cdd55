"""Synthetic heart sounds: what was asked for is what is there."""

from __future__ import annotations

import collections
import dataclasses
import re

import numpy as np
import pytest

from heartbeat_clf.datasets import _sounds, make_heart_sounds


def energy(signal, times, start, end, band, rate):
    part = signal[(times >= start) & (times < end)]
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
    frequencies = np.fft.rfftfreq(len(part), 1 / rate)
    inside = (frequencies >= band[0]) & (frequencies < band[1])
    return power[inside].sum() / len(part)


def gaps_between_sounds(sounds, row):
    """Return the seconds of systole and of diastole, away from S1 and S2."""
    s1 = np.array(sounds.metadata["s1_times"][row])
    s2 = np.array(sounds.metadata["s2_times"][row])
    systoles = [(a + 0.1, s2[s2 > a][0] - 0.02) for a in s1 if (s2 > a).any()]
    diastoles = [(b + 0.15, s1[s1 > b][0] - 0.02) for b in s2 if (s1 > b).any()]
    return systoles, diastoles


def mean_energy(sounds, row, band=(80, 400)):
    signal = sounds.recordings[row].astype(float)
    times = np.arange(len(signal)) / sounds.sample_rate
    return [
        np.mean([energy(signal, times, *gap, band, sounds.sample_rate) for gap in gaps])
        for gaps in gaps_between_sounds(sounds, row)
    ]


def test_bunch_has_a_row_for_each_recording():
    sounds = make_heart_sounds(6, duration=1.0, random_state=0)
    assert sounds.recordings.dtype == object
    assert len(sounds.recordings) == len(sounds.target) == len(sounds.metadata) == 12
    assert sounds.metadata["label"].tolist() == sounds.target.tolist()
    assert sounds.metadata["subject"].tolist() == sounds.subjects.tolist()
    assert sounds.subjects_known is True
    assert collections.Counter(sounds.subjects.tolist()) == {
        f"s{number}": 2 for number in range(1, 7)
    }


def test_recordings_are_float32_within_one():
    for recording in make_heart_sounds(4, random_state=1).recordings:
        assert recording.dtype == np.float32
        assert recording.ndim == 1
        assert 0.1 < np.abs(recording).max() < 1
        assert np.isfinite(recording).all()


def test_same_seed_gives_the_same_bits():
    first = make_heart_sounds(3, duration=(1, 2), random_state=7)
    again = make_heart_sounds(3, duration=(1, 2), random_state=7)
    other = make_heart_sounds(3, duration=(1, 2), random_state=8)
    for one, two in zip(first.recordings, again.recordings, strict=True):
        np.testing.assert_array_equal(one, two)
    assert first.metadata.equals(again.metadata)
    assert not np.array_equal(first.recordings[0], other.recordings[0])


def test_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_heart_sounds(1, duration=1.0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_fractions_count_subjects_of_one_label():
    sounds = make_heart_sounds(
        20,
        murmur_fraction=0.3,
        extrasystole_fraction=0.2,
        recordings_per_subject=(1, 3),
        duration=1.0,
        random_state=0,
    )
    label_of = dict(zip(sounds.subjects, sounds.target, strict=True))
    assert collections.Counter(label_of.values()) == {
        "murmur": 6,
        "extrasystole": 4,
        "normal": 10,
    }
    per_subject = collections.Counter(sounds.subjects.tolist())
    assert set(per_subject.values()) == {1, 2, 3}
    assert sounds.metadata.groupby("subject")["label"].nunique().max() == 1


def test_duration_and_sample_rate_are_kept():
    sounds = make_heart_sounds(2, duration=1.5, sample_rate=2000, random_state=0)
    assert {len(recording) for recording in sounds.recordings} == {3000}
    lengths = [
        len(recording)
        for recording in make_heart_sounds(
            10, duration=(1, 2), random_state=0
        ).recordings
    ]
    assert min(lengths) >= 1000
    assert max(lengths) <= 2000
    assert len(set(lengths)) > 5


def test_beats_follow_the_heart_rate():
    sounds = make_heart_sounds(5, heart_rate=75, duration=20.0, random_state=0)
    for s1 in sounds.metadata["s1_times"]:
        assert np.mean(np.diff(s1)) == pytest.approx(0.8, rel=0.05)


def test_systole_is_shorter_than_diastole_and_shortens_with_rate():
    systole = {}
    for rate in (60, 110):
        metadata = make_heart_sounds(
            1, heart_rate=rate, duration=10.0, random_state=0
        ).metadata
        s1, s2 = (np.array(metadata[name][0]) for name in ("s1_times", "s2_times"))
        s2 = s2[s2 > s1[0]]
        systole[rate] = np.median(s2[: len(s1)] - s1[: len(s2)])
        assert systole[rate] < 0.6 * 60 / rate
    assert systole[60] == pytest.approx(0.413 - 0.0017 * 60 + 0.03, abs=1e-6)
    assert systole[110] < systole[60]


def test_sound_is_loud_at_s1_and_quiet_in_diastole():
    sounds = make_heart_sounds(
        1, murmur_fraction=0, noise_level=-40, duration=6.0, random_state=3
    )
    signal = sounds.recordings[0].astype(float)
    s1 = [t for t in sounds.metadata["s1_times"][0] if t < 5.8]
    loud = [np.abs(signal[round(t * 1000) :][:60]).max() for t in s1]
    quiet = [
        np.sqrt(np.mean(signal[round(1000 * start) : round(1000 * end)] ** 2))
        for start, end in gaps_between_sounds(sounds, 0)[1]
    ]
    assert np.median(loud) > 20 * np.median(quiet)


@pytest.mark.parametrize(("timing", "louder"), [("systolic", 0), ("diastolic", 1)])
def test_murmur_is_where_it_should_be(timing, louder):
    sounds = make_heart_sounds(
        3,
        murmur_fraction=1,
        murmur_timing=timing,
        murmur_grade=6,
        murmur_pitch=150,
        noise_level=-60,
        heart_rate=60,
        random_state=0,
    )
    for row in range(len(sounds.recordings)):
        levels = mean_energy(sounds, row)
        assert levels[louder] > 3 * levels[1 - louder]


def test_continuous_murmur_fills_the_cycle():
    options = {"noise_level": -60, "heart_rate": 60, "random_state": 0, "n_subjects": 1}
    quiet = make_heart_sounds(murmur_fraction=0, **options)
    filled = make_heart_sounds(
        murmur_fraction=1, murmur_timing="continuous", murmur_grade=6, **options
    )
    for before, after in zip(
        mean_energy(quiet, 0), mean_energy(filled, 0), strict=True
    ):
        assert after > 10 * before


def test_grade_makes_a_murmur_louder_and_pitch_higher():
    options = {
        "n_subjects": 1,
        "murmur_fraction": 1,
        "noise_level": -80,
        "heart_rate": 60,
        "random_state": 0,
    }

    def systole(grade, pitch, band=(80, 400)):
        sounds = make_heart_sounds(murmur_grade=grade, murmur_pitch=pitch, **options)
        return mean_energy(sounds, 0, band)[0]

    assert systole(6, 150) > 20 * systole(2, 150)
    high = systole(6, 300, (250, 400)) / systole(6, 300, (50, 150))
    low = systole(6, 100, (250, 400)) / systole(6, 100, (50, 150))
    assert high > 5 * low


def test_extrasystole_comes_early_and_a_pause_makes_up_for_it():
    sounds = make_heart_sounds(
        3,
        murmur_fraction=0,
        extrasystole_fraction=1,
        heart_rate=60,
        duration=10.0,
        random_state=0,
    )
    assert (sounds.metadata["n_extrasystoles"] > 0).all()
    for s1 in sounds.metadata["s1_times"]:
        cycles = np.diff(s1)
        early = np.flatnonzero(cycles[:-1] < 0.8)
        assert len(early) > 0
        sums = cycles[early] + cycles[early + 1]
        np.testing.assert_allclose(sums, 2.0, atol=0.2)


def test_even_a_short_recording_has_its_extrasystole():
    sounds = make_heart_sounds(
        20,
        murmur_fraction=0,
        extrasystole_fraction=1,
        heart_rate=(55, 110),
        duration=4.0,
        random_state=0,
    )
    for s1, rate in sounds.metadata[["s1_times", "heart_rate"]].itertuples(index=False):
        assert np.diff(s1).min() < 0.85 * 60 / rate


def test_normal_recordings_have_no_murmur_and_no_extrasystole():
    metadata = make_heart_sounds(4, murmur_fraction=0, duration=1.0).metadata
    assert set(metadata["murmur_grade"]) == {0}
    assert set(metadata["murmur_timing"]) == {""}
    assert metadata["murmur_pitch"].isna().all()
    assert set(metadata["n_extrasystoles"]) == {0}


def test_envelope_of_a_diamond_peaks_in_the_middle_of_systole():
    heart = _sounds.draw_heart(
        np.random.default_rng(0), heart_rate=60, timing="systolic", grade=3, pitch=100
    )
    heart = dataclasses.replace(heart, shape="diamond")
    beats = _sounds.Beats(
        s1=np.array([0.0]),
        s2=np.array([0.345]),
        following=np.array([1.0]),
        premature=np.array([False]),
    )
    times = np.array([0.0, 0.04, 0.19, 0.34, 0.5])
    envelope = _sounds.murmur_envelope(heart, beats, times)
    np.testing.assert_allclose(envelope, [0, 0, 1, 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_subjects": 0}, ValueError, "n_subjects must be an integer at least 1"),
        ({"sample_rate": 100}, ValueError, "sample_rate must be .* at least 400"),
        ({"duration": "4"}, TypeError, "duration must be a number"),
        ({"duration": (2, 1)}, ValueError, r"duration as \(low, high\), got \(2, 1\)"),
        ({"duration": (1, 2, 3)}, ValueError, "duration to be a number or a pair"),
        ({"heart_rate": 10}, ValueError, "heart_rate must be .* at least 30"),
        ({"murmur_grade": 7}, ValueError, "murmur_grade must be .* at most 6"),
        ({"murmur_grade": 2.5}, TypeError, "murmur_grade must be an integer"),
        ({"murmur_pitch": 900}, ValueError, "murmur_pitch must be .* at most 450"),
        ({"murmur_fraction": 1.5}, ValueError, "murmur_fraction must be"),
        ({"noise_level": 40}, ValueError, "noise_level must be"),
        ({"recordings_per_subject": 0}, ValueError, "recordings_per_subject must be"),
        ({"murmur_timing": "late"}, ValueError, "murmur_timing among .*got 'late'"),
        ({"murmur_timing": []}, ValueError, r"murmur_timing among .*got \[\]"),
        (
            {"murmur_fraction": 0.6, "extrasystole_fraction": 0.5},
            ValueError,
            "add up to at most 1, got 0.6 and 0.5",
        ),
    ],
)
def test_wrong_settings_are_named(options, error, message):
    with pytest.raises(error, match=message):
        make_heart_sounds(**options)


def test_documented_defaults_are_those_of_the_signature():
    import inspect

    text = make_heart_sounds.__doc__
    for name, parameter in inspect.signature(make_heart_sounds).parameters.items():
        entry = re.search(rf"^    {name} : .*default=(.*)$", text, re.MULTILINE)
        assert entry is not None, name
        assert entry[1].strip('"') == str(parameter.default), name
