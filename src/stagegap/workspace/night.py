"""Many variants in one go: early answers on a few records first, all of them by the morning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from stagegap.analysis.variants import Variant, VariantsView, variants_view
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, Run, RunStatus
from stagegap.runner import (
    INTERRUPTED,
    Announce,
    Budget,
    Progress,
    RunOptions,
    Silent,
    Stop,
    Summary,
    counted,
    custom_metrics,
    execute,
    is_paid,
)
from stagegap.spec import load_matrix
from stagegap.store import Store
from stagegap.workspace.execution import Job, TakenIn, begin, carrying, take_in
from stagegap.workspace.provenance import first_outputs
from stagegap.workspace.run_facts import noted
from stagegap.workspace.scorecards import score

FIRST_WAVE = 32
"""Records that every variant answers before any variant goes on."""
GROWTH = 4
"""Each wave ends at so many times the records of the one before."""


@dataclass(slots=True)
class _Candidate:
    """A variant on its way."""

    name: str
    taken_in: TakenIn
    run: Run
    announce: Announce
    calls: int = 0
    dollars: float = 0.0
    error: str = ""

    @property
    def job(self) -> Job:
        """What is executed for it."""
        return self.taken_in.job


class Listener(Protocol):
    """Somebody who is told how the night goes."""

    def going_on(self, variant: str, records: int) -> None:
        """A variant is asked about so many further records."""
        ...

    def so_far(self, view: VariantsView) -> None:
        """All variants were asked about the same records."""
        ...


@dataclass(slots=True, kw_only=True)
class Night:
    """Runs all variants: the system on a first wave of records for each, then larger waves, then the swaps.

    A wave is a random sample, so each table in between is fair. A variant whose service refuses every call ends alone;
    an interruption or a budget that is used up ends the night. What was answered is kept.
    """

    store: Store
    jobs: Mapping[str, TakenIn]
    folder: Path
    clock: Callable[[], float]
    seed: int
    budget: Budget | None
    _started: float = 0.0
    _reason: str = ""
    _candidates: list[_Candidate] = field(default_factory=list[_Candidate])

    def run(self, listener: Listener, progress: Progress | None = None, stop: Stop | None = None) -> VariantsView:
        """Run everything and give the table. Raises: StoreError, ConfigurationError from a stage that can't work."""
        with ExitStack() as lease:
            self._started = self.clock()
            self._candidates = [
                _Candidate(name, job, *begin(self.store, job, folder=self.folder, now=self.clock(), lease=lease))
                for name, job in self.jobs.items()
            ]
            return self._carried_out(listener, progress or Silent(), stop or Stop())

    def _carried_out(self, listener: Listener, progress: Progress, stop: Stop) -> VariantsView:
        try:
            for wave in waves(next(iter(self.jobs.values())).job.records, seed=self.seed):
                for candidate in self._left():
                    listener.going_on(candidate.name, len(wave))
                    self._go_on(candidate, wave, (SYSTEM,), progress, stop)
                if not self._reason:
                    listener.so_far(self._view())
            for candidate in self._left():
                swaps = [work.cell for work in candidate.job.cells if work.cell != SYSTEM]
                self._go_on(candidate, candidate.job.records, swaps, progress, stop)
                if not candidate.error and not self._reason:
                    self._end(candidate, RunStatus.DONE)
        except BaseException as error:
            for candidate in self._running():
                candidate.error = candidate.error or str(error) or type(error).__name__
                self._end(candidate, RunStatus.FAILED)
            raise
        for candidate in self._running():
            candidate.error = candidate.error or self._reason
            self._end(candidate, RunStatus.STOPPED)
        return self._view()

    def _left(self) -> Iterator[_Candidate]:
        """The variants that go on, one by one, as long as the night does."""
        for candidate in self._candidates:
            if not candidate.error and not self._reason:
                yield candidate

    def _running(self) -> list[_Candidate]:
        return [candidate for candidate in self._candidates if candidate.run.status is RunStatus.RUNNING]

    def _go_on(
        self, candidate: _Candidate, records: Sequence[Record], cells: Sequence[Cell], progress: Progress, stop: Stop
    ) -> None:
        left = self._budget_left()
        own = Stop()
        stop.watch(on_request=lambda: own.request(stop.reason), on_force=own.interrupt)
        offered = [work for work in carrying(self.store, candidate.taken_in, candidate.run) if work.cell in cells]
        work = replace(
            candidate.job.work(candidate.run.id),
            records=records,
            cells=offered,
            budget=left,
            carrier=self.store.carrying,
            announce=candidate.announce,
        )
        with noted(progress, self.store.folder, candidate.run, cells=len(cells), clock=self.clock) as watched:
            summary = execute(work, sink=self.store, cache=self.store, progress=watched, stop=own)
        candidate.calls += _counted(summary, candidate.job)
        candidate.dollars += summary.cost
        if left is not None and self.budget is not None and summary.error == left.used_up:
            self._reason = self.budget.used_up
        elif summary.error and summary.error in (INTERRUPTED, stop.reason):
            self._reason = summary.error
        else:
            candidate.error = summary.error

    def _budget_left(self) -> Budget | None:
        if self.budget is None:
            return None
        return self.budget.less(
            calls=sum(candidate.calls for candidate in self._candidates),
            seconds=self.clock() - self._started,
            dollars=sum(candidate.dollars for candidate in self._candidates),
        )

    def _end(self, candidate: _Candidate, status: RunStatus) -> None:
        candidate.run = replace(candidate.run, status=status, finished_at=self.clock(), error=candidate.error)
        self.store.update_run(candidate.run)
        if status is RunStatus.DONE:
            score(self.store, candidate.run, candidate.job.file, views=candidate.job.views(self.store))

    def _view(self) -> VariantsView:
        first = self._candidates[0].job
        labels = self.store.settled(first.file.cascade).labels
        variants = [self._variant(candidate) for candidate in self._candidates]
        return variants_view(variants, first.records, labels, custom=custom_metrics(first.file), seed=self.seed)

    def _variant(self, candidate: _Candidate) -> Variant:
        cascade = candidate.job.file.cascade
        return Variant(
            name=candidate.name,
            run=candidate.run.name,
            cascade=cascade,
            outputs={(str(SYSTEM), s): first_outputs(self.store, candidate.run, SYSTEM, s) for s in cascade.names},
            calls=candidate.calls,
            dollars=candidate.dollars,
            is_paid=any(is_paid(stage) for stage in cascade.stages),
            error=candidate.error,
        )


def planned_night(
    store: Store,
    path: Path,
    options: RunOptions | None,
    *,
    folder: Path,
    environment: Mapping[str, str],
    clock: Callable[[], float],
) -> Night:
    """Read a matrix file and all that its variants need. Raises: SpecError, ConfigurationError."""
    options = options or RunOptions()
    variants = load_matrix(path, environment=environment).variants
    jobs = {
        name: take_in(store, file, environment=environment, options=replace(options, variant=name))
        for name, file in variants.items()
    }
    return Night(store=store, jobs=jobs, folder=folder, clock=clock, seed=options.seed, budget=options.budget)


def waves(records: Sequence[Record], *, seed: int) -> Iterator[tuple[Record, ...]]:
    """All records in growing random parts, each in the order of the records."""
    order = np.random.default_rng(seed).permutation(len(records))
    start, end = 0, min(FIRST_WAVE, len(records))
    while start < len(records):
        yield tuple(records[int(place)] for place in np.sort(order[start:end]))
        start, end = end, min(end * GROWTH, len(records))


def _counted(summary: Summary, job: Job) -> int:
    """The calls that a budget counts."""
    names = counted(job.file.cascade)
    return sum(tally.calls for cell in summary.cells for name, tally in cell.tallies.items() if name in names)
