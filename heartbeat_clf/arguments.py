"""The arguments of the command line ``heartbeat-clf`` and what they are for."""

from __future__ import annotations

import argparse
from typing import Any

import heartbeat_clf
from heartbeat_clf import commands
from heartbeat_clf.answers import NOTICE
from heartbeat_clf.argument_types import (
    count,
    folds,
    jobs,
    letters,
    pattern,
    seed,
    shard,
    share,
)
from heartbeat_clf.inputs import DATASETS
from heartbeat_clf.persons import NAME_PATTERN

__all__ = ["build_parser"]

_DATA = (
    "CSV table with the columns path, label and, where one person has several "
    "recordings, subject (paths relative to the table); or a folder with PASCAL, "
    "CirCor or CinC 2016 in it"
)
_TRAIN = """examples:
  heartbeat-clf train table.csv --output murmurs.hbc
  heartbeat-clf train data --dataset pascal --output murmurs.hbc --epochs 40
  heartbeat-clf train table.csv -o m.hbc --set n_mels=32 --set classifier__dropout=0.5
"""
_EVALUATE = """examples:
  heartbeat-clf evaluate data --dataset pascal --folds 5 --repeats 5 --n-jobs 2
  heartbeat-clf evaluate table.csv --operating-point none --csv scores.csv
  heartbeat-clf evaluate new.csv --model murmurs.hbc --json
  heartbeat-clf evaluate table.csv --repeats 5 --cluster tcp://10.0.0.5:8786
"""
_PREDICT = """examples:
  heartbeat-clf predict recording.wav
  heartbeat-clf predict recordings/ --sensitivity 0.9
  heartbeat-clf predict recordings/ --subject-from-name
  heartbeat-clf predict --model murmurs.hbc recording.wav
  heartbeat-clf predict --model murmurs.hbc recordings/ '2026-*/*.flac' table.csv
  heartbeat-clf predict --model murmurs.hbc recordings/ --json --output answers.json
"""
_PRETRAIN = """examples:
  heartbeat-clf pretrain recordings/ --work checkpoints --output models
  heartbeat-clf pretrain circor/ own.csv --work w --output m --recipe my.toml
"""
_SPECTROGRAM = """examples:
  heartbeat-clf spectrogram recordings/ pictures/
  heartbeat-clf spectrogram a.wav . --n-mels 64 --fmax 800 --sample-rate 2000
  heartbeat-clf spectrogram recordings/ images/ --format npy
  heartbeat-clf spectrogram recordings/ images/ --format npy --shard 3/100
  heartbeat-clf spectrogram recordings/ images/ --format npy --shard 11-20/100
"""
_EXIT = "exit code: 0 all done, 1 something failed, 2 wrong usage"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Returns
    -------
    parser : argparse.ArgumentParser
        Its options carry ``run``, the function of :mod:`heartbeat_clf.commands`.
    """
    parser = argparse.ArgumentParser(
        prog="heartbeat-clf",
        description=f"Classify heart-sound recordings. {NOTICE}",
        epilog=_EXIT,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"heartbeat-clf {heartbeat_clf.__version__}",
    )
    adder = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(adder)
    _add_evaluate(adder)
    _add_predict(adder)
    _add_spectrogram(adder)
    _add_pretrain(adder)
    return parser


def _add_command(
    adder: Any, name: str, run: Any, summary: str, epilog: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = adder.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {NOTICE}",
        epilog=f"{epilog}\n{_EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, parser=command, progress=None)
    shown = command.add_mutually_exclusive_group()
    for option, value, text in (
        ("--verbose", True, "show progress bars (default: on a terminal)"),
        ("--quiet", False, "show no progress bars"),
    ):
        shown.add_argument(
            option, dest="progress", action="store_const", const=value, help=text
        )
    command.add_argument(
        "--traceback", action="store_true", help="show where an error comes from"
    )
    return command


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", metavar="TABLE_OR_DATA", help=_DATA)
    group = command.add_argument_group("data sets")
    group.add_argument(
        "--dataset",
        choices=tuple(DATASETS),
        help="which one, where the folder has several",
    )
    group.add_argument("--subset", choices=("a", "b"), help="of PASCAL (default: b)")
    group.add_argument(
        "--target",
        choices=("audible", "murmur", "outcome"),
        help="labels of CirCor (default: audible)",
    )
    group.add_argument(
        "--databases",
        type=letters,
        metavar="LETTERS",
        help="of CinC 2016 (default: abcdef)",
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("training")
    group.add_argument(
        "--preset",
        choices=("default", "ancestor"),
        help="settings to start from (default: default)",
    )
    group.add_argument("--epochs", type=count, help="passes over the recordings")
    group.add_argument(
        "--set",
        dest="settings",
        action="append",
        metavar="NAME=VALUE",
        help="any other setting of the pipeline; may be repeated",
    )
    group.add_argument(
        "--validation-fraction",
        type=float,
        metavar="SHARE",
        help="hold back this share of the subjects to choose the best epoch and to "
        "calibrate probabilities (default: none)",
    )
    group.add_argument(
        "--cache", metavar="FOLDER", help="keep spectrograms here for the next time"
    )


def _add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed", type=seed, default=0, help="of all random choices (default: 0)"
    )


def _add_train(adder: Any) -> None:
    command = _add_command(
        adder, "train", commands.train, "train a model on labelled recordings", _TRAIN
    )
    _add_data(command)
    command.add_argument(
        "-o", "--output", metavar="MODEL", required=True, help="model file to write"
    )
    _add_seed(command)
    _add_training(command)


def _add_evaluate(adder: Any) -> None:
    command = _add_command(
        adder,
        "evaluate",
        commands.evaluate,
        "cross-validate by subject, or score a trained model",
        _EVALUATE,
    )
    _add_data(command)
    command.add_argument(
        "--model",
        metavar="MODEL",
        help="score this model on the recordings, a file or murmur or abnormal from "
        "the box; without it, train anew in each fold",
    )
    command.add_argument("--json", action="store_true", help="print JSON, no table")
    command.add_argument(
        "--csv", metavar="FILE", help="write the score of every recording to this file"
    )
    _add_seed(command)
    group = command.add_argument_group("cross-validation")
    group.add_argument("--folds", type=folds, help="(default: 5)")
    group.add_argument("--repeats", type=count, help="rounds of folds (default: 1)")
    group.add_argument(
        "--operating-point",
        metavar="POINT",
        help="youden, sensitivity=SHARE or specificity=SHARE, chosen on inner folds, "
        "which takes four fits a fold; none: the model's own, one fit a fold "
        "(default: youden)",
    )
    group.add_argument(
        "--random-split",
        action="store_true",
        default=None,
        help="also split without regard to subjects, to show what leaks",
    )
    group.add_argument(
        "--n-jobs",
        type=jobs,
        metavar="N",
        help="folds at a time, -1: one a processor core (default: 1)",
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="run the folds on the Dask cluster of this scheduler, whose workers find "
        "the recordings under the same paths",
    )
    _add_training(command)


def _add_predict(adder: Any) -> None:
    command = _add_command(
        adder,
        "predict",
        commands.predict,
        "answer recordings with a trained model",
        _PREDICT,
    )
    command.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="audio file, folder (searched through), pattern, or CSV table with a "
        "column path",
    )
    command.add_argument(
        "--model",
        metavar="MODEL",
        help="model file, or a model in the box: murmur (default) or abnormal",
    )
    point = command.add_mutually_exclusive_group()
    for name in ("sensitivity", "specificity"):
        point.add_argument(
            f"--{name}",
            type=share,
            metavar="SHARE",
            help=f"answer such that this {name} was reached on persons left out",
        )
    person = command.add_mutually_exclusive_group()
    person.add_argument(
        "--subject-from-name",
        dest="subject_pattern",
        action="store_const",
        const=NAME_PATTERN,
        help="one answer a subject, whom the file's name tells: what comes before the "
        "first _, -, . or blank (a table with a column subject needs no option)",
    )
    person.add_argument(
        "--subject-pattern",
        type=pattern,
        metavar="REGEX",
        help="the same; the subject is what the first group, or all, of this regular "
        "expression matches in the file's name",
    )
    person.add_argument(
        "--subject-from-folder",
        action="store_true",
        help="the same; the subject is the name of the folder that a file lies in",
    )
    person.add_argument(
        "--each-recording",
        action="store_true",
        help="one answer a recording, though a table has a column subject",
    )
    command.add_argument(
        "--no-quality-check",
        action="store_true",
        help="answer recordings in which no heart is heard, too",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="give JSON, no table")
    form.add_argument("--csv", action="store_true", help="give CSV, no table")
    command.add_argument(
        "-o", "--output", metavar="FILE", help="write there, not to standard output"
    )


def _add_pretrain(adder: Any) -> None:
    command = _add_command(
        adder,
        "pretrain",
        commands.pretrain,
        "train one network on several data sets and write a model a label scheme",
        _PRETRAIN,
    )
    command.add_argument(
        "data",
        nargs="+",
        metavar="DATA",
        help="folder with CirCor or CinC 2016 (or both) in it, or a CSV table with the "
        "labels murmur and normal, or abnormal and normal",
    )
    command.add_argument(
        "-o", "--output", metavar="FOLDER", required=True, help="folder for the models"
    )
    command.add_argument(
        "--work",
        metavar="FOLDER",
        required=True,
        help="folder for checkpoints, from which a stopped training goes on",
    )
    command.add_argument(
        "--recipe",
        metavar="FILE",
        help="all settings, in TOML: start from a copy of "
        "heartbeat_clf/models/recipe.toml, which is the default",
    )
    command.add_argument(
        "--steps",
        type=count,
        help="batches, instead of the recipe's; warm-up in proportion",
    )
    command.add_argument(
        "--folds", type=folds, help="folds to calibrate on (default 5)"
    )


def _add_spectrogram(adder: Any) -> None:
    command = _add_command(
        adder,
        "spectrogram",
        commands.spectrogram,
        "write the spectrograms of recordings as PNG pictures or as arrays",
        _SPECTROGRAM,
    )
    command.add_argument(
        "input", metavar="IN", help="audio file, folder, pattern or CSV table"
    )
    command.add_argument(
        "folder",
        metavar="OUT",
        help="folder for the pictures, in the folders of IN, or for the shards",
    )
    command.add_argument(
        "--format",
        choices=("png", "npy"),
        default="png",
        help="png: a picture a recording, to look at; npy: float32 images in shards, "
        "which heartbeat_clf.image_shards.open_images maps into memory (default: png)",
    )
    command.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="of npy: make the I-th of N parts, or A-B/N several, which other machines "
        "complete; whole ones are kept (default: 1/1)",
    )
    command.add_argument(
        "--overwrite",
        action="store_true",
        help="make all anew; without it, pictures and shards of the same recordings "
        "and settings are kept, and files that are no such pictures are left alone",
    )
    command.add_argument("--width", type=count, metavar="PIXELS")
    command.add_argument("--height", type=count, metavar="PIXELS")
    command.add_argument("--colormap", choices=("ember", "gray"), default="ember")
    group = command.add_argument_group("spectrogram (defaults: those of the pipeline)")
    for option, unit in (
        ("--sample-rate", "HZ"),
        ("--frame-duration", "SECONDS"),
        ("--hop-duration", "SECONDS"),
        ("--fmin", "HZ"),
        ("--fmax", "HZ"),
        ("--top-db", "DB"),
        ("--duration", "SECONDS"),
    ):
        group.add_argument(option, type=float, metavar=unit)
    group.add_argument("--n-mels", type=count, metavar="BANDS")
    group.add_argument("--band-pass", type=float, nargs=2, metavar=("LOW", "HIGH"))
    for name in ("spike", "gap", "hum"):
        group.add_argument(f"--{name}-removal", action="store_true", default=None)
