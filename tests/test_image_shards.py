"""Shards of images: the bits of the transformer, whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.cli import main
from heartbeat_clf.datasets import make_heart_sounds, write_recordings
from heartbeat_clf.image_shards import ShardFiles, open_images
from heartbeat_clf.inputs import find_recordings
from heartbeat_clf.shard_writer import settings_of, shard_of, write_shards

SETTINGS = {"n_mels": 16, "fmax": 400.0}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a table of eight recordings of four subjects, of unequal lengths."""
    sounds = make_heart_sounds(4, duration=1.0, random_state=0)
    sounds.recordings = [r[: len(r) - 40 * n] for n, r in enumerate(sounds.recordings)]
    return write_recordings(sounds, tmp_path_factory.mktemp("sounds"))


@pytest.fixture
def found(table):
    return find_recordings([str(table)])[0]


def write(found, folder, **options):
    transformer = SpectrogramTransformer(**SETTINGS)
    return write_shards(
        found,
        folder,
        transformer=transformer,
        settings=settings_of(transformer),
        **options,
    )


def command(*arguments):
    return main(["spectrogram", *map(str, arguments), "--format", "npy", "--quiet"])


def test_images_are_those_of_the_transformer_to_the_bit(found, tmp_path):
    counts = write(found, tmp_path / "images", numbers=(1, 2, 3), total=3)
    assert counts[:3] == (3, 0, 8)
    opened = open_images(tmp_path / "images")
    expected = SpectrogramTransformer(**SETTINGS).transform(list(opened.paths))
    assert sorted(opened.paths) == sorted(str(item.path) for item in found)
    assert len({image.shape for image in opened.images}) > 4
    for image, wanted in zip(opened.images, expected, strict=True):
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image, wanted)
    assert opened.settings == {**settings_of(SpectrogramTransformer(**SETTINGS))}
    assert opened.failures == []


def test_images_stay_on_disk(found, tmp_path):
    write(found, tmp_path)
    image = open_images(tmp_path).images[0]
    base = image
    while not isinstance(base, np.memmap):
        base = base.base
    assert str(base.filename) == str(ShardFiles(tmp_path, 1, 1).data)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


def test_data_of_a_shard_is_a_plain_npy_file(found, tmp_path):
    write(found, tmp_path)
    flat = np.load(tmp_path / "shard-00001-of-00001.npy")
    images = open_images(tmp_path).images
    np.testing.assert_array_equal(flat, np.concatenate([i.ravel() for i in images]))


def test_labels_and_subjects_of_a_table_come_along(table, tmp_path):
    from heartbeat_clf.datasets import load_recordings

    assert command(table, tmp_path, "--shard", "1-2/2") == 0
    opened, bunch = open_images(tmp_path), load_recordings(table)
    known = dict(zip(map(str, bunch.recordings), bunch.target, strict=True))
    assert [known[path] for path in opened.paths] == list(opened.target)
    assert set(opened.subjects) == set(bunch.subjects)


def test_images_of_a_folder_have_no_labels(table, tmp_path):
    assert command(table.parent, tmp_path) == 0
    opened = open_images(tmp_path)
    assert len(opened.images) == 8
    assert opened.target is None
    assert opened.subjects is None


@pytest.mark.training
def test_a_classifier_is_fitted_on_opened_images(table, tmp_path):
    from tiny import tiny_classifier

    assert command(table, tmp_path) == 0
    opened = open_images(tmp_path)
    fitted = tiny_classifier(epochs=1).fit(opened.images, opened.target)
    assert fitted.predict_proba(opened.images).shape == (8, 2)


def test_shards_share_out_the_recordings_by_name():
    names = [f"folder/{number}.wav" for number in range(1000)]
    numbers = np.array([shard_of(name, 7) for name in names])
    assert set(numbers) == set(range(1, 8))
    assert np.bincount(numbers)[1:].min() > 100
    assert [shard_of(name, 7) for name in names] == list(numbers)


def test_machines_side_by_side_make_what_one_makes(table, tmp_path):
    for shard in ("2/3", "3/3", "1/3"):
        assert command(table, tmp_path / "many", "--shard", shard) == 0
    assert command(table, tmp_path / "one", "--shard", "1-3/3") == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "many" / file.name).read_bytes()


