"""Loaders on tiny copies of the publishers' layouts, and on the real recordings."""

from __future__ import annotations

import collections
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heartbeat_clf.datasets import (
    load_cinc2016,
    load_circor,
    load_pascal,
    read_segmentation,
)
from heartbeat_clf.datasets._bunch import DATA_VARIABLE, list_some
from heartbeat_clf.datasets.pascal import parse_name

SET_B = [
    "normal__101_1305030823364_A.wav",
    "normal_noisynormal_103_1305031931979_B.wav",
    "normal__146_1306778707532_D1.wav",
    "murmur__112_1306243000964_A.wav",
    "murmur_noisymurmur_135_1306428972976_1.wav",
    "extrastole__127_1306764300147_C2.wav",
    "Bunlabelledtest__127_1306764300147_D.wav",
]
SET_A = [
    "normal__201102081321.wav",
    "murmur__201104021355.wav",
    "extrahls__201104021355.wav",
    "murmur__201108222221.wav",
    "artifact__201012172012.wav",
    "Aunlabelledtest__201106120928.wav",
    "Aunlabelledtest__2011040239.wav",
]
CIRCOR_HEADER = (
    "Patient ID,Recording locations:,Age,Sex,Murmur,Murmur locations,Outcome,"
    "Additional ID"
)
CIRCOR_ROWS = [
    "10,AV+MV,Child,Female,Absent,nan,Normal,nan",
    "20,AV+MV,Child,Male,Present,AV,Abnormal,30",
    "30,AV,Child,Male,Present,AV+MV,Abnormal,40",
    "50,AV,Infant,Female,Absent,nan,Normal,40.0",
    "60,AV,nan,Female,Unknown,nan,Abnormal,nan",
    "70,AV+MV,Child,Male,Absent,nan,Normal,nan",
]
CIRCOR_FILES = ["10_AV", "10_MV", "20_AV_1", "20_AV_2", "20_MV", "30_AV", "50_AV"]
CIRCOR_FILES += ["60_AV", "70_AV"]


def write_wav(path: Path, rate: int = 2000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4], "big")
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, 200)
    soundfile.write(path, noise, rate, subtype="PCM_16")
    return path


@pytest.fixture
def pascal(tmp_path):
    root = tmp_path / "pascal"
    for folder, names in (("set_a", SET_A), ("set_b", SET_B)):
        for name in names:
            write_wav(root / folder / name)
    (root / "set_b.csv").write_text("dataset,fname,label,sublabel\n")
    return root


@pytest.fixture
def circor(tmp_path):
    root = tmp_path / "circor"
    for stem in CIRCOR_FILES:
        write_wav(root / "training_data" / f"{stem}.wav")
    (root / "training_data" / "10_AV.tsv").write_text("0\t0.5\t0\n0.5\t0.61\t1\n")
    (root / "training_data" / "70.txt").write_text(
        "70 2 4000\nAV 70_AV.hea 70_AV.wav 70_AV.tsv\n"
        "MV 70_MV.hea 70_MV.wav 70_MV.tsv\n#Age: Child\n"
    )
    table = "\n".join([CIRCOR_HEADER, *CIRCOR_ROWS]) + "\n"
    (root / "training_data.csv").write_text(table)
    return root


@pytest.fixture
def cinc2016(tmp_path):
    root = tmp_path / "cinc2016"
    for letter in "ab":
        place = root / f"training-{letter}"
        for number in (1, 2):
            write_wav(place / f"{letter}000{number}.wav")
        (place / "REFERENCE.csv").write_text(f"{letter}0001,1\n{letter}0002,-1\n")
    sqi = "a0001,1,1\na0002,-1,0\n"
    (root / "training-a" / "REFERENCE-SQI.csv").write_text(sqi)
    return root


def names(bunch) -> list[str]:
    return [path.name for path in bunch.recordings]


def check_aligned(bunch):
    n_recordings = len(bunch.recordings)
    assert bunch.recordings.dtype == object
    assert bunch.recordings.shape == bunch.target.shape == bunch.subjects.shape
    assert bunch.target.dtype.kind == bunch.subjects.dtype.kind == "U"
    assert len(bunch.metadata) == n_recordings
    assert bunch.metadata["path"].tolist() == [str(path) for path in bunch.recordings]
    assert bunch.metadata["label"].tolist() == bunch.target.tolist()
    assert bunch.metadata["subject"].tolist() == bunch.subjects.tolist()
    assert bunch.target_names == sorted(set(bunch.target.tolist()))
    assert all(path.is_file() for path in bunch.recordings)
    assert all(note in bunch.DESCR for note in bunch.notes)


