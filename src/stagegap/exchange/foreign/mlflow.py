"""MLflow's traces with their assessments: expectations are answers. Source: mlflow.org, mlflow.entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stagegap.exchange.foreign.protocol import (
    Format,
    Given,
    Leftovers,
    Object,
    Wanted,
    ids_in,
    inside,
    objects,
    spelled,
    text,
)
from stagegap.model.record import Json


def _is_certain(traces: Sequence[Object]) -> bool:
    return all(any(name in _info(trace) for name in ("trace_id", "request_id")) for trace in traces)


def _info(trace: Object) -> Object:
    return inside(trace.get("info") or trace.get("trace_info"))


def _read(traces: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for trace in traces:
        info = _info(trace)
        name = text(info.get("trace_id")) or text(info.get("request_id"))
        records = _records(trace, info, wanted)
        for assessment in objects(info.get("assessments")) or objects(trace.get("assessments")):
            yield from _assessment(assessment, records, f"trace {name}", wanted, leftovers)


def _records(trace: Object, info: Object, wanted: Wanted) -> list[str]:
    request = inside(spelled(inside(trace.get("data")).get("request") or info.get("request_preview")))
    metadata = inside(info.get("trace_metadata") or info.get("request_metadata"))
    places = [inside(info.get("tags")), metadata, request, *(inside(part) for part in request.values()), info]
    if wanted.record_id is not None:
        return ids_in(places, wanted, root=trace)
    known = [text(info.get(name)) for name in ("client_request_id", "trace_id", "request_id")]
    return [*ids_in(places[:-1], wanted, root=trace), *(name for name in known if name)]


def _assessment(
    assessment: Object, records: Sequence[str], place: str, wanted: Wanted, leftovers: Leftovers
) -> Iterator[Given]:
    name = text(assessment.get("assessment_name")) or text(assessment.get("name"))
    key = f"{place}, assessment {text(assessment.get('assessment_id'))} {name!r}"
    source = inside(assessment.get("source"))
    kind = text(source.get("source_type")).upper()
    expected, feedback = inside(assessment.get("expectation")), assessment.get("feedback")
    if kind != "HUMAN":
        leftovers.add(f"An assessment of the source {kind or 'unknown'} is not a person's.", key)
    elif assessment.get("valid") is False:
        leftovers.add("A later assessment has replaced this one.", key)
    elif not expected and name not in wanted.names:
        leftovers.add("Feedback judges an answer and gives none; --stage takes it where its value is an answer.", key)
    else:
        created = assessment.get("create_time_ms")
        yield Given(
            name=name,
            records=records,
            annotator=text(source.get("source_id")),
            value=_value(expected or inside(feedback)),
            key=key,
            at=created / 1000 if isinstance(created, int | float) else assessment.get("create_time"),
            note=text(assessment.get("rationale")),
        )


def _value(metadata: Object) -> Json:
    """The value; lists and objects come as JSON text in `serialized_value`."""
    serialized = inside(metadata.get("serialized_value"))
    return spelled(serialized.get("value")) if serialized else metadata.get("value")


MLFLOW = Format(name="mlflow", title="MLflow", is_certain=_is_certain, read=_read, wrapper="traces")
