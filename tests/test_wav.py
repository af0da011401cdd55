from __future__ import annotations

import struct

import numpy as np
import pytest
import soundfile

from heartbeat_clf.audio import read_audio
from heartbeat_clf.wav import read_plain_wav


def _chunk(name, content):
    return (
        struct.pack("<4sI", name, len(content)) + content + b"\0" * (len(content) % 2)
    )


def _format(*, kind=1, channels=1, rate=4000, bits=16, block=None):
    block = channels * bits // 8 if block is None else block
    return _chunk(
        b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    )


def _file(path, *chunks, form=b"RIFF"):
    content = b"WAVE" + b"".join(chunks)
    path.write_bytes(struct.pack("<4sI", form, len(content)) + content)
    return str(path)


DATA = _chunk(b"data", np.array([0, 16384, -32768, 32767], "<i2").tobytes())


def test_samples_are_scaled_to_one(tmp_path):
    samples, rate = read_plain_wav(_file(tmp_path / "a.wav", _format(), DATA))
    assert rate == 4000
    assert samples.dtype == np.float32
    assert samples.ravel().tolist() == [0.0, 0.5, -1.0, 32767 / 32768]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_equals_libsndfile_bit_for_bit(tmp_path, channels):
    rng = np.random.default_rng(0)
    pcm = rng.integers(-32768, 32768, (1000, channels)).astype(np.int16)
    path = tmp_path / "a.wav"
    soundfile.write(path, pcm, 2000, subtype="PCM_16", format="WAV")
    samples, rate = read_plain_wav(str(path))
    expected, expected_rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == expected_rate
    np.testing.assert_array_equal(samples, expected)


def test_other_chunks_are_passed_over(tmp_path):
    odd = _chunk(b"LIST", b"abc")
    path = _file(tmp_path / "a.wav", odd, _format(), odd, DATA, odd)
    samples, _ = read_plain_wav(path)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(samples, expected)


@pytest.mark.parametrize(
    "chunks",
    [
        (_format(kind=3), DATA),
        (_format(bits=8), DATA),
        (_format(bits=24), DATA),
        (_format(block=4), DATA),
        (_format(channels=9), DATA),
        (_format(channels=0, block=2), DATA),
        (_format(), _format(), DATA),
        (_format(channels=2), _chunk(b"data", b"abcdef")),
        (_format(), _chunk(b"data", b"")),
        (_format(), DATA[:-1]),
        (_format(),),
        (DATA,),
        (_format()[:12],),
        (_chunk(b"fmt ", b"short"), DATA),
    ],
)
def test_anything_else_is_left_to_libsndfile(tmp_path, chunks):
    assert read_plain_wav(_file(tmp_path / "a.wav", *chunks)) is None


def test_other_forms_missing_files_and_folders_are_left_too(tmp_path):
    assert read_plain_wav(_file(tmp_path / "x", _format(), DATA, form=b"RIFX")) is None
    assert read_plain_wav(str(tmp_path / "missing.wav")) is None
    assert read_plain_wav(str(tmp_path)) is None


def test_long_files_are_left_to_libsndfile(tmp_path, monkeypatch):
    path = _file(tmp_path / "long.wav", _format(), DATA)
    monkeypatch.setattr("heartbeat_clf.wav._AT_ONCE", 40)
    assert read_plain_wav(path) is None
    assert read_audio(path)[0].tolist() == [0.0, 0.5, -1.0, 32767 / 32768]


@pytest.mark.real
@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("pascal/set_b/*.wav", 1),
        ("pascal/set_a/*.wav", 4),
        ("circor/training_data/*.wav", 40),
        ("cinc2016/training-*/*.wav", 20),
    ],
)
def test_real_files_are_plain_and_equal_libsndfile(real_data, pattern, step):
    paths = sorted(real_data.glob(pattern))[::step]
    assert len(paths) > 40
    for path in paths:
        samples, rate = read_plain_wav(str(path))
        expected, expected_rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == expected_rate
        np.testing.assert_array_equal(samples, expected)
