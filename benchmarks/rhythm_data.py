"""What `rhythm.py` measures on: numbers of PASCAL set_b, and edited CirCor clips."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from heartbeat_clf.audio import load_recording
from heartbeat_clf.beat_tracking import beat_image, beats_of_image, load_beat_model
from heartbeat_clf.datasets import load_circor, load_pascal, read_segmentation
from heartbeat_clf.premature_beats import insert_premature_beats
from heartbeat_clf.rhythm import rhythm_features

__all__ = ["EDITS", "Described", "describe", "describe_set_b", "edited_clips"]

RATE = 1000
# Seconds of a clip, drawn evenly on a logarithmic scale.
SHORTEST, LONGEST = 1.8, 14.0
_LOW_BANDS = slice(0, 6)  # 20 to 95 Hz
_HIGH_BANDS = slice(6, 16)


class Described(NamedTuple):
    """Recordings as numbers.

    Attributes
    ----------
    rhythm : ndarray of shape (n_recordings, 41)
        ``RHYTHM_FEATURES``.
    bands : ndarray of shape (n_recordings, 8)
        Outlier and level of systoles and diastoles, of low, then of high bands.
    duration : ndarray of shape (n_recordings,)
        Seconds.
    """

    rhythm: np.ndarray
    bands: np.ndarray
    duration: np.ndarray


def describe(recordings: Sequence[Any]) -> Described:
    """Return the numbers of recordings, paths or waveforms at 1 kHz."""
    model = load_beat_model()
    rows, bands, durations = [], [], []
    for number, recording in enumerate(recordings):
        image = beat_image(recording, model.settings, label=f"row {number}")
        beats = beats_of_image(image, model)
        rows.append(rhythm_features(beats))
        bands.append(_band_features(image, beats.states))
        durations.append(image.shape[1] / model.frame_rate)
    return Described(np.stack(rows), np.stack(bands), np.array(durations))


def _band_features(image: np.ndarray, states: np.ndarray) -> list[float]:
    edges = np.flatnonzero(np.diff(states)) + 1
    values: list[float] = []
    for bands in (_LOW_BANDS, _HIGH_BANDS):
        level = 10 * np.log10((10 ** (image[bands] / 10)).mean(axis=0))
        level = np.convolve(level, np.ones(3) / 3, "same")
        peaks: dict[int, list[float]] = {0: [], 1: [], 2: [], 3: []}
        for start, end in itertools.pairwise(edges):
            state = int(states[start])
            if state in (1, 3) and end - start > 6:
                start, end = start + 2, end - 2
            peaks[state].append(float(level[start:end].max()))
        for state in (1, 3):
            if peaks[state] and peaks[0]:
                middle = float(np.median(peaks[state]))
                values += [max(peaks[state]) - middle, middle - np.median(peaks[0])]
            else:
                values += [0.0, -10.0]
    return values


def describe_set_b(folder: str) -> tuple[Any, np.ndarray, Described]:
    """Return set_b's Bunch, which normal clips are labelled noisy, and its numbers."""
    bunch = load_pascal(folder, subset="b", labels=("normal", "murmur", "extrasystole"))
    noisy = np.array(["noisynormal" in path.name for path in bunch.recordings])
    return bunch, noisy, describe(bunch.recordings)


def add_weak_sound(
    waveform: np.ndarray, s1: np.ndarray, s2: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """Return a clip with a quiet copy of an S1 in a diastole; None without room."""
    pairs = [(b, s1[s1 > b][0]) for b in s2 if (s1 > b).any()]
    pairs = [(b, a) for b, a in pairs if a - b > 0.3]
    sources = [round((t - 0.03) * RATE) for t in s1]
    n_times = 150
    sources = [i for i in sources if i >= 0 and i + n_times <= len(waveform)]
    if not pairs or not sources:
        return None
    edited = waveform.copy()
    for _ in range(int(rng.integers(1, 2 + int(len(waveform) > 5 * RATE)))):
        begin, end = pairs[rng.integers(len(pairs))]
        place = round((rng.uniform(begin + 0.12, end - 0.12) - 0.03) * RATE)
        source = sources[rng.integers(len(sources))]
        gain = np.exp(rng.uniform(np.log(0.15), np.log(0.9)))
        sound = waveform[source : source + n_times] * np.hanning(n_times) * gain
        sound = sound[: max(0, len(edited) - place)]
        edited[place : place + len(sound)] += sound.astype(np.float32)
    return edited


def move_some_beats(
    waveform: np.ndarray, s1: np.ndarray, s2: np.ndarray, rng: np.random.Generator
) -> np.ndarray | None:
    """Return a clip with one or two premature beats; None without room."""
    edited = insert_premature_beats(
        waveform,
        s1,
        s2,
        sample_rate=RATE,
        n_beats=int(rng.integers(1, 2 + int(len(waveform) > 5 * RATE))),
        random_state=rng,
    )
    return edited.waveform if edited.premature.any() else None


EDITS = {"premature beats": move_some_beats, "weak sounds": add_weak_sound}


def edited_clips(
    folder: str, kind: str, *, n_clips: int = 1200, seed: int = 0
) -> dict[str, Any]:
    """Return clips of CirCor, about half of them edited.

    A clip is taken only if it could be edited, and then edited by the toss of a coin,
    so that the two halves differ by the edit alone.

    Returns
    -------
    clips : dict
        ``waveforms``, ``edited`` and ``subjects``, one entry a clip.
    """
    circor = load_circor(folder, target="murmur")
    rng = np.random.default_rng(seed)
    clips: dict[str, list[Any]] = {"waveforms": [], "edited": [], "subjects": []}
    for row in rng.permutation(len(circor.recordings)):
        if len(clips["edited"]) == n_clips:
            break
        path = circor.metadata["segmentation"][row]
        if not path:
            continue
        table = read_segmentation(path).to_numpy()
        known = table[(table[:, 2] >= 1) & (table[:, 2] <= 4)]
        if len(known) < 16 or (known[1:, 0] - known[:-1, 1]).max() > 0.01:
            continue
        whole = load_recording(circor.recordings[row], sample_rate=RATE)
        first, last = known[0, 0], min(known[-1, 1], len(whole) / RATE)
        wanted = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST)))
        seconds = min(wanted, last - first)
        start = first + rng.random() * (last - first - seconds)
        clip = whole[int(start * RATE) : int((start + seconds) * RATE)]
        onsets = [table[table[:, 2] == state, 0] - start for state in (1, 3)]
        s1, s2 = (t[(t > 0) & (t < seconds)] for t in onsets)
        edited = EDITS[kind](clip, s1, s2, rng)
        if edited is None:
            continue
        is_edited = bool(rng.random() < 0.5)
        clips["waveforms"].append(edited if is_edited else clip)
        clips["edited"].append(is_edited)
        clips["subjects"].append(circor.subjects[row])
    return clips
