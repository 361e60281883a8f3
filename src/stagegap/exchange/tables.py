"""Rows to files and frames: JSONL, CSV, Parquet, pandas. The same rows give the same bytes, and half a file is
none.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

# pandas has no complete types; a frame is handed on without being looked into.
from typing import Any, TypeAlias

import duckdb

from stagegap import redaction
from stagegap.errors import ConfigurationError, require
from stagegap.exchange.rows import Problems, Row
from stagegap.exchange.typed import cell, escaped
from stagegap.model.record import Json
from stagegap.stages.acceptance import plain

LEAST_OBJECT = 16 * 1024**2
"""DuckDB's own limit for one JSON object, in bytes; raised where a row is longer."""


class Column(StrEnum):
    """What a column holds, by the name of its type in Parquet."""

    TEXT = "VARCHAR"
    """Other values than texts stand in it as JSON."""
    NUMBER = "DOUBLE"
    WHOLE = "BIGINT"
    FLAG = "BOOLEAN"
    TEXTS = "VARCHAR[]"
    LISTS_OF_TEXTS = "VARCHAR[][]"


Rows = Iterable[Mapping[str, Json]]


def ending_of(path: Path) -> str:
    """The format that a path names: `.jsonl`, `.csv` or `.parquet`. Raises: ConfigurationError."""
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    ending = {".ndjson": ".jsonl"}.get(endings[-1], endings[-1]) if endings else ""
    if ending not in (".jsonl", ".csv", ".parquet") or (ending == ".parquet" and path.suffix.lower() == ".gz"):
        raise ConfigurationError(
            f"The name {path.name!r} does not say a format that can be written. "
            "Known endings: .jsonl, .jsonl.gz, .csv, .csv.gz, .parquet."
        )
    return ending


def write_jsonl(path: Path, rows: Rows) -> int:
    """Write one JSON object a line. Give the number of rows."""
    return _write_lines(path, _json_lines(rows))


def write_json(path: Path, rows: Rows) -> None:
    """Write one JSON list, an entry a line."""
    lines = [line.rstrip(b"\n") for line in _json_lines(rows)]
    ends = [b",\n"] * (len(lines) - 1) + [b"\n"]
    _write_lines(path, [b"[\n", *(line + end for line, end in zip(lines, ends, strict=False)), b"]\n"])


def write_csv(path: Path, columns: Sequence[str], rows: Rows, *, raw: bool) -> int:
    """Write a header and one record a row; texts that could be formulas are guarded unless `raw`. Count the rows."""
    return _write_lines(path, _csv_lines(columns, rows, raw=raw)) - 1


def write_parquet(path: Path, columns: Mapping[str, Column], rows: Rows) -> int:
    """Write the columns in their types; values in a text column that are no texts stand as JSON."""
    count, longest = 0, 0
    with tempfile.TemporaryDirectory() as folder, _replacing(path) as part:
        source = Path(folder, "rows.jsonl")
        with source.open("wb") as lines:
            for line in map(redaction.secrets().known_bytes, _json_lines(_texts(row, columns) for row in rows)):
                count, longest = count + 1, max(longest, len(line))
                lines.write(line)
        with duckdb.connect(config={"threads": 1}) as connection:
            relation = connection.read_json(
                str(source),
                format="newline_delimited",
                columns={name: str(kind) for name, kind in columns.items()},
                maximum_object_size=max(LEAST_OBJECT, longest + 1),
            )
            relation.write_parquet(str(part), compression="zstd")
    return count


def _write_lines(path: Path, lines: Iterable[bytes]) -> int:
    secrets = redaction.secrets()
    with _replacing(path) as part, part.open("wb") as plain:
        if path.suffix.lower() != ".gz":
            return sum(plain.write(secrets.known_bytes(line)) > 0 for line in lines)
        # No name and no time in the header: the same rows give the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
            return sum(packed.write(secrets.known_bytes(line)) > 0 for line in lines)


def _csv_lines(columns: Sequence[str], rows: Rows, *, raw: bool) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    # RFC 4180: rows end with CR LF, and cells that hold either are quoted.
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        yield _emptied(buffer)
        writer.writerow([cell(row[name], raw=raw) for name in columns])
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "backslashreplace")


