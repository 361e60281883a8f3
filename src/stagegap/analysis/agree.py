"""How far people agree at each stage, how good they are against each other, and whether the system could be one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.architecture import Architecture, architecture
from stagegap.analysis.human_level import KindRow, StagePeople, human_level, kind_rows, kinds_table
from stagegap.analysis.scorecard import missing_baseline_fields
from stagegap.metrics import alike, answer_as_output, score
from stagegap.model.answer import Answer, Label, Output, Reference
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import plural, why_missing
from stagegap.people.agreement import ChanceCorrected, Share, chance_corrected, prevalence, uncorrected
from stagegap.people.disagreements import Weighed, weighed
from stagegap.people.judgements import SYSTEM, Judging, judgements_in_force, ratings_of
from stagegap.stats.intervals import mean_of
from stagegap.stats.judge import ppi_mean, rogan_gladen
from stagegap.stats.raters import FEWEST_ANNOTATORS, AlternativeTest, alternative_test
from stagegap.stats.resample import RESAMPLES
from stagegap.stats.spread import Clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOutcome:
    """The system's answers at one stage by people's judgement, over all records that the metric scores."""

    stage: str
    criterion: str
    metric: str
    people: Estimate
    """Mean judgement of the judged records alone, from 0 (worst) to 1."""
    helped: Estimate
    """The same for all scored records, sharpened by the metric (PPI++)."""
    corrected: Estimate
    """Share of good answers behind the metric's pass rate (Rogan-Gladen); only for judgements that say good or not."""
    passed: Estimate
    """Share of the scored records that pass the metric's own bar, as it stands."""


def judged_outcome(
    evidence: ev.Evidence, stage: str, judging: Judging, judgements: Sequence[Label]
) -> JudgedOutcome | None:
    """Put people's judgements of the system's answers beside the metric; None without a judgement.

    The judged records are a fair sample of those with two answers; several judges of a record are averaged.
    """
    low, high = judging.scale
    given: dict[str, list[float]] = {}
    for label in judgements_in_force(judgements):
        given.setdefault(label.record, []).append((float(ratings_of(label)[SYSTEM]) - low) / (high - low))
    people = evidence.column(lambda record: float(np.mean(given[record.id])) if record.id in given else math.nan)
    scores, passed = ev.stage_scores(evidence, stage, ev.SYSTEM), ev.accepted(evidence, stage)
    both, rest = ~np.isnan(people) & ~np.isnan(scores), np.isnan(people) & ~np.isnan(scores)
    if not both.any():
        return None
    units = evidence.units
    order = np.concatenate([np.flatnonzero(both), np.flatnonzero(rest)])
    inside = Clusters(codes=units.codes[order], count=units.count)
    return JudgedOutcome(
        stage=stage,
        criterion=judging.criterion,
        metric=evidence.metrics[stage].name,
        people=mean_of(people, units),
        helped=ppi_mean(people[both], scores[both], scores[rest], units=None if units.are_records else inside.codes),
        corrected=_corrected(people, passed, units, is_binary=judging.mode == "prefer"),
        passed=mean_of(passed, units),
    )


def _corrected(people: Floats, passed: Floats, units: Clusters, *, is_binary: bool) -> Estimate:
    if not is_binary:
        return unmeasured("not measured: a rating does not say good or not; `--judge prefer` does")
    if not units.are_records:
        return unmeasured("not measured: the correction takes records as independent, and these come in clusters")
    known = ~np.isnan(passed)
    good, bad = known & (people >= 0.5), known & (people < 0.5)
    return rogan_gladen(
        int(passed[known].sum()),
        int(known.sum()),
        right_positives=int((passed[good] == 1).sum()),
        positives=int(good.sum()),
        right_negatives=int((passed[bad] == 0).sum()),
        negatives=int(bad.sum()),
    )


EPSILON = 0.15
"""Price of a skilled person in the alternative annotator test; 0.2 for experts, 0.1 for crowd workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeRow:
    """One stage."""

    stage: str
    metric: str
    people: int
    """Who have a label in force here."""
    overlap: int
    """Records that several people labelled."""
    agreement: Estimate
    """Mean score of one person's answer against another's: read it before any gap."""
    coefficients: tuple[ChanceCorrected, ...]
    """Beyond chance; empty where answers are not categories or numbers, because strings have no chance agreement."""
    prevalence: tuple[Share, ...]
    """How common each answer is among the labels, the most common first: chance agreement hangs on it."""
    person: Estimate
    """Human ceiling: each person against the others, averaged; over records and people."""
    system: Estimate
    """The system against the same targets."""
    gap: Estimate
    """person minus system, paired; over records and people."""
    alternative: AlternativeTest | None
    """May the system stand in for one of the people? None with fewer than 3 people of 30 records."""
    no_alternative: str
    """Why the test was not made; empty when it was."""
    weighed: Weighed
    """Consensus that weighs people by their care, beside the majority: a suggestion, in no other number."""
    uncorrected: str = ""
    """Why nothing is corrected for chance, where that has to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeView:
    """People at every stage of one run."""

    cascade: str
    run: str
    noun: str
    stages: tuple[AgreeRow, ...]
    architecture: Architecture
    """What the cascade itself costs, and what better stages would win."""
    missing_baseline_fields: tuple[str, ...]
    epsilon: float
    """Of the alternative annotator test."""
    kinds: tuple[KindRow, ...] = ()
    """Kinds of people that the cascade file names, side by side."""
    judged: tuple[JudgedOutcome, ...] = ()
    """What people who judged some of the system's answers say of all of them."""


