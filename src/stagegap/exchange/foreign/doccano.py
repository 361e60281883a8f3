"""doccano's export: JSONL of its text projects, a file a person or one of all. Source: doccano.github.io/doccano.

The files do not say who answered, and `id` is doccano's own: `--annotator` and `--record-id` say both.
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


def _is_certain(examples: Sequence[Object]) -> bool:
    return all(
        "text" in example
        and "annotator" not in example
        and (isinstance(example.get("label", example.get("labels")), list) or isinstance(example.get("entities"), list))
        for example in examples
    )


def _read(examples: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for number, example in enumerate(examples, start=1):
        own = {name: value for name, value in example.items() if name != "id"}
        records = ids_in([inside(example.get("meta")), own], wanted, root=example)
        key = named(f"example {text(example.get('id')) or number}", records, wanted.annotator)
        name = next((name for name in ("entities", "label", "labels") if isinstance(example.get(name), list)), "")
        value = _value(example.get(name))
        for _ in objects(example.get("relations")):
            leftovers.add("A relation between two marks answers no stage.", key)
        if value:
            yield Given(name="label", records=records, annotator="", value=value, key=key)
        else:
            leftovers.add("The example holds no answer.", key)


def _value(value: Json) -> Json:
    """Labels and texts as they are; marks as objects with start, end and label."""
    entries = value if isinstance(value, list) else []
    return [
        {"start": entry["start_offset"], "end": entry.get("end_offset"), "label": entry.get("label")}
        if isinstance(entry, dict) and "start_offset" in entry
        else {"start": entry[0], "end": entry[1], "label": entry[2]}
        if isinstance(entry, list) and len(entry) == 3
        else entry
        for entry in entries
    ]


DOCCANO = Format(name="doccano", title="doccano", is_certain=_is_certain, read=_read)
