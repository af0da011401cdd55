"""Whether there is a quiet sound too many between the beats.

A premature beat may be too weak or too early to be counted as a beat. Trees that have
learnt from such sounds, added to the diastoles of real hearts by editing, tell how much
the sounds between the beats are like that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources

import numpy as np

from heartbeat_clf.network_sessions import network_session

__all__ = ["extra_sound"]

_N_SOUNDS = 8


def extra_sound(sounds: Sequence[float] | np.ndarray) -> float:
    """Return the log odds of a quiet sound having been added to a diastole.

    Parameters
    ----------
    sounds : sequence of float of shape (8,)
        The numbers of sounds between the beats, in the order of
        ``rhythm_features.SOUND_FEATURES``.

    Returns
    -------
    log_odds : float
        0 where either is as likely among clips of which half have one. Above 0 are 61 %
        of the edited clips of persons left out and 43 % of the untouched ones: one
        number among others, no answer. Where there is no systole or diastole it is
        what an even heart has. Not a medical device.

    Raises
    ------
    ValueError
        If they are other than eight finite numbers.

    Notes
    -----
    50 boosted trees that ``benchmarks/train_extra_sounds.py`` fits to clips of CirCor
    with and without a quiet copy of an S1 in a diastole, as they are and with other
    sounds beside the heart; clips of both kinds are equally long. Nothing of PASCAL.
    The loudest of many sounds is louder than that of few: compare recordings of equal
    length.

    Examples
    --------
    >>> even = [0.5, -15, 0.1, 0.05, 0.5, -15, 0.1, 0.05]
    >>> odd = [0.5, -15, 0.1, 0.05, 12, -15, 0.9, 0.05]
    >>> extra_sound(even) < extra_sound(odd)
    True
    """
    numbers = np.asarray(sounds, dtype=np.float32)
    if numbers.shape != (_N_SOUNDS,) or not np.isfinite(numbers).all():
        raise ValueError(
            f"Expected {_N_SOUNDS} finite numbers of sounds between the beats, got "
            f"{numbers.tolist()!r}."
        )
    return float(_judge()(numbers[np.newaxis])[0, 0])


@lru_cache(maxsize=1)
def _judge() -> Callable[[np.ndarray], np.ndarray]:
    folder = resources.files("heartbeat_clf") / "models" / "beats"
    return network_session((folder / "extra_sound.onnx").read_bytes())
