"""The Gap view of one run: how far each stage is from a person, and what correcting it would buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.failures import StageFaults, declared_slices, failure_rows, failures_of, groups_of, slice_rows
from stagegap.analysis.gains import SYSTEM_OUTCOME, Gains, alone_gains, ceiling_of, gains, outcome_bounds, staircase
from stagegap.analysis.human_level import HumanLevel, human_level
from stagegap.analysis.outcomes import OtherOutcome, StrictRule, StrictStage
from stagegap.analysis.verdict import Facts, contest, outlook, verdict
from stagegap.analysis.views import OutcomeBounds, Scorecard, StageDetail, StageRow, StairStep
from stagegap.attribution.ceiling import Ceiling
from stagegap.attribution.faults import Faults
from stagegap.attribution.swaps import is_chain, staircase_order
from stagegap.metrics import CustomMetric
from stagegap.model.answer import Label, Status
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.notes import Failure
from stagegap.model.record import Record
from stagegap.model.run import Run, StageTally
from stagegap.model.wording import metric_title
from stagegap.people.agreement import COUNTABLE, alpha, annotators
from stagegap.people.roster import labellers_of
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.stats.spread import clusters

BASELINE_FIELDS = (
    "population",
    "recruitment",
    "instructions",
    "sample",
    "scoring",
    "effort",
    "power",
    "quality_control",
    "uncertainty",
    "exclusions",
)
"""After Wei et al., recommendations for human baselines (ICML 2025): who the people are, how they were found, what
they were told, which records they had, how they were scored, how much effort they could spend, why that many are
enough, how their work was checked, how sure the numbers are, and who was kept out (authors, people who had seen the
outputs)."""


def missing_baseline_fields(cascade: Cascade) -> tuple[str, ...]:
    """The reporting fields that the cascade file leaves out or leaves empty."""
    return tuple(name for name in BASELINE_FIELDS if cascade.human_baseline.get(name) in (None, ""))


Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Everything computed once, from which rows and details are assembled."""

    evidence: ev.Evidence
    resamples: Resamples
    gains: Gains
    ceiling: Ceiling | None
    no_ceiling: str
    """Why there is no ceiling."""
    staircase: tuple[StairStep, ...]
    alone: Mapping[str, Estimate]
    """What correcting each stage and no other adds; empty without a ceiling."""
    bounds: OutcomeBounds | None
    people: HumanLevel
    faults: Faults
    failed: Mapping[str, Floats]
    """Per stage: 1 where its output is not acceptable, 0 where it is, NaN where it has no score."""
    is_bad: NDArray[np.bool_]
    tallies: Mapping[str, StageTally]
    """How the outputs of each stage ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A scorecard with what it was counted from, record by record."""

    scorecard: Scorecard
    failures: tuple[Failure, ...]
    """Every record at which a stage is not acceptable; per stage, most typical first."""
    scores: Mapping[str, Mapping[str, float]]
    """Per stage, the score of each record in place; NaN where it has none."""


def scorecard(
    cascade: Cascade,
    run: Run,
    records: Sequence[Record],
    outputs: ev.Outputs,
    labels: Sequence[Label],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    custom: Mapping[str, CustomMetric] | None = None,
) -> Scorecard:
    """Compute the scorecard alone, as `measure` does."""
    return measure(cascade, run, records, outputs, labels, seed=seed, resamples=resamples, custom=custom).scorecard


def measure(
    cascade: Cascade,
    run: Run,
    records: Sequence[Record],
    outputs: ev.Outputs,
    labels: Sequence[Label],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    custom: Mapping[str, CustomMetric] | None = None,
) -> Measured:
    """Compute the scorecard with its failures; the same input and seed give the same view.

    All intervals come from the same resamples of whole clusters. Only records of the split `cascade.evaluate` are
    scored. The outcome and its steps rest on the records that have an outcome in every swap cell, so that the steps
    add up. `custom` holds the functions of `python:...` metrics by metric name.
    """
    evidence = ev.gather(cascade, records, outputs, labels, custom=custom or {}, run=run.name, seed=seed)
    return measured(evidence, run, labels_seq=len(labels), resamples=resamples)


