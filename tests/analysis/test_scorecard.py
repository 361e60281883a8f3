from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

import planted
from sheets_of import rows_of
from stagegap import charts, report
from stagegap.analysis.failures import group_rows
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import Scorecard, from_json, gap_sheet, to_json
from stagegap.model.answer import Answer, Fact, Label, Status
from stagegap.model.cascade import Kind, Outcome, OutputType
from stagegap.model.wording import counted
from stagegap.tables.table import COLUMNS, Rests

CHAIN = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9}, recovery={"B": 0.1})


def made(cascade: planted.Planted = CHAIN, *, n: int = 300, both: int = 0, seed: int = 3) -> Scorecard:
    rows = planted.records(n)
    ids = [row.id for row in rows]
    luck = cascade.luck(n, np.random.default_rng(seed))
    labels = planted.labels(ids, cascade.names) + planted.labels(ids[:both], cascade.names, annotator="bob")
    return scorecard(cascade.cascade(), planted.run(), rows, cascade.outputs(luck, ids), labels, seed=1, resamples=500)


def test_the_steps_add_up_to_the_headroom():
    view = made()
    assert view.system.value + sum(row.gain.value for row in view.stages) == pytest.approx(view.ceiling.value)


def test_the_weakest_stage_is_named_with_its_numbers():
    view = made()
    assert view.verdict.kind == "holds back"
    assert view.verdict.stage == "B"
    assert view.verdict.headline == "B holds this system back"


def test_a_view_survives_json_and_its_text_is_stable():
    text = to_json(made(both=50))
    assert to_json(from_json(Scorecard, text)) == text


def test_the_same_input_and_seed_give_the_same_view():
    assert to_json(made()) == to_json(made())


def test_only_records_of_the_evaluated_split_are_scored():
    cascade = replace(CHAIN.cascade(), evaluate="test")
    rows = planted.records(40, split="test") + tuple(
        replace(row, id=f"t{row.id}") for row in planted.records(50, split="train")
    )
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(90, np.random.default_rng(0)), ids)
    view = scorecard(cascade, planted.run(), rows, outputs, planted.labels(ids, CHAIN.names), seed=1, resamples=50)
    assert (view.n_records, view.n_scored, view.stages[0].calls) == (40, 40, 40)
    assert view.labels_seq == 270


def test_a_person_is_shown_only_where_two_people_labelled():
    view = made()
    assert not view.stages[0].person.is_measured
    assert view.stages[0].person.method == "not measured: no record has two labels at A"
    assert not view.stages[0].gap.is_measured
    measured = made(both=100)
    assert (measured.stages[1].person.value, measured.stages[1].person.n) == (1.0, 100)
    assert measured.stages[1].gap.value == pytest.approx(
        measured.stages[1].person.value - measured.stages[1].system.value
    )
    assert measured.person.value == 1.0


def test_a_stage_alone_is_better_than_in_place_when_its_inputs_are_bad():
    row = made(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.5, "B": 0.9})).stages[1]
    assert row.alone.value == pytest.approx(0.9, abs=0.05)
    assert row.in_place.value == pytest.approx(0.45, abs=0.08)


def test_infrastructure_is_in_no_rate_and_has_its_own_count():
    rows = planted.records(60)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(60, np.random.default_rng(0)), ids)
    broken = {
        record: replace(output, status=Status.INFRASTRUCTURE, value=None) if record < "r00010" else output
        for record, output in outputs["system", "A"].items()
    }
    blocked = {
        (cell, stage): {
            record: replace(output, status=Status.BLOCKED, because=Status.INFRASTRUCTURE, value=None)
            if cell == "system" and record < "r00010"
            else output
            for record, output in found.items()
        }
        for (cell, stage), found in outputs.items()
    }
    view = scorecard(
        CHAIN.cascade(),
        planted.run(),
        rows,
        blocked | {("system", "A"): broken},
        planted.labels(ids, CHAIN.names),
        seed=1,
        resamples=50,
    )
    assert (view.n_records, view.n_scored, view.n_infrastructure) == (60, 50, 10)
    assert view.stages[0].failures == {"infrastructure": 10}
    assert (view.stages[1].failures, view.stages[1].calls) == ({"blocked": 10}, 50)
    assert view.stages[0].in_place.n == 50


