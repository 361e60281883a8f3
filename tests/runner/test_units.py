from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.making import Build, Memory, run
from runner.test_with_store import begun
from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.cascade import Document, Kind, OutputType, Source
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner import CellWork, Silent, execute, plan
from stagegap.runner.prepare import cell_works
from stagegap.stages import Corpus
from stagegap.store.store import Store

LIST = OutputType(kind=Kind.LIST, schema='{"type":"string"}')
TRUTH = OutputType(kind=Kind.BOOLEAN)
Records = Callable[..., list[Record]]
SPLIT = Source("stage", "split")


@pytest.fixture
def claims(making: Build) -> Build:
    """split -> check of each sentence -> all: an answer is right when every sentence of it is."""
    making.python("split", "text", "return [s.strip() for s in text.split('.') if s.strip()]", LIST)
    making.python("check", "claim=split text", "return {}[1] if 'bad' in claim else 'true' in claim", TRUTH, each=SPLIT)
    making.add("right", "join", "units=check", TRUTH, {"by": "all"})
    return making


def test_each_item_of_a_list_is_an_answer_of_its_own_and_the_join_reads_them_in_order(
    claims: Build, records: Records, memory: Memory
) -> None:
    claims.python("echo", "units=check", "return str(units)")
    summary = run(claims.work(records("true a. false b", "true c", "")), memory)
    assert memory.values("check") == {"r0#0": True, "r0#1": False, "r1#0": True}
    assert memory.values("right") == {"r0": False, "r1": True, "r2": True}
    assert memory.values("echo") == {"r0": "[True, False]", "r1": "[True]", "r2": "[]"}
    tally = summary.cells[0].tallies["check"]
    assert (tally.total, tally.done, tally.calls) == (3, 3, 3)


def test_equal_units_are_one_call_and_a_second_run_makes_none(claims: Build, records: Records, memory: Memory) -> None:
    claims.stages[1] = replace(claims.stages[1], inputs={"claim": SPLIT})
    claims.code = claims.code.replace("def check(claim, text)", "def check(claim)")
    first = run(claims.work(records("true. true. b", "b")), memory)
    assert first.cells[0].tallies["check"].calls == 2
    assert run(claims.work(records("true. true. b", "b"), run="2"), memory).calls == 0


def test_a_unit_that_fails_is_its_own_failure_and_blocks_what_joins_it(
    claims: Build, records: Records, memory: Memory
) -> None:
    run(claims.work(records("true. bad one", "true")), memory)
    assert {unit: output.status for unit, output in memory.of("check").items()} == {
        "r0#0": Status.OK, "r0#1": Status.ERROR, "r1#0": Status.OK,
    }  # fmt: skip
    blocked = memory.of("right")["r0"]
    assert (blocked.status, blocked.because, blocked.error) == (
        Status.BLOCKED, Status.ERROR, "check is blocked",
    )  # fmt: skip
    assert memory.values("right")["r1"] is True


def test_a_list_that_failed_has_no_units_and_blocks_what_rests_on_them(
    making: Build, records: Records, memory: Memory
) -> None:
    making.python("split", "text", "return {}[text] if text == 'bad' else [text]", LIST)
    making.python("check", "claim=split", "return True", TRUTH, each=SPLIT)
    making.add("right", "join", "units=check", TRUTH, {"by": "any"})
    run(making.work(records("bad", "good")), memory)
    assert list(memory.of("check")) == ["r1#0"]
    blocked = memory.of("right")["r0"]
    assert (blocked.status, blocked.because) == (Status.BLOCKED, Status.ERROR)


def test_a_list_that_was_skipped_skips_the_join(making: Build, records: Records, memory: Memory) -> None:
    making.python(
        "split", "text", "return [text]", LIST, when="record.text != ''", when_reads=(Source("record", "text"),)
    )
    making.python("check", "claim=split", "return True", TRUTH, each=SPLIT)
    making.add("right", "join", "units=check", TRUTH, {"by": "all"})
    run(making.work(records("", "a")), memory)
    assert memory.of("right")["r0"].status is Status.SKIPPED


