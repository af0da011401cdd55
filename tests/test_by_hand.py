"""The script that answers without the library gives the library's answers."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heartbeat_clf import load, load_pretrained, save
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.prediction import Calibration
from heartbeat_clf.pretrained import TARGETS, find_model

SCRIPT = Path(__file__).parents[1] / "examples" / "answer_by_hand.py"
HAND = runpy.run_path(str(SCRIPT))


def log_odds(probability):
    return np.log(probability / (1 - probability))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder of recordings as devices give them."""
    place = tmp_path_factory.mktemp("recordings")
    sounds = make_heart_sounds(3, duration=6.0, sample_rate=2000, random_state=0)
    time = np.arange(12_000) / 2000
    changes = {
        "plain": lambda s: s,
        "gaps": lambda s: np.insert(s, [3000] * 400 + [9000] * 700, 0.0),
        "hum": lambda s: s + s.std() * np.sin(2 * np.pi * 60 * time),
        "offset": lambda s: s / 10 + 0.5,
        "short": lambda s: s[:2400],
        "quarter of a second": lambda s: s[:500],
        "noise": lambda s: np.random.default_rng(0).normal(0, 0.1, len(s)),
    }
    for name, change in changes.items():
        samples = np.clip(change(sounds.recordings[len(name) % 6]), -1, 1)
        soundfile.write(place / f"{name}.wav", samples, 2000, subtype="FLOAT")
    samples = 101_325 + sounds.recordings[0]
    soundfile.write(place / "pascal.wav", samples, 2000, subtype="DOUBLE")
    return place


@pytest.mark.parametrize("target", TARGETS)
def test_both_give_the_same_log_odds(target, folder):
    paths = sorted(folder.iterdir())
    assert len(paths) == 8
    expected = load_pretrained(target).predict_proba(paths)[:, 0]
    model, run = HAND["read_model"](find_model(target))
    found = [HAND["answer_file"](path, model, run)[target] for path in paths]
    np.testing.assert_allclose(log_odds(np.array(found)), log_odds(expected), atol=1e-4)


@pytest.mark.parametrize(
    "samples", [np.zeros(4000), np.linspace(0, 1, 30), np.repeat([0.1, 0.9], 2000)]
)
def test_what_holds_no_sound_is_refused(samples, tmp_path):
    path = tmp_path / "nothing.wav"
    soundfile.write(path, samples, 1000, subtype="FLOAT")
    with pytest.raises(ValueError, match="Expected"):
        load_pretrained().predict_proba([path])
    model, run = HAND["read_model"](find_model("murmur"))
    with pytest.raises(ValueError, match="samples or more that vary: no sound here"):
        HAND["answer_file"](path, model, run)


@pytest.mark.parametrize(
    ("factor", "lost"), [(1e-20, "is none in"), (1e17, "is beyond")]
)
def test_samples_whose_power_float32_loses_are_refused(factor, lost):
    sound = make_heart_sounds(1, sample_rate=1000, random_state=0).recordings[0]
    with pytest.raises(ValueError, match=f"whose power {lost} float32"):
        load_pretrained().predict_proba([factor * sound])
    model, run = HAND["read_model"](find_model("murmur"))
    with pytest.raises(ValueError, match="samples whose power float32 holds"):
        HAND["answer"](factor * sound, model, run)


def test_a_model_without_a_second_look_is_followed(folder, tmp_path):
    model = load_pretrained()
    classifier = model[-1]
    classifier.predictor_ = replace(classifier.predictor_, beats=None)
    place = save(model, tmp_path / "windows.hbc")
    path = folder / "plain.wav"
    found = HAND["answer_file"](path, *HAND["read_model"](place))
    expected = model.predict_proba([path])[0, 0]
    assert found["murmur"] == pytest.approx(expected, abs=1e-4)


def windows_alone(**changes):
    """Return the model in the box without its second look, otherwise as said."""
    model = load_pretrained()
    predictor = replace(model[-1].predictor_, beats=None, **changes)
    model[-1].predictor_ = predictor
    return model


