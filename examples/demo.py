"""Train and evaluate on synthetic sounds, or on recordings: what ``make demo`` runs.

Leaves in ``demo-output``: ``results.csv`` (the table), ``predictions.csv``,
``demo.png`` and ``model.hbc``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import RocCurveDisplay

from heartbeat_clf import make_heartbeat_pipeline, save
from heartbeat_clf.answers import NOTICE
from heartbeat_clf.datasets import (
    load_recordings,
    make_heart_sounds,
    write_recordings,
)
from heartbeat_clf.evaluation import evaluate
from heartbeat_clf.inputs import DATASETS, load_labelled

OUTPUT = Path("demo-output")
FOLDS = 3
# Recordings times epochs of one fit: about a minute on two cores.
BUDGET = 10_000
MOST_EPOCHS = 25


def load_data(data, dataset):
    """Return what to train on, and its name."""
    if data is not None:
        return load_labelled(data, dataset=dataset), f"real ones: {data}"
    # Faint murmurs among them, and noise, so that the task is not too easy.
    sounds = make_heart_sounds(
        60,
        murmur_grade=(1, 5),
        noise_level=(-32.0, -18.0),
        duration=(3.0, 6.0),
        random_state=0,
    )
    table = write_recordings(sounds, OUTPUT / "recordings", overwrite=True)
    return load_recordings(table), "synthetic sounds"


def write_table(result, path):
    """Write the measures with their intervals as CSV."""
    rows = [
        {"measure": name, "mean": i.value, "low": i.low, "high": i.high}
        for name, i in result.summary.items()
    ]
    pd.DataFrame(rows).to_csv(path, index=False, float_format="%.4f")


def draw(pipeline, bunch, result, title, path):
    """Draw a recording of each class, and the ROC curve of each fold."""
    classes = np.unique(bunch.target).tolist()[:2]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    transformer = pipeline.named_steps["spectrogram"]
    for ax, name in zip(axes, classes, strict=False):
        row = np.flatnonzero(bunch.target == name)[0]
        image = transformer.transform([bunch.recordings[row]])[0]
        seconds = image.shape[1] / transformer.frames_per_second
        ax.imshow(
            image,
            origin="lower",
            aspect="auto",
            cmap="magma",
            extent=(0, seconds, 0, len(image)),
        )
        ax.set(
            title=f"A recording of {name!r}",
            xlabel="Time (s)",
            ylabel="Mel band",
            xlim=(0, min(seconds, 4)),
        )
    scores = result.to_frame()
    positive = result.settings["pos_label"]
    for fold, rows in scores.groupby("fold"):
        if positive is None:
            continue
        RocCurveDisplay.from_predictions(
            rows["y"] == positive, rows["score"], ax=axes[2], name=f"fold {fold}"
        )
    area = result.summary["auroc_recording"]
    axes[2].set(
        title=f"AUROC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})",
        xlabel="1 - specificity",
        ylabel="sensitivity",
    )
    figure.suptitle(f"{title}: subjects in a test fold are in no training part")
    if not result.subjects_known:
        figure.suptitle(f"{title}: subjects unknown, may be on both sides")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    """Load, cross-validate, draw, train on everything, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder or table; none: synthetic sounds")
    parser.add_argument("--dataset", choices=tuple(DATASETS))
    options = parser.parse_args()
    start = time.perf_counter()
    OUTPUT.mkdir(exist_ok=True)
    bunch, title = load_data(options.data, options.dataset)
    for note in bunch.notes:
        print(f"note: {note}")
    groups = bunch.subjects if bunch.subjects_known else None
    epochs = int(np.clip(BUDGET // len(bunch.recordings), 5, MOST_EPOCHS))
    print(
        f"{len(bunch.recordings)} recordings ({title}); {FOLDS} folds by subject, "
        f"{epochs} epochs each. A short training: docs/results.md has the full one.\n"
    )
    pipeline = make_heartbeat_pipeline(
        epochs=epochs, cache=OUTPUT / "cache", random_state=0
    )
    result = evaluate(
        pipeline,
        bunch.recordings,
        bunch.target,
        groups=groups,
        n_splits=FOLDS,
        operating_point=None,
        verbose=1,
    )
    print(f"\n{result}\n")
    write_table(result, OUTPUT / "results.csv")
    result.to_frame().to_csv(OUTPUT / "predictions.csv", index=False)
    draw(pipeline, bunch, result, title, OUTPUT / "demo.png")
    pipeline.set_params(classifier__verbose=int(sys.stderr.isatty()))
    pipeline.fit(bunch.recordings, bunch.target)
    save(pipeline, OUTPUT / "model.hbc")
    print(f"\nTable, scores, picture and model of all recordings are in {OUTPUT}/.")
    print(f"This took {time.perf_counter() - start:.0f} s. Try next:")
    example = OUTPUT / "recordings" if options.data is None else "RECORDING.wav"
    print(f"  .venv/bin/heartbeat-clf predict --model {OUTPUT}/model.hbc {example}")
    print(NOTICE)


if __name__ == "__main__":
    main()
