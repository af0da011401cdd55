"""What the judge of made murmurs learns from: normal hearts without and with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from heartbeat_clf import audio
from heartbeat_clf.annotated_rows import annotated_rows
from heartbeat_clf.averaged_beats import Stays, average_beat
from heartbeat_clf.beat_regions import beat_regions
from heartbeat_clf.beat_tracking import BeatModel
from heartbeat_clf.heard_beats import Heard, hear_beats
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.made_murmurs import add_murmur, draw_murmur
from heartbeat_clf.pretraining_data import TrainingSet, joined_subjects
from heartbeat_clf.pretraining_recipe import Recipe, tracked_bands
from heartbeat_clf.spectrogram import SpectrogramTransformer

__all__ = ["MurmurExamples", "murmur_examples", "sparse_murmurs"]

_MURMURS = 3
# Of a recording, different ones.
_FEW = 4
# Of what a duller device loses: from which share of the bands on, and how much it loses
# over the whole of them, in dB.
_UPPER = (0.15, 0.9)
_LOWER = (0.0, 0.15)
_SLOPES = (20.0, 160.0)
_MOST_DB = 60.0


class MurmurExamples(NamedTuple):
    """Average beats of normal hearts, without murmurs and with made ones.

    Attributes
    ----------
    features : ndarray of float32 of shape (n_beats, n_features)
        As :func:`heartbeat_clf.beat_regions.beat_regions` gives them.
    positive : ndarray of bool of shape (n_beats,)
        Whether a murmur was added.
    subjects : ndarray of str of shape (n_beats,)
        Whose heart it is.
    """

    features: np.ndarray
    positive: np.ndarray
    subjects: np.ndarray


def murmur_examples(
    data: Sequence[TrainingSet],
    images: Sequence[np.ndarray],
    heard: Sequence[Heard],
    recipe: Recipe,
    output: str,
    tracker: BeatModel,
) -> MurmurExamples | None:
    """Return average beats of recordings without a murmur, and of these with made ones.

    Each recording with annotated heart states that is negative in `output` is heard as
    it is and with three made murmurs, in sound (:func:`draw_murmur`), each four times:
    all beats; some of them; all or some through a duller device; one to four.

    Parameters
    ----------
    data : sequence of TrainingSet
        What is learnt from.
    images : sequence of ndarray of shape (n_bands, n_frames)
        Of all recordings of all sets.
    heard : sequence of Heard
        What the tracker hears in each.
    recipe : Recipe
        What the images were made by; its seed draws everything.
    output : str
        1 in its column of a set's targets means that there is a murmur.
    tracker : BeatModel
        Hears the beats of what is made.

    Returns
    -------
    examples : MurmurExamples or None
        None where no recording is annotated and has none.
    """
    n_bands = tracked_bands(recipe.audio)
    top_db = SpectrogramTransformer(**recipe.audio).top_db
    features, positive, subjects = [], [], []
    everyone = joined_subjects(data)
    first = 0
    for part in data:
        of_part = images[first : first + len(part.recordings)]
        tables = annotated_rows(part, of_part, recipe)
        for row, table in tables.items():
            stays = heard[first + row].stays
            if _target(part, output, row) != 0 or not stays.n_beats:
                continue
            rng = np.random.default_rng([recipe.seed, first + row])
            seen = [(of_part[row], stays, False)]
            for image in _with_murmurs(part.recordings[row], table, recipe, rng):
                found = hear_beats(image, tracker, n_bands, steadiness=False)
                seen.append((image, found.stays, True))
            for image, stays, murmur in seen:
                if stays.n_beats:
                    beats = _regions(image, stays, top_db, rng)
                    features.extend(beats)
                    positive.extend([murmur] * len(beats))
                    subjects.extend([everyone[first + row]] * len(beats))
        first += len(part.recordings)
    if not features:
        return None
    return MurmurExamples(np.array(features), np.array(positive), np.array(subjects))


def sparse_murmurs(
    data: Sequence[TrainingSet],
    images: Sequence[Sequence[np.ndarray]],
    folds: Sequence[np.ndarray],
    recipe: Recipe,
    outputs: Sequence[str],
) -> list[str]:
    """Return the outputs of which some fold leaves too few to learn made murmurs from.

    Parameters
    ----------
    data, images
        As :func:`heartbeat_clf.pretraining.pretrain` takes them.
    folds : sequence of ndarray of int of shape (n_recordings,)
        The fold of each recording of each set.
    recipe : Recipe
        What the images were made by.
    outputs : sequence of str
        To be judged.

    Returns
    -------
    sparse : list of str
        Those with fewer than two subjects that are annotated and negative.
    """
    found = []
    tables = [
        annotated_rows(*parts, recipe) for parts in zip(data, images, strict=True)
    ]
    for name in outputs:
        known = {
            (f"{part.name}/{part.subjects[row]}", int(numbers[row]))
            for part, of_part, numbers in zip(data, tables, folds, strict=True)
            for row in of_part
            if _target(part, name, row) == 0
        }
        left = [
            len({subject for subject, fold in known if fold != number})
            for number in np.unique(np.concatenate(folds))
        ]
        if min(left) < 2:
            found.append(name)
    return found


def _target(part: TrainingSet, output: str, row: int) -> float:
    """Return whether an output is to tell a recording; NaN where nothing is known."""
    if output not in part.targets:
        return float("nan")
    return float(part.targets[output].iloc[row])


def _with_murmurs(
    recording: str, table: np.ndarray, recipe: Recipe, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield the images of a recording with made murmurs, trimmed as the others are."""
    transformer = SpectrogramTransformer(**recipe.audio)
    rate = float(transformer.sample_rate)
    sound = audio.load_recording(recording, sample_rate=rate)
    for _ in range(_MURMURS):
        kind, level_db = draw_murmur(rng, rate=rate)
        made = add_murmur(sound, rate, table, kind=kind, level_db=level_db, seed=rng)
        if made is not None:
            image = transformer.fit_transform([made])
            yield ImageTrimmer(**recipe.trimmer).fit_transform(image)[0]


