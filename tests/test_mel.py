from __future__ import annotations

import librosa
import numpy as np
import pytest
import soundfile

from heartbeat_clf import SpectrogramTransformer, mel_plan
from heartbeat_clf.audio import load_recording
from heartbeat_clf.mel import log_mel_spectrogram
from heartbeat_clf.mel_filters import (
    hz_to_mel,
    mel_filters,
    mel_frequencies,
    mel_to_hz,
)

DEFAULTS = {
    "sample_rate": 1000,
    "frame_duration": 0.064,
    "hop_duration": 0.016,
    "n_mels": 40,
    "fmin": 20.0,
    "fmax": 480.0,
    "top_db": 80.0,
}


@pytest.fixture(autouse=True, params=["compiled", "NumPy"])
def _way(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(mel_plan, "compiled", None)
    elif mel_plan.compiled is None:
        pytest.skip("installed where there is no compiler")


def librosa_image(waveform, settings):
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=settings["sample_rate"],
        n_fft=round(settings["frame_duration"] * settings["sample_rate"]),
        hop_length=round(settings["hop_duration"] * settings["sample_rate"]),
        window="hann",
        center=True,
        pad_mode="constant",
        power=2,
        n_mels=settings["n_mels"],
        fmin=settings["fmin"],
        fmax=settings["fmax"],
    )
    top_db = settings["top_db"]
    amin = 1e-10 if top_db is None else np.finfo(np.float32).tiny
    return librosa.power_to_db(power, ref=1.0, amin=amin, top_db=top_db)


def heart_like(n_times, rate, seed=0):
    rng = np.random.default_rng(seed)
    times = np.arange(n_times) / rate
    beats = np.sin(2 * np.pi * 45 * times) * np.exp(-20 * (times % 0.8))
    return (0.5 * beats + 1e-4 * rng.standard_normal(n_times)).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "fmin", "fmax"),
    [
        (1000, 64, 40, 20.0, 480.0),
        (1000, 63, 20, 0.0, 500.0),
        (4000, 512, 64, 25.0, 2000.0),
        (22050, 2048, 128, 0.0, 11025.0),
    ],
)
def test_filters_equal_librosa(rate, n_fft, n_mels, fmin, fmax):
    ours = mel_filters(
        sample_rate=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
    )
    theirs = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)


def test_mel_scale_has_its_known_points():
    np.testing.assert_allclose(hz_to_mel([0.0, 200.0, 1000.0, 6400.0]), [0, 3, 15, 42])
    frequencies = np.linspace(0, 8000, 50)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(frequencies)), frequencies)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"frame_duration": 0.063},
        {"frame_duration": 0.065, "hop_duration": 0.07},
        {"frame_duration": 0.002, "n_mels": 1, "fmin": 0.0, "fmax": 500.0},
        {"frame_duration": 0.3, "hop_duration": 0.05},
        {"frame_duration": 0.301, "fmin": 0.0},
        {"top_db": None},
        {"top_db": 30.0},
        {"sample_rate": 4000, "fmax": 2000.0, "frame_duration": 0.128},
        {"frame_duration": 0.06, "n_mels": 20},
        {"frame_duration": 0.25, "hop_duration": 0.001},
        {"frame_duration": 0.027, "n_mels": 8, "hop_duration": 0.1},
        {"sample_rate": 4000, "frame_duration": 0.5, "n_mels": 128},
    ],
)
@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
def test_image_equals_librosa(changes):
    settings = DEFAULTS | changes
    waveform = heart_like(12345, settings["sample_rate"])
    ours = log_mel_spectrogram(waveform, **settings)
    theirs = librosa_image(waveform, settings)
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    assert abs(ours - theirs).max() < 1e-3


@pytest.mark.real
@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("pascal/set_b/*.wav", 1),
        ("pascal/set_a/*.wav", 4),
        ("circor/training_data/*.wav", 40),
        ("cinc2016/training-*/*.wav", 20),
    ],
)
def test_image_equals_librosa_on_real_files(real_data, pattern, step):
    paths = sorted(real_data.glob(pattern))[::step]
    assert len(paths) > 40
    for path in paths:
        waveform = load_recording(path, sample_rate=1000)
        ours = log_mel_spectrogram(waveform, **DEFAULTS)
        theirs = librosa_image(waveform, DEFAULTS)
        assert abs(ours - theirs).max() < 1e-3, path


# librosa's audioread imports modules that Python 3.13 drops.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.real
def test_file_to_image_equals_librosa(real_data):
    for path in sorted(real_data.glob("pascal/set_b/*.wav"))[::50]:
        rate = soundfile.info(path).samplerate
        waveform, _ = librosa.load(path, sr=1000)
        assert rate == 4000
        ours = log_mel_spectrogram(load_recording(path, sample_rate=1000), **DEFAULTS)
        assert abs(ours - librosa_image(waveform, DEFAULTS)).max() < 1e-3


