from __future__ import annotations

import numpy as np
import pytest
from tiny import build_tiny

from heartbeat_clf.augmentations import reverse_time
from heartbeat_clf.training import LogitAUROC, WindowFeed, load_network, pack_network

CODES = np.array([0, 1] * 6)


def feed(**settings):
    """Return a feed of ramps, row i at a level of 100 i."""
    images = [
        np.tile(100.0 * row + np.arange(20.0), (3, 1))[:, :, np.newaxis]
        for row in range(len(CODES))
    ]
    settings = {
        "window_frames": 8,
        "batch_size": 4,
        "augmentations": (),
        "seed": 0,
        **settings,
    }
    statistics = np.array([[image.mean(), 2.0] for image in images])
    targets = CODES[:, np.newaxis].astype(np.float32)
    weights = np.arange(12, dtype=np.float32)
    return WindowFeed(images, statistics, targets, CODES, weights, **settings)


def test_epoch_holds_every_recording_once():
    batches = [feed()[index] for index in range(len(feed()))]
    assert len(batches) == 3
    rows = np.concatenate([weights for _, _, weights in batches])
    assert sorted(rows) == list(range(12))
    for windows, targets, weights in batches:
        assert windows.shape == (4, 3, 8, 1)
        assert windows.dtype == np.float32
        np.testing.assert_array_equal(targets[:, 0], CODES[weights.astype(int)])


def test_windows_are_runs_of_frames_standardised_by_their_recording():
    windows, _, _ = feed()[0]
    steps = np.diff(windows, axis=2)
    # Frames rise by 1, divided by the scale of 2.
    np.testing.assert_allclose(steps, 0.5)
    assert np.abs(windows).max() <= 9.5 / 2


def test_batches_do_not_depend_on_the_order_of_asking():
    first, second = feed(), feed()
    forwards = [first[index][0] for index in (0, 1, 2)]
    backwards = [second[index][0] for index in (2, 1, 0)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_epoch_is_dealt_anew_and_can_be_asked_for():
    going = feed()
    first = going[0][0]
    going.on_epoch_end()
    second = going[0][0]
    assert (first != second).any()
    np.testing.assert_array_equal(feed(epoch=1)[0][0], second)
    assert (feed(seed=1)[0][0] != first).any()


def test_augmentations_are_applied_to_the_batch():
    windows = np.concatenate(
        [feed(augmentations=(reverse_time,))[index][0] for index in range(3)]
    )
    falling = np.diff(windows, axis=2)[:, 0, 0, 0] < 0
    assert 0 < falling.sum() < 12


@pytest.mark.parametrize(
    ("n_outputs", "targets", "logits", "expected"),
    [
        (1, [[0], [0], [1], [1]], [[-2], [1], [0], [3]], 0.75),
        (2, [[1, 0], [0, 1]], [[5.0, 0.0], [5.0, 4.0]], 1.0),
        (3, np.eye(3), 4.0 * np.eye(3), 1.0),
    ],
)
def test_training_metric_is_the_area_under_the_curve(
    n_outputs, targets, logits, expected
):
    metric = LogitAUROC(n_outputs=n_outputs)
    metric.update_state(
        np.asarray(targets, dtype=np.float32), np.asarray(logits, dtype=np.float32)
    )
    assert float(metric.result()) == pytest.approx(expected, abs=1e-3)
    copied = LogitAUROC.from_config(metric.get_config())
    assert copied.n_outputs == n_outputs


def test_packed_network_comes_back_with_its_weights():
    network = build_tiny((4, 10, 1), 2, kernel_l2=0.1, dropout=0.2)
    again = load_network(pack_network(network))
    for a, b in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
