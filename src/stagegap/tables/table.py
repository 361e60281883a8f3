"""A view as it is printed, as data: a sheet of sentences and tables, whose columns know their unit; and as
Markdown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from stagegap.model.cascade import RATING
from stagegap.model.estimate import Estimate
from stagegap.tables import figures
from stagegap.tables.figures import MISSING, Unit

Row = dict[str, str | float | int | bool | None]
"""One figure with what belongs to it, for data frames and CSV."""

ESTIMATE_COLUMNS = ("estimate", "low", "high", "n", "clusters", "method")
COLUMNS = ("stage", "figure", *ESTIMATE_COLUMNS, "p", "p_adj", "verdict", "unit")
"""Of the rows of every view, so that frames of several views can be put on top of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An estimate in a cell, with what was tested of it."""

    estimate: Estimate
    rounded: int | None = None
    """Whole points, where it was rounded together with others so that they add up."""
    p: float = math.nan
    p_adj: float = math.nan
    unit: Unit | None = None
    """Its own, where the rows of a column count in different ones; else that of the column."""
    verdict: str = ""
    """`improved`, `stands out`; empty where nothing is claimed or denied."""


Entry = Figure | Estimate | str | float | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What stands in a column, and in which unit."""

    name: str
    """Its heading: `Gain at the end`."""
    unit: Unit
    key: str = ""
    """Its name in frames and files: `gain`. Of estimates it may name other columns of the row: `rate of {group}`.
    Without one a column stands on screens only."""
    is_carried: bool = False
    """A text or count that stands beside every figure of its row in frames and files."""
    spare: int = 0
    """Where a terminal is narrow: 0 always stays, of the others the lowest go first, together."""
    is_cut: bool = False
    """A text that a narrow terminal shortens once nothing is left to leave out."""
    has_bar: bool = False
    """A wide terminal draws the size of each figure before it."""
    is_record: bool = False
    """Words of records: left out of what holds no text of a record."""
    is_hidden: bool = False
    """In frames and files only: a screen has no room for it."""

    @property
    def is_text(self) -> bool:
        return self.unit is Unit.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells under columns; files have all of it, a screen what is not hidden."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    title: str = ""
    """What it holds, for those who hear it or see several."""
    most: int | None = None
    """Rows that a screen shows; None for all."""
    strong: frozenset[int] = frozenset()
    """Rows that stand out: the stage that the verdict names."""
    visible: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Places of the columns that a screen shows: not hidden, and with something in one of the rows."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells for {len(self.columns)} columns: {row!r}")
        object.__setattr__(self, "visible", tuple(self._places()))

    def _places(self) -> Iterator[int]:
        for place, column in enumerate(self.columns):
            texts = (cell_text(row[place], column.unit) for row in self.rows)
            if not column.is_hidden and any(text not in ("", MISSING) for text in texts):
                yield place

    @property
    def is_visible(self) -> bool:
        """A screen shows something of it."""
        return bool(self.rows and self.visible)

    @property
    def on_screen(self) -> tuple[tuple[Entry, ...], ...]:
        """Rows that a screen shows."""
        return self.rows if self.most is None else self.rows[: self.most]

    @property
    def without_records(self) -> Table:
        """The same without columns that hold words of records."""
        places = [place for place, column in enumerate(self.columns) if not column.is_record]
        return replace(
            self,
            columns=tuple(self.columns[place] for place in places),
            rows=tuple(tuple(row[place] for place in places) for row in self.rows),
        )

    def texts(self, row: tuple[Entry, ...]) -> tuple[str, ...]:
        """The visible cells of a row as they are printed."""
        return tuple(cell_text(row[place], self.columns[place].unit) for place in self.visible)


_INTERVAL = re.compile(r"\((?:\d+% interval )?−?\d+ to −?\d+\)|interval −?\d+ to −?\d+")
"""Of a share or of points, as sentences have it."""


