"""Measure the quality of the classifier on real recordings, and print the table.

``python benchmarks/quality.py DATA`` trains everything; see benchmarks/README.md.
Folds that are saved are not trained again, so it may be stopped at any time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent

STAGE_NAMES = (
    "pascal_default",
    "pascal_finetuned",
    "pascal_linear",
    "pascal_embedding",
    "pascal_random",
    "pascal_logistic",
    "pascal_ancestor",
    "ancestor_png",
    "circor",
    "circor_logistic",
    "cinc2016_logistic",
    "cinc2016",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = _make_parser()
    given = parser.parse_args(arguments)
    results = given.results
    if given.quick:
        results = results / "cache" / "quick"
    if not given.from_scores:
        if given.data is None:
            parser.error("the folder of the recordings is needed to train; see --help")
        # Here, because they load TensorFlow's neighbours; the table does without.
        from fold_runs import run_stage
        from stages import STAGES, Options

        options = Options(
            repeats=given.repeats,
            ancestor_repeats=given.ancestor_repeats,
            random_repeats=given.random_repeats,
            png_epochs=given.png_epochs,
            png_splits=tuple(given.png_splits),
            quick=given.quick,
        )
        for name in given.stages:
            run_stage(
                name, STAGES[name], given.data, results, options, n_jobs=given.n_jobs
            )
    from quality_table import make_table, put_between_marks

    table = make_table(results, STAGE_NAMES)
    print(table)
    (results / "table.md").write_text(table + "\n", encoding="utf-8")
    if given.page is not None:
        page = given.page.read_text(encoding="utf-8")
        given.page.write_text(put_between_marks(page, table), encoding="utf-8")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "data",
        nargs="?",
        type=Path,
        help="folder that holds pascal, circor and cinc2016",
    )
    add(
        "--stages",
        nargs="+",
        choices=STAGE_NAMES,
        default=list(STAGE_NAMES),
        metavar="STAGE",
        help=f"what to run, among {', '.join(STAGE_NAMES)}",
    )
    add(
        "--from-scores",
        action="store_true",
        help="print the table of the saved scores; train nothing",
    )
    add(
        "--results",
        type=Path,
        default=HERE / "results",
        help="folder of the saved scores",
    )
    add("--page", type=Path, help="Markdown page whose table is to be renewed")
    add(
        "--n-jobs",
        type=_positive,
        default=2,
        help="folds at a time, one thread each",
    )
    add(
        "--repeats",
        type=_positive,
        default=5,
        help="rounds of the default pipeline and of the logistic regression",
    )
    add(
        "--ancestor-repeats",
        type=_positive,
        default=1,
        help="rounds of the ancestor preset",
    )
    add(
        "--random-repeats",
        type=_positive,
        default=1,
        help="rounds of random splits of networks",
    )
    add(
        "--png-epochs", type=_positive, default=3, help="epochs of the ancestor on PNGs"
    )
    add(
        "--png-splits",
        nargs="+",
        choices=("random", "grouped"),
        default=["random"],
        help="80/20 splits that the ancestor on PNGs is tried on",
    )
    add(
        "--quick",
        action="store_true",
        help="a try-out in a folder of its own: one epoch, two folds, few recordings",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text!r}")
    return number


if __name__ == "__main__":
    main()
