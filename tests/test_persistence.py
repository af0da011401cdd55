from __future__ import annotations

import json
import math
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import onnx
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tiny import build_unsupported, tiny_classifier, tiny_pipeline

import heartbeat_clf
from heartbeat_clf import ImageTrimmer, load, make_heartbeat_pipeline, save
from heartbeat_clf.saved_model import load_to_predict

# Networks of the tests are functions, which a file cannot hold.
pytestmark = pytest.mark.filterwarnings("ignore:.*__network=.*:UserWarning")

# What a new process may know of the library: nothing.
PREDICT = """
import sys
import joblib
model = joblib.load(sys.argv[1])
recordings = joblib.load(sys.argv[2])
joblib.dump(model.predict_proba(recordings), sys.argv[3])
loaded = {"tensorflow", "keras", "scikeras", "matplotlib", "onnx"} & set(sys.modules)
print(sorted(loaded))
"""


@pytest.fixture(scope="module")
def default_pipeline(sounds):
    """Return the default model but for its single epoch."""
    pipeline = make_heartbeat_pipeline(epochs=1, random_state=0)
    return pipeline.fit(sounds.recordings, sounds.target)


@pytest.fixture(scope="module")
def saved(default_pipeline, tmp_path_factory):
    return save(default_pipeline, tmp_path_factory.mktemp("saved") / "model.hbc")


def predict_elsewhere(program, model, recordings, folder):
    """Return probabilities from a new process, and the heavy libraries it loaded."""
    joblib.dump(recordings, folder / "recordings.joblib")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(model),
            str(folder / "recordings.joblib"),
            str(folder / "answers.joblib"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return joblib.load(folder / "answers.joblib"), done.stdout.strip()


def rewritten(saved, target, **changes):
    """Copy an archive with some entries changed; None drops one."""
    with (
        zipfile.ZipFile(saved) as source,
        zipfile.ZipFile(target, "w") as copy,
    ):
        for name in source.namelist():
            content = changes.get(name.partition(".")[0], source.read(name))
            if content is not None:
                copy.writestr(name, content)
    return target


def described(saved, **changes):
    with zipfile.ZipFile(saved) as archive:
        return json.dumps({**json.loads(archive.read("model.json")), **changes})


@pytest.mark.training
def test_dumped_pipeline_predicts_the_same_bits_in_a_new_process(
    default_pipeline, sounds, tmp_path
):
    model = tmp_path / "model.joblib"
    joblib.dump(default_pipeline, model)
    assert model.stat().st_size < 2_000_000
    answers, loaded = predict_elsewhere(PREDICT, model, sounds.recordings, tmp_path)
    np.testing.assert_array_equal(
        answers, default_pipeline.predict_proba(sounds.recordings)
    )
    assert loaded == "[]"


def test_saved_pipeline_predicts_the_same_bits_in_a_new_process(
    default_pipeline, saved, sounds, tmp_path
):
    program = PREDICT.replace(
        "model = joblib.load", "import heartbeat_clf; model = heartbeat_clf.load"
    )
    answers, loaded = predict_elsewhere(program, saved, sounds.recordings, tmp_path)
    np.testing.assert_array_equal(
        answers, default_pipeline.predict_proba(sounds.recordings)
    )
    assert loaded == "[]"


def test_round_trip_keeps_settings_and_what_was_learnt(default_pipeline, saved, sounds):
    pipeline = load(saved)
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.named_steps) == list(default_pipeline.named_steps)
    for name, step in default_pipeline.named_steps.items():
        copied = pipeline.named_steps[name]
        assert type(copied) is type(step)
        assert copied.get_params() == step.get_params()
    classifier = pipeline.named_steps["classifier"]
    original = default_pipeline.named_steps["classifier"]
    assert classifier.classes_.tolist() == ["murmur", "normal"]
    assert classifier.classes_.dtype == original.classes_.dtype
    assert classifier.history_ == original.history_
    assert classifier.n_epochs_ == 1
    assert classifier.predictor_ == original.predictor_
    np.testing.assert_array_equal(
        pipeline.named_steps["trimmer"].bands_, default_pipeline[1].bands_
    )
    np.testing.assert_array_equal(
        pipeline.predict(sounds.recordings), default_pipeline.predict(sounds.recordings)
    )


