from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from runner.making import LABEL, Build, Memory, run
from stagegap.model.answer import Answer, Output, Status
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner import CellWork, answers, lanes, plan
from stagegap.runner.work import Fresh

Records = Callable[..., list[Record]]


def test_what_is_known_is_called_again_and_nothing_twice(making: Build, records: Records, memory: Memory) -> None:
    making.python("first", "text", "return text")
    making.python("second", "text=first", "return text + '!'")
    work = making.work(records("a", "b", "a"))
    assert run(work, memory).calls == 4
    assert run(work, memory).calls == 0
    assert run(replace(work, fresh=frozenset({"first", "second"})), memory).calls == 4
    assert run(replace(work, fresh=frozenset({"second"})), memory).calls == 2


def test_cells_share_the_calls_of_a_fresh_run(making: Build, records: Records, memory: Memory) -> None:
    making.python("first", "text", "return 'long' if len(text) > 1 else 'short'", LABEL)
    making.python("second", "text topic=first", "return text + topic")
    given = {"first": {"r0": Answer(value="short"), "r1": Answer(value="short")}}
    cells = (CellWork(), CellWork(cell=Cell("reference", ("first",)), given=given))
    work = replace(making.work(records("a", "bb"), *cells), fresh=frozenset({"first", "second"}))
    # The swap of r0 changes nothing, so its second stage is that of the system.
    assert [run(work, memory).calls for _ in range(2)] == [5, 5]


def test_a_fresh_run_finds_what_it_wrote_itself_and_has_forgotten(
    making: Build, records: Records, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "REMEMBERED", 2)
    monkeypatch.setattr(lanes, "LOOKUP", 1)
    for limit in ("GROUP", "BACKLOG"):  # each output is written before the next but one is looked up
        monkeypatch.setattr(answers, limit, 1)
    making.python("first", "text", "return text", batch=1)
    work = making.work(records(*"abcdefa"))
    assert run(work, memory).calls == 6
    assert run(replace(work, fresh=frozenset({"first"})), memory).calls == 6


def test_only_own_answers_of_the_stages_that_are_called_again_are_noted(memory: Memory) -> None:
    older, own, other = (
        Output(record="r0", stage=stage, status=Status.OK, key=key)
        for stage, key in (("first", "older"), ("first", "own"), ("other", "other"))
    )
    memory.append_outputs("1", SYSTEM, [older])
    fresh = Fresh(frozenset({"first"}), sink=memory, cache=memory)
    assert fresh.cached(["older", "own"]) == {}
    fresh.append_outputs("2", SYSTEM, [own, other])
    assert fresh.cached(["older", "own", "other"]) == {"own": own}
    assert fresh.cache_of("first") is fresh
    assert fresh.cache_of("other").cached(["other"]) == {"other": other}


def test_a_fresh_run_is_planned_as_if_nothing_were_known(making: Build, records: Records, memory: Memory) -> None:
    making.python("first", "text", "return text")
    work = making.work(records("a", "b", "a"))
    run(work, memory)
    assert plan(work, cache=memory).calls == 0
    assert plan(replace(work, fresh=frozenset({"first"})), cache=memory).calls == 2
