"""Columns of a run, made by SQL: what each says of rows whose content is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stagegap.errors import NotFound
from stagegap.model.answer import Answer, Label, Output, Reference, Status
from stagegap.model.cascade import Kind, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.oddities.columns import forms_in_words
from stagegap.store import Store
from stagegap.store.screen_columns import SMALL, Shelf
from store import material

LABELLED = Stage(
    name="route", uses="python", inputs={"a": Source("record", "it's \"odd\"")}, metrics=("accuracy",),
    output=OutputType(kind=Kind.LABEL, values=("spam", "it's")),
)  # fmt: skip
TEXTS = Stage(
    name="draft", uses="llm", inputs={"a": Source("record", "body"), "r": Source("stage", "route")},
    metrics=("fact_recall",), output=OutputType(kind=Kind.TEXT),
)  # fmt: skip
LONG = "This text is long enough that it should end with the sign of a sentence"


def stage(kind: Kind, name: str = "draft") -> Stage:
    return Stage(name=name, uses="llm", inputs={}, metrics=("exact",), output=OutputType(kind=kind))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "s", drain=False)


def filled(store: Store, outputs: list[Output], **fields: str) -> None:
    records = [
        Record(
            id=f"r{i}", fields={"body": f"mail {i}", "it's \"odd\"": i // 2}, cluster="c" if i < 2 else "",
            difficulty=("easy", None)[i % 2], slices={"channel": ("web", "shop")[i % 2]},
        )
        for i in range(4)
    ]  # fmt: skip
    store.put_records("mail", records)
    store.create_run(material.run())
    store.append_outputs(material.RUN, SYSTEM, outputs)


def output(record: int, value: object, name: str = "draft", **more: object) -> Output:
    return Output(record=f"r{record}", stage=name, value=value, **{"status": Status.OK, **more})  # type: ignore[arg-type]


def columns(store: Store, wanted: Stage) -> dict[str, np.ndarray]:
    with store.screening(material.RUN) as reader:
        return reader.stage(wanted).numbers


def test_units_difficulty_and_names_stand_at_the_positions_of_records(store: Store) -> None:
    filled(store, [output(i, "ok") for i in (3, 0, 1, 2)])
    with store.screening(material.RUN) as reader:
        known = reader.records()
        assert reader.n == 4
        assert reader.names([2, 0]) == ["r2", "r0"]
    assert known.unit[0] == known.unit[1]
    assert len(set(known.unit.tolist())) == 3
    assert known.difficulties == ("easy",)
    assert known.difficulty.tolist() == [0, -1, 0, -1]
    assert known.groups == {}  # none holds thirty records


def test_statuses_and_newest_rows_count(store: Store) -> None:
    filled(store, [output(0, None, status=Status.REFUSED), output(1, "a")])
    store.append_outputs(material.RUN, SYSTEM, [output(0, "b")])
    found = columns(store, TEXTS)
    assert found["status"].tolist() == [0, 0]
    assert (found["value"] > 0).all()


def test_equal_answers_and_equal_inputs_have_equal_hashes(store: Store) -> None:
    filled(store, [output(i, ("spam", "spam", "it's", "other")[i], "route") for i in range(4)])
    found = columns(store, LABELLED)
    assert found["value"][0] == found["value"][1] != found["value"][2]
    assert found["given"][0] == found["given"][1] != found["given"][2]
    assert found["answer"].tolist() == [0, 0, 1, -1]
    assert found["outside"].tolist() == [0, 0, 0, 1]


def test_texts_that_break_off_and_their_forms(store: Store) -> None:
    fenced = {"status": Status.REPAIRED, "raw": "```json\n{}\n```"}
    filled(store, [output(0, LONG), output(1, LONG + "."), output(2, "Sure, here it is."), output(3, "x", **fenced)])
    with store.screening(material.RUN) as reader:
        table = reader.stage(TEXTS)
    assert table.numbers["cut"].tolist()[:2] == [1, 0]
    assert math.isnan(table.numbers["cut"][2])
    shapes = [table.shapes[code] for code in table.numbers["shape"]]
    assert shapes == ["plain text", "plain text", "opening words", "a code block around it"]
    assert {position: read for position, _, read in table.texts}[2] == "mail 2"


def test_objects_have_the_form_of_their_keys(store: Store) -> None:
    filled(store, [output(0, {"a": 1}), output(1, {"a": 2}), output(2, {"a": "x", "b": 1})])
    with store.screening(material.RUN) as reader:
        table = reader.stage(stage(Kind.OBJECT))
    codes = table.numbers["shape"].tolist()
    assert codes[0] == codes[1] != codes[2]


def test_forms_of_objects_are_said_in_words_and_a_declared_null_is_no_other_form(store: Store) -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["number", "null"]},
            "b": {"type": "object", "properties": {"c": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
        },
    }
    values = [
        {"a": 1, "b": {"c": "x"}},
        {"a": 2.5, "b": {"c": "y"}},
        {"a": None, "b": {"c": None}},
        {"a": "1", "b": {"c": "x"}},
    ]
    filled(store, [output(number, value) for number, value in enumerate(values)])
    described = stage(Kind.OBJECT)
    described = replace(described, output=replace(described.output, schema=json.dumps(schema)))
    with store.screening(material.RUN) as reader:
        table = reader.stage(described)
    usual, other = "a: number, b: (c: text)", "a: text, b: (c: text)"
    assert [table.shapes[code] for code in table.numbers["shape"]] == [usual, usual, usual, other]


@pytest.mark.parametrize(
    ("structure", "schema", "form"),
    [
        ("{}", "", "an empty object"),
        ('[{"a":"BOOLEAN"}]', '{"items": {"properties": {}}}', "list of a: yes or no"),
        ("[]", "{}", "list of nothing"),
        ("a code block around it", "{}", "a code block around it"),
        ('{"a":"VARCHAR","b":', "{}", '{"a":"VARCHAR","b":'),
        ('{"a":"NULL"}', '{"properties": {"a": {"enum": ["x", null]}}}', "a: text"),
    ],
)
def test_any_structure_has_a_form_in_words(structure: str, schema: str, form: str) -> None:
    assert forms_in_words([structure], schema) == ((form,), (0,))


def test_rankings_with_one_id_twice_are_marked(store: Store) -> None:
    filled(store, [output(0, ["a", "b"]), output(1, ["a", "a"]), output(2, [])])
    assert columns(store, stage(Kind.RANKING))["doubled"].tolist() == [0, 1, 0]


def test_repeats_that_differ_are_marked(store: Store) -> None:
    outputs = [output(0, "a"), output(0, "b", repeat=1), output(1, "a"), output(1, "a", repeat=1), output(2, "a")]
    filled(store, outputs)
    found = columns(store, TEXTS)["unstable"].tolist()
    assert found[:2] == [1, 0]
    assert math.isnan(found[2])


def test_time_of_a_cached_call_is_no_time_of_a_call(store: Store) -> None:
    filled(store, [output(0, "a", latency_ms=5.0), output(1, "a", latency_ms=5.0, cached=True)])
    assert columns(store, TEXTS)["latency"][0] == 5.0
    assert math.isnan(columns(store, TEXTS)["latency"][1])


def test_kept_scores_are_read(store: Store) -> None:
    filled(store, [output(i, "a") for i in range(3)])
    store.put_scores(material.RUN, SYSTEM, {("draft", "fact_recall"): {"r1": 0.5}})
    assert np.nan_to_num(columns(store, TEXTS)["score"], nan=-1).tolist() == [-1, 0.5, -1]


def person(key: str, record: int, value: object, **more: object) -> Label:
    fields = {"annotator": "ann", "at": 1.0, **more}
    return Label(id=key, record=f"r{record}", stage="route", answer=Answer(value=value), **fields)  # type: ignore[arg-type]


def test_last_event_of_a_person_is_the_label_in_force(store: Store) -> None:
    labels = [
        person("1", 0, "spam", active_ms=900),
        person("2", 0, "it's", at=2.0, active_ms=800),
        person("3", 0, "spam", annotator="bob", active_ms=700),
        person("4", 1, "spam", active_ms=600),
        Label(id="5", record="r1", stage="route", annotator="ann", answer=None, action="undo", at=3.0),
        person("6", 2, "spam", active_ms=500, targeted=True),
        person("7", 3, None),
        person("8", 3, "spam", annotator="bob"),
    ]
    filled(store, [output(i, "spam", "route") for i in range(4)])
    store.append_labels("mail", labels)
    with store.screening(material.RUN) as reader:
        reader.labels([])
        people = reader.people(LABELLED)
    rows = sorted(zip(people.labels["position"].tolist(), [people.names[p] for p in people.labels["person"]],
                      people.labels["active_ms"].tolist(), strict=True), key=str)  # fmt: skip
    assert [row[:2] for row in rows] == [(0, "ann"), (0, "bob"), (3, "ann"), (3, "bob")]
    assert 800.0 in people.labels["active_ms"]
    assert 0 in people.labels["answer"].tolist()  # "no answer is right"


def test_answers_an_hour_apart_are_compared(store: Store) -> None:
    labels = [
        person("1", 0, "spam"), person("2", 0, "it's", at=4_000.0),
        person("3", 1, "spam"), person("4", 1, "it's", at=60.0),
        person("5", 2, "spam"), person("6", 2, "spam", at=9_000.0),
    ]  # fmt: skip
    filled(store, [output(i, "spam", "route") for i in range(4)])
    store.append_labels("mail", labels)
    with store.screening(material.RUN) as reader:
        reader.labels([])
        changed = reader.people(LABELLED).changed
    assert sorted(zip(changed["position"].tolist(), changed["changed"].tolist(), strict=True)) == [(0, 1.0), (2, 0.0)]


def test_record_that_somebody_flagged_or_two_skipped_is_known(store: Store) -> None:
    def skip(number: str, record: int, who: str) -> Label:
        return Label(id=number, record=f"r{record}", stage="route", answer=None, annotator=who, action="skip", at=1.0)

    labels = [
        person("1", 0, "spam", odd=True), person("2", 0, "spam", annotator="bob"),
        skip("3", 1, "ann"), skip("4", 1, "bob"), skip("5", 2, "ann"),
        person("6", 3, "spam", odd=True), person("7", 3, "spam", at=2.0),
    ]  # fmt: skip
    filled(store, [output(i, "spam", "route") for i in range(4)])
    with store.screening(material.RUN) as reader:
        reader.labels([])
        assert np.isnan(reader.flagged(LABELLED)).all()
    store.append_labels("mail", [person("0", 2, "spam", annotator="eve")])
    with store.screening(material.RUN) as reader:
        reader.labels([])
        assert reader.flagged(LABELLED).tolist()[2] == 0
    store.append_labels("mail", labels)
    with store.screening(material.RUN) as reader:
        reader.labels([])
        assert reader.flagged(LABELLED).tolist() == [1, 1, 0, 0]  # the last event of ann takes her flag of r3 back


def test_what_is_held_to_be_right_stands_at_the_positions_of_records(store: Store) -> None:
    def right(record: int, *values: object, name: str = "route") -> Reference:
        answers = tuple(Answer(value=value) for value in values)  # type: ignore[arg-type]
        return Reference(record=f"r{record}", stage=name, accepted=answers, annotators=("ann",), settled="single")

    filled(store, [output(i, "spam", "route") for i in range(4)])
    store.append_outputs(material.RUN, SYSTEM, [output(0, LONG)])
    texts = [right(0, LONG, "short", name="draft"), right(1, "mail", name="draft"), right(9, "x", name="draft")]
    with store.screening(material.RUN) as reader:
        reader.labels([right(0, "it's", "spam"), right(1, "spam"), right(2, None), *texts])
        assert reader.reference(LABELLED).tolist() == [1, 0, -1, -1]
        assert reader.reference_texts(TEXTS, [0, 1, 2]) == {0: LONG, 1: "mail"}
        assert reader.holding(TEXTS, ["body"]).tolist()[:1] == [0]
    with store.screening(material.RUN) as reader:
        reader.labels([])
        assert reader.reference(LABELLED).tolist() == [-1, -1, -1, -1]


def test_judgement_of_answers_is_no_answer(store: Store) -> None:
    filled(store, [output(i, "spam", "route") for i in range(4)])
    judged = [person(str(i), 0, {"score": 1}, task="judge", at=9_000.0 * i, active_ms=10, odd=True) for i in range(2)]
    store.append_labels("mail", [person("p", 0, "spam", active_ms=20), *judged])
    with store.screening(material.RUN) as reader:
        reader.labels([])
        people = reader.people(LABELLED)
        assert people.labels["active_ms"].tolist() == [20.0]
        assert not len(people.changed["position"])
        assert reader.flagged(LABELLED).tolist()[0] == 0


def test_fields_of_records_that_only_one_run_has(store: Store) -> None:
    filled(store, [output(i, "spam") for i in (0, 1, 2)])
    later = store.create_run(material.run("6" * 32))
    store.append_outputs(later.id, SYSTEM, [output(i, "spam") for i in (1, 2, 3)])
    with store.screening(later.id) as reader:
        assert reader.shared(material.RUN) == 2
        now, then = reader.field_sizes(["body"], against=material.RUN)
    assert now["body"].tolist() == then["body"].tolist() == [6.0]
    assert now["unit"].tolist() != then["unit"].tolist()


def test_unknown_run_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="no run with the id"), store.screening("9" * 32):
        pass


def test_a_large_column_is_read_from_a_file_without_a_name_again_and_again(tmp_path: Path) -> None:
    column = np.arange(SMALL, dtype=np.uint64)
    shelf = Shelf(tmp_path)
    put = shelf.put(column)
    for _ in range(2):
        assert (put == column).all()
        shelf.release()
    assert put is not column
    assert shelf.put(put) is put
    assert list(tmp_path.iterdir()) == []


def test_a_small_column_and_one_that_finds_no_place_on_the_disk_stay_in_memory(tmp_path: Path) -> None:
    small, large = np.arange(4), np.arange(SMALL)
    shelf = Shelf(tmp_path / "missing")
    assert shelf.put(small) is small
    assert shelf.put(large) is large
