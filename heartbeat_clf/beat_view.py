"""A second look at a recording, beat by beat, which has judges of its own.

They hear the average beat, how steadily the heart beats, and whether the recording
sounds like those learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heartbeat_clf._validation import check_choice, check_number
from heartbeat_clf.averaged_beats import (
    BEAT_COLUMNS,
    BEAT_STATISTICS,
    average_beat,
    exchange_phases,
)
from heartbeat_clf.beat_regions import beat_regions, count_regions
from heartbeat_clf.beat_scores import BeatScores
from heartbeat_clf.beat_tracking import BeatModel, state_probabilities
from heartbeat_clf.familiarity import level_features
from heartbeat_clf.heard_beats import Heard, hear_beats
from heartbeat_clf.network_sessions import network_outputs, network_session
from heartbeat_clf.steadiness import STEADINESS_FEATURES
from heartbeat_clf.units_judge import hear_units

__all__ = ["BeatView"]

_HALF = 10
# The linear judge has half its weight at so many beats: the average of a few is noisy,
# and it was fitted to the averages of tens.

_INSTEAD = 2.0
# How much log odds by steadiness count in the place of the windows' scores: chosen on
# databases left out.

_SURE = 1.0
_BESIDES = 4.0
# From which log odds on a made murmur counts, and how much what is above it does, by
# `share`: chosen so that it costs nothing on persons left out of two of CirCor's folds.

_SETTINGS = {
    "sample_rate": False,
    "hop_duration": False,
    "window_frames": True,
    "context_frames": True,
}
"""What a tracker is run by, and whether it is an integer."""


@dataclass(frozen=True)
class BeatView:
    """What finds the beats in an image and judges them.

    Attributes
    ----------
    tracker : bytes
        ONNX of a network as :func:`heartbeat_clf.beat_training.build_beat_network`
        makes it, on the lowest bands of the image.
    network : bytes
        ONNX of a network on average beats, whose logits are those of the network on
        windows.
    tracked_bands : int
        How many of the lowest bands `tracker` sees.
    settings : dict
        ``sample_rate`` and ``hop_duration`` of the images, ``window_frames`` and
        ``context_frames`` of the tracker.
    share : float, default=0.5
        Weight of the network's scores beside those of the windows.
    linear : bytes or None, default=None
        ONNX of a linear judge of average beats (:mod:`heartbeat_clf.linear_beats`),
        whose logits are those of the network or NaN. It comes in addition: of n beats,
        weights are ``1 - share`` for windows, ``share`` for the network and
        ``share * n / (n + 10)`` for the judge, divided by their sum.
    steadiness : bytes or None, default=None
        ONNX of a judge of steadiness (:mod:`heartbeat_clf.forest_judge`), whose
        logits are those of the network or NaN. `share` times its log odds are added to
        that mean.
    familiarity : bytes or None, default=None
        ONNX of a judge of familiarity (:mod:`heartbeat_clf.familiarity_judge`), whose
        logits are those of the network or NaN. The less familiar a recording sounds,
        the more the scores of the windows give way to twice the log odds by
        steadiness.
    either_phase : tuple of {-1, 0, 1}, default=()
        For each output, whether what it tells may be in the systole or in the diastole,
        as a murmur: network and linear judge hear the average beat with both exchanged
        as well, and their greater scores count (1), or their lesser ones (-1) where a
        low score means a murmur, as in the model in the box, whose score is that of
        "normal". 0, or no number, for neither.
    made : bytes or None, default=None
        ONNX of a judge of made murmurs (:mod:`heartbeat_clf.murmur_judge`), whose
        logits are those of the network or NaN. It answers for what nobody else knows:
        where its log odds for a murmur are above 1, four times `share` times what they
        are above is added to the scores of all others. What it does not hear counts
        nothing.
    made_sign : {1, -1}, default=1
        -1 where a low score means a murmur.
    units : bytes or None, default=None
        ONNX of a judge of units: trees (:mod:`heartbeat_clf.forest_judge`) on the
        embedding of the network on windows and the units of that on average beats,
        whose logits are those of the network or NaN. Where the sound is familiar, its
        log odds take `share` of the weight that the mean of both networks has.
    """

    tracker: bytes = field(repr=False)
    network: bytes = field(repr=False)
    tracked_bands: int
    settings: dict[str, Any]
    share: float = 0.5
    linear: bytes | None = field(default=None, repr=False)
    steadiness: bytes | None = field(default=None, repr=False)
    familiarity: bytes | None = field(default=None, repr=False)
    either_phase: tuple[int, ...] = ()
    made: bytes | None = field(default=None, repr=False)
    made_sign: int = 1
    units: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_number("share", self.share, minimum=0, maximum=1)
        check_number("tracked_bands", self.tracked_bands, minimum=1, integer=True)
        if set(self.settings) != set(_SETTINGS):
            raise ValueError(
                f"Expected the settings {sorted(_SETTINGS)}, got "
                f"{sorted(self.settings)}."
            )
        if self.familiarity is not None and self.steadiness is None:
            raise ValueError(
                "Expected a judge of steadiness beside that of familiarity, got none: "
                "it judges where the sound is not familiar."
            )
        if not isinstance(self.either_phase, tuple):
            raise TypeError(
                "Expected either_phase to be a tuple of numbers, one an output, got "
                f"{self.either_phase!r}."
            )
        for sign in self.either_phase:
            check_number("either_phase", sign, minimum=-1, maximum=1, integer=True)
        check_choice("made_sign", self.made_sign, (1, -1))
        turned = [sign for sign in self.either_phase if sign == -self.made_sign]
        if self.made is not None and turned:
            raise ValueError(
                f"Expected made_sign={self.made_sign} to be the sign in either_phase "
                f"as well, got {self.either_phase}: both say what a low score means."
            )
        for name, integer in _SETTINGS.items():
            check_number(
                name, self.settings[name], minimum=0, exclusive=True, integer=integer
            )

    def scores(self, image: np.ndarray) -> BeatScores | None:
        """Return what is said of an image's beats.

        Parameters
        ----------
        image : ndarray of shape (n_bands, n_frames)
            In dB, as the windows' network gets it.

        Returns
        -------
        scores : BeatScores or None
            None where a heart state is missing, as in half a second. Beats are found in
            most of what is longer than a second, also where there is no heart in it.

        Raises
        ------
        ValueError
            If `either_phase` has more numbers than there are outputs.
        """
        heard = self._hear(image, steadiness=self.steadiness is not None)
        if heard.stays.n_beats == 0:
            return None
        beat = average_beat(image, heard.stays)
        both = [beat, exchange_phases(beat)] if any(self.either_phase) else [beat]
        beats = np.stack(both)
        heard_by_network = np.empty(0)
        if self.units is None:
            said = network_session(self.network)(beats)
        else:
            said, units = network_outputs(self.network)(beats)
            heard_by_network = units[0]
        logits = self._chosen(said)
        judged = []
        levels = None if self.familiarity is None else level_features(image)
        regions = None
        if self.made is not None:
            regions = beat_regions(beat, heard.stays.n_beats)
        for judge, seen in (
            (self.linear, beats),
            (self.steadiness, _as_batch(heard.steadiness)),
            (self.familiarity, _as_batch(levels)),
            (self.made, _as_batch(regions)),
        ):
            log_odds = np.full_like(logits, np.nan)
            if judge is not None and seen is not None:
                chosen = self._chosen(network_session(judge)(seen))
                # A network on several outputs may have some more, which mean nothing.
                log_odds[: len(chosen)] = chosen
            judged.append(log_odds)
        unsaid = np.full_like(logits, np.nan)
        linear, steadiness, familiarity, made = judged
        return BeatScores(
            network=logits,
            linear=linear,
            n_beats=heard.stays.n_beats,
            clarity=heard.clarity,
            steadiness=steadiness,
            familiarity=familiarity,
            made=made,
            units=unsaid,
            heard=heard_by_network,
        )

    def with_units(
        self, beats: list[BeatScores | None], embeddings: np.ndarray
    ) -> list[BeatScores | None]:
        """Return what is said of beats with what the judge of units says.

        Parameters
        ----------
        beats : list of BeatScores or None
            As :meth:`scores` of this view gives them, one a recording.
        embeddings : ndarray of shape (n_recordings, n_features)
            Of the network on windows, as
            :func:`heartbeat_clf.prediction.mean_outputs` gives them: of a row of
            :class:`~heartbeat_clf.embedding.EmbeddingTransformer`, which has what the
            network on beats hears as well, the part before that.

        Returns
        -------
        beats : list of BeatScores or None
            As they came, where nobody judges units.

        Raises
        ------
        ValueError
            If there are not as many embeddings, they are not finite or of another
            width, or `beats` are of a view without such a judge.
        """
        return (
            beats if self.units is None else hear_units(self.units, beats, embeddings)
        )

    def _chosen(self, said: np.ndarray) -> np.ndarray:
        """Return which scores count, of a beat and perhaps of it exchanged.

        One row a beat, the first of it as it is.
        """
        if len(self.either_phase) > said.shape[1]:
            raise ValueError(
                f"Expected at most {said.shape[1]} numbers in either_phase, one an "
                f"output, got {self.either_phase}."
            )
        chosen = said[0].copy()
        for column, sign in enumerate(self.either_phase):
            if sign:
                chosen[column] = sign * (sign * said[:, column]).max()
        return chosen

    def embedding(self, image: np.ndarray) -> np.ndarray:
        """Return what the network hears in the average beat before it judges.

        Of the beat as it is, whatever `either_phase` says.

        Parameters
        ----------
        image : ndarray of shape (n_bands, n_frames)
            As `scores` takes it.

        Returns
        -------
        embedding : ndarray of shape (n_units,)
            Zeros, at which no unit speaks, where no beat is found.
        """
        stays = self._hear(image, steadiness=False).stays
        run = network_session(self.network, "embedding")
        if stays.n_beats == 0:
            silent = (1, len(image), sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
            return np.zeros_like(run(np.zeros(silent, dtype=np.float32))[0])
        heard: np.ndarray = run(average_beat(image, stays)[np.newaxis])[0]
        return heard

    def check_networks(self, n_bands: int) -> None:
        """Raise unless all networks run on images of so many bands.

        Raises
        ------
        ValueError
            If one cannot be read, takes something else than the settings say or gives
            what is no number, or the judges have other numbers of outputs.
        """
        silence = np.zeros((n_bands, 1), dtype=np.float32)
        beat = (1, n_bands, sum(BEAT_COLUMNS), len(BEAT_STATISTICS))
        at = "tracker"
        try:
            model = BeatModel(self.tracker, self.settings)
            state_probabilities(silence[: self.tracked_bands], model)
            silent = np.zeros(beat, dtype=np.float32)
            still = np.zeros((1, len(STEADINESS_FEATURES)), dtype=np.float32)
            levels = level_features(np.zeros((n_bands, 1)))[np.newaxis]
            regions = np.zeros((1, count_regions(n_bands)), dtype=np.float32)
            said = []
            for at, seen in (
                ("network", silent),
                ("linear", silent),
                ("steadiness", still),
                ("familiarity", levels),
                ("made", regions),
            ):
                judge = getattr(self, at)
                if judge is not None:
                    said.append(network_session(judge)(seen))
            at = "all of them"
            shapes = {logits.shape for logits in said}
            if len(shapes) > 1 or not np.isfinite(said).all():
                raise ValueError(
                    f"logits of a silent beat {[row.tolist() for row in said]}"
                )
            self._chosen(said[0])
        # ONNX Runtime's errors have no base of their own.
        except Exception as error:
            raise ValueError(
                f"Expected networks that run on {n_bands} bands with {self.settings} "
                f"and tracked_bands={self.tracked_bands}, got of {at}: {error}"
            ) from error

    def _hear(self, image: np.ndarray, *, steadiness: bool) -> Heard:
        tracker = BeatModel(self.tracker, self.settings)
        return hear_beats(image, tracker, self.tracked_bands, steadiness=steadiness)

    def trained_on(self) -> BeatView:
        """Return the view for windows that were trained on with other recordings.

        These sound familiar now, whatever the judge of familiarity learnt from, and
        the network no longer hears what the judge of units learnt from.
        """
        return replace(self, familiarity=None, units=None)

    def blend(self, windows: np.ndarray, beats: list[BeatScores | None]) -> np.ndarray:
        """Return all scores in one, a row a recording.

        A weighted mean of windows, average beat and linear judge, and what the judge
        of steadiness adds to it, or has to say for the windows; then what the judge of
        made murmurs hears besides. Where the sound is familiar, a judge of units has
        half of the weight of both networks. Where there is no beat, the windows' scores
        stay as they are.

        Raises
        ------
        ValueError
            If there is a judge of units, and what it says is missing: `with_units`
            gives it.
        """
        blended = np.array(windows, dtype=np.float64)
        for row, found in zip(blended, beats, strict=True):
            if found is None:
                continue
            if self.units is not None and np.isnan(found.units).all():
                raise ValueError(
                    "Expected what the judge of units says, got none. with_units gives "
                    "it."
                )
            mean = row + self.share * (found.network - row)
            # NaN, of what nobody judges, changes nothing.
            strangeness = 1 / (1 + np.exp(found.familiarity))
            instead = _INSTEAD * found.steadiness
            row += np.nan_to_num(strangeness * (instead - row))
            row += self.share * (found.network - row)
            familiar = 1 - np.nan_to_num(strangeness)
            row += self.share * np.nan_to_num(familiar * (found.units - mean))
            weight = self.share * found.n_beats / (found.n_beats + _HALF)
            heard = ~np.isnan(found.linear)
            row[heard] += (found.linear - row)[heard] * weight / (1 + weight)
            row += self.share * np.nan_to_num(found.steadiness)
            besides = np.maximum(self.made_sign * found.made - _SURE, 0.0)
            row += _BESIDES * self.share * self.made_sign * np.nan_to_num(besides)
        return blended


def _as_batch(features: np.ndarray | None) -> np.ndarray | None:
    return None if features is None else features[np.newaxis]
