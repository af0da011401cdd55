"""The second look at a recording, at its average beat: trained, blended, saved."""

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
    tracker_settings,
    trees,
    view_of,
)

from heartbeat_clf import load, save
from heartbeat_clf.annotated_rows import annotated_rows
from heartbeat_clf.averaged_beats import (
    average_beat,
    exchange_phases,
)
from heartbeat_clf.beat_decoding import STATES
from heartbeat_clf.beat_recipe import UNTRAINED
from heartbeat_clf.beat_regions import beat_regions
from heartbeat_clf.beat_tracking import BeatModel, load_beat_model, states_of_image
from heartbeat_clf.beat_view_network import build_beat_view_network
from heartbeat_clf.beat_view_training import load_beats, train_beats
from heartbeat_clf.heard_beats import hear_beats
from heartbeat_clf.initial_weights import read_initial_weights
from heartbeat_clf.linear_beats import linear_network
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.onnx_export import network_to_onnx
from heartbeat_clf.prediction import Calibration, WindowPredictor
from heartbeat_clf.pretrained_files import as_pipeline
from heartbeat_clf.pretraining import pretrain
from heartbeat_clf.pretraining_models import make_models
from heartbeat_clf.pretraining_recipe import read_recipe, tracked_bands
from heartbeat_clf.pretraining_run import score_images, train_fold
from heartbeat_clf.saved_model import load_to_predict

MURMUR_ALONE = {
    "outputs": {"murmur": 1.0},
    "beats": {**TINY_BEATS, "steadiness": [], "familiarity": []},
}


@pytest.fixture(scope="module")
def sounds():
    return heart_sounds()


