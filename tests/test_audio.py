from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heartbeat_clf import SpectrogramTransformer, assess_quality
from heartbeat_clf.audio import duration_of, load_recording, load_with_rate, read_audio

RATE = 4000


def tone(n_times=2000, frequency=100.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(n_times) / RATE)


def write(folder, name="a.wav", samples=None, rate=RATE, **options):
    path = folder / name
    soundfile.write(path, tone() if samples is None else samples, rate, **options)
    return path


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [
        ("PCM_U8", 1 / 100),
        ("PCM_16", 1e-4),
        ("PCM_24", 1e-6),
        ("PCM_32", 1e-7),
        ("FLOAT", 1e-7),
        ("DOUBLE", 1e-7),
        ("ULAW", 0.03),
        ("ALAW", 0.03),
        ("IMA_ADPCM", 0.1),
        ("MS_ADPCM", 0.1),
        ("GSM610", 0.5),
    ],
)
def test_every_wav_subtype_reads(tmp_path, subtype, tolerance):
    samples, rate = read_audio(write(tmp_path, subtype=subtype))
    assert rate == RATE
    assert samples.dtype == np.float32
    # The adaptive codecs need some samples to find their step.
    assert abs(samples[:2000] - tone())[100:].max() <= tolerance


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.flac", {}),
        ("a.aiff", {}),
        ("a.ogg", {}),
        ("a.mp3", {"rate": 8000}),
        ("a.au", {}),
        ("a.wav", {"format": "RF64"}),
        ("a.w64", {}),
        ("a.wav", {"format": "WAVEX", "subtype": "PCM_24"}),
        ("a.wav", {"endian": "BIG"}),
    ],
)
def test_other_formats_read(tmp_path, name, options):
    samples, _ = read_audio(write(tmp_path, name, **options))
    assert len(samples) == 2000
    assert abs(abs(samples[200:-200]).max() - 0.5) < 0.05


@pytest.mark.parametrize("kind", [str, Path])
def test_path_may_be_str_or_path(tmp_path, kind):
    waveform = load_recording(kind(write(tmp_path)), sample_rate=RATE)
    assert waveform.shape == (2000,)


@pytest.mark.parametrize("n_channels", [2, 3, 6])
def test_channels_are_averaged(tmp_path, n_channels):
    channels = np.zeros((2000, n_channels))
    channels[:, 0] = tone()
    samples, _ = read_audio(write(tmp_path, samples=channels, subtype="FLOAT"))
    np.testing.assert_allclose(samples, tone() / n_channels, atol=1e-7)


def test_extra_chunks_are_stepped_over(tmp_path):
    path = write(tmp_path)
    data = path.read_bytes()
    extra = b"LIST" + struct.pack("<I", 5) + b"INFO!" + b"\0"
    tail = b"id3 " + struct.pack("<I", 4) + b"tail"
    path.write_bytes(data[:36] + extra + data[36:] + tail)
    samples, _ = read_audio(path)
    np.testing.assert_allclose(samples, tone(), atol=1e-4)


def test_stream_of_unknown_length_reads(tmp_path):
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert len(read_audio(path)[0]) == 2000


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac"])
@pytest.mark.parametrize("share", [0.5, 0.99])
def test_truncated_file_is_an_error_that_says_so(tmp_path, name, share):
    noise = np.random.default_rng(0).uniform(-1, 1, 20000)
    path = write(tmp_path, name, samples=noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=rf"{name}.*"):
        read_audio(path)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("n_times", [2000, 200_000])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99, 0.999999])
def test_truncated_ogg_is_an_error_that_says_so(tmp_path, subtype, n_times, share):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, n_times)
    path = write(tmp_path, "a.ogg", samples=noise, rate=8000, subtype=subtype)
    data = path.read_bytes()
    assert len(read_audio(path)[0]) == n_times
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"a\.ogg', got a file that .* is truncated"):
        read_audio(path)


def test_ogg_that_ends_in_zeros_is_an_error(tmp_path):
    path = write(tmp_path, "a.ogg")
    path.write_bytes(path.read_bytes()[:3000] + bytes(70_000))
    with pytest.raises(ValueError, match=r"last page in .*a\.ogg.*truncated"):
        read_audio(path)


def test_truncated_flac_is_told_with_what_to_do(tmp_path):
    noise = np.random.default_rng(0).uniform(-1, 1, 20000)
    path = write(tmp_path, "a.flac", samples=noise)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(ValueError, match=r"a\.flac.* cut short or damaged: copy it"):
        read_audio(path)


