"""Log-mel images by settings that were worked out before: compiled, or by NumPy."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from heartbeat_clf.mel_filters import mel_filters

try:
    from heartbeat_clf import _log_mel as compiled
except ImportError:  # no compiler was at hand where the library was installed
    compiled = None  # type: ignore[assignment]

__all__ = ["MelPlan", "apply_plan", "image_shape", "plan_images", "plan_mel"]

# Powers below this (-100 dB) count as this, as in librosa.power_to_db; but where levels
# are cut at a distance from the loudest one, a quiet recording is one turned down.
_SMALLEST_POWER = 1e-10
_SMALLEST_NUMBER = float(np.finfo(np.float32).tiny)
_SINGLE = np.dtype(np.float32)
_DB_A_NEPER = np.float32(10 / np.log(10))

# The compiled way takes frames up to this length that has no other prime factors.
_LONGEST_COMPILED = 65536
_COMPILED_FACTORS = (2, 3, 5)

# Up to this frame length a matrix product is faster than NumPy's FFT.
_LONGEST_PRODUCT = 256

# Frames that NumPy works on at a time: a recording of hours does not need all of its
# frames in memory at once. Fewer would stay in a core's cache, but threads that hand
# the interpreter to each other after every product lose more than that gains.
_BLOCK_FRAMES = 2048


class MelPlan(NamedTuple):
    """What the settings alone decide, computed once."""

    n_fft: int
    bands: np.ndarray  # (n_mels, n_bins), bins that no band uses left out
    used_bins: slice
    window: np.ndarray  # (n_fft,)
    spans: np.ndarray  # (n_mels, 2): first bin of a band, and the one after the last
    waves: np.ndarray | None  # (2, n_fft): cosine and sine of a turn, where compiled


@lru_cache(maxsize=32)
def plan_mel(
    sample_rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> MelPlan:
    """Return window, waves and bands for checked settings, kept for the next call.

    Parameters
    ----------
    sample_rate, n_fft, n_mels, fmin, fmax
        As in :func:`mel_filters`.

    Returns
    -------
    plan : MelPlan
        Shared between callers: not to be written to.
    """
    filters = mel_filters(
        sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax
    )
    used = np.flatnonzero(filters.any(axis=0))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
    window = _hann(n_fft)
    waves = None
    if n_fft <= _LONGEST_COMPILED and _is_compiled_length(n_fft):
        turn = 2 * np.pi / n_fft * np.arange(n_fft)
        waves = np.stack([np.cos(turn), np.sin(turn)])
    bands = np.ascontiguousarray(filters[:, first:last], dtype=np.float32)
    used_bins = slice(first, last)
    return MelPlan(n_fft, bands, used_bins, window, _spans_of(bands), waves)


def _hann(n_fft: int) -> np.ndarray:
    """Return a period of Hann's window, as scipy.signal.get_window does."""
    return 0.5 - 0.5 * np.cos(2 * np.pi / n_fft * np.arange(n_fft))


def _is_compiled_length(n_fft: int) -> bool:
    for factor in _COMPILED_FACTORS:
        while n_fft % factor == 0:
            n_fft //= factor
    return n_fft == 1


def _spans_of(bands: np.ndarray) -> np.ndarray:
    used = bands != 0
    first = used.argmax(axis=1)
    after = used.shape[1] - used[:, ::-1].argmax(axis=1)
    empty = ~used.any(axis=1)
    first[empty] = after[empty] = 0
    return np.stack([first, after], axis=1).astype(np.intc)


def plan_images(
    *,
    sample_rate: float,
    frame_duration: float,
    hop_duration: float,
    n_mels: int,
    fmin: float,
    fmax: float,
) -> tuple[MelPlan, int]:
    """Return the plan, and the samples of a hop, for checked settings.

    Parameters
    ----------
    sample_rate, frame_duration, hop_duration, n_mels, fmin, fmax
        As in :func:`heartbeat_clf.spectrogram.log_mel_spectrogram`.
    """
    n_fft = round(frame_duration * sample_rate)
    plan = plan_mel(float(sample_rate), n_fft, int(n_mels), float(fmin), float(fmax))
    return plan, round(hop_duration * sample_rate)


