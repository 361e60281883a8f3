"""What people's answers in place of a stage's would change at the end: outcomes of person swaps -> gains and harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.changes import Claim, claim_sentence, claimed, claims, not_claimed
from stagegap.analysis.coalitions import TOTAL, Coalitions, harm_sentence, pair_sentences
from stagegap.attribution.shapley import Harm, PairTable
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, listed, why_missing
from stagegap.people.references import Place, Respondent, settled
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Inputs that nobody has answered yet."""

    stage: str
    after: tuple[str, ...]
    """Stages before it at which people answer; empty for what the stage received in the run."""
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStage:
    """What a person at one stage would change."""

    stage: str
    people: int
    """Whose answers stand for people here."""
    answered: int
    """Records whose input in the run somebody has answered."""
    alone: Claim
    """The gain when a person answers here and the system everywhere else."""
    fixed: int
    """Records that became good (for an outcome without a bar: rose)."""
    broken: int
    harm: Harm | None
    """The good records that a person here makes bad; None where nobody answered."""
    share: Claim
    """Shapley value: mean gain over all orders in which people take over the stages that they answered."""
    banzhaf: Estimate
    """Banzhaf value: mean gain over all sets of other stages at which people answer; does not add up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPair:
    """People at two stages: what they change alone and together."""

    earlier: str
    later: str
    table: PairTable
    together: Claim
    """Gain of both minus the gains of each alone: above 0, they pay only together; below, one makes the other idle."""
    interaction: Estimate
    """Shapley interaction: the same, averaged over the sets of the other stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSwaps:
    """People in place of stages, one run, each answering what the stage received there."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
    players: tuple[str, ...]
    """Stages at which somebody answered."""
    n: int
    """Records with an outcome in every set of stages that was run; the figures over all sets rest on these."""
    system: Estimate
    """The outcome on them; on all records where nobody answered."""
    people: Estimate
    """The outcome on them with people at every stage that they answered."""
    total: Claim
    stages: tuple[PersonStage, ...]
    pairs: tuple[PersonPair, ...]
    unanswered: tuple[Unanswered, ...]
    no_target: int
    """Records whose answer at the outcome's stage can't be scored, because nobody else said what is right there."""
    sentence: str
    orders: int | None
    """Orders sampled; None when every set was run."""
    resamples: int
    seed: int
    tolerance: float | None = None
    """By how much a Shapley value may be off because orders were sampled, in shares; None when none or too few were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleAt:
    """Who answers, and the sets of stages that were run."""

    players: tuple[str, ...]
    masks: tuple[int, ...]
    orders: tuple[tuple[int, ...], ...]
    respondents: Mapping[Place, Respondent]
    answered: Mapping[str, int]
    """By stage: records whose input in the run somebody has answered."""
    unanswered: tuple[Unanswered, ...]


def without_own(evidence: ev.Evidence, respondents: Mapping[Place, Respondent]) -> ev.Evidence:
    """The evidence in which nobody's answer at the outcome's stage is held to their own label.

    Each such record's reference is the adjudicated one, or what the labels of all other people settle to; where there
    is none, the record has no reference. The system is then held to the same.
    """
    stage = evidence.cascade.outcome.stage
    kind = evidence.cascade.stage(stage).output.kind
    references = dict(evidence.references)
    for (record, at), respondent in respondents.items():
        reference = references.get((record, at))
        if at != stage or reference is None or reference.settled == "adjudicated":
            continue
        others = [label for name, label in evidence.labels.get((record, at), {}).items() if name != respondent.name]
        if others:
            references[record, at] = settled(others, kind)
        else:
            del references[record, at]
    return replace(evidence, references=references)


def person_swaps(
    evidence: ev.Evidence,
    people: PeopleAt,
    outcomes: Mapping[int, Floats],
    fair: Mapping[int, Floats],
    *,
    resamples: int = RESAMPLES,
) -> PersonSwaps:
    """Compare the outcome with people at each set of stages with the system's, on the same records.

    `outcomes` holds each record's outcome by set, `fair` the same held to the targets of `without_own`: whatever
    swaps the outcome's own stage rests on those. NaN where somebody's answer is still missing.
    """
    sides = {is_fair: _coalitions(people, table) for is_fair, table in ((False, outcomes), (True, fair))}
    end = evidence.cascade.outcome.stage
    bar = ev.good_from(evidence)
    whole = replace(sides[end in people.players], table=sides[end in people.players].complete)
    columns = whole.columns() if people.players else {}
    columns |= {"system": whole.table[0], "people": whole.table[-1]}
    for i, name in enumerate(people.players):
        columns[f"alone {name}"] = _alone(sides[name == end], i)
    pairs = _pairs_of(people, sides, end, bar)
    columns |= {f"pair {i} {j}": four.together for (i, j), four in pairs.items()}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    alone = _claims(drawn, people.players, "alone")
    shares = _claims(drawn, people.players, "share")
    view = PersonSwaps(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        outcome_name=ev.outcome_name(evidence.cascade),
        players=people.players,
        n=int((~np.isnan(columns["system"])).sum()),
        system=drawn.mean("system"),
        people=_lacking(drawn.mean("people"), people),
        total=_claims(drawn, (TOTAL,), "")[TOTAL] if people.players else not_claimed(_nobody()),
        stages=tuple(
            _stage(evidence, people, sides[name == end], drawn, alone, shares, name, bar=bar)
            for name in evidence.cascade.names
        ),
        pairs=_pairs(people, drawn, pairs),
        unanswered=people.unanswered,
        no_target=_no_target(evidence, outcomes, fair, people),
        sentence="",
        orders=len(people.orders) or None,
        resamples=resamples,
        seed=evidence.seed,
        tolerance=whole.tolerance(),
    )
    return replace(view, sentence=_sentence(view))


