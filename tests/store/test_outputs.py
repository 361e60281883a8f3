from __future__ import annotations

import math

import pytest

from stagegap.errors import NotFound
from stagegap.model.answer import Attempt, Status
from stagegap.model.run import SYSTEM, Cell
from stagegap.store import Store
from store.material import RUN, output, run

LONG = "A long answer. " * 20
EVERY_KIND = [
    output("r0", value="spam", confidence=0.1 + 0.2, latency_ms=1.5, tokens_in=7, tokens_out=9, cost=1e-7),
    output("r1", value=LONG, raw=f"```{LONG}```", status=Status.REPAIRED),
    output("r2", value=["p1", "p2"], scores=(0.7, 0.1), alternatives=("p3", None)),
    output("r3", value=None, status=Status.BLOCKED, because=Status.INFRASTRUCTURE, error="time-out"),
    output("r4", value={"a": [1, None, 2**60], "b": {"c": "d"}}, repeat=2),
    output("r5", value=True, cached=True),
    output("r6", value=-12),
    output("r7", value=0.1),
    output("r8", value=2**60),
    output("r9", value="nul \0 and é 😀", key="0123456789abcdef" * 2),
    output("ra", attempts=(Attempt(0.0, 0.25, Status.INFRASTRUCTURE, "429"), Attempt(2.5, 1.0, Status.OK))),
]


def test_every_kind_of_output_comes_back_as_it_was(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, EVERY_KIND)
    found = store.outputs(RUN, SYSTEM, "route")
    assert found == EVERY_KIND
    assert [type(o.value) for o in found] == [type(o.value) for o in EVERY_KIND]


def test_stages_cells_and_runs_are_kept_apart(store: Store) -> None:
    store.create_run(run("6" * 32))
    swap = Cell("reference", ("route", "retrieve"))
    store.append_outputs(RUN, SYSTEM, [output(value="a"), output(stage="draft", value="b")])
    store.append_outputs(RUN, swap, [output(stage="draft", value="c")])
    store.append_outputs("6" * 32, SYSTEM, [output(value="d")])
    assert [o.value for o in store.outputs(RUN, SYSTEM, "draft")] == ["b"]
    assert [o.value for o in store.outputs(RUN, swap, "draft")] == ["c"]
    assert [o.value for o in store.outputs("6" * 32, SYSTEM, "route")] == ["d"]
    assert store.outputs(RUN, swap, "route") == []
    assert store.cells(RUN) == [SYSTEM, swap]


def test_chosen_records_only_are_given(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output(f"r{i}") for i in range(5)])
    assert [o.record for o in store.outputs(RUN, SYSTEM, "route", records=["r3", "r1", "nobody"])] == ["r1", "r3"]
    assert store.outputs(RUN, SYSTEM, "route", records=[]) == []


def test_same_answers_again_are_no_second_ones_before_and_after_the_drain(store: Store) -> None:
    for _ in range(2):
        store.append_outputs(RUN, SYSTEM, [output(latency_ms=1.0)])
        store.append_outputs(RUN, SYSTEM, [output(latency_ms=2.0)])
        assert store.outputs(RUN, SYSTEM, "route") == [output(latency_ms=1.0)]
    assert "0 outputs or labels" in next(f.message for f in store.check() if f.what == "duplicates")


def test_retry_that_mends_a_failure_counts_from_then_on(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output(status=Status.INFRASTRUCTURE, value=None)])
    store.append_outputs(RUN, SYSTEM, [output(value="mended")])
    assert [o.value for o in store.outputs(RUN, SYSTEM, "route")] == ["mended"]


def test_repeats_of_a_record_are_all_given(store: Store) -> None:
    repeats = [output(repeat=n, value=f"try {n}") for n in range(3)]
    store.append_outputs(RUN, SYSTEM, repeats)
    assert store.outputs(RUN, SYSTEM, "route") == repeats


def test_no_outputs_are_no_operation(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [])
    assert store.waiting().ops == 0


