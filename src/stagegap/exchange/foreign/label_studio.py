"""Label Studio's exports: JSON (tasks with annotations), and the short forms JSON-MIN and CSV (a row an annotation).

Source: labelstud.io/guide/task_format and /guide/export.
"""

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
    text,
)
from stagegap.model.canonical import parse_json
from stagegap.model.record import Json

# Type of a result -> key of its answer in `value`, where they differ.
_KEYS = {"textarea": "text", "ranker": "ranker"}
_ANSWERS = frozenset({"choices", "textarea", "rating", "number", "taxonomy", "ranker"})


def _is_certain(tasks: Sequence[Object]) -> bool:
    return all(
        _is_short(task) or (isinstance(task.get("annotations"), list) and isinstance(task.get("data"), dict))
        for task in tasks
    )


def _is_short(task: Object) -> bool:
    return "annotations" not in task and "annotation_id" in task and "annotator" in task


def _read(tasks: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for task in tasks:
        place = f"task {text(task.get('id'))}"
        if _is_short(task):
            yield from _row(task, place, wanted, leftovers)
            continue
        records = ids_in([inside(task.get("data")), inside(task.get("meta"))], wanted, root=task)
        for kind, reason in (
            ("predictions", "A prediction is a model's answer, not a person's."),
            ("drafts", "A draft was never submitted."),
        ):
            for _ in objects(task.get(kind)):
                leftovers.add(reason, place)
        for annotation in leftovers.objects(task.get("annotations"), place):
            yield from _annotation(annotation, records, place, leftovers)


def _row(row: Object, place: str, wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    """The answers of a row: its fields that are called like a stage, or that a stage was given for.

    `id` is the number of the task there, whatever the data had.
    """
    key = f"{place}, annotation {text(row.get('annotation_id'))}"
    records = ids_in([{name: value for name, value in row.items() if name != "id"}], wanted, root=row)
    named = [name for name in wanted.asked if row.get(name) not in (None, "")]
    if not named:
        leftovers.add("No field of this row is a stage's: name its questions with --stage NAME=FIELD.", key)
    for name in named:
        value = _loaded(row[name])
        kind = next(iter(value), "") if isinstance(value, dict) and len(value) == 1 else ""
        yield Given(
            name=name,
            records=records,
            annotator=_person(row.get("annotator")),
            value=_value(inside(value), kind) if kind else value,
            key=key,
            at=row.get("updated_at") or row.get("created_at"),
            active_s=row.get("lead_time"),
        )


def _loaded(value: Json) -> Json:
    """The object that a cell of the CSV spells; any other value as it is."""
    try:
        return parse_json(value) if isinstance(value, str) and value[:1] == "{" else value
    except ValueError:
        return value


def _annotation(annotation: Object, records: Sequence[str], place: str, leftovers: Leftovers) -> Iterator[Given]:
    key = f"{place}, annotation {text(annotation.get('id'))}"
    annotator = _person(annotation.get("completed_by"))
    at = annotation.get("updated_at") or annotation.get("created_at")
    spent = annotation.get("lead_time")
    if annotation.get("was_cancelled") in (True, "true", "True"):  # True is 1
        yield Given(name=None, records=records, annotator=annotator, key=key, at=at, active_s=spent, action="skip")
        return
    results = leftovers.objects(annotation.get("result"), key)
    if not results:
        leftovers.add("The annotation holds no answer.", key)
    names = [text(result.get("from_name")) for result in results]
    for result, name in zip(results, names, strict=True):
        kind = text(result.get("type"))
        if kind not in _ANSWERS:
            leftovers.add(f"A result of the type {kind!r} marks a place, and answers no stage.", f"{key}, {name}")
        elif names.count(name) > 1:
            leftovers.add("A question was answered several times in one annotation.", f"{key}, {name}")
        else:
            value = _value(inside(result.get("value")), kind)
            yield Given(name=name, records=records, annotator=annotator, value=value, key=key, at=at, active_s=spent)


def _value(value: Object, kind: str) -> Json:
    content = value.get(_KEYS.get(kind, kind))
    if kind == "taxonomy" and isinstance(content, list):
        return [path[-1] if isinstance(path, list) and path else path for path in content]
    if kind == "ranker" and isinstance(content, dict):
        # A ranker names its buckets; with one bucket the order is the answer.
        buckets = list(content.values())
        return buckets[0] if len(buckets) == 1 else content
    return content


def _person(value: Json) -> str:
    """Name who made an annotation: `completed_by` is a number, or an object with an address when it was exported so."""
    user = inside(value)
    return text(user.get("email")) or text(user.get("id")) or text(value)


LABEL_STUDIO = Format(name="label-studio", title="Label Studio", is_certain=_is_certain, read=_read)