def _coalitions(people: PeopleAt, table: Mapping[int, Floats]) -> Coalitions:
    rows = np.stack([table[mask] for mask in people.masks])
    return Coalitions(players=people.players, masks=people.masks, orders=people.orders, table=rows)


def _alone(side: Coalitions, player: int) -> Floats:
    fixed = side.outcome(1 << player)
    return side.table[0] * np.nan if fixed is None else fixed - side.table[0]


@dataclass(frozen=True, slots=True)
class _Four:
    """Two stages whose four cells were run."""

    table: PairTable
    together: Floats


def _pairs_of(people: PeopleAt, sides: Mapping[bool, Coalitions], end: str, bar: float) -> dict[tuple[int, int], _Four]:
    """The pairs of stages whose four cells were run, each by the outcomes that it is held to."""
    pairs: dict[tuple[int, int], _Four] = {}
    for i, j in combinations(range(len(people.players)), 2):
        side = sides[end in (people.players[i], people.players[j])]
        cells, table = side.four(i, j), side.pair(i, j, bar=bar)
        if cells is not None and table is not None:
            neither, first, second, both = cells
            pairs[i, j] = _Four(table, both - first - second + neither)
    return pairs


def _claims(drawn: Resamples, names: Sequence[str], kind: str) -> Mapping[str, Claim]:
    wanted = {name: f"{kind} {name}".strip() for name in names}
    return claims(drawn, wanted) if wanted else {}


def _stage(
    evidence: ev.Evidence,
    people: PeopleAt,
    side: Coalitions,
    drawn: Resamples,
    alone: Mapping[str, Claim],
    shares: Mapping[str, Claim],
    stage: str,
    *,
    bar: float,
) -> PersonStage:
    names = {respondent.name for (_, at), respondent in people.respondents.items() if at == stage}
    answered = people.answered.get(stage, 0)
    if stage not in people.players:
        nothing = (
            unmeasured(f"not measured: {reason}") if (reason := not_swapped(evidence.cascade, stage)) else _nobody()
        )
        return PersonStage(
            stage=stage, people=len(names), answered=answered, alone=not_claimed(nothing), fixed=0, broken=0,
            harm=None, share=not_claimed(nothing), banzhaf=nothing,
        )  # fmt: skip
    change = drawn.columns[f"alone {stage}"]
    return PersonStage(
        stage=stage,
        people=len(names),
        answered=answered,
        alone=alone[stage],
        fixed=int((change > 1e-9).sum()),
        broken=int((change < -1e-9).sum()),
        harm=side.harm(people.players.index(stage), evidence.records, bar=bar),
        share=replace(shares[stage], change=_lacking(shares[stage].change, people)),
        banzhaf=_over_sets(drawn, f"banzhaf {stage}", people),
    )


def _pairs(people: PeopleAt, drawn: Resamples, pairs: Mapping[tuple[int, int], _Four]) -> tuple[PersonPair, ...]:
    pair_claims = claims(drawn, {f"{i} {j}": f"pair {i} {j}" for i, j in pairs})
    return tuple(
        PersonPair(
            earlier=people.players[i],
            later=people.players[j],
            table=four.table,
            together=pair_claims[f"{i} {j}"],
            interaction=_over_sets(drawn, f"both {i} {j}", people),
        )
        for (i, j), four in pairs.items()
    )


def _over_sets(drawn: Resamples, column: str, people: PeopleAt) -> Estimate:
    if column not in drawn.columns:
        return unmeasured("not measured: orders were sampled")
    return _lacking(drawn.contrast({column: 1.0}), people)


def not_swapped(cascade: Cascade, stage: str) -> str:
    """Why nobody can stand in the place of a stage, whatever was answered there; empty where somebody can."""
    each = cascade.stage(stage).each
    if each is None:
        return ""
    return f"{stage} is asked about single items of {each}, and labellers' answers to these are not put in its place"


