from __future__ import annotations

import errno
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
import sklearn
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from heartbeat_clf import audio, outputs, recording_images
from heartbeat_clf.mel import log_mel_spectrogram
from heartbeat_clf.spectrogram import LowRateWarning, SpectrogramTransformer


def noise(n_times, seed=0):
    return np.random.default_rng(seed).standard_normal(n_times).astype(np.float32)


RECORDINGS = [0.1 * noise(n, seed=n) for n in (800, 64, 3000, 1234, 2000)]
ALONE = [SpectrogramTransformer().transform([wave])[0] for wave in RECORDINGS]


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "heart.wav"
    soundfile.write(path, 0.1 * noise(8000), 4000)
    return path


@pytest.fixture
def decodes(monkeypatch):
    """Count the files that are decoded."""
    paths = []
    lock = threading.Lock()
    original = audio.read_audio

    def counted(path):
        with lock:
            paths.append(path)
        return original(path)

    monkeypatch.setattr(audio, "read_audio", counted)
    return paths


@given(rows=st.lists(st.integers(0, len(RECORDINGS) - 1), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_row_is_the_same_alone_and_in_any_batch(rows):
    images = SpectrogramTransformer().transform([RECORDINGS[row] for row in rows])
    for image, row in zip(images, rows, strict=True):
        np.testing.assert_array_equal(image, ALONE[row])


@given(
    n_times=st.integers(64, 3000),
    duration=st.floats(0.064, 4.0),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_duration_fixes_the_shape(n_times, duration, seed):
    transformer = SpectrogramTransformer(duration=duration)
    images = transformer.transform([noise(n_times, seed), noise(100)])
    n_frames = 1 + round(duration * 1000) // 16
    assert images.shape == (2, 40, n_frames)
    assert images.dtype == np.float32


def test_images_are_ragged_also_when_shapes_agree():
    images = SpectrogramTransformer().fit_transform([noise(1000), noise(1000, 1)])
    assert images.shape == (2,)
    assert images.dtype == object
    assert images[0].dtype == np.float32
    assert images[0].shape == (40, 63)


def test_short_clip_is_repeated_end_to_end():
    wave = noise(500)
    image = SpectrogramTransformer(duration=1.2).transform([wave])[0]
    repeated = np.concatenate([wave, wave, wave[:200]])
    np.testing.assert_array_equal(image, log_mel_spectrogram(repeated))


def test_long_recording_is_cut():
    wave = noise(3000)
    image = SpectrogramTransformer(duration=1.0).transform([wave])[0]
    np.testing.assert_array_equal(image, log_mel_spectrogram(wave[:1000]))


def test_transform_needs_no_fit_and_fit_changes_nothing():
    unfitted = SpectrogramTransformer().transform(RECORDINGS[:1])[0]
    fitted = SpectrogramTransformer().fit(RECORDINGS[1:]).transform(RECORDINGS[:1])[0]
    np.testing.assert_array_equal(unfitted, fitted)


def test_fit_reads_no_file():
    assert SpectrogramTransformer().fit(["gone.wav"]).frequencies_.shape == (40,)


def test_fit_sets_band_centres():
    transformer = SpectrogramTransformer(n_mels=3, fmin=0.0, fmax=400.0)
    centres = transformer.fit(RECORDINGS).frequencies_
    np.testing.assert_allclose(centres, [100, 200, 300])


def test_frames_are_told_in_samples_and_seconds():
    transformer = SpectrogramTransformer(sample_rate=2000, fmax=900.0)
    assert transformer.n_fft == 128
    assert transformer.hop_length == 32
    assert transformer.frames_per_second == 62.5
    np.testing.assert_allclose(transformer.frame_times(3), [0, 0.016, 0.032])


def test_file_and_array_give_the_same_image(wav):
    samples, rate = soundfile.read(wav, dtype="int16")
    transformer = SpectrogramTransformer(input_rate=rate)
    images = transformer.transform([wav, str(wav), samples])
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])


def test_rows_of_table_are_waveforms_and_counted():
    X = np.stack([noise(500), noise(500, 1)])
    transformer = SpectrogramTransformer().fit(X)
    assert transformer.n_features_in_ == 500
    np.testing.assert_array_equal(
        transformer.transform(X)[1], log_mel_spectrogram(X[1])
    )
    with pytest.raises(ValueError, match="expecting 500 features"):
        transformer.transform(X[:, :400])
    assert not hasattr(transformer.fit(RECORDINGS), "n_features_in_")


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_threads_give_the_same_images(n_jobs):
    images = SpectrogramTransformer(n_jobs=n_jobs).transform(RECORDINGS)
    for image, alone in zip(images, ALONE, strict=True):
        np.testing.assert_array_equal(image, alone)


def test_progress_goes_to_standard_error_when_asked(capsys):
    SpectrogramTransformer(verbose=0).fit_transform(RECORDINGS)
    assert capsys.readouterr() == ("", "")
    SpectrogramTransformer(verbose=1).fit_transform(RECORDINGS)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "5/5" in printed.err


def test_wrapped_output_leaves_images_alone():
    with sklearn.config_context(transform_output="pandas"):
        images = SpectrogramTransformer().fit_transform(RECORDINGS)
    assert isinstance(images, np.ndarray)


def test_what_is_too_faint_for_float32_is_named():
    wave, transformer = np.sin(np.arange(900.0)), SpectrogramTransformer()
    with pytest.raises(ValueError, match=r"1e-15 or more, got row 1 with none above 1"):
        transformer.fit_transform([wave, wave * 1e-20])
    faint, loud = transformer.fit_transform([wave * 1e-12, wave])
    np.testing.assert_allclose(faint - loud, -240, atol=0.01)


def test_band_pass_quietens_what_lies_outside():
    wave = noise(4000)
    plain = SpectrogramTransformer().transform([wave])[0]
    passed = SpectrogramTransformer(band_pass=(100.0, 200.0)).transform([wave])[0]
    change = (passed - plain).mean(axis=1)
    assert change[-1] < -20
    assert abs(change[9:13]).max() < 3


def test_spike_removal_lowers_the_click():
    wave = 0.1 * np.sin(np.arange(4000) / 5)
    clicked = wave.copy()
    clicked[2000] = 5.0
    image = SpectrogramTransformer(spike_removal=True).transform([clicked])[0]
    plain = SpectrogramTransformer().transform([clicked])[0]
    assert plain[:, 125].mean() - image[:, 125].mean() > 10


def test_gaps_are_cut_out_before_anything_else():
    wave = noise(4000)
    broken = np.insert(wave, [1000] * 100, 0.0)
    transformer = SpectrogramTransformer(gap_removal=True, input_rate=2000)
    image, expected = transformer.transform([broken, wave])
    np.testing.assert_array_equal(image, expected)
    plain = SpectrogramTransformer(input_rate=2000).transform([broken])[0]
    assert plain.shape[1] > image.shape[1]


def test_gaps_are_found_at_the_rate_of_the_recording():
    # 60 samples: 30 ms at 2000 Hz, which is none, though 60 ms at 1000.
    broken = np.insert(noise(4000), [1000] * 60, 0.0)
    images = [
        SpectrogramTransformer(gap_removal=on, input_rate=2000).transform([broken])[0]
        for on in (False, True)
    ]
    np.testing.assert_array_equal(*images)


def test_what_gaps_leave_may_be_too_short():
    broken = np.concatenate([noise(40), np.zeros(1000)])
    with pytest.raises(ValueError, match=r"got 40 samples in row 0 \(without its gaps"):
        SpectrogramTransformer(gap_removal=True).transform([broken])


def test_nothing_but_gaps_is_named():
    halves = np.repeat([0.0, 1.0], 2000)
    with pytest.raises(ValueError, match="got zero samples in row 0 without its gaps"):
        SpectrogramTransformer(gap_removal=True).transform([halves])


def test_hum_is_taken_out_before_the_filter():
    wave = noise(4000)
    humming = wave + 5 * np.sin(2 * np.pi * 50 * np.arange(4000) / 1000)
    band = {"band_pass": (30.0, 400.0)}
    image, expected = SpectrogramTransformer(hum_removal=True, **band).transform(
        [humming, wave]
    )
    plain = SpectrogramTransformer(**band).transform([humming])[0]
    # Bands near 50 Hz, away from the ends.
    nearest = slice(1, 5), slice(5, -5)
    left, before = (
        np.median(one[nearest] - expected[nearest]) for one in (image, plain)
    )
    assert abs(left) < 1
    assert before > 10


def test_cached_file_is_decoded_once_a_setting(wav, tmp_path, decodes):
    folder = tmp_path / "cache"
    first = SpectrogramTransformer(cache=folder).fit_transform([wav])[0]
    again = SpectrogramTransformer(cache=str(folder)).fit_transform([wav, str(wav)])
    assert len(decodes) == 1
    for image in again:
        assert isinstance(image, np.memmap)
        np.testing.assert_array_equal(image, first)
    SpectrogramTransformer(cache=folder, n_mels=20).fit_transform([wav])
    assert len(decodes) == 2


def test_changed_file_is_decoded_again(wav, tmp_path, decodes):
    transformer = SpectrogramTransformer(cache=tmp_path / "cache")
    before = transformer.transform([wav])[0]
    soundfile.write(wav, 0.1 * noise(9000, seed=5), 4000)
    after = transformer.transform([wav])[0]
    assert len(decodes) == 2
    assert after.shape != before.shape


@pytest.mark.parametrize(
    "changes",
    [
        {"frame_duration": 0.05},
        {"hop_duration": 0.02},
        {"fmin": 30.0},
        {"fmax": 400.0},
        {"top_db": 60.0},
        {"duration": 1.0},
        {"band_pass": (25.0, 400.0)},
        {"spike_removal": True},
        {"gap_removal": True},
        {"hum_removal": True},
        {"sample_rate": 2000},
        {"input_rate": 2000},
    ],
)
def test_every_setting_is_part_of_the_key(tmp_path, changes):
    SpectrogramTransformer(cache=tmp_path).transform(RECORDINGS[:1])
    SpectrogramTransformer(cache=tmp_path, **changes).transform(RECORDINGS[:1])
    assert len(list(tmp_path.iterdir())) == 2


def test_cached_arrays_equal_computed_ones(tmp_path):
    transformer = SpectrogramTransformer(cache=tmp_path, duration=1.0, n_jobs=2)
    plain = SpectrogramTransformer(duration=1.0).transform(RECORDINGS)
    np.testing.assert_array_equal(transformer.transform(RECORDINGS), plain)
    np.testing.assert_array_equal(transformer.transform(RECORDINGS), plain)


@pytest.mark.parametrize("cached", [False, True])
def test_missing_file_is_named_with_and_without_cache(tmp_path, cached):
    transformer = SpectrogramTransformer(cache=tmp_path / "c" if cached else None)
    with pytest.raises(FileNotFoundError, match=r"gone\.wav.*does not exist"):
        transformer.transform([tmp_path / "gone.wav"])


def test_bad_row_is_named():
    X = [noise(100), noise(100), np.full(100, np.nan)]
    with pytest.raises(ValueError, match="NaN or infinite in row 2"):
        SpectrogramTransformer().transform(X)


def test_recording_under_one_frame_is_named(tmp_path):
    with pytest.raises(ValueError, match="got 63 samples in row 1"):
        SpectrogramTransformer(duration=2.0).transform([noise(64), noise(63)])
    path = tmp_path / "blip.wav"
    soundfile.write(path, noise(100), 4000)
    with pytest.raises(ValueError, match=r"got 25 samples in '.*blip\.wav'"):
        SpectrogramTransformer().transform([path])


def test_lone_recordings_are_refused(wav):
    with pytest.raises(TypeError, match="Wrap it in a list"):
        SpectrogramTransformer().fit(wav)
    with pytest.raises(ValueError, match="Wrap it in a list"):
        SpectrogramTransformer().fit(noise(100))
    with pytest.raises(ValueError, match="zero rows"):
        SpectrogramTransformer().fit([])


def test_table_of_paths_is_refused():
    with pytest.raises(ValueError, match="column of paths"):
        SpectrogramTransformer().fit(np.array([["a.wav", "normal"]], dtype=object))


def test_empty_bands_are_told_in_fit():
    with pytest.warns(UserWarning, match=r"of 200 mel bands are empty"):
        SpectrogramTransformer(n_mels=200).fit(RECORDINGS)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"fmax": 600.0}, ValueError, "fmax=600.0 with sample_rate=1000"),
        ({"n_mels": 4.5}, TypeError, "n_mels must be an integer"),
        ({"duration": 0}, ValueError, "duration must be"),
        ({"duration": 0.05}, ValueError, "at least frame_duration, got 0.05"),
        ({"input_rate": -1}, ValueError, "input_rate must be"),
        ({"input_rate": 1e-3}, ValueError, "input_rate must be at least 10 Hz"),
        ({"band_pass": 25}, TypeError, "band_pass must be a pair"),
        ({"band_pass": (25, 600)}, ValueError, "high cut of band_pass"),
        ({"spike_removal": "yes"}, ValueError, "spike_removal must be one of"),
        ({"gap_removal": 2}, ValueError, "gap_removal must be one of"),
        ({"hum_removal": None}, ValueError, "hum_removal must be one of"),
        ({"cache": 3}, TypeError, "cache must be a folder"),
        ({"cache": ""}, ValueError, "cache must name a folder, got ''"),
        ({"n_jobs": 0}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs must be an integer"),
        ({"verbose": 2}, ValueError, "verbose must be 0 or 1, got 2"),
    ],
)
def test_bad_settings_fail_at_fit_and_transform(changes, error, match):
    transformer = SpectrogramTransformer(**changes)
    with pytest.raises(error, match=match):
        transformer.fit(RECORDINGS)
    with pytest.raises(error, match=match):
        transformer.transform(RECORDINGS)


