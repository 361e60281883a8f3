"""Units in the evidence: the lists that their outputs are together, and what a record scores on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean

from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.units import Keys, Levels, gathered, listed, owner, unit_id, unit_names, unlisted
from stagegap.people.references import Place

Outputs = Mapping[tuple[str, str], Mapping[str, Output]]
"""(cell as text, stage) -> record or unit -> output."""
Lists = Callable[[Record, Keys, "tuple[str, ...]"], "Output | None"]
"""The innermost list of a path, of a record or of a unit of it, as an output; None where nobody knows."""


def lists_of(cell: Cell, whole: tuple[str, ...], outputs: Outputs, references: Mapping[Place, Reference]) -> Lists:
    """The lists by which a cell takes records apart: of the record, of a reference that is put in, or of a stage.

    `whole` is the whole path: where a list inside is put in, so are those that it lies in.
    """
    deepest = max((depth for depth, source in enumerate(whole) if source in cell.stages), default=-1)

    def find(record: Record, above: Keys, path: tuple[str, ...]) -> Output | None:
        source = path[-1]
        origin, _, field = source.partition(".")
        if origin == "record":
            return Output(record=record.id, stage=source, status=Status.OK, value=record.fields.get(field))
        name = unit_id(record.id, above)
        if len(path) - 1 <= deepest:
            reference = references.get((name, source))
            value = reference.first.value if reference is not None else None
            return None if reference is None else Output(record=name, stage=source, status=Status.OK, value=value)
        return outputs.get((str(cell), source), {}).get(name) or outputs.get((str(SYSTEM), source), {}).get(name)

    return find


def units_by(lists: Lists, levels: Levels, record: Record, path: tuple[str, ...]) -> list[Keys] | Output | None:
    """The units of a record, in the order of its lists; a list that failed, or None where one is not known."""
    units: list[Keys] = [()]
    for depth in range(len(path)):
        below: list[Keys] = []
        for above in units:
            source = lists(record, above, path[: depth + 1])
            if source is None:
                return None
            items = listed(source)
            if items is None and unlisted(record.id, "", source).status is not Status.SKIPPED:
                return source
            below += [(*above, name) for name in unit_names(items or (), levels.align[path[: depth + 1]])]
        units = below
    return units


def with_lists(
    cascade: Cascade, records: Iterable[Record], outputs: Outputs, references: Mapping[Place, Reference]
) -> Outputs:
    """Further outputs: for each record that is taken apart at a stage, what its units answered there together.

    Nothing where an output of a unit is not there: the run is not so far, or nobody can know it.
    """
    levels = Levels.of(cascade)
    if levels.is_flat:
        return outputs
    whole = {place: dict(of) for place, of in outputs.items()}
    fanned = [stage.name for stage in cascade.stages if levels.depth(stage.name)]
    cells = {name: Cell.parse(name) for name, _ in outputs}
    for name, cell in cells.items():
        for stage in fanned:
            lists = lists_of(cell, levels.paths[stage], whole, references)
            if (name, stage) not in whole and cell != SYSTEM:
                continue
            of = whole.setdefault((name, stage), {})
            for record in records:
                output = _together(units_by(lists, levels, record, levels.paths[stage]), of, record.id, stage)
                if output is not None:
                    of[record.id] = output
    return whole


def _together(
    units: list[Keys] | Output | None, outputs: Mapping[str, Output], record: str, stage: str
) -> Output | None:
    if units is None:
        return None
    if isinstance(units, Output):
        return unlisted(record, stage, units)
    own = [outputs.get(unit_id(record, keys)) for keys in units]
    known = [output for output in own if output is not None]
    return gathered(record, stage, known) if len(known) == len(own) else None


def by_record(units: Iterable[str], depth: int) -> dict[str, list[str]]:
    """Units by their record, in their order."""
    records: dict[str, list[str]] = {}
    for unit in units:
        place = owner(unit, depth)
        if place is not None:
            records.setdefault(place[0], []).append(unit)
    return records


def calls_of(outputs: Mapping[str, Output], records: frozenset[str], *, depth: int) -> list[Output]:
    """The outputs of these records, or of their units at a stage that is asked unit by unit."""
    if not depth:
        return [output for name, output in outputs.items() if name in records]
    places = [(owner(name, depth), output) for name, output in outputs.items()]
    return [output for place, output in places if place is not None and place[0] in records]


def no_answer(unit: str, stage: str) -> Reference:
    """The reference of a unit that the references know nothing of: no answer is right there."""
    return Reference(record=unit, stage=stage, accepted=(Answer(value=None),))


def not_there(unit: str, stage: str) -> Output:
    """The output of a unit that the system did not find."""
    return Output(record=unit, stage=stage, status=Status.SKIPPED)


def record_scores(
    stage: str,
    records: Sequence[Record],
    outputs: Mapping[str, Output],
    references: Mapping[Place, Reference],
    *,
    wanted: Mapping[str, Sequence[Keys]],
    depth: int,
    without_units: float,
    score_of: Callable[[Output, Reference], float],
) -> list[float]:
    """The mean score of each record's units: those of the references, and those that the system alone found.

    `wanted` are the units of the references, by record. A unit that only one side has scores as no answer against an
    answer, 0. NaN where a unit has no score, and where the units of the references are not known. A list that failed
    scores as any failure. `without_units` is the score where neither side has a unit.
    """
    of_system = by_record(outputs, depth)

    def mean_of(record: str) -> float:
        whole, reference = outputs.get(record), references.get((record, stage))
        if whole is None or reference is None or Status.INFRASTRUCTURE in (whole.status, whole.because):
            return math.nan
        theirs = [unit_id(record, keys) for keys in wanted.get(record, ())]
        own = of_system.get(record, ())
        if not own and not whole.status.has_value:
            return score_of(whole, reference)
        scores = [
            score_of(
                outputs.get(unit) or not_there(unit, stage), references.get((unit, stage)) or no_answer(unit, stage)
            )
            for unit in dict.fromkeys((*theirs, *own))
        ]
        return fmean(scores) if scores else without_units

    return [mean_of(record.id) for record in records]
