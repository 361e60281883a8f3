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
from math import isfinite
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, TypeAlias, cast

import orjson

from stagegap.exchange.foreign.protocol import Leftovers, Object
from stagegap.exchange.rows import Problems, read_rows, refuse_packed, refuse_wide
from stagegap.exchange.spans.otlp import is_packed, unpacked_messages
from stagegap.model.canonical import MAX_DEPTH, is_deeper
from stagegap.model.record import Json

CHUNK = 1 << 20
GZIP = 31
GZIP_MAGIC = b"\x1f\x8b"
_BLANKS = b" \t\r\n\xef\xbb\xbf"
"""What may stand in front of an object: blanks, and the byte order mark of a file that was joined to another."""
_MEMBER = b"PK\x03\x04"
"""How the head of a file inside an archive begins; its name follows after 30 bytes."""
MAX_VALUE = 1 << 30
"""Bytes of one JSON value: beyond it a file is no list of traces."""
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_MARKS = _TEXT + rb'|([\[{])|([\]}])|(")'
"""What decides outside of texts: 1 opens, 2 closes, 3 begins a text that is not over; a whole text is passed over."""
_INSIDE, _BESIDE = re.compile(_MARKS, re.DOTALL), re.compile(_MARKS + rb"|(,)", re.DOTALL)
_ENTRY = re.compile(rb"[^\s,\[\]]")
_LISTS = re.compile(
    rb'"(resourceSpans|resource_spans|scopeSpans|scope_spans|spans|samples|traces|data|results|observations)"\s*:\s*$'
)
"""Lists whose entries are spans or traces of their own: what stands before a cut through one is whole."""
_SPANS = ("resourceSpans", "scopeSpans", "spans")
_SPLIT = frozenset({
    *(_SPANS[:n] for n in (1, 2, 3)), ("resource_spans",), ("resource_spans", "scope_spans"),
    ("resource_spans", "scope_spans", "spans"), ("data",), ("traces",), ("samples",), ("results",),
    ("results", "results"),
})  # fmt: skip
"""Where in an object stand entries that say all of themselves: a large one is read in pieces that end between them."""
_KEY = re.compile(rb'"(\w+)"\s*:\s*$')
_OBJECTS = frozenset({
    "resourceSpans", "scopeSpans", "spans", "samples", "traces", "data", "results", "observations", "events", "scores",
    "child_runs", "annotations", "messages", "history", "conversations", "turns", "trajectory", "steps", "tool_calls",
})  # fmt: skip
"""Lists of objects: an entry that is something else can't come in."""
FIRST_LINES = 20
Found: TypeAlias = "Iterator[tuple[str, Object]]"


def values_of(path: Path, leftovers: Leftovers) -> Found:
    """Each object of a file with its place.

    Raises: InputError for a file that is not there, empty, or nothing that can be read.
    """
    problems = Problems(path)
    if path.is_dir():
        problems.fail(None, "It is a folder.", f"Name its files, as {path}/*.jsonl.")
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
    return _json(path, leftovers, is_packed=magic[:2] == GZIP_MAGIC)


