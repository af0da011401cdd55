from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.evaluation import evaluate
from heartbeat_clf.outcomes import OutcomeClassifier, balance_decisions
from heartbeat_clf.rhythm import LEARNT_FEATURES, LIKENESS_FEATURES, SOUND_FEATURES


def second_column(X):
    return np.asarray(X)[:, 1:2]


class ColumnScore(ClassifierMixin, BaseEstimator):
    """Score a row by its first column, and remember who it was fitted on."""

    fits: list = []  # noqa: RUF012

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        ColumnScore.fits.append(set(np.asarray(X)[:, 2].astype(int)))
        return self

    def decision_function(self, X):
        sign = 1 if self.classes_[1] == "murmur" else -1
        return sign * np.asarray(X)[:, 0]

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


@pytest.fixture
def table():
    """Murmurs stand out in column 0, extrasystoles in column 1; 2 is the subject."""
    rng = np.random.default_rng(0)
    y = np.repeat(["normal", "murmur", "extrasystole"], 30)
    X = rng.normal(size=(90, 3))
    X[y == "murmur", 0] += 5
    X[y == "extrasystole", 1] += 5
    X[:, 2] = np.arange(90) // 2
    return X, y, X[:, 2].astype(int)


def classifier(murmur, **settings):
    return OutcomeClassifier(
        murmur, rhythm=FunctionTransformer(second_column), **settings
    )


def test_both_views_are_used(table):
    X, y, groups = table
    model = classifier(ColumnScore(), final=LogisticRegression())
    result = evaluate(model, X, y, groups=groups, n_bootstrap=0)
    assert result.summary["auroc_recording"].value > 0.98
    fitted = clone(model).fit(X, y, groups)
    assert np.mean(fitted.predict(X) == y) > 0.95
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.classes_.tolist() == ["extrasystole", "murmur", "normal"]


def test_the_murmur_model_is_scored_on_subjects_it_was_not_fitted_on(table):
    X, y, groups = table
    ColumnScore.fits.clear()
    classifier(ColumnScore(), inner_splits=4).fit(X, y, groups)
    *inner, whole = ColumnScore.fits
    assert len(inner) == 4
    assert whole == set(groups)
    left_out = [whole - part for part in inner]
    assert set.union(*left_out) == whole
    assert sum(map(len, left_out)) == len(whole)


def test_a_frozen_murmur_model_is_not_fitted_again(table):
    X, y, groups = table
    frozen = FrozenEstimator(
        ColumnScore().fit(X, np.where(y == "murmur", "murmur", "normal"))
    )
    ColumnScore.fits.clear()
    model = classifier(frozen).fit(X, y, groups)
    assert ColumnScore.fits == []
    assert np.mean(model.predict(X) == y) > 0.95


def test_probabilities_serve_where_there_is_no_decision_function(table):
    X, y, groups = table

    class Probabilities(ColumnScore):
        decision_function = None

        def __getattribute__(self, name):
            if name == "decision_function":
                raise AttributeError(name)
            return super().__getattribute__(name)

        def predict_proba(self, X):
            murmur = 1 / (1 + np.exp(-np.asarray(X)[:, 0]))
            columns = {"murmur": murmur, "normal": 1 - murmur}
            return np.column_stack([columns[name] for name in self.classes_])

    model = classifier(Probabilities()).fit(X, y, groups)
    assert np.mean(model.predict(X) == y) > 0.95


def test_same_seed_same_answers_and_cloning(table):
    X, y, groups = table
    model = classifier(ColumnScore(), random_state=3)
    first, second = (clone(model).fit(X, y, groups).predict_proba(X) for _ in "ab")
    np.testing.assert_array_equal(first, second)
    assert clone(model).random_state == 3


