from __future__ import annotations

import errno
import os
import pickle
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heartbeat_clf import image_cache

IMAGE = np.arange(12, dtype=np.float32).reshape(3, 4)


def fetch(folder, key, compute):
    image = image_cache.find(folder, key)
    return image_cache.keep(folder, key, compute()) if image is None else image


def never():
    raise AssertionError("computed although cached")


def test_entry_is_computed_once_and_read_back_mapped(tmp_path):
    first = fetch(tmp_path / "new", "key", lambda: IMAGE)
    again = fetch(tmp_path / "new", "key", never)
    for image in (first, again):
        assert isinstance(image, np.memmap)
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, IMAGE)


def test_mapped_image_is_read_only(tmp_path):
    image = fetch(tmp_path, "key", lambda: IMAGE)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


def test_mapped_image_outlives_its_file_and_pickles(tmp_path):
    image = fetch(tmp_path, "key", lambda: IMAGE)[1:]
    (tmp_path / "key.npy").unlink()
    np.testing.assert_array_equal(image, IMAGE[1:])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)), IMAGE[1:])


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"\x93NUMPY\x01\x00", None, "short", "shape", "type"]
)
def test_broken_entry_is_computed_anew(tmp_path, content):
    entry = tmp_path / "key.npy"
    if content == "shape":
        np.save(entry, IMAGE.ravel())
    elif content == "type":
        np.save(entry, IMAGE.astype(np.float64))
    elif content == "short":
        np.save(entry, IMAGE)
        entry.write_bytes(entry.read_bytes()[:-1])
    elif content is not None:
        entry.write_bytes(content)
    image = fetch(tmp_path, "key", lambda: IMAGE)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(np.load(entry), IMAGE)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664)])
def test_entry_has_the_permissions_of_any_new_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        fetch(tmp_path, "key", lambda: IMAGE)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key.npy").stat().st_mode) == mode


def test_threads_may_write_the_same_entry(tmp_path):
    barrier = threading.Barrier(4)

    def compute():
        barrier.wait()
        return IMAGE

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(fetch, tmp_path, "key", compute) for _ in range(4)]
    assert all((image.result() == IMAGE).all() for image in found)
    assert [path.name for path in tmp_path.iterdir()] == ["key.npy"]


def test_nothing_is_left_behind_when_writing_fails(tmp_path, monkeypatch):
    def half(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(
        OSError, match=r"Expected room for .*key\.npy', got a full disk"
    ):
        fetch(tmp_path, "key", lambda: IMAGE)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind_when_computing_fails(tmp_path):
    with pytest.raises(AssertionError, match="computed"):
        fetch(tmp_path, "key", never)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors")
def test_mapped_images_hold_no_descriptors(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    images = [fetch(tmp_path, f"{row % 3}", lambda: IMAGE) for row in range(50)]
    assert len(os.listdir("/proc/self/fd")) - before < 5
    assert all((image == IMAGE).all() for image in images)


def test_file_is_known_by_its_content(tmp_path):
    samples = np.sin(np.arange(100))
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, samples, 1000)
    settings = {"n_mels": 40}
    key = image_cache.key_of(tmp_path / "a.wav", settings, version=1)
    assert key == image_cache.key_of(str(tmp_path / "b.wav"), settings, version=1)
    soundfile.write(tmp_path / "b.wav", samples[::-1], 1000)
    assert key != image_cache.key_of(tmp_path / "b.wav", settings, version=1)
    assert key != image_cache.key_of(tmp_path / "a.wav", {"n_mels": 41}, version=1)
    assert key != image_cache.key_of(tmp_path / "a.wav", settings, version=2)


def test_array_is_known_by_bytes_and_type():
    samples = np.array([0, 1], dtype=np.int16)
    key = image_cache.key_of(samples, {"n": np.int64(1)}, version=1)
    assert key == image_cache.key_of(samples.copy(), {"n": 1}, version=1)
    assert key != image_cache.key_of(samples.astype(np.int32), {"n": 1}, version=1)
    assert key != image_cache.key_of(samples[::-1], {"n": 1}, version=1)


def test_input_rate_counts_for_arrays_only(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(100)), 1000)
    rates = [{"input_rate": 1000}, {"input_rate": 2000}]
    assert len({image_cache.key_of(path, rate, version=1) for rate in rates}) == 1
    samples = np.arange(3.0)
    assert len({image_cache.key_of(samples, rate, version=1) for rate in rates}) == 2