def measured(evidence: ev.Evidence, run: Run, *, labels_seq: int, resamples: int = RESAMPLES) -> Measured:
    """Compute the scorecard of evidence that is gathered, with its failures; `labels_seq` labels went into it."""
    cascade, seed = evidence.cascade, evidence.seed
    parts = _compute(evidence, seed=seed, resamples=resamples)
    rows = tuple(_row(parts, stage, position) for position, stage in enumerate(cascade.stages, start=1))
    drawn, gains = parts.resamples, parts.gains
    match = contest(drawn, parts.ceiling, gains) if parts.ceiling is not None else None
    is_open = match is not None and not match.is_decided
    system = drawn.mean(SYSTEM_OUTCOME)
    top = _top(drawn, gains, parts.ceiling, otherwise=parts.no_ceiling)
    n_scored = int((~np.isnan(drawn.columns[SYSTEM_OUTCOME])).sum())
    beyond = parts.is_bad & (ev.good(evidence, drawn.columns[gains.top]) == 0) if parts.ceiling else np.zeros(0)
    read = [_detail(parts, stage) for stage in cascade.names]
    found = evidence.troubles
    card = Scorecard(
        cascade=cascade.name,
        run=run.name,
        started_at=run.started_at,
        noun=cascade.noun,
        n_records=evidence.n_records,
        n_scored=n_scored,
        n_infrastructure=ev.infrastructure_failures(evidence),
        annotators=annotators(evidence.labels),
        outcome_name=ev.outcome_name(cascade),
        good=cascade.outcome.good,
        system=system,
        ceiling=top,
        person=parts.people.outcome,
        stages=rows,
        details=tuple(detail for detail, _ in read),
        fault_matrix=parts.faults.together,
        beyond_references=int(beyond.sum()),
        verdict=verdict(
            Facts(
                noun=cascade.noun,
                outcome=ev.outcome_name(cascade),
                has_bar=cascade.outcome.good is not None,
                n=n_scored,
                labelled=len({record for record, _ in evidence.labels}),
                annotators=annotators(evidence.labels),
                labellers=labellers_of(cascade),
                ceiling=parts.ceiling,
                no_ceiling=parts.no_ceiling,
                system=system,
                is_rated=cascade.outcome.criterion is not None,
                is_recorded=bool(parts.evidence.unknown),
                rows=sorted(rows, key=lambda row: staircase_order(cascade).index(row.stage)),
                contest=match,
                outlook=outlook(drawn, gains) if is_open else None,
                is_chain=is_chain(cascade),
                troubles=found,
                unlabelled=ev.unlabelled_stages(evidence),
            )
        ),
        missing_baseline_fields=missing_baseline_fields(cascade),
        labels_seq=labels_seq,
        resamples=resamples,
        seed=seed,
        bounds=parts.bounds,
        staircase=parts.staircase,
        is_chain=is_chain(cascade),
        with_first_fault=int((np.any([*parts.faults.first.values()], axis=0) & parts.is_bad).sum()),
        sampled=gains.note,
        labellers=labellers_of(cascade),
        troubles=found,
        strict=_strict_rule(evidence, resamples=resamples),
        others=tuple(outcome_beside(judged, resamples=resamples) for judged in evidence.by_other_outcomes),
    )
    ids = [record.id for record in evidence.records]
    return Measured(
        scorecard=card,
        failures=tuple(failure for _, failures in read for failure in failures),
        scores={
            name: dict(zip(ids, drawn.columns[f"in place {name}"].tolist(), strict=True)) for name in cascade.names
        },
    )


def outcome_beside(evidence: ev.Evidence, *, resamples: int) -> OtherOutcome:
    """An outcome beside the headline, on the records that have it in every swap cell of its own."""
    won = gains(evidence)
    columns = dict(won.columns) if won.is_measured else {SYSTEM_OUTCOME: ev.outcome_scores(evidence, ev.SYSTEM)}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    stairs = ceiling_of(drawn, won) if won.is_measured else None
    nothing = unmeasured(won.reason)
    steps = [step for step in stairs.steps if step.stage in evidence.cascade.leading] if stairs is not None else []
    most = max(steps, key=lambda step: round(step.gain.value, 9), default=None)  # of equal ones the first in order
    return OtherOutcome(
        outcome_name=ev.outcome_name(evidence.cascade),
        system=drawn.mean(SYSTEM_OUTCOME),
        ceiling=_top(drawn, won, stairs, otherwise=won.reason),
        most=most.stage if most is not None and most.gain.value > 0 else "",
        gain=most.gain if most is not None and most.gain.value > 0 else nothing,
    )


