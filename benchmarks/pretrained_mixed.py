"""Score recordings of the persons left out with other sounds mixed in.

The network of fold k hears CirCor's persons of that fold, all recordings with a murmur
and every fourth normal one, as they are and with noise, breath, a stethoscope that is
touched or rubbed, speech, music, the hum of the mains or a rumble too low to be heard
beside the heart.
``benchmarks/pretrained_runs.py`` makes the networks. Scores that are saved are not made
again.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
import pandas as pd
from pretrained_changed import as_it_is, as_table, left_out, score_folds
from scipy.signal import butter, resample_poly, sosfiltfilt

from heartbeat_clf.non_heart_sounds import SAMPLE_RATE, make_non_heart_sound

SOUNDS = {
    "noise": ("noise", (10, 5)),
    "breath": ("breath", (10, 5)),
    "handling": ("a stethoscope that is touched", (10, 5)),
    "rubbing": ("a stethoscope that is rubbed", (10, 5)),
    "speech": ("speech", (10, 5)),
    "music": ("music", (10, 5)),
    "hum": ("the hum of the mains", (10, 5)),
    "rumble": ("a rumble of 5 to 15 Hz", (0, -10)),
}
"""Kinds of :mod:`heartbeat_clf.non_heart_sounds`, hum and rumble: names for tables, and
ratios in dB of the power of the recording to that of what is mixed in."""
_EVERY = 4
_HUM = 50.0
_HARMONICS = (1, 2, 3)
_RUMBLE = (5.0, 15.0)
_SETTLED = 2  # seconds, after which the filter of so low a noise has swung in
_SHORTEST = 0.6


def main() -> None:
    """Run the command line."""
    score_folds("mixed", score_fold, __doc__)


def mix(
    sound: np.ndarray, rate: int, *, kind: str, ratio_db: float, seed: int
) -> np.ndarray:
    """Return a recording with another sound in it, by the ratio of their powers."""
    seconds = len(sound) / rate
    if kind == "hum":
        time = np.arange(len(sound)) / rate
        other = sum(np.sin(2 * np.pi * _HUM * n * time) / n for n in _HARMONICS)
    elif kind == "rumble":
        margin = _SETTLED * rate
        noise = np.random.default_rng(seed).normal(size=len(sound) + 2 * margin)
        filtered = butter(2, _RUMBLE, "band", fs=rate, output="sos")
        other = sosfiltfilt(filtered, noise)[margin : margin + len(sound)]
    else:
        made = make_non_heart_sound(kind, max(seconds, _SHORTEST), random_state=seed)
        other = np.resize(resample_poly(made, rate, SAMPLE_RATE), len(sound))
    mixed: np.ndarray = sound + other * sound.std() / other.std() * 10 ** (
        -ratio_db / 20
    )
    return mixed


def score_fold(fold: int, given: argparse.Namespace) -> pd.DataFrame:
    """Return a row a recording, with a column a sound and ratio."""
    part, _, score = left_out(fold, given)
    normal = np.flatnonzero(part.strata == "normal")[::_EVERY]
    part = part.take(np.union1d(np.flatnonzero(part.strata == "murmur"), normal))
    n_recordings = len(part.recordings)
    scores = {"plain": score(part, [as_it_is] * n_recordings)}
    for kind, (_, ratios) in SOUNDS.items():
        for ratio in ratios:
            changes = [
                partial(mix, kind=kind, ratio_db=ratio, seed=seed)
                for seed in range(n_recordings)
            ]
            scores[f"{kind} {ratio}"] = score(part, changes)
    print(f"fold {fold}: {n_recordings} recordings", flush=True)
    return as_table(fold, part, scores)


if __name__ == "__main__":
    main()