def test_whole_shards_are_kept_and_made_anew_on_demand(table, tmp_path, capsys):
    assert command(table, tmp_path, "--shard", "1/2") == 0
    data = ShardFiles(tmp_path, 1, 2).data
    before = data.stat().st_mtime_ns
    capsys.readouterr()
    assert command(table, tmp_path, "--shard", "1-2/2") == 0
    assert "1 shard written, 1 kept" in capsys.readouterr().err
    assert data.stat().st_mtime_ns == before
    assert command(table, tmp_path, "--shard", "1/2", "--overwrite") == 0
    assert data.stat().st_mtime_ns > before


KILLED = """
import os, signal, sys
from pathlib import Path
from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.inputs import find_recordings
from heartbeat_clf.shard_writer import labels_of, settings_of, write_shards

class Mortal(SpectrogramTransformer):
    done = 0
    def transform(self, X):
        Mortal.done += 1
        if Mortal.done == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().transform(X)

mortal = Mortal(n_mels=16, fmax=400.0)
write_shards(find_recordings([sys.argv[1]])[0], Path(sys.argv[2]), transformer=mortal,
             settings=settings_of(mortal), labels=labels_of(sys.argv[1]),
             numbers=(1, 2, 3), total=3)
"""


def test_a_run_that_was_killed_goes_on(table, tmp_path):
    killed = tmp_path / "killed"
    done = subprocess.run([sys.executable, "-c", KILLED, table, killed], check=False)
    assert done.returncode == -9
    assert list(killed.glob(".*.part"))
    with pytest.raises(FileNotFoundError, match="all but 2, such as 2"):
        open_images(killed)
    assert 0 < len(open_images(killed, incomplete="skip").images) < 8
    settings = ["--n-mels", 16, "--fmax", 400]
    assert command(table, killed, "--shard", "1-3/3", *settings) == 0
    assert command(table, tmp_path / "new", "--shard", "1-3/3", *settings) == 0
    names = {file.name for file in killed.iterdir()}
    assert names == {file.name for file in (tmp_path / "new").iterdir()}
    for name in names:
        assert (killed / name).read_bytes() == (tmp_path / "new" / name).read_bytes()


def test_bad_recordings_are_named_and_left_out(table, tmp_path, capsys):
    folder = tmp_path / "sounds"
    folder.mkdir()
    for path in sorted(table.parent.rglob("*.wav"))[:3]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.wav").write_bytes(b"no sound")
    for _ in range(2):  # a shard that is kept says so again
        assert command(folder, tmp_path / "images") == 1
        error = capsys.readouterr().err
        assert "broken.wav" in error
        assert "1 recordings failed" in error
    opened = open_images(tmp_path / "images")
    assert len(opened.images) == 3
    assert opened.failures[0][0].endswith("broken.wav")


def test_a_shard_may_be_empty(found, tmp_path):
    counts = write(found[:1], tmp_path, numbers=range(1, 5), total=4)
    assert counts[:3] == (4, 0, 1)
    assert len(open_images(tmp_path).images) == 1


def test_other_settings_than_those_of_the_folder_are_refused(table, tmp_path, capsys):
    assert command(table, tmp_path) == 0
    assert command(table, tmp_path, "--n-mels", "20", "--overwrite") == 1
    assert "Expected n_mels=40, with which" in capsys.readouterr().err
    assert command(table, tmp_path, "--shard", "1/2") == 1
    assert "Expected shards=1, with which" in capsys.readouterr().err


def test_other_recordings_than_those_of_the_shard_are_refused(found, tmp_path):
    write(found, tmp_path)
    with pytest.raises(
        ValueError, match=r"recordings that 'shard-00001-of-00001.json'"
    ):
        write(found[:-1], tmp_path)
    assert write(found[:-1], tmp_path, overwrite=True).images == 7


@pytest.fixture
def own(table, tmp_path):
    """Return a table of two recordings, "a" and "b", that a test may change."""
    folder = tmp_path / "own"
    folder.mkdir()
    paths = sorted(table.parent.rglob("*.wav"))[:2]
    for name, path in zip("ab", paths, strict=True):
        (folder / f"{name}.wav").write_bytes(path.read_bytes())
    return listed(folder, "a.wav,normal,s1", "b.wav,murmur,s2")


