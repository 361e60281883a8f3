"""What is drawn as HTML, every text escaped: sheets of sentences and tables, and values as elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Literal, TypeAlias, cast

from jinja2 import Environment, Template
from markupsafe import Markup

from stagegap import redaction
from stagegap.analysis.record_view import Mark
from stagegap.charts.marks import packaged, style
from stagegap.model.media import Media
from stagegap.model.record import Json
from stagegap.tables import content as shapes
from stagegap.tables.prose import Node, differing
from stagegap.tables.table import Sheet, Table

Element: TypeAlias = "str | list[str | dict[str, str] | Element]"
"""Characters, or tag, attributes and what is within, as JSON carries it."""
Gate = Callable[[str], str]
"""What every text passes before its structure is read: a secret that markup cut in two would pass later ones."""
Show = Callable[[Media], "Element"]
"""How a picture, a recording or a document is drawn."""
SIGNS = {"extra": "+", "missing": "−"}
_TAGS: Mapping[str, tuple[str, str]] = {
    "strong": ("b", ""),
    "emphasis": ("i", ""),
    "deleted": ("s", ""),
    "verbatim": ("code", ""),
    "match": ("mark", ""),
    "plain": ("div", "vp"),
    "paragraph": ("div", "vp"),
    "quote": ("blockquote", ""),
    "bullets": ("ul", ""),
    "item": ("li", ""),
    "rule": ("hr", ""),
    "head": ("thead", ""),
    "row": ("tr", ""),
    "tree": ("div", "vj"),
    "chat": ("div", "vm"),
    "documents": ("div", "vo"),
}
_ROLES = {
    "user": "user", "human": "user", "assistant": "bot", "gpt": "bot", "model": "bot", "ai": "bot", "tool": "tool",
    "function": "tool", "system": "system", "developer": "system",
}  # fmt: skip
VOID = frozenset({"hr", "img"})


def as_path(media: Media) -> Element:
    """A file where it can't be shown: what it is, and where it lies."""
    size = f" ({media.width:,} × {media.height:,})" if media.width and media.height else ""
    return ["span", {"class": "vv"}, f"{media.kind.value} {media.path}{size}"]


Pictures: TypeAlias = Mapping[str, str]
"""Addresses of small pictures, by record."""


def small_picture(pictures: Pictures | None, record: str) -> str:
    """The small picture of a record in a list, as HTML; empty for one without."""
    address = (pictures or {}).get(record)
    return f'<img class="tn" src="{escape(address)}" alt="" loading="lazy">' if address else ""


