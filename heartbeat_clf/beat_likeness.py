"""How alike the beats of a recording are, part by part of the beat.

A premature beat sounds unlike its neighbours: its first sound is louder or weaker, what
fills its systole or diastole is something else, or it stands where the others have
silence and is not counted as a beat at all.
"""

from __future__ import annotations

import numpy as np

from heartbeat_clf.averaged_beats import find_stays, stretch_stays
from heartbeat_clf.beat_decoding import STATES

__all__ = ["LIKENESS_FEATURES", "beat_likeness"]

LIKENESS_FEATURES = tuple(
    f"{state.lower()}_{bands}_{measure}"
    for state in STATES
    for bands in ("low", "high")
    for measure in ("oddest", "unlike")
)
_LOWER = 3 / 8
"""Share of the bands that are the low ones: 20 to 95 Hz of the tracker's image."""
_FLAT_DB = 1e-3


def beat_likeness(image: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Return how unlike the median beat the beats of a recording are.

    Each stay in a heart state is brought to the same number of columns and compared
    with the median of all, level by level. How unlike it a stay is, is the root mean
    square of what they differ by, in standard deviations of the image, each band's mean
    taken away (0.001 dB at least).

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames)
        In dB, as :func:`~heartbeat_clf.beat_tracking.beat_image` gives it; two bands
        at least.
    states : ndarray of int of shape (n_frames,)
        Heart states of the frames, as ``Beats.states``.

    Returns
    -------
    features : ndarray of float64 of shape (16,)
        In the order of ``LIKENESS_FEATURES``. For S1, systole, S2 and diastole and
        for the lower three eighths of the bands and the others: "oddest" is how much
        more unlike the median one the oddest stay is than the middle one of all
        stays, "unlike" is how unlike it that one is. 0 where a state has no stay.

    Raises
    ------
    ValueError
        If `image` has another shape, fewer than two bands or is not finite, or
        `states` another length.

    Notes
    -----
    The oddest of many is odder than that of few: "oddest" grows with the number of
    beats. Of one or two it is 0; from 3 to 30 s of synthetic hearts that beat evenly it
    trebles. Compare recordings of equal length. A stretch of silence is unlike the
    beats, too.

    Examples
    --------
    >>> states = np.tile(np.repeat([0, 1, 2, 3], [4, 8, 4, 10]), 6)
    >>> image = np.tile(np.where(states % 2 == 0, 10.0, 0.0), (8, 1))
    >>> beat_likeness(image, states).max()
    np.float64(0.0)
    >>> image[:3, 4 + 26 : 12 + 26] = 5.0  # in the second systole, low
    >>> found = dict(zip(LIKENESS_FEATURES, beat_likeness(image, states)))
    >>> max(found, key=found.get)
    'systole_low_oddest'
    """
    image = np.asarray(image)
    states = np.asarray(states)
    if image.ndim != 2 or len(image) < 2 or image.shape[1:] != states.shape:
        raise ValueError(
            "Expected an image of shape (n_bands, n_frames) with two bands or more, "
            f"and a state a frame, got {image.shape!r} and {states.shape!r}."
        )
    first_high = max(round(_LOWER * len(image)), 1)
    parts = stretch_stays(image, find_stays(states))
    # A deviation of half precision overflows.
    image = image.astype(np.result_type(image, np.float32), copy=False)
    scale = max(float((image - image.mean(axis=1, keepdims=True)).std()), _FLAT_DB)
    features: list[float] = []
    for part in parts:
        if not len(part):
            features += [0.0] * 4
            continue
        squares = ((part - np.median(part, axis=0)) / scale) ** 2
        for bands in (squares[..., :first_high], squares[..., first_high:]):
            unlike = np.sqrt(bands.mean(axis=(1, 2), dtype=float))
            middle = float(np.median(unlike))
            features += [float(unlike.max()) - middle, middle]
    return np.array(features)