@pytest.mark.parametrize("frequency", [50.0, 120.0, 300.0])
def test_tone_peaks_in_its_band(frequency):
    tone = np.sin(2 * np.pi * frequency * np.arange(4000) / 1000)
    image = log_mel_spectrogram(tone, **(DEFAULTS | {"frame_duration": 0.256}))
    centres = mel_frequencies(n_mels=40, fmin=20.0, fmax=480.0)
    peak = image[:, 100].argmax()
    assert abs(centres[peak] - frequency) <= np.diff(centres).max()


def test_ten_times_the_amplitude_is_twenty_db():
    waveform = heart_like(4000, 1000)
    quiet = log_mel_spectrogram(waveform, **DEFAULTS)
    loud = log_mel_spectrogram(10 * waveform, **DEFAULTS)
    np.testing.assert_allclose(loud - quiet, 20, atol=1e-3)


def test_nothing_lies_further_down_than_top_db():
    waveform = np.concatenate([heart_like(2000, 1000), np.zeros(2000, np.float32)])
    image = log_mel_spectrogram(waveform, **DEFAULTS)
    assert image.max() - image.min() == pytest.approx(80, abs=1e-4)


def test_one_frame_gives_an_image():
    assert log_mel_spectrogram(heart_like(64, 1000), **DEFAULTS).shape == (40, 5)


def test_double_precision_input_is_welcome():
    waveform = heart_like(3000, 1000)
    np.testing.assert_allclose(
        log_mel_spectrogram(waveform.astype(np.float64)), log_mel_spectrogram(waveform)
    )


def test_waveform_under_one_frame_is_an_error():
    with pytest.raises(ValueError, match="one frame of 64 samples, got 63"):
        log_mel_spectrogram(heart_like(63, 1000))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32"])
def test_integers_are_levels_re_full_scale(dtype):
    full_scale = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    offset = full_scale if dtype == "uint8" else 0.0
    pcm = np.round(0.9 * full_scale * heart_like(3000, 1000) + offset).astype(dtype)
    image = log_mel_spectrogram(pcm)
    expected = log_mel_spectrogram((pcm - offset) / full_scale)
    np.testing.assert_allclose(image, expected, atol=1e-3)
    np.testing.assert_array_equal(image, SpectrogramTransformer().transform([pcm])[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_an_error(bad):
    waveform = heart_like(3000, 1000)
    waveform[7] = bad
    with pytest.raises(ValueError, match=r"1 NaN or infinite in the waveform.*index 7"):
        log_mel_spectrogram(waveform)


def test_types_that_are_no_audio_are_an_error():
    with pytest.raises(TypeError, match="PCM, in the waveform, got bool"):
        log_mel_spectrogram(np.zeros(100, dtype=bool))


def test_silence_is_no_error():
    assert np.ptp(log_mel_spectrogram(np.zeros(100))) == 0.0


def test_two_dimensional_waveform_is_an_error():
    with pytest.raises(
        ValueError, match=r"1-D array of samples in the waveform, got shape \(2, 100\)"
    ):
        log_mel_spectrogram(np.zeros((2, 100)))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"sample_rate": 0}, "sample_rate must be"),
        ({"frame_duration": -1.0}, "frame_duration must be a number"),
        ({"frame_duration": 0.001}, r"frame_duration must cover at least 2"),
        ({"hop_duration": 0.0}, "hop_duration must be a number"),
        ({"hop_duration": 0.0001}, "hop_duration must cover at least 1"),
        ({"n_mels": 0}, "n_mels must be"),
        ({"fmin": -1.0}, "fmin must be"),
        ({"fmin": 480.0}, "fmin=480.0 and fmax=480.0"),
        ({"fmax": 501.0}, "fmax=501.0 with sample_rate=1000"),
        ({"top_db": 0}, "top_db must be"),
    ],
)
def test_settings_out_of_bounds_are_errors(changes, match):
    with pytest.raises(ValueError, match=match):
        log_mel_spectrogram(heart_like(3000, 1000), **(DEFAULTS | changes))


@pytest.mark.parametrize("name", sorted(set(DEFAULTS) - {"top_db"}))
def test_settings_must_be_numbers(name):
    with pytest.raises(TypeError, match=f"{name} must be"):
        log_mel_spectrogram(heart_like(3000, 1000), **(DEFAULTS | {name: "1"}))


@pytest.mark.parametrize("gain", [1e-9, 1e-4, 1e3])
def test_a_recording_turned_down_gives_the_same_image(gain):
    waveform = heart_like(5000, 1000).astype(np.float64)
    # Digital silence, which no gain changes.
    waveform[2000:2500] = 0.0
    image = log_mel_spectrogram(waveform)
    turned = log_mel_spectrogram(gain * waveform)
    np.testing.assert_allclose(turned, image + 20 * np.log10(gain), atol=1e-3)
    assert np.ptp(image) == pytest.approx(80.0)


def test_without_a_range_levels_end_at_a_hundred_decibels():
    image = log_mel_spectrogram(1e-9 * heart_like(5000, 1000), top_db=None)
    assert np.ptp(image) == 0.0
    assert image.max() == pytest.approx(-100.0)
