"""A value as what it is: a chat as turns, tool calls, documents, a table, JSON as a tree, a text with its structure.

One tree of nodes for every page, for the label card and for reports, so that a value looks the same wherever it is
read. A text that holds JSON is drawn like the value that it says, with its numbers as they are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import cast

from stagegap.model.media import Media, media_of
from stagegap.model.record import Json
from stagegap.model.wording import counted
from stagegap.tables.prose import Node, folded, pieces, prose, text

ROOM = 2_400
"""Characters of a text that stand open."""
LEVELS = 12
"""Levels of JSON that are drawn as a tree; what lies deeper is text."""
MOST_NODES = 4_000
"""Parts of one value that are drawn; the rest is counted."""
MOST_TEXT = 1_000_000
"""Characters of a text that may hold JSON."""
MOST_ENTRIES = 40
"""Entries of a list, rows of a table, turns of a chat that stand open."""
MOST_COLUMNS = 12
WIDEST_CELL = 160
MOST_SOUGHT = 200
"""Entries of a list among which one is looked for wherever it stands; in a longer one only at its place."""
SHORT_TREE = 24
"""Leaves up to which what is nested at the first level stands open, at the second half as many."""


class Number(str):
    """A number as a text spells it: no digit of it is rounded. Equal are those of one value.

    >>> Number("1.50") == Number("1.5"), Number("1.5") == "1.5"
    (True, False)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and Decimal(str(self)) == Decimal(str(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(Decimal(str(self)))


class _Signs(str):
    """Signs of JSON between its values."""

    __slots__ = ()


class _Nothing:
    """Stands where the other side has nothing."""


_NOTHING = _Nothing()


def content(value: Json, *, room: int = ROOM, seek: str = "") -> tuple[Node, ...]:
    """The nodes of a value; matches of `seek` are marked, and what is long is folded around them.

    >>> [node.kind for node in content('{"total": 1.50}')], [node.kind for node in content("Hello")]
    (['tree'], ['plain'])
    """
    return _Outline(room=room, seek=seek).blocks(parsed(value) if isinstance(value, str) else value)


def compared(value: Json, other: Json, *, kind: str, room: int = ROOM) -> tuple[Node, ...] | None:
    """The tree of an object or a list with what `other` lacks marked as `kind`; None for values of another form."""
    value, other = parsed(value), parsed(other)
    both = (value, other)
    if not all(isinstance(side, Mapping) for side in both) and not all(_is_list(side) for side in both):
        return None
    outline = _Outline(room=room, seek="", kind=kind)
    return (Node("tree", outline.nested(value, other, level=1)),)


def parsed(value: Json) -> Json:
    """The object or list that a text holds as JSON, or one object a line; any other value as it is.

    >>> parsed('[1.50, "a"]'), parsed("[draft]")
    (['1.50', 'a'], '[draft]')
    """
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        return value
    stripped = value.strip()
    if (stripped[:1], stripped[-1:]) not in (("{", "}"), ("[", "]")):
        return value
    whole = _read(stripped)
    if _is_list(whole) and all(isinstance(entry, Number) for entry in cast("Sequence[Json]", whole)):
        return value  # the number of a note, in brackets
    if whole is None and stripped[:1] == "{" and "\n" in stripped:
        lines = [_read(line) if line.startswith("{") else None for line in stripped.splitlines() if line.strip()]
        whole = lines if all(line is not None for line in lines) else None
    return whole if whole else value


def _read(characters: str) -> Json:
    try:
        return cast(
            "Json", json.loads(characters, parse_float=Number, parse_int=Number, parse_constant=Number)
        )  # what JSON can carry
    except (ValueError, RecursionError):
        return None


def media_in(value: Json) -> Media | None:
    """The file that a value stands for, be it read from a text; None for any other value."""
    if not isinstance(value, Mapping) or "media" not in value:
        return None
    return media_of({name: _number(part) if isinstance(part, Number) else part for name, part in value.items()})


def _number(spelled: str) -> int | float:
    return int(spelled) if spelled.isdecimal() else float(spelled)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


@dataclass(slots=True)
class _Outline:
    """One drawing: how much room it has, what is sought in it, and how many nodes it may still have."""

    room: int
    seek: str
    kind: str = ""
    """`extra` or `missing` where the value is drawn beside another."""
    left: int = field(default=MOST_NODES)

    def blocks(self, value: Json, *, level: int = 0) -> tuple[Node, ...]:
        """What stands on its own: at the top, in a turn, in a document."""
        if isinstance(value, str) and not isinstance(value, Number):
            return prose(value, room=self.room, seek=self.seek)
        if (media := media_in(value)) is not None:
            return (Node("media", media=media),)
        if isinstance(value, Mapping) and value:
            is_known = is_chat([value]) or bool(_documents([value]))
            tree = Node("tree", () if is_known else self.nested(value, level=level + 1))
            return self.entries([value], level=level) if is_known else (tree,)
        if _is_list(value) and value:
            entries = cast("Sequence[Json]", value)  # as just seen
            return self.entries(entries, level=level)
        return (Node("plain", (self.scalar(value),)),)

    def entries(self, entries: Sequence[Json], *, level: int) -> tuple[Node, ...]:
        """A list as what its entries are together."""
        if is_chat(entries):
            turns = [self.turn(cast("Mapping[str, Json]", entry), level=level) for entry in self.affordable(entries)]
            return (Node("chat", self.fold(turns, "turn")), *self.rest(entries, turns))
        documents = _documents(entries)
        if documents:
            return self.documents(documents)
        columns = _columns(entries)
        return (self.table(entries, columns),) if columns else (Node("tree", self.nested(entries, level=level + 1)),)

    def fold(self, parts: Sequence[Node], noun: str) -> tuple[Node, ...]:
        return folded(parts, room=2 * self.room, most=MOST_ENTRIES, noun=noun)

    def affordable(self, entries: Sequence[Json]) -> Iterator[Json]:
        for entry in entries:
            if self.left <= 0:
                return
            self.left -= 1
            yield entry

    def rest(self, entries: Sequence[Json] | Mapping[str, Json], drawn: Sequence[Node]) -> tuple[Node, ...]:
        """Says how many entries are not drawn at all."""
        missing = len(entries) - len(drawn)
        return (Node("plain", (text(f"… {counted(missing, 'more entry')}, not drawn"),)),) if missing > 0 else ()

    # ---- JSON as a tree ----

    def nested(self, value: Json, other: Json | _Nothing = _NOTHING, *, level: int) -> tuple[Node, ...]:
        """The leaves and branches of an object or a list."""
        if isinstance(value, Mapping):
            names: Sequence[str] = list(value)
            entries: Sequence[Json] = list(value.values())
        else:
            entries = cast("Sequence[Json]", value)  # only objects and lists are nested
            names = [str(place) for place in range(1, len(entries) + 1)]
        drawn = [
            self.entry(name, entry, _beside(name, place, entry, value, other), level=level)
            for place, (name, entry) in enumerate(zip(names, self.affordable(entries), strict=False))
        ]
        return (*self.fold(drawn, "entry"), *self.rest(entries, drawn))

    def entry(self, name: str, value: Json, other: Json | _Nothing, *, level: int) -> Node:
        if (media := media_in(value)) is not None:
            return Node("leaf", (Node("media", media=media),), name=name)
        is_nested = bool(value) and (isinstance(value, Mapping) or _is_list(value))
        both = (isinstance(value, Mapping) and isinstance(other, Mapping)) or (_is_list(value) and _is_list(other))
        differs = bool(self.kind) and not _is_same(value, other)
        if is_nested and level < LEVELS and (both or not differs):
            return self.branch(name, value, other, level=level)
        if is_nested:
            drawn = (text(compact(value, self.room)),)
        elif isinstance(value, str) and not isinstance(value, Number):
            drawn = pieces(value, room=self.room, seek=self.seek)
            drawn = (Node("value", drawn, name="text"),)
        else:
            drawn = (self.scalar(value),)
        if differs:
            drawn = (Node("extra" if self.kind == "extra" else "missing", drawn),)
        return Node("leaf", drawn, name=name)

    def branch(self, name: str, value: Json, other: Json | _Nothing, *, level: int) -> Node:
        entries = cast("Sequence[Json] | Mapping[str, Json]", value)  # only objects and lists have branches
        what = counted(len(entries), "key" if isinstance(value, Mapping) else "entry")
        is_more = not (self.kind or isinstance(entries, Mapping)) and bool(is_chat(entries) or _columns(entries))
        parts = (
            self.entries(cast("Sequence[Json]", entries), level=level)
            if is_more
            else self.nested(value, other, level=level + 1)
        )
        node = Node("branch", parts, name=name, note=what)
        return replace(node, is_open=_leaves(node) * level <= SHORT_TREE or node.is_interesting)

    def scalar(self, value: Json) -> Node:
        """A number, a truth, or what is empty, as JSON writes it."""
        is_number = isinstance(value, Number | int | float) and not isinstance(value, bool)
        name = "number" if is_number else "truth" if isinstance(value, bool) else "nothing"
        return Node("value", (text(compact(value, self.room)),), name=name)

    # ---- tables and documents ----

    def table(self, entries: Sequence[Json], columns: Sequence[str]) -> Node:
        rows = [cast("Mapping[str, Json]", entry) for entry in self.affordable(entries)]
        head = Node("head", (Node("row", tuple(Node("cell", (text(name),), name="head") for name in columns)),))
        drawn = [Node("row", tuple(self.cell(row.get(name)) for name in columns)) for row in rows]
        stay, more = drawn[:MOST_ENTRIES], drawn[MOST_ENTRIES:]
        table = Node("table", (head, *stay))
        if not more:
            return table
        rest = len(entries) - len(drawn)
        note = counted(len(more), "more row") + (f", and {counted(rest, 'row')} that are not drawn" if rest else "")
        return Node("documents", (table, Node("fold", (Node("table", (head, *more)),), note=note)))

    def cell(self, value: Json) -> Node:
        if value is None or value == "":
            return Node("cell")
        if isinstance(value, str) and not isinstance(value, Number):
            return Node("cell", pieces(value, room=self.room, seek=self.seek))
        return Node("cell", (self.scalar(value),))

    def documents(self, documents: Sequence[tuple[str, str, Json]]) -> tuple[Node, ...]:
        drawn = [
            Node("document", self.blocks(body) if body != "" else (), name=name, note=title)
            for name, title, body in documents[: self.left]
        ]
        return (Node("documents", self.fold(drawn, "document")), *self.rest(cast("Sequence[Json]", documents), drawn))

    # ---- chats ----

    def turn(self, message: Mapping[str, Json], *, level: int) -> Node:
        """A message of a chat, of any of the usual shapes; what of it has no place of its own is drawn as a tree."""
        role = str(message.get("role") or message.get("from") or message.get("type") or "")
        note = str(message.get("name") or message.get("tool_call_id") or "")
        body = next((message[key] for key in _BODIES if key in message), None)
        parts = list(self.said(body, level=level))
        if message.get("type") in _CALLS:
            parts.append(self.call(message, level=level))
        calls = [*_listed(message.get("tool_calls")), *_listed(message.get("function_call"))]
        parts += [self.call(call, level=level) for call in calls]
        rest = {key: entry for key, entry in message.items() if key not in _KNOWN and entry not in (None, [], {}, "")}
        if message.get("type") not in (*_CALLS, None, "message"):
            rest.pop("type", None)
        parts += [Node("tree", self.nested(rest, level=level + 1))] if rest else []
        return Node("turn", tuple(parts), name=role, note=note)

    def said(self, body: Json, *, level: int) -> tuple[Node, ...]:
        if body is None or body == "":
            return ()
        if not _is_list(body):
            return self.blocks(parsed(body), level=level)
        return tuple(node for part in cast("Sequence[Json]", body) for node in self.part(part, level=level))

    def part(self, part: Json, *, level: int) -> tuple[Node, ...]:
        """A part of a message: words, a call, what came back."""
        if not isinstance(part, Mapping) or media_in(part) is not None:
            return self.said(part, level=level)
        kind = str(part.get("type", ""))
        if kind in _CALLS or "functionCall" in part:
            return (self.call(part, level=level),)
        if kind in _RESULTS or "functionResponse" in part:
            inner = part.get("functionResponse")
            body = next((part[key] for key in ("content", "response", "result", "output") if key in part), inner)
            name = str(part.get("tool_use_id") or part.get("id") or "")
            return (Node("result", self.said(body, level=level), note=name),)
        words = part.get("text", part.get("content") if kind in _WORDS else None)
        if isinstance(words, str) and set(part) <= {"type", "text", "content"}:
            return self.said(words, level=level)
        return (Node("tree", self.nested(part, level=level + 1)),)

    def call(self, call: Mapping[str, Json], *, level: int) -> Node:
        """A call of a tool with its arguments."""
        function = call.get("function", call.get("functionCall", call))
        inner = function if isinstance(function, Mapping) else call
        body = next((inner[key] for key in ("arguments", "input", "args", "parameters") if key in inner), None)
        name = inner.get("name") or call.get("name") or (function if isinstance(function, str) else "")
        return Node(
            "call", self.said(body, level=level), name=str(name), note=str(call.get("id") or call.get("call_id") or "")
        )


_BODIES = ("content", "parts", "value", "output", "text")
_CALLS = ("function_call", "tool_use", "tool_call", "server_tool_use")
_RESULTS = ("tool_result", "tool_call_response", "function_call_output")
_WORDS = ("text", "input_text", "output_text", "")
_KNOWN = frozenset(
    {
        *_BODIES,
        "role",
        "from",
        "type",
        "name",
        "tool_call_id",
        "tool_calls",
        "function_call",
        "arguments",
        "call_id",
        "id",
    }
)


def is_chat(entries: Sequence[Json] | Mapping[str, Json]) -> bool:
    """True for a list of messages: every entry has a role, or is a call of a tool or what came back from it.

    >>> is_chat([{"role": "user", "content": "Hello"}]), is_chat([{"role": "admin", "name": "ann"}])
    (True, False)
    """
    return not isinstance(entries, Mapping) and bool(entries) and all(_is_message(entry) for entry in entries)


def _is_message(entry: Json) -> bool:
    if not isinstance(entry, Mapping):
        return False
    if entry.get("type") in (*_CALLS, *_RESULTS):
        return True
    has_role = isinstance(entry.get("role"), str) and bool(
        {"content", "parts", "tool_calls", "function_call"} & set(entry)
    )
    return has_role or (isinstance(entry.get("from"), str) and "value" in entry)


def _listed(value: Json) -> list[Mapping[str, Json]]:
    entries = [value] if isinstance(value, Mapping) else value if _is_list(value) else []
    return [entry for entry in cast("Sequence[Json]", entries) if isinstance(entry, Mapping)]


def _documents(entries: Sequence[Json]) -> list[tuple[str, str, Json]]:
    """Id, title and text of each entry; none where one is no document."""
    documents: list[tuple[str, str, Json]] = []
    for entry in entries:
        if not isinstance(entry, Mapping) or "id" not in entry or not {"text", "title"} & set(entry):
            return []
        if not set(entry) <= {"id", "title", "text"}:
            return []
        documents.append((str(entry["id"]), str(entry.get("title") or ""), entry.get("text") or ""))
    return documents


def _columns(entries: Sequence[Json] | Mapping[str, Json]) -> list[str]:
    """The columns of a list of flat objects that are alike; none for another list."""
    if isinstance(entries, Mapping) or len(entries) < 2:
        return []
    columns: dict[str, int] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or not entry or len(entry) > MOST_COLUMNS:
            return []
        for name, value in entry.items():
            if isinstance(value, Mapping) or _is_list(value) or (isinstance(value, str) and len(value) > WIDEST_CELL):
                return []
            columns[name] = columns.get(name, 0) + 1
    is_alike = len(columns) <= MOST_COLUMNS and sum(columns.values()) * 2 >= len(columns) * len(entries)
    return list(columns) if is_alike else []


def _beside(name: str, place: int, entry: Json, value: Json, other: Json | _Nothing) -> Json | _Nothing:
    """What stands beside an entry on the other side: under its key, at its place, or anywhere in the list."""
    if isinstance(value, Mapping):
        return other.get(name, _NOTHING) if isinstance(other, Mapping) else _NOTHING
    if isinstance(other, _Nothing) or not _is_list(other):
        return _NOTHING
    entries = cast("Sequence[Json]", other)  # as just seen
    if len(entries) <= MOST_SOUGHT and any(_is_same(entry, near) for near in entries):
        return entry
    return entries[place] if place < len(entries) else _NOTHING


def _is_same(value: Json, other: Json | _Nothing) -> bool:
    try:
        return value == other
    except RecursionError:  # nested deeper than anything that is drawn as a tree
        return False


def _leaves(node: Node) -> int:
    return sum(map(_leaves, node.parts)) if node.kind in ("branch", "fold") else 1


def compact(value: Json, most: int) -> str:
    """A value as JSON in one line, cut behind `most` characters, however deep it is.

    >>> compact({"a": [1, None, "x"]}, 100), compact([[[[]]]], 3)
    ('{"a": [1, null, "x"]}', '[[[…')
    """
    drawn: list[str] = []
    size = 0
    for piece in _compact(value):
        size += len(piece)
        drawn.append(piece)
        if size > most:
            return f"{''.join(drawn)[:most]}…"
    return "".join(drawn)


def _compact(value: Json) -> Iterator[str]:
    """The pieces of a value as JSON, made with a stack: what is nested deep would break a recursion."""
    stack: list[Json] = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, Number | _Signs):
            yield str(item)
        elif isinstance(item, Mapping):
            yield "{"
            stack.append(_Signs("}"))
            for place, (name, entry) in reversed(list(enumerate(item.items()))):
                stack += [entry, _Signs(f"{', ' if place else ''}{json.dumps(name, ensure_ascii=False)}: ")]
        elif isinstance(item, Sequence) and not isinstance(item, str):
            yield "["
            stack.append(_Signs("]"))
            for place, entry in reversed(list(enumerate(item))):
                stack += [entry, _Signs(", ")] if place else [entry]
        else:
            yield json.dumps(item, ensure_ascii=False)