def image_shape(plan: MelPlan, n_times: int, *, hop_length: int) -> tuple[int, int]:
    """Return bands and frames of the image of a waveform of `n_times` samples."""
    n_padded = n_times + 2 * (plan.n_fft // 2)
    return len(plan.bands), 1 + (n_padded - plan.n_fft) // hop_length


def apply_plan(
    waveform: np.ndarray,
    plan: MelPlan,
    *,
    hop_length: int,
    top_db: float | None,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return the log-mel image of a waveform that is at least one frame long.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        Samples.
    plan : MelPlan
        From :func:`plan_mel`.
    hop_length : int
        Samples from one frame to the next.
    top_db : float or None
        As in :func:`log_mel_spectrogram`.
    out : ndarray of shape (n_mels, n_frames), float32, default=None
        Contiguous, to be written to; a new one if None.

    Returns
    -------
    image : ndarray of shape (n_mels, n_frames), float32
        Level in dB: `out`, where it is given.
    """
    image = out
    if image is None:
        shape = image_shape(plan, len(waveform), hop_length=hop_length)
        image = np.empty(shape, dtype=np.float32)
    lowest, relative = _SMALLEST_POWER, 0.0
    if top_db is not None:
        lowest, relative = _SMALLEST_NUMBER, 10 ** (-top_db / 10)
    if compiled is not None and plan.waves is not None:
        flags = waveform.flags
        # Other forms of single precision come here too, at the cost of a copy.
        if not (waveform.dtype is _SINGLE and flags.c_contiguous and flags.aligned):
            waveform = np.require(waveform, np.float64, ["C", "A"])
        compiled.log_mel(
            waveform,
            image,
            plan.window,
            plan.waves,
            plan.bands,
            plan.spans,
            hop_length,
            plan.used_bins.start,
            lowest,
            relative,
        )
        return image
    _mel_powers(waveform, plan, hop_length, image)
    loudest = image.max()
    if not np.isfinite(loudest):
        loudest = image.max(initial=0, where=np.isfinite(image))
    floor = max(np.float32(lowest), loudest * np.float32(relative))
    np.maximum(image, floor, out=image)
    np.log(image, out=image)
    image *= _DB_A_NEPER
    return image


def _mel_powers(
    waveform: np.ndarray, plan: MelPlan, hop_length: int, image: np.ndarray
) -> None:
    """Write the power in the bands into `image`, as the compiled way does."""
    half = plan.n_fft // 2
    # Double precision up to the power: in single precision the rounding errors of
    # strong low notes come to 0.01 dB in bands 80 dB below them.
    padded = np.zeros(len(waveform) + 2 * half)
    padded[half : half + len(waveform)] = waveform
    step = padded.itemsize
    # sliding_window_view does the same, at the cost of a tenth of the whole.
    shape, strides = (image.shape[1], plan.n_fft), (hop_length * step, step)
    frames = np.ndarray(shape, padded.dtype, padded, strides=strides)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        part = slice(start, start + _BLOCK_FRAMES)
        np.matmul(plan.bands, _power(frames[part], plan).T, out=image[:, part])


def _power(frames: np.ndarray, plan: MelPlan) -> np.ndarray:
    """Return the power in the used bins, shape (n_frames, n_bins), float32."""
    if plan.n_fft > _LONGEST_PRODUCT:
        # Not at the top: short frames, as those of the shipped models, do without.
        from scipy import fft

        bins = fft.rfft(frames * plan.window, axis=1)[:, plan.used_bins]
        return (bins.real**2 + bins.imag**2).astype(np.float32)
    # A cosine is the same before and after the middle of a frame, a sine its
    # negative, and the window is symmetric and starts with 0: adding and subtracting
    # the second half, read backwards, halves the product.
    bins = plan.used_bins
    cosines, sines = _windowed_waves(plan.n_fft, bins.start, bins.stop)
    n_pairs = len(sines)
    forwards = frames[:, 1 : n_pairs + 1]
    backwards = frames[:, : plan.n_fft - n_pairs - 1 : -1]
    even = np.empty((len(frames), len(cosines)))
    np.add(forwards, backwards, out=even[:, :n_pairs])
    even[:, n_pairs:] = frames[:, n_pairs + 1 : plan.n_fft // 2 + 1]
    real = even @ cosines
    imaginary = (forwards - backwards) @ sines
    np.square(real, out=real)
    np.square(imaginary, out=imaginary)
    return np.add(real, imaginary, out=real).astype(np.float32)


@lru_cache(maxsize=32)
def _windowed_waves(n_fft: int, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines of bins times the window, from its second point on.

    (n_fft // 2, n_bins) and ((n_fft - 1) // 2, n_bins).
    """
    # Whole turns are taken out in integers, which keeps the angles exact.
    points = np.arange(1, n_fft // 2 + 1)
    angles = (2 * np.pi / n_fft) * (np.outer(points, np.arange(first, last)) % n_fft)
    window = _hann(n_fft)[points, None]
    n_pairs = (n_fft - 1) // 2
    return np.cos(angles) * window, np.sin(angles[:n_pairs]) * window[:n_pairs]
