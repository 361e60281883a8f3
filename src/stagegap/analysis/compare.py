"""Two runs of one cascade, paired on the records that are the same in both, as figures and in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.changes import (
    OUTCOME,
    ChangeLists,
    Claim,
    Comparison,
    Flips,
    StageChange,
    claim_sentence,
    claimed,
    claims,
    doubt,
    no_change,
    not_claimed,
)
from stagegap.analysis.paired_records import Shared, Side, change_lists, flips, shared
from stagegap.analysis.runs import run_differences
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import PairPopulation
from stagegap.model.wording import counted, listed, metric_title, plural, sentence
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Rests, Sheet, Table


def headline(view: Comparison) -> str:
    """Say what became of the outcome, and of the stages where that would go unseen."""
    claim = view.outcome.claim
    change = claim.change
    if not view.outcome.is_compared:
        return f"The outcomes of {view.before} and {view.after} can't be compared{_moved(view.stages)}"
    if not change.is_measured:
        return f"{sentence(change.method)}{_moved(view.stages)}"
    if claim.verdict == "too few":
        return f"Too few to read: {change.n} of {ENOUGH_RECORDS} {plural(view.noun, 2)}"
    if claim.verdict == "tied":
        if claim.is_settled:
            return f"{view.after} gives the same answers as {view.before}{_moved(view.stages)}"
        between = f"No measurable difference between {view.before} and {view.after}"
        return f"{between} (n = {change.n:,}{doubt(claim)}){_moved(view.stages)}"
    word = "better" if claim.verdict == "improved" else "worse"
    points = figures.percent(change.value)
    return (
        f"{view.after} is {word} than {view.before}: {figures.signed(points)} {plural('point', abs(points))}"
        f" ({figures.interval(change)})"
    )


def _moved(stages: tuple[StageChange, ...]) -> str:
    """Name the stages that moved although the outcome says nothing, the worse ones first."""
    worse = [row.stage for row in stages if row.claim.verdict == "regressed"]
    better = [row.stage for row in stages if row.claim.verdict == "improved"]
    parts = [f"{listed(names)} {_is(names)} {word}" for names, word in ((worse, "worse"), (better, "better")) if names]
    return f", but {listed(parts)}" if parts else ""


def summary(view: Comparison) -> str:
    """What the comparison rests on, and each stage that says something; the others by name."""
    both = counted(view.n, view.noun)
    n = view.outcome.claim.change.n
    part = f", of which {n:,} {'has' if n == 1 else 'have'} a score at the end" if 0 < n < view.n else ""
    start = f"Paired on {both}{part}, judged by {view.outcome_name}."
    moved = [row for row in view.stages if row.claim.verdict in ("improved", "regressed")]
    still = [row for row in view.stages if row.is_compared and row.claim.verdict == "tied"]
    same = [row.stage for row in still if row.claim.is_settled]
    tied = [row.stage for row in still if not row.claim.is_settled]
    few = [row.stage for row in view.stages if row.is_compared and row.claim.verdict == "too few"]
    parts = [f"{row.sentence}." for row in moved]
    parts += [f"Nothing changed at {listed(same)}: every output is the same."] if same else []
    parts += [f"No measurable difference at {listed(tied)}."] if tied else []
    parts += [f"Too few to read at {listed(few)}."] if few else []
    return " ".join([start, *parts, Rests.of_outcome(view.outcome_name)])


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A stage, or the outcome, that both runs have a score of."""

    name: str
    stage: str
    """The stage whose output is scored."""
    metric: str
    bar: float
    raw: Pair
    """Scores before the outcome's bar: what the lists are ordered by."""
    scores: Pair
    """What the means are of: only records that have a score in both."""


def compare(
    before: Side, after: Side, *, seed: int, resamples: int = RESAMPLES, whole: PairPopulation | None = None
) -> Comparison:
    """Compare two runs; the same input and seed give the same view.

    All figures rest on the records that both runs saw with the same content and the same references, and each row on
    those that have its score in both. All intervals come from the same resamples of whole clusters. Where anything
    but the system differs there is no headline until the offer is taken: see `accept`. `whole` counts all records where
    the sides hold those alone that somebody labelled.
    """
    both = shared(before, after, whole)
    places = _places(both)
    drawn = _resampled(both, places, seed=seed, resamples=resamples)
    stage_claims = _claims(both, places, drawn)
    cascade = after.evidence.cascade
    stages = tuple(_stage(both, places, drawn, stage_claims, name) for name in _all_stages(both))
    view = Comparison(
        cascade=cascade.name,
        before=before.run.name,
        after=after.run.name,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        n=both.n,
        refusal=both.refusal,
        is_accepted=False,
        headline="",
        summary="",
        outcome=_stage(both, places, drawn, stage_claims, OUTCOME),
        stages=stages,
        lists=tuple(_lists(both, place) for place in places.values()),
        config=run_differences(before.run, after.run),
        claims=sum(not math.isnan(claim.p) for claim in stage_claims.values()),
        resamples=resamples,
        seed=seed,
    )
    return view if view.refusal is not None else _headed(view)


