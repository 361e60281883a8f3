"""Outputs that one run takes over from another: which can be had, and that none is lost or doubled on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.errors import NotFound
from stagegap.model.answer import Output, Status
from stagegap.model.run import SYSTEM, Carried, Carry
from stagegap.store import Store
from store.material import RUN, output, records, run
from store.test_care import break_blocks, wrong
from store.test_drain import flip

LATER = "6" * 32
NAMES = [f"r{n}" for n in range(10)]
KEYS = [f"{n:032x}" for n in range(40)]


@pytest.fixture
def later(store: Store) -> str:
    return store.create_run(run(LATER)).id


def both(n: int, **route) -> list[Output]:
    """Outputs of a record at the stages `route` and `draft`; those of `route` as told."""
    return [
        output(f"r{n}", **({"key": KEYS[n]} | route)),
        output(f"r{n}", stage="draft", key=KEYS[20 + n], value="A long answer. " * 20, latency_ms=2.5, cost=0.25),
    ]


def given(store: Store, *outputs: Sequence[Output]) -> None:
    store.append_outputs(RUN, SYSTEM, [one for some in outputs for one in some])


def carry(source: str = RUN, **repeats: int) -> Carry:
    return Carry(source=source, repeats=repeats or {"route": 1, "draft": 1})


def copied(store: Store, stage: str, run: str = LATER) -> dict[str, Output]:
    return {one.record: one for one in store.outputs(run, SYSTEM, stage)}


def test_outputs_of_an_earlier_run_stand_in_the_later_one_as_from_the_cache(store: Store, later: str) -> None:
    given(store, *(both(n) for n in range(10)))
    found = store.carrying.carry(later, carry(), NAMES)
    assert found == Carried(left=frozenset(), counts={("route", Status.OK, True): 10, ("draft", Status.OK, True): 10})
    for stage in ("route", "draft"):
        then, now = copied(store, stage, RUN), copied(store, stage)
        assert list(now) == NAMES
        assert now == {name: replace(one, cached=True) for name, one in then.items()}
    assert wrong(store) == {}


def test_record_is_left_where_an_output_lacks_or_would_be_made_again(store: Store, later: str) -> None:
    given(
        store,
        both(0),
        both(1)[:1],  # its draft is missing
        both(2, key="", status=Status.INFRASTRUCTURE, value=None),
        both(3, key="", status=Status.UNPARSABLE, value=None),  # an exception: called again
        both(4, status=Status.REFUSED, value=None),
        both(5, key="", status=Status.SKIPPED, value=None),
        both(6, key="", status=Status.BLOCKED, because=Status.UNPARSABLE, value=None),
        both(7, key="", status=Status.BLOCKED, because=Status.INFRASTRUCTURE, value=None),
    )
    asked = [*reversed(NAMES), "nobody"]
    found = store.carrying.carry(later, carry(), asked)
    assert {asked[place] for place in found.left} == {"r1", "r2", "r3", "r7", "r8", "r9", "nobody"}
    assert found.counts == {
        ("route", Status.OK, True): 1,
        ("route", Status.REFUSED, True): 1,
        ("route", Status.SKIPPED, False): 1,
        ("route", Status.BLOCKED, False): 1,
        ("draft", Status.OK, True): 4,
    }
    now = copied(store, "route")
    assert {name: (one.status, one.cached) for name, one in now.items()} == {
        "r0": (Status.OK, True),
        "r4": (Status.REFUSED, True),
        "r5": (Status.SKIPPED, False),
        "r6": (Status.BLOCKED, False),
    }
    assert now["r6"].because is Status.UNPARSABLE


def test_nothing_to_be_had_writes_nothing(store: Store, later: str) -> None:
    assert store.carrying.carry(later, carry(), NAMES) == Carried(left=frozenset(range(10)))
    assert store.carrying.carry(later, carry(route=121), NAMES) == Carried(left=frozenset(range(10)))
    assert store.waiting().ops == 0
    with pytest.raises(NotFound, match="knows no run with the id '99"):
        store.carrying.carry(later, carry("9" * 32), NAMES)


def test_only_the_stages_asked_for_are_taken_over_and_can_be_read(store: Store, later: str) -> None:
    given(store, *(both(n) for n in range(4)))
    wanted = carry(draft=1)
    assert store.carrying.carry(later, wanted, NAMES[:3]).left == frozenset()
    assert (set(copied(store, "draft")), copied(store, "route")) == ({"r0", "r1", "r2"}, {})
    found = {one.record: one for one in store.carrying.carried(wanted, "draft", ["r2", "r0"])}
    assert found == {name: one for name, one in copied(store, "draft", RUN).items() if name in ("r0", "r2")}


def test_all_of_an_output_that_a_later_stage_may_read_comes_with_it(store: Store, later: str) -> None:
    made = [
        output(
            "r0", key=KEYS[0], value=["a", "b"], scores=(0.5, 0.25), confidence=0.5, alternatives=("c",), raw="x" * 90
        ),
        output("r1", status=Status.SKIPPED, value=None),
        output("r2", status=Status.BLOCKED, because=Status.REFUSED, value=None, error="kind is refused"),
    ]
    given(store, made)
    wanted = carry(route=1)
    assert store.carrying.carry(later, wanted, NAMES[:3]).left == frozenset()
    assert sorted(store.carrying.carried(wanted, "route", NAMES[:3]), key=lambda one: one.record) == made


def test_repeats_are_told_apart(store: Store, later: str) -> None:
    given(store, [output("r0", key=KEYS[n], value=n, repeat=n) for n in range(3)])
    given(store, [output("r1", key=KEYS[n], repeat=n) for n in (0, 2)])
    found = store.carrying.carry(later, carry(route=2), ["r0", "r1"])
    assert found.left == {1}
    assert [(one.repeat, one.value) for one in store.outputs(LATER, SYSTEM, "route")] == [(0, 0), (1, 1)]


def test_record_that_was_mended_goes_call_by_call(store: Store, later: str) -> None:
    given(store, [output("r0", status=Status.INFRASTRUCTURE, value=None)])
    given(store, [output("r0", key=KEYS[0]), output("r1", key=KEYS[1])])
    assert store.carrying.carry(later, carry(route=1), ["r0", "r1"]).left == {0}


def test_what_the_source_is_given_later_is_not_meant(store: Store, later: str) -> None:
    given(store, [output("r0", key=KEYS[0], value="then")])
    store.carrying.carry(later, carry(route=1), ["r0"])
    given(store, [output("r0", key=KEYS[1], value="later")])
    assert copied(store, "route")["r0"].value == "then"


def test_taking_the_same_over_twice_is_no_second_time(store: Store, later: str) -> None:
    given(store, [output("r0", key=KEYS[0])])
    for _ in range(2):
        assert store.carrying.carry(later, carry(route=1), ["r0"]).left == frozenset()
        store.cells(LATER)
    with store._file.reading() as session:
        assert session.rows("select count(*) from output") == [(2,)]
    assert store.create_run(run("7" * 32)).id
    assert store.carrying.carry("7" * 32, carry(LATER, route=1), ["r0"]).left == frozenset()


def test_a_killed_drain_leaves_it_in_the_journal_and_the_next_opener_finishes(
    store: Store, later: str, folder: Path
) -> None:
    given(store, *(both(n) for n in range(10)))
    store.carrying.carry(later, carry(), NAMES)
    assert store.waiting().ops == 1
    with Store.open(folder, drain=False) as other:
        assert len(copied(other, "draft")) == 10
    assert store.waiting().ops == 0
    assert wrong(store) == {}


def test_rebuild_keeps_what_was_taken_over_drained_or_not(store: Store, later: str) -> None:
    given(store, *(both(n) for n in range(10)))
    store.carrying.carry(later, carry(), NAMES[:5])
    store.cells(LATER)
    store.carrying.carry(later, carry(), NAMES[5:])
    assert store.rebuild().lost == ()
    assert list(copied(store, "draft")) == NAMES
    assert wrong(store) == {}


def test_source_that_a_rebuild_could_not_save_is_named(store: Store, later: str, folder: Path) -> None:
    given(store, *(both(n) for n in range(10)))
    store.carrying.carry(later, carry(), NAMES)
    break_blocks(folder / "store.duckdb")
    store.rebuild()
    assert "takes over outputs of a run that the file does not know any more" in wrong(store)["set aside"]


def test_outputs_that_the_file_has_lost_are_named_and_nothing_half_is_copied(store: Store, later: str) -> None:
    given(store, *(both(n) for n in range(10)))
    store.carrying.carry(later, carry(), NAMES)
    with store._file.writing() as session:
        session.run("delete from output where record = (select id from record where name = 'r3')")
    store.cells(LATER)
    assert copied(store, "draft") == {}
    assert "it takes over 20 outputs of another run, of which the file has 18" in wrong(store)["set aside"]


def test_flipped_bit_is_found(store: Store, later: str, folder: Path) -> None:
    given(store, *(both(n) for n in range(2)))
    store.carrying.carry(later, carry(), NAMES[:2])
    flip(folder, store._journal.last())
    assert copied(store, "draft") == {}
    assert "its checksum does not fit" in wrong(store)["set aside"]


def test_answers_are_still_found_by_their_keys_where_they_were_made(store: Store, later: str) -> None:
    given(store, *(both(n) for n in range(3)))
    store.carrying.carry(later, carry(), NAMES[:3])
    assert store.cached([KEYS[0], KEYS[9]]).keys() == {KEYS[0]}
    with Store.open(store.folder, drain=False) as other:
        assert other.cached([KEYS[0], KEYS[9]]).keys() == {KEYS[0]}


def test_rebuild_keeps_outputs_that_came_after_an_operation_that_was_set_aside(store: Store) -> None:
    store._journal.append("batch", [("f" * 32, b"{}")])
    store._journal.set_aside([1], "by hand")
    given(store, [output("r0", key=KEYS[0])])
    store.cells(RUN)
    assert store.rebuild().outputs == 1
    assert [one.record for one in store.outputs(RUN, SYSTEM, "route")] == ["r0"]


def test_names_that_are_no_plain_text_are_found_again(store: Store, later: str) -> None:
    odd = replace(records(1)[0], id="r\ud800")
    store.put_records("mail", [odd])
    given(store, [output(odd.id, key=KEYS[0])])
    assert store.carrying.carry(later, carry(route=1), [odd.id]).left == frozenset()
