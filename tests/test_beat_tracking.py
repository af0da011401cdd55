from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from heartbeat_clf.beat_decoding import STATES
from heartbeat_clf.beat_tracking import (
    BeatModel,
    beat_image,
    beats_of_image,
    load_beat_model,
    standardise_bands,
    state_probabilities,
    track_beats,
)
from heartbeat_clf.datasets import load_pascal, make_heart_sounds


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(
        6,
        murmur_fraction=0.0,
        extrasystole_fraction=0.5,
        duration=10.0,
        recordings_per_subject=1,
        heart_rate=(60.0, 90.0),
        random_state=0,
    )


def matches(truth, found, tolerance=0.06):
    return sum(np.abs(found - time).min(initial=np.inf) <= tolerance for time in truth)


def test_beats_lie_where_synthetic_sounds_are(sounds):
    tracked = track_beats(sounds.recordings)
    hits = missed = 0
    for beats, truth in zip(tracked, sounds.metadata["s1_times"], strict=True):
        hits += matches(truth[1:-1], beats.s1)
        missed += len(truth[1:-1]) - matches(truth[1:-1], beats.s1)
    assert hits > 15 * missed


def test_what_is_returned_fits_together(sounds):
    beats = track_beats(sounds.recordings[:1])[0]
    assert beats.states.shape == beats.level.shape == beats.probabilities.shape[:1]
    np.testing.assert_allclose(beats.probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.all(np.diff(beats.s1) > 0)
    assert len(beats.states) / beats.frame_rate == pytest.approx(10.0, abs=0.05)
    first = round(beats.s1[0] * beats.frame_rate + 0.5)
    assert STATES[beats.states[first]] == "S1"
    assert STATES[beats.states[first - 1]] == "diastole"


def test_the_image_is_what_the_network_heard(sounds):
    settings = load_beat_model().settings
    beats = track_beats(sounds.recordings[:1])[0]
    expected = beat_image(sounds.recordings[0], settings)
    np.testing.assert_array_equal(beats.image, expected)


def test_rows_do_not_depend_on_each_other_and_repeat_to_the_bit(sounds):
    together = track_beats(sounds.recordings[:3])
    alone = track_beats(sounds.recordings[2:3])[0]
    np.testing.assert_array_equal(together[2].probabilities, alone.probabilities)


def test_gain_and_rate_of_the_recording_matter_little(sounds):
    original = track_beats(sounds.recordings[:1])[0]
    scaled = track_beats([sounds.recordings[0] * 0.25])[0]
    np.testing.assert_allclose(scaled.s1, original.s1, atol=0.02)
    doubled = np.repeat(sounds.recordings[0], 2)
    resampled = track_beats([doubled], input_rate=2000)[0]
    assert matches(original.s1, resampled.s1) >= len(original.s1) - 1


@pytest.mark.parametrize("n_times", [10, 70, 300])
def test_very_short_recordings_are_tracked(n_times):
    waveform = np.random.default_rng(0).normal(size=n_times)
    beats = track_beats([waveform])[0]
    assert len(beats.states) >= 1
    assert len(beats.s1) <= 2


def test_windows_do_not_show():
    """Frames far from the ends do not depend on where windows begin."""
    model = load_beat_model()
    rng = np.random.default_rng(0)
    image = rng.normal(size=(model.settings["n_mels"], 900)).astype(np.float32)
    image[:, :100] = image[:, 100:200] = image[:, 800:]  # the same means after the cut
    whole = state_probabilities(standardise_bands(image), model)
    context = model.settings["context_frames"]
    rolled = state_probabilities(np.roll(standardise_bands(image), -37, axis=1), model)
    inside = slice(37 + context, 900 - 37 - context)
    moved = slice(context, 900 - 74 - context)
    np.testing.assert_allclose(rolled[moved], whole[inside], atol=1e-4)


def test_shipped_model_is_small_and_says_where_it_is_from():
    model = load_beat_model()
    assert len(model.network) <= 300_000
    assert model.frame_rate == 62.5
    assert "CirCor" in model.settings["trained_on"]
    assert model.settings["measured"]["circor_left_out"]["s1_f1"] > 0.9


def test_model_is_loaded_from_a_folder(tmp_path, sounds):
    shipped = load_beat_model()
    (tmp_path / "beats.onnx").write_bytes(shipped.network)
    (tmp_path / "beats.json").write_text(json.dumps(shipped.settings))
    model = load_beat_model(tmp_path)
    assert model == BeatModel(shipped.network, shipped.settings)
    found = track_beats(sounds.recordings[:1], model=model)[0]
    expected = track_beats(sounds.recordings[:1])[0]
    np.testing.assert_array_equal(found.s1, expected.s1)


@pytest.mark.parametrize("missing", ["beats.onnx", "beats.json"])
def test_missing_file_of_a_model_is_named(tmp_path, missing):
    for name in {"beats.onnx", "beats.json"} - {missing}:
        (tmp_path / name).write_text("{}")
    with pytest.raises(FileNotFoundError, match=f"found no {missing}"):
        load_beat_model(tmp_path)


def test_bad_recording_is_named():
    with pytest.raises(ValueError, match="row 1"):
        track_beats([np.arange(500.0), np.full(500, np.nan)])
    with pytest.raises(TypeError, match="Wrap it in a list"):
        track_beats("recording.wav")


def test_image_is_that_of_the_settings():
    settings = load_beat_model().settings
    image = beat_image(np.random.default_rng(0).normal(size=4000), settings)
    assert image.shape == (settings["n_mels"], 251)
    beats = beats_of_image(image, load_beat_model())
    np.testing.assert_allclose(beats.level, image.mean(axis=0))


def test_tracking_loads_no_tensorflow():
    program = (
        "import sys, numpy as np\n"
        "from heartbeat_clf.rhythm import RhythmTransformer\n"
        "RhythmTransformer().fit_transform([np.random.default_rng(0).normal(size=999)])"
        "\nprint({'tensorflow', 'keras', 'onnx', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.real
def test_beats_of_real_recordings_lie_near_the_annotated_ones(real_data):
    bunch = load_pascal(real_data, subset="a", labels=("normal",))
    times = bunch.metadata["s1_samples"]
    rows = [row for row in range(len(times)) if times[row]][:4]
    hits = wanted = 0
    for row, beats in zip(rows, track_beats(bunch.recordings[rows]), strict=True):
        # The annotation marks the middle of a sound, half of 0.12 s after its onset.
        truth = np.array(times[row]) / 44100 - 0.06
        hits += matches(truth, beats.s1, 0.1)
        wanted += len(truth)
    assert hits > 0.7 * wanted
