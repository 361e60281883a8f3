from __future__ import annotations

import pytest

from stagegap.model.cascade import Kind, OutputType
from stagegap.stages.acceptance import Accepted, Rejected, check_for
from stagegap.stages.repair import read_answer

LABEL = OutputType(kind=Kind.LABEL, values=("orders", "Returns", "spam"))
LABELS = OutputType(kind=Kind.LABELS, values=("orders", "Returns", "spam"))
RANKING = OutputType(kind=Kind.RANKING, of="shop", k=2)
NUMBER = OutputType(kind=Kind.NUMBER, low=0.0, high=10.0)
BOOLEAN = OutputType(kind=Kind.BOOLEAN)
OBJECT = OutputType(kind=Kind.OBJECT, schema='{"type": "object", "required": ["a"]}')
TEXT = OutputType(kind=Kind.TEXT)
FENCED = "Here you are:\n```json\n{}\n```\nAnything else?"


@pytest.mark.parametrize(
    ("output", "text", "value", "is_mended"),
    [
        (TEXT, '  {"a": 1} ', '  {"a": 1} ', False),
        (LABEL, " spam\n", "spam", False),
        (LABEL, "Spam", "spam", True),
        (LABEL, "`returns`.", "Returns", True),
        (LABEL, '{"label": "orders"}', "orders", True),
        (LABEL, '"orders"', "orders", True),
        (LABELS, '["spam", "orders"]', ["orders", "spam"], False),
        (LABELS, '{"labels": ["spam"]}', ["spam"], True),
        (LABELS, FENCED.replace("{}", '["spam"]'), ["spam"], True),
        (RANKING, '["a", "b"]', ["a", "b"], False),
        (RANKING, "I would take\n['a', 'b',]", ["a", "b"], True),
        (NUMBER, " 7.5 ", 7.5, False),
        (NUMBER, "I would say 7.", 7.0, True),
        (BOOLEAN, "true", True, False),
        (BOOLEAN, "Yes.", True, True),
        (BOOLEAN, "False", False, True),
        (OBJECT, '{"a": [1]}', {"a": [1]}, False),
        (OBJECT, FENCED.replace("{}", '{"a": 1,'), {"a": 1}, True),
        (OBJECT, "{a: 'x'}", {"a": "x"}, True),
    ],
)
def test_a_value_that_can_be_made_out_is_read(output: OutputType, text: str, value: object, is_mended: bool) -> None:
    found = read_answer(output, text, check_for(output, {"a", "b"}))
    assert found.answer == Accepted(value)  # type: ignore[arg-type]
    assert found.is_mended is is_mended


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (LABEL, "orders or spam"),
        (LABEL, '{"first": "orders", "second": "spam"}'),
        (LABEL, "[1]"),
        (LABELS, "spam"),
        (LABELS, '{"a": ["spam"], "b": ["orders"]}'),
        (LABELS, '["ham"]'),
        (RANKING, "none of them"),
        (RANKING, '{"a": 1}'),
        (NUMBER, "between 3 and 5"),
        (NUMBER, "11"),
        (NUMBER, "none"),
        (BOOLEAN, "perhaps"),
        (OBJECT, "[1]"),
        (OBJECT, "no"),
        (OBJECT, '{"b": 1}'),
        (OBJECT, "[" * 100_000),
    ],
)
def test_nothing_is_guessed_where_it_can_not_be_made_out(output: OutputType, text: str) -> None:
    assert isinstance(read_answer(output, text, check_for(output, {"a", "b"})).answer, Rejected)


def test_labels_that_differ_only_in_case_are_not_guessed() -> None:
    output = OutputType(kind=Kind.LABEL, values=("IT", "it"))
    assert isinstance(read_answer(output, "It", check_for(output, ())).answer, Rejected)


def test_the_reason_names_what_was_found_inside() -> None:
    found = read_answer(LABELS, 'Sure: ["ham"]', check_for(LABELS, ()))
    assert found.answer == Rejected("'ham' is none of the labels. Known: Returns, orders, spam.")
