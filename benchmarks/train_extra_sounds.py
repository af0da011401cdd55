"""Fit the judge of sounds too many between the beats that is shipped.

Usage::

    python benchmarks/train_extra_sounds.py DATA --out heartbeat_clf/models/beats
    python benchmarks/train_extra_sounds.py DATA --measure   # the shipped one

DATA is a folder with ``circor`` in it. Clips of CirCor, about half of them with a quiet
copy of an S1 in a diastole, are heard as they are and with other sounds beside the
heart. The fifth of the persons that the tracker was not trained on is left out. Nothing
of PASCAL is trained on. Half a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rhythm_data import RATE, describe, edited_clips
from train_beats import split_persons

from heartbeat_clf.datasets import load_circor
from heartbeat_clf.evaluation import auroc
from heartbeat_clf.extra_sounds import extra_sound
from heartbeat_clf.murmur_judge import boosted_to_onnx, fit_boosted
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.non_heart_sounds import make_non_heart_sound
from heartbeat_clf.rhythm import INTERVAL_FEATURES, SOUND_FEATURES

CLIPS = 2400
BESIDE = ("noise", "breath", "handling", "rubbing", "speech")
# Of the power of a clip to that of what is beside it.
_LEAST_DB, _MOST_DB = -3.0, 20.0
_SHARE = 0.7
_SHORTEST = 0.6
_TREES, _RATE = 50, 0.1


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder with circor")
    parser.add_argument("--out", type=Path, help="folder of the shipped tracker")
    parser.add_argument("--measure", action="store_true", help="fit nothing")
    options = parser.parse_args(argv)
    if options.measure == (options.out is not None):
        parser.error("Expected --out FOLDER, or --measure.")
    if options.out is not None and not options.out.is_dir():
        parser.error(f"Expected a folder for --out, got {str(options.out)!r}.")
    clips = edited_clips(options.data, "weak sounds", n_clips=CLIPS)
    edited, subjects = np.array(clips["edited"]), np.array(clips["subjects"])
    heard = [sounds_of(clips["waveforms"]), sounds_of(beside(clips["waveforms"]))]
    persons = load_circor(options.data, target="murmur").subjects
    held = np.isin(subjects, persons[split_persons(persons)])
    judge = extra_sound
    if options.out is not None:
        trees = fit_boosted(
            np.vstack([part[~held] for part in heard]),
            np.tile(edited[~held], 2),
            np.tile(subjects[~held], 2),
            n_trees=_TREES,
            learning_rate=_RATE,
        )
        fitted = boosted_to_onnx([trees], name="extra_sound")
        (options.out / "extra_sound.onnx").write_bytes(fitted)
        run = network_session(fitted)

        def judge(sounds: np.ndarray) -> float:
            return float(run(sounds[np.newaxis])[0, 0])

    for name, part in zip(("as they are", "other sounds beside"), heard, strict=True):
        scores = [judge(row) for row in part[held]]
        print(f"{name}: AUROC {auroc(edited[held], scores):.3f} of {held.sum()} clips")


def sounds_of(waveforms: Sequence[np.ndarray]) -> np.ndarray:
    """Return the numbers of sounds between the beats, a row a clip."""
    first = len(INTERVAL_FEATURES)
    found = describe(waveforms).rhythm[:, first : first + len(SOUND_FEATURES)]
    return found.astype(np.float32)


def beside(waveforms: Sequence[Any]) -> list[np.ndarray]:
    """Return clips of which seven in ten have another sound beside the heart."""
    rng = np.random.default_rng(5)
    mixed = []
    for clip in waveforms:
        if rng.random() < _SHARE:
            kind = str(rng.choice(BESIDE))
            seconds = max(len(clip) / RATE, _SHORTEST)
            other = make_non_heart_sound(kind, seconds, random_state=rng)
            other = np.resize(other, len(clip))
            level = 10 ** (-rng.uniform(_LEAST_DB, _MOST_DB) / 20)
            clip = clip + other * (level * clip.std() / max(other.std(), 1e-9))
        mixed.append(np.asarray(clip, dtype=np.float32))
    return mixed


if __name__ == "__main__":
    main()
