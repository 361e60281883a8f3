from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module

import pytest

from llm_server import LlmServer
from runner.making import LABEL, TEXT, Build, Memory, run, run_async
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Output, Status
from stagegap.model.cascade import Document, Kind, OutputType, Source
from stagegap.model.record import Record
from stagegap.model.run import Cell, RunStatus
from stagegap.runner import CellSummary, CellWork, Silent, execute
from stagegap.runner.work import Tally
from stagegap.stages import Corpus, Reply
from stagegap.stages.protocol import Inputs

executing = import_module("stagegap.runner.execute")  # the package has a function of this name
Records = Callable[..., list[Record]]


@pytest.fixture
def chain(making: Build) -> Build:
    """size -> reply; texts that hold `bad` fail at the first stage."""
    making.python(
        "size", "text", "return {'b': 1}[text] if 'bad' in text else 'long' if len(text) > 3 else 'short'", LABEL
    )
    making.python("reply", "text size=size", "return f'{text} is {size}'")
    return making


def test_every_record_gets_an_output_at_every_stage(chain: Build, records: Records, memory: Memory) -> None:
    summary = run(chain.work(records("abcd", "ab")), memory)
    assert (summary.status, summary.error, summary.calls) == (RunStatus.DONE, "", 4)
    assert memory.values("size") == {"r0": "long", "r1": "short"}
    assert memory.values("reply") == {"r0": "abcd is long", "r1": "ab is short"}


def test_an_output_carries_key_and_latency(chain: Build, records: Records, memory: Memory) -> None:
    run(chain.work(records("ab")), memory)
    output = memory.of("size")["r0"]
    assert len(output.key) == 32
    assert output.latency_ms is not None
    assert (output.cached, output.cost, output.tokens_out) == (False, None, None)


def test_a_failure_blocks_what_rests_on_it_and_nothing_else(chain: Build, records: Records, memory: Memory) -> None:
    summary = run(chain.work(records("bad", "ab")), memory)
    assert memory.of("size")["r0"].status is Status.ERROR
    blocked = memory.of("reply")["r0"]
    assert (blocked.status, blocked.because, blocked.key) == (Status.BLOCKED, Status.ERROR, "")
    assert memory.values("reply")["r1"] == "ab is short"
    tally = summary.cells[0].tallies["reply"]
    assert (tally.total, tally.done, tally.errors, tally.calls) == (2, 2, 1, 1)


def test_a_second_run_calls_nothing_that_is_known(chain: Build, records: Records, memory: Memory) -> None:
    run(chain.work(records("abcd", "ab")), memory)
    before = memory.values("reply")
    summary = run(chain.work(records("abcd", "ab"), run="2"), memory)
    assert summary.calls == 0
    assert memory.values("reply") == before
    assert all(output.cached for number, _, outputs in memory.groups if number == "2".zfill(32) for output in outputs)


def test_an_exception_is_not_served_from_the_cache(chain: Build, records: Records, memory: Memory) -> None:
    run(chain.work(records("bad")), memory)
    assert run(chain.work(records("bad"), run="2"), memory).calls == 1


def test_changing_one_stage_calls_it_and_what_reads_another_value(
    making: Build, records: Records, memory: Memory
) -> None:
    making.add("size", "recorded", "text", LABEL, {})
    making.recorded["size"] = {"r0": "long", "r1": "short"}
    making.python("reply", "size=size", "return f'it is {size}'")
    run(making.work(records("a", "b")), memory)
    making.recorded["size"] = {"r0": "long", "r1": "long"}
    summary = run(making.work(records("a", "b"), run="2"), memory)
    assert {name: tally.calls for name, tally in summary.cells[0].tallies.items()} == {"size": 2, "reply": 0}
    assert memory.values("reply") == {"r0": "it is long", "r1": "it is long"}


def test_equal_inputs_in_one_run_are_one_call(chain: Build, records: Records, memory: Memory) -> None:
    summary = run(chain.work(records(*["ab"] * 5)), memory)
    assert summary.calls == 2
    assert [output.cached for output in memory.outputs if output.stage == "size"] == [False, True, True, True, True]
    assert len({output.key for output in memory.outputs if output.stage == "size"}) == 1


def test_equal_inputs_in_different_batches_are_one_call(making: Build, records: Records, memory: Memory) -> None:
    making.python("size", "text", "return text", batch=2)
    assert run(making.work(records(*"ababababa")), memory).calls == 2


def test_conditions_make_branches(making: Build, records: Records, memory: Memory) -> None:
    making.python("size", "text", "return 'long' if len(text) > 3 else 'short'", LABEL)
    when = {"when": 'size == "long"', "when_reads": (Source("stage", "size"),)}
    making.python("cut", "text", "return text[:3]", **when)
    making.python("reply", "text cut=cut", "return cut or text")
    run(making.work(records("abcd", "ab")), memory)
    assert memory.of("cut")["r1"].status is Status.SKIPPED
    assert memory.values("reply") == {"r0": "abc", "r1": "ab"}


