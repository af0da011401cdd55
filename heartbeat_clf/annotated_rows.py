"""Which recordings of a training have annotated heart states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heartbeat_clf.datasets.circor import read_segmentation
from heartbeat_clf.pretraining_data import TrainingSet
from heartbeat_clf.pretraining_recipe import Recipe
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["annotated_rows"]


def annotated_rows(
    data: TrainingSet, images: Sequence[np.ndarray], recipe: Recipe
) -> dict[int, np.ndarray]:
    """Return rows of recordings whose heart states are annotated, with the table.

    Parameters
    ----------
    data : TrainingSet
        Whose ``metadata`` may have a column ``segmentation`` with files.
    images : sequence of ndarray of shape (n_bands, n_frames)
        Its images. What is annotated beyond the end of one is of a recording whose
        silence was trimmed, so that times do not hold any more: it is left out.
    recipe : Recipe
        What the images were made by.

    Returns
    -------
    segments : dict of int to ndarray of shape (n_segments, 3)
        Start and end in seconds and state; 0 for what is not annotated.
    """
    if "segmentation" not in data.metadata:
        return {}
    found = {}
    hop = float(SpectrogramTransformer(**recipe.audio).hop_duration)
    for row, (path, image) in enumerate(
        zip(data.metadata["segmentation"], images, strict=True)
    ):
        if not path:
            continue
        table = read_segmentation(path).to_numpy()
        known = (table[:, 2] >= 1) & (table[:, 2] <= 4)
        if known.any() and table[-1, 1] <= (image.shape[1] + 1) * hop:
            # 0 is what is not annotated; one file of CirCor has a 28.
            table[~known, 2] = 0
            found[row] = table
    return found
