"""The average beat of a recording: a small image of what its beats have in common.

A faint murmur lies below the noise in every single beat, and noise differs from beat to
beat: averaged over tens of beats the murmur is left. S1, systole, S2 and diastole are
each brought to a fixed number of columns, so that beats of any heart rate lie on top of
each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heartbeat_clf.beat_decoding import STATES

__all__ = [
    "BEAT_COLUMNS",
    "BEAT_STATISTICS",
    "Stays",
    "average_beat",
    "exchange_phases",
    "find_stays",
]

BEAT_COLUMNS = (8, 16, 8, 20)
"""Columns of S1, systole, S2 and diastole in the image of an average beat."""

BEAT_STATISTICS = ("median", "lower fifth", "mean")
"""Channels of that image: over the beats, at each column and band, in dB."""

_LOWER = 0.2
# A training draws so many beats at least, where there are as many.
_FEWEST = 3
_NOISE = 0.1


class Stays(NamedTuple):
    """When a recording stays in each of the four heart states.

    Attributes
    ----------
    first, last : tuple of four ndarrays of float64
        Borders of the stays in frames, for S1, systole, S2 and diastole; frame i is
        centred on i.
    """

    first: tuple[np.ndarray, ...]
    last: tuple[np.ndarray, ...]

    @property
    def n_beats(self) -> int:
        """The least number of stays of a state."""
        return min(map(len, self.first))


def find_stays(states: np.ndarray) -> Stays:
    """Return the stays in each state, without those that the ends cut short.

    A state that is cut short wherever it occurs keeps what there is of it.

    Parameters
    ----------
    states : ndarray of int of shape (n_frames,)
        Index into ``beat_decoding.STATES``.

    Returns
    -------
    stays : Stays

    Raises
    ------
    ValueError
        If `states` is empty or holds something else.

    Examples
    --------
    >>> stays = find_stays(np.repeat([3, 0, 1, 2, 3, 0], [4, 2, 3, 2, 6, 1]))
    >>> [part.tolist() for part in stays.first]
    [[3.5], [5.5], [8.5], [10.5]]
    >>> stays.n_beats
    1
    """
    states = np.asarray(states)
    numeric = states.dtype.kind in "iu"
    if (
        states.ndim != 1
        or not len(states)
        or not numeric
        or states.min() < 0
        or states.max() >= len(STATES)
    ):
        raise ValueError(
            "Expected states of shape (n_frames,), 0 to 3 each, got shape "
            f"{states.shape!r} with values {np.unique(states)[:6].tolist()}. "
            "beat_decoding.decode_states gives them."
        )
    edges = np.flatnonzero(np.diff(states)) + 1
    borders = np.concatenate([[0], edges, [len(states)]]) - 0.5
    order = states[np.concatenate([[0], edges])]
    whole = np.ones(len(order), dtype=bool)
    whole[[0, -1]] = False
    first, last = [], []
    for state in range(len(STATES)):
        rows = np.flatnonzero((order == state) & whole)
        if not len(rows):
            rows = np.flatnonzero(order == state)
        first.append(borders[rows])
        last.append(borders[rows + 1])
    return Stays(tuple(first), tuple(last))


def average_beat(
    image: np.ndarray, stays: Stays, *, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Return the average beat of a log-mel image, standardised.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB.
    stays : Stays
        From :func:`find_stays`; at least one of each state.
    rng : Generator or None, default=None
        For training: averages some of the beats, from three to all, in a row or
        scattered, up to a frame early or late, with a little noise. None takes all as
        they are.

    Returns
    -------
    beat : ndarray of float32 of shape (n_bands, 52, 3)
        Channels as ``BEAT_STATISTICS``; mean 0 and deviation 1 in the first.

    Raises
    ------
    ValueError
        If a state has no stay, `image` is none, or stays reach beyond it.

    References
    ----------
    Averaging over beats is known from signal-averaged electrocardiography (Simson
    1981, Circulation 64(2): 235-242); here levels are averaged, not waves, as a murmur
    is noise whose phase differs from beat to beat.

    Examples
    --------
    >>> states = np.tile(np.repeat([0, 1, 2, 3], [4, 8, 4, 10]), 6)
    >>> image = np.tile(np.where(states % 2 == 0, 10.0, 0.0), (5, 1))
    >>> beat = average_beat(image, find_stays(states))
    >>> beat.shape
    (5, 52, 3)
    >>> bool(beat[0, 4, 0] > beat[0, 16, 0])
    True
    """
    image = np.asarray(image)
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(
            f"Expected an image of shape (n_bands, n_frames), got {image.shape!r}."
        )
    if stays.n_beats == 0:
        raise ValueError(
            "Expected a stay of each heart state at least, got none of some. Take a "
            "longer recording."
        )
    end = max(float(part[-1]) for part in stays.last)
    if end > image.shape[1]:
        raise ValueError(
            f"Expected stays within the image of {image.shape[1]} frames, got some up "
            f"to {end:g}. Take those of the same image."
        )
    share, in_a_row, shift = 1.0, False, 0.0
    if rng is not None:
        fewest = min(_FEWEST / stays.n_beats, 1.0)
        share = float(np.exp(rng.uniform(np.log(fewest), 0.0)))
        in_a_row = bool(rng.random() < 0.5)
        # The same for all: beats that are off by different times would be blurred.
        shift = float(rng.uniform(-1, 1))
    parts = []
    for first, last, columns in zip(stays.first, stays.last, BEAT_COLUMNS, strict=True):
        if rng is not None:
            rows = _draw(len(first), share, in_a_row, rng)
            first, last = first[rows] + shift, last[rows] + shift
        parts.append(_statistics(_stretched(image, first, last, columns)))
    beat = _standardised(np.concatenate(parts, axis=1))
    if rng is not None:
        beat += rng.normal(0, _NOISE, beat.shape).astype(np.float32)
    return beat


