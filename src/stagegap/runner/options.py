"""What a run may be told besides its file, and how it ends early."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stagegap.attribution.shapley import FEWEST_ROUNDS
from stagegap.attribution.swaps import ROUND
from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.record import Record
from stagegap.runner.budget import Budget
from stagegap.runner.engines.protocol import Choice
from stagegap.spec.expressions import Condition, ConditionError
from stagegap.stages.kinds import kind_of

INTERRUPTED = "It was interrupted."


class Stop:
    """A request to end a run. Made once, the calls in flight are awaited; made twice, they are given up."""

    def __init__(self) -> None:
        self.reason = ""
        """Why, in one sentence; empty while nobody asked."""
        self.is_forced = False
        self._on_request: Callable[[], None] = _nothing
        self._on_force: Callable[[], None] = _nothing

    def watch(self, *, on_request: Callable[[], None], on_force: Callable[[], None]) -> None:
        """Name who is told; a request made before is told at once."""
        self._on_request, self._on_force = on_request, on_force
        if self.reason:
            on_request()

    def request(self, reason: str) -> None:
        """Ask for the end; the first reason counts."""
        if not self.reason:
            self.reason = reason
            self._on_request()

    def interrupt(self) -> None:
        """Take a Ctrl-C: the first asks, the second forces."""
        if not self.reason:
            self.request(INTERRUPTED)
        elif not self.is_forced:
            self.is_forced = True
            self._on_force()


def _nothing() -> None:
    pass


@contextlib.contextmanager
def interrupts(stop: Stop) -> Generator[None]:
    """Hand Ctrl-C and SIGTERM to `stop` while the loop runs, where signals can be had: in the main thread."""
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []
    with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.interrupt)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Choices for one run; without any, all records are run and all that is known is used again."""

    filter: str = ""
    """CEL over the fields of a record, as `record.language == "de"`; only records where it is true."""
    sample: int | None = None
    """So many records, drawn at random by `seed`."""
    seed: int = 0
    limit: int | None = None
    """So many records at most, the first ones."""
    repeats: int | None = None
    """Calls for the same input, in the place of the file's `repeats`, at stages that may answer otherwise."""
    fresh: bool = False
    """True calls again what is known."""
    fresh_stages: tuple[str, ...] = ()
    """Stages of which nothing known is used."""
    retry: bool = False
    """True mends the newest run: only records that lack an answer because a service failed, in the same run."""
    jobs: int | None = None
    """Calls at the same time, in the place of the file's `concurrency`."""
    budget: Budget | None = None
    orders: int | None = None
    """So many sampled orders, rounded up to whole rounds, where parallel branches have too many swap sets to run; 40
    unless told, and none with 0: then no stage's gain is measured there."""
    engine: str = ""
    """Where calls are made, as `processes:4` or `ray:8`; empty makes them in this process."""
    variant: str = ""
    """Name of the variant in a matrix file."""

    def __post_init__(self) -> None:
        for name, least in (("sample", 1), ("limit", 1), ("repeats", 1), ("jobs", 1), ("orders", 0)):
            number: int | None = getattr(self, name)
            if number is not None and number < least:
                raise ConfigurationError(f"{name} must be at least {least}, found {number}.")
        if self.engine:
            Choice.parse(self.engine)

    @property
    def rounds(self) -> int:
        """Rounds of sampled orders."""
        return FEWEST_ROUNDS if self.orders is None else math.ceil(self.orders / ROUND)

    @property
    def is_whole(self) -> bool:
        """True when every record is run."""
        return not (self.filter or self.sample or self.limit or self.retry)

    def changed(self, cascade: Cascade) -> Cascade:
        """The cascade with repeats and concurrency as told."""
        judges = tuple(replace(judge, stage=self._stage(judge.stage)) for judge in cascade.judges)
        return replace(cascade, stages=tuple(self._stage(stage) for stage in cascade.stages), judges=judges)

    def chosen(self, records: Sequence[Record]) -> tuple[Record, ...]:
        """The records to run, in their order. Raises: ConfigurationError for a filter that can't be used."""
        chosen = tuple(records)
        if self.filter:
            chosen = _filtered(chosen, self.filter)
        if self.sample is not None and self.sample < len(chosen):
            drawn = np.random.default_rng(self.seed).permutation(len(chosen))[: self.sample]
            chosen = tuple(chosen[int(place)] for place in np.sort(drawn))
        return chosen[: self.limit]

    def fresh_of(self, cascade: Cascade) -> frozenset[str]:
        """The stages of which nothing known is used. Raises: ConfigurationError for a name that is none."""
        for name in self.fresh_stages:
            if name not in cascade.names:
                raise ConfigurationError(
                    f"The cascade has no stage {name!r} to call afresh. {near_names(name, cascade.names)}"
                )
        return frozenset(cascade.names if self.fresh else self.fresh_stages)

    def _stage(self, stage: Stage) -> Stage:
        draws = kind_of(stage).draws or stage.repeats > 1
        return replace(
            stage,
            repeats=self.repeats if self.repeats is not None and draws else stage.repeats,
            concurrency=self.jobs or stage.concurrency,
            # The workers of an engine compute at the same time without threads.
            is_concurrent=not self.engine and (self.jobs is not None or stage.is_concurrent),
        )


def _filtered(records: Sequence[Record], text: str) -> tuple[Record, ...]:
    try:
        condition = Condition(text)
    except ConditionError as error:
        raise ConfigurationError(f"The filter can't be used. {error}") from None
    known = {name for record in records for name in record.fields}
    for read in condition.reads:
        if read.root != "record":
            raise ConfigurationError(f"The filter reads {read.root!r}. It can read fields of a record: record.FIELD.")
        if read.member is not None and known and read.member not in known:
            raise ConfigurationError(f"No record has the field {read.member!r}. {near_names(read.member, known)}")
    matching: list[Record] = []
    for record in records:
        try:
            if condition.holds(record.fields, {}, {}):
                matching.append(record)
        except ConditionError as error:
            raise ConfigurationError(f"The filter can't be used at the record {record.id!r}. {error}") from None
    return tuple(matching)
