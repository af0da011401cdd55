"""The command line ``heartbeat-clf``: arguments in, calls out."""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import heartbeat_clf
from heartbeat_clf import commands
from heartbeat_clf._validation import PYTHON_ONLY
from heartbeat_clf.answers import NOTICE
from heartbeat_clf.inputs import DATASETS
from heartbeat_clf.persons import NAME_PATTERN

__all__ = ["main"]

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
_MOST = 10**9
_EXIT = "exit code: 0 all done, 1 something failed, 2 wrong usage"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    code : int
        0 if everything asked for was done, 1 if something failed, 130 after an
        interruption.

    Raises
    ------
    SystemExit
        With code 2 on wrong usage, with 0 after ``--help`` and ``--version``.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.progress is None:
        options.progress = sys.stderr is not None and sys.stderr.isatty()
    options.verbose = int(options.progress)
    with warnings.catch_warnings(), _Warnings() as shown:
        warnings.showwarning = shown.show
        try:
            outcome = options.run(options, _say)
            for failure in outcome.failures:
                _say(f"heartbeat-clf: {failure.path}: {failure.error}")
            print(_printable(outcome.text), end="", flush=True)
        except commands.UsageError as error:
            options.parser.error(_one_line(error))
        except BrokenPipeError:
            # The reader, such as head, has gone. Python would complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (ValueError, TypeError, OSError, ImportError) as error:
            if options.traceback:
                raise
            _say(f"heartbeat-clf: error: {error}")
            for note in getattr(error, "__notes__", ()):
                if not note.startswith(PYTHON_ONLY):
                    _say(f"heartbeat-clf: error: {note}")
            return 1
        except MemoryError as error:
            if options.traceback:
                raise
            detail = f": {error}" if str(error) else ""
            _say(
                f"heartbeat-clf: error: Expected memory for all that was asked for, "
                f"got too little{detail}. Use smaller settings or shorter recordings."
            )
            return 1
        except KeyboardInterrupt:
            _say("heartbeat-clf: interrupted")
            return 130
    return 1 if outcome.failures else 0


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _say(message: str) -> None:
    # Standard error replaces by itself what it cannot encode.
    print(_one_line(message), file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """Return `text` with what standard output cannot encode, as file names may be."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class _Warnings:
    """Show warnings on a line each; of those that list recordings, one and a sum."""

    def __init__(self) -> None:
        self.recordings: dict[str, None] = {}

    def show(self, message: Any, *_: Any, **__: Any) -> None:
        named = getattr(message, "recordings", ())
        if not (named and self.recordings):
            _say(f"heartbeat-clf: warning: {message}")
        self.recordings.update(dict.fromkeys(named))

    def __enter__(self) -> _Warnings:
        return self

    def __exit__(self, *_: object) -> None:
        if len(self.recordings) > 1:
            _say(
                f"heartbeat-clf: warning: {len(self.recordings)} recordings in all "
                f"have too low a rate: {', '.join(self.recordings)}."
            )


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
        type=_letters,
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
    group.add_argument("--epochs", type=_count, help="passes over the recordings")
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
        "--seed", type=_seed, default=0, help="of all random choices (default: 0)"
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
        help="score this model on the recordings; without it, train anew in each fold",
    )
    command.add_argument("--json", action="store_true", help="print JSON, no table")
    command.add_argument(
        "--csv", metavar="FILE", help="write the score of every recording to this file"
    )
    _add_seed(command)
    group = command.add_argument_group("cross-validation")
    group.add_argument("--folds", type=_folds, help="(default: 5)")
    group.add_argument("--repeats", type=_count, help="rounds of folds (default: 1)")
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
        type=_jobs,
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
            type=float,
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
        type=_pattern,
        metavar="REGEX",
        help="the same; the subject is what the first group, or all, of this regular "
        "expression matches in the file's name",
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
    command.add_argument("--recipe", metavar="FILE", help="settings in TOML")
    command.add_argument(
        "--steps", type=_count, help="batches, instead of the recipe's"
    )
    command.add_argument(
        "--folds", type=_folds, help="folds to calibrate on (default 5)"
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
        type=_shard,
        metavar="I/N",
        help="of npy: make the I-th of N parts, or A-B/N several, which other machines "
        "complete; whole ones are kept (default: 1/1)",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="make anew what exists"
    )
    command.add_argument("--width", type=_count, metavar="PIXELS")
    command.add_argument("--height", type=_count, metavar="PIXELS")
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
    group.add_argument("--n-mels", type=_count, metavar="BANDS")
    group.add_argument("--band-pass", type=float, nargs=2, metavar=("LOW", "HIGH"))
    group.add_argument("--spike-removal", action="store_true", default=None)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"expected a regular expression, got {text!r}: {error}"
        ) from error
    return text


def _letters(text: str) -> str:
    if not text or set(text) - set("abcdef"):
        raise argparse.ArgumentTypeError(f"expected letters from a to f, got {text!r}")
    return text


def _whole(text: str, least: int, most: int, expected: str) -> int:
    # Python refuses to read more than 4300 digits.
    digits = text.removeprefix("-")
    number = int(text) if digits.isdecimal() and len(digits) < 20 else None
    if number is None or not least <= number <= most:
        raise argparse.ArgumentTypeError(
            f"expected a whole number {expected}, got {text!r}"
        )
    return number


def _count(text: str) -> int:
    return _whole(text, 1, _MOST, "of at least 1")


def _folds(text: str) -> int:
    return _whole(text, 2, _MOST, "of at least 2")


def _seed(text: str) -> int:
    return _whole(text, 0, 2**31 - 1, f"from 0 to {2**31 - 1}")


def _shard(text: str) -> tuple[range, int]:
    """Return the numbers and the total of ``I/N`` or ``A-B/N``."""
    numbers, _, total = text.partition("/")
    first, dash, last = numbers.partition("-")
    try:
        n_shards = _whole(total, 1, 99_999, "")
        low = _whole(first, 1, n_shards, "")
        high = _whole(last, low, n_shards, "") if dash else low
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"expected I/N or A-B/N with numbers from 1 to N, such as 3/100, got "
            f"{text!r}"
        ) from None
    return range(low, high + 1), n_shards


def _jobs(text: str) -> int:
    number = _whole(text, -_MOST, _MOST, "other than 0")
    if number == 0:
        raise argparse.ArgumentTypeError("expected a whole number other than 0, got 0")
    return number