def test_saving_a_loaded_model_gives_the_same_description(saved, tmp_path):
    again = save(load(saved), tmp_path / "again.hbc")
    with zipfile.ZipFile(saved) as first, zipfile.ZipFile(again) as second:
        assert first.namelist() == second.namelist()
        for name in ("model.json", "network.onnx"):
            assert first.read(name) == second.read(name)


def test_file_is_small_and_holds_no_pickle(saved):
    assert saved.stat().st_size < 2_000_000
    with zipfile.ZipFile(saved) as archive:
        assert sorted(archive.namelist()) == [
            "model.json",
            "network.keras",
            "network.onnx",
        ]
        contents = [archive.read(name) for name in archive.namelist()]
    assert json.loads(contents[0])["format"] == "heartbeat_clf model"
    # Every pickle of protocol 2 or later starts so.
    assert not any(content[:2] in (b"\x80\x02", b"\x80\x04") for content in contents)
    assert not any(b"heartbeat_clf.classifier" in content for content in contents)


@pytest.mark.training
def test_loaded_model_trains_on_identically(sounds, tmp_path):
    pipeline = tiny_pipeline(epochs=1, dropout=0.5)
    pipeline.fit(sounds.recordings, sounds.target)
    with pytest.warns(UserWarning, match="classifier__network=<function build_tiny"):
        loaded = load(save(pipeline, tmp_path / "model.hbc"))
    images = pipeline[:-1].transform(sounds.recordings)
    for model in (pipeline, loaded):
        model[-1].partial_fit(images, sounds.target)
    np.testing.assert_array_equal(
        loaded.predict_proba(sounds.recordings),
        pipeline.predict_proba(sounds.recordings),
    )
    assert loaded[-1].history_ == pipeline[-1].history_
    assert loaded[-1].n_epochs_ == 2


@pytest.mark.training
def test_what_json_cannot_hold_warns_and_predictions_stay(sounds, tmp_path):
    from heartbeat_clf.losses import PairwiseAUROCLoss

    pipeline = tiny_pipeline(
        network=build_unsupported, loss=PairwiseAUROCLoss(), epochs=1
    ).fit(sounds.recordings, sounds.target)
    with pytest.warns(UserWarning, match="cannot be written to a model file") as got:
        path = save(pipeline, tmp_path / "model.hbc")
    assert {str(w.message).partition("=")[0] for w in got} == {
        "classifier__network",
        "classifier__loss",
    }
    assert {w.filename for w in got} == {__file__}
    loaded = load(path)
    assert loaded[-1].predictor_.engine == "keras"
    assert loaded[-1].network is None
    np.testing.assert_array_equal(
        loaded.predict_proba(sounds.recordings),
        pipeline.predict_proba(sounds.recordings),
    )


def test_settings_of_a_session_are_left_behind(fitted_pipeline, sounds, tmp_path):
    import copy

    pipeline = copy.copy(fitted_pipeline)
    pipeline.steps = [(name, copy.copy(step)) for name, step in pipeline.steps]
    pipeline.set_params(
        spectrogram__cache=str(tmp_path),
        spectrogram__n_jobs=2,
        spectrogram__verbose=1,
        spectrogram__band_pass=(25.0, 400.0),
        spectrogram__n_mels=np.int64(16),
    )
    loaded = load(save(pipeline, tmp_path / "model.hbc"))[0]
    assert (loaded.cache, loaded.n_jobs, loaded.verbose) == (None, None, 0)
    assert loaded.band_pass == (25.0, 400.0)
    assert type(loaded.n_mels) is int