def _regions(
    image: np.ndarray,
    stays: Stays,
    top_db: float | None,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    n_beats = stays.n_beats
    seen = [
        (image, n_beats),
        (image, _some(n_beats, rng)),
        (
            _dulled(image, top_db, rng),
            _some(n_beats, rng) if rng.random() < 0.5 else n_beats,
        ),
        (image, min(n_beats, int(rng.integers(1, _FEW + 1)))),
    ]
    return [
        beat_regions(average_beat(levels, _in_a_row(stays, n, rng)), n)
        for levels, n in seen
    ]


def _dulled(
    image: np.ndarray, top_db: float | None, rng: np.random.Generator
) -> np.ndarray:
    """Return an image as of a device that passes on less of both ends of the bands.

    What falls out of the range of an image is lost; the rest of a gain, a judge that
    goes by what differs within a band does not notice.
    """
    place = np.linspace(0, 1, len(image))
    upper = rng.uniform(*_SLOPES) * (place - rng.uniform(*_UPPER))
    lower = rng.uniform(*_SLOPES) * (rng.uniform(*_LOWER) - place)
    gain = -np.clip(upper, 0, _MOST_DB) - np.clip(lower, 0, _MOST_DB)
    dulled = image + gain[:, np.newaxis].astype(image.dtype)
    return dulled if top_db is None else np.maximum(dulled, image.max() - top_db)


def _some(n_beats: int, rng: np.random.Generator) -> int:
    """Return a number from one on, evenly by its logarithm, and seldom all."""
    return min(n_beats, int(np.exp(rng.uniform(0, np.log(max(n_beats, 2))))))


def _in_a_row(stays: Stays, n: int, rng: np.random.Generator) -> Stays:
    """Return so many stays of each state, about the same time."""
    place = rng.random()
    first, last = [], []
    for begin, end in zip(*stays, strict=True):
        start = int(place * (len(begin) - n + 1))
        first.append(begin[start : start + n])
        last.append(end[start : start + n])
    return Stays(tuple(first), tuple(last))
