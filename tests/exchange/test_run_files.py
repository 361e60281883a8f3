"""What goes out to other programs comes back the same: outputs, labels and runs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.material import CASCADE, KNOWN, labels
from exchange.spans.spans import rows
from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign import Wanted, detected, read_foreign
from stagegap.exchange.recorded import RecordedFields, read_recorded
from stagegap.exchange.run_files import OUTPUT_COLUMNS, PROGRAMS, Material, write_for, write_outputs
from stagegap.exchange.spans.files import import_traces
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.record import Record

RECORDS = tuple(Record(id=name, fields={"body": f"mail {name}"}) for name in KNOWN.records)
FIELDS = RecordedFields(
    status="status", latency_ms="latency_ms", tokens_in="tokens_in", tokens_out="tokens_out", cost="cost", raw="raw",
    error="error", at="at",
)  # fmt: skip
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
answered = st.builds(
    Output,
    record=st.just("m1"),
    stage=st.just("draft"),
    status=st.sampled_from([Status.OK, Status.REPAIRED]),
    value=texts,
    latency_ms=st.one_of(st.none(), st.floats(0, 1e6)),
    tokens_in=st.one_of(st.none(), st.integers(0, 10**6)),
    tokens_out=st.one_of(st.none(), st.integers(0, 10**6)),
    cost=st.one_of(st.none(), st.floats(0, 10)),
)


def material(*said: Label, outputs: tuple[Output, ...] = (), with_answers: bool = False) -> Material:
    return Material(
        cascade=CASCADE,
        run="v1",
        at=1_700_000_000.0,
        records=RECORDS,
        outputs=outputs,
        labels=said,
        with_answers=with_answers,
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@given(output=answered)
@settings(max_examples=10, deadline=None)
def test_outputs_that_were_written_are_recorded_outputs(name: str, output: Output) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        assert write_outputs(path, [output], {("draft", "m1"): 0.5}) == 1
        reply = read_recorded(path, FIELDS, stage="draft", output=OutputType(kind=Kind.TEXT))["m1"]
    assert (reply.value, reply.latency_ms, reply.tokens_in, reply.tokens_out, reply.cost) == (
        output.value, output.latency_ms, output.tokens_in, output.tokens_out, output.cost,
    )  # fmt: skip


def test_outputs_hold_everything_uncut(tmp_path: Path) -> None:
    long = "x" * 300_000
    ranking = Output(
        record="m1", stage="retrieve", status=Status.OK, value=["a", "-b"], scores=(0.9, 0.1), alternatives=("c",),
        confidence=0.5,
    )  # fmt: skip
    failed = Output(record="m1", stage="draft", status=Status.BLOCKED, because=Status.ERROR, error="no", raw=long)
    write_outputs(tmp_path / "a.jsonl", [ranking, failed], {("retrieve", "m1"): 1.0})
    first, second = rows(tmp_path / "a.jsonl")
    assert list(first) == list(OUTPUT_COLUMNS)
    assert (first["value"], first["scores"], first["alternatives"], first["score"]) == (
        ["a", "-b"], "[0.9, 0.1]", '["c"]', 1.0,
    )  # fmt: skip
    assert (second["because"], second["raw"] == long, second["score"]) == ("error", True, None)
    assert write_outputs(tmp_path / "a.csv", [ranking, failed], {}) == 2


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("label-studio", "a.json"),
        ("langfuse", "a.jsonl"),
        ("mlflow", "a.json"),
        ("argilla", "a.json"),
        ("prodigy", "a.jsonl"),
    ],
)
@given(said=st.lists(labels(), max_size=3, unique_by=lambda label: label.id))
@settings(max_examples=10, deadline=None)
def test_labels_that_went_out_come_back(program: str, name: str, said: list[Label]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        sent = write_for(program, path, material(*said))
        fit = [label for label in said if label.answer and label.answer.value is not None]
        assert sum(sent.left.values()) == len(said) - len(fit)
        if not fit:
            return
        taken = read_foreign(path, program, KNOWN, Wanted())
    assert not taken.unmapped
    assert sorted(map(told, taken.labels)) == sorted(map(told, fit))


def told(label: Label) -> tuple[str, str, str, str]:
    value = label.answer.value if label.answer else None
    if label.stage == "tags" and isinstance(value, list | tuple):
        value = sorted(map(str, value))  # a set of labels has no order
    return label.record, label.stage, label.annotator.strip(), json.dumps(value, sort_keys=True)


def test_answers_of_the_system_go_along_only_where_they_are_asked_for(tmp_path: Path) -> None:
    output = Output(record="m1", stage="route", status=Status.OK, value="orders")
    failed = Output(record="m1", stage="draft", status=Status.ERROR)
    write_for("label-studio", tmp_path / "a.json", material(outputs=(output, failed)))
    assert all(task["predictions"] == [] for task in json.loads((tmp_path / "a.json").read_text()))
    write_for("label-studio", tmp_path / "b.json", material(outputs=(output, failed), with_answers=True))
    first, *_ = json.loads((tmp_path / "b.json").read_text())
    assert first["data"] == {"body": "mail m1", "id": "m1"}
    assert [part["result"][0]["value"] for part in first["predictions"]] == [{"choices": ["orders"]}]
    assert detected(tmp_path / "b.json") == "label-studio"
    write_for("argilla", tmp_path / "c.json", material(outputs=(output, failed), with_answers=True))
    first, *_ = json.loads((tmp_path / "c.json").read_text())
    assert first["suggestions"] == {"route": {"value": "orders", "agent": "v1"}}
    assert detected(tmp_path / "c.json") == "argilla"
    said = Label(id="l", record="m1", stage="route", annotator="ab", answer=Answer(value="orders"))
    write_for("prodigy", tmp_path / "d.jsonl", material(said))
    assert (rows(tmp_path / "d.jsonl")[0]["text"], detected(tmp_path / "d.jsonl")) == ("mail m1", "prodigy")


def test_annotations_of_phoenix_say_who_and_what(tmp_path: Path) -> None:
    said = [
        Label(id=f"l{n}", record="m1", stage=stage, annotator="ab", answer=Answer(value=value), note="why")
        for n, (stage, value) in enumerate([("route", "orders"), ("price", 3), ("tags", ["new"])])
    ]
    judged = Label(id="j", record="m1", stage="draft", annotator="ab", answer=Answer(value={}), task="judge")
    sent = write_for("phoenix", tmp_path / "a.jsonl", material(*said, judged))
    assert dict(sent.left) == {"A judgement of two answers is none of these programs' labels.": 1}
    assert [row["result"] for row in rows(tmp_path / "a.jsonl")] == [
        {"label": "orders", "score": None, "explanation": "why"},
        {"label": "3", "score": 3.0, "explanation": "why"},
        {"label": '["new"]', "score": None, "explanation": "why"},
    ]
    assert {(row["trace_id"], row["identifier"], row["annotator_kind"]) for row in rows(tmp_path / "a.jsonl")} == {
        ("m1", "ab", "HUMAN")
    }


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_run_that_went_out_as_spans_comes_back_as_the_same_outputs(tmp_path: Path, name: str) -> None:
    records = tuple(Record(id=f"r{n}", fields={"body": f"mail {n}"}, cluster=f"c{n // 2}") for n in range(16))
    outputs: list[Output] = []
    for n, record in enumerate(records):
        route, status = ("orders", "=spam")[n % 2], Status.OK if n else Status.ERROR
        outputs += [
            Output(record=record.id, stage="route", status=Status.OK, value=route, latency_ms=250.0, tokens_in=n,
                   tokens_out=1, cost=0.25),
            Output(record=record.id, stage="draft", status=status, value=f"Answer {n} in words" if n else None,
                   error="" if n else "late"),
            Output(record=record.id, stage="price", status=Status.SKIPPED),
        ]  # fmt: skip
    whole = Material(cascade=CASCADE, run="v1", at=1_700_000_000.0, records=records, outputs=outputs, labels=())
    assert write_for("otlp", tmp_path / name, whole).rows == 16
    imported = import_traces([tmp_path / name], tmp_path, name="x")
    assert (imported.formats, imported.traces, imported.unmapped) == (("otlp",), 16, ())
    assert [(stage.name, stage.type, stage.tokens, stage.cost) for stage in imported.stages] == [
        ("route", "label", 136, 4.0), ("draft", "text", None, None),
    ]  # fmt: skip
    for stage in ("route", "draft"):
        own = [output for output in outputs if output.stage == stage]
        back = rows(tmp_path / f"data/x/{stage}.jsonl")
        assert [(row["status"], row["value"]) for row in back] == [(str(o.status), o.value) for o in own]
        assert [row.get("error", "") for row in back] == [output.error for output in own]
        assert {round(row["latency_ms"] or 0) for row in back} == {round(own[0].latency_ms or 0)}
    kept = rows(tmp_path / "data/x/records.jsonl")
    assert [(row["body"], row["session"]) for row in kept] == [(f"mail {n}", f"c{n // 2}") for n in range(16)]


def test_way_out_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no way out to 'phenix'\. Did you mean phoenix\?"):
        write_for("phenix", tmp_path / "a.json", material())
    with pytest.raises(ConfigurationError, match=r"ends with \.json or \.jsonl, not a\.csv"):
        write_for("mlflow", tmp_path / "a.csv", material())
    assert set(PROGRAMS) == {"label-studio", "argilla", "prodigy", "langfuse", "mlflow", "phoenix", "otlp"}
