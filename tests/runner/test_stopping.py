from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence

import pytest

from llm_server import LlmServer
from runner.making import TEXT, Build, Memory, run
from stagegap.errors import RunStopped, StoreBusy
from stagegap.model.answer import Output
from stagegap.model.record import Json, Record
from stagegap.model.run import Cell, RunStatus
from stagegap.runner import CellWork, Silent, Stop, execute
from stagegap.stages import Reply

Records = Callable[..., list[Record]]


class Gate:
    """A batch stage that says when it was called, and answers when it is let go."""

    fingerprint, reads_record = "gate", False

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def answer_batch(self, inputs: Sequence[Mapping[str, Json]]) -> list[Reply]:
        self.entered.set()
        assert self.let_go.wait(60)
        return [Reply(value=str(one["text"])) for one in inputs]


def gated(making: Build, found: Sequence[Record], gate: Gate, *cells: CellWork) -> object:
    making.python("size", "text", "return text", batch=2)
    making.python("reply", "size=size", "return size")
    work = making.work(found, *cells)
    work.codes["size"] = gate  # type: ignore[index]
    return work


def when_called(gate: Gate, *steps: Callable[[], object]) -> threading.Thread:
    def act() -> None:
        assert gate.entered.wait(60)
        for step in steps:
            step()

    thread = threading.Thread(target=act)
    thread.start()
    return thread


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


class Watching(Silent):
    """Lets the gate go once the run was asked to end."""

    def __init__(self, stop: Stop, gate: Gate) -> None:
        self.stop = stop
        self.gate = gate

    def watch(self) -> None:
        while not self.stop.reason:
            pass
        self.gate.let_go.set()


def test_ctrl_c_awaits_the_calls_in_flight_writes_them_and_begins_no_more(
    making: Build, records: Records, memory: Memory
) -> None:
    gate, stop = Gate(), Stop()
    work = gated(making, records(*"abcdef"), gate, CellWork(), CellWork())
    thread = when_called(gate, interrupt, Watching(stop, gate).watch)
    summary = run(work, memory, stop)  # type: ignore[arg-type]
    thread.join()
    assert (summary.status, summary.error) == (RunStatus.STOPPED, "It was interrupted.")
    assert memory.values("size") == {"r0": "a", "r1": "b"}
    assert len(summary.cells) == 1


def test_what_was_written_before_a_stop_is_not_called_again(making: Build, records: Records, memory: Memory) -> None:
    gate, stop = Gate(), Stop()
    work = gated(making, records(*"abcdef"), gate)
    thread = when_called(gate, lambda: stop.request("The budget is used up."), gate.let_go.set)
    assert run(work, memory, stop).error == "The budget is used up."  # type: ignore[arg-type]
    thread.join()
    summary = run(work, memory)  # type: ignore[arg-type]
    assert summary.status is RunStatus.DONE
    assert summary.cells[0].tallies["size"].calls == 4
    assert len(memory.values("reply")) == 6


def test_a_second_ctrl_c_does_not_wait(making: Build, records: Records, memory: Memory) -> None:
    gate, stop = Gate(), Stop()

    def again() -> None:
        while not stop.reason:
            pass
        interrupt()

    work = gated(making, records(*"abcdef"), gate)
    thread = when_called(gate, interrupt, again)
    try:
        summary = run(work, memory, stop)  # type: ignore[arg-type]
    finally:
        gate.let_go.set()
        thread.join()
    assert (summary.status, stop.is_forced) == (RunStatus.STOPPED, True)
    assert memory.values("size") == {}


def test_a_stop_asked_for_before_the_run_begins_calls_nothing(making: Build, records: Records, memory: Memory) -> None:
    gate, stop = Gate(), Stop()
    stop.request("Not today.")
    stop.request("Another reason.")
    summary = run(gated(making, records("a"), gate), memory, stop)  # type: ignore[arg-type]
    assert (summary.status, summary.error) == (RunStatus.STOPPED, "Not today.")
    assert not gate.entered.is_set()


