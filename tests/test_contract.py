"""What scikit-learn asks of every estimator, asked on recordings.

The check suite of scikit-learn makes its own arrays: here the input is audio.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from tiny import tiny_classifier, tiny_pipeline

from heartbeat_clf import ImageTrimmer, SpectrogramTransformer

NAMES = ["spectrogram", "trimmer", "classifier", "pipeline"]
every = pytest.mark.parametrize("name", NAMES)
BAD_SETTINGS = {
    "spectrogram": ("n_mels", 0),
    "trimmer": ("min_fraction", 2.0),
    "classifier": ("epochs", -1),
    "pipeline": ("classifier__epochs", -1),
}


def unfitted(name):
    return {
        "spectrogram": lambda: SpectrogramTransformer(n_mels=16),
        "trimmer": ImageTrimmer,
        "classifier": tiny_classifier,
        "pipeline": tiny_pipeline,
    }[name]()


@pytest.fixture(scope="module")
def model(fitted_pipeline):
    """Return a function from a name to the fitted object."""
    return lambda name: (
        fitted_pipeline if name == "pipeline" else fitted_pipeline.named_steps[name]
    )


@pytest.fixture(scope="module")
def data(fitted_pipeline, sounds):
    """Return a function from a name to what the object is given."""
    images = fitted_pipeline[0].transform(sounds.recordings)
    inputs = {
        "spectrogram": sounds.recordings,
        "trimmer": images,
        "classifier": fitted_pipeline[1].transform(images),
        "pipeline": sounds.recordings,
    }
    return inputs.__getitem__


def answers(model, X):
    if hasattr(model, "transform"):
        return model.transform(X)
    return model.predict_proba(X)


def assert_same(first, second):
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


@every
def test_clone_has_the_settings_and_nothing_learnt(name, model):
    cloned = clone(model(name))
    assert repr(cloned) == repr(unfitted(name))
    if name != "spectrogram":
        with pytest.raises(NotFittedError, match="not fitted yet"):
            check_is_fitted(cloned)


@every
def test_settings_can_be_read_and_set(name):
    estimator = unfitted(name)
    settings = estimator.get_params()
    assert estimator.set_params(**settings) is estimator
    assert estimator.get_params() == settings


@every
def test_unknown_setting_fails_when_it_is_set(name):
    with pytest.raises(ValueError, match="Invalid parameter 'colour' for estimator"):
        unfitted(name).set_params(colour="red")


@every
def test_bad_value_fails_at_fit_and_not_before(name, data, sounds):
    setting, value = BAD_SETTINGS[name]
    estimator = unfitted(name).set_params(**{setting: value})
    assert clone(estimator).get_params()[setting] == value
    with pytest.raises(ValueError, match=setting.rpartition("__")[2]):
        estimator.fit(data(name), sounds.target)


@every
def test_pickle_gives_the_same_answers(name, model, data):
    copied = pickle.loads(pickle.dumps(model(name)))
    assert_same(answers(copied, data(name)), answers(model(name), data(name)))


@pytest.mark.training
@every
def test_refitting_is_a_fresh_fit(name, model, data, sounds):
    estimator = copy.deepcopy(model(name))
    X, y = data(name), sounds.target
    # First on a part, turned round.
    first = estimator.fit(X[:12][::-1], y[:12][::-1])
    assert first is estimator
    estimator.fit(X, y)
    assert_same(answers(estimator, X), answers(model(name), X))


@every
def test_use_before_fit_is_an_error(name, data):
    if name == "spectrogram":
        pytest.skip("stateless: works without fit, and its tags say so")
    with pytest.raises(NotFittedError, match="not fitted yet"):
        answers(unfitted(name), data(name))


def test_stateless_transformer_needs_no_fit(data):
    transformer = SpectrogramTransformer(n_mels=16)
    assert transformer.__sklearn_tags__().requires_fit is False
    assert len(transformer.transform(data("spectrogram"))) == 16


@every
def test_input_and_model_stay_as_they_are(name, model, data):
    X = data(name)
    rows = [row.copy() for row in X]
    state = set(vars(model(name)))
    answers(model(name), X)
    assert_same(X, rows)
    assert set(vars(model(name))) == state


@every
def test_answers_do_not_depend_on_the_other_rows(name, model, data):
    X = data(name)
    together = answers(model(name), X)
    for row in (0, 7):
        alone = answers(model(name), X[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-5, atol=1e-5)


@every
def test_page_shows_the_estimator(name, model):
    page = model(name)._repr_html_()
    assert type(unfitted(name)).__name__ in page
    assert type(unfitted(name)).__name__ in unfitted(name)._repr_html_()


@every
def test_pandas_output_leaves_the_answers_alone(name, model, data):
    expected = answers(model(name), data(name))
    with config_context(transform_output="pandas"):
        got = answers(model(name), data(name))
    assert type(got) is np.ndarray
    assert_same(got, expected)


@pytest.mark.training
def test_pandas_output_leaves_training_alone(fitted_pipeline, sounds):
    with config_context(transform_output="pandas"):
        pipeline = tiny_pipeline().fit(sounds.recordings, sounds.target)
    assert_same(
        pipeline.predict_proba(sounds.recordings),
        fitted_pipeline.predict_proba(sounds.recordings),
    )
