"""Judges of beats that are fitted at once: kept beside a training, and read again."""

from __future__ import annotations

import dataclasses
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.averaged_beats import find_stays
from heartbeat_clf.beat_judges import kept_judges, load_judges
from heartbeat_clf.beat_recipe import BeatRecipe
from heartbeat_clf.beat_tracking import BeatModel, load_beat_model
from heartbeat_clf.familiarity import level_features
from heartbeat_clf.familiarity_judge import places_to_onnx
from heartbeat_clf.forest_judge import forests_to_onnx
from heartbeat_clf.heard_beats import Heard
from heartbeat_clf.judge_fitting import Lessons
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_identity import identify
from heartbeat_clf.pretraining_recipe import read_recipe

N_BANDS = 40
# For judges that make murmurs, which few here do.
TRACKER = BeatModel(load_beat_model().network, load_beat_model().settings)
STATES = np.tile(np.repeat([3, 0, 1, 2], [12, 4, 8, 4]), 5)


def recipe_with(**judges):
    beats = BeatRecipe(4, 1, 0.3, (), 1, **judges)
    outputs = {"murmur": 1.0, "abnormal": 1.0}
    return read_recipe(outputs=outputs, shares={}, augment_sets={}, beats=beats)


def draw(n=60, shares=None, silent=()):
    """Return recordings whose murmurs are loud systoles, the unsteady ones abnormal."""
    rng = np.random.default_rng(0)
    murmur, abnormal = rng.random((2, n)) < 0.5
    strata = np.where(abnormal, "abnormal", "normal")
    images, heard = [], []
    for row in range(n):
        image = rng.normal(size=(N_BANDS, len(STATES))).astype(np.float32)
        image[:, STATES == 1] += 2.0 * murmur[row]
        images.append(image)
        steady = rng.normal(size=8).astype(np.float32)
        steady[:4] += 3.0 * abnormal[row]
        stays = find_stays(np.zeros(9, dtype=int) if row in silent else STATES)
        heard.append(Heard(stays, 0.9, None if row in silent else steady))
    data = TrainingSet(
        name="one",
        recordings=np.array([f"{row}.wav" for row in range(n)], dtype=object),
        subjects=np.array([f"s{row // 2}" for row in range(n)]),
        targets=pd.DataFrame({"murmur": murmur * 1.0, "abnormal": abnormal * 1.0}),
        strata=strata,
        shares=shares or {"abnormal": 1.0, "normal": 1.0},
        metadata=pd.DataFrame(index=range(n)),
    )
    return data, images, heard


def fit(drawn, recipe, place, say=None):
    data, images, heard = drawn
    said = (lambda message: None) if say is None else say.append
    lessons = Lessons([data], images, lambda: heard, recipe, TRACKER, said)
    return kept_judges(lessons, place)


def refuse(*given):
    raise AssertionError("nothing is to be fitted")


def read_again(data, images, recipe, place, say=print):
    """Return judges that are in the folder already."""
    return kept_judges(Lessons(data, images, refuse, recipe, TRACKER, say), place)


def test_judges_are_fitted_to_their_outputs(tmp_path):
    drawn = draw(silent=[3])
    data, _, heard = drawn
    judges = fit(
        drawn, recipe_with(linear=("murmur",), steadiness=("abnormal",)), tmp_path
    )
    assert np.isnan(judges.linear.get_layer("logits").bias).tolist() == [False, True]
    assert list(judges.steadiness) == ["abnormal"]
    run = network_session(forests_to_onnx([judges.steadiness["abnormal"]]))
    rows = [row for row in range(60) if row != 3]
    odds = run(np.array([heard[row].steadiness for row in rows]))[:, 0]
    abnormal = data.targets["abnormal"].to_numpy()[rows] == 1
    assert odds[abnormal].mean() > 0.5
    assert odds[~abnormal].mean() < -0.5


def test_what_an_output_was_learnt_from_is_familiar(tmp_path):
    data, images, heard = draw(n=160)
    # Every other one, of another place, says nothing of what is abnormal.
    elsewhere = np.arange(160) % 2 == 1
    for image in images[1::2]:
        image[20:] -= 5.0
    data.targets.loc[elsewhere, "abnormal"] = np.nan
    both = ("murmur", "abnormal")
    recipe = recipe_with(steadiness=both, familiarity=both)
    data = dataclasses.replace(
        data,
        strata=np.where(elsewhere, "elsewhere", data.strata),
        shares={**data.shares, "elsewhere": 2.0},
    )
    kept = data.take(np.arange(80))
    judges = fit((kept, images[:80], heard[:80]), recipe, tmp_path)
    run = network_session(places_to_onnx([judges.familiarity[name] for name in both]))
    odds = run(np.array([level_features(image) for image in images[80:]]))
    here, there = (odds[0::2] > 0).mean(axis=0), (odds[1::2] > 0).mean(axis=0)
    assert here[1] > 0.6
    assert there[1] == 0.0
    # Murmurs were learnt from both.
    assert min(here[0], there[0]) > 0.4


