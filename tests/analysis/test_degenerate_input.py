"""Whatever a run and its labels look like: a view with honest figures, and never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from sheets_of import rows_of
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.views import Scorecard, from_json, to_json
from stagegap.attribution.swaps import needed_stages, scorecard_cells
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.estimate import Estimate
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM

SHAPES = ["A", "A AB BC", planted.DIAMOND, planted.SKIP, "A B BC"]
VALUES = st.sampled_from(["right", "wrong", None])


def estimates(value: object) -> Iterator[Estimate]:
    if isinstance(value, Estimate):
        yield value
    elif isinstance(value, tuple):
        for entry in value:
            yield from estimates(entry)
    elif is_dataclass(value):
        for field in fields(value):
            yield from estimates(getattr(value, field.name))


@st.composite
def runs(draw: st.DrawFn):
    shape = draw(st.sampled_from(SHAPES))
    names = [word[-1] for word in shape.split()]
    cascade = planted.Planted(shape=shape, skill=dict.fromkeys(names, 0.5)).cascade()
    ids = [f"r{i}" for i in range(draw(st.integers(0, 6)))]
    units, groups = st.sampled_from(["", "x", "y"]), st.sampled_from("ab")
    records = [Record(id=i, fields={}, cluster=draw(units), slices={"s": draw(groups)}) for i in ids]
    origins = st.sampled_from([Status.INFRASTRUCTURE, Status.REFUSED, Status.SKIPPED])

    def output(record: str, stage: str) -> Output:
        status = draw(st.sampled_from(list(Status)))
        return Output(
            record=record,
            stage=stage,
            status=status,
            value=draw(VALUES) if status.has_value else None,
            because=draw(origins) if status is Status.BLOCKED else None,
        )

    places = [(SYSTEM, name) for name in names]
    places += [(cell, name) for cell in scorecard_cells(cascade) for name in needed_stages(cascade, cell)]
    outputs = {
        (str(cell), name): {i: output(i, name) for i in ids if draw(st.booleans())}
        for cell, name in places
        if draw(st.integers(0, 5))
    }
    labels = [
        Label(id=f"{i}{name}{who}", record=i, stage=name, annotator=who, answer=Answer(value=draw(VALUES)))
        for i in ids
        for name in names
        for who in ("ann", "bob")
        if draw(st.integers(0, 3))
    ]
    return cascade, records, outputs, labels


@settings(max_examples=150, deadline=None)
@given(runs())
def test_any_run_gives_a_view_that_is_honest(run: tuple):
    cascade, records, outputs, labels = run
    view = scorecard(cascade, planted.run(), records, outputs, labels, seed=0, resamples=20)
    for estimate in estimates(view):
        if estimate.is_measured:
            assert -1 <= estimate.low <= estimate.value <= estimate.high <= 1
            assert estimate.n >= 2 or estimate.method.startswith("Wilson"), "one record is too few for a mean"
            assert estimate.high > estimate.low or estimate.method.startswith("exact")
        else:
            assert estimate.method.startswith(("too few: ", "not measured: "))
    assert view.verdict.kind in ("too few", "not measured", "errors")
    gains = [row.gain.value for row in view.stages]
    if all(row.gain.is_measured for row in view.stages):
        assert abs(view.system.value + sum(gains) - view.ceiling.value) < 1e-9
    assert view.n_scored <= view.n_records == len(records)
    assert to_json(from_json(Scorecard, to_json(view))) == to_json(view)
    under_the_strict_rule = 0 if view.strict is None else 2 + 3 * len(cascade.stages)
    assert len(rows_of(view)) == 3 + 8 * len(cascade.stages) + under_the_strict_rule
