"""What a person is asked and what they answered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.cascade import Document, Kind, OutputType, Source, Stage
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people import card

RECORDS = [f"r{i}" for i in range(50)]
CORPUS = [f"d{i:02}" for i in range(40)]
DOCUMENTS = {name: Document(id=name, title=f"Title {name}", text=f"Text {name}") for name in CORPUS}


def stage(output: OutputType, **more: Any) -> Stage:
    given_: dict[str, Any] = {
        "name": "route",
        "uses": "python",
        "inputs": {"body": Source("record", "body")},
        "output": output,
        "metrics": ("accuracy",),
        "ask": "Which team?",
    }
    return Stage(**{**given_, **more})


LABEL = OutputType(kind=Kind.LABEL, values=("a", "b"))
LABELS = OutputType(kind=Kind.LABELS, values=("a", "b"))
RANKING = OutputType(kind=Kind.RANKING, of="docs", k=3)
TEXT = OutputType(kind=Kind.TEXT)
NUMBER = OutputType(kind=Kind.NUMBER, low=0, high=10)
BOOLEAN = OutputType(kind=Kind.BOOLEAN)


def field(output: OutputType, **more: Any) -> dict[str, Any]:
    return card.form(stage(output, **more))["fields"][0]  # type: ignore[index]


def test_label_of_nine_has_keys_and_of_ten_has_a_filter() -> None:
    nine = OutputType(kind=Kind.LABEL, values=tuple("abcdefghi"))
    ten = OutputType(kind=Kind.LABEL, values=tuple("abcdefghij"))
    assert (field(nine)["kind"], field(ten)["kind"]) == ("choice", "list")


def test_choices_carry_their_help() -> None:
    found = field(LABEL, choices_help={"a": "the first"})
    assert found["options"] == [{"value": "a", "help": "the first"}, {"value": "b", "help": ""}]


def test_every_other_output_type_has_its_form() -> None:
    assert [field(one)["kind"] for one in (LABELS, BOOLEAN, RANKING, TEXT, NUMBER)] == [
        "toggles",
        "choice",
        "ranking",
        "long",
        "number",
    ]
    assert field(BOOLEAN)["options"] == [{"value": True, "text": "yes"}, {"value": False, "text": "no"}]
    assert (field(NUMBER)["low"], field(NUMBER)["high"], field(RANKING)["k"]) == (0, 10, 3)


def test_form_for_places_says_their_shape_their_labels_and_whether_a_text_is_asked_for() -> None:
    boxes, spans = OutputType(kind=Kind.BOXES, of="photo"), OutputType(kind=Kind.SPANS, values=("PER", "ORG"))
    asked = field(boxes, metrics=("box_text_f1@0.5",))
    assert (asked["kind"], asked["shape"], asked["of"], asked["writes"]) == ("places", "boxes", "photo", True)
    marked = field(spans, metrics=("span_f1",))
    assert (marked["shape"], marked["of"], marked["values"], marked["writes"]) == ("spans", None, ["PER", "ORG"], False)
    assert card.output_of(card.form(stage(boxes))) == boxes
    with pytest.raises(ConfigurationError, match="gives a list, which the card has no form for"):
        card.form(stage(OutputType(kind=Kind.LIST)))


def test_question_stands_in_the_form_and_has_a_substitute() -> None:
    assert card.form(stage(LABEL))["question"] == "Which team?"
    assert card.form(stage(LABEL, ask=""))["question"] == "What is right at route?"


def test_text_judged_by_facts_asks_for_facts_too() -> None:
    found = card.form(stage(TEXT, metrics=("chrf", "fact_recall")))["fields"]
    assert [(one["name"], one["required"]) for one in found] == [("value", True), ("facts", False)]  # type: ignore[union-attr, index, call-overload]


def test_catalogue_goes_with_the_form_unless_it_is_large() -> None:
    documents = [DOCUMENTS["d00"], DOCUMENTS["d01"]]
    assert card.form(stage(RANKING), documents)["catalogue"] == [["d00", "Title d00"], ["d01", "Title d01"]]
    assert card.form(stage(RANKING), [DOCUMENTS["d00"]] * (card.CATALOGUE + 1))["catalogue"] == []


def test_form_hash_depends_on_the_output_type_only() -> None:
    first = card.form_hash(stage(LABEL))
    assert card.form_hash(stage(LABEL, ask="Other words?")) == first
    assert card.form_hash(stage(OutputType(kind=Kind.LABEL, values=("b", "a")))) != first
    assert card.form(stage(LABEL))["hash"] == first


@given(st.permutations(RECORDS), st.integers(0, 60), st.integers(0, 5))
def test_sample_does_not_depend_on_the_order_of_the_records(order: list[str], size: int, seed: int) -> None:
    drawn = card.sample(order, size, seed=seed)
    assert drawn == card.sample(RECORDS, size, seed=seed)
    assert len(set(drawn.records)) == len(drawn.records) == min(size, 50)
    assert drawn.probability == min(1.0, size / 50)


@given(st.integers(0, 49), st.integers(0, 5))
def test_any_prefix_is_the_smaller_sample(size: int, seed: int) -> None:
    assert card.sample(RECORDS, size, seed=seed).records == card.sample(RECORDS, 50, seed=seed).records[:size]


def test_every_record_is_drawn_equally_often() -> None:
    counts = dict.fromkeys(RECORDS, 0)
    for seed in range(2000):
        for record in card.sample(RECORDS, 10, seed=seed).records:
            counts[record] += 1
    # 400 expected each with a standard deviation of 18: five of them to either side
    assert all(310 < count < 490 for count in counts.values())


def test_sample_of_nothing_is_empty() -> None:
    assert card.sample([], 10, seed=0) == card.Sample(records=(), probability=0.0)


def test_pool_mixes_system_other_and_random_ids() -> None:
    pool = card.candidate_pool("r1", system=["d01", "d02", "d03"], other=["d02", "d04", "d05"], corpus=CORPUS)
    assert len(pool) == len(set(pool)) == 9
    assert {"d01", "d02", "d03", "d04", "d05"} < set(pool)
    assert pool == card.candidate_pool(
        "r1", system=["d01", "d02", "d03"], other=["d02", "d04", "d05"], corpus=list(reversed(CORPUS))
    )


def test_place_in_the_pool_does_not_tell_the_systems_answer() -> None:
    places = [0] * 9
    for i in range(3000):
        pool = card.candidate_pool(f"record {i}", system=["d01"], other=["d02"], corpus=CORPUS)
        places[pool.index("d01")] += 1
    # 333 expected at each place with a standard deviation of 17
    assert all(245 < count < 420 for count in places)


def test_ids_that_the_corpus_does_not_hold_are_left_out() -> None:
    assert set(card.candidate_pool("r", system=["gone", "d01"], other=[], corpus=["d01", "d02"])) == {"d01", "d02"}


def shown(inputs: dict[str, Source], values: dict[str, Json]) -> Any:
    return card.payload(stage(LABEL, inputs=inputs), "r1", values, {}, ())["inputs"]


def test_payload_holds_declared_inputs_and_nothing_else() -> None:
    values: dict[str, Json] = {"body": "Hello", "route": "SECRET", "reference": "SECRET", "score": 1.0}
    payload = card.payload(stage(LABEL), "r1", values, {}, ())
    assert payload == {"id": "r1", "inputs": [{"label": "body", "kind": "text", "value": "Hello"}], "options": {}}
    assert "SECRET" not in json.dumps(payload)


def test_payload_of_a_ranking_offers_the_pool_without_scores() -> None:
    payload = card.payload(stage(RANKING), "r1", {"body": "x"}, DOCUMENTS, ("d02", "d01"))
    assert payload["options"] == {
        "value": [
            {"value": "d02", "title": "Title d02", "text": "Text d02"},
            {"value": "d01", "title": "Title d01", "text": "Text d01"},
        ]
    }


@pytest.mark.parametrize(
    ("name", "source", "value", "expected"),
    [
        ("subject", Source("record", "subject"), "Hi", {"kind": "title", "value": "Hi"}),
        ("team", Source("stage", "route"), "account", {"kind": "tag", "value": "account"}),
        ("draft", Source("stage", "draft"), "a\nb", {"kind": "text", "value": "a\nb"}),
        ("team", Source("stage", "route"), None, {"kind": "tag", "value": "nothing"}),
        ("n", Source("record", "n"), 3, {"kind": "tag", "value": "3"}),
        ("new", Source("record", "new"), False, {"kind": "tag", "value": "no"}),
        ("new", Source("record", "new"), True, {"kind": "tag", "value": "yes"}),
        ("meta", Source("record", "meta"), {"a": 1}, {"kind": "text", "value": '{\n  "a": 1\n}'}),
        ("ids", Source("stage", "retrieve", "ids"), ["d1", 2], {"kind": "text", "value": "d1\n2"}),
        ("ids", Source("stage", "retrieve", "ids"), [], {"kind": "text", "value": "nothing"}),
        (
            "lines",
            Source("stage", "detect"),
            [{"x": 1, "y": 2, "w": 3, "h": 4}],
            {
                "kind": "text",
                "value": '[{"x": 1, "y": 2, "w": 3, "h": 4}]',
                "places": [{"x": 1, "y": 2, "w": 3, "h": 4}],
            },
        ),
        (
            "passages",
            Source("stage", "retrieve"),
            [{"id": "d1", "text": "x", "start": 3, "end": 9}],
            {"kind": "documents", "value": [{"id": "d1", "title": "", "text": "x"}]},
        ),
        (
            "found",
            Source("stage", "retrieve"),
            [{"id": "d1", "title": "T", "text": "x", "price": 3}, {"id": 2}],
            {
                "kind": "documents",
                "value": [{"id": "d1", "title": "T", "text": "x"}, {"id": "2", "title": "", "text": ""}],
            },
        ),
    ],
)
def test_each_input_is_shown_as_what_it_is(name: str, source: Source, value: Json, expected: dict[str, Json]) -> None:
    assert shown({name: source}, {name: value}) == [{"label": name, **expected}]


def test_input_that_was_not_there_is_not_shown() -> None:
    assert shown({"body": Source("record", "body")}, {}) == []


def queue(output: OutputType, **more: Any) -> Queue:
    form = card.form(stage(output, **more), [DOCUMENTS["d30"]])
    return Queue(
        id="q1",
        cascade="c",
        stage="route",
        purpose="random",
        created_at=0.0,
        form=json.dumps(form),
        guideline="Read all of it.",
    )


def item(pool: tuple[str, ...] = ()) -> QueueItem:
    payload = card.payload(stage(RANKING), "r1", {"body": "x"}, DOCUMENTS, pool)
    return QueueItem(position=0, record="r1", payload=json.dumps(payload), probability=0.25)


def event(value: Json, **more: Json) -> dict[str, Json]:
    return {"id": "e1", "action": "label", "record": "r1", "values": {"value": value}, "active_ms": 1234, **more}


def label(output: OutputType, value: Json, pool: tuple[str, ...] = (), **more: Json) -> Label:
    return card.label_from_event(event(value, **more), queue(output), item(pool), annotator="ab", at=7.0)


def test_label_carries_what_was_seen_and_by_which_guideline() -> None:
    found = label(LABEL, "a", unsure=True, odd=True, note="two topics")
    assert found == Label(
        id="e1",
        record="r1",
        stage="route",
        annotator="ab",
        answer=Answer(value="a"),
        at=7.0,
        active_ms=1234,
        unsure=True,
        odd=True,
        note="two topics",
        guideline=found.guideline,
        form=card.form_hash(stage(LABEL)),
        seen=found.seen,
        queue="q1",
        probability=0.25,
    )
    assert len(found.guideline) == len(found.seen) == 16
    assert found.seen != label(LABEL, "a", ("d01",)).seen


def test_queue_without_a_guideline_gives_labels_without_one() -> None:
    bare = replace(queue(LABEL), guideline="")
    found = card.label_from_event(event("a"), bare, item(), annotator="ab", at=0.0, verified=True)
    assert (found.guideline, found.verified) == ("", True)


@pytest.mark.parametrize("action", ["skip", "undo"])
def test_skip_and_undo_have_no_answer(action: str) -> None:
    found = label(LABEL, None, action=action, values=None)
    assert (found.action, found.answer) == (action, None)


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (LABEL, "b"),
        (BOOLEAN, False),
        (LABELS, ["b", "a"]),
        (LABELS, []),
        (RANKING, ["d02", "d30"]),
        (RANKING, []),
        (TEXT, "Dear customer"),
        (TEXT, None),
        (NUMBER, 10),
        (NUMBER, 2.5),
    ],
)
def test_values_that_the_form_can_make_are_taken(output: OutputType, value: Json) -> None:
    found = label(output, value, ("d02",))
    assert found.answer == Answer(value=value)
    assert card.values_from_label(found)["value"] == value


@pytest.mark.parametrize(
    ("output", "value", "reason"),
    [
        (LABEL, "c", "'c' is no choice"),
        (LABEL, None, "None is no choice"),
        (BOOLEAN, 1, "1 is no choice"),
        (BOOLEAN, "yes", "'yes' is no choice"),
        (LABELS, "a", "'a' is not a list"),
        (LABELS, ["a", "z"], "'z' was not offered"),
        (RANKING, ["d02", "d05"], "'d05' was not offered"),
        (RANKING, [["d02"]], "was not offered"),
        (RANKING, ["d02", "d02"], "an entry stands twice"),
        (TEXT, "  ", "is not a text"),
        (TEXT, 3, "3 is not a text"),
        (NUMBER, 11, "11 is outside 0 to 10"),
        (NUMBER, -1, "-1 is outside 0 to 10"),
        (NUMBER, True, "True is not a number"),
        (NUMBER, "x", "'x' is not a number"),
        (NUMBER, "11,5", "11.5 is outside 0 to 10"),
        (NUMBER, float("nan"), "nan is no number"),
    ],
)
def test_values_that_the_form_cannot_make_are_refused_with_the_reason(
    output: OutputType, value: Json, reason: str
) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        label(output, value, ("d02",))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"action": "delete"}, "action 'delete' is none of label, skip, undo"),
        ({"record": "r2"}, "names the record 'r2', and the queue has 'r1'"),
        ({"id": 5}, "its id is 5"),
        ({"id": ""}, "its id is ''"),
        ({"values": None}, "it has no value"),
        ({"values": {}}, "it has no value"),
    ],
)
def test_events_that_the_card_cannot_have_sent_are_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        label(LABEL, "a", **change)


@pytest.mark.parametrize(("sent", "kept"), [(12.6, 12), (-5, 0), (None, None), ("9", None), (float("inf"), None)])
def test_active_time_is_whole_and_never_negative(sent: Json, kept: int | None) -> None:
    assert label(LABEL, "a", active_ms=sent).active_ms == kept


def test_number_without_bounds_takes_any_number() -> None:
    open_ = OutputType(kind=Kind.NUMBER)
    assert label(open_, -1e9).answer == Answer(value=-1e9)


def test_facts_come_one_a_line_with_other_wordings_after_a_bar() -> None:
    values: dict[str, Json] = {"value": "Reply", "facts": "14 days | two weeks\n\n | \nfree of charge"}
    found = card.label_from_event(
        event("", values=values), queue(TEXT, metrics=("fact_recall",)), item(), annotator="ab", at=0.0
    )
    facts = (Fact(("14 days", "two weeks")), Fact(("free of charge",)))
    assert found.answer == Answer(value="Reply", facts=facts)
    assert card.values_from_label(found)["facts"] == "14 days | two weeks\nfree of charge"


def test_skipped_record_opens_again_with_its_flags_only() -> None:
    skipped = label(LABEL, None, action="skip", values=None, note="cannot tell")
    assert card.values_from_label(skipped) == {"_unsure": False, "_odd": False, "_note": "cannot tell"}
