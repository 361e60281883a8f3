from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from exchange import material
from stagegap.errors import InputError
from stagegap.exchange.label_files import Known, read_labels
from stagegap.exchange.recorded import RecordedFields, read_recorded
from stagegap.model.answer import Answer, Fact, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.stages import Reply

CASCADE = Cascade(
    name="mail",
    stages=(
        Stage(
            name="route",
            uses="python",
            inputs={"body": Source("record", "body")},
            output=OutputType(kind=Kind.LABEL, values=("orders", "spam")),
            metrics=("accuracy",),
        ),
        Stage(
            name="retrieve",
            uses="python",
            inputs={"body": Source("record", "body")},
            output=OutputType(kind=Kind.RANKING, of="shop", k=2),
            metrics=("recall@2",),
        ),
        Stage(
            name="draft",
            uses="python",
            inputs={"department": Source("stage", "route")},
            output=OutputType(kind=Kind.TEXT),
            metrics=("fact_recall",),
        ),
    ),
    outcome=Outcome(stage="draft", metric="fact_recall"),
)
KNOWN = Known(cascade=CASCADE, records=("m1", "m2"), documents={"shop": ("a", "b", "c")})


def row(**values: object) -> dict[str, object]:
    return {"record": "m1", "stage": "route", "annotator": "p1", "value": "orders", **values}


def written(folder: Path, *rows: Mapping[str, object]) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in rows))
    return path


def test_labels_of_all_types_come_with_their_facts(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        row(at=1700000000, active_ms=900, note="hm", unsure=True),
        row(stage="retrieve", value=["b", "a"]),
        row(stage="draft", value="Within 30 days.", facts=[["30 days", "thirty days"], "free"]),
        row(record="m2", stage="draft", value=None),
    )
    route, retrieve, draft, spam = read_labels(path, KNOWN)
    assert (route.at, route.active_ms, route.note, route.unsure) == (1700000000.0, 900, "hm", True)
    assert retrieve.answer == Answer(value=["b", "a"])
    assert draft.answer == Answer(value="Within 30 days.", facts=(Fact(("30 days", "thirty days")), Fact(("free",))))
    assert spam.answer == Answer(value=None)


def test_label_id_is_made_from_its_content(tmp_path: Path) -> None:
    first, same, other = read_labels(written(tmp_path, row(), row(), row(value="spam")), KNOWN)
    assert first.id == same.id != other.id


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stage": "rout"}, "There is no stage 'rout'. Did you mean route?"),
        ({"record": "m3"}, "There is no record 'm3'. Known: m1, m2."),
        ({"annotator": " "}, "The annotator is empty: a label needs to say who made it."),
        ({"value": "order"}, "The value does not fit stage 'route':"),
        ({"stage": "retrieve", "value": ["z"]}, "The value does not fit stage 'retrieve':"),
        ({"stage": "draft", "value": "x", "facts": [3]}, "A fact is a wording or a list of wordings, found 3."),
        ({"stage": "draft", "value": "x", "facts": [[" "]]}, "a fact needs at least one wording that is not empty"),
        ({"stage": "draft", "value": "x", "facts": {"a": 1}}, "Facts are a list, found {'a': 1}."),
        ({"stage": "draft", "value": "x", "facts": '"a"'}, "Facts are a list, found 'a'."),
        ({"action": "skipped"}, "The action 'skipped' is none of label, skip, undo, adjudicate."),
        ({"reason": "tired"}, "The reason 'tired' is none of guideline unclear, slip, really ambiguous."),
        ({"also": "[1]"}, "The field 'also' is a list of answers with value and facts, found '[1]'."),
        ({"also": 5}, "The field 'also' is a list of answers with value and facts, found 5."),
        ({"also": [{"value": "moon"}]}, "The value does not fit stage 'route'"),
        ({"action": "skip"}, "The action 'skip' comes without a value, found 'orders'."),
        ({"action": "undo", "value": None, "facts": ["x"]}, "The action 'undo' comes without a value, found None."),
        ({"no_answer": True}, "The row says that no answer is right, and has the value 'orders'."),
        ({"at": "soon"}, "A time is seconds since 1970 or an ISO 8601 text, found 'soon'."),
        ({"active_ms": 1.5}, "The field 'active_ms' is a whole number of milliseconds, found 1.5."),
        ({"active_ms": 2**32}, "The field 'active_ms' is a whole number of milliseconds, found 4294967296."),
        ({"active_ms": "long"}, "The field 'active_ms' is a whole number of milliseconds, found 'long'."),
        ({"probability": 1.5}, "The field 'probability' is a number from 0 to 1, found 1.5."),
        ({"probability": True}, "The field 'probability' is a number from 0 to 1, found True."),
        ({"unsure": "perhaps"}, "The field 'unsure' is true or false, found 'perhaps'."),
        ({"odd": 1}, "The field 'odd' is true or false, found 1."),
        ({"note": 5}, "The field 'note' is a text, found 5."),
    ],
)
def test_row_that_does_not_fit_is_one_sentence_with_its_line(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    path = written(tmp_path, row(), row(**values))
    with pytest.raises(InputError) as caught:
        read_labels(path, KNOWN)
    assert str(caught.value).startswith(f"{path}:2: {message}")


def test_missing_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"record": "m1", "stage": "route", "anotator": "p", "value": 1}')
    with pytest.raises(InputError, match=r"The field 'annotator' is missing\. Did you mean anotator\?"):
        read_labels(path, KNOWN)


