"""Score PASCAL with the shipped model of murmurs, which has seen nothing of it.

Clips of set_a have no subjects, and 23 of its 33 murmurs are recordings of one evening,
most of them of one sound: what is of one day counts as one subject in intervals.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pretrained_table import RESULTS
from quality_gate_data import people

from heartbeat_clf import load_pretrained
from heartbeat_clf.datasets import load_pascal


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds pascal")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    model, by_windows = load_pretrained(), load_pretrained()
    classifier = by_windows[-1]
    classifier.predictor_ = replace(classifier.predictor_, beats=None)
    for subset in ("a", "b"):
        bunch = load_pascal(given.data, subset=subset)
        # The decision is in favour of "normal", the second class.
        scores = -model.decision_function(bunch.recordings)
        windows = -by_windows.decision_function(bunch.recordings)
        pd.DataFrame(
            {
                "data": f"pascal_{subset}",
                "recording": [path.stem for path in bunch.recordings],
                "subject": people(bunch),
                "stratum": bunch.target,
                "murmur": scores,
                "murmur_windows": windows,
            }
        ).to_csv(
            given.results / f"pascal_{subset}.csv", index=False, float_format="%.5f"
        )


if __name__ == "__main__":
    main()
