"""From folders of recordings to trained networks: folds, scores of those left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from heartbeat_clf.beat_recipe import JUDGES, UNTRAINED
from heartbeat_clf.beat_scores import BeatScores
from heartbeat_clf.beat_view import BeatView
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.outputs import whole_file
from heartbeat_clf.prediction import mean_outputs
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_identity import check_identity, identify
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = [
    "BEATS",
    "assign_folds",
    "make_images",
    "score_images",
    "score_views",
    "train_fold",
    "train_folds",
]

Say = Callable[[str], None]
BEATS = "beats"
"""Folder of the view of average beats, in that of a training."""


def make_images(
    data: Sequence[TrainingSet],
    recipe: Recipe,
    *,
    cache: str | os.PathLike[str] | None = None,
    verbose: int = 0,
) -> list[list[np.ndarray]]:
    """Return the images of each data set's recordings by the recipe's settings.

    Parameters
    ----------
    data : sequence of TrainingSet
        The data sets.
    recipe : Recipe
        Its `audio` and `trimmer` settings are taken.
    cache : str or path, default=None
        Folder that keeps the images for the next call.
    verbose : {0, 1}, default=0
        1 shows a progress bar.

    Returns
    -------
    images : list of list of ndarray of shape (n_bands, n_frames)
    """
    made = []
    for part in data:
        transformer = SpectrogramTransformer(
            **recipe.audio, cache=cache, verbose=verbose
        )
        trimmer = ImageTrimmer(**recipe.trimmer)
        images = transformer.fit_transform(part.recordings)
        made.append(list(trimmer.fit_transform(images)))
    return made


def assign_folds(
    data: Sequence[TrainingSet], n_folds: int, *, seed: int = 0
) -> list[np.ndarray]:
    """Return the fold of each recording: subjects whole, strata in equal shares.

    Parameters
    ----------
    data : sequence of TrainingSet
        Each is divided for itself.
    n_folds : int
        Number of folds.
    seed : int, default=0
        Origin of the shuffle.

    Returns
    -------
    folds : list of ndarray of int of shape (n_recordings,)

    Raises
    ------
    ValueError
        If a data set has fewer subjects than folds, or fewer recordings of every
        stratum.
    """
    assigned = []
    for part in data:
        subjects = len(set(part.subjects))
        most = max(Counter(part.strata.tolist()).values())
        if min(subjects, most) < n_folds:
            raise ValueError(
                f"Expected at least {n_folds} subjects and {n_folds} recordings of a "
                f"class in {part.name!r} for {n_folds} folds, got {subjects} and "
                f"{most}. Take fewer folds or add recordings."
            )
        folds = np.empty(len(part.strata), dtype=int)
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        split = splitter.split(part.strata, part.strata, part.subjects)
        for number, (_, rows) in enumerate(split):
            folds[rows] = number
        assigned.append(folds)
    return assigned


def score_images(
    network: Any,
    images: Sequence[np.ndarray],
    recipe: Recipe,
    beats: BeatView | None = None,
) -> np.ndarray:
    """Return the mean logits of images, one column an output of the recipe.

    Parameters
    ----------
    network : keras.Model
        On windows.
    images : sequence of ndarray of shape (n_bands, n_frames)
        In dB.
    recipe : Recipe
        What the network was trained by.
    beats : BeatView or None, default=None
        The view of average beats, whose logits are blended in.

    Returns
    -------
    logits : ndarray of shape (n_recordings, n_outputs)
    """
    windows, heard = score_views(network, images, recipe, beats)
    return windows if beats is None else beats.blend(windows, heard)


def score_views(
    network: Any,
    images: Sequence[np.ndarray],
    recipe: Recipe,
    beats: BeatView | None = None,
) -> tuple[np.ndarray, list[BeatScores | None]]:
    """Return the logits of windows, and of average beats where there are any.

    Parameters are those of :func:`score_images`.
    """
    from heartbeat_clf.onnx_export import network_to_onnx

    logits, embeddings = mean_outputs(
        (image[..., np.newaxis] for image in images),
        network_to_onnx(network),
        window_frames=recipe.window_frames,
        standardize=True,
    )
    n_outputs = len(recipe.outputs)
    heard: list[BeatScores | None] = [None] * len(images)
    if beats is not None:
        heard = beats.with_units([beats.scores(image) for image in images], embeddings)
    firsts = [None if found is None else found.first(n_outputs) for found in heard]
    return logits[:, :n_outputs], firsts


def train_fold(
    data: Sequence[TrainingSet],
    images: Sequence[Sequence[np.ndarray]],
    held_out: Sequence[np.ndarray],
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    verbose: int = 0,
    say: Say = lambda message: None,
) -> pd.DataFrame:
    """Train without some of the recordings and return the scores of those.

    Parameters
    ----------
    data, images
        As :func:`heartbeat_clf.pretraining.pretrain` takes them.
    held_out : sequence of ndarray of bool of shape (n_recordings,)
        Which recordings of each data set are left out.
    recipe : Recipe
        All settings.
    folder : str or path
        Checkpoints, and ``scores.csv`` once the training is over: a further call
        reads that file and trains nothing.
    verbose : {0, 1}, default=0
        1 shows progress.
    say : callable, default=no output
        Called with a sentence where an output has no judge of beats.

    Raises
    ------
    ValueError
        If `folder` holds the scores or checkpoints of another training.

    Returns
    -------
    scores : DataFrame
        Columns ``data``, ``recording`` (file name), ``subject``, ``stratum``,
        ``seconds`` and a mean logit an output; see :func:`score_table`.
    """
    place = Path(folder)
    saved = place / "scores.csv"
    kept = [np.flatnonzero(~out) for out in held_out]
    kept_data = [part.take(rows) for part, rows in zip(data, kept, strict=True)]
    kept_data = [part for part in kept_data if len(part.recordings)]
    check_identity(place, identify(kept_data, recipe))
    left_data = [d.take(np.flatnonzero(o)) for d, o in zip(data, held_out, strict=True)]
    # The table holds the labels of what was left out.
    identity = "\n".join(
        identify(part, recipe, beats=True, besides=UNTRAINED)
        for part in (kept_data, left_data)
    )
    made_by = place / "scores.txt"
    # Others are of the same windows' network with another second view, or none.
    known = saved.exists() and made_by.exists()
    if known and made_by.read_text("utf-8") == identity:
        return _read_scores(saved)
    from heartbeat_clf.beat_view_training import train_beats
    from heartbeat_clf.pretraining import pretrain

    kept_images = [
        [ims[row] for row in rows.tolist()]
        for ims, rows in zip(images, kept, strict=True)
        if len(rows)
    ]
    network = pretrain(kept_data, kept_images, recipe, place, verbose=verbose)
    beats = train_beats(
        kept_data,
        kept_images,
        recipe,
        place / BEATS,
        windows=network,
        verbose=verbose,
        say=say,
    )
    view = None if beats is None else beats.view()
    tables = []
    for part, ims, out in zip(data, images, held_out, strict=True):
        rows = np.flatnonzero(out).tolist()
        if len(rows):
            left_out = [ims[row] for row in rows]
            tables.append(score_table(part.take(rows), left_out, network, recipe, view))
    scores = pd.concat(tables, ignore_index=True)
    # Stopped between the two, it is scored anew.
    made_by.unlink(missing_ok=True)
    with whole_file(saved) as partial:
        scores.to_csv(partial, index=False, float_format="%.5f")
    made_by.write_text(identity, encoding="utf-8")
    # As a later call would: what is made of them is then the same to the last digit.
    return _read_scores(saved)


def _read_scores(saved: Path) -> pd.DataFrame:
    return pd.read_csv(saved, dtype={"subject": str, "recording": str})


def score_table(
    part: TrainingSet,
    images: Sequence[np.ndarray],
    network: Any,
    recipe: Recipe,
    beats: BeatView | None = None,
) -> pd.DataFrame:
    """Return a row a recording with its length and its mean logits.

    With a view of average beats, columns such as ``murmur_windows``, ``murmur_beat``
    and, of judges that were fitted at once, ``murmur_linear``, ``murmur_steadiness``,
    ``murmur_familiarity``, ``murmur_made`` and ``murmur_units`` say what each gave; NaN
    where there was no beat.
    ``beats`` are those that were averaged, ``clarity`` how clearly a heart is heard.
    """
    windows, heard = score_views(network, images, recipe, beats)
    logits = windows if beats is None else beats.blend(windows, heard)
    hop = float(SpectrogramTransformer(**recipe.audio).hop_duration)
    table = {
        "data": part.name,
        "recording": [Path(path).stem for path in part.recordings],
        "subject": part.subjects,
        "stratum": part.strata,
        "seconds": [round(hop * (image.shape[1] - 1), 3) for image in images],
        **dict(zip(recipe.outputs, logits.T, strict=True)),
    }
    if beats is not None:
        unheard = np.full(len(recipe.outputs), np.nan)
        silent = BeatScores(unheard, unheard, 0, np.nan, *[unheard] * 4)
        found = [silent if said is None else said for said in heard]
        for column, name in enumerate(recipe.outputs):
            table[f"{name}_windows"] = windows[:, column]
            table[f"{name}_beat"] = [said.network[column] for said in found]
            for kind in JUDGES:
                judged = [getattr(said, kind)[column] for said in found]
                if not np.isnan(judged).all():
                    table[f"{name}_{kind}"] = judged
        table["beats"] = [said.n_beats for said in found]
        table["clarity"] = [said.clarity for said in found]
    return pd.DataFrame(table)


def train_folds(
    data: Sequence[TrainingSet],
    images: Sequence[Sequence[np.ndarray]],
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    n_folds: int = 5,
    verbose: int = 0,
    say: Say = lambda message: None,
) -> Iterator[pd.DataFrame]:
    """Yield the scores of each fold, from a network trained without it.

    Fold k leaves out part k of every data set together.

    Parameters
    ----------
    data, images, recipe, verbose
        As :func:`train_fold` takes them.
    folder : str or path
        A folder ``fold_k`` is made in it for each.
    n_folds : int, default=5
        Number of folds.
    say : callable, default=no output
        Called with a sentence before each training.

    Yields
    ------
    scores : DataFrame
        As :func:`train_fold` returns, with a column ``fold``.
    """
    folds = assign_folds(data, n_folds, seed=recipe.seed)
    for number in range(n_folds):
        say(f"fold {number + 1} of {n_folds}")
        scores = train_fold(
            data,
            images,
            [fold == number for fold in folds],
            recipe,
            Path(folder) / f"fold_{number}",
            verbose=verbose,
            say=say,
        )
        yield scores.assign(fold=number)