def test_a_condition_is_asked_unit_by_unit_and_a_skipped_unit_is_left_out_of_the_join(
    claims: Build, records: Records, memory: Memory
) -> None:
    claims.stages.pop()
    claims.python(
        "mend", "claim=split", "return 'mended ' + claim", each=SPLIT, when="!check",
        when_reads=(Source("stage", "check"),),
    )  # fmt: skip
    claims.python("end", "mended=mend", "return ' | '.join(m for m in mended if m)")
    run(claims.work(records("true a. b. c")), memory)
    assert memory.of("mend")["r0#0"].status is Status.SKIPPED
    assert memory.values("end") == {"r0": "mended b | mended c"}


def test_units_of_units_know_what_they_lie_in(making: Build, records: Records, memory: Memory) -> None:
    making.python("split", "text", "return [s for s in text.split('.') if s]", LIST)
    making.python(
        "words", "sentence=split", "return {}[1] if 'bad' in sentence else sentence.split()", LIST, each=SPLIT
    )
    making.python(
        "upper", "word=words sentence=split", "return f'{word.upper()} of {sentence}'", each=Source("stage", "words")
    )
    making.python("line", "words=upper sentence=split", "return f'{sentence}: {words}'", each=SPLIT)
    making.python("end", "lines=line words=upper", "return f'{len(lines)} {len(words)}'")
    run(making.work(records("a b.c", "bad.d")), memory)
    assert memory.values("upper")["r0#0#1"] == "B of a b"
    assert memory.values("line")["r0#0"] == "a b: ['A of a b', 'B of a b']"
    assert memory.values("end")["r0"] == "2 3"
    # One sentence that failed takes nothing from the other, and blocks what joins both.
    assert memory.values("upper")["r1#1#0"] == "D of d"
    assert {unit: memory.of("line")[unit].status for unit in ("r1#0", "r1#1")} == {
        "r1#0": Status.BLOCKED, "r1#1": Status.OK,
    }  # fmt: skip
    assert memory.of("end")["r1"].because is Status.ERROR


def test_two_lists_beside_each_other_meet_in_their_record(making: Build, memory: Memory) -> None:
    making.python("a", "xs", "return f'a{xs}'", each=Source("record", "xs"))
    making.python("b", "ys whole=a", "return f'{ys} {whole}'", each=Source("record", "ys"))
    making.python("end", "bs=b", "return str(bs)")
    rows = [Record(id="r", fields={"xs": [1, 2], "ys": ["y"]}), Record(id="s", fields={"xs": 3, "ys": []})]
    run(making.work(rows), memory)
    assert memory.values("b") == {"r#0": "y ['a1', 'a2']"}
    assert memory.values("end")["s"] == "[]"


def test_documents_of_a_ranking_come_one_by_one(making: Build, records: Records, memory: Memory) -> None:
    texts = ("red hat", "blue hat")
    documents = {f"d{n}": Document(id=f"d{n}", title=f"T{n}", text=text) for n, text in enumerate(texts)}
    making.corpora["shop"] = Corpus(name="shop", documents=documents)
    ranking = OutputType(kind=Kind.RANKING, of="shop", k=2)
    making.add("find", "retrieval", "text", ranking, {"corpus": "shop", "method": "bm25", "k": 2, "query": ["text"]})
    making.python("judge", "doc=find id=find.ids", "return f\"{id} {doc['title']}\"", each=Source("stage", "find"))
    making.python("end", "judged=judge", "return str(judged)")
    run(making.work(records("red hat")), memory)
    assert memory.values("end")["r0"] == "['d0 T0', 'd1 T1']"


def given_by(units: Mapping[str, Json], whole: Mapping[str, Json]) -> dict[str, Answer]:
    return {name: Answer(value=value) for name, value in (*units.items(), *whole.items())}


def test_units_of_a_list_that_is_put_in_are_asked_in_place_of_the_systems(
    claims: Build, records: Records, memory: Memory
) -> None:
    cell = Cell("reference", ("split",))
    put = CellWork(cell=cell, given={"split": {"r0": Answer(value=["true x", "true y", "b"])}})
    summary = run(claims.work(records("true", "true"), put), memory)
    assert memory.values("check", str(cell)) == {"r0#0": True, "r0#1": True, "r0#2": False}
    assert (memory.values("right", str(cell)), summary.cells[0].left_out) == ({"r0": False}, 1)


