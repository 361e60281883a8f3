"""Label queues: a stored sample of records with the payload that a person may see, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A sample of records of one stage, waiting for people."""

    id: str
    cascade: str
    stage: str
    purpose: Literal["random", "overlap", "hunting"]
    """`random` and `overlap` give fair samples; `hunting` finds examples and enters no rate without weights."""
    created_at: float
    """Seconds since 1970, UTC."""
    form: str
    """JSON text: the output type that the form is made from."""
    question: str = ""
    guideline: str = ""
    """Text of the guideline that the people work by."""
    seed: int = 0


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