@pytest.fixture(scope="module")
def sets(sounds, tmp_path_factory):
    return annotated_sets(sounds, tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def known_tracker(monkeypatch):
    lend_tracker(monkeypatch)


def test_beats_are_found_in_the_lowest_bands_of_an_image(sounds, sets):
    image = sets[1][0][0]
    tracker = BeatModel(load_beat_model().network, tracker_settings())
    stays = hear_beats(image, tracker, 16).stays
    truth = np.array(sounds.metadata["s1_times"].iloc[0])
    found = (stays.first[STATES.index("S1")]) * 0.016
    near = [np.abs(truth - time).min() for time in found]
    assert len(found) >= 3
    assert np.mean(np.array(near) < 0.06) > 0.8


def test_a_heart_is_heard_more_clearly_than_noise(sounds, sets):
    network = network_to_onnx(build_beat_view_network(BEAT_SHAPE, 3), embedding="dense")
    view = view_of(network)
    heart = sets[1][0][0]
    noise = np.random.default_rng(0).normal(0, 5, heart.shape).astype(np.float32)
    clear, unclear = view.scores(heart).clarity, view.scores(noise).clarity
    assert 0.25 < unclear < clear < 1
    tracker = BeatModel(load_beat_model().network, tracker_settings())
    probabilities, _ = states_of_image(heart[:16], tracker)
    assert clear == pytest.approx(probabilities.max(axis=1).mean())


def test_what_is_shorter_than_a_beat_is_judged_by_its_windows_alone():
    network = network_to_onnx(build_beat_view_network(BEAT_SHAPE, 3), embedding="dense")
    view = view_of(network)
    short = np.zeros((40, 3), dtype=np.float32)
    assert view.scores(short) is None
    assert view.embedding(short).tolist() == [0.0] * 64


def test_views_are_blended_by_their_share():
    windows = np.array([[1.0, 2.0], [3.0, 4.0]])
    heard = [said([5.0, -2.0]), None]
    assert view_of().blend(windows, heard).tolist() == [[3.0, 0.0], [3.0, 4.0]]
    assert view_of(share=0.25).blend(windows, heard)[0].tolist() == [2.0, 1.0]
    assert windows.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_the_linear_judge_weighs_the_more_the_more_beats_there_are():
    windows = np.array([[1.0, 2.0]])
    nan = float("nan")
    # Half the weight of the network at ten beats: (1 + 5 + 9 / 2) / 2.5.
    ten = view_of().blend(windows, [said([5.0, -2.0], [9.0, nan], 10)])
    assert ten.tolist() == [[pytest.approx(4.2), 0.0]]
    many = view_of().blend(windows, [said([5.0, -2.0], [9.0, nan], 10**9)])
    assert many.tolist() == [[pytest.approx(5.0), 0.0]]
    # Alone with the network where windows count for nothing, and never where the
    # average beat does not.
    whole = view_of(share=1).blend(windows, [said([5.0, -2.0], [9.0, 9.0], 10)])
    assert whole[0].tolist() == pytest.approx([19 / 3, 5 / 3])
    none = view_of(share=0).blend(windows, [said([5.0, -2.0], [9.0, 9.0], 10)])
    assert none.tolist() == windows.tolist()


def test_log_odds_by_steadiness_are_added_to_the_mean_of_the_others():
    windows, nan = np.array([[1.0, 2.0]]), float("nan")
    steady = said([5.0, -2.0], steadiness=[nan, 1.5])
    assert view_of().blend(windows, [steady]).tolist() == [[3.0, 0.75]]
    # A mean of three with the linear judge (4.2, above), then the sum.
    both = said([5.0, -2.0], [9.0, nan], steadiness=[-1.0, nan])
    assert view_of().blend(windows, [both])[0].tolist() == pytest.approx([3.7, 0.0])
    # Whoever looks at beats less hears less of how steady they are.
    less = view_of(share=0.25).blend(windows, [steady])
    assert less.tolist() == [[2.0, 1.375]]
    none = view_of(share=0).blend(windows, [steady])
    assert none.tolist() == windows.tolist()


def test_windows_give_way_to_steadiness_where_the_sound_is_not_familiar():
    windows, nan = np.array([[1.0, 2.0]]), float("nan")

    def blended(familiarity, steadiness):
        heard = said([5.0, -2.0], steadiness=steadiness, familiarity=familiarity)
        return view_of().blend(windows, [heard])[0].tolist()

    # Of the second output (2 - 2 + 4) / 2, (8 - 2 + 4) / 2, and both in equal parts.
    assert blended([nan, 50.0], [nan, 4.0]) == pytest.approx([3.0, 2.0])
    assert blended([nan, -50.0], [nan, 4.0]) == pytest.approx([3.0, 5.0])
    assert blended([nan, 0.0], [nan, 4.0]) == pytest.approx([3.0, 3.5])
    # With too few beats to judge them, the windows stay.
    assert blended([-50.0, -50.0], [nan, nan]) == [3.0, 0.0]


def test_a_made_murmur_that_is_heard_clearly_counts_beside_all_others():
    windows, nan = np.array([[1.0, 2.0]]), float("nan")

    def blended(made, **view):
        heard = said([5.0, -2.0], made=made)
        return view_of(**view).blend(windows, [heard])[0].tolist()

    # Twice what the log odds are above 1, beside a mean of [3, 0].
    assert blended([nan, 3.0]) == [3.0, 4.0]
    assert blended([1.5, nan]) == [4.0, 0.0]
    # Whoever hears none says nothing of what others hear.
    assert blended([0.9, -9.0]) == [3.0, 0.0]
    # Of the score for the other class it is the same, turned.
    assert blended([-1.5, -0.9], made_sign=-1) == [2.0, 0.0]
    # Whoever looks at beats less hears less of it.
    assert blended([nan, 3.0], share=0.25) == [2.0, 1.0 + 2.0]
    assert blended([3.0, 3.0], share=0) == windows[0].tolist()


def test_the_judge_of_made_murmurs_hears_the_beat_as_it_is(sets):
    image = sets[1][0][0]
    network = network_to_onnx(build_beat_view_network(BEAT_SHAPE, 3), embedding="dense")
    judge = regions(391)
    view = view_of(network, made=judge, either_phase=(1,))
    found = view.scores(image)
    tracker = BeatModel(load_beat_model().network, tracker_settings())
    stays = hear_beats(image, tracker, 16).stays
    features = beat_regions(average_beat(image, stays), stays.n_beats)
    expected = network_session(judge)(features[np.newaxis])[0]
    np.testing.assert_array_equal(found.made, [expected[0], np.nan, np.nan])
    assert np.isnan(dataclasses.replace(view, made=None).scores(image).made).all()


@pytest.mark.parametrize("wrong", [[-1], 1, None, "a", {}])
def test_phases_of_outputs_are_a_tuple(wrong):
    with pytest.raises(TypeError, match=r"either_phase to be a tuple of .* got"):
        dataclasses.replace(view_of(), either_phase=wrong)


def test_a_sound_of_either_phase_counts_where_it_is_louder(sets):
    image = sets[1][0][0]
    rng = np.random.default_rng(0)
    places = rng.normal(size=(2, *BEAT_SHAPE))
    places[1] = -places[0]
    network = network_to_onnx(build_beat_view_network(BEAT_SHAPE, 3), embedding="dense")
    linear = network_to_onnx(linear_network(places, np.zeros(2)), embedding="logits")
    plain = view_of(network, linear=linear)
    tracker = BeatModel(load_beat_model().network, tracker_settings())
    beat = average_beat(image, hear_beats(image, tracker, 16).stays)
    exchanged = exchange_phases(beat)
    one, other = (
        np.array([(places[0] * b).sum(), -(places[0] * b).sum()])
        for b in (beat, exchanged)
    )
    assert abs(one[0] - other[0]) > 1

    def linear_of(*either_phase):
        view = dataclasses.replace(plain, either_phase=either_phase)
        return view.scores(image).linear[:2]

    near = {"rtol": 1e-3, "atol": 0.01}
    np.testing.assert_allclose(linear_of(), one, **near)
    np.testing.assert_allclose(linear_of(0, 0), one, **near)
    np.testing.assert_allclose(linear_of(1), [max(one[0], other[0]), one[1]], **near)
    np.testing.assert_allclose(linear_of(-1), [min(one[0], other[0]), one[1]], **near)
    np.testing.assert_allclose(linear_of(1, 1), np.maximum(one, other), **near)
    with pytest.raises(ValueError, match=r"at most 2 numbers in .* got \(1, 1, 0\)"):
        linear_of(1, 1, 0)
    # The network hears both as well.
    run = network_session(network)
    both = np.vstack([run(b[np.newaxis]) for b in (beat, exchanged)])
    view = dataclasses.replace(plain, either_phase=(1, -1))
    np.testing.assert_allclose(
        view.scores(image).network[:2], [both[:, 0].max(), both[:, 1].min()], atol=1e-4
    )
    # What a network hears before it judges is of the beat as it is.
    assert np.array_equal(view.embedding(image), plain.embedding(image))


def test_what_windows_were_trained_on_with_is_familiar():
    view = view_of(steadiness=trees(8), familiarity=levels(120))
    assert view.trained_on() == dataclasses.replace(view, familiarity=None)


@pytest.mark.training
def test_training_goes_on_and_answers_by_both_views(
    sets, sounds, tmp_path, known_tracker
):
    data, images = sets
    recipe = small_recipe()
    network = pretrain(data, images, recipe, tmp_path / "windows")
    beats = train_beats(data, images, recipe, tmp_path / "beats")
    first = beats.network.get_weights()
    again = train_beats(data, images, recipe, tmp_path / "beats")
    loaded = load_beats(tmp_path / "beats", recipe)
    for other in (again, loaded):
        assert other.tracker == beats.tracker
        for one, two in zip(
            beats.judges.linear.get_weights(),
            other.judges.linear.get_weights(),
            strict=True,
        ):
            assert np.array_equal(one, two, equal_nan=True)
        assert list(other.judges.steadiness) == ["abnormal"]
        for judge in ("steadiness", "familiarity"):
            expected = getattr(beats.view("abnormal"), judge)
            assert getattr(other.view("abnormal"), judge) == expected
        for one, two in zip(first, other.network.get_weights(), strict=True):
            assert np.array_equal(one, two)
    with pytest.raises(ValueError, match="checkpoints of this training, got those"):
        train_beats(
            data, images, dataclasses.replace(recipe, seed=5), tmp_path / "beats"
        )

    pipeline, abnormal = (
        as_pipeline(
            network,
            output,
            recipe,
            calibration=Calibration((0.0,)),
            operating_points=None,
            class_counts=(4, 4),
            beats=beats,
        )
        for output in ("murmur", "abnormal")
    )
    logits = score_images(network, images[0], recipe, beats.view())
    windows = score_images(network, images[0], recipe)
    heard = [beats.view().scores(image) for image in images[0]]
    assert np.isnan(heard[0].linear).tolist() == [False, True, True]
    for found in (heard[0].steadiness, heard[0].familiarity):
        assert np.isnan(found).tolist() == [True, False, True]
    expected = beats.view().blend(windows, [found.first(2) for found in heard])
    np.testing.assert_allclose(logits, expected, atol=1e-6)
    assert np.abs(logits[:, 0] - (windows[:, 0] + heard[0].network[0]) / 2).max() > 0.01
    assert beats.view().either_phase == ()
    telling = dataclasses.replace(recipe.beats, either_phase=("murmur",))
    either = dataclasses.replace(
        beats, recipe=dataclasses.replace(recipe, beats=telling)
    )
    assert either.view().either_phase == (1, 0)
    assert either.view("murmur", sign=-1.0).either_phase == (-1,)
    assert either.view("abnormal") == beats.view("abnormal")
    scores = pipeline.decision_function(data[0].recordings)
    # The decision is in favour of "normal", the second class.
    np.testing.assert_allclose(scores, -logits[:, 0], atol=1e-4)

    # Without a gap or a hum nothing is taken out, which older versions cannot.
    for model in (pipeline, abnormal):
        newest = save(model, tmp_path / "newest.hbc")
        with zipfile.ZipFile(newest) as archive:
            assert json.loads(archive.read("model.json"))["format_version"] == 8
        expected = model.decision_function(data[0].recordings)
        assert np.array_equal(
            load_to_predict(newest).decision_function(data[0].recordings), expected
        )
        model[0].set_params(gap_removal=False, hum_removal=False)
        assert np.array_equal(model.decision_function(data[0].recordings), expected)
    file = save(pipeline, tmp_path / "model.hbc")
    for model in (load(file), load_to_predict(file)):
        assert np.array_equal(model.decision_function(data[0].recordings), scores)
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 3
        assert "beats_linear.onnx" in archive.namelist()
    steady = save(abnormal, tmp_path / "abnormal.hbc")
    with zipfile.ZipFile(steady) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 5
        assert "beats_linear.onnx" not in archive.namelist()
        # In favour of "normal", the second class.
        judge = archive.read("beats_steadiness.onnx")
        assert judge == beats.view("abnormal", sign=-1.0).steadiness
        # How familiar a sound is has no sign.
        judge = archive.read("beats_familiarity.onnx")
        assert judge == beats.view("abnormal").familiarity
    scores_of = abnormal.decision_function(data[0].recordings)
    np.testing.assert_allclose(scores_of, -logits[:, 1], atol=1e-4)
    for model in (load(steady), load_to_predict(steady)):
        assert np.array_equal(model.decision_function(data[0].recordings), scores_of)
    either = dataclasses.replace(
        pipeline[-1].predictor_.beats, either_phase=(np.int64(-1),)
    )
    pipeline[-1].predictor_ = dataclasses.replace(pipeline[-1].predictor_, beats=either)
    with_made = dataclasses.replace(
        pipeline[-1].predictor_,
        beats=dataclasses.replace(either, made=regions(391), made_sign=-1),
    )
    sixth, pipeline[-1].predictor_ = pipeline[-1].predictor_, with_made
    seventh = save(pipeline, tmp_path / "seventh.hbc")
    with zipfile.ZipFile(seventh) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 7
    for model in (load(seventh), load_to_predict(seventh)):
        expected = pipeline.decision_function(data[0].recordings)
        assert np.array_equal(model.decision_function(data[0].recordings), expected)
    assert load(seventh)[-1].predictor_.beats == with_made.beats
    pipeline[-1].predictor_ = sixth
    newer = save(pipeline, tmp_path / "newer.hbc")
    with zipfile.ZipFile(newer) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 6
    for model in (load(newer), load_to_predict(newer)):
        assert np.array_equal(
            model.decision_function(data[0].recordings),
            pipeline.decision_function(data[0].recordings),
        )
    assert load(newer)[-1].predictor_.beats == either
    # What could not be read again is not written.
    pipeline[-1].predictor_ = dataclasses.replace(
        pipeline[-1].predictor_, beats=dataclasses.replace(either, either_phase=(1, 1))
    )
    with pytest.raises(ValueError, match="at most 1 numbers in either_phase"):
        save(pipeline, newer)
    assert load(newer)[-1].predictor_.beats == either
    no_linear = dataclasses.replace(
        pipeline[-1].predictor_.beats, linear=None, either_phase=()
    )
    pipeline[-1].predictor_ = dataclasses.replace(
        pipeline[-1].predictor_, beats=no_linear
    )
    older = save(pipeline, tmp_path / "older.hbc")
    with zipfile.ZipFile(older) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 2
        assert "beats_linear.onnx" not in archive.namelist()
    assert load(older)[-1].predictor_.beats == no_linear
    pipeline = load(file)
    assert beats.view("abnormal").linear is None
    images = pipeline[:-1].transform(sounds.recordings)
    predictor = pipeline[-1].predictor_
    heard = predictor.embeddings([image[..., np.newaxis] for image in images])
    units = [predictor.beats.embedding(image) for image in images]
    assert np.array_equal(heard[:, -64:], units)
    alone = dataclasses.replace(predictor, beats=None)
    without = alone.embeddings([image[..., np.newaxis] for image in images])
    assert np.array_equal(heard[:, :-64], without)
    classifier = pipeline[-1].partial_fit(images, sounds.target)
    assert classifier.predictor_.beats == beats.view("murmur", sign=-1)


@pytest.mark.training
def test_a_model_without_the_view_is_written_as_before(sets, tmp_path):
    data, images = sets
    recipe = small_recipe(beats=None)
    assert train_beats(data, images, recipe, tmp_path / "beats") is None
    assert load_beats(tmp_path / "beats", recipe) is None
    pipeline = as_pipeline(
        pretrain(data, images, recipe, tmp_path / "windows"),
        "murmur",
        recipe,
        calibration=Calibration((0.0,)),
        operating_points=None,
        class_counts=(4, 4),
    )
    pipeline[0].set_params(gap_removal=False, hum_removal=False)
    with zipfile.ZipFile(save(pipeline, tmp_path / "model.hbc")) as archive:
        description = json.loads(archive.read("model.json"))
        assert "beats_network.onnx" not in archive.namelist()
    assert description["format_version"] == 1
    assert not {"gap_removal", "hum_removal"} & set(description["steps"][0]["settings"])
    assert "beats" not in description["predictor"]


@pytest.mark.training
def test_folds_keep_the_scores_of_each_view(sets, tmp_path, known_tracker):
    data, images = sets
    held_out = [np.isin(part.subjects, ["s6"]) for part in data]
    without = small_recipe(beats=None)
    train_fold(data, images, held_out, without, tmp_path)
    # The network on windows stays; its scores alone are not those that are asked for.
    scores = train_fold(data, images, held_out, small_recipe(), tmp_path)
    windows, beat = scores["abnormal_windows"], scores["abnormal_beat"]
    steady = scores["abnormal_steadiness"]
    assert steady.notna().any()
    assert scores["abnormal_familiarity"].notna().any()
    strange = (2 * steady - windows) / (1 + np.exp(scores["abnormal_familiarity"]))
    windows = windows + strange.fillna(0.0)
    blended = windows.where(beat.isna(), (windows + beat) / 2)
    blended += steady.fillna(0.0) / 2
    np.testing.assert_allclose(scores["abnormal"], blended, atol=1e-4)
    assert "murmur_steadiness" not in scores
    weight = scores["beats"] / (scores["beats"] + 10)
    parts = scores["murmur_windows"] + scores["murmur_beat"]
    parts += weight * scores["murmur_linear"]
    np.testing.assert_allclose(scores["murmur"], parts / (2 + weight), atol=1e-4)
    assert "abnormal_linear" not in scores
    assert scores["clarity"].between(0.25, 1).all()
    read = train_fold(data, [[], []], held_out, small_recipe(), tmp_path)
    pd.testing.assert_frame_equal(read, scores, atol=1e-4, check_dtype=False)
    # Murmurs of the diastole as well: scored again, nothing trained.
    made_by, log = tmp_path / "scores.txt", tmp_path / "beats" / "rounds.jsonl"
    before, rounds = made_by.read_text("utf-8"), log.read_text("utf-8")
    either = small_recipe(beats={**TINY_BEATS, "either_phase": ["murmur"]})
    again = train_fold(data, images, held_out, either, tmp_path)
    assert made_by.read_text("utf-8") != before
    assert log.read_text("utf-8") == rounds
    assert (again["murmur_beat"] - scores["murmur_beat"]).min() > -1e-4
    same = ["murmur_windows", "abnormal"]
    pd.testing.assert_frame_equal(again[same], scores[same], atol=1e-4)


@pytest.mark.training
def test_without_annotated_states_there_is_no_such_view(sets, tmp_path):
    data, images = sets
    said = []
    found = train_beats(data[1:], images[1:], small_recipe(), tmp_path, say=said.append)
    assert found is None
    assert said == ["no view of average beats: no recording has annotated heart states"]


def test_annotations_beyond_the_image_are_not_trusted(sets):
    data, images = sets
    recipe = small_recipe()
    assert list(annotated_rows(data[0], images[0], recipe)) == list(range(10))
    assert annotated_rows(data[1], images[1], recipe) == {}
    cut = [image[:, 40:] if row == 3 else image for row, image in enumerate(images[0])]
    assert 3 not in annotated_rows(data[0], cut, recipe)


@pytest.mark.training
def test_models_are_made_with_the_view(sets, tmp_path, known_tracker):
    data, _ = sets
    recipe = small_recipe(**MURMUR_ALONE)
    said = []
    (file,) = make_models(
        data[:1],
        recipe,
        work=tmp_path / "work",
        output=tmp_path,
        n_folds=2,
        say=said.append,
    )
    predictor = load(file)[-1].predictor_
    assert isinstance(predictor, WindowPredictor)
    assert predictor.beats.share == 0.5
    assert (tmp_path / "work" / "final" / "beats" / "tracker.onnx").exists()
    # A fold leaves one subject with a murmur: no judge there, nor in the model.
    assert predictor.beats.linear is None
    sentence = "no linear judge of murmur: a fold leaves one subject of a class"
    assert said.count(sentence) == 1
    assert predictor.beats.made is None


@pytest.mark.training
@pytest.mark.parametrize("annotated", [10, 2])
def test_all_folds_have_a_judge_of_made_murmurs_or_none(
    sets, tmp_path, known_tracker, annotated
):
    (data, *_), _ = sets
    negative = np.flatnonzero(data.targets["murmur"] == 0)
    tables = data.metadata["segmentation"].to_numpy(copy=True)
    tables[negative[annotated:]] = ""
    data = dataclasses.replace(
        data,
        subjects=np.array([f"s{row}" for row in range(10)]),
        metadata=data.metadata.assign(segmentation=tables),
    )
    beats = {**MURMUR_ALONE["beats"], "linear": [], "made": ["murmur"]}
    said = []
    (file,) = make_models(
        [data],
        small_recipe(**{**MURMUR_ALONE, "beats": beats}),
        work=tmp_path / "work",
        output=tmp_path,
        n_folds=2,
        say=said.append,
    )
    made = load(file)[-1].predictor_.beats.made
    scores = [
        pd.read_csv(tmp_path / "work" / f"fold_{fold}" / "scores.csv")
        for fold in range(2)
    ]
    sentence = (
        "no judge of made murmurs of murmur: a fold leaves fewer than two subjects "
        "without it that are annotated"
    )
    if annotated > 2:
        assert made is not None
        assert all(part["murmur_made"].notna().any() for part in scores)
        assert sentence not in said
    else:
        assert made is None
        assert not any("murmur_made" in part for part in scores)
        assert said.count(sentence) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 7.0}, "share must be"),
        ({"share": float("nan")}, "share must be"),
        ({"tracked_bands": 0}, "tracked_bands must be an integer at least 1"),
        ({"settings": {}}, r"Expected the settings \['context_frames', .*got \[\]"),
        ({"settings": {**tracker_settings(), "hop_duration": 0}}, "hop_duration must"),
        ({"either_phase": (2,)}, "either_phase must be an integer .* at most 1"),
        ({"familiarity": b""}, "a judge of steadiness beside that of familiarity, got"),
        ({"made_sign": 0}, "made_sign must be one of 1, -1, got 0"),
        (
            {"made": b"", "made_sign": -1, "either_phase": (0, 1)},
            r"made_sign=-1 to be the sign in either_phase .* got \(0, 1\)",
        ),
    ],
)
def test_wrong_values_in_a_model_file_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(view_of(), **changes)