def test_integer_labels_stay_integers(fitted, images, tmp_path):
    X, _, _ = images
    loaded = load(save(Pipeline([("classifier", fitted)]), tmp_path / "model.hbc"))
    assert loaded.predict(X).dtype == fitted.classes_.dtype
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_trimmer_and_classifier_alone_can_be_saved(fitted, images, tmp_path):
    X, _, _ = images
    trimmer = ImageTrimmer(bands="all", trim_time=False).fit(X)
    pipeline = Pipeline([("cut", trimmer), ("decide", fitted)])
    loaded = load(save(pipeline, tmp_path / "model.hbc"))
    assert list(loaded.named_steps) == ["cut", "decide"]
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_paths_may_be_relative_strings(fitted_pipeline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save(fitted_pipeline, "model.hbc")
    assert path == Path("model.hbc")
    assert (tmp_path / "model.hbc").is_file()
    assert isinstance(load("model.hbc"), Pipeline)
    assert [p.name for p in tmp_path.iterdir()] == ["model.hbc"]


def test_failed_save_leaves_the_existing_file(fitted_pipeline, tmp_path, monkeypatch):
    path = tmp_path / "model.hbc"
    path.write_text("the old model")

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save(fitted_pipeline, path)
    assert path.read_text() == "the old model"
    assert [p.name for p in tmp_path.iterdir()] == ["model.hbc"]


def test_existing_file_is_replaced(fitted_pipeline, tmp_path):
    path = tmp_path / "model.hbc"
    path.write_text("the old model")
    save(fitted_pipeline, path)
    assert isinstance(load(path), Pipeline)


def test_pipelines_only_are_saved(fitted, tmp_path):
    with pytest.raises(
        TypeError, match=r"Expected a fitted Pipeline .*got HeartbeatCl"
    ):
        save(fitted, tmp_path / "model.hbc")


def test_other_steps_are_refused(fitted, tmp_path):
    pipeline = make_pipeline(FunctionTransformer(), fitted)
    with pytest.raises(TypeError, match=r"got \['FunctionTransformer', 'Heartbeat"):
        save(pipeline, tmp_path / "model.hbc")
    with pytest.raises(TypeError, match=r"the last one always there, got \['ImageTri"):
        save(make_pipeline(ImageTrimmer()), tmp_path / "model.hbc")


def test_unfitted_pipeline_is_refused(tmp_path):
    with pytest.raises(NotFittedError, match="instance is not fitted yet"):
        save(tiny_pipeline(), tmp_path / "model.hbc")
    with pytest.raises(NotFittedError, match="instance is not fitted yet"):
        save(Pipeline([("classifier", tiny_classifier())]), tmp_path / "model.hbc")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found no file .*heartbeat-clf train"):
        load(tmp_path / "none.hbc")


def test_other_file_is_refused(tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(ValueError, match=r"song.wav' to be a model saved by .*damaged"):
        load(path)


def test_truncated_file_is_refused(saved, tmp_path):
    path = tmp_path / "short.hbc"
    path.write_bytes(saved.read_bytes()[:-2000])
    with pytest.raises(ValueError, match=r"short.hbc' to be a model .*damaged file"):
        load(path)


def test_damaged_entry_is_refused(saved, tmp_path):
    content = bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "flipped.hbc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"flipped.hbc' to be .*damaged file"):
        load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None}, r"damaged or missing part: no 'model\.json'\."),
        ({"model": b"{"}, "damaged or missing part: JSONDecodeError"),
        ({"model": b"\x80abc"}, "damaged or missing part: UnicodeDecodeError"),
        ({"model": b"[1]"}, "got format None"),
        ({"network": None}, r"damaged or missing part: no 'network\.onnx'\."),
    ],
)
def test_missing_or_damaged_part_is_named(saved, tmp_path, changes, message):
    path = rewritten(saved, tmp_path / "bad.hbc", **changes)
    with pytest.raises(ValueError, match=f"bad.hbc' .*{message}"):
        load(path)


@pytest.mark.parametrize("steps", [{}, [], [{"kind": "ImageTrimmer"}]])
def test_a_file_without_a_classifier_is_refused(saved, tmp_path, steps):
    model = described(saved, steps=steps)
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(ValueError, match=r"bad\.hbc' .* and the last is there"):
        load(path)


