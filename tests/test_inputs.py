"""Recordings are found in files, folders, patterns and tables."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heartbeat_clf.inputs import find_recordings, load_labelled


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a.FLAC", "deep/er/c.wav", "notes.txt", "._b.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in" / ".hidden").mkdir()
    (tmp_path / "in" / ".hidden" / "d.wav").touch()
    return tmp_path / "in"


def names(inputs):
    found, failures = find_recordings([str(item) for item in inputs])
    assert failures == []
    return [str(item.name) for item in found]


def test_folder_is_searched_through_for_audio_that_is_not_hidden(folder):
    assert names([folder]) == ["a.FLAC", "b.wav", os.path.join("deep", "er", "c.wav")]


def test_file_is_taken_whatever_its_name(folder):
    assert names([folder / "notes.txt"]) == ["notes.txt"]


def test_pattern_is_expanded_below_its_fixed_part(folder):
    assert names([folder / "*.wav"]) == ["b.wav"]
    assert names([folder / "**" / "*.wav"]) == [
        "b.wav",
        os.path.join("deep", "er", "c.wav"),
    ]
    assert names([folder / "d*"]) == [os.path.join("deep", "er", "c.wav")]


def test_a_file_with_brackets_in_its_name_is_no_pattern(folder):
    (folder / "take[1].wav").touch()
    assert names([folder / "take[1].wav"]) == ["take[1].wav"]


def test_a_file_named_twice_is_found_once(folder):
    found, _ = find_recordings([str(folder / "b.wav"), str(folder)])
    assert [item.path.name for item in found] == ["b.wav", "a.FLAC", "c.wav"]


def test_table_names_files_from_its_own_folder(folder):
    table = folder / "table.csv"
    table.write_text("path,label\nb.wav,x\n\ndeep/er/c.wav,y\n../out.wav,z\n")
    found, failures = find_recordings([str(table)])
    assert [item.path for item in found[:2]] == [
        folder / "b.wav",
        folder / "deep" / "er" / "c.wav",
    ]
    # A name never leads out of the folder that pictures go to.
    assert found[2].name == Path("out.wav")
    assert failures == []
    assert names([folder / "*.csv"]) == [
        "b.wav",
        os.path.join("deep", "er", "c.wav"),
        "out.wav",
    ]


def test_tab_separated_table(folder):
    table = folder / "table.tsv"
    table.write_text("label\tpath\nx\tb.wav\n", encoding="utf-8-sig")
    assert names([table]) == ["b.wav"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path;subject\nb.wav;1\n", "Separate the columns by commas: rename one"),
        (b"file\nb.wav\n", "Expected a column 'path', got the columns \\['file'\\]"),
        (b"path,label\nb.wav,x\n,y\n", "got none on line 3"),
        (b"path,Subject\nb.wav,x\n", "Expected a column 'subject', got 'Subject'. Re"),
        (b"path\n\xff\xfe\xff\n", "Expected a CSV table in UTF-8"),
    ],
)
def test_bad_tables_are_named(folder, content, message):
    table = folder / "table.csv"
    table.write_bytes(content)
    _, [failure] = find_recordings([str(table)])
    assert failure.path == str(table)
    with pytest.raises(ValueError, match=message):
        raise ValueError(failure.error)


@pytest.mark.parametrize("text", ["none.wav", "*.none", "empty"])
def test_inputs_that_name_nothing_are_named(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    found, failures = find_recordings([text])
    assert found == []
    assert [failure.path for failure in failures] == [text]
    assert "found no" in failures[0].error


def make_pascal(root):
    place = root / "pascal" / "set_b"
    place.mkdir(parents=True)
    for name in ("normal__101_1305030823364_B", "murmur__112_1306243000964_A"):
        soundfile.write(place / f"{name}.wav", np.zeros(8), 4000)


def make_cinc(root):
    place = root / "cinc2016" / "training-a"
    place.mkdir(parents=True)
    soundfile.write(place / "a0001.wav", np.zeros(8), 2000)
    (place / "REFERENCE.csv").write_text("a0001,1\n")


def test_the_only_data_set_of_a_folder_is_loaded(tmp_path):
    make_pascal(tmp_path)
    assert load_labelled(str(tmp_path)).target_names == ["murmur", "normal"]
    assert load_labelled(str(tmp_path), subset="b").subjects_known


def test_of_several_data_sets_one_has_to_be_chosen(tmp_path):
    make_pascal(tmp_path)
    make_cinc(tmp_path)
    with pytest.raises(ValueError, match=r"Expected one data set .* '?cinc2016"):
        load_labelled(str(tmp_path), databases="a")
    bunch = load_labelled(str(tmp_path), dataset="cinc2016", databases="a")
    assert bunch.target.tolist() == ["abnormal"]


def test_options_belong_to_their_data_set(tmp_path):
    make_pascal(tmp_path)
    with pytest.raises(ValueError, match="--target with --dataset circor only"):
        load_labelled(str(tmp_path), target="murmur")


def test_unknown_data_set(tmp_path):
    with pytest.raises(ValueError, match="dataset must be one of 'pascal'"):
        load_labelled(str(tmp_path), dataset="mitbih")


def test_folder_without_data_set(tmp_path):
    with pytest.raises(FileNotFoundError, match="Name a CSV table"):
        load_labelled(str(tmp_path))


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a table or a folder"):
        load_labelled(str(tmp_path / "none"))


def test_table_takes_no_data_set(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(8), 1000)
    table = tmp_path / "table.csv"
    table.write_text("path,label\na.wav,1\n")
    assert load_labelled(str(table)).target.tolist() == [1]
    with pytest.raises(ValueError, match="Expected a folder with --dataset"):
        load_labelled(str(table), dataset="pascal")
    with pytest.raises(ValueError, match="Expected a folder with --subset"):
        load_labelled(str(table), subset="a")


def test_name_that_is_too_long_is_named():
    found, [failure] = find_recordings(["a" * 300 + ".wav"])
    assert found == []
    assert "File name too long" in failure.error


def test_a_subject_counts_wherever_a_table_tells_it(folder_of_tables):
    folder = folder_of_tables
    for inputs in (["a.wav", "one.csv"], ["one.csv", "a.wav"]):
        found, failures = find_recordings([str(folder / name) for name in inputs])
        assert [item.subject for item in found] == ["A"]
        assert failures == []


def test_a_recording_of_two_subjects_is_a_failure(folder_of_tables):
    inputs = [str(folder_of_tables / name) for name in ("one.csv", "two.csv")]
    found, failures = find_recordings(inputs)
    assert [item.subject for item in found] == ["C"]
    assert [Path(failure.path).name for failure in failures] == ["a.wav"]
    assert "of one subject, got it for 'A' and for 'B'" in failures[0].error


@pytest.mark.parametrize("text", ["a\0b.wav", "a\0/*"])
def test_names_with_a_nul_character_are_named(text):
    found, [failure] = find_recordings([text])
    assert found == []
    assert failure.error == (
        f"Expected a path, got {text!r} with a NUL character. Correct it."
    )


def test_rows_with_a_nul_character_are_named(folder):
    table = folder / "table.csv"
    # The first thousand bytes of a table without any tell it from UTF-16.
    table.write_text("path\n" + "b.wav\n" * 200 + "c\0.wav\n")
    found, [failure] = find_recordings([str(table)])
    assert [item.path.name for item in found] == ["b.wav"]
    assert "got 'c\\x00.wav' with a NUL character on line 202" in failure.error


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_and_devices_are_named(tmp_path):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    assert "got a pipe or a device" in find_recordings(["-"])[1][0].error
    for text in (str(pipe), os.devnull):
        found, [failure] = find_recordings([text])
        assert found == []
        assert failure.path == text
        assert "got a pipe or a device, which cannot be read twice" in failure.error
        with pytest.raises(ValueError, match=r"got a pipe or a device, .* file first"):
            load_labelled(text)


def test_no_name_is_no_folder():
    found, failures = find_recordings([""])
    assert found == []
    assert failures[0].error == "Expected a file or folder, got no name."


@pytest.fixture
def folder_of_tables(tmp_path):
    for name in ("a.wav", "c.wav"):
        (tmp_path / name).touch()
    (tmp_path / "one.csv").write_text("path,subject\na.wav,A\n")
    (tmp_path / "two.csv").write_text("path,subject\na.wav,B\nc.wav,C\n")
    return tmp_path