def test_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="Invalid parameter 'bands'"):
        SpectrogramTransformer().set_params(bands=3)


def test_transformer_clones_and_pickles():
    transformer = SpectrogramTransformer(n_mels=20, band_pass=(25.0, 400.0))
    assert clone(transformer).get_params() == transformer.get_params()
    loaded = pickle.loads(pickle.dumps(transformer.fit(RECORDINGS)))
    np.testing.assert_array_equal(
        loaded.transform(RECORDINGS)[0], transformer.transform(RECORDINGS)[0]
    )


def test_input_is_left_unchanged():
    waves = [wave.copy() for wave in RECORDINGS]
    SpectrogramTransformer(
        spike_removal=True, band_pass=(25.0, 400.0), duration=1.0
    ).fit_transform(waves)
    for wave, original in zip(waves, RECORDINGS, strict=True):
        np.testing.assert_array_equal(wave, original)


@pytest.mark.real
def test_every_set_b_recording_gives_an_image(real_data):
    paths = sorted(real_data.glob("pascal/set_b/*.wav"))
    images = SpectrogramTransformer().transform(paths)
    assert len(images) == 656
    assert all(np.isfinite(image).all() for image in images)
    assert all(np.ptp(image) > 20 for image in images)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sample_rate": 1e9}, "sample_rate must be at most 768000 Hz"),
        ({"input_rate": 1e9}, "input_rate must be at most 768000 Hz"),
        ({"n_mels": 10**9}, "n_mels times the samples of a frame must be at most"),
        ({"frame_duration": 1e9}, "n_mels times the samples of a frame must be at"),
        ({"duration": 1e9}, "duration must be at most 3600 s, got"),
    ],
)
def test_settings_that_fill_the_memory_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SpectrogramTransformer(**parameters).check_settings()