def without_cells(n: int) -> Scorecard:
    rows = planted.records(n)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(n, np.random.default_rng(0)), ids)
    system = {place: found for place, found in outputs.items() if place[0] == "system"}
    return scorecard(
        CHAIN.cascade(), planted.run(), rows, system, planted.labels(ids, CHAIN.names), seed=1, resamples=50
    )


def test_a_run_without_swap_cells_says_what_is_missing():
    view = without_cells(50)
    assert view.verdict.kind == "not measured"
    assert view.verdict.summary == "Not measured: the run holds no outcome with references at A."
    assert view.system.is_measured
    assert view.stages[1].gain.method == "not measured: the run holds no outcome with references at A"
    assert view.stages[1].alone.method == "not measured: the run holds no output of B on references"
    assert math.isnan(view.stages[1].p_first)
    assert without_cells(20).verdict.kind == "too few"


@pytest.mark.parametrize(("n", "kind"), [(0, "not measured"), (1, "too few"), (29, "too few")])
def test_few_records_are_named_as_such(n: int, kind: str):
    view = made(n=n)
    assert view.verdict.kind == kind
    assert to_json(from_json(Scorecard, to_json(view))) == to_json(view)


def test_no_label_is_not_measured():
    rows = planted.records(40)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(40, np.random.default_rng(0)), ids)
    view = scorecard(CHAIN.cascade(), planted.run(), rows, outputs, (), seed=1, resamples=50)
    assert view.verdict.kind == "not measured"
    assert view.verdict.basis == "0 records scored, no labels."
    assert view.verdict.summary == "What is right at A, B and C is not known yet: no label and no reference says so."


def test_one_cluster_of_records_is_too_few_for_any_interval():
    rows = planted.records(50, per_cluster=50)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(50, np.random.default_rng(0)), ids)
    view = scorecard(
        CHAIN.cascade(), planted.run(), rows, outputs, planted.labels(ids, CHAIN.names), seed=1, resamples=50
    )
    assert view.verdict.kind == "not measured"
    assert view.system.method == "too few: all 50 records belong to one cluster"


def test_all_right_leaves_nothing_to_win():
    view = made(planted.Planted(shape=planted.CHAIN[2], skill={"A": 1.0, "B": 1.0}), n=100)
    assert view.verdict.kind == "close"
    assert view.verdict.headline == (
        "Each stage is close to its references; 0% are lost even with every stage corrected"
    )
    assert "nothing to win" in view.verdict.summary
    assert view.system.low < 1.0


def test_all_wrong_is_a_number_with_a_width():
    view = made(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.0, "B": 0.0}), n=100)
    assert (view.system.value, view.system.low) == (0.0, 0.0)
    assert view.system.high > 0
    assert (view.verdict.kind, view.verdict.stage) == ("holds back", "B")


def test_people_who_are_no_better_leave_no_stage_behind():
    rows = planted.records(60)
    ids = [row.id for row in rows]
    cascade = planted.Planted(shape=planted.CHAIN[1], skill={"A": 0.5})
    outputs = cascade.outputs(cascade.luck(60, np.random.default_rng(0)), ids)
    other = planted.labels(ids[::2], cascade.names, annotator="bob", value="wrong") + planted.labels(
        ids[1::2], cascade.names, annotator="bob"
    )
    view = scorecard(
        cascade.cascade(),
        planted.run(),
        rows,
        outputs,
        planted.labels(ids, cascade.names) + other,
        seed=1,
        resamples=300,
    )
    assert view.verdict.kind == "none behind"
    assert view.verdict.headline == "No stage is measurably behind a person"
    assert view.verdict.basis == (
        "60 records labelled by 2 people. At A two people agree on 50% of the 60 records that several labelled "
        f"({round(view.stages[0].agreement.low * 100)} to {round(view.stages[0].agreement.high * 100)}); gaps rest on "
        f"such records. {Rests.REFERENCES}"
    )


def test_equal_stages_are_not_told_apart():
    view = made(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.7, "B": 0.65}), n=100, seed=5)
    assert view.verdict.kind == "none stands out"
    assert view.verdict.advice.startswith(("A and B overlap.", "B and A overlap."))