def _nobody() -> Estimate:
    return unmeasured("not measured: nobody has answered what this stage received")


def _lacking(estimate: Estimate, people: PeopleAt) -> Estimate:
    """Say why there is no number: no record is answered in every set."""
    if not people.players:
        return _nobody()
    if estimate.n:
        return estimate
    stages = listed(list(people.players))
    return unmeasured(f"not measured: no record has labellers' answers at {stages} to everything that comes to them")


def _no_target(
    evidence: ev.Evidence, outcomes: Mapping[int, Floats], fair: Mapping[int, Floats], people: PeopleAt
) -> int:
    end = evidence.cascade.outcome.stage
    if end not in people.players:
        return 0
    mask = 1 << people.players.index(end)
    if mask not in outcomes:
        return 0
    return int((~np.isnan(outcomes[mask]) & np.isnan(fair[mask])).sum())


def _sentence(view: PersonSwaps) -> str:
    if not view.players:
        return "Not measured: nobody has answered what a stage of this run received."
    answered = [row for row in view.stages if row.stage in view.players]
    return " ".join(f"A labeller at {claim_sentence(row.stage, row.alone, noun=view.noun)}." for row in answered)


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Labellers", unit=Unit.COUNT, spare=1),
    Column(name="Answered", unit=Unit.COUNT, spare=5),
    Column(name="Alone", unit=Unit.POINTS, key="alone"),
    Column(name="Fixed", unit=Unit.COUNT, spare=4),
    Column(name="Broken", unit=Unit.COUNT, spare=3),
    Column(name="Harm", unit=Unit.SHARE, key="harm"),
    Column(name="Shapley", unit=Unit.POINTS, key="shapley"),
    Column(name="Banzhaf", unit=Unit.POINTS, key="banzhaf", spare=2),
    Column(name="Verdict", unit=Unit.TEXT),
)
_WHOLE = (
    Column(name="System", unit=Unit.SHARE, key="system"),
    Column(name="Labellers at all of them", unit=Unit.SHARE, key="people"),
    Column(name="In all", unit=Unit.POINTS, key="total"),
)
_PAIRS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="With", unit=Unit.TEXT, key="earlier"),
    Column(name="Both minus each alone", unit=Unit.POINTS, key="together with {earlier}"),
    Column(name="Verdict", unit=Unit.TEXT),
    Column(name="Over all sets", unit=Unit.POINTS, key="interaction with {earlier}"),
)


def person_swaps_sheet(view: PersonSwaps) -> Sheet:
    """What a person at each stage changes at the end, how stages hang together, and whom it harms."""
    many = counted(view.no_target, view.noun)
    return Sheet(
        headline=view.sentence,
        parts=(
            Table(columns=_COLUMNS, rows=tuple(_stage_cells(row) for row in view.stages)),
            f"Labellers at {listed(list(view.players))}: {view.outcome_name}, {counted(view.n, view.noun)}."
            if view.people.is_measured
            else "",
            Table(columns=_WHOLE, rows=((view.system, view.people, claimed(view.total)),)),
            f"Shapley values over {figures.orders_walked(view.orders, view.tolerance)}." if view.orders else "",
            *(
                line
                for pair in view.pairs
                for line in pair_sentences(pair.earlier, pair.later, pair.table, noun=view.noun)
            ),
            Table(
                columns=_PAIRS,
                rows=tuple(
                    (pair.later, pair.earlier, claimed(pair.together), pair.together.verdict, pair.interaction)
                    for pair in view.pairs
                ),
            ),
            *(
                harm_sentence(row.stage, row.harm, noun=view.noun, who="A labeller at")
                for row in view.stages
                if row.harm is not None
            ),
            f"{many}: nobody else has said what is right at the end." if view.no_target else "",
            *why_missing((row.stage, gain) for row in view.stages for gain in (row.alone.change, row.share.change)),
            *(_waiting(unanswered, view.noun) for unanswered in view.unanswered),
        ),
    )


def _stage_cells(row: PersonStage) -> tuple[Entry, ...]:
    moved = (row.fixed, row.broken) if row.alone.change.is_measured else (None, None)
    harm = None if row.harm is None else row.harm.rate
    alone, share = claimed(row.alone), claimed(row.share)
    return row.stage, row.people, row.answered, alone, *moved, harm, share, row.banzhaf, row.alone.verdict


def _waiting(unanswered: Unanswered, noun: str) -> str:
    after = f" after labellers at {listed(list(unanswered.after))}" if unanswered.after else ""
    many = counted(len(unanswered.records), noun)
    return f"{unanswered.stage}: nobody has answered what it receives{after} for {many}."