# --- where the folder is


def test_folder_may_be_the_set_its_parent_or_the_variable(pascal, monkeypatch):
    expected = names(load_pascal(pascal))
    assert names(load_pascal(pascal.parent)) == expected
    assert names(load_pascal(str(pascal / "set_b"))) == expected
    monkeypatch.setenv(DATA_VARIABLE, str(pascal.parent))
    assert names(load_pascal()) == expected


def test_no_folder_anywhere_names_the_variable(monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"folder=None.*HEARTBEAT_CLF_DATA is not set"):
        load_pascal()


def test_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' is not a folder"):
        load_circor(tmp_path / "nowhere")


def test_variable_with_a_wrong_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"HEARTBEAT_CLF_DATA=.*nowhere"):
        load_circor()


def test_folder_of_a_wrong_type_is_refused():
    with pytest.raises(TypeError, match=r"folder to be a path.*got int: 3"):
        load_cinc2016(3)


@pytest.mark.parametrize(
    ("load", "looked_for"),
    [
        (load_pascal, "set_b/"),
        (load_circor, "training_data.csv"),
        (load_cinc2016, "REFERENCE.csv"),
    ],
)
def test_folder_without_the_set_says_what_was_looked_for(tmp_path, load, looked_for):
    with pytest.raises(FileNotFoundError, match=rf"{looked_for}.*found none.*fetch_"):
        load(tmp_path)


def test_long_lists_are_cut():
    assert list_some([1, 2, 3], limit=2) == "'1', '2' and 1 more"
    assert list_some(["a"]) == "'a'"


# --- PASCAL


def test_pascal_label_is_the_prefix_on_disk(pascal):
    bunch = load_pascal(pascal)
    check_aligned(bunch)
    assert collections.Counter(bunch.target) == {"normal": 3, "murmur": 2}
    assert bunch.subjects_known is True
    assert "noisymurmur" in bunch.metadata["sublabel"].tolist()


def test_pascal_subjects_that_share_audio_are_one(pascal):
    bunch = load_pascal(pascal, labels=["normal"])
    assert set(bunch.subjects) == {"101"}
    assert set(bunch.metadata["published_subject"]) == {"101", "103", "146"}
    assert "101, 103, 146" in bunch.notes[0]


def test_pascal_gives_other_labels_only_on_request(pascal):
    bunch = load_pascal(pascal, labels=("extrasystole", "unlabelled"))
    assert bunch.target_names == ["extrasystole", "unlabelled"]
    assert set(bunch.subjects) == {"127"}


def test_pascal_set_a_leaves_out_the_conflicting_pair(pascal):
    labels = ("normal", "murmur", "extrahls", "artifact", "unlabelled")
    bunch = load_pascal(pascal, subset="a", labels=labels)
    check_aligned(bunch)
    assert not any("201104021355" in name for name in names(bunch))
    assert len(bunch.recordings) == len(SET_A) - 2
    assert "same audio under two labels" in bunch.notes[0]
    assert "practically silent" in bunch.notes[1]


def test_pascal_set_a_has_no_known_subjects(pascal):
    bunch = load_pascal(pascal, subset="a")
    assert bunch.subjects_known is False
    assert len(set(bunch.subjects)) == len(bunch.subjects)


def test_pascal_set_a_gives_annotated_positions(pascal):
    (pascal / "set_a_timing.csv").write_text(
        "fname,cycle,sound,location\n"
        "set_a/normal__201102081321.wav,1,S1,10021\n"
        "set_a/normal__201102081321.wav,1,S2,20759\n"
        "set_a/normal__201102081321.wav,2,S1,35075\n"
    )
    metadata = load_pascal(pascal, subset="a").metadata.set_index("timestamp")
    assert metadata.loc["201102081321", "s1_samples"] == (10021, 35075)
    assert metadata.loc["201102081321", "s2_samples"] == (20759,)
    assert metadata.loc["201108222221", "s1_samples"] == ()


