"""Say whether a recording is worth an answer: whether a heart is heard in it."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from heartbeat_clf._rows import check_recordings
from heartbeat_clf._validation import check_number, check_rate
from heartbeat_clf.audio import load_recording, read_audio
from heartbeat_clf.cleaning import band_pass_filter
from heartbeat_clf.gaps import remove_gaps
from heartbeat_clf.hum import remove_hum
from heartbeat_clf.prediction import BATCH_WINDOWS, Calibration, WindowPredictor
from heartbeat_clf.quality_features import quality_features
from heartbeat_clf.quality_windows import (
    N_BANDS,
    SAMPLE_RATE,
    WINDOW_FRAMES,
    level_image,
    quality_windows,
)
from heartbeat_clf.samples import check_not_masked
from heartbeat_clf.signal_checks import SignalMeasures, measure_signal

__all__ = ["LOWEST_SCORE", "QualityReport", "assess_quality", "waveform_score"]

LOWEST_SCORE = -20.0
# Sixteen steps of a 16-bit file from the lowest to the highest sample. The quietest
# recording of CirCor and CinC 2016 spans a hundred times as much.
_SILENT_RANGE = 16 / 2**15
# Of the good recordings of these two sets, none has more than 6 % of its samples at
# the rails, and none is constant for more than a quarter of its time.
_MOST_CLIPPED = 0.1
_MOST_CONSTANT = 0.5
# The models in the box hear what is above 25 Hz: of all recordings of these sets and
# PASCAL at least a ten-thousandth of the power. At less than 100 Hz, half of what S1
# and S2 are made of is not recorded.
_LOWEST_SOUND = 25.0
_LEAST_SHARE = 1e-5
_LEAST_RATE = 100.0
# Which quantile of the windows' scores is that of a recording.
_SHARE = 0.75


@dataclass(frozen=True)
class QualityReport:
    """What `assess_quality` found in one recording.

    Attributes
    ----------
    usable : bool
        Whether the recording is worth an answer.
    reason : str or None
        Why not, in words; None where it is usable.
    score : float
        Log odds that a heart is heard, among as many recordings with one as
        without; ``LOWEST_SCORE`` (-20) where there is nothing to score.
    duration : float
        Seconds.
    level : float
        Standard deviation of the samples in dB re full scale; -inf for silence.
    clipped : float
        Share of the samples at the largest or the smallest value.
    constant : float
        Share of the time in runs of 50 ms or more of the same sample value.
    """

    usable: bool
    reason: str | None
    score: float
    duration: float
    level: float
    clipped: float
    constant: float


def assess_quality(
    recordings: Any,
    *,
    input_rate: float | None = None,
    min_duration: float = 1.0,
    threshold: float | None = None,
) -> list[QualityReport]:
    """Return for each recording whether it is worth an answer, and why not.

    A recording is refused if it is too short, silent, constant for long, clipped, has
    nothing above 25 Hz, or if no heart is heard in it. The last is told by a small
    network that was trained with real heart sounds against noise, speech, music,
    handling and hearts whose rhythm was destroyed. Not a medical device: a usable
    recording may still be answered wrongly.

    Parameters
    ----------
    recordings : sequence of str, Path or 1-D arrays, or 2-D numeric array
        One recording a row. Full scale of floating samples is 1, of integers that of
        their type: samples of 16 bits in 32, or in volts, look silent until scaled.
    input_rate : float or None, default=None
        Rate of arrays in Hz; None means 1000. Files carry their own.
    min_duration : float, default=1.0
        Seconds below which a recording is too short.
    threshold : float or None, default=None
        Score below which no heart is heard. None takes shipped values, below which
        lie 1 % of good recordings of the same duration: a short one proves less.

    Returns
    -------
    reports : list of QualityReport
        One a row, in order. ``pandas.DataFrame(reports)`` is a table of them. A
        report does not depend on the other rows.

    Raises
    ------
    OSError
        If a file is missing.
    TypeError
        If `recordings`, a row or a setting is of the wrong type.
    ValueError
        If a setting is out of bounds, or a recording cannot be read: not audio, cut
        short, no samples, NaN or infinite ones.

    Notes
    -----
    No TensorFlow is needed: the network runs with ONNX Runtime. A recording of 20 s
    takes a few milliseconds.

    Examples
    --------
    >>> from heartbeat_clf.datasets import make_heart_sounds
    >>> heart = make_heart_sounds(1, random_state=0).recordings[0]
    >>> noise = np.random.default_rng(0).standard_normal(4000)
    >>> [report.usable for report in assess_quality([heart, noise])]
    [True, False]
    >>> assess_quality([np.zeros(4000)])[0].reason
    'silent: all samples are equal'
    """
    check_rate("input_rate", input_rate, optional=True)
    check_number("min_duration", min_duration, minimum=0.1)
    check_number("threshold", threshold, optional=True)
    # The products are small: BLAS threads cost ten times what they save.
    with threadpool_limits(limits=1, user_api="blas"):
        return [
            _assess(recording, f"row {row}", input_rate, float(min_duration), threshold)
            for row, recording in enumerate(check_recordings(recordings))
        ]


def _assess(
    recording: Any,
    label: str,
    input_rate: float | None,
    min_duration: float,
    threshold: float | None,
) -> QualityReport:
    samples, rate, label = _read(recording, label, input_rate)
    measures = measure_signal(samples, rate)
    heard = remove_gaps(samples, rate)
    seconds = len(heard) / rate
    reason = _fault(measures, seconds, min_duration, rate)
    score = LOWEST_SCORE
    if seconds >= min_duration and np.ptp(heard) > 0:
        waveform = load_recording(
            heard, sample_rate=SAMPLE_RATE, input_rate=rate, label=label
        )
        heard_alone = remove_hum(waveform, sample_rate=SAMPLE_RATE)
        score = waveform_score(heard_alone, _network())
        if reason is None and share_above(waveform, _LOWEST_SOUND) < _LEAST_SHARE:
            reason = f"no sound: next to nothing of it is above {_LOWEST_SOUND:g} Hz"
    if reason is None:
        limit = _threshold_of(seconds) if threshold is None else threshold
        if score < limit:
            reason = f"no heartbeat heard: score {score:.2f} is below {limit:.2f}"
    return QualityReport(
        usable=reason is None,
        reason=reason,
        score=score,
        duration=measures.duration,
        level=measures.level,
        clipped=measures.clipped,
        constant=measures.constant,
    )


def _read(
    recording: Any, label: str, input_rate: float | None
) -> tuple[np.ndarray, float, str]:
    """Return checked samples as recorded, their rate and how errors call them."""
    rate = float(SAMPLE_RATE if input_rate is None else input_rate)
    if isinstance(recording, str | os.PathLike):
        label = repr(os.fspath(recording))
        recording, rate = read_audio(recording)
    check_not_masked(recording, label)
    array = np.asarray(recording)
    # load_recording takes constant samples for an error; here they are an answer.
    if array.dtype.kind in "iuf" and array.ndim == 1 and _is_constant(array):
        return np.zeros(len(array), dtype=np.float32), rate, label
    samples = load_recording(array, sample_rate=rate, input_rate=rate, label=label)
    return samples, rate, label


def _is_constant(array: np.ndarray) -> bool:
    return bool(len(array) and np.isfinite(array[0]) and (array == array[0]).all())


def _fault(
    measures: SignalMeasures, seconds: float, min_duration: float, rate: float
) -> str | None:
    """Return what is wrong with the signal itself, or None.

    `seconds` are those without gaps.
    """
    if measures.duration < min_duration:
        return (
            f"too short: {measures.duration:.2f} s, at least {min_duration:g} s wanted"
        )
    if measures.peak_to_peak == 0:
        return "silent: all samples are equal"
    if measures.peak_to_peak < _SILENT_RANGE:
        return (
            f"silent: the samples span {measures.peak_to_peak:.1g} of a full scale of 2"
        )
    if measures.constant > _MOST_CONSTANT:
        return f"gaps: constant for {measures.constant:.0%} of the time"
    if seconds < min_duration:
        return (
            f"gaps: {seconds:.2f} s are left without them, at least {min_duration:g} s "
            "wanted"
        )
    if measures.clipped > _MOST_CLIPPED:
        return f"clipped: {measures.clipped:.0%} of the samples are at the rails"
    if rate < _LEAST_RATE:
        return (
            f"no sound: recorded at {rate:g} Hz, at least {_LEAST_RATE:g} Hz are wanted"
        )
    return None


def share_above(waveform: np.ndarray, low: float) -> float:
    """Return the share of the power of a waveform at 1000 Hz above a frequency."""
    passed = band_pass_filter(
        waveform, low=low, high=SAMPLE_RATE / 2, sample_rate=SAMPLE_RATE
    )
    power = float(np.var(passed, dtype=np.float64))
    return power / float(np.var(waveform, dtype=np.float64))


def waveform_score(
    waveform: np.ndarray, run: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Return the log odds that a heart is heard in a waveform.

    They are the upper quartile of those of its windows: a heart that is heard in a
    good part of a recording is not lost to noise in the rest of it.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        At 1000 Hz, not constant, at least 64 ms. Its gain makes no difference.
    run : callable
        From features of windows to logits of shape (n_windows, 1).

    Returns
    -------
    score : float
        At least ``LOWEST_SCORE``.
    """
    centred = waveform - np.mean(waveform, dtype=np.float64)
    peak = float(np.abs(centred).max())
    windows = quality_windows(level_image(centred / peak if peak else centred))
    # Batches of one recording only, so that its score is the same in any company.
    logits = [
        run(quality_features(windows[first : first + BATCH_WINDOWS]))
        for first in range(0, len(windows), BATCH_WINDOWS)
    ]
    score = float(np.quantile(np.concatenate(logits).astype(np.float64), _SHARE))
    return max(score, LOWEST_SCORE)


def _threshold_of(duration: float) -> float:
    """Return the shipped threshold for a duration in seconds."""
    durations, thresholds = zip(*_settings()["thresholds"], strict=True)
    return float(np.interp(np.log(duration), np.log(durations), thresholds))


def _shipped(name: str) -> bytes:
    folder = resources.files("heartbeat_clf") / "models" / "quality"
    return (folder / name).read_bytes()


@functools.cache
def _settings() -> dict[str, Any]:
    return json.loads(_shipped("settings.json"))


@functools.cache
def _network() -> Callable[[np.ndarray], np.ndarray]:
    return WindowPredictor(
        network=_shipped("network.onnx"),
        engine="onnx",
        n_bands=N_BANDS,
        window_frames=WINDOW_FRAMES,
        n_channels=1,
        standardize=False,
        calibration=Calibration(shift=(0.0,)),
    ).run()