def test_a_single_stage_that_may_gain_nothing_is_not_named():
    view = made(planted.Planted(shape=planted.CHAIN[1], skill={"A": 0.95}), n=40, seed=0)
    assert 0 < view.stages[0].gain.value < 0.1
    assert view.stages[0].p_first == 1.0
    assert view.verdict.kind == "none stands out"
    assert view.verdict.advice.startswith("What A would gain can't be told from nothing: 95% interval −")


def test_first_faults_and_the_matrix_of_faults():
    view = made(planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.6, "B": 0.5}), n=200)
    a, b = view.stages
    assert a.first_faults + b.first_faults == round((1 - view.system.value) * 200)
    assert view.fault_matrix[0][0] == a.first_faults
    assert view.fault_matrix[0][1] == view.fault_matrix[1][0] == a.first_faults
    assert view.beyond_references == 0


def test_why_and_failures_are_listed():
    rows = tuple(
        replace(row, slices={"language": "de" if i % 4 == 0 else "en"}, difficulty="easy")
        for i, row in enumerate(planted.records(200))
    )
    ids = [row.id for row in rows]
    cascade = planted.Planted(shape=planted.CHAIN[2], skill={"A": 1.0, "B": 1.0})
    outputs = cascade.outputs(cascade.luck(200, np.random.default_rng(0)), ids)
    german = {
        r: replace(o, value="wrong") if int(r[1:]) % 4 == 0 and int(r[1:]) < 120 else o
        for r, o in outputs["system", "B"].items()
    }
    outputs["system", "B"] = german
    outputs["reference:A", "B"] = german
    view = scorecard(
        cascade.cascade(), planted.run(), rows, outputs, planted.labels(ids, cascade.names), seed=1, resamples=200
    )
    detail = view.details[1]
    assert (detail.failures, detail.n, detail.groups_checked) == (30, 200, 2)
    assert [(g.group, g.failures, g.n, g.stands_out) for g in detail.groups] == [
        ("language: de", 30, 50, True),
        ("language: en", 0, 150, False),
    ]
    assert detail.groups[0].excess == pytest.approx((0.6 - 0.15) * 50)
    row = detail.rows[0]
    assert (row.record, row.title, row.system, row.reference, row.first_fault) == (
        "r00000",
        "case 0",
        "wrong",
        "right",
        True,
    )


def test_an_outcome_without_a_bar_is_a_mean():
    cascade = replace(CHAIN.cascade(), outcome=Outcome(stage="C", metric="accuracy"), noun="query")
    rows = planted.records(100)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(100, np.random.default_rng(0)), ids)
    view = scorecard(cascade, planted.run(), rows, outputs, planted.labels(ids, CHAIN.names), seed=1, resamples=50)
    assert (view.outcome_name, view.good) == ("mean C.accuracy", None)
    assert view.verdict.summary.startswith("On 100 queries the system reaches ")
    assert CHAIN.cascade().outcome.good == 1.0
    assert made().outcome_name == "good records (C.accuracy >= 1)"


def test_a_diamond_is_scored_too():
    view = made(planted.Planted(shape=planted.DIAMOND, skill=dict(zip("ABCD", (0.9, 0.6, 0.95, 0.9), strict=True))))
    assert view.verdict.stage == "B"
    assert view.system.value + sum(row.gain.value for row in view.stages) == pytest.approx(1.0)


def test_a_stage_beside_the_way_to_the_outcome_gains_exactly_nothing():
    view = made(planted.Planted(shape="A B BC", skill={"A": 0.5, "B": 0.9, "C": 0.9}))
    assert view.stages[0].gain.method == "exact: this stage can't change the outcome"


def test_references_that_miss_the_bar_themselves_are_beyond_references():
    cascade = CHAIN.cascade()
    last = replace(cascade.stages[-1], output=OutputType(kind=Kind.TEXT), metrics=("fact_recall",))
    cascade = replace(
        cascade,
        stages=(*cascade.stages[:-1], last),
        outcome=Outcome(stage="C", metric="fact_recall", good=0.5),
    )
    rows = planted.records(40)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(40, np.random.default_rng(0)), ids)
    facts = (Fact(("never said",)),)
    texts = [Label(id=r, record=r, stage="C", annotator="ann", answer=Answer(value="right", facts=facts)) for r in ids]
    view = scorecard(
        cascade,
        planted.run(),
        rows,
        outputs,
        (*planted.labels(ids, ["A", "B"]), *texts),
        seed=1,
        resamples=50,
    )
    assert view.beyond_references == 40
    assert (view.ceiling.value, view.ceiling.method) == (0.0, "Wilson")


