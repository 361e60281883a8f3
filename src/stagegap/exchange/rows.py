"""Rows of a JSON, JSONL, CSV, TSV, Excel or Parquet file, each with its line.

Strict: what is odd is a problem, not a guess.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import struct
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, TypeAlias, cast

import duckdb

from stagegap.errors import InputError, MediaError, Problem, near_names, require
from stagegap.model.canonical import parse_json
from stagegap.model.record import Json, odd_number

MAX_BYTES = 2 * 1024**3
"""Limit on the decompressed size of one file: a gzip bomb ends here."""
MAX_LINE = 10 * 1024**2
MAX_COLUMNS = 2_000
MAX_PROBLEMS = 50
"""Problems listed before the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file."""

    line: int
    """Counted from 1; for JSON and Parquet the number of the row."""
    values: Mapping[str, Json]


class Problems:
    """Collects what is wrong with a file, so that all of it is reported at once."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._problems: list[Problem] = []
        self._more = 0

    def add(self, line: int | None, message: str, hint: str = "") -> None:
        """Note one problem; beyond `MAX_PROBLEMS` only count it."""
        if len(self._problems) >= MAX_PROBLEMS:
            self._more += 1
        else:
            self._problems.append(Problem(message=message, path=self._path, line=line, hint=hint))

    def raise_if_any(self) -> None:
        """Raise an InputError with everything found so far, if there is anything."""
        if self._problems:
            raise self._error()

    def fail(self, line: int | None, message: str, hint: str = "") -> NoReturn:
        """Note a problem after which the file can't be read on."""
        self.add(line, message, hint)
        raise self._error()

    def _error(self) -> InputError:
        rest = Problem(message=f"{self._more} more problems of this kind.", path=self._path)
        return InputError([*self._problems, rest] if self._more else self._problems)


Files: TypeAlias = "Mapping[str, Callable[[object], object]]"
TEXT_TABLES = (".csv", ".tsv")
TABLES = (*TEXT_TABLES, ".xlsx", ".parquet")


def table_ending(path: Path) -> str:
    """The ending of a file whose cells have no type, or not that of JSON; empty for JSON."""
    return next((ending.lower() for ending in path.suffixes if ending.lower() in TABLES), "")


def read_rows(path: Path, *, files: Files = MappingProxyType({})) -> list[Row]:
    """All rows of the file; its ending says the format. `files` makes values of the cells that hold files, by field.

    Raises: InputError with every problem of the file.
    """
    return list(rows_of(path, files=files))


