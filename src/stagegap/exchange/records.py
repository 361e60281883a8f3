"""Records and corpora from files."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from stagegap.errors import MediaError, near_names
from stagegap.exchange.rows import Files, Problems, Row, read_rows
from stagegap.media import read_media, write_media
from stagegap.model.cascade import CorpusSource, Document, RecordsSource
from stagegap.model.media import FILES, FieldKind
from stagegap.model.record import Json, Record, inner


def read_records(source: RecordsSource) -> list[Record]:
    """The records of all files, in file order.

    A picture, recording or document stands as what `Media.as_value` gives: its path with the digest of its content.
    Raises: InputError with every problem: missing or doubled ids, in one file or two, fields that are not there or
    not what they are declared to be. ConfigurationError without the package that reads a kind.
    """
    records: list[Record] = []
    homes: dict[str, str] = {}
    for path in source.paths:
        problems = Problems(Path(path))
        home = f"{Path(path).name.split('.')[0]}:" if len(source.paths) > 1 else ""
        rows = _identified(Path(path), source.id, _named(source), numbered=home, files=_files(source))
        for row, record in ((row, _record(row, source, problems)) for row in rows):
            if record.id in homes:
                problems.add(row.line, f"The id {record.id!r} stands in {homes[record.id]} already.")
            records.append(record)
        problems.raise_if_any()
        homes |= {record.id: path for record in records[len(records) - len(rows) :]}
    return records


def read_documents(source: CorpusSource) -> dict[str, Document]:
    """The documents of a corpus by id, in file order.

    Raises: InputError with every problem: missing or doubled ids, an id that stands in two files, no text.
    """
    documents: dict[str, Document] = {}
    for path in source.paths:
        problems = Problems(Path(path))
        for row in _identified(Path(path), source.id, (source.title, *source.text)):
            document = _document(row, source)
            if document.id in documents:
                problems.add(
                    row.line, f"The id {document.id!r} stands in an earlier file of corpus {source.name!r} too."
                )
            documents[document.id] = document
        problems.raise_if_any()
    return documents


def _named(source: RecordsSource) -> tuple[str, ...]:
    """Fields that the source names besides the id."""
    return tuple(
        name for name in (source.cluster, source.split, source.difficulty, *source.slices, *source.kinds) if name
    )


def _identified(
    path: Path, id_field: str, needed: tuple[str, ...], *, numbered: str | None = None, files: Files | None = None
) -> list[Row]:
    """Read the rows of a file whose ids are present and unique and in which every needed field occurs somewhere.

    With `numbered` rows without anything like an id get their number as one, after that prefix.
    """
    rows = read_rows(path, files=files or {})
    problems = Problems(path)
    known = {name for row in rows[:1_000] for name in row.values}
    if not rows:
        problems.fail(None, "The file holds no rows.")
    if numbered is not None and id_field == NUMBERED and not any(map(_is_id, known)):
        rows = [
            replace(row, values={id_field: f"{numbered}{number}", **row.values})
            for number, row in enumerate(rows, start=1)
        ]
        known.add(id_field)
    for name in (id_field, *needed):
        if name not in known and not any(field_of(row.values, name) is not None for row in rows[:1_000]):
            problems.add(rows[0].line, f"No row has the field {name!r}.", near_names(name, known))
    problems.raise_if_any()
    first_seen: dict[str, int] = {}
    for row in rows:
        value = field_of(row.values, id_field)
        is_broken = isinstance(value, float) and not value.is_integer()
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "" or is_broken:
            problems.add(row.line, f"The id {id_field!r} must be a text that is not empty, found {value!r}.")
            continue
        key = identity(value)
        if key in first_seen:
            problems.add(row.line, f"The id {key!r} stands on line {first_seen[key]} already.")
        first_seen.setdefault(key, row.line)
    problems.raise_if_any()
    return rows


NUMBERED = "id"
"""The field of ids where the cascade names none: rows without one are numbered."""


def _is_id(name: str) -> bool:
    """Whether a field is called like one with ids: then a number would hide which one is meant."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    return plain in ("id", "record", "uuid", "key", "_id") or plain.endswith("_id")


