from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from heartbeat_clf.crossfit import fit_with_groups
from heartbeat_clf.evaluation import Evaluation, evaluate


def recordings(n_subjects=40, n_clips=3, effect=1.0, seed=0):
    """Return features, string labels and subjects; a third of them are sick."""
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"s{i:02d}" for i in range(n_subjects)], n_clips)
    sick = np.repeat(np.arange(n_subjects) % 3 == 0, n_clips)
    X = rng.normal(size=(len(sick), 4)) + effect * sick[:, None] * [1, 0, 0, 0]
    return X, np.where(sick, "murmur", "normal"), groups


class Recorder(ClassifierMixin, BaseEstimator):
    """Asks for groups, and answers with the number of subjects that it saw."""

    __metadata_request__fit = {"groups": True}  # noqa: RUF012

    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y)
        self.n_subjects_ = -1 if groups is None else len(np.unique(groups))
        self.n_rows_ = len(y)
        return self

    def predict_proba(self, X):
        return np.tile([self.n_subjects_, 1.0], (len(X), 1))

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def lengths(paths):
    return np.array([[len(str(path))] for path in paths], dtype=float)


def test_auroc_is_that_of_cross_val_score():
    X, y, groups = recordings()
    result = evaluate(
        LogisticRegression(), X, y, groups=groups, n_repeats=2, operating_point=None
    )
    expected = [
        cross_val_score(
            LogisticRegression(),
            X,
            y,
            groups=groups,
            scoring="roc_auc",
            cv=StratifiedGroupKFold(5, shuffle=True, random_state=r),
        )
        for r in range(2)
    ]
    found = [fold["auroc_recording"] for fold in result.folds]
    np.testing.assert_allclose(found, np.concatenate(expected))
    assert result.summary["auroc_recording"].value == pytest.approx(np.mean(expected))


def test_murmur_is_positive_though_normal_sorts_last():
    X, y, groups = recordings(effect=9.0)
    result = evaluate(LogisticRegression(), X, y, groups=groups)
    table = result.to_frame()
    assert table.loc[table["y"] == "murmur", "score"].min() > 0
    assert result.summary["sensitivity"].value == 1
    assert result.settings["pos_label"] == "murmur"
    assert result.summary["accuracy"].value > result.summary["majority"].value


def test_choice_of_positive_leaves_the_auroc_and_swaps_the_rates():
    X, y, groups = recordings()
    one, other = (
        evaluate(
            LogisticRegression(), X, y, groups=groups, pos_label=p, operating_point=None
        ).summary
        for p in ("murmur", "normal")
    )
    assert one["auroc_recording"] == pytest.approx(other["auroc_recording"])
    assert one["sensitivity"] == pytest.approx(other["specificity"])


def test_probabilities_serve_where_there_is_no_decision_function():
    X, y, groups = recordings()
    result = evaluate(KNeighborsClassifier(9), X, y, groups=groups)
    assert result.predictions["score"].min() >= 0
    assert result.summary["auroc_recording"].value > 0.6


def test_jobs_change_nothing():
    X, y, groups = recordings()
    one, two = (
        evaluate(LogisticRegression(), X, y, groups=groups, n_jobs=n) for n in (None, 2)
    )
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    assert one.to_dict() == two.to_dict()


@pytest.mark.parametrize("wrap", [False, True])
def test_groups_reach_the_fit_of_those_that_ask(wrap):
    X, y, groups = recordings()
    estimator = Recorder()
    if wrap:
        estimator = Pipeline([("scale", StandardScaler()), ("classifier", Recorder())])
    result = evaluate(estimator, X, y, groups=groups, operating_point=None)
    seen = result.predictions["score"]
    test = [fold["n_subjects"] for fold in result.folds]
    assert seen[
        np.unique(result.predictions["fold"], return_index=True)[1]
    ].tolist() == [40 - n for n in test]


