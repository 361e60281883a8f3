"""What a person is asked, and what they answered: form, blind payload, fair sample, label.

A payload holds the stage's allowed inputs and the candidates, and nothing else: blindness is a property of the data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, Literal, cast

import numpy as np

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Fact, Label, Task
from stagegap.model.cascade import PLACES, Document, Kind, OutputType, Stage
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people.forms import (
    exact_in_a_browser,
    object_fields,
    object_from_values,
    typed_number,
    values_from_object,
)

KEYS = 9
"""Choices that a number key can reach; more become a list with a filter."""
CATALOGUE = 2000
"""Documents up to which the search beyond the candidates is sent with the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Records in the order in which people walk them; any prefix is a fair sample."""

    records: tuple[str, ...]
    probability: float
    """Chance of each record to be in the sample."""


def sample(records: Sequence[str], size: int, *, seed: int) -> Sample:
    """Draw records without replacement, each with the same chance; the order of `records` does not matter."""
    ordered = sorted(records)
    drawn = np.random.default_rng(seed).permutation(len(ordered))[:size]
    chance = min(1.0, size / len(ordered)) if ordered else 0.0
    return Sample(records=tuple(ordered[int(i)] for i in drawn), probability=chance)


def form_hash(stage: Stage) -> str:
    """The hash of the output type, which every label carries: 16 hex digits."""
    return _hash(json.dumps(_parts(stage.output), ensure_ascii=False))


def _parts(output: OutputType) -> list[Json]:
    return [output.kind, list(output.values), output.of, output.k, output.low, output.high, output.schema]


def form(stage: Stage, catalogue: Sequence[Document] = (), *, module: str = "") -> dict[str, Json]:
    """The form of the label card for a stage's output type.

    `catalogue` is what a ranking's search may find beyond the candidates; a large one is left out. `module` is the
    text of a form of the user's own, which then takes the place of the field.

    Raises: ConfigurationError for an output that the card has no form for.
    """
    is_object = stage.output.kind is Kind.OBJECT and not module
    if stage.output.kind is Kind.LIST and not module:
        raise ConfigurationError(
            f"Stage {stage.name!r} gives a list, which the card has no form for. "
            "Write a form of your own (`form: FILE.js`), or import labels for it from a file."
        )
    fields = _object_fields(stage) if is_object else [dict(_CUSTOM) if module else _field(stage)]
    if any(metric.startswith("fact_recall") for metric in stage.metrics):
        fields.append(
            {
                "name": "facts",
                "kind": "long",
                "label": "What must every good answer contain?",
                "hint": "One fact a line, other wordings after a |",
                "required": False,
            }
        )
    offered: list[Json] = [[d.id, d.title] for d in catalogue] if len(catalogue) <= CATALOGUE else []
    return {
        "question": stage.ask or f"What is right at {stage.name}?",
        "hash": form_hash(stage),
        "fields": fields,
        "catalogue": offered,
        **({"object": True} if is_object else {}),
        **({"module": module} if module else {}),
        **({"output": _parts(stage.output)} if is_object or module or stage.output.kind in PLACES else {}),
    }


def in_authors_order(stored: str, stage: Stage) -> str:
    """A stored form of an object with its fields in the order of the schema as it is written now.

    Nothing else of it changes: the order is no part of the form's hash.
    """
    content = cast("dict[str, Any]", json.loads(stored))  # the form that `form` gave; checked when made
    if not content.get("object") or content["hash"] != form_hash(stage):
        return stored
    places = {field["name"]: place for place, field in enumerate(_object_fields(stage))}
    fields = sorted(content["fields"], key=lambda field: places.get(field["name"], len(places)))
    return json.dumps({**content, "fields": fields}, ensure_ascii=False)


def output_of(form: Mapping[str, Any]) -> OutputType | None:
    """The type that a form's whole answer is checked against; None where its one field checks all."""
    if "output" not in form:
        return None
    kind, values, of, k, low, high, schema = form["output"]
    return OutputType(kind=Kind(kind), values=tuple(values), of=of, k=k, low=low, high=high, schema=schema)


