"""Chains of steps that somebody else recorded, with the first wrong step as people marked it -> a cascade to look into.

Two stages: `steps` (is every step sound? the system takes them to be; people marked the first one that is not) and
`answer` (what came out). So first faults, masked faults and recoveries are those of any other run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.model.record import Json

SOUND, FAULTY = "sound", "faulty"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFields:
    """Which fields of a file of traces mean what."""

    record: str = "record"
    input: str = "input"
    steps: str = "steps"
    first_fault: str = "first_fault"
    """Number of the first wrong step counted from 0; null where every step is right."""
    answer: str | None = "answer"
    """None where only `right` is known."""
    target: str | None = "target"
    right: str | None = None
    """True or false: the answer was right; used without `answer` and `target`."""
    group: str | None = None
    """A slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTraces:
    """What was made of a file of traces."""

    cascade: Path
    traces: int
    faulty: int


def write_traces(source: Path, folder: Path, *, name: str, fields: TraceFields, annotator: str) -> WrittenTraces:
    """Write records, recorded outputs, references and the cascade file that joins them.

    Raises: InputError with every problem of the file.
    """
    problems = Problems(source)
    rows = [row for row in read_rows(source) if _is_whole(row, fields, problems)]
    problems.raise_if_any()
    folder.mkdir(parents=True, exist_ok=True)
    traces = [_trace(row, fields) for row in rows]
    _write(folder / "records.jsonl", [trace.record for trace in traces])
    _write(folder / "outputs.jsonl", [output for trace in traces for output in trace.outputs])
    labels = [{**label, "annotator": annotator} for trace in traces for label in trace.references]
    _write(folder / "references.jsonl", labels)
    path = folder / "cascade.yaml"
    path.write_text(_CASCADE.format(name=json.dumps(name), slices=", slices: [group]" if fields.group else ""), "utf-8")
    return WrittenTraces(cascade=path, traces=len(traces), faulty=sum(trace.is_faulty for trace in traces))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    record: Mapping[str, Json]
    outputs: Sequence[Mapping[str, Json]]
    references: Sequence[Mapping[str, Json]]
    is_faulty: bool


def _is_whole(row: Row, fields: TraceFields, problems: Problems) -> bool:
    end = [fields.right] if fields.right else [fields.answer, fields.target]
    wanted = [fields.record, fields.input, fields.steps, fields.first_fault, *(name for name in end if name)]
    missing = [name for name in wanted if name not in row.values]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return False
    steps, fault = row.values[fields.steps], row.values[fields.first_fault]
    if not isinstance(steps, list):
        problems.add(row.line, f"The field {fields.steps!r} holds a list of steps, found {type(steps).__name__}.")
        return False
    number = str(fault).strip()
    if fault is not None and not (number.isdecimal() and int(number) < len(steps)):
        problems.add(row.line, f"The first fault is the number of one of {len(steps)} steps, or null; found {fault!r}.")
        return False
    return True


def _trace(row: Row, fields: TraceFields) -> _Trace:
    record = identity(row.values[fields.record])
    is_faulty = row.values[fields.first_fault] is not None
    if fields.right:
        answer, target = ("right" if row.values[fields.right] is True else "wrong"), "right"
    else:
        answer, target = (str(row.values[name or ""]) for name in (fields.answer, fields.target))
    fault = row.values[fields.first_fault]
    group = {"group": str(row.values.get(fields.group))} if fields.group else {}
    return _Trace(
        record={
            "record": record,
            "input": _text(row.values[fields.input]),
            "steps": "\n".join(_text(step) for step in _steps(row, fields)),
            "first_fault": "none" if fault is None else f"step {int(str(fault)) + 1}",
            **group,
        },
        outputs=[
            {"record": record, "stage": "steps", "value": SOUND},
            {"record": record, "stage": "answer", "value": answer},
        ],
        references=[
            {"record": record, "stage": "steps", "value": FAULTY if is_faulty else SOUND},
            {"record": record, "stage": "answer", "value": target},
        ],
        is_faulty=is_faulty,
    )


def _steps(row: Row, fields: TraceFields) -> Sequence[Json]:
    steps = row.values[fields.steps]
    return steps if isinstance(steps, list) else []


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write(path: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


_CASCADE = """\
cascade: {name}
noun: trace
records: {{path: records.jsonl, id: record{slices}}}
references: {{path: references.jsonl}}
stages:
  steps:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{input: record.input, steps: record.steps}}
    output: {{type: label, values: [sound, faulty]}}
    score: accuracy
    ask: Is every step right?
  answer:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{input: record.input, steps: steps}}
    output: {{type: text}}
    score: exact
outcome: {{score: answer.exact, good: ">= 1"}}
"""
