"""Train the network of `assess_quality` and write it into the package.

``python benchmarks/quality_gate_train.py DATA`` needs CirCor and CinC 2016 in DATA and
takes a minute or two of one processor. Seeded: the same versions give the same file.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from quality_gate_data import load_sets, waveforms

from heartbeat_clf.quality import mean_score
from heartbeat_clf.quality_examples import NEGATIVE_KINDS, QualityExamples
from heartbeat_clf.quality_features import quality_features
from heartbeat_clf.quality_training import train_quality_network

MODELS = Path(__file__).resolve().parent.parent / "heartbeat_clf" / "models" / "quality"
# Share of the good recordings of the part "choose" that the gate refuses.
REFUSED = 0.01


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = _make_parser().parse_args(arguments)
    began = time.process_time()
    sets = load_sets(given.data)
    examples = QualityExamples(
        [waveforms(gate.take("train")) for gate in sets.values()],
        waveforms(sets["cinc2016"].take("train", good=False)),
        kinds=[kind for kind in NEGATIVE_KINDS if kind not in given.without],
        seed=given.seed,
    )
    windows, kinds = examples.draw(given.windows)
    network = train_quality_network(
        quality_features(windows), kinds == "heart", seed=given.seed
    )
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    scores = {
        name: np.array(
            [
                mean_score(waveform, lambda x: session.run(None, {"features": x})[0])
                for waveform in waveforms(gate.take("choose"))
            ]
        )
        for name, gate in sets.items()
    }
    # Both sets count alike, whatever their size.
    threshold = float(np.mean([np.quantile(s, REFUSED) for s in scores.values()]))
    settings = {
        "format": "heartbeat_clf quality gate",
        "format_version": 1,
        "threshold": round(threshold, 4),
        "trained_on": {name: len(gate.take("train")) for name, gate in sets.items()},
        "threshold_from": {name: len(values) for name, values in scores.items()},
        "n_windows": given.windows,
        "kinds": examples.kinds,
        "seed": given.seed,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "network.onnx").write_bytes(network)
    text = json.dumps(settings, indent=2)
    (given.out / "settings.json").write_text(text + "\n", encoding="utf-8")
    print(text)
    print(f"{time.process_time() - began:.0f} s of a processor, {len(network)} bytes")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--out", type=Path, default=MODELS, help="folder of the two files")
    add("--windows", type=int, default=8000, help="windows to learn from")
    add("--without", nargs="*", default=[], help="kinds to leave out")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
