"""The parts of the speed benchmark that measure nothing."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Return a function that imports a module of benchmarks/."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(FOLDER)):
            del sys.modules[name]


def test_the_ratio_is_that_of_the_least_times(part):
    timing = part("speed_timing")
    seconds = {
        "a": timing.Seconds([4.0, 3.0, 5.0], [2.0, 2.0, 2.0]),
        "b": timing.Seconds([1.0, 1.0, 2.0], [1.0, 0.5, 1.0]),
    }
    row = timing.ratio_row(seconds, slow="a", fast="b", slow_scale=2.0, recordings=7)
    assert row["ratio"] == 1.5
    assert row["processor_ratio"] == 2.0
    assert row["noise"] == pytest.approx(1 / 3)
    assert row["recordings"] == 7


def test_ways_take_turns(part):
    calls = []
    ways = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = part("speed_timing").interleave(ways, repeats=2)
    assert "".join(calls) == "ababab"
    assert [len(values.wall) for values in seconds.values()] == [2, 2]
    assert min(seconds["a"].processor) >= 0


def test_the_table_has_a_line_for_each_row_that_was_measured(part):
    table = part("speed_table").make_table(
        {
            "loss": {"ratio": 49.0, "processor_ratio": 60.0, "noise": 0.05},
            "predict-equal": {"ratio": 2e-6, "noise": None},
        }
    )
    loss, scores = table.splitlines()[2:]
    assert loss.endswith("| 49 | 60 | 5% | 50 × faster | not reached |")
    assert scores.endswith("| 2.0e-06 | – | – | at most 1e-5 | reached |")


def test_every_row_names_a_function_of_a_file(part):
    for row in part("speed_table").ROWS.values():
        module, function = row.call.split(".")
        assert f"def {function}(" in (FOLDER / f"{module}.py").read_text()


def test_the_table_of_results_measures_nothing(part, tmp_path, capsys):
    row = {"ratio": 60.0, "processor_ratio": 61.0, "noise": 0.1}
    (tmp_path / "speed.json").write_text(json.dumps({"loss": row}))
    assert part("speed").main(["--from-results", "--results", str(tmp_path)]) == 0
    assert "| 60 | 61 | 10% |" in capsys.readouterr().out
    assert "| 60 |" in (tmp_path / "speed.md").read_text()


def test_a_folder_is_needed_to_measure(part, capsys):
    with pytest.raises(SystemExit):
        part("speed").main([])
    assert "Expected a folder of data sets" in capsys.readouterr().err


def test_missing_recordings_are_named(part, tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected recordings at"):
        part("speed_data").set_b(tmp_path)
