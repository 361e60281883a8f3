"""The nodes that a value is drawn from, and how what is long is folded at its interesting places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stagegap.model.media import Media
from stagegap.model.wording import counted

Kind = Literal[
    "text", "strong", "emphasis", "deleted", "verbatim", "match", "extra", "missing",
    "plain", "paragraph", "heading", "quote", "bullets", "numbers", "item", "code", "rule",
    "table", "head", "row", "cell", "tree", "leaf", "branch", "value",
    "chat", "turn", "call", "result", "documents", "document", "fold", "media",
]  # fmt: skip
SLACK = 1.25
"""So much more than its room something may take before a part of it is folded."""
FEWEST = 200
"""Characters that are worth a fold."""


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of a drawing: characters (`text`), or parts within something.

    `name` is a key, a role, a language, the id of a document, the type of a value; `note` what stands beside it: a
    title, how much a fold holds; `level` that of a heading, or the first number of a list.
    """

    kind: Kind
    parts: tuple[Node, ...] = ()
    text: str = ""
    name: str = ""
    note: str = ""
    level: int = 0
    is_open: bool = False
    media: Media | None = None
    """The picture, recording or document that it stands for."""

    @property
    def size(self) -> int:
        """Characters in it, those of its folds too."""
        return len(self.text) + sum(part.size for part in self.parts)

    @property
    def is_interesting(self) -> bool:
        """True where it holds a difference or what was searched for."""
        return self.kind in ("match", "extra", "missing") or any(part.is_interesting for part in self.parts)

    def texts(self) -> Iterator[str]:
        """All characters in it, piece by piece."""
        if self.text:
            yield self.text
        for part in self.parts:
            yield from part.texts()


def text(characters: str) -> Node:
    """Characters as they are."""
    return Node("text", text=characters)


def folded(parts: Sequence[Node], *, room: int, most: int, noun: str) -> tuple[Node, ...]:
    """The parts with those folded that are too many for `room` characters or more than `most`.

    Open stay what is interesting with its neighbours; where nothing is, the first two thirds of the room and the last.
    """
    sizes = [part.size for part in parts]
    if sum(sizes) <= room * SLACK and len(parts) <= most:
        return tuple(parts)
    places = [place for place, part in enumerate(parts) if part.is_interesting][:most]
    if places:
        stay = {0, len(parts) - 1, *(near for place in places for near in (place - 1, place, place + 1))}
    else:
        head = _fitting(sizes, room * 2 / 3, most * 2 // 3)
        tail = _fitting(sizes[::-1], room / 3, most // 3)
        stay = {*range(head), *range(len(parts) - tail, len(parts))}
    drawn: list[Node] = []
    hidden: list[Node] = []
    for place, part in enumerate(parts):
        if place not in stay:
            hidden.append(part)
            continue
        drawn += _hidden(hidden, most=most, noun=noun)
        drawn.append(part)
        hidden = []
    return tuple(drawn)


def _hidden(parts: Sequence[Node], *, most: int, noun: str) -> list[Node]:
    """What stands between parts that stay open: folded, unless it is shorter than a fold."""
    if sum(part.size for part in parts) < FEWEST and len(parts) < most:
        return list(parts)
    return [fold(parts, counted(len(parts), noun))]


def fold(parts: Sequence[Node], what: str) -> Node:
    """Parts that are folded, with how much they are."""
    return Node("fold", tuple(parts), note=f"{what}, {counted(sum(part.size for part in parts), 'character')}")


def _fitting(sizes: Sequence[int], room: float, most: int) -> int:
    """How many of the first parts fit; at least one."""
    count, used = 0, 0
    for size in sizes[: max(1, most)]:
        used += size
        if count and used > room:
            break
        count += 1
    return count