def rows_of(path: Path, *, files: Files = MappingProxyType({})) -> Iterator[Row]:
    """The rows of the file as they are read: of JSONL and Parquet no more than a few are in memory at once.

    Raises: InputError as `read_rows`, at the latest behind the last row.
    """
    problems = Problems(path)
    if not path.exists():
        near = near_names(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        problems.fail(None, "There is no such file.", near)
    if not path.is_file():
        problems.fail(None, "This is not a regular file.")
    endings = [ending for ending in path.suffixes if ending != ".gz"]
    ending = endings[-1].lower() if endings else ""
    readers: dict[str, Callable[[Path, Problems], Iterator[Row]]] = {
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
        ".xlsx": _xlsx,
        ".parquet": partial(_parquet, files=files),
    }
    if ending not in readers:
        known = f"Known: {', '.join(name for name in readers if name != '.ndjson')}."
        problems.fail(None, f"The ending {ending!r} is no format that can be read.", known)
    yield from readers[ending](path, problems)
    problems.raise_if_any()


_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "Zstandard", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR"}


def refuse_packed(head: bytes, problems: Problems) -> None:
    """Refuse what is packed by another program than gzip, by its first bytes. Raises: InputError."""
    for magic, program in _PACKED.items():
        if head.startswith(magic):
            problems.fail(None, f"The file is packed by {program}.", "Unpack it, or pack it by gzip.")


def refuse_wide(head: bytes, problems: Problems) -> None:
    """Refuse text of two or four bytes a character, by its first bytes. Raises: InputError."""
    if not head.strip(b"\0"):
        return  # zeros alone are what a crash leaves
    if head.startswith((b"\xff\xfe\0\0", b"\0\0")) or head[1:4] == b"\0\0\0":
        problems.fail(None, "The file is UTF-32.", "Save it as UTF-8.")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head[:2]:
        problems.fail(None, "The file is UTF-16.", "Save it as UTF-8.")


def _lines(path: Path, problems: Problems) -> Iterator[str]:
    """The lines of UTF-8, with or without a byte order mark, each with its end."""
    size = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        try:
            for number, line in enumerate(iter(partial(stream.readline, MAX_BYTES + 1), b""), start=1):
                if number == 1:
                    refuse_packed(line, problems)
                    refuse_wide(line, problems)
                if size + len(line) > MAX_BYTES:
                    problems.fail(None, f"The file holds more than {MAX_BYTES // 1024**3} GB of text.")
                yield _decoded(line, number, size, problems)
                size += len(line)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            problems.fail(None, f"The file can't be decompressed: {error}.")


def _decoded(line: bytes, number: int, place: int, problems: Problems) -> str:
    """The text of a line that begins at a byte of its file."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        byte = f"Byte {place + error.start} (0x{error.object[error.start]:02x})"
        problems.fail(number, f"{byte} is not UTF-8.", "Save it as UTF-8.")


def read_json(path: Path) -> Json:
    """The one JSON value of a file. Raises: InputError."""
    problems = Problems(path)
    if not path.is_file():
        problems.fail(None, "There is no such file.")
    try:
        return parse_json("".join(_lines(path, problems)))
    except ValueError as error:
        problems.fail(None, str(error))


def _jsonl(path: Path, problems: Problems) -> Iterator[Row]:
    for number, ended in enumerate(_lines(path, problems), start=1):
        line = ended.removesuffix("\n")
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            problems.add(number, f"The line holds {len(line):,} characters; at most {MAX_LINE:,} are read.")
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            problems.add(number, str(error))
            continue
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            problems.add(number, f"A JSON object was expected, found {line.strip()[:40]!r}.")


def _json(path: Path, problems: Problems) -> Iterator[Row]:
    try:
        entries = entries_of(parse_json("".join(_lines(path, problems))))
    except ValueError as error:
        problems.fail(None, str(error))
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, Mapping):
            yield Row(number, entry)
        else:
            problems.add(number, f"A JSON object was expected, found {json.dumps(entry)[:40]}.")


def entries_of(value: Json) -> list[Json]:
    """The rows of a JSON value: a list, the only list of objects in an object, or columns as lists or by row.

    Rows by their numbers, and a list of columns beside one of cells, are what pandas writes as `index` and `split`.

    Raises: ValueError with one sentence where it is none of them.

    >>> entries_of({"id": [1, 2], "text": ["a", "b"]}) == entries_of({"rows": [{"id": 1, "text": "a"},
    ...     {"id": 2, "text": "b"}]}) == entries_of({"id": {"0": 1, "1": 2}, "text": {"0": "a", "1": "b"}})
    True
    """
    if isinstance(value, list):
        return value
    members: Mapping[str, Json] = value if isinstance(value, Mapping) else {}
    names, cells = members.get("columns"), members.get("data")
    if isinstance(names, list) and isinstance(cells, list) and all(isinstance(row, list) for row in cells):
        wrong = next((row for row in cells if len(cast("list[Json]", row)) != len(names)), None)
        if wrong is not None or len(set(map(str, names))) < len(names):
            raise ValueError("Its columns have one name each, and every row of its data one cell for each of them.")
        return [dict(zip(map(str, names), cast("list[Json]", row), strict=True)) for row in cells]
    lists = [item for item in members.values() if isinstance(item, list)]
    rows = [items for items in lists if items and all(isinstance(item, Mapping) for item in items)]
    if len(lists) == len(rows) == 1:
        return rows[0]
    if members and len(lists) == len(members):
        if len({len(items) for items in lists}) > 1:
            raise ValueError(f"Its columns have {', '.join(str(len(items)) for items in lists)} entries: one row each.")
        return [dict(zip(members, cells, strict=True)) for cells in zip(*lists, strict=True)]
    columns = [cast("Mapping[str, Json]", item) for item in members.values() if isinstance(item, Mapping)]
    is_numbered = bool(columns) and all(key.isdecimal() for key in columns[0])
    if len(columns) == len(members) and is_numbered and all(item.keys() == columns[0].keys() for item in columns):
        return [{name: column[key] for name, column in zip(members, columns, strict=True)} for key in columns[0]]
    if len(columns) == len(members) > 0 and all(key.isdecimal() for key in members):
        return list(members.values())
    raise ValueError("The file holds no rows: write a list of objects, or an object with a list a column.")


def separator_of(header: str) -> str:
    """What separates the cells of a header: a comma, unless a semicolon or a tab makes more of them.

    >>> separator_of("id;text, long;label"), separator_of("id,text")
    (';', ',')
    """
    return max(",;\t", key=lambda sign: len(next(csv.reader([header], delimiter=sign), list[str]())))


def _csv(path: Path, problems: Problems) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE)
    text = "".join(_lines(path, problems))
    separator = "\t" if ".tsv" in path.suffixes else separator_of(re.split(r"[\r\n]", text, maxsplit=1)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = next(reader, list[str]())
        if header == ["sep=", ""]:  # for Excel, which takes it off
            header = next(reader, list[str]())
        _check_header(header, problems)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                problems.add(
                    reader.line_num, f"{len(header)} cells were expected as in the header, found {len(cells)}."
                )
                continue
            yield Row(reader.line_num, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        problems.add(reader.line_num, f"This is no CSV: {error}.")


def _check_header(header: Sequence[str], problems: Problems) -> None:
    if len(header) > MAX_COLUMNS:
        problems.fail(1, f"The header has {len(header):,} columns; at most {MAX_COLUMNS:,} are read.")
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled or not header:
        problems.fail(1, f"Columns stand twice: {', '.join(doubled)}." if doubled else "The file has no header.")


def _xlsx(path: Path, problems: Problems) -> Iterator[Row]:
    """The rows of the only sheet that has any; formulas as the values that were last computed."""
    require("openpyxl", "Reading Excel files", extra="excel")
    from openpyxl import load_workbook  # pyright: ignore[reportMissingModuleSource]  # it has no types of its own

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
                problems.fail(None, f"The file holds more than {MAX_BYTES // 1024**3} GB of text.")
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        problems.fail(None, f"This is no Excel file that can be read: {error}.")
    sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
    book.close()
    filled = {title: rows for title, rows in sheets.items() if any(cell is not None for row in rows for cell in row)}
    if len(filled) != 1:
        named = ", ".join(filled) or "none"
        problems.fail(None, f"One sheet with rows is read, and there are: {named}.", "Save the right one by itself.")
    [(title, rows)] = filled.items()
    uncomputed = _uncomputed(path, title) if any(None in cells for cells in rows) else {}
    if 1 in uncomputed:
        problems.fail(1, *_no_value(uncomputed[1]))
    names = [None if cell is None else str(cell) for cell in rows[0]]
    while names and names[-1] is None:
        names.pop()
    header = [name for name in names if name is not None]
    if len(header) < len(names):
        problems.fail(1, f"Column {names.index(None) + 1} has no name, and columns behind it have one.")
    _check_header(header, problems)
    for number, cells in enumerate(rows[1:], start=2):
        if number in uncomputed:
            problems.add(number, *_no_value(uncomputed[number]))
        elif any(cell is not None for cell in cells[len(header) :]):
            problems.add(number, f"{len(header)} cells were expected as in the header, and there are more.")
        elif any(isinstance(cell, str) and cell in _CELL_ERRORS for cell in cells):
            problems.add(number, f"A cell holds an error: {', '.join(str(c) for c in cells if c in _CELL_ERRORS)}.")
        elif any(cell is not None for cell in cells):
            padded = (*cells, *[None] * len(header))[: len(header)]
            yield Row(number, {name: _plain(cell) for name, cell in zip(header, padded, strict=True)})


def _uncomputed(path: Path, title: str) -> dict[int, list[str]]:
    """The cells of each row that hold a formula without a value: programs that compute nothing write them so."""
    from openpyxl import load_workbook  # pyright: ignore[reportMissingModuleSource]  # it has no types of its own

    books = [load_workbook(path, read_only=True, data_only=is_value) for is_value in (False, True)]
    sheets = [book[title].iter_rows() for book in books]
    cells: dict[int, list[str]] = {}
    for number, (formulas, values) in enumerate(zip(*sheets, strict=True), start=1):
        for formula, value in zip(formulas, values, strict=True):
            if formula.data_type == "f" and value.value is None and value.data_type != "str":  # "str": an empty text
                cells.setdefault(number, []).append(str(formula.coordinate))
    for book in books:
        book.close()
    return cells


def _no_value(cells: Sequence[str]) -> tuple[str, str]:
    message = f"The formula in {', '.join(cells)} has no stored value."
    return message, "Open the file in a program that computes it, and save it."


_CELL_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")


def _plain(cell: object) -> Json:
    """A cell of Parquet or Excel as JSON: dates, decimals and the like as the text that they are printed as.

    NaN is a cell without a value: DuckDB and Polars write it where pandas writes null. Bytes are text that a program
    wrote without saying so. Raises: UnicodeDecodeError for other bytes.
    """
    if isinstance(cell, bytes):
        return cell.decode()
    if isinstance(cell, float) and math.isnan(cell):
        return None
    if cell is None or isinstance(cell, bool | int | float | str):
        return cell
    if isinstance(cell, list):
        return [_plain(item) for item in cast(list[object], cell)]
    if isinstance(cell, dict):
        return {str(key): _plain(item) for key, item in cast(dict[object, object], cell).items()}
    return str(cell)


def _zones_as_text(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The relation with times of a zone (in UTC) and intervals as text: in Python they need zones, lose months."""
    columns: list[str] = []
    for name, kind in zip(relation.columns, map(str, relation.types), strict=True):
        quoted = '"' + name.replace('"', '""') + '"'
        plain = kind.replace("TIMESTAMP WITH TIME ZONE", "VARCHAR").replace("TIMESTAMPTZ_NS", "VARCHAR")
        plain = plain.replace("INTERVAL", "VARCHAR")
        columns.append(quoted if plain == kind else f"CAST({quoted} AS {plain}) AS {quoted}")
    return relation.project(", ".join(columns))


def _outermost(schema: Sequence[tuple[str, int | None]]) -> list[str]:
    """The names of the columns, of a schema that lists what is inside a column behind it; DuckDB renames doubled ones.

    >>> _outermost([("schema", 2), ("a", 1), ("inside", None), ("b", None)])
    ['a', 'b']
    """
    names: list[str] = []
    inside = 0
    for name, children in schema[1:]:
        if inside:
            inside -= 1
        else:
            names.append(name)
        inside += children or 0
    return names


def _durations(schema: bytes) -> list[str]:
    """The fields of type duration of an Arrow schema as Parquet files hold it: FlatBuffers, `Schema.fbs` of Arrow."""

    def number(at: int, code: str = "I") -> int:
        return int(struct.unpack_from(f"<{code}", schema, at)[0])

    def slot(table: int, index: int) -> int:
        """Where a field of a table stands; 0 where it has none."""
        places = table - number(table, "i")
        offset = number(places + 4 + 2 * index, "H") if 4 + 2 * index < number(places, "H") else 0
        return table + offset if offset else 0

    def target(at: int) -> int:
        return at + number(at)

    def fields(table: int, index: int, path: str) -> Iterator[str]:
        listed = target(at) if (at := slot(table, index)) else 0
        for place in range(number(listed)) if listed else ():
            own = target(listed + 4 + 4 * place)
            name = target(slot(own, _NAME))
            inner = path + schema[name + 4 : name + 4 + number(name)].decode("utf-8", "replace")
            if number(slot(own, _TYPE), "B") == _DURATION:
                yield inner
            yield from fields(own, _CHILDREN, f"{inner}.")

    message = target(8)  # behind the mark of a message and its length
    return list(fields(target(slot(message, 2)), 1, ""))


_NAME, _TYPE, _CHILDREN = 0, 2, 5
_DURATION = 18


def _refuse_durations(connection: duckdb.DuckDBPyConnection, path: Path, problems: Problems) -> None:
    """Refuse durations: DuckDB reads them as whole numbers, and only Arrow's schema says that they have a unit."""
    query = "select value from parquet_kv_metadata(?) where key = 'ARROW:schema'"
    for (schema,) in connection.execute(query, [str(path)]).fetchall():
        try:
            names = _durations(b64decode(schema))
        except (struct.error, ValueError, RecursionError):
            return  # another program's note that can't be read: the columns have the types of Parquet itself
        for name in names:
            problems.add(None, f"The field {name!r} is a duration.", "Write it as a number, its unit in its name.")


def _parquet(path: Path, problems: Problems, *, files: Files) -> Iterator[Row]:
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        relation = _zones_as_text(connection.read_parquet(str(path)))
        schema = connection.execute("select name, num_children from parquet_schema(?)", [str(path)]).fetchall()
        names = _outermost(schema)
        _check_header(names, problems)
        _refuse_durations(connection, path, problems)
        cells_of = connection.execute(relation.sql_query())  # in pieces: a cell may hold a file
        for number, cells in enumerate(chain.from_iterable(iter(lambda: cells_of.fetchmany(64), [])), start=1):
            try:
                named = zip(names, cells, strict=True)
                values = {name: _plain(files[name](cell) if name in files else cell) for name, cell in named}
            except UnicodeDecodeError:
                problems.add(number, "A cell holds bytes that are no text in UTF-8.")
                continue
            except MediaError as error:
                problems.add(number, str(error))
                continue
            odd = odd_number(values)
            if odd:
                problems.add(number, f"The field {odd[0]!r}: {odd[1]}.")
            else:
                yield Row(number, values)
    except duckdb.Error as error:
        problems.add(None, f"This is no Parquet file that can be read: {str(error).splitlines()[0]}")
    finally:
        connection.close()
