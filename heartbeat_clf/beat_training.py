"""Train the beat tracker's network on recordings with annotated heart states.

The network sees 2 s around a frame and says which state it is in. It is trained on
stretched pieces whose diastoles are lengthened and shortened one by one, so that it
recognises the sounds and does not count on an even rhythm.
"""

from __future__ import annotations

from collections.abc import Sequence

# isort: split - TensorFlow before Keras, which would import it with its greetings
import heartbeat_clf._tensorflow  # noqa: F401

# isort: split
import keras
import numpy as np

from heartbeat_clf._validation import check_number, check_same_length
from heartbeat_clf.beat_tracking import standardise_bands
from heartbeat_clf.heart_segments import DIASTOLE
from heartbeat_clf.onnx_export import network_to_onnx

__all__ = ["build_beat_network", "train_beat_network", "warp_piece"]

_DILATIONS = (1, 2, 4, 8, 16)
_KERNEL = 5
CONTEXT_FRAMES = (_KERNEL - 1) * sum(_DILATIONS) // 2
WINDOW_FRAMES = 256


def build_beat_network(n_bands: int, *, channels: int = 32) -> keras.Model:
    """Return an untrained network from a window to states a frame.

    Parameters
    ----------
    n_bands : int
        Bands of the log-mel image.
    channels : int, default=32
        Width of each layer.

    Returns
    -------
    network : keras.Model
        From ``(n_bands, WINDOW_FRAMES + 2 * CONTEXT_FRAMES, 1)`` to
        ``WINDOW_FRAMES * 4`` logits, frame by frame. Nothing is padded, so that
        windows side by side give what one pass over the recording would.
    """
    image = keras.Input((n_bands, WINDOW_FRAMES + 2 * CONTEXT_FRAMES, 1), name="window")
    features = keras.layers.Conv2D(channels, (n_bands, 1), use_bias=False)(image)
    features = keras.layers.BatchNormalization(momentum=0.9)(features)
    features = keras.layers.ReLU()(features)
    for dilation in _DILATIONS:
        features = keras.layers.Conv2D(
            channels, (1, _KERNEL), dilation_rate=(1, dilation), use_bias=False
        )(features)
        features = keras.layers.BatchNormalization(momentum=0.9)(features)
        features = keras.layers.ReLU()(features)
    logits = keras.layers.Conv2D(4, 1)(features)
    return keras.Model(image, keras.layers.Flatten()(logits), name="beat_network")