def rewritten(target, drop=(), replace=None, add=None, **beats):
    """Write a copy of the model in the box with other entries or other `beats`."""
    from heartbeat_clf.pretrained import find_model

    with (
        zipfile.ZipFile(find_model("murmur")) as source,
        zipfile.ZipFile(target, "w") as archive,
    ):
        for name in source.namelist():
            content = (replace or {}).get(name, source.read(name))
            if name == "model.json":
                model = json.loads(content)
                model["predictor"]["beats"].update(beats)
                content = json.dumps(model).encode()
            if name not in drop:
                archive.writestr(name, content)
        for name, content in (add or {}).items():
            archive.writestr(name, content)
    return target


def test_a_judge_of_steadiness_that_fits_is_read(tmp_path):
    judged = {"beats_steadiness.onnx": trees(8)}
    file = rewritten(tmp_path / "good.hbc", steadiness=True, add=judged)
    assert load(file)[-1].predictor_.beats.steadiness == trees(8)
    assert load_to_predict(file).classes_.tolist() == ["murmur", "normal"]


def test_a_judge_of_familiarity_that_fits_is_read(tmp_path):
    judged = {"beats_steadiness.onnx": trees(8), "beats_familiarity.onnx": levels(120)}
    file = rewritten(
        tmp_path / "good.hbc", steadiness=True, familiarity=True, add=judged
    )
    assert load(file)[-1].predictor_.beats.familiarity == levels(120)
    assert load_to_predict(file).classes_.tolist() == ["murmur", "normal"]


