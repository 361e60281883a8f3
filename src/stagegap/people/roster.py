"""Who works on a cascade: people or a model, what is left of whom until when, and who has stopped."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.notes import PersonEvent
from stagegap.model.queue import Progress
from stagegap.model.wording import counted, instant, listed
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Standing = Literal["active", "quiet", "retired", "from a file"]
QUIET_AFTER = 30
"""Days without an answer after which nobody waits for a person, unless they were asked to do something."""
A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A queue that somebody was asked to answer."""

    queue: str
    due: str
    """The last day, as `2026-12-05`; empty where there is none."""
    by: str
    """Who asked; empty where nobody said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One queue of one person."""

    queue: str
    """Its id."""
    stage: str
    purpose: str
    progress: Progress
    due: str
    is_assigned: bool

    def is_late(self, today: str) -> bool:
        """The last day is over and something is left."""
        return bool(self.due) and self.due < today and self.progress.left > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of a cascade."""

    name: str
    standing: Standing
    labels: int
    """Labels, decisions and judgements that this person made."""
    last: float
    """When the last of them was made, in seconds since 1970; 0 where no label says when."""
    work: tuple[Work, ...]
    """Queues that this person answered from or was asked to answer."""

    @property
    def left(self) -> int:
        """Answers that are still to come, over all queues."""
        return sum(work.progress.left for work in self.work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """All who answered anything of a cascade or were asked to, by name."""

    cascade: str
    noun: str
    today: str
    """As `2026-11-30`, UTC."""
    people: tuple[Person, ...]


def retired(events: Iterable[PersonEvent]) -> frozenset[str]:
    """The people whose last word on it was that they have stopped, by events in the order in which they were made."""
    last: dict[str, str] = {}
    for event in events:
        if event.action in ("retire", "return"):
            last[event.annotator] = event.action
    return frozenset(name for name, action in last.items() if action == "retire")


def assignments(events: Iterable[PersonEvent]) -> dict[str, dict[str, Assignment]]:
    """What each person was asked to do and was not excused from, by queue; the last event counts."""
    asked: dict[str, dict[str, Assignment]] = {}
    for event in events:
        if event.action == "assign":
            own = Assignment(queue=event.queue, due=event.due, by=event.by)
            asked.setdefault(event.annotator, {})[event.queue] = own
        elif event.action == "excuse":
            asked.get(event.annotator, {}).pop(event.queue, None)
    return {name: own for name, own in asked.items() if own}


def standing(labels: Sequence[Label], *, is_retired: bool, has_to_do: bool, now: float) -> Standing:
    """Whether reports wait for a person: active until retired, or quiet after `QUIET_AFTER` days without an answer.

    Somebody who was asked to answer a queue and has not finished is active however long it takes. Labels of files,
    which come from no queue, make nobody somebody who is still to answer.
    """
    if is_retired:
        return "retired"
    at = [label.at for label in labels if label.queue]
    if not at and not has_to_do:
        return "from a file"
    return "active" if has_to_do or now - max(at) <= QUIET_AFTER * A_DAY else "quiet"


def day(at: float) -> str:
    """A point in time as its day, UTC: `2026-11-30`."""
    return instant(at).date().isoformat()


def is_day(text: str) -> bool:
    """True for a day as `2026-12-05`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRecords:
    """Records that people who are still active have yet to answer: what is sent around should not show them."""

    people: Mapping[str, frozenset[str]]
    """By person; nobody without a record."""

    @property
    def records(self) -> frozenset[str]:
        return frozenset[str]().union(*self.people.values())

    def among(self, records: Iterable[str]) -> OpenRecords:
        """The same of some records."""
        chosen = frozenset(records)
        people = {name: own & chosen for name, own in self.people.items()}
        return OpenRecords(people={name: own for name, own in people.items() if own})

    def left_out(self, noun: str) -> str:
        """How many were left out because of whom; empty without any."""
        if not self.people:
            return ""
        return f"{counted(len(self.records), noun)} left out: {self._who()}."

    def revealed(self, noun: str) -> str:
        """Who is no longer blind to how many of them that are shown all the same; empty without any."""
        if not self.people:
            return ""
        are = "is" if len(self.people) == 1 else "are"
        shares = listed([f"{name} ({counted(len(own), noun)})" for name, own in sorted(self.people.items())])
        return f"{shares} {are} no longer blind to what is shown here: their queues leave it out."

    def _who(self) -> str:
        shares = sorted(self.people.items())
        if len(shares) > 1:
            return "still to be answered by " + listed([f"{name} ({len(own):,})" for name, own in shares])
        ((name, own),) = shares
        return f"{name} is still to answer {'it' if len(own) == 1 else 'them'}"


