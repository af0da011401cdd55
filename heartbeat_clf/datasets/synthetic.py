"""Synthetic heart sounds: a seeded data set of subjects, ready for `fit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from heartbeat_clf._validation import check_number, resolve_random_state
from heartbeat_clf.datasets import _sounds
from heartbeat_clf.datasets._bunch import make_bunch

POSITIONS = ("AV", "PV", "TV", "MV")
# Loss in dB at the positions other than the one where the murmur is loudest.
_SPREAD = (0.0, -2.0, -4.0, -7.0)
DESCRIPTION = """
Synthetic heart sounds

Made from damped oscillations (S1 and S2), band-limited noise (murmurs), breathing,
coloured noise and handling clicks. Good for trying things out and for tests; nothing
measured on them says anything about hearts.
"""


def make_heart_sounds(
    n_subjects: int = 20,
    *,
    recordings_per_subject: int | tuple[int, int] = 2,
    murmur_fraction: float = 0.5,
    extrasystole_fraction: float = 0.0,
    duration: float | tuple[float, float] = (4.0, 8.0),
    sample_rate: int = 1000,
    heart_rate: float | tuple[float, float] = (55.0, 110.0),
    murmur_timing: str | Sequence[str] = "systolic",
    murmur_grade: int | tuple[int, int] = (2, 5),
    murmur_pitch: float | tuple[float, float] = (90.0, 300.0),
    noise_level: float | tuple[float, float] = (-36.0, -22.0),
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> Bunch:
    """Return synthetic heart-sound recordings of several subjects, with labels.

    Each subject has a heart of its own: rate, pitch and loudness of S1 and S2,
    splitting of S2, how much the chest muffles, and its murmur. Recordings of a
    subject differ in chest position, duration, breathing, noise and gain.

    Parameters
    ----------
    n_subjects : int, default=20
        Number of subjects.
    recordings_per_subject : int or (low, high), default=2
        Recordings of each subject; of a pair, both ends are possible.
    murmur_fraction : float, default=0.5
        Share of subjects with a murmur, rounded to whole subjects.
    extrasystole_fraction : float, default=0.0
        Share of subjects with premature beats and no murmur: at least one in each
        recording of 2 s or more.
    duration : float or (low, high), default=(4.0, 8.0)
        Seconds.
    sample_rate : int, default=1000
        Hz.
    heart_rate : float or (low, high), default=(55.0, 110.0)
        Beats a minute.
    murmur_timing : str or sequence of str, default="systolic"
        "systolic" (between S1 and S2), "diastolic" (after S2, fading) or
        "continuous" (loudest around S2); of several, one is drawn for a subject.
    murmur_grade : int or (low, high), default=(2, 5)
        Loudness from 1 (22 dB below the heart sounds) to 6 (2 dB below), 4 dB a step.
    murmur_pitch : float or (low, high), default=(90.0, 300.0)
        Middle of the murmur's band in Hz.
    noise_level : float or (low, high), default=(-36.0, -22.0)
        Background noise in dB relative to the heart sounds.
    random_state : int, RandomState, Generator or None, default=None
        The same seed gives the same bits.

    Returns
    -------
    bunch : sklearn.utils.Bunch
        ``recordings`` (object ndarray of float32 arrays of shape (n_times_i,), within
        ±1), ``target`` ("normal", "murmur" or "extrasystole"), ``subjects`` (ndarray
        of str), ``subjects_known`` (True), ``sample_rate``, ``metadata`` (DataFrame:
        position, heart_rate, murmur timing, shape, grade and pitch, noise_level,
        duration, ``s1_times`` and ``s2_times`` in seconds as tuples, and
        ``n_extrasystoles``), ``target_names``, ``notes`` and ``DESCR``.

    Raises
    ------
    TypeError
        If a parameter is not a number or a pair of numbers where it should be.
    ValueError
        If a parameter is out of its range, or the fractions add up to more than 1.

    Notes
    -----
    The time from S1 to S2 follows the heart rate as the left-ventricular ejection
    time of Weissler et al. does, with 30 ms of isovolumic contraction before it.

    References
    ----------
    Weissler, Harris, Schoenfeld (1968), "Systolic time intervals in heart failure in
    man", Circulation 37, regression of ejection time on heart rate.

    Examples
    --------
    >>> sounds = make_heart_sounds(4, duration=2.0, random_state=0)
    >>> len(sounds.recordings), sounds.recordings[0].shape, sounds.target_names
    (8, (2000,), ['murmur', 'normal'])
    """
    check_number("n_subjects", n_subjects, minimum=1, integer=True)
    check_number("sample_rate", sample_rate, minimum=400, integer=True)
    check_number("murmur_fraction", murmur_fraction, minimum=0, maximum=1)
    check_number("extrasystole_fraction", extrasystole_fraction, minimum=0, maximum=1)
    if murmur_fraction + extrasystole_fraction > 1:
        raise ValueError(
            "Expected murmur_fraction and extrasystole_fraction to add up to at most "
            f"1, got {murmur_fraction!r} and {extrasystole_fraction!r}. Lower one."
        )
    per_subject = _check_range(
        "recordings_per_subject", recordings_per_subject, 1, 1000, integer=True
    )
    grades = _check_range("murmur_grade", murmur_grade, 1, 6, integer=True)
    ranges = {
        "duration": _check_range("duration", duration, 0.5, 600),
        "heart_rate": _check_range("heart_rate", heart_rate, 30, 220),
        "pitch": _check_range("murmur_pitch", murmur_pitch, 30, 0.45 * sample_rate),
        "noise_level": _check_range("noise_level", noise_level, -120, 20),
    }
    timings = _check_timings(murmur_timing)
    rng = resolve_random_state(random_state)

    n_murmurs = round(murmur_fraction * n_subjects)
    n_extra = min(round(extrasystole_fraction * n_subjects), n_subjects - n_murmurs)
    labels = np.repeat(
        ["murmur", "extrasystole", "normal"],
        [n_murmurs, n_extra, n_subjects - n_murmurs - n_extra],
    )
    rng.shuffle(labels)
    width = len(str(n_subjects))
    recordings: list[np.ndarray] = []
    subjects: list[str] = []
    target: list[str] = []
    rows: list[dict[str, Any]] = []
    for number, label in enumerate(labels, start=1):
        heart = _sounds.draw_heart(
            rng,
            heart_rate=rng.uniform(*ranges["heart_rate"]),
            timing=str(rng.choice(timings)) if label == "murmur" else "",
            grade=int(rng.integers(*grades, endpoint=True)),
            pitch=rng.uniform(*ranges["pitch"]),
        )
        loudest = rng.permutation(len(POSITIONS))
        for _ in range(int(rng.integers(*per_subject, endpoint=True))):
            place = int(rng.integers(len(POSITIONS)))
            noise = rng.uniform(*ranges["noise_level"])
            seconds = rng.uniform(*ranges["duration"])
            beats = _sounds.draw_beats(
                rng, heart, seconds, extrasystoles=label == "extrasystole"
            )
            recordings.append(
                _sounds.render(
                    rng,
                    heart,
                    beats,
                    duration=seconds,
                    sample_rate=sample_rate,
                    murmur_gain_db=_SPREAD[int(loudest[place])],
                    noise_level=noise,
                )
            )
            subjects.append(f"s{number:0{width}d}")
            target.append(str(label))
            rows.append(_describe(heart, beats, POSITIONS[place], noise, seconds))
    return make_bunch(
        recordings=recordings,
        target=target,
        subjects=subjects,
        subjects_known=True,
        columns={name: [row[name] for row in rows] for name in rows[0]},
        description=DESCRIPTION,
        sample_rate=sample_rate,
    )


def _describe(
    heart: _sounds.Heart,
    beats: _sounds.Beats,
    position: str,
    noise: float,
    seconds: float,
) -> dict[str, Any]:
    murmur = heart.timing != ""
    heard = (beats.s1 >= 0) & (beats.s1 < seconds)
    return {
        "position": position,
        "heart_rate": heart.heart_rate,
        "murmur_timing": heart.timing,
        "murmur_shape": heart.shape if murmur else "",
        "murmur_grade": heart.grade if murmur else 0,
        "murmur_pitch": heart.pitch if murmur else np.nan,
        "noise_level": noise,
        "duration": seconds,
        "n_extrasystoles": int(beats.premature[heard].sum()),
        "s1_times": tuple(t for t in beats.s1.tolist() if 0 <= t < seconds),
        "s2_times": tuple(t for t in beats.s2.tolist() if 0 <= t < seconds),
    }


def _check_range(
    name: str, value: Any, minimum: float, maximum: float, *, integer: bool = False
) -> tuple[Any, Any]:
    ends = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(ends) != 2:
        raise ValueError(f"Expected {name} to be a number or a pair, got {value!r}.")
    for end in ends:
        check_number(name, end, minimum=minimum, maximum=maximum, integer=integer)
    if ends[0] > ends[1]:
        raise ValueError(
            f"Expected {name} as (low, high), got {value!r}. Swap the two ends."
        )
    return ends


def _check_timings(murmur_timing: str | Sequence[str]) -> list[str]:
    given = [murmur_timing] if isinstance(murmur_timing, str) else list(murmur_timing)
    if not given or any(timing not in _sounds.TIMINGS for timing in given):
        raise ValueError(
            f"Expected murmur_timing among {_sounds.TIMINGS}, or a sequence of them, "
            f"got {murmur_timing!r}."
        )
    return given
