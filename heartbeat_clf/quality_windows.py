"""From a waveform to the windows that the quality gate looks at."""

from __future__ import annotations

import numpy as np

from heartbeat_clf.mel import log_mel_spectrogram
from heartbeat_clf.windows import cut_window, image_statistics, window_starts

__all__ = [
    "HOP_DURATION",
    "N_BANDS",
    "SAMPLE_RATE",
    "WINDOW_FRAMES",
    "level_image",
    "quality_windows",
]

SAMPLE_RATE = 1000
N_BANDS = 40
# Half of the frames that murmurs are told by: rhythm needs no more, at half the cost.
HOP_DURATION = 0.032
# Four seconds.
WINDOW_FRAMES = 125
_TOP_DB = 80.0


def level_image(waveform: np.ndarray) -> np.ndarray:
    """Return the log-mel image of a waveform at `SAMPLE_RATE`, in dB.

    Parameters
    ----------
    waveform : ndarray of shape (n_times,)
        At least one frame of 64 ms.

    Returns
    -------
    image : ndarray of float32 of shape (40, n_frames)
        The library's usual image, without a floor and with every second frame.
    """
    return log_mel_spectrogram(
        waveform, sample_rate=SAMPLE_RATE, hop_duration=HOP_DURATION, top_db=None
    )


def quality_windows(image: np.ndarray) -> np.ndarray:
    """Return overlapping windows of an image, each standardised by itself.

    A click or a pause then spoils the windows that it is in and no others, and a
    window looks the same whatever surrounds it.

    Parameters
    ----------
    image : ndarray of float32 of shape (40, n_frames)
        From `level_image`. A shorter one than a window is repeated.

    Returns
    -------
    windows : ndarray of float32 of shape (n_windows, 40, 125)
        Mean 0 and standard deviation 1; levels more than 80 dB below the loudest
        of a window are raised to that.
    """
    starts = window_starts(image.shape[1], WINDOW_FRAMES, WINDOW_FRAMES // 2)
    windows = np.empty((len(starts), N_BANDS, WINDOW_FRAMES), dtype=np.float32)
    for row, start in enumerate(starts):
        window = cut_window(image, start, WINDOW_FRAMES)
        window = np.maximum(window, window.max() - _TOP_DB)
        mean, scale = image_statistics(window, label="window")
        windows[row] = (window - mean) / scale
    return windows