def _archive(path: Path, leftovers: Leftovers) -> Found:
    """The samples of an `.eval` archive, or whatever JSON files another one holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith((".json", ".jsonl"))]
            for name in archive.namelist():
                if name not in names and not name.endswith("/"):
                    leftovers.add("A file inside the archive that is neither .json nor .jsonl was not read.", name)
            samples = [name for name in names if name.startswith("samples/")] or names
            for name in samples:
                try:
                    with archive.open(name) as member:
                        yield from ((f"{name} {place}", value) for place, value in _stream(member, leftovers, name))
                except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
                    leftovers.add(
                        "A file inside the archive is damaged, or packed in a way not known here.", f"{name}: {error}"
                    )
    except zipfile.BadZipFile as error:
        reason = "The archive is cut or damaged: what stands before the cut was read."
        leftovers.add(reason, f"{path.name}: {error}")
        yield from _cut_archive(path, leftovers)


def _cut_archive(path: Path, leftovers: Leftovers) -> Found:
    """The samples of an archive whose end, with the table of contents, is missing: each file has a head of its own."""
    with path.open("rb") as raw, mmap(raw.fileno(), 0, access=ACCESS_READ) as whole:
        place = whole.find(_MEMBER)
        while place >= 0:
            method, name_size, extra_size = (
                int.from_bytes(whole[place + at : place + at + 2], "little") for at in (8, 26, 28)
            )
            start = place + 30 + name_size + extra_size
            name = whole[place + 30 : place + 30 + name_size].decode("utf-8", "replace")
            if name.startswith("samples/") and method == zipfile.ZIP_DEFLATED:
                raw.seek(start)
                member = _Inflated(raw, leftovers, name, wbits=-15)
                yield from (
                    (f"{name} {at}", value) for at, value in _stream(cast("IO[bytes]", member), leftovers, name)
                )
            place = whole.find(_MEMBER, start)


def _json(path: Path, leftovers: Leftovers, *, is_packed: bool) -> Found:
    with path.open("rb") as raw:
        stream = _Inflated(raw, leftovers, path.name) if is_packed else raw
        yield from _stream(cast("IO[bytes]", stream), leftovers, path.name)


class _Inflated:
    """The text of a gzip file as far as it goes: where it is cut it ends, and says so."""

    def __init__(self, stream: IO[bytes], leftovers: Leftovers, name: str, *, wbits: int = GZIP) -> None:
        self._stream, self._leftovers, self._name = stream, leftovers, name
        self._inflate, self._rest, self._is_over = zlib.decompressobj(wbits), b"", False
        self._is_gzip = wbits == GZIP

    def read(self, size: int) -> bytes:
        """As much as comes out next, at most `size` bytes; nothing at the end."""
        while not self._is_over:
            if self._inflate.eof and not self._is_gzip:
                break  # what stands behind is the next file of the archive
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
            if self._inflate.eof and self._rest and self._is_gzip:
                self._inflate = zlib.decompressobj(GZIP)
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
    refuse_packed(head, Problems(Path(name)))
    refuse_wide(head, Problems(Path(name)))
    if head[:2] == GZIP_MAGIC:
        Problems(Path(name)).fail(None, "The file is packed by gzip twice.", "Unpack it once.")
    head = head.lstrip(_BLANKS)
    if _is_lines(head):
        return _lines(head, stream, leftovers, name)
    return _entries(_Scan(head, stream, name), leftovers)


def _is_lines(head: bytes) -> bool:
    """Whether one of the first lines is an object: the first may be cut, or be words of the program that wrote it."""
    lines = head.split(b"\n", FIRST_LINES)[:-1]
    return any(line[:1] == b"{" and bool(_loads(line)) for line in lines)


def _lines(head: bytes, stream: IO[bytes], leftovers: Leftovers, name: str) -> Found:
    pieces: list[bytes] = []
    number, size, more = 0, 0, head
    while more:
        first, newline, rest = more.partition(b"\n")
        pieces.append(first)
        size += len(first)
        if size > MAX_VALUE:
            _refuse_size(name)
        if newline:
            *lines, last = rest.split(b"\n")
            for line in (b"".join(pieces), *lines):
                number += 1
                yield from _object(line, f"line {number}", leftovers)
            pieces, size = [last], len(last)
        more = stream.read(CHUNK)
    yield from _object(b"".join(pieces), f"line {number + 1}", leftovers, is_last=True)


def _refuse_size(name: str) -> None:
    message = f"One JSON object of more than {MAX_VALUE >> 30} GB can't be read."
    Problems(Path(name)).fail(None, message, "Write one object a line.")


def _object(text: bytes, place: str, leftovers: Leftovers, *, is_last: bool = False) -> Found:
    """The object that a text is; of the last one of a cut file what stands before the cut."""
    text = text.lstrip(_BLANKS)
    if not text:
        return
    value = _loads(text)
    if value is None and is_last and (shorter := _before_cut(text)) and (value := _loads(shorter)) is not None:
        leftovers.add(
            "The file is cut in the middle of an entry: those before it were read.", f"{place}: {_shown(text)}"
        )
    if value is None:
        leftovers.add("It is no JSON, or cut in the middle.", f"{place}: {_shown(text)}")
    elif text.count(b"[") + text.count(b"{") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        leftovers.add(f"It is nested deeper than {MAX_DEPTH} levels.", f"{place}: {_shown(text)}")
    elif isinstance(value, dict):
        _note_odd_entries(value, place, leftovers)
        if not _is_utf8(text):
            leftovers.add("Bytes that are no UTF-8 were read as \ufffd.", place)
        yield place, value
    else:
        leftovers.add("An entry that is no JSON object.", f"{place}: {_shown(text)}")


def _note_odd_entries(value: Object, place: str, leftovers: Leftovers) -> None:
    """Count what stands between the objects of a list and is none: no format has a place for it."""
    for name in _OBJECTS & value.keys():
        entries = value[name]
        inner = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        for entry in inner:
            _note_odd_entries(entry, place, leftovers)
        if inner and isinstance(entries, list):
            for entry in entries:
                if not isinstance(entry, dict):
                    leftovers.add("An entry that is no JSON object.", f"{place}: {entry!r:.60} among {name}")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(line: bytes) -> str:
    return line[:60].decode("utf-8", "replace")


def _loads(line: bytes) -> Json:
    """The value; None for what is no JSON.

    NaN is nothing, a number of more than 64 bits loses digits, half a surrogate is a question mark.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(
                line.decode("utf-8", "replace"), parse_constant=lambda _: None, parse_int=_short, parse_float=_finite
            )
            return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None