def _top(drawn: Resamples, won: Gains, stairs: Ceiling | None, *, otherwise: str) -> Estimate:
    """The outcome with references everywhere; exact where all of it is right, as where the end is a reference."""
    if stairs is None:
        return unmeasured(otherwise)
    top = stairs.ceiling
    if top.is_measured and (drawn.columns[won.top] >= 1).sum() == top.n:
        return Estimate(value=1.0, low=1.0, high=1.0, n=top.n, method="exact: a reference is right by definition")
    return top


def _compute(evidence: ev.Evidence, *, seed: int, resamples: int) -> _Parts:
    cascade = evidence.cascade
    columns: dict[str, Floats] = {}
    failed: dict[str, Floats] = {}
    # Columns in an order that the file has no part in: so the same records give the same resamples.
    for name in staircase_order(cascade):
        in_place = ev.stage_scores(evidence, name, ev.SYSTEM)
        failed[name] = 1 - ev.accepted(evidence, name)
        columns |= {
            f"in place {name}": in_place,
            f"alone {name}": ev.alone_scores(evidence, name),
            f"failed {name}": failed[name],
        }
    bounds = outcome_bounds(evidence, seed=seed, resamples=resamples)
    won = Gains(columns={}, weights={}, reason=_bounded(bounds)) if bounds else gains(evidence)
    if won.is_measured:
        columns |= won.columns
    else:
        columns[SYSTEM_OUTCOME] = ev.outcome_scores(evidence, ev.SYSTEM)
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    stairs = ceiling_of(drawn, won) if won.is_measured else None
    return _Parts(
        evidence=evidence,
        resamples=drawn,
        gains=won,
        ceiling=stairs,
        no_ceiling=won.reason,
        staircase=staircase(evidence, won, stairs, resamples=resamples) if stairs is not None else (),
        alone=alone_gains(evidence, won, resamples=resamples) if stairs is not None else {},
        bounds=bounds,
        people=human_level(evidence, resamples=resamples),
        faults=evidence.faults,
        failed=failed,
        is_bad=1 - ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM)) == 1,  # as `show faults` counts
        tallies=evidence.tallies,
    )


def _bounded(bounds: OutcomeBounds) -> str:
    """The bounds as the reason why there is no ceiling."""
    return f"not measured: {bounds.sentence[:1].lower()}{bounds.sentence[1:].removesuffix('.')}"


def _row(parts: _Parts, stage: Stage, position: int) -> StageRow:
    drawn, name = parts.resamples, stage.name
    statuses = parts.tallies[name].statuses
    step = parts.ceiling.step(name) if parts.ceiling is not None else None
    people = parts.people.stages[name]
    return StageRow(
        stage=name,
        position=position,
        metric=metric_title(stage.metrics[0]),
        calls=sum(n for status, n in statuses.items() if status not in (Status.SKIPPED, Status.BLOCKED)),
        failures={s.value: n for s, n in sorted(statuses.items()) if s is not Status.OK},
        in_place=drawn.mean(f"in place {name}"),
        alone=_alone(parts, name),
        system=people.system,
        person=people.person,
        gap=people.gap,
        agreement=people.agreement,
        gain=step.gain if step is not None else unmeasured(parts.no_ceiling),
        fixed=step.fixed if step is not None else 0,
        broken=step.broken if step is not None else 0,
        first_faults=int((parts.faults.first[name] & parts.is_bad).sum()),
        p_first=step.p_first if step is not None else float("nan"),
        p=step.p if step is not None else float("nan"),
        alpha=beyond_chance(parts.evidence, name),
        gain_alone=parts.alone[name] if parts.alone else unmeasured(parts.no_ceiling),
    )


def _alone(parts: _Parts, stage: str) -> Estimate:
    unknown = ev.unknown_alone(parts.evidence, stage)
    if unknown:
        return unmeasured(unknown)
    estimate = parts.resamples.mean(f"alone {stage}")
    if estimate.n:
        return estimate
    return unmeasured(f"not measured: the run holds no output of {stage} on references")


