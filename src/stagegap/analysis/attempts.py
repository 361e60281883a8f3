"""Attempts of agents: how likely the next one is the first that goes wrong, by role, tool and position."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.errors import ConfigurationError
from stagegap.model.answer import FirstFault
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json, Record
from stagegap.model.wording import counted
from stagegap.stats.intervals import wilson_of
from stagegap.stats.resample import RESAMPLES, ratio, resample
from stagegap.stats.spread import clusters
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

_BINS = ((0, 0), (1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, math.inf))
"""Positions that are put together, counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One step of a trace."""

    position: int
    role: str
    tool: str
    input: str
    """What went in, as text; empty where the trace does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptGroup:
    """The attempts of a role, of a tool, or at some positions."""

    kind: str
    """`role`, `tool` or `position`."""
    name: str
    attempts: int
    at_risk: int
    """Attempts of marked traces up to the first wrong one, itself included: those that could be it."""
    faults: int
    hazard: Estimate
    """First wrong attempts / attempts at risk."""
    recovered: Estimate
    """Share of the traces that first went wrong at one of them and end well all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How often a method names the step, and the role, that people hold to be the first wrong one."""

    method: str
    """Empty for a step drawn at random from each trace, or a role drawn from those in it."""
    unnamed: int
    """Traces with a first wrong attempt of which the method says nothing: they are in neither share."""
    step: Estimate
    role: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsView:
    """Where agents first go wrong."""

    cascade: str
    run: str
    noun: str
    n: int
    """Traces that somebody looked through."""
    attempts: int
    faulty: int
    """Traces with a first wrong attempt."""
    annotators: int
    unmarked: int
    """Traces with attempts that nobody marked."""
    elsewhere: int
    """Marked records that the run does not score, or positions at which no attempt stands."""
    disagree: int
    """Traces that people do not agree on: they are left out."""
    other_role: int
    """Traces in which people named another role than the one that acted there."""
    hazard: Estimate
    groups: tuple[AttemptGroup, ...]
    namings: tuple[Naming, ...]
    """Of chance, and then of each method in the file."""
    recovered: Estimate
    """Share of the traces with a wrong attempt whose end is good all the same."""
    no_return: int | None
    """Number of the first attempt, from 1, from which on no trace that first went wrong ends well; None where the
    latest such traces do, or none went wrong."""
    lost: Estimate
    """The share of such traces that end well: 0, with what it may be."""
    repeating: Estimate
    """Share of all traces in which an attempt has the role, tool and input of an earlier one."""
    repeats: int
    """Such attempts."""


def chains(cascade: Cascade, records: Sequence[Record]) -> Mapping[str, tuple[Attempt, ...]]:
    """Record -> its attempts in order: the units of all stages that occur more than once in a trace."""
    fields = [stage.each.name for stage in cascade.stages if stage.each and stage.each.origin == "record"]
    attempts: dict[str, tuple[Attempt, ...]] = {}
    for record in records:
        calls = [call for field in fields for call in _calls(record.fields.get(field))]
        attempts[record.id] = tuple(sorted(calls, key=lambda attempt: attempt.position))
    return {name: own for name, own in attempts.items() if own}