def test_groups_reach_the_fit_in_workers_too():
    X, y, groups = recordings()
    pipe = Pipeline([("scale", StandardScaler()), ("classifier", Recorder())])
    result = evaluate(pipe, X, y, groups=groups, operating_point=None, n_jobs=2)
    assert result.predictions["score"].min() > 20


def test_subjects_that_are_unknown_are_recordings_and_the_table_says_so():
    X, y, _ = recordings()
    result = evaluate(Recorder(), X, y, operating_point=None)
    assert not result.subjects_known
    assert set(result.predictions["score"]) == {96.0}
    assert "Subjects are NOT known" in str(result)
    assert result.to_frame()["subject"].isna().all()


def test_random_split_flatters_a_feature_that_tells_the_subject():
    X, y, groups = recordings(effect=0.0, n_clips=4)
    rng = np.random.default_rng(1)
    _, code = np.unique(groups, return_inverse=True)
    X = rng.normal(size=(40, 3))[code] + 0.01 * X[:, :3]
    result = evaluate(
        KNeighborsClassifier(2),
        X,
        y,
        groups=groups,
        random_split=True,
        operating_point=None,
    )
    assert result.random_split is not None
    assert result.random_split.summary["auroc_recording"].value > 0.95
    assert result.summary["auroc_recording"].value < 0.7
    assert result.random_split.counts["shared_subjects"] > 0


def test_no_subject_is_on_both_sides():
    X, y, groups = recordings()
    table = evaluate(LogisticRegression(), X, y, groups=groups, n_repeats=2).to_frame()
    folds = table.groupby(["repeat", "subject"])["fold"].nunique()
    assert (folds == 1).all()
    assert (table.groupby("repeat").size() == len(y)).all()


def test_threshold_does_not_look_at_the_test_part():
    X, y, groups = recordings()
    first = evaluate(LogisticRegression(), X, y, groups=groups)
    test = first.predictions["fold"] == 0
    spoilt = X.copy()
    spoilt[first.predictions["recording"][test]] = 50.0
    other = evaluate(LogisticRegression(), spoilt, y, groups=groups)
    for name in ("threshold", "subject_threshold"):
        assert first.predictions[name][test][0] == other.predictions[name][test][0]


def test_three_classes_have_no_operating_point_to_reach():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), np.repeat(["a", "b", "c"], 10)
    point = {"sensitivity": 0.9}
    with pytest.raises(ValueError, match=r"sensitivity': 0.9\} needs two classes, got"):
        evaluate(LogisticRegression(), X, y, n_splits=2, operating_point=point)
    # Unasked, there is none.
    evaluate(LogisticRegression(), X, y, n_splits=2, n_bootstrap=10)


def test_what_has_no_classes_is_no_classifier():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 2)), np.repeat([0, 1], 10)
    with pytest.raises(TypeError, match="a classifier, got LinearRegression, which"):
        evaluate(LinearRegression(), X, y, n_splits=2, operating_point=None)


def test_operating_point_moves_the_sensitivity():
    X, y, groups = recordings(n_subjects=60)
    low, high = (
        evaluate(LogisticRegression(), X, y, groups=groups, operating_point=point)
        for point in ({"specificity": 0.95}, {"sensitivity": 0.95})
    )
    assert high.summary["sensitivity"].value > low.summary["sensitivity"].value + 0.2
    assert "sensitivity of at least 0.95" in str(high)


def test_own_predict_decides_where_no_point_is_asked_for():
    X, y, groups = recordings()
    table = evaluate(
        LogisticRegression(), X, y, groups=groups, operating_point=None
    ).to_frame()
    assert ((table["score"] > 0) == (table["decision"] == "murmur")).all()
    assert "threshold" not in table


def test_scores_by_name_and_scorers_stand_in_the_table():
    X, y, groups = recordings()
    result = evaluate(
        LogisticRegression(),
        X,
        y,
        groups=groups,
        operating_point=None,
        scores=[
            "cinc2016",
            "roc_auc",
            make_scorer(roc_auc_score, response_method="predict_proba"),
        ],
    )
    found = {name: interval.value for name, interval in result.summary.items()}
    rates = (found["sensitivity"] + found["specificity"]) / 2
    assert found["cinc2016"] == pytest.approx(rates)
    assert found["roc_auc"] == pytest.approx(found["auroc_recording"])
    assert found["roc_auc_score"] == pytest.approx(found["auroc_recording"])


