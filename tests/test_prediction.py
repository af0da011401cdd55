from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.prediction import (
    BATCH_WINDOWS,
    Calibration,
    WindowPredictor,
    logits_to_scores,
    mean_logits,
    softmax,
)


def first_value(windows):
    """Stand in for a network: the logit is the first value of the window."""
    return windows[:, 0, 0, :1]


def as_image(values):
    return np.asarray(values, dtype=float).reshape(1, -1, 1)


def test_logit_of_a_recording_is_the_mean_of_its_windows():
    logits = mean_logits(
        [as_image([0, 1, 2, 3, 4, 5])], first_value, window_frames=4, standardize=False
    )
    # Windows start at frames 0 and 2.
    assert logits.tolist() == [[1.0]]


def test_batches_span_recordings_and_keep_them_apart():
    rng = np.random.default_rng(0)
    images = [as_image(rng.normal(size=n)) for n in (3, 400, 4, 90, 2, 300)]
    sizes = []

    def run(windows):
        sizes.append(len(windows))
        return first_value(windows)

    together = mean_logits(images, run, window_frames=4, standardize=True)
    assert max(sizes) == BATCH_WINDOWS
    assert len(sizes) > 2
    alone = [
        mean_logits([image], first_value, window_frames=4, standardize=True)[0]
        for image in images
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_recording_is_standardised_over_its_whole_length():
    logits = mean_logits(
        [as_image([1, 1, 3, 3])], first_value, window_frames=2, standardize=True
    )
    # Starts 0, 1, 2: -1, -1 and 1.
    np.testing.assert_allclose(logits, [[-1 / 3]], rtol=1e-6)


def test_networks_are_given_float32_windows():
    seen = []

    def run(windows):
        seen.append(windows)
        return first_value(windows)

    mean_logits([as_image([0, 1, 2])], run, window_frames=2, standardize=False)
    assert seen[0].dtype == np.float32
    assert seen[0].shape == (2, 1, 2, 1)


def test_windows_of_one_frame_move_by_one_frame():
    logits = mean_logits(
        [as_image([1, 2, 6])], first_value, window_frames=1, standardize=False
    )
    assert logits.tolist() == [[3.0]]


def test_image_with_nan_is_named_by_its_row():
    with pytest.raises(ValueError, match="Expected row 1 to be finite"):
        mean_logits(
            [as_image([0, 1]), as_image([0, np.nan])],
            first_value,
            window_frames=2,
            standardize=False,
        )


def test_two_outputs_are_ranked_by_their_difference():
    logits = np.array([[1.0, 4.0], [2.0, 0.5]])
    assert logits_to_scores(logits).tolist() == [[3.0], [-1.5]]


@pytest.mark.parametrize("columns", [1, 3])
def test_one_or_many_outputs_are_scores_as_they_are(columns):
    logits = np.arange(2.0 * columns).reshape(2, columns)
    assert logits_to_scores(logits) is logits


def test_one_score_is_the_log_odds_of_the_second_class():
    np.testing.assert_allclose(softmax(np.array([[np.log(3.0)]])), [[0.25, 0.75]])


def test_softmax_survives_large_scores():
    probabilities = softmax(np.array([[1000.0, 0.0, 999.0], [-1000.0, 0.0, 0.0]]))
    odds = np.e / (1 + np.e)
    np.testing.assert_allclose(probabilities, [[odds, 0, 1 - odds], [0, 0.5, 0.5]])


def test_calibration_shifts_before_it_scales():
    calibration = Calibration((1.0,), slope=2.0, intercept=(-3.0,))
    assert calibration.apply(np.array([[5.0]])).tolist() == [[9.0]]


def test_calibration_without_a_validation_part_is_a_shift():
    calibration = Calibration((1.0, -1.0, 0.0))
    assert calibration.apply(np.zeros((1, 3))).tolist() == [[1.0, -1.0, 0.0]]


@pytest.mark.parametrize("shape", [(3, 5, 1), (2, 5, 3)])
def test_image_unlike_those_of_training_is_named(shape):
    predictor = WindowPredictor(
        network=b"",
        engine="onnx",
        n_bands=2,
        window_frames=4,
        n_channels=1,
        standardize=True,
        calibration=Calibration((0.0,)),
    )
    object.__setattr__(predictor, "run", lambda: first_value)
    good = np.zeros((2, 5, 1))
    with pytest.raises(
        ValueError,
        match="row 1 to have 2 bands and 1 channels as the training images had, got "
        f"{shape[0]} and {shape[2]}",
    ):
        predictor.decision([good, np.zeros(shape)])


def test_embeddings_need_a_network_that_gives_them():
    from onnx import TensorProto, helper

    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1])
        for name in ("windows", "logits")
    ]
    node = helper.make_node("Identity", ["windows"], ["logits"])
    graph = helper.make_graph([node], "old", values[:1], values[1:])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    ones = np.ones((1, 1), np.float32)
    np.testing.assert_array_equal(network_session(model)(ones), ones)
    with pytest.raises(ValueError, match="trained by an older version"):
        network_session(model, "embedding")