def test_a_third_ctrl_c_changes_nothing_more() -> None:
    told: list[str] = []
    stop = Stop()
    stop.watch(on_request=lambda: told.append("request"), on_force=lambda: told.append("force"))
    for _ in range(3):
        stop.interrupt()
    assert told == ["request", "force"]


def test_ctrl_c_works_as_before_when_the_run_is_over(making: Build, records: Records, memory: Memory) -> None:
    gate = Gate()
    gate.let_go.set()
    run(gated(making, records("a"), gate), memory)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_a_run_outside_the_main_thread_leaves_signals_alone(making: Build, records: Records, memory: Memory) -> None:
    gate = Gate()
    gate.let_go.set()
    work = gated(making, records("a"), gate)
    thread = threading.Thread(target=run, args=(work, memory))
    thread.start()
    thread.join()
    assert memory.values("reply") == {"r0": "a"}


def test_a_stage_that_can_go_on_with_no_record_stops_the_run_with_its_sentence(
    making: Build, records: Records, memory: Memory
) -> None:
    class Refusing(Gate):
        def answer_batch(self, inputs: Sequence[Mapping[str, Json]]) -> list[Reply]:
            raise RunStopped("The licence has run out.")

    summary = run(gated(making, records("a"), Refusing()), memory)  # type: ignore[arg-type]
    assert (summary.status, summary.error) == (RunStatus.STOPPED, "The licence has run out.")


class Failing(Memory):
    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output]) -> None:
        raise StoreBusy("Another program holds the file.")


def test_a_store_that_fails_ends_the_run_with_its_error(making: Build, records: Records) -> None:
    gate, failing = Gate(), Failing()
    gate.let_go.set()
    with pytest.raises(StoreBusy):
        run(gated(making, records(*"abcdef"), gate), failing)  # type: ignore[arg-type]


def llm(making: Build, server: LlmServer, *, concurrency: int = 4, **parameters: Json) -> None:
    (making.folder / "prompt.j2").write_text("{{ text }}")
    given: dict[str, Json] = {"model": "m", "prompt": "prompt.j2", "base_url": server.base_url, **parameters}
    making.add("draft", "llm", "text", TEXT, given, concurrency=concurrency, timeout_s=30.0)


def test_ctrl_c_awaits_paid_calls_and_frees_their_places(
    making: Build, records: Records, memory: Memory, server: LlmServer
) -> None:
    llm(making, server, concurrency=2)
    server.answers(latency_s=0.2)
    stop = Stop()

    def act() -> None:
        server.counters(calls=2)
        interrupt()

    thread = threading.Thread(target=act)
    thread.start()
    summary = run(making.work(records(*map(str, range(50)))), memory, stop)
    thread.join()
    assert summary.status is RunStatus.STOPPED
    assert 2 <= len(memory.outputs) == summary.calls == server.counters()["calls"] < 50


def test_a_second_ctrl_c_gives_paid_calls_up(
    making: Build, records: Records, memory: Memory, server: LlmServer
) -> None:
    llm(making, server)
    server.answers(always="hang")
    stop = Stop()

    def act() -> None:
        server.counters(calls=4)
        interrupt()
        while not stop.reason:
            pass
        interrupt()

    thread = threading.Thread(target=act)
    thread.start()
    summary = execute(
        making.work(records(*map(str, range(9)))), sink=memory, cache=memory, progress=Silent(), stop=stop
    )
    thread.join()
    assert (summary.status, memory.outputs) == (RunStatus.STOPPED, [])


def test_a_provider_that_refuses_stops_the_run_and_keeps_what_came(
    making: Build, records: Records, memory: Memory, server: LlmServer
) -> None:
    llm(making, server, concurrency=1)
    server.answers(faults=["", "", "401"])
    summary = run(making.work(records(*"abcdef")), memory)
    assert summary.status is RunStatus.STOPPED
    assert "refuses every call" in summary.error
    assert memory.values("draft") == {"r0": "a", "r1": "b"}
    assert server.counters()["calls"] == 3
