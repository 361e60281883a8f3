"""Label queues: a stored sample of records with the payload that a person may see, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stagegap.model.answer import Answer, Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A sample of records of one stage, waiting for people."""

    id: str
    cascade: str
    stage: str
    purpose: Literal["random", "overlap", "hunting", "swap", "next", "judge", "verdict", "read"]
    """All but `hunting` give fair samples; `hunting` finds examples and enters no rate without weights.
    An overlap is the same records for everybody, each in their own order; a swap asks again about one run's inputs;
    `next` holds the records that decide the ranking of the stages, each person again in their own order; `judge` asks
    what people think of answers that others gave; `verdict` shows the run's outputs, but for each person a random tenth
    without them; `read` shows whole records, each as it flowed through one run."""
    created_at: float
    """Seconds since 1970, UTC."""
    form: str
    """JSON text: the output type that the form is made from."""
    question: str = ""
    guideline: str = ""
    """Text of the guideline that the people work by."""
    seed: int = 0
    run: str = ""
    """Id of the run whose outputs are the inputs shown; empty when the inputs are the record's own."""
    drawn: str = ""
    """How the records of a hunting queue were picked: the filter, or the score."""
    warmup: str = "[]"
    """JSON text: examples with explained answers that come first and are not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """One record of a queue, with all that a person may see of it."""

    position: int
    """Place in the order of the sample: any prefix is a fair sample of a random queue."""
    record: str
    payload: str
    """JSON text: the inputs of the stage, in its order."""
    probability: float | None = None
    """Chance with which the record was sampled; None when unknown."""
    sealed: str = ""
    """JSON text of what no person may see, as who gave the answers to judge; it never leaves the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one person is in one queue."""

    done: int
    skipped: int
    total: int
    median_ms: float | None
    """Median active time of the labels; None when no label has one."""

    @property
    def left(self) -> int:
        """Items that the person has neither labelled nor skipped."""
        return self.total - self.done - self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One person before one queue: all that the card needs after each label, read at once."""

    items: Sequence[QueueItem]
    """The next ones."""
    progress: Progress
    last: tuple[QueueItem, Label] | None
    """What the person labelled or skipped last in this queue and has not undone."""
    guideline: str
    """Version of the guideline that the person worked by last at the stage; empty before there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineVersion:
    """One text of a stage's guideline; every label carries the hash of the one that the person worked by."""

    hash: str
    text: str
    since: float
    """When it was first used, in seconds since 1970, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """A record that people answer first to learn the guideline: the explained answer follows, nothing is counted."""

    record: str
    answer: Answer
    explanation: str
