from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer
from stagegap.model.cascade import Kind, OutputType, Source, Stage
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people import card
from stagegap.people.forms import (
    exact_in_a_browser,
    object_fields,
    object_from_values,
    typed_number,
    values_from_object,
)
from stagegap.spec.outputs import ObjectOutput, output_type
from stagegap.stages.acceptance import output_identity
from ui.fake_workspace import TICKET


def fields(**properties: Any) -> dict[str, dict[str, Json]]:
    made = object_fields({"properties": properties, "required": list(properties)}, few=9)
    return {str(field["label"]): field for field in made}


def test_each_leaf_of_nested_groups_has_a_field_with_its_place():
    made = {str(field["name"]): field for field in object_fields(TICKET, few=9)}
    assert list(made) == [
        "/kind",
        "/customer/name",
        "/customer/age",
        "/address/city",
        "/address/zip",
        "/topics",
        "/orders",
        "/insured",
    ]
    assert made["/customer/name"]["label"] == "customer › name"
    needed = [name for name, field in made.items() if field["required"]]
    assert needed == ["/kind", "/customer/name"]
    assert made["/address/city"]["within"] == "/address", "needed once the address is begun"
    assert "within" not in made["/address/zip"]
    assert made["/kind"]["help"] == "what they want"


def test_needed_leaf_of_nested_groups_hangs_on_the_nearest_group_that_may_be_left_out():
    geo = {"required": ["lat"], "properties": {"lat": {"type": "number"}, "note": {"type": "string"}}}
    place = {"required": ["geo"], "properties": {"geo": geo, "zip": {"type": "string"}}}
    made = {field["name"]: field for field in object_fields({"properties": {"place": place}}, few=9)}
    assert made["/place/geo/lat"]["within"] == "/place"
    assert not made["/place/geo/lat"]["required"]
    assert "within" not in made["/place/zip"]
    with pytest.raises(ConfigurationError, match="a group that must be there may not be null"):
        fields(x={"type": ["object", "null"], "properties": {"y": {"type": "string"}}})


@pytest.mark.parametrize(
    ("schema", "kind", "more"),
    [
        ({"enum": ["a", "b"]}, "choice", {}),
        ({"enum": [f"v{i}" for i in range(10)]}, "list", {}),
        ({"const": 3}, "choice", {"options": [{"value": 3}]}),
        ({"type": "boolean"}, "choice", {}),
        ({"type": "integer", "minimum": 1}, "number", {"whole": True, "low": 1, "high": None}),
        ({"type": "number"}, "number", {"whole": False}),
        ({"type": "string"}, "line", {}),
        ({"type": "string", "maxLength": 201}, "long", {"longest": 201}),
        ({"type": "string", "widget": "long"}, "long", {}),
        ({"type": "array", "items": {"enum": ["a"]}}, "toggles", {}),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "lines", {"fewest": 1}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "line", {"null": True, "required": False}),
        ({"type": ["integer", "null"]}, "number", {"null": True, "required": False}),
    ],
)
def test_each_type_has_its_field(schema: dict[str, Json], kind: str, more: dict[str, Json]):
    (field,) = fields(x=schema).values()
    assert field["kind"] == kind
    assert {name: field[name] for name in more} == more


def test_references_inside_the_schema_are_followed():
    schema = {
        "$defs": {"Side": {"enum": ["left", "right"], "title": "Which side"}, "a/b": {"$ref": "#/$defs/Side"}},
        "properties": {"side": {"$ref": "#/$defs/a~1b", "description": "of the road"}},
    }
    (field,) = object_fields(schema, few=9)
    assert (field["kind"], field["help"], field["label"]) == ("choice", "of the road", "side")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array", "items": {"type": "object"}}, "a list holds texts"),
        ({"type": "array", "items": {"enum": [1, 2]}}, "a list is chosen from at most 9 texts"),
        ({"type": "string", "not": {}}, "the form knows no 'not'"),
        ({"type": "null"}, "no field for the type 'null'"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "it may be several things"),
        ({"type": ["string", "integer"]}, "it may be several things"),
        ({"enum": ["a", None]}, "a choice is a text, a number, or yes or no"),
        ({"$ref": "#/$defs/gone"}, "leads nowhere"),
        ({"$ref": "http://elsewhere/x"}, "leads nowhere"),
        ({"type": "object"}, "it has no properties"),
        ({"type": "string", "pattern": "("}, "can't be read"),
    ],
)
def test_what_has_no_field_is_named_with_its_place(schema: dict[str, Json], why: str):
    with pytest.raises(ConfigurationError, match=r"the property .x.") as caught:
        fields(x=schema)
    assert why in str(caught.value)


def test_references_in_a_circle_and_bottomless_nesting_are_named():
    with pytest.raises(ConfigurationError, match="round in a circle"):
        object_fields({"$defs": {"a": {"$ref": "#/$defs/a"}}, "properties": {"x": {"$ref": "#/$defs/a"}}}, few=9)
    endless = {"properties": {"x": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"properties": {"t": {"$ref": "#/$defs/t"}}}}}
    with pytest.raises(ConfigurationError, match="more than 5 levels"):
        object_fields(endless, few=9)
    with pytest.raises(ConfigurationError, match="the object has no properties"):
        object_fields({}, few=9)


