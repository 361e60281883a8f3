from __future__ import annotations

import json

import pytest

from stagegap.errors import ConfigurationError
from stagegap.stages.schemas import reference_problem, violation_finder

TWICE = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)} | {"a40": {}}
LIST = {
    "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}, "additionalProperties": False}},
    "$ref": "#/$defs/n",
}


def test_a_schema_that_refers_to_itself_on_the_way_down_is_fine() -> None:
    find = violation_finder(json.dumps(LIST))
    assert reference_problem(LIST) is None
    assert find({"next": {"next": {}}}) == ""
    assert find({"next": {"other": 1}}).startswith("At $.next: Additional properties are not allowed")


def test_a_schema_that_refers_to_itself_on_the_spot_is_named() -> None:
    with pytest.raises(ConfigurationError, match="refers to itself without end"):
        violation_finder('{"$ref": "#"}')({})


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"$ref": "#"}, "it refers to itself without end"),
        ({"anyOf": [{"allOf": [{"$ref": "#"}]}]}, "it refers to itself without end"),
        ({"not": {"if": {"$ref": "#"}}}, "it refers to itself without end"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "items": {"$ref": "#/$defs/a"}},
         "it refers to itself without end"),
        ({"properties": {"a": {"$anchor": "x", "dependentSchemas": {"b": {"$ref": "#x"}}}}},
         "it refers to itself without end"),
        ({"properties": {"a": {"$ref": "#/$defs/zzz"}}}, "it refers to '#/$defs/zzz', which it does not hold"),
        ({"items": {"$dynamicRef": "#nobody"}}, "it refers to '#nobody', which it does not hold"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "it refers to 'file:///etc/passwd', outside of itself"),
        ({"properties": {"$ref": {"type": "string"}, "not": {"type": "string"}}, "enum": [{"$ref": "#"}]}, None),
        ({"$id": "urn:a", "$defs": {"b": {"$anchor": "b", "properties": {"c": {"$ref": "#b"}}}}, "$ref": "#b"}, None),
        ({"$defs": {"a": True}, "anyOf": [{"$ref": "#/$defs/a"}, False]}, None),
    ],
)  # fmt: skip
def test_references_of_a_schema_lead_somewhere(schema: dict[str, object], problem: str | None) -> None:
    assert reference_problem(schema) == problem


def test_a_schema_that_explodes_is_given_up() -> None:
    schema = {"$defs": TWICE, "$ref": "#/$defs/a0"}
    assert violation_finder(json.dumps(schema))({}) == (
        "The check against the JSON schema was given up: it follows more than 20,000 references."
    )
    assert reference_problem(schema) is None


SLOW, TEXT = "^(a|a|aa)+$|^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 4_000


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"a": {"pattern": SLOW}}}, {"a": TEXT + "!"}),
        ({"patternProperties": {SLOW: {}}}, {TEXT + "!": 1}),
        ({"patternProperties": {SLOW: {}}, "additionalProperties": False}, {TEXT + "!": 1}),
    ],
)
def test_a_pattern_that_explodes_is_given_up(schema: dict[str, object], value: dict[str, object]) -> None:
    assert violation_finder(json.dumps(schema))(value).startswith(  # type: ignore[arg-type]
        "The check against the JSON schema was given up: the pattern '^(a|a|aa)+$"
    )


def test_patterns_hold_what_they_say() -> None:
    schema = {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}
    find = violation_finder(json.dumps(schema))
    assert find({"x1": 1}) == ""
    assert find({"x1": "a"}) == "At $.x1: 'a' is not of type 'integer'."
    assert find({"y": 1}) == "At $: 'y' is none of the properties that are allowed."
    named = violation_finder(json.dumps({**schema, "additionalProperties": {"type": "string"}}))
    assert (named({"y": "a"}), named({"y": 1})) == ("", "At $.y: 1 is not of type 'string'.")
    assert (
        violation_finder('{"properties": {"a": {"pattern": "^b"}}}')({"a": "c"}) == "At $.a: 'c' does not match '^b'."
    )
