"""Whether a recording is worth an answer."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

import heartbeat_clf
from heartbeat_clf import assess_quality
from heartbeat_clf.datasets import (
    load_cinc2016,
    load_circor,
    load_pascal,
    make_heart_sounds,
)
from heartbeat_clf.non_heart_sounds import make_non_heart_sound
from heartbeat_clf.quality import LOWEST_SCORE, _threshold_of


@pytest.fixture(scope="module")
def hearts():
    return make_heart_sounds(
        10, recordings_per_subject=1, duration=6.0, random_state=0
    ).recordings


def _only(recording, **settings):
    return assess_quality([recording], **settings)[0]


def test_the_public_name_is_that_of_the_module():
    assert heartbeat_clf.assess_quality is assess_quality


def test_synthetic_hearts_are_usable(hearts):
    for report in assess_quality(hearts):
        assert report.usable
        assert report.reason is None
        assert report.score > 0
        assert report.duration == pytest.approx(6.0)


@pytest.mark.parametrize("kind", ["noise", "tones", "speech", "music", "handling"])
def test_other_sounds_are_not(kind):
    # Seeds that no training starts from.
    sounds = [make_non_heart_sound(kind, random_state=9000 + n) for n in range(8)]
    reports = assess_quality(sounds)
    assert np.mean([not report.usable for report in reports]) >= 0.75
    for report in reports:
        if not report.usable:
            assert report.reason.startswith("no heartbeat heard: score ")


def test_white_noise_holds_no_heartbeat():
    noise = np.random.default_rng(0).standard_normal(8000) / 5
    report = _only(noise)
    assert not report.usable
    assert report.reason.startswith("no heartbeat heard")
    assert report.score < 0


@pytest.mark.parametrize("value", [0.0, 0.25])
def test_equal_samples_are_silent(value):
    report = _only(np.full(4000, value))
    assert report.reason == "silent: all samples are equal"
    assert not report.usable
    assert report.score == LOWEST_SCORE
    assert report.level == -np.inf
    assert report.constant == 1.0


def test_a_few_steps_of_sixteen_bits_are_silent():
    steps = np.random.default_rng(0).integers(-3, 4, 4000).astype(np.int16)
    report = _only(steps)
    assert report.reason == "silent: the samples span 0.0002 of a full scale of 2"
    assert np.isfinite(report.score)


def test_a_short_recording_is_too_short(hearts):
    report = _only(hearts[0][:500])
    assert report.reason == "too short: 0.50 s, at least 1 s wanted"
    assert report.score == LOWEST_SCORE
    assert _only(hearts[0][:500], min_duration=0.4).reason != report.reason


def test_a_clipped_heart_is_refused(hearts):
    heart = hearts[0] - hearts[0].mean()
    limit = np.quantile(np.abs(heart), 0.7)
    report = _only(np.clip(heart, -limit, limit))
    assert report.reason == "clipped: 30% of the samples are at the rails"
    assert report.clipped == pytest.approx(0.3, abs=0.01)


def test_short_gaps_are_not_listened_to(hearts):
    whole = assess_quality(hearts)
    broken = [np.insert(heart, [700] * 80 + [2100] * 300, 0.0) for heart in hearts]
    reports = assess_quality(broken)
    assert [report.score for report in reports] == [report.score for report in whole]
    assert all(0 < report.constant < 0.5 for report in reports)


def test_hum_is_not_listened_to(hearts):
    seconds = np.arange(max(map(len, hearts))) / 1000
    hum = 10 * np.sin(2 * np.pi * 50 * seconds)
    humming = [heart + heart.std() * hum[: len(heart)] for heart in hearts]
    assert all(report.usable for report in assess_quality(humming))
    assert not assess_quality([hum])[0].usable


def test_too_little_between_gaps_is_refused(hearts):
    broken = np.insert(hearts[0][:900], [450] * 800, 0.0)
    report = assess_quality([broken])[0]
    assert report.reason == "gaps: 0.90 s are left without them, at least 1 s wanted"
    assert report.score == LOWEST_SCORE


def test_nothing_between_gaps_is_no_error():
    halves = np.repeat([0.0, 1.0], 2000)
    assert assess_quality([halves])[0].reason == "gaps: constant for 100% of the time"


def test_a_heart_with_long_gaps_is_refused(hearts):
    heart = hearts[0].copy()
    heart[2000:] = heart[2000]
    report = _only(heart)
    assert report.reason == "gaps: constant for 67% of the time"
    assert report.constant == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize(
    "samples",
    [
        np.sin(2 * np.pi * 1.2 * np.arange(8000) / 1000),
        np.sin(2 * np.pi * 5 * np.arange(8000) / 1000),
        np.linspace(-30_000, 30_000, 8000).astype(np.int16),
        np.linspace(-1, 1, 8000) ** 2,
    ],
)
def test_what_nobody_hears_is_no_sound(samples):
    (report,) = assess_quality([samples])
    assert report.reason == "no sound: next to nothing of it is above 25 Hz"


def test_a_heart_over_a_slow_drift_is_heard(hearts):
    heart = hearts[0]
    drift = 20 * heart.std() * np.sin(2 * np.pi * 0.3 * np.arange(len(heart)) / 2000)
    (report,) = assess_quality([heart + drift], input_rate=2000)
    assert report.usable


@pytest.mark.parametrize(("rate", "usable"), [(99, False), (10, False), (100, None)])
def test_too_few_samples_a_second_hold_no_sound(rate, usable):
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * rate)
    (report,) = assess_quality([noise], input_rate=rate)
    too_few = f"no sound: recorded at {rate} Hz, at least 100 Hz are wanted"
    assert (report.reason == too_few) is (usable is False)


def test_reports_are_the_same_alone_and_in_a_batch(hearts):
    noise = np.random.default_rng(0).standard_normal(5000)
    recordings = [*hearts, noise, np.zeros(3000), hearts[0][:700]]
    together = assess_quality(recordings)
    assert together == [_only(recording) for recording in recordings]
    assert together[::-1] == assess_quality(recordings[::-1])


def test_a_file_an_array_and_a_series_are_told_the_same(hearts, tmp_path):
    path = tmp_path / "heart.wav"
    samples = np.round(hearts[0] * 2**15).astype(np.int16)
    soundfile.write(path, samples, 1000)
    expected = _only(samples)
    assert _only(path) == _only(str(path)) == expected
    assert assess_quality(pd.Series([path])) == [expected]
    assert assess_quality(np.stack([samples, samples])) == [expected, expected]


def test_input_rate_is_that_of_arrays(hearts):
    heart = make_heart_sounds(
        1, recordings_per_subject=1, duration=6.0, sample_rate=4000, random_state=0
    ).recordings[0]
    report = _only(heart, input_rate=4000)
    assert report.duration == pytest.approx(6.0)
    assert report.usable


def test_the_gain_makes_no_difference_to_the_score(hearts):
    # A power of two changes no bits but the exponent.
    assert _only(hearts[0] / 64).score == _only(hearts[0]).score


def test_threshold_decides_on_the_score(hearts):
    score = _only(hearts[0]).score
    assert _only(hearts[0], threshold=score).usable
    report = _only(hearts[0], threshold=score + 1)
    assert report.reason == (
        f"no heartbeat heard: score {score:.2f} is below {score + 1:.2f}"
    )


def test_less_is_asked_of_a_short_recording():
    assert _threshold_of(1.0) < _threshold_of(4.0) < _threshold_of(20.0)
    assert _threshold_of(1.0) == _threshold_of(0.5)
    assert _threshold_of(20.0) == _threshold_of(3600.0)


def test_reports_make_a_table(hearts):
    reports = assess_quality([hearts[0], np.zeros(2000)])
    table = pd.DataFrame(reports)
    assert table.columns.tolist() == [f.name for f in dataclasses.fields(reports[0])]
    assert table["usable"].tolist() == [True, False]
    with pytest.raises(dataclasses.FrozenInstanceError):
        reports[0].usable = False


def test_bad_input_raises_the_usual_errors(tmp_path):
    with pytest.raises(TypeError, match=r"Wrap it in a list: \[path\]"):
        assess_quality("heart.wav")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        assess_quality([tmp_path / "none.wav"])
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(ValueError, match="Expected an audio file"):
        assess_quality([tmp_path / "text.wav"])
    with pytest.raises(ValueError, match="got 1 NaN or infinite in row 1"):
        assess_quality([np.arange(2000.0), np.append(np.arange(2000.0), np.nan)])
    with pytest.raises(ValueError, match="got 2000 NaN or infinite in row 0"):
        assess_quality([np.full(2000, np.inf)])
    with pytest.raises(ValueError, match="got zero samples in row 0"):
        assess_quality([np.array([], dtype=np.float32)])
    with pytest.raises(TypeError, match="Expected samples of a floating type"):
        assess_quality([np.zeros(2000, dtype=bool)])


def test_settings_are_checked(hearts):
    with pytest.raises(ValueError, match="min_duration must be a number at least"):
        assess_quality(hearts, min_duration=0)
    with pytest.raises(ValueError, match="input_rate must be at least 10 Hz"):
        assess_quality(hearts, input_rate=1e-3)
    with pytest.raises(TypeError, match="threshold must be a number or None"):
        assess_quality(hearts, threshold="high")


def test_neither_tensorflow_nor_matplotlib_is_loaded():
    program = (
        "import numpy as np, sys, heartbeat_clf\n"
        "heartbeat_clf.assess_quality([np.sin(np.arange(4000.0))])\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'onnx', 'pandas'}\n"
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.real
def test_real_hearts_are_usable_and_artifacts_mostly_not(real_data):
    circor = load_circor(real_data).recordings[::60]
    cinc = load_cinc2016(real_data)
    good = cinc.recordings[cinc.metadata["signal_quality"] == 1][::30]
    hospital = load_pascal(real_data).recordings[::15]
    for recordings in (circor, good, hospital):
        usable = [report.usable for report in assess_quality(list(recordings))]
        assert np.mean(usable) >= 0.9
