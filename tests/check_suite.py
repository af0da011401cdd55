"""What scikit-learn's estimator checks cannot ask of our estimators, and why."""

from __future__ import annotations

EXPECTED_FAILED_CHECKS = {
    "SpectrogramTransformer": {
        "check_estimators_dtypes": (
            "int64 is no PCM format, and its full scale is unknown: refused with an "
            "error that names the remedy, instead of guessing"
        ),
    },
    "ImageTrimmer": {
        "check_fit2d_1feature": (
            "an image of one frame spans 0 dB, so that no band can be learnt: the "
            "error says this, not that there is 1 feature"
        ),
    },
}
