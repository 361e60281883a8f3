from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.foreign.reading import reasons, take, written
from exchange.material import KNOWN
from stagegap.errors import InputError
from stagegap.exchange.foreign import Wanted, detected, read_foreign
from stagegap.model.answer import Answer
from stagegap.model.record import Json


def result(name: str, kind: str, value: object) -> dict[str, object]:
    return {"id": "r1", "from_name": name, "to_name": "text", "type": kind, "value": value, "origin": "manual"}


def annotation(*results: dict[str, object], **fields: Any) -> dict[str, object]:
    return {
        "id": 7,
        "completed_by": 3,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:05:00.5Z",
        "lead_time": 4.288,
    } | fields


def task(*annotations: dict[str, object], **fields: Any) -> dict[str, object]:
    return {"id": 1, "data": {"id": "m1", "text": "Hi"}, "annotations": list(annotations), "predictions": []} | fields


CHOICE = result("category", "choices", {"choices": ["orders"]})


def test_annotation_is_a_label_with_who_when_and_how_long(tmp_path: Path) -> None:
    taken = take(tmp_path, "label-studio", [task(annotation(CHOICE))], route="category")
    (label,) = taken.labels
    assert (label.record, label.stage, label.annotator, label.answer) == ("m1", "route", "3", Answer(value="orders"))
    assert (label.at, label.active_ms, label.action, label.verified) == (1767323100.5, 4288, "label", False)
    assert not taken.unmapped


@pytest.mark.parametrize(
    ("stage", "kind", "value", "answer"),
    [
        ("draft", "textarea", {"text": ["Within 30 days."]}, "Within 30 days."),
        ("tags", "choices", {"choices": ["late", "new"]}, ["new", "late"]),
        ("tags", "taxonomy", {"taxonomy": [["any", "late"], ["new"], "+urgent"]}, ["new", "late", "+urgent"]),
        ("price", "number", {"number": 3}, 3),
        ("price", "rating", {"rating": 4}, 4),
        ("price", "textarea", {"text": ["3.5"]}, 3.5),
        ("good", "choices", {"choices": ["Yes"]}, True),
        ("retrieve", "ranker", {"ranker": {"rank": ["-b", "a"]}}, ["-b", "a"]),
        ("fields", "textarea", {"text": ['{"a": 1}']}, {"a": 1}),
    ],
)
def test_results_become_values_of_the_stage(tmp_path: Path, stage: str, kind: str, value: object, answer: Json) -> None:
    taken = take(tmp_path, "label-studio", [task(annotation(result(stage, kind, value)))])
    assert not taken.unmapped
    assert [label.answer for label in taken.labels] == [Answer(value=answer)]


def test_cancelled_annotation_is_a_skip_of_every_stage_that_is_asked(tmp_path: Path) -> None:
    skipped = annotation(was_cancelled=True, id=8)
    words = result("draft", "textarea", {"text": ["x"]})
    taken = take(tmp_path, "label-studio", [task(annotation(CHOICE, words), skipped)], route="category")
    assert [(label.stage, label.action, label.answer) for label in taken.labels[2:]] == [
        ("draft", "skip", None), ("route", "skip", None),
    ]  # fmt: skip
    alone = take(tmp_path, "label-studio", [task(skipped)])
    assert not alone.labels
    assert reasons(alone) == {
        "A skip can't be told to be of any stage: name its questions with --stage.": (1, ("task 1, annotation 8",))
    }


@pytest.mark.parametrize("said", [True, 1, "true"])
def test_annotation_that_says_in_any_way_that_it_was_cancelled_is_no_answer(tmp_path: Path, said: object) -> None:
    taken = take(tmp_path, "label-studio", [task(annotation(CHOICE, was_cancelled=said))], route="category")
    assert {label.action for label in taken.labels} == {"skip"}