class Rests(StrEnum):
    """On what the rates of a view rest, and what was taken off them: a sentence beside its figures."""

    REFERENCES = (
        "Scores, gaps and gains rest on references (blind answers, and answers from files): no verdict and no judge "
        "enters them, and nothing is taken off."
    )
    RATINGS = (
        "Ratings rest on those who saw the outputs, scores of stages on references (blind answers, and answers from "
        "files): nothing is taken off."
    )
    ANSWERS = (
        "Agreement and gaps rest on blind answers, and answers from files, to the same inputs: no verdict and no judge "
        "enters, and nothing is taken off."
    )
    READINGS = (
        "Rates rest on readings by those who saw the answers: how far that drew them is not taken off here, and "
        "`stagegap show verdicts` does so by blind answers."
    )
    VERDICTS = (
        "Rates rest on verdicts by those who saw the outputs: anchoring is taken off by blind answers (PPI++), but "
        "where a figure says otherwise."
    )
    JUDGES = (
        "Rates rest on the marks of judges: their errors are taken off by labels (PPI++, Rogan-Gladen), but where a "
        "figure says otherwise."
    )
    MARKS = (
        "Rates rest on marks from files, by those who saw the whole record, scores beside them on references: nothing "
        "is taken off."
    )
    PLANTED = "Rates rest on faults that were planted, so that what is right is known: nothing is taken off."
    OUTPUTS = (
        "Rates rest on outputs and references as they are: no verdict and no judge enters, and nothing is taken off."
    )

    @classmethod
    def of_outcome(cls, name: str) -> Rests:
        """What scores and gains rest on where the outcome has that name."""
        return cls.RATINGS if RATING in name else cls.REFERENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a view says: its answer, then sentences and tables in the order in which they are read."""

    first: tuple[str, ...] = ()
    """What went wrong, before everything else: what is broken comes before what is weak."""
    caution: str = ""
    """What to know before any number is believed; stands before the answer."""
    headline: str = ""
    """The answer in one sentence without its full stop; empty where the tables say it all."""
    parts: tuple[str | Table, ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(part for part in self.parts if isinstance(part, Table))

    @property
    def sentences(self) -> tuple[str, ...]:
        return (*self.first, *(part for part in self.parts if isinstance(part, str) and part))

    @property
    def without_records(self) -> Sheet:
        """The same, its tables without words of records."""
        return replace(
            self, parts=tuple(part.without_records if isinstance(part, Table) else part for part in self.parts)
        )

    def rows(self) -> list[Row]:
        """Every figure of its tables, one a row."""
        return [row for table in self.tables for row in figure_rows(table)]

    @property
    def has_rate(self) -> bool:
        """It has a measured share or a difference of shares, in a table or with its interval in a sentence."""
        return any(
            row.get("unit") in (Unit.SHARE, Unit.POINTS) and not math.isnan(float(row["estimate"] or 0))
            for row in self.rows()
        ) or any(_INTERVAL.search(sentence) for sentence in (self.headline, *self.sentences))

    def resting(self, rests: Rests) -> Sheet:
        """The same with on what its rates rest as the last sentence; itself without a rate, or where it says that."""
        if not self.has_rate or any(line in sentence for line in Rests for sentence in self.sentences):
            return self
        return replace(self, parts=(*self.parts, str(rests)))


def estimate_of(cell: Entry) -> Estimate | None:
    """The estimate in a cell; None in one that holds something else."""
    if isinstance(cell, Figure):
        return cell.estimate
    return cell if isinstance(cell, Estimate) else None


def cell_text(cell: Entry, unit: Unit) -> str:
    """A cell as it is printed on every screen and in every text.

    >>> gap = Estimate(value=0.5476, low=0.4, high=0.7, n=42, method="Tango score")
    >>> cell_text(gap, Unit.POINTS), cell_text(1200, Unit.COUNT), cell_text(None, Unit.SHARE)
    ('+55 (40 to 70)', '1,200', '-')
    """
    if isinstance(cell, Figure):
        return figures.figure(cell.estimate, cell.unit or unit, rounded=cell.rounded)
    if isinstance(cell, Estimate):
        return figures.figure(cell, unit)
    if cell is None:
        return MISSING
    return " ".join(cell.split()) if isinstance(cell, str) else figures.printed(cell, unit)


def figure_rows(table: Table) -> Iterator[Row]:
    """Each estimate of a table with its unit, its row's stage and what the row carries; NaN was not measured.

    A table without estimates gives its rows as they are.
    """
    has_estimates = any(estimate_of(cell) is not None for cells in table.rows for cell in cells)
    if not has_estimates:
        keyed = [(place, column.key) for place, column in enumerate(table.columns) if column.key]
        yield from ({key: _plain(cells[place]) for place, key in keyed} for cells in table.rows if keyed)
        return
    named = {column.key: place for place, column in enumerate(table.columns) if column.key and column.is_text}
    carried = [(place, column.key) for place, column in enumerate(table.columns) if column.is_carried]
    for cells in table.rows:
        names = {key: str(cells[place] or "") for key, place in named.items()}
        beside = {key: _plain(cells[place]) for place, key in carried}
        for cell, column in zip(cells, table.columns, strict=True):
            figure = Figure(estimate=cell) if isinstance(cell, Estimate) else cell
            if column.key and isinstance(figure, Figure):
                yield beside | _row(
                    names.get("stage", ""), column.key.format_map(names), figure, figure.unit or column.unit
                )


def _row(stage: str, name: str, figure: Figure, unit: Unit) -> Row:
    estimate = figure.estimate
    return {
        "stage": stage,
        "figure": name,
        **estimate_columns(estimate),
        "p": _known(figure.p),
        "p_adj": _known(figure.p_adj),
        "verdict": figure.verdict or None,
        "unit": unit.value,
    }


def estimate_columns(estimate: Estimate) -> Row:
    """An estimate as the columns of a row."""
    return {
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
        "method": estimate.method,
    }


def _known(p: float) -> float | None:
    return None if math.isnan(p) else p


def _plain(cell: Entry) -> str | float | int | bool | None:
    if isinstance(cell, Figure | Estimate):
        raise ValueError("a carried column holds no estimates")
    return cell


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
