from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf.results import Evaluation


def saved(**columns):
    """Return two folds of two subjects each, with what is asked for besides."""
    table = {
        "recording": range(8),
        "repeat": [0] * 8,
        "fold": [0] * 4 + [1] * 4,
        "subject": [1, 1, 2, 2, 3, 3, 4, 4],
        "y": ["murmur", "murmur", "normal", "normal"] * 2,
        "score": [5.0, 1.0, 2.0, 0.0, -1.0, -2.0, -3.0, -4.0],
        "decision": ["murmur", "normal", "normal", "murmur"] + ["normal"] * 4,
        "subject_threshold": [2.0] * 4 + [-9.0] * 4,
    }
    return pd.DataFrame({**table, **columns})


def test_measures_by_hand():
    found = Evaluation.from_predictions(saved(), n_bootstrap=0).summary
    # Fold 0 ranks three of four pairs, fold 1 all; by subject both rank right.
    assert found["auroc_recording"].value == pytest.approx((0.75 + 1) / 2)
    assert found["auroc_subject"].value == 1
    assert found["sensitivity"].value == pytest.approx((0.5 + 0) / 2)
    assert found["specificity"].value == pytest.approx((0.5 + 1) / 2)
    assert found["accuracy"].value == pytest.approx(0.5)
    assert found["majority"].value == 0.5
    assert found["sensitivity_subject"].value == 1
    assert found["specificity_subject"].value == pytest.approx((1 + 0) / 2)


def test_counts_are_of_subjects_and_of_units():
    y = ["murmur", "normal", "normal", "murmur"] * 2
    counts = Evaluation.from_predictions(saved(y=y), n_bootstrap=0).counts
    assert (counts["recordings"], counts["subjects"], counts["units"]) == (8, 4, 8)
    assert counts["labels"] == {"murmur": 4, "normal": 4}


def test_target_any_counts_a_subject_once():
    y = ["murmur", "normal", "normal", "normal"] * 2
    result = Evaluation.from_predictions(saved(y=y), subject_target="any")
    assert result.summary["auroc_subject"].value == 1
    assert "a subject" in str(result)


def test_table_can_be_read_back_from_csv_to_the_bit():
    result = Evaluation.from_predictions(saved(), scores=["cinc2016"])
    text = result.to_frame().to_csv(index=False)
    again = Evaluation.from_predictions(
        pd.read_csv(io.StringIO(text)), scores="cinc2016"
    )
    assert again.summary == result.summary
    assert str(again) == str(result)


def test_shift_of_one_fold_changes_no_auroc():
    shifted = saved()
    shifted.loc[shifted["fold"] == 1, "score"] += 1000
    one, other = map(Evaluation.from_predictions, (saved(), shifted))
    assert one.summary["auroc_recording"] == other.summary["auroc_recording"]


def test_order_of_rows_changes_nothing():
    shuffled = saved().sample(frac=1, random_state=0)
    one, other = map(Evaluation.from_predictions, (saved(), shuffled))
    assert one.summary["auroc_recording"] == other.summary["auroc_recording"]


def test_table_says_that_subjects_are_known():
    text = str(Evaluation.from_predictions(saved()))
    assert (
        "8 recordings (4 'murmur', 4 'normal'), 4 subjects, 4 (subject, label)" in text
    )
    assert "Subjects are known: none is in both" in text
    assert "| accuracy of always answering 'murmur'" in text


@pytest.mark.parametrize("subject", [None, np.nan])
def test_table_says_that_subjects_are_unknown(subject):
    result = Evaluation.from_predictions(saved(subject=subject))
    assert not result.subjects_known
    assert result.counts["subjects"] == 8
    assert "Subjects are NOT known" in str(result)


def test_table_says_that_folds_share_subjects():
    text = str(Evaluation.from_predictions(saved(subject=[1, 2, 3, 4] * 2)))
    assert "4 of them stand in several folds: the scores leak" in text


