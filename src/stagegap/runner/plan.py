"""What a run needs, takes and costs, before anything is called: the same walk as the run, with the cache as its
source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stagegap.model.answer import Output
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Cell, PastCall
from stagegap.model.wording import counted
from stagegap.runner.answers import Known
from stagegap.runner.budget import is_paid
from stagegap.runner.cases import Case, Cases, Wiring, repeats_of, scope_of
from stagegap.runner.units import Fan, fans_of, together
from stagegap.runner.work import Cache, Carrier, CellWork, Nothing, Work, at_once
from stagegap.stages.endpoint import Priced
from stagegap.stages.foundation import Foundation
from stagegap.stages.kinds import kind_of
from stagegap.stages.person import PersonStage
from stagegap.stages.protocol import AsyncStage
from stagegap.stats.intervals import predicted_total
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

CHUNK = 4_096
"""Cases that are walked through together, with one look into the cache a stage."""


NAMED = 3
"""Swaps that a plan names; `--json` has each with its calls."""
UNKNOWN = unmeasured("no earlier calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """What one stage of one cell needs."""

    stage: str
    calls: int
    """Calls to make; at most so many where not exact, or one a record where nobody knows how many units it has."""
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


def plan_sheet(plan: Plan) -> Sheet:
    """What a run needs: a row a stage, of all cells together, and what it comes to."""
    by_stage: dict[str, list[PlannedStage]] = {}
    for cell in plan.cells:
        for stage in cell.stages:
            by_stage.setdefault(stage.stage, []).append(stage)
    many = f"{plan.calls:,}" if plan.is_exact else f"at most {plan.calls:,}"
    took = f"time {_between(plan.seconds, Unit.SECONDS)}"
    spent = f"Cost {_between(plan.dollars, Unit.MONEY)}, {took}." if plan.paid_calls else f"T{took[1:]}."
    swaps = [str(cell.cell) for cell in plan.cells if cell.cell.stages]
    parts = f", with {counted(len(swaps), 'swap')} of stages" if swaps else ""
    more = f" and {len(swaps) - NAMED:,} more" if len(swaps) > NAMED else ""
    return Sheet(
        headline=f"{many} calls, {plan.paid_calls:,} of them to a paid service{parts}",
        parts=(
            spent if plan.calls else "",
            f"Swaps: {', '.join(swaps[:NAMED])}{more}." if swaps else "",
            Table(
                columns=(
                    Column(name="Stage", unit=Unit.TEXT, key="stage", is_cut=True),
                    Column(name="Calls", unit=Unit.COUNT, key="calls"),
                    Column(name="Known", unit=Unit.COUNT, key="known"),
                    Column(name="Skipped", unit=Unit.COUNT, key="skipped", spare=2),
                    Column(name="Tokens", unit=Unit.TEXT, is_hidden=not plan.paid_calls, spare=1),
                    Column(name="Cost", unit=Unit.TEXT, is_hidden=not plan.paid_calls),
                    Column(name="Time", unit=Unit.TEXT),
                ),
                rows=tuple(_stage_cells(name, stages) for name, stages in by_stage.items()),
            ),
            "" if plan.is_exact else "Calls are at most so many: equal inputs are called once.",
            *_foundations(plan.foundations),
        ),
    )


def _stage_cells(name: str, stages: Sequence[PlannedStage]) -> tuple[Entry, ...]:
    called = [stage for stage in stages if stage.calls]
    tokens, dollars, seconds = (
        _sum(estimates, estimates)
        for estimates in (
            [stage.tokens for stage in called],
            [stage.dollars for stage in called],
            [stage.seconds for stage in called],
        )
    )
    is_paid = bool(called) and called[0].is_paid
    return (
        name,
        sum(stage.calls for stage in stages),
        sum(stage.known for stage in stages),
        sum(stage.skipped for stage in stages),
        _rounded(tokens, Unit.COUNT) if is_paid else "",
        _rounded(dollars, Unit.MONEY) if is_paid else "",
        _rounded(seconds, Unit.SECONDS) if called else "",
    )


def _rounded(estimate: Estimate, unit: Unit) -> str:
    if not estimate.is_measured:
        return "?"
    return f"{estimate.value:,.0f}" if unit is Unit.COUNT else figures.printed(estimate.value, unit)


def _between(estimate: Estimate, unit: Unit) -> str:
    return f"about {figures.figure(estimate, unit)}" if estimate.is_measured else f"unknown ({estimate.method})"


def span(plan: Plan) -> str:
    """What the calls of a plan cost and take, as the end of a sentence."""
    cost = f", cost {_between(plan.dollars, Unit.MONEY)}" if plan.paid_calls else ""
    return f"{cost}, time {_between(plan.seconds, Unit.SECONDS)}"


def _foundations(foundations: Mapping[str, Foundation]) -> Iterator[str]:
    """What each stage rests on, in words."""
    for stage, foundation in foundations.items():
        variables = [f"the variable {name}" for name in foundation.variables]
        names = ", ".join([*foundation.files, *foundation.packages, *variables]) or "its settings alone"
        yield f"{stage} rests on {names}."
        if foundation.unseen:
            yield f"  What {', '.join(foundation.unseen)} imports by a name of its own is not noticed."
    if any(foundation.packages or foundation.files for foundation in foundations.values()):
        yield "Other files and variables that code reads are noticed where `rests_on` names them."


def plan(work: Work, *, cache: Cache) -> Plan:
    """The calls that `execute` would make, stage by stage; nothing is called."""
    return plan_several([work], cache=cache)


def plan_several(works: Sequence[Work], *, cache: Cache) -> Plan:
    """The calls of several works that are executed one after the other: a call that two have in common is one."""
    planned: set[str] = set()
    return Plan(cells=tuple(cell for work in works for cell in _cells(work, cache, planned)))


def _cells(work: Work, cache: Cache, planned: set[str]) -> list[PlannedCell]:
    stages = work.cascade.stages
    wirings = {s.name: Wiring(work.cascade, s, work.codes[s.name], work.corpora, work.references) for s in stages}
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
    running = {stage.name for stage in scope.runs}
    # What an earlier run has of every stage needs no walk; where it has but some, the walk looks calls up.
    carries = [carry for carry in cell_work.carries if running <= carry.repeats.keys()] if work.carrier else []
    cases = Cases(scope, records=work.records, given=cell_work.given, repeats=most, carries=carries)
    counts, fans = {stage.name: _Count() for stage in scope.runs}, fans_of(work.cascade, scope.runs)
    if work.carrier is not None:
        _look(work.carrier, cases, counts)
    for chunk in _chunks(cases):
        for stage in scope.runs:
            wanted = [case for case in chunk if case.repeat < repeats[stage.name]]
            _walk(known[stage.name], wanted, counts[stage.name], planned, fans.get(stage.name))
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


def _look(carrier: Carrier, cases: Cases, counts: Mapping[str, _Count]) -> None:
    """Count the records all of whose outputs an earlier run has; they come up in no chunk any more."""
    for number, carry in enumerate(cases.carries, 1):
        for part in cases.untaken(carry, at_once(carry)):
            carried = carrier.look(carry, list(part.values()))
            cases.note(part, carried, number)
            for (stage, _, is_answer), n in carried.counts.items():
                if stage in counts:
                    counts[stage].known += n if is_answer else 0
                    counts[stage].skipped += 0 if is_answer else n


def _chunks(cases: Cases) -> Iterator[Sequence[Case]]:
    while chunk := cases.take(CHUNK):
        yield chunk


def _walk(known: Known, cases: Sequence[Case], count: _Count, planned: set[str], fan: Fan | None) -> None:
    """Count one stage for some cases, and give each case the output that is known; people's answers always are."""
    name, parents = known.wiring.stage.name, known.wiring.stage.parents
    determined = [case for case in cases if all(parent in case.outputs for parent in parents)]
    if len(determined) < len(cases):
        count.calls += len(cases) - len(determined)
        count.is_exact = False
    pairs: list[tuple[Case, Output]] = []
    if fan is not None:
        determined, pairs = _apart(fan, determined)
        count.skipped += len(pairs)
    sorted_cases = known.sort(determined)
    for case, output in sorted_cases.decided:
        pairs.append((case, output))
        if output.key:
            count.known += 1
        else:
            count.skipped += 1
    code = known.wiring.code
    if isinstance(code, PersonStage):
        replies = code.answer_batch([call.inputs for call in sorted_cases.calls])
        answered = known.answered(sorted_cases, sorted_cases.calls, replies, latency_ms=0.0)
        pairs += answered
        count.known += len(answered)
        sorted_cases.open.clear()
    for case, output in together(name, pairs) if fan is not None else pairs:
        case.outputs[name] = output
    for key, waiting in sorted_cases.open.items():
        is_planned = key in planned
        planned.add(key)
        count.calls += not is_planned
        count.known += len(waiting) - (not is_planned)