def identity(value: Json) -> str:
    """The text form of an id: as it stands, in Unicode form NFC, so that the same id compares equal everywhere.

    >>> identity(1), identity("1"), identity(1.0)
    ('1', '1', '1')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return unicodedata.normalize("NFC", str(value))


def field_of(values: Mapping[str, Json], path: str) -> Json:
    """What stands in a field: the one of the name, or one inside it where the name has dots.

    >>> field_of({"meta": {"id": "m1"}, "a.b": 1}, "meta.id"), field_of({"meta": {}, "a.b": 1}, "a.b")
    ('m1', 1)
    """
    return values[path] if path in values else inner(values, path.split("."))


def _group(values: Mapping[str, Json], name: str | None) -> str | None:
    group = field_of(values, name) if name else None
    return None if group is None else str(group)


def _inner(values: Mapping[str, Json], paths: Sequence[str]) -> dict[str, Json]:
    return {path: value for path in paths if (value := field_of(values, path)) is not None}


def _record(row: Row, source: RecordsSource, problems: Problems) -> Record:
    slices = {name: str(value) for name in source.slices if (value := field_of(row.values, name)) is not None}
    return Record(
        id=sys.intern(identity(field_of(row.values, source.id))),  # files of recorded outputs name it again
        fields={**row.values, **_inner(row.values, source.inner), **_typed(row, source, problems)},
        cluster=_group(row.values, source.cluster) or "",
        split=_group(row.values, source.split),
        difficulty=_group(row.values, source.difficulty),
        slices=slices,
    )


def _typed(row: Row, source: RecordsSource, problems: Problems) -> dict[str, Json]:
    """The fields of a row that are more than text; a field without a value stays so."""
    values: dict[str, Json] = {}
    for name, kind in source.kinds.items():
        value = field_of(row.values, name)
        if value is None or value == "":
            continue
        if name not in row.values:
            problems.add(row.line, f"The field {name!r} lies in another one, and only whole fields are of a kind.")
            continue
        try:
            values[name] = _of_kind(value, kind, Path(source.media))
        except MediaError as error:
            problems.add(row.line, f"The field {name!r}: {error}")
    return values


def _files(source: RecordsSource) -> dict[str, Callable[[object], object]]:
    """What makes paths of the cells of a Parquet file that hold files themselves, by field."""

    def path(name: str, kind: FieldKind, cell: object) -> object:
        content = cell
        if isinstance(cell, Mapping):
            parts = cast("Mapping[str, object]", cell)
            if set(parts) == {"bytes", "path"}:  # as Hugging Face's datasets write a file
                content = parts["path"] if parts["bytes"] is None else parts["bytes"]
        if not isinstance(content, bytes) or _is_text(content):
            return content
        try:
            return write_media(Path(source.media), content, kind)
        except MediaError as error:
            raise MediaError(f"The field {name!r}: {error}") from None

    return {name: partial(path, name, kind) for name, kind in source.kinds.items() if kind in FILES}


def _is_text(cell: bytes) -> bool:
    """Whether bytes are a path that a program wrote without saying that it is text; no file of a kind is."""
    try:
        return cell.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _of_kind(value: Json, kind: FieldKind, root: Path) -> Json:
    """The value of a field of a kind. Raises: MediaError where it is none."""
    if kind in FILES:
        # A file that this program wrote holds the whole value; its content is looked at again.
        path = value.get("path") if isinstance(value, Mapping) else value
        if not isinstance(path, str):
            raise MediaError(f"a path was expected, found {str(value)[:60]!r}.")
        return read_media(root, path, kind).as_value()
    entries = value if isinstance(value, Sequence) and not isinstance(value, str) else None
    if kind is FieldKind.HTML and not isinstance(value, str):
        raise MediaError(f"HTML is a text, found {str(value)[:60]!r}.")
    if kind is FieldKind.TABLE and (entries is None or not all(map(_is_row, entries))):
        raise MediaError(f"a table is a list of objects or of lists, found {str(value)[:60]!r}.")
    if kind is FieldKind.CHAT and (entries is None or not all(map(_is_message, entries))):
        raise MediaError(f"a chat is a list of objects with `role` and `content`, found {str(value)[:60]!r}.")
    return value


def _is_row(entry: Json) -> bool:
    return isinstance(entry, Mapping | Sequence) and not isinstance(entry, str)


def _is_message(entry: Json) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("role"), str) and "content" in entry


def _document(row: Row, source: CorpusSource) -> Document:
    used = {source.id, source.title, *source.text}
    parts = [str(value) for name in source.text if (value := field_of(row.values, name)) is not None]
    return Document(
        id=identity(field_of(row.values, source.id)),
        title=str(field_of(row.values, source.title) or ""),
        text="\n".join(parts),
        fields={name: value for name, value in row.values.items() if name not in used},
    )
