"""Sheets as Markdown, for pull requests and notes."""

from __future__ import annotations

from stagegap.tables.table import Sheet, Table


def literal(text: str) -> str:
    """The text in one line, without what Markdown would read as marks.

    >>> print(literal("a *bold* claim"))
    a \\*bold\\* claim
    """
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#!~" else char for char in " ".join(text.split()))


def table_markdown(table: Table) -> str:
    """The visible columns of a table, figures to the right; all rows of it that a screen shows."""
    columns = [table.columns[place] for place in table.visible]
    lines = [
        _line([literal(column.name) for column in columns]),
        _line(["---" if column.is_text else "---:" for column in columns]),
        *(_line([literal(text) for text in table.texts(row)]) for row in table.on_screen),
    ]
    return "\n".join(lines)


def sheet_markdown(sheet: Sheet) -> str:
    """The whole sheet: its headline, its sentences and its tables."""
    head = [f"**{literal(line)}**" for line in sheet.first]
    head += [f"## {literal(sheet.headline)}"] if sheet.headline else []
    body = [part if isinstance(part, str) else _titled(part) for part in _said(sheet)]
    return "\n\n".join([*head, *body]) + "\n"


def _said(sheet: Sheet) -> list[str | Table]:
    return [
        literal(part) if isinstance(part, str) else part
        for part in sheet.parts
        if (part.is_visible if isinstance(part, Table) else part)
    ]


def _titled(table: Table) -> str:
    title = f"{literal(table.title)}:\n\n" if table.title else ""
    return f"{title}{table_markdown(table)}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
