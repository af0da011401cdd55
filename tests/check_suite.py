"""What scikit-learn's estimator checks cannot ask of our estimators, and why."""

from __future__ import annotations

_NO_REPETITION = (
    "batches hold both classes and are drawn at random, so that a weight of two in the "
    "loss is not the same as two rows"
)

_NO_PCM = (
    "int64 is no PCM format, and its full scale is unknown: refused with an error that "
    "names the remedy, instead of guessing"
)

EXPECTED_FAILED_CHECKS = {
    "EmbeddingTransformer": {"check_estimators_dtypes": _NO_PCM},
    "SpectrogramTransformer": {"check_estimators_dtypes": _NO_PCM},
    "ImageTrimmer": {
        "check_fit2d_1feature": (
            "an image of one frame spans 0 dB, so that no band can be learnt: the "
            "error says this, not that there is 1 feature"
        ),
    },
    "HeartbeatClassifier": {
        "check_class_weight_classifiers": (
            "probabilities are corrected for class weights, which therefore shape the "
            "training but do not move predictions towards a class"
        ),
        "check_sample_weight_equivalence_on_dense_data": _NO_REPETITION,
    },
}
