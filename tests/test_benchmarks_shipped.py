"""The figures of the models in the box, from saved scores to the pages with them."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from heartbeat_clf import load
from heartbeat_clf.pretrained import find_model
from heartbeat_clf.scores import murmur_weighted_accuracy

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks"


@pytest.fixture
def table(monkeypatch):
    """Return the module that makes figures of saved scores."""
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("pretrained_table")
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(FOLDER)):
            del sys.modules[name]


def persons(**columns):
    """Return ten recordings of ten persons in each of five folds."""
    truth = np.tile(["Present"] * 3 + ["Absent"] * 4 + ["Unknown"] * 3, 5)
    rows = pd.DataFrame(
        {
            "fold": np.repeat(np.arange(5), 10),
            "subject": [f"s{row}" for row in range(50)],
            "murmur_of_person": truth,
            "murmur": np.where(truth == "Present", 5.0, -5.0),
            "unknown": 0.0,
            "loud": 0.0,
            "seconds": 20.0,
        }
    )
    return rows.assign(**columns)


ALL_TOLD = f"1.000 (1.000 to 1.000); folds {', '.join(['1.000'] * 5)}"


def test_persons_that_differ_are_all_told(table):
    rows = persons()
    rows["unknown"] = np.where(rows["murmur_of_person"] == "Unknown", 5.0, -5.0)
    assert table.three_classes(rows) == ALL_TOLD


def test_answers_are_weighed_as_in_the_challenge(table):
    rng = np.random.default_rng(0)
    names = ["Present", "Unknown", "Absent"]
    answered = persons().rename(columns={"murmur_of_person": "truth"})
    answered["answer"] = rng.choice(names, len(answered))
    found, mean = table.weighted_accuracy(answered)
    assert found == pytest.approx(
        [
            murmur_weighted_accuracy(fold["truth"].to_numpy(), fold["answer"])
            for _, fold in answered.groupby("fold")
        ]
    )
    assert mean.value == pytest.approx(np.mean(found))
    assert mean.low < mean.value < mean.high


def test_how_long_was_listened_to_tells_the_unknown(table):
    rows = persons()
    assert float(table.three_classes(rows)[:5]) < 1
    unknown = rows["murmur_of_person"] == "Unknown"
    rows["seconds"] = np.where(unknown, 5.0, 80.0)
    assert table.three_classes(rows).startswith("1.000")


def test_a_person_of_several_visits_is_what_is_known_of_one(table):
    rows = persons()
    rows["unknown"] = np.where(rows["murmur_of_person"] == "Unknown", 5.0, -5.0)
    # Second visits, after which it is known: all answers stay right.
    again = rows[rows["murmur_of_person"] == "Present"].assign(
        murmur_of_person="Unknown"
    )
    both = pd.concat([again, rows], ignore_index=True)
    assert table.three_classes(both) == ALL_TOLD
    healed = again.assign(murmur_of_person="Absent")
    strata = {"Present": "murmur", "Absent": "normal", "Unknown": "unknown"}
    for order in ([rows, healed], [healed, rows]):
        visits = pd.concat(order, ignore_index=True).assign(data="circor")
        visits["stratum"] = visits["murmur_of_person"].map(strata)
        assert table.persons(visits)[0][2].startswith("1.000")


def test_error_of_calibration_is_known(table):
    truth = np.tile([True] * 3 + [False] * 7, 10)
    assert table.ece(truth, np.full(100, 0.3)) == pytest.approx(0.0, abs=1e-12)
    assert table.ece(truth, np.full(100, 0.5)) == pytest.approx(0.2)


def test_databases_count_alike_in_a_mean(table):
    rows = pd.DataFrame(
        {
            "database": ["a"] * 4 + ["b"] * 8,
            "fold": 0,
            "recording": [f"r{row}" for row in range(12)],
            "positive": [True, True, False, False] * 3,
            "tuned": [4, 3, 2, 1] + [4, 1, 3, 2] * 2,
            "scratch": 0.0,
            "linear": 0.0,
            "embedding": [4, 3, 2, 1] * 3,
            "summary": [1, 2, 3, 4] * 3,
        }
    )
    found = {key: value for key, _, value in table.device(rows)}
    assert found["tuned a"].startswith("1.000")
    assert found["tuned b"].startswith("0.500")
    assert (found["tuned"], found["scratch"]) == ("0.750", "0.500")
    assert found["summary"] == "0.000"
    fewer = table.device(rows.drop(columns="summary"))
    assert "summary" not in {key for key, _, _ in fewer}


def test_changes_are_what_they_are_called(table):
    from pretrained_changed import CHANGES

    rate = 2000
    time = np.arange(6 * rate) / rate
    tones = {hertz: np.sin(2 * np.pi * hertz * time) for hertz in (40, 150, 400)}

    def left(name, hertz):
        change = CHANGES[name][1]
        return change(tones[hertz], rate)[rate:-rate].std() / tones[hertz].std()

    assert left("plain", 400) == pytest.approx(1, abs=0.01)
    assert left("low", 40) == pytest.approx(1, abs=0.01)
    assert left("low", 400) < 0.01
    assert left("high", 400) == pytest.approx(1, abs=0.01)
    assert left("high", 40) < 0.03
    short = CHANGES["short"][1](time, rate)
    assert (short[0], len(short)) == (2.0, 2 * rate)
    assert len(CHANGES["short"][1](time[:100], rate)) == 100
    noise = CHANGES["noisy"][1](tones[150], rate) - tones[150]
    assert 20 * np.log10(noise.std() / tones[150].std()) == pytest.approx(-25, abs=0.2)
    assert len(CHANGES["all"][1](tones[150], rate)) == 2 * rate


def beats_of(lengths, n_beats):
    """Return segments of S1, systole, S2 and diastole of these lengths, in turn."""
    ends = np.cumsum(np.tile(lengths, n_beats))
    starts = np.concatenate([[0.0], ends[:-1]])
    return np.column_stack([starts, ends, np.tile([1, 2, 3, 4], n_beats)])


def test_murmurs_move_into_the_diastole(table):
    from moved_murmurs import move_murmurs

    rate, segments = 2000, beats_of([0.1, 0.2, 0.1, 0.4], 5)
    time = np.arange(4 * rate) / rate
    phase = time % 0.8
    murmur = np.where((phase >= 0.1) & (phase < 0.3), np.sin(600 * np.pi * time), 0.0)
    loud = (phase < 0.05) | ((phase >= 0.3) & (phase < 0.35))
    sounds = np.where(loud, np.sin(100 * np.pi * time), 0.0)
    hiss = 0.01 * np.random.default_rng(0).normal(size=len(time))
    moved = move_murmurs(murmur + sounds + hiss, rate, segments)
    assert (moved.dtype, len(moved)) == (np.float32, len(time))

    def level(low, high):
        return np.sqrt(np.mean(moved[(phase >= low) & (phase < high)] ** 2))

    # Hiss in the systole, murmur in the diastole and hiss after it, sounds as before.
    assert level(0.1, 0.29) == pytest.approx(0.01, rel=0.2)
    assert level(0.45, 0.62) == pytest.approx(0.5**0.5, rel=0.05)
    assert level(0.7, 0.79) == pytest.approx(0.01, rel=0.2)
    for low, high in ((0.0, 0.05), (0.31, 0.39)):
        there = (phase >= low) & (phase < high)
        assert np.array_equal(
            moved[there], (murmur + sounds + hiss)[there].astype(np.float32)
        )


def test_murmurs_that_would_stay_are_not_half_moved(table):
    from moved_murmurs import move_murmurs

    rate = 2000
    noise = np.random.default_rng(0).normal(size=4 * rate)
    whole = beats_of([0.1, 0.2, 0.1, 0.4], 5)
    assert move_murmurs(noise, rate, whole[:-1]) is not None
    short = beats_of([0.1, 0.2, 0.1, 0.06], 5)
    nowhere = np.array([[0.0, 4.0, 0.0]])
    for segments in (short, whole[:3], nowhere):
        assert move_murmurs(noise, rate, segments) is None


def test_made_murmurs_are_where_and_as_loud_as_they_should_be(table):
    from murmur_kinds import KINDS

    from heartbeat_clf.made_murmurs import add_murmur

    rate, segments = 2000, beats_of([0.1, 0.3, 0.1, 0.5], 40)
    phase = np.arange(40 * rate) / rate % 1
    sound = 0.1 * np.random.default_rng(1).normal(size=len(phase))

    def added(name, low, high, level_db=20.0):
        changed = add_murmur(sound, rate, segments, kind=KINDS[name], level_db=level_db)
        assert (changed.dtype, changed.shape) == (np.float32, sound.shape)
        part = (changed - sound)[(phase >= low) & (phase < high)]
        return np.sqrt(np.mean(part**2))

    # White noise of 0.1 has 0.1 * sqrt(300 / 1000) between 100 and 400 Hz.
    there = 0.1 * np.sqrt(0.3)
    assert added("pansystolic", 0.1, 0.4) == pytest.approx(10 * there, rel=0.1)
    assert added("pansystolic", 0.1, 0.4, 0.0) == pytest.approx(there, rel=0.1)
    # Three fifths into the S1 it begins; in the diastole there is none.
    assert added("pansystolic", 0.06, 0.1) == pytest.approx(10 * there, rel=0.2)
    assert added("pansystolic", 0.0, 0.059) < 1e-6
    assert added("pansystolic", 0.401, 1.0) < 1e-6
    assert added("late systolic", 0.0, 0.22) < 1e-6
    assert added("late systolic", 0.39, 0.4) > 8 * there
    assert added("early diastolic", 0.5, 0.55) > added("early diastolic", 0.7, 0.75)
    assert added("early diastolic", 0.1, 0.4) < 1e-6
    assert added("rumble", 0.5, 0.57) < 1e-6 < added("rumble", 0.65, 0.7)
    assert min(added("continuous", 0.1, 0.4), added("continuous", 0.5, 0.6)) > there
    ejection = [added("ejection", at, at + 0.02) for at in (0.06, 0.22, 0.38)]
    assert ejection[1] > 3 * max(ejection[0], ejection[2])


def test_made_murmurs_have_their_pitch_and_their_seed(table):
    from murmur_kinds import KINDS

    from heartbeat_clf.made_murmurs import add_murmur

    rate, segments = 2000, beats_of([0.1, 0.3, 0.1, 0.5], 40)
    sound = np.random.default_rng(1).normal(size=40 * rate)

    def added(name, seed=0):
        return (
            add_murmur(sound, rate, segments, kind=KINDS[name], level_db=10, seed=seed)
            - sound
        )

    hertz = np.fft.rfftfreq(len(sound), 1 / rate)
    for name in ("rumble", "early diastolic"):
        low, high = KINDS[name].band
        power = np.abs(np.fft.rfft(added(name))) ** 2
        within = (hertz >= low / 1.2) & (hertz <= high * 1.2)
        assert power[within].sum() > 0.9 * power.sum()
    assert np.array_equal(added("rumble"), added("rumble"))
    assert not np.allclose(added("rumble"), added("rumble", seed=1))


def test_no_murmur_is_made_where_there_is_nothing_to_add_to(table):
    from murmur_kinds import KINDS

    from heartbeat_clf.made_murmurs import add_murmur

    rate, segments = 2000, beats_of([0.1, 0.3, 0.1, 0.5], 4)
    sound = np.random.default_rng(1).normal(size=4 * rate)
    kind = {"kind": KINDS["rumble"], "level_db": 10}
    assert add_murmur(sound, rate, segments, **kind) is not None
    # Annotated beyond the end of the recording.
    assert add_murmur(sound[:-rate], rate, segments, **kind) is not None
    assert add_murmur(0 * sound, rate, segments, **kind) is None
    systoles = segments[segments[:, 2] == 2]
    assert add_murmur(sound, rate, systoles, **kind) is None
    # A systole without its S1 begins where it is annotated, also long after another.
    kind["kind"] = KINDS["pansystolic"]
    far = segments[[0, 1, 2, 3, 13]]
    for apart in (far, segments[[0, 13]]):
        changed = add_murmur(sound, rate, apart, **kind) - sound
        assert np.abs(changed[round(0.4 * rate) : round(3.1 * rate) - 1]).max() < 1e-6
    changed = add_murmur(sound, rate, systoles, **kind) - sound
    assert np.abs(changed[: rate // 10 - 1]).max() < 1e-6
    assert np.abs(changed[rate // 10 : rate // 5]).max() > 0.1


@pytest.mark.parametrize(
    "segments",
    [
        [[0.1, 0.2]],
        [[0, 0.1, np.nan]],
        [[-0.1, 0.1, 1]],
        [[0.2, 0.1, 1]],
        [[3, 4, 1], [1, 2, 2]],
    ],
)
def test_tables_of_heart_states_are_checked(table, segments):
    from moved_murmurs import move_murmurs
    from murmur_kinds import KINDS

    from heartbeat_clf.made_murmurs import add_murmur

    message = r"Expected segments of shape \(n_segments, 3\)"
    with pytest.raises(ValueError, match=message):
        move_murmurs(np.ones(4000), 2000, segments)
    with pytest.raises(ValueError, match=message):
        add_murmur(np.ones(4000), 2000, segments, kind=KINDS["rumble"], level_db=10)
    assert move_murmurs(np.ones(4000), 2000, []) is None


@pytest.mark.usefixtures("table")
def test_made_murmurs_have_a_line_a_kind():
    import pretrained_changes_table as table

    rows = persons(stratum="normal").assign(plain=0.0)
    for kind in table.KINDS:
        rows[f"{kind} 10"], rows[f"{kind} 20"] = -1.0, 1.0
    rows.loc[:9, "rumble 20"] = np.nan
    rows.loc[10:29, "rumble 20"] = -1.0
    found = {key: value for key, _, value in table.made(rows)}
    assert list(found) == [
        f"{what} {kind}" for kind in table.KINDS for what in ("made", "found")
    ]
    # None passes who does not pass with 10 dB, and all with 20.
    assert found["found ejection"] == "0 %, 100 %"
    assert found["found rumble"] == "0 %, 50 %"
    assert found["made ejection"] == ("0.000 (0.000 to 0.000), 1.000 (1.000 to 1.000)")
    # Those that could not be made do not count: of the 40 others half are above.
    assert 0.3 < float(found["made rumble"].split(", ")[1][:5]) < 0.7


@pytest.mark.usefixtures("table")
def test_who_is_missed_is_found_one_after_the_other():
    from pretrained_missed import costliest

    rows = pd.DataFrame(
        [
            ("a", "murmur", 0.0),
            ("a", "murmur", 0.5),
            ("b", "murmur", 2.5),
            ("c", "murmur", 9.0),
            ("d", "normal", 1.0),
            ("e", "normal", 2.0),
            ("f", "normal", 3.0),
        ],
        columns=["subject", "stratum", "murmur"],
    )
    found = costliest(rows, 2)
    # Of 12 pairs a loses 6 and f 3; without a, 1 of 6 is left, which b and f share.
    assert [(subject, len(part)) for subject, part, _ in found] == [("a", 2), ("b", 1)]
    assert [value for *_, value in found] == pytest.approx([5 / 6, 1.0])


@pytest.mark.usefixtures("table")
def test_what_could_be_reached_keeps_the_missed_as_they_are():
    from pretrained_missed import attainable

    rows = pd.DataFrame(
        [
            ("a", True, 1.0),
            ("b", True, 0.0),
            ("c", False, 1.0),
            ("d", False, 2.0),
            ("e", False, 0.5),
        ],
        columns=["subject", "murmur", "score"],
    )
    assert attainable(rows, []) == 1.0
    # Of its 3 pairs a wins one and half of another; those of b count as right.
    assert attainable(rows, ["a"]) == pytest.approx(4.5 / 6)
    # A normal one keeps its pairs too: one in two with a, none with b.
    assert attainable(rows, ["c"]) == pytest.approx(4.5 / 6)
    assert attainable(rows, ["a", "b", "c"]) == pytest.approx(1.5 / 6)


@pytest.mark.usefixtures("table")
def test_changed_recordings_have_a_line_each():
    import pretrained_changes_table as table

    rows = persons(stratum=np.tile(["murmur", "normal"], 25))
    good = np.where(rows["stratum"] == "murmur", 1.0, 0.0)
    rows = rows.assign(plain=good, short=good, low=-good, high=good, noisy=0.0)
    rows = rows.assign(gaps=good, all=0.0)
    found = {key: value for key, _, value in table.changed(rows)}
    assert list(found) == [f"changed {name}" for name in table.CHANGES][1:]
    assert found["changed short"].startswith("1.000")
    assert found["changed low"].startswith("0.000")
    assert found["changed noisy"].startswith("0.500")
    # What could not be moved does not count.
    half = np.where(np.arange(50) < 20, np.nan, good)
    found = {key: value for key, _, value in table.changed(rows.assign(moved=half))}
    assert list(found)[-1] == "changed moved"
    assert found["changed moved"].startswith("1.000")


@pytest.mark.usefixtures("table")
def test_recordings_with_other_sounds_have_a_line_each():
    from pretrained_changes_table import mixed
    from pretrained_mixed import SOUNDS

    rows = persons(stratum=np.tile(["murmur", "normal"], 25))
    murmur = rows["stratum"] == "murmur"
    # Each fold has a level of its own.
    rows["plain"] = np.where(murmur, 1.0, 0.0) + 10 * rows["fold"]
    for kind, (_, (soft, loud)) in SOUNDS.items():
        rows[f"{kind} {soft}"] = rows["plain"]
        rows[f"{kind} {loud}"] = 10.0 * rows["fold"]
    # Two of five normal recordings of a fold pass for murmurs, and half of the murmurs.
    rows.loc[murmur & (rows.index % 4 == 0), "hum 5"] += 2.0
    rows.loc[~murmur & (rows.index % 10 < 4), "hum 5"] += 2.0
    names = {key: name for key, name, _ in mixed(rows)}
    assert "rumble of 5 to 15 Hz, 0 and -10 dB" in names["mixed rumble"]
    found = {key: value for key, _, value in mixed(rows)}
    assert list(found)[:2] == ["mixed plain", "mixed passing plain"]
    assert len(found) == 2 * (1 + len(SOUNDS))
    assert found["mixed plain"].startswith("1.000")
    assert found["mixed passing plain"] == "100 and 0.0 %"
    first, second = found["mixed speech"].split(", ")
    assert (first[:5], second[:5]) == ("1.000", "0.500")
    assert found["mixed passing speech"] == "100 and 0.0 %, 0 and 0.0 %"
    assert found["mixed passing hum"].endswith("%, 52 and 40.0 %")


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("kind", ["noise", "speech", "hum", "rumble"])
@pytest.mark.parametrize("seconds", [0.3, 4])
def test_other_sounds_are_mixed_in_by_the_ratio_of_powers(kind, seconds):
    from pretrained_mixed import mix

    rate = 4000
    sound = np.sin(2 * np.pi * 70 * np.arange(int(seconds * rate)) / rate)
    mixed = mix(sound, rate, kind=kind, ratio_db=10, seed=1)
    assert len(mixed) == len(sound)
    other = mixed - sound
    assert 20 * np.log10(sound.std() / other.std()) == pytest.approx(10, abs=1e-6)
    np.testing.assert_array_equal(
        mixed, mix(sound, rate, kind=kind, ratio_db=10, seed=1)
    )
    another = mix(sound, rate, kind=kind, ratio_db=10, seed=2)
    assert np.array_equal(mixed, another) == (kind == "hum")
    if kind == "hum" and seconds == 4:
        power = np.abs(np.fft.rfft(other)) ** 2
        assert np.flatnonzero(power > power.max() / 20).tolist() == [200, 400, 600]
        np.testing.assert_allclose(power[[400, 600]] / power[200], [1 / 4, 1 / 9])
    if kind == "rumble" and seconds == 4:
        power = np.abs(np.fft.rfft(other)) ** 2
        # Between 5 and 15 Hz, by quarters of a Hz.
        assert power[20:61].sum() > 0.9 * power.sum()


def test_each_view_has_a_line_of_its_own(table):
    rows = persons(stratum=np.tile(["murmur", "normal"], 25))
    good = np.where(rows["stratum"] == "murmur", 1.0, 0.0)
    rows["murmur_of_person"] = np.where(good == 1, "Present", "Absent")
    rows = rows.assign(
        data="circor", murmur=good, murmur_windows=-good, murmur_beat=np.nan
    )
    found = {key: value for key, _, value in table.alone(rows)}
    assert found["recordings windows"].startswith("0.000")
    # There is no beat anywhere.
    assert found["recordings beat"].startswith("1.000")
    assert set(found) == {
        f"{unit} {view}"
        for unit in ("recordings", "persons")
        for view in ("windows", "beat")
    }
    assert table.alone(rows[["fold", "subject", "murmur"]]) == []


def test_scores_of_another_recipe_are_no_longer_those_of_the_model(table, tmp_path):
    from pretrained_runs import start_results

    recipe, kept = tmp_path / "recipe.toml", tmp_path / "results"
    made = tmp_path / "work" / "fold_0" / "scores.csv"
    made.parent.mkdir(parents=True)
    made.write_text("scores")
    recipe.write_text("seed = 0")
    start_results(kept, tmp_path / "work", recipe)
    for name in ("fold_0", "without_b", "changed", "made", "device", "pascal_b"):
        (kept / f"{name}.csv").write_text("scores")
    start_results(kept, tmp_path / "work", recipe)
    assert (kept / "fold_0.csv").exists()
    made.write_text("scores")
    recipe.write_text("seed = 1")
    start_results(kept, tmp_path / "work", recipe)
    assert [path.name for path in kept.glob("*.csv")] == ["pascal_b.csv"]
    assert not made.exists()


def test_the_page_shows_the_saved_figures():
    def rows_of(path):
        lines = path.read_text(encoding="utf-8").splitlines()
        return [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in lines
            if line.startswith("|") and not line.startswith("|-")
        ]

    shown = rows_of(ROOT / "docs" / "pretrained.md")
    card = rows_of(ROOT / "heartbeat_clf" / "models" / "model_card.md")
    for row in rows_of(FOLDER / "results" / "pretrained" / "table.md"):
        assert row in card
    for saved in ("shipped.md", "pretrained/table.md"):
        for row in rows_of(FOLDER / "results" / saved):
            assert row in shown


def test_the_box_follows_from_the_saved_scores(table, tmp_path, monkeypatch):
    import pretrained_box

    box = find_model("murmur").parent
    for name in ("murmur.hbc", "abnormal.hbc", "training.json"):
        shutil.copyfile(box / name, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["pretrained_box.py", "--models", str(tmp_path)])
    pretrained_box.main()
    for name in ("murmur", "abnormal"):
        made, shipped = (load(place / f"{name}.hbc")[-1] for place in (tmp_path, box))
        assert made.predictor_.beats == shipped.predictor_.beats
        assert made.predictor_.network == shipped.predictor_.network
        one, other = made.operating_points_, shipped.operating_points_
        assert (one.combine, one.unit, one.source) == (
            other.combine,
            other.unit,
            other.source,
        )
        # They are rounded to four digits in the file.
        assert one.scores == pytest.approx(other.scores, abs=1e-3)
        for first, second in (
            (one, other),
            (made.predictor_.calibration, shipped.predictor_.calibration),
        ):
            assert first.slope == pytest.approx(second.slope, abs=1e-3)
            assert first.intercept == pytest.approx(second.intercept, abs=1e-3)
    told, noted = (
        json.loads((place / "training.json").read_text("utf-8"))
        for place in (tmp_path, box)
    )
    assert told["recipe"] == noted["recipe"]
    assert (
        told["answers"]["murmur"]["recordings"]
        == (noted["answers"]["murmur"]["recordings"])
    )


def test_judges_are_not_fitted_without_recordings(table, monkeypatch, capsys):
    import pretrained_box

    monkeypatch.setattr(sys, "argv", ["pretrained_box.py", "--judges", "made"])
    with pytest.raises(SystemExit):
        pretrained_box.main()
    assert "--judges needs the folder of the recordings" in capsys.readouterr().err