def test_a_fit_that_fails_leaves_the_model_as_it_was(table):
    X, y, groups = table
    model = classifier(ColumnScore())
    with pytest.raises(ValueError, match="subjects"):
        model.fit(X, y, np.zeros(90))
    with pytest.raises(NotFittedError, match="OutcomeClassifier"):
        model.predict(X)
    before = model.fit(X, y, groups).predict_proba(X)
    with pytest.raises(ValueError, match="subjects"):
        model.fit(X, y, np.zeros(90))
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_without_subjects_each_recording_is_its_own(table):
    X, y, _ = table
    assert classifier(ColumnScore()).fit(X, y).predict(X).shape == (90,)


def test_predict_needs_fit(table):
    with pytest.raises(NotFittedError):
        classifier(ColumnScore()).predict(table[0])


@pytest.mark.parametrize("labels", [["normal", "ill"], ["murmur", "murmur"]])
def test_labels_need_murmurs_and_others(labels, table):
    X = table[0]
    with pytest.raises(ValueError, match="murmur"):
        classifier(ColumnScore()).fit(X, np.tile(labels, 45))


def test_a_murmur_model_of_other_classes_is_refused(table):
    X, y, groups = table
    frozen = FrozenEstimator(ColumnScore().fit(X, y))
    with pytest.raises(ValueError, match=r"with two classes, .*got \['extrasy"):
        classifier(frozen).fit(X, y, groups)


def test_lengths_and_settings_are_checked(table):
    X, y, groups = table
    with pytest.raises(ValueError, match="groups"):
        classifier(ColumnScore()).fit(X, y, groups[:-1])
    with pytest.raises(ValueError, match="90 in y and 89 in X"):
        classifier(ColumnScore()).fit(X[:-1], y, groups)
    with pytest.raises(ValueError, match="a value in every row of groups"):
        classifier(ColumnScore()).fit(X, y, np.where(groups == 3, np.nan, groups))
    with pytest.raises(ValueError, match="groups to be 1-D"):
        classifier(ColumnScore()).fit(X, y, X)
    with pytest.raises(ValueError, match="random_state"):
        classifier(ColumnScore(), random_state=2**32).fit(X, y, groups)
    with pytest.raises(ValueError, match="inner_splits"):
        classifier(ColumnScore(), inner_splits=1).fit(X, y, groups)
    with pytest.raises(ValueError, match="random_state"):
        classifier(ColumnScore(), random_state=-1).fit(X, y, groups)


class Deaf(BaseEstimator):
    """A transformer that fails where it is asked to listen."""

    def fit_transform(self, X, y=None):
        raise AssertionError("recordings were heard before all was checked")

    fit = transform = fit_transform


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"final": LinearSVC()}, "with predict_proba as final, got LinearSVC"),
        ({"final": LogisticRegression}, "as final, got <class"),
        ({"final": "trees"}, "as final, got 'trees'"),
        ({"rhythm": LinearSVC()}, "with fit_transform as rhythm, got LinearSVC"),
        ({"murmur": Deaf()}, "with decision_function or predict_proba as murmur"),
        ({"murmur": "box"}, "with fit as murmur, got 'box'"),
        ({"murmur": None}, "with fit as murmur, got None"),
    ],
)
def test_parts_are_checked_before_anything_is_heard(parts, message, table):
    X, y, groups = table
    parts = {"murmur": ColumnScore(), "rhythm": Deaf(), **parts}
    with pytest.raises(TypeError, match=message):
        OutcomeClassifier(**parts).fit(X, y, groups)


class Asking(ColumnScore):
    """A murmur classifier that wants to know whose recordings it is fitted to."""

    def fit(self, X, y, groups=None):
        assert groups is not None
        np.testing.assert_array_equal(groups, np.asarray(X)[:, 2])
        assert set(y) == {"murmur", "normal"}
        return super().fit(X, y)


def test_subjects_reach_the_murmur_model(table):
    X, y, groups = table
    assert classifier(Asking()).fit(X, y, groups).murmur_.classes_.tolist() == [
        "murmur",
        "normal",
    ]
    with pytest.raises(AssertionError):
        classifier(Asking()).fit(X, y)


