"""Faults planted in the user's own cascade: wrong answers of the declared type, and what became of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.attribution.faults import BAR_SLACK
from stagegap.attribution.selfcheck import Planted, Recovery
from stagegap.attribution.swaps import effective_set, staircase_order
from stagegap.metrics import answer_as_output, score
from stagegap.model.answer import Answer, Output
from stagegap.model.cascade import Cascade, Kind
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.wording import counted
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Floats = NDArray[np.float64]
SILENT = 4
"""One wrong answer in about so many is no answer, at a stage that has a condition."""
TRIES = 30
"""Values that are tried for a record until one is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selfcheck:
    """What each method recovered of faults that were planted in a run."""

    cascade: str
    run: str
    noun: str
    n: int
    """Records that faults were planted in."""
    calls: int
    """Calls that the planting made."""
    rows: tuple[Recovery, ...]
    left_out: tuple[str, ...]
    """Stages where no fault could be planted, with the reason."""


def wrong_answers(evidence: ev.Evidence, stage: str, *, rng: np.random.Generator) -> dict[str, Answer]:
    """Per record with a reference, an answer of the declared type that is not acceptable, drawn at random.

    Closed sets give their values; every other type what the system or people answered for other records. A record
    for which no tried value is wrong gets none.
    """
    by = evidence.metrics[stage]
    bar = ev.score_bar(evidence, stage, by)
    pool = _pool(evidence, stage)
    wrong: dict[str, Answer] = {}
    for record in evidence.records if pool else ():
        reference = evidence.references.get((record.id, stage))
        if reference is None:
            continue
        tries: list[int] = rng.integers(0, len(pool), TRIES).tolist()
        for place in tries:
            answer = Answer(value=pool[place])
            reached = score(answer_as_output(answer, record=record.id, stage=stage), reference, by)
            if not math.isnan(reached) and reached < bar - BAR_SLACK:
                wrong[record.id] = answer
                break
    return wrong


def _pool(evidence: ev.Evidence, stage: str) -> Sequence[Json]:
    """The answers to choose from; at a stage with a condition also none at all, its own way to go wrong."""
    answers = _answers(evidence, stage)
    silent = [None] * max(1, len(answers) // SILENT) if evidence.cascade.stage(stage).when and answers else []
    return [*answers, *silent]


def _answers(evidence: ev.Evidence, stage: str) -> Sequence[Json]:
    output = evidence.cascade.stage(stage).output
    if output.kind is Kind.LABEL:
        return output.values
    if output.kind is Kind.BOOLEAN:
        return (True, False)
    given = [o.value for o in evidence.system(stage).values() if o.status.has_value and o.value is not None]
    people = [r.first.value for (_, at), r in evidence.references.items() if at == stage and r.first.value is not None]
    return given + people


def planted_sets(cascade: Cascade, stage: str) -> tuple[tuple[str, ...], ...]:
    """Along the staircase up to the stage, the effective sets: references before it, the planted fault at it."""
    order = staircase_order(cascade)
    before = order[: order.index(stage) + 1]
    return tuple(effective_set(cascade, {*before[:count], stage}) for count in range(len(before)))


def planted_cells(cascade: Cascade, stage: str) -> tuple[Cell, ...]:
    """The distinct cells that must run for faults at a stage; none where the outcome can't see them."""
    sets = dict.fromkeys(swapped for swapped in planted_sets(cascade, stage) if stage in swapped)
    return tuple(Cell("version", swapped) for swapped in sets)


def given_answers(
    evidence: ev.Evidence, cell: Cell, stage: str, wrong: Mapping[str, Answer]
) -> dict[str, dict[str, Answer]]:
    """What answers at the swapped stages of such a cell: planted faults at one, references at the others."""
    given: dict[str, dict[str, Answer]] = {name: {} for name in cell.stages}
    for (record, at), reference in evidence.references.items():
        if at in given and at != stage:
            given[at][record] = reference.first
    return given | {stage: dict(wrong)}


def planted(
    evidence: ev.Evidence,
    stage: str,
    wrong: Mapping[str, Answer],
    outputs: Mapping[tuple[str, str], Mapping[str, Output]],
    clean: Sequence[Floats],
) -> Planted:
    """Put outcomes and acceptability with and without the planted faults beside each other.

    `outputs` are those of the cells of `planted_cells`; `clean` the outcomes along the staircase.
    """
    cascade = evidence.cascade
    steps = [ev.good(evidence, step) for step in clean]
    has_fault = evidence.column(lambda record: record.id in wrong) == 1
    spoilt: list[Floats] = []
    worlds = [_world(evidence, stage, wrong, outputs, swapped) for swapped in planted_sets(cascade, stage)]
    for world, step in zip(worlds, steps, strict=False):
        outcome = step if world is None else ev.good(world, ev.outcome_scores(world, SYSTEM))
        spoilt.append(np.where(has_fault, outcome, math.nan))
    spoilt += steps[len(spoilt) :]
    return Planted(
        stage=stage,
        clean=tuple(steps),
        spoilt=tuple(spoilt),
        accepted=_accepted(evidence),
        accepted_spoilt=_accepted(worlds[0] or evidence),
    )


def _accepted(evidence: ev.Evidence) -> dict[str, Floats]:
    return {name: ev.accepted(evidence, name) for name in staircase_order(evidence.cascade)}


def _world(
    evidence: ev.Evidence,
    stage: str,
    wrong: Mapping[str, Answer],
    outputs: Mapping[tuple[str, str], Mapping[str, Output]],
    swapped: tuple[str, ...],
) -> ev.Evidence | None:
    """The evidence as if the outputs of a cell had been the system's; None where the fault is not seen."""
    if stage not in swapped:
        return None
    cell = Cell("version", swapped)
    planted = dict(evidence.outputs)
    for name, answers in given_answers(evidence, cell, stage, wrong).items():
        forced = {record: answer_as_output(answer, record=record, stage=name) for record, answer in answers.items()}
        planted[str(SYSTEM), name] = {**evidence.system(name), **forced}
    for (where, name), rows in outputs.items():
        if where == str(cell):
            planted[str(SYSTEM), name] = {**evidence.system(name), **rows}
    return replace(evidence, outputs=planted)


_COLUMNS = (
    Column(name="Planted at", unit=Unit.TEXT, key="stage"),
    Column(name="Method", unit=Unit.TEXT, key="method"),
    Column(name="Damage", unit=Unit.POINTS, spare=1),
    Column(name="Booked there", unit=Unit.SHARE, key="{method}: booked"),
    Column(name="Bias", unit=Unit.CHANGE),
    Column(name="Interval holds", unit=Unit.SHARE, key="{method}: coverage"),
    Column(name="Finds the worst", unit=Unit.SHARE, key="{method}: finds_worst", spare=2),
)


def selfcheck_sheet(view: Selfcheck) -> Sheet:
    """One row a stage and method: how much of the damage it books there, and whether its interval holds it."""
    planted = f"{figures.share(view.rows[0].planted)} of " if view.rows else ""
    return Sheet(
        headline=f"Faults planted at every stage of {view.cascade}",
        parts=(
            Table(
                columns=_COLUMNS,
                rows=tuple(
                    (row.stage, row.method, row.damage, row.booked, 100 * row.bias, row.coverage, row.finds_worst)
                    for row in view.rows
                ),
            ),
            f"Faults in {planted}{counted(view.n, view.noun)}, {view.calls:,} calls, nothing stored. "
            "All figures in points.",
            *(f"Left out: {reason}." for reason in view.left_out),
        ),
    )