def agree_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES, epsilon: float = EPSILON) -> AgreeView:
    """Compare people with each other and with the system, on the records that several of them labelled."""
    cascade = evidence.cascade
    return AgreeView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        stages=tuple(
            _row(evidence, name, people, epsilon=epsilon)
            for name, people in human_level(evidence, resamples=resamples).stages.items()
        ),
        kinds=kind_rows(evidence, resamples=resamples),
        architecture=architecture(evidence, resamples=resamples),
        missing_baseline_fields=missing_baseline_fields(cascade),
        epsilon=epsilon,
    )


def _row(evidence: ev.Evidence, stage: str, figures: StagePeople, *, epsilon: float) -> AgreeRow:
    people = _people(evidence, stage)
    kind = evidence.cascade.stage(stage).output
    answers = {name: dict(_answers(evidence, stage, name)) for name in people}
    ids = [record.id for record in evidence.records]
    test, why = _alternative(evidence, stage, answers, epsilon=epsilon)
    overlap = sum(len(evidence.labels.get((record, stage), {})) > 1 for record in ids)
    return AgreeRow(
        stage=stage,
        metric=evidence.metrics[stage].name,
        people=len(people),
        overlap=overlap,
        agreement=figures.agreement,
        coefficients=chance_corrected(answers, ids, kind, evidence.units.codes),
        prevalence=prevalence(answers, kind),
        person=figures.person,
        system=figures.system,
        gap=figures.gap,
        alternative=test,
        no_alternative=why,
        weighed=weighed(
            answers, {r: reference for (r, at), reference in evidence.references.items() if at == stage}, kind
        ),
        uncorrected=uncorrected(kind) if overlap else "",
    )


def _people(evidence: ev.Evidence, stage: str) -> list[str]:
    names = {name: None for (_, at), people in evidence.labels.items() if at == stage for name in people}
    return sorted(names)


def _answers(evidence: ev.Evidence, stage: str, person: str) -> list[tuple[str, Label]]:
    return [(r, people[person]) for (r, at), people in evidence.labels.items() if at == stage and person in people]


def _alternative(
    evidence: ev.Evidence, stage: str, answers: Mapping[str, Mapping[str, Label]], *, epsilon: float
) -> tuple[AlternativeTest | None, str]:
    by, rated = evidence.metrics[stage], list[tuple[Output, tuple[Answer, ...]]]()
    codes: dict[Hashable, int] = {}

    def coded(key: Hashable, output: Output, *accepted: Answer) -> int:
        """The number of all that a metric can't tell from it: the test asks for each pair of numbers once."""
        code = codes.setdefault(key, len(rated))
        if code == len(rated):
            rated.append((output, accepted))
        return code

    def agreed(rating: int, other: int) -> float:
        output, (_, accepted) = rated[rating][0], rated[other]
        return score(output, Reference(record=output.record, stage=stage, accepted=accepted), by)

    @cache
    def alignment(rating: int, others: tuple[int, ...]) -> float:
        known = [value for other in others if not math.isnan(value := agreed(rating, other))]
        return sum(known) / len(known) if known else 0.0

    people: dict[str, dict[str, int]] = {}
    for name, labels in answers.items():
        people[name] = {}
        for record, label in labels.items():
            assert label.answer is not None, "a label in force has an answer"
            output = answer_as_output(label.answer, record=record, stage=stage)
            people[name][record] = coded(alike(label.answer), output, label.answer)
    judge = {
        record: coded((output.status, output.because, alike(Answer(value=output.value))), output)
        for record, output in evidence.system(stage).items()
    }
    units = {record.id: record.unit for record in evidence.records}
    test = alternative_test(
        judge,
        people,
        epsilon=epsilon,
        alignment=lambda rating, others: alignment(rating, tuple(others)),
        unit=lambda record: units[record],
    )
    if test.problem:
        return None, f"{test.problem} with 30 {plural(evidence.cascade.noun, 30)} that others labelled too"
    assert len(test.annotators) >= FEWEST_ANNOTATORS
    return test, ""