def listed(folder, *rows):
    place = folder / "table.csv"
    place.write_text("\n".join(("path,label,subject", *rows)) + "\n")
    return place


@pytest.mark.parametrize("what", ["label", "subject", "sound", "time", "gone"])
def test_what_changed_since_is_refused(own, tmp_path, what, capsys):
    images = tmp_path / "images"
    assert command(own, images) == 0
    assert command(own, images) == 0
    sound = own.parent / "b.wav"
    if what == "label":
        listed(own.parent, "a.wav,normal,s1", "b.wav,normal,s2")
    elif what == "subject":
        listed(own.parent, "a.wav,normal,s1", "b.wav,murmur,s1")
    elif what == "sound":
        stat = sound.stat()
        sound.write_bytes(sound.read_bytes() + b"LIST\x04\0\0\0INFO")
        os.utime(sound, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif what == "time":
        os.utime(sound, (1, 1))
    else:
        sound.unlink()
    capsys.readouterr()
    assert command(own, images) == 1
    error = capsys.readouterr().err
    assert "Expected the recordings that 'shard-00001-of-00001.json'" in error
    assert "--overwrite" in error
    assert command(own, images, "--overwrite") == (1 if what == "gone" else 0)
    opened = open_images(images)
    if what == "label":
        assert list(opened.target) == ["normal", "normal"]
    elif what == "subject":
        assert list(opened.subjects) == ["s1", "s1"]


def test_a_moved_folder_of_recordings_is_refused(own, tmp_path, capsys):
    assert command(own.parent, tmp_path / "images") == 0
    own.parent.rename(tmp_path / "moved")
    assert command(tmp_path / "moved", tmp_path / "images") == 1
    assert "or a path, label, subject or file has changed" in capsys.readouterr().err


DAMAGES = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: os.truncate(path, path.stat().st_size - 5),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_a_damaged_shard_is_named_and_made_anew(own, tmp_path, suffix, damage, capsys):
    images = tmp_path / "images"
    assert command(own, images) == 0
    place = ShardFiles(images, 1, 1).data.with_suffix(suffix)
    whole = place.read_bytes()
    DAMAGES[damage](place)
    kind = FileNotFoundError if damage == "missing" else ValueError
    with pytest.raises(
        kind, match=rf"Expected {len(whole)} bytes in '.*{suffix}'.* --overwrite"
    ):
        open_images(images)
    capsys.readouterr()
    assert command(own, images) == 0
    error = capsys.readouterr().err
    assert f"Made a shard anew. Expected {len(whole)} bytes in '{place}'" in error
    assert "1 shard written, 0 kept" in error
    assert place.read_bytes() == whole
    assert len(open_images(images).images) == 2


def test_other_bytes_of_the_same_number_are_named(own, tmp_path):
    assert command(own, tmp_path) == 0
    shard = ShardFiles(tmp_path, 1, 1)
    text = shard.table.read_text()
    shard.table.write_text(text.replace("n_frames", "m_frames"))
    with pytest.raises(ValueError, match=r"Expected the columns path, name.*\.csv'"):
        open_images(tmp_path)
    shard.table.write_text(text)
    shard.data.write_bytes(b"x" * shard.data.stat().st_size)
    with pytest.raises(ValueError, match=r"float32 numbers in .* no array of NumPy"):
        open_images(tmp_path)


def test_a_summary_without_sizes_is_refused(own, tmp_path):
    assert command(own, tmp_path) == 0
    shard = ShardFiles(tmp_path, 1, 1)
    for text in ('{"images": 2}', "[]", "3"):
        shard.summary.write_text(text)
        with pytest.raises(ValueError, match="Expected the summary of a shard"):
            open_images(tmp_path)
    assert command(own, tmp_path, "--overwrite") == 0
    assert len(open_images(tmp_path).images) == 2


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.wav,murmur,s1", "label 'normal' and 'murmur'"),
        ("./a.wav,normal,s2", "subject 's1' and 's2'"),
        ("link.wav,,s1", "label 'normal' and ''"),
    ],
)
def test_a_file_twice_with_another_label_is_refused(own, tmp_path, row, told, capsys):
    (own.parent / "link.wav").symlink_to(own.parent / "a.wav")
    listed(own.parent, "a.wav,normal,s1", "b.wav,murmur,s2", row)
    assert command(own, tmp_path / "images") == 1
    error = capsys.readouterr().err
    assert "Expected each file once in" in error
    assert f"on lines 2 and 4, of {told}. Delete one" in error
    assert not (tmp_path / "images").exists()