def test_a_frozen_murmur_model_has_to_be_fitted(table):
    X, y, groups = table
    model = OutcomeClassifier(FrozenEstimator(ColumnScore()), rhythm=Deaf())
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        model.fit(X, y, groups)


def test_a_frozen_murmur_model_has_to_be_a_classifier(table):
    X, y, groups = table
    frozen = FrozenEstimator(LinearRegression().fit(X, X[:, 0]))
    with pytest.raises(TypeError, match="a classifier as murmur, got Frozen"):
        OutcomeClassifier(frozen, rhythm=Deaf()).fit(X, y, groups)


def test_classes_and_subjects_are_checked_before_anything_is_heard(table):
    X, y, groups = table
    frozen = FrozenEstimator(ColumnScore().fit(X, y))
    with pytest.raises(ValueError, match="Expected a murmur classifier with two"):
        OutcomeClassifier(frozen, rhythm=Deaf()).fit(X, y, groups)
    ColumnScore.fits.clear()
    with pytest.raises(ValueError, match="at least 3 subjects"):
        OutcomeClassifier(ColumnScore(), rhythm=Deaf()).fit(X, y, np.zeros(90))
    assert ColumnScore.fits == []


def test_nothing_to_fit_is_refused():
    with pytest.raises(ValueError, match="Expected at least one value in y, got none"):
        classifier(ColumnScore()).fit([], [])
    with pytest.raises(ValueError, match="value for every recording in y, got None"):
        classifier(ColumnScore()).fit([], None)


def test_decisions_give_a_rare_class_its_due():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [500, 60, 20])
    # Posteriors of three normal densities, as priors have it.
    x = rng.normal(size=(580, 2)) + np.array([[0, 0], [2, 0], [0, 2]])[codes]
    density = np.exp(
        -0.5 * ((x[:, None] - np.array([[0, 0], [2, 0], [0, 2]])) ** 2).sum(axis=2)
    )
    probabilities = density * [500, 60, 20]
    probabilities /= probabilities.sum(axis=1, keepdims=True)

    def recalls(factors):
        right = (probabilities * factors).argmax(axis=1) == codes
        return [right[codes == code].mean() for code in range(3)]

    factors = balance_decisions(probabilities, codes)
    assert recalls(np.ones(3))[2] < 0.5
    assert recalls(factors)[2] > 0.7
    assert np.mean(recalls(factors)) > np.mean(recalls(np.ones(3))) + 0.1


def test_decisions_that_are_right_are_left_alone():
    factors = balance_decisions(np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 2, 0]))
    np.testing.assert_array_equal(factors, 1)


def test_of_factors_that_serve_alike_the_mildest_is_taken():
    # Any factor of the first class from 0.053 to 0.92 answers all of them right.
    probabilities = np.array([[0.95, 0.05]] * 5 + [[0.52, 0.48]] * 5)
    factors = balance_decisions(probabilities, np.repeat([0, 1], 5))
    np.testing.assert_allclose(factors, [np.exp(-0.25), 1])


def test_no_factor_could_be_milder_and_serve_as_well():
    grid = np.exp(np.arange(-2.0, 2.01, 0.25))
    for draw in range(20):
        rng = np.random.default_rng(draw)
        codes = np.r_[[0, 1, 2], rng.integers(3, size=27)]
        probabilities = rng.dirichlet(np.ones(3), 30)

        def recall(factors, probabilities=probabilities, codes=codes):
            right = (probabilities * factors).argmax(axis=1) == codes
            return np.mean([right[codes == code].mean() for code in range(3)])

        factors = balance_decisions(probabilities, codes)
        reached = recall(factors)
        assert reached >= recall(np.ones(3)) - 1e-9
        # The last class was looked at last.
        milder = np.tile(factors, (len(grid), 1))
        milder[:, 2] = grid
        serve = [row for row in milder if recall(row) > reached - 1e-9]
        mildest = min(abs(np.log(row[2])) for row in serve)
        assert abs(np.log(factors[2])) == pytest.approx(mildest)