def test_what_is_no_object_is_counted_in_lists_and_refused_as_a_task(tmp_path: Path) -> None:
    odd = task(annotation(CHOICE)) | {"annotations": [annotation(CHOICE, result=[CHOICE, None]), 5, "x"]}
    taken = take(tmp_path, "label-studio", [odd, task() | {"annotations": "none"}], route="category")
    assert len(taken.labels) == 1
    reason = "A JSON object was expected, and something else stands there."
    assert reasons(taken) == {reason: (4, ("task 1", "task 1, annotation 7"))}
    with pytest.raises(InputError, match="entry 2 is none"):
        take(tmp_path, "label-studio", [task(annotation(CHOICE)), None], route="category")


def test_what_becomes_no_label_is_counted_with_its_reason(tmp_path: Path) -> None:
    place = result("box", "rectanglelabels", {"rectanglelabels": ["x"], "x": 1})
    tasks = [
        task(annotation(CHOICE, place, result("route", "choices", {"choices": ["none"]}))),
        task(annotation(id=9), annotation(CHOICE, CHOICE, id=10), predictions=[{"result": []}], drafts=[{}, {}]),
        task(annotation(result("route", "choices", {"choices": ["orders", "=spam"]}), id=11)),
        task(annotation(result("route", "choices", {"choices": ["orders"]}), id=12, completed_by=None)),
        task(annotation(result("route", "choices", {"choices": ["orders"]}), id=13), data={"id": "m9"}),
        task(annotation(result("route", "choices", {"choices": ["orders"]}), id=14), data={"text": "x"}),
        task(annotation(result("route", "choices", {"choices": ["orders"]}), id=15, updated_at="soon")),
    ]
    taken = take(tmp_path, "label-studio", tasks)
    assert not taken.labels
    assert reasons(taken) == {
        "A draft was never submitted.": (2, ("task 1",)),
        "A question was answered several times in one annotation.": (2, ("task 1, annotation 10, category",)),
        "A prediction is a model's answer, not a person's.": (1, ("task 1",)),
        "A result of the type 'rectanglelabels' marks a place, and answers no stage.": (
            1, ("task 1, annotation 7, box",),
        ),
        "A time is seconds since 1970 or an ISO 8601 text, found 'soon'.": (1, ("task 1, annotation 15: ['orders']",)),
        "It does not say who made it, and a label needs to: --annotator NAME says it.": (1, ("task 1, annotation 12",)),
        "No field holds the id of a record; --record-id FIELD says where its id stands.": (
            1, ("task 1, annotation 14",),
        ),
        "No stage is called 'category'; --stage NAME=category gives its answers to a stage.": (
            1, ("task 1, annotation 7",),
        ),
        "Stage 'route' takes one answer, and here are none or several.": (
            1, ("task 1, annotation 11: ['orders', '=spam']",),
        ),
        "The annotation holds no answer.": (1, ("task 1, annotation 9",)),
        "The record is not one of the cascade's; --record-id FIELD says where its id stands.": (
            1, ("task 1, annotation 13: 'm9'",),
        ),
        "The value is none that stage 'route' can take.": (1, ("task 1, annotation 7: ['none']",)),
    }  # fmt: skip


def test_examples_are_at_most_five_and_short(tmp_path: Path) -> None:
    many = [task(annotation(result("x" * 500, "choices", {"choices": ["a"]}), id=n)) for n in range(9)]
    (one,) = take(tmp_path, "label-studio", many).unmapped
    assert (one.count, len(one.examples)) == (9, 5)
    long = [task(annotation(result("route", "choices", {"choices": ["a" * 500]})))]
    ((example,),) = [one.examples for one in take(tmp_path, "label-studio", long).unmapped]
    assert len(example) == 120


