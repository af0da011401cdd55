"""Spectrograms are written as pictures, folder structure kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.inputs import Found, find_recordings
from heartbeat_clf.pictures import picture_names, write_pictures
from heartbeat_clf.shard_writer import settings_of


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.wav", "deep/b.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, 500), 1000)
    (tmp_path / "in" / "bad.wav").write_text("no sound")
    return find_recordings([str(tmp_path / "in")])[0]


def write(recordings, folder, n_mels=40, **options):
    transformer = SpectrogramTransformer(n_mels=n_mels)
    return write_pictures(
        recordings,
        folder,
        transformer=transformer,
        settings=settings_of(transformer),
        **options,
    )


def test_pictures_are_written_and_bad_files_named(recordings, tmp_path):
    out = tmp_path / "out"
    counts = write(recordings, out, width=50, height=40, colormap="gray")
    assert (counts.written, counts.kept) == (2, 0)
    [failure] = counts.failures
    assert failure.path.endswith("bad.wav")
    files = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert files == ["a.png", str(Path("deep", "b.png"))]
    with Image.open(out / "a.png") as picture:
        assert picture.size == (50, 40)


def test_pictures_of_the_same_are_kept_unless_told(recordings, tmp_path):
    out = tmp_path / "out"
    assert write(recordings, out, width=50).written == 2
    counts = write(recordings, out, width=50)
    assert (counts.written, counts.kept, len(counts.failures)) == (0, 2, 1)
    assert write(recordings, out, width=50, overwrite=True).written == 2


@pytest.mark.parametrize(
    "changed", [{"n_mels": 10}, {"width": 60}, {"colormap": "gray"}]
)
def test_pictures_of_other_settings_are_made_anew(recordings, tmp_path, changed):
    out = tmp_path / "out"
    write(recordings, out)
    before = (out / "a.png").read_bytes()
    counts = write(recordings, out, **changed)
    assert (counts.written, counts.kept) == (2, 0)
    assert (out / "a.png").read_bytes() != before


def test_pictures_of_what_was_replaced_are_made_anew(recordings, tmp_path):
    out = tmp_path / "out"
    write(recordings, out)
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 500)
    soundfile.write(recordings[0].path, samples, 1000)
    counts = write(recordings, out)
    assert (counts.written, counts.kept) == (1, 1)


def test_pictures_that_are_cut_off_are_made_anew(recordings, tmp_path):
    out = tmp_path / "out"
    write(recordings, out)
    whole = (out / "a.png").read_bytes()
    (out / "a.png").write_bytes(whole[:-20])
    assert write(recordings, out).written == 1
    assert (out / "a.png").read_bytes() == whole


def test_recordings_that_have_gone_are_failures(recordings, tmp_path):
    out = tmp_path / "out"
    write(recordings, out)
    recordings[0].path.unlink()
    counts = write(recordings[:1], out)
    assert "which does not exist" in counts.failures[0].error


def test_files_of_others_are_replaced_only_when_told(recordings, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (4, 3)).save(out / "a.png")
    before = (out / "a.png").read_bytes()
    counts = write(recordings, out)
    assert (counts.written, counts.kept, len(counts.failures)) == (1, 0, 2)
    error = next(f.error for f in counts.failures if f.path.endswith("a.wav"))
    assert error.startswith("Expected a picture that this command made at")
    assert error.endswith("replace it with --overwrite.")
    assert (out / "a.png").read_bytes() == before
    assert write(recordings, out, overwrite=True).written == 2
    assert write(recordings, out).kept == 2


def test_nothing_half_written_is_left(recordings, tmp_path, monkeypatch):
    def fail(self, path, **options):
        Path(path).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    counts = write(recordings, tmp_path / "out")
    assert len(counts.failures) == 3
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


def test_names_that_differ_by_their_suffix_keep_it():
    names = [Path("x/a.wav"), Path("x/A.flac"), Path("a.wav")]
    assert picture_names(names) == [
        Path("x/a.wav.png"),
        Path("x/A.flac.png"),
        Path("a.png"),
    ]


def test_two_recordings_of_one_name_are_not_written_over(recordings, tmp_path):
    twice = [recordings[0], Found(recordings[2].path, recordings[0].name)]
    counts = write(twice, tmp_path / "out")
    assert counts.written == 1
    assert "Expected one recording for the picture" in counts.failures[0].error


def test_folder_for_pictures_is_no_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="Expected a folder, got the file"):
        write([], tmp_path / "file")
