"""Train the network of `assess_quality` and write it into the package.

``python benchmarks/quality_gate_train.py DATA`` needs CirCor and CinC 2016 in DATA and
takes two minutes of one processor. Seeded: the same versions give the same file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from quality_gate_data import Gate, load_sets, waveforms

from heartbeat_clf.onnx_export import with_half_weights
from heartbeat_clf.quality import waveform_score
from heartbeat_clf.quality_examples import NEGATIVE_KINDS, QualityExamples
from heartbeat_clf.quality_features import quality_features
from heartbeat_clf.quality_training import train_quality_network
from heartbeat_clf.quality_windows import SAMPLE_RATE

MODELS = Path(__file__).resolve().parent.parent / "heartbeat_clf" / "models" / "quality"
# Share of the good recordings of the part "choose" that the gate refuses.
REFUSED = 0.01
BATCH = 4000
# Seconds that good recordings are cut to, each a threshold of its own.
DURATIONS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, 20.0)
CUTS = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = _make_parser().parse_args(arguments)
    began = time.process_time()
    sets = load_sets(given.data)
    network = with_half_weights(
        train(sets, tuple(NEGATIVE_KINDS), given.windows, given.seed)
    )
    good = {name: waveforms(gate.take("choose")) for name, gate in sets.items()}
    thresholds = [
        [duration, round(threshold_of(cut_scores(good, duration, network)), 4)]
        for duration in DURATIONS
    ]
    settings = {
        "format": "heartbeat_clf quality gate",
        "format_version": 1,
        "thresholds": thresholds,
        "trained_on": {name: len(gate.take("train")) for name, gate in sets.items()},
        "thresholds_from": {name: len(rows) for name, rows in good.items()},
        "n_windows": given.windows,
        "kinds": list(NEGATIVE_KINDS),
        "seed": given.seed,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "network.onnx").write_bytes(network)
    text = json.dumps(settings, indent=2)
    (given.out / "settings.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"{time.process_time() - began:.0f} s of a processor, {len(network)} bytes")


def train(
    sets: Mapping[str, Gate], kinds: Sequence[str], n_windows: int, seed: int
) -> bytes:
    """Return a network that learnt from the part "train" and from these kinds."""
    examples = QualityExamples(
        [waveforms(gate.take("train")) for gate in sets.values()],
        waveforms(sets["cinc2016"].take("train", good=False)),
        kinds=kinds,
        seed=seed,
    )
    features, labels = [], []
    # Features are small and windows are not: a batch of these at a time.
    for number, first in enumerate(range(0, n_windows, BATCH)):
        windows, names = examples.draw(min(BATCH, n_windows - first), number)
        features.append(quality_features(windows))
        labels.append(names == "heart")
    return train_quality_network(
        np.concatenate(features), np.concatenate(labels), seed=seed
    )


def scores_of(recordings: Sequence[Path | np.ndarray], network: bytes) -> np.ndarray:
    """Return the score that a network gives each recording or waveform at 1 kHz."""
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    return np.array(
        [
            waveform_score(waveform, lambda x: session.run(None, {"features": x})[0])
            for waveform in waveforms(recordings)
        ]
    )


def cut_scores(
    good: Mapping[str, Sequence[np.ndarray]], duration: float, network: bytes
) -> dict[str, np.ndarray]:
    """Return the scores of random parts of waveforms, `duration` seconds long.

    Waveforms that are shorter are left out.
    """
    rng = np.random.default_rng(0)
    n_times = round(duration * SAMPLE_RATE)
    scores = {}
    for name, rows in good.items():
        long_enough = [row for row in rows if len(row) >= n_times]
        cuts = [
            row[first : first + n_times]
            for row in long_enough
            for first in rng.integers(0, len(row) - n_times + 1, CUTS)
        ]
        scores[name] = scores_of(cuts, network)
    return scores


def threshold_of(scores: Mapping[str, np.ndarray]) -> float:
    """Return the score that 1 % of good recordings miss, all sets counting alike."""
    return float(np.mean([np.quantile(values, REFUSED) for values in scores.values()]))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--out", type=Path, default=MODELS, help="folder of the two files")
    add("--windows", type=int, default=40000, help="windows to learn from")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
