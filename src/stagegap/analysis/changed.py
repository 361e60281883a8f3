"""Which stages the difference between two versions comes from, as contributions and in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.changes import (
    Claim,
    PairEffect,
    StageShare,
    WhatChanged,
    claim_sentence,
    claimed,
    claims,
    no_change,
)
from stagegap.analysis.coalitions import TOTAL, Coalitions, SwapPlan, harm_sentence, pair_sentences
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.attribution.shapley import Harm
from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.stats.spread import clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table


def headline(view: WhatChanged, cascade: Cascade) -> str:
    """The difference with the stages that it comes from: only those that can be told from no change."""
    total = view.total
    if not total.change.is_measured:
        return sentence(total.change.method)
    if total.verdict == "too few":
        return f"Too few to read: {total.change.n} of {ENOUGH_RECORDS} {plural(view.noun, 2)}"
    changed = [row for row in view.stages if row.status == "changed"]
    if not changed:
        return "No stage that reaches the outcome changed"
    points, parts_of = figures.percent(total.change.value), view.printed
    told_of = [row for row in changed if row.claim.verdict in ("improved", "regressed")]
    named = [(row, parts_of[row.stage]) for row in told_of]
    named.sort(key=lambda pair: (-abs(pair[0].claim.change.value), pair[0].stage))
    parts = [f"{figures.signed(part)} from {row.stage}{_why(view, cascade, row)}" for row, part in named]
    start = f"{figures.signed(points)} {plural('point', abs(points))}"
    if total.verdict == "tied":
        nothing = f"No measurable difference (n = {total.change.n:,})"
        return f"{nothing}, but {', '.join(parts)}" if parts else nothing
    return f"{start}: {', '.join(parts)}" if parts else f"{start}, and no stage stands out"


def _why(view: WhatChanged, cascade: Cascade, row: StageShare) -> str:
    """Say on which other change a contribution depends, where the interaction is beyond doubt."""
    pairs = [pair for pair in view.pairs if pair.later == row.stage and pair.earlier in cascade.ancestors(row.stage)]
    used = [pair for pair in pairs if pair.is_used_to_old]
    if used:
        return f", which had got used to the old {min(used, key=lambda pair: pair.claim.change.value).earlier}"
    needs = [pair for pair in pairs if pair.claim.verdict == row.claim.verdict == "improved" and pair.with_old.low <= 0]
    if needs:
        return f", which pays only with the new {max(needs, key=lambda pair: pair.claim.change.value).earlier}"
    return ""


def summary(view: WhatChanged) -> str:
    """Every contribution with its interval, and what did not change."""
    changed = [row for row in view.stages if row.status == "changed"]
    same = [row.stage for row in view.stages if row.status != "changed"]
    points = view.printed
    parts = [
        f"{claim_sentence(row.stage, row.claim, noun=view.noun, points=points.get(row.stage))}." for row in changed
    ]
    parts += [f"{claim_sentence('in all', view.total, noun=view.noun)}."] if changed else []
    parts += [f"{sentence(listed(same))} {'is' if len(same) == 1 else 'are'} the same or can't matter."] if same else []
    parts += [f"{view.left_out:,} {plural(view.noun, view.left_out)} left out for lack of an outcome."] * bool(
        view.left_out
    )
    return " ".join(parts)


Floats = NDArray[np.float64]


def cell_outcomes(evidence: ev.Evidence, outputs: Mapping[str, Output]) -> Floats:
    """The outcome of each record of `evidence` from the outcome stage's outputs in one mixture, by record."""
    placed = replace(evidence, outputs={(str(SYSTEM), evidence.cascade.outcome.stage): outputs})
    return ev.outcome_scores(placed, SYSTEM)