def test_csv_cells_of_other_types_are_json(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        'record,stage,annotator,value,facts\nm1,route,p1,spam,\nm1,retrieve,p1,"[""a""]",\nm1,draft,p1,Hi,"[""x""]"\n'
    )
    route, retrieve, draft = read_labels(path, KNOWN)
    assert [label.answer and label.answer.value for label in (route, retrieve, draft)] == ["spam", ["a"], "Hi"]
    assert draft.answer is not None
    assert draft.answer.facts == (Fact(("x",)),)


@pytest.mark.parametrize(("stage", "value"), [("price", "9" * 30), ("fields", '{"a": [{"b": -' + "9" * 30 + "}]}")])
def test_number_that_the_store_has_no_place_for_is_refused(tmp_path: Path, stage: str, value: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(f'{{"record": "m1", "stage": "{stage}", "annotator": "ab", "value": {value}}}')
    with pytest.raises(
        InputError, match=r"^\S+:1: The field 'value\S*': a number of 30 digits has more than 64 bits\.$"
    ):
        read_labels(path, material.KNOWN)


def test_csv_of_a_spreadsheet_is_read_in_its_types(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        "record,stage,annotator,action,value,no_answer,at,active_ms,unsure,odd,probability,note\n"
        "m1,draft,p1,,,TRUE,2026-01-02T03:04:05Z,900,TRUE,false,0.25,'=1\n"
        "m1,draft,p1,skip,,,1e3,,,,,\n"
    )
    label, skip = read_labels(path, KNOWN)
    assert label.answer == Answer(value=None)
    assert (label.at, label.active_ms, label.unsure, label.odd) == (1767323045.0, 900, True, False)
    assert (label.probability, label.note) == (0.25, "=1")
    assert (skip.action, skip.answer, skip.at, skip.active_ms) == ("skip", None, 1000.0, None)


def test_label_that_comes_with_its_id_is_taken_as_it_was_made(tmp_path: Path) -> None:
    own, other, none = read_labels(
        written(tmp_path, row(id="op1", annotator=" p1 "), row(id="op1", cascade="shop"), row(annotator=" p1 ")), KNOWN
    )
    assert (own.id, own.annotator) == ("op1", " p1 ")
    assert other.id not in ("op1", none.id)
    assert none.annotator == "p1"


def test_half_a_character_is_read_as_the_store_holds_it(tmp_path: Path) -> None:
    (label,) = read_labels(written(tmp_path, row(id="\ud800", annotator="\ud801", note="\udfff")), KNOWN)
    assert (label.id, label.annotator, label.note) == ("\\ud800", "\\ud801", "\\udfff")


def test_skip_needs_no_value(tmp_path: Path) -> None:
    skip = {"record": "m1", "stage": "route", "annotator": "p1", "action": "skip"}
    assert [label.action for label in read_labels(written(tmp_path, skip), KNOWN)] == ["skip"]


def test_recorded_outputs_are_those_of_the_stage_and_null_is_a_skip(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"record": "m1", "stage": "route", "value": "orders", "how": "ok"},
        {"record": "m2", "stage": "route", "value": "spam", "how": "skipped"},
        {"record": "m1", "stage": "draft", "value": "Hi", "how": "ok"},
    )
    fields = RecordedFields(status="how")
    found = read_recorded(path, fields, stage="route", output=OutputType(kind=Kind.LABEL))
    assert found == {"m1": Reply(value="orders"), "m2": Reply(status=Status.SKIPPED)}


def test_doubled_and_incomplete_recorded_rows_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"record": "m1", "value": 1}, {"record": "m1", "value": 2}, {"record": "m2", "valu": 1})
    with pytest.raises(InputError) as caught:
        read_recorded(path, RecordedFields(), stage="route", output=OutputType(kind=Kind.NUMBER))
    assert [problem.line for problem in caught.value.problems] == [2, 3]