def _object_fields(stage: Stage) -> list[dict[str, Json]]:
    try:
        return object_fields(json.loads(stage.output.written or stage.output.schema or "{}"), few=KEYS)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"Stage {stage.name!r} gives an object, and {error}. "
            "Write a form of your own (`form: FILE.js`), or import labels for it from a file."
        ) from None


_CUSTOM: Mapping[str, Json] = {"name": "value", "kind": "custom", "label": "Your answer", "required": True}


_LABELS: dict[Kind, str] = {
    Kind.LABEL: "Choose one",
    Kind.LABELS: "Choose all that apply",
    Kind.BOOLEAN: "Choose one",
    Kind.RANKING: "Choose all that apply, best first",
    Kind.TEXT: "Your answer",
    Kind.NUMBER: "Your number",
    Kind.TRANSCRIPT: "Your transcript",
    Kind.BOXES: "Draw a rectangle around each",
    Kind.SPANS: "Mark each in the text",
    Kind.SEGMENTS: "Mark each in the recording",
}


def _field(stage: Stage) -> dict[str, Json]:
    kind = stage.output
    start: dict[str, Json] = {"name": "value", "label": _LABELS.get(kind.kind, ""), "required": True}
    options: list[Json] = [{"value": v, "help": stage.choices_help.get(v, "")} for v in kind.values]
    match kind.kind:
        case Kind.LABEL:
            return {**start, "kind": "choice" if len(options) <= KEYS else "list", "options": options}
        case Kind.LABELS:
            return {**start, "kind": "toggles", "options": options}
        case Kind.BOOLEAN:
            yes_no: list[Json] = [{"value": True, "text": "yes"}, {"value": False, "text": "no"}]
            return {**start, "kind": "choice", "options": yes_no}
        case Kind.RANKING:
            return {**start, "kind": "ranking", "k": kind.k}
        case Kind.TEXT | Kind.TRANSCRIPT:
            hint = {"hint": "Write what is there, word by word"} if kind.kind is Kind.TRANSCRIPT else {}
            return {**start, **hint, "kind": "long", "none": "No answer is the right answer"}
        case Kind.NUMBER:
            return {**start, "kind": "number", "low": kind.low, "high": kind.high}
        case Kind.BOXES | Kind.SPANS | Kind.SEGMENTS:
            writes = any("text_f1" in metric for metric in stage.metrics)
            places = {"kind": "places", "shape": kind.kind.value, "of": kind.of, "values": list(kind.values)}
            return {**start, **places, "writes": writes, "none": "There is none"}
        case Kind.OBJECT | Kind.LIST:
            raise AssertionError("an object has a field for each of its leaves, a list has no form")


