"""Murmurs that are made: drawn at random, and heard by what learns from them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.metrics import roc_auc_score

from heartbeat_clf.beat_judges import kept_judges, load_judges
from heartbeat_clf.beat_recipe import BeatRecipe
from heartbeat_clf.beat_regions import count_regions
from heartbeat_clf.beat_tracking import BeatModel, load_beat_model
from heartbeat_clf.beat_view_network import build_beat_view_network
from heartbeat_clf.beat_view_training import TrainedBeats
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.heard_beats import hear_beats
from heartbeat_clf.made_murmurs import add_murmur, draw_murmur
from heartbeat_clf.murmur_examples import murmur_examples
from heartbeat_clf.prediction import network_session
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_recipe import read_recipe, tracked_bands
from heartbeat_clf.pretraining_run import make_images


def drawn(n=400, rate=2000.0):
    rng = np.random.default_rng(0)
    return [draw_murmur(rng, rate=rate) for _ in range(n)]


def test_murmurs_of_all_kinds_are_drawn():
    kinds = drawn()
    systolic = np.mean([bool(kind.systole) for kind, _ in kinds])
    diastolic = np.mean([bool(kind.diastole) for kind, _ in kinds])
    assert systolic == pytest.approx(0.6, abs=0.08)
    assert diastolic == pytest.approx(0.6, abs=0.08)
    assert all(kind.systole or kind.diastole for kind, _ in kinds)
    low, high = np.array([kind.band for kind, _ in kinds]).T
    assert low.min() >= 25
    assert high.max() <= 480
    assert (high > 1.2 * low).all()
    assert low.max() > 200 > 60 > high.min() * 0.7
    levels = [level for _, level in kinds]
    assert 4 <= min(levels) < 6
    assert 20 < max(levels) <= 22


def test_drawn_murmurs_have_a_length_and_a_peak():
    shapes = [s for kind, _ in drawn() for s in (kind.systole, kind.diastole) if s]
    places, heights = np.array(shapes).transpose(2, 0, 1)
    assert (np.diff(places) >= 0).all()
    assert places.min() >= 0
    assert places.max() <= 1
    assert places[:, 0].max() < 0.5
    assert (places[:, 2] - places[:, 0]).min() >= 0.3
    assert (heights.max(axis=1) == 1).all()
    assert heights.min() >= 0
    # Some rise, some fall, some do both.
    assert set(heights.argmax(axis=1)) == {0, 1, 2}


def test_draws_are_those_of_the_generator():
    one, other = (draw_murmur(np.random.default_rng(3), rate=1000.0) for _ in range(2))
    assert one == other
    assert one != draw_murmur(np.random.default_rng(4), rate=1000.0)


@pytest.mark.parametrize("rate", [100.0, 200.0, 1000.0])
def test_murmurs_lie_within_what_a_recording_holds(rate):
    sound = np.random.default_rng(1).normal(size=round(2 * rate))
    segments = [[0.0, 0.2, 1], [0.2, 0.6, 2], [0.6, 0.8, 3], [0.8, 1.9, 4]]
    for kind, level_db in drawn(40, rate):
        assert kind.band[1] < rate / 2
        made = add_murmur(sound, rate, segments, kind=kind, level_db=level_db)
        assert np.isfinite(made).all()


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    """Return a set of normal hearts, the last of which are not annotated."""
    folder = tmp_path_factory.mktemp("normal")
    sounds = make_heart_sounds(10, duration=6.0, murmur_fraction=0.0, random_state=0)
    paths, tables = [], []
    for row, sound in enumerate(sounds.recordings):
        paths.append(str(folder / f"{row}.wav"))
        soundfile.write(paths[-1], sound, sounds.sample_rate)
        found = sounds.metadata.iloc[row]
        times = sorted(
            [(t, 1) for t in found["s1_times"]] + [(t, 3) for t in found["s2_times"]]
        )
        lines = []
        for (start, state), (end, _) in itertools.pairwise(times):
            lines += [(start, start + 0.1, state), (start + 0.1, end, state + 1)]
        tables.append(str(folder / f"{row}.tsv"))
        pd.DataFrame(lines).to_csv(tables[-1], sep="\t", header=False, index=False)
    n = len(paths)
    tables[-2:] = ["", ""]
    return TrainingSet(
        name="one",
        recordings=np.array(paths, dtype=object),
        subjects=np.array([f"s{row}" for row in range(n)]),
        targets=pd.DataFrame({"murmur": [1.0, np.nan] + [0.0] * (n - 2)}),
        strata=np.array(["normal"] * n),
        shares={"normal": 1.0},
        metadata=pd.DataFrame({"segmentation": tables}),
    )


@pytest.fixture(scope="module")
def parts(normal):
    """Return what `murmur_examples` takes after the data."""
    recipe = read_recipe(augment_sets={}, shares={})
    (images,) = make_images([normal], recipe)
    known = load_beat_model()
    names = ("sample_rate", "hop_duration", "window_frames", "context_frames")
    tracker = BeatModel(known.network, {name: known.settings[name] for name in names})
    n_bands = tracked_bands(recipe.audio)
    heard = [hear_beats(image, tracker, n_bands) for image in images]
    return images, heard, recipe, "murmur", tracker


@pytest.fixture(scope="module")
def examples(normal, parts):
    return murmur_examples([normal], *parts)


def test_normal_annotated_recordings_are_heard_with_and_without(examples, normal):
    rows = len(normal.recordings) - 4
    assert examples.features.shape == (rows * 4 * 4, count_regions(40))
    assert examples.features.dtype == np.float32
    assert examples.positive.sum() == rows * 3 * 4
    assert set(examples.subjects) == {f"one/s{row + 2}" for row in range(rows)}


def test_some_are_of_a_few_beats(examples):
    n_beats = examples.features[:, -1].reshape(-1, 4)
    assert n_beats.min() == 1
    assert (n_beats[:, 0] == n_beats.max(axis=1)).all()
    assert (n_beats[:, 3] <= 4).all()


def test_what_is_between_the_sounds_is_louder_with_a_murmur(examples):
    whole = examples.features[::4]
    regions = whole[:, :-1].reshape(len(whole), 10, 13, 3)
    between = np.r_[regions[:, :, 2:6].max(axis=(1, 2, 3))]
    diastole = regions[:, :, 8:].max(axis=(1, 2, 3))
    louder = np.maximum(between, diastole)
    assert roc_auc_score(examples.positive[::4], louder) > 0.6


def test_the_seed_draws_everything(examples, normal, parts):
    again = murmur_examples([normal], *parts)
    for one, other in zip(examples, again, strict=True):
        assert np.array_equal(one, other)


def test_without_annotations_nothing_is_made(normal, parts):
    images, heard, *rest = parts
    rows = np.array([0, 1, len(images) - 1])
    few = [images[row] for row in rows]
    few_heard = [heard[row] for row in rows]
    assert murmur_examples([normal.take(rows)], few, few_heard, *rest) is None


def judged(data, parts, place, say=print, **changes):
    """Return the judges of a training with one of made murmurs, and its recipe."""
    images, heard, recipe, name, tracker = parts
    beats = BeatRecipe(4, 1, 0.3, (), 1, made=(name,), **changes)
    outputs = {"murmur": 1.0, "abnormal": 1.0}
    recipe = read_recipe(augment_sets={}, shares={}, outputs=outputs, beats=beats)
    judges = kept_judges(
        [data], images, lambda: heard, recipe, place, say, tracker=tracker
    )
    return judges, recipe


def test_the_judge_is_kept_and_is_part_of_the_view(normal, parts, examples, tmp_path):
    judges, recipe = judged(normal, parts, tmp_path)
    (name, trees), *others = judges.made.items()
    assert (name, others) == ("murmur", [])
    for other in (load_judges(tmp_path, recipe), judged(normal, parts, tmp_path)[0]):
        for one, two in zip(trees, other.made["murmur"], strict=True):
            assert np.array_equal(one, two)
    network = build_beat_view_network((40, 52, 3), 3)
    beats = TrainedBeats(network, parts[-1].network, recipe, judges)
    assert beats.view("abnormal").made is None
    assert beats.view("abnormal", sign=-1).made_sign == 1
    plain, turned = beats.view("murmur"), beats.view("murmur", sign=-1)
    assert (plain.made_sign, turned.made_sign) == (1, -1)
    said, other, both = (
        network_session(view.made)(examples.features)
        for view in (plain, turned, beats.view())
    )
    assert np.array_equal(said, -other)
    assert np.array_equal(both[:, :1], said)
    assert np.isnan(both[:, 1]).all()
    # It has heard these.
    assert roc_auc_score(examples.positive, said[:, 0]) > 0.9


def test_without_annotations_there_is_no_judge(normal, parts, tmp_path):
    said = []
    images, heard, *rest = parts
    few = np.array([2, len(images) - 1])
    some = [images[row] for row in few], [heard[row] for row in few], *rest
    judges, recipe = judged(normal.take(few), some, tmp_path, said.append)
    assert judges.made == {}
    assert said == [
        "no judge of made murmurs of murmur: fewer than two subjects without it whose "
        "beats are annotated"
    ]
    assert load_judges(tmp_path, recipe).made == {}


def test_sets_without_the_output_are_left_out(normal, parts, examples):
    images, heard, *rest = parts
    other = TrainingSet(
        **{**vars(normal), "name": "two", "targets": pd.DataFrame({"abnormal": [0.0]})}
    )
    both = murmur_examples([other, normal], [*images, *images], [*heard, *heard], *rest)
    assert both.features.shape == examples.features.shape
