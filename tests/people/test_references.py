from __future__ import annotations

import pytest

from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json
from stagegap.people.references import fitting, latest, settle, settled

NO = object()
STAGE = Stage(
    name="s",
    uses="python",
    inputs={},
    output=OutputType(kind=Kind.LABEL, values=("a", "b", "c")),
    metrics=("accuracy",),
)
ONE_STAGE = Cascade(name="c", stages=(STAGE,), outcome=Outcome(stage="s", metric="accuracy"))


def label(value: object, annotator: str = "ann", *, at: float = 0.0, action: str = "label", **more: object) -> Label:
    answer = None if value is NO else Answer(value=value)
    fields = {"id": f"{annotator}{at}{value}", "record": "r1", "stage": "s"} | more
    return Label(annotator=annotator, answer=answer, action=action, at=at, **fields)


def accepted(kind: Kind, *values: Json) -> list[Json]:
    people = [label(value, f"p{i}") for i, value in enumerate(values)]
    return [answer.value for answer in settled(people, kind).accepted]


@pytest.mark.parametrize(
    ("kind", "values", "wanted", "why"),
    [
        (Kind.LABEL, ["a"], ["a"], "a single person"),
        (Kind.LABEL, ["b", "a", "a"], ["a"], "the majority"),
        (Kind.LABEL, ["b", "a"], ["b", "a"], "a tie accepts both, in the order of the persons"),
        (Kind.BOOLEAN, [True, False, True], [True], "the majority"),
        (Kind.LABEL, ["a", None, None], [None], "most say that there is no answer"),
        (Kind.LABEL, ["a", "b", None], ["a", "b"], "one of three says that there is none"),
        (Kind.LABEL, ["a", None], ["a", None], "an answer against none is a tie"),
        (Kind.LABEL, [None, None], [None], "all say that there is none"),
        (Kind.RANKING, [["x", "y"], ["y", "z"], ["y", "x"]], [["y", "x"]], "by votes, z was chosen by one of three"),
        (Kind.RANKING, [["x", "y"], ["y"]], [["y", "x"]], "half is enough"),
        (Kind.LABELS, [["b", "a"], ["a", "b"]], [["b", "a"]], "ties in the order of the first person"),
        (Kind.RANKING, [["x"], ["y"], ["z"]], [["x"], ["y"], ["z"]], "no item has half: all are accepted"),
        (Kind.RANKING, [[], [], ["x"]], [[]], "most say that nothing is relevant"),
        (Kind.RANKING, [[], []], [[]], "all say that nothing is relevant"),
        (Kind.TEXT, ["hi", "hello", "hi"], ["hi", "hello"], "every distinct answer"),
        (Kind.NUMBER, [1, 2], [1, 2], "every distinct answer"),
        (Kind.OBJECT, [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [{"a": 1, "b": 2}], "key order is no difference"),
    ],
)
def test_settling(kind: Kind, values: list[Json], wanted: list[Json], why: str):
    assert accepted(kind, *values) == wanted, why


def test_who_it_was_settled_from_is_kept():
    one, two = label("a", "ann"), label("a", "bob")
    assert (settled([one], Kind.LABEL).annotators, settled([one], Kind.LABEL).settled) == (("ann",), "single")
    assert (settled([one, two], Kind.LABEL).annotators, settled([one, two], Kind.LABEL).settled) == (
        ("ann", "bob"),
        "consensus",
    )


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
