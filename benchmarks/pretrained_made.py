"""Score normal recordings of the persons left out, with made murmurs of several kinds.

The network of fold k hears every fourth normal recording of CirCor's persons of that
fold as it is, and with a murmur of each kind of ``murmur_kinds.py``, as loud as many of
CirCor's are and louder. ``benchmarks/pretrained_runs.py`` makes the networks. Scores
that are saved are not made again.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd
from murmur_kinds import KINDS
from pretrained_changed import as_it_is, as_table, left_out, score_folds

from heartbeat_clf.made_murmurs import add_murmur

LEVELS_DB = (10, 20)
"""Above what there is. Half of CirCor's recordings with a murmur have 6 dB more in the
systole than in the diastole, between 100 and 400 Hz; a quarter 13, a tenth 18."""
_EVERY = 4


def main() -> None:
    """Run the command line."""
    score_folds("made", score_fold, __doc__)


def score_fold(fold: int, given: argparse.Namespace) -> pd.DataFrame:
    """Return a row a recording, with a column a kind and level."""
    part, tables, score = left_out(fold, given)
    rows = np.flatnonzero(part.strata == "normal")[::_EVERY]
    part, tables = part.take(rows), [tables[row] for row in rows]
    scores = {"plain": score(part, [as_it_is] * len(tables))}
    for name, kind in KINDS.items():
        for level in LEVELS_DB:
            changes = [
                partial(
                    add_murmur, segments=table, kind=kind, level_db=level, seed=seed
                )
                for seed, table in enumerate(tables)
            ]
            scores[f"{name} {level}"] = score(part, changes)
    print(f"fold {fold}: {len(tables)} recordings", flush=True)
    return as_table(fold, part, scores)


if __name__ == "__main__":
    main()
