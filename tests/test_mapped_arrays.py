"""Images in files are mapped, and let go of without a change to them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from heartbeat_clf import mapped_arrays
from heartbeat_clf.image_cache import keep
from heartbeat_clf.mapped_arrays import release_pages

IMAGE = np.arange(40 * 25_000, dtype=np.float32).reshape(40, -1)
STATUS = Path("/proc/self/status")


def resident_of_files():
    """Return the bytes of this process that lie in files, as Linux counts them."""
    return 1024 * int(STATUS.read_text().split("RssFile:")[1].split()[0])


@pytest.fixture
def cached(tmp_path):
    return keep(tmp_path, "entry", IMAGE)


@pytest.fixture
def saved(tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    return np.load(tmp_path / "image.npy", mmap_mode="r")


def whole(image):
    return image


def window(image):
    return image[3:20, 100:300, np.newaxis]


@pytest.mark.skipif(not STATUS.exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("view", [whole, window])
@pytest.mark.parametrize("source", ["cached", "saved"])
def test_released_pages_leave_memory_and_come_back(request, source, view):
    image = request.getfixturevalue(source)
    before = resident_of_files()
    total = image.sum(dtype=np.float64)
    looked_at = resident_of_files()
    assert looked_at - before > 0.8 * IMAGE.nbytes
    release_pages(view(image))
    assert resident_of_files() - before < 0.2 * IMAGE.nbytes
    assert image.sum(dtype=np.float64) == total
    assert np.array_equal(image, IMAGE)


def test_arrays_in_memory_are_left_alone():
    image = IMAGE.copy()
    release_pages(image)
    release_pages(image[1:, ::2])
    release_pages(np.empty((0, 3), dtype=np.float32))
    assert np.array_equal(image, IMAGE)


def test_what_was_written_to_a_private_mapping_stays(tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    image = np.load(tmp_path / "image.npy", mmap_mode="c")
    image[0, 0] = -1.0
    release_pages(image)
    assert image[0, 0] == -1.0


@pytest.mark.skipif(sys.platform == "win32", reason="numpy.memmap serves there")
def test_a_mapping_ends_with_its_last_view(tmp_path):
    image = keep(tmp_path, "entry", IMAGE)
    n_mapped = len(mapped_arrays._mapped)
    view = image[2:4]
    del image
    assert len(mapped_arrays._mapped) == n_mapped
    assert np.array_equal(view, IMAGE[2:4])
    del view
    assert len(mapped_arrays._mapped) == n_mapped - 1