def _detail(parts: _Parts, stage: str) -> tuple[StageDetail, list[Failure]]:
    evidence, failed = parts.evidence, parts.failed[stage]
    whole = evidence.population
    groups = groups_of(evidence.records, evidence.cascade, evidence.references, stage=stage)
    slices = slice_rows(failed, parts.resamples.clusters, groups)
    columns = parts.resamples.columns
    first_fault = parts.faults.first[stage] & parts.is_bad
    detail = StageDetail(
        stage=stage,
        failures=int((failed == 1).sum()),
        n=int((~np.isnan(failed)).sum()),
        average=parts.resamples.mean(f"failed {stage}"),
        groups=slices,
        groups_checked=len(slices),
        declared=declared_slices(evidence.records) if whole is None else whole.slices,
        rows=failure_rows(
            evidence.records,
            cascade=evidence.cascade,
            stage=stage,
            failed=failed,
            scores=columns[f"in place {stage}"],
            first_fault=first_fault,
            outputs=evidence.system(stage),
            references=evidence.references,
            groups=groups,
            slices=slices,
        ),
    )
    above = [parts.failed[name] == 1 for name in evidence.cascade.names if name in evidence.cascade.ancestors(stage)]
    faults = StageFaults(
        stage=stage,
        failed=failed,
        scores=columns[f"in place {stage}"],
        first_fault=first_fault,
        inherits=np.any(above, axis=0) if above else np.zeros(len(failed), dtype=np.bool_),
        disagreed=ev.agreement_scores(evidence, stage) < 1,
        win=_win(parts, stage),
    )
    return detail, failures_of(faults, evidence.records, evidence.cascade, groups=groups, slices=slices)


def _win(parts: _Parts, stage: str) -> Floats | None:
    """What references at the stage and at all that it depends on add to each record; None where that was not run."""
    if parts.ceiling is None:
        return None
    mended = ev.closed_outcome(parts.evidence, stage)
    return None if mended is None else mended - parts.resamples.columns[SYSTEM_OUTCOME]


def _strict_rule(evidence: ev.Evidence, *, resamples: int) -> StrictRule | None:
    """The figures where nobody's answer alone is enough; None where no record is undecided.

    Resamples of their own, so that no other figure moves by a digit when somebody differs.
    """
    strict = ev.strict(evidence)
    if not strict.strict:
        return None
    cascade = evidence.cascade
    columns: dict[str, Floats] = {"outcome": ev.outcome_scores(strict, ev.SYSTEM)}
    for name in cascade.names:
        columns |= {f"in place {name}": ev.stage_scores(strict, name, ev.SYSTEM)}
    won = gains(strict)
    rng = np.random.default_rng(evidence.seed)
    drawn = resample({**columns, **won.columns}, evidence.units, rng=rng, resamples=resamples)
    stairs = ceiling_of(drawn, won) if won.is_measured else None
    missing, people = unmeasured(won.reason), human_level(strict, resamples=resamples)
    return StrictRule(
        records=len({record for record, _ in strict.strict}),
        at_outcome=sum(stage == cascade.outcome.stage for _, stage in strict.strict),
        system=drawn.mean(SYSTEM_OUTCOME if won.is_measured else "outcome"),
        ceiling=stairs.ceiling if stairs is not None else missing,
        stages=tuple(
            StrictStage(
                stage=name,
                records=sum(stage == name for _, stage in strict.strict),
                in_place=drawn.mean(f"in place {name}"),
                gap=people.stages[name].gap,
                gain=stairs.step(name).gain if stairs is not None else missing,
            )
            for name in cascade.names
        ),
    )


def beyond_chance(evidence: ev.Evidence, stage: str) -> Estimate:
    """Krippendorff's alpha of the people at a stage; unmeasured where it has none or nobody overlaps."""
    noun, output = evidence.cascade.noun, evidence.cascade.stage(stage).output
    if output.kind not in COUNTABLE:
        return unmeasured(f"not measured: answers of type {output.kind.value} have no agreement by chance")
    several = [record for record in evidence.records if len(evidence.labels.get((record.id, stage), {})) > 1]
    ids = [record.id for record in several]
    answers: dict[str, dict[str, Label]] = {}
    for record in ids:
        for person, label in evidence.labels[record, stage].items():
            answers.setdefault(person, {})[record] = label
    coefficient = alpha(answers, ids, output, clusters(record.unit for record in several).codes)
    return coefficient or unmeasured(f"not measured: no {noun} has two labels at {stage}")
