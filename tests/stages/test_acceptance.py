from __future__ import annotations

import json
from enum import StrEnum

import numpy as np
import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, OutputType
from stagegap.stages.acceptance import Accepted, Rejected, accept, accept_answer, plain

LABEL = OutputType(kind=Kind.LABEL, values=("orders", "returns", "spam"))
LABELS = OutputType(kind=Kind.LABELS, values=("orders", "returns", "spam"))
RANKING = OutputType(kind=Kind.RANKING, of="shop", k=2)
TEXT = OutputType(kind=Kind.TEXT)
NUMBER = OutputType(kind=Kind.NUMBER, low=0.0, high=10.0)
BOOLEAN = OutputType(kind=Kind.BOOLEAN)
OBJECT = OutputType(kind=Kind.OBJECT)
IDS = {"a", "b", "c"}


class Fruit(StrEnum):
    SPAM = "spam"


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("output", "value", "expected"),
    [
        (LABEL, "spam", "spam"),
        (LABEL, Fruit.SPAM, "spam"),
        (LABELS, ("spam", "orders"), ["orders", "spam"]),
        (LABELS, {"returns"}, ["returns"]),
        (LABELS, [], []),
        (RANKING, ["b", "a"], ["b", "a"]),
        (RANKING, (), []),
        (TEXT, "Grüße", "Grüße"),
        (TEXT, Fruit.SPAM, "spam"),
        (NUMBER, 3, 3),
        (NUMBER, np.float64(0.5), 0.5),
        (BOOLEAN, np.bool_(True), True),
        (BOOLEAN, False, False),
        (OBJECT, {"a": (1, np.int64(2), {"b": None}), "c": 0.5}, {"a": [1, 2, {"b": None}], "c": 0.5}),
    ],
)
def test_a_fitting_value_is_given_in_its_canonical_form(output: OutputType, value: object, expected: object) -> None:
    found = accept(output, value, IDS)
    assert found == Accepted(expected)  # type: ignore[arg-type]
    assert type(found.value) is type(expected)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("output", "value", "reason"),
    [
        (LABEL, "order", "'order' is none of the labels. Did you mean orders?"),
        (LABEL, None, "A label is a text, found None."),
        (LABELS, "spam", "A list of labels was expected, found 'spam'."),
        (LABELS, ["spam", "spam"], "A label stands twice in ['spam', 'spam']."),
        (LABELS, ["x"], "'x' is none of the labels. Known: orders, returns, spam."),
        (LABELS, [["spam"]], "['spam'] is none of the labels. Did you mean spam?"),
        (RANKING, "a", "A list of ids was expected, found 'a'."),
        (RANKING, ["a", "b", "c"], "A ranking holds at most 2 ids, found 3."),
        (RANKING, ["a", "a"], "An id stands twice in ['a', 'a']."),
        (RANKING, ["z"], "The corpus 'shop' has no document 'z'."),
        (RANKING, [1], "An id is a text, found 1."),
        (TEXT, None, "A text was expected, found None."),
        (TEXT, "\ud800", "The text holds half a character (a lone surrogate)."),
        (NUMBER, "3", "A number was expected, found '3'."),
        (NUMBER, True, "A number was expected, found True."),
        (NUMBER, float("nan"), "A finite number was expected, found nan."),
        (NUMBER, -0.5, "-0.5 is below the lowest allowed value 0.0."),
        (NUMBER, 11, "11 is above the highest allowed value 10.0."),
        (NUMBER, np.array([1.0, 2.0]), "A number was expected, found array([1., 2.])."),
        (BOOLEAN, 1, "True or false was expected, found 1."),
        (OBJECT, [1], "An object was expected, found [1]."),
        (OBJECT, {"a": float("inf")}, "inf is no JSON number."),
        (OBJECT, {1: 2}, "The key 1 is no text."),
        (OBJECT, {"a": object}, "A value of the Python type type is no JSON value."),
        (OBJECT, {"a": nested(101)}, "The value is nested deeper than 100 levels."),
        (TEXT, ["x" * 200], f"A text was expected, found ['{'x' * 75}...."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_a_sentence(output: OutputType, value: object, reason: str) -> None:
    assert accept(output, value, IDS) == Rejected(reason)


def schema(**properties: object) -> OutputType:
    content = {"type": "object", "required": ["a"], "properties": properties}
    return OutputType(kind=Kind.OBJECT, schema=json.dumps(content))


def test_an_object_must_follow_its_schema() -> None:
    output = schema(a={"type": "integer"})
    assert accept(output, {"a": 1}, ()) == Accepted({"a": 1})
    assert accept(output, {"a": "x"}, ()) == Rejected("At $.a: 'x' is not of type 'integer'.")
    assert accept(output, {}, ()) == Rejected("At $: 'a' is a required property.")


def test_a_schema_that_refers_to_the_network_is_an_error_and_nothing_is_fetched() -> None:
    with pytest.raises(ConfigurationError, match="refers to what it doesn't hold"):
        accept(schema(a={"$ref": "http://127.0.0.1:9/other.json"}), {"a": 1}, ())


def test_a_ranking_without_a_limit_may_be_long() -> None:
    assert accept(OutputType(kind=Kind.RANKING, of="shop"), ["a", "b", "c"], IDS) == Accepted(["a", "b", "c"])


def test_a_number_without_a_range_may_be_any() -> None:
    assert accept(OutputType(kind=Kind.NUMBER), -1e9, ()) == Accepted(-1e9)


def test_one_element_arrays_are_their_element() -> None:
    assert plain(np.array([2])) == 2


PASSAGES = ("handbook#0-200", "handbook#200-400", "d1", "d2", "d3")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["d1", "d2", "d3"], ["d1", "d2", "d3"]),  # as many as there are: `k` bounds what a system gives
        ([{"id": "d1", "gain": 1}, {"id": "d2", "gain": 3}, {"id": "d3", "gain": 0}], ["d2 3", "d1 1"]),
        ([{"id": "d1", "gain": 2}, "d2"], ["d1 2", "d2 1.0"]),
        (["handbook#10-90"], ["handbook#10-90"]),
    ],
)
def test_a_person_may_give_gains_and_passages_of_another_cut(value: object, expected: list[str]):
    accepted = accept_answer(OutputType(kind=Kind.RANKING, of="c", k=2), value, PASSAGES)
    assert isinstance(accepted, Accepted)
    assert isinstance(accepted.value, list)
    said = [f"{each['id']} {each['gain']}" if isinstance(each, dict) else each for each in accepted.value]
    assert said == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([{"id": "d1"}], "An entry with a gain has an id and a number, found {'id': 'd1'}."),
        (
            [{"id": "d1", "gain": True}],
            "An entry with a gain has an id and a number, found {'id': 'd1', 'gain': True}.",
        ),
        ([{"id": "d1", "gain": -1}], "A gain is a number from 0 on, found -1."),
        ([3], "An id is a text, found 3."),
        (["law#0-9"], "The corpus 'c' has no document 'law#0-9'."),
        (["d1", "d1"], "The id 'd1' stands twice."),
        ("d1", "A list of ids was expected, found 'd1'."),
    ],
)
def test_other_entries_of_a_ranking_are_named(value: object, why: str):
    assert accept_answer(OutputType(kind=Kind.RANKING, of="c"), value, PASSAGES) == Rejected(why)
