"""Records, outputs and labels of a run -> the columns of numbers that every figure rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.recorded import known_outputs
from stagegap.analysis.troubles import Trouble, own_facts, tallies, troubles_of
from stagegap.analysis.units import Outputs, record_scores, with_lists
from stagegap.attribution.ceiling import complete_cases
from stagegap.attribution.faults import BAR_SLACK, Faults, acceptable, account
from stagegap.attribution.swaps import alone_cell, closed_cell, prefix_cells, staircase_order
from stagegap.metrics import Compared, CustomMetric, Metric, alike, answer_as_output, score
from stagegap.model.answer import Label, Output, Reference, Status
from stagegap.model.cascade import RATING, Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, Population, StageTally
from stagegap.model.units import Keys, Levels, record_of
from stagegap.model.wording import counted, listed, metric_title, plural
from stagegap.people.agreement import agreement, strict_score
from stagegap.people.judgements import rated_scores
from stagegap.people.references import Settled, reference_units, with_units
from stagegap.stats.spread import Clusters, clusters

Floats = NDArray[np.float64]
Ratings = Mapping[str, Mapping[str, float]]
"""Name of a score -> record -> mean rating of the answer that the run gave, as a share of the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run and its labels say about the records that are scored."""

    cascade: Cascade
    records: tuple[Record, ...]
    outputs: Outputs
    unknown: Mapping[tuple[str, str], frozenset[str]]
    """(cell as text, stage) -> records whose output there can't be known, because a recorded stage can't be run."""
    references: Mapping[tuple[str, str], Reference]
    labels: Mapping[tuple[str, str], Mapping[str, Label]]
    """Labels in force at (record, stage), one a person; only of scored records."""
    unit_labels: Mapping[tuple[str, str], Mapping[str, Label]] = field(
        default_factory=dict[tuple[str, str], Mapping[str, Label]]
    )
    """The same at (unit, stage), of units of scored records."""
    metrics: Mapping[str, Metric]
    """The headline metric of each stage."""
    outcome: Metric
    outcomes: tuple[Metric, ...] = ()
    """Of the outcomes that stand beside it."""
    run: str = ""
    """Name of the run on screen: `v3`."""
    seed: int = 0
    """Of every draw that a view of this evidence makes: the same evidence gives the same view."""
    strict: frozenset[tuple[str, str]] = frozenset()
    """(record, stage) where people differ, nobody has decided, and nobody's answer alone is enough."""
    population: Population | None = None
    """All records that are scored, where `records` are those alone that somebody labelled."""
    ratings: Ratings = field(default_factory=dict[str, Mapping[str, float]])
    rated: Mapping[str, Mapping[str, Output]] = field(default_factory=dict[str, Mapping[str, Output]])
    """By stage, the answers that the ratings are of."""
    columns: dict[tuple[str, str, str], Floats] = field(
        init=False, repr=False, compare=False, default_factory=dict[tuple[str, str, str], Floats]
    )
    """Scores by cell, stage and metric, each computed when first asked for."""

    def system(self, stage: str) -> Mapping[str, Output]:
        """The system's outputs at a stage, by record."""
        return self.outputs.get((str(SYSTEM), stage), {})

    @property
    def tallies(self) -> Mapping[str, StageTally]:
        """How the system's outputs of all scored records ended, by stage."""
        if self.population is not None:
            return self.population.tallies
        by_stage = {name: self.system(name) for name in self.cascade.names}
        return tallies(self.cascade, by_stage, [record.id for record in self.records])

    @property
    def n_records(self) -> int:
        """All records that are scored, labelled or not."""
        return len(self.records) if self.population is None else self.population.count

    def holds(self, cell: Cell, stage: str) -> bool:
        """True where the run has any output of a stage in a cell."""
        place = (str(cell), stage)
        return bool(self.outputs.get(place)) or (self.population is not None and place in self.population.filled)

    def has_outcome(self, cell: Cell) -> bool:
        """True where the end of a swap is known: the run made it, or it is what is put in."""
        return self.cascade.outcome.stage in cell.stages or self.holds(cell, self.cascade.outcome.stage)

    @property
    def units(self) -> Clusters:
        """The unit of independence of each record."""
        return clusters(record.unit for record in self.records)

    @property
    def ancestors(self) -> Mapping[str, tuple[str, ...]]:
        """The stages that each stage depends on."""
        return {name: tuple(sorted(self.cascade.ancestors(name))) for name in self.cascade.names}

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What went wrong with outputs before anything is said of their quality, what forbids a verdict first."""
        return (
            *self.troubles_of_outputs,
            *(one for name in self.cascade.names if (one := own_facts(name, *self._failing(name)))),
        )

    @property
    def troubles_of_outputs(self) -> tuple[Trouble, ...]:
        """The same of outputs alone."""
        return troubles_of(self.cascade, self.tallies)

    def _failing(self, stage: str) -> tuple[list[str], int]:
        """Records whose references at a stage lack the facts they come with, and how many references have facts."""
        if self.metrics[stage].name != "fact_recall":
            return [], 0
        judged = sorted(
            (record, reference.first)
            for (record, at), reference in self.references.items()
            if at == stage and reference.first.facts and isinstance(reference.first.value, str)
        )
        compare = self.metrics[stage].compare
        lacking = [record for record, answer in judged if compare(answer.value, answer) < 1 - BAR_SLACK]
        return lacking, len(judged)

    @property
    def faults(self) -> Faults:
        """Where each record first went wrong: the one account that every page, command and report takes its from."""
        bad = 1 - good(self, outcome_scores(self, SYSTEM))
        beside = frozenset(self.cascade.names) - self.cascade.leading
        columns = {name: accepted(self, name) for name in self.cascade.names}
        return account(columns, self.ancestors, bad=bad, beside=beside)

    @property
    def by_other_outcomes(self) -> tuple[Evidence, ...]:
        """The same evidence judged by each outcome that stands beside the headline."""
        judged = self.cascade.by_outcome[1:]
        return tuple(
            replace(self, cascade=cascade, outcome=metric, outcomes=())
            for cascade, metric in zip(judged, self.outcomes, strict=True)
        )

    def column(self, value: Callable[[Record], float]) -> Floats:
        """One number for each record."""
        return np.fromiter((value(record) for record in self.records), dtype=np.float64, count=len(self.records))


def gather(
    cascade: Cascade,
    records: Sequence[Record],
    outputs: Outputs,
    labels: Sequence[Label] | Settled,
    *,
    custom: Mapping[str, CustomMetric],
    compared: Compared | None = None,
    run: str = "",
    seed: int = 0,
    population: Population | None = None,
    ratings: Ratings | None = None,
) -> Evidence:
    """Keep the records of the evaluated split, and settle references from the labels.

    Labels of records that were hunted for are left out: whatever rate they entered would be that of the hunt.
    `compared` is what other evidence has compared already; `population` says of all records what views count of them,
    where those given are only the ones that somebody labelled.
    """
    evaluated = tuple(r for r in records if cascade.evaluate is None or r.split == cascade.evaluate)
    ids = {record.id for record in evaluated}
    names = frozenset(cascade.names)
    levels = Levels.of(cascade)

    def is_scored(place: tuple[str, str]) -> bool:
        return place[1] in names and record_of(levels, place[1], place[0]) in ids

    settled = labels if isinstance(labels, Settled) else Settled(labels, cascade)
    in_force = {place: people for place, people in settled.in_force.items() if is_scored(place)}
    fair = {place: reference for place, reference in settled.fair.items() if is_scored(place)}
    references = with_units(fair, cascade, evaluated)
    known = known_outputs(cascade, outputs, references)
    by = (compared or Compared()).metric
    return Evidence(
        cascade=cascade,
        records=evaluated,
        outputs=with_lists(cascade, evaluated, known.outputs, references),
        unknown=known.unknown,
        references=references,
        labels={place: people for place, people in in_force.items() if not levels.depth(place[1])},
        unit_labels={place: people for place, people in in_force.items() if levels.depth(place[1])},
        metrics={s.name: by(s.metrics[0], custom=custom.get(s.metrics[0])) for s in cascade.stages},
        outcome=by(cascade.outcome.metric, custom=custom.get(cascade.outcome.metric)),
        outcomes=tuple(by(other.metric, custom=custom.get(other.metric)) for other in cascade.outcomes),
        run=run,
        seed=seed,
        population=population,
        ratings=ratings or {},
        rated={j.outcome.stage: known.outputs.get((str(SYSTEM), j.outcome.stage), {}) for j in cascade.by_outcome},
    )


def undecided(evidence: Evidence, stage: str) -> frozenset[str]:
    """The records at which people differ by a stage's metric, each of their answers is accepted, and nobody decided."""
    agreed = agreement_scores(evidence, stage)
    return frozenset(
        record.id
        for record, score in zip(evidence.records, agreed.tolist(), strict=True)
        if not score >= 1
        and (reference := evidence.references.get((record.id, stage))) is not None
        and reference.settled == "undecided"
    )


