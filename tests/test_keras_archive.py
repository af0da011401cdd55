"""Networks in files that older versions of Keras read as well."""

from __future__ import annotations

import io
import json
import zipfile

import keras
import numpy as np
import pytest

from heartbeat_clf.keras_archive import portable_archive
from heartbeat_clf.model_archive import read_model
from heartbeat_clf.pretrained import TARGETS, find_model
from heartbeat_clf.training import load_archive, network_archive


def archive_of(config, **entries):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        for name, value in entries.items():
            archive.writestr(name, value)
    return content.getvalue()


def read(archive, name):
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        return source.read(name)


def test_settings_of_later_versions_are_left_out_where_they_are_not_set():
    kept = {"seed": 3, "input_axes": [0], "renorm": True, "renorm_momentum": 0.9}
    config = {
        "layers": [
            {"config": {"seed": None, "input_axes": None, "output_axes": None}},
            {"config": kept},
            {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99},
        ]
    }
    found = portable_archive(archive_of(config, weights=b"\x00\x01"))
    plain = {"layers": [{"config": {"seed": None}}, {"config": kept}, {}]}
    assert json.loads(read(found, "config.json")) == plain
    assert read(found, "weights") == b"\x00\x01"


def test_what_has_none_of_them_is_left_alone():
    archive = archive_of({"seed": None, "input_axes": [0], "renorm": True})
    assert portable_archive(archive) is archive


def test_the_network_is_the_same():
    network = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
    again = load_archive(portable_archive(network_archive(network)))
    for one, other in zip(network.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("target", TARGETS)
def test_the_models_in_the_box_can_be_trained_on_with_older_versions(target):
    _, entries = read_model(find_model(target))
    config = read(entries["network.keras"], "config.json").decode()
    assert "GlorotUniform" in config
    assert '_axes": null' not in config
    assert "BatchNormalization" in config
    assert "renorm" not in config
    assert "Dense" in config
    assert "quantization_config" not in config
