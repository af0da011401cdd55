from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heartbeat_clf import load_pretrained
from heartbeat_clf.datasets import make_heart_sounds
from heartbeat_clf.embedding import EmbeddingTransformer


@pytest.fixture(scope="module")
def sounds():
    return make_heart_sounds(12, duration=5.0, random_state=0)


def test_a_linear_model_on_it_tells_murmurs(sounds):
    pipeline = make_pipeline(
        EmbeddingTransformer(), StandardScaler(), LogisticRegression(C=0.1)
    )
    found = cross_val_score(
        pipeline, sounds.recordings, sounds.target, scoring="roc_auc", cv=3
    )
    assert found.min() > 0.9


def test_a_row_depends_on_its_recording_alone(sounds):
    embedding = EmbeddingTransformer().fit(sounds.recordings)
    together = embedding.transform(sounds.recordings[:3])
    assert together.shape == (3, 256)
    assert together.dtype == np.float64
    assert np.ptp(together, axis=0).max() > 0.1
    np.testing.assert_allclose(
        embedding.transform(sounds.recordings[2:3]), together[2:], rtol=1e-5, atol=1e-6
    )
    names = embedding.get_feature_names_out()
    assert names[[0, -1]].tolist() == [
        "embeddingtransformer0",
        "embeddingtransformer255",
    ]


def test_both_models_of_the_box_hear_the_same(sounds):
    murmur, abnormal = (
        EmbeddingTransformer(name).fit_transform(sounds.recordings[:2])
        for name in ("murmur", "abnormal")
    )
    np.testing.assert_array_equal(murmur, abnormal)


def test_a_pickle_needs_no_file_and_a_clone_no_model(sounds, tmp_path):
    from heartbeat_clf import save

    file = save(load_pretrained(), tmp_path / "m.hbc")
    embedding = EmbeddingTransformer(file)
    expected = embedding.fit_transform(sounds.recordings[:2])
    assert not hasattr(clone(embedding), "model_")
    stored = pickle.dumps(embedding)
    file.unlink()
    np.testing.assert_array_equal(
        pickle.loads(stored).transform(sounds.recordings[:2]), expected
    )


def test_settings_reach_the_images(sounds, tmp_path):
    slow = EmbeddingTransformer(input_rate=500.0, cache=tmp_path, n_jobs=2)
    with pytest.warns(UserWarning, match="got 500 Hz"):
        changed = slow.fit_transform(sounds.recordings[:2])
    assert any(tmp_path.iterdir())
    plain = EmbeddingTransformer().fit_transform(sounds.recordings[:2])
    assert np.abs(changed - plain).max() > 0.01


def test_settings_of_the_machine_count_as_they_are_now(sounds, tmp_path):
    embedding = EmbeddingTransformer(cache=tmp_path / "one", input_rate=4000.0)
    embedding.fit(sounds.recordings)
    embedding.set_params(cache=tmp_path / "two", input_rate=2000.0)
    changed = embedding.transform(sounds.recordings[:2])
    assert not (tmp_path / "one").exists()
    assert any((tmp_path / "two").iterdir())
    embedding.set_params(cache=None, input_rate=None)
    plain = embedding.transform(sounds.recordings[:2])
    assert np.abs(changed - plain).max() > 0.01
    # None is the rate of the model again, not that of fit.
    other = EmbeddingTransformer().fit_transform(sounds.recordings[:2])
    np.testing.assert_array_equal(plain, other)


def test_it_is_asked_before_it_is_fitted(sounds):
    with pytest.raises(NotFittedError):
        EmbeddingTransformer().transform(sounds.recordings[:1])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"model": "Murmur"}, OSError, "one of .'murmur', 'abnormal'. or the path"),
        ({"model": None}, TypeError, "or the path of a saved model, got NoneType"),
        ({"input_rate": 0}, ValueError, "input_rate"),
        ({"n_jobs": "two"}, TypeError, "n_jobs"),
    ],
)
def test_bad_settings_are_told_in_fit(sounds, settings, error, message):
    with pytest.raises(error, match=message):
        EmbeddingTransformer(**settings).fit(sounds.recordings[:1])


def test_a_model_of_images_is_refused(sounds, tmp_path):
    from sklearn.pipeline import Pipeline

    from heartbeat_clf import save

    model = load_pretrained()
    file = save(Pipeline(model.steps[-1:]), tmp_path / "m.hbc")
    with pytest.raises(TypeError, match="Expected a model that takes recordings"):
        EmbeddingTransformer(file).fit(sounds.recordings[:1])


def test_it_loads_no_tensorflow():
    code = (
        "import sys, numpy as np\n"
        "from heartbeat_clf.embedding import EmbeddingTransformer\n"
        "X = [np.random.default_rng(0).normal(size=4000)]\n"
        "EmbeddingTransformer().fit_transform(X)\n"
        "sys.exit(' '.join({'tensorflow', 'keras', 'onnx'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