@pytest.mark.parametrize(
    ("probabilities", "codes", "message"),
    [
        ([[0.5, np.nan], [0.5, 0.5]], [0, 1], "Expected finite probabilities"),
        ([0.5, 0.5], [0, 1], "Expected finite probabilities"),
        ([[-0.5, 0.5]] * 2, [0, 1], "none below 0, got float64"),
        ([[None, 0.5]] * 2, [0, 1], "none below 0, got object"),
        ([[0.5, 0.5]] * 2, [0, 0], "each of 0 to 1 at least once, got int64"),
        ([[0.5, 0.5]] * 3, [0, 1, 2], "each of 0 to 1 at least once"),
        ([[0.5, 0.5]] * 2, [0.0, 1.0], "each of 0 to 1 at least once, got float64"),
        ([[0.5, 0.5]] * 2, [0, 1, 1], r"of shape \(3,\)"),
    ],
)
def test_decisions_are_balanced_on_probabilities_and_codes(
    probabilities, codes, message
):
    with pytest.raises(ValueError, match=message):
        balance_decisions(probabilities, codes)


class Remembered(LogisticRegression):
    """Keep the subjects of each fit and prediction; they stand in the last column."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y):
        Remembered.seen.append(("fit", set(X[:, -1].astype(int))))
        return super().fit(X[:, :-1], y)

    def predict_proba(self, X):
        Remembered.seen.append(("predict", set(X[:, -1].astype(int))))
        return super().predict_proba(X[:, :-1])


def columns_and_subject(X):
    return np.asarray(X)[:, 1:]


def test_factors_are_chosen_on_subjects_that_were_not_fitted_on(table):
    X, y, groups = table
    Remembered.seen.clear()
    OutcomeClassifier(
        FrozenEstimator(ColumnScore().fit(X, np.where(y == "murmur", y, "other"))),
        rhythm=FunctionTransformer(columns_and_subject),
        final=Remembered(),
    ).fit(X, y, groups)
    *inner, whole = Remembered.seen
    assert whole == ("fit", set(groups))
    assert [what for what, _ in inner] == ["fit", "predict"] * 3
    for (_, fitted), (_, predicted) in zip(inner[::2], inner[1::2], strict=True):
        assert not fitted & predicted
        assert fitted | predicted == set(groups)


def test_chosen_factors_are_kept(table):
    X, y, groups = table
    rare = (y != "extrasystole") | (groups % 6 == 0)
    shifted = X.copy()
    shifted[y == "extrasystole", 1] -= 3.5
    model = classifier(ColumnScore(), final=LogisticRegression())
    model.fit(shifted[rare], y[rare], groups[rare])
    assert model.factors_[0] > 1


def test_the_default_is_what_docs_say():
    sounds = make_heart_sounds(
        12, murmur_fraction=0.33, extrasystole_fraction=0.33, random_state=0
    )
    murmur = DummyClassifier(strategy="prior")
    model = OutcomeClassifier(murmur, inner_splits=2, random_state=3)
    model.fit(sounds.recordings, sounds.target, groups=sounds.subjects)
    assert model.rhythm_.features == (
        *SOUND_FEATURES,
        *LIKENESS_FEATURES,
        *LEARNT_FEATURES,
    )
    assert isinstance(model.final_, ExtraTreesClassifier)
    expected = {
        "n_estimators": 300,
        "min_samples_leaf": 5,
        "bootstrap": True,
        "class_weight": "balanced_subsample",
        "random_state": 3,
    }
    settings = model.final_.get_params()
    assert {name: settings[name] for name in expected} == expected


def test_factors_are_what_the_decision_uses(table):
    X, y, groups = table
    model = classifier(ColumnScore()).fit(X, y, groups)
    model.factors_ = np.array([1e6, 1.0, 1.0])
    assert set(model.predict(X)) <= {"extrasystole"} | set(y)
    assert np.mean(model.predict(X) == "extrasystole") > 0.4
