"""The objects of a file, one after another and never all at once: JSON, JSON lines, lists, archives, tables.

What can't be read is left over with its place, and the rest is read on: a trace file is often cut, and 500 whole
traces before the cut are 500 traces.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TypeAlias, cast

import orjson

from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign.protocol import Leftovers, Object
from stagegap.exchange.rows import Problems, read_rows
from stagegap.exchange.spans.otlp import is_packed, unpacked_messages
from stagegap.model.record import Json
from stagegap.stages.canonical import MAX_DEPTH, is_deeper

CHUNK = 1 << 20
MAX_VALUE = 1 << 30
"""Bytes of one JSON value: beyond it a file is no list of traces."""
_IN_TEXT = re.compile(rb'["\\]')
_OUTSIDE = re.compile(rb'["\[\]{},]')
Found: TypeAlias = "Iterator[tuple[str, Object]]"


def values_of(path: Path, leftovers: Leftovers) -> Found:
    """Each object of a file with its place.

    Raises: InputError for a file that is not there, empty, or nothing that can be read.
    """
    problems = Problems(path)
    if not path.is_file():
        problems.fail(None, "There is no such file.")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if not magic:
        problems.fail(None, "The file is empty.")
    if magic == b"PAR1" or path.suffix.lower() in (".csv", ".tsv", ".xlsx"):
        return ((f"row {row.line}", row.values) for row in read_rows(path))
    if magic[:2] == b"PK":
        return _archive(path, leftovers)
    return _json(path, leftovers, is_packed=magic[:2] == b"\x1f\x8b")


def _archive(path: Path, leftovers: Leftovers) -> Found:
    """The samples of an `.eval` archive, or whatever JSON files another one holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith((".json", ".jsonl"))]
            samples = [name for name in names if name.startswith("samples/")] or names
            for name in samples:
                try:
                    with archive.open(name) as member:
                        yield from ((f"{name} {place}", value) for place, value in _stream(member, leftovers, name))
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
                    leftovers.add("A file inside the archive is damaged.", f"{name}: {error}")
    except zipfile.BadZipFile as error:
        raise ConfigurationError(
            f"{path} is cut or damaged: an archive has its table of contents at the end, and there is none ({error}). "
            "`inspect log recover` mends logs of Inspect AI."
        ) from None


def _json(path: Path, leftovers: Leftovers, *, is_packed: bool) -> Found:
    with path.open("rb") as raw:
        stream = _Inflated(raw, leftovers, path.name) if is_packed else raw
        yield from _stream(cast("IO[bytes]", stream), leftovers, path.name)


class _Inflated:
    """The text of a gzip file as far as it goes: where it is cut it ends, and says so."""

    def __init__(self, stream: IO[bytes], leftovers: Leftovers, name: str) -> None:
        self._stream, self._leftovers, self._name = stream, leftovers, name
        self._inflate, self._rest, self._is_over = zlib.decompressobj(wbits=31), b"", False

    def read(self, size: int) -> bytes:
        """As much as comes out next, at most `size` bytes; nothing at the end."""
        while not self._is_over:
            packed = self._rest or self._stream.read(CHUNK)
            if not packed and self._inflate.eof:
                break
            try:
                text = self._inflate.decompress(packed, size)
            except zlib.error as error:
                return self._cut(str(error))
            if not packed and not text:
                return self._cut("it ends early")
            self._rest = self._inflate.unconsumed_tail or self._inflate.unused_data
            if self._inflate.eof and self._rest:
                self._inflate = zlib.decompressobj(wbits=31)
            if text:
                return text
        return b""

    def _cut(self, why: str) -> bytes:
        self._is_over = True
        reason = "The compressed file is cut or damaged: what stands before the cut was read."
        self._leftovers.add(reason, f"{self._name}: {why}")
        return b""


def _stream(stream: IO[bytes], leftovers: Leftovers, name: str) -> Found:
    head = stream.read(CHUNK)
    if is_packed(head):
        return unpacked_messages(stream, head, leftovers, name)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        Problems(Path(name)).fail(None, "The file is UTF-16.", "Save it as UTF-8.")
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] == b"[":
        return _members(head[1:], stream, leftovers)
    line, newline, _ = head.partition(b"\n")
    if newline and _loads(line) is not None:
        return _lines(head, stream, leftovers)
    return _whole(head, stream, leftovers, name)


def _lines(head: bytes, stream: IO[bytes], leftovers: Leftovers) -> Found:
    number, rest = 0, head
    while rest:
        *lines, rest = rest.split(b"\n")
        for line in lines:
            number += 1
            yield from _line(line, number, leftovers)
        more = stream.read(CHUNK)
        if not more:
            break
        rest += more
    if rest:
        yield from _line(rest, number + 1, leftovers)


def _line(line: bytes, number: int, leftovers: Leftovers) -> Found:
    if not line.strip():
        return
    value, problem = _parsed(line)
    if problem:
        leftovers.add(problem, f"line {number}: {_shown(line)}")
    elif isinstance(value, dict):
        yield f"line {number}", value
    else:
        leftovers.add("A line that is no JSON object.", f"line {number}: {_shown(line)}")