def judge(weights):
    """Return a linear judge whose places have the same weight, for each output."""
    places = np.full((*BEAT_SHAPE, len(weights)), weights).transpose(3, 0, 1, 2)
    network = linear_network(places, np.zeros(len(weights)))
    return network_to_onnx(network, embedding="logits")


STEADY = {"beats_steadiness.onnx": trees(8)}


def test_weights_without_a_network_to_train_are_named(tmp_path):
    file = rewritten(tmp_path / "bad.hbc", drop=["network.keras"])
    with pytest.raises(ValueError, match=r"bad\.hbc' .* part: no 'network\.keras'"):
        read_initial_weights(file)


@pytest.mark.parametrize(
    "change",
    [
        {"drop": ["beats_tracker.onnx"]},
        {"replace": {"beats_tracker.onnx": b"abc"}},
        {"replace": {"beats_network.onnx": b"abc"}},
        {"replace": {"beats_linear.onnx": b"abc"}},
        {"replace": {"beats_linear.onnx": judge([np.nan])}},
        {"replace": {"beats_linear.onnx": judge([0.0, 0.0])}},
        {"drop": ["beats_linear.onnx"]},
        {"steadiness": True},
        {"steadiness": 1},
        {"steadiness": True, "add": {"beats_steadiness.onnx": trees(8, answer=np.nan)}},
        {"add": {"beats_steadiness.onnx": b""}},
        {"steadiness": True, "add": {"beats_steadiness.onnx": b"abc"}},
        {"steadiness": True, "add": {"beats_steadiness.onnx": trees(3)}},
        {"steadiness": True, "add": {"beats_steadiness.onnx": trees(8, 2)}},
        {"familiarity": True},
        {"familiarity": True, "add": {"beats_familiarity.onnx": levels(120)}},
        {"steadiness": True, "add": {**STEADY, "beats_familiarity.onnx": levels(120)}},
        *(
            {
                "steadiness": True,
                "familiarity": True,
                "add": {**STEADY, "beats_familiarity.onnx": wrong},
            }
            for wrong in (
                b"",
                levels(119),
                levels(120, 2),
                trees(120, answer=np.nan),
            )
        ),
        {"replace": {"beats_made.onnx": b"abc"}},
        {"replace": {"beats_made.onnx": regions(390)}},
        {"replace": {"beats_made.onnx": regions(391, 2)}},
        {"drop": ["beats_made.onnx"]},
        {"made": False},
        {"made_sign": 1},
        {"made_sign": 0},
        {"made_sign": "a"},
        {"either_phase": [-1, 0]},
        {"either_phase": [3]},
        {"either_phase": 1},
        {"either_phase": {}},
        {"either_phase": ["murmur"]},
        {"linear": False},
        {"linear": "no"},
        {"tracked_bands": 8},
        {"settings": {**tracker_settings(), "hop_duration": 0.032}},
        {"settings": {**tracker_settings(), "sample_rate": 2000}},
        {"share": 7},
        {"settings": []},
        {"share": "a"},
    ],
)
def test_damaged_files_are_named_wherever_they_are_read(change, tmp_path):
    file = rewritten(tmp_path / "bad.hbc", **change)
    for read in (load, load_to_predict, read_initial_weights):
        with pytest.raises(ValueError, match=r"bad\.hbc' to be a whole model"):
            read(file)


