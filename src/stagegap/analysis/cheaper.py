"""Which stage may be cheaper: each candidate not worse at the end by a margin written before, then all together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.checks import CheckResult, CheckStatus, exit_code
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.stats.distributions import normal_quantile
from stagegap.stats.paired import Shift, shift_interval
from stagegap.stats.significance import holm, mean
from stagegap.stats.spread import Clusters, spread
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Sheet, Table

Floats = NDArray[np.float64]

ALPHA = 0.05
"""Chance, at most, that some candidate is accepted that loses more than the margin."""
ACCEPTED_AT = 0.04
"""Holm's p up to which one is accepted: with 0.05 the chance was 6% in simulations with uneven clusters."""
LEVEL = 1 - 2 * ALPHA
"""Of the intervals: each end of one is a one-sided limit of 95%."""
POWER = 0.8
COSTS = ("dollars", "tokens", "seconds", "minutes")
"""What a version costs, by record; the first that is known of both sides says which is cheaper. `minutes` are those of
people who answer anew what is not right at the end."""
_UNITS = {"dollars": Unit.MONEY, "tokens": Unit.NUMBER, "seconds": Unit.SECONDS, "minutes": Unit.NUMBER}
_WORDS = {"tokens": " tokens", "minutes": " minutes of labelling"}