def test_the_judge_of_familiarity_asks_for_no_beats(tmp_path):
    data, images, _ = draw()
    both = recipe_with(steadiness=("abnormal",), familiarity=("abnormal",))
    fit(draw(), recipe_with(steadiness=("abnormal",)), tmp_path)
    judges = read_again([data], images, both, tmp_path)
    assert list(judges.familiarity) == ["abnormal"]


def test_few_subjects_do_not_make_a_place_familiar(tmp_path):
    data, images, heard = draw()
    data.targets["abnormal"] = [0.0, 1.0] * 4 + [np.nan] * 52
    said = []
    recipe = recipe_with(steadiness=("abnormal",), familiarity=("abnormal",))
    judges = fit((data, images, heard), recipe, tmp_path, said)
    assert judges.familiarity == {}
    assert said[-1] == "no judge of familiarity of abnormal: fewer than 5 subjects"


def test_what_is_in_the_folder_is_read_and_not_fitted_again(tmp_path):
    drawn = draw()
    data, images, _ = drawn
    recipe = recipe_with(
        linear=("murmur",),
        steadiness=("abnormal", "murmur"),
        familiarity=("murmur", "abnormal"),
    )
    first = fit(drawn, recipe, tmp_path)
    again = read_again([data], images, recipe, tmp_path)
    for other in (again, load_judges(tmp_path, recipe)):
        assert list(other.steadiness) == ["abnormal", "murmur"]
        for name, forest in first.steadiness.items():
            for one, two in zip(forest, other.steadiness[name], strict=True):
                assert np.array_equal(one, two)
        assert list(other.familiarity) == ["murmur", "abnormal"]
        for name, places in first.familiarity.items():
            for one, two in zip(places, other.familiarity[name], strict=True):
                assert np.array_equal(one, two)
        for one, two in zip(
            first.linear.get_weights(), other.linear.get_weights(), strict=True
        ):
            assert np.array_equal(one, two, equal_nan=True)


def test_only_the_judge_of_other_outputs_is_fitted_anew(tmp_path):
    drawn = draw()
    fit(drawn, recipe_with(steadiness=("abnormal",)), tmp_path)
    made = (tmp_path / "steadiness.npz").stat().st_mtime_ns
    judges = fit(
        drawn, recipe_with(linear=("murmur",), steadiness=("abnormal",)), tmp_path
    )
    assert judges.linear is not None
    assert (tmp_path / "steadiness.npz").stat().st_mtime_ns == made
    other = fit(drawn, recipe_with(steadiness=("murmur",)), tmp_path)
    assert list(other.steadiness) == ["murmur"]
    with pytest.raises(AssertionError, match="nothing is to be fitted"):
        read_again(
            [drawn[0]], drawn[1], recipe_with(steadiness=("abnormal",)), tmp_path
        )


def test_networks_do_not_depend_on_which_outputs_have_a_judge():
    data = [draw()[0]]
    with_judges = recipe_with(
        linear=("murmur",), steadiness=("abnormal",), either_phase=("murmur",)
    )
    for beats in (False, True):
        plain = identify(data, recipe_with(), beats=beats)
        assert identify(data, with_judges, beats=beats) == plain
    of_linear = [
        identify(data, recipe, beats=True, besides=["linear"])
        for recipe in (
            recipe_with(),
            recipe_with(steadiness=("abnormal",)),
            with_judges,
        )
    ]
    assert of_linear[0] == of_linear[1] != of_linear[2]


def test_recordings_weigh_as_their_strata_do_in_a_batch(tmp_path):
    recipe = recipe_with(steadiness=("abnormal",))
    means = []
    for name, shares in (
        ("even", {"abnormal": 1.0, "normal": 1.0}),
        ("leaning", {"abnormal": 9.0, "normal": 1.0}),
    ):
        drawn = draw(shares=shares)
        (tmp_path / name).mkdir()
        forest = fit(drawn, recipe, tmp_path / name).steadiness["abnormal"]
        run = network_session(forests_to_onnx([forest]))
        means.append(run(np.array([h.steadiness for h in drawn[2]])).mean())
    assert abs(means[0]) < 0.5
    assert means[1] > means[0] + 1


def test_strata_without_a_share_are_not_learnt_from(tmp_path):
    drawn = draw(shares={"abnormal": 1.0, "normal": 0.0})
    said = []
    judges = fit(drawn, recipe_with(steadiness=("abnormal",)), tmp_path, said)
    assert judges.steadiness == {}
    assert said == [
        "no judge of steadiness of abnormal: fewer than two subjects of a class"
    ]


