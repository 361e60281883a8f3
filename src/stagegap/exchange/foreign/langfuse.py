"""Langfuse's scores and corrections, from its API (JSON) or the export of its pages (JSON, JSONL, CSV).

A correction is a score of the data type CORRECTION with the name `output`. Source: langfuse.com/docs, scores and
corrections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stagegap.exchange.foreign.protocol import Format, Given, Leftovers, Object, Wanted, ids_in, inside, spelled, text
from stagegap.model.record import Json

_MARKS = frozenset({"name", "source", "dataType"})


def _is_certain(scores: Sequence[Object]) -> bool:
    return all(score.keys() >= _MARKS and ("traceId" in score or "subject" in score) for score in scores)


def _read(scores: Sequence[Object], wanted: Wanted, leftovers: Leftovers) -> Iterator[Given]:
    for score in scores:
        key = f"score {text(score.get('id'))} {text(score.get('name'))!r}"
        if text(score.get("source")).upper() == "EVAL":
            leftovers.add("A score of the source EVAL is an evaluator's, not a person's.", key)
            continue
        metadata = spelled(score.get("metadata"))
        subject = inside(score.get("subject"))
        records = ids_in([inside(metadata)], wanted, root={**score, "metadata": metadata})
        if wanted.record_id is None:
            trace = text(score.get("traceId")) or text(subject.get("traceId")) or text(subject.get("id"))
            records += [name for name in (text(score.get("datasetItemId")), trace) if name]
        yield Given(
            name=text(score.get("name")),
            records=records,
            annotator=next((name for field in _AUTHORS if (name := text(score.get(field)))), ""),
            value=_value(score),
            key=key,
            at=score.get("timestamp") or score.get("createdAt"),
            note=text(score.get("comment")),
        )


_AUTHORS = ("authorUserId", "authorUserName", "author")


def _value(score: Object) -> Json:
    """The answer: what stands in words goes before its number, a truth value is one."""
    kind, value = text(score.get("dataType")).upper(), score.get("value")
    if kind == "BOOLEAN":
        return {"1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False}.get(
            str(value).lower(), value
        )
    if kind == "NUMERIC":
        return spelled(value)
    for field in ("longStringValue", "stringValue"):
        if text(score.get(field)):
            return score[field]
    return value


LANGFUSE = Format(name="langfuse", title="Langfuse", is_certain=_is_certain, read=_read, wrapper="data")