def warp_piece(
    image: np.ndarray,
    segments: np.ndarray,
    rng: np.random.Generator,
    *,
    frame_rate: float,
    n_frames: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a piece of a recording at another speed, with uneven diastoles.

    Parameters
    ----------
    image : ndarray of shape (n_bands, n_frames_i)
        Log-mel image in dB.
    segments : ndarray of shape (n_segments, 3)
        Start and end in seconds and state, as ``read_segmentation`` gives them.
    rng : Generator
        Source of the speed, of the diastoles and of the place.
    frame_rate : float
        Frames a second.
    n_frames : int
        Length of the piece.

    Returns
    -------
    piece : ndarray of shape (n_bands, n_frames), float32
        Repeated from its start where the recording is too short.
    states : ndarray of int of shape (n_frames,)
        1 to 4, and 0 where nothing (or something unknown) is annotated.
    """
    stretch = np.exp(rng.uniform(np.log(0.8), np.log(1.7)))
    lengths = (segments[:, 1] - segments[:, 0]) * stretch
    if rng.random() < 0.7:
        diastole = segments[:, 2] == DIASTOLE
        lengths = lengths * np.where(
            diastole, np.exp(rng.normal(0, 0.4, len(segments))), 1
        )
    ends = np.cumsum(np.maximum(lengths, 1e-6))
    available = max(1, int(ends[-1] * frame_rate))
    start = rng.integers(max(1, available - n_frames + 1))
    times = ((start + np.arange(n_frames)) % available) / frame_rate
    sources = np.interp(
        times,
        np.concatenate([[0.0], ends]),
        np.concatenate([segments[:1, 0], segments[:, 1]]),
    )
    index = np.searchsorted(ends, times, side="right").clip(max=len(ends) - 1)
    place = np.clip(sources * frame_rate, 0, image.shape[1] - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, image.shape[1] - 1)
    share = (place - low).astype(np.float32)
    piece = image[:, low] * (1 - share) + image[:, high] * share
    states = segments[index, 2].astype(int)
    # A published file has a 28 among its states.
    return piece, np.where((states >= 1) & (states <= 4), states, 0)


def disturb(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a piece with other colouring and more noise, in dB."""
    n_bands = len(piece)
    tilt = rng.normal(0, 6) * np.linspace(-1, 1, n_bands)
    piece = piece + (tilt + rng.normal(0, 2, n_bands))[:, np.newaxis]
    if rng.random() < 0.7:
        level = np.percentile(piece, rng.uniform(20, 85), axis=1, keepdims=True)
        power = rng.exponential(1.0, piece.shape) + 1e-3
        piece = 10 * np.log10(10 ** (piece / 10) + power * 10 ** (level / 10))
    return piece.astype(np.float32)


def _cut_ends(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blank the context of a piece now and then, as at the ends of a recording."""
    if rng.random() < 0.2:
        piece[:, : rng.integers(1, CONTEXT_FRAMES + 1)] = 0
    if rng.random() < 0.2:
        piece[:, -rng.integers(1, CONTEXT_FRAMES + 1) :] = 0
    return piece


class _Feed(keras.utils.PyDataset):
    """Batches of disturbed pieces, one a recording and epoch."""

    def __init__(self, images, segments, *, frame_rate, batch_size, seed):  # type: ignore[no-untyped-def]
        super().__init__()
        self.images, self.segments = images, segments
        self.frame_rate, self.batch_size, self.seed = frame_rate, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.images) // self.batch_size or 1

    def __getitem__(self, index: int):  # type: ignore[no-untyped-def]
        order = np.random.default_rng([self.seed, self.epoch])
        rows = order.permutation(len(self.images))
        rows = rows[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, 1 + index])
        context = CONTEXT_FRAMES
        pieces, targets = [], []
        for row in rows:
            piece, states = warp_piece(
                self.images[row],
                self.segments[row],
                rng,
                frame_rate=self.frame_rate,
                n_frames=WINDOW_FRAMES + 2 * context,
            )
            pieces.append(_cut_ends(standardise_bands(disturb(piece, rng)), rng))
            targets.append(states[context:-context])
        return (
            np.stack(pieces)[..., np.newaxis].astype(np.float32),
            np.stack(targets).astype(np.float32),
        )

    def on_epoch_end(self) -> None:
        self.epoch += 1


def _masked_cross_entropy(states, logits):  # type: ignore[no-untyped-def]
    """Cross-entropy a frame, over frames that are annotated."""
    logits = keras.ops.reshape(logits, (-1, WINDOW_FRAMES, 4))
    known = keras.ops.cast(states > 0, "float32")
    target = keras.ops.cast(keras.ops.maximum(states - 1, 0), "int32")
    losses = keras.losses.sparse_categorical_crossentropy(
        target, logits, from_logits=True
    )
    return keras.ops.sum(losses * known) / (keras.ops.sum(known) + 1.0)


def train_beat_network(
    images: Sequence[np.ndarray],
    segments: Sequence[np.ndarray],
    *,
    frame_rate: float,
    epochs: int = 15,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    random_state: int = 0,
    verbose: int = 0,
) -> bytes:
    """Return a trained network as ONNX.

    Parameters
    ----------
    images : sequence of ndarray of shape (n_bands, n_frames_i)
        Log-mel images in dB.
    segments : sequence of ndarray of shape (n_segments_i, 3)
        Start and end in seconds and state of each image.
    frame_rate : float
        Frames a second.
    epochs : int, default=15
        Rounds, with one piece a recording each; the rate falls along half a cosine.
    batch_size : int, default=32
        Pieces a step.
    learning_rate : float, default=3e-3
        Of Adam, at the start.
    random_state : int, default=0
        Seed of the weights and of the pieces.
    verbose : int, default=0
        As in ``keras.Model.fit``.

    Returns
    -------
    network : bytes
        ONNX with the input and output of :func:`build_beat_network`.

    Raises
    ------
    ValueError
        If the lengths differ or there is no recording.
    """
    n_recordings = check_same_length(images=images, segments=segments)
    check_number("epochs", epochs, minimum=1, integer=True)
    check_number("batch_size", batch_size, minimum=1, integer=True)
    if n_recordings == 0:
        raise ValueError("Expected at least one recording to train on, got none.")
    keras.utils.set_random_seed(random_state)
    network = build_beat_network(len(images[0]))
    feed = _Feed(
        images,
        segments,
        frame_rate=frame_rate,
        batch_size=batch_size,
        seed=random_state,
    )
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate, epochs * len(feed), alpha=0.0
    )
    network.compile(keras.optimizers.Adam(schedule), _masked_cross_entropy)
    network.fit(feed, epochs=epochs, verbose=verbose)
    return network_to_onnx(network)
