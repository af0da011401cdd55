"""Recordings are answered one by one, and answers shown in three forms."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.pipeline import Pipeline

from heartbeat_clf import load
from heartbeat_clf.answering import map_recordings, predict_recordings
from heartbeat_clf.answers import (
    LOW_RATE,
    NOTICE,
    Answers,
)
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.inputs import Failure
from heartbeat_clf.operating_points import OperatingPoints
from heartbeat_clf.pretrained import find_model
from heartbeat_clf.recording_images import LowRateWarning
from heartbeat_clf.saved_model import load_to_predict


class LengthModel:
    """Answers by the length of the name; refuses names with "bad" in them."""

    classes_ = np.array(["murmur", "normal"])

    def __init__(self):
        self.batches = []

    def predict_proba(self, paths):
        self.batches.append(len(paths))
        for path in paths:
            if "bad" in path.name:
                raise ValueError(f"Expected audio, got {path.name!r}.")
        share = np.array([len(path.name) / 10 for path in paths])
        return np.stack([share, 1 - share], axis=1)


ANSWERS = Answers(
    classes=["murmur", "normal"],
    paths=[Path("a.wav"), Path("long, name.wav")],
    probabilities=np.array([[0.25, 0.75], [0.9, 0.1]]),
    failures=[Failure("bad.wav", "Expected audio.")],
)


def test_bad_files_do_not_lose_the_others():
    paths = [Path(name) for name in ("a", "bad.wav", "abcdefg")]
    answers = predict_recordings(LengthModel(), paths)
    assert answers.paths == [Path("a"), Path("abcdefg")]
    assert answers.labels == ["normal", "murmur"]
    assert answers.failures == [Failure("bad.wav", "Expected audio, got 'bad.wav'.")]


def test_only_the_batch_of_a_bad_file_is_asked_again():
    model = LengthModel()
    paths = [Path(f"{n}.wav") for n in range(40)]
    paths[20] = Path("bad")
    rows, values, failures = map_recordings(model.predict_proba, paths)
    assert model.batches == [16, 16, *[1] * 16, 8]
    assert rows.tolist() == [n for n in range(40) if n != 20]
    assert len(values) == 39
    assert len(failures) == 1


def test_no_recording_at_all():
    answers = predict_recordings(LengthModel(), [])
    assert answers.probabilities.shape == (0, 2)
    assert answers.to_table().split() == ["path", "prediction", "murmur", "normal"]


def test_bugs_are_not_taken_for_bad_files():
    def broken(paths):
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        map_recordings(broken, [Path("a.wav")])


def test_table_is_aligned():
    assert ANSWERS.to_table().splitlines() == [
        "path            prediction  murmur  normal",
        "a.wav           normal       0.250   0.750",
        "long, name.wav  murmur       0.900   0.100",
    ]


def test_csv_reads_back():
    rows = list(csv.DictReader(io.StringIO(ANSWERS.to_csv())))
    assert rows[1]["path"] == "long, name.wav"
    assert rows[1]["prediction"] == "murmur"
    assert float(rows[1]["probability_murmur"]) == 0.9


def test_json_holds_answers_failures_and_the_notice():
    document = json.loads(ANSWERS.to_json())
    assert document["notice"] == NOTICE
    assert document["decision"] is None
    assert document["recordings"][0] == {
        "path": "a.wav",
        "prediction": "normal",
        "probabilities": {"murmur": 0.25, "normal": 0.75},
        "reason": None,
        "warning": None,
    }
    assert document["failures"] == [{"path": "bad.wav", "error": "Expected audio."}]


def test_integer_classes_are_integers_in_json():
    answers = Answers([-1, 1], [Path("a")], np.array([[0.2, 0.8]]), [])
    assert json.loads(answers.to_json())["recordings"][0]["prediction"] == 1


class MeanModel(LengthModel):
    """Answers every recording with one half."""

    def predict_proba(self, paths):
        self.batches.append(len(paths))
        return np.full((len(paths), 2), 0.5)


@pytest.fixture
def heart_and_silence(tmp_path):
    from heartbeat_clf.datasets import make_heart_sounds

    heart = make_heart_sounds(1, random_state=0).recordings[0]
    paths = [tmp_path / "s1_a.wav", tmp_path / "s1_b.wav", tmp_path / "s2_a.wav"]
    soundfile.write(paths[0], 0.5 * heart / np.abs(heart).max(), 1000)
    for path in paths[1:]:
        soundfile.write(path, np.zeros(4000), 1000)
    return paths


def test_no_answer_where_no_heart_is_heard(heart_and_silence):
    model = MeanModel()
    answers = predict_recordings(model, heart_and_silence, quality=True)
    assert model.batches == [1]
    assert answers.labels == ["murmur", "unusable", "unusable"]
    silent = "silent: all samples are equal"
    assert answers.reasons == [None, silent, silent]
    table = answers.to_table().splitlines()
    assert table[0].split() == ["path", "prediction", "murmur", "normal", "reason"]
    assert table[2].split()[1:] == ["unusable", "-", "-", *silent.split()]
    rows = list(csv.DictReader(io.StringIO(answers.to_csv())))
    assert (rows[1]["probability_murmur"], rows[1]["reason"]) == ("", silent)
    assert json.loads(answers.to_json())["recordings"][1] == {
        "path": str(heart_and_silence[1]),
        "prediction": "unusable",
        "probabilities": None,
        "reason": silent,
        "quality": -20.0,
        "warning": None,
    }
    assert json.loads(answers.to_json())["recordings"][0]["quality"] > 0
    answers = predict_recordings(MeanModel(), heart_and_silence[:1])
    assert "quality" not in json.loads(answers.to_json())["recordings"][0]


def test_a_person_is_answered_from_the_usable_recordings(heart_and_silence):
    answers = predict_recordings(
        MeanModel(), heart_and_silence, subjects=["s1", "s1", "s2"], quality=True
    )
    assert answers.to_table().splitlines() == [
        "subject  recordings  usable  prediction  murmur  normal  reason",
        "s1       2           1       murmur       0.500   0.500",
        "s2       1           0       unusable         -       -  no usable recording",
    ]
    rows = list(csv.DictReader(io.StringIO(answers.to_csv())))
    assert [row["subject"] for row in rows] == ["s1", "s2"]
    document = json.loads(answers.to_json())
    assert [row["subject"] for row in document["recordings"]] == ["s1", "s1", "s2"]
    assert document["subjects"][0] == {
        "subject": "s1",
        "recordings": 2,
        "usable": 1,
        "prediction": "murmur",
        "probabilities": {"murmur": 0.5, "normal": 0.5},
        "reason": None,
        "warning": None,
    }
    assert document["subjects"][1]["reason"] == "no usable recording"


class ClearModel(MeanModel):
    """Hears the first recording of each batch clearly, the others not."""

    operating_points_ = OperatingPoints(
        "murmur", "mean by clarity", 1.0, 0.0, (0.0, 1.0), (False, True), "person", ""
    )

    def predict_with_clarity(self, paths):
        share = np.where(np.arange(len(paths)), 0.5, 0.9)
        clarity = np.where(np.arange(len(paths)), 0.5, 0.75)
        return np.stack([share, 1 - share], axis=1), clarity


@pytest.mark.parametrize("quality", [False, True])
def test_a_person_is_answered_from_what_is_heard_clearly(heart_and_silence, quality):
    heart, silence = heart_and_silence[:2]
    paths = [heart, heart, silence] if quality else [heart, heart]
    answers = predict_recordings(
        ClearModel(), paths, subjects=["s1"] * len(paths), quality=quality
    )
    # Log odds of log 9 and 0, weights of 9 and 1.
    assert answers.persons.probabilities[0, 0] == pytest.approx(1 / (1 + 9**-0.9))
    assert answers.probabilities[:2, 0].tolist() == [0.9, 0.5]
    told = [row["clarity"] for row in json.loads(answers.to_json())["recordings"]]
    assert told == [0.75, 0.5, *[None] * quality]
    alone = predict_recordings(ClearModel(), paths, quality=quality)
    assert "clarity" not in json.loads(alone.to_json())["recordings"][0]


def test_a_classifier_alone_says_what_it_takes(tmp_path):
    # By subject as without: the error is the classifier's own.
    alone = Pipeline(load(find_model("murmur")).steps[-1:])
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(3000), 1000)
    for subjects in (None, ["a"]):
        (failure,) = predict_recordings(alone, [path], subjects=subjects).failures
        assert "Put a SpectrogramTransformer before" in failure.error


def test_persons_of_a_pipeline_are_those_of_the_saved_model(tmp_path):
    sounds = make_heart_sounds(2, recordings_per_subject=2, random_state=0)
    paths = [tmp_path / f"{row}.wav" for row in range(4)]
    for path, sound in zip(paths, sounds.recordings, strict=True):
        soundfile.write(path, sound, sounds.sample_rate)
    file = find_model("murmur")
    found = [
        predict_recordings(model, paths, subjects=["a", "a", "b", "b"]).persons
        for model in (load(file), load_to_predict(file))
    ]
    assert np.array_equal(found[0].probabilities, found[1].probabilities)
    shares, clarity = load_to_predict(file).predict_with_clarity(paths)
    points = load_to_predict(file).operating_points_
    log_odds = np.log(shares[:2, 0] / shares[:2, 1])
    expected = 1 / (1 + np.exp(-points.combined(log_odds, clarity[:2])))
    assert found[0].probabilities[0, 0] == pytest.approx(expected)


def test_the_class_of_an_operating_point_is_answered_from_its_probability():
    reached = {"sensitivity": 0.9, "specificity": 0.8}
    answers = dataclasses.replace(
        ANSWERS, positive="murmur", least=0.2, reached=reached
    )
    assert answers.labels == ["murmur", "murmur"]
    decision = json.loads(answers.to_json())["decision"]
    assert decision == {"class": "murmur", "from": 0.2, **reached}
    answers = dataclasses.replace(ANSWERS, positive="normal", least=0.8)
    assert answers.labels == ["murmur", "murmur"]


@pytest.mark.filterwarnings("default::heartbeat_clf.spectrogram.LowRateWarning")
def test_an_answer_to_half_of_the_sound_says_so(tiny_model, tmp_path):
    paths = [tmp_path / "low.wav", tmp_path / "high.wav"]
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    for path, rate in zip(paths, (500, 4000), strict=True):
        soundfile.write(path, noise, rate)
    with pytest.warns(LowRateWarning, match="got 500 Hz"):
        answers = predict_recordings(load(tiny_model), paths)
    told = [row["warning"] for row in json.loads(answers.to_json())["recordings"]]
    assert told == [LOW_RATE, None]
    rows = csv.DictReader(io.StringIO(answers.to_csv()))
    assert [row["warning"] for row in rows] == [LOW_RATE, ""]
    with pytest.warns(LowRateWarning):
        persons = predict_recordings(load(tiny_model), paths, subjects=["a", "a"])
    told = f"1 of 2 usable recordings: {LOW_RATE}"
    (row,) = csv.DictReader(io.StringIO(persons.to_csv()))
    assert row["warning"] == told
    assert json.loads(persons.to_json())["subjects"][0]["warning"] == told


@pytest.mark.parametrize("shown", ["ignore", "error"])
def test_an_answer_does_not_depend_on_what_warnings_are_shown(
    tiny_model, tmp_path, shown
):
    path = tmp_path / "low.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 500)
    with warnings.catch_warnings():
        warnings.simplefilter(shown, LowRateWarning)
        if shown == "ignore":
            answers = predict_recordings(load(tiny_model), [path])
            assert answers.low_rates == {str(path)}
        else:
            with pytest.raises(LowRateWarning):
                predict_recordings(load(tiny_model), [path])


def test_a_warning_is_given_once(tiny_model, tmp_path):
    paths = [tmp_path / "low.wav", tmp_path / "bad.wav"]
    soundfile.write(paths[0], np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 500)
    paths[1].write_bytes(b"RIFF")
    with pytest.warns(LowRateWarning) as told:
        answers = predict_recordings(load(tiny_model), paths)
    assert len(told) == 1
    assert [failure.path for failure in answers.failures] == [str(paths[1])]


def test_subjects_are_one_a_path():
    with pytest.raises(ValueError, match=r"Expected as many items in subjects"):
        predict_recordings(MeanModel(), [Path("a")], subjects=[])


def test_recordings_that_cannot_be_read_are_counted(heart_and_silence, tmp_path):
    bad = tmp_path / "s3_a.wav"
    bad.write_text("no sound")
    answers = predict_recordings(
        MeanModel(),
        [*heart_and_silence[:1], bad, bad],
        subjects=["s1", "s1", "s3"],
        quality=True,
    )
    assert answers.to_table().splitlines()[1:] == [
        "s1       2           1       murmur       0.500   0.500",
        "s3       1           0       unusable         -       -  no usable recording",
    ]
    assert len(answers.failures) == 2


def test_names_cannot_break_the_table():
    answers = Answers(["a", "b"], [Path("x\n\x1b[31my.wav")], np.ones((1, 2)) / 2, [])
    assert answers.to_table().splitlines()[1].startswith(r"x\n\x1b[31my.wav  a ")
