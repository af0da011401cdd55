"""From a file or a 1-D array to a checked mono waveform."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_rate
from heartbeat_clf.audio_file_checks import (
    check_complete,
    check_declared,
    check_file,
    truncated,
)
from heartbeat_clf.gaps import remove_gaps
from heartbeat_clf.samples import check_not_masked, float_samples, range_of_finite
from heartbeat_clf.wav import read_plain_wav

__all__ = ["duration_of", "load_recording", "load_with_rate", "read_audio"]

# The same filter as librosa.load's default: its stop band is 20 bits (about 120 dB)
# down, deeper than the 16 bits of a recording; "VHQ" costs more and adds nothing.
_RESAMPLING_QUALITY = "HQ"

# Standard deviations. Of CirCor, CinC 2016 and PASCAL, 3.8 is the most.
_LARGEST_OFFSET = 4.0
# Beyond it, single precision is coarser than a ten-thousandth of the deviation.
_PRECISE_OFFSET = 1000.0
_ROUNDING = 1e-12
# What libsndfile calls samples that single precision does not hold.
_WIDE = ("PCM_32", "DOUBLE", "ALAC_32")
# Of channels, in amplitude: less is left of one sound where a channel is inverted.
_LEAST_LEFT = 1e-3


def read_audio(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Return the samples of an audio file, mixed to mono, and their rate.

    Parameters
    ----------
    path : str or Path
        A WAV, FLAC, OGG, MP3 or AIFF file, or any other that libsndfile reads.

    Returns
    -------
    samples : ndarray of shape (n_times,), float32
        The mean of the channels, full scale at 1. Of samples of 32 bits or in double
        precision, a constant offset beside which float32 would lose the sound is
        subtracted.
    rate : int
        Samples per second.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IsADirectoryError
        If `path` is a folder.
    ValueError
        If the file is empty, not audio, a pipe or device, shorter than its header
        says, declares a rate below 10 Hz or above 768 kHz, or its channels cancel each
        other.
    PermissionError
        If it may not be read.
    """
    name = os.fspath(path)
    plain = read_plain_wav(name)
    if plain is None:
        samples, rate = _read_with_libsndfile(name)
    else:
        samples, rate = plain
        check_declared(name, rate)
    # One channel is copied, not averaged, so that its samples stay bit-equal.
    mono = samples[:, 0] if samples.shape[1] == 1 else _mixed(samples, name)
    # What single precision does not hold is infinite, and told as that.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(_precise(mono), dtype=np.float32), int(rate)


def _mixed(samples: np.ndarray, name: str) -> np.ndarray:
    mono: np.ndarray = samples.mean(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        cancelled = mono.std() < _LEAST_LEFT * samples.std(axis=0).max(initial=0.0)
    if cancelled:
        raise ValueError(
            f"Expected channels that add up, got {name!r} whose channels cancel each "
            "other: one is inverted. Write one of them to a file of its own."
        )
    return mono


def _read_with_libsndfile(name: str) -> tuple[np.ndarray, int]:
    """Return samples ``(n_times, n_channels)`` of any audio file, and their rate.

    In double precision where single would not hold them.
    """
    # Not at the top: most files are read without it.
    import soundfile

    check_file(name)
    check_complete(name)
    try:
        with soundfile.SoundFile(name) as file:
            promised, rate = file.frames, file.samplerate
            check_declared(name, rate)
            # Codecs that cannot seek, such as GSM 6.10, need the number spelled out.
            wanted = -1 if file.seekable() else promised
            kind = "float64" if file.subtype in _WIDE else "float32"
            samples = file.read(wanted, dtype=kind, always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"Expected an audio file that libsndfile reads (WAV, FLAC, OGG, MP3, "
            f"AIFF), got {name!r}, which it refuses: {error.error_string} "
            "The file may be cut short or damaged: copy it again, convert it to WAV, "
            "or leave it out."
        ) from error
    if len(samples) < promised:
        raise ValueError(truncated(name, f"{promised} samples", f"{len(samples)}"))
    return samples, rate


def duration_of(path: str | os.PathLike[str]) -> float:
    """Return the duration of an audio file in seconds, from its header.

    Parameters
    ----------
    path : str or Path
        An audio file.

    Returns
    -------
    duration : float
        Seconds, without decoding the samples.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IsADirectoryError
        If `path` is a folder.
    ValueError
        If the file is empty, not audio, or a pipe or device.
    """
    import soundfile

    name = os.fspath(path)
    check_file(name)
    try:
        return float(soundfile.info(name).duration)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"Expected an audio file with a readable header, got {name!r}: "
            f"{error.error_string} Convert the file to WAV, or leave it out."
        ) from error


