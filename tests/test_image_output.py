from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from heartbeat_clf.images import ImageTrimmer
from heartbeat_clf.spectrogram import SpectrogramTransformer

RECORDINGS = np.random.default_rng(0).standard_normal((3, 2000))


def levels(images):
    return np.stack([image.max(axis=1) for image in images])


@pytest.mark.parametrize("transform", [None, "default", "pandas", "polars"])
@pytest.mark.parametrize("estimator", [SpectrogramTransformer(), ImageTrimmer()])
def test_set_output_changes_nothing(estimator, transform):
    before = dict(vars(estimator))
    assert estimator.set_output(transform=transform) is estimator
    assert vars(estimator) == before


@pytest.mark.parametrize("estimator", [SpectrogramTransformer(), ImageTrimmer()])
def test_unknown_output_is_refused(estimator):
    with pytest.raises(ValueError, match="transform must be one of None, 'default',"):
        estimator.set_output(transform="table")


def test_output_of_a_pipeline_reaches_the_steps_with_a_table():
    pipeline = make_pipeline(
        SpectrogramTransformer(),
        ImageTrimmer(bands="all"),
        FunctionTransformer(levels, feature_names_out=_names, check_inverse=False),
        StandardScaler(),
    )
    expected = pipeline.fit_transform(RECORDINGS)
    table = pipeline.set_output(transform="pandas").fit_transform(RECORDINGS)
    assert list(table.columns) == [f"band{number}" for number in range(40)]
    np.testing.assert_array_equal(table.to_numpy(), expected)
    assert type(pipeline[:2].transform(RECORDINGS)) is np.ndarray


def _names(transformer, names):
    return [f"band{number}" for number in range(40)]
