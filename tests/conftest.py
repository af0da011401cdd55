"""What all tests share."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from tiny import make_images, tiny_classifier, tiny_pipeline

from heartbeat_clf.datasets import make_heart_sounds

_REASON = "HEARTBEAT_CLF_DATA is not set: the real recordings are needed"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real recordings."""
    if "HEARTBEAT_CLF_DATA" not in os.environ:
        pytest.skip(_REASON)
    return Path(os.environ["HEARTBEAT_CLF_DATA"])


def pytest_collection_finish():
    # A fit collects what the one before left behind. What was imported stays anyhow:
    # looking at it each time took a fifth of a small fit.
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    if "HEARTBEAT_CLF_DATA" in os.environ:
        return
    for item in items:
        if "real" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=_REASON))


@pytest.fixture(scope="session")
def synthetic():
    """Return synthetic recordings of ten subjects, two each, 1.5 s long."""
    from heartbeat_clf.datasets import make_heart_sounds

    return make_heart_sounds(10, duration=1.5, random_state=0)


@pytest.fixture(scope="session")
def tiny_model(synthetic, tmp_path_factory) -> Path:
    """Return the file of a model that was trained for one epoch."""
    from heartbeat_clf import make_heartbeat_pipeline, save

    pipeline = make_heartbeat_pipeline(
        epochs=1, window_frames=60, n_mels=16, random_state=0
    )
    pipeline.fit(synthetic.recordings, synthetic.target)
    return save(pipeline, tmp_path_factory.mktemp("model") / "tiny.hbc")


@pytest.fixture(scope="session")
def images():
    """Return ragged images, their classes and their subjects."""
    return make_images()


@pytest.fixture(scope="session")
def fitted(images):
    """Return a classifier fitted on `images`; not to be changed."""
    X, y, _ = images
    return tiny_classifier().fit(X, y)


@pytest.fixture(scope="session")
def sounds():
    """Return synthetic recordings of eight subjects, two each, of two seconds."""
    return make_heart_sounds(8, duration=2.0, random_state=0)


@pytest.fixture(scope="session")
def fitted_pipeline(sounds):
    """Return a pipeline fitted on `sounds`; not to be changed."""
    return tiny_pipeline().fit(sounds.recordings, sounds.target)
