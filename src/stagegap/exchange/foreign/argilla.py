"""Argilla's records, as `dataset.records.to_json()` of version 2 or as its server gives them.

Source: argilla-io/argilla, records/_resource.py. Version 2 writes `responses` as question -> list of
value and user_id; the server gives a list of users with `values` and a `status`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stagegap.exchange.foreign.protocol import Format, Given, Leftovers, Object, Wanted, ids_in, inside, objects, text
from stagegap.model.record import Json


def _is_certain(records: Sequence[Object]) -> bool:
    return all(isinstance(record.get("fields"), dict) and "responses" in record for record in records) and any(
        "suggestions" in record or "_server_id" in record or "external_id" in record for record in records
    )


def _read(records: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for record in records:
        place = f"record {text(record.get('external_id')) or text(record.get('id'))}"
        ids = ids_in([inside(record.get("metadata")), inside(record.get("fields"))], wanted, root=record)
        if wanted.record_id is None:
            ids += [text(record.get(name)) for name in ("external_id", "id") if text(record.get(name))]
        suggestions = record.get("suggestions")
        for name in suggestions if isinstance(suggestions, Mapping | list) else ():
            question = name if isinstance(name, str) else text(inside(name).get("question_name"))
            leftovers.add("A suggestion is a model's answer, not a person's.", f"{place}, {question}")
        responses = record.get("responses")
        if isinstance(responses, Mapping):
            yield from _by_question(responses, ids, place, leftovers)
        else:
            yield from _by_person(leftovers.objects(responses, place), ids, place, leftovers)


def _by_question(responses: Object, records: Sequence[str], place: str, leftovers: Leftovers) -> Iterator[Given]:
    for name, answers in responses.items():
        for answer in leftovers.objects(answers, f"{place}, {name}"):
            person = text(answer.get("user_id"))
            yield Given(
                name=name,
                records=records,
                annotator=person,
                value=_value(answer.get("value")),
                key=f"{place}, {name} by {person}",
            )


def _by_person(
    responses: Sequence[Object], records: Sequence[str], place: str, leftovers: Leftovers
) -> Iterator[Given]:
    for response in responses:
        person, status = text(response.get("user_id")), text(response.get("status")) or "submitted"
        key = f"{place}, response of {person}"
        at = response.get("updated_at") or response.get("inserted_at")
        if status == "discarded":
            yield Given(name=None, records=records, annotator=person, key=key, at=at, action="skip")
        elif status != "submitted":
            leftovers.add(f"A response with the status {status!r} was never submitted.", key)
        else:
            for name, answer in inside(response.get("values")).items():
                value = _value(inside(answer).get("value"))
                yield Given(name=name, records=records, annotator=person, value=value, key=f"{key}, {name}", at=at)


def _value(value: Json) -> Json:
    """A ranking as the list of its values, best first; other values as they are."""
    ranked = objects(value)
    if ranked and all(isinstance(item.get("rank"), int) and "value" in item for item in ranked):
        return [item["value"] for item in sorted(ranked, key=lambda item: float(text(item["rank"])))]
    return value


ARGILLA = Format(name="argilla", title="Argilla", is_certain=_is_certain, read=_read)