def test_pascal_archives_unpacked_as_they_are_load_too(tmp_path):
    write_wav(tmp_path / "Training B Normal" / "103_1305031931979_D3.wav")
    noisy = tmp_path / "Training B Normal" / "Btraining_noisynormal"
    write_wav(noisy / "101_1305030823364_B.wav")
    write_wav(tmp_path / "Btraining_murmur" / "112_1306243000964_A.wav")
    write_wav(tmp_path / "Btraining_murmur" / "._112_1306243000964_A.wav")
    write_wav(tmp_path / "__MACOSX" / "Btraining_murmur" / "113_1306243000964_A.wav")
    bunch = load_pascal(tmp_path)
    assert collections.Counter(bunch.target) == {"normal": 2, "murmur": 1}
    assert sorted(bunch.metadata["sublabel"]) == ["", "", "noisynormal"]


def test_pascal_unknown_label_and_subset_are_named(pascal):
    with pytest.raises(
        ValueError, match=r"labels of set_b among .*got \('artifact',\)"
    ):
        load_pascal(pascal, labels=("artifact",))
    with pytest.raises(ValueError, match=r"labels of set_a among .*got \(\)"):
        load_pascal(pascal, subset="a", labels=())
    with pytest.raises(TypeError, match=r"single str 'normal'.*labels=\('normal',\)"):
        load_pascal(pascal, labels="normal")
    with pytest.raises(ValueError, match="subset must be one of 'a', 'b', got 'c'"):
        load_pascal(pascal, subset="c")


def test_pascal_without_recordings_of_a_label_says_so(tmp_path):
    write_wav(tmp_path / "set_b" / SET_B[0])
    with pytest.raises(FileNotFoundError, match=r"labelled 'murmur' in .*got none"):
        load_pascal(tmp_path, labels=["murmur"])


@pytest.mark.parametrize("path", ["readme.wav", "set_b/101_1305030823364_A.wav"])
def test_names_without_label_are_no_recordings(path):
    assert parse_name(Path(path)) is None


# --- CirCor


def test_circor_audible_gives_each_recording_its_own_label(circor):
    bunch = load_circor(circor)
    check_aligned(bunch)
    labels = dict(zip(names(bunch), bunch.target.tolist(), strict=True))
    assert labels == {
        "10_AV.wav": "normal",
        "10_MV.wav": "normal",
        "20_AV_1.wav": "murmur",
        "20_AV_2.wav": "murmur",
        "30_AV.wav": "murmur",
        "50_AV.wav": "normal",
        "70_AV.wav": "normal",
    }
    assert "Left out 1 recordings of Present patients" in bunch.DESCR
    assert "Left out 1 recordings of Unknown patients" in bunch.DESCR


def test_circor_patient_labels_keep_every_recording(circor):
    bunch = load_circor(circor, target="murmur")
    assert collections.Counter(bunch.target) == {
        "Absent": 4,
        "Present": 4,
        "Unknown": 1,
    }
    bunch = load_circor(circor, target="outcome")
    assert collections.Counter(bunch.target) == {"Normal": 4, "Abnormal": 5}


def test_circor_visits_of_a_person_are_joined_both_ways(circor):
    bunch = load_circor(circor, target="murmur")
    person = dict(zip(bunch.metadata["patient"], bunch.subjects, strict=True))
    # 20 names 30, 30 names 40, and 50 names 40 too, which has no row.
    assert person == {p: p for p in ("10", "60", "70")} | dict.fromkeys(
        ("20", "30", "50"), "20"
    )
    assert bunch.subjects_known is True


def test_circor_metadata_has_position_and_segmentation(circor):
    metadata = load_circor(circor).metadata
    first = metadata.iloc[0]
    assert (first["patient"], first["position"], first["sex"]) == ("10", "AV", "Female")
    segments = read_segmentation(first["segmentation"])
    assert segments["end"].tolist() == [0.5, 0.61]
    assert segments["state"].tolist() == [0, 1]
    assert metadata["segmentation"].tolist()[1] == ""


