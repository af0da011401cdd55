"""The judge of what both networks hear before they judge."""

from __future__ import annotations

import dataclasses
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from beat_parts import (
    BEAT_SHAPE,
    TINY_BEATS,
    annotated_sets,
    heart_sounds,
    lend_tracker,
    levels,
    regions,
    said,
    small_recipe,
    trees,
    view_of,
)
from sklearn.ensemble import ExtraTreesClassifier

from heartbeat_clf import load, save
from heartbeat_clf.beat_view_network import build_beat_view_network
from heartbeat_clf.beat_view_training import load_beats, train_beats
from heartbeat_clf.forest_judge import fit_forest, forests_to_onnx
from heartbeat_clf.network_sessions import network_outputs, network_session
from heartbeat_clf.networks import build_network
from heartbeat_clf.onnx_export import network_to_onnx
from heartbeat_clf.prediction import Calibration, mean_logits, mean_outputs
from heartbeat_clf.pretrained_files import as_pipeline
from heartbeat_clf.pretraining import pretrain
from heartbeat_clf.pretraining_models import make_models
from heartbeat_clf.pretraining_run import score_images, train_fold
from heartbeat_clf.saved_model import load_to_predict

WITH_UNITS = {**TINY_BEATS, "units": ["abnormal"]}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return annotated_sets(heart_sounds(), tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module", autouse=True)
def known_tracker():
    with pytest.MonkeyPatch.context() as patch:
        lend_tracker(patch)
        yield


def network_on_beats():
    return network_to_onnx(build_beat_view_network(BEAT_SHAPE, 3), embedding="dense")


def test_the_judge_has_half_the_weight_of_both_networks_where_sounds_are_familiar():
    windows, nan = np.array([[1.0, 2.0]]), float("nan")

    def blended(share=0.5, **judges):
        view = view_of(share=share, units=b"some")
        return view.blend(windows, [said([5.0, -2.0], **judges)])[0].tolist()

    # Of the second output ((2 - 2) / 2 + 3) / 2; the first is (1 + 5) / 2 as before.
    assert blended(units=[nan, 3.0]) == [3.0, 1.5]
    # Where the sound is not familiar all is as without it: (2 * 4 - 2) / 2 + 4 / 2.
    strange = {"units": [nan, 3.0], "steadiness": [nan, 4.0]}
    assert blended(**strange, familiarity=[nan, -50.0]) == pytest.approx([3.0, 5.0])
    assert blended(**strange, familiarity=[nan, 50.0]) == pytest.approx([3.0, 3.5])
    assert blended(**strange, familiarity=[nan, 0.0]) == pytest.approx([3.0, 4.25])
    # Whoever looks at beats less hears less of it.
    assert blended(share=0.25, units=[nan, 3.0]) == [2.0, 1.5]
    assert blended(share=0, units=[nan, 3.0]) == windows[0].tolist()
    # No beat: the windows stay.
    view = view_of(units=b"some")
    assert view.blend(windows, [None]).tolist() == windows.tolist()


def test_scores_without_what_the_judge_says_are_not_blended():
    view = view_of(units=b"some")
    with pytest.raises(ValueError, match=r"judge of units says, got none\. with_units"):
        view.blend(np.array([[1.0, 2.0]]), [said([5.0, -2.0])])


def test_the_judge_hears_the_windows_and_the_beat(sets):
    image = sets[1][0][0]
    judge = trees(20 + 64)
    view = view_of(network_on_beats(), units=judge, either_phase=(1,))
    embedding = np.random.default_rng(0).normal(size=20)
    found = view.scores(image)
    assert np.isnan(found.units).all()
    assert np.array_equal(found.heard, view.embedding(image))
    expected = network_session(judge)(
        np.concatenate([embedding, found.heard])[np.newaxis].astype(np.float32)
    )[0]
    told = view.with_units([found, None], np.stack([embedding, embedding]))
    assert told[1] is None
    np.testing.assert_array_equal(told[0].units, [expected[0], np.nan, np.nan])
    # Who has no such judge asks the network for nothing more.
    plain = dataclasses.replace(view, units=None)
    assert plain.scores(image).heard.size == 0
    assert plain.with_units([found], embedding[np.newaxis]) == [found]


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.full((1, 20), np.nan), "finite embeddings, got some that are not"),
        (np.full((1, 20), np.inf), "finite embeddings, got some that are not"),
        (np.zeros((1, 84)), "units that the judge learnt from, .* got 84 and 64: "),
        (np.zeros((1, 5)), "units that the judge learnt from, .* got 5 and 64: "),
        (np.zeros((2, 20)), r"shape \(1, n_features\), .* got \(2, 20\)"),
        (np.zeros(20), r"shape \(1, n_features\), .* got \(20,\)"),
    ],
)
def test_units_that_the_judge_did_not_learn_from_are_named(embeddings, message, sets):
    view = view_of(network_on_beats(), units=trees(20 + 64))
    found = view.scores(sets[1][0][0])
    with pytest.raises(ValueError, match=message):
        view.with_units([found], embeddings)