@pytest.mark.parametrize("read", [load, load_to_predict])
@pytest.mark.parametrize("part", ["shift", "slope", "intercept"])
def test_a_calibration_that_is_no_number_is_refused(saved, tmp_path, read, part):
    with zipfile.ZipFile(saved) as archive:
        predictor = json.loads(archive.read("model.json"))["predictor"]
    wrong = math.inf if part == "slope" else [math.nan]
    predictor["calibration"] = {**predictor["calibration"], part: wrong}
    model = described(saved, predictor=predictor)
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(
        ValueError, match=rf"bad\.hbc' .* part: {part} must be a number"
    ):
        read(path)


@pytest.mark.parametrize("read", [load, load_to_predict])
def test_a_network_that_gives_no_numbers_is_refused(saved, tmp_path, read):
    with zipfile.ZipFile(saved) as archive:
        network = onnx.load_from_string(archive.read("network.onnx"))
    for weights in network.graph.initializer:
        values = np.full_like(onnx.numpy_helper.to_array(weights), np.nan)
        weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    path = rewritten(saved, tmp_path / "bad.hbc", network=network.SerializeToString())
    with pytest.raises(ValueError, match=r"bad\.hbc' .* logits of silence \[\[nan"):
        read(path)


@pytest.mark.parametrize("read", [load, load_to_predict])
def test_a_network_for_other_windows_is_refused(saved, tmp_path, read):
    with zipfile.ZipFile(saved) as archive:
        predictor = json.loads(archive.read("model.json"))["predictor"]
    model = described(saved, predictor={**predictor, "n_channels": 2})
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(ValueError, match=r"bad\.hbc' .* by windows \(\d+, \d+, 2"):
        read(path)


def changed(saved, target, change):
    """Write the file with another description."""
    with zipfile.ZipFile(saved) as archive:
        model = json.loads(archive.read("model.json"))
    change(model)
    return rewritten(saved, target, model=json.dumps(model))


def set_points(**changes):
    """Return a change of a description: operating points, some of them wrong."""
    plain = {
        "positive": "murmur",
        "combine": "mean",
        "slope": 1.0,
        "intercept": 0.0,
        "scores": [0.0, 1.0],
        "truth": [0, 1],
        "unit": "person",
        "source": "nobody",
    }
    return lambda model: model["steps"][2]["learned"].update(
        operating_points={**plain, **changes}
    )


def set_classes(*values):
    dtype = np.asarray(values).dtype.str
    return lambda model: model.update(classes={"dtype": dtype, "values": values})


def set_calibration(**changes):
    return lambda model: model["predictor"]["calibration"].update(changes)


def set_learned(step, **changes):
    return lambda model: model["steps"][step]["learned"].update(changes)


def set_setting(step, **changes):
    return lambda model: model["steps"][step]["settings"].update(changes)


@pytest.mark.parametrize("read", [load, load_to_predict])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_points(combine="median"), "combine must be one of"),
        (set_points(slope=math.nan), "slope must be a number greater than 0"),
        (set_points(slope="x"), "slope must be a number greater than 0, got str"),
        (set_points(positive="nope"), "points of 'nope', which is none of the classes"),
        (set_points(scores=[]), "as many items in scores"),
        (set_classes("murmur"), r"classes \['murmur'\], where two different"),
        (set_classes("x", "x"), r"classes \['x', 'x'\], where two different"),
        (set_classes("a", "b", "c"), "a calibration of 3 classes"),
        (set_calibration(shift=[0, 0]), "a calibration of 2 classes, got"),
        (set_calibration(intercept=[1, 2, 3]), "a calibration of 2 classes, got"),
        (set_learned(1, bands=[]), r"bands \[\] of \d+, where they must rise"),
        (set_learned(1, bands=[99]), r"bands \[99\] of \d+, where they must rise"),
        (set_learned(1, n_bands_in=math.nan), "n_bands_in must be an integer"),
        (set_learned(1, n_bands_in=10**400), "n_bands_in must be an integer"),
        (set_learned(1, n_bands_in=41), "40 n_mels of the images and 41 bands of the"),
        (set_learned(1, bands=[2**70]), "too large to convert"),
        (set_learned(1, bands=[0, 1]), "2 bands that are kept and .* bands of the net"),
        (set_setting(0, n_mels=20), "20 n_mels of the images and 40 bands of the trim"),
        (set_calibration(slope=-1), "slope must be a number greater than 0, got -1"),
        (set_calibration(slope=True), "slope must be a number greater than 0, got boo"),
        (set_calibration(slope=1e308, shift=[1e9]), "logits of silence"),
        (set_points(scores=["a", "b"]), "Expected numbers as scores, got"),
        (set_points(truth=[0, "0"]), "False and True, got"),
        (set_points(truth=[1, 2]), "False and True, got"),
        (lambda model: model["steps"].reverse(), "have this order and the last"),
        (lambda model: model["steps"].insert(0, model["steps"][0]), "have this order"),
        (set_setting(1, silence_db=math.nan), "silence_db must be a number"),
    ],
)
def test_what_no_answer_could_come_of_is_refused(
    saved, tmp_path, read, change, message
):
    path = changed(saved, tmp_path / "bad.hbc", change)
    with pytest.raises(ValueError, match=rf"bad\.hbc' .* part: .*{message}"):
        read(path)


