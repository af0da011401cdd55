from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from heartbeat_clf.persistence import load, load_pretrained
from heartbeat_clf.pretrained import TARGETS, find_model
from heartbeat_clf.recording_images import LowRateWarning
from heartbeat_clf.saved_model import SavedModel, load_to_predict


def _rewritten(path, target, change):
    """Copy the shipped model with a changed description."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == "model.json":
                description = json.loads(content)
                change(description)
                content = json.dumps(description).encode()
            copy.writestr(name, content)
    return target


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    return [rng.standard_normal(n) for n in (900, 3000, 7000, 20000)]


@pytest.mark.parametrize("target", TARGETS)
def test_scores_equal_those_of_the_pipeline_to_the_bit(target, recordings):
    light, pipeline = load_to_predict(find_model(target)), load(find_model(target))
    assert isinstance(light, SavedModel)
    assert light.classes_.tolist() == pipeline.classes_.tolist()
    assert light.classes_.dtype == pipeline.classes_.dtype
    for name in ("decision_function", "predict_proba"):
        np.testing.assert_array_equal(
            getattr(light, name)(recordings), getattr(pipeline, name)(recordings)
        )
    assert light.operating_points_ == pipeline[-1].operating_points_
    shares, clarity = light.predict_with_clarity(recordings)
    np.testing.assert_array_equal(shares, light.predict_proba(recordings))
    assert ((clarity > 0.25) & (clarity < 1)).all()
    images = pipeline[:-1].transform(recordings)
    for mine, other in zip(
        (shares, clarity), pipeline[-1].predict_with_clarity(images), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_rates_may_differ_from_call_to_call(recordings):
    light = load_to_predict(find_model("murmur"))
    plain = light.predict_proba(recordings)
    at_2000 = load_pretrained(input_rate=2000)
    assert at_2000["spectrogram"].input_rate == 2000
    for name in ("decision_function", "predict_proba"):
        found = getattr(light, name)(recordings, input_rate=2000)
        np.testing.assert_array_equal(found, getattr(at_2000, name)(recordings))
    shares, _ = light.predict_with_clarity(recordings, input_rate=2000)
    np.testing.assert_array_equal(shares, at_2000.predict_proba(recordings))
    # One call says nothing of the next.
    np.testing.assert_array_equal(light.predict_proba(recordings), plain)
    assert np.abs(shares - plain).max() > 0.01
    for ask in (light.predict_proba, light.decision_function):
        with pytest.raises(ValueError, match="input_rate must be at least 10 Hz"):
            ask(recordings, input_rate=2.0)
    with pytest.raises(ValueError, match="input_rate must be at least 10 Hz"):
        load_pretrained(input_rate=2.0)


@pytest.mark.real
def test_scores_of_real_files_equal_those_of_the_pipeline(real_data):
    paths = sorted(real_data.glob("pascal/set_b/*.wav"))[::20]
    light, pipeline = load_to_predict(find_model("murmur")), load(find_model("murmur"))
    np.testing.assert_array_equal(
        light.predict_proba(paths), pipeline.predict_proba(paths)
    )


@pytest.mark.parametrize(
    "bad", [[np.zeros(3000)], [np.ones(3)], ["missing.wav"], [], "one.wav", [[1], [2]]]
)
def test_errors_are_those_of_the_pipeline(bad):
    messages = []
    for model in (load_to_predict(find_model("murmur")), load(find_model("murmur"))):
        with pytest.raises((ValueError, TypeError, OSError)) as caught:
            model.predict_proba(bad)
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]


def test_low_rates_are_warned_of(tmp_path, recordings):
    import soundfile

    path = tmp_path / "low.wav"
    soundfile.write(path, recordings[1] / 9, 500)
    with pytest.warns(LowRateWarning, match="got 500 Hz"):
        load_to_predict(find_model("murmur")).predict_proba([path])


def test_images_of_other_bands_are_refused(tmp_path):
    def change(description):
        description["steps"][1]["learned"]["n_bands_in"] = 41

    path = _rewritten(find_model("murmur"), tmp_path / "m.hbc", change)
    with pytest.raises(ValueError, match="40 n_mels of the images and 41 bands of the"):
        load_to_predict(path)


def test_a_model_of_images_comes_back_as_a_pipeline(tmp_path):
    def change(description):
        del description["steps"][0]

    path = _rewritten(find_model("murmur"), tmp_path / "m.hbc", change)
    assert list(load_to_predict(path).named_steps) == ["trimmer", "classifier"]


@pytest.mark.parametrize("key", ["classes", "predictor", "steps"])
def test_a_file_with_a_missing_part_says_so(tmp_path, key):
    path = _rewritten(find_model("murmur"), tmp_path / "m.hbc", lambda d: d.pop(key))
    with pytest.raises(ValueError, match="to be a whole model saved by heartbeat_clf"):
        load_to_predict(path)


def test_predicting_loads_none_of_the_heavy_libraries(tmp_path, recordings):
    from scipy.io import wavfile

    path = tmp_path / "one.wav"
    wavfile.write(path, 1000, (recordings[2] * 3000).astype(np.int16))
    heavy = ("sklearn", "scipy", "pandas", "librosa", "tensorflow", "tqdm", "joblib")
    program = (
        "import sys\n"
        "from heartbeat_clf.pretrained import find_model\n"
        "from heartbeat_clf.saved_model import load_to_predict\n"
        f"load_to_predict(find_model('murmur')).predict_proba([{str(path)!r}])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
