"""The nodes that a value is drawn from, what is long folded; and a text as nodes, as its Markdown or code says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from stagegap.model.media import Media
from stagegap.model.wording import counted

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode


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
        drawn += _left_out(hidden, most=most, noun=noun)
        drawn.append(part)
        hidden = []
    return tuple(drawn)


def _left_out(parts: Sequence[Node], *, most: int, noun: str) -> list[Node]:
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


LONGEST = 20_000
"""Characters of a text whose structure is looked for; a longer one is drawn as it is."""
AROUND = 160
"""Characters that stay open on either side of a difference or a match."""
MOST_MATCHES = 50
MOST_BLOCKS = 60
"""Paragraphs, lists and other blocks of a text that stand open."""


def prose(characters: str, *, room: int, seek: str = "") -> tuple[Node, ...]:
    """A text as blocks; matches of `seek` are marked, and what is longer than `room` characters is folded."""
    if len(characters) <= LONGEST and "\n" in characters:
        if is_code(characters):
            return (Node("code", pieces(characters, room=room, seek=seek)),)
        blocks = markdown(characters, room=room, seek=seek) if is_markdown(characters) else ()
        if blocks:
            as_written = Node("fold", (Node("code", (text(characters),)),), note="As it was written")
            return (*folded(blocks, room=room, most=MOST_BLOCKS, noun="block"), as_written)
    return (Node("plain", pieces(characters, room=room, seek=seek)),)


# ---- characters, and what of them is folded ----


def pieces(characters: str, *, room: int, seek: str = "") -> tuple[Node, ...]:
    """Characters with the matches of `seek` marked, folded to `room`: around matches, else between head and tail."""
    matches = _matches(characters, seek)
    if len(characters) <= room * SLACK:
        return tuple(_marked(characters, matches, 0, len(characters)))
    if matches:
        stay = [(max(0, start - AROUND), min(len(characters), end + AROUND)) for start, end in matches]
    else:
        stay = [
            (0, _break(characters, room * 2 // 3)),
            (_break(characters, len(characters) - room // 3), len(characters)),
        ]
    drawn: list[Node] = []
    at = 0
    for start, end in [*stay, (len(characters), len(characters))]:
        if start - at >= FEWEST:
            drawn.append(_hidden(characters[at:start]))
        elif start > at:
            drawn.append(text(characters[at:start]))
        drawn += _marked(characters, matches, max(at, start), end)
        at = max(at, end)
    return tuple(drawn)


def differing(marks: Iterable[tuple[str, str]], *, room: int) -> tuple[Node, ...]:
    """Pieces of a text with how they stand to another: `same`, `extra` or `missing`; long common runs are folded.

    >>> [node.kind for node in differing([("same", "a"), ("extra", "b")], room=100)]
    ['text', 'extra']
    """
    runs = list(marks)
    is_long = sum(len(characters) for _, characters in runs) > room * SLACK and any(kind != "same" for kind, _ in runs)
    drawn: list[Node] = []
    for place, (kind, characters) in enumerate(runs):
        if kind != "same":
            words = characters.rstrip()
            drawn.append(Node("extra" if kind == "extra" else "missing", (text(words),)))
            drawn += [text(characters[len(words) :])] if len(words) < len(characters) else []
        elif not is_long or len(characters) < 2 * AROUND + FEWEST:
            drawn.append(text(characters))
        else:
            head = _break(characters, AROUND) if place else 0
            tail = _break(characters, len(characters) - AROUND) if place < len(runs) - 1 else len(characters)
            drawn += [text(characters[:head])] if head else []
            drawn.append(_hidden(characters[head:tail]))
            drawn += [text(characters[tail:])] if tail < len(characters) else []
    return tuple(drawn)


def _hidden(characters: str) -> Node:
    lines = characters.count("\n")
    return (
        fold([text(characters)], counted(lines, "line"))
        if lines
        else Node("fold", (text(characters),), note=counted(len(characters), "character"))
    )


def _matches(characters: str, seek: str) -> list[tuple[int, int]]:
    if not seek.strip():
        return []
    found = re.finditer(re.escape(seek.strip()), characters, re.IGNORECASE)
    return [match.span() for match, _ in zip(found, range(MOST_MATCHES), strict=False)]


def _marked(characters: str, matches: Sequence[tuple[int, int]], start: int, end: int) -> list[Node]:
    drawn: list[Node] = []
    for first, last in matches:
        if start <= first and last <= end:
            drawn += [text(characters[start:first])] if first > start else []
            drawn.append(Node("match", (text(characters[first:last]),)))
            start = last
    return [*drawn, text(characters[start:end])] if end > start else drawn


def _break(characters: str, near: int) -> int:
    """The place behind a blank or the end of a line that is nearest before `near`, and not far from it."""
    start = max(0, near - AROUND // 2)
    line, blank = characters.rfind("\n", start, near), characters.rfind(" ", start, near)
    return (line if line >= 0 else blank if blank >= 0 else near - 1) + 1


# ---- which structure a text has ----

_FENCE = re.compile(r"^ {0,3}(```|~~~)", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6} \S", re.MULTILINE)
_ENTRY = re.compile(r"^ *(?:[-*+]|\d{1,3}[.)]) +\S", re.MULTILINE)
_COLUMNS = re.compile(r"^ {0,3}\|?(?: *:?-{3,}:? *\|)+ *(?::?-{3,}:? *)?$", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^\s*][^*\n]*\*\*")
_CODE = re.compile(
    r"[;{}]\s*$|^\s*(?://|#!|#include\b|@\w+\s*$)|^\s*</?\w[^>]*>|^\s*(?:def|class|if|elif|for|while|with|try|except)\b.*:\s*$"
    r"|^\s*(?:import \w|from [\w.]+ import|return\b|const |let |var |function\b|SELECT\b|FROM\b|WHERE\b|INSERT\b)"
)
_CODE_SHARE = 0.6


def is_markdown(characters: str) -> bool:
    """True for a text with signs of structure: a heading, a fence, a table, two entries of a list, or bold words.

    >>> is_markdown("# Refunds\\nWithin 30 days."), is_markdown("Hello,\\nI paid twice.")
    (True, False)
    """
    return bool(
        _FENCE.search(characters)
        or _HEADING.search(characters)
        or _COLUMNS.search(characters)
        or len(_ENTRY.findall(characters)) > 1
        or _BOLD.search(characters)
    )


def is_code(characters: str) -> bool:
    """True where most lines look like those of a program, a query or markup.

    >>> is_code("def f(x):\\n    return x\\n\\nimport os"), is_code("Dear all,\\nthanks;\\nsee you")
    (True, False)
    """
    lines = [line for line in characters.splitlines() if line.strip()]
    return len(lines) > 1 and sum(bool(_CODE.search(line)) for line in lines) >= _CODE_SHARE * len(lines)


# ---- Markdown ----


def markdown(characters: str, *, room: int, seek: str = "") -> tuple[Node, ...]:
    """The blocks that a text's Markdown says; none where a letter of it would get lost."""
    from markdown_it.tree import SyntaxTreeNode

    tree = SyntaxTreeNode(_parser().parse(characters))
    blocks = tuple(block for child in tree.children for block in _block(child, room=room, seek=seek))
    drawn = "".join(piece for block in blocks for piece in _all_texts(block))
    return blocks if _letters(drawn) >= _letters(characters) else ()


