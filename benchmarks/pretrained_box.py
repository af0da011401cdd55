"""Bring the models in the box up to the recipe and the saved scores.

No network is trained: those in the files stay. Calibration, the way to combine a
person's recordings and the operating points are made of the scores of the folds;
judges that are named with ``--judges`` are fitted anew to all recordings, by the recipe
and with the beats that the tracker in the file finds. ``heartbeat-clf pretrain`` makes
all of it from an empty folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from heartbeat_clf import load, save
from heartbeat_clf.averaged_beats import BEAT_COLUMNS, BEAT_STATISTICS
from heartbeat_clf.beat_judges import kept_judges
from heartbeat_clf.beat_recipe import JUDGES
from heartbeat_clf.beat_tracking import BeatModel
from heartbeat_clf.beat_view_network import build_beat_view_network
from heartbeat_clf.beat_view_training import TrainedBeats
from heartbeat_clf.heard_beats import Heard, hear_beats
from heartbeat_clf.prediction import WindowPredictor
from heartbeat_clf.pretrained import find_model
from heartbeat_clf.pretrained_files import calibrate_answer
from heartbeat_clf.pretraining_models import ANSWERS, load_sets
from heartbeat_clf.pretraining_recipe import Recipe, read_recipe
from heartbeat_clf.pretraining_run import make_images

RESULTS = Path(__file__).resolve().parent / "results" / "pretrained"
N_FOLDS = 5


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", nargs="?", type=Path, help="folder of circor and cinc2016, for judges")
    add("--judges", nargs="+", choices=list(JUDGES), default=[], help="to fit anew")
    add("--work", type=Path, help="folder that keeps the judges and images")
    add("--results", type=Path, default=RESULTS, help="folder of the saved scores")
    add("--models", type=Path, default=find_model("murmur").parent, help="the box")
    given = parser.parse_args()
    if given.judges and None in (given.data, given.work):
        parser.error("--judges needs the folder of the recordings and --work")
    recipe = read_recipe(None)
    assert recipe.beats is not None
    scores = pd.concat(
        [read_scores(given.results, fold) for fold in range(N_FOLDS)], ignore_index=True
    )
    place = given.models / "training.json"
    report = json.loads(place.read_text("utf-8"))
    report["recipe"] = recipe.to_dict()
    # What is missing should be told before anything is written.
    box = {name: load(given.models / f"{name}.hbc") for name in ANSWERS}
    fitted = None
    if given.judges:
        # Both files have the same networks, but for what they answer.
        known = box[ANSWERS[0]][-1].predictor_
        fitted = fitted_beats(known, recipe, given.data, given.work)
    for name, pipeline in box.items():
        found = calibrate_answer(scores, name, n_folds=N_FOLDS)
        classifier = pipeline[-1]
        beats = classifier.predictor_.beats
        # The files answer in favour of "normal".
        either = (-1,) if name in recipe.beats.either_phase else ()
        changes: dict[str, Any] = {"either_phase": either}
        if fitted is not None:
            view = fitted.view(name, sign=-1.0)
            changes |= {kind: getattr(view, kind) for kind in given.judges}
            if "made" in given.judges:
                changes["made_sign"] = view.made_sign
        classifier.predictor_ = dataclasses.replace(
            classifier.predictor_,
            calibration=found.calibration,
            beats=dataclasses.replace(beats, **changes),
        )
        classifier.operating_points_ = found.operating_points
        save(pipeline, given.models / f"{name}.hbc")
        report["answers"][name] = found.report()
    text = json.dumps(report, indent=2, default=float)
    place.write_text(text + "\n", encoding="utf-8")


def read_scores(results: Path, fold: int) -> pd.DataFrame:
    """Return the scores of a fold."""
    file = results / f"fold_{fold}.csv"
    scores = pd.read_csv(file, dtype={"subject": str, "recording": str})
    return scores.assign(fold=fold)


def fitted_beats(
    known: WindowPredictor, recipe: Recipe, folder: Path, work: Path
) -> TrainedBeats:
    """Return the judges of a recipe, fitted to what the networks of a file hear."""
    beats = known.beats
    assert beats is not None
    data = load_sets([folder], recipe)
    made = make_images(data, recipe, cache=work / "cache")
    images = [image for part in made for image in part]
    tracker = BeatModel(beats.tracker, beats.settings)

    @functools.cache
    def all_heard() -> Sequence[Heard]:
        return [hear_beats(image, tracker, beats.tracked_bands) for image in images]

    place = work / "box"
    place.mkdir(parents=True, exist_ok=True)
    say = functools.partial(print, file=sys.stderr)
    judges = kept_judges(
        data,
        images,
        all_heard,
        recipe,
        place,
        say,
        tracker=tracker,
        units_of=lambda rows: known.embeddings(image[..., None] for image in rows),
    )
    # Untrained: nothing of it is kept.
    shape = len(images[0]), sum(BEAT_COLUMNS), len(BEAT_STATISTICS)
    network = build_beat_view_network(shape, max(len(recipe.outputs), 3))
    return TrainedBeats(network, beats.tracker, recipe, judges)


if __name__ == "__main__":
    main()
