"""Batches of windows from several data sets, balanced over sets and strata."""

from __future__ import annotations

from collections.abc import Sequence

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf.augmentations import Augmentation, augment_windows
from heartbeat_clf.windows import (
    cut_window,
    random_start,
)

__all__ = ["Pools", "StratifiedFeed", "deal_counts"]

Pools = Sequence[Sequence[tuple[float, np.ndarray]]]
"""For each data set, the share and the row numbers of each of its strata."""


def deal_counts(
    shares: Sequence[float], n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return how many of `n` windows each stratum gets, right on average.

    Whole parts are dealt as they are; what is left goes to the strata by systematic
    sampling of the fractions, in random order.

    Examples
    --------
    >>> deal_counts([2, 1, 1], 8, np.random.default_rng(0)).tolist()
    [4, 2, 2]
    """
    exact = np.asarray(shares, dtype=float)
    exact = exact / exact.sum() * n
    counts = np.floor(exact).astype(int)
    left = n - counts.sum()
    if left:
        order = rng.permutation(len(exact))
        edges = np.concatenate([[0.0], np.cumsum((exact - counts)[order])])
        points = rng.random() + np.arange(left)
        taken = np.searchsorted(edges, points, side="right") - 1
        np.add.at(counts, order[np.minimum(taken, len(order) - 1)], 1)
    return counts


class StratifiedFeed(keras.utils.PyDataset):
    """Random windows of random recordings: data sets in equal parts of a batch.

    Every choice follows from `seed` and the number of the step, so that a training
    that was stopped goes on with the batches that it would have had.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_bands, n_frames, 1)
        Images of all recordings, standardised.
    targets : ndarray of float32 of shape (n_recordings, n_outputs)
        NaN where an output learns nothing.
    pools : sequence of sequence of (float, ndarray)
        A data set: share and row numbers of each stratum.
    window_frames, batch_size, steps, seed : int
        Length of a window, windows a batch, batches a round, origin of the choices.
    augmentations : sequence of callable
        Applied in turn to each batch.
    set_augmentations : sequence of sequence of callable, default=()
        A data set: applied before the others to its windows alone. None for none.
    first_round : int, default=0
        Rounds that were trained before.
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        targets: np.ndarray,
        pools: Pools,
        *,
        window_frames: int,
        batch_size: int,
        steps: int,
        seed: int,
        augmentations: Sequence[Augmentation],
        set_augmentations: Sequence[Sequence[Augmentation]] = (),
        first_round: int = 0,
    ) -> None:
        super().__init__()
        self.images = images
        self.targets = targets
        self.pools = pools
        self.window_frames = window_frames
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.augmentations = augmentations
        self.set_augmentations = set_augmentations or [()] * len(pools)
        self.round = first_round

    def __len__(self) -> int:
        return self.steps

    def draw_rows(self, rng: np.random.Generator) -> list[np.ndarray]:
        """Return the rows of a batch, an array a data set."""
        sizes = deal_counts([1.0] * len(self.pools), self.batch_size, rng)
        rows: list[np.ndarray] = []
        for strata, size in zip(self.pools, sizes, strict=True):
            counts = deal_counts([share for share, _ in strata], int(size), rng)
            drawn = [
                rng.choice(members, count)
                for (_, members), count in zip(strata, counts, strict=True)
            ]
            rows.append(np.concatenate(drawn))
        return rows

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.round * self.steps + index])
        drawn = self.draw_rows(rng)
        rows = np.concatenate(drawn)
        windows = np.empty((len(rows), *self.window_shape), dtype=np.float32)
        for window, row in zip(windows, rows, strict=True):
            window[:] = self.draw_window(int(row), rng)
        first = 0
        for part, functions in zip(drawn, self.set_augmentations, strict=True):
            end = first + len(part)
            windows[first:end] = augment_windows(windows[first:end], functions, rng)
            first = end
        return augment_windows(windows, self.augmentations, rng), self.targets[rows]

    @property
    def window_shape(self) -> tuple[int, int, int]:
        """Bands, frames and channels."""
        bands, _, channels = self.images[0].shape
        return bands, self.window_frames, channels

    def draw_window(self, row: int, rng: np.random.Generator) -> np.ndarray:
        """Return a random window of a recording."""
        image = self.images[row]
        start = random_start(image.shape[1], self.window_frames, rng)
        return cut_window(image, start, self.window_frames)

    def close(self) -> None:
        """Let go of the recordings: TensorFlow keeps this object for ever.

        See :meth:`heartbeat_clf.training.WindowFeed.close`.
        """
        self.images = ()

    def on_epoch_end(self) -> None:
        """Go on to the next round."""
        self.round += 1
