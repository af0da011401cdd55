"""Training over several data sets: recipe, data, batches, resuming, model files."""

from __future__ import annotations

import dataclasses
import json
import math

import keras
import numpy as np
import pandas as pd
import pytest

from heartbeat_clf import load
from heartbeat_clf.losses import MixedAUROCLoss
from heartbeat_clf.networks import NETWORKS
from heartbeat_clf.pretraining import (
    MultiOutputLoss,
    load_checkpoint,
    pretrain,
    single_output,
)
from heartbeat_clf.pretraining_data import (
    TrainingSet,
    check_folds,
    check_sets,
    from_cinc2016,
    from_circor,
    from_table,
    sparse_outputs,
)
from heartbeat_clf.pretraining_feed import StratifiedFeed, deal_counts
from heartbeat_clf.pretraining_identity import identify
from heartbeat_clf.pretraining_models import load_sets, make_models
from heartbeat_clf.pretraining_recipe import (
    DEFAULT_RECIPE,
    NETWORK_NAMES,
    read_recipe,
)
from heartbeat_clf.pretraining_rounds import WarmupCosine
from heartbeat_clf.pretraining_run import assign_folds, train_fold

TINY = {
    "network": "small",
    "steps": 6,
    "steps_per_round": 2,
    "warmup_steps": 1,
    "batch_size": 8,
    "window_frames": 16,
    "outputs": {"murmur": 1.0, "abnormal": 0.5},
    "shares": {},
    "auroc_weight": 0.25,
}