def test_circor_notes_missing_and_unlisted_files(circor):
    write_wav(circor / "training_data" / "99_AV.wav")
    (circor / "training_data" / "10_AV.wav").unlink()
    (circor / "training_data" / "10_MV.wav").unlink()
    notes = " ".join(load_circor(circor).notes)
    assert "Listed but not in the folder: '10_*.wav', '70_MV.wav'." in notes
    assert "Not in training_data.csv, left out: '99_AV.wav'." in notes


def test_circor_is_found_under_its_published_name(circor, tmp_path):
    above = tmp_path / "downloads"
    above.mkdir()
    title = "the-circor-digiscope-phonocardiogram-dataset-1.0.3"
    moved = circor.rename(above / title)
    assert len(load_circor(above).recordings) == 7
    assert len(load_circor(moved / "training_data").recordings) == 7


def test_circor_without_recordings_says_so(circor):
    for path in (circor / "training_data").glob("*.wav"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"such as 10_AV.wav in .*got none"):
        load_circor(circor)


def test_circor_table_without_a_column_is_refused(circor):
    (circor / "training_data.csv").write_text("Patient ID,Murmur\n10,Absent\n")
    with pytest.raises(ValueError, match=r"columns 'Patient ID'.*found .*and 1 rows"):
        load_circor(circor)


def test_circor_table_without_anything_is_refused(circor):
    (circor / "training_data.csv").write_text("")
    with pytest.raises(ValueError, match=r"training_data\.csv"):
        load_circor(circor)


def test_circor_unknown_label_names_the_patient(circor):
    table = (circor / "training_data.csv").read_text().replace("Unknown", "Perhaps")
    (circor / "training_data.csv").write_text(table)
    with pytest.raises(ValueError, match="got 'Perhaps' for patient '60'"):
        load_circor(circor)


def test_circor_unknown_target_is_named(circor):
    with pytest.raises(ValueError, match=r"target must be one of .*got 'grade'"):
        load_circor(circor, target="grade")


