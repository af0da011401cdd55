"""The rows of the speed table, and the table of what was measured."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["ROWS", "make_table"]


class Row(NamedTuple):
    """A measure.

    Attributes
    ----------
    call : str
        Module and function that measure it.
    measure, compared : str
        What stands in the table.
    wanted : float
        The ratio to reach.
    at_most : bool
        Whether the ratio is to stay at or below it.
    text : str
        How `wanted` is said.
    long : bool, default=False
        Whether it is measured only where it is asked for by name.
    """

    call: str
    measure: str
    compared: str
    wanted: float
    at_most: bool
    text: str
    long: bool = False


def _faster(call: str, measure: str, compared: str, wanted: float) -> Row:
    return Row(call, measure, compared, wanted, False, f"{wanted:g} × faster")


def _within(call: str, measure: str, compared: str, wanted: float) -> Row:
    return Row(call, measure, compared, wanted, True, f"at most {wanted:g} ×")


ROWS = {
    "extraction-pictures": _faster(
        "speed_extraction.against_pictures",
        "files to log-mel images, real set_b, one process",
        "matplotlib `savefig`, trim, load",
        200,
    ),
    "extraction-librosa": _faster(
        "speed_extraction.against_librosa",
        "the same",
        "a loop of `librosa.load`, `melspectrogram`, `power_to_db`, at its best "
        "number of threads",
        3.5,
    ),
    "mel-rfft": _within(
        "speed_extraction.against_rfft",
        "waveforms to log-mel, resampled beforehand",
        "the bare `scipy.fft.rfft` of the same frames in float32",
        1.0,
    ),
    "extraction-jobs": _faster(
        "speed_extraction.two_jobs",
        "3,000 files of 20 s to images, `n_jobs=2`",
        "`n_jobs=1`",
        1.7,
    ),
    "extraction-equal": Row(
        "speed_extraction.equal_images",
        "largest difference of an image, set_b, dB",
        "soundfile, soxr and librosa in double precision",
        1e-3,
        True,
        "at most 0.001 dB",
    ),
    "loss": _faster(
        "speed_loss.squared_hinge",
        "squared-hinge AUROC loss and gradient, 10,000 scores",
        "the all-pairs form",
        50,
    ),
    "training-ancestor": _faster(
        "speed_training.against_ancestor",
        "training, a second of audio seen, default network",
        "the ancestor at 376×503×3",
        40,
    ),
    "training-feed": _within(
        "speed_training.against_memory",
        "the input pipeline while training",
        "the same steps on data already in memory",
        1.1,
    ),
    "grid": _within(
        "speed_training.grid_search",
        "grid of settings of the classifier, 5 folds, with `cache=` (a sample: 2 "
        "settings, 6 epochs)",
        "the training time alone",
        1.1,
    ),
    "grid-whole": _within(
        "speed_training.whole_grid_search",
        "the same, 12 settings and all 40 epochs",
        "the same",
        1.1,
    )._replace(long=True),
    "predict-cold": _faster(
        "speed_prediction.cold",
        "`heartbeat-clf predict one.wav`, cold, whole process",
        '`python -c "import tensorflow"`',
        3,
    ),
    "predict-keras": _faster(
        "speed_prediction.against_keras",
        "prediction of 1,000 recordings, default network",
        "the same model through Keras `predict`, a recording at a time",
        40,
    ),
    "predict-keras-batches": _faster(
        "speed_prediction.against_keras_batches",
        "the same",
        "Keras `predict` with all windows in batches of 64",
        3,
    ),
    "predict-keras-batches-shipped": _faster(
        "speed_prediction.against_keras_batches_shipped",
        "the same, the larger network in the box",
        "the same",
        3,
    ),
    "predict-average-beat": _within(
        "speed_prediction.with_average_beats",
        "the same, by windows and the average beat",
        "the same model by windows alone",
        2,
    ),
    "predict-equal": Row(
        "speed_prediction.equal_scores",
        "largest difference of a score",
        "the same model through Keras, a recording at a time",
        1e-5,
        True,
        "at most 1e-5",
    ),
}


def make_table(saved: dict[str, dict[str, Any]]) -> str:
    """Return the table in Markdown, a line for each row that was measured.

    Parameters
    ----------
    saved : dict of dict
        What each row's function returned.

    Returns
    -------
    table : str
        Lines of Markdown; noise is the median of the repeats over the least, less 1.
        Whether a row is reached is decided by the ratio of times that passed.
    """
    lines = [
        "| measure | compared with | ratio | by processor time | noise | wanted | |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in ROWS.items():
        if name not in saved:
            continue
        ratio, noise = saved[name]["ratio"], saved[name]["noise"]
        met = ratio <= row.wanted if row.at_most else ratio >= row.wanted
        shown = "–" if noise is None else f"{noise:.0%}"
        processor = saved[name].get("processor_ratio")
        lines.append(
            f"| {row.measure} | {row.compared} | {_number(ratio)} | "
            f"{'–' if processor is None else _number(processor)} | {shown} | "
            f"{row.text} | {'reached' if met else 'not reached'} |"
        )
    return "\n".join(lines) + "\n"


def _number(ratio: float) -> str:
    return f"{ratio:.1e}" if ratio < 0.01 else f"{ratio:.3g}"
