"""Train the beat tracker that is shipped, and measure it on persons left out.

Usage::

    python benchmarks/train_beats.py DATA --out heartbeat_clf/models/beats
    python benchmarks/train_beats.py DATA --measure     # the shipped one, seconds

DATA is a folder with ``circor`` in it, and ``pascal`` for the second measurement. A
fifth of CirCor's persons is left out of training. Nothing of PASCAL is trained on,
and no setting was chosen by it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from heartbeat_clf.beat_tracking import (
    BeatModel,
    beat_image,
    beats_of_image,
    load_beat_model,
)
from heartbeat_clf.datasets import load_circor, load_pascal, read_segmentation

SETTINGS: dict[str, Any] = {
    "sample_rate": 1000,
    "frame_duration": 0.064,
    "hop_duration": 0.016,
    "n_mels": 16,
    "fmin": 20.0,
    # PASCAL set_b and many stethoscopes pass little above 200 Hz.
    "fmax": 200.0,
    "top_db": 80.0,
}
EPOCHS = 12
SEED = 0
TOLERANCE = 0.06


def split_persons(subjects: np.ndarray) -> np.ndarray:
    """Return which recordings are of the fifth of the persons that is left out."""
    persons = np.unique(subjects)
    held = np.random.default_rng(SEED).permutation(persons)[: len(persons) // 5]
    return np.isin(subjects, held)


def match_onsets(
    reference: np.ndarray, found: np.ndarray, *, tolerance: float = TOLERANCE
) -> int:
    """Return how many onsets pair up within the tolerance, one with one, in order."""
    hits = row = column = 0
    while row < len(reference) and column < len(found):
        distance = reference[row] - found[column]
        if abs(distance) <= tolerance:
            hits, row, column = hits + 1, row + 1, column + 1
        elif distance < 0:
            row += 1
        else:
            column += 1
    return hits


def is_state(codes: np.ndarray) -> np.ndarray:
    """Return which codes are states: 0 is not annotated, and one file has a 28."""
    return (codes >= 1) & (codes <= 4)


def annotated_only(times: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the times that lie in an annotated stretch, 0.1 s from its edges."""
    known = is_state(segments[:, 2])
    inside = np.zeros(len(times), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    for first, end in edges.reshape(-1, 2):
        low, high = segments[first, 0] + 0.1, segments[end - 1, 1] - 0.1
        inside |= (times > low) & (times < high)
    return times[inside]


def f1(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return twice the matches over all onsets, of (reference, found) pairs."""
    hits = sum(match_onsets(*pair) for pair in pairs)
    return 2 * hits / max(sum(len(a) + len(b) for a, b in pairs), 1)


def measure_circor(
    model: BeatModel, images: Sequence[np.ndarray], segments: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Return F1 of S1 and S2 onsets, and the share of right frames."""
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"s1": [], "s2": []}
    right = frames = 0
    for image, table in zip(images, segments, strict=True):
        beats = beats_of_image(image, model)
        for name, state in (("s1", 1), ("s2", 3)):
            truth = table[table[:, 2] == state, 0]
            pairs[name].append(
                (
                    annotated_only(truth, table),
                    annotated_only(getattr(beats, name), table),
                )
            )
        times = np.arange(len(beats.states)) / beats.frame_rate
        row = np.searchsorted(table[:, 1], times, side="right").clip(max=len(table) - 1)
        state = table[row, 2]
        right += int((beats.states + 1 == state).sum())
        frames += int(is_state(state).sum())
    return {
        "n_recordings": len(images),
        "s1_f1": f1(pairs["s1"]),
        "s2_f1": f1(pairs["s2"]),
        "frame_accuracy": right / max(frames, 1),
    }


def measure_set_a(model: BeatModel, folder: str) -> dict[str, Any]:
    """Return F1 on set_a's timing, which marks the middle of a sound, not its onset."""
    bunch = load_pascal(folder, subset="a", labels=("normal", "murmur", "extrahls"))
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"s1": [], "s2": []}
    for path, (s1, s2) in zip(
        bunch.recordings,
        bunch.metadata[["s1_samples", "s2_samples"]].to_numpy(),
        strict=True,
    ):
        if not s1:
            continue
        rate = soundfile.info(path).samplerate
        beats = beats_of_image(beat_image(path, model.settings), model)
        both = np.sort([*s1, *s2]) / rate
        for name, samples, state in (("s1", s1, 0), ("s2", s2, 2)):
            found = middles(beats.states, state) / beats.frame_rate
            found = found[(found > both[0] - 0.1) & (found < both[-1] + 0.1)]
            pairs[name].append((np.array(samples) / rate, found))
    return {
        "n_recordings": len(pairs["s1"]),
        "s1_f1": f1(pairs["s1"]),
        "s2_f1": f1(pairs["s2"]),
    }