@pytest.mark.parametrize("settings", [{}, {"sample_rate": math.nan}])
def test_settings_of_no_image_are_refused_where_a_model_only_predicts(
    saved, tmp_path, settings
):
    def change(model):
        kept = model["steps"][0]["settings"] if settings else {}
        model["steps"][0]["settings"] = {**kept, **settings}

    path = changed(saved, tmp_path / "bad.hbc", change)
    with pytest.raises(ValueError, match=r"bad\.hbc' .* part: .*(sample_rate|n_mels)"):
        load_to_predict(path)


def test_points_that_fit_come_back(saved, tmp_path):
    path = changed(saved, tmp_path / "good.hbc", set_points())
    for model in (load(path)[-1], load_to_predict(path)):
        assert model.operating_points_.scores == (0.0, 1.0)
    without = changed(
        saved, tmp_path / "none.hbc", set_learned(2, operating_points=None)
    )
    assert load_to_predict(without).operating_points_ is None
    assert not hasattr(load(without)[-1], "operating_points_")


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("x", "format_version must be an integer"),
        (0, "format_version must be an integer at least 1"),
        (True, "format_version must be an integer"),
    ],
)
def test_a_version_is_a_number(saved, tmp_path, version, message):
    model = described(saved, format_version=version)
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(ValueError, match=rf"bad\.hbc' .* part: {message}"):
        load(path)


def test_a_newer_file_may_say_anything_else(saved, tmp_path):
    model = described(saved, format_version=99, versions=None)
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(ValueError, match=r"got 99 in .*Upgrade heartbeat_clf"):
        load(path)


def test_a_description_without_end_is_refused(saved, tmp_path):
    path = rewritten(saved, tmp_path / "deep.hbc", model="[" * 100_000)
    with pytest.raises(ValueError, match=r"deep\.hbc' .* damaged or missing part"):
        load(path)


def test_other_format_is_refused(saved, tmp_path):
    model = described(saved, format="zebra model")
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(ValueError, match=r"bad.hbc' to be .*got format 'zebra model'"):
        load(path)


def test_newer_format_asks_for_an_upgrade(saved, tmp_path):
    model = described(saved, format_version=99)
    path = rewritten(saved, tmp_path / "bad.hbc", model=model)
    with pytest.raises(
        ValueError,
        match=r"version 9 or lower, got 99 in .*Upgrade heartbeat_clf \(written by "
        f"{heartbeat_clf.__version__}",
    ):
        load(path)


def test_model_goes_to_a_file_in_a_folder_that_is_there(fitted_pipeline, tmp_path):
    with pytest.raises(IsADirectoryError, match="a file to write, got the folder"):
        save(fitted_pipeline, tmp_path)
    with pytest.raises(FileNotFoundError, match="Make it first"):
        save(fitted_pipeline, tmp_path / "none" / "model.hbc")
