"""Prodigy and doccano: labels of programs whose files say little about who answered, and on which record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exchange.foreign.reading import reasons, take, written
from exchange.material import KNOWN
from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign import Taken, Wanted, detected, read_foreign

SHARED = Path(__file__).parents[4] / "shared/data/foreign"


def prodigy(**fields: Any) -> dict[str, Any]:
    return {
        "text": "Hi", "meta": {"id": "m1"}, "_task_hash": 5, "_input_hash": 4, "answer": "accept",
        "_annotator_id": "mails-ab", "_timestamp": 1767323045,
    } | fields  # fmt: skip


def doccano(**fields: Any) -> dict[str, Any]:
    return {"id": 9, "text": "Hi", "record": "m1", "label": ["orders"]} | fields


def said(taken: Taken) -> list[tuple[str, object, str, str]]:
    return [(label.stage, label.answer and label.answer.value, label.record, label.annotator) for label in taken.labels]


def test_prodigy_s_answers_are_labels_of_who_gave_them(tmp_path: Path) -> None:
    tasks = [
        prodigy(options=[{"id": "late"}], accept=["late"]),
        prodigy(user_input="Within 30 days.", _session_id="s", _annotator_id=None),
        prodigy(label="URGENT", answer="reject"),
        prodigy(label="orders", spans=[{"start": 0, "end": 2, "label": "X", "token_start": 0}]),
        prodigy(answer="ignore"),
        prodigy(answer="reject", label="orders"),
        prodigy(),
    ]
    assert detected(written(tmp_path, tasks)) == "prodigy"
    taken = take(tmp_path, "prodigy", tasks, tags="accept", draft="user_input", good="URGENT", route="label")
    assert said(taken) == [
        ("tags", ["late"], "m1", "mails-ab"),
        ("draft", "Within 30 days.", "m1", "s"),
        ("good", False, "m1", "mails-ab"),
        ("route", "orders", "m1", "mails-ab"),
        *[(stage, None, "m1", "mails-ab") for stage in ("tags", "draft", "good", "route")],
    ]
    assert taken.labels[0].at == 1767323045
    assert {reason.split(";")[0]: count for reason, (count, _) in reasons(taken).items()} == {
        "A rejected task says what is wrong, and not what is right.": 1,
        "No stage is called 'spans'": 1,
        "The task holds no answer.": 1,
    }


def test_doccano_s_labels_need_who_and_which_record(tmp_path: Path) -> None:
    examples = [
        doccano(), doccano(label=["new", "late"]), doccano(label=[]),
        doccano(id=10, entities=[{"start_offset": 0, "end_offset": 2, "label": "X"}], relations=[{"id": 1}]),
        doccano(label=[[0, 2, "X"]]),
    ]  # fmt: skip
    path = written(tmp_path, examples)
    assert detected(path) == "doccano"
    wanted = Wanted(stages={"tags": "label"}, annotator="ab")
    taken = read_foreign(path, "doccano", KNOWN, wanted)
    assert said(taken) == [("tags", ["new", "late"], "m1", "ab")]
    assert {reason: count for reason, (count, _) in reasons(taken).items()} == {
        "The value is none that stage 'tags' can take.": 3,
        "A relation between two marks answers no stage.": 1,
        "The example holds no answer.": 1,
    }
    whose = take(tmp_path, "doccano", [doccano(), doccano(record=None)], route="label")
    assert {reason.split(":")[0] for reason in reasons(whose)} == {
        "It does not say who made it, and a label needs to",
        "No field holds the id of a record; --record-id FIELD says where its id stands.",
    }


@pytest.mark.parametrize(
    ("name", "value", "looks"),
    [
        (
            "mlflow",
            [{"name": "n", "context": {"trace_id": "t", "span_id": "s"}, "span_kind": "LLM"}],
            "first object has",
        ),
        ("mlflow", [prodigy()], "It looks like Prodigy"),
        ("label-studio", [{"a": 1}], "first object has 'a'"),
        ("prodigy", {"info": {"trace_id": "t"}}, "It looks like MLflow"),
    ],
)
def test_file_of_another_shape_says_so(tmp_path: Path, name: str, value: object, looks: str) -> None:
    with pytest.raises(ConfigurationError, match=looks):
        take(tmp_path, name, value)


def test_columns_of_another_program_are_rows_too(tmp_path: Path) -> None:
    columns = {key: [value] for key, value in doccano(label=["orders"]).items()}
    taken = read_foreign(
        written(tmp_path, columns), "doccano", KNOWN, Wanted(stages={"route": "label"}, annotator="ab")
    )
    assert said(taken) == [("route", "orders", "m1", "ab")]


def test_own_labels_in_one_json_are_our_own(tmp_path: Path) -> None:
    assert detected(written(tmp_path, [{"record": "m1", "stage": "route", "annotator": "ab", "value": "x"}])) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files that other programs wrote are not here")
@pytest.mark.parametrize(
    ("name", "form", "question"),
    [("doccano.jsonl", "doccano", "label"), ("prodigy-textcat.jsonl", "prodigy", "label"),
     ("label-studio-min.json", "label-studio", "sentiment"), ("label-studio.csv", "label-studio", "sentiment"),
     ("label-studio.json", "label-studio", "sentiment"), ("label-studio-history.json", "label-studio", "sentiment")],
)  # fmt: skip
def test_files_that_other_programs_wrote_are_known_and_counted(name: str, form: str, question: str) -> None:
    assert detected(SHARED / name) == form
    taken = read_foreign(SHARED / name, form, KNOWN, Wanted(stages={"draft": question}, annotator="ab"))
    assert sum(part.count for part in taken.unmapped) > 0
    assert json.loads(json.dumps([part.reason for part in taken.unmapped]))