def test_one_score_can_be_renamed():
    X, y, groups = recordings()
    result = evaluate(LogisticRegression(), X, y, groups=groups, scores={"mine": "uar"})
    assert "mine" in result.summary


@pytest.mark.parametrize(
    "kind", [list, tuple, pd.Series, lambda p: np.array(p, object)]
)
def test_paths_come_in_any_sequence(kind):
    _, y, groups = recordings()
    paths = [Path("x" * (1 + (label == "murmur"))) for label in y]
    pipe = make_pipeline(FunctionTransformer(lengths), LogisticRegression())
    result = evaluate(pipe, kind(paths), pd.Series(y), groups=pd.Series(groups))
    assert result.summary["auroc_recording"].value == 1


def test_three_classes_get_aurocs_alone():
    X, _, groups = recordings(n_subjects=45)
    y = np.repeat(np.tile(["artifact", "murmur", "normal"], 15), 3)
    X[np.arange(len(y)), np.unique(y, return_inverse=True)[1]] += 6
    result = evaluate(LogisticRegression(), X, y, groups=groups, scores="uar")
    assert result.summary["auroc_recording[murmur]"].value > 0.95
    assert result.summary["auroc_subject"].value > 0.95
    assert result.summary["uar"].value == pytest.approx(
        result.summary["accuracy"].value
    )
    assert "sensitivity" not in result.summary


def test_fit_params_are_cut_to_the_fold():
    X, y, groups = recordings()
    weight = np.where(y == "murmur", 1e-6, 1.0)
    result = evaluate(
        LogisticRegression(),
        X,
        y,
        groups=groups,
        operating_point=None,
        fit_params={"sample_weight": weight},
    )
    assert (result.predictions["decision"] == "normal").all()


class NeedsGroups(LogisticRegression):
    """Fit takes subjects, and keeps what it was given."""

    def fit(self, X, y, sample_weight=None, groups=None):
        self.given_ = sample_weight, groups
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize("routing", [False, True])
def test_fit_params_of_a_step_reach_it_with_the_groups(routing):
    X, y, groups = recordings()
    last = NeedsGroups()
    with config_context(enable_metadata_routing=True):
        last.set_fit_request(groups=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("last", last)])
    weight = np.where(y == "murmur", 1e-6, 1.0)
    with config_context(enable_metadata_routing=routing):
        fitted = fit_with_groups(
            pipeline, X, y, groups, {"last__sample_weight": weight}
        )
    assert np.array_equal(fitted[-1].given_[0], weight)
    assert np.array_equal(fitted[-1].given_[1], groups)
    # One that takes no groups gets none.
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    named = {"logisticregression__sample_weight": weight}
    with config_context(enable_metadata_routing=routing):
        fitted = fit_with_groups(plain, X, y, groups, named)
    assert (fitted.predict(X) == "normal").all()
    result = evaluate(
        pipeline,
        X,
        y,
        groups=groups,
        operating_point=None,
        fit_params={"last__sample_weight": weight},
    )
    assert (result.predictions["decision"] == "normal").all()


def test_target_any_and_maximum_are_passed_on():
    X, y, groups = recordings()
    result = evaluate(
        LogisticRegression(),
        X,
        y,
        groups=groups,
        subject_target="any",
        combine="max",
    )
    saved = Evaluation.from_predictions(
        result.to_frame(), subject_target="any", combine="max"
    )
    assert saved.summary == result.summary


def test_estimator_is_left_unfitted_and_input_unchanged():
    X, y, groups = recordings()
    model, before = LogisticRegression(), X.copy()
    evaluate(model, X, y, groups=groups)
    assert not hasattr(model, "coef_")
    np.testing.assert_array_equal(X, before)