def _apart(fan: Fan, cases: Sequence[Case]) -> tuple[list[Case], list[tuple[Case, Output]]]:
    """The units of cases that wait for a call, and those that are decided without one; a case without units is done."""
    waiting: list[Case] = []
    decided: list[tuple[Case, Output]] = []
    for case in cases:
        units = fan.cases(case)
        waiting += [unit for unit, output in units if output is None]
        decided += [(unit, output) for unit, output in units if output is not None]
        if not units:
            case.outputs[fan.stage.name] = fan.empty(case)
    return waiting, decided


def forecast(plan: Plan, work: Work, past: Mapping[str, Sequence[PastCall]]) -> Plan:
    """The plan with tokens, US dollars and seconds of each stage, as totals of its calls.

    `past` holds calls of each stage with the same settings; where there are none, the plan says that it is unknown.
    """
    cells = (
        replace(cell, stages=tuple(_predicted(stage, work, past.get(stage.stage, ())) for stage in cell.stages))
        for cell in plan.cells
    )
    return replace(plan, cells=tuple(cells))


def _predicted(planned: PlannedStage, work: Work, past: Sequence[PastCall]) -> PlannedStage:
    code, stage = work.codes[planned.stage], work.cascade.stage(planned.stage)
    at_once = stage.concurrency if isinstance(code, AsyncStage) and not kind_of(stage).is_one_by_one else 1
    seconds = _total([call.latency_ms / 1000 / at_once for call in past], planned.calls)
    tokens = _total([_tokens_of(call) for call in past], planned.calls)
    if not planned.is_paid:
        return replace(planned, seconds=seconds)
    if not (isinstance(code, Priced) and code.has_price):
        dollars = unmeasured("price unknown") if planned.calls else seconds
        return replace(planned, seconds=seconds, tokens=tokens, dollars=dollars)
    dollars = _total([code.call_cost(call.tokens_in, call.tokens_out) for call in past], planned.calls)
    return replace(planned, seconds=seconds, tokens=tokens, dollars=dollars)


def _total(values: Sequence[float | None], calls: int) -> Estimate:
    known = [value for value in values if value is not None]
    if not known and calls:
        return unmeasured("no earlier calls")
    return predicted_total(np.array(known, dtype=np.float64), calls)


def _tokens_of(call: PastCall) -> float | None:
    if call.tokens_in is None or call.tokens_out is None:
        return None
    return float(call.tokens_in + call.tokens_out)
