"""What a run answered at one stage: scores of records and groups, precision and recall, and chance from one time
to the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.analysis.evidence import Evidence, Floats, accepted, good, outcome_scores, stage_scores
from stagegap.analysis.failures import shown_output, shown_reference, title
from stagegap.errors import NotFound, near_names
from stagegap.metrics import CustomMetric, metric, score
from stagegap.model.answer import Output, Status
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM
from stagegap.model.wording import counted, sentence
from stagegap.stats.resample import RESAMPLES, ratio, resample
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

OUTCOME = "outcome"
"""In place of a stage: the end of the cascade, by the outcome's own score."""
EVERYTHING = "all records"
"""The group that every record is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredAnswer:
    """One record at one stage."""

    record: str
    title: str
    """First words of the record, as plain text."""
    stage: str
    status: str
    """How the call ended: `ok`, `unparsable`, `infrastructure`, ...; `no output` where the run has none."""
    value: Json
    """None where there is none."""
    shown: str
    """The output in one line of plain text; a failure by its name."""
    reference: str
    """The accepted answers in one line of plain text."""
    score: float
    """Of this record alone, in [0, 1]; NaN where it is in no rate: no reference, or lost to infrastructure."""
    is_good: bool | None
    """The score reaches the bar of the stage; None without a score."""

    @property
    def is_lost(self) -> bool:
        """A service failed here or at an input; nothing is known of the quality."""
        return self.status == Status.INFRASTRUCTURE

    @property
    def is_scored(self) -> bool:
        return not math.isnan(self.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """A group of records at one stage."""

    group: str
    """`language: de`, or `all records`."""
    stage: str
    score: Estimate
    """Mean score over the scored records of the group; its n says how many."""
    n_records: int
    n_lost: int
    """Records lost to infrastructure: in no rate."""


def answers(evidence: Evidence, stage: str) -> tuple[ScoredAnswer, ...]:
    """One row a record, in the order of the records. Raises: NotFound."""
    name, scores, goods = _measured(evidence, stage)
    outputs = evidence.system(name)
    return tuple(
        ScoredAnswer(
            record=record.id,
            title=title(record, evidence.cascade),
            stage=stage,
            status=_status(outputs.get(record.id)),
            value=_value(outputs.get(record.id)),
            shown=shown_output(outputs.get(record.id)),
            reference=shown_reference(evidence.references.get((record.id, name))),
            score=float(score),
            is_good=None if math.isnan(is_good) else bool(is_good),
        )
        for record, score, is_good in zip(evidence.records, scores, goods, strict=True)
    )


def group_scores(evidence: Evidence, stage: str) -> tuple[GroupScore, ...]:
    """The mean score of all records, then of each group, in the order of `group_names`. Raises: NotFound."""
    name, scores, _ = _measured(evidence, stage)
    lost = np.array([_status(evidence.system(name).get(r.id)) == Status.INFRASTRUCTURE for r in evidence.records])
    members = {group: np.array([group in groups_of(r) for r in evidence.records]) for group in group_names(evidence)}
    columns = {group: np.where(inside, scores, math.nan) for group, inside in members.items()}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed))
    return tuple(
        GroupScore(
            group=group,
            stage=stage,
            score=drawn.mean(group),
            n_records=int(inside.sum()),
            n_lost=int((inside & lost).sum()),
        )
        for group, inside in members.items()
    )


def group_names(evidence: Evidence) -> tuple[str, ...]:
    """The groups of the scored records."""
    return names_of_groups(evidence.records)


def names_of_groups(records: Sequence[Record]) -> tuple[str, ...]:
    """`all records`, then the groups that the records name themselves: slices and difficulty, sorted."""
    return EVERYTHING, *sorted({group for record in records for group in groups_of(record)} - {EVERYTHING})


def groups_of(record: Record) -> tuple[str, ...]:
    """The groups of one record.

    >>> groups_of(Record(id="a", fields={}, slices={"language": "de"}, difficulty="hard"))
    ('all records', 'language: de', 'difficulty: hard')
    """
    named: Mapping[str, str | None] = {**record.slices, "difficulty": record.difficulty}
    return EVERYTHING, *(f"{name}: {value}" for name, value in named.items() if value is not None)


def _measured(evidence: Evidence, stage: str) -> tuple[str, Floats, Floats]:
    """The stage whose outputs are meant, its scores, and which of them are good."""
    cascade = evidence.cascade
    if stage == OUTCOME:
        scores = outcome_scores(evidence, SYSTEM)
        return cascade.outcome.stage, scores, good(evidence, scores)
    if stage not in cascade.names:
        hint = near_names(stage, (*cascade.names, OUTCOME))
        raise NotFound(f"The cascade {cascade.name!r} has no stage {stage!r}. {hint}")
    return stage, stage_scores(evidence, stage, SYSTEM), accepted(evidence, stage)


def _status(output: Output | None) -> str:
    if output is None:
        return "no output"
    return Status.INFRASTRUCTURE.value if output.because is Status.INFRASTRUCTURE else output.status.value


def _value(output: Output | None) -> Json:
    return output.value if output is not None and output.status.has_value else None


_ANSWERS = (
    Column(name="Record", unit=Unit.TEXT, key="record"),
    Column(name="Begins", unit=Unit.TEXT, key="title", is_cut=True, is_record=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Status", unit=Unit.TEXT, key="status"),
    Column(name="Output", unit=Unit.TEXT, key="output", is_cut=True, is_record=True),
    Column(name="Reference", unit=Unit.TEXT, key="reference", is_cut=True, is_record=True),
    Column(name="Score", unit=Unit.NUMBER, key="score"),
    Column(name="Good", unit=Unit.FLAG, key="is_good"),
)
_GROUPS = (
    Column(name="Group", unit=Unit.TEXT, key="group", is_carried=True),
    Column(name="Records", unit=Unit.COUNT, key="records", is_carried=True),
    Column(name="Lost", unit=Unit.COUNT, key="lost", is_carried=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Score", unit=Unit.SHARE, key="score"),
)
_MOST = 50


def answers_sheet(view: Sequence[ScoredAnswer], *, stage: str) -> Sheet:
    """What was answered at a stage, record by record."""
    scored = [answer for answer in view if answer.is_scored]
    good = sum(answer.is_good is True for answer in scored)
    lost = len(view) - len(scored)
    return Sheet(
        headline=f"{good:,} of {len(scored):,} scored at {stage} are good, {lost:,} have no score",
        parts=(
            Table(
                columns=_ANSWERS,
                rows=tuple(
                    (
                        answer.record,
                        answer.title,
                        answer.stage,
                        answer.status,
                        answer.shown,
                        answer.reference,
                        answer.score,
                        answer.is_good,
                    )
                    for answer in view
                ),
                most=_MOST,
            ),
        ),
    )


def groups_sheet(view: Sequence[GroupScore], *, stage: str) -> Sheet:
    """The score at a stage, on all records and on each slice."""
    whole = view[0].score
    share = whole.method
    if whole.is_measured:
        share = f"{figures.share(whole.value)} ({figures.interval(whole)}), {counted(whole.n, 'record')}"
    return Sheet(
        headline=f"{sentence(stage)}: {share}",
        parts=(
            Table(
                columns=_GROUPS,
                rows=tuple((group.group, group.n_records, group.n_lost, group.stage, group.score) for group in view),
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledScore:
    """One metric of a conditional stage, pooled over records.

    The metric's sum over the records that wanted an answer and got one, over all that got one (precision) and over
    all that wanted one (recall), and the harmonic mean of the two (F1). The definition of DSTC9 track 1 and DSTC10
    track 2 (Kim et al. 2021): it does not reward leaving alone what is to be left alone, as the mean score does.
    """

    stage: str
    metric: str
    wanted: int
    """Records whose reference is an answer; for a boolean, true."""
    answered: int
    """Records that the stage answered; for a boolean, with true."""
    both: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


def pooled_scores(
    evidence: Evidence,
    *,
    seed: int,
    custom: Mapping[str, CustomMetric] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[PooledScore, ...]:
    """The pooled scores of every stage and metric, all intervals from the same resamples of whole clusters.

    Infrastructure failures and records without a reference or an output are in no figure.
    """
    functions = custom or {}
    wanted = [(stage.name, name) for stage in evidence.cascade.stages for name in stage.metrics]
    sums = {pair: _sums(evidence, *pair, functions) for pair in wanted}
    columns: dict[str, Floats] = {}
    for pair in sorted(sums):  # resamples hang on the order of columns, which may not be that of the file
        is_wanted, is_answered, scores = sums[pair].T
        columns |= {
            _column("precision", pair): np.where(is_answered == 1, scores, math.nan),
            _column("recall", pair): np.where(is_wanted == 1, scores, math.nan),
            _column("sum", pair): scores,
            _column("half", pair): (is_wanted + is_answered) / 2,
        }
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    return tuple(
        PooledScore(
            stage=pair[0],
            metric=pair[1],
            wanted=int(np.nansum(table[:, 0])),
            answered=int(np.nansum(table[:, 1])),
            both=int(np.nansum(table[:, 0] * table[:, 1])),
            precision=drawn.mean(_column("precision", pair)),
            recall=drawn.mean(_column("recall", pair)),
            f1=ratio(drawn, _column("sum", pair), _column("half", pair)),
        )
        for pair, table in sums.items()
    )


def _column(name: str, pair: tuple[str, str]) -> str:
    return " ".join((name, *pair))


def _sums(evidence: Evidence, stage: str, name: str, custom: Mapping[str, CustomMetric]) -> Floats:
    """Per record: wanted an answer, got one, score where both; NaN throughout where there is nothing to say."""
    by = metric(name, custom=custom.get(name))
    outputs = evidence.system(stage)
    table = np.full((len(evidence.records), 3), math.nan)
    for row, record in enumerate(evidence.records):
        output, reference = outputs.get(record.id), evidence.references.get((record.id, stage))
        if output is None or reference is None or Status.INFRASTRUCTURE in (output.status, output.because):
            continue
        wanted = any(_is_answer(answer.value) for answer in reference.accepted)
        answered = output.status.has_value and _is_answer(output.value)
        record_score = score(output, reference, by) if wanted and answered else 0.0
        if not math.isnan(record_score):
            table[row] = wanted, answered, record_score
    return table


def _is_answer(value: Json) -> bool:
    return value is not None and value is not False