def test_progress_bar_is_shown_on_request_only(capsys):
    X, y, groups = recordings()
    evaluate(LogisticRegression(), X, y, groups=groups, operating_point=None)
    assert capsys.readouterr() == ("", "")
    evaluate(LogisticRegression(), X, y, groups=groups, operating_point=None, verbose=1)
    assert "folds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"X": "a.wav"}, TypeError, "Wrap it in a list"),
        ({"y": ["murmur"]}, ValueError, "y"),
        ({"y": ["murmur"] * 120}, ValueError, "two classes or more"),
        ({"y": [None] * 120}, ValueError, "in every row of y, got None in row 0"),
        ({"groups": ["s1"]}, ValueError, "groups"),
        ({"groups": [None] * 120}, ValueError, "every row of groups"),
        ({"groups": np.arange(120) // 30}, ValueError, "at least 5 subjects"),
        ({"pos_label": "artifact"}, ValueError, "pos_label among"),
        ({"n_splits": 1}, ValueError, "n_splits must be"),
        ({"inner_splits": 1}, ValueError, "inner_splits must be"),
        ({"n_repeats": 0}, ValueError, "n_repeats must be"),
        ({"random_state": None}, TypeError, "random_state must be"),
        ({"subject_target": "all"}, ValueError, "subject_target must be"),
        ({"combine": "min"}, ValueError, "combine must be"),
        ({"n_bootstrap": -1}, ValueError, "n_bootstrap must be"),
        ({"confidence": 2}, ValueError, "confidence must be"),
        ({"operating_point": "best"}, ValueError, "operating_point to be"),
        ({"operating_point": {"sensitivity": 2}}, ValueError, "sensitivity must be"),
        ({"scores": "nonsense"}, ValueError, "nonsense"),
        ({"scores": [3]}, TypeError, "by name or callable"),
        ({"scores": 5}, TypeError, "by name or callable, got 5"),
        ({"fit_params": 5}, TypeError, "fit_params by name, got 5"),
        ({"scores": "murmur_weighted_accuracy"}, ValueError, "Expected the labels"),
    ],
)
def test_bad_input_fails_before_anything_is_fitted(changes, error, match):
    X, y, groups = recordings()
    given = {"X": X, "y": y, "groups": groups, **changes}
    with pytest.raises(error, match=match):
        evaluate(None, given.pop("X"), given.pop("y"), **given)


def test_three_classes_refuse_the_target_any():
    with pytest.raises(ValueError, match="needs two classes"):
        evaluate(None, np.zeros((30, 1)), list("abc") * 10, subject_target="any")


def test_scores_that_are_not_finite_are_named():
    class Broken(Recorder):
        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    X, y, groups = recordings()
    with pytest.raises(ValueError, match="in fold 0 of repeat 0"):
        evaluate(Broken(), X, y, groups=groups, operating_point=None)


def test_scores_of_another_shape_are_named():
    class Wide(Recorder):
        def predict_proba(self, X):
            return np.zeros((len(X), 3))

    X, y, groups = recordings()
    with pytest.raises(ValueError, match="scores of 2 classes"):
        evaluate(Wide(), X, y, groups=groups, operating_point=None)


def test_estimator_without_scores_is_named():
    class Mute(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

    X, y, groups = recordings()
    with pytest.raises(TypeError, match="got Mute"):
        evaluate(Mute(), X, y, groups=groups, operating_point=None)


def test_import_loads_neither_keras_nor_matplotlib():
    # scikit-learn itself imports pandas where it is installed.
    code = (
        "import sys, heartbeat_clf.evaluation;"
        "print({'keras', 'tensorflow', 'matplotlib', 'tqdm'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_too_few_subjects_for_the_inner_folds_name_the_way_out():
    y = np.repeat([0, 1], 4)
    X = np.arange(8.0)[:, np.newaxis]
    with pytest.raises(ValueError, match=r"3 inner folds .*operating_point=None"):
        evaluate(LogisticRegression(), X, y, groups=np.arange(8), n_splits=2)
