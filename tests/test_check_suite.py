"""scikit-learn's own estimator checks, and how many of them really ran."""

from __future__ import annotations

import pytest
from check_suite import EXPECTED_FAILED_CHECKS
from sklearn.base import clone
from sklearn.utils.estimator_checks import (
    check_estimator,
    estimator_checks_generator,
)
from tiny import build_dense

from heartbeat_clf.classifier import HeartbeatClassifier
from heartbeat_clf.embedding import EmbeddingTransformer
from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.spectrogram import SpectrogramTransformer

# The checks' arrays have 2 to 10 columns: frames of three samples, rows taken to be
# at a quarter of the rate, so that even two samples make a frame.
TINY_SPECTROGRAM = SpectrogramTransformer(
    sample_rate=1000,
    input_rate=250,
    frame_duration=0.003,
    hop_duration=0.001,
    n_mels=1,
    fmin=0.0,
    fmax=500.0,
    duration=0.01,
)

# The checks' rows have 1 to 10 numbers: images of one band, too small to standardise
# or to mask, and a network that learns their blobs in a few steps.
TINY_CLASSIFIER = HeartbeatClassifier(
    build_dense,
    window_frames=None,
    standardize=False,
    augment=False,
    learning_rate=0.1,
    batch_size=64,
    epochs=4,
    random_state=0,
)

CASES = [
    pytest.param(TINY_SPECTROGRAM, 44, id="SpectrogramTransformer"),
    pytest.param(EmbeddingTransformer(input_rate=10), 45, id="EmbeddingTransformer"),
    pytest.param(ImageTrimmer(min_range_db=0.0), 45, id="ImageTrimmer-learn"),
    pytest.param(ImageTrimmer(bands="all"), 45, id="ImageTrimmer-all"),
]

pytestmark = [
    # One check is skipped, with a warning, unless SCIPY_ARRAY_API is set.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    # The suite's rows are a few numbers: a low rate stretches them to some frames.
    pytest.mark.filterwarnings("ignore::heartbeat_clf.spectrogram.LowRateWarning"),
]


def expected_to_fail(estimator):
    """Return the checks that cannot be asked of an estimator, and why."""
    return EXPECTED_FAILED_CHECKS[type(estimator).__name__]


@pytest.mark.parametrize(("estimator", "least"), CASES)
def test_estimator_passes_the_checks(estimator, least):
    results = check_estimator(
        estimator,
        expected_failed_checks=expected_to_fail(estimator),
        on_fail=None,
        on_skip=None,
    )
    failed = {
        result["check_name"]: result["exception"]
        for result in results
        if result["status"] == "failed"
    }
    passed = sum(result["status"] == "passed" for result in results)
    assert not failed
    assert passed >= least


def checks_of_the_classifier():
    """Return the checks, under names that are the same in every process."""
    found = []
    for number, (_, check) in enumerate(estimator_checks_generator(TINY_CLASSIFIER)):
        name = getattr(check, "func", check).__name__
        reason = expected_to_fail(TINY_CLASSIFIER).get(name)
        marks = [] if reason is None else [pytest.mark.xfail(reason=reason)]
        found.append(pytest.param(check, id=f"{number}-{name}", marks=marks))
    return found


# Each check fits some networks: by themselves, they are shared between processes.
@pytest.mark.training
@pytest.mark.parametrize("check", checks_of_the_classifier())
def test_classifier_passes_the_check(check):
    check(clone(TINY_CLASSIFIER))


def test_the_classifier_has_as_many_checks_as_there_are():
    names = {check.id.partition("-")[2] for check in checks_of_the_classifier()}
    assert names > set(expected_to_fail(TINY_CLASSIFIER))
    assert len(names) >= 58
