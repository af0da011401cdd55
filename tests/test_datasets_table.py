"""One's own recordings: reading a table, and writing one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.utils import Bunch

from heartbeat_clf.datasets import (
    load_recordings,
    make_heart_sounds,
    write_recordings,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wav").mkdir()
    for name in ("one", "two", "three"):
        soundfile.write(tmp_path / "wav" / f"{name}.wav", np.zeros(8), 1000)
    return tmp_path


def table_of(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8-sig")
    return path


FULL = "path,label,subject,age\nwav/one.wav,normal,p1,3\nwav/two.wav,murmur,p2,5\n"


def test_paths_are_relative_to_the_table(folder):
    bunch = load_recordings(str(table_of(folder, FULL)))
    assert bunch.recordings.tolist() == [folder / "wav/one.wav", folder / "wav/two.wav"]
    assert bunch.target.tolist() == ["normal", "murmur"]
    assert bunch.subjects.tolist() == ["p1", "p2"]
    assert bunch.subjects_known is True
    assert bunch.metadata["age"].tolist() == ["3", "5"]
    assert list(bunch.metadata) == ["path", "label", "subject", "age"]


def test_dataframe_paths_start_from_the_working_directory_or_folder(
    folder, monkeypatch
):
    frame = pd.DataFrame({"path": ["wav/one.wav"], "label": ["normal"]})
    assert load_recordings(frame, folder=folder).recordings[0].is_file()
    monkeypatch.chdir(folder)
    assert load_recordings(frame).recordings[0].is_file()


def test_absolute_paths_stay(folder):
    frame = pd.DataFrame({"path": [folder / "wav" / "one.wav"], "label": ["normal"]})
    assert load_recordings(frame).recordings[0] == folder / "wav" / "one.wav"


def test_without_subjects_each_recording_is_its_own(folder):
    table = table_of(folder, "path,label\nwav/one.wav,a\nwav/two.wav,a\n")
    bunch = load_recordings(table)
    assert bunch.subjects_known is False
    assert len(set(bunch.subjects)) == 2
    assert "each recording is its own subject" in bunch.DESCR


def test_column_names_can_be_given(folder):
    text = "file,diagnosis,label,person\nwav/one.wav,murmur,x,p1\n"
    bunch = load_recordings(
        table_of(folder, text), path="file", label="diagnosis", subject="person"
    )
    assert bunch.target.tolist() == ["murmur"]
    assert bunch.subjects.tolist() == ["p1"]
    assert bunch.metadata["label_original"].tolist() == ["x"]


def test_label_none_gives_no_target(folder):
    bunch = load_recordings(table_of(folder, "path\nwav/one.wav\n"), label=None)
    assert bunch.target is None
    assert bunch.target_names == []
    assert "label" not in bunch.metadata


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["0", "1"], [0, 1]),
        (["-1", "1"], [-1, 1]),
        (["01", "02"], ["01", "02"]),
        (["1", "absent"], ["1", "absent"]),
        ([" a ", "b"], ["a", "b"]),
    ],
)
def test_labels_are_strings_unless_integers_throughout(folder, written, expected):
    text = f"path,label\nwav/one.wav,{written[0]}\nwav/two.wav,{written[1]}\n"
    assert load_recordings(table_of(folder, text)).target.tolist() == expected


@pytest.mark.parametrize("written", ["NA", "nan", "NULL"])
def test_words_for_missing_values_are_no_labels(tmp_path, written):
    (tmp_path / "a.wav").write_bytes(b"")
    table = tmp_path / "table.csv"
    table.write_text(f"path,label\na.wav,{written}\n")
    with pytest.raises(ValueError, match=r"in row 0 .*write for a missing value"):
        load_recordings(table)


def test_labels_of_a_dataframe_may_be_whole_floats(folder):
    frame = pd.DataFrame({"path": ["wav/one.wav", "wav/two.wav"], "label": [0.0, 1.0]})
    assert load_recordings(frame, folder=folder).target.tolist() == [0, 1]


def test_tsv_is_separated_by_tabs(folder):
    table = table_of(folder, "path\tlabel\nwav/one.wav\ta\n", "table.tsv")
    assert load_recordings(table).target.tolist() == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,label\nwav/one.wav,a\n",
            r"(?s)column 'path' .*\['file', 'label'\].*In Python: path=\.\.\.",
        ),
        ("path;label\nwav/one.wav;a\n", r"column 'path' .*\['path;label'\]"),
        ("path,class\nwav/one.wav,a\n", "(?s)column 'label' .*In Python: .*label=None"),
        ("path,label\n", "at least one recording .*no rows"),
        ("", "CSV table in UTF-8 with a header"),
        (
            "path,label\nwav/one.wav,a\nwav/two.wav,\n",
            "label in every row .*in row 1 .*line 3\\)",
        ),
        ("path,label\n,a\n", "path in every row .*in row 0"),
        ("path,label,subject\nwav/one.wav,a,\n", "subject in every row .*in row 0"),
        ("path,label\nwav/one.wav,0.5\n", "fraction '0.5' in row 0 .*line 2\\)"),
        (
            "path,label\nwav/one.wav,a\nwav/../wav/one.wav,b\n",
            r"each file once .*in rows 0 and 1 \(counted from 0; lines 2 and 3\)",
        ),
    ],
)
def test_wrong_tables_are_refused(folder, text, message):
    with pytest.raises(ValueError, match=message):
        load_recordings(table_of(folder, text))


def test_named_subject_column_must_exist(folder):
    with pytest.raises(ValueError, match=r"(?s)column 'person' .*subject=\.\.\."):
        load_recordings(table_of(folder, FULL), subject="person")


@pytest.mark.parametrize("spelling", ["Subject", "SUBJECT"])
def test_a_subject_by_another_spelling_is_no_other_column(folder, spelling):
    table = table_of(folder, FULL.replace("subject", spelling))
    with pytest.raises(ValueError, match=f"column 'subject' in .* got '{spelling}'"):
        load_recordings(table)
    assert not load_recordings(table, subject=None).subjects_known
    assert load_recordings(table, subject=spelling).subjects_known


def test_repeated_column_is_refused(folder):
    frame = pd.DataFrame(
        [["wav/one.wav", "a", "b"]], columns=["path", "label", "label"]
    )
    with pytest.raises(ValueError, match=r"one column 'label' .*got 2"):
        load_recordings(frame, folder=folder)


def test_missing_value_in_a_dataframe_names_the_row(folder):
    frame = pd.DataFrame({"path": ["wav/one.wav", "wav/two.wav"], "label": [1, None]})
    with pytest.raises(ValueError, match="the DataFrame, got nan in row 1"):
        load_recordings(frame, folder=folder)


def test_all_missing_files_are_counted_and_the_first_named(folder):
    rows = "".join(f"wav/{number}.wav,a\n" for number in range(8))
    table = table_of(folder, "path,label\nwav/one.wav,a\n" + rows)
    with pytest.raises(
        FileNotFoundError, match=r"8 of 9 missing: 'line 3: wav/0\.wav'.*and 3 more"
    ):
        load_recordings(table)


def test_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv' is no file"):
        load_recordings(tmp_path / "nowhere.csv")


def test_table_of_a_wrong_type_is_refused():
    with pytest.raises(TypeError, match="CSV file or a DataFrame, got list"):
        load_recordings(["a.wav"])


def test_written_recordings_read_back(tmp_path):
    sounds = make_heart_sounds(3, duration=1.0, random_state=0)
    table = write_recordings(sounds, tmp_path / "sounds")
    bunch = load_recordings(table)
    assert bunch.target.tolist() == sounds.target.tolist()
    assert bunch.subjects.tolist() == sounds.subjects.tolist()
    assert bunch.subjects_known is True
    for path, sound in zip(bunch.recordings, sounds.recordings, strict=True):
        samples, rate = soundfile.read(path)
        assert rate == sounds.sample_rate
        np.testing.assert_allclose(samples, sound, atol=1 / 32768)


def test_written_table_is_kept_unless_overwritten(tmp_path):
    sounds = make_heart_sounds(1, duration=0.5, random_state=0)
    table = write_recordings(sounds, tmp_path)
    before = table.read_bytes()
    with pytest.raises(FileExistsError, match=r"table\.csv' exists.*overwrite=True"):
        write_recordings(sounds, tmp_path)
    assert write_recordings(sounds, tmp_path, overwrite=True).read_bytes() == before


@pytest.mark.parametrize(
    "subject", ["../../out", "/out", "a/b", "..", "c:\\d", "e" * 300]
)
def test_what_is_written_stays_in_its_folder(tmp_path, subject):
    sounds = make_heart_sounds(1, duration=1.0, random_state=0)
    sounds.subjects = np.array([subject] * 2)
    place = tmp_path / "deep" / "er"
    write_recordings(sounds, place)
    assert {file.parent for file in tmp_path.rglob("*.wav")} == {place}
    assert len(list(place.glob("*.wav"))) == 2


def test_samples_that_a_file_would_cut_off_are_refused(tmp_path):
    sounds = make_heart_sounds(1, duration=1.0, random_state=0)
    sounds.recordings[1] = 3 * sounds.recordings[1] / np.abs(sounds.recordings[1]).max()
    with pytest.raises(ValueError, match="within ±1, got 3 in row 1"):
        write_recordings(sounds, tmp_path / "new")
    sounds.recordings[1][500] = np.nan
    with pytest.raises(ValueError, match="within ±1, got nan in row 1"):
        write_recordings(sounds, tmp_path / "new")
    sounds.recordings[1] = np.empty(0)
    with pytest.raises(ValueError, match="samples to write, got none in row 1"):
        write_recordings(sounds, tmp_path / "new")
    sounds.recordings[1] = np.arange(1000)
    with pytest.raises(TypeError, match="or int16, got int64 in row 1"):
        write_recordings(sounds, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    sounds.recordings[1] = np.arange(1000, dtype=np.int16)
    write_recordings(sounds, tmp_path / "new")


def test_only_recordings_in_memory_are_written(tmp_path):
    with pytest.raises(TypeError, match=r"in memory .*got str in row 0"):
        write_recordings(Bunch(recordings=["a.wav"]), tmp_path)


def test_other_separators_are_named(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("path;label\na.wav;normal\n")
    with pytest.raises(ValueError, match=r"path;label.*Separate the columns by commas"):
        load_recordings(table)
