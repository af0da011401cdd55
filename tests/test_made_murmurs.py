"""Murmurs that are made: drawn at random, and heard by what learns from them."""

from __future__ import annotations

import dataclasses
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
from heartbeat_clf.judge_fitting import Lessons
from heartbeat_clf.made_murmurs import MurmurKind, add_murmur, draw_murmur
from heartbeat_clf.murmur_examples import murmur_examples, sparse_murmurs
from heartbeat_clf.network_sessions import network_session
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


RATE = 2000.0
FLAT = MurmurKind((100, 400), systole=((0, 1), (1, 1)))


def white(seconds=4.0):
    return np.random.default_rng(1).normal(size=round(seconds * RATE))


def test_the_level_is_that_of_half_of_the_phases():
    sound = white()
    sound[: round(RATE)] *= 100
    systoles = [[at, at + 0.5, 2] for at in (0.2, 1.2, 2.2, 3.2)]
    changed = add_murmur(sound, RATE, systoles, kind=FLAT, level_db=0.0)
    added = (changed - sound)[round(2.25 * RATE) : round(2.65 * RATE)]
    # White noise of 1 has 300 of 1000 Hz in the band; the loud systole does not count.
    assert np.sqrt(np.mean(added**2)) == pytest.approx(np.sqrt(0.3), rel=0.2)


def test_a_systole_within_its_s1_begins_where_it_is_annotated():
    sound = white().astype(np.float16)
    changed = add_murmur(
        sound, RATE, [[0.0, 1.0, 1], [0.5, 0.9, 2]], kind=FLAT, level_db=20.0
    )
    there = np.flatnonzero(np.abs(changed - sound.astype(np.float32)) > 0.01)
    assert there[0] == pytest.approx(1000, abs=9)
    assert there[-1] == pytest.approx(1800, abs=9)


def test_what_lies_beyond_the_end_is_cut_off():
    late = MurmurKind((100, 400), systole=((0.5, 1), (1, 1)))
    systole = [[0.0, 0.3, 2], [0.5, 1.5, 2]]
    whole, cut, short = (
        add_murmur(white(s), RATE, systole, kind=late, level_db=20.0) - white(s)
        for s in (2.0, 1.25, 0.9)
    )
    assert np.flatnonzero(np.abs(whole) > 0.01)[-1] == pytest.approx(3000, abs=9)
    assert np.abs(cut[1000:1990]).max() < 0.01 < np.abs(cut[2010:]).max()
    assert np.abs(short[1000:]).max() < 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sound": np.array([])}, "16 finite samples or more"),
        ({"sound": np.ones(15)}, r"more, got shape \(15,\)"),
        ({"sound": np.ones((2, 4000))}, r"more, got shape \(2, 4000\)"),
        ({"sound": np.where(np.arange(4000) == 7, np.nan, 1)}, "finite samples"),
        ({"sound": np.full(4000, 1e38)}, "finite samples"),
        ({"sound": None}, r"got shape \(\) of object"),
        ({"sound": np.full(4000, np.iinfo(np.int64).min)}, "finite samples"),
        ({"rate": 0}, "rate must be"),
        ({"rate": 600.0}, r"below 300 Hz, which is all .* band of \(100, 400\)"),
        ({"level_db": np.nan}, "level_db must be"),
        ({"level_db": 1e5}, "level_db must be .* at most 200"),
        ({"segments": None}, r"Expected segments of shape .* Sort them by start"),
        ({"segments": [["a", 1, 2]]}, r"Expected segments of shape"),
        ({"segments": [[0, 1, 2], [3, 2, 4]]}, r"got \[3\.0, 2\.0, 4\.0\] in row 1"),
    ],
)
def test_wrong_input_is_named(changes, message):
    given = {"sound": white(), "rate": RATE, "segments": [[0.1, 0.5, 2]]}
    given |= {"kind": FLAT, "level_db": 10.0, **changes}
    with pytest.raises(ValueError, match=message):
        add_murmur(**given)


