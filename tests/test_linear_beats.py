"""The linear judge of average beats."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from heartbeat_clf.linear_beats import fit_linear_beats, linear_network
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.onnx_export import network_to_onnx

SHAPE = (4, 6, 2)


def draw(n=600, seed=0):
    """Return beats whose second column is louder with a murmur, behind any device."""
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    beats = rng.normal(size=(n, *SHAPE))
    beats[:, :, 1, 0] += np.where(positive, 1.0, 0.0)[:, np.newaxis]
    beats += rng.normal(scale=5.0, size=(n, SHAPE[0], 1, 1))
    return beats.astype(np.float32), positive, np.arange(n) // 2


def test_what_differs_between_columns_is_learnt_and_calibrated():
    weights, intercept = fit_linear_beats(*draw())
    beats, positive, _ = draw(4000, seed=1)
    odds = (weights * beats).sum(axis=(1, 2, 3)) + intercept
    order = np.argsort(odds)
    share = positive[order].reshape(10, -1).mean(axis=1)
    told = expit(odds[order]).reshape(10, -1).mean(axis=1)
    assert share[-1] > 0.75 > 0.05 > share[0]
    assert np.abs(share - told).max() < 0.12
    # Both classes weigh the same in the regression, not in what is answered.
    assert told.mean() == pytest.approx(0.3, abs=0.05)


def test_what_a_device_does_to_a_band_does_not_count():
    weights, _ = fit_linear_beats(*draw())
    gain = np.ones(SHAPE) * np.array([3.0, -8.0, 0.5, 20.0])[:, np.newaxis, np.newaxis]
    assert (weights * gain).sum() == pytest.approx(0.0, abs=1e-9)


def test_without_two_subjects_of_each_class_there_is_no_judge():
    beats, positive, subjects = draw(20)
    assert fit_linear_beats(beats, np.arange(20) < 2, subjects) is None
    assert fit_linear_beats(beats, np.zeros(20, dtype=bool), subjects) is None
    assert fit_linear_beats(beats[:0], positive[:0], subjects[:0]) is None
    assert fit_linear_beats(beats, np.arange(20) < 4, subjects) is not None


@pytest.mark.parametrize("spread", [0.0, 1e-7, 0.03])
def test_bands_without_sound_have_no_weight(spread):
    beats, positive, subjects = draw(200)
    # The floor of quiet bands; other recordings have sound there.
    beats[:, 1:] = -8.0 + spread * (
        beats[:, 1:] - beats[:, 1:, :, :1].mean(axis=2)[:, :, None]
    )
    weights, intercept = fit_linear_beats(beats, positive, subjects)
    assert not weights[1:].any()
    assert weights[0].any()
    others, _, _ = draw(200, seed=1)
    odds = (weights * others).sum(axis=(1, 2, 3)) + intercept
    assert np.abs(odds).max() < 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive": np.array(["murmur", "normal"] * 10)}, "positive to hold True"),
        (
            {"positive": np.zeros(3, dtype=bool)},
            "as many items in positive as in beats",
        ),
        ({"beats": np.zeros((20, 4, 6))}, r"shape \(n_recordings, .*got shape \(20, 4"),
        ({"beats": np.full((20, *SHAPE), np.nan)}, "finite: False"),
    ],
)
def test_wrong_input_is_named(changes, message):
    names = ("beats", "positive", "subjects")
    given = {**dict(zip(names, draw(20), strict=True)), **changes}
    with pytest.raises(ValueError, match=message):
        fit_linear_beats(*given.values())


def test_the_network_adds_up_what_the_weights_say():
    rng = np.random.default_rng(0)
    weights, beats = rng.normal(size=(2, *SHAPE)), rng.normal(size=(5, *SHAPE))
    network = linear_network(weights, np.array([1.5, np.nan]))
    run = network_session(network_to_onnx(network, embedding="logits"))
    logits = run(beats.astype(np.float32))
    expected = (weights[0] * beats).sum(axis=(1, 2, 3)) + 1.5
    np.testing.assert_allclose(logits[:, 0], expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(logits[:, 1]).all()