def test_settings_of_other_models_are_followed(folder, tmp_path):
    model = windows_alone(standardize=False, calibration=Calibration((0.3,), 2.0))
    model.set_params(trimmer__trim_time=False, spectrogram__top_db=30.0)
    assert model[-1].predictor_.calibration.intercept == ()
    paths = [folder / "plain.wav", folder / "short.wav"]
    found = [
        HAND["answer_file"](
            path, *HAND["read_model"](save(model, tmp_path / "other.hbc"))
        )["murmur"]
        for path in paths
    ]
    expected = model.predict_proba(paths)[:, 0]
    np.testing.assert_allclose(log_odds(np.array(found)), log_odds(expected), atol=1e-4)


def test_a_model_of_ones_own_is_followed(tiny_model, folder):
    path = folder / "plain.wav"
    found = HAND["answer_file"](path, *HAND["read_model"](tiny_model))
    expected = load(tiny_model).predict_proba([path])[0, 0]
    assert found["murmur"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"spectrogram__spike_removal": True}, "spike_removal"),
        ({"spectrogram__duration": 4.0}, "duration"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(settings, name, folder, tmp_path):
    place = save(load_pretrained().set_params(**settings), tmp_path / "a.hbc")
    with pytest.raises(NotImplementedError, match=rf"another setting of \['{name}'\]"):
        HAND["answer_file"](folder / "plain.wav", *HAND["read_model"](place))


def test_a_rate_that_is_none_is_refused(tmp_path):
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.sin(np.arange(4000.0)), 9, subtype="FLOAT")
    with pytest.raises(ValueError, match="a rate of 10 Hz or more, got 9"):
        HAND["answer_file"](path, *HAND["read_model"](find_model("murmur")))


def test_a_bad_file_leaves_the_others_answered(folder, tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    soundfile.write(tmp_path / "empty.wav", np.empty(0), 1000)
    bad = [tmp_path / name for name in ("none.wav", "bad.wav", "empty.wav")]
    paths = [*bad, folder / "plain.wav"]
    command = [sys.executable, str(SCRIPT), str(find_model("murmur")), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{paths[-1]} {{'murmur': ")
    named = [line.partition(": ")[0] for line in done.stderr.splitlines()]
    assert named[:-1] == [str(path) for path in bad]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(bad, tmp_path):
    path, samples = tmp_path / "bad.wav", np.sin(np.arange(4000.0))
    samples[7] = bad
    soundfile.write(path, samples, 1000, subtype="FLOAT")
    with pytest.raises(ValueError, match="are numbers, got NaN or infinity"):
        HAND["answer_file"](path, *HAND["read_model"](find_model("murmur")))


@pytest.mark.parametrize("band", [(25.0, 500.0), (25.0, 400.0), (0.0, 200.0)])
def test_a_band_pass_is_followed(band, folder, tmp_path):
    filtered = load_pretrained().set_params(spectrogram__band_pass=band)
    paths = [folder / "plain.wav", folder / "short.wav"]
    expected = filtered.predict_proba(paths)[:, 0]
    model, run = HAND["read_model"](save(filtered, tmp_path / "filtered.hbc"))
    found = [HAND["answer_file"](path, model, run)["murmur"] for path in paths]
    np.testing.assert_allclose(log_odds(np.array(found)), log_odds(expected), atol=1e-4)


@pytest.mark.real
@pytest.mark.parametrize("target", TARGETS)
def test_both_give_the_same_log_odds_of_real_recordings(target, real_data):
    paths = [
        *sorted(real_data.glob("pascal/set_b/*.wav"))[::220],
        *sorted(real_data.glob("cinc2016/training-[de]/*.wav"))[::140],
    ]
    expected = load_pretrained(target).predict_proba(paths)[:, 0]
    model, run = HAND["read_model"](find_model(target))
    found = [HAND["answer_file"](path, model, run)[target] for path in paths]
    np.testing.assert_allclose(log_odds(np.array(found)), log_odds(expected), atol=1e-4)


def test_it_runs_without_the_library(folder):
    recording = folder / "plain.wav"
    code = (
        "import runpy, sys; sys.modules['heartbeat_clf'] = None\n"
        f"sys.argv = ['', {str(find_model('murmur'))!r}, {str(recording)!r}]\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    expected = load_pretrained().predict_proba([recording])[0, 0]
    assert f"'murmur': {expected:.4f}".rstrip("0") in done.stdout
    assert "Not a medical device" in done.stderr