def accept(view: Comparison) -> Comparison:
    """Take a refusal's offer: the headline, on the shared records. Raises: ValueError when nothing was offered."""
    if view.refusal is None or not view.refusal.offer:
        raise ValueError("this comparison offers no smaller one")
    return replace(_headed(view), is_accepted=True)


def _headed(view: Comparison) -> Comparison:
    return replace(view, headline=headline(view), summary=summary(view))


def _places(both: Shared) -> Mapping[str, _Place]:
    """The outcome first, then the comparable stages."""
    a, b = both.before.evidence, both.after.evidence
    outcome = b.cascade.outcome
    places: dict[str, _Place] = {}
    if both.has_same_outcome:
        places[OUTCOME] = _Place(
            name=OUTCOME,
            stage=outcome.stage,
            metric=outcome.metric,
            bar=ev.score_bar(b, outcome.stage, b.outcome),
            raw=_paired((ev.raw_outcomes(a, ev.SYSTEM), ev.raw_outcomes(b, ev.SYSTEM))),
            scores=_paired((ev.outcome_scores(a, ev.SYSTEM), ev.outcome_scores(b, ev.SYSTEM))),
        )
    for name in both.stages:
        scores = _paired((ev.stage_scores(a, name, ev.SYSTEM), ev.stage_scores(b, name, ev.SYSTEM)))
        by = b.metrics[name]
        places[name] = _Place(
            name=name,
            stage=name,
            metric=by.name,
            bar=ev.score_bar(b, name, by),
            raw=scores,
            scores=scores,
        )
    return places


def _paired(pair: Pair) -> Pair:
    missing = np.isnan(pair[0]) | np.isnan(pair[1])
    return np.where(missing, math.nan, pair[0]), np.where(missing, math.nan, pair[1])


def _resampled(both: Shared, places: Mapping[str, _Place], *, seed: int, resamples: int) -> Resamples:
    a, b = both.before.evidence, both.after.evidence
    columns: dict[str, Floats] = {}
    for name, place in places.items():
        was, now = place.scores
        columns |= {f"before {name}": was, f"after {name}": now, f"change {name}": _change(was, now)}
        if name != OUTCOME:
            columns[f"alone {name}"] = _change(*_paired((ev.alone_scores(a, name), ev.alone_scores(b, name))))
    return resample(columns, b.units, rng=np.random.default_rng(seed), resamples=resamples)


def _change(was: Floats, now: Floats) -> Floats:
    """Differences in which equal fractions are equal: 0.9 - 0.8 and 0.8 - 0.7."""
    return np.round(now - was, 12)


def _claims(both: Shared, places: Mapping[str, _Place], drawn: Resamples) -> dict[str, Claim]:
    """A claim for each place; places where every output is the same are settled and counted in no correction."""
    n = both.n
    same = {name for name, place in places.items() if n and both.pair(place.stage).same == n}
    open_ = {name: f"change {name}" for name in places if name not in same}
    stage_claims = claims(drawn, open_)
    return {name: no_change(n, "every output is the same") if name in same else stage_claims[name] for name in places}


def _all_stages(both: Shared) -> list[str]:
    old, new = both.before.evidence.cascade.names, both.after.evidence.cascade.names
    return [*new, *(name for name in old if name not in new)]


def _stage(
    both: Shared, places: Mapping[str, _Place], drawn: Resamples, stage_claims: Mapping[str, Claim], name: str
) -> StageChange:
    if name not in places:
        return _not_compared(both, name)
    place, claim = places[name], stage_claims[name]
    tally = both.pair(place.stage)
    return StageChange(
        stage=name,
        metric=metric_title(place.metric),
        is_compared=True,
        before=drawn.mean(f"before {name}"),
        after=drawn.mean(f"after {name}"),
        claim=claim,
        alone=_alone(both, drawn, name),
        flips=flips(*place.raw, bar=place.bar),
        same=tally.same,
        infrastructure_before=tally.infrastructure[0],
        infrastructure_after=tally.infrastructure[1],
        sentence=claim_sentence(name, claim, noun=both.after.evidence.cascade.noun),
    )