def _all_texts(node: Node) -> Iterable[str]:
    yield node.name
    if node.text:
        yield node.text
    for part in node.parts:
        yield from _all_texts(part)


def _letters(characters: str) -> int:
    return sum(map(str.isalpha, characters))


@cache
def _parser() -> MarkdownIt:
    """A reader of structure: no HTML, and nothing that takes lines out of a text or makes headings of signatures."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 30})
    parser.enable(["table", "strikethrough"]).disable(["reference", "entity", "lheading", "code"])
    parser.validateLink = _is_drawn
    parser.normalizeLink = _as_written
    return parser


def _is_drawn(url: str) -> bool:
    """Any address is: no link is made of it, its characters are drawn."""
    return bool(url)


def _as_written(url: str) -> str:
    return url


_WITHIN: dict[str, Kind] = {
    "blockquote": "quote",
    "bullet_list": "bullets",
    "list_item": "item",
    "table": "table",
    "thead": "head",
    "tr": "row",
    "strong": "strong",
    "em": "emphasis",
    "s": "deleted",
}


def _block(node: SyntaxTreeNode, *, room: int, seek: str) -> list[Node]:
    parts = tuple(part for child in node.children for part in _block(child, room=room, seek=seek))
    match node.type:
        case "inline" | "tbody" | "root":
            return list(parts)
        case "paragraph":
            return [Node("paragraph", parts)]
        case "heading":
            return [Node("heading", parts, level=int(node.tag[1:]))]
        case "ordered_list":
            return [Node("numbers", parts, level=int(node.attrs.get("start", 1)))]
        case "th" | "td":
            return [Node("cell", parts, name="head" if node.type == "th" else "")]
        case "fence":
            return [Node("code", pieces(node.content.removesuffix("\n"), room=room, seek=seek), name=node.info.strip())]
        case "hr":
            return [Node("rule")]
        case kind if kind in _WITHIN:
            return [Node(_WITHIN[kind], parts)]
        case _:
            return _inline(node, parts, room=room, seek=seek)


def _inline(node: SyntaxTreeNode, parts: tuple[Node, ...], *, room: int, seek: str) -> list[Node]:
    match node.type:
        case "softbreak" | "hardbreak":
            return [text("\n")]
        case "code_inline":
            return [Node("verbatim", (text(node.content),))]
        case "link":
            address = str(node.attrs.get("href", ""))
            words = "".join(characters for part in parts for characters in part.texts())
            return [*parts, text(f" ({address})")] if address and address != words else list(parts)
        case "image":
            return [text("picture: "), *parts, text(f" ({node.attrs.get('src', '')})")]
        case _:
            return list(pieces(node.content, room=room, seek=seek))
