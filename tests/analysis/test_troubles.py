from __future__ import annotations

import pytest

import planted
from stagegap.analysis.blame import blame
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.need import need_view
from stagegap.analysis.troubles import troubles
from stagegap.model.answer import Output, Status
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