def candidate_pool(
    record: str, *, system: Sequence[str], other: Sequence[str], corpus: Sequence[str], size: int = KEYS
) -> tuple[str, ...]:
    """Mix the system's ids with another method's and random ones, in an order that says nothing.

    Two thirds come from the two methods in turn, the rest is random; the order is drawn from a seed of the record id.
    """
    rng = np.random.default_rng(int.from_bytes(sha256(record.encode()).digest()[:8]))
    turns = [name for pair in _zip_longest(system, other) for name in pair]
    known = set(corpus)
    methods = [name for name in dict.fromkeys(turns) if name in known][: size * 2 // 3]
    rest = sorted(known - set(methods))
    drawn = [rest[int(i)] for i in rng.permutation(len(rest))[: size - len(methods)]]
    pool = [*methods, *drawn]
    return tuple(pool[int(i)] for i in rng.permutation(len(pool)))


def _zip_longest(a: Sequence[str], b: Sequence[str]) -> list[list[str]]:
    return [[*a[i : i + 1], *b[i : i + 1]] for i in range(max(len(a), len(b)))]


def payload(
    stage: Stage, record: str, inputs: Mapping[str, Json], documents: Mapping[str, Document], pool: Sequence[str]
) -> dict[str, Json]:
    """All that a person may see of a record: exactly `id`, `inputs` and `options`.

    Only inputs that the stage declares are taken from `inputs`, whatever else it holds.
    """
    entries: list[Json] = [
        {"label": name, **display(name, inputs[name], from_stage=source.origin == "stage")}
        for name, source in stage.inputs.items()
        if name in inputs
    ]
    options: list[Json] = [
        {"value": name, "title": documents[name].title, "text": documents[name].text} for name in pool
    ]
    return {"id": record, "inputs": entries, "options": {"value": options} if options else {}}


def display(name: str, value: Json, *, from_stage: bool) -> dict[str, Json]:
    """How the card draws a value: its kind, and what it is made from."""
    if isinstance(value, str):
        if name in ("subject", "title"):
            return {"kind": "title", "value": value}
        short = from_stage and len(value) <= 40 and "\n" not in value
        return {"kind": "tag" if short else "text", "value": value}
    if value is None:
        return {"kind": "tag", "value": "nothing"}
    if isinstance(value, bool | int | float):
        return {"kind": "tag", "value": {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)}
    if isinstance(value, Mapping):
        return {"kind": "text", "value": json.dumps(value, ensure_ascii=False, indent=2)}
    if value and all(isinstance(entry, Mapping) and any(keys <= entry.keys() for keys in _PLACE) for entry in value):
        return {"kind": "text", "value": json.dumps(value, ensure_ascii=False), "places": list(value)}
    entries = [_document(entry) for entry in value]
    if entries and all(entries):
        return {"kind": "documents", "value": entries}
    lines = [e if isinstance(e, str) else json.dumps(e, ensure_ascii=False) for e in value]
    return {"kind": "text", "value": "\n".join(lines) or "nothing"}


_PLACE = ({"x", "y", "w", "h"}, {"start", "end", "label"})
"""Keys of what an earlier stage found in a picture, or in a text or recording."""


def _document(entry: Json) -> dict[str, Json] | None:
    if not isinstance(entry, Mapping) or "id" not in entry:
        return None
    return {"id": str(entry["id"]), "title": str(entry.get("title", "")), "text": str(entry.get("text", ""))}


def label_from_event(
    event: Mapping[str, Json],
    queue: Queue,
    item: QueueItem,
    *,
    annotator: str,
    at: float,
    verified: bool = False,
    task: Task = "produce",
    read: Callable[[Queue, QueueItem, Json], Answer] | None = None,
) -> Label:
    """The label that the card's event says, with what the person saw and by which guideline.

    `read` gives the answer that the values of the form say, where it is not the stage's own form alone.

    Raises: ConfigurationError for an event that the queue's form can't have made.
    """
    action, values = event.get("action"), event.get("values")
    if action not in ("label", "skip", "undo"):
        raise _wrong(f"action {action!r} is none of label, skip, undo")
    if not isinstance(event.get("id"), str) or not event["id"]:
        raise _wrong(f"its id is {event.get('id')!r}")
    if event.get("record") != item.record:
        raise _wrong(f"it names the record {event.get('record')!r}, and the queue has {item.record!r}")
    active = event.get("active_ms")
    return Label(
        id=str(event["id"]),
        record=item.record,
        stage=queue.stage,
        annotator=annotator,
        answer=(read or answer_from_values)(queue, item, values) if action == "label" else None,
        action=_ACTIONS[action],
        at=at,
        active_ms=max(0, int(active)) if isinstance(active, int | float) and isfinite(active) else None,
        unsure=event.get("unsure") is True,
        odd=event.get("odd") is True,
        note=str(event.get("note") or ""),
        guideline=_guideline(event, queue),
        form=_Form.of(queue).hash,
        seen=_hash(item.payload),
        queue=queue.id,
        probability=item.probability,
        verified=verified,
        targeted=queue.purpose == "hunting",
        run=queue.run,
        task=task,
    )


_VERSION = re.compile(r"[0-9a-f]{16}")


def _guideline(event: Mapping[str, Json], queue: Queue) -> str:
    """The version that the person had open, which on a page of yesterday is not the newest."""
    had = event.get("guideline")
    return had if isinstance(had, str) and _VERSION.fullmatch(had) else guideline_hash(queue.guideline)


def guideline_hash(text: str) -> str:
    """The version of a guideline's text: 16 hex digits, empty where there is no guideline."""
    return _hash(text) if text else ""


_ACTIONS: dict[str, Literal["label", "skip", "undo"]] = {"label": "label", "skip": "skip", "undo": "undo"}


def values_from_label(label: Label) -> dict[str, Json]:
    """The values that a form shows again when a label is opened: the reverse of `label_from_event`."""
    values: dict[str, Json] = {"_unsure": label.unsure, "_odd": label.odd, "_note": label.note}
    return values | values_of(label.answer) if label.answer is not None else values


def values_of(answer: Answer) -> dict[str, Json]:
    """An answer as the values of a form, as a browser keeps them."""
    value = exact_in_a_browser(answer.value)
    return {
        **values_from_object(value),
        "value": value,
        "facts": "\n".join(" | ".join(fact.wordings) for fact in answer.facts),
    }


def answer_from_values(queue: Queue, item: QueueItem, values: Json) -> Answer:
    """The answer that the values of a form say. Raises: ConfigurationError for one that the form can't give."""
    asked = cast("dict[str, Any]", json.loads(queue.form))  # the form that `form` gave; checked when made
    if not isinstance(values, Mapping) or ("value" not in values and not asked.get("object")):
        raise _wrong("it has no value")
    facts = str(values.get("facts") or "")
    try:
        value = object_from_values(asked["fields"], values) if asked.get("object") else _single(queue, item, values)
    except ValueError as error:
        raise _wrong(str(error)) from None
    alternatives = [tuple(w.strip() for w in line.split("|") if w.strip()) for line in facts.splitlines()]
    return Answer(value=value, facts=tuple(Fact(wordings) for wordings in alternatives if wordings))


def _single(queue: Queue, item: QueueItem, values: Mapping[str, Json]) -> Json:
    """The answer of a form's one field. Raises: ValueError for one that the form can't give."""
    asked, value = _Form.of(queue), values["value"]
    if asked.kind == "number":
        value = typed_number(value)
    problem = _problem(asked, _candidates(item), value)
    if problem:
        raise ValueError(problem)
    return value


@dataclass(frozen=True, slots=True)
class _Form:
    """The stored form, as far as an answer is checked against it."""

    kind: str
    options: tuple[Json, ...]
    low: float | None
    high: float | None
    catalogue: frozenset[str]
    hash: str

    @classmethod
    def of(cls, queue: Queue) -> _Form:
        stored = cast("dict[str, Any]", json.loads(queue.form))  # the form that `form` gave; checked when made
        field = stored["fields"][0]
        return cls(
            kind=field["kind"],
            options=tuple(option["value"] for option in field.get("options", ())),
            low=field.get("low"),
            high=field.get("high"),
            catalogue=frozenset(entry[0] for entry in stored["catalogue"]),
            hash=str(stored["hash"]),
        )


def _candidates(item: QueueItem) -> frozenset[str]:
    seen = cast("dict[str, dict[str, list[dict[str, str]]]]", json.loads(item.payload))
    return frozenset(option["value"] for option in seen["options"].get("value", ()))


def _problem(asked: _Form, candidates: frozenset[str], value: Json) -> str:
    """Say in what way a value does not fit the form; empty when it does."""
    match asked.kind:
        case "choice" | "list":
            fits = any(value == option and isinstance(value, type(option)) for option in asked.options)
            return "" if fits else f"{value!r} is no choice of the form"
        case "toggles" | "ranking":
            known = candidates | asked.catalogue if asked.kind == "ranking" else frozenset(map(str, asked.options))
            if not isinstance(value, list):
                return f"{value!r} is not a list"
            strange = [entry for entry in value if not isinstance(entry, str) or entry not in known]
            if strange:
                return f"{strange[0]!r} was not offered"
            return "an entry stands twice" if len(set(map(str, value))) < len(value) else ""
        case "number":
            number, low, high = cast("int | float", value), asked.low, asked.high  # read by `typed_number`
            outside = (low is not None and number < low) or (high is not None and number > high)
            return f"{value} is outside {low} to {high}" if outside else ""
        case "custom" | "places":
            return ""  # the whole answer is checked against the type
        case _:
            return "" if value is None or (isinstance(value, str) and value.strip()) else f"{value!r} is not a text"


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"The label card sent an event that can't be stored: {what}.")
