"""The fast ways from recordings to images beside the plain ones."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import soundfile
import soxr
from joblib import parallel_config

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.mel_plan import apply_plan, plan_mel


def plain_image(path):
    """Return the default image, step by step and in double precision."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    waveform = soxr.resample(samples.mean(axis=1), rate, 1000, "HQ")
    power = librosa.feature.melspectrogram(
        y=waveform.astype(np.float64),
        sr=1000,
        n_fft=64,
        hop_length=16,
        pad_mode="constant",
        n_mels=40,
        fmin=20.0,
        fmax=480.0,
        dtype=np.float64,
    )
    return librosa.power_to_db(power, amin=1e-30, top_db=80.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    paths = []
    for number in range(70):
        n_times = int(rng.integers(400, 9000))
        beats = np.sin(2 * np.pi * 45 * np.arange(n_times) / 4000) ** 9
        sound = 0.5 * beats + 1e-3 * rng.standard_normal(n_times)
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], sound, 4000, subtype="PCM_16")
    return paths


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_files_give_the_plain_image(files):
    images = SpectrogramTransformer().transform(files)
    for path, image in zip(files, images, strict=True):
        assert abs(image - plain_image(path)).max() < 1e-3


@pytest.mark.parametrize("duration", [None, 1.5])
def test_images_are_the_same_alone_in_a_batch_and_in_threads(files, duration, tmp_path):
    transformer = SpectrogramTransformer(duration=duration)
    images = transformer.transform(files)
    assert equal(images, [transformer.transform([path])[0] for path in files])
    # Turns of several recordings, the last one shorter.
    jobs = SpectrogramTransformer(duration=duration, n_jobs=2)
    assert equal(images, jobs.transform(files))
    with parallel_config(backend="threading", n_jobs=2):
        assert equal(images, transformer.transform(files))
    for _ in range(2):
        # Computed, then read.
        assert equal(images, jobs.set_params(cache=tmp_path).transform(files))


def test_images_of_one_length_are_the_same_from_other_processes(files):
    transformer = SpectrogramTransformer(duration=1.5)
    images = transformer.transform(files)
    with parallel_config(backend="loky", n_jobs=2):
        assert equal(images, transformer.transform(files))


def test_threads_report_every_bad_recording_in_order(files, tmp_path):
    bad = [tmp_path / "first.wav", *files[:40], tmp_path / "second.wav"]
    with pytest.raises(FileNotFoundError, match=r"first\.wav") as caught:
        SpectrogramTransformer(n_jobs=2).transform(bad)
    assert "second.wav" in caught.value.__notes__[0]


def test_long_frames_take_the_fft_and_equal_the_product(monkeypatch, files):
    waveform = soundfile.read(files[0])[0]
    monkeypatch.setattr("heartbeat_clf.mel_plan.compiled", None)
    images = []
    for longest in (256, 8):
        monkeypatch.setattr("heartbeat_clf.mel_plan._LONGEST_PRODUCT", longest)
        plan = plan_mel(4000.0, 200, 40, 20.0, 1900.0)
        images.append(apply_plan(waveform, plan, hop_length=50, top_db=80.0))
    assert abs(images[0] - images[1]).max() < 1e-3


@pytest.mark.real
@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("pascal/set_b/*.wav", 4),
        ("circor/training_data/*.wav", 80),
        ("cinc2016/training-*/*.wav", 40),
    ],
)
def test_real_files_give_the_plain_image(real_data, pattern, step):
    paths = sorted(real_data.glob(pattern))[::step]
    images = SpectrogramTransformer(n_jobs=2).transform(paths)
    for path, image in zip(paths, images, strict=True):
        assert abs(image - plain_image(path)).max() < 1e-3


@pytest.mark.parametrize("gain", [1e16, 1e30])
def test_what_is_too_loud_for_single_precision_is_refused(gain):
    loud = gain * np.sin(np.arange(4000) / 7)
    with pytest.raises(
        ValueError, match=r"samples up to .*, got row 0 .* Scale it down"
    ):
        SpectrogramTransformer().fit_transform([loud])
    # The offset of what was about zero is no matter.
    with pytest.raises(ValueError, match=r"samples up to .* Scale it down"):
        SpectrogramTransformer().fit_transform([loud + 1e6 * gain])
