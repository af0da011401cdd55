"""The command line: exit codes, streams, files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.utils import Bunch

import heartbeat_clf
from heartbeat_clf import cli, commands, load
from heartbeat_clf.answers import NOTICE, Answers
from heartbeat_clf.cli import main
from heartbeat_clf.datasets import write_recordings
from heartbeat_clf.image_shards import open_images
from heartbeat_clf.pipeline import PRESETS
from heartbeat_clf.pretraining_recipe import DEFAULT_RECIPE

TINY = ["--epochs", "1", "--set", "window_frames=60", "--set", "n_mels=16"]


@pytest.fixture(scope="module")
def table(synthetic, tmp_path_factory):
    return write_recordings(synthetic, tmp_path_factory.mktemp("wav"))


@pytest.fixture
def recording(table):
    return next(table.parent.glob("*.wav"))


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.wav"
    path.write_text("no sound")
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def usage_error(capsys, *arguments):
    with pytest.raises(SystemExit, match="2"):
        run(*arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        run("--version")
    assert capsys.readouterr().out == f"heartbeat-clf {heartbeat_clf.__version__}\n"


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "predict", "pretrain", "spectrogram"]
)
def test_help_has_examples_and_the_notice(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        run(command, "--help")
    text = capsys.readouterr().out
    assert f"heartbeat-clf {command} " in text
    assert "examples:" in text
    assert " ".join(NOTICE.split()) in " ".join(text.split())


def test_presets_are_those_of_the_pipeline():
    parser = cli.build_parser()
    for preset in PRESETS:
        options = parser.parse_args(["train", "x", "-o", "y", "--preset", preset])
        assert options.preset == preset


# predict


def test_prediction_is_a_table_with_the_notice_beside_it(capsys, table, tiny_model):
    assert run("predict", "--model", tiny_model, table.parent) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["path", "prediction", "murmur", "normal"]
    assert len(lines) == 21
    assert captured.err == f"{NOTICE}\n"


def test_predictions_are_those_of_the_pipeline(capsys, table, tiny_model):
    assert run("predict", "--model", tiny_model, table, "--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert captured.err == ""
    assert document["notice"] == NOTICE
    assert document["failures"] == []
    model = load(tiny_model)
    paths = [row["path"] for row in document["recordings"]]
    given = [[*row["probabilities"].values()] for row in document["recordings"]]
    assert given == pytest.approx(model.predict_proba(paths), abs=1e-6)
    predicted = [row["prediction"] for row in document["recordings"]]
    assert predicted == model.predict(paths).tolist()


def test_a_column_of_subjects_gives_one_answer_a_subject(capsys, table, tiny_model):
    assert run("predict", "--model", tiny_model, table) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split()[:4] == ["subject", "recordings", "usable", "prediction"]
    assert [line.split()[1:3] for line in lines[1:]] == [["2", "2"]] * 10
    assert captured.err == f"One answer a subject, 10 in all.\n{NOTICE}\n"
    assert run("predict", "--model", tiny_model, table, "--each-recording") == 0
    assert len(capsys.readouterr().out.splitlines()) == 21


def test_a_subject_of_very_many_recordings_is_doubted(
    capsys, monkeypatch, table, tiny_model
):
    from heartbeat_clf import predict_command

    arguments = ("predict", "--model", tiny_model, table.parent)
    told = "Of 'wav' there are 20 recordings, answered together as of one person."
    assert run(*arguments, "--subject-pattern", "wav") == 0
    assert told not in capsys.readouterr().err
    monkeypatch.setattr(predict_command, "_MANY", 19)
    assert run(*arguments, "--subject-pattern", "wav") == 0
    err = capsys.readouterr().err
    assert f"One answer a subject, 1 in all.\n{told}" in err
    assert "--subject-pattern REGEX" in err
    # A table says itself who is whose.
    assert run("predict", "--model", tiny_model, table) == 0
    assert told not in capsys.readouterr().err
    assert run(*arguments, "--subject-pattern", "nothing") == 1


def test_closed_standard_output_loses_no_answer_in_silence(
    capsys, monkeypatch, tiny_model, recording, tmp_path
):
    # Python has no sys.stdout where the shell has closed it.
    monkeypatch.setattr(sys, "stdout", None)
    arguments = ["predict", "--model", tiny_model, recording]
    assert run(*arguments) == 1
    assert "error: Expected a standard output" in capsys.readouterr().err
    assert run(*arguments, "-o", tmp_path / "answer.txt") == 0


def test_notices_stay_out_of_the_answers_where_standard_error_is_closed(
    capsys, monkeypatch, tiny_model, recording
):
    monkeypatch.setattr(sys, "stderr", None)
    assert run("predict", "--model", tiny_model, recording, "--csv") == 0
    assert capsys.readouterr().out.startswith("path,prediction,")


def test_names_give_one_answer_a_subject(capsys, table, tiny_model, tmp_path):
    arguments = ["predict", "--model", tiny_model, table.parent, "--csv"]
    assert run(*arguments, "--subject-from-name") == 0
    by_name = capsys.readouterr().out
    assert [line.split(",")[0] for line in by_name.splitlines()[1:]] == [
        f"s{number:02d}" for number in range(1, 11)
    ]
    assert run(*arguments, "--subject-pattern", "s([0-9]+)_") == 0
    by_pattern = capsys.readouterr().out
    assert by_pattern.splitlines()[1] == by_name.splitlines()[1].removeprefix("s")
    # A name that tells nothing is a failure; the others are answered.
    assert run(*arguments, "--subject-pattern", "(s0[0-9])_") == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 10
    assert "to tell a subject by the pattern" in captured.err
    err = usage_error(capsys, *arguments, "--subject-pattern", "(")
    assert "expected a regular expression, got '('" in err


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="there is none")
def test_a_number_that_nobody_opened_is_no_output(recording, tiny_model):
    command = [sys.executable, "-m", "heartbeat_clf", "predict", str(recording)]
    command += ["--model", str(tiny_model), "-o", "/dev/fd/3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'/dev/fd/3'" in done.stderr
    assert "prediction" not in done.stderr


def test_folders_give_one_answer_a_subject(capsys, recording, tiny_model, tmp_path):
    for place in ("p1/AV", "p1/MV", "p2/AV", "p3/PV"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(recording, tmp_path / f"{place}.wav")
    arguments = ["predict", "--model", tiny_model, tmp_path, "--csv"]
    assert run(*arguments, "--subject-from-folder") == 0
    captured = capsys.readouterr()
    rows = [line.split(",")[:2] for line in captured.out.splitlines()[1:]]
    assert rows == [["p1", "2"], ["p2", "1"], ["p3", "1"]]
    assert "folders" not in captured.err
    (tmp_path / "again").mkdir()
    shutil.copytree(tmp_path / "p1", tmp_path / "again" / "p1")
    assert run(*arguments, "--subject-from-folder") == 0
    err = capsys.readouterr().err
    assert "'p1' lie in 2 folders" in err
    assert "Give each person's folder a name of its own." in err
    shutil.rmtree(tmp_path / "again")
    # By name the same position of two persons would be one of them.
    assert run(*arguments, "--subject-from-name") == 0
    captured = capsys.readouterr()
    assert "Recordings of 'AV' lie in 2 folders, and are answ" in captured.err
    usage_error(capsys, *arguments, "--subject-from-name", "--subject-from-folder")


def test_recordings_without_a_heart_are_unusable(capsys, tiny_model, tmp_path):
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(4000), 1000)
    assert run("predict", "--model", tiny_model, silent) == 0
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[1:4] == ["unusable", "-", "-"]
    assert row.endswith("silent: all samples are equal")
    assert run("predict", "--model", tiny_model, silent, "--no-quality-check") == 1
    assert "silent.wav" in capsys.readouterr().err


def test_bad_file_is_named_and_the_others_are_answered(capsys, table, tiny_model, bad):
    good = next(table.parent.glob("*.wav"))
    arguments = ["predict", "--model", tiny_model, bad, good, "no/such.wav"]
    assert run(*arguments) == 1
    captured = capsys.readouterr()
    assert str(good) in captured.out
    assert f"heartbeat-clf: {bad}: Expected an audio file" in captured.err
    assert "heartbeat-clf: no/such.wav: Expected a file" in captured.err
    assert run(*arguments, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert len(document["recordings"]) == 1
    assert [failure["path"] for failure in document["failures"]] == [
        str(bad),
        "no/such.wav",
    ]


def test_predictions_go_to_a_file(capsys, table, tiny_model, tmp_path):
    out = tmp_path / "answers.csv"
    pattern = table.parent / "s0*.wav"
    assert run("predict", "--model", tiny_model, pattern, "--csv", "-o", out) == 0
    assert capsys.readouterr().out == ""
    frame = pd.read_csv(out)
    assert list(frame)[:3] == ["path", "prediction", "probability_murmur"]
    assert len(frame) == 18


def test_recordings_tables_and_models_are_never_overwritten(
    capsys, table, tiny_model, tmp_path
):
    recording = next(table.parent.glob("*.wav"))
    before = [path.read_bytes() for path in (table, recording, Path(tiny_model))]
    predict = ("predict", "--model", tiny_model, recording, "-o")
    for command in (
        (*predict, recording),
        (*predict, tiny_model),
        ("predict", "--model", tiny_model, table, "-o", table),
        ("train", table, "-o", table, "--epochs", "1"),
        ("evaluate", table, "--model", tiny_model, "--csv", table),
    ):
        with pytest.raises(SystemExit, match="2"):
            run(*command)
        assert "none of the inputs" in capsys.readouterr().err
    after = [path.read_bytes() for path in (table, recording, Path(tiny_model))]
    assert after == before


def test_output_is_checked_before_anything_is_done(capsys, tmp_path):
    out = tmp_path / "none" / "a.csv"
    assert run("predict", "--model", "none", "x", "-o", out) == 1
    assert "Make it first" in capsys.readouterr().err


def test_predict_answers_with_the_shipped_model(capsys, recording):
    assert run("predict", recording, "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["classes"] == ["murmur", "normal"]
    assert "Not a medical device" in captured.out
    assert run("predict", "--model", "abnormal", recording, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["classes"] == ["abnormal", "normal"]


@pytest.mark.parametrize("name", ["sensitivity", "specificity"])
@pytest.mark.parametrize("share", [0.5, 1])
def test_operating_point_decides_the_answer(capsys, table, name, share):
    points = heartbeat_clf.load_pretrained()[-1].operating_points_
    least = 1 / (1 + np.exp(-points.threshold(**{name: share})))
    assert run("predict", table, "--json", f"--{name}", share) == 0
    for row in json.loads(capsys.readouterr().out)["recordings"]:
        murmur = row["probabilities"]["murmur"] >= least
        assert row["prediction"] == ("murmur" if murmur else "normal")


def test_stricter_answers_follow_the_class_of_interest():
    answers = Answers(
        ["murmur", "normal"],
        [Path("a"), Path("b")],
        np.array([[0.3, 0.7], [0.1, 0.9]]),
        [],
        positive="murmur",
        least=0.2,
    )
    assert answers.labels == ["murmur", "normal"]


def test_sensitivity_needs_a_model_that_knows_it(capsys, tiny_model, recording):
    message = usage_error(
        capsys, "predict", "--model", tiny_model, recording, "--sensitivity", 0.9
    )
    assert "what it reached on persons left out with --sensitivity" in message
    assert "expected a share of 0 to 1, got '2'" in usage_error(
        capsys, "predict", recording, "--sensitivity", 2
    )


def test_pretrain_takes_no_pascal(capsys, tmp_path):
    code = run("pretrain", tmp_path, "--work", tmp_path, "--output", tmp_path)
    assert code == 1
    assert "PASCAL is kept to test on" in capsys.readouterr().err


@pytest.mark.training
def test_pretrain_writes_a_model(capsys, table, tmp_path):
    work, out = tmp_path / "work", tmp_path / "out"
    recipe = tmp_path / "recipe.toml"
    text = DEFAULT_RECIPE.read_text()
    text = text.replace('"wide"', '"small"')
    text = text.replace("batch_size = 64", "batch_size = 8")
    recipe.write_text(text)
    options = ["--work", work, "-o", out, "--steps", 2, "--folds", 2]
    assert run("pretrain", table, *options, "--recipe", recipe) == 0
    assert (out / "murmur.hbc").is_file()
    told = capsys.readouterr().err
    assert "nothing has labels for it: abnormal, unknown, loud" in told
    assert "Not a medical device" in told


def test_what_is_wrong_in_a_recipe_is_told_with_its_file(capsys, table, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(DEFAULT_RECIPE.read_text() + 'own = ["nois"]\n')
    with pytest.raises(SystemExit, match="2"):
        run("pretrain", table, "--work", tmp_path, "-o", tmp_path, "--recipe", recipe)
    told = capsys.readouterr().err
    assert "augment_sets.own must be one of" in told
    assert "recipe.toml'" in told


def test_missing_model_is_one_line(capsys, tmp_path):
    assert run("predict", "--model", tmp_path / "none", "a.wav") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("heartbeat-clf: error: Expected a saved model")


def test_prediction_loads_no_tensorflow(table, tiny_model):
    code = (
        "import sys; from heartbeat_clf.cli import main; code = main(sys.argv[1:]);"
        "loaded = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules);"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    arguments = ["predict", "--model", tiny_model, table.parent / "s01_00.wav"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, f"{NOTICE}\n")


def test_module_runs_and_a_reader_that_leaves_is_no_error(table, tiny_model):
    arguments = ["predict", "--model", tiny_model, table.parent]
    done = subprocess.Popen(
        [sys.executable, "-m", "heartbeat_clf", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    done.stdout.close()
    assert done.stderr.read() == f"{NOTICE}\n"
    done.stderr.close()
    assert done.wait() == 1


# spectrogram


def test_spectrograms_are_written_and_kept(capsys, table, bad, tmp_path):
    out = tmp_path / "out"
    options = ["--n-mels", "16", "--width", "60"]
    assert run("spectrogram", table, out, *options) == 0
    assert "20 written, 0 kept" in capsys.readouterr().err
    assert len(list(out.glob("*.png"))) == 20
    assert run("spectrogram", table, out, *options) == 0
    assert "0 written, 20 kept" in capsys.readouterr().err
    assert run("spectrogram", table, out, "--n-mels", "16") == 0
    assert "20 written, 0 kept" in capsys.readouterr().err
    options = ["--overwrite", "--band-pass", "25", "400", "--spike-removal"]
    assert run("spectrogram", table.parent / "s01_00.wav", out, *options) == 0
    assert "1 written" in capsys.readouterr().err


def test_recording_without_a_picture_is_named(capsys, bad, tmp_path):
    assert run("spectrogram", bad.parent, tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert f"heartbeat-clf: {bad}: Expected an audio file" in captured.err
    assert "0 written, 0 kept" in captured.err


def test_impossible_spectrogram_settings_are_wrong_usage(capsys, table, tmp_path):
    error = usage_error(capsys, "spectrogram", table, tmp_path, "--fmax", "800")
    assert "fmax must be at most half of sample_rate" in error
    error = usage_error(capsys, "spectrogram", table, tmp_path, "--n-mels", "0")
    assert "expected a whole number of at least 1, got '0'" in error


# train and evaluate


@pytest.mark.training
def test_train_saves_a_model_that_predicts(capsys, table, tmp_path):
    model = tmp_path / "model.hbc"
    cache = tmp_path / "cache"
    assert run("train", table, "-o", model, *TINY, "--cache", cache, "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "20 recordings of ['murmur', 'normal']; 10 subjects." in captured.err
    assert NOTICE in captured.err
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.hbc"]
    steps = load(model).named_steps
    assert steps["classifier"].epochs == 1
    assert steps["spectrogram"].n_mels == 16


@pytest.mark.training
def test_failed_training_leaves_no_model(capsys, table, bad, tmp_path):
    frame = pd.read_csv(table)
    frame["path"] = [str(table.parent / name) for name in frame["path"]]
    frame.loc[3, "path"] = str(bad)
    frame.to_csv(tmp_path / "table.csv", index=False)
    model = tmp_path / "model.hbc"
    assert run("train", tmp_path / "table.csv", "-o", model, *TINY) == 1
    assert f"got {str(bad)!r}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.wav", "table.csv"]


def test_train_passes_subjects_where_they_are_known(monkeypatch, tmp_path):
    class Recorder:
        def fit(self, X, y, **parameters):
            given.append(parameters)

    given = []
    monkeypatch.setattr(commands, "_build_pipeline", lambda options: Recorder())
    monkeypatch.setattr("heartbeat_clf.persistence.save", lambda pipeline, path: path)
    for known in (True, False):
        bunch = Bunch(
            recordings=["a"],
            target=["x"],
            subjects=["p"],
            subjects_known=known,
            target_names=["x"],
            notes=["A note."],
        )
        monkeypatch.setattr(
            commands, "load_labelled", lambda *_, bunch=bunch, **__: bunch
        )
        assert run("train", "data", "-o", tmp_path / "m") == 0
    assert given == [{"classifier__groups": ["p"]}, {}]


def test_train_checks_the_output_first(capsys, table, tmp_path):
    assert run("train", table, "-o", tmp_path) == 1
    assert "Name a file in it" in capsys.readouterr().err


def test_settings_are_checked_before_anything_is_read(capsys):
    arguments = ["train", "no-such-table.csv", "-o", "m.hbc", "--set"]
    assert "Did you mean 'epochs'" in usage_error(capsys, *arguments, "epoch=3")
    assert "Expected --set NAME=VALUE" in usage_error(capsys, *arguments, "epochs")


def test_settings_are_read_as_python_values():
    pairs = ["epochs=3", "loss=auroc", "band_pass=(25, 400)", "window_frames=None"]
    assert commands.parse_settings(pairs) == {
        "epochs": 3,
        "loss": "auroc",
        "band_pass": (25, 400),
        "window_frames": None,
    }


def test_missing_data_is_one_line(capsys, tmp_path):
    assert run("train", tmp_path / "none", "-o", tmp_path / "m") == 1
    assert capsys.readouterr().err.startswith(
        "heartbeat-clf: error: Expected a table or a folder"
    )


def test_evaluate_scores_a_model(capsys, table, tiny_model, tmp_path):
    scores = tmp_path / "scores.csv"
    assert run("evaluate", table, "--model", tiny_model, "--csv", scores) == 0
    text = capsys.readouterr().out
    assert "| AUROC, a recording" in text
    assert "accuracy of always answering" in text
    assert "trained on none of these subjects" in text
    assert NOTICE in text
    frame = pd.read_csv(scores)
    assert list(frame)[:2] == ["path", "recording"]
    assert len(frame) == 20


def test_evaluate_gives_json_and_names_bad_files(
    capsys, table, tiny_model, bad, tmp_path
):
    frame = pd.read_csv(table)
    frame["path"] = [str(table.parent / name) for name in frame["path"]]
    frame.loc[3, "path"] = str(bad)
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = tmp_path / "table.csv"
    assert run("evaluate", data, "--model", tiny_model, "--json") == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["counts"]["recordings"] == 19
    assert 0 <= document["summary"]["auroc_recording"]["value"] <= 1
    assert document["notice"] == NOTICE
    assert [failure["path"] for failure in document["failures"]] == [str(bad)]
    assert f"heartbeat-clf: {bad}:" in captured.err


@pytest.mark.training
def test_evaluate_cross_validates(capsys, table, tmp_path):
    options = ["--folds", "2", "--operating-point", "none", *TINY]
    assert run("evaluate", table, *options, "--csv", tmp_path / "scores.csv") == 0
    text = capsys.readouterr().out
    assert "10 subjects" in text
    assert "2 folds" in text
    assert NOTICE in text
    frame = pd.read_csv(tmp_path / "scores.csv")
    assert frame["path"].nunique() == 20


def test_options_of_training_do_not_go_with_a_model(capsys, table, tiny_model):
    arguments = ["evaluate", table, "--model", tiny_model]
    error = usage_error(capsys, *arguments, "--folds", "3")
    assert "Expected no --folds with --model" in error
    error = usage_error(capsys, *arguments, "--set", "n_mels=3")
    assert "Expected no --set with --model" in error


@pytest.mark.parametrize("point", ["best", "sensitivity=much", "accuracy=0.9"])
def test_unknown_operating_point(capsys, table, point):
    error = usage_error(capsys, "evaluate", table, "--operating-point", point)
    assert "Expected --operating-point youden, none" in error


def test_operating_point_reaches_the_evaluation(monkeypatch, table):
    given = []

    def record(*_, **parameters):
        given.append(parameters)
        raise OSError("enough")

    monkeypatch.setattr("heartbeat_clf.evaluation.evaluate", record)
    options = [
        "--operating-point",
        "sensitivity=0.9",
        "--random-split",
        "--n-jobs",
        "2",
    ]
    assert run("evaluate", table, *options, "--repeats", "3", "--seed", "4") == 1
    assert given[0]["operating_point"] == {"sensitivity": 0.9}
    assert given[0]["random_split"] is True
    assert (given[0]["n_splits"], given[0]["n_repeats"]) == (5, 3)
    assert (given[0]["n_jobs"], given[0]["random_state"]) == (2, 4)
    assert len(given[0]["groups"]) == 20


# what goes wrong


def replace_command(monkeypatch, error):
    def fail(options, say):
        raise error

    monkeypatch.setattr(commands, "predict", fail)


def test_errors_are_one_line_unless_the_traceback_is_asked_for(capsys, monkeypatch):
    replace_command(monkeypatch, ValueError("Expected one line,\n  got two."))
    assert run("predict", "x") == 1
    error = "heartbeat-clf: error: Expected one line, got two.\n"
    assert capsys.readouterr().err == error
    with pytest.raises(ValueError, match="got two"):
        run("predict", "x", "--traceback")


def test_interruption(capsys, monkeypatch):
    replace_command(monkeypatch, KeyboardInterrupt())
    assert run("predict", "x") == 130
    assert capsys.readouterr().err == "heartbeat-clf: interrupted\n"


def test_bugs_keep_their_traceback(monkeypatch):
    replace_command(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run("predict", "x")


def test_warnings_are_one_line(capsys, monkeypatch):
    def warn(options, say):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("usable,\nbut surprising", UserWarning, stacklevel=2)
        return commands.Outcome("done\n", [])

    monkeypatch.setattr(commands, "predict", warn)
    assert run("predict", "x") == 0
    captured = capsys.readouterr()
    assert captured.out == "done\n"
    assert captured.err == "heartbeat-clf: warning: usable, but surprising\n"


def test_names_that_the_terminal_cannot_show_are_escaped(capsys, monkeypatch):
    monkeypatch.setattr(
        commands, "predict", lambda *_: commands.Outcome("caf\udce9.wav\n", [])
    )
    assert run("predict", "x") == 0
    assert capsys.readouterr().out == "caf\\udce9.wav\n"


# wrong usage and bad data


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "nonsense=1"], "got 'nonsense'"),
        (["--set", "classifier__nonsense=1"], "Invalid parameter 'nonsense'"),
        (["--set", "classifier__epochs=-1"], "epochs must be an integer at least 1"),
        (["--set", "fmax=800"], "fmax must be at most half"),
        (["--set", "sample_rate=1e9"], "sample_rate must be at most 768000 Hz"),
        (["--set", "min_range_db=-1"], "min_range_db must be"),
        (["--set", "network=huge"], "network must be one of"),
        (["--set", "loss=nonsense"], "Expected a loss among"),
        (["--set", "preset=ancestor"], "Expected no 'preset' in --set"),
        (["--set", "epochs=1", "--set", "epochs=2"], "--set epochs=VALUE once"),
        (["--set", "classifier__epochs=1", "--epochs", "2"], "got both. Drop one"),
        (["--set", "epochs=1", "--set", "classifier__epochs=2"], "Drop one"),
        (["--validation-fraction", "2"], "validation_fraction must be"),
        (["--epochs", "0"], "expected a whole number of at least 1"),
        (["--seed", "-1"], "expected a whole number from 0"),
        (["--seed", "9" * 30], "expected a whole number from 0"),
        (["--databases", "xyz"], "expected letters from a to f"),
    ],
)
def test_wrong_settings_are_wrong_usage(capsys, options, message):
    error = usage_error(capsys, "train", "no-table.csv", "-o", "m.hbc", *options)
    assert message in error
    assert error.startswith("usage: heartbeat-clf train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", "1"], "expected a whole number of at least 2, got '1'"),
        (["--n-jobs", "0"], "expected a whole number other than 0, got 0"),
        (["--operating-point", "sensitivity=2"], "with a share of 0 to 1"),
        (["--operating-point", "specificity=nan"], "with a share of 0 to 1"),
    ],
)
def test_wrong_protocols_are_wrong_usage(capsys, options, message):
    assert message in usage_error(capsys, "evaluate", "no-table.csv", *options)


def test_options_of_data_sets_do_not_go_with_a_table(capsys, table, tmp_path):
    error = usage_error(
        capsys, "train", table, "-o", tmp_path / "m", "--dataset", "pascal"
    )
    assert "Expected a folder with --dataset" in error


def test_training_names_every_bad_file(capsys, table, tmp_path):
    frame = pd.read_csv(table)
    frame["path"] = [str(table.parent / name) for name in frame["path"]]
    for row in (3, 5, 8):
        bad = tmp_path / f"bad{row}.wav"
        bad.write_text("no sound")
        frame.loc[row, "path"] = str(bad)
    frame.to_csv(tmp_path / "table.csv", index=False)
    model = tmp_path / "model.hbc"
    assert run("train", tmp_path / "table.csv", "-o", model, *TINY, "--quiet") == 1
    errors = capsys.readouterr().err.splitlines()[1:]
    assert len(errors) == 3
    for row, error in zip((3, 5, 8), errors, strict=True):
        assert error.startswith("heartbeat-clf: error: Expected an audio file")
        assert f"bad{row}.wav" in error
    assert not model.exists()


def test_remedies_are_those_of_the_command_line(capsys, tmp_path):
    (tmp_path / "table.csv").write_text("file,label\na.wav,x\n")
    assert run("train", tmp_path / "table.csv", "-o", tmp_path / "m") == 1
    assert run("predict", "--model", tmp_path / "none", "a.wav") == 1
    errors = capsys.readouterr().err
    assert "Rename one." in errors
    assert "'heartbeat-clf train'" in errors
    assert "=..." not in errors
    assert "save(" not in errors


@pytest.mark.filterwarnings("default::heartbeat_clf.spectrogram.LowRateWarning")
def test_recordings_of_too_low_a_rate_are_named_once(capsys, tiny_model, tmp_path):
    rng = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / f"{number:02d}.wav"
        soundfile.write(path, rng.uniform(-0.5, 0.5, 900), 500)
    arguments = ["--model", tiny_model, tmp_path, "--no-quality-check"]
    assert run("predict", *arguments) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if "warn" in line]
    assert len(warned) == 2
    assert "got 500 Hz in" in warned[0]
    assert "fmax=480.0 Hz" in warned[0]
    assert "20 recordings in all" in warned[1]
    assert str(tmp_path / "19.wav") in warned[1]


def test_gaps_are_taken_out_of_shards_where_asked_for(tmp_path):
    samples = np.random.default_rng(0).normal(0, 0.1, 3000)
    soundfile.write(tmp_path / "a.wav", np.insert(samples, [1500] * 500, 0.0), 1000)
    lengths = []
    for flags in ([], ["--gap-removal", "--hum-removal"]):
        folder = tmp_path / f"out{len(flags)}"
        ran = run("spectrogram", tmp_path / "a.wav", folder, "--format", "npy", *flags)
        assert ran == 0
        lengths.append(open_images(folder).images[0].shape[1])
    assert lengths == [219, 188]


def test_too_little_memory_is_one_line(capsys, monkeypatch):
    replace_command(monkeypatch, MemoryError("Unable to allocate 9 TiB"))
    assert run("predict", "x") == 1
    assert "got too little: Unable to allocate 9 TiB." in capsys.readouterr().err
    with pytest.raises(MemoryError):
        run("predict", "x", "--traceback")


@pytest.mark.parametrize("delay", [0.1, 0.4, 0.8])
def test_interruption_of_the_imports_is_quiet(delay):
    arguments = ["train", "no-table.csv", "-o", "m.hbc"]
    # Jobs of a shell that are started in the background ignore the signal otherwise.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from heartbeat_clf.__main__ import main; print(flush=True); "
    code += "raise SystemExit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert (process.returncode, errors) == (130, "heartbeat-clf: interrupted\n")


def test_interruption_before_the_command_is_quiet(monkeypatch, capfd):
    from heartbeat_clf.__main__ import main as start

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("heartbeat_clf.cli.build_parser", interrupted)
    # Jobs of a shell that are started in the background ignore the signal otherwise.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert start() == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert capfd.readouterr().err == "heartbeat-clf: interrupted\n"


INTERRUPTED_WITHIN = {
    # Python drops what is raised there.
    "a callback": """
class Closing:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

Closing()
""",
    "a guarded import": """
try:
    signal.raise_signal(signal.SIGINT)
except BaseException:
    raise ImportError("not at home")
""",
    # As that of TensorFlow does.
    "an import that turns standard error away": """
import os
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
signal.raise_signal(signal.SIGINT)
""",
}


def test_interruption_without_standard_error_only_tells_the_code():
    code = "import os, signal; os.close(2)\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from heartbeat_clf import __main__, cli\n"
    code += "cli.main = lambda: signal.raise_signal(signal.SIGINT)\n"
    code += "raise SystemExit(__main__.main())"
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == 130


@pytest.mark.parametrize("where", INTERRUPTED_WITHIN)
def test_interruption_of_a_later_import_is_not_lost(where, tmp_path):
    (tmp_path / "late.py").write_text(f"import signal{INTERRUPTED_WITHIN[where]}")
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "from heartbeat_clf import __main__, commands\n"
    code += "def load(*_):\n    import late\n"
    code += "commands.predict = load\n"
    code += "raise SystemExit(__main__.main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, "predict", "x.wav"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (ended.returncode, ended.stderr) == (130, "heartbeat-clf: interrupted\n")
