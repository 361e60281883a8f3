"""Records and corpora from files."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.model.cascade import CorpusSource, Document, RecordsSource
from stagegap.model.record import Json, Record


def read_records(source: RecordsSource) -> list[Record]:
    """The records of all files, in file order.

    Raises: InputError with every problem: missing or doubled ids, in one file or two, fields that are not there.
    """
    records: list[Record] = []
    homes: dict[str, str] = {}
    for path in source.paths:
        problems = Problems(Path(path))
        rows = _identified(Path(path), source.id, _named(source))
        for row, record in ((row, _record(row, source)) for row in rows):
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
    return tuple(name for name in (source.cluster, source.split, source.difficulty, *source.slices) if name)


def _identified(path: Path, id_field: str, needed: tuple[str, ...]) -> list[Row]:
    """Read the rows of a file whose ids are present and unique and in which every needed field occurs somewhere."""
    rows = read_rows(path)
    problems = Problems(path)
    known = {name for row in rows[:1_000] for name in row.values}
    if not rows:
        problems.fail(None, "The file holds no rows.")
    for name in (id_field, *needed):
        if name not in known:
            problems.add(rows[0].line, f"No row has the field {name!r}.", near_names(name, known))
    problems.raise_if_any()
    first_seen: dict[str, int] = {}
    for row in rows:
        identity = row.values.get(id_field)
        if isinstance(identity, bool) or not isinstance(identity, str | int) or identity == "":
            problems.add(row.line, f"The id {id_field!r} must be a text that is not empty, found {identity!r}.")
            continue
        key = unicodedata.normalize("NFC", str(identity))
        if key in first_seen:
            problems.add(row.line, f"The id {key!r} stands on line {first_seen[key]} already.")
        first_seen.setdefault(key, row.line)
    problems.raise_if_any()
    return rows


def identity(value: Json) -> str:
    """The text form of an id: as it stands, in Unicode form NFC, so that the same id compares equal everywhere."""
    return unicodedata.normalize("NFC", str(value))


def _group(values: Mapping[str, Json], name: str | None) -> str | None:
    group = values.get(name) if name else None
    return None if group is None else str(group)


def _record(row: Row, source: RecordsSource) -> Record:
    slices = {name: str(row.values[name]) for name in source.slices if row.values.get(name) is not None}
    return Record(
        id=identity(row.values[source.id]),
        fields=row.values,
        cluster=_group(row.values, source.cluster) or "",
        split=_group(row.values, source.split),
        difficulty=_group(row.values, source.difficulty),
        slices=slices,
    )


def _document(row: Row, source: CorpusSource) -> Document:
    used = {source.id, source.title, *source.text}
    parts = [str(row.values[name]) for name in source.text if row.values.get(name) is not None]
    return Document(
        id=identity(row.values[source.id]),
        title=str(row.values.get(source.title) or ""),
        text="\n".join(parts),
        fields={name: value for name, value in row.values.items() if name not in used},
    )
