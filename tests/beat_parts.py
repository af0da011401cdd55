"""Parts of views of average beats that several tests are about."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import soundfile

from heartbeat_clf.averaged_beats import BEAT_COLUMNS, BEAT_STATISTICS
from heartbeat_clf.beat_scores import BeatScores
from heartbeat_clf.beat_tracking import load_beat_model
from heartbeat_clf.beat_view import BeatView
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.familiarity_judge import fit_places, places_to_onnx
from heartbeat_clf.forest_judge import fit_forest, forests_to_onnx
from heartbeat_clf.murmur_judge import boosted_to_onnx, fit_boosted
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_recipe import read_recipe
from heartbeat_clf.pretraining_run import make_images

BEAT_SHAPE = (40, sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
SMALL = {
    "network": "small",
    "steps": 2,
    "steps_per_round": 2,
    "warmup_steps": 0,
    "batch_size": 8,
    "outputs": {"murmur": 1.0, "abnormal": 1.0},
    "shares": {},
    "augment_sets": {"one": ("change_response",)},
}
TINY_BEATS = {
    "steps": 4,
    "warmup_steps": 1,
    "dropout": 0.3,
    "augment": ["mask_bands"],
    "tracker_epochs": 1,
    "linear": ["murmur"],
    "steadiness": ["abnormal"],
    "familiarity": ["abnormal"],
}


def tracker_settings():
    settings = load_beat_model().settings
    names = ("sample_rate", "hop_duration", "window_frames", "context_frames")
    return {name: settings[name] for name in names}


def lend_tracker(patch):
    """Take the beat tracker of the box where a training would make one, in seconds."""
    patch.setattr(
        "heartbeat_clf.beat_view_training.train_beat_network",
        lambda *args, **settings: load_beat_model().network,
    )


def view_of(network=b"", share=0.5, **judges):
    return BeatView(
        tracker=load_beat_model().network,
        network=network,
        tracked_bands=16,
        settings=tracker_settings(),
        share=share,
        **judges,
    )


def said(network, linear=None, n_beats=10, **judges):
    """Return scores of beats, by default of the network alone."""
    network = np.array(network)
    linear, *others = (
        np.full_like(network, np.nan) if judged is None else np.array(judged)
        for judged in (
            linear,
            *map(judges.get, ("steadiness", "familiarity", "made", "units")),
        )
    )
    return BeatScores(network, linear, n_beats, 0.9, *others)


def small_recipe(**changes):
    return read_recipe(**{**SMALL, "beats": TINY_BEATS, **changes})


def heart_sounds():
    return make_heart_sounds(
        8, recordings_per_subject=2, duration=5.0, heart_rate=(60, 90), random_state=0
    )


def annotated_sets(sounds, folder):
    """Return two data sets, the first with annotated states, and their images."""
    paths, tables = [], []
    for row, sound in enumerate(sounds.recordings):
        paths.append(str(folder / f"{row}.wav"))
        soundfile.write(paths[-1], sound, sounds.sample_rate)
        found = sounds.metadata.iloc[row]
        tables.append(str(folder / f"{row}.tsv"))
        times = sorted(
            [(t, 1) for t in found["s1_times"]] + [(t, 3) for t in found["s2_times"]]
        )
        lines = []
        for (start, state), (end, _) in itertools.pairwise(times):
            lines.append((start, start + 0.1, state))
            lines.append((start + 0.1, end, state + 1))
        pd.DataFrame(lines).to_csv(tables[-1], sep="\t", header=False, index=False)
    parts = []
    for name, output, rows in (
        ("one", "murmur", range(10)),
        ("two", "abnormal", range(4, 16)),
    ):
        rows = list(rows)
        label = np.where(sounds.target[rows] == "murmur", output, "normal")
        metadata = pd.DataFrame({"row": rows})
        if name == "one":
            metadata["segmentation"] = [tables[row] for row in rows]
        parts.append(
            TrainingSet(
                name=name,
                recordings=np.array([paths[row] for row in rows], dtype=object),
                subjects=sounds.subjects[rows],
                targets=pd.DataFrame({output: (label == output).astype(float)}),
                strata=label,
                shares={output: 1.0, "normal": 1.0},
                metadata=metadata,
            )
        )
    return parts, make_images(parts, small_recipe())


def trees(n_features, n_outputs=1, answer=None):
    """Return a judge of steadiness that has learnt nothing of use."""
    features = np.random.default_rng(0).normal(size=(40, n_features))
    forest = fit_forest(features, features[:, 0] > 0, np.ones(40))
    if answer is not None:
        forest = forest._replace(share=np.full_like(forest.share, answer))
    return forests_to_onnx([forest] * n_outputs)


def levels(n_features, n_outputs=1):
    """Return a judge of familiarity that has heard noise alone."""
    features = np.random.default_rng(0).normal(size=(40, n_features))
    groups = np.arange(40) % 2
    places = fit_places(features, groups, np.arange(40), np.ones(40))
    return places_to_onnx([places] * n_outputs)


def regions(n_features, n_outputs=1):
    """Return a judge of made murmurs that has learnt nothing of use."""
    features = np.random.default_rng(0).normal(size=(90, n_features))
    judge = fit_boosted(features, features[:, 0] > 0, np.arange(90))
    return boosted_to_onnx([judge] * n_outputs)