def _calls(value: Json) -> list[Attempt]:
    """The attempts in a field of a record: its objects that say their position."""
    attempts: list[Attempt] = []
    for entry in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        position = entry.get("position") if isinstance(entry, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(position, int):
            role, tool, given = (str(entry.get(key) or "") for key in ("role", "tool", "input"))
            attempts.append(Attempt(position=position, role=role, tool=tool, input=given))
    return attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trace:
    """A trace that was marked, as far as its attempts could have been the first wrong one."""

    record: str
    unit: str
    at_risk: tuple[Attempt, ...]
    wrong: Attempt | None
    role: str
    """Who went wrong: whom people named, or else who acted."""


def attempts_view(evidence: ev.Evidence, faults: Sequence[FirstFault]) -> AttemptsView:
    """Count first wrong attempts per attempt at risk; attempts behind the first wrong one are not at risk.

    Intervals take traces, or the clusters that they are of, as the independent units (METHODS: a ratio of sums is the
    mean over attempts in clusters). Raises: ConfigurationError where no stage of the cascade has attempts.
    """
    steps = chains(evidence.cascade, evidence.records)
    if not steps:
        raise ConfigurationError(
            f"No record of {evidence.cascade.name} has attempts: no stage has `each: record.FIELD` whose items say "
            "their position, as `stagegap import` writes them."
        )
    people = [fault for fault in faults if fault.is_person]
    settled, disagree = _settled(people)
    known: dict[str, FirstFault] = {}
    for record, fault in settled.items():
        positions = {attempt.position for attempt in steps.get(record, ())}
        if positions and (fault.position is None or fault.position in positions):
            known[record] = fault
    units = {record.id: record.unit for record in evidence.records}
    traces = [_trace(steps[record], fault, units[record]) for record, fault in known.items()]
    ends = dict(zip(units, ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM)), strict=True))
    marked = {record: steps[record] for record in known}
    repeats = {record: _repeats(own) for record, own in steps.items()}
    point = _no_return(traces, ends)
    faulty = {record for record, fault in known.items() if fault.position is not None}
    return AttemptsView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        n=len(known),
        attempts=sum(len(own) for own in steps.values()),
        faulty=len(faulty),
        annotators=len({fault.annotator for fault in people}),
        unmarked=len(steps.keys() - settled.keys() - disagree),
        elsewhere=len(settled.keys() - known.keys()),
        disagree=len(disagree & steps.keys()),
        other_role=sum(trace.wrong is not None and trace.role != trace.wrong.role for trace in traces),
        hazard=_hazard(traces, lambda _: True),
        groups=tuple(_groups(traces, marked, ends, seed=evidence.seed)),
        namings=tuple(_namings(traces, marked, [fault for fault in faults if not fault.is_person])),
        recovered=_recovered(traces, ends, lambda _: True),
        no_return=None if point is None else point + 1,
        lost=_recovered(traces, ends, lambda trace: point is not None and _place(trace) >= point),
        repeating=wilson_of(
            np.array([float(repeats[record] > 0) for record in repeats]), clusters(units[record] for record in repeats)
        ),
        repeats=sum(repeats.values()),
    )


def _settled(faults: Sequence[FirstFault]) -> tuple[dict[str, FirstFault], set[str]]:
    """What people say of each record, where all who marked it name the same step; and the other records."""
    by_record: dict[str, list[FirstFault]] = {}
    for fault in faults:
        by_record.setdefault(fault.record, []).append(fault)
    same = {record: own for record, own in by_record.items() if len({fault.position for fault in own}) == 1}
    return {record: own[0] for record, own in same.items()}, by_record.keys() - same.keys()


def _trace(steps: Sequence[Attempt], fault: FirstFault, unit: str) -> _Trace:
    last = math.inf if fault.position is None else fault.position
    wrong = next((attempt for attempt in steps if attempt.position == fault.position), None)
    return _Trace(
        record=fault.record,
        unit=unit,
        at_risk=tuple(attempt for attempt in steps if attempt.position <= last),
        wrong=wrong,
        role="" if wrong is None else fault.role or wrong.role,
    )


def _hazard(traces: Sequence[_Trace], belongs: Callable[[Attempt], bool]) -> Estimate:
    """Share of the attempts at risk of a group that are the first wrong ones, with traces as the units."""
    own = [(trace, attempt) for trace in traces for attempt in trace.at_risk if belongs(attempt)]
    wrong = np.array([attempt is trace.wrong for trace, attempt in own], dtype=np.float64)
    return wilson_of(wrong, clusters(trace.unit for trace, _ in own))


def _role_hazard(traces: Sequence[_Trace], role: str, *, seed: int) -> Estimate:
    """The same for a role, whose first faults are those that people laid to it.

    Where they named it at another one's attempt, numerator and denominator come from different attempts: a ratio.
    """
    if all(trace.wrong is None or trace.role == trace.wrong.role for trace in traces):
        return _hazard(traces, lambda attempt: attempt.role == role)
    columns = {
        "faults": np.array([float(trace.role == role) for trace in traces]),
        "at risk": np.array([float(sum(a.role == role for a in trace.at_risk)) for trace in traces]),
    }
    units = clusters(trace.unit for trace in traces)
    return ratio(resample(columns, units, rng=np.random.default_rng(seed), resamples=RESAMPLES), "faults", "at risk")