Standing = Literal["not worse", "worse", "undecided", "too few", "not measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate beside the base, record by record of the base; NaN where either has no outcome."""

    run: str
    stages: tuple[str, ...]
    """Those that it has in another version."""
    before: Floats
    after: Floats
    """Outcomes; NaN also where the candidate's answer was known before the margin was written."""
    costs: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict[str, tuple[Floats, Floats]])
    """By kind of `COSTS`: of a record, before and after."""
    known_before: int = 0
    """Records left out because the candidate had answered them before the margin stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a person takes for an answer at the stage that is scored."""

    stage: str
    minutes: float
    """The median of active time."""
    n: int
    """Timed answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a record costs in both versions."""

    kind: str
    before: Estimate
    after: Estimate
    saved: Estimate
    """before minus after, paired; above 0 is cheaper."""

    @property
    def is_spent(self) -> bool:
        """One of the two costs something of this kind."""
        return bool(self.before.value or self.after.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A candidate, or all accepted ones together, in place of what the base has."""

    runs: tuple[str, ...]
    stages: tuple[str, ...]
    change: Estimate
    """Outcome after minus before, paired, with a 90% interval: its lower end is the one-sided limit of 95%."""
    p: float
    """One-sided, of the claim that it loses the margin or more; NaN where nothing was tested."""
    p_adjusted: float
    """Holm's, over all candidates; of all together the same as `p`: it is one further test."""
    p_worse: float
    """One-sided, of the claim that it loses the margin at most, adjusted in the same way."""
    standing: Standing
    costs: tuple[Cost, ...]
    known_before: int
    needed: int | None = None
    """Records that would decide an undecided one in 80% of cases, if it loses nothing."""

    @property
    def saving(self) -> Cost | None:
        """The first kind of cost that is known of both sides, and that one of them has."""
        return next((cost for cost in self.costs if cost.saved.is_measured and cost.is_spent), None)

    @property
    def is_cheaper(self) -> bool:
        """It saves something beyond chance, or nothing is known of what it costs."""
        return self.saving is None or self.saving.saved.low > 0

    @property
    def may_be_used(self) -> bool:
        return self.standing == "not worse" and self.is_cheaper


@dataclass(frozen=True, slots=True, kw_only=True)
class CheaperView:
    """Candidates for cheaper stages beside one base."""

    cascade: str
    base: str
    noun: str
    outcome_name: str
    margin: float | None
    """Share that the end may lose; None where no margin was written before any candidate ran."""
    margin_since: str
    """The first run whose file holds it; empty without one."""
    swaps: tuple[Swap, ...]
    joint: Swap | None
    """All that may be used, at once; None with fewer than two, or while it is not worked out."""
    together: tuple[str, ...]
    """Runs of the candidates that may be used at once: of each stage the one that saves most."""
    headline: str
    summary: str
    problems: tuple[str, ...]
    """Runs that were left out, and why, as sentences."""
    pace: Pace | None = None
    """What minutes of labelling rest on; None where too few answers were timed."""

    @property
    def exit_code(self) -> int:
        """1 where a candidate loses more than the margin, 5 where one is undecided or there is none, else 0."""
        return exit_code(results(self))


def results(view: CheaperView) -> tuple[CheckResult, ...]:
    """Each candidate, and all that may be used at once, as results of checks, for CI."""
    if not view.swaps:
        return (CheckResult(kind="cheaper", name="candidates", status="not measured", message=view.headline),)
    return tuple(_result(swap) for swap in (*view.swaps, *([view.joint] if view.joint else [])))


_STATUS: Mapping[Standing, CheckStatus] = {
    "not worse": "passed", "worse": "failed", "undecided": "too few", "too few": "too few",
    "not measured": "not measured",
}  # fmt: skip


def _result(swap: Swap) -> CheckResult:
    name = named(swap)
    change = swap.change.times(100) if swap.change.is_measured else swap.change
    return CheckResult(
        kind="cheaper",
        name=name,
        status=_STATUS[swap.standing],
        message=f"{name}: {says(swap)}",
        detail=f"{figures.figure(change, Unit.CHANGE)} points at the end, n = {swap.change.n:,}",
    )


def cheaper_view(
    trials: Sequence[Trial],
    units: Clusters,
    *,
    cascade: str,
    base: str,
    noun: str,
    outcome_name: str,
    margin: float | None,
    margin_since: str = "",
    problems: Sequence[str] = (),
    pace: Pace | None = None,
) -> CheaperView:
    """Hold each candidate to the margin; nothing is drawn, so the same input gives the same view.

    A candidate is accepted where its one-sided p, Holm's over all candidates, is at most 4%: so at most one in twenty
    such views accepts any candidate that loses the margin or more. All rest on whole clusters.
    """
    swaps = [_swap(trial, units, margin=margin) for trial in trials]
    tested = [place for place, swap in enumerate(swaps) if not math.isnan(swap.p)]
    adjusted = holm(np.array([swaps[place].p for place in tested])).tolist()
    worse = holm(np.array([swaps[place].p_worse for place in tested])).tolist()
    for place, p, p_worse in zip(tested, adjusted, worse, strict=True):
        swaps[place] = _standing(replace(swaps[place], p_adjusted=p, p_worse=p_worse))
    view = CheaperView(
        cascade=cascade,
        base=base,
        noun=noun,
        outcome_name=outcome_name,
        margin=margin,
        margin_since=margin_since,
        swaps=tuple(swaps),
        joint=None,
        together=_together(swaps),
        headline="",
        summary="",
        problems=tuple(problems),
        pace=pace,
    )
    return _worded(view)


def with_joint(view: CheaperView, trial: Trial, units: Clusters) -> CheaperView:
    """The view with all that may be used at once, tested as a whole by the same margin.

    Losses of single candidates do not add up to the loss of all: a stage may mend what another one breaks, or the other
    way round. It is one further test, so it is not adjusted.
    """
    joint = _swap(trial, units, margin=view.margin)
    joint = _standing(replace(joint, runs=view.together, p_adjusted=joint.p))
    return _worded(replace(view, joint=joint))


def _swap(trial: Trial, units: Clusters, *, margin: float | None) -> Swap:
    missing = np.isnan(trial.before) | np.isnan(trial.after)
    differences = np.where(missing, math.nan, np.round(trial.after - trial.before, 12))
    change = shift_interval(differences, units, level=LEVEL)
    if not change.is_measured and trial.known_before and missing.all():
        change = unmeasured("not measured: all its answers were known before a margin was written")
    shift = Shift.of(differences, units) if change.n >= ENOUGH_RECORDS else None
    p = p_worse = math.nan
    if shift is not None and margin is not None:
        p = shift.p_at_most(-margin)
        p_worse = 1 - p
    return Swap(
        runs=(trial.run,),
        stages=trial.stages,
        change=change,
        p=p,
        p_adjusted=math.nan,
        p_worse=p_worse,
        standing="too few" if change.is_measured and change.n < ENOUGH_RECORDS else "not measured",
        costs=tuple(_cost(kind, pair, units) for kind, pair in trial.costs.items()),
        known_before=trial.known_before,
        needed=None if shift is None or margin is None else _needed(shift, margin),
    )


def _cost(kind: str, pair: tuple[Floats, Floats], units: Clusters) -> Cost:
    lost = np.isnan(pair[0]) | np.isnan(pair[1])
    before, after = (np.where(lost, math.nan, values) for values in pair)
    return Cost(kind=kind, before=mean(before, units), after=mean(after, units), saved=mean(before - after, units))


def _needed(shift: Shift, margin: float) -> int:
    """Records in all by which a candidate that loses nothing is accepted in 80% of cases, as it varies here."""
    within = spread(shift.values, shift.codes)
    factor = normal_quantile(1 - ALPHA) + normal_quantile(POWER)
    # One that loses just the margin varies by that much at least, so fewer moves than that say no more.
    of_record = max(within.n * within.variance, margin * (1 - margin))
    return math.ceil(of_record * (factor / margin) ** 2 / 10) * 10


def _standing(swap: Swap) -> Swap:
    """What the evidence allows to say; a candidate without a p keeps why."""
    if math.isnan(swap.p_adjusted):
        return swap
    if swap.p_adjusted <= ACCEPTED_AT:
        return replace(swap, standing="not worse", needed=None)
    if swap.p_worse <= ACCEPTED_AT:
        return replace(swap, standing="worse", needed=None)
    is_enough = swap.needed is not None and swap.needed <= swap.change.n
    return replace(swap, standing="undecided", needed=None if is_enough else swap.needed)


def _together(swaps: Sequence[Swap]) -> tuple[str, ...]:
    """The runs that may be used at once: those that save most first, no stage twice."""
    usable = sorted((swap for swap in swaps if swap.may_be_used), key=lambda swap: (-_share_saved(swap), swap.runs))
    runs: list[str] = []
    stages: set[str] = set()
    for swap in usable:
        if stages.isdisjoint(swap.stages):
            runs += swap.runs
            stages.update(swap.stages)
    return tuple(runs)


def _share_saved(swap: Swap) -> float:
    """How much of what a record costs is saved; 0 where that is unknown."""
    cost = swap.saving
    return 0.0 if cost is None or not cost.before.value else cost.saved.value / cost.before.value


def _worded(view: CheaperView) -> CheaperView:
    return replace(view, headline=_headline(view), summary=_summary(view))


def _headline(view: CheaperView) -> str:
    """The decision in one sentence."""
    if not view.swaps:
        return f"No run to hold against {view.base}: no other version of a stage was run"
    if view.margin is None:
        return "No margin was written before the candidates ran, so nothing is decided"
    usable = {swap.runs[0]: swap for swap in view.swaps if swap.may_be_used}
    if not usable:
        return _nothing(view)
    chosen = [usable[run] for run in view.together]
    if len(chosen) == 1:
        swap = chosen[0]
        return (
            f"{sentence(named(swap))} may be cheaper: {_loss(swap, view.margin, 'it loses')}{_saves(swap, view.noun)}"
        )
    names = listed([named(swap) for swap in chosen])
    if view.joint is None:
        return f"{sentence(names)} may each be cheaper; whether all at once is not worked out"
    if view.joint.standing == "not worse":
        loss = _loss(view.joint, view.margin, "they lose")
        return f"{sentence(names)} may be cheaper, all at once: {loss}{_saves(view.joint, view.noun)}"
    either = " or ".join(named(swap) for swap in chosen)
    if not view.joint.change.is_measured:
        return f"{sentence(either)} may be cheaper; of all at once nothing is known: {view.joint.change.method}"
    lost = f"together they may lose {_limit(view.joint)} of the {_points(view.margin)} allowed"
    return f"{sentence(either)} may be cheaper, but not all at once: {lost}"


def _nothing(view: CheaperView) -> str:
    if any(swap.standing == "not worse" for swap in view.swaps):
        return "No stage may be cheaper: what is not worse saves nothing beyond chance"
    if all(swap.standing == "worse" for swap in view.swaps):
        return f"No stage may be cheaper: every candidate loses more than {_points(view.margin or 0)}"
    return "No stage may be cheaper by what is known: no candidate is proven not to lose more than " + _points(
        view.margin or 0
    )


def named(swap: Swap) -> str:
    """The stages of a candidate with its runs."""
    return f"{listed(swap.stages)} ({', '.join(swap.runs)})"


def _points(share: float) -> str:
    """Points of a margin, as written: 2, 0.5."""
    points = 100 * share
    return f"{points:g} {plural('point', 1 if points == 1 else 2)}"


def _limit(swap: Swap) -> str:
    """What may be lost at most, upwards to a tenth of a point, so that it is never printed smaller than it is."""
    return f"{figures.number(math.ceil(max(0.0, -100 * swap.change.low) * 10 - 1e-6) / 10, 1)} points"


def _loss(swap: Swap, margin: float, words: str) -> str:
    limit = f"{_limit(swap)} at the end, of {_points(margin)} allowed"
    return f"{words} at most {limit} (one-sided 95%, n = {swap.change.n:,})"


def _saves(swap: Swap, noun: str) -> str:
    cost = swap.saving
    if cost is None:
        return ""
    unit = _UNITS[cost.kind]
    amount = figures.printed(cost.saved.value, unit) + _WORDS.get(cost.kind, "")
    verb = "saves" if len(swap.runs) == 1 else "save"
    return f", and {verb} {amount} a {noun} ({figures.interval(cost.saved, unit)})"


def _summary(view: CheaperView) -> str:
    """What stands behind the decision: the margin and since when, what is left out, what would decide."""
    if not view.swaps:
        return "Change one stage, or write variants, then `stagegap run` or `stagegap tools overnight FILE`."
    if view.margin is None:
        return (
            "Write `targets: {outcome: {lose_at_most: 2}}` into the cascade file, then run the candidates: what a "
            "candidate answered before the margin stood decides nothing, because whoever has seen it can choose a "
            "margin that fits."
        )
    parts = [
        f"The margin of {_points(view.margin)} stood in the file when {view.margin_since} was run. "
        f"Judged by {view.outcome_name}, paired on the same {plural(view.noun, 2)}; accepted where p is at most 4% for "
        f"all {counted(len(view.swaps), 'candidate')} at once (Holm)."
    ]
    for swap in view.swaps:
        if swap.known_before:
            parts.append(
                f"{', '.join(swap.runs)}: {counted(swap.known_before, view.noun)} left out, answered before the margin "
                "was written."
            )
        if swap.standing == "undecided" and swap.needed is not None:
            parts.append(
                f"{', '.join(swap.runs)}: about {counted(swap.needed, view.noun)} in all would decide it if it loses "
                "nothing."
            )
    return " ".join(parts)


_COLUMNS = (
    Column(name="Version of", unit=Unit.TEXT, key="run", is_carried=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Points at the end", unit=Unit.CHANGE, key="points gained at the end"),
    Column(name="n", unit=Unit.COUNT),
    Column(name="Says", unit=Unit.TEXT),
    Column(name="Dollars", unit=Unit.MONEY, key="dollars a record"),
    Column(name="Dollars saved", unit=Unit.MONEY, key="dollars saved a record"),
    Column(name="Tokens", unit=Unit.NUMBER, key="tokens a record", spare=1),
    Column(name="Tokens saved", unit=Unit.NUMBER, key="tokens saved a record", spare=1),
    Column(name="Seconds", unit=Unit.SECONDS, key="seconds a record", spare=2),
    Column(name="Seconds saved", unit=Unit.SECONDS, key="seconds saved a record", spare=2),
    Column(name="Labelling minutes", unit=Unit.NUMBER, key="labelling minutes a record", spare=2),
    Column(name="Minutes saved", unit=Unit.NUMBER, key="labelling minutes saved a record", spare=2),
)


def cheaper_sheet(view: CheaperView) -> Sheet:
    """Each candidate with what the end loses and what a record costs; all that may be used at once come last."""
    rows = [*view.swaps, *([view.joint] if view.joint is not None else [])]
    return Sheet(
        headline=view.headline,
        parts=(
            view.summary,
            Table(
                columns=_COLUMNS,
                rows=tuple(_cells(swap) for swap in rows),
                strong=frozenset(
                    place
                    for place, swap in enumerate(rows)
                    if swap is view.joint or (swap.runs[0] in view.together and view.joint is None)
                ),
            ),
            f"Beside {view.base}. Intervals of the end are 90%, so that each end is a one-sided limit of 95%; those of "
            "costs 95%, of one record."
            if rows
            else "",
            _pace_said(view) if rows else "",
            *view.problems,
        ),
    )


def _pace_said(view: CheaperView) -> str:
    """What minutes of labelling rest on."""
    if view.pace is None:
        return "Minutes of labelling are not known: they rest on timed answers at the stage that is scored."
    return (
        f"Minutes of labelling: each {view.noun} that is not fully right at the end is answered anew by a labeller in "
        f"{figures.number(view.pace.minutes, 1)} minutes (median of {counted(view.pace.n, 'timed answer')} at "
        f"{view.pace.stage}, taken as it is: its own spread is in no interval)."
    )


def spent(swap: Swap) -> tuple[str, ...]:
    """What a record costs before and after, of each kind that is known and spent: `$0.030 to $0.003`."""
    return tuple(
        f"{figures.printed(cost.before.value, _UNITS[cost.kind])} to "
        f"{figures.printed(cost.after.value, _UNITS[cost.kind])}{_WORDS.get(cost.kind, '')}"
        for cost in swap.costs
        if all(each.is_measured for each in (cost.before, cost.after, cost.saved)) and cost.is_spent
    )


def _cells(swap: Swap) -> tuple[Entry, ...]:
    change = swap.change.times(100) if swap.change.is_measured else swap.change
    figure = Figure(estimate=change, p=swap.p, p_adj=swap.p_adjusted, verdict=swap.standing)
    costs = {cost.kind: cost for cost in swap.costs}
    cells: list[Entry] = [", ".join(swap.runs), " + ".join(swap.stages), figure, swap.change.n, says(swap)]
    for kind in COSTS:
        cost = costs.get(kind)
        cells += [None, None] if cost is None else [cost.after, cost.saved]
    return tuple(cells)


def says(swap: Swap) -> str:
    """The decision on a candidate in a word or two."""
    if swap.standing == "not worse" and not swap.is_cheaper:
        return "not worse, and not cheaper"
    return swap.standing