def what_changed(
    plan: SwapPlan,
    outcomes: Mapping[Cell, Floats],
    records: Sequence[Record],
    cascade: Cascade,
    *,
    before: str,
    after: str,
    seed: int,
    bar: float = 1.0,
    resamples: int = RESAMPLES,
) -> WhatChanged:
    """Share the difference of the outcome among the changed stages; the same input and seed give the same view.

    `outcomes` holds the outcome of each record in every cell of the plan, its start and its end; NaN where there is
    none. `bar` is the outcome from which a record is good. Contributions are computed record by record on the records
    that have all of them, so that they add up to the total and all intervals come from the same resamples of whole
    clusters.
    Raises: ValueError when the plan has a problem or a cell has no outcomes.
    """
    missing = [str(cell) for cell in (plan.start, *plan.cells, plan.end) if cell not in outcomes]
    if plan.problem or missing:
        raise ValueError(plan.problem or f"there are no outcomes of {', '.join(missing)}")
    table = np.stack([outcomes[cell] for _, cell in plan.coalitions])
    lost = np.isnan(table).any(axis=0)
    values = Coalitions(
        players=plan.players,
        masks=tuple(mask for mask, _ in plan.coalitions),
        orders=plan.orders,
        table=np.where(lost, np.nan, table),
    )
    columns = values.columns()
    units = clusters(record.unit for record in records)
    drawn = resample(columns, units, rng=np.random.default_rng(seed), resamples=resamples)
    n = int((~lost).sum())
    stage_claims = _claims(plan, drawn, n)
    harms = {name: values.harm(i, records, bar=bar) for i, name in enumerate(plan.players)}
    shares = tuple(_share(plan, values, drawn, stage_claims, harms.get(name), name, n) for name in cascade.names)
    view = WhatChanged(
        cascade=cascade.name,
        before=before,
        after=after,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        n=n,
        left_out=int(lost.sum()),
        total=stage_claims[TOTAL],
        stages=shares,
        pairs=_pairs(plan, values, drawn, stage_claims, bar=bar),
        headline="",
        summary="",
        orders=len(plan.orders) or None,
        resamples=resamples,
        seed=seed,
        tolerance=values.tolerance(),
    )
    return replace(view, headline=headline(view, cascade), summary=summary(view))


def _claims(plan: SwapPlan, drawn: Resamples, n: int) -> dict[str, Claim]:
    if not plan.players:
        return {TOTAL: no_change(n, "no stage that reaches the outcome changed")}
    wanted = {TOTAL: TOTAL} | {name: f"share {name}" for name in plan.players}
    return claims(drawn, wanted)


def _share(
    plan: SwapPlan,
    values: Coalitions,
    drawn: Resamples,
    stage_claims: Mapping[str, Claim],
    harmed: Harm | None,
    name: str,
    n: int,
) -> StageShare:
    if name not in plan.players:
        stays = name in plan.unchanged
        claim = no_change(n, "the stage is the same in both" if stays else "the stage does not reach the outcome")
        return StageShare(
            stage=name,
            status="unchanged" if stays else "does not reach the outcome",
            claim=claim,
            alone=claim.change,
            last=claim.change,
            fixed=0,
            broken=0,
        )
    steps = values.steps(plan.players.index(name))
    alone = drawn.columns[f"alone {name}"] if "alone" in steps else np.zeros(0)
    return StageShare(
        stage=name,
        status="changed",
        claim=stage_claims[name],
        alone=_step(drawn, "alone", name, steps),
        last=_step(drawn, "last", name, steps),
        fixed=int((alone > 1e-9).sum()),
        broken=int((alone < -1e-9).sum()),
        banzhaf=None if values.banzhaf() is None else drawn.contrast({f"banzhaf {name}": 1.0}),
        harm=harmed,
    )


def _step(drawn: Resamples, kind: str, name: str, steps: Mapping[str, tuple[int, int]]) -> Estimate:
    if kind not in steps:
        return unmeasured("not measured: not among the sampled orders")
    return drawn.contrast({f"{kind} {name}": 1.0})