def test_segmentation_that_is_none_is_refused(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("S1 from here to there\n")
    with pytest.raises(ValueError, match=r"three columns of numbers .*x\.tsv"):
        read_segmentation(path)
    with pytest.raises(FileNotFoundError, match=r"y\.tsv"):
        read_segmentation(tmp_path / "y.tsv")


# --- CinC 2016


def test_cinc2016_reads_labels_and_quality(cinc2016):
    bunch = load_cinc2016(cinc2016, databases="a")
    check_aligned(bunch)
    assert bunch.target.tolist() == ["abnormal", "normal"]
    assert bunch.metadata["signal_quality"].tolist() == [1, 0]
    assert bunch.metadata["database"].tolist() == ["a", "a"]
    assert bunch.subjects.tolist() == ["a0001", "a0002"]
    assert bunch.subjects_known is False


def test_cinc2016_without_quality_says_so(cinc2016):
    bunch = load_cinc2016(cinc2016, databases=["b"])
    assert bunch.metadata["signal_quality"].tolist() == [-1, -1]
    assert "no REFERENCE-SQI.csv" in bunch.notes[0]


def test_cinc2016_ignores_the_validation_copy(cinc2016):
    write_wav(cinc2016 / "validation" / "a0001.wav")
    (cinc2016 / "validation" / "REFERENCE.csv").write_text("a0001,1\n")
    bunch = load_cinc2016(cinc2016, databases="a")
    assert len(bunch.recordings) == 2
    assert "Ignored the folder `validation`" in bunch.notes[0]


def test_cinc2016_is_found_under_training(cinc2016, tmp_path):
    (tmp_path / "other").mkdir()
    cinc2016.rename(tmp_path / "other" / "training")
    assert len(load_cinc2016(tmp_path / "other", databases="ab").recordings) == 4


def test_cinc2016_absent_database_is_named(cinc2016):
    with pytest.raises(FileNotFoundError, match=r"training-c/REF.*databases='ab'"):
        load_cinc2016(cinc2016)


@pytest.mark.parametrize("databases", ["xyz", "", ["ab"]])
def test_cinc2016_unknown_database_is_named(cinc2016, databases):
    with pytest.raises(ValueError, match="letters among 'abcdef', got"):
        load_cinc2016(cinc2016, databases=databases)


def test_cinc2016_unknown_label_names_the_record(cinc2016):
    (cinc2016 / "training-a" / "REFERENCE.csv").write_text("a0001,0\n")
    with pytest.raises(ValueError, match="got '0' for 'a0001'"):
        load_cinc2016(cinc2016, databases="a")


def test_cinc2016_short_line_is_named(cinc2016):
    (cinc2016 / "training-a" / "REFERENCE.csv").write_text("a0001,1\n\na0002\n")
    with pytest.raises(ValueError, match=r"2 columns in .*got 'a0002' in line 3"):
        load_cinc2016(cinc2016, databases="a")


def test_cinc2016_notes_missing_recordings(cinc2016):
    (cinc2016 / "training-a" / "a0002.wav").unlink()
    bunch = load_cinc2016(cinc2016, databases="a")
    assert bunch.notes == ["Listed but not in the folder: 'a0002.wav'."]
    (cinc2016 / "training-a" / "a0001.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"such as .*a0001.wav.*got none"):
        load_cinc2016(cinc2016, databases="a")


def test_import_loads_no_downloader_and_no_heavy_library():
    code = (
        "import sys, heartbeat_clf.datasets; "
        "print([m for m in ('pooch', 'soundfile', 'librosa', 'tensorflow', 'keras', "
        "'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


# --- the recordings themselves


@pytest.mark.real
def test_real_set_b_has_the_published_counts(real_data):
    labels = ("normal", "murmur", "extrasystole", "unlabelled")
    bunch = load_pascal(real_data, labels=labels)
    check_aligned(bunch)
    counts = {"normal": 320, "murmur": 95, "extrasystole": 46, "unlabelled": 195}
    assert collections.Counter(bunch.target.tolist()) == counts
    # 171 published, of which three are one person.
    assert bunch.metadata["published_subject"].nunique() == 171
    assert len(set(bunch.subjects)) == 169


@pytest.mark.real
def test_real_set_b_subjects_101_103_and_146_share_audio(real_data):
    folder = load_pascal(real_data).recordings[0].parent
    pairs = [
        (
            "Bunlabelledtest__101_1305030823364_D",
            "normal_noisynormal_146_1306778707532_D",
        ),
        ("normal__103_1305031931979_B", "normal__146_1306778707532_D1"),
    ]
    for one, other in pairs:
        first, second = (
            soundfile.read(folder / f"{stem}.wav")[0] for stem in (one, other)
        )
        n_fft = len(first) + len(second)
        product = np.fft.rfft(first, n_fft) * np.conj(np.fft.rfft(second, n_fft))
        shorter = min(np.sum(first**2), np.sum(second**2))
        assert np.abs(np.fft.irfft(product, n_fft)).max() > 0.9 * shorter


@pytest.mark.real
def test_real_set_a_has_the_published_counts_less_the_pair(real_data):
    labels = ("normal", "murmur", "extrahls", "artifact", "unlabelled")
    bunch = load_pascal(real_data, subset="a", labels=labels)
    assert collections.Counter(bunch.target.tolist()) == {
        "artifact": 40,
        "murmur": 33,
        "normal": 31,
        "extrahls": 18,
        "unlabelled": 52,
    }
    assert sum(len(times) > 0 for times in bunch.metadata["s1_samples"]) == 21
    folder = bunch.recordings[0].parent
    one, other = (
        soundfile.read(folder / f"{label}__201104021355.wav")[0]
        for label in ("extrahls", "murmur")
    )
    assert np.corrcoef(one, other)[0, 1] > 0.999


@pytest.mark.real
def test_real_circor_has_the_published_counts(real_data):
    bunch = load_circor(real_data, target="murmur")
    check_aligned(bunch)
    assert len(bunch.recordings) == 2231
    assert bunch.metadata["patient"].nunique() == 657
    assert len(set(bunch.subjects)) == 610
    assert (bunch.metadata["segmentation"] != "").all()
    assert set(read_segmentation(bunch.metadata["segmentation"][0])["state"]) <= {
        *range(5)
    }
    audible = load_circor(real_data)
    assert collections.Counter(audible.target) == {"normal": 1689, "murmur": 359}


@pytest.mark.real
def test_real_cinc2016_has_the_published_counts(real_data):
    bunch = load_cinc2016(real_data)
    check_aligned(bunch)
    assert len(bunch.recordings) == 1017
    assert (bunch.metadata["signal_quality"] == 0).sum() == 123