def _json_lines(rows: Rows) -> Iterator[bytes]:
    for row in rows:
        try:
            yield json.dumps(row, ensure_ascii=False).encode() + b"\n"
        except UnicodeEncodeError:
            yield json.dumps(_escaped(row), ensure_ascii=False).encode() + b"\n"


def _escaped(value: Json) -> Json:
    """Escape every text of a value."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        return {escaped(key): _escaped(part) for key, part in value.items()}
    if isinstance(value, Sequence):
        return [_escaped(part) for part in value]
    return value


def _texts(row: Mapping[str, Json], columns: Mapping[str, Column]) -> dict[str, Json]:
    def as_cell(value: Json, kind: Column) -> Json:
        as_json = kind is Column.TEXT and value is not None and not isinstance(value, str)
        return json.dumps(value, ensure_ascii=False) if as_json else value

    return {name: as_cell(row[name], kind) for name, kind in columns.items()}


@contextmanager
def _replacing(path: Path) -> Generator[Path, None, None]:
    """A path beside `path` that takes its place when all is written, and goes away when that fails."""
    if not path.parent.is_dir():
        raise ConfigurationError(f"There is no folder {path.parent}. Make it first, or choose another path.")
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


Frame: TypeAlias = Any
"""A pandas.DataFrame."""
_TYPES = {Column.TEXT: "str", Column.NUMBER: "float64", Column.WHOLE: "Int64", Column.FLAG: "bool"}


def frame(columns: Mapping[str, Column], rows: Iterable[Mapping[str, Json]], *, values: str = "value") -> Frame:
    """The rows as a frame with typed columns; the column `values` holds what Python has, of any type.

    Raises: ConfigurationError without pandas.
    """
    pandas = _pandas()
    listed = list(rows)
    return pandas.DataFrame(
        {
            name: pandas.Series(
                [row[name] for row in listed], dtype="object" if name == values else _TYPES.get(kind, "object")
            )
            for name, kind in columns.items()
        }
    )


def frame_of(rows: Sequence[Mapping[str, Json]]) -> Frame:
    """The rows as a frame whose columns are typed by what stands in them; what is missing is missing.

    Raises: ConfigurationError without pandas.
    """
    pandas = _pandas()
    names = list(rows[0]) if rows else []
    columns = {name: [row[name] for row in rows] for name in names}
    return pandas.DataFrame(
        {name: pandas.Series(values, dtype=_type_of(name, values)) for name, values in columns.items()}
    )


def _type_of(name: str, values: Sequence[Json]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if not kinds and name in ("p", "p_adj"):
        return "float64"
    if kinds and kinds <= {int}:
        return "Int64"
    if kinds and kinds <= {int, float}:
        return "float64"
    if kinds == {bool}:
        return "boolean"
    return "str" if kinds == {str} else "object"


def frame_rows(given: Frame, problems: Problems) -> list[Row]:
    """The rows of a frame, counted from 1; what pandas calls missing is None, what is no JSON a problem.

    Raises: ConfigurationError without pandas.
    """
    missing = _pandas().isna
    names = [str(name) for name in given.columns]

    def cell(value: Any) -> Json:
        native = _python(value)
        if type(native) is str:
            return native
        return None if type(native) not in (list, dict) and missing(native) else plain(native)

    rows: list[Row] = []
    for number, values in enumerate(given.itertuples(index=False, name=None), start=1):
        try:
            rows.append(Row(number, {name: cell(value) for name, value in zip(names, values, strict=True)}))
        except ValueError as error:
            problems.add(number, str(error))
    return rows


def _python(value: Any) -> Any:
    """Lists for arrays, which is what pandas reads the lists of a Parquet file as."""
    if type(value).__name__ in ("list", "tuple", "ndarray"):
        return [_python(part) for part in value]
    return value


def _pandas() -> Any:
    require("pandas", "A data frame", extra="app")
    import pandas  # pyright: ignore[reportMissingTypeStubs]  # it has none

    return pandas