def _pairs(
    plan: SwapPlan, values: Coalitions, drawn: Resamples, shares: Mapping[str, Claim], *, bar: float
) -> tuple[PairEffect, ...]:
    """The pairs, which are a question of their own: Holm's correction counts them apart from the shares."""
    pairs = [(i, j) for i, j, _ in values.interactions()]
    pair_claims = claims(drawn, {f"{i} {j}": f"both {i} {j}" for i, j in pairs})
    rows: list[PairEffect] = []
    for i, j in pairs:
        claim, old = pair_claims[f"{i} {j}"], drawn.contrast({f"old {i} {j}": 1.0})
        later = plan.players[j]
        rows.append(
            PairEffect(
                earlier=plan.players[i],
                later=later,
                claim=claim,
                with_old=old,
                with_new=drawn.contrast({f"new {i} {j}": 1.0}),
                is_used_to_old=claim.verdict == shares[later].verdict == "regressed" and old.high >= 0,
                table=values.pair(i, j, bar=bar),
            )
        )
    return tuple(rows)


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Contribution", unit=Unit.POINTS, key="contribution"),
    Column(name="Alone", unit=Unit.POINTS, key="gain alone", spare=2),
    Column(name="Last", unit=Unit.POINTS, key="gain last", spare=1),
    Column(name="Banzhaf", unit=Unit.POINTS, key="banzhaf", spare=3),
    Column(name="Harm", unit=Unit.SHARE, key="harm", is_hidden=True),
    Column(name="Fixed", unit=Unit.COUNT),
    Column(name="Broken", unit=Unit.COUNT),
    Column(name="Verdict", unit=Unit.TEXT),
)
_TOTAL = (
    Column(name="", unit=Unit.TEXT, key="stage"),
    Column(name="Change in all", unit=Unit.POINTS, key="change"),
    Column(name="Verdict", unit=Unit.TEXT),
)
_PAIRS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Beside the new", unit=Unit.TEXT, key="earlier"),
    Column(
        name="Gains more than beside the old",
        unit=Unit.POINTS,
        key="gain with the new {earlier} rather than the old",
    ),
    Column(name="Verdict", unit=Unit.TEXT),
)


def changed_sheet(view: WhatChanged) -> Sheet:
    """Which stages a difference comes from, how they depend on each other, and whom the new versions harm."""
    how = figures.orders_walked(view.orders, view.tolerance) or "every mixture of the two versions"
    return Sheet(
        headline=view.headline,
        parts=(
            view.summary,
            Table(columns=_TOTAL, rows=(("outcome", claimed(view.total), view.total.word),)),
            Table(columns=_COLUMNS, rows=tuple(_share_cells(view, row) for row in view.stages)),
            Table(
                columns=_PAIRS,
                rows=tuple(
                    (pair.later, pair.earlier, claimed(pair.claim), pair.claim.word)
                    for pair in view.pairs
                    if pair.claim.change.value or pair.table is None or not pair.table.is_idle
                ),
            ),
            *(
                line
                for pair in view.pairs
                if pair.table is not None
                for line in pair_sentences(pair.earlier, pair.later, pair.table, noun=view.noun)
            ),
            *(
                harm_sentence(row.stage, row.harm, noun=view.noun, who="The new version of")
                for row in view.stages
                if row.harm is not None
            ),
            f"Shapley values over {how}, {counted(view.n, view.noun)}, 95% intervals from {view.resamples:,} "
            "resamples.",
        ),
    )


def _share_cells(view: WhatChanged, row: StageShare) -> tuple[Entry, ...]:
    if row.status != "changed":
        return row.stage, *[None] * 7, row.status
    gains = (claimed(row.claim, points=view.printed.get(row.stage)), row.alone, row.last, row.banzhaf)
    harm = None if row.harm is None else row.harm.rate
    return row.stage, *gains, harm, row.fixed, row.broken, row.claim.word
