from __future__ import annotations

import pytest

from stagegap.model.cascade import Kind, OutputType
from stagegap.stages.acceptance import Accepted, Rejected, check_for
from stagegap.stages.mending import read_answer

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


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (".5", 0.5), ("-.5", -0.5), ("The answer is .25", 0.25), ("\u22127", -7), ("-$5", -5), ("$5", 5), ("5 kg", 5),
        ("**7**", 7), ("Rating: 4", 4), ("rating=4.", 4), ("x=-4", -4), ("1e3", 1000.0), ("4€", 4), ("4 stars!", 4),
        ("<answer>4</answer>", 4), ("\uff17", 7), ("18446744073709551615", 2**64 - 1), ("\ufeff5", 5), ("5\u00a0", 5),
        ("4. The reply is polite, but it does not answer.", 4), ("4\n\nIt can't be better.", 4), ("I give it a 4.", 4),
        ("The answer is 5, not six.", 5), ("4 (good)", 4), ('{"score": 4}', 4), ("\u0664", 4), ("USD 5", 5),
    ],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written(text: str, number: float) -> None:
    output = OutputType(kind=Kind.NUMBER)
    assert read_answer(output, text, check_for(output, ())).answer == Accepted(number)


@pytest.mark.parametrize(
    "text",
    [
        "4k", "2 million", "4½", "GPT-4 can't rate this.", "7/10", "7 out of 10", "about 42%", "42 per cent", "2,500",
        "1 000", "1'000", "10^3", "10\u00b2", "5kg", "minus 5", "- 5", "3-5", "3\u20135", "the 4th", "v4", "4,5",
        "1" * 30, "1" * 400, "say " + "1" * 5_000, "1e999", "$-5", "18446744073709551616", "1e-999",
        "GPT 4 can't rate this.", "It is not 5.", "I can't say 5", "<5", ">5", "x<5", "at least 5", "less than 5",
        "(5)",
        "Question 5: unclear", "ISO 9001 applies", "In 2024 nothing was said.", "unknown (code 404)", "Error: 429",
        "5 \u4e07", "5 pm", "2 point five", "5 or six", "5 Mio.", "5 B", "5 grand", "5 Prozent", "5 below zero",
        "moins 5", "10 ^ three", "5 (not sure)", "5 can't be said", "9007199254740993.0", "5 -", "NaN", "-Infinity",
        "5 times higher", "5 tenths", "5 \u0442\u044b\u0441\u044f\u0447", "5 of ten", "5 fewer", "5 gross",
        "The score is 5, maybe six", "answer: 5\nanswer: seven", "The total is 5 plus tip", "The value is 5 less tax",
        "answer: >= 5", "answer != 5", "Total: \u00a25", "Total: 5 cents", "Step: 5", "The limit is: 5", "double: 5",
        '{"score": 4, "of": 5}', '{"score": 4, "score": 5}', "[]", "no number",
    ],
)  # fmt: skip
def test_what_may_be_another_number_is_none(text: str) -> None:
    output = OutputType(kind=Kind.NUMBER)
    assert isinstance(read_answer(output, text, check_for(output, ())).answer, Rejected)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"n": .5}', {"n": 0.5}),
        ('{"n": 5.}', {"n": 5.0}),
        ('{"n": 10,', {"n": 10}),
        ('{"a": 1 "b": [2, -3.5e2]}', {"a": 1, "b": [2, -350.0]}),
        ('{"a": 5 // five\n}', {"a": 5}),
        ("{'a': 'it\\'s', 'b': None, 'c': ''}", {"a": "it's", "b": None, "c": ""}),
        ('{"n": 4k}', {"n": "4k"}),
        ('Two of 3: {"a": 1}', {"a": 1}),
        ('{"a": 1} or, the same, {"a": 1}', {"a": 1}),
    ],
)
def test_broken_json_gives_numbers_and_texts_as_they_are_written(text: str, value: object) -> None:
    output = OutputType(kind=Kind.OBJECT)
    assert read_answer(output, text, check_for(output, ())).answer == Accepted(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        '{"n": -$5}', '{"n": \u22127}', '{"n": 5%}', '{"n": 2 million}', '{"n": 4\u00bd}', '{"n": 12:30}',
        '{"n": 1_000}', '{n m: 1}', '{"n": [1, 2, ..., 9]}', '{"n": [1, 2\u2026]}', '{"n": 1, about "m": 2}',
        '{"n": 3 of 5}', '{"n": 1 2}', '{"n": 007}', '{"n": 1e}', '{"n": 12', '{"n": "b', '{"n": tru', '{"n": -',
        '{"n": 1, "n": 2}', '{"n": NaN}', '{"n": 1e400}', '{"n": 1e-400}', '{"n": 9007199254740993.0}',
        '{"n": 36893488147419103232}', 'First {"n": 1}, or rather {"n": 2}', '{"n": \u0664}',
    ],
)  # fmt: skip
def test_broken_json_that_may_say_something_else_is_no_answer(text: str) -> None:
    output = OutputType(kind=Kind.OBJECT)
    assert isinstance(read_answer(output, text, check_for(output, ())).answer, Rejected)


@pytest.mark.parametrize("text", ["[1,000]", "[1 2]", "[5%]", "[\u22127]", "[1, 2", "[1] or [2]"])
def test_a_broken_list_that_may_be_another_one_is_no_answer(text: str) -> None:
    output = OutputType(kind=Kind.LIST)
    assert isinstance(read_answer(output, text, check_for(output, ())).answer, Rejected)


def test_what_can_not_be_seen_around_a_label_is_taken_off() -> None:
    for text in ("\ufeffspam", "spam\u200b", "\u201cspam\u201d"):
        assert read_answer(LABEL, text, check_for(LABEL, ())).answer == Accepted("spam")
    assert isinstance(read_answer(LABEL, "spam\0", check_for(LABEL, ())).answer, Rejected)


def test_a_label_that_is_a_number_is_no_other_number() -> None:
    grades = OutputType(kind=Kind.LABEL, values=("1", "2", "-1"))
    check = check_for(grades, ())
    for text in (".1", "-.1", "01", "1.0", "+1", "\u22121", "1st", "1/2", '{"grade": 1}', "'.1'"):
        assert isinstance(read_answer(grades, text, check).answer, Rejected), text
    assert [read_answer(grades, text, check).answer for text in ("1.", "**-1**.")] == [Accepted("1"), Accepted("-1")]


def test_no_value_is_checked_twice() -> None:
    checked: list[object] = []

    def check(value: object) -> Rejected:
        checked.append(value)
        return Rejected("never")

    assert read_answer(OBJECT, '{"a": 1}', check).answer == Rejected("never")
    assert checked == [{"a": 1}]
