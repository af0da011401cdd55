"""Premature beats made by editing: a beat is moved forward, the pause after it grows.

Recordings with annotated beats are many, recordings with extrasystoles are few. What
is moved is real sound, so that noise and microphone stay what they were.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf._validation import check_number, resolve_random_state

__all__ = ["EditedRecording", "insert_premature_beats", "move_beat"]

# An annotated onset may come late; the sound before it has to move along.
_LEAD = 0.03
# A second sound lasts about so long; what follows is diastole.
_S2_DURATION = 0.12
_FADE = 0.01


class EditedRecording(NamedTuple):
    """A recording with premature beats.

    Attributes
    ----------
    waveform : ndarray of float32 of shape (n_times,)
        As long as the original.
    s1, s2 : ndarray of float64
        Onsets in seconds after the edits.
    premature : ndarray of bool
        Whether the beat of each S1 was moved.
    """

    waveform: np.ndarray
    s1: np.ndarray
    s2: np.ndarray
    premature: np.ndarray


def move_beat(
    waveform: np.ndarray,
    *,
    sample_rate: float,
    cut_end: float,
    shift: float,
    pause_start: float,
    pause_end: float,
) -> np.ndarray:
    """Return a waveform with what lies between two times moved forward.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples.
    sample_rate : float
        Hz.
    cut_end : float
        Where the moved part begins, in seconds; the `shift` seconds before are cut.
    shift : float
        Seconds to move by.
    pause_start, pause_end : float
        A silent part after the beat, in seconds. It is lengthened by `shift` seconds
        of its own sound, played backwards and forwards, so that nothing jumps.

    Returns
    -------
    edited : ndarray of shape (n_times,), float32

    Raises
    ------
    ValueError
        If the times are out of order or outside the waveform.

    Examples
    --------
    >>> click = np.zeros(1000)
    >>> click[500] = 1
    >>> moved = move_beat(click, sample_rate=1000, cut_end=0.45, shift=0.2,
    ...                   pause_start=0.6, pause_end=0.9)
    >>> int(moved.argmax()), len(moved)
    (300, 1000)
    """
    check_number("shift", shift, minimum=0, exclusive=True)
    waveform = np.asarray(waveform, dtype=np.float32)
    stop, first, last = (
        round(time * sample_rate) for time in (cut_end, pause_start, pause_end)
    )
    n_moved = round(shift * sample_rate)
    start = stop - n_moved
    if not 0 <= start < stop <= first < last <= len(waveform):
        raise ValueError(
            "Expected cut_end - shift >= 0 and cut_end <= pause_start < pause_end "
            f"within {len(waveform) / sample_rate:g} s, got cut_end={cut_end!r}, "
            f"shift={shift!r}, pause_start={pause_start!r}, pause_end={pause_end!r}. "
            "Move less, or another beat."
        )
    silence = waveform[first:last]
    bounce = np.concatenate([silence[::-1], silence])
    filling = np.resize(bounce, n_moved)
    moved = waveform[stop:last].copy()
    n_fade = min(round(_FADE * sample_rate), len(moved), n_moved)
    ramp = np.linspace(0, 1, n_fade, dtype=np.float32)
    moved[:n_fade] = moved[:n_fade] * ramp + waveform[start : start + n_fade] * (
        1 - ramp
    )
    # The end of the filling runs into the sound that follows it.
    n_fade = min(n_fade, n_moved)
    if n_fade:
        filling[-n_fade:] = (
            filling[-n_fade:] * (1 - ramp) + waveform[last - n_fade : last] * ramp
        )
    return np.concatenate([waveform[:start], moved, filling, waveform[last:]])


def insert_premature_beats(
    waveform: np.ndarray,
    s1: Any,
    s2: Any,
    *,
    sample_rate: float,
    n_beats: int = 1,
    prematurity: tuple[float, float] = (0.15, 0.45),
    s1_gain: tuple[float, float] = (0.5, 1.6),
    s2_gain: tuple[float, float] = (0.2, 1.0),
    random_state: Any = None,
) -> EditedRecording:
    """Return a recording in which some beats come early, with a pause after each.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        A recording with an even rhythm.
    s1, s2 : array-like
        Onsets of first and second sounds in seconds, from an annotation or from
        :func:`~heartbeat_clf.beat_tracking.track_beats`.
    sample_rate : float
        Hz.
    n_beats : int, default=1
        Beats to move; fewer where the recording has not so many that can be. No two
        neighbours are moved.
    prematurity : tuple of float, default=(0.15, 0.45)
        How much of the interval before the beat is cut: a share drawn between these.
        At most what its diastole holds; beats whose diastole holds less than the
        lower bound stay.
    s1_gain, s2_gain : tuple of float, default=(0.5, 1.6), (0.2, 1.0)
        The sounds of the premature beat are multiplied by factors drawn between
        these: an early beat finds the ventricle half filled.
    random_state : int, RandomState, Generator or None, default=None
        Which beats, how early and how loud.

    Returns
    -------
    edited : EditedRecording
        The pause is fully compensatory: the next beat comes when it did before.

    Raises
    ------
    ValueError
        If a setting is out of bounds.

    Examples
    --------
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> sounds = make_heart_sounds(1, duration=8.0, heart_rate=70.0, random_state=0)
    >>> times = sounds.metadata.loc[0, ["s1_times", "s2_times"]]
    >>> edited = insert_premature_beats(
    ...     sounds.recordings[0], *times, sample_rate=1000, random_state=0
    ... )
    >>> int(edited.premature.sum()), len(edited.waveform)
    (1, 8000)
    """
    check_number("sample_rate", sample_rate, minimum=0, exclusive=True)
    check_number("n_beats", n_beats, minimum=1, integer=True)
    for name, (low, high), most in (
        ("prematurity", prematurity, 0.9),
        ("s1_gain", s1_gain, 100),
        ("s2_gain", s2_gain, 100),
    ):
        check_number(name, low, minimum=0, maximum=most)
        check_number(name, high, minimum=low, maximum=most)
    rng = resolve_random_state(random_state)
    samples = np.array(waveform, dtype=np.float32)
    first, second = np.array(s1, dtype=float), np.array(s2, dtype=float)
    premature = np.zeros(len(first), dtype=bool)
    for beat in rng.permutation(np.arange(1, max(1, len(first) - 1))):
        if premature.sum() == n_beats:
            break
        if premature[beat - 1 : beat + 2].any():
            continue
        before = second[(second > first[beat - 1]) & (second < first[beat])]
        own = second[(second > first[beat]) & (second < first[beat + 1])]
        if len(before) == 0 or len(own) == 0:
            continue
        interval = first[beat] - first[beat - 1]
        room = first[beat] - _LEAD - (before[-1] + _S2_DURATION)
        share = rng.uniform(*prematurity)
        shift = min(share * interval, room)
        quiet = own[-1] + _S2_DURATION, first[beat + 1] - _LEAD
        if shift < prematurity[0] * interval or quiet[1] - quiet[0] < 0.05:
            continue
        starts = first[beat] - _LEAD, own[-1] - _LEAD, quiet[0]
        gains = rng.uniform(*s1_gain), rng.uniform(*s2_gain)
        samples *= _gain_curve(len(samples), sample_rate, starts, gains)
        samples = move_beat(
            samples,
            sample_rate=sample_rate,
            cut_end=starts[0],
            shift=shift,
            pause_start=quiet[0],
            pause_end=quiet[1],
        )
        second[(second > first[beat]) & (second < first[beat + 1])] -= shift
        first[beat] -= shift
        premature[beat] = True
    return EditedRecording(samples, first, second, premature)


def _gain_curve(
    n_times: int,
    sample_rate: float,
    starts: tuple[float, float, float],
    gains: tuple[float, float],
) -> np.ndarray:
    """Return a factor a sample: the two gains between the starts, 1 elsewhere."""
    edges, levels = [], []
    for time, before, after in zip(starts, (1.0, *gains), (*gains, 1.0), strict=True):
        edges += [time - _FADE / 2, time + _FADE / 2]
        levels += [before, after]
    times = np.arange(n_times) / sample_rate
    return np.interp(times, edges, levels).astype(np.float32)
