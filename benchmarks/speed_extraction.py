"""How fast recordings become log-mel images, beside three other ways."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from scipy import fft
from speed_data import long_recordings, set_b
from speed_timing import interleave, ratio_row

from heartbeat_clf import SpectrogramTransformer
from heartbeat_clf.audio import load_recording
from heartbeat_clf.mel_plan import apply_plan, plan_mel
from heartbeat_clf.spectrogram import LowRateWarning

__all__ = [
    "against_librosa",
    "against_pictures",
    "against_rfft",
    "equal_images",
    "two_jobs",
]

RATE, N_FFT, HOP, N_MELS, FMIN, FMAX, TOP_DB = 1000, 64, 16, 40, 20.0, 480.0, 80.0


def against_pictures(data: Path) -> dict[str, Any]:
    """Time files to images beside matplotlib's savefig, trim and load."""
    from ancestor_png import PictureTransformer

    files = set_b(data)[::27]

    def pictures() -> None:
        with tempfile.TemporaryDirectory() as folder:
            PictureTransformer(folder).transform(files)

    seconds = interleave(
        {
            "pictures": pictures,
            "heartbeat_clf": lambda: SpectrogramTransformer().transform(files),
        },
        repeats=5,
    )
    return ratio_row(
        seconds, slow="pictures", fast="heartbeat_clf", recordings=len(files)
    )


def against_librosa(data: Path) -> dict[str, Any]:
    """Time files to images beside librosa's functions, the better of two threadings."""
    from threadpoolctl import threadpool_limits

    files = set_b(data)[::2]

    def loop(threads: int) -> None:
        with threadpool_limits(limits=threads, user_api="blas"):
            for file in files:
                librosa_image(file)

    counts = sorted({1, os.cpu_count() or 1})
    ways: dict[str, Any] = {
        f"librosa, {n} threads": lambda n=n: loop(n) for n in counts
    }
    ways["heartbeat_clf"] = lambda: SpectrogramTransformer().transform(files)
    seconds = interleave(ways, repeats=7)
    best = min(
        (name for name in ways if name[0] == "l"), key=lambda n: min(seconds[n].wall)
    )
    return ratio_row(
        seconds, slow=best, fast="heartbeat_clf", recordings=len(files), best=best
    )


def librosa_image(file: Path) -> np.ndarray:
    """Return the default image of a file as librosa makes it."""
    import librosa

    waveform, _ = librosa.load(file, sr=RATE)
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=RATE,
        n_fft=N_FFT,
        hop_length=HOP,
        pad_mode="constant",
        n_mels=N_MELS,
        fmin=FMIN,
        fmax=FMAX,
    )
    return librosa.power_to_db(power, amin=1e-30, top_db=TOP_DB)


def against_rfft(data: Path) -> dict[str, Any]:
    """Time waveforms to images beside the bare FFT of frames that lie ready."""
    waveforms = [load_recording(file, sample_rate=RATE) for file in set_b(data)]
    window = np.hanning(N_FFT + 1)[:N_FFT].astype(np.float32)
    views = [
        np.lib.stride_tricks.sliding_window_view(np.pad(w, N_FFT // 2), N_FFT)[::HOP]
        for w in waveforms
    ]
    frames = [np.ascontiguousarray(view) for view in views]

    def images() -> None:
        plan = plan_mel(float(RATE), N_FFT, N_MELS, FMIN, FMAX)
        for waveform in waveforms:
            apply_plan(waveform, plan, hop_length=HOP, top_db=TOP_DB)

    def transforms(rfft: Any) -> None:
        for part in frames:
            rfft(part, axis=1)

    def windowed() -> None:
        for view in views:
            fft.rfft(view * window, axis=1)

    seconds = interleave(
        {
            "scipy.fft.rfft": lambda: transforms(fft.rfft),
            "numpy.fft.rfft": lambda: transforms(np.fft.rfft),
            "frames cut, windowed, scipy.fft.rfft": windowed,
            "heartbeat_clf": images,
        },
        repeats=25,
    )
    return ratio_row(
        seconds,
        slow="heartbeat_clf",
        fast="scipy.fft.rfft",
        recordings=len(waveforms),
        frames=sum(map(len, frames)),
    )


def two_jobs(data: Path) -> dict[str, Any]:
    """Time 3,000 files cut or repeated to 20 s with two jobs beside one."""
    files = long_recordings(data)
    files = [files[row % len(files)] for row in range(3000)]

    def transform(n_jobs: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LowRateWarning)
            SpectrogramTransformer(duration=20.0, n_jobs=n_jobs).transform(files)

    seconds = interleave(
        {"n_jobs=1": lambda: transform(1), "n_jobs=2": lambda: transform(2)},
        repeats=6,
        warm_up=False,
    )
    row = ratio_row(seconds, slow="n_jobs=1", fast="n_jobs=2", recordings=len(files))
    # Two threads use as much of the processors as one does.
    return row | {"processor_ratio": None}


def equal_images(data: Path) -> dict[str, Any]:
    """Return the largest difference in dB from the same image in double precision."""
    files = set_b(data)
    images = SpectrogramTransformer().transform(files)
    largest = max(
        float(abs(image - plain_image(file)).max())
        for file, image in zip(files, images, strict=True)
    )
    return {"ratio": largest, "noise": None, "recordings": len(files)}


def plain_image(file: Path) -> np.ndarray:
    """Return the image step by step, in double precision and with soundfile."""
    import librosa
    import soundfile
    import soxr

    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    waveform = soxr.resample(samples.mean(axis=1), rate, RATE, "HQ")
    power = librosa.feature.melspectrogram(
        y=waveform.astype(np.float64),
        sr=RATE,
        n_fft=N_FFT,
        hop_length=HOP,
        pad_mode="constant",
        n_mels=N_MELS,
        fmin=FMIN,
        fmax=FMAX,
        dtype=np.float64,
    )
    return librosa.power_to_db(power, amin=1e-30, top_db=TOP_DB)