def load_recording(
    recording: Any,
    *,
    sample_rate: float,
    input_rate: float | None = None,
    label: str = "row 0",
) -> np.ndarray:
    """Return a recording as a checked mono waveform at `sample_rate`.

    Parameters
    ----------
    recording : str, Path or ndarray of shape (n_times,)
        A file, or samples. Integer samples (8, 16, 32 bit; uint8 is offset
        binary) are scaled to ±1 by their type, floating ones are kept.
    sample_rate : float
        Rate of the result in Hz.
    input_rate : float or None, default=None
        Rate of an array in Hz; None means `sample_rate`. Files carry their own.
    label : str, default="row 0"
        What errors call an array; a file is called by its path.

    Returns
    -------
    waveform : ndarray of shape (n_times,), float32
        Finite samples that are not all equal, their mean subtracted where that is
        more than four standard deviations from zero. A recording at another rate is
        resampled by soxr, upwards where its rate is lower.

    Raises
    ------
    OSError
        If a path names no file.
    TypeError
        If `recording` is neither a path nor an array of real numbers.
    ValueError
        If a rate is below 10 Hz or above 768 kHz, if there are no samples, if one
        is NaN or infinite, if all are equal, or if a file cannot be read whole.

    Examples
    --------
    >>> load_recording(np.array([0, 16384], dtype=np.int16), sample_rate=1000)
    array([0. , 0.5], dtype=float32)
    """
    return load_with_rate(
        recording, sample_rate=sample_rate, input_rate=input_rate, label=label
    )[0]


def load_with_rate(
    recording: Any,
    *,
    sample_rate: float,
    input_rate: float | None = None,
    label: str = "row 0",
    gap_removal: bool = False,
) -> tuple[np.ndarray, float]:
    """Return what :func:`load_recording` does, and the rate the recording had.

    Parameters
    ----------
    recording, sample_rate, input_rate, label
        As in :func:`load_recording`.
    gap_removal : bool, default=False
        Whether gaps are cut out before anything else: :mod:`heartbeat_clf.gaps`.

    Returns
    -------
    waveform : ndarray of shape (n_times,), float32
        At `sample_rate`.
    rate : float
        Samples per second before resampling.
    """
    check_rate("sample_rate", sample_rate)
    check_rate("input_rate", input_rate, optional=True)
    rate: float
    if isinstance(recording, str | os.PathLike):
        label = repr(os.fspath(recording))
        samples, rate = read_audio(recording)
    else:
        check_not_masked(recording, label)
        samples = float_samples(_precise(recording), label)
        rate = sample_rate if input_rate is None else input_rate
    _check_samples(samples, label)
    if gap_removal:
        kept = remove_gaps(samples, rate)
        if kept is not samples:
            samples = kept
            _check_samples(samples, f"{label} without its gaps")
    samples = _without_offset(samples)
    if rate != sample_rate:
        import soxr

        samples = soxr.resample(samples, rate, sample_rate, _RESAMPLING_QUALITY)
        if len(samples) == 0:
            raise ValueError(
                f"Expected at least one sample at {sample_rate!r} Hz, got none from "
                f"{label} at {rate!r} Hz. Leave the recording out."
            )
    return samples, rate


def _precise(recording: Any) -> Any:
    """Return samples about zero, where single precision would lose them beside a mean.

    As those of a pressure sensor in pascal, which float32 holds in steps of 0.008.
    """
    array = np.asarray(recording)
    kind, size = array.dtype.kind, array.dtype.itemsize
    wide = (kind == "f" and size >= 8) or (kind == "i" and size == 4)
    if array.ndim != 1 or not len(array) or not wide:
        return recording
    with np.errstate(over="ignore", invalid="ignore"):
        samples = array.astype(np.float64, copy=False)
        mean, deviation = samples.mean(), samples.std()
    # What varies by less than that varies by the rounding of double precision.
    if not _ROUNDING * abs(mean) < deviation < abs(mean) / _PRECISE_OFFSET < np.inf:
        return recording
    return (samples - mean) / (2.0**31 if kind == "i" else 1.0)


def _without_offset(samples: np.ndarray) -> np.ndarray:
    """Return samples about zero, where a constant one outdoes the sound by far.

    The step to it at either end would be the loudest of the recording.
    """
    mean = samples.mean(dtype=np.float64)
    if abs(mean) <= _LARGEST_OFFSET * samples.std(dtype=np.float64):
        return samples
    return (samples - mean).astype(np.float32)


def _check_samples(samples: np.ndarray, label: str) -> None:
    if len(samples) == 0:
        raise ValueError(
            f"Expected at least one sample, got zero samples in {label}. "
            "Leave the recording out."
        )
    lowest, highest = range_of_finite(samples, label)
    if lowest == highest:
        raise ValueError(
            f"Expected samples that vary, got {label} with all {len(samples)} "
            f"samples equal to {lowest!r}. A constant recording holds no "
            "sound: leave it out."
        )