def scroll_table(heads: str, rows: str, *, caption: str, table: str, label: str, box: str = "scroll") -> str:
    """A table in a box that scrolls by itself; `heads` and `rows` are HTML, `table` and `box` classes."""
    return (
        f'<div class="bc"><div class="{box}" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="{table}"><caption class="sr">{escape(caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def column_heads(*names: str) -> str:
    """The heads of a table's columns, as HTML."""
    return "".join(f'<th scope="col">{escape(name)}</th>' for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How values are drawn: behind which gate for secrets, what is sought in them, and how files are shown."""

    gate: Gate = redaction.known
    seek: str = ""
    room: int = shapes.ROOM
    show: Show = as_path


PLAIN = Manner()


def drawn_value(value: Json, manner: Manner = PLAIN) -> list[Element]:
    """The elements of a value, for a card that makes them one by one."""
    return elements(shapes.content(_gated(value, manner.gate), seek=manner.seek, room=manner.room), show=manner.show)


def value_html(value: Json, manner: Manner = PLAIN) -> str:
    """A value as HTML, every character of it escaped."""
    return html(drawn_value(value, manner))


def differing_html(
    text: str,
    other: str,
    marks: Sequence[Mark] | None,
    *,
    kind: Literal["extra", "missing"],
    words: Mapping[str, str] | None = None,
    manner: Manner = PLAIN,
) -> str:
    """One of two answers with what only it has marked: by leaves of JSON, else word by word, where there are marks."""
    if marks is None:
        return value_html(text, manner)
    tree = shapes.compared(manner.gate(text), manner.gate(other), kind=kind)
    if tree is not None:
        return html(elements(tree, words=words, show=manner.show))
    runs = [(mark.kind, manner.gate(mark.text)) for mark in marks]
    return html(elements([Node("plain", differing(runs, room=shapes.ROOM))], words=words))


def coded(text: str) -> str:
    """A sentence as HTML, every character of it escaped: what stands between backticks is code.

    >>> coded("<b> then `stagegap run`.")
    '&lt;b&gt; then <code>stagegap run</code>.'
    """
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))


def _gated(value: Json, gate: Gate) -> str:
    """The value as a text that has passed the gate; anything but a text as JSON, however deep it is."""
    return gate(value if isinstance(value, str) else shapes.compact(value, shapes.MOST_TEXT))


def elements(nodes: Sequence[Node], *, words: Mapping[str, str] | None = None, show: Show = as_path) -> list[Element]:
    """The elements of nodes; `words` says what an `extra` or a `missing` piece is called."""
    return [_element(node, words or {}, show) for node in nodes]


def _element(node: Node, words: Mapping[str, str], show: Show) -> Element:
    parts = elements(node.parts, words=words, show=show)
    if node.media is not None:
        return show(node.media)
    if node.kind == "text":
        return node.text
    if node.kind in SIGNS:
        sign: Element = ["b", {"aria-hidden": "true"}, SIGNS[node.kind]]
        said: Element = ["span", {"class": "sr"}, f"{words.get(node.kind, node.kind)}: "]
        return ["span", {"class": f"w {node.kind}"}, said, sign, *parts]
    if node.kind in _TAGS:
        tag, name = _TAGS[node.kind]
        return [tag, {"class": name} if name else {}, *parts]
    return _DRAW[node.kind](node, parts)


def _code(node: Node, parts: list[Element]) -> Element:
    language: list[Element] = [["small", {}, node.name]] if node.name else []
    return ["div", {"class": "vc"}, *language, ["code", {}, *parts]]


def _heading(node: Node, parts: list[Element]) -> Element:
    return ["div", {"class": f"vh v{min(node.level, 3)}"}, *parts]


def _numbers(node: Node, parts: list[Element]) -> Element:
    return ["ol", {"start": str(node.level)}, *parts]


def _cell(node: Node, parts: list[Element]) -> Element:
    return ["th", {"scope": "col"}, *parts] if node.name else ["td", {}, *parts]


def _value(node: Node, parts: list[Element]) -> Element:
    return ["span", {"class": f"vv {node.name}"}, *parts]


def _table(node: Node, parts: list[Element]) -> Element:
    heads = sum(part.kind == "head" for part in node.parts)
    frame = {"class": "vs", "tabindex": "0", "role": "region", "aria-label": "Table"}
    return ["div", frame, ["table", {}, *parts[:heads], ["tbody", {}, *parts[heads:]]]]


def _leaf(node: Node, parts: list[Element]) -> Element:
    return ["div", {"class": "vl"}, ["span", {"class": "vk"}, node.name], " ", *parts]


def _branch(node: Node, parts: list[Element]) -> Element:
    summary: Element = ["summary", {}, ["span", {"class": "vk"}, node.name], " ", ["small", {}, node.note]]
    attributes = {"class": "vb", "open": ""} if node.is_open else {"class": "vb"}
    return ["details", attributes, summary, ["div", {"class": "vj"}, *parts]]


def _turn(node: Node, parts: list[Element]) -> Element:
    who: Element = ["div", {"class": "vr"}, node.name or "no role", *_noted(node.note)]
    return ["div", {"class": f"vt {_ROLES.get(node.name.lower(), '')}".rstrip()}, who, *parts]


def _call(node: Node, parts: list[Element]) -> Element:
    said: list[Element] = ["calls ", ["b", {}, node.name or "a tool"]] if node.kind == "call" else ["came back"]
    return ["div", {"class": "va"}, ["div", {"class": "vr"}, *said, *_noted(node.note)], *parts]


def _document(node: Node, parts: list[Element]) -> Element:
    title: list[Element] = [" ", ["b", {}, node.note]] if node.note else []
    return ["div", {"class": "vd"}, ["small", {}, node.name], *title, *parts]


def _fold(node: Node, parts: list[Element]) -> Element:
    return ["details", {"class": "vf"}, ["summary", {}, node.note], ["div", {}, *parts]]


def _noted(note: str) -> list[Element]:
    return [" ", ["small", {}, note]] if note else []


_DRAW: Mapping[str, Callable[[Node, list[Element]], Element]] = {
    "code": _code,
    "heading": _heading,
    "numbers": _numbers,
    "cell": _cell,
    "value": _value,
    "table": _table,
    "leaf": _leaf,
    "branch": _branch,
    "turn": _turn,
    "call": _call,
    "result": _call,
    "document": _document,
    "fold": _fold,
}


def html(parts: Sequence[Element]) -> str:
    """Elements as HTML."""
    return "".join(map(_html, parts))


def _html(element: Element) -> str:
    if isinstance(element, str):
        return escape(element.replace("\x00", "\ufffd")).replace("\r", "&#13;")
    tag, attributes, *parts = element
    named = "".join(f' {name}="{escape(value)}"' for name, value in cast("dict[str, str]", attributes).items())
    inner = html(cast("list[Element]", parts))
    return f"<{tag}{named}>" if tag in VOID else f"<{tag}{named}>{inner}</{tag}>"


WIDEST = 120
"""Characters of a text in a cell."""


def sheet_html(parts: Sequence[str | Table]) -> str:
    """Sentences and tables of a sheet, those without rows left out."""
    return template("tables.html.j2").render(parts=_readable(parts))


def tables_html(sheet: Sheet) -> str:
    """The tables of a sheet alone, as they stand on a page; a wide one scrolls in its own frame."""
    return (
        f'<div class="bc"><div class="sheet" tabindex="0" role="region" aria-label="{escape(sheet.headline)}">'
        f"{sheet_html(sheet.tables)}</div></div>"
    )


def notebook_card(sheet: Sheet, *, picture: str) -> str:
    """What a notebook shows of a view: its answer, the sentences behind it, and its picture or else its tables."""
    parts = sheet.sentences if picture else sheet.parts
    charted = style() if 'class="bc"' in picture else ""
    return template("notebook.html.j2").render(
        css=packaged("notebook.css") + charted,
        caution=sheet.caution,
        headline=sheet.headline,
        body="" if picture and not parts else sheet_html(parts),
        picture=picture,
    )


def _readable(parts: Sequence[str | Table]) -> list[str | Table]:
    return [part for part in parts if (part.is_visible if isinstance(part, Table) else part)]


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1].rstrip()}…"


SENT = Manner(gate=redaction.words)
"""How values are drawn in a file that is sent around."""


def _drawn(text: str, manner: Manner = SENT) -> Markup:
    """A text of a record in a file that is sent around, each character of it escaped."""
    return Markup(f'<div class="v">{value_html(text, manner)}</div>')


def _coded(text: str) -> Markup:
    return Markup(coded(text))


@cache
def template(name: str) -> Template:
    """A template that lies beside this module; whatever it is given is escaped, unless it is marked as safe there."""
    environment = Environment(autoescape=True, trim_blocks=False)
    return environment.from_string(packaged(name), globals={"short": _short, "drawn": _drawn, "coded": _coded})
