"""The parts of benchmarks/ that hold no long run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.utils import Bunch

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Return a function that imports a module of benchmarks/."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(FOLDER)):
            del sys.modules[name]


@pytest.fixture
def store(part, tmp_path):
    return part("score_store").ScoreStore(tmp_path, "pascal_default")


def _columns(fold, *, split="grouped", repeat=0, score=(0.9, 0.2, 0.8, 0.1)):
    n_rows = len(score)
    return {
        "split": np.full(n_rows, split),
        "recording": np.arange(n_rows) + n_rows * fold,
        "repeat": np.full(n_rows, repeat),
        "fold": np.full(n_rows, fold),
        "subject": np.array([f"{n_rows * fold + row:03}" for row in range(n_rows)]),
        "y": np.array(["murmur", "normal"] * (n_rows // 2)),
        "score": np.array(score),
        "decision": np.array(["murmur", "normal"] * (n_rows // 2)),
    }


def _facts(seconds):
    return {
        "seconds": seconds,
        "cpu_seconds": seconds / 4,
        "n_workers": 2,
        "date": "2026-01-02T03:04:05+00:00",
        "python": "3.11.7",
        "tensorflow": "2.21.0",
        "keras": "3.15.1",
        "scikit-learn": "1.9.1",
    }


def _settings(**changes):
    settings = {
        "data": "clips",
        "model": "a network",
        "n_splits": 2,
        "stratum": None,
        "subjects_known": True,
    }
    return settings | changes


def test_a_store_without_files_has_no_folds(store):
    assert store.done() == set()
    assert store.scores() is None


def test_a_saved_fold_is_done_and_comes_back_as_it_was(store):
    store.start(_settings())
    store.add(("grouped", 0, 1), _columns(1), _facts(3.0))
    store.add(("grouped", 0, 0), _columns(0), _facts(2.0))
    assert store.done() == {("grouped", 0, 0), ("grouped", 0, 1)}
    seconds = {key: fold["seconds"] for key, fold in store.folds("grouped").items()}
    assert seconds == {(0, 0): 2.0, (0, 1): 3.0}
    scores = store.scores()
    assert scores["fold"].tolist() == [0] * 4 + [1] * 4
    assert scores["subject"].tolist()[:2] == ["000", "001"]


def test_a_store_goes_on_with_the_same_settings_only(store):
    store.start(_settings())
    store.add(("grouped", 0, 0), _columns(0), _facts(2.0))
    store.start(_settings())
    with pytest.raises(ValueError, match=r"got others in \['model'\]. Delete the file"):
        store.start(_settings(model="another"))


def test_settings_may_change_while_no_fold_is_saved(store):
    store.start(_settings())
    store.start(_settings(model="another"))
    assert store.record()["settings"]["model"] == "another"


def test_no_draft_is_left_behind(store, tmp_path):
    store.start(_settings())
    store.add(("grouped", 0, 0), _columns(0), _facts(2.0))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["pascal_default.csv", "pascal_default.json"]


def test_the_table_has_a_row_a_stage_and_the_published_one(part, store, tmp_path):
    store.start(_settings())
    for fold in (0, 1):
        store.add(("grouped", 0, fold), _columns(fold), _facts(60.0))
    lines = part("quality_table").make_table(tmp_path, ["pascal_default", "circor"])
    first, last = lines.splitlines()[2:4]
    cells = [cell.strip() for cell in first.split("|")[1:-1]]
    perfect = "1.000 (1.000 to 1.000)"
    assert cells == [
        "clips",
        "a network",
        "by subject, 2 folds × 1",
        perfect,
        perfect,
        "1.000 (0.500)",
        "1.0 (0.5)",
    ]
    assert "0.768 (0.62 to 0.92)" in last
    assert "Measured 2026-01-02 with TensorFlow 2.21.0" in lines


def test_the_table_leaves_out_rounds_that_are_not_whole(part, store, tmp_path):
    store.start(_settings())
    for fold in (0, 1):
        store.add(("grouped", 0, fold), _columns(fold), _facts(60.0))
    wrong = _columns(0, repeat=1, score=(0.1, 0.9, 0.1, 0.9))
    store.add(("grouped", 1, 0), wrong, _facts(60.0))
    table = part("quality_table").make_table(tmp_path, ["pascal_default"])
    cells = [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]]
    assert cells[2:4] == ["by subject, 2 folds × 1", "1.000 (1.000 to 1.000)"]


def test_the_table_says_how_much_of_the_first_round_there_is(part, store, tmp_path):
    store.start(_settings())
    store.add(("grouped", 0, 0), _columns(0), _facts(60.0))
    table = part("quality_table").make_table(tmp_path, ["pascal_default"])
    assert "by subject: 1 of 2 folds so far" in table


def test_the_table_says_what_a_single_split_had(part, store, tmp_path):
    store.start(_settings(estimator={"classifier__epochs": "3"}))
    key = ("random 80/20", 0, 0)
    store.add(key, _columns(0, split="random 80/20"), _facts(60.0))
    assert store.done() == {key}
    table = part("quality_table").make_table(tmp_path, ["pascal_default"])
    cells = [cell.strip() for cell in table.splitlines()[2].split("|")[1:-1]]
    assert cells[1:3] == ["a network, 3 epochs", "one 80/20, random (leaks)"]
    assert cells[-1].startswith("0.5 ")


def test_the_table_shows_no_unit_where_subjects_are_unknown(part, store, tmp_path):
    store.start(_settings(stratum="database", subjects_known=False))
    for fold in (0, 1):
        columns = _columns(fold, split="records")
        columns["subject"] = np.full(4, None)
        columns["stratum"] = np.array(["a", "a", "b", "f"])
        store.add(("records", 0, fold), columns, _facts(60.0))
    table = part("quality_table").make_table(tmp_path, ["pascal_default"])
    assert "1.000 (1.000 to 1.000) | - " in table
    assert "of it: a 1.000, b nan (0 folds), f nan (0 folds)." in table


def test_a_table_of_nothing_is_an_error(part, tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected saved scores such as"):
        part("quality_table").make_table(tmp_path, ["pascal_default"])


def test_strata_are_scored_within_folds_and_lacking_classes_left_out(part):
    scores = pd.DataFrame(
        {
            "repeat": 0,
            "fold": [0, 0, 1, 1, 0, 1],
            "stratum": ["a", "a", "a", "a", "b", "b"],
            "y": ["abnormal", "normal"] * 3,
            # Pooled, the second fold's scores would hide that fold 0 ranks right.
            "score": [0.2, 0.1, 0.8, 0.9, 0.5, 0.5],
        }
    )
    found = part("quality_table").within_strata(scores, "abnormal")
    assert found["a"] == (0.5, 2)
    assert np.isnan(found["b"][0])
    assert found["b"][1] == 0


def test_a_page_without_marks_is_refused(part):
    with pytest.raises(ValueError, match="Expected the lines '<!-- table -->'"):
        part("quality_table").put_between_marks("a page", "a table")


def test_the_page_of_results_has_the_marks(part):
    page = FOLDER.parent / "docs" / "results.md"
    renewed = part("quality_table").put_between_marks(
        page.read_text(encoding="utf-8"), "a new table"
    )
    assert "a new table" in renewed


def _bunch(n_subjects=10):
    subjects = np.repeat([f"{number:02}" for number in range(n_subjects)], 2)
    labels = np.where(np.arange(2 * n_subjects) // 2 % 2, "murmur", "normal")
    database = np.where(np.arange(2 * n_subjects) % 4 < 2, "a", "b")
    return Bunch(
        recordings=np.arange(2 * n_subjects),
        target=labels,
        subjects=subjects,
        subjects_known=True,
        metadata=pd.DataFrame({"database": database}),
    )


def _tasks(part, rounds, *, rows=None, **changes):
    stages = part("stages")
    stage = stages.Stage(
        data="clips",
        model="a network",
        load=lambda folder: _bunch(),
        make=lambda cache, options: None,
        rounds=lambda options: rounds,
    )
    rows = np.arange(20) if rows is None else rows
    return stages.make_tasks(stage, _bunch(), stages.Options(**changes), rows)


def test_grouped_folds_share_no_subject_and_cover_all_rows(part):
    tasks = _tasks(part, {"grouped": 2})
    assert [(t.repeat, t.fold) for t in tasks] == [
        (r, f) for r in (0, 1) for f in range(5)
    ]
    subjects = _bunch().subjects
    for task in tasks:
        assert not set(subjects[task.train]) & set(subjects[task.test])
    tested = np.concatenate([task.test for task in tasks if task.repeat == 1])
    assert sorted(tested.tolist()) == list(range(20))


def test_random_folds_do_share_subjects(part):
    subjects = _bunch().subjects
    assert any(
        set(subjects[task.train]) & set(subjects[task.test])
        for task in _tasks(part, {"random": 1})
    )


def test_a_single_split_tests_a_fifth(part):
    subjects = _bunch().subjects
    grouped, random = _tasks(part, {"grouped 80/20": 1, "random 80/20": 1})
    assert len(grouped.test) == len(random.test) == 4
    assert not set(subjects[grouped.train]) & set(subjects[grouped.test])


def test_tasks_of_a_few_rows_keep_the_numbers_of_the_rows(part):
    rows = np.array([0, 1, 2, 3, 12, 13, 14, 15])
    first, second = _tasks(part, {"grouped": 5}, rows=rows, quick=True)
    assert sorted([*first.test, *second.test]) == rows.tolist()


def test_strata_are_labels_within_the_stages_stratum(part):
    stages = part("stages")
    assert stages.strata_of(stages.STAGES["cinc2016"], _bunch()).tolist()[:4] == [
        "a normal",
        "a normal",
        "b murmur",
        "b murmur",
    ]


def test_a_few_recordings_hold_every_stratum(part):
    strata = np.array(["a"] * 50 + ["b"] * 3 + ["c"] * 2)
    rows = part("stages").take_few(strata, 12)
    assert np.unique(strata[rows], return_counts=True)[1].tolist() == [4, 3, 2]


def test_the_command_line_knows_every_stage(part):
    assert list(part("stages").STAGES) == list(part("quality").STAGE_NAMES)


def test_training_needs_the_folder(part, capsys):
    with pytest.raises(SystemExit):
        part("quality").main([])
    assert "folder of the recordings is needed" in capsys.readouterr().err


def test_fewer_than_one_round_is_refused(part, capsys):
    with pytest.raises(SystemExit):
        part("quality").main(["--from-scores", "--repeats", "0"])
    assert "expected at least 1, got '0'" in capsys.readouterr().err


def test_the_table_is_printed_and_kept_without_training(part, store, tmp_path, capsys):
    store.start(_settings())
    for fold in (0, 1):
        store.add(("grouped", 0, fold), _columns(fold), _facts(60.0))
    page = tmp_path / "page.md"
    page.write_text("# Title\n<!-- table -->\n<!-- end of table -->\n")
    part("quality").main(
        ["--from-scores", "--results", str(tmp_path), "--page", str(page)]
    )
    table = capsys.readouterr().out.strip()
    assert table.startswith("| recordings")
    assert (tmp_path / "table.md").read_text(encoding="utf-8").strip() == table
    assert table in page.read_text(encoding="utf-8")


def test_settings_that_change_no_score_are_not_compared(part):
    from heartbeat_clf import make_heartbeat_pipeline

    describe = part("fold_runs").describe_estimator
    here = describe(make_heartbeat_pipeline(cache="here", verbose=1))
    assert here == describe(make_heartbeat_pipeline(cache="there"))
    assert here != describe(make_heartbeat_pipeline(epochs=3))
    # Stages that start from nothing do not depend on how weights are taken over.
    assert "classifier__frozen_blocks" not in here
    started = make_heartbeat_pipeline(initial_weights="pretrained")
    assert describe(started)["classifier__frozen_blocks"] == "0"
    # The second look of the weights goes along, unless the head is another.
    assert "beats" in describe(started)
    linear = started.set_params(classifier__network="wide_linear")
    assert "beats" not in describe(linear)


def test_summary_features_of_two_bands_are_known(part):
    # Standardised: -1 and 1 in the first band, 0 and 0 in the second, times sqrt 2.
    image = np.array([[-1.0, 1.0], [0.0, 0.0]])
    found = part("baselines").summarise_images([image, image[:, :1] * 0])
    root = np.sqrt(2)
    mean, deviation, low, middle, high, change = found[0].reshape(6, 2)
    assert mean.tolist() == [0, 0]
    assert deviation == pytest.approx([root, 0])
    assert low == pytest.approx([-0.8 * root, 0])
    assert middle == pytest.approx([0, 0])
    assert high == pytest.approx([0.8 * root, 0])
    assert change == pytest.approx([0, 0])
    assert found[1].tolist() == [0] * 12


def test_the_baseline_chooses_its_penalty_on_folds_of_subjects(part):
    baseline = part("baselines").make_logistic_baseline()
    with config_context(enable_metadata_routing=True):
        assert baseline.get_metadata_routing().consumes("fit", ["groups"])


@pytest.mark.training
def test_a_picture_is_saved_once_and_has_the_published_size(part, tmp_path):
    import soundfile

    pictures = part("ancestor_png")
    rng = np.random.default_rng(0)
    path = tmp_path / "clip.wav"
    soundfile.write(path, rng.normal(scale=0.1, size=3000), 1000)
    transformer = pictures.PictureTransformer(tmp_path / "pictures")
    pixels = transformer.transform([path])
    assert pixels.shape == (1, 376, 503, 3)
    assert 0 <= pixels.min() < pixels.max() <= 1
    # A noise of this length has 6 frames; none of the margin's white is left.
    assert not (pixels[0, 0] == 1).all()
    saved = tmp_path / "pictures" / "clip.png"
    changed = saved.stat().st_mtime_ns
    assert (transformer.transform([path]) == pixels).all()
    assert saved.stat().st_mtime_ns == changed
