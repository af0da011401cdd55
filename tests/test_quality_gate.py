"""The parts of the quality gate's benchmark that need no recordings."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
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
        "auroc": {"a v. b": module.auroc(np.array([2.0, 3.0]), np.array([1.0]))},
        "unusable": {"clips": found},
        "milliseconds_a_recording": 4.0,
        "date": "2026-01-02",
    }
    table = module.make_table(figures)
    assert "| a v. b | 1.000 (1.000 to 1.000) | 2 v. 1 |" in table
    assert "| clips | 1 (50.0%) | 2 | too short 1 |" in table


def test_groups_that_were_not_assessed_have_no_auroc(part):
    groups = {"cinc2016 good": [_report(1.0)], "cinc2016 poor": [_report(0.0)]}
    found = part("quality_gate").aurocs(groups)
    assert list(found) == ["CinC 2016: good v. poor"]
    assert found["CinC 2016: good v. poor"]["auroc"] == 1.0