def strict(evidence: Evidence) -> Evidence:
    """The same evidence under the strict rule; the very same where nothing is undecided."""
    places = frozenset((record, stage) for stage in evidence.cascade.names for record in undecided(evidence, stage))
    return replace(evidence, strict=places) if places else evidence


def stage_scores(evidence: Evidence, stage: str, cell: Cell) -> Floats:
    """The stage's score of each record in a cell, NaN without an output, a reference or after infrastructure."""
    return _scores(evidence, cell, stage, evidence.metrics[stage])


def alone_scores(evidence: Evidence, stage: str) -> Floats:
    """The stage's score of each record when it works on references."""
    return stage_scores(evidence, stage, alone_cell(evidence.cascade, stage))


def unknown_alone(evidence: Evidence, stage: str) -> str:
    """Why nobody knows how a recorded stage does on references; empty where all its outputs there are known."""
    unknown = evidence.unknown.get((str(alone_cell(evidence.cascade, stage)), stage))
    noun = evidence.cascade.noun
    return f"not measured: {counted(len(unknown), noun)} have no recorded output on references" if unknown else ""


def outcome_scores(evidence: Evidence, cell: Cell) -> Floats:
    """The outcome of each record in a cell: 1 or 0 against the bar where the cascade has one."""
    scores, good = raw_outcomes(evidence, cell), evidence.cascade.outcome.good
    return scores if good is None else acceptable(scores, good)