def test_a_file_twice_with_the_same_label_is_taken_once(own, tmp_path):
    listed(own.parent, "a.wav,normal,s1", "b.wav,murmur,s2", "./a.wav,normal,s1")
    assert command(own, tmp_path / "images") == 0
    assert list(open_images(tmp_path / "images").target) == ["normal", "murmur"]


def test_a_blank_label_is_none(own, tmp_path):
    listed(own.parent, "a.wav, ,s1", "b.wav,murmur,")
    assert command(own, tmp_path / "images") == 0
    opened = open_images(tmp_path / "images")
    assert list(opened.target) == [None, "murmur"]
    assert list(opened.subjects) == ["s1", None]
    listed(own.parent, "a.wav,,", "b.wav,,")
    assert command(own, tmp_path / "images", "--overwrite") == 0
    opened = open_images(tmp_path / "images")
    assert opened.target is None
    assert opened.subjects is None


def test_a_row_without_a_path_is_named_and_left_out(own, tmp_path, capsys):
    listed(own.parent, "a.wav,normal,s1", ",murmur,s2", ",normal,s3")
    assert command(own, tmp_path / "images") == 1
    assert "none on line 3" in capsys.readouterr().err
    assert list(open_images(tmp_path / "images").target) == ["normal"]


@pytest.mark.parametrize("kind", ["npy", "png"])
@pytest.mark.parametrize("name", ["mistyped", "*.flac", "empty"])
def test_nothing_is_written_where_nothing_is_found(tmp_path, name, kind, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "new" / "images"
    options = ["--format", kind, "--quiet"]
    assert main(["spectrogram", str(tmp_path / name), str(out), *options]) == 1
    assert f"{tmp_path / name}: Expected " in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3-2/3", "1", "a/b", "1/0", "1-/3"])
def test_a_shard_that_cannot_be_is_wrong_usage(table, tmp_path, shard, capsys):
    with pytest.raises(SystemExit, match="2"):
        command(table, tmp_path, "--shard", shard)
    assert "expected I/N or A-B/N" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "name"), [(["--shard", "1/2"], "shard"), (["--width", "9"], "width")]
)
def test_options_of_the_other_format_are_wrong_usage(table, tmp_path, options, name):
    kind = "png" if name == "shard" else "npy"
    with pytest.raises(SystemExit, match="2"):
        main(["spectrogram", str(table), str(tmp_path), "--format", kind, *options])


def test_a_folder_of_something_else_is_refused(found, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"with settings\.json, got"):
        open_images(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(ValueError, match="to describe images of heartbeat_clf"):
        open_images(tmp_path)
    with pytest.raises(ValueError, match="to describe images of heartbeat_clf"):
        write(found, tmp_path)


def test_a_file_is_no_folder_of_images(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            FileNotFoundError, match=r"with settings\.json, got '.*file"
        ):
            open_images(place)


def test_a_later_format_is_refused(found, tmp_path):
    write(found, tmp_path)
    place = tmp_path / "settings.json"
    later = {**json.loads(place.read_text()), "format_version": 2}
    place.write_text(json.dumps(later))
    with pytest.raises(ValueError, match="Expected version 1 of the format, got 2"):
        open_images(tmp_path)


def test_damaged_files_are_named(found, tmp_path):
    write(found, tmp_path)
    shard = ShardFiles(tmp_path, 1, 1)
    np.save(shard.data, np.zeros(5, dtype=np.float32))
    summary = json.loads(shard.summary.read_text())
    summary["bytes"][".npy"] = shard.data.stat().st_size
    shard.summary.write_text(json.dumps(summary))
    with pytest.raises(ValueError, match=r"float32 numbers in .* got \(5,\)"):
        open_images(tmp_path)
    shard.summary.write_text("{")
    with pytest.raises(ValueError, match="Expected the summary of a shard"):
        open_images(tmp_path)


def test_incomplete_must_be_known(tmp_path):
    with pytest.raises(ValueError, match="incomplete"):
        open_images(tmp_path, incomplete="guess")
