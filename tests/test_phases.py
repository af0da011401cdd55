"""The network that knows the phases of the heart, and how it is taught them."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.networks import build_network
from heartbeat_clf.onnx_export import network_to_onnx
from heartbeat_clf.phase_network import PhasePooling
from heartbeat_clf.prediction import network_session
from heartbeat_clf.pretraining import pretrain
from heartbeat_clf.pretraining_data import TrainingSet, from_circor
from heartbeat_clf.pretraining_feed import StratifiedFeed
from heartbeat_clf.pretraining_phases import PhaseLoss, mark_phases, phase_shares
from heartbeat_clf.pretraining_recipe import read_recipe
from heartbeat_clf.training import load_archive, network_archive
from heartbeat_clf.windows import reverse_time

HOP = 0.016
RECIPE = {
    "network": "phase",
    "phase_weight": 0.5,
    "steps": 4,
    "steps_per_round": 2,
    "warmup_steps": 1,
    "batch_size": 8,
    "window_frames": 16,
    "outputs": {"murmur": 1.0},
    "shares": {},
}


def pool(features, phases):
    return np.asarray(PhasePooling()(np.float32(features), np.float32(phases)))


def test_features_are_averaged_over_each_phase():
    features = np.arange(6.0).reshape(1, 1, 3, 2)
    # The first two points are sure to be of phase 0, the last one of phase 1.
    phases = np.array([[9.0, -9.0], [9.0, -9.0], [-9.0, 9.0]]).reshape(1, 1, 3, 2)
    expected = [[1.0, 2.0, 4.0, 5.0]]
    np.testing.assert_allclose(pool(features, phases), expected, rtol=2e-3)


def test_a_phase_that_is_nowhere_gives_finite_numbers():
    phases = np.full((1, 1, 3, 2), -50.0)
    phases[..., 0] = 50.0
    pooled = pool(np.ones((1, 1, 3, 1)), phases)
    np.testing.assert_allclose(pooled, [[1.0, 0.0]], atol=1e-3)


def test_onnx_gives_what_keras_gives():
    network = build_network("phase", (12, 40, 1), 3)
    windows = np.random.default_rng(0).normal(size=(5, 12, 40, 1)).astype("f4")
    session = network_session(network_to_onnx(network))
    np.testing.assert_allclose(
        session(windows), np.asarray(network(windows)), atol=1e-5
    )


def test_phases_have_a_step_for_four_frames():
    network = build_network("phase", (40, 250, 1), 2)
    assert network.output_shape == (None, 1)
    assert network.get_layer("phases").output.shape == (None, 1, 62, 4)


def test_network_comes_back_from_its_archive():
    network = build_network("phase", (8, 16, 1), 2)
    again = load_archive(network_archive(network))
    windows = np.random.default_rng(0).normal(size=(2, 8, 16, 1)).astype("f4")
    assert np.array_equal(np.asarray(network(windows)), np.asarray(again(windows)))


def test_loss_is_the_mean_over_what_is_marked():
    logits = np.log([[[[0.7, 0.1, 0.1, 0.1], [0.25] * 4]]]).astype("f4")
    marked = np.zeros((1, 1, 2, 4), dtype="f4")
    marked[0, 0, 0, 0] = 1.0
    assert float(PhaseLoss()(marked, logits)) == pytest.approx(-np.log(0.7), rel=1e-5)
    marked[0, 0, 1, 3] = 1.0
    expected = -(np.log(0.7) + np.log(0.25)) / 2
    assert float(PhaseLoss()(marked, logits)) == pytest.approx(expected, rel=1e-5)


def test_loss_without_a_mark_is_zero():
    nothing = np.zeros((2, 1, 3, 4), dtype="f4")
    assert float(PhaseLoss()(nothing, nothing + 1)) == 0.0
    assert PhaseLoss.from_config(PhaseLoss().get_config()).name == "phases"


def test_shares_leave_the_last_frames_out():
    codes = np.array([[1, 1, 2, 0, 3, 3, 4]])
    expected = [[[[2 / 3, 1 / 3, 0, 0], [0, 0, 2 / 3, 0]]]]
    np.testing.assert_allclose(phase_shares(codes, 2), expected, rtol=1e-6)


def a_set(folder, segments, n_frames):
    """Return a data set of one recording with a segmentation, and its image."""
    path = folder / "a.tsv"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in segments))
    part = TrainingSet(
        name="made",
        recordings=np.array(["a.wav"], dtype=object),
        subjects=np.array(["a"]),
        targets=pd.DataFrame({"murmur": [1.0]}),
        strata=np.array(["murmur"]),
        shares={"murmur": 1.0},
        metadata=pd.DataFrame({"segmentation": [path]}),
    )
    return part, [np.zeros((4, n_frames), dtype="f4")]


def test_frames_are_marked_where_the_segments_are(tmp_path):
    segments = [(0, 2 * HOP, 0), (2 * HOP, 4 * HOP, 1), (4 * HOP, 5 * HOP, 28)]
    part, images = a_set(tmp_path, [*segments, (5 * HOP, 8 * HOP, 4)], 9)
    marked = mark_phases(part, images, hop_duration=HOP)
    assert marked[0].tolist() == [0, 0, 1, 1, 0, 4, 4, 4, 0]


def test_an_image_that_lost_frames_is_not_marked(tmp_path):
    part, images = a_set(tmp_path, [(0, 8 * HOP, 2)], 7)
    assert mark_phases(part, images, hop_duration=HOP)[0].tolist() == [0] * 7


def test_without_segmentations_nothing_is_marked(tmp_path):
    part, images = a_set(tmp_path, [(0, 8 * HOP, 2)], 9)
    part = dataclasses.replace(part, metadata=pd.DataFrame({"row": [0]}))
    assert mark_phases(part, images, hop_duration=HOP)[0].tolist() == [0] * 9


def test_windows_that_are_turned_turn_their_phases():
    # The level of each frame is its phase, so that one shows whether the other fits.
    codes = np.repeat([1, 2, 3, 4, 2, 1], 7).astype(np.int8)
    feed = StratifiedFeed(
        [np.tile(codes, (4, 1))[..., None].astype("f4")],
        np.array([[1.0]], dtype="f4"),
        [[(1.0, np.array([0]))]],
        window_frames=20,
        batch_size=32,
        steps=1,
        seed=0,
        augmentations=(reverse_time,),
        phases=[codes],
        n_steps=20,
    )
    windows, (targets, shares) = feed[0]
    assert targets.shape == (32, 1)
    np.testing.assert_array_equal(shares[:, 0].argmax(axis=-1) + 1, windows[:, 0, :, 0])
    turned = (np.diff(windows[:, 0, :, 0], axis=1)[:, :7] < 0).any(axis=1)
    assert 0 < turned.sum() < 32


@pytest.fixture
def marked_sets(tmp_path):
    """Return recordings of which half have a louder second phase, with their marks."""
    rng = np.random.default_rng(0)
    paths, images = [], []
    for row in range(8):
        path = tmp_path / f"{row}.tsv"
        path.write_text(f"0\t{10 * HOP}\t1\n{10 * HOP}\t{20 * HOP}\t2\n")
        image = rng.normal(size=(8, 20)).astype("f4")
        image[:, 10:] += 3 * (row % 2)
        paths.append(path)
        images.append(image)
    truth = np.arange(8) % 2
    part = TrainingSet(
        name="made",
        recordings=np.array([f"{row}.wav" for row in range(8)], dtype=object),
        subjects=np.array([str(row) for row in range(8)]),
        targets=pd.DataFrame({"murmur": truth.astype(float)}),
        strata=np.where(truth == 1, "murmur", "normal"),
        shares={"murmur": 1.0, "normal": 1.0},
        metadata=pd.DataFrame({"segmentation": paths}),
    )
    return [part], [images]


@pytest.mark.training
def test_teaching_the_phases_reaches_their_layer_and_can_be_resumed(
    marked_sets, tmp_path
):
    data, images = marked_sets
    taught = pretrain(data, images, read_recipe(**RECIPE), tmp_path / "taught")
    assert taught.output_shape == (None, 3)
    untaught = pretrain(
        data, images, read_recipe(**RECIPE | {"phase_weight": 0.0}), tmp_path / "free"
    )
    bias = [n.get_layer("phases").bias.numpy() for n in (taught, untaught)]
    # Marked are the first two of the four phases alone.
    assert bias[0][:2].min() > bias[0][2:].max()
    assert not np.allclose(bias[0], bias[1])
    again = pretrain(data, images, read_recipe(**RECIPE), tmp_path / "taught")
    for one, other in zip(taught.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_phases_need_a_network_that_has_them(marked_sets, tmp_path):
    data, images = marked_sets
    recipe = read_recipe(**RECIPE | {"network": "small"})
    with pytest.raises(ValueError, match=r"layer 'phases' for phase_weight=0.5, got"):
        pretrain(data, images, recipe, tmp_path / "work")


def test_weight_of_the_phases_is_checked():
    with pytest.raises(ValueError, match="phase_weight must be a number"):
        read_recipe(phase_weight=-1.0)


@pytest.mark.real
def test_real_segmentations_mark_sounds_in_their_order(real_data):
    part = from_circor(real_data).take(range(0, 400, 40))
    images = [np.zeros((1, 6000), dtype="f4")] * 10
    for codes in mark_phases(part, images, hop_duration=HOP):
        steps = codes[np.flatnonzero(np.diff(codes)) + 1]
        known = [(a, b) for a, b in itertools.pairwise(steps) if a and b]
        assert len(known) > 4
        assert all(b == a % 4 + 1 for a, b in known)
