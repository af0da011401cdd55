"""From a trained multi-output network to model files that predict and train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from heartbeat_clf.calibration import fit_calibration
from heartbeat_clf.classifier import HeartbeatClassifier
from heartbeat_clf.heartbeat_pipeline import HeartbeatPipeline
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.operating_points import (
    COMBINATIONS,
    OperatingPoints,
    combine_scores,
)
from heartbeat_clf.prediction import Calibration, WindowPredictor
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.spectrogram import SpectrogramTransformer

if TYPE_CHECKING:
    from heartbeat_clf.beat_view_training import TrainedBeats

__all__ = [
    "CalibratedAnswer",
    "as_pipeline",
    "calibrate",
    "calibrate_answer",
    "calibrate_persons",
    "choose_combination",
    "combine_persons",
    "labelled_rows",
    "rows_of_persons",
]


def calibrate(scores: pd.DataFrame, output: str) -> tuple[Calibration, pd.DataFrame]:
    """Fit slope and intercept of an output on the recordings left out of folds.

    Parameters
    ----------
    scores : DataFrame
        As :func:`heartbeat_clf.pretraining_run.train_folds` yields, all folds.
    output : str
        The output; rows of its data sets' strata "normal" and positive ones count.

    Returns
    -------
    calibration : Calibration
        Of log odds of "normal", the second class.
    rows : DataFrame
        The rows that were used, with ``positive`` (bool) and ``log_odds``, the
        calibrated log odds of the positive class.
    """
    rows = labelled_rows(scores, output)
    positive = rows["positive"].to_numpy()
    raw = rows[output].to_numpy()
    codes = (~positive).astype(int)
    calibration = fit_calibration(
        Calibration((0.0,)),
        -raw[:, np.newaxis],
        codes,
        np.ones(len(codes)),
        prior="slope",
    )
    log_odds = -calibration.apply(-raw[:, np.newaxis])[:, 0]
    return calibration, rows.assign(log_odds=log_odds)


def labelled_rows(scores: pd.DataFrame, output: str) -> pd.DataFrame:
    """Return the rows that have a label for an output, with a column ``positive``."""
    label = scores["stratum"].str.rsplit("/", n=1).str[-1]
    rows = scores[label.isin([output, "normal"]) & scores[output].notna()]
    data = set(scores.loc[label == output, "data"])
    rows = rows[rows["data"].isin(data)]
    return rows.assign(positive=label[rows.index] == output)


def rows_of_persons(
    scores: pd.DataFrame, rows: pd.DataFrame, output: str, calibration: Calibration
) -> pd.DataFrame:
    """Return all recordings of the persons who are labelled by some of theirs.

    One answer a person is made of whatever was recorded: a murmur is not heard at every
    position, and who is asked about does not know at which.

    Parameters
    ----------
    scores : DataFrame
        As `calibrate` takes it; a subject is one person whatever the data set.
    rows : DataFrame
        As `calibrate` returns it.
    output : str
        The output.
    calibration : Calibration
        As `calibrate` returns it.

    Returns
    -------
    rows : DataFrame
        With ``log_odds`` and, for all recordings of a person with a positive one,
        ``positive``.
    """
    persons = rows.groupby("subject")["positive"].any()
    found = scores[scores["subject"].isin(persons.index) & scores[output].notna()]
    log_odds = -calibration.apply(-found[[output]].to_numpy())[:, 0]
    positive = persons.loc[found["subject"]].to_numpy()
    return found.assign(log_odds=log_odds, positive=positive)


def choose_combination(
    rows: pd.DataFrame,
    options: Sequence[str] = COMBINATIONS,
) -> tuple[str, dict[str, float]]:
    """Return how recordings of a person are best combined, and what each way gave.

    Parameters
    ----------
    rows : DataFrame
        Columns ``fold``, ``subject``, ``log_odds``, ``positive`` and, with a view of
        average beats, ``clarity``.
    options : sequence of str
        Ways of :func:`heartbeat_clf.operating_points.combine_scores`.

    Returns
    -------
    best : str
        With the largest AUROC of persons within folds, averaged over folds.
    found : dict of str to float
        That AUROC of each way.
    """
    from sklearn.metrics import roc_auc_score

    found = {}
    for option in options:
        folds = []
        for _, fold in rows.groupby("fold"):
            persons = combine_persons(fold, option)
            if persons["positive"].nunique() == 2:
                folds.append(roc_auc_score(persons["positive"], persons["log_odds"]))
        found[option] = float(np.mean(folds)) if folds else float("nan")
    return max(found, key=lambda name: found[name]), found


def combine_persons(rows: pd.DataFrame, combine: str) -> pd.DataFrame:
    """Return a row a person: ``log_odds`` combined, ``positive`` if a recording is."""
    groups = rows.groupby("subject", sort=True)
    log_odds = {
        name: combine_scores(part["log_odds"], combine, part.get("clarity"))
        for name, part in groups
    }
    return pd.DataFrame(
        {"log_odds": pd.Series(log_odds), "positive": groups["positive"].any()}
    )


def calibrate_persons(
    rows: pd.DataFrame, combine: str
) -> tuple[float, float, pd.DataFrame]:
    """Fit slope and intercept of persons' combined log odds.

    Parameters
    ----------
    rows : DataFrame
        As `rows_of_persons` returns.
    combine : str
        Way of :func:`heartbeat_clf.operating_points.combine_scores`.

    Returns
    -------
    slope, intercept : float
        1 and 0 where no person has several recordings.
    persons : DataFrame
        ``log_odds``, combined and mapped, and ``positive`` of each person.
    """
    persons = combine_persons(rows, combine)
    if not rows["subject"].duplicated().any():
        return 1.0, 0.0, persons
    found = fit_calibration(
        Calibration((0.0,)),
        persons["log_odds"].to_numpy()[:, np.newaxis],
        persons["positive"].to_numpy().astype(int),
        np.ones(len(persons)),
        prior="slope",
    )
    slope, intercept = found.slope, found.intercept[0]
    mapped = slope * persons["log_odds"] + intercept
    return slope, intercept, persons.assign(log_odds=mapped)


@dataclass(frozen=True)
class CalibratedAnswer:
    """What scores of those left out say of a model.

    Attributes
    ----------
    calibration : Calibration
        Of a recording's score.
    operating_points : OperatingPoints
        What was reached on persons, and how their recordings are combined.
    class_counts : tuple of int
        Recordings that are positive and those that are not.
    combinations : dict of str to float
        AUROC of persons by each way to combine their recordings.
    """

    calibration: Calibration
    operating_points: OperatingPoints
    class_counts: tuple[int, int]
    combinations: dict[str, float]

    def report(self) -> dict[str, Any]:
        """Return what ``training.json`` says of it."""
        points = self.operating_points
        return {
            "recordings": dict(
                zip((points.positive, "normal"), self.class_counts, strict=True)
            ),
            "slope": self.calibration.slope,
            "intercept": list(self.calibration.intercept),
            "combine": points.combine,
            "auroc_of_combinations": self.combinations,
        }


def calibrate_answer(
    scores: pd.DataFrame, output: str, *, n_folds: int
) -> CalibratedAnswer:
    """Return calibration and operating points of an answer from scores of folds.

    Parameters
    ----------
    scores : DataFrame
        Of all folds, as :func:`heartbeat_clf.pretraining_run.train_folds` yields them.
    output : str
        Which column is calibrated.
    n_folds : int
        How many folds there were.

    Returns
    -------
    answer : CalibratedAnswer

    Raises
    ------
    ValueError
        If a class is missing among the rows with a label for `output`.
    """
    # A number may be one person in one table and another in the next.
    known = scores["data"] + "/" + scores["subject"].astype(str)
    scores = scores.assign(subject=known)
    calibration, rows = calibrate(scores, output)
    heard = rows_of_persons(scores, rows, output, calibration)
    combine, found = choose_combination(heard)
    slope, intercept, persons = calibrate_persons(heard, combine)
    points = OperatingPoints(
        positive=output,
        combine=combine,
        slope=slope,
        intercept=intercept,
        scores=tuple(persons["log_odds"]),
        truth=tuple(persons["positive"]),
        unit="person" if heard["subject"].duplicated().any() else "recording",
        source=f"{n_folds} folds of {', '.join(sorted(set(rows['data'])))}, each "
        "scored by a network that was trained without it",
    )
    counts = int(rows["positive"].sum()), int((~rows["positive"]).sum())
    return CalibratedAnswer(calibration, points, counts, found)


def as_pipeline(
    network: Any,
    output: str,
    recipe: Recipe,
    *,
    calibration: Calibration,
    operating_points: OperatingPoints | None,
    class_counts: tuple[int, int],
    beats: TrainedBeats | None = None,
) -> Pipeline:
    """Return a fitted pipeline around one output of a trained network.

    Parameters
    ----------
    network : keras.Model
        As :func:`heartbeat_clf.pretraining.pretrain` returns.
    output : str
        One of ``recipe.outputs``: the first class; the second is "normal".
    recipe : Recipe
        The settings that it was trained with.
    calibration : Calibration
        Of the log odds of "normal".
    operating_points : OperatingPoints or None
        Kept with the classifier.
    class_counts : tuple of int
        Recordings of `output` and of "normal" that it was trained on.
    beats : TrainedBeats or None, default=None
        The view of average beats, with the same outputs.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        Predicts without TensorFlow; ``partial_fit`` trains it on.
    """
    import keras

    from heartbeat_clf.losses import get_loss
    from heartbeat_clf.onnx_export import network_to_onnx
    from heartbeat_clf.pretraining import single_output
    from heartbeat_clf.training import LogitAUROC, network_archive

    single = single_output(network, list(recipe.outputs).index(output), sign=-1)
    single.compile(
        optimizer=keras.optimizers.Adam(recipe.learning_rate),
        loss=get_loss("auroc_crossentropy", n_outputs=1),
        metrics=[LogitAUROC(n_outputs=1)],
        jit_compile=False,
    )
    # Zeros, which the archive packs away; Keras reads no optimiser without state.
    single.optimizer.build(single.trainable_variables)
    transformer = SpectrogramTransformer(**recipe.audio)
    trimmer = ImageTrimmer(**recipe.trimmer)
    # Their fits learn nothing from the recordings: all bands are kept.
    silence = np.sin(np.arange(2 * transformer.sample_rate, dtype=np.float32))
    trimmer.fit(transformer.fit_transform([silence]))
    classifier = HeartbeatClassifier(
        network=recipe.network,
        kernel_l2=recipe.kernel_l2,
        dropout=recipe.dropout,
        window_frames=recipe.window_frames,
        learning_rate=recipe.learning_rate,
        augment=recipe.augment,
        random_state=recipe.seed,
    )
    classifier.classes_ = np.array([output, "normal"])
    bands, frames, channels = single.input_shape[1:]
    classifier.predictor_ = WindowPredictor(
        network=network_to_onnx(single),
        engine="onnx",
        n_bands=bands,
        window_frames=frames,
        n_channels=channels,
        standardize=True,
        calibration=calibration,
        beats=None if beats is None else beats.view(output, sign=-1),
    )
    counts = [list(map(float, class_counts))] * 2
    classifier.restore_training(
        network_archive(single),
        {"loss": [], "auroc": []},
        {"seed": recipe.seed, "class_totals": counts},
    )
    if operating_points is not None:
        classifier.operating_points_ = operating_points
    steps = [("spectrogram", transformer), ("trimmer", trimmer)]
    return HeartbeatPipeline([*steps, ("classifier", classifier)])
