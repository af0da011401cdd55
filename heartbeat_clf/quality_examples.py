"""Draw what the quality network learns from: windows with and without a heart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from heartbeat_clf.datasets.synthetic import make_heart_sounds
from heartbeat_clf.non_heart_sounds import KINDS
from heartbeat_clf.quality_windows import (
    HOP_DURATION,
    N_BANDS,
    SAMPLE_RATE,
    WINDOW_FRAMES,
    level_image,
    quality_windows,
)
from heartbeat_clf.spoiled_hearts import SPOILERS, add_noise, another_channel

__all__ = ["NEGATIVE_KINDS", "QualityExamples"]

# How often a window without a heart is of each kind. "drowned" is a heart under noise,
# "poor" a real recording that its publisher flagged as too poor to be read.
NEGATIVE_KINDS: Mapping[str, float] = {
    "noise": 1.0,
    "breath": 0.7,
    "tones": 0.8,
    "handling": 1.2,
    "rubbing": 1.0,
    "speech": 1.2,
    "music": 1.2,
    "drums": 0.8,
    "quiet": 0.4,
    "shuffled": 0.8,
    "spliced": 0.8,
    "phases": 0.8,
    "drowned": 1.6,
    "poor": 0.8,
}
# Contrast in dB (see `add_noise`) up to which a heart is drowned, and from which it
# is heard; what lies between is neither.
_DROWNED = (-15.0, -2.0)
_HEARD = (8.0, 28.0)
# Frames at the ends that see the zeros around the sound; 4096 samples in all.
_MARGIN_FRAMES = 2
_N_TIMES = (WINDOW_FRAMES + 2 * _MARGIN_FRAMES - 1) * round(HOP_DURATION * SAMPLE_RATE)


class QualityExamples:
    """Windows drawn at random, half of them with a heart in them.

    Parameters
    ----------
    hearts : sequence of sequences of ndarray of shape (n_times,)
        Waveforms of good heart sounds at 1000 Hz, one sequence a source; sources
        are drawn from equally often.
    poor : sequence of ndarray of shape (n_times,)
        Recordings too poor to be read; may be empty.
    kinds : sequence of str or None, default=None
        Which of `NEGATIVE_KINDS`; None for all.
    pool_size : int, default=150
        Synthetic sounds made of each kind; windows are cut from them.
    seed : int, default=0
        Where all chance comes from.
    """

    def __init__(
        self,
        hearts: Sequence[Sequence[np.ndarray]],
        poor: Sequence[np.ndarray] = (),
        *,
        kinds: Sequence[str] | None = None,
        pool_size: int = 150,
        seed: int = 0,
    ) -> None:
        self.hearts = hearts
        self.poor = poor
        names = [name for name in NEGATIVE_KINDS if kinds is None or name in kinds]
        if not len(poor):
            names = [name for name in names if name != "poor"]
        self.kinds = names
        weights = np.array([NEGATIVE_KINDS[name] for name in names])
        self.shares = weights / weights.sum()
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        self.pools = {
            name: [KINDS[name](rng, 2 * _N_TIMES) for _ in range(pool_size)]
            for name in names
            if name in KINDS
        }
        self.synthetic = make_heart_sounds(
            pool_size,
            recordings_per_subject=1,
            duration=8.0,
            heart_rate=(45.0, 150.0),
            random_state=rng,
        ).recordings

    def draw(self, n_windows: int, batch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return windows with and without a heart in turn, and what they hold.

        Parameters
        ----------
        n_windows : int
            How many; the first ones are the same for any number.
        batch : int, default=0
            Another number gives other windows.

        Returns
        -------
        windows : ndarray of float32 of shape (n_windows, 40, 125)
        kinds : ndarray of str of shape (n_windows,)
            "heart", or one of `NEGATIVE_KINDS`.
        """
        rng = np.random.default_rng([self.seed, 1, batch])
        windows = np.empty((n_windows, N_BANDS, WINDOW_FRAMES), dtype=np.float32)
        kinds = []
        for row in range(n_windows):
            kind = "heart" if row % 2 else str(rng.choice(self.kinds, p=self.shares))
            windows[row] = self.window(kind, rng)
            kinds.append(kind)
        return windows, np.array(kinds)

    def window(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        """Return one window of shape (40, 125) of "heart" or a negative kind."""
        sound = self._with_heart(rng) if kind == "heart" else self._without(kind, rng)
        image = level_image(another_channel(sound, rng))
        image = image[:, _MARGIN_FRAMES:-_MARGIN_FRAMES]
        if rng.random() < 0.25:  # a short clip, repeated as in prediction
            n_frames = int(rng.integers(32, WINDOW_FRAMES))
            first = int(rng.integers(0, image.shape[1] - n_frames))
            image = image[:, first : first + n_frames]
        return quality_windows(image)[0]

    def _with_heart(self, rng: np.random.Generator) -> np.ndarray:
        heart = self._heart(rng)
        if rng.random() < 0.4:
            return self._mix(rng, heart, rng.uniform(*_HEARD))
        return heart

    def _without(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        if kind == "drowned":
            return self._mix(rng, self._heart(rng), rng.uniform(*_DROWNED))
        if kind == "poor":
            return _cut(self.poor[int(rng.integers(len(self.poor)))], rng)
        if kind in SPOILERS:
            return SPOILERS[kind](self._heart(rng), rng)
        sound = self._of_pool(rng, kind)
        if kind != "quiet" and rng.random() < 0.15:
            sound = sound + rng.uniform(0.2, 1.0) * self._any_sound(rng)
        return sound

    def _heart(self, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < 0.06:
            waveform = self.synthetic[int(rng.integers(len(self.synthetic)))]
        else:
            source = self.hearts[int(rng.integers(len(self.hearts)))]
            waveform = source[int(rng.integers(len(source)))]
        speed = rng.uniform(0.75, 1.3) if rng.random() < 0.4 else 1.0
        sound = _cut(waveform, rng, n_times=int(_N_TIMES * speed) + 1)
        if speed != 1.0:
            places = np.arange(_N_TIMES) * speed
            return np.interp(places, np.arange(len(sound)), sound)
        return sound[:_N_TIMES]

    def _mix(
        self, rng: np.random.Generator, heart: np.ndarray, contrast_db: float
    ) -> np.ndarray:
        noise = self._any_sound(rng)
        powers = [10 ** (level_image(sound) / 10) for sound in (heart, noise)]
        return add_noise(heart, noise, powers[0], powers[1], contrast_db)

    def _any_sound(self, rng: np.random.Generator) -> np.ndarray:
        """Return a sound of the pools, or the steady noise of a heart's spectrum."""
        names = [name for name in self.pools if name != "quiet"]
        if not names or rng.random() < 0.15:
            return SPOILERS["phases"](self._heart(rng), rng)
        return self._of_pool(rng, str(rng.choice(names)))

    def _of_pool(self, rng: np.random.Generator, kind: str) -> np.ndarray:
        pool = self.pools[kind]
        return _cut(pool[int(rng.integers(len(pool)))], rng)


def _cut(
    waveform: np.ndarray, rng: np.random.Generator, n_times: int = _N_TIMES
) -> np.ndarray:
    """Return a random part of a waveform with RMS 1, repeated if it is too short."""
    if len(waveform) < n_times:
        waveform = np.resize(waveform, n_times)
    first = int(rng.integers(0, len(waveform) - n_times + 1))
    part = waveform[first : first + n_times].astype(np.float64)
    part -= part.mean()
    return part / max(float(np.sqrt(np.mean(part**2))), 1e-9)
