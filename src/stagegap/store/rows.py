"""Outputs as columns of JSON in an operation's body and as rows of a query, and JSON text that can be read back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Mapping, Sequence

# A row's values have the types of its columns, which the query names.
from typing import Any, cast

import orjson

from stagegap.model.answer import Attempt, Output, Status
from stagegap.model.frozen import maker
from stagegap.model.record import Json, refuse_odd_numbers
from stagegap.model.run import Cell
from stagegap.store.segments import LONGEST, is_long


def write(value: object) -> bytes:
    """The value as JSON; lone surrogates become their escape (`\\ud800` as six characters).

    The caller refuses NaN before (`refuse_odd_numbers`): this writes them as null.
    Raises: ValueError for what JSON cannot carry here: integers beyond 64 bits, nesting beyond 250 levels.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        try:
            return orjson.dumps(_mended(value))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"the value cannot be stored as JSON: {error}") from error


def canonical(value: Json) -> bytes:
    """The value as JSON with sorted keys, so that equal values have equal text."""
    refuse_odd_numbers(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return orjson.dumps(orjson.loads(write(value)), option=orjson.OPT_SORT_KEYS)


def read(text: str | bytes) -> Json:
    """Read what `write` wrote."""
    return cast("Json", orjson.loads(text))


def plain(text: str) -> str:
    """The text with lone surrogates escaped, as the store holds it.

    >>> plain("a\\ud800b")
    'a\\\\ud800b'
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _mended(value: object) -> object:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {plain(str(key)): _mended(part) for key, part in pairs}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_mended(part) for part in cast("Sequence[object]", value)]
    return value


_made = maker(Output)
_STATUS = {status.value: status for status in Status}
SHORT = 80
"""Texts up to this length stand in the row itself; longer ones go to `blob`, out of the way of other columns."""
GROUP = 4_000_000
"""Characters of values in one operation: DuckDB takes a whole one apart in memory."""
EXACT = 2**53
"""Integers beyond this are not exact as a double and are kept as JSON."""

COLUMNS = {
    "stage": "VARCHAR", "record": "VARCHAR", "repeat": "USMALLINT", "status": "VARCHAR", "form": "VARCHAR",
    "short": "VARCHAR", "number": "DOUBLE", "body": "VARCHAR", "confidence": "DOUBLE", "because": "VARCHAR",
    "error": "VARCHAR", "raw": "VARCHAR", "extra": "VARCHAR", "latency_ms": "DOUBLE", "tokens_in": "UINTEGER",
    "tokens_out": "UINTEGER", "cost": "DOUBLE", "call_key": "UUID", "cached": "BOOLEAN",
}  # fmt: skip
SHAPE = (
    '[{"run":"UUID","cell":"VARCHAR","n":"UINTEGER",'
    + ",".join(f'"{name}":["{kind}"]' for name, kind in COLUMNS.items())
    + "}]"
)
"""Form of a list of operations, as DuckDB's `from_json` takes it."""
LONG = ("body", "raw")
"""Columns of texts of any length."""
SAME = frozenset({"stage", "repeat", "status", "form", "cached"})
"""Columns that are never null; where all values of a batch are equal, the body holds one."""


def pack(
    run: str, cell: Cell, outputs: Sequence[Output], keep: Callable[[Sequence[str]], list[str]] = list
) -> tuple[str, bytes]:
    """The operation (id, body): the id names what was answered, so that a repeated write is no second one.

    `keep` takes the texts that are too long for a row, and gives what stands in their place.

    A column without any value is null, and one of equal values in `SAME` holds one: `outputs.apply` spreads them.
    Raises: ValueError for NaN, an infinity, a key that is not 32 hex digits, or one answer twice.
    """
    columns: dict[str, Sequence[Any] | None] = {
        "stage": [o.stage for o in outputs],
        "record": (records := [o.record for o in outputs]),
        "repeat": [o.repeat for o in outputs],
        "status": [o.status for o in outputs],
        **_values([o.value for o in outputs]),
        "confidence": [o.confidence for o in outputs],
        "because": [o.because for o in outputs],
        "error": [o.error or None for o in outputs],
        "raw": [o.raw or None for o in outputs],
        "extra": _extra(outputs),
        "latency_ms": [o.latency_ms for o in outputs],
        "tokens_in": [o.tokens_in for o in outputs],
        "tokens_out": [o.tokens_out for o in outputs],
        "cost": [o.cost for o in outputs],
        "call_key": hex_keys([o.key or None for o in outputs]),
        "cached": [o.cached for o in outputs],
    }
    for name in ("number", "confidence", "latency_ms", "cost"):
        _refuse_odd_numbers(name, columns[name])
    for name in LONG:
        columns[name] = _apart(columns[name], keep)
    short = {name: _shortened(name, column) for name, column in columns.items()}
    if len(set(records)) != len(outputs):
        _refuse_doubles(outputs)
    identity = write([run, str(cell), *(short[name] for name in ("stage", "record", "repeat", "status"))])
    body = write({"run": run, "cell": str(cell), "n": len(outputs), **short})
    return hashlib.blake2b(identity, digest_size=16).hexdigest(), body


def groups(outputs: Sequence[Output]) -> Generator[Sequence[Output]]:
    """Cut outputs into groups that make operations of about `GROUP` bytes; long texts stand apart and count little."""
    start = size = 0
    for place, one in enumerate(outputs):
        weight = min(one.weight, LONGEST)
        if size and size + weight > GROUP:
            yield outputs[start:place]
            start, size = place, 0
        size += weight
    if start < len(outputs):
        yield outputs[start:]


def parts(body: bytes, most: int, keep: Callable[[Sequence[str]], list[str]]) -> Generator[bytes]:
    """Cut an operation's body into ones of about `most` bytes; one that an older program wrote may be far larger."""
    whole = cast("dict[str, Any]", read(body))  # as `pack` wrote it
    for name in LONG:
        whole[name] = _apart(whole[name], keep)
    count = -(-len(body) // most)
    step = max(1, whole["n"] // count)
    for start in range(0, whole["n"], step):
        some = slice(start, start + step)
        spread = {
            name: column if name in SAME and len(column) == 1 else column[some]
            for name, column in ((name, whole[name]) for name in COLUMNS)
            if column is not None
        }
        yield write(whole | spread | {"n": min(step, whole["n"] - start)})


def _apart(
    column: Sequence[str | None] | None, keep: Callable[[Sequence[str]], list[str]]
) -> Sequence[str | None] | None:
    """Put in the place of long texts what `keep` gives for them."""
    places = [place for place, text in enumerate(column or ()) if is_long(text)]
    if column is None or not places:
        return column
    texts = [text for place in places if (text := column[place]) is not None]
    changed = list(column)
    for place, text in zip(places, keep(texts), strict=True):
        changed[place] = text
    return changed


def output(row: Sequence[Any], whole: Callable[[str], str]) -> Output:
    """Make the output that a row of `ROW` describes; what stands behind is left alone.

    `whole` gives the text that stands apart for what stands in its place.
    """
    record, stage, status, form, words, number, confidence, latency, key, was_cached, repeat, more = row[:12]
    if form in ("text", "json"):
        words = whole(words)
    value = words if form in ("short", "text") else None if form == "none" else _value(form, number, words)
    if more is None:
        return _made(
            record=record,
            stage=stage,
            status=_STATUS[status],
            value=value,
            confidence=confidence,
            latency_ms=latency,
            key=key or "",
            cached=was_cached,
            repeat=repeat,
        )
    because = more["because"]
    extra = cast("dict[str, Any]", read(more["extra"])) if more["extra"] else {}
    return _made(
        record=record,
        stage=stage,
        status=_STATUS[status],
        value=value,
        scores=tuple(extra.get("scores", ())),
        confidence=confidence,
        alternatives=tuple(extra.get("alternatives", ())),
        because=_STATUS[because] if because else None,
        error=more["error"] or "",
        raw=whole(more["raw"] or ""),
        latency_ms=latency,
        tokens_in=more["tokens_in"],
        tokens_out=more["tokens_out"],
        cost=more["cost"],
        key=key or "",
        cached=was_cached,
        repeat=repeat,
        at=extra.get("at"),
        attempts=_attempts(extra),
    )


def answer(
    row: Sequence[Any],
    texts: Mapping[int, str],
    *,
    record: str = "",
    stage: str = "",
    repeat: int = 0,
    because: str | None = None,
) -> Output:
    """Make the answer that a row of `ANSWER` describes, of whom is said beside it; `texts` are by id."""
    status, form, short, body, number, confidence, latency, key, more = row[:9]
    words = short if body is None else texts[body]
    value = words if form in ("short", "text") else None if form == "none" else _value(form, number, words)
    if more is None:
        return _made(
            record=record,
            stage=stage,
            status=_STATUS[status],
            value=value,
            confidence=confidence,
            latency_ms=latency,
            key=key or "",
            repeat=repeat,
            because=None if because is None else _STATUS[because],
        )
    extra = cast("dict[str, Any]", read(more["extra"])) if more["extra"] else {}
    return _made(
        record=record,
        stage=stage,
        status=_STATUS[status],
        value=value,
        scores=tuple(extra.get("scores", ())),
        confidence=confidence,
        alternatives=tuple(extra.get("alternatives", ())),
        error=more["error"] or "",
        raw="" if more["raw"] is None else texts[more["raw"]],
        latency_ms=latency,
        tokens_in=more["tokens_in"],
        tokens_out=more["tokens_out"],
        cost=more["cost"],
        key=key or "",
        repeat=repeat,
        because=None if because is None else _STATUS[because],
        at=extra.get("at"),
        attempts=_attempts(extra),
    )


def _value(form: str, number: float | None, words: str | None) -> Json:
    match form:
        case "json":
            return read(words or "null")
        case "number":
            return number
        case _:
            whole = int(number or 0)
            return whole if form == "integer" else bool(whole)


def _values(values: Sequence[Json]) -> dict[str, Sequence[Any]]:
    """Spread values over typed columns by what they are."""
    forms: list[str] = []
    short: list[str | None] = []
    number: list[float | None] = []
    body: list[str | None] = []
    for value in values:
        in_row: str | None = None
        as_number: float | None = None
        apart: str | None = None
        if isinstance(value, str):
            if len(value) <= SHORT:
                form, in_row = "short", value
            else:
                form, apart = "text", value
        elif value is None:
            form = "none"
        elif isinstance(value, bool):
            form, as_number = "boolean", float(value)
        elif isinstance(value, float):
            form, as_number = "number", value
        elif isinstance(value, int) and -EXACT <= value <= EXACT:
            form, as_number = "integer", float(value)
        else:
            refuse_odd_numbers(value)
            form, apart = "json", write(value).decode()
        forms.append(form)
        short.append(in_row)
        number.append(as_number)
        body.append(apart)
    return {"form": forms, "short": short, "number": number, "body": body}


def _extra(outputs: Sequence[Output]) -> Sequence[str | None] | None:
    """What few outputs have, as JSON text; None when no output of the batch has it."""
    if not any(o.scores or o.alternatives or o.attempts or o.at is not None for o in outputs):
        return None
    column: list[str | None] = []
    for o in outputs:
        parts: dict[str, Json] = {"scores": o.scores, "alternatives": o.alternatives}
        if o.at is not None:
            parts["at"] = o.at
        if o.attempts:
            parts["attempts"] = [[a.after_s, a.took_s, a.status, a.error] for a in o.attempts]
        refuse_odd_numbers(tuple(parts.values()))
        column.append(write(parts).decode() if any(parts.values()) or o.at is not None else None)
    return column


def _attempts(extra: Mapping[str, Any]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(after, took, _STATUS[status], error) for after, took, status, error in extra.get("attempts", ())
    )


def _refuse_doubles(outputs: Sequence[Output]) -> None:
    named = {(o.stage, o.record, o.repeat) for o in outputs}
    if len(named) != len(outputs):
        raise ValueError("one record stands twice for the same stage and repeat in a batch of outputs")


def _refuse_odd_numbers(name: str, column: Sequence[float | None] | None) -> None:
    present = [number for number in column or () if number is not None]
    if not math.isfinite(sum(present)):
        for number in present:
            if not math.isfinite(number):
                raise ValueError(f"{name} {number} is no number that can be stored")


def hex_keys(column: list[str | None]) -> list[str | None]:
    """The keys of calls back. Raises: ValueError for one that is not 32 hex digits."""
    present = [key for key in column if key]
    try:
        whole = all(len(key) == 32 for key in present) and len(bytes.fromhex("".join(present))) == 16 * len(present)
    except ValueError:
        whole = False
    if not whole:
        raise ValueError("the key of a call must be 32 hex digits")
    return column


def _shortened(name: str, column: Sequence[Any] | None) -> Sequence[Any] | None:
    if column is None or column.count(None) == len(column):
        return None
    return column[:1] if name in SAME and column.count(column[0]) == len(column) else column