def test_scores_of_a_view_without_the_judge_are_named(sets):
    view = view_of(network_on_beats(), units=trees(20 + 64))
    found = dataclasses.replace(view, units=None).scores(sets[1][0][0])
    with pytest.raises(ValueError, match=r"judge learnt from, .* got 20 and 0: "):
        view.with_units([found], np.zeros((1, 20)))


@pytest.mark.parametrize("size", [1e-5, 1.0, 1e6])
def test_halves_keep_eleven_bits_whatever_the_size(size):
    rng = np.random.default_rng(0)
    features = (size * rng.normal(size=(300, 4))).astype(np.float32)
    positive = features[:, 1] > 0.3 * size
    whole, halved = (
        fit_forest(features, positive, np.ones(300), halved=halved)
        for halved in (False, True)
    )
    inner = whole.feature >= 0
    off = np.abs(halved.threshold - whole.threshold)[inner]
    assert (off <= 2.0**-11 * np.abs(whole.threshold)[inner]).all()
    assert off.max() > 0
    assert np.abs(halved.share - whole.share).max() <= 2.0**-11
    parts, _ = np.frexp(halved.threshold)
    assert np.array_equal(parts * 2**11, np.round(parts * 2**11))


def test_a_judge_that_a_fold_has_not_is_left_out(sets, tmp_path, monkeypatch):
    part = sets[0][1]
    each = np.array([f"person {row}" for row in range(len(part.recordings))])
    data = [dataclasses.replace(part, subjects=each)]
    asked, said = [], []

    def folds(data, images, recipe, place, **settings):
        asked.append(recipe)
        if len(asked) == 2:
            raise KeyboardInterrupt
        columns = ("abnormal_steadiness", "abnormal_familiarity")
        for number in range(2):
            table = pd.DataFrame(0.0, index=[0], columns=["beats", *columns])
            yield table.assign(abnormal_units=0.0) if number else table

    monkeypatch.setattr("heartbeat_clf.pretraining_models.train_folds", folds)
    with pytest.raises(KeyboardInterrupt):
        make_models(
            data,
            small_recipe(beats=WITH_UNITS),
            work=tmp_path / "work",
            output=tmp_path / "models",
            n_folds=2,
            say=said.append,
        )
    assert said[-1] == "no judge of units of abnormal: a fold has none"
    # As where labels are too few: none of the judges of that output stays.
    assert asked[1].beats.units == asked[1].beats.steadiness == ()
    assert asked[0].beats.units == ("abnormal",)


def test_a_network_that_was_trained_on_hears_something_else():
    view = view_of(steadiness=trees(8), familiarity=levels(120), units=trees(256))
    assert view.trained_on() == dataclasses.replace(view, familiarity=None, units=None)


def test_forests_are_grown_by_their_settings():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 6)).astype(np.float32)
    positive = features[:, 2] > 0
    weights = rng.uniform(0.5, 2.0, 200)
    grown = ExtraTreesClassifier(
        100, min_samples_leaf=3, max_features=0.5, random_state=1
    ).fit(features, positive, weights / weights.mean())
    forest = fit_forest(
        features, positive, weights, leaves=None, least_leaf=3, looked_at=0.5, seed=1
    )
    said = network_session(forests_to_onnx([forest]))(features)[:, 0]
    expected = grown.predict_proba(features)[:, 1].clip(0.01, 0.99)
    np.testing.assert_allclose(1 / (1 + np.exp(-said)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"leaves": 1},
            ValueError,
            "leaves must be an integer at least 2 or None, got 1",
        ),
        ({"leaves": 2.5}, TypeError, "leaves must be an integer .*, got float 2.5"),
        (
            {"least_leaf": 0},
            ValueError,
            "least_leaf must be an integer at least 1, got 0",
        ),
        ({"looked_at": 0}, ValueError, "looked_at must be a number .* or None, got"),
        ({"looked_at": 1.5}, ValueError, "looked_at must be a number .* or None, got"),
        ({"looked_at": "sqrt"}, TypeError, "looked_at must be a number .*, got str"),
    ],
)
def test_wrong_settings_of_a_forest_are_named(changes, error, message):
    features = np.arange(40.0)[:, np.newaxis]
    with pytest.raises(error, match=message):
        fit_forest(features, features[:, 0] > 20, np.ones(40), **changes)


def test_logits_and_embeddings_come_in_one_run():
    network = network_to_onnx(build_network("wide", (40, 64, 1), 2))
    windows = np.random.default_rng(0).normal(size=(3, 40, 64, 1)).astype(np.float32)
    logits, embedding = network_outputs(network)(windows)
    assert np.array_equal(logits, network_session(network)(windows))
    assert np.array_equal(embedding, network_session(network, "embedding")(windows))
    images = [*windows, np.concatenate([*windows[:2]], axis=1)]
    settings = {"window_frames": 64, "standardize": True}
    for found, output in zip(
        mean_outputs(images, network, **settings), ("logits", "embedding"), strict=True
    ):
        run = network_session(network, output)
        assert np.array_equal(found, mean_logits(images, run, **settings))


