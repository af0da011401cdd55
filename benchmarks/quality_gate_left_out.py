"""Measure the quality gate on kinds of sound that were left out of its training.

``python benchmarks/quality_gate_left_out.py DATA`` trains once for each group of kinds,
with fewer windows than the shipped network has, and takes three minutes of one
processor. Settings were chosen by figures like these. They go to
results/quality_gate_left_out.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from quality_gate_data import load_sets, waveforms
from quality_gate_train import cut_scores, scores_of, threshold_of, train
from sklearn.metrics import roc_auc_score

from heartbeat_clf.non_heart_sounds import make_non_heart_sound
from heartbeat_clf.quality_examples import NEGATIVE_KINDS

HERE = Path(__file__).resolve().parent
GROUPS = (
    ("speech",),
    ("music", "drums"),
    ("handling", "rubbing"),
    ("noise", "breath", "phases", "quiet"),
    ("tones",),
)
# Neither the seeds of training nor those of quality_gate.py.
SEED = 70_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = _make_parser().parse_args(arguments)
    sets = load_sets(given.data)
    good = {name: waveforms(gate.take("choose")) for name, gate in sets.items()}
    rows = {}
    for group in GROUPS:
        kinds = [kind for kind in NEGATIVE_KINDS if kind not in group]
        network = train(sets, kinds, given.windows, seed=0)
        # Hearts as long as the sounds: eight seconds.
        scores_of_cuts = cut_scores(good, 8.0, network)
        threshold = threshold_of(scores_of_cuts)
        hearts = np.concatenate(list(scores_of_cuts.values()))
        for kind in group:
            if kind == "phases":
                continue
            sounds = [
                make_non_heart_sound(kind, random_state=SEED + n)
                for n in range(given.sounds)
            ]
            scores = scores_of(sounds, network)
            y = np.repeat([1, 0], [len(hearts), len(scores)])
            rows[kind] = {
                "left_out": list(group),
                "auroc": round(roc_auc_score(y, np.concatenate([hearts, scores])), 4),
                "unusable": float(np.mean(scores < threshold)),
                "n_hearts": len(hearts),
                "n_sounds": len(scores),
            }
    print("| kind | left out of training | AUROC | unusable |")
    print("|---|---|---|---|")
    for kind, row in rows.items():
        print(
            f"| {kind} | {', '.join(row['left_out'])} | {row['auroc']:.3f} | "
            f"{row['unusable']:.0%} |"
        )
    figures = {
        "n_windows": given.windows,
        "kinds": rows,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(figures, indent=2)
    given.results.write_text(text + "\n", encoding="utf-8")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--windows", type=int, default=8000, help="windows to learn from")
    add("--sounds", type=int, default=100, help="sounds of each kind")
    add("--results", type=Path, default=HERE / "results/quality_gate_left_out.json")
    return parser


if __name__ == "__main__":
    main()
