"""What a run needs, before anything is called: the same walk as the run, with the cache as the only source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Cell
from stagegap.runner.answers import Known
from stagegap.runner.budget import is_paid
from stagegap.runner.cases import Case, Cases, repeats_of, scope_of
from stagegap.runner.inputs import Wiring
from stagegap.runner.reuse import Nothing
from stagegap.runner.work import Cache, CellWork, Work
from stagegap.stages.foundation import Foundation
from stagegap.stages.person import PersonStage

CHUNK = 4_096
"""Cases that are walked through together, with one look into the cache a stage."""


UNKNOWN = unmeasured("no earlier calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What one stage of one cell needs."""

    stage: str
    calls: int
    """Calls to make; at most so many where not exact."""
    known: int
    """Outputs from the cache, or shared with an equal call of this run."""
    skipped: int
    """Outputs that are decided without a call: skipped, or blocked."""
    is_exact: bool
    """False where inputs hang on calls that are not made yet: they may turn out equal, known or skipped."""
    is_paid: bool
    tokens: Estimate = UNKNOWN
    """Read and written by the calls to make."""
    dollars: Estimate = UNKNOWN
    """US dollars that they cost."""
    seconds: Estimate = UNKNOWN
    """That they take, with the calls at the same time that the stage may make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """What one cell needs."""

    cell: Cell
    stages: tuple[PlannedStage, ...]
    left_out: int
    """Records without an answer at a swapped stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run needs."""

    cells: tuple[PlannedCell, ...]
    foundations: Mapping[str, Foundation] = field(default_factory=dict[str, Foundation])
    """What each stage rests on, where that is known."""

    @property
    def calls(self) -> int:
        """Calls of all cells, at most."""
        return sum(stage.calls for cell in self.cells for stage in cell.stages)

    @property
    def paid_calls(self) -> int:
        """Calls that may cost money, at most."""
        return sum(stage.calls for cell in self.cells for stage in cell.stages if stage.is_paid)

    @property
    def dollars(self) -> Estimate:
        """US dollars of all paid calls; its interval is the sum of the stages', so it is cautious."""
        paid = [stage for cell in self.cells for stage in cell.stages if stage.is_paid and stage.calls]
        unknown = next((stage for stage in paid if not stage.dollars.is_measured), None)
        if unknown is not None:
            return unmeasured(f"stage {unknown.stage}: {unknown.dollars.method}")
        return _sum([stage.dollars for stage in paid], [stage.dollars for stage in paid])

    @property
    def seconds(self) -> Estimate:
        """Seconds of the run: the stages of a cell work at the same time, so its slowest counts.

        The high end is that of stages that wait for each other.
        """
        longest: list[Estimate] = []
        for cell in self.cells:
            called = [stage for stage in cell.stages if stage.calls]
            unknown = next((stage for stage in called if not stage.seconds.is_measured), None)
            if unknown is not None:
                return unmeasured(f"stage {unknown.stage}: {unknown.seconds.method}")
            if called:
                longest.append(max((stage.seconds for stage in called), key=lambda estimate: estimate.value))
        every = [stage.seconds for cell in self.cells for stage in cell.stages if stage.calls]
        return _sum(longest, every)

    @property
    def is_exact(self) -> bool:
        return all(stage.is_exact for cell in self.cells for stage in cell.stages)


def _sum(lower: Sequence[Estimate], upper: Sequence[Estimate]) -> Estimate:
    """The sum of `lower`, with the high end of the sum of `upper`."""
    return Estimate(
        value=sum(estimate.value for estimate in lower),
        low=sum(estimate.low for estimate in lower),
        high=sum(estimate.high for estimate in upper),
        n=min((estimate.n for estimate in upper), default=0),
        method="sum of t predictions",
    )


def plan(work: Work, *, cache: Cache) -> Plan:
    """The calls that `execute` would make, stage by stage; nothing is called."""
    return plan_several([work], cache=cache)


def plan_several(works: Sequence[Work], *, cache: Cache) -> Plan:
    """The calls of several works that are executed one after the other: a call that two have in common is one."""
    planned: set[str] = set()
    return Plan(cells=tuple(cell for work in works for cell in _cells(work, cache, planned)))


def _cells(work: Work, cache: Cache, planned: set[str]) -> list[PlannedCell]:
    stages = work.cascade.stages
    wirings = {s.name: Wiring(work.cascade, s, work.codes[s.name], work.corpora) for s in stages}
    known = {name: Known(wiring, Nothing() if name in work.fresh else cache) for name, wiring in wirings.items()}
    return [_planned(work, cell, known, planned) for cell in work.cells]


@dataclass(slots=True)
class _Count:
    calls: int = 0
    known: int = 0
    skipped: int = 0
    is_exact: bool = True


def _planned(work: Work, cell_work: CellWork, known: Mapping[str, Known], planned: set[str]) -> PlannedCell:
    """Walk through one cell; the keys of its calls are added to `planned`."""
    scope = scope_of(work.cascade, cell_work.cell, wants=cell_work.wants)
    repeats = repeats_of(work.cascade)
    most = max((repeats[stage.name] for stage in scope.runs), default=0)
    cases = Cases(scope, records=work.records, given=cell_work.given, repeats=most)
    counts = {stage.name: _Count() for stage in scope.runs}
    for chunk in _chunks(cases):
        for stage in scope.runs:
            wanted = [case for case in chunk if case.repeat < repeats[stage.name]]
            _walk(known[stage.name], wanted, counts[stage.name], planned)
    return PlannedCell(
        cell=cell_work.cell,
        stages=tuple(
            PlannedStage(
                stage=stage.name,
                calls=counts[stage.name].calls,
                known=counts[stage.name].known,
                skipped=counts[stage.name].skipped,
                is_exact=counts[stage.name].is_exact,
                is_paid=is_paid(stage),
            )
            for stage in scope.runs
        ),
        left_out=cases.left_out,
    )


def _chunks(cases: Cases) -> Iterator[Sequence[Case]]:
    while chunk := cases.take(CHUNK):
        yield chunk


def _walk(known: Known, cases: Sequence[Case], count: _Count, planned: set[str]) -> None:
    """Count one stage for some cases, and give each case the output that is known; people's answers always are."""
    parents = known.wiring.stage.parents
    determined = [case for case in cases if all(parent in case.outputs for parent in parents)]
    if len(determined) < len(cases):
        count.calls += len(cases) - len(determined)
        count.is_exact = False
    sorted_cases = known.sort(determined)
    for case, output in sorted_cases.decided:
        case.outputs[known.wiring.stage.name] = output
        if output.key:
            count.known += 1
        else:
            count.skipped += 1
    code = known.wiring.code
    if isinstance(code, PersonStage):
        replies = code.answer_batch([call.inputs for call in sorted_cases.calls])
        for case, output in known.answered(sorted_cases, sorted_cases.calls, replies, latency_ms=0.0):
            case.outputs[known.wiring.stage.name] = output
            count.known += 1
        return
    for key, waiting in sorted_cases.open.items():
        is_planned = key in planned
        planned.add(key)
        count.calls += not is_planned
        count.known += len(waiting) - (not is_planned)
