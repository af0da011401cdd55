"""What a judge says of the units of both networks, before they judge."""

from __future__ import annotations

import numpy as np

from heartbeat_clf.beat_scores import BeatScores
from heartbeat_clf.network_sessions import network_session

__all__ = ["hear_units"]


def hear_units(
    judge: bytes, beats: list[BeatScores | None], embeddings: np.ndarray
) -> list[BeatScores | None]:
    """Return what is said of beats with what a judge of units says.

    Parameters
    ----------
    judge : bytes
        ONNX, as :func:`heartbeat_clf.forest_judge.forests_to_onnx` gives it.
    beats : list of BeatScores or None
        With what the network on average beats hears, one a recording.
    embeddings : ndarray of shape (n_recordings, n_features)
        What the network on windows hears.

    Returns
    -------
    beats : list of BeatScores or None

    Raises
    ------
    ValueError
        If there are not as many embeddings, they are not finite, or what is heard is
        not of the width that the judge learnt from.
    """
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or len(embeddings) != len(beats):
        raise ValueError(
            f"Expected embeddings of shape ({len(beats)}, n_features), one row a "
            f"recording, got {embeddings.shape!r}."
        )
    if not np.isfinite(embeddings).all():
        raise ValueError("Expected finite embeddings, got some that are not.")
    run = network_session(judge)
    told: list[BeatScores | None] = []
    for found, embedding in zip(beats, embeddings, strict=True):
        if found is not None:
            heard = np.concatenate([embedding, found.heard]).astype(np.float32)
            try:
                said = run(heard[np.newaxis])[0]
            # ONNX Runtime's errors have no base of their own.
            except Exception as error:
                raise ValueError(
                    "Expected the units that the judge learnt from, those of the "
                    "network on windows and of this view's on beats, got "
                    f"{len(embedding)} and {len(found.heard)}: {error}"
                ) from error
            units = found.units.copy()
            units[: len(said)] = said
            found = found._replace(units=units)
        told.append(found)
    return told
