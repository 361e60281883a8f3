"""Read a chart as a screen reader and a tag reader would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Read(HTMLParser):
    """Tags with their attributes, and the text of each table row."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append("")

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1] += f"{data}\n"

    def classed(self, name: str) -> list[dict[str, str | None]]:
        """Attributes of all elements of that class."""
        return [a for _, a in self.tags if name in (a.get("class") or "").split()]

    def row(self, start: str) -> str:
        """Text of the row whose head starts like that."""
        return next(row for row in self.rows if row.strip().startswith(start))


def read(html: str) -> Read:
    found = Read()
    found.feed(html)
    return found


def left(attributes: dict[str, str | None]) -> float:
    """Where a mark stands, in per cent."""
    style = dict(part.split(":") for part in (attributes["style"] or "").split(";") if part)
    return float(style["left"].removesuffix("%"))


def width(attributes: dict[str, str | None]) -> float:
    style = dict(part.split(":") for part in (attributes["style"] or "").split(";") if part)
    return float(style["width"].removesuffix("%"))