@pytest.mark.parametrize(
    ("record_id", "fields"),
    [
        ("mail", {"data": {"mail": "m1", "id": "=m2"}}),
        ("mail", {"data": {}, "meta": {"mail": "m1"}}),
        ("data.mail.id", {"data": {"mail": {"id": "m1"}}}),
        ("key", {"key": "m1", "data": {}}),
        (None, {"data": {"id": 12, "record_id": "m1"}}),
        (None, {"data": {}, "meta": {"record": "m1"}}),
    ],
)
def test_record_is_found_where_its_id_stands(tmp_path: Path, record_id: str | None, fields: dict[str, object]) -> None:
    taken = take(tmp_path, "label-studio", [task(annotation(CHOICE), **fields)], record_id, route="category")
    assert [label.record for label in taken.labels] == ["m1"]


def test_person_is_named_by_address_where_the_export_has_it(tmp_path: Path) -> None:
    people = [{"id": 3, "email": "ab@example.org"}, {"id": 4}]
    tasks = [task(annotation(CHOICE, completed_by=person)) for person in people]
    taken = take(tmp_path, "label-studio", tasks, route="category")
    assert [label.annotator for label in taken.labels] == ["ab@example.org", "4"]


@pytest.mark.parametrize("spent", [None, "long", True, -1, 1e12])
def test_time_that_is_none_is_left_out(tmp_path: Path, spent: object) -> None:
    taken = take(tmp_path, "label-studio", [task(annotation(CHOICE, lead_time=spent))], route="category")
    assert [label.active_ms for label in taken.labels] == [None]
    kept_without = {"The time that it took can't be read: the label came in without it.": 1}
    assert {reason: n for reason, (n, _) in reasons(taken).items()} == ({} if spent is None else kept_without)


def test_ranker_of_several_buckets_is_no_ranking(tmp_path: Path) -> None:
    value = {"ranker": {"good": ["a"], "bad": ["c"]}}
    taken = take(tmp_path, "label-studio", [task(annotation(result("retrieve", "ranker", value)))])
    assert list(reasons(taken)) == ["The value is none that stage 'retrieve' can take."]


def test_same_export_gives_the_same_ids_and_a_changed_answer_another(tmp_path: Path) -> None:
    def ids(**fields: Any) -> list[str]:
        taken = take(tmp_path, "label-studio", [task(annotation(CHOICE, **fields))], route="category")
        return [label.id for label in taken.labels]

    assert ids() == ids() != ids(updated_at="2026-01-03T00:00:00Z")


def test_short_forms_give_the_fields_that_are_a_stage_s(tmp_path: Path) -> None:
    short = {"id": 1, "record_id": "m1", "category": "orders", "draft": ["Hi"], "tags": {"choices": ["new", "late"]},
             "annotator": "ab@x.org", "annotation_id": 7, "lead_time": 2.5,
             "created_at": "2026-01-02T03:04:05Z"}  # fmt: skip
    taken = take(tmp_path, "label-studio", [short], route="category")
    assert [(label.stage, label.answer and label.answer.value, label.record) for label in taken.labels] == [
        ("route", "orders", "m1"), ("tags", ["new", "late"], "m1"), ("draft", "Hi", "m1"),
    ]  # fmt: skip
    assert {(label.annotator, label.active_ms, label.at) for label in taken.labels} == {
        ("ab@x.org", 2500, 1767323045.0)
    }
    assert detected(written(tmp_path, [short])) == "label-studio"
    cell = '"{""choices"": [""new"", ""late""]}"'
    (tmp_path / "a.csv").write_text(f"annotation_id,annotator,id,mail,tags,draft\n7,ab,1,m1,{cell},{{cut\n")
    assert detected(tmp_path / "a.csv") == "label-studio"
    wanted = Wanted(record_id="mail")
    label, words = read_foreign(tmp_path / "a.csv", "label-studio", KNOWN, wanted).labels
    assert words.answer == Answer(value="{cut")
    assert (label.stage, label.answer, label.record) == ("tags", Answer(value=["new", "late"]), "m1")
    nothing = {"id": 1, "record_id": "m1", "mood": "good", "annotator": 1, "annotation_id": 1}
    assert reasons(take(tmp_path, "label-studio", [nothing])) == {
        "No field of this row is a stage's: name its questions with --stage NAME=FIELD.": (1, ("task 1, annotation 1",))
    }
