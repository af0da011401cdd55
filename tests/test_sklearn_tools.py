"""scikit-learn's tools on the pipeline as it is, from recordings to answers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from tiny import tiny_pipeline

from heartbeat_clf import audio
from heartbeat_clf.datasets import load_recordings, write_recordings

pytestmark = pytest.mark.training

FOLDS = StratifiedGroupKFold(2, shuffle=True, random_state=0)
PLAIN_FOLDS = StratifiedKFold(2, shuffle=True, random_state=0)


@pytest.fixture
def pipeline():
    """Return a pipeline that trains for one epoch in one batch."""
    return tiny_pipeline(epochs=1, batch_size=32)


@pytest.fixture
def data(sounds):
    return {"X": sounds.recordings, "y": sounds.target, "groups": sounds.subjects}


@pytest.fixture(scope="module")
def files(sounds, tmp_path_factory):
    """Return the recordings as files, read back from a table."""
    folder = tmp_path_factory.mktemp("recordings")
    return load_recordings(write_recordings(sounds, folder))


def test_scores_of_two_workers_are_those_of_one(pipeline, data):
    settings = {**data, "cv": FOLDS, "scoring": "roc_auc"}
    alone = cross_val_score(pipeline, **settings, n_jobs=1)
    parallel = cross_val_score(pipeline, **settings, n_jobs=2)
    assert np.isfinite(alone).all()
    np.testing.assert_array_equal(parallel, alone)


def test_probabilities_of_two_workers_are_those_of_one(pipeline, data):
    settings = {**data, "cv": FOLDS, "method": "predict_proba"}
    alone = cross_val_predict(pipeline, **settings, n_jobs=1)
    parallel = cross_val_predict(pipeline, **settings, n_jobs=2)
    assert alone.shape == (16, 2)
    np.testing.assert_array_equal(parallel, alone)


def test_cross_validate_gives_several_scores_and_the_models(pipeline, data):
    result = cross_validate(
        pipeline,
        **data,
        cv=FOLDS,
        scoring=["roc_auc", "accuracy", "neg_log_loss"],
        return_estimator=True,
    )
    for name in ("test_roc_auc", "test_accuracy", "test_neg_log_loss"):
        assert np.isfinite(result[name]).all()
    first, second = result["estimator"]
    assert (first.predict_proba(data["X"]) != second.predict_proba(data["X"])).any()


def test_learning_curve_has_a_column_a_fold(pipeline, data):
    sizes, train, test = learning_curve(
        pipeline, **data, cv=FOLDS, train_sizes=[0.75, 1.0], scoring="roc_auc"
    )
    assert sizes.tolist() == [6, 8]
    assert train.shape == test.shape == (2, 2)
    assert np.isfinite(test).all()


def test_permutation_test_has_a_p_value(pipeline, data):
    score, permuted, p_value = permutation_test_score(
        pipeline, **data, cv=FOLDS, n_permutations=1, scoring="roc_auc", random_state=0
    )
    assert 0 <= score <= 1
    assert permuted.shape == (1,)
    assert p_value in (0.5, 1.0)


def test_grid_search_decodes_a_recording_once_a_spectrogram_setting(
    files, tmp_path, monkeypatch
):
    decoded = []
    original = audio.read_audio

    def counted(path):
        decoded.append(str(path))
        return original(path)

    monkeypatch.setattr(audio, "read_audio", counted)
    search = GridSearchCV(
        tiny_pipeline(epochs=1, batch_size=32, cache=tmp_path),
        [
            {"spectrogram__n_mels": [16, 20]},
            {
                "classifier__kernel_l2": [1e-2],
                "classifier__dropout": [0.1],
                "classifier__loss": ["auroc"],
            },
        ],
        cv=FOLDS,
        scoring="roc_auc",
    )
    search.fit(files.recordings, files.target, groups=files.subjects)
    assert len(search.cv_results_["params"]) == 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    search.predict_proba(files.recordings)
    # Two settings of the spectrogram; the third candidate shares the first's images.
    assert sorted(decoded) == sorted([str(path) for path in files.recordings] * 2)


def test_grid_search_reaches_every_step(pipeline):
    search = GridSearchCV(pipeline, {})
    for name in ("spectrogram__n_mels", "trimmer__bands", "classifier__loss"):
        assert f"estimator__{name}" in search.get_params()


def test_randomised_search_picks_a_candidate(pipeline, data):
    search = RandomizedSearchCV(
        pipeline,
        {"classifier__dropout": [0.0, 0.5], "classifier__learning_rate": [0.01, 0.1]},
        n_iter=2,
        cv=PLAIN_FOLDS,
        scoring="roc_auc",
        random_state=0,
        refit=False,
    ).fit(data["X"], data["y"])
    assert set(search.best_params_) == {
        "classifier__dropout",
        "classifier__learning_rate",
    }
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_halving_search_can_spend_epochs(pipeline, data):
    search = HalvingGridSearchCV(
        pipeline,
        {"classifier__dropout": [0.0, 0.5]},
        resource="classifier__epochs",
        min_resources=1,
        max_resources=2,
        factor=2,
        cv=PLAIN_FOLDS,
        scoring="roc_auc",
        random_state=0,
    ).fit(data["X"], data["y"])
    assert search.n_resources_ == [1, 2]
    assert search.best_estimator_.named_steps["classifier"].n_epochs_ == 2
    assert search.predict(data["X"]).shape == (16,)


def test_halving_search_can_spend_recordings(pipeline, data):
    search = HalvingGridSearchCV(
        pipeline,
        {"classifier__dropout": [0.0, 0.5]},
        min_resources=8,
        factor=2,
        cv=PLAIN_FOLDS,
        scoring="roc_auc",
        random_state=0,
        refit=False,
    ).fit(data["X"], data["y"])
    assert search.n_resources_ == [8, 16]


def test_probabilities_can_be_calibrated(pipeline, data):
    calibrated = CalibratedClassifierCV(pipeline, cv=PLAIN_FOLDS, ensemble=False)
    probabilities = calibrated.fit(data["X"], data["y"]).predict_proba(data["X"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert calibrated.classes_.tolist() == ["murmur", "normal"]


def test_fitted_pipeline_can_be_frozen_and_calibrated(fitted_pipeline, data):
    frozen = FrozenEstimator(fitted_pipeline)
    before = fitted_pipeline.predict_proba(data["X"])
    assert clone(frozen) is frozen
    calibrated = CalibratedClassifierCV(frozen).fit(data["X"], data["y"])
    assert calibrated.predict_proba(data["X"]).shape == (16, 2)
    np.testing.assert_array_equal(frozen.predict_proba(data["X"]), before)


def test_threshold_can_be_tuned(pipeline, data):
    tuned = TunedThresholdClassifierCV(
        pipeline, scoring="balanced_accuracy", cv=PLAIN_FOLDS, refit=True
    ).fit(data["X"], data["y"])
    assert 0 < tuned.best_threshold_ < 1
    predicted = tuned.predict(data["X"])
    above = tuned.predict_proba(data["X"])[:, 1] >= tuned.best_threshold_
    np.testing.assert_array_equal(predicted == "normal", above)


def test_pipelines_can_be_stacked(pipeline, data):
    stacked = StackingClassifier(
        [("network", pipeline), ("prior", DummyClassifier())], cv=PLAIN_FOLDS
    ).fit(data["X"], data["y"])
    assert stacked.transform(data["X"]).shape == (16, 2)
    assert stacked.predict_proba(data["X"]).shape == (16, 2)


def test_groups_reach_fit_where_metadata_is_routed(pipeline, data):
    # Without groups, a fit with a validation part warns, and warnings are errors.
    pipeline.set_params(classifier__validation_fraction=0.4)
    with config_context(enable_metadata_routing=True):
        pipeline.named_steps["classifier"].set_fit_request(sample_weight=True)
        scores = cross_val_score(
            pipeline,
            data["X"],
            data["y"],
            cv=FOLDS,
            scoring=get_scorer("roc_auc").set_score_request(sample_weight=True),
            params={"groups": data["groups"], "sample_weight": np.full(16, 2.0)},
            error_score="raise",
        )
    assert np.isfinite(scores).all()


def test_sample_weight_reaches_fit_where_metadata_is_routed(pipeline, data):
    with config_context(enable_metadata_routing=True):
        pipeline.named_steps["classifier"].set_fit_request(sample_weight=True)
        with pytest.raises(ValueError, match="sample_weight zero for all recordings"):
            cross_val_score(
                pipeline,
                data["X"],
                data["y"],
                cv=FOLDS,
                params={
                    "groups": data["groups"],
                    "sample_weight": (data["y"] == "normal").astype(float),
                },
                error_score="raise",
            )


def test_fit_parameters_go_by_step_without_routing(pipeline, data):
    pipeline.set_params(classifier__validation_fraction=0.4)
    weights = np.linspace(1.0, 2.0, 16)
    pipeline.fit(
        data["X"],
        data["y"],
        classifier__groups=data["groups"],
        classifier__sample_weight=weights,
    )
    assert "val_auroc" in pipeline.named_steps["classifier"].history_
