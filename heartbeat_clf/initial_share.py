"""How much of the initial weights stays in a network that was trained on."""

from __future__ import annotations

from collections.abc import Sequence

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from heartbeat_clf.folds import check_labels
from heartbeat_clf.linear_probe import fit_probe
from heartbeat_clf.network_sessions import network_session
from heartbeat_clf.onnx_export import UnsupportedLayerError, network_to_onnx
from heartbeat_clf.prediction import logits_to_scores, mean_logits
from heartbeat_clf.training_callbacks import recording_auroc

__all__ = ["KEPT_SHARE", "choose_share", "draw_back"]

KEPT_SHARE = 0.5
"""What "auto" keeps where the initial weights know the question."""

# Chosen on changed recordings of CirCor and databases of CinC 2016; the share is what
# Wortsman et al. advise. See docs/experiments.md.
_MARGIN = 0.05
_N_FOLDS = 5


def choose_share(
    network: keras.Model,
    images: Sequence[np.ndarray],
    codes: np.ndarray,
    sample_weight: np.ndarray,
    groups: np.ndarray | None,
    *,
    window_frames: int,
    standardize: bool,
    seed: int,
) -> float:
    """Return the share of the weights to keep, by how well they know the question.

    The network, not trained on yet, ranks the recordings; so does a logistic regression
    on what it hears, each fifth by the other recordings. Where the network is not worse
    by more than 0.05 (AUROC), there is little to learn and much to lose.

    Parameters
    ----------
    network : keras.Model
        With its own head.
    images : sequence of ndarray of shape (n_bands, n_frames, n_channels)
        To be trained on.
    codes : ndarray of int of shape (n_recordings,)
        Their classes.
    sample_weight : ndarray of shape (n_recordings,)
        Their weights in relation to each other; those of zero are left out.
    groups : ndarray of shape (n_recordings,) or None
        Subjects, which no two folds share.
    window_frames : int
        Length of a window.
    standardize : bool
        Whether each image is brought to mean 0 and deviation 1.
    seed : int
        Origin of the folds.

    Returns
    -------
    share : float
        `KEPT_SHARE` where the network is as good, or recordings are too few to say;
        0 where it is not, or what it hears cannot be told.

    Raises
    ------
    ValueError
        If a subject is missing.
    """
    try:
        exported = network_to_onnx(network)
    except UnsupportedLayerError:
        return 0.0
    counted = np.flatnonzero(sample_weight)
    subjects = counted if groups is None else check_labels("groups", groups)[counted]
    codes, weights = codes[counted], sample_weight[counted]
    folds = _folds(codes, subjects, seed)
    if not folds:
        return KEPT_SHARE

    def heard(output: str) -> np.ndarray:
        return mean_logits(
            [images[row] for row in counted.tolist()],
            network_session(exported, output),
            window_frames=window_frames,
            standardize=standardize,
        )

    features, told = heard("embedding"), logits_to_scores(heard("logits"))
    margins = []
    for train, test in folds:
        scaler, model = fit_probe(features[train], codes[train], weights[train])
        learnt = model.decision_function(scaler.transform(features[test]))
        learnt = learnt.reshape(len(test), -1)
        margins.append(
            recording_auroc(codes[test], learnt)
            - recording_auroc(codes[test], told[test])
        )
    return KEPT_SHARE if np.mean(margins) <= _MARGIN else 0.0


def draw_back(
    network: keras.Model, initial: Sequence[np.ndarray], share: float
) -> None:
    """Move a network's weights back towards others, by a share of the way.

    Interpolated weights of a network before and after it was trained on keep more of
    what it knew (Wortsman et al. 2022, arXiv 2109.01903).

    Parameters
    ----------
    network : keras.Model
        Changed in place, with the statistics of its norms.
    initial : sequence of ndarray
        What ``network.get_weights()`` was.
    share : float
        0 changes nothing, 1 brings the others back.
    """
    # In this form what training left alone stays the same to the last bit.
    network.set_weights(
        [
            late + share * (early - late)
            for early, late in zip(initial, network.get_weights(), strict=True)
        ]
    )


def _folds(
    codes: np.ndarray, subjects: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds each part of which holds every class; none where there are none."""
    known = np.unique(codes)
    n_folds = min(
        [_N_FOLDS, *(len(np.unique(subjects[codes == code])) for code in known)]
    )
    if n_folds < 2 or len(known) < 2:
        return []
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = list(splitter.split(codes, codes, subjects))
    parts = [codes[rows] for fold in folds for rows in fold]
    return folds if all(len(np.unique(part)) == len(known) for part in parts) else []
