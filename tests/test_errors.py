"""Bad input gets an error that names the file or row, from the whole pipeline."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile
from tiny import tiny_pipeline

from heartbeat_clf import make_heartbeat_pipeline


def noise(n_times=3000, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(n_times)


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.wav"
    soundfile.write(path, noise(), 1000)
    return path


def missing(path):
    """Leave the file away."""


def empty(path):
    path.write_bytes(b"")


def no_audio(path):
    path.write_text("S1 lub, S2 dub\n" * 100)


def truncated(path):
    soundfile.write(path, noise(), 1000)
    path.write_bytes(path.read_bytes()[:2000])


def not_finite(path):
    samples = noise()
    samples[[7, 9]] = np.nan, np.inf
    soundfile.write(path, samples, 1000, subtype="FLOAT")


def constant(path):
    soundfile.write(path, np.full(3000, 0.25), 1000)


def too_short(path):
    soundfile.write(path, noise(40), 1000)


BAD_FILES = [
    (missing, FileNotFoundError, "Expected an audio file, got {}, which does not exi"),
    (empty, ValueError, "Expected an audio file, got {}, which is empty"),
    (no_audio, ValueError, "Expected an audio file that libsndfile reads .*got {}"),
    (truncated, ValueError, "as the header of {} says, .*truncated"),
    (not_finite, ValueError, "finite samples, got 2 NaN or infinite in {}, the first"),
    (constant, ValueError, "samples that vary, got {} with all 3000 samples equal to"),
    (too_short, ValueError, "one frame of 0.064 s .*got 40 samples in {}. Lower fr"),
]


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    BAD_FILES,
    ids=[case[0].__name__ for case in BAD_FILES],
)
def test_bad_file_is_named(good, tmp_path, fitted_pipeline, spoil, error, message):
    bad = tmp_path / "bad one.wav"
    spoil(bad)
    message = message.format(re.escape(repr(str(bad))))
    with pytest.raises(error, match=message):
        tiny_pipeline().fit([good, bad], ["normal", "murmur"])
    with pytest.raises(error, match=message):
        fitted_pipeline.predict_proba([good, str(bad)])


BAD_ROWS = [
    (np.where(np.arange(3000) == 5, np.nan, noise()), "got 1 NaN or infinite in row 1"),
    (np.where(np.arange(3000) == 5, np.inf, noise()), "got 1 NaN or infinite in row 1"),
    (np.full(3000, 0.5), "vary, got row 1 with all 3000 samples equal to 0.5"),
    (noise(63), "at least one frame of 0.064 s .*got 63 samples in row 1"),
    (np.empty(0), "at least one sample, got zero samples in row 1"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_ROWS)
def test_bad_array_is_named_by_its_row(fitted_pipeline, bad, message):
    with pytest.raises(ValueError, match=message):
        tiny_pipeline().fit([noise(), bad], [0, 1])
    with pytest.raises(ValueError, match=message):
        fitted_pipeline.predict([noise(), bad])


def test_folder_is_named(good, tmp_path):
    with pytest.raises(IsADirectoryError, match="an audio file, got the folder"):
        tiny_pipeline().fit([good, tmp_path], [0, 1])


@pytest.mark.parametrize("kind", [str, type(None)])
def test_lone_path_is_to_be_wrapped(good, fitted_pipeline, kind):
    lone = str(good) if kind is str else good
    message = r"got a single \w+ .*good.wav.*Wrap it in a list: \[path\]"
    with pytest.raises(TypeError, match=message):
        tiny_pipeline().fit(lone, [0])
    with pytest.raises(TypeError, match=message):
        fitted_pipeline.predict(lone)


def test_lone_waveform_is_to_be_wrapped(fitted_pipeline):
    message = "got one 1-D numeric ndarray of length 3000. Wrap it in a list"
    with pytest.raises(ValueError, match=message):
        tiny_pipeline().fit(noise(), [0])
    with pytest.raises(ValueError, match=message):
        fitted_pipeline.predict(noise())


@pytest.mark.parametrize("nothing", [[], (), np.empty(0, dtype=object)])
def test_zero_rows_are_refused(fitted_pipeline, nothing):
    with pytest.raises(
        ValueError, match=r"got .* with zero rows. Give at least one rec"
    ):
        tiny_pipeline().fit(nothing, [])
    with pytest.raises(
        ValueError, match=r"got .* with zero rows. Give at least one rec"
    ):
        fitted_pipeline.predict(nothing)


def test_one_class_is_refused(sounds):
    with pytest.raises(
        ValueError, match=r"two classes or more, got one class, \['normal'\]"
    ):
        tiny_pipeline().fit(sounds.recordings, ["normal"] * 16)


def test_lengths_must_agree(sounds):
    with pytest.raises(ValueError, match="items in y as in X, got 15 in y and 16 in X"):
        tiny_pipeline().fit(sounds.recordings, sounds.target[:15])
    with pytest.raises(ValueError, match="items in groups as in X, got 2 in groups"):
        tiny_pipeline().fit(
            sounds.recordings, sounds.target, classifier__groups=["a", "b"]
        )


def test_zero_weight_for_a_whole_class_is_refused(sounds):
    weights = (sounds.target == "normal").astype(float)
    with pytest.raises(ValueError, match=r"weight zero for all .* of class .*'murmur'"):
        tiny_pipeline().fit(
            sounds.recordings, sounds.target, classifier__sample_weight=weights
        )


def test_too_few_subjects_for_a_validation_part_are_refused(sounds):
    one_each = np.where(sounds.target == "murmur", "Anna", "Bert")
    with pytest.raises(
        ValueError,
        match=r"validation_fraction=0.2 to leave .*too few subjects: .*'murm",
    ):
        tiny_pipeline(validation_fraction=0.2).fit(
            sounds.recordings, sounds.target, classifier__groups=one_each
        )


def test_unknown_preset_and_parameter_are_refused():
    with pytest.raises(ValueError, match=r"preset must be one of .*got 'best'"):
        make_heartbeat_pipeline("best")
    with pytest.raises(ValueError, match=r"got 'n_mel'. Did you mean 'n_mels'"):
        make_heartbeat_pipeline(n_mel=40)
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        make_heartbeat_pipeline().set_params(classifier__epoch=1)


def test_recording_without_any_varying_band_is_refused():
    with pytest.raises(ValueError, match="Expected a band that spans more than min_ra"):
        tiny_pipeline(min_range_db=79.0).fit([noise(), noise(seed=1)], [0, 1])


def test_missing_label_is_refused(sounds):
    labels = sounds.target.astype(object)
    labels[3] = None
    with pytest.raises((TypeError, ValueError), match=r"None|label|str"):
        tiny_pipeline().fit(sounds.recordings, labels)
