"""Answers to a stage's input: the system's (output), a person's (label), what counts as right (reference), and
ratings of any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeGuard

from stagegap.model.record import Json


class Status(StrEnum):
    """How a call ended."""

    OK = "ok"
    REPAIRED = "repaired"
    """The output needed mending (fences, prose around JSON); it is scored before and after."""
    UNPARSABLE = "unparsable"
    """Something came back that is not of the stage's output type."""
    REFUSED = "refused"
    ERROR = "error"
    """The stage's own code raised: no answer of the system, good or bad, but a program that is broken."""
    INFRASTRUCTURE = "infrastructure"
    """Time-out, 5xx, 429 after retries: never enters a quality rate."""
    SKIPPED = "skipped"
    """The stage's `when` is false: the cascade gives no answer here, on purpose."""
    BLOCKED = "blocked"
    """An input of the stage failed, so there was nothing to call it with."""

    @property
    def has_value(self) -> bool:
        return self in (Status.OK, Status.REPAIRED)


NOBODY = "nobody listens at "
"""How the error of a call begins that found no service at its address."""
NO_ROW = "no recorded output"
"""The error of a recorded stage for a record that its file does not hold."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of several attempts of a call."""

    after_s: float
    """Seconds from the start of the first attempt to the start of this one."""
    took_s: float
    status: Status
    error: str = ""
    """What went wrong, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What the system answered at a stage for a record, or a named failure."""

    record: str
    stage: str
    status: Status
    value: Json = None
    """Of the stage's output type when `status.has_value`, otherwise None."""
    scores: tuple[float, ...] = ()
    """For a ranking: the score of each id, in its order."""
    confidence: float | None = None
    """In [0, 1] where the stage gives one."""
    alternatives: tuple[Json, ...] = ()
    because: Status | None = None
    """For `blocked`: the status at the origin; infrastructure there keeps the record out of quality rates."""
    error: str = ""
    """One line for people when the call did not end as ok."""
    raw: str = ""
    """What came back before it was mended or refused, where that differs from the value."""
    latency_ms: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars; None when unknown, never 0 for unknown."""
    key: str = ""
    """Key of the call: hash of the stage's fingerprint and its canonical inputs, 32 hex digits."""
    cached: bool = False
    repeat: int = 0
    at: float | None = None
    """Seconds since 1970, UTC, at which it was made, where a recorded output says so."""
    attempts: tuple[Attempt, ...] = ()
    """Of a call that needed more than one, in order; the last one ended it."""

    @property
    def is_priced(self) -> bool:
        """True when the answer says what it cost or how many tokens it took."""
        return self.tokens_in is not None or self.tokens_out is not None or self.cost is not None

    @property
    def weight(self) -> int:
        """About how many characters it holds, seen at a glance: what stands deep inside a value is not counted."""
        value = self.value
        if type(value) is str:
            return len(value) + len(self.raw)
        return _weight(value) + len(self.raw)


