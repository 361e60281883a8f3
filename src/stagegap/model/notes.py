"""A record at which a stage is not acceptable, and what people note while they read: append-only, never edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One record at one stage of a run."""

    stage: str
    record: str
    title: str
    """First words of the record, as plain text."""
    score: float
    """In [0, 1], of this record alone."""
    first_fault: bool
    """The record ended bad, and this is the first stage that is not acceptable."""
    inherits: bool
    """A stage that this one depends on is not acceptable either."""
    disagreed: bool
    """People answered differently at this stage."""
    groups: tuple[str, ...] = ()
    """`language: de`"""
    win: float | None = None
    """What the outcome of this record gains with references at this stage and all before it, never below 0.

    None where that is not known."""
    unit: str = ""
    """Unit of independence of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters of a list of failures; every one that is set must hold."""

    stage: str
    only_first_faults: bool = False
    only_disagreements: bool = False
    group: str | None = None
    text: str | None = None
    """Stands in one of the record's fields, upper and lower case alike."""
    among: tuple[str, ...] | None = None
    """Only these records."""

    @property
    def is_open(self) -> bool:
        """True when every failure of the stage is wanted."""
        return self == Wanted(stage=self.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage:
    """Some failures in the order in which they are read."""

    total: int
    """How many there are with these filters."""
    before: int
    """How many of them stand before the first one here."""
    rows: tuple[Failure, ...]
    next: int | None
    """Place after which the next page begins; None at the end."""


Severity = Literal["", "minor", "major", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEvent:
    """A code was put on a record or taken off, or the codebook that all share was changed."""

    id: str
    """Operation id: the same id twice is one event."""
    stage: str
    """At which the code stands on the record; empty for a change of the codebook."""
    annotator: str
    action: Literal["add", "remove", "lift", "define", "move", "split", "retire", "rename", "drop"]
    """`add` puts a code on a record, `remove` takes it off as the person put it on, `lift` off in this run only.

    For everybody: `define` says what a code means, `move` gives it another name or merges it into a code that is
    there, `split` gives one record's marks to another code, `retire` takes it out of the book; it comes back when
    it is defined or put on again. Of the first version, for the person's own marks at one stage: `rename`, `drop`."""
    tag: str
    """Name of the code."""
    record: str = ""
    """Empty where no single record is meant."""
    into: str = ""
    """The other name, for `move`, `split` and `rename`."""
    at: float = 0.0
    """Seconds since 1970, UTC."""
    run: str = ""
    """Id of the run that the person was reading."""
    verified: bool = False
    """True when the annotator's identity was checked."""
    definition: str = ""
    """For `define`: when the code is right."""
    example: str = ""
    """For `define`: a case of it in words, or the id of a record."""
    severity: Severity = ""
    cost: str = ""
    """For `define`: what mending it would take, in the team's words: `2 days`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What somebody says of a record as it flowed through a run."""

    id: str
    """Operation id: the same id twice is one event."""
    record: str
    annotator: str
    run: str
    """Id of the run that was read."""
    action: Literal["read", "undo", "skip"]
    """The last of a person at a record of a run counts; `undo` takes it back, `skip` puts it off."""
    verdict: Literal["", "pass", "fail"] = ""
    """Whether the record ended well; empty but for `read`."""
    stage: str = ""
    """The first stage that went wrong; never empty where the verdict is `fail`."""
    note: str = ""
    """Why, in a line."""
    queue: str = ""
    """Id of the fair sample that offered it; empty for a record that was looked up: that enters no rate."""
    active_ms: int | None = None
    at: float = 0.0
    """Seconds since 1970, UTC."""
    verified: bool = False
    """True when the annotator's identity was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A person saw what the system and other people answered for a record."""

    id: str
    record: str
    annotator: str
    at: float = 0.0
    """Seconds since 1970, UTC."""
    run: str = ""
    """Id of the run whose outputs were seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEvent:
    """Somebody has stopped, has come back, was asked to answer a queue, or was excused from it."""

    id: str
    """Operation id: the same id twice is one event."""
    annotator: str
    """Whom it is about."""
    action: Literal["retire", "return", "assign", "excuse"]
    queue: str = ""
    """Id of the queue, for `assign` and `excuse`."""
    due: str = ""
    """The last day, as `2026-12-05`; empty where there is none."""
    by: str = ""
    """Who said so; empty where nobody gave a name."""
    at: float = 0.0
    """Seconds since 1970, UTC."""
    verified: bool = False
    """True when the identity of who said so was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OddityEvent:
    """One decision about one card, which holds in later runs too."""

    id: str
    """Operation id: the same id twice is one event."""
    card: str
    """Key of the card: `detector/stage/subject`."""
    annotator: str
    action: Literal["dismiss", "show", "flag", "unflag"]
    """`dismiss` says that it is not odd; `show` takes that back."""
    reason: str = ""
    """Why it is not odd; never empty for `dismiss`."""
    bound: float | None = None
    """Upper end of the card's interval when it was dismissed: what lies wholly above is odd again."""
    run: str = ""
    """Id of the run that the person was looking at."""
    at: float = 0.0
    """Seconds since 1970, UTC."""
    verified: bool = False
    """True when the annotator's identity was checked."""