def test_object_is_put_together_and_taken_apart_again():
    made = object_fields(TICKET, few=9)
    values: dict[str, Json] = {"/kind": "question", "/customer/name": "Ann", "/orders": ["A1"], "/address/city": None}
    found = object_from_values(made, values)
    assert found == {"kind": "question", "customer": {"name": "Ann"}, "orders": ["A1"]}
    assert values_from_object(found) == {"/kind": "question", "/customer/name": "Ann", "/orders": ["A1"]}
    (nullable,) = object_fields({"properties": {"a~/b": {"type": ["string", "null"]}}, "required": ["a~/b"]}, few=9)
    assert nullable["name"] == "/a~0~1b"
    assert object_from_values([nullable], {}) == {"a~/b": None}


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("9007199254740993", 9007199254740993),
        (" -9223372036854775808 ", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
        ("7,5", 7.5),
        ("+.5", 0.5),
        ("\u22127", -7),
        ("1e3", 1000.0),
        ("1.10", 1.1),
        (3, 3),
        (2.5, 2.5),
    ],
)
def test_typed_number_is_kept_exactly(typed: Json, number: float):
    read = typed_number(typed)
    assert (read, type(read)) == (number, type(number))


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("18446744073709551616", "has more than 64 bits"),
        ("9007199254740993.5", "has more digits than can be kept exactly"),
        ("0.10000000000000001", "has more digits than can be kept exactly"),
        ("1e400", "is no number that can be stored"),
        ("1e-400", "has more digits than can be kept exactly"),
        ("1,000", "can be read in two ways: write 1000, or a point"),
        ("12 apples", "is not a number"),
        ("", "is not a number"),
        ("1" * 41, "has more digits"),
        ("NaN", "is not a number"),
        (True, "is not a number"),
        ([1], "is not a number"),
        (2**70, "has more than 64 bits"),
    ],
)
def test_number_that_would_become_another_is_refused(typed: Json, why: str):
    with pytest.raises(ValueError, match=why):
        typed_number(typed)


@given(st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_that_is_kept_is_read_back_from_its_text(number: float):
    assert typed_number(str(number)) == number


@given(st.integers(-(2**63), 2**64 - 1))
def test_whole_number_reaches_a_browser_exactly(number: int):
    (sent,) = cast("list[Json]", exact_in_a_browser([number]))
    assert typed_number(sent) == number
    assert isinstance(sent, str) or float(sent) == number  # type: ignore[arg-type]  # a whole number by then


def test_choice_that_a_browser_would_round_has_no_field():
    with pytest.raises(ConfigurationError, match="beyond 9007199254740992, which a browser rounds"):
        fields(x={"enum": [1, 2**53 + 1]})


def test_fields_stand_in_the_order_of_the_author_and_no_key_knows_of_it():
    first, second = ({"properties": {name: {"type": "string"} for name in names}} for names in (["b", "a"], ["a", "b"]))
    types = [
        output_type(ObjectOutput.model_validate({"type": "object", "schema": schema})) for schema in (first, second)
    ]
    assert types[0] == types[1]
    assert [output_identity(output, None) for output in types] == [output_identity(types[0], None)] * 2
    stages = [replace(stage({}), output=output) for output in types]
    assert card.form_hash(stages[0]) == card.form_hash(stages[1])
    drawn_before = json.dumps(card.form(stages[1]))
    assert json.loads(card.in_authors_order(drawn_before, stages[0])) == card.form(stages[0])
    assert card.in_authors_order(drawn_before, stage({"properties": {"c": {"type": "string"}}})) == drawn_before
    assert [field["name"] for field in card.form(stages[0])["fields"]] == ["/b", "/a"]  # type: ignore[union-attr, index, call-overload]


def stage(schema: dict[str, Any]) -> Stage:
    output = OutputType(kind=Kind.OBJECT, schema=json.dumps(schema))
    inputs = {"body": Source("record", "body")}
    return Stage(name="ticket", uses="python", inputs=inputs, output=output, metrics=("exact",))


def test_card_of_an_object_gives_an_object():
    queue = Queue(
        id="q",
        cascade="c",
        stage="ticket",
        purpose="random",
        created_at=0,
        form=json.dumps(card.form(stage(TICKET))),
    )
    item = QueueItem(position=0, record="r", payload=json.dumps({"id": "r", "inputs": [], "options": {}}))
    answer = card.answer_from_values(queue, item, {"/kind": "question", "/customer/name": "Ann"})
    assert answer == Answer(value={"kind": "question", "customer": {"name": "Ann"}})
    assert card.values_of(answer)["/customer/name"] == "Ann"
    typed = {"/kind": "question", "/customer/name": "Ann", "/customer/age": "9007199254740993"}
    answer = card.answer_from_values(queue, item, typed)
    assert answer.value == {"kind": "question", "customer": {"name": "Ann", "age": 9007199254740993}}
    assert card.values_of(answer)["/customer/age"] == "9007199254740993"
    with pytest.raises(ConfigurationError, match="'old' is not a number"):
        card.answer_from_values(queue, item, {**typed, "/customer/age": "old"})
    assert card.output_of(json.loads(queue.form)) == stage(TICKET).output
    assert card.output_of({}) is None


def test_object_without_a_form_says_what_to_do():
    with pytest.raises(ConfigurationError, match=r"Stage 'ticket' gives an object, and the property .*form: FILE.js"):
        card.form(stage({"properties": {"x": {"type": "array"}}}))


def test_form_of_the_users_own_takes_the_place_of_the_field():
    made = card.form(stage({}), module="export default () => {}")
    assert [field["kind"] for field in made["fields"]] == ["custom"]  # type: ignore[union-attr, index, call-overload]
    assert made["module"] == "export default () => {}"
