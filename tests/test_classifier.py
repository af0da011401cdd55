from __future__ import annotations

import pickle
import re
import sys

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from tiny import tiny_classifier

from heartbeat_clf import HeartbeatClassifier


def test_probabilities_are_the_sigmoid_of_the_decision(fitted, images):
    X, _, _ = images
    decision = fitted.decision_function(X)
    probabilities = fitted.predict_proba(X)
    assert decision.shape == (len(X),)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-decision)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.predict(X), decision > 0)


def test_prediction_of_a_row_does_not_depend_on_the_others(fitted, images):
    X, _, _ = images
    together = fitted.decision_function(X)
    np.testing.assert_allclose(
        [fitted.decision_function(X[i : i + 1])[0] for i in range(len(X))],
        together,
        rtol=1e-5,
        atol=1e-6,
    )


def test_images_may_come_as_a_list(fitted, images):
    X, _, _ = images
    np.testing.assert_array_equal(
        fitted.decision_function(list(X)), fitted.decision_function(X)
    )


def test_scaling_and_shifting_a_recording_changes_nothing(fitted, images):
    X, _, _ = images
    louder = [3.0 * image + 20.0 for image in X]
    np.testing.assert_allclose(
        fitted.decision_function(louder), fitted.decision_function(X), atol=1e-4
    )


def test_image_shorter_than_a_window_is_answered(fitted, images):
    X, _, _ = images
    probabilities = fitted.predict_proba([X[0][:, :5], X[1][:, :1]])
    assert np.isfinite(probabilities).all()


def test_prediction_leaves_the_classifier_and_the_images_alone(fitted, images):
    X, _, _ = images
    before = pickle.dumps(X)
    keys = set(vars(fitted))
    fitted.predict_proba(X)
    assert pickle.dumps(X) == before
    assert set(vars(fitted)) == keys


def test_images_of_other_bands_are_named(fitted):
    with pytest.raises(ValueError, match="row 0 to have 12 bands and 1 channels as th"):
        fitted.predict([np.zeros((11, 50))])


def test_image_with_nan_is_named(fitted, images):
    X, _, _ = images
    broken = X[1].copy()
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="Expected row 1 to be finite"):
        fitted.predict([X[0], broken])


def test_image_with_nan_is_named_at_fit(images):
    X, y, _ = images
    X = X.copy()
    X[5] = X[5].copy()
    X[5][0, 0] = np.nan
    with pytest.raises(ValueError, match="Expected row 5 to be finite"):
        tiny_classifier().fit(X, y)


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "decision_function"],
)
def test_use_before_fit_is_an_error(method):
    with pytest.raises(NotFittedError, match="HeartbeatClassifier instance is not fit"):
        getattr(HeartbeatClassifier(), method)([np.zeros((2, 5))])


@pytest.mark.parametrize("method", ["network_archive", "training_state"])
def test_state_before_fit_is_an_error(method):
    with pytest.raises(NotFittedError, match="HeartbeatClassifier instance is not fit"):
        getattr(HeartbeatClassifier(), method)()


def test_estimator_before_fit_is_no_attribute():
    with pytest.raises(AttributeError, match="estimator_ appears after fit"):
        _ = HeartbeatClassifier().estimator_


def test_single_class_is_refused(images):
    X, _, _ = images
    with pytest.raises(
        ValueError, match=r"Expected two classes or more, got one class, \['normal'\]"
    ):
        tiny_classifier().fit(X, ["normal"] * len(X))


def test_lengths_must_agree(images):
    X, y, groups = images
    with pytest.raises(ValueError, match="as many items in y as in X, got 3 in y and"):
        tiny_classifier().fit(X, y[:3])
    with pytest.raises(ValueError, match="as many items in groups as in X, got 3 in"):
        tiny_classifier().fit(X, y, groups=groups[:3])
    with pytest.raises(ValueError, match="items in sample_weight as in X, got 3 in"):
        tiny_classifier().fit(X, y, sample_weight=np.ones(3))