def test_a_judge_without_its_sign_is_refused(tmp_path):
    from heartbeat_clf.pretrained import find_model

    file = tmp_path / "bad.hbc"
    with (
        zipfile.ZipFile(find_model("murmur")) as source,
        zipfile.ZipFile(file, "w") as archive,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name == "model.json":
                model = json.loads(content)
                del model["predictor"]["beats"]["made_sign"]
                content = json.dumps(model).encode()
            archive.writestr(name, content)
    for read in (load, load_to_predict, read_initial_weights):
        with pytest.raises(ValueError, match="made murmurs, and no made_sign"):
            read(file)


def test_the_network_that_does_not_fit_is_named(tmp_path):
    wrong = {"beats_made.onnx": regions(390)}
    file = rewritten(tmp_path / "bad.hbc", replace=wrong)
    with pytest.raises(ValueError, match="tracked_bands=16, got of made: "):
        load(file)


def test_a_network_that_cannot_be_read_is_told():
    view = view_of(b"nothing")
    with pytest.raises(ValueError, match=r"a network in ONNX, .* file is damaged"):
        view.embedding(np.zeros((40, 3), dtype=np.float32))


@pytest.mark.training
def test_a_refused_training_leaves_the_scores_of_another(sets, tmp_path, known_tracker):
    data, images = sets
    held_out = [np.isin(part.subjects, part.subjects[:2]) for part in data]
    train_fold(data, images, held_out, small_recipe(), tmp_path)
    other = small_recipe(beats={**TINY_BEATS, "dropout": 0.1})
    with pytest.raises(ValueError, match="checkpoints of this training, got those"):
        train_fold(data, images, held_out, other, tmp_path)
    assert (tmp_path / "scores.csv").exists()


def test_settings_that_a_recipe_leaves_out_are_the_defaults():
    whole = small_recipe()
    assert tracked_bands({}) == tracked_bands(whole.audio) == 16


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ({"fmin": 230.0}, r"at least 4 bands below 205 Hz with \[beats\], .* got 0"),
        ({"hop_duration": 0.05}, r"hop_duration of at most 0\.04 s .* got 0\.05"),
    ],
)
def test_images_in_which_no_beat_can_be_found_are_refused(audio, message):
    with pytest.raises(ValueError, match=message):
        small_recipe(audio={**small_recipe().audio, **audio})
    assert small_recipe(audio={**small_recipe().audio, **audio}, beats=None)


