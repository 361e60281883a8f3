"""Prodigy's annotations: JSONL of `db-out`, one task a line. Source: prodi.gy/docs/api-interfaces.

A task is answered with accept, reject or ignore: of one label (`label`), of choices (`accept`), of spans, or of a text
that was typed (`user_input`, or the field that `--stage` names).
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
    named,
    objects,
    text,
)
from stagegap.model.record import Json

_ANSWERS = ("accept", "reject", "ignore")


def _is_certain(tasks: Sequence[Object]) -> bool:
    return all(
        task.get("answer") in _ANSWERS and ("_task_hash" in task or "_input_hash" in task or "options" in task)
        for task in tasks
    )


def _read(tasks: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for number, task in enumerate(tasks, start=1):
        records = ids_in([inside(task.get("meta")), task], wanted, root=task)
        people = (text(task.get(name)) for name in ("_annotator_id", "_session_id"))
        annotator = next((person for person in people if person), "")
        key = named(f"task {text(task.get('_task_hash')) or number}", records, annotator or wanted.annotator)
        given = Given(
            name=None,
            records=records,
            annotator=annotator,
            key=key,
            at=task.get("_timestamp"),
            action="skip",
        )
        if task.get("answer") == "ignore":
            yield given
        else:
            yield from _answers(task, given, wanted, leftovers)


def _answers(task: Object, skip: Given, wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    is_accepted, label = task.get("answer") == "accept", text(task.get("label"))
    values: dict[str, Json] = {}
    if label and label in wanted.names:
        values[label] = is_accepted  # a stage that answers yes or no to this very label
    elif not is_accepted:
        leftovers.add("A rejected task says what is wrong, and not what is right.", skip.key)
    else:
        values = _accepted(task, wanted)
        if not values:
            leftovers.add("The task holds no answer.", skip.key)
    for name, value in values.items():
        yield Given(
            name=name, records=skip.records, annotator=skip.annotator, value=value, key=f"{skip.key}, {name}",
            at=skip.at,
        )  # fmt: skip


def _accepted(task: Object, wanted: Wanted) -> dict[str, Json]:
    """What was accepted, by the name of its field."""
    values: dict[str, Json] = {}
    if "options" in task or isinstance(task.get("accept"), list):
        values["accept"] = task.get("accept") or []
    elif text(task.get("label")):
        values["label"] = task["label"]
    if isinstance(task.get("spans"), list):
        values["spans"] = [
            {key: span[key] for key in ("start", "end", "label") if key in span} for span in objects(task["spans"])
        ]
    typed = {name for name in (*wanted.asked, "user_input") if name in task and name not in ("text", "meta")}
    return {**{name: task[name] for name in sorted(typed) if task[name] is not None}, **values}


PRODIGY = Format(name="prodigy", title="Prodigy", is_certain=_is_certain, read=_read)