def test_too_few_subjects_of_a_class_are_told(tmp_path):
    data, images, heard = draw()
    positive = np.arange(60) < 2
    data.targets["murmur"] = data.targets["abnormal"] = positive * 1.0
    said = []
    recipe = recipe_with(linear=("murmur",), steadiness=("abnormal",))
    judges = fit((data, images, heard), recipe, tmp_path, said)
    assert said == [
        "no linear judge of murmur: fewer than two subjects of a class",
        "no judge of steadiness of abnormal: fewer than two subjects of a class",
    ]
    assert np.isnan(judges.linear.get_layer("logits").bias).all()
    assert judges.steadiness == {}
    # What was found to be too little is not asked again.
    again = read_again([data], images, recipe, tmp_path, say=refuse)
    assert again.steadiness == {}


def test_a_folder_without_the_judges_of_the_recipe_is_refused(tmp_path):
    fit(draw(), recipe_with(steadiness=("abnormal",)), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"a linear judge of .*, got none"):
        load_judges(tmp_path, recipe_with(linear=("murmur",)))
    with pytest.raises(
        FileNotFoundError,
        match=r"a judge of steadiness of \['murmur'\] in .*, got \['abnormal'\]",
    ):
        load_judges(tmp_path, recipe_with(steadiness=("murmur",)))
    assert load_judges(tmp_path, recipe_with()).steadiness == {}


def test_a_judge_whose_file_is_gone_is_fitted_again(tmp_path):
    drawn, recipe = draw(), recipe_with(steadiness=("abnormal",))
    fit(drawn, recipe, tmp_path)
    (tmp_path / "steadiness.npz").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"a judge of steadiness of .*, got none"
    ):
        load_judges(tmp_path, recipe)
    assert list(fit(drawn, recipe, tmp_path).steadiness) == ["abnormal"]
    assert list(load_judges(tmp_path, recipe).steadiness) == ["abnormal"]


@pytest.mark.parametrize("note", [b"", b"[]", b"{", b"\xff\xfe", b"3", b"[" * 100_000])
def test_a_judge_whose_note_is_damaged_is_fitted_again(note, tmp_path):
    drawn, recipe = draw(), recipe_with(steadiness=("abnormal",))
    fit(drawn, recipe, tmp_path)
    (tmp_path / "steadiness.json").write_bytes(note)
    with pytest.raises(
        FileNotFoundError, match=r"a judge of steadiness of .*, got none"
    ):
        load_judges(tmp_path, recipe)
    assert list(fit(drawn, recipe, tmp_path).steadiness) == ["abnormal"]


ALL_KINDS = {
    "linear": ("murmur",),
    "steadiness": ("abnormal",),
    "familiarity": ("abnormal",),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a folder with a judge of each kind; not to be changed."""
    place = tmp_path_factory.mktemp("kept")
    fit(draw(), recipe_with(**ALL_KINDS), place)
    return place


def test_a_judge_whose_note_is_a_folder_has_none(tmp_path):
    recipe = recipe_with(steadiness=("abnormal",))
    fit(draw(), recipe, tmp_path)
    (tmp_path / "steadiness.json").unlink()
    (tmp_path / "steadiness.json").mkdir()
    with pytest.raises(FileNotFoundError, match=r"a judge of steadiness .*, got none"):
        load_judges(tmp_path, recipe)


def test_a_judge_of_an_array_without_a_header_is_named(kept, tmp_path):
    place = tmp_path / "place"
    shutil.copytree(kept, place)
    with zipfile.ZipFile(kept / "steadiness.npz") as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    name = "abnormal/n_features.npy"
    assert b"()" in content[name]
    content[name] = content[name].replace(b"()", b"((", 1)
    with zipfile.ZipFile(place / "steadiness.npz", "w") as archive:
        for entry, data in content.items():
            archive.writestr(entry, data)
    with pytest.raises(ValueError, match=r"steadiness\.npz', got: .* damaged: remove"):
        load_judges(place, recipe_with(**ALL_KINDS))


@pytest.mark.parametrize("kind", ["linear.keras", "steadiness.npz", "familiarity.npz"])
@pytest.mark.parametrize("how", ["cut", "empty", "other", "password", "packing"])
def test_a_damaged_judge_is_named(kind, how, kept, tmp_path):
    place, recipe = tmp_path / "place", recipe_with(**ALL_KINDS)
    shutil.copytree(kept, place)
    whole = (place / kind).read_bytes()
    if how == "other":
        np.savez(tmp_path / "other.npz", **{"abnormal/nothing": np.zeros(3)})
        whole = (tmp_path / "other.npz").read_bytes()
    # In the directory at the end: flags of an entry, and how it is packed.
    entry = whole.rindex(b"PK\x01\x02")
    if how == "password":
        whole = whole[: entry + 8] + b"\x01" + whole[entry + 9 :]
    if how == "packing":
        whole = whole[: entry + 10] + b"\x63" + whole[entry + 11 :]
    (place / kind).write_bytes(
        {"cut": whole[: len(whole) // 2], "empty": b""}.get(how, whole)
    )
    with pytest.raises(ValueError, match=r"in '.*', got: .* damaged: remove it, and"):
        load_judges(place, recipe)
    data, images, _ = draw()
    with pytest.raises(ValueError, match="damaged"):
        read_again([data], images, recipe, place)