_DIFFERING = 5
"""Records that a screen names whose weighed consensus differs from the majority."""
_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Labellers", unit=Unit.COUNT, spare=1),
    Column(name="Overlap", unit=Unit.COUNT, spare=3),
    Column(name="Agreement", unit=Unit.SHARE, key="agreement", spare=2),
    Column(name="Labeller", unit=Unit.SHARE, key="person"),
    Column(name="System", unit=Unit.SHARE, key="system"),
    Column(name="Gap", unit=Unit.POINTS, key="gap"),
)
_COEFFICIENTS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Agreement beyond chance", unit=Unit.TEXT, key="coefficient"),
    Column(name="Value", unit=Unit.NUMBER, key="{coefficient}"),
)
_JUDGED = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Judged by", unit=Unit.TEXT, key="criterion"),
    Column(name="By labellers", unit=Unit.SHARE, key="judged by {criterion}: people"),
    Column(name="With the metric's help (PPI++)", unit=Unit.SHARE, key="judged by {criterion}: helped"),
    Column(name="Corrected (Rogan-Gladen)", unit=Unit.SHARE, key="judged by {criterion}: corrected"),
    Column(name="Pass the metric", unit=Unit.SHARE, key="judged by {criterion}: passed", spare=1),
)
_WHOLE = (
    Column(name="Labellers with the whole", unit=Unit.SHARE, key="architecture_end_to_end"),
    Column(name="Stage by stage", unit=Unit.SHARE, key="architecture_stage_by_stage"),
    Column(name="Architecture loss", unit=Unit.POINTS, key="architecture_loss"),
    Column(name="Stages as good as labellers would win", unit=Unit.POINTS, key="architecture_staged_gap"),
)


def agree_sheet(view: AgreeView) -> Sheet:
    """One row a stage, then what the people's answers rest on."""
    whole = view.architecture
    missing = ", ".join(view.missing_baseline_fields)
    return Sheet(
        headline=f"Labellers at every stage of {view.cascade}",
        parts=(
            Table(
                columns=_COLUMNS,
                rows=tuple(
                    (row.stage, row.people, row.overlap, row.agreement, row.person, row.system, row.gap)
                    for row in view.stages
                ),
            ),
            Table(
                columns=_COEFFICIENTS,
                rows=tuple((row.stage, found.name, found.value) for row in view.stages for found in row.coefficients),
            ),
            *(sentence for row in view.stages for sentence in _stage_sentences(row)),
            *why_missing((row.stage, row.person) for row in view.stages),
            Table(
                columns=_JUDGED,
                rows=tuple(
                    (row.stage, row.criterion, row.people, row.helped, row.corrected, row.passed) for row in view.judged
                ),
            ),
            *why_missing(
                (f"{row.stage}, {name}", estimate)
                for row in view.judged
                for name, estimate in (("PPI++", row.helped), ("Rogan-Gladen", row.corrected))
            ),
            "What judges of answers say of some is taken to all by the metric (PPI++), or the metric's errors are "
            "taken off (Rogan-Gladen), as the columns say."
            if view.judged
            else "",
            kinds_table(view.kinds),
            *why_missing((f"{row.kind} at {row.stage}", row.gap) for row in view.kinds),
            Table(columns=_WHOLE, rows=((whole.end_to_end, whole.stage_by_stage, whole.loss, whole.staged_gap),)),
            *why_missing([("Architecture loss", whole.loss)]),
            f"human_baseline does not say: {missing}." if missing else "",
        ),
    )


def _stage_sentences(row: AgreeRow) -> Iterator[str]:
    if row.prevalence:
        shares = ", ".join(f"{share.answer} {figures.share(share.share)}" for share in row.prevalence)
        yield f"{row.stage}: answers {shares}"
    if row.uncorrected:
        yield f"{row.stage}: {row.uncorrected}"
    if row.person.is_measured:
        yield f"{row.stage}: {row.person.method}."
    if not row.weighed.problem:
        yield from _weighed_sentences(row.stage, row.weighed)
    if row.alternative is not None:
        test = row.alternative
        rejected = sum(person.rejected for person in test.annotators)
        may = "may stand in for one of them" if test.passes else "may not stand in for one of them"
        yield (
            f"{row.stage}: the system holds against {rejected} of {len(test.annotators)} labellers and {may} "
            "(alternative annotator test)."
        )
    elif row.people:
        yield f"{row.stage}: alternative annotator test {row.no_alternative}."


def _weighed_sentences(stage: str, weighed: Weighed) -> Iterator[str]:
    """Where weighing people by their care would settle otherwise than the majority."""
    start = f"{stage}: weighing labellers by how careful they are (Dawid-Skene)"
    if not weighed.count:
        yield f"{start} settles all {weighed.n:,} as the majority does."
        return
    yield f"{start} would settle {weighed.count:,} of {weighed.n:,} otherwise than the majority:"
    for record in weighed.differ[:_DIFFERING]:
        yield f"  {record.record}: {record.majority} → {record.likely} (chance {figures.share(record.chance)})"