@pytest.mark.parametrize("kept", [20, 38])
def test_wav_cut_within_its_header_is_an_error(tmp_path, kept):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"a\.wav.*truncated"):
        read_audio(path)


def test_truncated_wav_names_both_sizes(tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:2044])
    with pytest.raises(ValueError, match=r"4000 bytes .*a\.wav.*got 2000 bytes"):
        load_recording(path, sample_rate=1000)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.wav.*does not exist"):
        load_recording(tmp_path / "gone.wav", sample_rate=1000)


def test_path_with_a_nul_character_is_named():
    for read in (read_audio, duration_of):
        with pytest.raises(ValueError, match=r"got 'a\\x00b' with a NUL character"):
            read("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipe_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for read in (read_audio, duration_of):
        with pytest.raises(ValueError, match=r"pipe\.wav', which is a pipe or a dev"):
            read(tmp_path / "pipe.wav")


def test_folder_is_named(tmp_path):
    with pytest.raises(IsADirectoryError, match="got the folder"):
        load_recording(tmp_path, sample_rate=1000)


def test_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(ValueError, match=r"empty\.wav.*0 bytes"):
        load_recording(path, sample_rate=1000)


def test_text_is_no_audio(tmp_path):
    path = tmp_path / "notes.wav"
    path.write_text("heart sounds" * 50)
    with pytest.raises(ValueError, match=r"libsndfile reads.*notes\.wav"):
        load_recording(path, sample_rate=1000)
    with pytest.raises(ValueError, match=r"readable header.*notes\.wav"):
        duration_of(path)


def test_file_without_samples_is_named(tmp_path):
    path = write(tmp_path, samples=np.zeros(0))
    with pytest.raises(ValueError, match=r"zero samples in .*a\.wav"):
        load_recording(path, sample_rate=1000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_named(tmp_path, bad):
    samples = tone()
    samples[7] = bad
    path = write(tmp_path, samples=samples, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"NaN or infinite in .*a\.wav.*index 7"):
        load_recording(path, sample_rate=1000)
    with pytest.raises(ValueError, match="NaN or infinite in row 3"):
        load_recording(samples, sample_rate=1000, label="row 3")


def test_constant_recording_is_named(tmp_path):
    path = write(tmp_path, samples=np.full(100, 0.25))
    with pytest.raises(ValueError, match=r"a\.wav.*all 100 samples equal to 0.25"):
        load_recording(path, sample_rate=1000)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([0, 128, 192], dtype=np.uint8), [-1.0, 0.0, 0.5]),
        (np.array([-128, 0, 64], dtype=np.int8), [-1.0, 0.0, 0.5]),
        (np.array([-32768, 0, 16384], dtype=np.int16), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 0, 2**30], dtype=np.int32), [-1.0, 0.0, 0.5]),
        (np.array([-1.0, 0.0, 0.5]), [-1.0, 0.0, 0.5]),
        (np.array([-1.0, 0.0, 7.5], dtype=np.float16), [-1.0, 0.0, 7.5]),
    ],
)
def test_integers_are_scaled_and_floats_kept(samples, expected):
    waveform = load_recording(samples, sample_rate=1000)
    assert waveform.dtype == np.float32
    assert waveform.tolist() == expected


def test_channels_that_cancel_each_other_are_no_silence(tmp_path):
    sound = 0.1 * np.random.default_rng(0).normal(size=2000)
    for name, second in (("inverted", -sound), ("other", sound[::-1])):
        samples = np.stack([sound, second], axis=1)
        soundfile.write(tmp_path / f"{name}.wav", samples, 1000, subtype="PCM_24")
    with pytest.raises(ValueError, match=r"inverted\.wav' whose channels cancel each"):
        read_audio(tmp_path / "inverted.wav")
    assert read_audio(tmp_path / "other.wav")[0].std() > 0.05
    soundfile.write(tmp_path / "silent.wav", np.zeros((10, 2)), 1000)
    assert not read_audio(tmp_path / "silent.wav")[0].any()


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.ones(10) / 2, 1000)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"a\.flac', which this user may not"):
        read_audio(path)


