"""What a run answered at one stage: record by record with its score, and the mean score of groups of records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.analysis.evidence import Evidence, Floats, accepted, good, outcome_scores, stage_scores
from stagegap.analysis.failures import shown_output, shown_reference, title
from stagegap.errors import NotFound, near_names
from stagegap.model.answer import Output, Status
from stagegap.model.estimate import Estimate
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.model.values import Json
from stagegap.stats.resample import resample

OUTCOME = "outcome"
"""In place of a stage: the end of the cascade, by the outcome's own score."""
EVERYTHING = "all records"
"""The group that every record is in."""
RESAMPLES = 2_000


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
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=RESAMPLES)
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