@pytest.mark.parametrize(
    ("beats", "message"),
    [
        ({**TINY_BEATS, "steps": 0}, r"beats\.steps must be an integer at least 1"),
        ({**TINY_BEATS, "warmup_steps": 4}, r"beats\.warmup_steps must .* at most 3"),
        ({**TINY_BEATS, "dropout": 1}, r"beats\.dropout"),
        ({**TINY_BEATS, "augment": ["nix"]}, r"beats\.augment must be one of"),
        ({**TINY_BEATS, "augment": ["reverse_time"]}, 'augment without "reverse_time"'),
        ({**TINY_BEATS, "linear": ["murmur"] * 2}, r"once in beats\.linear, got"),
        ({**TINY_BEATS, "linear": ["loud"]}, r"beats\.linear must be one of"),
        (
            {**TINY_BEATS, "either_phase": ["loud"]},
            r"beats\.either_phase must be one of",
        ),
        (
            {**TINY_BEATS, "steadiness": ["loud", "abnormal"]},
            r"beats\.steadiness must be one of",
        ),
        ({**TINY_BEATS, "steadiness": ["murmur"] * 2}, r"once in beats\.steadiness"),
        (
            {**TINY_BEATS, "steadiness": ["murmur"]},
            r"familiarity to be among .*, got \['abnormal'\] besides",
        ),
        (
            {"steps": 4},
            r"fields \[.*\] under \[beats\], and perhaps linear, steadiness, "
            r"familiarity, made, units, either_phase, got \['steps'\]",
        ),
    ],
)
def test_wrong_settings_of_the_view_are_named(beats, message):
    with pytest.raises(ValueError, match=message):
        small_recipe(beats=beats)