def test_documents_reach_the_next_stage(making: Build, records: Records, memory: Memory) -> None:
    documents = {name: Document(id=name, title=name, text=f"the {name}") for name in ("tent", "rug")}
    making.corpora["shop"] = Corpus(name="shop", documents=documents)
    ranking = OutputType(kind=Kind.RANKING, of="shop", k=1)
    making.add("find", "retrieval", "text", ranking, {"corpus": "shop", "method": "bm25", "k": 1, "query": ["text"]})
    making.python("reply", "found=find", "return ' '.join(d['text'] for d in found)")
    run(making.work(records("a tent", "zeppelin")), memory)
    assert memory.values("reply") == {"r0": "the tent", "r1": ""}
    assert memory.of("find")["r0"].scores[0] > 0


def test_a_run_without_records_is_done(chain: Build, memory: Memory) -> None:
    summary = run(chain.work([]), memory)
    assert (summary.status, memory.groups) == (RunStatus.DONE, [])


def test_records_beyond_the_window_are_all_answered(
    chain: Build, records: Records, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stagegap.runner import answers, lanes

    monkeypatch.setattr(executing, "WINDOW", 16)
    monkeypatch.setattr(executing, "REFILL", 5)
    monkeypatch.setattr(lanes, "LOOKUP", 7)
    monkeypatch.setattr(answers, "GROUP", 10)
    monkeypatch.setattr(answers, "BACKLOG", 20)
    texts = [f"text {number}" for number in range(500)]
    run(chain.work(records(*texts)), memory)
    assert memory.values("reply") == {f"r{number}": f"{text} is long" for number, text in enumerate(texts)}
    assert len(memory.outputs) == 1000


class Counting(Silent):
    """Notes at each word of progress how far the stages are."""

    def __init__(self) -> None:
        self.seen: list[dict[str, int]] = []

    def begin(self, cell: CellSummary) -> None:
        self.cell = cell

    def update(self) -> None:
        self.seen.append({name: tally.done for name, tally in self.cell.tallies.items()})


def test_progress_is_told_at_each_delivery(making: Build, records: Records, memory: Memory) -> None:
    making.python("size", "text", "return text", batch=2)
    counting = Counting()
    execute(making.work(records(*"abcdef")), sink=memory, cache=memory, progress=counting)
    assert counting.seen == [{"size": 2}, {"size": 4}, {"size": 6}]


class Watched(list[Record]):
    """Counts how many records were taken from it."""

    taken = 0

    def __iter__(self) -> Iterator[Record]:
        for record in super().__iter__():
            self.taken += 1
            yield record


def test_no_more_records_are_on_their_way_than_the_window_holds(
    chain: Build, records: Records, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "WINDOW", 16)
    monkeypatch.setattr(executing, "REFILL", 5)
    texts = Watched(records(*map(str, range(200))))
    work = chain.work(texts)
    on_their_way: list[int] = []

    class Beside(Counting):
        def update(self) -> None:
            super().update()
            on_their_way.append(texts.taken - self.seen[-1]["reply"])

    texts.taken = 0
    execute(work, sink=memory, cache=memory, progress=Beside())
    assert texts.taken == 200
    assert max(on_their_way) == 15


REFERENCE = Cell("reference", ("size",))


def test_a_swap_runs_what_follows_from_the_given_answers(chain: Build, records: Records, memory: Memory) -> None:
    given = {"size": {"r0": Answer(value="short"), "r1": Answer(value="short")}}
    work = chain.work(records("abcd", "ab"), CellWork(), CellWork(cell=REFERENCE, given=given))
    summary = run(work, memory)
    assert memory.values("reply", "reference:size") == {"r0": "abcd is short", "r1": "ab is short"}
    assert memory.of("size", "reference:size") == {}
    assert summary.cells[1].tallies["reply"].calls == 1


def test_records_without_a_given_answer_stay_out_and_are_counted(
    chain: Build, records: Records, memory: Memory
) -> None:
    given = {"size": {"r1": Answer(value="long")}}
    summary = run(chain.work(records("abcd", "ab"), CellWork(cell=REFERENCE, given=given)), memory)
    assert memory.values("reply", "reference:size") == {"r1": "ab is long"}
    assert summary.cells[0].left_out == 1


def test_given_that_nothing_is_right_the_stage_counts_as_skipped(
    chain: Build, records: Records, memory: Memory
) -> None:
    given = {"size": {"r0": Answer(value=None)}}
    run(chain.work(records("ab"), CellWork(cell=REFERENCE, given=given)), memory)
    assert memory.values("reply", "reference:size") == {"r0": "ab is None"}


def test_a_swap_of_the_outcome_calls_nothing(chain: Build, records: Records, memory: Memory) -> None:
    cell = CellWork(cell=Cell("reference", ("reply",)), given={"reply": {"r0": Answer(value="x")}})
    summary = run(chain.work(records("ab"), cell), memory)
    assert (summary.status, summary.calls, summary.cells[0].tallies) == (RunStatus.DONE, 0, {})


def test_repeats_have_outputs_of_their_own_and_what_does_not_repeat_has_one(
    making: Build, records: Records, memory: Memory
) -> None:
    making.python("size", "text", "return text")
    making.python("guess", "size=size", "return size", repeats=3)
    making.python("reply", "guess=guess", "return guess")
    summary = run(making.work(records("a", "b")), memory)
    repeats = {name: sorted(o.repeat for o in memory.outputs if o.stage == name) for name in ("size", "guess", "reply")}
    assert repeats == {"size": [0, 0], "guess": [0, 0, 1, 1, 2, 2], "reply": [0, 0, 1, 1, 2, 2]}
    calls = {name: tally.calls for name, tally in summary.cells[0].tallies.items()}
    assert calls == {"size": 2, "guess": 6, "reply": 2}
    assert all(tally.done == tally.total for tally in summary.cells[0].tallies.values())


def test_recorded_outputs_flow_into_the_next_stage(making: Build, records: Records, memory: Memory) -> None:
    making.add("size", "recorded", "text", LABEL, {})
    making.recorded["size"] = {"r0": "long", "r1": None}
    making.python("reply", "size=size", "return str(size)")
    run(making.work(records("a", "b", "c")), memory)
    assert {record: o.status for record, o in memory.of("size").items()} == {
        "r0": Status.OK,
        "r1": Status.SKIPPED,
        "r2": Status.INFRASTRUCTURE,
    }
    assert memory.values("reply") == {"r0": "long", "r1": "None", "r2": None}
    assert memory.of("reply")["r2"].because is Status.INFRASTRUCTURE


def test_a_stage_that_can_not_work_ends_the_run_with_its_error_and_keeps_what_came(
    making: Build, records: Records, memory: Memory
) -> None:
    making.python("size", "text", "return text")
    making.add("find", "retrieval", "size=size", OutputType(kind=Kind.RANKING, of="shop", k=1), _SEARCH)
    making.corpora["shop"] = Corpus(name="shop", documents={"a": Document(id="a", title="", text="!")})
    with pytest.raises(ConfigurationError, match="The corpus can't be searched"):
        run(making.work(records("ab")), memory)
    assert memory.values("size") == {"r0": "ab"}


_SEARCH = {"corpus": "shop", "method": "bm25", "k": 1, "query": ["size"]}


def test_a_fault_of_a_stage_s_own_code_keeps_its_traceback(making: Build, records: Records, memory: Memory) -> None:
    class Broken:
        fingerprint, reads_record = "f", False

        def answer_batch(self, inputs: object) -> list[object]:
            raise ZeroDivisionError("a bug")

    making.python("size", "text", "return text")
    work = making.work(records("ab"))
    work.codes["size"] = Broken()  # type: ignore[index]
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run(work, memory)


def test_a_tally_counts_money_and_tokens_of_what_was_called_only() -> None:
    tally = Tally(total=4)
    paid = Output(record="r", stage="s", status=Status.OK, tokens_in=10, tokens_out=5, cost=0.5, latency_ms=2.0)
    known = Output(record="r", stage="s", status=Status.OK, tokens_in=10, tokens_out=5, cost=0.5, cached=True)
    tally.add([paid, known, Output(record="r", stage="s", status=Status.REFUSED)])
    tally.add([Output(record="r", stage="s", status=Status.SKIPPED)])
    assert (tally.done, tally.cached, tally.calls, tally.errors) == (4, 1, 2, 1)
    assert (tally.tokens_in, tally.tokens_out, tally.cost, tally.latency_ms) == (10, 5, 0.5, 2.0)


def test_a_summary_adds_up_the_cost_of_all_cells(chain: Build, records: Records, memory: Memory) -> None:
    summary = run(chain.work(records("ab")), memory)
    assert (summary.cost, summary.seconds > 0) == (0.0, True)


def test_a_stage_waits_for_all_that_it_reads(making: Build, records: Records, memory: Memory) -> None:
    making.python("left", "text", "return text + 'l'", batch=1)
    making.python("right", "text", "return text + 'r'", batch=3)
    making.python("reply", "left=left right=right", "return left + right")
    run(making.work(records(*"abcdef")), memory)
    assert memory.values("reply") == {f"r{number}": f"{text}l{text}r" for number, text in enumerate("abcdef")}


def test_what_is_remembered_of_a_run_is_bounded(
    making: Build, records: Records, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stagegap.runner import answers, lanes

    monkeypatch.setattr(answers, "REMEMBERED", 2)
    monkeypatch.setattr(lanes, "LOOKUP", 1)
    making.python("size", "text", "return text", batch=1)
    work = making.work(records(*"abcda"))
    # An empty cache: what is forgotten is called again, what is remembered is not.
    forgetful = Memory()
    forgetful.cached = lambda keys: {}  # type: ignore[method-assign]
    assert run(work, forgetful).calls == 5


def test_a_run_that_is_cancelled_from_outside_writes_what_came_and_is_cancelled(
    making: Build, records: Records, memory: Memory, server: LlmServer
) -> None:
    (making.folder / "prompt.j2").write_text("{{ text }}")
    making.python("size", "text", "return text")
    given = {"model": "m", "prompt": "prompt.j2", "base_url": server.base_url}
    making.add("draft", "llm", "text=size", OutputType(kind=Kind.TEXT), given)
    server.answers(always="hang")
    work = making.work(records("a"))

    async def scenario() -> None:
        running = asyncio.create_task(run_async(work, memory))
        await asyncio.to_thread(server.counters, calls=1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())
    assert memory.values("size") == {"r0": "a"}


def test_a_stage_gives_several_candidates_and_a_later_one_picks(
    making: Build, records: Records, memory: Memory
) -> None:
    making.code = "def drafts(text):\n    yield text\n    yield text + '!'\n    yield text + '!!'\n"
    making.add("drafts", "python", "text", TEXT, {"function": "stages.py:drafts"})
    picks = "return max(drafts, key=len) + str(len(drafts)) + first"
    making.python("pick", "drafts=drafts.candidates first=drafts", picks)
    run(making.work(records("a", "b")), memory)
    assert memory.values("drafts") == {"r0": "a", "r1": "b"}
    assert memory.values("pick") == {"r0": "a!!3a", "r1": "b!!3b"}


def test_branches_come_together_where_one_was_skipped(making: Build, records: Records, memory: Memory) -> None:
    making.python("kind", "text", "return text[0]")
    making.python("left", "text", "return 'L' + text", when='kind == "l"', when_reads=(Source("stage", "kind"),))
    making.python("right", "text", "return 'R' + text", when='kind == "r"', when_reads=(Source("stage", "kind"),))
    making.python("join", "left=left right=right", "return left or right or 'none'")
    run(making.work(records("la", "rb", "xc")), memory)
    assert memory.values("join") == {"r0": "Lla", "r1": "Rrb", "r2": "none"}


def test_each_stage_gets_inputs_of_its_own_and_what_was_returned_is_what_is_kept(making: Build, memory: Memory) -> None:
    tags = OutputType(kind=Kind.OBJECT, schema="{}")
    making.python("first", "tags", "tags['all'].pop(); return tags", tags)
    making.python("second", "first=first", "first['all'].append('z'); return first", tags)
    making.python("third", "tags first=first", "return '|'.join(tags['all'] + first['all'])")
    record = Record(id="r0", fields={"tags": {"all": ["x", "y"]}})
    run(making.work([record]), memory)
    assert memory.values("first") == {"r0": {"all": ["x"]}}
    assert memory.values("second") == {"r0": {"all": ["x", "z"]}}
    assert memory.values("third") == {"r0": "x|y|x"}
    assert record.fields == {"tags": {"all": ["x", "y"]}}


def test_a_call_that_a_stage_gives_up_is_that_records_failure(making: Build, records: Records, memory: Memory) -> None:
    class GivingUp:
        """Ends a call as if the run had given it up."""

        fingerprint, reads_record = "f", False

        async def answer(self, inputs: Inputs) -> Reply:
            if inputs["text"] == "b":
                raise asyncio.CancelledError
            return Reply(value="a")

        async def close(self) -> None:
            pass

    making.python("reply", "text", "return text")
    summary = run(replace(making.work(records("a", "b")), codes={"reply": GivingUp()}), memory)
    assert summary.status is RunStatus.DONE
    assert memory.of("reply")["r0"].value == "a"
    lost = memory.of("reply")["r1"]
    assert (lost.status, lost.error) == (Status.INFRASTRUCTURE, "the stage gave the call up")


def test_a_run_that_lost_answers_is_not_done(making: Build, records: Records, memory: Memory) -> None:
    class Losing:
        """Ends a batch as if the run had given it up."""

        fingerprint, reads_record = "f", False

        def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
            raise asyncio.CancelledError

    making.python("reply", "text", "return text")
    summary = run(replace(making.work(records("a", "b")), codes={"reply": Losing()}), memory)
    assert summary.status is RunStatus.STOPPED
    assert summary.error == "Stage 'reply' lost 2 answers: they never came back."