def test_recorded_replies_beyond_what_memory_holds_are_those_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = ["tea", "\ud800 half", 2**63, 0.1 + 0.2, {"b": [1, None], "a": "é\u2028"}, ["x"], True]
    rows = [{"record": f"m{n}", "value": value, "latency_ms": 1.5, "raw": "r"} for n, value in enumerate(values)]
    path = written(tmp_path, *rows)
    fields = RecordedFields(latency_ms="latency_ms", raw="raw")
    monkeypatch.setattr("stagegap.exchange.recorded.IN_MEMORY", 10)
    replies = read_recorded(path, fields, stage="draft", output=OutputType(kind=Kind.OBJECT))
    assert list(replies) == [f"m{n}" for n in range(len(values))]
    assert [replies[f"m{n}"] for n in reversed(range(len(values)))] == [
        Reply(value=value, latency_ms=1.5, raw="r") for value in reversed(values)
    ]
    assert json.dumps(replies["m4"].value) == json.dumps(values[4])  # the keys in the order of the file
    assert len(replies) == len(values)
    assert "m9" not in replies


def test_recorded_replies_take_no_memory_for_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "outputs.jsonl"
    with path.open("w") as stream:
        for n in range(2_000):
            stream.write(json.dumps({"record": f"m{n}", "value": f"{n} " + "long " * 2_000}) + "\n")
    tracemalloc.start()
    try:
        replies = read_recorded(path, RecordedFields(), stage="draft", output=OutputType(kind=Kind.TEXT))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(replies) == 2_000
    assert path.stat().st_size > 20_000_000 > 2 * peak


LABEL = OutputType(kind=Kind.LABEL, values=("1", "2"))


@pytest.mark.parametrize(
    ("ending", "output", "values", "read"),
    [
        ("jsonl", LABEL, [1, "1", 1.0, " 1 "], ["1", "1", "1", "1"]),
        ("jsonl", OutputType(kind=Kind.LABEL, values=("True", "False")), [True, "False"], ["True", "False"]),
        ("jsonl", OutputType(kind=Kind.LABELS, values=("1", "2")), [[1, "2"], "[2]"], [["1", "2"], ["2"]]),
        ("jsonl", OutputType(kind=Kind.RANKING, of="shop", k=3), [[7, 7.0, "d"]], [["7", "7", "d"]]),
        ("jsonl", OutputType(kind=Kind.NUMBER), ["4", 4, "+.5", "4k"], [4, 4, 0.5, "4k"]),
        ("jsonl", OutputType(kind=Kind.TEXT), [42, "", "[1]"], ["42", "", "[1]"]),
        ("jsonl", OutputType(kind=Kind.OBJECT), ['{"a": 1}', {"a": "1"}], [{"a": 1}, {"a": "1"}]),
        ("csv", OutputType(kind=Kind.BOOLEAN), ["yes", "No", "T", "1.0", "so"], [True, False, True, True, "so"]),
        ("csv", OutputType(kind=Kind.NUMBER), ["+11", "5.", ".5", "-1e3", "1,000"], [11, 5.0, 0.5, -1000.0, "1,000"]),
        ("csv", LABEL, [" 1", "2 "], ["1", "2"]),
    ],
)
def test_what_others_wrote_down_is_read_by_the_declared_type(
    tmp_path: Path, ending: str, output: OutputType, values: list[Any], read: list[Any]
):
    path = tmp_path / f"outputs.{ending}"
    rows = [{"record": str(i), "value": value} for i, value in enumerate(values)]
    if ending == "csv":
        path.write_text("record;value\n" + "".join(f"{row['record']};{row['value']}\n" for row in rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    replies = read_recorded(path, RecordedFields(), stage="s", output=output)
    assert [replies[str(i)].value for i in range(len(read))] == read


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("RateLimitError", Status.INFRASTRUCTURE),
        ("Rate limit exceeded", Status.INFRASTRUCTURE),
        ("TimeoutError", Status.INFRASTRUCTURE),
        ("cancelled", Status.INFRASTRUCTURE),
        ("max_tokens", Status.UNPARSABLE),
        ("end_turn", Status.OK),
    ],
)
def test_words_for_how_a_call_ended(tmp_path: Path, word: str, status: Status):
    path = tmp_path / "outputs.jsonl"
    path.write_text(json.dumps({"record": "1", "value": "x", "state": word}))
    output = OutputType(kind=Kind.TEXT)
    assert read_recorded(path, RecordedFields(status="state"), stage="s", output=output)["1"].status is status
    path.write_text(json.dumps({"record": "1", "state": word}))
    if status is Status.OK:
        with pytest.raises(InputError, match="The field 'value' is missing"):
            read_recorded(path, RecordedFields(status="state"), stage="s", output=output)
    else:
        assert read_recorded(path, RecordedFields(status="state"), stage="s", output=output)["1"].value is None