def test_wrong_kinds_are_named():
    for wrong in (None, ((100, 400), ((0, 1), (1, 1)))):
        with pytest.raises(TypeError, match="kind to be a MurmurKind, got"):
            add_murmur(white(), RATE, [[0.1, 0.5, 2]], kind=wrong, level_db=10.0)
    for band in (80, None, (80,), [80, 300]):
        with pytest.raises(TypeError, match="band to be two numbers, got"):
            MurmurKind(band)
    for band in ((300, 80), (80, 80), (0, 80), (0.5, 80), (80, np.nan)):
        with pytest.raises(ValueError, match="band must be"):
            MurmurKind(band)
    for points in ((0.5, 1), "ab", ((0, 1, 2), (1, 1, 1)), [(0, 1), (1, 1)]):
        with pytest.raises(TypeError, match="systole to be a tuple of places and"):
            MurmurKind((80, 300), systole=points)
    for points in (((0.8, 0), (0.5, 1)), ((0.5, 1),), ((0.5, 1), (0.5, 0))):
        with pytest.raises(ValueError, match="diastole to have two places or more"):
            MurmurKind((80, 300), diastole=points)
    for points in (((0, 1), (1.5, 1)), ((0, -1), (1, 1)), ((0, 5), (1, 1))):
        with pytest.raises(ValueError, match="diastole must be"):
            MurmurKind((80, 300), diastole=points)


@pytest.mark.parametrize("rate", [0, -1, 50.0, np.nan])
def test_rates_that_hold_no_murmur_are_refused(rate):
    with pytest.raises(ValueError, match="rate must be"):
        draw_murmur(np.random.default_rng(0), rate=rate)


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
    images, heard, recipe, *rest = parts
    recipe = dataclasses.replace(recipe, seed=recipe.seed + 1)
    drawn = murmur_examples([normal], images, heard, recipe, *rest)
    negative, whole = ~drawn.positive, np.arange(len(drawn.positive)) % 4 == 0
    for rows, near in ((negative & whole, True), (~negative & whole, False)):
        apart = np.abs(examples.features[rows] - drawn.features[rows]).mean(axis=1)
        # Where one state has a beat more than another, which ones count is drawn too.
        assert (apart.max() < 0.1) == near
    some = negative & ~whole
    assert not np.array_equal(examples.features[some], drawn.features[some])


def test_a_duller_device_is_heard(examples):
    whole, dulled = examples.features[0::4], examples.features[2::4]
    assert 0.2 < (whole[:, -1] == dulled[:, -1]).mean() < 0.8

    def silent(features):
        """Return which tenths of the bands are the same everywhere."""
        regions = features[:, :-1].reshape(len(features), 10, -1)
        return np.ptp(regions, axis=2) < 1e-5

    # What falls out of the range of an image, mostly of the upper bands, is lost.
    assert not silent(whole).any()
    assert silent(dulled)[:, 5:].mean() > 0.1 > silent(dulled)[:, 1:5].mean()


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
    lessons = Lessons([data], images, lambda: heard, recipe, tracker, say)
    return kept_judges(lessons, place), recipe


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
    # Other recordings, fewer, before those that are learnt from.
    rows = np.arange(5)
    other = dataclasses.replace(
        normal.take(rows), name="two", targets=pd.DataFrame({"abnormal": [0.0] * 5})
    )
    both = murmur_examples(
        [other, normal],
        [*(images[row] for row in rows), *images],
        [*(heard[row] for row in rows), *heard],
        *rest,
    )
    assert both.subjects.tolist() == examples.subjects.tolist()
    whole = ~both.positive & (np.arange(len(both.positive)) % 4 == 0)
    apart = np.abs(both.features[whole] - examples.features[whole]).mean(axis=1)
    assert apart.max() < 0.1


def test_folds_that_leave_too_few_to_learn_from_are_told(normal, parts):
    images, _, recipe, *_ = parts
    n = len(images)
    even = np.arange(n) % 3

    def sparse(folds, data=normal):
        names = ["murmur", "abnormal"]
        return sparse_murmurs([data], [images], [folds], recipe, names)

    assert sparse(even) == ["abnormal"]
    # One fold may have but one of them.
    assert sparse(np.where(np.arange(n) == 2, 1, 2 * (even > 0))) == ["abnormal"]
    # Fold 0 takes all that are annotated and negative but one.
    folds = np.where(np.isin(np.arange(n), [0, 1, 2, n - 2, n - 1]), 1, 0)
    assert sparse(folds) == ["murmur", "abnormal"]
    # Two recordings of one subject are one.
    alone = dataclasses.replace(normal, subjects=np.array(["s"] * n))
    assert sparse(even, alone) == ["murmur", "abnormal"]