def exchange_phases(beat: np.ndarray) -> np.ndarray:
    """Return an average beat whose systole and diastole stand in each other's place.

    A murmur of the diastole stands where one of the systole would, so that what has
    learnt from the latter hears the former.

    Parameters
    ----------
    beat : ndarray of shape (n_bands, 52, n_channels)
        As :func:`average_beat` gives it; not changed.

    Returns
    -------
    exchanged : ndarray of float32 of shape (n_bands, 52, n_channels)
        Columns of both are interpolated to the number of the other, so that exchanging
        again gives nearly what was; mean 0 and deviation 1 in the first channel.

    Raises
    ------
    ValueError
        If `beat` has other columns, or no band or channel.

    Examples
    --------
    >>> beat = np.zeros((2, 52, 3))
    >>> beat[:, 32:] = 1
    >>> exchanged = exchange_phases(beat)
    >>> float(exchanged[0, 8:24, 0].min()) > float(exchanged[0, 24:, 0].max())
    True
    """
    beat = np.asarray(beat, dtype=np.float32)
    if beat.ndim != 3 or beat.shape[1] != sum(BEAT_COLUMNS) or 0 in beat.shape:
        raise ValueError(
            f"Expected a beat of shape (n_bands, {sum(BEAT_COLUMNS)}, n_channels), got "
            f"{beat.shape!r}."
        )
    s1, systole, s2, diastole = np.split(beat, np.cumsum(BEAT_COLUMNS)[:-1], axis=1)
    parts = [s1, _resized(diastole, BEAT_COLUMNS[1]), s2]
    return _standardised(
        np.concatenate([*parts, _resized(systole, BEAT_COLUMNS[3])], axis=1)
    )


def _resized(part: np.ndarray, columns: int) -> np.ndarray:
    """Return a part of a beat with another number of columns, interpolated."""
    return _interpolated(
        part, (np.arange(columns) + 0.5) / columns * part.shape[1] - 0.5
    )


def _standardised(beat: np.ndarray) -> np.ndarray:
    """Bring the first channel to mean 0 and deviation 1, the others along with it."""
    middle = beat[..., 0]
    beat -= middle.mean()
    beat /= max(float(middle.std()), 1e-3)
    return beat


def _draw(n: int, share: float, in_a_row: bool, rng: np.random.Generator) -> np.ndarray:
    size = max(1, round(n * share))
    if in_a_row:
        return np.arange(size) + rng.integers(n - size + 1)
    return rng.choice(n, size, replace=False)


def _stretched(
    image: np.ndarray, first: np.ndarray, last: np.ndarray, columns: int
) -> np.ndarray:
    """Return each stay at the same number of columns: (n_stays, n_bands, columns)."""
    place = (np.arange(columns) + 0.5) / columns
    frames = first[:, np.newaxis] + place * (last - first)[:, np.newaxis]
    stays = _interpolated(image, frames)
    return np.ascontiguousarray(stays.transpose(1, 0, 2), dtype=np.float32)


def _interpolated(levels: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return levels at places between the columns; at the outermost one beyond it."""
    last = levels.shape[1] - 1
    frames = np.clip(frames, 0, last)
    before = np.minimum(frames.astype(int), max(last - 1, 0))
    after = np.minimum(before + 1, last)
    share = (frames - before).astype(np.float32)
    share = share.reshape(*share.shape, *(1,) * (levels.ndim - 2))
    found: np.ndarray = levels[:, before] * (1 - share) + levels[:, after] * share
    return found


def _statistics(stays: np.ndarray) -> np.ndarray:
    """Return what ``BEAT_STATISTICS`` names: (n_bands, columns, 3)."""
    # A full sort along the first axis is faster than partitions: it is vectorised.
    ranked = np.sort(stays, axis=0)
    return np.stack(
        [_quantile(ranked, 0.5), _quantile(ranked, _LOWER), stays.mean(axis=0)],
        axis=-1,
    )


def _quantile(ranked: np.ndarray, share: float) -> np.ndarray:
    place = share * (len(ranked) - 1)
    below = int(place)
    rest = np.float32(place - below)
    above = ranked[min(below + 1, len(ranked) - 1)]
    found: np.ndarray = ranked[below] * (1 - rest) + above * rest
    return found