@pytest.mark.parametrize("judge", UNTRAINED)
def test_outputs_of_a_judge_are_a_list(judge):
    for wrong in ("murmur", [["murmur"]]):
        with pytest.raises(
            TypeError, match=rf"beats\.{judge} to be a list .* got .*murmur"
        ):
            small_recipe(beats={**TINY_BEATS, judge: wrong})
    needed = {"steadiness": ("steadiness", "familiarity")}.get(judge, (judge,))
    without = {name: value for name, value in TINY_BEATS.items() if name not in needed}
    assert getattr(small_recipe(beats=without).beats, judge) == ()


def test_outputs_that_are_left_out_have_no_judge():
    abnormal = small_recipe().with_outputs({"abnormal": 1.0}).beats
    assert (abnormal.linear, abnormal.steadiness) == ((), ("abnormal",))
    assert abnormal.familiarity == ("abnormal",)
    either = {**TINY_BEATS, "either_phase": ["murmur"]}
    assert small_recipe(beats=either).with_outputs({"abnormal": 1.0}).beats == abnormal
    # Where nothing can be fitted to an output, its phases may still be exchanged.
    unfitted = small_recipe(beats=either).judging(()).beats
    assert (unfitted.linear, unfitted.either_phase) == ((), ("murmur",))
    murmur = small_recipe().with_outputs({"murmur": 2.0}).beats
    assert (murmur.linear, murmur.steadiness) == (("murmur",), ())
    assert small_recipe(beats=None).with_outputs({"murmur": 2.0}).beats is None


