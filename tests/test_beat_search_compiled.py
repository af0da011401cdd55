"""The compiled search for heart states beside the plain one, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from heartbeat_clf import beat_decoding
from heartbeat_clf.beat_decoding import decode_states

compiled = beat_decoding.compiled
pytestmark = pytest.mark.skipif(
    compiled is None, reason="installed where there is no compiler"
)
FRAMES = 30


def both_ways(scores):
    found = []
    for way in (compiled, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(beat_decoding, "compiled", way)
            found.append(decode_states(scores, frame_rate=62.5))
    return found


@pytest.mark.parametrize("sharpness", [0.1, 0.5, 5.0])
def test_both_ways_find_the_same_states(sharpness):
    rng = np.random.default_rng(0)
    # Shorter than a systole, than the longest diastole (125 frames), and longer.
    for n_frames in [1, 2, 3, 9, 40, 124, 125, 126, 300, 900]:
        for _ in range(5):
            chances = rng.dirichlet(np.full(4, sharpness), n_frames)
            one, other = both_ways(np.log(chances + 1e-4))
            assert np.array_equal(one, other)
            assert one.dtype == other.dtype


def test_equals_are_decided_alike():
    for n_frames in (5, 60, 250):
        one, other = both_ways(np.zeros((n_frames, 4)))
        assert np.array_equal(one, other)


def test_rows_in_any_order_of_memory_are_taken():
    rng = np.random.default_rng(1)
    scores = np.log(rng.dirichlet(np.ones(4), 200))
    expected = decode_states(scores, frame_rate=62.5)
    assert np.array_equal(
        decode_states(np.asfortranarray(scores), frame_rate=62.5), expected
    )
    backwards = decode_states(scores[::-1], frame_rate=62.5)
    assert np.array_equal(
        backwards, decode_states(scores[::-1].copy(), frame_rate=62.5)
    )


def arguments(**changes):
    settings = {
        "scores": np.zeros((FRAMES, 4)),
        "stays": np.zeros((4, 8)),
        "cut": np.zeros((4, 8)),
        "states": np.empty(FRAMES, dtype=np.int64),
    }
    return (settings | changes).values()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((FRAMES, 3))}, "four scores a frame, and durations of"),
        ({"stays": np.zeros((3, 8))}, "four scores a frame, and durations of"),
        ({"cut": np.zeros((4, 9))}, "four scores a frame, and durations of"),
        ({"states": np.empty(0, dtype=np.int64)}, "four scores a frame"),
    ],
)
def test_wrong_shapes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        compiled.find_states(*arguments(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.zeros((FRAMES, 4), dtype=np.float32)}, "format d, got f"),
        ({"states": np.empty(FRAMES, dtype=np.int32)}, "format lq, got i"),
        ({"scores": None}, "NoneType"),
    ],
)
def test_wrong_numbers_are_refused(changes, message):
    with pytest.raises(TypeError, match=message):
        compiled.find_states(*arguments(**changes))


@pytest.mark.parametrize("nothing", [-np.inf, np.nan])
def test_what_nothing_fits_does_not_end_the_process(nothing):
    for name in ("scores", "stays", "cut"):
        shape = (FRAMES, 4) if name == "scores" else (4, 8)
        states = np.full(FRAMES, -1)
        compiled.find_states(
            *arguments(**{name: np.full(shape, nothing), "states": states})
        )
        assert set(states.tolist()) <= {0, 1, 2, 3}