def test_recordings_of_too_low_a_rate_are_named_once(tmp_path):
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, noise(800) / 10, 500)
    soundfile.write(tmp_path / "c.wav", noise(1600) / 10, 960)
    paths = [tmp_path / name for name in ("c.wav", "a.wav", "b.wav")]
    with pytest.warns(LowRateWarning, match="960 Hz or more for fmax=480.0") as record:
        SpectrogramTransformer().transform(paths)
    [warning] = record
    assert "got 500 Hz in" in str(warning.message)
    assert "a.wav' and 1 more: the bands above 250 Hz" in str(warning.message)
    assert len(warning.message.recordings) == 2
    with pytest.warns(LowRateWarning, match="got 500 Hz in row 0: the bands"):
        SpectrogramTransformer(input_rate=500).transform([noise(800)])
    SpectrogramTransformer(fmax=250.0, n_mels=8).transform(paths)


def test_all_bad_recordings_are_named(tmp_path):
    recordings = [noise(2000), np.zeros(2000), tmp_path / "none.wav", np.empty(0)]
    with pytest.raises(ValueError, match="vary, got row 1 with all 2000") as caught:
        SpectrogramTransformer().transform(recordings)
    first, second = caught.value.__notes__
    assert "none.wav', which does not exist" in first
    assert "zero samples in row 3" in second


