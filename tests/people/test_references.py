from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.answer import Answer, Fact, Label, LabelAction
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json
from stagegap.people.references import Settled, fitting, how_settled, latest, settle, settled, strictly

NO: Any = object()
STAGE = Stage(
    name="s",
    uses="python",
    inputs={},
    output=OutputType(kind=Kind.LABEL, values=("a", "b", "c")),
    metrics=("accuracy",),
)
ONE_STAGE = Cascade(name="c", stages=(STAGE,), outcome=Outcome(stage="s", metric="accuracy"))


def label(
    value: Json,
    annotator: str = "ann",
    *,
    at: float = 0.0,
    action: LabelAction = "label",
    **more: Any,
) -> Label:
    answer = None if value is NO else Answer(value=value)
    fields: dict[str, Any] = {"id": f"{annotator}{at}{value}", "record": "r1", "stage": "s"} | more
    return Label(annotator=annotator, answer=answer, action=action, at=at, **fields)


def accepted(kind: Kind, *values: Json) -> list[Json]:
    people = [label(value, f"p{i}") for i, value in enumerate(values)]
    return [answer.value for answer in settled(people, kind).accepted]


@pytest.mark.parametrize(
    ("kind", "values", "wanted", "why"),
    [
        (Kind.LABEL, ["a"], ["a"], "a single person"),
        (Kind.LABEL, ["b", "a", "a"], ["a"], "the majority"),
        (Kind.LABEL, ["b", "a"], ["b", "a"], "a tie accepts both, in the order of the persons' names"),
        (Kind.LABEL, ["c", "b", "a", "a", "b"], ["b", "a"], "of what ties, and nothing else"),
        (Kind.BOOLEAN, [True, False, True], [True], "the majority"),
        (Kind.LABEL, ["a", None, None], [None], "most say that there is no answer"),
        (Kind.LABEL, ["a", "b", None], ["a", "b"], "one of three says that there is none"),
        (Kind.LABEL, ["a", None], ["a", None], "an answer against none is a tie"),
        (Kind.LABEL, [None, None], [None], "all say that there is none"),
        (Kind.RANKING, [["K8"], ["K8", "K1", "K9"]], [["K8"], ["K8", "K1", "K9"]], "two differ: each whole answer"),
        (Kind.RANKING, [["x"], ["x", "y"], ["x", "z"]], [["x"]], "x by all, y and z by one of three; ann said so"),
        (
            Kind.RANKING,
            [["x", "y"], ["y", "z"], ["x", "z"]],
            [["x", "y"], ["y", "z"], ["x", "z"]],
            "x, y, z: of nobody",
        ),
        (Kind.RANKING, [["x", "y"], ["y", "z"], ["y", "x"]], [["x", "y"]], "two said the same, in whatever order"),
        (
            Kind.RANKING,
            [["x"], ["x"], ["x", "y"], ["x", "y"]],
            [["x"], ["x", "y"]],
            "two and two: y has half, not most",
        ),
        (Kind.LABELS, [["b", "a"], ["a", "b"]], [["b", "a"]], "the same set, as the first person has it"),
        (Kind.LABELS, [[], ["a"]], [[], ["a"]], "nothing fits, against something"),
        (Kind.RANKING, [["x"], ["y"], ["z"]], [["x"], ["y"], ["z"]], "no item has most: all are accepted"),
        (Kind.RANKING, [[], [], ["x"]], [[]], "most say that nothing is relevant"),
        (Kind.RANKING, [[], []], [[]], "all say that nothing is relevant"),
        (Kind.TEXT, ["hi", "hello", "hi"], ["hi", "hello"], "every distinct answer"),
        (Kind.NUMBER, [1, 2], [1, 2], "every distinct answer"),
        (Kind.OBJECT, [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [{"a": 1, "b": 2}], "key order is no difference"),
    ],
)
def test_settling(kind: Kind, values: list[Json], wanted: list[Json], why: str):
    assert accepted(kind, *values) == wanted, why


@given(
    st.sampled_from([Kind.LABEL, Kind.LABELS, Kind.RANKING, Kind.TEXT]),
    st.lists(st.one_of(st.none(), st.lists(st.sampled_from("xyz"), unique=True)), min_size=1, max_size=5),
)
def test_nothing_is_accepted_that_nobody_gave(kind: Kind, values: list[list[str] | None]) -> None:
    answers: list[Json] = [v if v is None or kind in (Kind.LABELS, Kind.RANKING) else "".join(v) for v in values]
    reference = settled([label(value, f"p{i}") for i, value in enumerate(answers)], kind)
    assert all(answer.value in answers for answer in reference.accepted)
    assert len(reference.votes) == len(reference.accepted) > 0
    assert (reference.settled == "undecided") == (len(reference.accepted) > 1)


@given(st.permutations([("ann", "b"), ("bob", "a"), ("cid", "c"), ("dot", "a"), ("eve", "b")]))
def test_no_order_of_labels_says_which_of_the_accepted_answers_a_swap_puts_in(given: list[tuple[str, str]]) -> None:
    (reference,) = settle([label(value, who) for who, value in given], ONE_STAGE)
    assert [answer.value for answer in reference.accepted] == ["b", "a"]
    assert reference.annotators == ("ann", "bob", "cid", "dot", "eve")


@pytest.mark.parametrize(
    ("values", "how", "votes", "words"),
    [
        (["a"], "single", (1,), "one answer"),
        (["a", "a"], "consensus", (2,), "both agree"),
        (["a", "a", "a"], "consensus", (3,), "all agree"),
        (["a", "b", "a"], "consensus", (2,), "settled by what most said"),
        (["a", "b"], "undecided", (1, 1), "both accepted, nobody has decided"),
        (["a", "b", "c"], "undecided", (1, 1, 1), "all accepted, nobody has decided"),
    ],
)
def test_how_it_was_settled_is_said_as_it_was(values: list[Json], how: str, votes: tuple[int, ...], words: str) -> None:
    reference = settled([label(value, f"p{i}") for i, value in enumerate(values)], Kind.LABEL)
    assert reference.annotators == tuple(f"p{i}" for i in range(len(values)))
    assert (reference.settled, reference.votes, how_settled(reference)) == (how, votes, words)


@pytest.mark.parametrize(
    ("values", "wanted", "why"),
    [
        (["a", "a"], [["a"]], "decided"),
        (["a", "b"], [["a"], ["b"]], "each alone is not enough, so both have to be met"),
        (["a", "b", "a", "b", "c"], [["a", "b"]], "two gave each: either is enough"),
    ],
)
def test_strict_rule_asks_for_what_two_gave_or_for_everything(
    values: list[Json], wanted: list[list[Json]], why: str
) -> None:
    reference = settled([label(value, f"p{i}") for i, value in enumerate(values)], Kind.LABEL)
    assert [[answer.value for answer in part.accepted] for part in strictly(reference)] == wanted, why


def test_the_same_text_with_other_facts_is_another_answer():
    people = [
        Label(id=f"{i}", record="r", stage="s", annotator=f"p{i}", answer=Answer(value="t", facts=(Fact((fact,)),)))
        for i, fact in enumerate(["30 days", "free"])
    ]
    assert len(settled(people, Kind.TEXT).accepted) == 2


@pytest.mark.parametrize(
    ("events", "in_force", "why"),
    [
        ([label("a", at=1), label("b", at=2)], ["b"], "the last one counts"),
        ([label("b", at=2), label("a", at=1)], ["b"], "by time, not by place"),
        ([label("a"), label("b")], ["b"], "of the same time, as they come"),
        ([label("a", at=1), label(NO, at=2, action="undo")], [], "undo removes"),
        ([label("a", at=1), label(NO, at=2, action="skip")], [], "skipped after all"),
        ([label("a", at=1), label(NO, at=2, action="undo"), label("c", at=3)], ["c"], "answered again"),
        ([label("a", at=1, id="x"), label(NO, at=2, id="x", action="undo")], ["a"], "the same id is one event"),
    ],
)
def test_the_label_in_force(events: list[Label], in_force: list[str], why: str):
    people = latest(events).get(("r1", "s"), {})
    assert [found.answer.value for found in people.values() if found.answer] == in_force, why


def test_settle_leaves_out_stages_that_the_cascade_lacks():
    stage = Stage(name="s", uses="python", inputs={}, output=OutputType(kind=Kind.LABEL), metrics=("accuracy",))
    cascade = Cascade(name="c", stages=(stage,), outcome=Outcome(stage="s", metric="accuracy"))
    found = settle([label("a"), label("b", stage="other", id="2")], cascade)
    assert [(reference.record, reference.stage, reference.first.value) for reference in found] == [("r1", "s", "a")]


def test_adjudication_decides_and_the_last_one_counts() -> None:
    made = [
        label("a", "ann"),
        label("b", "bob"),
        label("c", "eve", at=5.0, action="adjudicate"),
        label("b", "dan", at=9.0, action="adjudicate", also=(Answer(value="a"),)),
    ]
    (reference,) = settle(made, ONE_STAGE)
    assert [answer.value for answer in reference.accepted] == ["b", "a"]
    assert (reference.settled, reference.annotators) == ("adjudicated", ("ann", "bob", "dan"))


def test_adjudication_is_no_answer_of_the_person_who_made_it() -> None:
    made = [label("a", "ann"), label("b", "ann", at=2.0, action="adjudicate")]
    assert latest(made)["r1", "s"]["ann"].answer == Answer(value="a")


def test_adjudication_of_an_unknown_stage_is_left_out() -> None:
    assert settle([label("a", action="adjudicate", stage="gone")], ONE_STAGE) == []


@pytest.mark.parametrize(
    ("output", "good", "bad"),
    [
        (OutputType(kind=Kind.LABEL, values=("a",)), "a", "b"),
        (OutputType(kind=Kind.LABELS, values=("a",)), ["a"], "a"),
        (OutputType(kind=Kind.LABELS, values=("a",)), [], ["b"]),
        (OutputType(kind=Kind.RANKING, of="docs"), ["d1"], "d1"),
        (OutputType(kind=Kind.TEXT), "a", ["a"]),
        (OutputType(kind=Kind.NUMBER), 1.5, True),
        (OutputType(kind=Kind.BOOLEAN), False, 0),
        (OutputType(kind=Kind.OBJECT), {"a": 1}, "a"),
    ],
)
def test_answer_of_another_type_is_left_out_and_no_answer_never_is(output: OutputType, good: Json, bad: Json) -> None:
    stage = Stage(name="s", uses="python", inputs={"x": Source("record", "x")}, output=output, metrics=("exact",))
    cascade = Cascade(name="c", stages=(stage,), outcome=Outcome(stage="s", metric="exact"))

    def made(value: Json, stage: str = "s") -> Label:
        return Label(id=repr(value), record="r", stage=stage, annotator="p", answer=Answer(value=value))

    skip = Label(id="skip", record="r", stage="s", annotator="p", answer=None, action="skip")
    kept = [made(good), made(None), skip, made(bad, stage="elsewhere")]
    assert fitting([*kept, made(bad)], cascade) == kept


def test_gains_of_several_people_are_averaged_and_the_best_stands_first():
    def said(who: str, **gains: float) -> Label:
        value: list[Json] = [{"id": name, "gain": gain} for name, gain in gains.items()]
        return Label(id=who, record="r", stage="s", annotator=who, answer=Answer(value=value))

    found = settled([said("ann", a=1, b=3), said("bob", b=2, a=4), said("cid", c=5)], Kind.RANKING)
    assert found.first.value == [{"id": "a", "gain": 2.5}, {"id": "b", "gain": 2.5}]
    assert found.first.given == ["a", "b"]
    assert (found.settled, found.votes) == ("consensus", (2,))
    found = settled([said("ann", a=1, b=3), label(["b", "a"], "bob"), label(["d"], "cid")], Kind.RANKING)
    assert found.first.value == [{"id": "b", "gain": 2.0}, {"id": "a", "gain": 1.0}]
    assert found.first.given == ["b", "a"]


def test_hunts_settle_what_is_put_in_and_enter_no_rate() -> None:
    fairly, hunted = label("a", "ann"), label("b", "bob", at=1.0, targeted=True, record="r2")
    table = Settled([fairly, hunted], ONE_STAGE)
    assert list(table.references.values()) == [settled([fairly], Kind.LABEL), settled([hunted], Kind.LABEL)]
    assert list(table.fair.values()) == [settled([fairly], Kind.LABEL)]
    assert table.in_force == {("r1", "s"): {"ann": fairly}}
    alone = Settled([fairly], ONE_STAGE)
    assert alone.references is alone.fair


def test_a_table_is_of_a_cascade_whose_answers_have_the_same_types() -> None:
    others = replace(STAGE, output=OutputType(kind=Kind.LABEL, values=("a", "b")))
    table = Settled([label("c")], ONE_STAGE)
    assert table.is_of(replace(ONE_STAGE, noun="mail"))
    assert not table.is_of(replace(ONE_STAGE, stages=(others,)))