def _shown(line: bytes) -> str:
    return line[:60].decode("utf-8", "replace")


def _loads(line: bytes) -> Json:
    """The value; None for what is no JSON. NaN is nothing, and a number of more than 64 bits loses digits."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line, parse_constant=lambda _: None, parse_int=_short)
        except (ValueError, RecursionError):
            return None


def _short(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _parsed(line: bytes) -> tuple[Json, str]:
    value = _loads(line)
    if value is None:
        return None, "It is no JSON, or cut in the middle."
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        return None, f"It is nested deeper than {MAX_DEPTH} levels."
    return value, ""


def _members(text: bytes, stream: IO[bytes], leftovers: Leftovers) -> Found:
    """The entries of one list, read as far as the next one needs."""
    number = 0
    scan = _Scan(text, stream)
    while (piece := scan.entry()) is not None:
        number += 1
        value, problem = _parsed(piece)
        if problem:
            leftovers.add(problem, f"entry {number}: {_shown(piece)}")
        elif isinstance(value, dict):
            yield f"entry {number}", value
        else:
            leftovers.add("An entry that is no JSON object.", f"entry {number}: {_shown(piece)}")


class _Scan:
    """Cuts the entries of a JSON list apart by counting brackets outside of texts."""

    def __init__(self, text: bytes, stream: IO[bytes]) -> None:
        self._text, self._stream, self._from = text, stream, 0

    def entry(self) -> bytes | None:
        """The bytes of the next entry; None at the end of the list. A cut entry comes as far as it goes."""
        start = self._begin()
        if start is None:
            return None
        depth, place, is_text = 0, start, False
        while True:
            mark = _next_mark(self._text, place, is_text=is_text)
            if mark < 0:
                place = max(len(self._text), start)
                if not self._more():
                    return self._cut(start, len(self._text))
                continue
            symbol = self._text[mark : mark + 1]
            if is_text and symbol == b"\\":
                if mark + 1 >= len(self._text) and not self._more():
                    return self._cut(start, len(self._text))
                place = mark + 2
                continue
            place = mark + 1
            if symbol == b'"':
                is_text = not is_text
            elif symbol in b"[{":
                depth += 1
            elif symbol in b"]}" and depth:
                depth -= 1
            elif depth == 0:  # a comma, or the bracket that closes the list
                return self._cut(start, mark)

    def _begin(self) -> int | None:
        self._text, self._from = self._text[self._from :], 0
        while True:
            stripped = self._text.lstrip(b" \t\r\n,")
            if stripped:
                self._text = stripped
                return None if stripped[:1] == b"]" else 0
            if not self._more():
                return None

    def _more(self) -> bool:
        more = self._stream.read(CHUNK)
        self._text += more
        return bool(more)

    def _cut(self, start: int, end: int) -> bytes:
        self._from = end
        return self._text[start:end].strip()


def _next_mark(text: bytes, place: int, *, is_text: bool) -> int:
    """Where the next symbol stands that decides; -1 where there is none."""
    match = (_IN_TEXT if is_text else _OUTSIDE).search(text, place)
    return match.start() if match else -1


def _whole(head: bytes, stream: IO[bytes], leftovers: Leftovers, name: str) -> Found:
    """A file of one JSON object, or of several one after another."""
    pieces = [head]
    size = len(head)
    while more := stream.read(CHUNK):
        pieces.append(more)
        size += len(more)
        if size > MAX_VALUE:
            message = f"One JSON object of more than {MAX_VALUE >> 30} GB can't be read."
            Problems(Path(name)).fail(None, message, "Write one object a line.")
    text = b"".join(pieces)
    value, problem = _parsed(text)
    if not problem and isinstance(value, dict):
        yield "the file", value
    elif problem and text.count(b"\n") and text[:1] == b"{":
        yield from _one_by_one(text, leftovers)
    else:
        leftovers.add(problem or "It is no JSON object.", _shown(text))


def _one_by_one(text: bytes, leftovers: Leftovers) -> Found:
    decoder, rest, number = json.JSONDecoder(parse_constant=lambda _: None), text.decode("utf-8", "replace"), 0
    place = 0
    while place < len(rest):
        number += 1
        try:
            value, place = decoder.raw_decode(rest, place)
        except (ValueError, RecursionError) as error:
            leftovers.add("It is no JSON, or cut in the middle.", f"object {number}: {error}")
            return
        members = cast("Object", value) if isinstance(value, dict) else None
        if members is not None and not is_deeper(members, MAX_DEPTH):
            yield f"object {number}", members
        else:
            leftovers.add(f"It is no object, or nested deeper than {MAX_DEPTH} levels.", f"object {number}")
        while place < len(rest) and rest[place] in " \t\r\n,":
            place += 1


def first_of(path: Path, count: int) -> Sequence[Object]:
    """The first objects of a file, by which its format is told."""
    values = values_of(path, Leftovers())
    return [value for _, (_, value) in zip(range(count), values, strict=False)]