def test_cache_that_is_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(FileExistsError, match=r"a folder, got the file .*cache"):
        SpectrogramTransformer(cache=tmp_path / "cache").transform([noise(2000)])


@pytest.mark.parametrize("duration", [None, 1.0])
def test_read_only_cache_serves_what_it_holds(tmp_path, monkeypatch, duration):
    transformer = SpectrogramTransformer(cache=tmp_path, duration=duration)
    images = transformer.transform(RECORDINGS)
    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(outputs.os, "access", lambda *_: False)
    for image, again in zip(images, transformer.transform(RECORDINGS), strict=True):
        np.testing.assert_array_equal(again, image)
    with pytest.raises(PermissionError, match="folder that can be written to, got"):
        transformer.transform([*RECORDINGS, noise(3000, seed=9)])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_full_cache_stops_at_the_first_image(tmp_path, monkeypatch, n_jobs):
    computed = []

    def count(*given):
        computed.append(given)
        return compute(*given)

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    compute = recording_images._compute_image
    monkeypatch.setattr(recording_images, "_compute_image", count)
    monkeypatch.setattr(Path, "write_bytes", full)
    transformer = SpectrogramTransformer(cache=tmp_path, n_jobs=n_jobs)
    recordings = [np.zeros(2000), *(noise(2000, seed=seed) for seed in range(300))]
    with pytest.raises(OSError, match=r"Expected room .*got a full disk") as caught:
        transformer.transform(recordings)
    assert not hasattr(caught.value, "__notes__")
    assert len(computed) == 2 if n_jobs is None else len(computed) < 20
    assert list(tmp_path.iterdir()) == []