def _groups(
    traces: Sequence[_Trace], marked: Mapping[str, Sequence[Attempt]], ends: Mapping[str, float], *, seed: int
) -> list[AttemptGroup]:
    all_attempts = [attempt for own in marked.values() for attempt in own]
    groups: list[AttemptGroup] = []
    for kind, of in _KINDS.items():
        counts = Counter(of(attempt) for attempt in all_attempts)
        order = sorted(counts, key=lambda name: (-counts[name], name))
        for name in [name for _, name in _BIN_NAMES if name in counts] if kind == "position" else order:
            at_risk = sum(of(attempt) == name for trace in traces for attempt in trace.at_risk)
            if name and at_risk:
                is_role = kind == "role"
                wrong = {trace.record: trace.role if is_role else of(trace.wrong) for trace in traces if trace.wrong}
                hazard = (
                    _role_hazard(traces, name, seed=seed)
                    if is_role
                    else _hazard(traces, lambda attempt, name=name, of=of: of(attempt) == name)
                )
                groups.append(
                    AttemptGroup(
                        kind=kind,
                        name=name,
                        attempts=counts[name],
                        at_risk=at_risk,
                        faults=list(wrong.values()).count(name),
                        hazard=hazard,
                        recovered=_recovered(
                            traces, ends, lambda trace, wrong=wrong, name=name: wrong[trace.record] == name
                        ),
                    )
                )
    return groups


def _bin_name(low: float, high: float) -> str:
    first = int(low) + 1
    return f"{first}" if low == high else f"{first} on" if math.isinf(high) else f"{first} to {int(high) + 1}"


_BIN_NAMES = tuple((high, _bin_name(low, high)) for low, high in _BINS)


def _bin(attempt: Attempt) -> str:
    return next(name for high, name in _BIN_NAMES if attempt.position <= high)


_KINDS: Mapping[str, Callable[[Attempt], str]] = {
    "role": lambda attempt: attempt.role,
    "tool": lambda attempt: attempt.tool,
    "position": _bin,
}


def _recovered(traces: Sequence[_Trace], ends: Mapping[str, float], belongs: Callable[[_Trace], bool]) -> Estimate:
    """Share of the traces with a first wrong attempt, of those that belong, which end well."""
    own = [trace for trace in traces if trace.wrong and belongs(trace)]
    return wilson_of(np.array([ends[trace.record] for trace in own]), clusters(trace.unit for trace in own))


def _place(trace: _Trace) -> int:
    return -1 if trace.wrong is None else trace.wrong.position


def _no_return(traces: Sequence[_Trace], ends: Mapping[str, float]) -> int | None:
    """The first position from which on no trace that first went wrong there ended well."""
    wrong = [trace for trace in traces if trace.wrong and not math.isnan(ends[trace.record])]
    last = max((_place(trace) for trace in wrong if ends[trace.record] > 0), default=-1)
    return min((_place(trace) for trace in wrong if _place(trace) > last), default=None)


def _namings(
    traces: Sequence[_Trace], marked: Mapping[str, Sequence[Attempt]], claims: Sequence[FirstFault]
) -> Iterator[Naming]:
    """What chance comes to, and then each method, on the traces with a first wrong attempt.

    Source: Zhang et al. 2025 (Who&When): accuracy of the step and of the agent, each beside a uniform choice.
    """
    wrong = [trace for trace in traces if trace.wrong]
    units = clusters(trace.unit for trace in wrong)
    of_roles = any(trace.role for trace in wrong)
    roles = [{attempt.role for attempt in marked[trace.record]} for trace in wrong]
    by_step = np.array([1 / len(marked[trace.record]) for trace in wrong])
    by_role = np.array([1 / len(own) if of_roles else np.nan for own in roles])
    if wrong:
        yield Naming(method="", unnamed=0, step=wilson_of(by_step, units), role=wilson_of(by_role, units))
    for method in sorted({claim.annotator for claim in claims}):
        named = {claim.record: claim for claim in claims if claim.annotator == method}
        steps, agents = np.full(len(wrong), np.nan), np.full(len(wrong), np.nan)
        for at, trace in enumerate(wrong):
            claim = named.get(trace.record)
            if claim is not None:
                acting = (own.role for own in marked[trace.record] if own.position == claim.position)
                steps[at] = trace.wrong is not None and claim.position == trace.wrong.position
                agents[at] = (claim.role or next(acting, "")) == trace.role if of_roles else np.nan
        unnamed = int(np.isnan(steps).sum())
        yield Naming(method=method, unnamed=unnamed, step=wilson_of(steps, units), role=wilson_of(agents, units))


