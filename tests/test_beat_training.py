from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from heartbeat_clf.beat_training import (
    CONTEXT_FRAMES,
    WINDOW_FRAMES,
    build_beat_network,
    disturb,
    train_beat_network,
    warp_piece,
)
from heartbeat_clf.onnx_export import network_to_onnx

RATE = 62.5


def segments_of(n_beats):
    """Return the table of beats of 0.8 s that begin after 0.5 s without annotation."""
    lengths = np.concatenate([[0.5], np.tile([0.12, 0.2, 0.1, 0.38], n_beats)])
    ends = np.cumsum(lengths)
    states = np.concatenate([[0], np.tile([1, 2, 3, 4], n_beats)])
    return np.column_stack([ends - lengths, ends, states])


def image_of(segments, n_bands=3):
    """Return an image whose value is the state."""
    times = np.arange(int(segments[-1, 1] * RATE)) / RATE
    row = np.searchsorted(segments[:, 1], times, side="right").clip(
        max=len(segments) - 1
    )
    return np.tile(segments[row, 2], (n_bands, 1)).astype(np.float32)


def test_states_stay_with_the_sounds_they_belong_to():
    segments = segments_of(12)
    rng = np.random.default_rng(0)
    for _ in range(20):
        piece, states = warp_piece(
            image_of(segments), segments, rng, frame_rate=RATE, n_frames=380
        )
        assert piece.shape == (3, 380)
        # At an edge a frame lies between two states.
        assert np.mean(np.abs(piece[0] - states) > 0.01) < 0.25
        assert np.abs(np.median(piece[0] - states)) < 1e-6


def test_diastoles_vary_and_other_states_do_not():
    segments = segments_of(40)[1:] - [0.5, 0.5, 0]
    rng = np.random.default_rng(1)
    spreads = {2: [], 4: []}
    for _ in range(20):
        _, states = warp_piece(
            image_of(segments), segments, rng, frame_rate=RATE, n_frames=600
        )
        edges = np.flatnonzero(np.diff(states)) + 1
        stays = np.diff(edges)
        for state, found in spreads.items():
            found.append(stays[states[edges[:-1]] == state].std())
    assert max(spreads[2]) < 1.5
    assert np.median(spreads[4]) > 3


def test_unknown_codes_are_not_trained_on():
    segments = segments_of(4)
    segments[6, 2] = 28
    _, states = warp_piece(
        image_of(segments),
        segments,
        np.random.default_rng(0),
        frame_rate=RATE,
        n_frames=500,
    )
    assert set(states.tolist()) == {0, 1, 2, 3, 4}


def test_a_short_recording_is_repeated():
    segments = segments_of(1)[1:] - [0.5, 0.5, 0]
    piece, states = warp_piece(
        image_of(segments),
        segments,
        np.random.default_rng(0),
        frame_rate=RATE,
        n_frames=400,
    )
    assert piece.shape == (3, 400)
    assert (states == 1).sum() > 30


def test_noise_raises_the_quiet_and_is_finite():
    rng = np.random.default_rng(0)
    piece = np.where(np.arange(300) % 50 < 5, 0.0, -80.0) * np.ones((4, 1))
    for _ in range(10):
        noisy = disturb(piece.astype(np.float32), rng)
        assert noisy.dtype == np.float32
        assert np.isfinite(noisy).all()


def test_network_reads_a_window_and_speaks_for_each_frame():
    network = build_beat_network(5, channels=4)
    assert network.input_shape == (None, 5, WINDOW_FRAMES + 2 * CONTEXT_FRAMES, 1)
    assert network.output_shape == (None, WINDOW_FRAMES * 4)
    windows = np.random.default_rng(0).normal(size=(2, *network.input_shape[1:]))
    windows = windows.astype(np.float32)
    session = onnxruntime.InferenceSession(
        network_to_onnx(network), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {session.get_inputs()[0].name: windows})[0]
    expected = np.asarray(network(windows, training=False))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.training
def test_training_learns_states_that_are_plain_to_see():
    segments = segments_of(20)
    # A band a state: what is learnt must not depend on the mean of a band alone.
    states = image_of(segments, 1)[0]
    image = np.stack([20.0 * (states == state) for state in range(1, 5)])
    images, tables = [image.astype(np.float32)] * 8, [segments] * 8
    network = train_beat_network(
        images, tables, frame_rate=RATE, epochs=12, batch_size=8, random_state=0
    )
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    window = image[:, 100 : 100 + WINDOW_FRAMES + 2 * CONTEXT_FRAMES]
    window = (window - window.mean(axis=1, keepdims=True)) / window.std()
    name = session.get_inputs()[0].name
    logits = session.run(None, {name: window[None, ..., None].astype(np.float32)})[0]
    truth = states[100 + CONTEXT_FRAMES : 100 + CONTEXT_FRAMES + WINDOW_FRAMES]
    assert np.mean(logits.reshape(-1, 4).argmax(axis=1) + 1 == truth) > 0.85


def test_lengths_must_agree_and_something_must_be_there():
    with pytest.raises(ValueError, match="images"):
        train_beat_network([np.zeros((3, 9))], [], frame_rate=RATE)
    with pytest.raises(ValueError, match="at least one recording"):
        train_beat_network([], [], frame_rate=RATE)


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_bad_settings_are_refused(name):
    with pytest.raises(ValueError, match=name):
        train_beat_network([], [], frame_rate=RATE, **{name: 0})
