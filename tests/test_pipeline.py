from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from tiny import build_tiny

from heartbeat_clf import (
    HeartbeatClassifier,
    ImageTrimmer,
    SpectrogramTransformer,
    make_heartbeat_pipeline,
)
from heartbeat_clf.pipeline import check_pipeline


def test_default_pipeline_is_three_steps_of_defaults():
    pipeline = make_heartbeat_pipeline()
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.named_steps) == ["spectrogram", "trimmer", "classifier"]
    for step, kind in zip(
        pipeline.named_steps.values(),
        (SpectrogramTransformer, ImageTrimmer, HeartbeatClassifier),
        strict=True,
    ):
        assert type(step) is kind
        assert step.get_params() == kind().get_params()


def test_each_call_gives_steps_of_its_own():
    first, second = make_heartbeat_pipeline(), make_heartbeat_pipeline()
    first.set_params(classifier__epochs=7)
    assert second.named_steps["classifier"].epochs == 40


def test_settings_go_to_the_step_that_has_them():
    pipeline = make_heartbeat_pipeline(
        n_mels=32, bands="all", kernel_l2=0.5, classifier__epochs=3, network=build_tiny
    )
    assert pipeline.named_steps["spectrogram"].n_mels == 32
    assert pipeline.named_steps["trimmer"].bands == "all"
    classifier = pipeline.named_steps["classifier"]
    assert (classifier.kernel_l2, classifier.epochs) == (0.5, 3)
    assert classifier.network is build_tiny


def test_verbose_goes_to_both_that_have_it():
    pipeline = make_heartbeat_pipeline(verbose=1)
    assert pipeline.named_steps["spectrogram"].verbose == 1
    assert pipeline.named_steps["classifier"].verbose == 1


def test_scoped_setting_goes_to_one_step_only():
    pipeline = make_heartbeat_pipeline(classifier__verbose=1)
    assert pipeline.named_steps["spectrogram"].verbose == 0


def test_default_windows_last_four_seconds():
    pipeline = make_heartbeat_pipeline()
    frames_per_second = pipeline.named_steps["spectrogram"].frames_per_second
    window_frames = pipeline.named_steps["classifier"].window_frames
    assert window_frames / frames_per_second == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("settings", "frames"),
    [
        ({"window_duration": 2.0}, 125),
        ({"window_duration": 2.0, "hop_duration": 0.032}, 62),
        ({"window_duration": 0.001}, 1),
        ({"preset": "ancestor", "window_duration": 3.2}, 100),
    ],
)
def test_window_duration_is_converted_with_the_hop(settings, frames):
    pipeline = make_heartbeat_pipeline(**settings)
    assert pipeline.named_steps["classifier"].window_frames == frames


def test_ancestor_preset_rebuilds_the_published_system():
    pipeline = make_heartbeat_pipeline("ancestor", random_state=3)
    classifier = pipeline.named_steps["classifier"]
    assert classifier.network == "ancestor"
    assert classifier.loss == "elementwise_auroc"
    assert classifier.window_frames is None
    assert classifier.augment is False
    assert classifier.random_state == 3
    recordings = [np.sin(np.arange(n) * 0.3) for n in (9000, 30000)]
    images = pipeline[0].fit_transform(recordings)
    assert images.shape == (2, 64, 188)


def test_settings_stand_above_the_preset():
    pipeline = make_heartbeat_pipeline("ancestor", n_mels=20, epochs=2)
    assert pipeline.named_steps["spectrogram"].n_mels == 20


def test_memory_is_passed_on(tmp_path):
    assert make_heartbeat_pipeline(memory=str(tmp_path)).memory == str(tmp_path)


def test_unknown_preset_is_refused():
    with pytest.raises(
        ValueError, match="preset must be one of 'default', 'ancestor', got 'modern'"
    ):
        make_heartbeat_pipeline("modern")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("epoch", "Did you mean 'epochs'"), ("colour", "Known are .*'n_mels'")],
)
def test_unknown_setting_is_refused(name, remedy):
    with pytest.raises(
        ValueError, match=f"spectrogram, trimmer or classifier, got '{name}'. {remedy}"
    ):
        make_heartbeat_pipeline(**{name: 1})


def test_unknown_setting_of_a_step_is_refused():
    with pytest.raises(
        ValueError, match="Invalid parameter 'epoch' for estimator Hear"
    ):
        make_heartbeat_pipeline(classifier__epoch=1)


@pytest.mark.parametrize("name", ["window_frames", "classifier__window_frames"])
def test_window_is_given_in_one_unit(name):
    with pytest.raises(TypeError, match="window_duration or window_frames, got both"):
        make_heartbeat_pipeline(window_duration=4.0, **{name: 100})


@pytest.mark.parametrize(
    ("duration", "error"), [(0, ValueError), (-1.0, ValueError), ("4", TypeError)]
)
def test_window_duration_must_be_positive(duration, error):
    with pytest.raises(error, match="window_duration must be a number greater than 0"):
        make_heartbeat_pipeline(window_duration=duration)


def test_a_parameter_under_two_names_is_refused():
    message = "n_mels of the spectrogram, got n_mels=3 and spectrogram__n_mels=4"
    with pytest.raises(TypeError, match=message):
        make_heartbeat_pipeline(n_mels=3, spectrogram__n_mels=4)
    with pytest.raises(TypeError, match="got spectrogram__n_mels=4 and n_mels=4"):
        make_heartbeat_pipeline("ancestor", spectrogram__n_mels=4, n_mels=4)
    # Presets give way.
    pipeline = make_heartbeat_pipeline("ancestor", spectrogram__n_mels=4)
    assert pipeline.named_steps["spectrogram"].n_mels == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fmax": 800}, "fmax must be at most half of sample_rate"),
        ({"min_range_db": -3}, "min_range_db must be a number at least 0"),
        ({"epochs": -1}, "epochs must be an integer at least 1, got -1"),
        ({"network": "huge"}, "network must be one of .*got 'huge'"),
        ({"loss": "nonsense"}, "Expected a loss among"),
    ],
)
def test_settings_are_checked_before_any_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        check_pipeline(make_heartbeat_pipeline(**settings))
    check_pipeline(make_heartbeat_pipeline(network=build_tiny))