def test_masked_samples_are_not_heard():
    sound = np.ma.masked_greater(np.sin(np.arange(4000)), 0.9)
    with pytest.raises(ValueError, match="got row 0 with some masked"):
        load_recording(sound, sample_rate=1000)
    with pytest.raises(ValueError, match="got row 0 with some masked"):
        assess_quality([sound])
    both = np.ma.array([sound, sound])
    for hear in (assess_quality, SpectrogramTransformer().transform):
        with pytest.raises(ValueError, match="got row 0 with some masked"):
            hear(both)
    whole = load_recording(np.ma.array(sound.data), sample_rate=1000)
    assert np.array_equal(whole, load_recording(sound.data, sample_rate=1000))


def unit_sound():
    sound = np.random.default_rng(0).normal(size=1000)
    return (sound - sound.mean()) / sound.std()


@pytest.mark.parametrize("offset", [-5000.0, 4.01])
def test_an_offset_beyond_the_sound_is_taken_out(offset):
    sound = unit_sound()
    waveform = load_recording(sound + offset, sample_rate=1000)
    assert waveform.dtype == np.float32
    np.testing.assert_allclose(waveform, sound, atol=1e-3)


@pytest.mark.parametrize(("dtype", "unit"), [(np.float64, 1.0), (np.int32, 2.0**31)])
def test_an_offset_does_not_cost_the_sound_its_precision(dtype, unit):
    # Pascals of a barometer: float32 holds them in steps of 0.008.
    sound = np.round(100 * np.sin(np.arange(4000) / 7)).astype(dtype)
    scaled = sound / (1000 if dtype is np.float64 else 1)
    given = (scaled + (101_325 if dtype is np.float64 else 2**30)).astype(dtype)
    waveform = load_recording(given, sample_rate=1000)
    assert waveform.dtype == np.float32
    expected = scaled - scaled.mean()
    np.testing.assert_allclose(
        waveform * unit, expected, atol=1e-4 * np.abs(expected).max()
    )


@pytest.mark.parametrize("subtype", ["DOUBLE", "PCM_32"])
def test_an_offset_in_a_file_does_not_cost_the_sound_its_precision(tmp_path, subtype):
    # Near 0.5 float32 goes in steps of 6e-8.
    sound = 1e-6 * np.sin(np.arange(4000) / 7)
    channels = np.stack([sound + 0.5, sound + 0.25], axis=1)
    soundfile.write(tmp_path / "wide.wav", channels, 1000, subtype=subtype)
    samples, _ = read_audio(tmp_path / "wide.wav")
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, sound - sound.mean(), atol=1e-9)


def test_a_file_in_double_precision_beyond_single_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.0, 1e300, 0.0], 1000, subtype="DOUBLE")
    with pytest.raises(ValueError, match="finite samples"):
        load_recording(tmp_path / "a.wav", sample_rate=1000)


@pytest.mark.parametrize("subtype", ["DOUBLE", "PCM_32"])
def test_wide_files_about_zero_are_read_as_single_ones(tmp_path, subtype):
    sound = 0.1 * np.random.default_rng(0).normal(size=(2000, 1))
    soundfile.write(tmp_path / "a.wav", sound, 1000, subtype=subtype)
    expected = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0], expected)


@pytest.mark.parametrize("dtype", [">f8", ">i4"])
def test_the_order_of_bytes_makes_no_difference_to_an_offset(dtype):
    sound = 1000 * np.sin(np.arange(4000) / 7)
    given = np.round(sound + 2**28).astype(dtype)
    turned = given.astype(given.dtype.newbyteorder("<"))
    found = load_recording(given, sample_rate=1000)
    assert np.array_equal(found, load_recording(turned, sample_rate=1000))
    assert np.corrcoef(found, sound)[0, 1] > 0.999999


@pytest.mark.parametrize("level", [2048.0, 101_325.0, 1e300])
def test_what_varies_by_its_rounding_holds_no_sound(level):
    flat = np.full(4000, level)
    flat[::3] = np.nextafter(level, np.inf)
    with pytest.raises(ValueError, match=r"vary|finite"):
        load_recording(flat, sample_rate=1000)


def test_wide_samples_about_zero_are_taken_as_before():
    rng = np.random.default_rng(0)
    for given in (
        rng.normal(size=2000) + 900,
        rng.normal(size=2000) * 1e300,
        rng.integers(-(2**31), 2**31, 2000).astype(np.int32),
    ):
        with np.errstate(over="ignore"):
            single = given.astype(np.float32)
        if not np.isfinite(single).all():
            with pytest.raises(ValueError, match="finite samples"):
                load_recording(given, sample_rate=1000)
            continue
        expected = single / np.float32(2**31) if given.dtype == np.int32 else single
        if abs(given.mean()) > 4 * given.std():
            expected = (expected - expected.mean(dtype=np.float64)).astype(np.float32)
        assert np.array_equal(load_recording(given, sample_rate=1000), expected)


