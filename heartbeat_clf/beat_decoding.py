"""From probabilities a frame to a sequence of heart states, aware of their durations.

A semi-Markov Viterbi search: S1, systole, S2 and diastole follow each other in this
order, and each stay has a duration whose logarithm is normal, within bounds. Diastole
is left nearly free, so that a premature beat and the pause after it cost little.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from heartbeat_clf._validation import check_number

try:
    from heartbeat_clf import _beat_search as compiled
except ImportError:  # no compiler was at hand where the library was installed
    compiled = None  # type: ignore[assignment]

__all__ = ["STATES", "StateDuration", "decode_states", "state_starts"]

STATES = ("S1", "systole", "S2", "diastole")


class StateDuration(NamedTuple):
    """How long a state lasts: seconds, and the spread of the logarithm."""

    median: float
    spread: float
    shortest: float
    longest: float


# Medians lie between those of CirCor's children and of adults.
DURATIONS = (
    StateDuration(0.12, 0.3, 0.04, 0.25),
    StateDuration(0.17, 0.4, 0.06, 0.40),
    StateDuration(0.10, 0.3, 0.04, 0.22),
    StateDuration(0.35, 1.0, 0.06, 2.00),
)


def decode_states(
    log_probabilities: np.ndarray,
    *,
    frame_rate: float,
    durations: tuple[StateDuration, ...] = DURATIONS,
) -> np.ndarray:
    """Return the likeliest state of every frame.

    Parameters
    ----------
    log_probabilities : ndarray of shape (n_frames, 4)
        Logarithm of the probability of S1, systole, S2 and diastole in each frame.
    frame_rate : float
        Frames a second.
    durations : tuple of four StateDuration, default=DURATIONS
        How long each state lasts. The first and the last stay may be cut short by
        the ends of the recording.

    Returns
    -------
    states : ndarray of int of shape (n_frames,)
        Index into ``STATES``.

    Raises
    ------
    ValueError
        If the shape is another, a value is not finite, or the frame rate is not
        positive or too low for the durations.

    References
    ----------
    Springer, Tarassenko, Clifford (2016). Logistic regression-HSMM-based heart sound
    segmentation. IEEE Transactions on Biomedical Engineering 63(4): 822-832. There
    the durations come from the recording's heart rate; here they are fixed and wide.

    Examples
    --------
    >>> truth = np.repeat([3, 0, 1, 2, 3], [8, 6, 9, 5, 12])
    >>> scores = np.log(np.eye(4)[truth] * 0.9 + 0.025)
    >>> bool((decode_states(scores, frame_rate=50) == truth).all())
    True
    """
    scores = np.asarray(log_probabilities, dtype=float)
    check_number("frame_rate", frame_rate, minimum=0, exclusive=True)
    if scores.ndim != 2 or scores.shape[1] != len(STATES) or len(scores) == 0:
        raise ValueError(
            f"Expected log probabilities of shape (n_frames, {len(STATES)}), got "
            f"{scores.shape!r}. Pass one row a frame."
        )
    if not np.isfinite(scores).all():
        raise ValueError(
            "Expected finite log probabilities, got NaN or infinite ones. Add a small "
            "number, such as 1e-4, to probabilities before their logarithm."
        )
    stays, censored = _log_durations(tuple(durations), frame_rate)
    if compiled is None:
        return _search(scores, stays, censored)
    states = np.empty(len(scores), dtype=np.int64)
    compiled.find_states(np.ascontiguousarray(scores), stays, censored, states)
    return states


def state_starts(states: np.ndarray, state: int) -> np.ndarray:
    """Return the frames in which a state begins, less one that opens the recording.

    Examples
    --------
    >>> state_starts(np.array([0, 0, 1, 2, 3, 0, 1]), 0).tolist()
    [5]
    """
    inside = np.asarray(states) == state
    return np.flatnonzero(inside[1:] & ~inside[:-1]) + 1


# The same for all recordings of a model; made anew it took as long as the search.
@functools.lru_cache(maxsize=8)
def _log_durations(
    durations: tuple[StateDuration, ...], frame_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return log probabilities of stays of 1, 2, … frames, and of at least so many."""
    longest = max(2, int(np.ceil(max(d.longest for d in durations) * frame_rate)))
    seconds = np.arange(1, longest + 1) / frame_rate
    exact = np.full((len(durations), longest), -np.inf)
    for row, duration in zip(exact, durations, strict=True):
        allowed = (seconds >= duration.shortest) & (seconds <= duration.longest)
        if not allowed.any():
            raise ValueError(
                f"Expected frames short enough for stays of {duration.shortest} to "
                f"{duration.longest} s, got a frame_rate of {frame_rate!r}. Shorten "
                "the hop."
            )
        z = np.log(seconds[allowed] / duration.median) / duration.spread
        row[allowed] = -0.5 * z**2
        row -= np.log(np.exp(row).sum())
    with np.errstate(divide="ignore"):
        at_least = np.log(np.exp(exact)[:, ::-1].cumsum(axis=1)[:, ::-1])
    for table in (exact, at_least):
        table.flags.writeable = False
    return exact, at_least


def _search(scores: np.ndarray, stays: np.ndarray, censored: np.ndarray) -> np.ndarray:
    """Return the states; what `_beat_search.c` does, with NumPy."""
    n_states, n_frames, longest = len(STATES), len(scores), stays.shape[1]
    total = np.zeros((n_states, n_frames + 1))
    np.cumsum(scores.T, axis=1, out=total[:, 1:])
    before = np.roll(total, 1, axis=0)
    # entry[j, longest + t]: best score with a stay in j from frame t on, less total.
    entry = np.full((n_states, longest + n_frames + 1), -np.inf)
    backwards = np.ascontiguousarray(stays[:, ::-1])
    candidates = np.empty_like(backwards)
    # The state that a stay is in, behind the one that it leads to.
    best = np.empty(n_states + 1)
    for end in range(1, n_frames + 1):
        np.add(entry[:, end : end + longest], backwards, out=candidates)
        np.maximum.reduce(candidates, axis=1, out=best[1:])
        if end <= longest:
            np.maximum(best[1:], censored[:, end - 1], out=best[1:])
        best[0] = best[n_states]
        entry[:, longest + end] = best[:-1] + before[:, end] - total[:, end]

    def stay_until(end: int, state: int) -> int:
        """Return how long the best stay in a state that ends there lasts."""
        candidates = entry[state, end : end + longest] + backwards[state]
        place = int(candidates.argmax())
        if end <= longest and censored[state, end - 1] > candidates[place]:
            return end
        return longest - place

    # The last stay is one that the end of the recording cuts.
    cut = entry[:, n_frames : n_frames + longest] + censored[:, ::-1]
    place = cut.argmax(axis=1)
    last = cut[np.arange(n_states), place]
    duration = longest - place
    if n_frames <= longest:
        whole = censored[:, n_frames - 1]
        duration = np.where(whole > last, n_frames, duration)
        last = np.maximum(whole, last)
    state = int((last + total[:, n_frames]).argmax())
    states = np.empty(n_frames, dtype=int)
    end, stay = n_frames, int(duration[state])
    while True:
        states[end - stay : end] = state
        end -= stay
        if end <= 0:
            return states
        state = (state - 1) % n_states
        stay = stay_until(end, state)
