from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.rhythm import (
    INTERVAL_FEATURES,
    LEARNT_FEATURES,
    LIKENESS_FEATURES,
    RHYTHM_FEATURES,
    SOUND_FEATURES,
    RhythmTransformer,
)


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(
        16,
        murmur_fraction=0.0,
        extrasystole_fraction=0.5,
        duration=10.0,
        recordings_per_subject=1,
        heart_rate=(60.0, 90.0),
        random_state=1,
    )


def test_extrasystoles_of_synthetic_recordings_are_told(sounds):
    features = RhythmTransformer(["drop_and_pause"]).fit_transform(sounds.recordings)
    assert roc_auc_score(sounds.target == "extrasystole", features[:, 0]) > 0.9


def test_names_and_columns_go_together(sounds):
    rhythm = RhythmTransformer()
    features = rhythm.fit_transform(sounds.recordings[:3])
    assert features.shape == (3, len(RHYTHM_FEATURES))
    assert features.dtype == np.float64
    assert rhythm.get_feature_names_out().tolist() == list(RHYTHM_FEATURES)
    chosen = RhythmTransformer(["entropy", "n_intervals"])
    columns = [RHYTHM_FEATURES.index(name) for name in ("entropy", "n_intervals")]
    np.testing.assert_array_equal(
        chosen.fit_transform(sounds.recordings[:3]), features[:, columns]
    )
    kinds = INTERVAL_FEATURES, SOUND_FEATURES, LIKENESS_FEATURES, LEARNT_FEATURES
    assert sum(kinds, ()) == RHYTHM_FEATURES


def test_it_works_in_pipelines_and_unions(sounds):
    union = FeatureUnion(
        [
            ("sounds", RhythmTransformer(SOUND_FEATURES)),
            ("intervals", RhythmTransformer(INTERVAL_FEATURES)),
        ]
    )
    pipeline = make_pipeline(union, StandardScaler(), LogisticRegression())
    recordings = list(sounds.recordings[:6])
    labels = np.arange(6) % 2
    assert clone(pipeline).fit(recordings, labels).predict(recordings).shape == (6,)


def test_it_is_cloned_and_set_like_any_estimator():
    rhythm = RhythmTransformer(["entropy"], input_rate=2000)
    assert clone(rhythm).get_params() == {"features": ["entropy"], "input_rate": 2000}
    assert rhythm.set_params(features=None).features is None


def test_transform_needs_fit(sounds):
    with pytest.raises(NotFittedError):
        RhythmTransformer().transform(sounds.recordings[:1])


def test_a_single_name_is_refused(sounds):
    with pytest.raises(TypeError, match=r"Wrap it: features=\['entropy'\]"):
        RhythmTransformer("entropy").fit(sounds.recordings[:1])


@pytest.mark.parametrize("features", [5, {"entropy"}, iter(["entropy"])])
def test_what_has_no_order_or_is_read_once_is_refused(features, sounds):
    with pytest.raises(TypeError, match=r"a sequence of str, got .* None takes all"):
        RhythmTransformer(features).fit(sounds.recordings[:1])


@pytest.mark.parametrize("features", [np.array("entropy"), np.array([["entropy"]])])
def test_names_in_another_shape_are_refused(features, sounds):
    with pytest.raises(ValueError, match=r"flat sequence of str, got the shape \("):
        RhythmTransformer(features).fit(sounds.recordings[:1])


def test_a_name_is_given_once(sounds):
    with pytest.raises(ValueError, match="each of features once, got 'entropy' again"):
        RhythmTransformer(["entropy", "entropy"]).fit(sounds.recordings[:1])


def test_names_may_come_in_an_array(sounds):
    rhythm = RhythmTransformer(np.array(["entropy"])).fit(sounds.recordings[:1])
    assert repr(rhythm.feature_names_in_order_) == "('entropy',)"


@pytest.mark.parametrize(
    ("features", "got"),
    [
        (["entropy", "entropie"], r"\['entropie'\]"),
        ([], "none"),
        (["entropy", ["pause"]], r"\[\['pause'\]\]"),
        ([np.array(["entropy", "pause"])], r"\[array"),
    ],
)
def test_unknown_or_no_names_are_refused(features, got, sounds):
    with pytest.raises(ValueError, match=f"Expected features among .* got {got}"):
        RhythmTransformer(features).fit(sounds.recordings[:1])


def test_the_rate_of_arrays_counts(sounds):
    slow, fast = (
        RhythmTransformer(["median_interval"], input_rate=rate)
        .fit_transform(sounds.recordings[:1])
        .item()
        for rate in (1000, 1500)
    )
    assert fast == pytest.approx(slow / 1.5, rel=0.1)


def test_bad_rate_is_refused(sounds):
    with pytest.raises(ValueError, match="input_rate must be at least 10 Hz"):
        RhythmTransformer(input_rate=1e-3).fit(sounds.recordings[:1])