def test_outputs_of_a_record_that_was_never_taken_in_are_kept(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("stranger")])
    assert [o.record for o in store.outputs(RUN, SYSTEM, "route")] == ["stranger"]
    assert len(store.records("mail")) == 10


def test_lone_surrogates_are_escaped_and_crash_no_batch(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", value="a\ud800b"), output("r1", value=["\udfff", {"\ud800": 1}])])
    assert [o.value for o in store.outputs(RUN, SYSTEM, "route")] == ["a\\ud800b", ["\\udfff", {"\\ud800": 1}]]


def test_unknown_run_is_refused_with_its_id(store: Store) -> None:
    with pytest.raises(NotFound, match="no run with the id 'nowhere'"):
        store.append_outputs("nowhere", SYSTEM, [output()])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": math.nan}, "number nan"),
        ({"confidence": math.inf}, "confidence inf"),
        ({"latency_ms": -math.inf}, "latency_ms -inf"),
        ({"cost": math.nan}, "cost nan"),
        ({"value": {"a": [math.nan]}}, "nan is no number"),
        ({"scores": (math.inf,), "value": ["p"]}, "inf is no number"),
        ({"key": "short"}, "32 hex digits"),
        ({"key": "x" * 32}, "32 hex digits"),
        ({"value": 2**70}, "more than 64 bits"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_the_border(store: Store, fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store.append_outputs(RUN, SYSTEM, [output("r1"), output(**fields)])
    assert store.waiting().ops == 0


def test_numbers_whose_sum_overflows_are_stored(store: Store) -> None:
    outputs = [output(f"r{i}", value=1.7e308) for i in range(2)]
    store.append_outputs(RUN, SYSTEM, outputs)
    assert store.outputs(RUN, SYSTEM, "route") == outputs


def test_one_answer_twice_in_a_batch_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="stands twice"):
        store.append_outputs(RUN, SYSTEM, [output(value="a"), output(value="b")])


def test_cached_answers_are_found_by_key_over_all_runs_and_before_the_drain(store: Store) -> None:
    keys = [f"{n:032x}" for n in range(4)]
    store.create_run(run("6" * 32))
    store.append_outputs(RUN, SYSTEM, [output("r0", key=keys[0], value="old"), output("r1", key=keys[1], value=LONG)])
    store.append_outputs("6" * 32, Cell("person", ("route",)), [output("r0", key=keys[0], value="new")])
    refused = output("r2", key=keys[2], status=Status.REFUSED, value=None)
    store.append_outputs(RUN, SYSTEM, [refused])
    found = store.cached([*keys, keys[0]])
    assert {key: o.value for key, o in found.items()} == {keys[0]: "new", keys[1]: LONG, keys[2]: None}
    assert found[keys[2]] == refused
    assert store.cached([]) == {}


@pytest.mark.parametrize("status", [Status.INFRASTRUCTURE, Status.BLOCKED, Status.SKIPPED])
def test_call_that_got_no_answer_is_not_cached(store: Store, status: Status) -> None:
    store.append_outputs(RUN, SYSTEM, [output(key="a" * 32, status=status, value=None)])
    assert store.cached(["a" * 32]) == {}


def test_later_failure_does_not_hide_an_answer(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", key="a" * 32, value="answer")])
    store.append_outputs(RUN, SYSTEM, [output("r1", key="a" * 32, value=None, status=Status.INFRASTRUCTURE)])
    assert store.cached(["a" * 32])["a" * 32].value == "answer"


def test_text_that_a_cached_answer_repeats_is_stored_once(store: Store) -> None:
    store.append_outputs(RUN, SYSTEM, [output("r0", value=LONG), output("r1", value=LONG)])
    store.cells(RUN)
    store.append_outputs(RUN, SYSTEM, [output("r2", value=LONG, cached=True), output("r3", value=LONG + "!")])
    assert [o.value for o in store.outputs(RUN, SYSTEM, "route")] == [LONG, LONG, LONG, LONG + "!"]
    with store._file.reading() as session:
        assert session.rows("select id, body from blob order by id") == [(1, LONG), (2, LONG + "!")]
