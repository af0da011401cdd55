from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from heartbeat_clf.extra_sounds import extra_sound
from heartbeat_clf.rhythm_features import SOUND_FEATURES

EVEN = [0.5, -15, 0.1, 0.05, 0.5, -15, 0.1, 0.05]


def changed(**values):
    row = dict(zip(SOUND_FEATURES, EVEN, strict=True)) | values
    return [row[name] for name in SOUND_FEATURES]


def test_what_stands_out_of_the_diastoles_counts_for_a_sound_too_many():
    even = extra_sound(EVEN)
    assert even < 0
    odd = extra_sound(changed(diastole_outlier=12.0, diastole_stray=0.9))
    assert odd > even + 0.5


def test_the_answer_does_not_depend_on_the_kind_of_sequence():
    first = extra_sound(EVEN)
    assert isinstance(first, float)
    assert extra_sound(np.array(EVEN)) == extra_sound(tuple(EVEN)) == first


@pytest.mark.parametrize(
    "sounds", [EVEN[:7], [EVEN], [], changed(systole_level=np.nan), [np.inf] * 8]
)
def test_other_than_eight_finite_numbers_are_refused(sounds):
    with pytest.raises(ValueError, match="Expected 8 finite numbers of sounds"):
        extra_sound(sounds)


def test_the_answer_is_that_of_the_trees_in_the_file():
    import onnx
    from onnx import numpy_helper

    file = resources.files("heartbeat_clf") / "models" / "beats" / "extra_sound.onnx"
    graph = onnx.load_from_string(file.read_bytes()).graph
    trees = next(node for node in graph.node if node.op_type.startswith("TreeEnsemble"))
    of = {a.name: list(a.ints) or list(a.floats) for a in trees.attribute}
    keys = list(zip(of["nodes_treeids"], of["nodes_nodeids"], strict=True))
    place = {key: row for row, key in enumerate(keys)}
    leaves = zip(of["target_treeids"], of["target_nodeids"], strict=True)
    answers = dict(zip(leaves, of["target_weights"], strict=True))
    row = np.array(changed(diastole_outlier=4.0), dtype=np.float32)
    (intercept,) = (numpy_helper.to_array(part) for part in graph.initializer)
    total = float(intercept.ravel()[0])
    for tree in set(of["nodes_treeids"]):
        node = 0
        while (tree, node) not in answers:
            at = place[tree, node]
            low = row[of["nodes_featureids"][at]] <= np.float32(of["nodes_values"][at])
            node = of["nodes_truenodeids" if low else "nodes_falsenodeids"][at]
        total += answers[tree, node]
    assert extra_sound(row) == pytest.approx(total, abs=1e-5)
