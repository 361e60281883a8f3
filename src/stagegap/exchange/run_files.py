"""What a run answered, and what people answered, as other programs take it: files of outputs, tasks, scores, spans."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.tables import Column, ending_of, write_csv, write_json, write_jsonl, write_parquet
from stagegap.model.answer import Label, Output, Status
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.record import Json, Record
from stagegap.model.units import Levels
from stagegap.model.wording import instant

OUTPUT_COLUMNS: Mapping[str, Column] = {
    "record": Column.TEXT, "stage": Column.TEXT, "status": Column.TEXT, "value": Column.TEXT, "score": Column.NUMBER,
    "confidence": Column.NUMBER, "scores": Column.TEXT, "alternatives": Column.TEXT, "latency_ms": Column.NUMBER,
    "tokens_in": Column.WHOLE, "tokens_out": Column.WHOLE, "cost": Column.NUMBER, "error": Column.TEXT,
    "raw": Column.TEXT, "repeat": Column.WHOLE, "at": Column.NUMBER, "cached": Column.FLAG, "key": Column.TEXT,
    "because": Column.TEXT,
}  # fmt: skip
"""Everything that is known of an output, and its score by the stage's first metric where a label is there."""
Scores = Mapping[tuple[str, str], float]
"""(stage, record) -> score of the system's output there."""


def write_outputs(path: Path, outputs: Iterable[Output], scores: Scores, *, raw: bool = False) -> int:
    """Write one output a row, uncut, as JSONL, CSV or Parquet. Give the number of rows.

    `uses: recorded` reads them back. Raises: ConfigurationError for an ending that is no format.
    """
    rows = output_rows(outputs, scores)
    match ending_of(path):
        case ".jsonl":
            return write_jsonl(path, rows)
        case ".csv":
            return write_csv(path, list(OUTPUT_COLUMNS), rows, raw=raw)
        case _:
            return write_parquet(path, OUTPUT_COLUMNS, rows)


def output_rows(outputs: Iterable[Output], scores: Scores) -> Iterator[dict[str, Json]]:
    """One row an output, with the columns of `OUTPUT_COLUMNS`."""
    return (_output_row(output, scores) for output in outputs)


