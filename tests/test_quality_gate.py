"""The parts of the quality gate's benchmark that need no recordings."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.quality import QualityReport

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Return a function that imports a module of benchmarks/."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(FOLDER)):
            del sys.modules[name]


def _report(score, reason=None):
    return QualityReport(reason is None, reason, score, 5.0, -20.0, 0.0, 0.0)


def test_a_person_is_always_in_the_same_part(part):
    part_of = part("quality_gate_data").part_of
    assert part_of("2530") == part_of("2530")
    parts = np.array([part_of(str(number)) for number in range(4000)])
    shares = [np.mean(parts == name) for name in ("train", "choose", "test")]
    np.testing.assert_allclose(shares, [0.6, 0.15, 0.25], atol=0.03)


def test_threshold_counts_the_sets_alike(part):
    scores = {"large": np.arange(1001.0), "small": np.full(5, 30.0)}
    assert part("quality_gate_train").threshold_of(scores) == pytest.approx(20.0)


def test_cuts_leave_out_what_is_shorter(part, monkeypatch):
    module = part("quality_gate_train")
    monkeypatch.setattr(
        module, "scores_of", lambda cuts, _: np.array([len(cut) for cut in cuts])
    )
    good = {"set": [np.zeros(1500), np.zeros(2500)]}
    assert module.cut_scores(good, 2.0, b"")["set"].tolist() == [2000] * module.CUTS


def test_reasons_are_counted_and_the_table_says_them(part):
    module = part("quality_gate")
    rows = [_report(2.0), _report(-1.0, "too short: 0.50 s, at least 1 s wanted")]
    found = module.rate(rows)
    assert found == {
        "n": 2,
        "unusable": 1,
        "share": 0.5,
        "reasons": {"too short": 1},
    }
    figures = {
        "auroc": {
            "a v. b": module.auroc(np.array([2.0, 3.0, 1.0]), 2, ["x", "x", "y"])
        },
        "unusable": {"clips": found},
        "milliseconds_a_recording": 4.0,
        "date": "2026-01-02",
    }
    table = module.make_table(figures)
    assert "| a v. b | 1.000 (1.000 to 1.000) | 2 v. 1 |" in table
    assert "| clips | 1 (50.0%) | 2 | too short 1 |" in table


def test_groups_that_were_not_assessed_have_no_auroc(part):
    groups = {"cinc2016 good": [_report(1.0)], "cinc2016 poor": [_report(0.0)]}
    found = part("quality_gate").aurocs(groups, {})
    assert list(found) == ["CinC 2016: good v. poor"]
    assert found["CinC 2016: good v. poor"]["auroc"] == 1.0


def test_intervals_draw_subjects(part):
    rng = np.random.default_rng(0)
    good, poor = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
    groups = {
        "cinc2016 good": [_report(score) for score in good],
        "cinc2016 poor": [_report(score) for score in poor],
    }
    aurocs, name = part("quality_gate").aurocs, "CinC 2016: good v. poor"
    alone = aurocs(groups, {})[name]
    few = {group: [f"{group} {n // 10}" for n in range(40)] for group in groups}
    together = aurocs(groups, few)[name]
    assert together["auroc"] == alone["auroc"]
    assert (together["low"], together["high"]) != (alone["low"], alone["high"])


@pytest.mark.parametrize("known", [True, False])
def test_clips_of_a_day_are_of_one_where_nobody_is_known(part, known):
    bunch = SimpleNamespace(
        subjects_known=known,
        subjects=np.array(["1", "2", "3"]),
        metadata=pd.DataFrame(
            {"timestamp": ["201108222221", "2011082222", "201108232221"]}
        ),
    )
    days = ["20110822", "20110822", "20110823"]
    found = part("quality_gate_data").people(bunch)
    assert found.tolist() == (["1", "2", "3"] if known else days)
