"""Pictures carry a key, which is read without decoding them."""

from __future__ import annotations

import pytest
from PIL import Image

from heartbeat_clf.png_keys import key_in_png, save_png


@pytest.fixture
def picture(tmp_path):
    place = tmp_path / "a.png"
    save_png(Image.new("RGB", (40, 30), (1, 2, 3)), place, "c0ffee")
    return place


def test_a_key_is_read_back_and_the_pixels_stay(picture):
    assert key_in_png(picture) == "c0ffee"
    with Image.open(picture) as read:
        assert read.info == {"heartbeat_clf": "c0ffee"}
        assert read.getpixel((3, 4)) == (1, 2, 3)


def test_a_key_is_read_without_pillow(picture, monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    assert key_in_png(picture) == "c0ffee"


@pytest.mark.parametrize("n_bytes", [1, 12, 20])
def test_a_picture_that_is_cut_off_has_an_empty_key(picture, n_bytes):
    picture.write_bytes(picture.read_bytes()[:-n_bytes])
    assert key_in_png(picture) == ""


def test_other_files_have_none(tmp_path):
    place = tmp_path / "b.png"
    Image.new("RGB", (40, 30)).save(place)
    assert key_in_png(place) is None
    for content in (b"", b"mine", b"....tEXtheartbeat_clf\0c0ffee"):
        place.write_bytes(content)
        assert key_in_png(place) is None
