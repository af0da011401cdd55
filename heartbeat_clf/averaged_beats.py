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
    "stretch_stays",
]

BEAT_COLUMNS = (8, 16, 8, 20)
"""Columns of S1, systole, S2 and diastole in the image of an average beat."""

BEAT_STATISTICS = ("median", "lower fifth", "mean")
"""Channels of that image: over the beats, at each column and band, in dB."""

_LOWER = 0.2
_ENDS = np.cumsum(BEAT_COLUMNS).tolist()
_PARTS = [slice(end - n, end) for n, end in zip(BEAT_COLUMNS, _ENDS, strict=True)]
# Where in a stay its columns lie.
_WITHIN = [(np.arange(columns) + 0.5) / columns for columns in BEAT_COLUMNS]
_SYSTOLE, _DIASTOLE = 1, 3
# By the phase, which columns of the other one fill it when they are exchanged.
_PLACES = {
    _SYSTOLE: _WITHIN[_SYSTOLE] * BEAT_COLUMNS[_DIASTOLE] - 0.5,
    _DIASTOLE: _WITHIN[_DIASTOLE] * BEAT_COLUMNS[_SYSTOLE] - 0.5,
}
# A training draws so many beats at least, where there are as many.
_FEWEST = 3
_NOISE = 0.1
_MOST_DB = 1e6


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
            "Expected states of shape (n_frames,), integers from 0 to 3, got shape "
            f"{states.shape!r} and {states.dtype} such as {states.ravel()[:6]!r}. "
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
        If a state has no stay, `image` is none or not finite, or stays reach beyond it.

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
    image = _checked(image, stays)
    if stays.n_beats == 0:
        raise ValueError(
            "Expected a stay of each heart state at least, got none of some. Take a "
            "longer recording."
        )
    share, in_a_row, shift = 1.0, False, 0.0
    if rng is not None:
        fewest = min(_FEWEST / stays.n_beats, 1.0)
        share = float(np.exp(rng.uniform(np.log(fewest), 0.0)))
        in_a_row = bool(rng.random() < 0.5)
        # The same for all: beats that are off by different times would be blurred.
        shift = float(rng.uniform(-1, 1))
    places = []
    for first, last, within in zip(stays.first, stays.last, _WITHIN, strict=True):
        if rng is not None:
            rows = _draw(len(first), share, in_a_row, rng)
            first, last = first[rows] + shift, last[rows] + shift
        places.append(_places(first, last, within))
    columns_first = np.empty((_PARTS[-1].stop, len(image), 3), dtype=np.float32)
    for stretched, columns in zip(_levels_at(image, places), _PARTS, strict=True):
        _put_statistics(stretched, columns_first[columns])
    beat = _standardised(columns_first.swapaxes(0, 1).copy())
    if rng is not None:
        beat += rng.normal(0, _NOISE, beat.shape).astype(np.float32)
    return beat