def test_a_smaller_offset_is_kept():
    waveform = load_recording(unit_sound() + 3.99, sample_rate=1000)
    np.testing.assert_allclose(waveform, unit_sound() + 3.99, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [object, complex, str, bool, np.int64, np.uint16])
def test_types_that_are_no_audio_are_refused(dtype):
    with pytest.raises(TypeError, match=r"in row 2, got .* half_range, of an unsigned"):
        load_recording(
            np.array([0, 1, 0]).astype(dtype), sample_rate=1000, label="row 2"
        )


def test_array_of_two_dimensions_is_refused():
    with pytest.raises(ValueError, match=r"row 0, got shape \(3, 2\)"):
        load_recording(np.zeros((3, 2)), sample_rate=1000)


@pytest.mark.parametrize("rate", [250, 1000, 4410, 44100])
def test_tone_survives_resampling(rate):
    seconds = np.arange(2 * rate) / rate
    waveform = load_recording(
        np.sin(2 * np.pi * 50 * seconds), sample_rate=1000, input_rate=rate
    )
    assert abs(len(waveform) - 2000) <= 1
    expected = np.sin(2 * np.pi * 50 * np.arange(len(waveform)) / 1000)
    assert abs(waveform - expected)[200:-200].max() < 1e-3


def test_tone_above_the_new_band_is_removed():
    seconds = np.arange(8000) / 4000
    waveform = load_recording(
        np.sin(2 * np.pi * 900 * seconds), sample_rate=1000, input_rate=4000
    )
    assert abs(waveform[200:-200]).max() < 1e-4


def test_recording_too_short_to_resample_is_named():
    with pytest.raises(ValueError, match="got none from row 1"):
        load_recording(
            np.array([0.0, 1.0]), sample_rate=10, input_rate=48000, label="row 1"
        )


def test_input_array_is_left_unchanged():
    samples = np.array([0, 1, 200], dtype=np.uint8)
    load_recording(samples, sample_rate=1000)
    assert samples.tolist() == [0, 1, 200]


def test_rates_are_checked():
    with pytest.raises(ValueError, match="sample_rate must be"):
        load_recording(tone(), sample_rate=0)
    with pytest.raises(TypeError, match="input_rate must be"):
        load_recording(tone(), sample_rate=1000, input_rate="4000")


def test_duration_comes_from_the_header(tmp_path):
    assert duration_of(write(tmp_path)) == 0.5


def test_duration_of_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
        duration_of(tmp_path / "gone.wav")


@pytest.mark.real
def test_every_pascal_recording_loads(real_data):
    paths = sorted(real_data.glob("pascal/set_*/*.wav"))
    assert len(paths) == 832
    for path in paths:
        assert len(load_recording(path, sample_rate=1000)) > 700


@pytest.mark.real
def test_practically_silent_recording_loads(real_data):
    path = real_data / "pascal/set_a/Aunlabelledtest__201106120928.wav"
    assert 0 < abs(load_recording(path, sample_rate=1000)).max() < 1e-4


@pytest.mark.parametrize("rate", [1, 9, 768_001, 2_000_000_000])
def test_absurd_rate_of_a_header_is_refused(tmp_path, rate):
    path = write(tmp_path, samples=tone())
    content = bytearray(path.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"10 to 768000 Hz in .*a.wav', got {rate} Hz"):
        read_audio(path)


def test_rates_have_a_bound():
    with pytest.raises(ValueError, match="sample_rate must be at most 768000 Hz"):
        load_recording(tone(), sample_rate=1e9)
    with pytest.raises(ValueError, match="input_rate must be at most 768000 Hz"):
        load_recording(tone(), sample_rate=1000, input_rate=1e9)


@pytest.mark.parametrize("rate", [1e-3, 4, 9.9])
def test_rates_in_kilohertz_are_refused(rate):
    with pytest.raises(ValueError, match="input_rate must be at least 10 Hz, got"):
        load_recording(tone(), sample_rate=1000, input_rate=rate)
    with pytest.raises(ValueError, match="sample_rate must be at least 10 Hz, got"):
        load_recording(tone(), sample_rate=rate)


def test_own_rate_comes_with_the_waveform(tmp_path):
    waveform, rate = load_with_rate(write(tmp_path, samples=tone()), sample_rate=1000)
    assert (len(waveform), rate) == (500, RATE)