def raw_outcomes(evidence: Evidence, cell: Cell) -> Floats:
    """The score that the outcome is made from of each record in a cell, before any bar."""
    return _scores(evidence, cell, evidence.cascade.outcome.stage, evidence.outcome)


def closed_outcome(evidence: Evidence, stage: str) -> Floats | None:
    """The outcome with references at a stage and at all that it depends on; None where the run does not hold it."""
    cell = closed_cell(evidence.cascade, stage)
    return outcome_scores(evidence, cell) if evidence.has_outcome(cell) else None


def _scores(evidence: Evidence, cell: Cell, stage: str, by: Metric) -> Floats:
    """The column of a cell, stage and metric, which nobody may write into: it is computed once."""
    place = (str(cell), stage, by.name)
    if place not in evidence.columns and by.name.startswith(RATING):
        ratings, given = evidence.ratings.get(by.name, {}), evidence.rated.get(stage, {})
        evidence.columns[place] = rated_scores(evidence.records, ratings, given, _outputs(evidence, cell, stage))
    if place not in evidence.columns:
        outputs = _outputs(evidence, cell, stage)
        levels = Levels.of(evidence.cascade)
        depth = levels.depth(stage)

        def score_of(output: Output, reference: Reference) -> float:
            is_strict = (reference.record, stage) in evidence.strict
            return strict_score(output, reference, by) if is_strict else score(output, reference, by)

        def score_at(record: Record) -> float:
            output, reference = outputs.get(record.id), evidence.references.get((record.id, stage))
            return math.nan if output is None or reference is None else score_of(output, reference)

        if depth:
            # An empty list of the record's own gave nobody anything to do; an empty one of people's is an answer.
            is_own = all(source.startswith("record.") for source in levels.paths[stage])
            scores = record_scores(
                stage,
                evidence.records,
                outputs,
                evidence.references,
                wanted=reference_lists(evidence, stage),
                depth=depth,
                without_units=math.nan if is_own else 1.0,
                score_of=score_of,
            )
            evidence.columns[place] = np.array(scores, dtype=np.float64)
        else:
            evidence.columns[place] = evidence.column(score_at)
        evidence.columns[place].flags.writeable = False
    return evidence.columns[place]


def reference_lists(evidence: Evidence, stage: str) -> dict[str, Sequence[Keys]]:
    """The units that each record has at a stage by its references, where these say which there are."""
    levels = Levels.of(evidence.cascade)
    path = levels.paths[stage]
    units = {
        record.id: reference_units(evidence.references, evidence.cascade, levels, record, path)
        for record in evidence.records
    }
    return {record: keys for record, keys in units.items() if keys is not None}


def _outputs(evidence: Evidence, cell: Cell, stage: str) -> Mapping[str, Output]:
    """Outputs at a stage in a cell, by record; where the stage itself is swapped, what is put in."""
    if stage not in cell.stages:
        return evidence.outputs.get((str(cell), stage), {})
    return {
        record: answer_as_output(reference.first, record=record, stage=stage)
        for (record, name), reference in evidence.references.items()
        if name == stage
    }


def score_bar(evidence: Evidence, stage: str, by: Metric) -> float:
    """The score from which a stage's output is acceptable: the outcome's own bar where it is the same score."""
    outcome = evidence.cascade.outcome
    if stage == outcome.stage and by.name == outcome.metric and outcome.good is not None:
        return outcome.good
    return by.bar


def accepted(evidence: Evidence, stage: str) -> Floats:
    """1 where the system's output at a stage is acceptable, 0 where it is not, NaN where it has no score."""
    return acceptable(stage_scores(evidence, stage, SYSTEM), score_bar(evidence, stage, evidence.metrics[stage]))