def test_judges_go_with_the_outputs_that_other_ones_replace():
    beats = read_recipe(outputs={"murmur": 1.0}).beats
    assert (beats.linear, beats.steadiness) == (("murmur",), ())
    beats = read_recipe(outputs={"abnormal": 1.0}).beats
    assert (beats.linear, beats.either_phase) == ((), ())
    with pytest.raises(ValueError, match=r"beats\.steadiness must be one of 'murmur'"):
        small_recipe(outputs={"murmur": 1.0})


def test_beats_are_a_table_of_the_recipe():
    with pytest.raises(TypeError, match=r"beats to be a table of the recipe .* got 3"):
        small_recipe(beats=3)


def test_the_view_needs_all_bands():
    with pytest.raises(
        ValueError, match=r'bands = "all" under \[trimmer\] .* got .learn'
    ):
        small_recipe(trimmer={"bands": "learn"})


def test_a_recipe_without_the_view_has_no_settings_for_it():
    with pytest.raises(ValueError, match=r"a recipe with \[beats\], got one without"):
        assert small_recipe(beats=None).for_beats


def test_fewer_steps_train_the_view_for_less():
    recipe = read_recipe().with_steps(200)
    assert recipe.beats.steps == 150
    assert recipe.beats.warmup_steps == 10
    assert recipe.beats.tracker_epochs == 1


def test_the_name_of_a_model_in_the_box_is_told_from_a_file():
    with pytest.raises(FileNotFoundError, match=r'the box is "pretrained:abnormal"'):
        read_initial_weights("abnormal")
