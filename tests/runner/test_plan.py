from __future__ import annotations

from collections.abc import Callable

import pytest

from runner.making import LABEL, TEXT, Build, Memory, run
from stagegap.attribution.swaps import run_cells
from stagegap.model.answer import Answer, Reference
from stagegap.model.cascade import Source
from stagegap.model.record import Record
from stagegap.model.run import Cell
from stagegap.runner import CellWork, Work, plan
from stagegap.runner.plan import PlannedCell, PlannedStage
from stagegap.runner.prepare import cell_works

Records = Callable[..., list[Record]]


@pytest.fixture
def branching(making: Build) -> Build:
    """size -> reply (long texts only)."""
    making.python("size", "text", "return 'long' if len(text) > 3 else 'short'", LABEL)
    when = {"when": 'size == "long"', "when_reads": (Source("stage", "size"),)}
    making.python("reply", "text size=size", "return text", **when)
    return making


def counts(work: Work, memory: Memory) -> list[dict[str, tuple[int, int, int, bool]]]:
    return [
        {stage.stage: (stage.calls, stage.known, stage.skipped, stage.is_exact) for stage in cell.stages}
        for cell in plan(work, cache=memory).cells
    ]


def test_before_the_first_run_the_first_stage_is_exact_and_the_others_are_at_most(
    branching: Build, records: Records, memory: Memory
) -> None:
    work = branching.work(records("abcd", "ab", "ab"))
    assert counts(work, memory) == [{"size": (2, 1, 0, True), "reply": (3, 0, 0, False)}]
    assert plan(work, cache=memory).calls == 5
    assert not plan(work, cache=memory).is_exact


def test_after_the_run_nothing_is_left_to_call(branching: Build, records: Records, memory: Memory) -> None:
    work = branching.work(records("abcd", "ab", "ab"))
    run(work, memory)
    assert counts(work, memory) == [{"size": (0, 3, 0, True), "reply": (0, 1, 2, True)}]
    assert plan(work, cache=memory).is_exact


def test_a_plan_that_is_exact_is_what_the_run_then_does(branching: Build, records: Records, memory: Memory) -> None:
    run(branching.work(records("abcd", "ab")), memory)
    given = {"size": {"r0": Answer(value="long"), "r1": Answer(value="long"), "r2": Answer(value="short")}}
    cell = CellWork(cell=Cell("reference", ("size",)), given=given)
    work = branching.work(records("abcd", "ab", "abc", "a"), cell, run="2")
    planned = plan(work, cache=memory)
    assert planned.cells[0].left_out == 1
    assert planned.cells[0].stages[0] == PlannedStage(
        stage="reply", calls=1, known=1, skipped=1, is_exact=True, is_paid=False
    )
    assert run(work, memory).calls == planned.calls == 1


def test_parallel_branches_and_a_stage_off_the_way_call_what_is_needed_and_no_more(
    making: Build, records: Records, memory: Memory
) -> None:
    making.python("a", "text", "return text")
    making.python("b", "a=a", "return a + 'b'")
    making.python("c", "a=a", "return a + 'c'")
    making.python("aside", "c=c", "return c")
    making.python("d", "b=b c=c", "return b + c")
    rows = records("x", "y", "z")
    run(making.work(rows), memory)
    given = {name: {r.id: Answer(value=f"{name} of {r.id}") for r in rows} for name in "abcd"}
    found = run_cells(making.cascade)
    cells = [CellWork(cell=c, given={name: given[name] for name in c.stages}) for c in found]
    work = making.work(rows, *cells, run="2")
    planned = plan(work, cache=memory)
    calls = {str(cell.cell): {stage.stage: stage.calls for stage in cell.stages} for cell in planned.cells}
    assert calls == {
        "reference:a": {"b": 3, "c": 3, "d": 3},
        "reference:a+b": {"c": 0, "d": 3},
        "reference:b+c": {"d": 3},
        "reference:d": {},
        "reference:c": {"aside": 3},
        "reference:a+c": {"b": 0, "d": 3},
    }
    assert run(work, memory).calls == planned.calls


def test_sampled_orders_of_many_branches_are_planned_to_the_call(
    making: Build, records: Records, memory: Memory
) -> None:
    branches = "bcdefg"
    making.python("a", "text", "return text")
    for name in branches:
        making.python(name, "a=a", f"return a + '{name}'")
    making.python("side", "b=b c=c", "return b + c")
    making.python("end", " ".join(f"{name}={name}" for name in branches), f"return {' + '.join(branches)}")
    rows = records("x", "y")
    run(making.work(rows), memory)
    references = [
        Reference(record=row.id, stage=name, accepted=(Answer(value=f"{name} of {row.id}"),))
        for row in rows
        for name in making.cascade.names
    ]
    none, two = (cell_works(making.cascade, references, records=rows, rounds=rounds) for rounds in (0, 2))
    assert len(two) > len(none)
    planned = plan(making.work(rows, *two, run="2"), cache=memory)
    assert run(making.work(rows, *two, run="2"), memory).calls == planned.calls
    more = plan(
        making.work(rows, *cell_works(making.cascade, references, records=rows, rounds=3), run="3"), cache=memory
    )
    assert 0 < more.calls < planned.calls, "further orders cost the new ones only"


def test_a_call_that_two_cells_share_is_planned_once(branching: Build, records: Records, memory: Memory) -> None:
    given = {"size": {"r0": Answer(value="long")}}
    cell = CellWork(cell=Cell("reference", ("size",)), given=given)
    assert counts(branching.work(records("abcd"), cell, cell), memory) == [
        {"reply": (1, 0, 0, True)},
        {"reply": (0, 1, 0, True)},
    ]


def test_repeats_are_planned_as_calls_of_their_own(making: Build, records: Records, memory: Memory) -> None:
    making.python("size", "text", "return text")
    making.python("guess", "text", "return text", repeats=3)
    work = making.work(records("a", "b"))
    assert counts(work, memory) == [{"size": (2, 0, 0, True), "guess": (6, 0, 0, True)}]
    run(work, memory)
    assert counts(work, memory) == [{"size": (0, 2, 0, True), "guess": (0, 6, 0, True)}]


def test_calls_that_cost_money_are_told_apart(making: Build, records: Records, memory: Memory) -> None:
    (making.folder / "prompt.j2").write_text("{{ text }}")
    making.python("size", "text", "return text")
    making.add("draft", "llm", "text", TEXT, {"model": "m", "prompt": "prompt.j2", "base_url": "http://127.0.0.1:9/v1"})
    planned = plan(making.work(records("a", "b")), cache=memory)
    assert (planned.calls, planned.paid_calls) == (4, 2)


def test_a_swap_of_the_outcome_needs_nothing(branching: Build, records: Records, memory: Memory) -> None:
    cell = CellWork(cell=Cell("reference", ("reply",)), given={"reply": {}})
    planned = plan(branching.work(records("a"), cell), cache=memory)
    assert planned.cells == (PlannedCell(cell=cell.cell, stages=(), left_out=1),)


def test_thousands_of_records_cost_few_looks_into_the_cache(branching: Build, records: Records, memory: Memory) -> None:
    plan(branching.work(records(*map(str, range(5_000)))), cache=memory)
    assert memory.lookups == 2
