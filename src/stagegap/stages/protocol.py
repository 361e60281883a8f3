"""What the runner asks of a stage, and what a user's Python function may give back or say about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from stagegap.model.answer import Attempt, Status
from stagegap.model.record import Json
from stagegap.stages.code import Code

Function = TypeVar("Function", bound=Callable[..., object])
BATCH_MARK = "__stagegap_batch__"


@dataclass(frozen=True, slots=True)
class Answered:
    """A value with what else the function knows about it; returned in place of the bare value.

    >>> Answered("orders", confidence=0.8).alternatives
    ()
    """

    value: object
    confidence: float | None = None
    """In [0, 1]."""
    scores: Sequence[float] = ()
    """For a ranking: the score of each id, in its order."""
    alternatives: Sequence[object] = ()
    cost: float | None = None
    """US dollars that the call took."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    raw: str = ""
    """What a model wrote, where that differs from the value."""
    attempts: Sequence[Attempt] = ()
    """Where the function asked several times: each time, the last one included."""


class Unavailable(Exception):
    """Raised by a user's function where a service that it needs gave no answer: nobody knows what it would have said.

    The call is made again, and where that does not help either it is `infrastructure`: it enters no score, and
    `stagegap run --retry` makes it once more.
    """

    def __init__(self, message: str = "", *, after_s: float | None = None) -> None:
        """`after_s` says when another call may help, in seconds."""
        super().__init__(message)
        self.after_s = after_s


def batch(function: Function) -> Function:
    """Mark a function that takes each input as a list and gives back a list: one entry a record, in the same order.

    >>> @batch
    ... def length(text: list[str]) -> list[int]:
    ...     return [len(one) for one in text]
    >>> is_batch(length)
    True
    """
    setattr(function, BATCH_MARK, True)
    return function


def is_batch(function: Callable[..., object]) -> bool:
    """Say whether the function was marked with `batch`."""
    return getattr(function, BATCH_MARK, False) is True


Inputs: TypeAlias = Mapping[str, Json]
"""A stage's inputs by name."""

RECORD_INPUT = "__record__"
"""Name of the hidden input with the record's id, given to stages that read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a stage answered to one input, or a named failure."""

    status: Status = Status.OK
    value: Json = None
    scores: tuple[float, ...] = ()
    confidence: float | None = None
    alternatives: tuple[Json, ...] = ()
    error: str = ""
    """One line for people when the call did not end as ok."""
    raw: str = ""
    """What came back, where that differs from the value."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars; None when unknown."""
    latency_ms: float | None = None
    """None leaves the measuring to the runner."""
    at: float | None = None
    """Seconds since 1970, UTC, at which it was made, where that is recorded."""
    attempts: tuple[Attempt, ...] = ()
    """Of a call that needed more than one, in order."""
    is_reusable: bool = True
    """False when the same call may well end otherwise (a time-out, an exception): it is never served from the cache."""


@runtime_checkable
class BatchStage(Protocol):
    """A stage that answers many inputs at once, in a worker thread."""

    fingerprint: str
    """Hash of all that decides an answer besides the inputs; secrets enter by name only."""

    @property
    def reads_record(self) -> bool:
        """True when the runner must add the record's id as the input `__record__`."""
        ...

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Answer each input, in order. Raises: StagegapError when no further call can succeed."""
        ...


@runtime_checkable
class AsyncStage(Protocol):
    """A stage that waits for somebody else: many calls at once, each on its own."""

    fingerprint: str
    """Hash of all that decides an answer besides the inputs; secrets enter by name only."""

    @property
    def reads_record(self) -> bool:
        """True when the runner must add the record's id as the input `__record__`."""
        ...

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input. Raises: StagegapError when no further call can succeed."""
        ...

    async def close(self) -> None:
        """Close what the stage holds open; the next call opens it again."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A stage whose outputs are facts: what was written down is so, whatever became of what it read."""

    def holds(self, record: str) -> bool:
        """True when an output of the record was written down."""
        ...


@runtime_checkable
class Warming(Protocol):
    """A stage that needs something before its first answer: a model that is read, trained or indexed."""

    def warm_up(self) -> None:
        """Get it ready, in a worker thread; the second time does nothing. Raises: StagegapError where it can't."""
        ...


def warm(code: object) -> None:
    """Get a stage ready, so that no answer's time holds what is done once. Raises: StagegapError."""
    if isinstance(code, Warming):
        code.warm_up()


@runtime_checkable
class Listed(Protocol):
    """A stage that may take its calls as lists."""

    @property
    def takes_lists(self) -> bool:
        """True where the user's function is given `batch` calls at once."""
        ...


@runtime_checkable
class Coded(Protocol):
    """A stage that is a user's function."""

    @property
    def code(self) -> Code:
        """The code that it rests on."""
        ...


@runtime_checkable
class Trained(Protocol):
    """A stage that may have been trained."""

    @property
    def training(self) -> str:
        """Key of what it learned; empty where it learns nothing."""
        ...

    @property
    def stays(self) -> bool:
        """True where what it learned is kept beside the store, so that no worker elsewhere can answer."""
        ...


StageCode: TypeAlias = BatchStage | AsyncStage
