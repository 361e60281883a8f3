from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from exchange.foreign.reading import take, written
from exchange.foreign.test_argilla import exported, served
from exchange.foreign.test_label_studio import CHOICE, annotation, task
from exchange.foreign.test_langfuse import score
from exchange.foreign.test_mlflow import assessment, trace
from exchange.material import KNOWN
from stagegap.errors import ConfigurationError, InputError
from stagegap.exchange.foreign import FORMATS, Wanted, detected, read_foreign

CERTAIN = [
    ("label-studio", [task(annotation(CHOICE))]),
    ("argilla", [exported()]),
    ("argilla", [served()]),
    ("langfuse", [score()]),
    ("langfuse", {"data": [score()], "meta": {}}),
    ("mlflow", [trace(assessment())]),
    ("mlflow", {"traces": [trace()]}),
    ("mlflow", trace()),
]


@pytest.mark.parametrize(("name", "value"), CERTAIN)
def test_format_is_told_by_the_content(tmp_path: Path, name: str, value: object) -> None:
    assert detected(written(tmp_path, value)) == name


def test_format_is_told_by_a_first_line_too(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(exported()) + "\n")
    assert detected(path) == "argilla"
    (tmp_path / "e.json.gz").write_bytes(gzip.compress(json.dumps([trace()]).encode()))
    assert detected(tmp_path / "e.json.gz") == "mlflow"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"record": "m1", "stage": "route", "annotator": "ab", "value": "orders"}'),
        ("a.jsonl", "{"),
        ("a.jsonl", ""),
        ("a.csv", "record,stage,annotator,value\n"),
        ("a.csv", ""),
        ("a.csv", "x" * 200_000),
        ("a.parquet", "PAR1"),
    ],
)
def test_own_files_are_of_no_other_program(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert detected(tmp_path / name) is None
    assert detected(tmp_path / f"not-there-{name}") is None


@pytest.mark.parametrize("value", [[{"a": 1}], {"a": 1}, {"data": []}, [{"fields": {}, "responses": {}}]])
def test_json_of_no_certain_program_asks_for_its_name(tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"does not say for certain which program wrote it\. Name it with --f"):
        detected(written(tmp_path, value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "This is no JSON"),
        ("[1, 2]", "A list of JSON objects was expected, and there is none."),
        ("[]", "A list of JSON objects was expected, and there is none."),
        ('{"a": 1, "a": 2}', "The key 'a' stands twice."),
    ],
)
def test_json_that_holds_nothing_says_so(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        detected(path)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json: There is no such file\."):
        read_foreign(tmp_path / "nothing.json", "mlflow", KNOWN, Wanted())


def test_unknown_names_come_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no format 'mlfow'\. Did you mean mlflow\?"):
        take(tmp_path, "mlfow", [trace()])
    with pytest.raises(ConfigurationError, match=r"There is no stage 'rout'\. Did you mean route\?"):
        take(tmp_path, "mlflow", [trace()], rout="x")


def test_question_can_be_of_one_stage_only(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"The answers to 'x' can be those of one stage only\."):
        take(tmp_path, "mlflow", [trace()], route="x", draft="x")


def test_question_that_is_mapped_is_not_the_stage_of_its_own_name(tmp_path: Path) -> None:
    taken = take(tmp_path, "mlflow", [trace(assessment(assessment_name="draft"))], route="draft")
    assert [label.stage for label in taken.labels] == ["route"]


def test_every_format_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "people.md").read_text()
    assert all(f"| `{name}` |" in guide for name in FORMATS)