def middles(states: np.ndarray, state: int) -> np.ndarray:
    """Return the middle frame of every stay in a state."""
    inside = np.concatenate([[False], states == state, [False]])
    edges = np.flatnonzero(np.diff(inside)).reshape(-1, 2)
    return (edges.sum(axis=1) - 1) / 2


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="folder with circor and pascal")
    parser.add_argument("--out", help="folder to write beats.onnx and beats.json to")
    parser.add_argument("--measure", action="store_true", help="train nothing")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args(argv)
    clock = time.perf_counter(), time.process_time()
    circor = load_circor(options.data, target="murmur")
    rows = [r for r, path in enumerate(circor.metadata["segmentation"]) if path]
    segments = [
        read_segmentation(circor.metadata["segmentation"][row]).to_numpy()
        for row in rows
    ]
    used = [
        place for place, table in enumerate(segments) if is_state(table[:, 2]).any()
    ]
    segments = [segments[place] for place in used]
    rows = [rows[place] for place in used]
    left_out = split_persons(circor.subjects)[rows]
    chosen = [
        r for r, out in zip(rows, left_out, strict=True) if out or not options.measure
    ]
    images = {r: beat_image(circor.recordings[r], SETTINGS) for r in chosen}
    if options.measure:
        model = load_beat_model(options.out)
    else:
        # Before TensorFlow loads: the same bits on every machine, and good company.
        for name in ("OMP_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
            os.environ[f"{name}_THREADS"] = "1"
        from heartbeat_clf.beat_training import (
            CONTEXT_FRAMES,
            WINDOW_FRAMES,
            train_beat_network,
        )

        settings = {
            **SETTINGS,
            "window_frames": WINDOW_FRAMES,
            "context_frames": CONTEXT_FRAMES,
        }
        training = [p for p, out in enumerate(left_out) if not out]
        network = train_beat_network(
            [images[rows[p]] for p in training],
            [segments[p] for p in training],
            frame_rate=BeatModel(b"", settings).frame_rate,
            epochs=options.epochs,
            random_state=SEED,
            verbose=2,
        )
        model = BeatModel(network, settings)
    held = [p for p, out in enumerate(left_out) if out]
    measured = {
        "circor_left_out": measure_circor(
            model, [images[rows[p]] for p in held], [segments[p] for p in held]
        ),
        "pascal_set_a": measure_set_a(model, options.data),
    }
    for name, values in measured.items():
        print(name, {k: round(v, 3) for k, v in values.items()})
    seconds = time.perf_counter() - clock[0], time.process_time() - clock[1]
    print(f"network: {len(model.network)} bytes")
    print(f"seconds: {seconds[0]:.0f}, of the processor {seconds[1]:.0f}")
    if options.measure or not options.out:
        return
    place = Path(options.out)
    place.mkdir(parents=True, exist_ok=True)
    (place / "beats.onnx").write_bytes(model.network)
    record = {
        **model.settings,
        "trained_on": "CirCor DigiScope 1.0.3, four fifths of the persons",
        "license_of_data": "Open Data Commons Attribution License 1.0",
        "n_recordings": int((~left_out).sum()),
        "epochs": options.epochs,
        "random_state": SEED,
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python benchmarks/train_beats.py DATA --out FOLDER",
        "measured": {
            name: {k: round(v, 4) for k, v in values.items()}
            for name, values in measured.items()
        },
    }
    (place / "beats.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