def _weight(value: Json) -> int:
    """As many characters as the texts at the top of a value have; of a list, as if all entries were like the first."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_weight(part) for part in value.values())
    if isinstance(value, list | tuple) and value:
        return len(value) * _weight(value[0])
    return 0


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a good text must contain: wordings of which any one will do."""

    wordings: tuple[str, ...]

    def __post_init__(self) -> None:
        if not any(w.strip() for w in self.wordings):
            raise ValueError("a fact needs at least one wording that is not empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A value with the facts it rests on: the part that labels and references have in common."""

    value: Json
    """Of the stage's output type; None says that no answer is the right answer (nothing to reply to)."""
    facts: tuple[Fact, ...] = ()

    @property
    def given(self) -> Json:
        """The value as a system could have answered it: a ranking without the gains of its entries."""
        if isinstance(self.value, list) and any(isinstance(entry, Mapping) for entry in self.value):
            return [str(entry["id"]) if is_graded(entry) else entry for entry in self.value]
        return self.value


def is_graded(entry: Json) -> TypeGuard[Mapping[str, Json]]:
    """True for an entry of a ranking that says how much it is worth: `{"id": "d7", "gain": 2}`."""
    return isinstance(entry, Mapping) and set(entry) == {"id", "gain"}


LabelAction = Literal["label", "skip", "undo", "adjudicate"]
"""What an event of a person does; `skip` and `undo` have no answer."""

REASONS = ("guideline unclear", "slip", "really ambiguous")
"""Why two people may have answered differently."""


WITHDRAWN = "withdrawn-"
"""What the id of an event begins with that takes back the label whose id follows: its reference file lost it."""
SWAP_QUEUE = "swap-"
"""What the id of a swap queue begins with, so that its labels are known by themselves."""


Task = Literal["produce", "judge", "verdict"]
"""What a label is an answer to: the stage's own question; what somebody thinks of answers that others gave
(`people.judgements`); whether an output that the person saw is right (`people.verdicts`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one person answered at a stage; append-only, never edited."""

    id: str
    """Operation id: the same id twice is one label."""
    record: str
    stage: str
    annotator: str
    answer: Answer | None
    """None for `skip` and `undo`."""
    action: LabelAction = "label"
    """`adjudicate` settles what several people answered: its answers are the accepted ones."""
    at: float = 0.0
    """Seconds since 1970, UTC, handed in by the caller."""
    active_ms: int | None = None
    unsure: bool = False
    odd: bool = False
    note: str = ""
    guideline: str = ""
    """Hash of the guideline that the person worked by."""
    form: str = ""
    """Hash of the output type that the form was made from."""
    seen: str = ""
    """Hash of the payload that the person saw; empty for imported labels."""
    queue: str = ""
    probability: float | None = None
    """Chance with which the record was sampled into the queue; None when unknown."""
    verified: bool = False
    """True when the annotator's identity was checked (OIDC, trusted proxy)."""
    targeted: bool = False
    """True when the record was hunted for and not drawn by chance: such a label enters no rate without weights."""
    run: str = ""
    """Id of the run whose outputs the person had before them as inputs; empty where that is unknown."""
    also: tuple[Answer, ...] = ()
    """Further answers that an adjudication accepts beside `answer`."""
    reason: str = ""
    """Why people disagreed, as the adjudication says: one of `REASONS`, or empty."""
    cites: str = ""
    """Line of the guideline that the adjudication rests on; empty when none was named."""
    task: Task = "produce"

    @property
    def is_withdrawal(self) -> bool:
        """True when it takes a label back that its reference file no longer holds."""
        return self.id.startswith(WITHDRAWN)

    @property
    def is_swap(self) -> bool:
        """True when it answers what the stage received in one run, right or wrong: it settles no reference."""
        return self.queue.startswith(SWAP_QUEUE)


class Field(StrEnum):
    """What a plain field of a label holds."""

    TEXT = "text"
    FLAG = "flag"
    INSTANT = "instant"
    """Seconds since 1970, UTC."""
    MILLISECONDS = "milliseconds"
    """A whole number, or nothing."""
    SHARE = "share"
    """A number in [0, 1], or nothing."""


LABEL_FIELDS: Mapping[str, Field] = {
    "record": Field.TEXT,
    "stage": Field.TEXT,
    "annotator": Field.TEXT,
    "action": Field.TEXT,
    "at": Field.INSTANT,
    "active_ms": Field.MILLISECONDS,
    "unsure": Field.FLAG,
    "odd": Field.FLAG,
    "note": Field.TEXT,
    "guideline": Field.TEXT,
    "form": Field.TEXT,
    "seen": Field.TEXT,
    "queue": Field.TEXT,
    "probability": Field.SHARE,
    "verified": Field.FLAG,
    "targeted": Field.FLAG,
    "run": Field.TEXT,
    "reason": Field.TEXT,
    "cites": Field.TEXT,
    "task": Field.TEXT,
    "id": Field.TEXT,
}
"""Every field of a label but `answer` and `also`: store, files and data frames take theirs from here."""
SAID = ("record", "stage", "annotator", "action", "task", "unsure", "odd", "note", "reason", "cites")
"""Of these, what a label says beside its answers: an id that exists comes with no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What we hold to be right for a record at a stage: one or several acceptable answers."""

    record: str
    stage: str
    accepted: tuple[Answer, ...]
    annotators: tuple[str, ...] = ()
    """Whose labels it was settled from."""
    settled: Literal["single", "consensus", "undecided", "adjudicated"] = "single"
    """`undecided`: people differ, each whole answer is accepted, and nobody has decided."""
    votes: tuple[int, ...] = ()
    """How many people gave each accepted answer; empty where one person decided."""
    seen: bool = False
    """True where whoever gave it saw the system's output."""

    @property
    def first(self) -> Answer:
        """The answer that a reference swap puts into the cascade."""
        return self.accepted[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One rater's number for one answer by one criterion."""

    system: str
    """Who gave the answer: a system, or a person."""
    record: str
    criterion: str
    rater: str
    """The rater, or their slot where raters are anonymous: a slot is not one person."""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where one person sees a record of a run go wrong."""

    record: str
    annotator: str
    faults: tuple[str, ...] = ()
    """Stages that went wrong, several where they did."""
    roots: tuple[str, ...] = ()
    """Stages without whose fault the end would have been right, as the person sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFault:
    """The first wrong attempt of a trace, as one person sees it."""

    record: str
    annotator: str
    position: int | None
    """Of the attempt in its trace, counted from 0; None where no attempt is wrong."""
    role: str = ""
    """Who went wrong, where people said it: it may be another than the one that acted."""
    is_person: bool = True
    """False for a method that names steps, whose word counts as no reference."""