def _alone(both: Shared, drawn: Resamples, name: str) -> Estimate:
    if name == OUTCOME:
        return unmeasured("not measured: the outcome")
    sides = (both.before.evidence, both.after.evidence)
    unknown = max((ev.unknown_alone(side, name) for side in sides), key=len)
    return unmeasured(unknown) if unknown else drawn.contrast({f"alone {name}": 1.0})


def _not_compared(both: Shared, name: str) -> StageChange:
    old, new = both.before.evidence.cascade, both.after.evidence.cascade
    if name == OUTCOME:
        why = "the two runs are judged by different outcomes"
    elif name not in old.names:
        why = f"only {both.after.run.name} has it"
    elif name not in new.names:
        why = f"only {both.before.run.name} has it"
    else:
        why = "its type or its metric differs"
    nothing: Estimate = unmeasured(f"not compared: {why}")
    return StageChange(
        stage=name,
        metric="",
        is_compared=False,
        before=nothing,
        after=nothing,
        claim=not_claimed(nothing),
        alone=nothing,
        flips=Flips(stayed_right=0, broken=0, fixed=0, stayed_wrong=0),
        same=0,
        infrastructure_before=0,
        infrastructure_after=0,
        sentence=f"{name}: not compared, {why}",
    )


def _lists(both: Shared, place: _Place) -> ChangeLists:
    return change_lists(
        place.name,
        stage=place.stage,
        sides=(both.before.evidence, both.after.evidence),
        scores=place.raw,
        bar=place.bar,
    )


_WORST = 10
"""Records that got worse that a screen shows."""


def comparison_sheet(view: Comparison) -> Sheet:
    """What got better and worse, a row a stage; the records that got worse; the settings that differ.

    A comparison that is refused says why, and shows no figure.
    """
    if view.refusal is not None and not view.is_accepted:
        return Sheet(
            headline=f"{view.before} and {view.after} can't be compared as they are",
            parts=(*view.refusal.reasons, view.refusal.offer),
        )
    return Sheet(
        headline=view.headline,
        parts=(
            view.summary,
            Table(
                columns=(
                    Column(name="Stage", unit=Unit.TEXT, key="stage"),
                    Column(name=view.before, unit=Unit.SHARE, key="before"),
                    Column(name=view.after, unit=Unit.SHARE, key="after"),
                    Column(name="Change", unit=Unit.POINTS, key="change"),
                    Column(name="n", unit=Unit.COUNT, spare=1),
                    Column(name="Fixed", unit=Unit.COUNT, key="fixed", is_carried=True),
                    Column(name="Broken", unit=Unit.COUNT, key="broken", is_carried=True),
                    Column(name="Verdict", unit=Unit.TEXT),
                ),
                rows=tuple(_change_cells(row) for row in (view.outcome, *view.stages)),
                strong=frozenset([0]),
            ),
            *_worst(view),
            Table(
                title="Differences",
                columns=(
                    Column(name="Key", unit=Unit.TEXT),
                    Column(name=view.before, unit=Unit.TEXT, is_cut=True),
                    Column(name=view.after, unit=Unit.TEXT, is_cut=True),
                ),
                rows=tuple(
                    (change.path, None, "line by line below")
                    if change.lines
                    else (change.path, change.before or None, change.after or None)
                    for change in view.config
                ),
            ),
            *(f"\n{change.path}\n{change.lines}" for change in view.config if change.lines),
            "" if view.config else "No setting differs. Code and prompts may: see the commits.",
        ),
    )


def _change_cells(row: StageChange) -> tuple[Entry, ...]:
    if not row.is_compared or not row.claim.change.is_measured:
        return row.stage, row.before, row.after, claimed(row.claim), None, None, None, "not compared"
    change = row.claim.change
    flips = (row.flips.fixed, row.flips.broken)
    return row.stage, row.before, row.after, claimed(row.claim), change.n, *flips, row.claim.word


def worst_list(view: Comparison) -> ChangeLists | None:
    """The records that got worse at the end, or else at the first stage where some did."""
    return next((changes for changes in view.lists if changes.worse), None)


def _worst(view: Comparison) -> tuple[Table, ...]:
    changes = worst_list(view)
    if changes is None:
        return ()
    return (
        Table(
            title=f"Got worse at {changes.stage}: {changes.n_worse:,}",
            columns=(
                Column(name="Record", unit=Unit.TEXT),
                Column(name="Score", unit=Unit.TEXT),
                Column(name=view.before, unit=Unit.TEXT, is_cut=True, is_record=True),
                Column(name=view.after, unit=Unit.TEXT, is_cut=True, is_record=True),
            ),
            rows=tuple(
                (
                    row.record,
                    f"{figures.share(row.score_before)} → {figures.share(row.score_after)}",
                    row.before,
                    row.after,
                )
                for row in changes.worse
            ),
            most=_WORST,
        ),
    )