NOBODY_WAITS = OpenRecords(people={})

_COLUMNS = (
    Column(name="Who", unit=Unit.TEXT, key="who"),
    Column(name="Standing", unit=Unit.TEXT, key="standing"),
    Column(name="Answers", unit=Unit.COUNT, key="answers", spare=2),
    Column(name="Last", unit=Unit.TEXT, key="last", spare=1),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Queue", unit=Unit.TEXT, key="queue"),
    Column(name="Done", unit=Unit.COUNT, key="done", spare=3),
    Column(name="Left", unit=Unit.COUNT, key="left"),
    Column(name="Due", unit=Unit.TEXT, key="due"),
)


def roster_sheet(view: Roster) -> Sheet:
    """One row for each queue of each person, then what somebody should do about it."""
    return Sheet(
        headline=_headline(view),
        parts=(Table(columns=_COLUMNS, rows=tuple(_rows(view))), *_notes(view)),
    )


def _headline(view: Roster) -> str:
    counts = Counter(person.standing for person in view.people)
    if not counts:
        return f"Nobody has answered anything of {view.cascade} yet"
    parts = listed([f"{counts[name]} {name}" for name in get_args(Standing) if counts[name]])
    return f"{counted(len(view.people), 'labeller')} of {view.cascade}: {parts}"


def _rows(view: Roster) -> Iterator[tuple[str | int | None, ...]]:
    for person in view.people:
        own = (person.name, person.standing, person.labels, day(person.last) if person.last else "-")
        if not person.work:
            yield (*own, "-", "-", None, None, "-")
        for work in person.work:
            late = ", late" if work.is_late(view.today) and person.standing != "retired" else ""
            due = f"{work.due}{late}" if work.due else "no date" if work.is_assigned else "-"
            yield (*own, work.stage, work.purpose, work.progress.done, work.progress.left, due)


def _notes(view: Roster) -> Iterator[str]:
    waiting = [person for person in view.people if person.standing == "active" and person.left]
    if waiting:
        names = listed([f"{person.name} ({person.left:,})" for person in waiting])
        yield (
            f"Reports leave out what is still to be answered by {names}. `stagegap people retire NAME` where somebody "
            "has stopped."
        )
    quiet = [person.name for person in view.people if person.standing == "quiet" and person.left]
    if quiet:
        yield f"No report waits for {listed(quiet)}: no answer for {QUIET_AFTER} days. The next one changes that."


_MODEL = re.compile(r"language[- ]models?\b|\bLLMs?\b|\bno (?:people|person|humans?)\b", re.IGNORECASE)
"""What a `population` says that is none of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labellers:
    """What the cascade file says of those who labelled, and the words for them that are true of them."""

    population: str = ""
    """Who they are; empty where the file does not say."""
    instructions: str = ""
    """What they were told."""

    @property
    def are_people(self) -> bool:
        """Whether they may be called people: unless the population names a language model or says `no people`."""
        return not _MODEL.search(self.population)

    @property
    def noun(self) -> str:
        return "person" if self.are_people else "labeller"

    @property
    def nouns(self) -> str:
        return "people" if self.are_people else "labellers"

    def counted(self, count: int) -> str:
        """How many they are, and beside it who they are and what they were told.

        >>> Labellers(population="language model, no people", instructions="guidelines/").counted(5)
        '5 labellers: language model, no people (instructions: guidelines/)'
        >>> Labellers().counted(1)
        '1 person'
        """
        number = f"{count:,} {self.noun if count == 1 else self.nouns}"
        who = f"{number}: {self.population}" if self.population else number
        return f"{who} (instructions: {self.instructions})" if self.instructions else who


PEOPLE = Labellers()
"""Those of whom nothing is said."""


def labellers_of(cascade: Cascade) -> Labellers:
    """Those who labelled for a cascade, as `human_baseline` of its file has them."""
    baseline = cascade.human_baseline
    population, instructions = (
        " ".join(value.split()).rstrip(".") if isinstance(value := baseline.get(name), str) else ""
        for name in ("population", "instructions")
    )
    return Labellers(population=population, instructions=instructions)