def test_weight_zero_for_a_class_is_refused(images):
    X, y, _ = images
    with pytest.raises(ValueError, match="sample_weight zero for all recordings of cl"):
        tiny_classifier().fit(X, y, sample_weight=(y == 0).astype(float))


def test_class_weight_zero_is_refused(images):
    X, y, _ = images
    with pytest.raises(ValueError, match="Expected class_weight to give positive"):
        tiny_classifier(class_weight={0: 1.0, 1: 0.0}).fit(X, y)


def test_whole_images_must_have_one_length(images):
    X, y, _ = images
    lengths = [image.shape[1] for image in X]
    with pytest.raises(
        ValueError,
        match=f"window_frames=None, got lengths from {min(lengths)} to {max(lengths)}",
    ):
        tiny_classifier(window_frames=None).fit(X, y)


def test_too_few_subjects_for_a_validation_part_are_an_error(images):
    X, y, _ = images
    with pytest.raises(
        ValueError,
        match=r"validation_fraction=0.3 to leave every class .*too few subjects",
    ):
        tiny_classifier(validation_fraction=0.3).fit(X, y, groups=y)


def test_subjects_that_are_not_known_are_named(images):
    X, y, _ = images
    with pytest.raises(ValueError, match=r"^Expected a value in every row of groups"):
        tiny_classifier(validation_fraction=0.3).fit(X, y, groups=[None] * len(y))


def test_keras_callbacks_only_are_taken(images):
    X, y, _ = images
    with pytest.raises(TypeError, match=r"list of keras.callbacks.Callback, got 'bar'"):
        tiny_classifier(callbacks=["bar"]).fit(X, y)


def test_paths_are_no_images():
    with pytest.raises(TypeError, match="Put a SpectrogramTransformer before"):
        tiny_classifier().fit(["a.wav", "b.wav"], [0, 1])


def test_missing_training_packages_are_named(images, monkeypatch):
    X, y, _ = images
    monkeypatch.setitem(sys.modules, "heartbeat_clf.training_task", None)
    with pytest.raises(ImportError, match=re.escape("'heartbeat_clf[train]'")):
        tiny_classifier().fit(X, y)


def test_unknown_setting_fails_at_set_params():
    with pytest.raises(ValueError, match="Invalid parameter 'kernel_l3'"):
        HeartbeatClassifier().set_params(kernel_l3=1)
    with pytest.raises(TypeError, match="kernel_l3"):
        HeartbeatClassifier(kernel_l3=1)


def test_it_is_a_classifier_on_three_dimensions():
    classifier = HeartbeatClassifier()
    tags = get_tags(classifier)
    assert is_classifier(classifier)
    assert tags.input_tags.three_d_array
    assert tags.non_deterministic
    assert not get_tags(HeartbeatClassifier(random_state=0)).non_deterministic


def test_groups_are_requested_without_being_asked():
    requests = HeartbeatClassifier().get_metadata_routing().fit.requests
    assert requests["groups"] is True
    with config_context(enable_metadata_routing=True):
        cloned = clone(HeartbeatClassifier().set_fit_request(sample_weight=True))
    requests = cloned.get_metadata_routing().fit.requests
    assert requests == {"groups": True, "sample_weight": True}


@pytest.mark.parametrize("classes", [None, [0]])
def test_first_partial_fit_needs_two_classes(images, classes):
    X, _, _ = images
    with pytest.raises(
        ValueError, match=r"labels of two classes or more, got .*Name a"
    ):
        tiny_classifier().partial_fit(X[:2], [0, 0], classes=classes)


def test_first_partial_fit_knows_its_labels(images):
    X, _, _ = images
    with pytest.raises(ValueError, match=r"got \[2\] and the classes \[0, 1\]. Name"):
        tiny_classifier().partial_fit(X[:2], [0, 2], classes=[0, 1])