def _repeats(steps: Sequence[Attempt]) -> int:
    """Attempts with the role, tool and input of an earlier one of the trace."""
    told = [(attempt.role, attempt.tool, attempt.input) for attempt in steps if attempt.input]
    return len(told) - len(set(told))


_COLUMNS = (
    Column(name="Attempts of", unit=Unit.TEXT, key="name"),
    Column(name="By", unit=Unit.TEXT, key="kind"),
    Column(name="Attempts", unit=Unit.COUNT, key="attempts"),
    Column(name="At risk", unit=Unit.COUNT, key="at_risk"),
    Column(name="First wrong", unit=Unit.COUNT, key="faults"),
    Column(name="Hazard", unit=Unit.SHARE, key="hazard"),
    Column(name="Ends well after it", unit=Unit.SHARE, key="recovered"),
)
_NAMINGS = (
    Column(name="Named by", unit=Unit.TEXT, key="method"),
    Column(name="Of", unit=Unit.COUNT),
    Column(name="The step", unit=Unit.SHARE, key="step"),
    Column(name="The role", unit=Unit.SHARE, key="role"),
    Column(name="Not named", unit=Unit.COUNT, key="unnamed"),
)
_ENDS = (
    Column(name="Question", unit=Unit.TEXT, key="question"),
    Column(name="Of", unit=Unit.COUNT),
    Column(name="Share", unit=Unit.SHARE, key="{question}"),
)


def attempts_sheet(view: AttemptsView) -> Sheet:
    """One row a role, tool and span of positions, then how traces end."""
    left = [
        f"{counted(count, view.noun)} {why}."
        for count, why in (
            (view.unmarked, "with attempts nobody marked"),
            (view.elsewhere, "marked and not in this run, or at a position without an attempt: left out"),
            (view.disagree, "whose first wrong attempt people do not agree on: left out"),
            (
                view.other_role,
                "in which people named another role than the one that acted there: counted at its last attempt before",
            ),
        )
        if count
    ]
    late = f"One whose first wrong attempt is number {view.no_return} or later does (point of no return)"
    rows = tuple(
        (row.name, row.kind, row.attempts, row.at_risk, row.faults, row.hazard, row.recovered) for row in view.groups
    )
    named = tuple((row.method or "chance", row.step.n, row.step, row.role, row.unnamed) for row in view.namings)
    questions = (
        ("An attempt that could be the first wrong one is it", view.hazard),
        (f"A {view.noun} with a wrong attempt ends well", view.recovered),
        *([(late, view.lost)] if view.no_return is not None else []),
        (f"A {view.noun} tries again what it tried before", view.repeating),
    )
    return Sheet(
        headline=f"First wrong attempts in {view.run} of {view.cascade}",
        parts=(
            f"{counted(view.n, view.noun)} looked through by {counted(view.annotators, 'annotator')}: "
            f"{view.faulty:,} with a first wrong attempt. Attempts behind it are not at risk.",
            Table(columns=_COLUMNS, rows=rows),
            Table(columns=_ENDS, rows=tuple((question, share.n, share) for question, share in questions)),
            *([Table(columns=_NAMINGS, rows=named)] if named else []),
            f"{view.repeats:,} of {view.attempts:,} attempts repeat an earlier one: same role, tool and input.",
            *left,
        ),
    )