@pytest.fixture(scope="module")
def trained(sets, tmp_path_factory):
    """Return the recipe, both networks and the folder of a view with such a judge."""
    place = tmp_path_factory.mktemp("trained")
    data, images = sets
    recipe = small_recipe(beats=WITH_UNITS)
    network = pretrain(data, images, recipe, place)
    with pytest.raises(ValueError, match="a judge of units, got none on windows"):
        train_beats(data, images, recipe, place / "beats")
    beats = train_beats(data, images, recipe, place / "beats", windows=network)
    return recipe, network, beats, place


@pytest.mark.training
def test_a_training_keeps_the_judge(sets, trained):
    recipe, network, beats, place = trained
    data, images = sets
    judge = beats.view("abnormal").units
    assert judge is not None
    assert beats.view("murmur").units is None
    assert load_beats(place / "beats", recipe).view("abnormal").units == judge
    # In the folder already, it is not fitted again.
    again = train_beats(data, images, recipe, place / "beats")
    assert again.view("abnormal").units == judge
    logits = score_images(network, images[1], recipe, beats.view())
    without = dataclasses.replace(beats.view(), units=None)
    others = score_images(network, images[1], recipe, without)
    assert np.array_equal(logits[:, 0], others[:, 0])
    assert np.abs(logits[:, 1] - others[:, 1]).min() > 1e-3


def pipeline_of(trained, output="abnormal"):
    recipe, network, beats, _ = trained
    return as_pipeline(
        network,
        output,
        recipe,
        calibration=Calibration((0.0,)),
        operating_points=None,
        class_counts=(4, 4),
        beats=beats,
    )


@pytest.mark.training
def test_a_file_with_the_judge_answers_as_before(sets, trained, tmp_path):
    recipe, network, beats, _ = trained
    data, images = sets
    pipeline = pipeline_of(trained)
    scores = pipeline.decision_function(data[1].recordings)
    logits = score_images(network, images[1], recipe, beats.view())
    # In favour of "normal", the second class.
    np.testing.assert_allclose(scores, -logits[:, 1], atol=1e-4)
    file = save(pipeline, tmp_path / "model.hbc")
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 9
        assert archive.read("beats_units.onnx") == beats.view("abnormal", sign=-1).units
    for model in (load(file), load_to_predict(file)):
        assert np.array_equal(model.decision_function(data[1].recordings), scores)
    # Trained on, it hears something else, and the judge is gone.
    tuned = load(file)
    seen = tuned[:-1].transform(data[1].recordings)
    labels = np.where(data[1].strata == "normal", "normal", "abnormal")
    tuned[-1].partial_fit(seen, labels)
    assert tuned[-1].predictor_.beats.units is None


@pytest.mark.training
@pytest.mark.parametrize(
    "wrong", [trees(8), trees(256, 2), regions(256), b"no network"]
)
def test_a_judge_that_does_not_fit_is_named(wrong, trained, tmp_path):
    pipeline = pipeline_of(trained)
    file = save(pipeline, tmp_path / "good.hbc")
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["beats_units.onnx"] = wrong
    with zipfile.ZipFile(tmp_path / "bad.hbc", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    for read in (load, load_to_predict):
        with pytest.raises(ValueError, match="a judge of what both networks hear, got"):
            read(tmp_path / "bad.hbc")
    # What could not be read again is not written.
    predictor = pipeline[-1].predictor_
    pipeline[-1].predictor_ = dataclasses.replace(
        predictor, beats=dataclasses.replace(predictor.beats, units=wrong)
    )
    with pytest.raises(ValueError, match="a judge of what both networks hear, got"):
        save(pipeline, file)
    assert load(file)[-1].predictor_.beats == predictor.beats


@pytest.mark.training
def test_folds_keep_what_the_judge_says(sets, trained, tmp_path):
    data, images = sets
    held_out = [np.isin(part.subjects, ["s6"]) for part in data]
    scores = train_fold(data, images, held_out, trained[0], tmp_path)
    assert "murmur_units" not in scores
    units, steady = scores["abnormal_units"], scores["abnormal_steadiness"]
    assert units.notna().any()
    windows, beat = scores["abnormal_windows"], scores["abnormal_beat"]
    familiar = 1 / (1 + np.exp(-scores["abnormal_familiarity"]))
    both = (windows + beat) / 2
    known = familiar * (both + units) / 2 + steady / 2
    strange = (1 - familiar) * (beat / 2 + steady)
    heard = steady.notna()
    assert heard.any()
    np.testing.assert_allclose(
        scores["abnormal"][heard], (known + strange)[heard], atol=1e-4
    )


def test_a_recipe_names_the_outputs():
    recipe = small_recipe(beats=WITH_UNITS)
    assert recipe.beats.units == ("abnormal",)
    assert recipe.beats.judging(["murmur"]).units == ()
    assert small_recipe().beats.units == ()
    with pytest.raises(ValueError, match="units"):
        small_recipe(beats={**WITH_UNITS, "units": ["valve"]})