def test_answers_to_units_that_are_put_in_decide_which_units_there_are(
    claims: Build, records: Records, memory: Memory
) -> None:
    claims.stages.pop()
    claims.python("say", "claim=split is_true=check", "return f'{claim} {is_true}'", each=SPLIT)
    claims.python("end", "parts=say checks=check", "return f'{parts} {checks}'")
    cell = Cell("reference", ("check",))
    put = CellWork(cell=cell, given={"check": given_by({"r0#0": False, "r0#2": True}, {"r0": [False, True]})})
    run(claims.work(records("true a. true b"), put), memory)
    # Unit 1 is the system's alone: the reference knows none, so nothing is made of it.
    assert memory.values("say", str(cell)) == {"r0#0": "true a False", "r0#1": None}
    assert memory.of("say", str(cell))["r0#1"].status is Status.SKIPPED
    assert memory.values("end", str(cell)) == {"r0": "['true a False', None] [False, True]"}


def reference(record: str, stage: str, value: Json) -> Reference:
    return Reference(record=record, stage=stage, accepted=(Answer(value=value),))


def test_references_of_units_are_put_in_where_every_unit_of_a_record_has_one(
    claims: Build, records: Records, memory: Memory
) -> None:
    rows = records("true. b", "true", "b", "c")
    references = [
        reference("r0#1", "check", True),
        reference("r0", "split", ["x", "y"]),
        reference("r0#0", "check", True),
        reference("r1", "split", ["x", "y"]),
        reference("r1#0", "check", True),
        reference("r2", "split", []),
        reference("r3#0", "check", True),
    ]
    cells = cell_works(claims.cascade, references, records=rows)
    run(claims.work(rows, *cells), memory)
    assert memory.values("right") == {"r0": False, "r1": True, "r2": False, "r3": False}
    assert memory.values("right", "reference:split") == {"r0": False, "r1": False, "r2": True}
    # r1 lacks the reference of a unit, and of r3 nobody knows which units there are.
    assert memory.values("right", "reference:check") == {"r0": True, "r2": True}


def test_a_plan_counts_units_that_are_known_and_says_where_they_are_not(
    claims: Build, records: Records, tmp_path: Path
) -> None:
    rows = records("true a. b. c", "")
    with Store.open(tmp_path / "store") as store:
        store.put_records("c", rows)
        work = begun(store, claims.work(rows))
        first = {stage.stage: (stage.calls, stage.is_exact) for stage in plan(work, cache=store).cells[0].stages}
        assert first == {"split": (2, True), "check": (2, False), "right": (2, False)}
        execute(work, sink=store, cache=store, progress=Silent())
        units = {output.record: output.value for output in store.outputs(work.run, SYSTEM, "check")}
        assert units == {"r0#0": True, "r0#1": False, "r0#2": False}
        again = plan(claims.work(rows, run="2"), cache=store)
        assert [(s.stage, s.calls, s.known, s.is_exact) for s in again.cells[0].stages] == [
            ("split", 0, 2, True), ("check", 0, 3, True), ("right", 0, 2, True),
        ]  # fmt: skip


@given(
    texts=st.lists(st.sampled_from(["true a", "b", "bad c", "true d", "e bad"]), min_size=1, max_size=6),
    repeats=st.integers(1, 2),
)
def test_one_unit_a_record_gives_what_the_plain_cascade_gives(
    texts: Sequence[str], repeats: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [Record(id=f"r{n}", fields={"text": text}) for n, text in enumerate(texts)]
    plain, fanned = (Build(tmp_path_factory.mktemp(f"units{next(_NUMBERS)}")) for _ in range(2))
    body = "return {}[1] if 'bad' in claim else 'true' in claim"
    plain.python("split", "text", "return text")
    plain.python("check", "claim=split", body, TRUTH, repeats=repeats)
    plain.python("right", "held=check", "return str(held)")
    fanned.python("split", "text", "return [text]", LIST)
    fanned.python("check", "claim=split", body, TRUTH, each=SPLIT, repeats=repeats)
    fanned.python("right", "held=check", "return str(held[0])")
    memories: list[Memory] = []
    for making in (plain, fanned):
        memories.append(Memory())
        run(making.work(rows), memories[-1])
    facts = [
        {
            (output.record.removesuffix("#0"), output.repeat): fact(output)
            for output in memory.outputs
            if output.stage == stage
        }
        for stage in ("check", "right")
        for memory in memories
    ]
    assert facts[0] == facts[1]
    assert facts[2] == facts[3]


_NUMBERS = count()


def fact(output: Output) -> tuple[Status, Json, Status | None]:
    return output.status, output.value, output.because
