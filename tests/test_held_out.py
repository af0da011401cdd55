"""A trained model is scored on labelled recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import Bunch

from heartbeat_clf.held_out import score_model


class NameModel:
    """Scores are written in the names of the files."""

    def __init__(self, *classes):
        self.classes_ = np.array(classes)

    def decision_function(self, paths):
        found = [[float(part) for part in path.name.split("_")] for path in paths]
        scores = np.array(found)
        return scores[:, 0] if scores.shape[1] == 1 else scores


def bunch_of(names, target, subjects=None):
    recordings = np.array([Path(name) for name in names], dtype=object)
    return Bunch(
        recordings=recordings,
        target=np.array(target),
        subjects=np.array(subjects or names),
        subjects_known=subjects is not None,
    )


def test_positive_class_may_be_the_first():
    bunch = bunch_of(
        ["-2", "-1", "1", "2"], ["murmur", "normal", "normal", "normal"], list("abcd")
    )
    result, failures = score_model(NameModel("murmur", "normal"), bunch)
    assert failures == []
    assert result.summary["auroc_recording"].value == 1.0
    assert result.summary["sensitivity"].value == 1.0
    assert result.summary["specificity"].value == pytest.approx(2 / 3)
    assert result.summary["majority"].value == 0.75
    assert result.settings["pos_label"] == "murmur"


def test_positive_class_may_be_the_second():
    bunch = bunch_of(["-1", "2", "1"], [0, 1, 1])
    result, _ = score_model(NameModel(0, 1), bunch)
    assert result.summary["auroc_recording"].value == 1.0
    assert result.summary["accuracy"].value == 1.0
    assert not result.subjects_known


def test_three_classes():
    bunch = bunch_of(["2_0_0", "0_2_0", "0_0_2", "2_0_1"], ["a", "b", "c", "c"])
    result, _ = score_model(NameModel("a", "b", "c"), bunch)
    assert result.summary["accuracy"].value == 0.75


def test_bad_files_are_left_out_and_named():
    bunch = bunch_of(["-1", "junk", "2", "1"], [0, 1, 1, 1])
    result, failures = score_model(NameModel(0, 1), bunch)
    assert [failure.path for failure in failures] == ["junk"]
    assert result.counts["recordings"] == 3
    assert result.predictions["recording"].tolist() == [0, 2, 3]


def test_labels_have_to_be_those_of_the_model():
    bunch = bunch_of(["1", "2"], ["abnormal", "normal"])
    with pytest.raises(ValueError, match=r"model's classes .* got labels"):
        score_model(NameModel("murmur", "normal"), bunch)


def test_nothing_readable():
    with pytest.raises(ValueError, match="got none of 2 readable"):
        score_model(NameModel(0, 1), bunch_of(["x", "y"], [0, 1]))