def stretch_stays(image: np.ndarray, stays: Stays) -> list[np.ndarray]:
    """Return what a log-mel image shows in each stay, at the columns of its state.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB.
    stays : Stays
        From :func:`find_stays`, of the same image.

    Returns
    -------
    stretched : list of four ndarrays of float32 of shape (n_stays, n_columns, n_bands)
        Of S1, systole, S2 and diastole, with ``BEAT_COLUMNS`` columns each.

    Raises
    ------
    ValueError
        If `image` is none or not finite, or stays reach beyond it.

    Examples
    --------
    >>> states = np.tile(np.repeat([0, 1, 2, 3], [4, 8, 4, 10]), 6)
    >>> parts = stretch_stays(np.ones((5, len(states))), find_stays(states))
    >>> [part.shape for part in parts]
    [(5, 8, 5), (6, 16, 5), (6, 8, 5), (5, 20, 5)]
    """
    bounds = zip(stays.first, stays.last, _WITHIN, strict=True)
    return _levels_at(_checked(image, stays), [_places(*part) for part in bounds])


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
        If `beat` has other columns, no band or channel, or is not finite.

    Examples
    --------
    >>> beat = np.zeros((2, 52, 3))
    >>> beat[:, 32:] = 1
    >>> exchanged = exchange_phases(beat)
    >>> float(exchanged[0, 8:24, 0].min()) > float(exchanged[0, 24:, 0].max())
    True
    """
    beat = np.asarray(beat)
    if beat.ndim != 3 or beat.shape[1] != sum(BEAT_COLUMNS) or 0 in beat.shape:
        raise ValueError(
            f"Expected a beat of shape (n_bands, {sum(BEAT_COLUMNS)}, n_channels), got "
            f"{beat.shape!r}."
        )
    _check_levels("beat", beat)
    beat = beat.astype(np.float32, copy=False)
    exchanged = beat.copy()
    for phase, other in ((_SYSTOLE, _DIASTOLE), (_DIASTOLE, _SYSTOLE)):
        columns_first = beat[:, _PARTS[other]].swapaxes(0, 1)
        resized = _interpolated(columns_first, _PLACES[phase])
        exchanged[:, _PARTS[phase]] = resized.swapaxes(0, 1)
    return _standardised(exchanged)


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


def _checked(image: np.ndarray, stays: Stays) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(
            f"Expected an image of shape (n_bands, n_frames), got {image.shape!r}."
        )
    _check_levels("image", image)
    end = max((float(part[-1]) for part in stays.last if len(part)), default=0.0)
    if end > image.shape[1]:
        raise ValueError(
            f"Expected stays within the image of {image.shape[1]} frames, got some up "
            f"to {end:g}. Take those of the same image."
        )
    return image


def _check_levels(name: str, levels: np.ndarray) -> None:
    numbers = levels.dtype.kind in "biuf"
    # Of NaN neither is larger; small types of numbers do not hold the limit.
    if not numbers or not max(float(levels.max()), -float(levels.min())) <= _MOST_DB:
        got = [levels.min(), levels.max()] if numbers else levels.dtype
        raise ValueError(f"Expected finite levels in dB in {name}, got {got}.")


def _places(first: np.ndarray, last: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return where each stay's columns lie in frames, a row a stay."""
    places: np.ndarray = first[:, np.newaxis] + within * (last - first)[:, np.newaxis]
    return places


def _levels_at(image: np.ndarray, places: list[np.ndarray]) -> list[np.ndarray]:
    """Return the levels of all bands at each part's places, bands last."""
    # Frames first: one is then picked as a whole. All at once: parts are small.
    found = _interpolated(
        np.ascontiguousarray(image.T), np.concatenate([part.ravel() for part in places])
    ).astype(np.float32, copy=False)
    parts, begin = [], 0
    for part in places:
        levels = found[begin : begin + part.size]
        parts.append(levels.reshape(*part.shape, len(image)))
        begin += part.size
    return parts


def _interpolated(frames: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return what is between the frames; beyond the outermost one what is there."""
    last = len(frames) - 1
    places = np.clip(places, 0, last)
    before = np.minimum(places.astype(int), max(last - 1, 0))
    after = np.minimum(before + 1, last)
    share = (places - before).astype(np.float32)
    share = share.reshape(*share.shape, *(1,) * (frames.ndim - 1))
    found: np.ndarray = frames[before] * (1 - share) + frames[after] * share
    return found


def _put_statistics(stays: np.ndarray, target: np.ndarray) -> None:
    """Write what ``BEAT_STATISTICS`` names to (columns, n_bands, 3), and sort stays."""
    target[..., 2] = stays.mean(axis=0)
    # A full sort along the first axis is faster than partitions: it is vectorised.
    stays.sort(axis=0)
    target[..., 0] = _quantile(stays, 0.5)
    target[..., 1] = _quantile(stays, _LOWER)


def _quantile(ranked: np.ndarray, share: float) -> np.ndarray:
    place = share * (len(ranked) - 1)
    below = int(place)
    rest = np.float32(place - below)
    above = ranked[min(below + 1, len(ranked) - 1)]
    found: np.ndarray = ranked[below] * (1 - rest) + above * rest
    return found
