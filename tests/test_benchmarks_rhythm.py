"""The parts of benchmarks/ about beats and rhythm that hold no long run."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

WEAK = "a quiet copy of an S1 in a diastole"
FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Return a function that imports a module of benchmarks/."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(FOLDER)):
            del sys.modules[name]


def test_onsets_pair_up_one_with_one(part):
    match = part("train_beats").match_onsets
    truth = np.array([1.0, 2.0, 3.0])
    assert match(truth, truth + 0.05) == 3
    assert match(truth, truth + 0.07) == 0
    assert match(truth, np.array([0.99, 1.01, 2.5, 3.0])) == 2
    assert match(truth, np.empty(0)) == 0


def test_f1_counts_missed_and_invented_onsets(part):
    f1 = part("train_beats").f1
    truth = np.array([1.0, 2.0])
    assert f1([(truth, truth)]) == 1
    assert f1([(truth, truth[:1])]) == pytest.approx(2 / 3)
    assert f1([(truth, np.array([1.0, 1.5, 2.0]))]) == pytest.approx(0.8)
    assert f1([]) == 0


def test_only_annotated_stretches_count(part):
    segments = np.array([[0, 1, 0], [1, 2, 1], [2, 3, 4], [3, 4, 0], [4, 6, 28.0]])
    times = np.array([0.5, 1.05, 1.2, 2.5, 2.95, 3.5, 5.0])
    kept = part("train_beats").annotated_only(times, segments)
    assert kept.tolist() == [1.2, 2.5]


def test_middle_of_a_sound(part):
    states = np.array([0, 0, 0, 1, 2, 2, 3, 0])
    assert part("train_beats").middles(states, 0).tolist() == [1, 7]
    assert part("train_beats").middles(states, 2).tolist() == [4.5]


def test_a_fifth_of_the_persons_is_left_out(part):
    subjects = np.repeat(np.arange(50).astype(str), 3)
    left_out = part("train_beats").split_persons(subjects)
    assert left_out.sum() == 30
    assert not set(subjects[left_out]) & set(subjects[~left_out])


def test_edits_keep_the_length_and_need_room(part):
    edits = part("rhythm_data").EDITS
    rng = np.random.default_rng(0)
    clip = np.random.default_rng(1).normal(size=6000).astype(np.float32)
    s1 = np.arange(0.4, 5.5, 0.8)
    for edit in edits.values():
        edited = edit(clip, s1, s1 + 0.3, rng)
        assert edited.shape == clip.shape
        assert np.abs(edited - clip).max() > 0.01
        assert edit(clip, np.empty(0), np.empty(0), rng) is None


def test_confusion_is_a_mean_over_repeats(part):
    outcomes = pd.DataFrame(
        {
            "repeat": [0, 0, 1, 1],
            "y": ["murmur", "normal"] * 2,
            "decision": ["murmur", "murmur", "murmur", "normal"],
        }
    )
    assert part("rhythm_table").confusion(outcomes).splitlines()[2:] == [
        "| murmur | 1.0 | 0.0 |",
        "| normal | 0.5 | 0.5 |",
    ]


def test_saved_scores_give_the_tables(part, monkeypatch):
    tables = part("rhythm_table")
    monkeypatch.setattr(tables, "_N_BOOTSTRAP", 20)
    table = tables.make_tables(FOLDER / "results")
    for words in ("sounds, forest", "chosen by inner folds", "premature beats"):
        assert words in table


def test_columns_of_every_try_are_there(part):
    tries, data = part("rhythm_tries"), part("rhythm_data")
    described = data.Described(np.zeros((4, 41)), np.zeros((4, 8)), np.zeros(4))
    for _, which, _ in tries.TRIES:
        assert len(tries.columns_of(described, which)) == 4
    assert {name for name, _, _ in tries.TRIES} >= set(tries.CANDIDATES)


def test_clips_of_equal_length_alone_are_compared(part):
    at_equal_length = part("rhythm_table").at_equal_length
    tries = pd.DataFrame(
        {
            "repeat": 0,
            "fold": [0, 0, 0, 0, 0, 1, 1],
            "subject": ["a", "b", "c", "d", "e", "f", "g"],
            "y": [1, 1, 0, 0, 0, 1, 0],
            "duration": [2.0, 8.0, 2.2, 8.1, 20.0, 2.0, 8.0],
            "length": [2.0, 8.0, 2.0, 9.0, 20.0, 5.0, 1.0],
        }
    )
    # Equal are a and c (a tie) and b and d (wrong); of fold 1 none are.
    assert at_equal_length(tries, "length").value == 0.25
    found = at_equal_length(tries, "length", n_bootstrap=200)
    assert found.value == 0.25
    assert (found.low, found.high) == (0.0, 0.5)
    # Scores of another repeat are of another model: they are not compared with these.
    again = tries.assign(repeat=1, length=tries["length"] + 100)
    both = at_equal_length(pd.concat([tries, again]), "length", n_bootstrap=200)
    # Nor are they further data, that would make the interval narrower.
    assert both == found


def test_other_sounds_are_heard_beside_most_clips(part):
    beside = part("train_extra_sounds").beside
    clips = [np.sin(0.3 * np.arange(n, dtype=np.float32)) for n in (300, 4000) * 10]
    mixed = beside(clips)
    changed = [not np.array_equal(a, b) for a, b in zip(clips, mixed, strict=True)]
    assert 0.4 < np.mean(changed) < 1
    for clip, both in zip(clips, mixed, strict=True):
        assert both.dtype == np.float32
        assert len(both) == len(clip)
        ratio = 20 * np.log10(clip.std() / max((both - clip).std(), 1e-3))
        assert ratio > -3.1
    again = beside(clips)
    assert all(np.array_equal(a, b) for a, b in zip(mixed, again, strict=True))


def test_other_sounds_are_of_all_kinds(part, monkeypatch):
    training, kinds = part("train_extra_sounds"), set()

    def made(kind, seconds, *, random_state):
        kinds.add(kind)
        return random_state.normal(size=round(1000 * seconds))

    monkeypatch.setattr(training, "make_non_heart_sound", made)
    training.beside([np.ones(300, dtype=np.float32)] * 60)
    assert kinds == set(training.BESIDE)


def test_the_page_shows_the_saved_figures(part, monkeypatch):
    tables = part("rhythm_table")
    monkeypatch.setattr(tables, "_N_BOOTSTRAP", 2)
    page = (FOLDER.parent / "docs" / "rhythm.md").read_text("utf-8")

    def figures(text):
        # Intervals depend on the number of draws.
        text = re.sub(r" \([0-9.]+ to [0-9.]+\)", "", text.replace("**", ""))
        return [
            line for line in text.splitlines() if re.search(r"\| 0\.\d{3} \|", line)
        ]

    shown = set(figures(page))
    results = FOLDER / "results"
    for name, make in (
        ("tries", tables.table_of_tries),
        ("edited", tables.table_of_edits),
    ):
        saved = pd.read_csv(results / f"rhythm_{name}.csv", dtype={"subject": str})
        rows = figures(make(saved).replace("weak sounds |", f"{WEAK} |"))
        assert len(rows) >= 2
        assert not set(rows) - shown


def test_outcomes_are_measured_by_each_view_and_by_both(part, monkeypatch):
    rhythm = part("rhythm")

    def fitted_once(model, X, y, *, groups, **_):
        # Trees take seconds.
        model.set_params(final=LogisticRegression()).fit(X, y, groups=groups)
        found = pd.DataFrame({"right": model.predict(X) == y})
        return SimpleNamespace(to_frame=lambda: found)

    monkeypatch.setattr(rhythm, "evaluate", fitted_once)
    rng = np.random.default_rng(0)
    labels = np.tile(["normal", "murmur", "extrasystole"], 30)
    described = part("rhythm_data").Described(
        rng.normal(size=(90, 41)) + 9.0 * (labels == "extrasystole")[:, np.newaxis],
        rng.normal(size=(90, 8)),
        np.ones(90),
    )
    bunch = SimpleNamespace(target=labels, subjects=np.arange(90).astype(str))
    heard = np.where(labels == "murmur", 5.0, -5.0) + rng.normal(size=90)
    found = rhythm.measure_outcomes(bunch, heard, described)
    right = found.groupby("view")["right"].mean()
    assert right["both"] > 0.95
    assert right["murmur score"] < 0.9
    assert right["rhythm"] < 0.9