def _finite(digits: str) -> float | None:
    return number if isfinite(number := float(digits)) else None


def _short(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 else digits


def _entries(scan: _Scan, leftovers: Leftovers) -> Found:
    """The objects of a file one after another, in lists or not, read as far as the next one needs."""
    number = 0
    while (piece := scan.entry()) is not None:
        number += 1
        yield from _object(piece, f"entry {number}", leftovers, is_last=scan.is_over)


class _Scan:
    """Cuts the entries of JSON lists apart by counting brackets outside of texts."""

    def __init__(self, text: bytes, stream: IO[bytes], name: str) -> None:
        self._text, self._stream, self._from, self._name = text, stream, 0, name
        self.is_over = False
        """Nothing stands behind the last entry."""

    def entry(self) -> bytes | None:
        """The bytes of the next entry; None behind the last.

        A cut entry comes as far as it goes. A large one comes in pieces, each of which repeats what stands in front of
        its list, as the resource of its spans.
        """
        if not self._begin():
            return None
        opened: list[int] = []
        behind: list[int] = []  # of each open bracket: where its last whole list or object ends; 0 before the first
        place = 0
        while True:
            for match in (_INSIDE if opened else _BESIDE).finditer(self._text, self._from + place):
                kind = match.lastindex
                if kind is None:
                    continue
                place = match.end() - self._from
                if kind == 1 and (opened or place == 1):
                    opened.append(place - 1)
                    behind.append(0)
                elif kind == 2 and opened:
                    opened.pop()
                    behind.pop()
                    if not opened:
                        return self._cut(place)
                    behind[-1] = place
                elif kind == 3:
                    place -= 1
                    break
                elif not opened and place > 1:  # a bracket or a comma behind what is no object
                    return self._cut(place - 1)
            if place > CHUNK // 2 and (piece := self._piece(opened, behind)):
                return piece
            if not self._more():
                return self._cut(len(self._text) - self._from)

    def _piece(self, opened: Sequence[int], behind: Sequence[int]) -> bytes:
        """The whole entries of the outermost list that has some, with what surrounds them; nothing without any."""
        text, begin = self._text, self._from
        path: tuple[str, ...] = ()
        for start, end in zip(opened, behind, strict=True):
            key = _KEY.search(text, max(begin, begin + start - 40), begin + start)
            path = (*path, key[1].decode()) if key else path
            if text[begin + start] != ord("["):
                continue
            if path not in _SPLIT or start > CHUNK // 16:
                return b""
            if end:
                rest = text[begin + end :].lstrip()
                if rest[:1] != b"," or rest[1:].lstrip()[:1] != b"{":
                    return b""
                closing = b"".join(b"]" if text[begin + at] == ord("[") else b"}" for at in opened if at <= start)
                piece = text[begin : begin + end] + closing[::-1]
                self._text, self._from = text[begin : begin + start + 1] + rest[1:], 0
                return piece
        return b""

    def _begin(self) -> bool:
        """Go to the next entry, past what only holds entries together; False at the end."""
        while True:
            match = _ENTRY.search(self._text, self._from)
            if match:
                self._from = match.start()
                return True
            self._from = len(self._text)
            if not self._more():
                return False

    def _more(self) -> bool:
        more = self._stream.read(max(CHUNK, len(self._text) - self._from))
        self._text, self._from = self._text[self._from :] + more, 0
        if len(self._text) > MAX_VALUE:
            _refuse_size(self._name)
        self.is_over = not more
        return bool(more)

    def _cut(self, size: int) -> bytes:
        start = self._from
        self._from += size
        return self._text[start : self._from].strip()


def _before_cut(text: bytes) -> bytes:
    """A cut text without the entry that the cut goes through, its lists and objects closed; empty without a list."""
    ahead: list[tuple[bytes, int | None]] = []  # what closes each open bracket; of a list where its last entry ends
    for match in _INSIDE.finditer(text):
        mark, place = match.span()
        if match.lastindex == 1:
            symbol = text[mark:place]
            is_list = symbol == b"[" and _LISTS.search(text[max(0, mark - 40) : mark])
            ahead.append((b"]" if symbol == b"[" else b"}", 0 if is_list else None))
        elif match.lastindex == 2 and ahead:
            ahead.pop()
            if ahead and ahead[-1][1] is not None:
                ahead[-1] = (ahead[-1][0], place)
        elif match.lastindex == 3:
            break
    while ahead and not ahead[-1][1]:
        ahead.pop()
    return text[: ahead[-1][1]] + b"".join(closing for closing, _ in reversed(ahead)) if ahead else b""


def first_of(path: Path, count: int, leftovers: Leftovers) -> Sequence[Object]:
    """The first objects of a file, by which its format is told."""
    values = values_of(path, leftovers)
    return [value for _, (_, value) in zip(range(count), values, strict=False)]
