"""The published "Deep Stethoscope" at its own size: pictures saved by matplotlib.

A recording becomes a figure of its mel spectrogram, saved as PNG, cut of its uniform
border twice, and read back as 376×503 pixels of three colours. The audio has 1 kHz,
but the mel filters are librosa's for 22,050 Hz, as they were: the rate was ignored.
Where the publication gives no value, librosa's default stands. Two things differ:
every picture is trimmed, not the first alone, and the split is seeded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from heartbeat_clf import HeartbeatClassifier
from heartbeat_clf.audio import load_recording
from heartbeat_clf.images import crop_uniform_border

__all__ = ["PictureTransformer", "make_picture_pipeline", "save_picture"]

SIZE = (376, 503)
_SAMPLE_RATE = 1000
# What a mel filter bank of librosa is built for unless it is told the rate.
_ASSUMED_RATE = 22_050


class PictureTransformer(TransformerMixin, BaseEstimator):
    """From recordings to the pixels of saved figures.

    Parameters
    ----------
    cache : str or Path
        Folder of the PNGs, named after the recordings; those there are kept.
    """

    def __init__(self, cache: str | os.PathLike[str]) -> None:
        self.cache = cache

    def fit(self, X: Any, y: Any = None) -> PictureTransformer:
        """Return the object as it is: there is nothing to learn."""
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the pixels of every recording.

        Parameters
        ----------
        X : sequence of Path
            Files of different names.

        Returns
        -------
        pixels : ndarray of shape (n_recordings, 376, 503, 3), float32
            Between 0 and 1.
        """
        pixels = np.empty((len(X), *SIZE, 3), dtype=np.float32)
        for row, path in enumerate(X):
            picture = Path(self.cache) / f"{Path(path).stem}.png"
            if not picture.is_file():
                save_picture(path, picture)
            with Image.open(picture) as image:
                cropped = crop_uniform_border(image.convert("RGB"))
            resized = cropped.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR)
            pixels[row] = np.asarray(resized, dtype=np.float32) / 255
        return pixels

    def __sklearn_is_fitted__(self) -> bool:
        return True


def save_picture(recording: Any, path: Path) -> None:
    """Save the figure of a recording's mel spectrogram, without axes.

    Parameters
    ----------
    recording : str, Path or ndarray of shape (n_times,)
        An array is taken to be at 1 kHz.
    path : Path
        PNG of 640×480 pixels, with the white margin that matplotlib leaves.
    """
    import librosa
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    waveform = load_recording(recording, sample_rate=_SAMPLE_RATE)
    # A frame of librosa is longer than the shortest clips, about which it warns.
    waveform = np.pad(waveform, (0, max(0, 2048 - len(waveform))))
    power = librosa.feature.melspectrogram(y=waveform, sr=_ASSUMED_RATE)
    level = librosa.power_to_db(power, ref=np.max)
    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    # What librosa.display.specshow draws: one flat quadrangle a band and frame.
    axes.pcolormesh(level, cmap="magma", shading="auto")
    axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    figure.savefig(draft, format="png")
    os.replace(draft, path)


def make_picture_pipeline(*, folder: Path, epochs: int) -> Pipeline:
    """Return the ancestor's network on pictures.

    Parameters
    ----------
    folder : Path
        Where the PNGs are kept.
    epochs : int
        Passes over the pictures; one over 300 takes minutes.
    """
    classifier = HeartbeatClassifier(
        "ancestor",
        loss="elementwise_auroc",
        kernel_l2=0.01,
        dropout=0.5,
        learning_rate=1e-3,
        # 32 pictures at a time would take 5 GB.
        batch_size=8,
        epochs=epochs,
        window_frames=None,
        augment=False,
        standardize=False,
        random_state=0,
    )
    return Pipeline(
        [("pictures", PictureTransformer(folder)), ("classifier", classifier)]
    )
