"""Score the persons left out after their recordings were changed.

The network of fold k hears the recordings of CirCor's persons of that fold as they
are, and as another device might give them: through a low-pass, a high-pass, with noise,
with gaps, cut short, and with several of these at once; and as another heart might
sound, whose murmur is in the diastole. ``benchmarks/pretrained_runs.py`` makes the
networks. Scores that are saved are not made again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
from moved_murmurs import move_murmurs
from pretrained_runs import N_FOLDS, RESULTS
from scipy.signal import butter, sosfiltfilt

Change = Callable[[np.ndarray, int], np.ndarray | None]


def as_it_is(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return the recording."""
    return sound


def short(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return the middle 2 s."""
    middle = len(sound) // 2
    return sound[max(middle - rate, 0) : middle + rate]


def low_pass(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return what is below 195 Hz, where the recordings of PASCAL set_b end."""
    return sosfiltfilt(butter(4, 195, fs=rate, output="sos"), sound)


def high_pass(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return what is above 100 Hz, as a diaphragm prefers it."""
    return sosfiltfilt(butter(2, 100, "high", fs=rate, output="sos"), sound)


def noisy(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return the recording with white noise 25 dB below it, the same for all."""
    noise = np.random.default_rng(0).normal(size=len(sound))
    return sound + noise * sound.std() * 10 ** (-25 / 20)


def with_gaps(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return the recording with five gaps of 0.2 s, as where packets were lost."""
    broken = sound.copy()
    length = round(0.2 * rate)
    places = np.random.default_rng(0).random(5)
    for start in (places * max(len(sound) - length, 0)).astype(int):
        broken[start : start + length] = 0.0
    return broken


def all_of_it(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return 2 s through the low-pass, with the noise."""
    return noisy(short(low_pass(sound, rate), rate), rate)


CHANGES: dict[str, tuple[str, Change]] = {
    "plain": ("as they are", as_it_is),
    "short": ("their middle 2 s", short),
    "low": ("through a low-pass at 195 Hz", low_pass),
    "high": ("through a high-pass at 100 Hz", high_pass),
    "noisy": ("with white noise at -25 dB", noisy),
    "gaps": ("with five gaps of 0.2 s", with_gaps),
    "all": ("2 s, low-pass and noise", all_of_it),
}
"""For each change a name in tables and a function of a recording and its rate."""

MOVED = "systoles and diastoles in each other's place"
"""The name of what needs to know where they are; NaN where they could not be moved."""


def main() -> None:
    """Run the command line."""
    score_folds("changed", score_fold, __doc__)


def score_folds(
    name: str,
    score: Callable[[int, argparse.Namespace], pd.DataFrame],
    description: str | None,
) -> None:
    """Run a command line that scores all folds, unless their scores are saved."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, help="folder that holds circor and cinc2016")
    add("--work", type=Path, required=True, help="folder of pretrained_runs.py")
    add("--recipe", type=Path, help="another recipe than that of the shipped model")
    add("--results", type=Path, default=RESULTS, help="folder of the saved scores")
    given = parser.parse_args()
    os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    saved = given.results / f"{name}.csv"
    if not saved.exists():
        tables = [score(fold, given) for fold in range(N_FOLDS)]
        pd.concat(tables).to_csv(saved, index=False, float_format="%.5f")


def score_fold(fold: int, given: argparse.Namespace) -> pd.DataFrame:
    """Return a row a recording left out of a fold, with a column a change."""
    part, tables, score = left_out(fold, given)
    changes = {name: [change] * len(tables) for name, (_, change) in CHANGES.items()}
    changes["moved"] = [partial(move_murmurs, segments=table) for table in tables]
    scores = {name: score(part, of_each) for name, of_each in changes.items()}
    print(f"fold {fold}: {len(part.recordings)} recordings", flush=True)
    return as_table(fold, part, scores)


def left_out(
    fold: int, given: argparse.Namespace
) -> tuple[Any, list[np.ndarray], Callable[[Any, Sequence[Change]], np.ndarray]]:
    """Return the persons left out of a fold, and what scores them.

    Returns
    -------
    part : TrainingSet
        Recordings in which a murmur was heard, and those of persons without one.
    tables : list of ndarray of shape (n_segments, 3)
        Their heart states.
    score : callable
        Of recordings and a change of each; log odds of a murmur, NaN where nothing
        could be changed.
    """
    from heartbeat_clf.beat_view_training import load_beats
    from heartbeat_clf.datasets.circor import read_segmentation
    from heartbeat_clf.pretraining import load_checkpoint
    from heartbeat_clf.pretraining_data import from_cinc2016, from_circor
    from heartbeat_clf.pretraining_recipe import read_recipe
    from heartbeat_clf.pretraining_run import BEATS, assign_folds, score_images

    recipe = read_recipe(given.recipe)
    circor = from_circor(given.data, recipe.shares.get("circor"))
    data = [circor, from_cinc2016(given.data)]
    folds = assign_folds(data, N_FOLDS, seed=recipe.seed)[0]
    known = np.isin(circor.strata, ["murmur", "normal"])
    part = circor.take(np.flatnonzero((folds == fold) & known))
    network = load_checkpoint(given.work / f"fold_{fold}")
    beats = load_beats(given.work / f"fold_{fold}" / BEATS, recipe)
    view = None if beats is None else beats.view()
    output = list(recipe.outputs).index("murmur")

    def score(part: Any, changes: Sequence[Change]) -> np.ndarray:
        kept, images = images_of(part.recordings, changes, recipe)
        scores = np.full(len(changes), np.nan)
        scores[kept] = score_images(network, images, recipe, view)[:, output]
        return scores

    tables = [
        read_segmentation(path).to_numpy() for path in part.metadata["segmentation"]
    ]
    return part, tables, score


def as_table(fold: int, part: Any, scores: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return a row a recording with its scores."""
    return pd.DataFrame(
        {
            "fold": fold,
            "recording": [Path(path).stem for path in part.recordings],
            "subject": part.subjects,
            "stratum": part.strata,
            **scores,
        }
    )


def images_of(
    recordings: Sequence[str], changes: Sequence[Change], recipe: Any
) -> tuple[list[int], list[np.ndarray]]:
    """Return which recordings could be changed, and the images of these."""
    from heartbeat_clf import ImageTrimmer, SpectrogramTransformer

    kept, images = [], []
    for row, (path, change) in enumerate(zip(recordings, changes, strict=True)):
        sound, rate = soundfile.read(path, dtype="float32")
        changed = change(sound, rate)
        if changed is not None:
            transformer = SpectrogramTransformer(**recipe.audio, input_rate=rate)
            changed = np.asarray(changed, dtype=np.float32)
            images.extend(transformer.fit_transform([changed]))
            kept.append(row)
    return kept, list(ImageTrimmer(**recipe.trimmer).fit_transform(images))


if __name__ == "__main__":
    main()
