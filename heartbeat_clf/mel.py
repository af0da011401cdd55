"""From a waveform to a log-mel image, as plain functions of arrays."""

from __future__ import annotations

import warnings

import numpy as np

from heartbeat_clf._validation import check_number, check_rate
from heartbeat_clf.mel_filters import mel_filters, mel_frequencies
from heartbeat_clf.mel_plan import apply_plan, plan_images
from heartbeat_clf.samples import float_samples, range_of_finite

__all__ = ["log_mel_spectrogram", "mel_filters", "mel_frequencies"]

# Bands times samples of a frame; 400 MB of filters.
_LARGEST_PLAN = 100_000_000


def check_mel_settings(
    *,
    sample_rate: float,
    frame_duration: float,
    hop_duration: float,
    n_mels: int,
    fmin: float,
    fmax: float,
    top_db: float | None,
) -> None:
    """Raise unless the settings describe a spectrogram.

    Parameters
    ----------
    sample_rate, frame_duration, hop_duration, n_mels, fmin, fmax, top_db
        As in :func:`log_mel_spectrogram`.

    Raises
    ------
    TypeError
        If a setting is not a number.
    ValueError
        If a setting is out of bounds: a frame under two samples, a hop under one,
        more bands times samples of a frame than memory can be trusted to hold,
        ``fmin`` not below ``fmax``, ``fmax`` above half of `sample_rate`.
    """
    check_rate("sample_rate", sample_rate)
    check_number("frame_duration", frame_duration, minimum=0, exclusive=True)
    check_number("hop_duration", hop_duration, minimum=0, exclusive=True)
    check_number("n_mels", n_mels, minimum=1, integer=True)
    check_number("fmin", fmin, minimum=0)
    check_number("fmax", fmax, minimum=0, exclusive=True)
    check_number("top_db", top_db, minimum=0, exclusive=True, optional=True)
    for name, duration, least in (
        ("frame_duration", frame_duration, 2),
        ("hop_duration", hop_duration, 1),
    ):
        if round(duration * sample_rate) < least:
            raise ValueError(
                f"{name} must cover at least {least} sample(s) at {sample_rate!r} Hz, "
                f"got {duration!r} s. Make it at least {least / sample_rate:g}."
            )
    if n_mels * round(frame_duration * sample_rate) > _LARGEST_PLAN:
        raise ValueError(
            f"n_mels times the samples of a frame must be at most {_LARGEST_PLAN}, got "
            f"n_mels={n_mels!r} and frames of {frame_duration!r} s at {sample_rate!r} "
            "Hz. Lower one of them."
        )
    if fmin >= fmax:
        raise ValueError(
            f"fmin must be below fmax, got fmin={fmin!r} and fmax={fmax!r} Hz."
        )
    if fmax > sample_rate / 2:
        raise ValueError(
            f"fmax must be at most half of sample_rate ({sample_rate / 2:g} Hz), got "
            f"fmax={fmax!r} with sample_rate={sample_rate!r}. Lower fmax or raise "
            "sample_rate."
        )


def warn_of_empty_bands(
    *, sample_rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> None:
    """Warn where bands are so narrow that they fall between two frequency bins.

    Parameters
    ----------
    sample_rate, n_fft, n_mels, fmin, fmax
        As in :func:`mel_filters`.

    Warns
    -----
    UserWarning
        If a band has no bin; its level is then constant.
    """
    filters = mel_filters(
        sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
    )
    n_empty = int((filters.max(axis=1) == 0).sum())
    if n_empty:
        warnings.warn(
            f"{n_empty} of {n_mels} mel bands are empty: between {fmin!r} and "
            f"{fmax!r} Hz they are narrower than the {sample_rate / n_fft:g} Hz "
            "between two bins of a frame. Lower n_mels or raise frame_duration.",
            UserWarning,
            stacklevel=3,
        )


def log_mel_spectrogram(
    waveform: np.ndarray,
    *,
    sample_rate: float = 1000,
    frame_duration: float = 0.064,
    hop_duration: float = 0.016,
    n_mels: int = 40,
    fmin: float = 20.0,
    fmax: float = 480.0,
    top_db: float | None = 80.0,
) -> np.ndarray:
    """Return the log-mel image of a waveform, in dB.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples at `sample_rate`. Integers (8, 16, 32 bit; uint8 is offset binary)
        are scaled to ±1 by their type, floating ones are kept.
    sample_rate : float, default=1000
        Rate of the waveform in Hz.
    frame_duration : float, default=0.064
        Length of a frame in seconds; ``n_fft`` is its rounded number of samples.
    hop_duration : float, default=0.016
        Time from one frame to the next in seconds, rounded likewise.
    n_mels : int, default=40
        Number of mel bands.
    fmin, fmax : float, default=20.0, 480.0
        Lower edge of the first and upper edge of the last band in Hz.
    top_db : float or None, default=80.0
        Levels more than this below the loudest one are raised to it, so that a
        recording turned down gives the same image less a constant; None raises
        levels below -100 dB alone.

    Returns
    -------
    image : ndarray of shape (n_mels, n_frames), float32
        Level in dB re full scale, low frequencies first. Frame ``i`` is centred
        on sample ``i * hop_length``; the ends are padded with zeros.

    Raises
    ------
    TypeError
        If a setting is not a number, or samples are of another type.
    ValueError
        If a setting is out of bounds, or the waveform is not 1-D, shorter than one
        frame, or holds NaN or infinite samples.

    Notes
    -----
    Equal to ``librosa.feature.melspectrogram`` (Hann window, centred frames, zero
    padding, power 2, Slaney's scale and norm) followed by ``power_to_db``, within
    1e-3 dB; with `top_db` its ``amin`` is the smallest number, not 1e-10.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 100 * np.arange(2000) / 1000)
    >>> image = log_mel_spectrogram(tone)
    >>> image.shape
    (40, 126)
    >>> centres = mel_frequencies(n_mels=40, fmin=20.0, fmax=480.0)
    >>> bool(abs(centres[image[:, 60].argmax()] - 100) < 12)
    True
    """
    check_mel_settings(
        sample_rate=sample_rate,
        frame_duration=frame_duration,
        hop_duration=hop_duration,
        n_mels=n_mels,
        fmin=fmin,
        fmax=fmax,
        top_db=top_db,
    )
    samples = float_samples(waveform, "the waveform")
    plan, hop_length = plan_images(
        sample_rate=sample_rate,
        frame_duration=frame_duration,
        hop_duration=hop_duration,
        n_mels=n_mels,
        fmin=fmin,
        fmax=fmax,
    )
    if len(samples) < plan.n_fft:
        raise ValueError(
            f"Expected at least one frame of {plan.n_fft} samples, got {len(samples)} "
            f"samples at {sample_rate!r} Hz. Lower frame_duration, or leave the "
            "recording out."
        )
    range_of_finite(samples, "the waveform")
    return apply_plan(samples, plan, hop_length=hop_length, top_db=top_db)