def _output_row(output: Output, scores: Scores) -> dict[str, Json]:
    known: dict[str, Json] = {
        "value": output.value,
        "status": str(output.status),
        "score": scores.get((output.stage, output.record)),
        "scores": json.dumps(list(output.scores)) if output.scores else None,
        "alternatives": json.dumps(list(output.alternatives), ensure_ascii=False) if output.alternatives else None,
        "because": str(output.because) if output.because else None,
    }
    return {name: known[name] if name in known else getattr(output, name) for name in OUTPUT_COLUMNS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What goes out."""

    cascade: Cascade
    run: str
    at: float
    """When the run began, in seconds since 1970."""
    records: Sequence[Record]
    outputs: Sequence[Output]
    """The system's, of all stages."""
    labels: Sequence[Label]
    with_answers: bool = False
    """Answers of the system go out beside those of people: whoever labels there sees them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was written for another program."""

    rows: int
    left: Mapping[str, int]
    """What it can't hold: reason -> how many."""


def write_for(program: str, path: Path, material: Material) -> Sent:
    """Write tasks, scores, assessments or spans as a program takes them. Raises: ConfigurationError."""
    make = PROGRAMS.get(program)
    if make is None:
        raise ConfigurationError(f"There is no way out to {program!r}. {near_names(program, PROGRAMS)}")
    labels, left = _fitting(material)
    rows = list(make(material, labels))
    ending = path.suffix.lower()
    if ending not in (".json", ".jsonl"):
        raise ConfigurationError(f"{program} takes JSON: name a file that ends with .json or .jsonl, not {path.name}.")
    if ending == ".jsonl":
        write_jsonl(path, rows)
    elif program == "otlp":
        write_jsonl(path, [{"resourceSpans": [part for row in rows for part in _list(row["resourceSpans"])]}])
    else:
        write_json(path, rows)
    return Sent(rows=len(rows), left=left)


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []


def _fitting(material: Material) -> tuple[list[Label], dict[str, int]]:
    """The labels that other programs can hold, and how many they can't, by reason."""
    levels = Levels.of(material.cascade)
    left: dict[str, int] = {}
    fit: list[Label] = []
    for label in material.labels:
        reason = (
            "Skips and withdrawn answers are no answers."
            if label.answer is None
            else "A judgement of two answers is none of these programs' labels."
            if label.task != "produce"
            else "That no answer is right can't be said there."
            if label.answer.value is None
            else "Labels of units of a record have no record of their own there."
            if levels.depth(label.stage)
            else ""
        )
        if reason:
            left[reason] = left.get(reason, 0) + 1
        else:
            fit.append(label)
    return fit, left


Row = dict[str, Json]


def _label_studio(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """Tasks with annotations, and predictions where the system's answers go along."""
    by_record: dict[str, list[Label]] = {}
    for label in labels:
        by_record.setdefault(label.record, []).append(label)
    answers: dict[str, list[Json]] = {}
    for output in material.outputs if material.with_answers else ():
        if output.status.has_value:
            stage = material.cascade.stage(output.stage)
            answers.setdefault(output.record, []).append(_result(stage, output.value))
    for number, record in enumerate(material.records, start=1):
        annotations: list[Json] = [
            {
                "id": _number(label.id),
                "completed_by": {"email": label.annotator},
                "result": [_result(material.cascade.stage(label.stage), label.answer.value if label.answer else None)],
                "was_cancelled": False,
                "updated_at": _when(label.at),
                "lead_time": None if label.active_ms is None else label.active_ms / 1000,
            }
            for label in by_record.get(record.id, [])
        ]
        predictions: list[Json] = (
            [{"model_version": material.run, "result": answers[record.id]}] if record.id in answers else []
        )
        data = {**record.fields, "id": record.id}
        yield {"id": number, "data": data, "annotations": annotations, "predictions": predictions}


def _result(stage: Stage, value: Json) -> Json:
    """An answer as a result of Label Studio's control that asks for it, which has the stage's name."""
    match stage.output.kind:
        case Kind.LABEL:
            kind, content = "choices", [value]
        case Kind.LABELS:
            kind, content = "choices", value
        case Kind.BOOLEAN:
            kind, content = "choices", ["Yes" if value else "No"]
        case Kind.NUMBER:
            kind, content = "number", value
        case Kind.TEXT:
            kind, content = "textarea", [value]
        case Kind.RANKING:
            return {"from_name": stage.name, "to_name": "record", "type": "ranker",
                    "value": {"ranker": {"rank": value}}}  # fmt: skip
        case _:
            kind, content = "textarea", [json.dumps(value, ensure_ascii=False)]
    key = "text" if kind == "textarea" else kind
    return {"from_name": stage.name, "to_name": "record", "type": kind, "value": {key: content}}


def _argilla(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """Records with responses, as `dataset.records.from_json()` of version 2 takes them; answers are suggestions."""
    responses: dict[str, dict[str, list[Json]]] = {}
    for label in labels:
        value = _response(material.cascade.stage(label.stage), label.answer.value if label.answer else None)
        by_question = responses.setdefault(label.record, {})
        by_question.setdefault(label.stage, []).append({"value": value, "user_id": label.annotator})
    suggestions: dict[str, dict[str, Json]] = {}
    for output in material.outputs if material.with_answers else ():
        if output.status.has_value:
            value = _response(material.cascade.stage(output.stage), output.value)
            suggestions.setdefault(output.record, {})[output.stage] = {"value": value, "agent": material.run}
    for record in material.records:
        yield {
            "id": record.id, "fields": {name: _said(value) for name, value in record.fields.items()},
            "metadata": {"record": record.id}, "suggestions": dict(suggestions.get(record.id, {})),
            "responses": {name: list(given) for name, given in responses.get(record.id, {}).items()},
        }  # fmt: skip


def _response(stage: Stage, value: Json) -> Json:
    """An answer as a response to Argilla's question of that type; what none of them holds is a text of JSON."""
    match stage.output.kind:
        case Kind.RANKING if isinstance(value, list | tuple):
            return [{"value": name, "rank": rank} for rank, name in enumerate(value, start=1)]
        case Kind.BOOLEAN:
            return "Yes" if value else "No"
        case Kind.LABEL | Kind.LABELS | Kind.TEXT:
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)


def _prodigy(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """A task an answer, as `db-in` takes them: the answer stands under the stage's name, and was accepted."""
    records = {record.id: record for record in material.records}
    for label in labels:
        fields = dict(records[label.record].fields) if label.record in records else {}
        texts = [value for value in fields.values() if isinstance(value, str)]
        yield {
            "text": texts[0] if len(texts) == 1 else json.dumps(fields, ensure_ascii=False),
            "meta": {"record": label.record}, label.stage: label.answer.value if label.answer else None,
            "answer": "accept", "_annotator_id": label.annotator, "_timestamp": label.at,
            "_input_hash": _number(label.record), "_task_hash": _number(label.id),
        }  # fmt: skip


def _langfuse(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """Scores on traces whose id is the record's, as `POST /api/public/scores` takes them, with who gave them."""
    for label in labels:
        value = label.answer.value if label.answer else None
        kind = material.cascade.stage(label.stage).output.kind
        row: Row = {
            "id": label.id, "traceId": label.record, "name": label.stage, "source": "ANNOTATION",
            "authorUserId": label.annotator, "comment": label.note, "timestamp": _when(label.at),
            "metadata": {"record_id": label.record, "annotator": label.annotator},
        }  # fmt: skip
        if kind is Kind.BOOLEAN:
            yield {**row, "dataType": "BOOLEAN", "value": int(value is True)}
        elif kind is Kind.NUMBER:
            yield {**row, "dataType": "NUMERIC", "value": value}
        else:
            said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield {**row, "dataType": "CATEGORICAL", "value": said, "stringValue": said}


def _mlflow(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """Traces with their assessments: an answer is an expectation of the source HUMAN."""
    del material
    by_record: dict[str, list[Json]] = {}
    for label in labels:
        by_record.setdefault(label.record, []).append(
            {
                "assessment_id": label.id,
                "assessment_name": label.stage,
                "trace_id": label.record,
                "source": {"source_type": "HUMAN", "source_id": label.annotator},
                "create_time": _when(label.at),
                "expectation": {"value": label.answer.value if label.answer else None},
                "rationale": label.note,
            }
        )
    for record, assessments in by_record.items():
        yield {"info": {"trace_id": record, "assessments": assessments}, "data": {"spans": []}}


def _phoenix(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """Annotations of traces whose id is the record's, as `POST /v1/trace_annotations` takes them under `data`."""
    del material
    for label in labels:
        value = label.answer.value if label.answer else None
        is_number = isinstance(value, int | float)
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield {
            "trace_id": label.record,
            "name": label.stage,
            "annotator_kind": "HUMAN",
            "identifier": label.annotator,
            "result": {"label": said, "score": float(value) if is_number else None, "explanation": label.note or None},
            "metadata": {"annotator": label.annotator, "label": label.id},
        }


def _otlp(material: Material, labels: Sequence[Label]) -> Iterator[Row]:
    """The run as spans, a trace a record: OpenInference's attributes, times from when and how long it was answered."""
    del labels
    by_record: dict[str, list[Output]] = {}
    for output in material.outputs:
        if output.status is not Status.SKIPPED and not output.repeat:
            by_record.setdefault(output.record, []).append(output)
    order = {stage.name: place for place, stage in enumerate(material.cascade.stages)}
    for record in material.records:
        outputs = sorted(by_record.get(record.id, ()), key=lambda output: order[output.stage])
        trace = sha256(
            f"{material.cascade.name} {material.run} {record.id}".encode("utf-8", "surrogatepass")
        ).hexdigest()
        clock = min((output.at for output in outputs if output.at), default=material.at)
        begin, end = clock, clock
        spans: list[Json] = []
        last = next((output.value for output in outputs if output.stage == material.cascade.outcome.stage), None)
        for number, output in enumerate(outputs, start=1):
            start = end if output.at is None else output.at
            end = start + (output.latency_ms or 0.0) / 1000
            spans.append(_stage_span(material.cascade.stage(output.stage), output, trace[:32], number, start, end))
        root = {
            "openinference.span.kind": "CHAIN", "input.value": json.dumps(dict(record.fields), ensure_ascii=False),
            "session.id": record.cluster or None, "output.value": _said(last),
            "metadata": json.dumps({"record": record.id, "run": material.run}, ensure_ascii=False),
        }  # fmt: skip
        whole = _span(material.cascade.name, trace[:32], f"{0:016x}"[:15] + "f", "", root, begin, max(end, begin))
        scope: Json = {"scope": {"name": "stagegap"}, "spans": [whole, *spans]}
        resource: Json = {"attributes": _attributes({"service.name": "stagegap"})}
        yield {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _stage_span(stage: Stage, output: Output, trace: str, number: int, start: float, end: float) -> Json:
    is_model = output.tokens_in is not None or output.tokens_out is not None
    own: dict[str, Json] = {
        "openinference.span.kind": "LLM" if is_model else "CHAIN", "output.value": _said(output.value),
        "llm.token_count.prompt": output.tokens_in, "llm.token_count.completion": output.tokens_out,
        "llm.cost.total": output.cost,
    }  # fmt: skip
    error = "" if output.status.has_value else output.error or str(output.status)
    return _span(stage.name, trace, f"{number + 0x10:016x}", f"{0:016x}"[:15] + "f", own, start, end, error=error)


def _said(value: Json) -> Json:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _span(
    name: str, trace: str, own: str, parent: str, said: Mapping[str, Json], start: float, end: float, *, error: str = ""
) -> Json:
    status: Json = {"code": 2, "message": error} if error else {}
    return {
        "traceId": trace, "spanId": own, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": str(round(start * 1e9)), "endTimeUnixNano": str(round(end * 1e9)),
        "attributes": _attributes(said), "status": status,
    }  # fmt: skip


def _attributes(said: Mapping[str, Json]) -> list[Json]:
    kinds = {str: "stringValue", float: "doubleValue"}
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {kinds[type(value)]: value}}
        for key, value in said.items()
        if isinstance(value, str | int | float)
    ]


PROGRAMS: Mapping[str, Callable[[Material, Sequence[Label]], Iterator[Row]]] = {
    "label-studio": _label_studio, "argilla": _argilla, "prodigy": _prodigy, "langfuse": _langfuse, "mlflow": _mlflow,
    "phoenix": _phoenix, "otlp": _otlp,
}  # fmt: skip
"""Where labels and runs go out to."""


def _number(name: str) -> int:
    """A number for an id that is none."""
    return int(sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12], 16)


def _when(at: float) -> str:
    return instant(at).isoformat()