def test_rows_of_a_view_have_stable_columns():
    table = rows_of(made(both=60))
    assert all(tuple(row) == COLUMNS for row in table)
    gain = next(row for row in table if (row["stage"], row["figure"]) == ("B", "gain"))
    assert (gain["verdict"], gain["n"]) == ("improved", 300)
    assert len(table) == 3 + 3 * 8 + 1, "the named stage once more"
    assert group_rows(made()) == []


def test_labels_of_hunted_records_enter_no_rate_and_no_agreement():
    rows = planted.records(100)
    ids = [row.id for row in rows]
    fair = planted.labels(ids[:60], CHAIN.names)
    hunted = [
        replace(label, id=f"h{label.id}", targeted=True, answer=Answer(value="wrong"))
        for label in planted.labels(ids[40:], CHAIN.names, annotator="bob")
    ]
    outputs = CHAIN.outputs(CHAIN.luck(100, np.random.default_rng(0)), ids)

    def view(labels: list[Label]) -> Scorecard:
        card = scorecard(CHAIN.cascade(), planted.run(), rows, outputs, labels, seed=1, resamples=50)
        return replace(card, labels_seq=0)

    assert view([*fair, *hunted]) == view(list(fair))


def test_language_model_that_labelled_is_called_no_person_and_said_beside_the_count():
    baseline = {"population": "language model, no people", "instructions": "guidelines/"}
    cascade = replace(CHAIN.cascade(), human_baseline=baseline)
    rows = planted.records(60)
    ids = [row.id for row in rows]
    labels = [*planted.labels(ids, CHAIN.names), *planted.labels(ids, CHAIN.names, annotator="bob")]
    outputs = CHAIN.outputs(CHAIN.luck(60, np.random.default_rng(0)), ids)
    view = scorecard(cascade, planted.run(), rows, outputs, labels, seed=1, resamples=50)
    assert "labelled by 2 labellers: language model, no people (instructions: guidelines/)." in view.verdict.basis
    sheet = gap_sheet(view)
    said = [*sheet.first, sheet.headline, *sheet.sentences, *(c.name for table in sheet.tables for c in table.columns)]
    said += [charts.gap(view), charts.ceiling(view), charts.agreement(view), charts.both_gains(view)]
    said += [*charts.method(view), *charts.which_number(view), report.html(view, records=False)]
    words = " ".join(said).replace("no people", "").split('<script type="application/json"')[0]
    assert re.findall(r"[^.>]*\b(?:person|people)\b[^.<]*", words, re.IGNORECASE) == []


def test_gain_alone_is_that_of_a_swap_of_one_stage_and_says_where_none_was_run():
    view = made(both=60)
    first, middle, last = view.stages
    assert first.gain_alone.value == pytest.approx(first.gain.value), "nothing stands before it"
    assert last.gain_alone.value == pytest.approx(view.ceiling.value - view.system.value), "the outcome's own stage"
    assert last.gain_alone.n == last.gain.n
    assert middle.gain_alone.is_measured or middle.gain_alone.method == "not measured: no swap of B alone was run"


def test_a_sheet_says_on_how_many_records_gains_and_gaps_rest():
    rows = planted.records(60)
    ids = [row.id for row in rows]
    outputs = CHAIN.outputs(CHAIN.luck(60, np.random.default_rng(0)), ids)
    own = planted.labels(ids, CHAIN.names)

    def rests(*others: Label) -> str:
        view = scorecard(CHAIN.cascade(), planted.run(), rows, outputs, [*own, *others], seed=1, resamples=20)
        return next(part for part in map(str, gap_sheet(view).parts) if part.startswith("Gains rest on"))

    alone = f"Gains rest on the {counted(60, CHAIN.cascade().noun)} that can be scored in every step."
    assert rests() == alone
    assert rests(*planted.labels(ids, CHAIN.names, annotator="bob")).startswith(
        f"{alone} Gaps rest on those that several labelled (60 at each stage)."
    )
    first, second, *_ = CHAIN.names
    fewer = [*planted.labels(ids, [first], annotator="bob"), *planted.labels(ids[:40], [second], annotator="bob")]
    assert f"(60 at {first} and 40 at {second})" in rests(*fewer)
