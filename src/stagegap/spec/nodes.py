"""A YAML file as plain nodes that know where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from stagegap.errors import Problem
from stagegap.model.record import Json


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file."""

    path: str
    """File as the user named it."""
    line: int | None
    """Counted from 1; None for the file as a whole."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number, true, false or null."""

    value: bool | int | float | str | None
    mark: Mark
    is_plain: bool = False
    """True when it was written without quotes and not as a block."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in a mapping, and where its key stands."""

    key_mark: Mark
    node: Node


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping, in file order."""

    entries: Mapping[str, Entry]
    mark: Mark


Node: TypeAlias = Scalar | Items | Entries


class Findings:
    """Every problem found so far: loading goes on after a problem, so that all are reported at once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    def add(self, mark: Mark, message: str, hint: str = "") -> None:
        """Keep a problem; the same one twice is one."""
        self._problems[Problem(message=message, path=mark.path, line=mark.line, hint=hint)] = None

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, file by file in the order in which they were met, by line."""
        files = {p.path: i for i, p in reversed([*enumerate(self._problems)])}
        return tuple(sorted(self._problems, key=lambda p: (files[p.path], p.line or 0)))


def plain(node: Node) -> Json:
    """The JSON value of a node."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(child) for child in node.nodes]
        case _:
            return {key: plain(entry.node) for key, entry in node.entries.items()}


def child(node: Node | None, *keys: str) -> Node | None:
    """What stands under these keys, one level a key; None where there is no such entry."""
    for key in keys:
        entry = node.entries.get(key) if isinstance(node, Entries) else None
        node = entry.node if entry else None
    return node


def place(entry: Entry, location: Iterable[int | str]) -> Mark:
    """The mark of the deepest key or item on the way of `location`; parts that the file doesn't have are skipped.

    Skipping is what pydantic's locations need: they also name the branch of a union.
    """
    node, mark = entry.node, entry.key_mark
    for part in location:
        match node:
            case Entries() if isinstance(part, str) and part in node.entries:
                node, mark = node.entries[part].node, node.entries[part].key_mark
            case Items() if isinstance(part, int) and part < len(node.nodes):
                node = node.nodes[part]
                mark = node.mark
            case _:
                continue
    return mark


def without(node: Entries, keys: Iterable[str]) -> Entries:
    """The mapping without these keys."""
    dropped = set(keys)
    return Entries({key: entry for key, entry in node.entries.items() if key not in dropped}, node.mark)


def pruned(node: Node, ways: Sequence[Sequence[int | str]]) -> Node:
    """The node without what stands at these locations; a location that it doesn't have takes nothing away."""
    here = {way[0] for way in ways if len(way) == 1}
    match node:
        case Entries():
            rest = {key: entry for key, entry in node.entries.items() if key not in here}
            return Entries(
                {
                    key: Entry(entry.key_mark, pruned(entry.node, [way[1:] for way in ways if way[:1] == (key,)]))
                    for key, entry in rest.items()
                },
                node.mark,
            )
        case Items():
            rest = [(i, item) for i, item in enumerate(node.nodes) if i not in here]
            return Items(
                tuple(pruned(item, [way[1:] for way in ways if way[:1] == (i,)]) for i, item in rest), node.mark
            )
        case _:
            return node


def quoted(value: object) -> str:
    """A value as a message shows it: its `repr`, cut where it is long.

    >>> quoted("no")
    "'no'"
    """
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def dotted(location: Sequence[int | str]) -> str:
    """A location as people write it.

    >>> dotted(["stages", "route", "score", 0])
    'stages.route.score[0]'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