def make_set(name, output, n, seed):
    """Return a data set of made-up images whose positive ones are brighter above."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2
    images = [rng.normal(size=(8, 20)).astype(np.float32) for _ in range(n)]
    for image, positive in zip(images, truth, strict=True):
        image[4:] += 2.0 * positive
    strata = np.where(truth == 1, output, "normal")
    data = TrainingSet(
        name=name,
        recordings=np.array([f"{name}_{row}.wav" for row in range(n)], dtype=object),
        subjects=np.array([f"s{row // 2}" for row in range(n)]),
        targets=pd.DataFrame({output: truth.astype(float)}),
        strata=strata,
        shares={output: 1.0, "normal": 1.0},
        metadata=pd.DataFrame({"row": range(n)}),
    )
    return data, images


@pytest.fixture(scope="module")
def sets():
    murmurs, abnormals = make_set("m", "murmur", 12, 0), make_set("a", "abnormal", 8, 1)
    return [murmurs[0], abnormals[0]], [murmurs[1], abnormals[1]]


def test_shipped_recipe_is_read():
    recipe = read_recipe()
    assert recipe.network == "wide"
    assert recipe.rounds == math.ceil(recipe.steps / recipe.steps_per_round)
    assert json.loads(json.dumps(recipe.to_dict()))["audio"]["n_mels"] == 40


def test_changes_replace_the_fields_of_the_file():
    assert read_recipe(steps=300).steps == 300


def test_a_few_steps_are_one_short_round():
    recipe = read_recipe(steps=7, warmup_steps=1, steps_per_round=100)
    assert (recipe.rounds, recipe.steps_per_round) == (1, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepz": 3}, r"unknown \['stepz'\]"),
        ({"steps": 0}, "steps must be an integer at least 1, got 0"),
        ({"warmup_steps": 10**6}, "warmup_steps below steps="),
        ({"outputs": {}}, r"at least one entry under \[outputs\]"),
        (
            {"outputs": {"murmur": 0.0}},
            r"outputs\.murmur .* greater than 0",
        ),
        ({"network": "nix"}, "network must be one of"),
        ({"augment": ["nix"]}, "augment must be one of"),
        ({"augment_sets": {"own": ["nix"]}}, r"augment_sets\.own must be one of"),
        ({"audio": {"n_mel": 40}}, r"under \[audio\], got \['n_mel'\]"),
        ({"audio": {"fmax": 900.0}}, "fmax"),
        ({"audio": {"cache": "here"}}, r"under \[audio\], got \['cache'\]"),
        ({"trimmer": {"band": "all"}}, r"under \[trimmer\], got \['band'\]"),
    ],
)
def test_bad_recipes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        read_recipe(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": "reverse_time"}, r"Wrap it: augment = \['reverse_time'\]"),
        ({"augment": 3}, "augment to be a list of names of augmentations, got 3"),
        (
            {"augment_sets": {"circor": "mask_time"}},
            r"Wrap it: augment_sets\.circor = \['mask_time'\]",
        ),
        ({"augment_sets": ["mask_time"]}, "augment_sets to be a table"),
        (
            {"augment_sets": {"own": True}},
            r"augment_sets\.own to be a list .* got True",
        ),
        ({"outputs": {"murmur": "x"}}, r"outputs\.murmur"),
        ({"audio": {"n_mels": "40"}}, "n_mels"),
        ({"audio": 3}, r"audio to be a table .* got 3\. Put its settings under"),
        ({"outputs": "murmur"}, "outputs to be a table"),
        ({"shares": ["circor"]}, "shares to be a table"),
    ],
)
def test_recipes_of_wrong_types_are_refused(changes, message):
    with pytest.raises(TypeError, match=message):
        read_recipe(**changes)


def test_recipes_know_the_networks():
    assert tuple(NETWORKS) == NETWORK_NAMES


def test_recipe_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a recipe in TOML, no file"):
        read_recipe(tmp_path)


def test_recipe_that_is_no_toml(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("steps: 3")
    with pytest.raises(ValueError, match="to be a recipe in TOML"):
        read_recipe(path)


def test_errors_of_a_recipe_name_its_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(DEFAULT_RECIPE.read_text().replace("steps = 2000", "steps = 0"))
    with pytest.raises(ValueError, match="steps must be") as caught:
        read_recipe(path)
    assert caught.value.__notes__ == [f"This is about the recipe {str(path)!r}."]


def test_recipe_with_a_missing_field(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("steps = 3")
    with pytest.raises(ValueError, match=r"got no \['audio'"):
        read_recipe(path)


def test_counts_are_whole_and_right_on_average():
    rng = np.random.default_rng(0)
    dealt = np.array([deal_counts([5.0, 3.0, 0.5], 8, rng) for _ in range(2000)])
    assert (dealt.sum(axis=1) == 8).all()
    np.testing.assert_allclose(
        dealt.mean(axis=0), np.array([5, 3, 0.5]) / 8.5 * 8, atol=0.05
    )


def feed_of(sets, seed=0, first_round=0, **settings):
    data, images = sets
    targets = np.concatenate(
        [d.targets.reindex(columns=["murmur", "abnormal"]).to_numpy("f4") for d in data]
    )
    n = len(data[0].strata)
    pools = [
        [
            (1.0, first + np.flatnonzero(d.strata == stratum))
            for stratum in np.unique(d.strata)
        ]
        for first, d in zip((0, n), data, strict=True)
    ]
    return StratifiedFeed(
        [image[..., None] for part in images for image in part],
        targets,
        pools,
        window_frames=16,
        batch_size=8,
        steps=3,
        seed=seed,
        augmentations=(),
        first_round=first_round,
        **settings,
    )


def test_batches_hold_sets_and_strata_in_equal_parts(sets):
    _, targets = feed_of(sets)[0]
    assert np.isfinite(targets[:, 0]).sum() == 4
    assert np.isfinite(targets[:, 1]).sum() == 4
    assert np.nansum(targets[:, 0]) == 2
    assert np.nansum(targets[:, 1]) == 2


def test_augmentations_of_one_data_set_leave_the_others(sets):
    def mute(windows, rng):
        return np.zeros_like(windows)

    windows, targets = feed_of(sets, set_augmentations=[(), (mute,)])[0]
    muted = (windows == 0).all(axis=(1, 2, 3))
    assert muted.tolist() == np.isfinite(targets[:, 1]).tolist()


def test_recipe_names_augmentations_of_one_data_set(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(DEFAULT_RECIPE.read_text() + 'mine = ["add_noise"]\n')
    assert read_recipe(path).augment_sets["mine"] == ("add_noise",)
    assert "mine" not in read_recipe().augment_sets


def test_a_later_round_goes_on_with_the_same_batches(sets):
    feed = feed_of(sets)
    feed.on_epoch_end()
    later = feed_of(sets, first_round=1)
    assert np.array_equal(feed[2][0], later[2][0])
    assert not np.array_equal(feed[1][0], feed_of(sets)[1][0])


def test_loss_leaves_unknown_targets_out():
    logits = np.array([[0.5, 1.0], [-0.5, 2.0], [1.5, -1.0]], dtype="f4")
    targets = np.array([[1, np.nan], [0, np.nan], [np.nan, 1]], dtype="f4")
    expected = 2.0 * float(MixedAUROCLoss(0.5)([1.0, 0.0], logits[:2, :1]))
    expected += 3.0 * float(MixedAUROCLoss(0.5)([1.0], logits[2:, 1:]))
    loss = MultiOutputLoss([2.0, 3.0], 0.5)
    assert float(loss(targets, logits)) == pytest.approx(expected, rel=1e-6)


def test_loss_without_any_target_is_zero():
    targets = np.full((3, 1), np.nan, dtype="f4")
    assert float(MultiOutputLoss([1.0])(targets, np.ones((3, 1), "f4"))) == 0.0


def test_loss_comes_back_from_its_settings():
    loss = MultiOutputLoss([1.0, 0.5], 0.1)
    assert MultiOutputLoss.from_config(loss.get_config()).output_weights == [1.0, 0.5]


def test_rate_rises_then_falls_to_zero():
    rate = WarmupCosine(0.1, 4, 14)
    assert float(rate(1)) == pytest.approx(0.05)
    assert float(rate(4)) == pytest.approx(0.1)
    assert float(rate(9)) == pytest.approx(0.05)
    assert float(rate(14)) == pytest.approx(0.0, abs=1e-8)
    assert WarmupCosine.from_config(rate.get_config()).steps == 14


def test_a_loss_that_is_no_number_leaves_no_checkpoint(tmp_path):
    from heartbeat_clf.pretraining_rounds import _Rounds

    rounds = _Rounds(tmp_path, "", read_recipe(**TINY), 0, "windows")
    with pytest.raises(ValueError, match="loss stays finite, got nan in round 3"):
        rounds.on_epoch_end(2, {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.training
def test_training_goes_on_to_the_same_weights_after_a_kill(sets, tmp_path):
    data, images = sets
    recipe = read_recipe(**TINY)
    whole = pretrain(data, images, recipe, tmp_path / "whole")

    class KilledError(Exception):
        pass

    def stop(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            raise KilledError

    from heartbeat_clf import pretraining_rounds

    original = pretraining_rounds._Rounds.on_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining_rounds._Rounds, "on_epoch_end", stop)
        with pytest.raises(KilledError):
            pretrain(data, images, recipe, tmp_path / "cut")
    resumed = pretrain(data, images, recipe, tmp_path / "cut")
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        assert np.array_equal(one, other)
    saved = load_checkpoint(tmp_path / "cut")
    for one, other in zip(whole.get_weights(), saved.get_weights(), strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(ValueError, match="checkpoints of this training, got those"):
        pretrain(data, images, dataclasses.replace(recipe, seed=5), tmp_path / "cut")


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"checkpoint of a pretraining in '.*'"):
        load_checkpoint(tmp_path)


@pytest.mark.training
def test_scores_of_a_fold_are_saved_and_read_again(sets, tmp_path):
    data, images = sets
    recipe = read_recipe(**TINY)
    held_out = [fold == 0 for fold in assign_folds(data, 2)]
    scores = train_fold(data, images, held_out, recipe, tmp_path)
    assert list(scores.columns) == [
        "data",
        "recording",
        "subject",
        "stratum",
        "seconds",
        "murmur",
        "abnormal",
    ]
    assert (scores["seconds"] == 0.304).all()  # 20 frames every 16 ms
    assert len(scores) == sum(out.sum() for out in held_out)
    again = train_fold(data, [[], []], held_out, recipe, tmp_path)
    pd.testing.assert_frame_equal(again, scores, atol=1e-5)
    other = dataclasses.replace(recipe, seed=5)
    with pytest.raises(ValueError, match="checkpoints of this training, got those"):
        train_fold(data, images, held_out, other, tmp_path)
    more = [fold == 1 for fold in assign_folds(data, 2)]
    with pytest.raises(ValueError, match="checkpoints of this training, got those"):
        train_fold(data, images, more, recipe, tmp_path)


def test_folds_keep_subjects_whole(sets):
    data, _ = sets
    for part, folds in zip(data, assign_folds(data, 3), strict=True):
        assert pd.Series(folds).groupby(part.subjects).nunique().max() == 1


def test_one_output_gives_the_column_with_its_sign():
    window = keras.Input((4, 6, 1))
    flat = keras.layers.Flatten()(window)
    network = keras.Model(window, keras.layers.Dense(3, name="logits")(flat))
    network.get_layer("logits").set_weights(
        [np.arange(72.0).reshape(24, 3), np.array([1.0, 2.0, 3.0])]
    )
    windows = np.random.default_rng(0).normal(size=(2, 4, 6, 1)).astype("f4")
    single = single_output(network, 1, sign=-1)
    np.testing.assert_allclose(
        np.asarray(single(windows)), -np.asarray(network(windows))[:, 1:2], rtol=1e-6
    )


def test_sets_share_neither_name_nor_recording(sets):
    data, _ = sets
    check_sets(data)
    with pytest.raises(ValueError, match="different names, got 'm' twice"):
        check_sets([data[0], data[0]])
    copied = dataclasses.replace(data[0], name="copy")
    with pytest.raises(ValueError, match="in 'm' and in 'copy'"):
        check_sets([data[0], copied])


def test_subjects_of_each_class_are_in_several_folds(sets):
    data, _ = sets
    two = dataclasses.replace(
        data[0], subjects=np.where(data[0].strata == "normal", "one", "other")
    )
    folds = assign_folds([two], 2)
    with pytest.raises(ValueError, match="each class of 'murmur', in different folds"):
        check_folds([two], folds, ["murmur"])
    check_folds(data[:1], assign_folds(data[:1], 3), ["murmur"])


def test_another_order_or_label_is_another_training(sets):
    data, _ = sets
    recipe = read_recipe()
    names = list(recipe.outputs)
    turned = recipe.with_outputs({name: recipe.outputs[name] for name in names[::-1]})
    assert identify(data, turned) != identify(data, recipe)
    corrected = dataclasses.replace(data[0], targets=1 - data[0].targets)
    assert identify([corrected, *data[1:]], recipe) != identify(data, recipe)
    renamed = dataclasses.replace(data[0], subjects=np.char.add(data[0].subjects, "x"))
    assert identify([renamed, *data[1:]], recipe) != identify(data, recipe)
    assert identify(data, recipe) == identify(data, read_recipe())


def test_outputs_of_which_a_fold_leaves_one_subject_are_found():
    part = TrainingSet(
        name="one",
        recordings=np.array([f"{n}.wav" for n in range(12)], dtype=object),
        # Two recordings a subject: three with a murmur, three without.
        subjects=np.repeat(list("abcdef"), 2),
        targets=pd.DataFrame({"murmur": np.repeat([1.0, 0.0], 6)}),
        strata=np.array(["any"] * 12),
        shares={"any": 1.0},
        metadata=pd.DataFrame({"row": range(12)}),
    )
    apart = [np.tile([0, 0, 1, 1, 2, 2], 2)]
    together = [np.array([0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2])]
    assert sparse_outputs([part], apart, ["murmur"]) == []
    assert sparse_outputs([part], together, ["murmur"]) == ["murmur"]
    assert sparse_outputs([part], together, []) == []
    # The same names in another set are other persons.
    other = dataclasses.replace(part, name="other")
    assert sparse_outputs([part, other], together * 2, ["murmur"]) == []


def test_folds_are_no_more_than_subjects(sets):
    data, _ = sets
    with pytest.raises(ValueError, match=r"7 subjects and 7 recordings .* got 6 and 6"):
        assign_folds(data[:1], 7)


def test_a_table_does_not_take_the_shares_of_a_published_set(tmp_path):
    import soundfile

    lines = ["path,label,subject"]
    for row in range(4):
        soundfile.write(tmp_path / f"{row}.wav", np.zeros(100), 1000)
        lines.append(f"{row}.wav,{('abnormal', 'normal')[row % 2]},{row}")
    for name in ("circor", "own"):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    recipe = read_recipe(
        shares={"circor": {"murmur": 3.0}, "own": {"abnormal": 3.0, "normal": 1.0}}
    )
    tables = [tmp_path / "circor.csv", tmp_path / "own.csv"]
    sets = load_sets(tables, recipe)
    assert [part.shares["abnormal"] for part in sets] == [1.0, 3.0]
    # Nor its augmentations.
    assert [part.name for part in sets] == ["circor.csv", "own"]
    # A name alone would be read letter by letter.
    for name in (str(tables[1]), tables[1]):
        with pytest.raises(TypeError, match=r"list of folders.*own\.csv'\. Wrap it"):
            load_sets(name, recipe)
    strange = dataclasses.replace(recipe, augment_sets={"owm": ()})
    with pytest.raises(ValueError, match=r"'own'\], got \['owm'\]\. A table is called"):
        load_sets(tables, strange)


def test_output_without_any_label_is_refused(sets, tmp_path):
    data, images = sets
    recipe = read_recipe(**{**TINY, "outputs": {"murmur": 1.0, "loud": 1.0}})
    with pytest.raises(ValueError, match="both classes for the output 'loud'"):
        pretrain(data, images, recipe, tmp_path)


def test_a_published_set_that_is_there_in_part_is_told(tmp_path, monkeypatch):
    # Left out without a word, its question would be missing among the answers.
    training = tmp_path / "cinc2016" / "training-a"
    training.mkdir(parents=True)
    (training / "REFERENCE.csv").write_text("a0001,1\n")
    for folder in (tmp_path, tmp_path / "cinc2016"):
        with pytest.raises(FileNotFoundError, match=r"Expected training-b/REF.* 'a'"):
            load_sets([folder], read_recipe())
    # However the folder is called.
    (tmp_path / "cinc2016").rename(tmp_path / "sounds")
    for folder in (tmp_path, tmp_path / "sounds"):
        with pytest.raises(FileNotFoundError, match=r"Expected training-b/REF.* 'a'"):
            load_sets([folder], read_recipe())
    monkeypatch.chdir(tmp_path / "sounds")
    with pytest.raises(FileNotFoundError, match=r"Expected training-b/REF.* 'a'"):
        load_sets(["."], read_recipe())
    # By the names of its parts, where the one that tells of them is missing.
    (tmp_path / "both" / "training-a").mkdir(parents=True)
    (tmp_path / "both" / "training_data").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Expected .*training_data\.csv"):
        load_sets([tmp_path / "both"], read_recipe())
    (tmp_path / "both" / "training_data").rmdir()
    with pytest.raises(FileNotFoundError, match=r"training-a to -f with REFERENCE"):
        load_sets([tmp_path / "both"], read_recipe())
    # Named so, and empty.
    (tmp_path / "circor").mkdir()
    monkeypatch.chdir(tmp_path / "circor")
    with pytest.raises(FileNotFoundError, match=r"Expected .*training_data\.csv"):
        load_sets(["."], read_recipe())
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match=r"CirCor or CinC 2016 in '.*none'"):
        load_sets([tmp_path / "none"], read_recipe())


@pytest.mark.training
def test_models_are_made_from_tables_in_one_call(synthetic, tmp_path):
    import soundfile

    rows = []
    for number, (sound, label, subject) in enumerate(
        zip(synthetic.recordings, synthetic.target, synthetic.subjects, strict=True)
    ):
        soundfile.write(tmp_path / f"{number}.wav", sound, 4000)
        rows.append({"path": f"{number}.wav", "label": label, "subject": subject})
    pd.DataFrame(rows).to_csv(tmp_path / "own.csv", index=False)
    data = [from_table(tmp_path / "own.csv")]
    recipe = read_recipe(
        **{**TINY, "outputs": {"murmur": 1.0}, "window_frames": 60, "steps": 2}
    )
    files = make_models(
        data, recipe, work=tmp_path / "work", output=tmp_path / "out", n_folds=2
    )
    assert [file.name for file in files] == ["murmur.hbc"]
    model = load(files[0])
    probabilities = model.predict_proba(synthetic.recordings[:3])
    assert probabilities.shape == (3, 2)
    points = model[-1].operating_points_
    assert points.unit == "person"
    assert len(points.scores) == len(set(synthetic.subjects))
    report = json.loads((tmp_path / "out" / "training.json").read_text())
    assert report["answers"]["murmur"]["combine"] == points.combine
    # No heart states are annotated: there is no second view, and none is recorded.
    assert report["recipe"]["beats"] is None
    more = model[:-1].transform(synthetic.recordings)
    assert model[-1].partial_fit(more, synthetic.target).n_epochs_ == 1


def test_table_with_other_labels_is_refused(tmp_path, synthetic):
    import soundfile

    soundfile.write(tmp_path / "a.wav", synthetic.recordings[0], 4000)
    soundfile.write(tmp_path / "b.wav", synthetic.recordings[1], 4000)
    (tmp_path / "t.csv").write_text("path,label\na.wav,ill\nb.wav,well\n")
    with pytest.raises(ValueError, match=r"got \['ill', 'well'\]"):
        from_table(tmp_path / "t.csv")


@pytest.mark.real
def test_real_sets_have_their_outputs(real_data):
    circor, cinc = from_circor(real_data), from_cinc2016(real_data)
    known = circor.targets["murmur"].notna()
    assert (circor.strata[known.to_numpy()] != "elsewhere").all()
    assert circor.targets["murmur"].sum() == (circor.strata == "murmur").sum()
    assert circor.targets["loud"].sum() < circor.targets["murmur"].sum()
    assert set(circor.strata) == {"murmur", "normal", "unknown", "elsewhere"}
    assert cinc.shares["a/normal"] == cinc.shares["a/abnormal"]
    with pytest.raises(ValueError, match="stratum of circor must be one of"):
        from_circor(real_data, {"murmur": 1.0})
    with pytest.raises(ValueError, match="share of 'murmur' in 'circor' to be 0 or"):
        from_circor(real_data, {"murmur": -1.0})


@pytest.mark.parametrize("network", ["wide_linear", "ancestor"])
def test_every_network_of_a_recipe_is_trained(network, sets, tmp_path):
    data, images = sets
    recipe = read_recipe(**{**TINY, "network": network, "steps": 1, "warmup_steps": 0})
    trained = pretrain(data, images, recipe, tmp_path)
    assert trained.output_shape[1] >= len(recipe.outputs)