def test_scores_alone_are_enough():
    table = {"y": [0, 1, 1], "score": [0.0, 1.0, -1.0]}
    result = Evaluation.from_predictions(table)
    assert result.summary["auroc_recording"].value == 0.5
    assert "sensitivity" not in result.summary


def test_positive_class_can_be_given():
    result = Evaluation.from_predictions(
        saved(), pos_label="normal", scores="sensitivity", n_bootstrap=0
    )
    assert result.summary["auroc_recording"].value == pytest.approx(0.125)
    assert result.folds[0]["sensitivity"] == 0.5


def test_own_score_of_decisions_is_averaged():
    result = Evaluation.from_predictions(
        saved(), scores={"answers": lambda y_true, y_pred: len(y_pred)}
    )
    assert result.summary["answers"].value == 4


def test_dict_is_json_and_has_no_nan():
    result = Evaluation.from_predictions(saved(), n_bootstrap=0, combine=np.mean)
    record = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert record["summary"]["accuracy"] == {"value": 0.5, "low": None, "high": None}
    assert record["counts"]["labels"]["murmur"] == 4


def test_three_classes_are_taken_against_the_rest():
    y = ["a", "b", "c", "a", "b", "c"]
    scores = np.eye(3)[[0, 1, 2, 0, 1, 0]]
    table = {"y": y, "decision": ["a", "b", "c", "a", "b", "a"]}
    table |= {f"score_{c}": scores[:, k] for k, c in enumerate("abc")}
    result = Evaluation.from_predictions(table, n_bootstrap=20)
    found = {name: interval.value for name, interval in result.summary.items()}
    assert found["auroc_recording[a]"] == pytest.approx((2 * 3 + 2 * 0.5) / 8)
    assert found["auroc_recording[b]"] == 1
    assert found["auroc_recording[c]"] == pytest.approx(0.75)
    assert found["auroc_recording"] == pytest.approx((0.875 + 1 + 0.75) / 3)
    assert found["accuracy"] == pytest.approx(5 / 6)
    assert "sensitivity and specificity need two classes" in str(result)
    assert "AUROC, a recording: 'b' against the rest" in str(result)


def test_random_split_stands_beside():
    both = pd.concat([saved(split="grouped"), saved(split="random", score=range(8))])
    result = Evaluation.from_predictions(both)
    assert result.random_split is not None
    assert "random split (leaks)" in str(result)
    assert "a warning, not a result" in str(result)
    assert result.to_frame()["split"].value_counts().to_dict() == {
        "grouped": 8,
        "random": 8,
    }
    assert result.to_dict()["random_split"]["counts"]["recordings"] == 8


def test_bad_tables_are_named():
    with pytest.raises(ValueError, match='column "y"'):
        Evaluation.from_predictions({"score": [1.0]})
    with pytest.raises(ValueError, match=r"\['score'\] are not among"):
        Evaluation.from_predictions({"y": [0, 1]})
    with pytest.raises(ValueError, match="score"):
        Evaluation.from_predictions({"y": [0, 1], "score": [1.0]})
    with pytest.raises(ValueError, match="two classes or more"):
        Evaluation.from_predictions({"y": [1, 1], "score": [1.0, 2.0]})
    with pytest.raises(ValueError, match="pos_label to be one of"):
        Evaluation.from_predictions(saved(), pos_label="artifact")
    with pytest.raises(ValueError, match="subject_target must be"):
        Evaluation.from_predictions(saved(), subject_target="all")
    with pytest.raises(ValueError, match="needs two classes"):
        Evaluation.from_predictions({"y": list("abc")}, subject_target="any")
    with pytest.raises(ValueError, match="Expected scores among"):
        Evaluation.from_predictions(saved(), scores=["roc_auc"])
    with pytest.raises(ValueError, match="grouped"):
        Evaluation.from_predictions(saved(split="other"))


def test_some_subjects_without_a_name_are_told():
    for blank in (None, " "):
        names = saved()["subject"].tolist()
        names[1] = blank
        with pytest.raises(ValueError, match="every row or in none, got none in row 1"):
            Evaluation.from_predictions(saved(subject=names))
