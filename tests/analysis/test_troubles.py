from __future__ import annotations

from dataclasses import replace

import pytest

import planted
from stagegap import charts
from stagegap.analysis.blame import blame
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.gains import gains
from stagegap.analysis.need import need_view
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.troubles import troubles
from stagegap.model.answer import Answer, Fact, Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from views_of_runs import CHAIN, evidence, material


def with_errors(count: int, n: int = 100) -> Evidence:
    """A planted chain in which B raised on the first so many records."""
    cascade, rows, outputs, labels = material(CHAIN, n)
    broken = {
        record: Output(record=record, stage="B", status=Status.ERROR, error="b raised KeyError: 'x' (stages.py:3)")
        for record in [row.id for row in rows[:count]]
    }
    changed = {**outputs, ("system", "B"): {**outputs["system", "B"], **broken}}
    return evidence((cascade, rows, changed, labels))


@pytest.mark.parametrize(("count", "forbids"), [(1, False), (5, False), (6, True), (100, True)])
def test_more_than_a_small_share_of_errors_leaves_no_verdict(count: int, forbids: bool):
    found = with_errors(count)
    assert [(one.stage, one.count, one.n, one.forbids_verdict) for one in found.troubles] == [
        ("B", count, 100, forbids)
    ]
    assert found.troubles[0].sentence == (
        f"B: {count} of 100 calls raised an error, for example r00000: b raised KeyError: 'x' (stages.py:3)."
    )
    won = gains(found)
    assert won.reason == (f"not measured: B: {count} of 100 calls raised an error" if forbids else "")
    view, need = blame(found, resamples=50), need_view(found, resamples=50)
    assert all(row.gain.is_measured is not forbids for row in view.stages)
    assert need.sentence.startswith("Not measured: B: ") is forbids


def test_what_forbids_a_verdict_comes_first_and_the_rest_by_how_often():
    cascade = planted.Planted(shape="A AB", skill={"A": 1.0, "B": 1.0}).cascade()
    outputs = {
        "A": {f"r{i}": Output(record=f"r{i}", stage="A", status=Status.UNPARSABLE, error="no") for i in range(4)},
        "B": {
            f"r{i}": Output(record=f"r{i}", stage="B", status=Status.ERROR if i < 2 else Status.OK, value="right")
            for i in range(4)
        },
    }
    found = troubles(cascade, outputs, [f"r{i}" for i in range(4)])
    assert [(one.stage, one.kind, one.count) for one in found] == [("B", "errors", 2), ("A", "do not fit", 4)]
    assert found[0].sentence == "B: 2 of 4 calls raised an error, for example r0: no message was recorded."
    assert troubles(cascade, outputs, ()) == ()


def test_a_service_that_nobody_runs_is_named_with_its_address_and_what_to_do():
    cascade = planted.Planted(shape="A", skill={"A": 1.0}).cascade()
    lost = Output(
        record="r0", stage="A", status=Status.INFRASTRUCTURE, error="nobody listens at 127.0.0.1:9: no connection"
    )
    [found] = troubles(cascade, {"A": {"r0": lost}}, ["r0"])
    assert found.sentence == (
        "A: 1 of 1 calls got no answer because nobody listens at 127.0.0.1:9, for example r0. Start the service, then "
        "`stagegap run --retry`."
    )
    assert not found.forbids_verdict


def test_references_that_lack_their_own_facts_are_said_in_place_of_nothing_to_win():
    draft = Stage(
        name="draft",
        uses="python",
        inputs={"text": Source("record", "text")},
        output=OutputType(kind=Kind.TEXT),
        metrics=("fact_recall",),
    )
    cascade = Cascade(
        name="c", stages=(draft,), outcome=Outcome(stage="draft", metric="fact_recall", good=0.8), noun="mail"
    )
    rows = tuple(Record(id=f"r{i:02d}", fields={"text": "x"}) for i in range(70))
    answer = Answer(value="We will look into it.", facts=(Fact(("a refund of 20 euros",)),))
    labels = [Label(id=row.id, record=row.id, stage="draft", annotator="ann", answer=answer) for row in rows]
    outputs = {
        ("system", "draft"): {
            row.id: Output(record=row.id, stage="draft", status=Status.OK, value="Yes") for row in rows
        }
    }
    card = scorecard(cascade, planted.run(), rows, outputs, labels, seed=0, resamples=50)
    said = "70 of 70 references at draft do not contain their own facts, for example r00."
    assert card.troubles[-1].sentence == said
    assert said in f"{card.verdict.summary} {card.troubles[-1].sentence}"
    assert "nothing to win" not in card.verdict.summary


def test_slices_that_are_declared_and_too_few_are_not_called_undeclared():
    cascade, rows, outputs, labels = material(CHAIN, 40)
    alike = tuple(replace(row, slices={"language": "de"}) for row in rows)
    cards = [
        scorecard(cascade, planted.run(), records, outputs, labels, seed=0, resamples=50) for records in (rows, alike)
    ]
    assert [charts.groups_note(card.details[0]) for card in cards] == [
        "Declare `slices` in the cascade file to see groups here.",
        "Too few to compare: of language, declared as slices, none has two values among the 40 scored here.",
    ]
