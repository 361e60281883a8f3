"""The codebook: the reasons that a team has for failures, which record carries which, and how frequent each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import CodeEvent, Failure, Severity
from stagegap.model.record import Json
from stagegap.model.wording import counted, sentence
from stagegap.stats.intervals import mean_t, one_cluster, paired_difference, product, wilson_of
from stagegap.stats.spread import clusters, spread
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

LONGEST = 60
"""Characters of a code's name."""
LONGEST_TEXT = 1_000
"""Characters of a definition, an example or a note on the cost."""
ON_RECORDS = ("add", "remove", "lift")
OF_THE_BOOK = ("define", "move", "split", "retire")
OF_ONE_PERSON = ("rename", "drop")
"""Of the first version, where everybody had names of their own at each stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A named reason for failures, and what it means."""

    name: str
    definition: str = ""
    example: str = ""
    severity: Severity = ""
    cost: str = ""
    """What mending it would take, in the team's words."""
    version: int = 1
    """Of its meaning: raised by each definition, by what was merged into it and by what was split off."""
    since: float = 0.0
    """When that version began, in seconds since 1970, UTC."""
    by: str = ""
    """Who made it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMark:
    """A code on a record, at a stage, put there by one person in one run."""

    code: str
    record: str
    stage: str
    annotator: str
    run: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the book, for its history."""

    version: int
    """Of the book after it."""
    event: CodeEvent

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        event = self.event
        return {
            "add": f"{event.tag} is new",
            "define": f"{event.tag} is defined: {event.definition or 'no definition'}",
            "move": f"{event.tag} became {event.into}",
            "split": f"{event.record} went from {event.tag} to {event.into}",
            "retire": f"{event.tag} was retired",
        }[event.action]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCodes:
    """One person's codes at a stage."""

    tags: tuple[str, ...]
    """All of the book, in the order in which they were made, so that a key keeps its code."""
    by_record: Mapping[str, tuple[str, ...]]
    """Records with at least one code of that person."""

    def records(self, tag: str) -> tuple[str, ...]:
        """The records that carry a code."""
        return tuple(record for record, tags in self.by_record.items() if tag in tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codebook:
    """What the events come to."""

    codes: tuple[Code, ...]
    """In the order in which they were made; retired ones are not in it."""
    marks: tuple[CodeMark, ...]
    """Of those codes."""
    changes: tuple[Change, ...]
    """Everything that was done to the book, oldest first."""

    @property
    def version(self) -> int:
        """How often the book was changed."""
        return len(self.changes)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(code.name for code in self.codes)

    def own(self, annotator: str, stage: str) -> OwnCodes:
        """What one person put on records at a stage, in any run."""
        on: dict[str, set[str]] = {}
        for mark in self.marks:
            if (mark.annotator, mark.stage) == (annotator, stage):
                on.setdefault(mark.record, set()).add(mark.code)
        by_record = {record: tuple(name for name in self.names if name in codes) for record, codes in on.items()}
        return OwnCodes(tags=self.names, by_record=by_record)


def codebook(events: Iterable[CodeEvent]) -> Codebook:
    """Fold events, oldest first.

    A code stays in the book when its last record lost it. What the first version did to one person's names at one
    stage is done to those marks alone; a name that then stands on nothing and means nothing leaves the book.
    """
    book = _Book()
    for event in events:
        if event.action in ON_RECORDS:
            book.mark(event)
        elif event.action in OF_ONE_PERSON:
            book.rename_own(event)
        else:
            book.change(event)
    retired = book.retired
    return Codebook(
        codes=tuple(code for name, code in book.codes.items() if name not in retired),
        marks=tuple(mark for mark in book.marks.values() if mark.code not in retired),
        changes=tuple(Change(version=place, event=event) for place, event in enumerate(book.history, start=1)),
    )


class _Book:
    """The book while it is folded."""

    def __init__(self) -> None:
        self.codes: dict[str, Code] = {}
        self.marks: dict[tuple[str, str, str, str, str], CodeMark] = {}
        """By person, stage, record, code and run."""
        self.retired: set[str] = set()
        self.history: list[CodeEvent] = []

    def mark(self, event: CodeEvent) -> None:
        if event.action == "add":
            if event.tag not in self.codes or event.tag in self.retired:
                self._bring(event, event.tag)
                self.history.append(replace(event, record=""))
            mark = CodeMark(
                code=event.tag,
                record=event.record,
                stage=event.stage,
                annotator=event.annotator,
                run=event.run,
                at=event.at,
            )
            self._put(mark)
            return
        for key, mark in list(self.marks.items()):
            is_this = (mark.annotator, mark.stage, mark.record, mark.code) == (
                event.annotator, event.stage, event.record, event.tag,
            )  # fmt: skip
            if is_this and (event.action == "remove" or mark.run == event.run):
                del self.marks[key]

    def change(self, event: CodeEvent) -> None:
        name = event.tag
        if event.action == "define":
            is_new = name not in self.codes
            self._bring(event, name)
            code = self.codes[name]
            self.codes[name] = replace(
                code if is_new or code.definition == event.definition else _newer(code, event),
                definition=event.definition,
                example=event.example,
                severity=event.severity,
                cost=event.cost,
            )
        elif name not in self.codes or (event.action != "retire" and event.into == name):
            return
        elif event.action == "retire":
            self.retired.add(name)
        elif event.action == "move":
            self._move(event)
        else:
            self._bring(event, event.into)
            self._recode(name, event.into, lambda mark: mark.record == event.record)
            self.codes[name] = _newer(self.codes[name], event)
        self.history.append(event)

    def rename_own(self, event: CodeEvent) -> None:
        name = event.tag
        if name not in self.codes or event.into == name:
            return

        def is_own(mark: CodeMark) -> bool:
            return (mark.annotator, mark.stage) == (event.annotator, event.stage)

        if event.action == "rename":
            self._recode(name, event.into, is_own)
        else:
            self.marks = {key: m for key, m in self.marks.items() if not (m.code == name and is_own(m))}
        is_used = self.codes[name].definition or any(mark.code == name for mark in self.marks.values())
        if event.action == "rename" and event.into not in self.codes:
            fresh = Code(name=event.into, since=event.at, by=event.annotator)
            self._place(name, fresh, keeps=bool(is_used))
        elif not is_used:
            del self.codes[name]

    def _bring(self, event: CodeEvent, name: str) -> None:
        self.retired.discard(name)
        self.codes.setdefault(name, Code(name=name, since=event.at, by=event.annotator))

    def _move(self, event: CodeEvent) -> None:
        name, into = event.tag, event.into
        self._recode(name, into, lambda _: True)
        if into in self.codes:
            self.retired.discard(into)
            self.codes[into] = _newer(self.codes[into], event)
            del self.codes[name]
        else:
            self._place(name, replace(self.codes[name], name=into), keeps=False)
        self.retired.discard(name)

    def _place(self, name: str, fresh: Code, *, keeps: bool) -> None:
        """Put a code where another stands, so that its key stays; or behind all where that one stays, too."""
        if keeps:
            self.codes[fresh.name] = fresh
        else:
            self.codes = {(fresh.name if n == name else n): (fresh if n == name else c) for n, c in self.codes.items()}

    def _put(self, mark: CodeMark) -> None:
        self.marks.setdefault((mark.annotator, mark.stage, mark.record, mark.code, mark.run), mark)

    def _recode(self, name: str, into: str, is_meant: Callable[[CodeMark], bool]) -> None:
        moved = [(key, mark) for key, mark in self.marks.items() if mark.code == name and is_meant(mark)]
        for key, mark in moved:
            del self.marks[key]
            self._put(replace(mark, code=into))


def _newer(code: Code, event: CodeEvent) -> Code:
    return replace(code, version=code.version + 1, since=event.at, by=event.annotator)


def code_event(
    event: Mapping[str, Json], *, stage: str, annotator: str, at: float, run: str, verified: bool
) -> CodeEvent:
    """The event that a page sent. Raises: ConfigurationError for one that no page can have made."""
    action = event.get("action")
    actions = (*ON_RECORDS, *OF_THE_BOOK, *OF_ONE_PERSON)
    if action not in actions:
        raise ConfigurationError(f"A code can't be changed by {action!r}; it can be {', '.join(actions)}.")
    key, record = event.get("id"), event.get("record")
    if not isinstance(key, str) or not key:
        raise ConfigurationError("The event of a code has no id.")
    needs_record = action in (*ON_RECORDS, "split")
    if needs_record and (not isinstance(record, str) or not record):
        raise ConfigurationError("A code needs a record that it is put on.")
    return CodeEvent(
        id=key,
        stage="" if action in OF_THE_BOOK else stage,
        annotator=annotator,
        action=action,
        tag=_name(event.get("tag")),
        record=str(record) if needs_record else "",
        into=_name(event.get("into")) if action in ("rename", "move", "split") else "",
        at=at,
        run=run,
        verified=verified,
        definition=_text(event.get("definition"), "definition"),
        example=_text(event.get("example"), "example"),
        severity=_severity(event.get("severity") or ""),
        cost=_text(event.get("cost"), "cost"),
    )


def _name(text: Json) -> str:
    name = " ".join(text.split()) if isinstance(text, str) else ""
    if not name or len(name) > LONGEST:
        raise ConfigurationError(f"A code needs 1 to {LONGEST} characters.")
    return name


def _severity(word: Json) -> Severity:
    for severity in get_args(Severity):
        if word == severity:
            return severity
    raise ConfigurationError(f"A code is minor, major or critical, or nothing of that, not {word!r}.")


def _text(text: Json, what: str) -> str:
    words = " ".join(text.split()) if isinstance(text, str) else ""
    if len(words) > LONGEST_TEXT:
        raise ConfigurationError(f"The {what} of a code has at most {LONGEST_TEXT:,} characters, not {len(words):,}.")
    return words


_COLUMNS = (
    Column(name="Code", unit=Unit.TEXT, key="code"),
    Column(name="Right where", unit=Unit.TEXT, key="definition", is_cut=True),
    Column(name="Example", unit=Unit.TEXT, key="example", spare=1, is_cut=True),
    Column(name="Severity", unit=Unit.TEXT, key="severity", spare=3),
    Column(name="Costs", unit=Unit.TEXT, key="cost", spare=2, is_cut=True),
    Column(name="Version", unit=Unit.COUNT, key="version"),
    Column(name="Records", unit=Unit.COUNT, key="records"),
)


def codebook_sheet(book: Codebook) -> Sheet:
    """One row a code, then everything that was done to the book, newest first."""
    records: dict[str, set[str]] = {}
    for mark in book.marks:
        records.setdefault(mark.code, set()).add(mark.record)
    rows = tuple(
        (code.name, code.definition or "-", code.example or "-", code.severity or "-", code.cost or "-", code.version,
         len(records.get(code.name, ())))
        for code in book.codes
    )  # fmt: skip
    head = f"{counted(len(book.codes), 'code')}, {counted(book.version, 'change')} of the book"
    return Sheet(
        headline=head if book.codes else "The codebook is empty",
        parts=(
            Table(columns=_COLUMNS, rows=rows, title="Codebook"),
            *(f"{entry.version}. {entry.sentence} ({entry.event.annotator})." for entry in reversed(book.changes)),
        ),
    )


Floats = NDArray[np.float64]

ENOUGH = 30
"""Failures below which a share says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One reason."""

    tag: str
    count: int
    """Failures of the run that carry it."""
    share: Estimate
    """Of the failures that the person has tagged."""
    win: Estimate
    """What the outcome would gain at most if no failure had this reason; a share, so 0.14 is 14 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTally:
    """A person's reasons for the failures of a stage."""

    stage: str
    failures: int
    read: int
    """Failures with at least one of the person's tags."""
    rows: tuple[CodeRow, ...]
    """In the order of their keys."""
    headline: str
    basis: str
    """What the shares rest on, and what they do not say."""


def code_tally(
    own: OwnCodes, read: Sequence[Failure], *, stage: str, noun: str, failures: int, rate: Estimate
) -> CodeTally:
    """Count the tags on the failures that were read.

    `read` are the failures with at least one tag, `failures` is how many there are, `rate` their share of all
    records. A share is Wilson's, whole clusters counted as such. What mending a tag wins at most: the mean gain of
    the outcome over the failures read (gain with references at this stage and all before it, 0 where the record does
    not carry the tag), times the rate of failures; categories may overlap, so wins may add up to more than the whole
    (Machine Learning Yearning, ch. 15). Where not all failures were read, those read stand for the rest.
    """
    rows = tuple(_row(tag, own, read, rate) for tag in own.tags)
    return CodeTally(
        stage=stage,
        failures=failures,
        read=len(read),
        rows=rows,
        headline=_headline(stage, noun, failures, rate.n, len(read), rows),
        basis=_basis(len(read), failures),
    )


def _row(tag: str, own: OwnCodes, read: Sequence[Failure], rate: Estimate) -> CodeRow:
    carries = np.array([tag in own.by_record[failure.record] for failure in read], dtype=np.float64)
    wins = np.array([math.nan if f.win is None else f.win for f in read], dtype=np.float64) * carries
    known = ~np.isnan(wins)
    units = [failure.unit for failure in read]
    return CodeRow(
        tag=tag,
        count=int(carries.sum()),
        share=_mean(carries, units),
        win=product(
            _mean_win(wins[known], [unit for unit, is_known in zip(units, known, strict=True) if is_known]), rate
        )
        if known.any()
        else unmeasured("not measured: there is no ceiling" if len(read) else "too few: nothing is tagged"),
    )


def _mean(values: Floats, units: Sequence[str]) -> Estimate:
    if not len(values):
        return unmeasured("too few: nothing is tagged")
    return wilson_of(values, clusters(units))


def _mean_win(values: Floats, units: Sequence[str]) -> Estimate:
    """The mean of wins in [-1, 1]: a reference may also break a record that was good."""
    if ((values == 0) | (values == 1)).all():
        return _mean(values, units)
    grouped = clusters(units)
    if grouped.count < 2:
        return one_cluster(len(values))
    within = None if grouped.are_records else spread(values, grouped.codes)
    up, down = float((values > 0).mean()), float((values < 0).mean())
    if (np.abs(values) == (values != 0)).all():
        return paired_difference(up=up, down=down, n=len(values), within=within)
    return mean_t(values, within=within, scale=(-1.0, 1.0))


def _headline(stage: str, noun: str, failures: int, n: int, read: int, rows: Sequence[CodeRow]) -> str:
    top = max(rows, key=lambda row: row.count, default=None)
    if top is None or not top.count:
        if not n:
            return f"No {noun} was scored at {stage}"
        fails = f"fails on {failures:,}" if failures else "never fails: 0"
        return f"{sentence(stage)} {fails} of {counted(n, noun)}"
    of = f"{read:,} {stage} failures" if read == failures else f"the {read:,} {stage} failures that you tagged"
    return f"{top.count:,} of {of}: {top.tag}"


def _basis(read: int, failures: int) -> str:
    if not read:
        return "Give each failure that you read its reasons. A failure may have several."
    if read == failures:
        return f"All {failures:,} failures are tagged, by somebody who saw the answers."
    few = " That is few: the shares may change a lot." if read < ENOUGH else ""
    return (
        f"{read:,} of {failures:,} failures are tagged.{few} Shares are of those tagged, by somebody who saw the "
        "answers; the list begins with the most typical, so they are no fair sample of the rest."
    )
