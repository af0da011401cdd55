"""Measure `assess_quality` on recordings it was not made with, and print the table.

``python benchmarks/quality_gate.py DATA`` needs CirCor, CinC 2016 and PASCAL in DATA
and takes a minute or two of one processor. The figures go to results/quality_gate.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from quality_gate_data import load_sets, people, waveforms

from heartbeat_clf import assess_quality
from heartbeat_clf.datasets import load_pascal, make_heart_sounds
from heartbeat_clf.evaluation import bootstrap_auroc
from heartbeat_clf.non_heart_sounds import KINDS, make_non_heart_sound
from heartbeat_clf.quality import QualityReport
from heartbeat_clf.spoiled_hearts import SPOILERS

HERE = Path(__file__).resolve().parent
# Far from the seeds of training.
SEED = 90_000
Reports = dict[str, list[QualityReport]]
Subjects = dict[str, list[str]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = _make_parser().parse_args(arguments)
    began = time.perf_counter()
    reports, subjects, milliseconds = assess_all(
        given.data, given.sounds, given.without_pascal
    )
    figures: dict[str, Any] = {
        "auroc": aurocs(reports, subjects),
        "unusable": {name: rate(rows) for name, rows in reports.items()},
        "milliseconds_a_recording": round(milliseconds, 2),
        "seconds": round(time.perf_counter() - began, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    print(make_table(figures))
    if given.results is not None:
        text = json.dumps(figures, indent=2)
        given.results.write_text(text + "\n", encoding="utf-8")


def assess_all(
    data: Path, n_sounds: int, without_pascal: bool
) -> tuple[Reports, Subjects, float]:
    """Return reports and subjects of groups, and milliseconds a recording of CirCor.

    Groups of sounds that were made have no subjects: each is its own.
    """
    sets = load_sets(data)
    groups: dict[str, Callable[[], list[Any]]] = {}
    subjects: Subjects = {}

    def add(name: str, recordings: Any, of_whom: Any) -> None:
        groups[name] = lambda: list(recordings)
        subjects[name] = list(of_whom)

    gate = sets["cinc2016"]
    database = np.array([Path(p).parent.name for p in gate.paths])
    inside = database == "training-b"
    for name, part in sets.items():
        rows = part.rows("test")
        add(f"{name} good", part.paths[rows], part.subjects[rows])
    for name, rows in (
        ("cinc2016 poor", gate.rows("test", good=False)),
        ("cinc2016 b good", inside & gate.rows("test")),
        ("cinc2016 b poor", inside & gate.rows("test", good=False)),
    ):
        add(name, gate.paths[rows], gate.subjects[rows])
    if not without_pascal:
        for subset, labels in (
            ("b", ("normal", "murmur", "extrasystole")),
            ("a", ("normal", "murmur", "extrahls", "unlabelled", "artifact")),
        ):
            for label in labels:
                bunch = load_pascal(data, subset=subset, labels=(label,))
                add(f"set_{subset} {label}", bunch.recordings, people(bunch))
    groups["synthetic heart"] = lambda: list(
        make_heart_sounds(
            n_sounds, recordings_per_subject=1, random_state=SEED
        ).recordings
    )
    for kind in KINDS:
        groups[kind] = lambda kind=kind: [
            make_non_heart_sound(kind, random_state=SEED + n) for n in range(n_sounds)
        ]
    hearts = waveforms([path for gate in sets.values() for path in gate.take("test")])
    for name, spoil in SPOILERS.items():
        groups[name] = lambda spoil=spoil: [
            spoil(waveform, np.random.default_rng(SEED + n))
            for n, waveform in enumerate(_cuts(hearts, n_sounds))
        ]
    reports = {}
    milliseconds = 0.0
    for name, recordings in groups.items():
        rows = recordings()
        began = time.process_time()
        reports[name] = assess_quality(rows)
        if name == "circor good":
            milliseconds = 1000 * (time.process_time() - began) / len(rows)
    return reports, subjects, milliseconds


def _cuts(waveforms: list[np.ndarray], n_cuts: int) -> list[np.ndarray]:
    rng = np.random.default_rng(SEED)
    chosen = rng.choice(len(waveforms), min(n_cuts, len(waveforms)), replace=False)
    return [waveforms[row][:8000] for row in chosen]


def aurocs(reports: Reports, subjects: Subjects) -> dict[str, dict[str, Any]]:
    """Return AUROCs of the score, hearts or good recordings being the positives."""
    of_whom = {
        group: subjects.get(group, [f"{group} {row}" for row in range(len(rows))])
        for group, rows in reports.items()
    }
    hearts_a = ["set_a normal", "set_a murmur", "set_a extrahls"]
    good = ["circor good", "cinc2016 good"]
    pairs = {
        "PASCAL set_a: labelled hearts v. artifact": (hearts_a, ["set_a artifact"]),
        "PASCAL set_a: all others v. artifact": (
            [*hearts_a, "set_a unlabelled"],
            ["set_a artifact"],
        ),
        "CinC 2016: good v. poor": (["cinc2016 good"], ["cinc2016 poor"]),
        "CinC 2016, database b: good v. poor": (
            ["cinc2016 b good"],
            ["cinc2016 b poor"],
        ),
        "good CirCor and CinC v. synthetic sounds": (good, list(KINDS)),
        "good CirCor and CinC v. spoiled hearts": (good, list(SPOILERS)),
    }
    found = {}
    for name, (positives, negatives) in pairs.items():
        if not {*positives, *negatives} <= set(reports):
            continue
        both = [*positives, *negatives]
        n_positives = sum(len(reports[group]) for group in positives)
        found[name] = auroc(
            np.array([report.score for group in both for report in reports[group]]),
            n_positives,
            [subject for group in both for subject in of_whom[group]],
        )
    return found


def auroc(
    scores: np.ndarray, n_positives: int, subjects: Sequence[str]
) -> dict[str, Any]:
    """Return the AUROC, the first being positives, with its interval over subjects."""
    found = bootstrap_auroc(np.arange(len(scores)) < n_positives, scores, subjects)
    return {
        "auroc": round(found.value, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "n_positives": n_positives,
        "n_negatives": len(scores) - n_positives,
    }


def rate(reports: list[QualityReport]) -> dict[str, Any]:
    """Return how many recordings are unusable, and for which reasons."""
    reasons = [report.reason.split(":")[0] for report in reports if report.reason]
    return {
        "n": len(reports),
        "unusable": len(reasons),
        "share": round(len(reasons) / len(reports), 4) if reports else None,
        "reasons": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }


def make_table(figures: dict[str, Any]) -> str:
    """Return the figures as two markdown tables."""
    lines = [
        "| score, positives v. negatives | AUROC (95 % interval) | recordings |",
        "|---|---|---|",
    ]
    for name, found in figures["auroc"].items():
        lines.append(
            f"| {name} | {found['auroc']:.3f} ({found['low']:.3f} to "
            f"{found['high']:.3f}) | {found['n_positives']} v. "
            f"{found['n_negatives']} |"
        )
    lines += ["", "| recordings | unusable | of them | reasons |", "|---|---|---|---|"]
    for name, found in figures["unusable"].items():
        reasons = ", ".join(f"{key} {n}" for key, n in found["reasons"].items())
        lines.append(
            f"| {name} | {found['unusable']} ({found['share']:.1%}) | {found['n']} | "
            f"{reasons} |"
        )
    lines += [
        "",
        f"{figures['milliseconds_a_recording']} ms of a processor a recording of "
        f"CirCor, from the file; {figures['date']}.",
    ]
    return "\n".join(lines)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor, cinc2016 and pascal")
    add("--sounds", type=int, default=100, help="synthetic sounds of each kind")
    add("--without-pascal", action="store_true", help="leave PASCAL alone")
    add("--results", type=Path, default=HERE / "results" / "quality_gate.json")
    return parser


if __name__ == "__main__":
    main()
