"""The compiled way beside the plain one, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartbeat_clf import mel_plan
from heartbeat_clf.audio import load_recording
from heartbeat_clf.mel_plan import apply_plan, plan_mel

compiled = mel_plan.compiled
pytestmark = pytest.mark.skipif(
    compiled is None, reason="installed where there is no compiler"
)
# Two units in the last place of a level of 100 dB.
CLOSE = 2e-5


def both_ways(waveform, plan, **settings):
    images = []
    for way in (compiled, None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mel_plan, "compiled", way)
            images.append(apply_plan(waveform, plan, **settings))
    return images


# Every length that is compiled up to 100, and longer ones of all its factors.
LENGTHS = [n for n in range(2, 101) if mel_plan._is_compiled_length(n)] + [360, 1024]


@pytest.mark.parametrize("n_fft", LENGTHS)
def test_every_length_gives_the_image_of_numpy(n_fft):
    rng = np.random.default_rng(n_fft)
    plan = plan_mel(1000.0, n_fft, 12, 0.0, 500.0)
    assert plan.waves is not None
    for hop_length in (1, 7, n_fft, 3 * n_fft):
        n_times = n_fft + 20 * hop_length + int(rng.integers(2 * hop_length))
        waveform = rng.standard_normal(n_times).astype(np.float32)
        ours, plain = both_ways(waveform, plan, hop_length=hop_length, top_db=None)
        assert abs(ours - plain).max() < CLOSE


@given(
    n_times=st.integers(64, 6000),
    gain=st.floats(1e-12, 1e6),
    top_db=st.none() | st.floats(0.1, 300),
    seed=st.integers(0, 99),
)
def test_any_waveform_gives_the_image_of_numpy(n_times, gain, top_db, seed):
    rng = np.random.default_rng(seed)
    waveform = gain * rng.standard_normal(n_times) * (rng.random(n_times) < 0.5)
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    ours, plain = both_ways(waveform, plan, hop_length=16, top_db=top_db)
    assert abs(ours - plain).max() < 5 * CLOSE


def test_silence_is_the_floor():
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    images = both_ways(np.zeros(1000), plan, hop_length=16, top_db=None)
    assert images == [pytest.approx(-100.0)] * 2


# The last is finite, but its power is not.
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e20])
@pytest.mark.parametrize("top_db", [None, 80.0])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_what_is_not_finite_spoils_its_own_frames_alone(value, top_db):
    waveform = np.random.default_rng(0).standard_normal(3000)
    waveform[300] = value
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    ours, plain = both_ways(waveform, plan, hop_length=16, top_db=top_db)
    assert not np.isfinite(plain).all(axis=0)[18:20].any()
    assert not np.isfinite(ours[~np.isfinite(plain)]).any()
    # The eight frames of a group share what is no number.
    for image in (ours, plain):
        assert np.isfinite(image[:, :16]).all()
        assert np.isfinite(image[:, 24:]).all()
    assert abs(ours[:, 24:] - plain[:, 24:]).max() < 5 * CLOSE


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.astype(np.float64),
        lambda w: w.astype(">f4"),
        lambda w: np.repeat(w, 2)[::2],
        lambda w: w[::-1].copy()[::-1],
        lambda w: w.view(np.dtype("f4").newbyteorder("<")),
        lambda w: np.frombuffer(b"-" + w.tobytes(), np.float32, offset=1),
        lambda w: np.frombuffer(b"----" + w.astype("f8").tobytes(), "f8", offset=4),
    ],
)
def test_every_kind_of_array_gives_the_same_image(change):
    waveform = np.random.default_rng(0).standard_normal(2000).astype(np.float32)
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    image = apply_plan(waveform, plan, hop_length=16, top_db=80.0)
    changed = apply_plan(change(waveform), plan, hop_length=16, top_db=80.0)
    np.testing.assert_array_equal(changed, image)


def test_integers_are_welcome():
    waveform = np.random.default_rng(0).integers(-9, 9, 2000)
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    ours, plain = both_ways(waveform, plan, hop_length=16, top_db=80.0)
    assert abs(ours - plain).max() < CLOSE


def test_a_part_of_a_recording_has_the_levels_of_the_whole():
    waveform = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    whole = apply_plan(waveform, plan, hop_length=16, top_db=None)
    part = apply_plan(waveform[16_000:], plan, hop_length=16, top_db=None)
    # The first frames of the part are padded with zeros.
    assert abs(whole[:, 1002:] - part[:, 2:]).max() < CLOSE


def test_a_hop_beyond_all_bounds_leaves_one_frame():
    waveform = np.random.default_rng(0).standard_normal(5000)
    plan = plan_mel(1000.0, 4096, 40, 20.0, 480.0)
    few = apply_plan(waveform, plan, hop_length=10_000, top_db=80.0)
    one = apply_plan(waveform, plan, hop_length=2**63 - 1, top_db=80.0)
    np.testing.assert_array_equal(one, few)
    assert one.shape == (40, 1)


def test_lengths_with_other_factors_are_left_to_numpy():
    assert plan_mel(1000.0, 63, 12, 0.0, 500.0).waves is None
    assert plan_mel(200_000.0, 80_000, 12, 0.0, 500.0).waves is None
    waveform = np.random.default_rng(0).standard_normal(500)
    plan = plan_mel(1000.0, 63, 12, 0.0, 500.0)
    ours, plain = both_ways(waveform, plan, hop_length=10, top_db=None)
    np.testing.assert_array_equal(ours, plain)


@pytest.mark.real
def test_real_recordings_give_the_image_of_numpy(real_data):
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    for path in sorted(real_data.glob("*/*/*.wav"))[::50]:
        waveform = load_recording(path, sample_rate=1000)
        ours, plain = both_ways(waveform, plan, hop_length=16, top_db=80.0)
        assert abs(ours - plain).max() < CLOSE, path


def arguments(**changes):
    plan = plan_mel(1000.0, 64, 40, 20.0, 480.0)
    given = {
        "samples": np.zeros(1000),
        "image": np.empty((40, 63), np.float32),
        "window": plan.window,
        "waves": plan.waves,
        "bands": plan.bands,
        "spans": plan.spans,
        "hop_length": 16,
        "first_bin": plan.used_bins.start,
        "lowest": 1e-10,
        "relative": 0.0,
    }
    assert not changes.keys() - given.keys()
    return [*(given | changes).values()]


def test_the_arguments_of_the_next_tests_are_right_without_their_change():
    assert compiled.log_mel(*arguments()) is None


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"window": np.zeros(1), "waves": np.zeros((2, 1))}, "n_fft from 2"),
        ({"hop_length": 0}, "hop_length from 1"),
        ({"waves": np.zeros((2, 63))}, "waves of twice as many"),
        ({"first_bin": 5}, "bins of the transform"),
        ({"first_bin": -1}, "bins of the transform"),
        ({"first_bin": 2**63 - 1}, "bins of the transform"),
        ({"lowest": 0.0}, "lowest power that is normal"),
        ({"lowest": np.nan}, "lowest power that is normal"),
        ({"relative": -1.0}, "a part of the loudest"),
        ({"spans": np.zeros((39, 2), np.int32)}, "spans of n_mels bands"),
        ({"bands": np.zeros((39, 29), np.float32)}, "spans of n_mels bands"),
        ({"image": np.empty((40, 62), np.float32)}, "image of all frames"),
        ({"hop_length": 17}, "image of all frames"),
        ({"spans": np.full((40, 2), 30, np.int32)}, "spans within the bins"),
        ({"spans": np.full((40, 2), -1, np.int32)}, "spans within the bins"),
        ({"spans": np.tile(np.int32([2, 1]), (40, 1))}, "spans within the bins"),
        ({"image": np.empty(40 * 63, np.float32)}, "of two dimensions"),
        (
            {
                "window": np.zeros(62),
                "waves": np.zeros((2, 62)),
            },
            "no factors but 2, 3 and 5",
        ),
    ],
)
def test_what_does_not_fit_together_is_an_error(changes, match):
    with pytest.raises(ValueError, match=match):
        compiled.log_mel(*arguments(**changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"samples": np.zeros(1000, np.int16)}, "format fd, got h"),
        ({"samples": b"0" * 8000}, "format fd, got B"),
        ({"image": np.empty((40, 63))}, "format f, got d"),
        ({"spans": np.zeros((40, 2), np.int64)}, "format i, got "),
        ({"samples": [0.0]}, "bytes-like object"),
    ],
)
def test_what_is_of_another_type_is_an_error(changes, match):
    with pytest.raises(TypeError, match=match):
        compiled.log_mel(*arguments(**changes))


def test_what_cannot_be_written_to_or_has_gaps_is_an_error():
    image = np.empty((40, 63), np.float32)
    image.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled.log_mel(*arguments(image=image))
    with pytest.raises(ValueError, match="not C-contiguous"):
        compiled.log_mel(*arguments(samples=np.zeros(2000)[::2]))