def good(evidence: Evidence, outcome: Floats) -> Floats:
    """1 where an outcome as `outcome_scores` gives it is good, 0 where it is bad, NaN where there is none."""
    return acceptable(outcome, good_from(evidence))


def good_from(evidence: Evidence) -> float:
    """The outcome, as `outcome_scores` gives it, from which a record is good."""
    return evidence.outcome.bar if evidence.cascade.outcome.good is None else 1.0


BOUNDED = (
    "not measured: recorded outputs can't be run again, so what references would gain is only known within bounds "
    "(`stagegap show`)"
)


def is_bounded(evidence: Evidence, cells: Iterable[Cell]) -> bool:
    """Nobody knows some outcome there; the records where all are known are those that a swap hardly changes."""
    return any(evidence.unknown.get((str(cell), evidence.cascade.outcome.stage)) for cell in cells)


def prefix_outcomes(evidence: Evidence) -> tuple[list[Floats], str]:
    """Complete-case outcomes along the staircase, or no columns and the reason why there are none."""
    cells = prefix_cells(evidence.cascade)
    stage = evidence.cascade.outcome.stage
    if evidence.cascade.outcome.criterion is not None:
        if evidence.ratings.get(evidence.outcome.name):
            return [], f"not measured: people rated what {stage} answered, not what it would answer on references"
        return [], f"not measured: nobody rated what {stage} answered in this run"
    if is_bounded(evidence, cells):
        return [], BOUNDED
    bare = unlabelled_stages(evidence)
    if bare and len(bare) < len(evidence.cascade.stages):
        return [], f"not measured: no {evidence.cascade.noun} has a reference at {listed(bare)}"
    for cell in cells:
        if stage not in cell.stages and not evidence.holds(cell, stage):
            where = " and ".join(cell.stages)
            return [], f"not measured: the run holds no outcome with references at {where}" if where else (
                "not measured: the run holds no outcome"
            )
    by_cell = {cell: outcome_scores(evidence, cell) for cell in dict.fromkeys(cells)}
    columns = list(complete_cases([by_cell[cell] for cell in cells]))
    if np.isnan(columns[0]).all():
        lost = infrastructure_failures(evidence)
        if lost:
            noun = evidence.cascade.noun
            return [], f"not measured: a service failed at {counted(lost, noun)}, and no other has every outcome"
        return [], f"not measured: no {evidence.cascade.noun} has references at every stage"
    return columns, ""


def outcome_columns(cascade: Cascade) -> list[str]:
    """Name the outcomes along the ceiling, equal cells alike: a stage that can't change the outcome gains exactly 0."""
    cells = prefix_cells(cascade)
    return [f"outcome {cells.index(cell)}" for cell in cells]


def unlabelled_stages(evidence: Evidence) -> tuple[str, ...]:
    """The stages whose references the ceiling needs and that have none of any record."""
    referenced = {stage for _, stage in evidence.references}
    needed = {name for cell in prefix_cells(evidence.cascade) for name in cell.stages}
    return tuple(name for name in staircase_order(evidence.cascade) if name in needed and name not in referenced)


def agreement_scores(evidence: Evidence, stage: str) -> Floats:
    """The mean agreement of two people on each record that several labelled, computed once for equal answers."""
    by = evidence.metrics[stage]
    place = ("people", stage, by.name)
    if place not in evidence.columns:
        known: dict[Hashable, float] = {}

        def agreed(record: Record) -> float:
            people = list(evidence.labels.get((record.id, stage), {}).values())
            key = tuple(alike(label.answer) for label in people if label.answer)
            if key not in known:
                known[key] = agreement(people, by)
            return known[key]

        evidence.columns[place] = evidence.column(agreed)
        evidence.columns[place].flags.writeable = False
    return evidence.columns[place]


def infrastructure_failures(evidence: Evidence) -> int:
    """Count the records that have no score of the outcome in some cell because of infrastructure."""
    if evidence.population is not None:
        return evidence.population.lost[evidence.cascade.outcome.stage]
    stage = evidence.cascade.outcome.stage
    lost: set[str] = set()
    for cell in prefix_cells(evidence.cascade):
        for record, output in evidence.outputs.get((str(cell), stage), {}).items():
            if Status.INFRASTRUCTURE in (output.status, output.because):
                lost.add(record)
    return len(lost.intersection(record.id for record in evidence.records))


def outcome_name(cascade: Cascade) -> str:
    """The outcome in words: `good mails (draft.fact_recall >= 0.8)` or `mean draft.fact_recall`."""
    outcome = cascade.outcome
    score = f"{outcome.stage}.{metric_title(outcome.metric)}"
    return f"mean {score}" if outcome.good is None else f"good {plural(cascade.noun, 2)} ({score} >= {outcome.good:g})"
