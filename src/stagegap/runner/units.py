"""Records taken apart and put together again on their way: a stage with `each` answers unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from stagegap.analysis.units import with_lists
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade, Kind, Source, Stage
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM
from stagegap.model.units import Keys, Levels, gathered, listed, owner, under, unit_id, unit_names, unlisted
from stagegap.runner.cases import Case, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit as its stage meets it: a record of its own, with the outputs that it reads."""

    keys: Keys
    record: Record
    settled: dict[str, Output]
    """By stage: of the unit, of what it lies in, or the list of what lies in that."""
    decided: Output | None = None
    """Its output where it needs no call: its list failed, or a swapped answer knows no such unit."""


class Fan:
    """How a stage that is asked item by item takes a record apart."""

    def __init__(self, cascade: Cascade, stage: Stage, levels: Levels) -> None:
        self.stage = stage
        self._levels = levels
        self._lists: list[Source] = []
        """Where the lists of its path come from, the outermost first."""
        each = stage.each
        while each is not None:
            self._lists.insert(0, each)
            each = cascade.stage(each.name).each if each.origin == "stage" else None
        makers = {source.name for source in self._lists if source.origin == "stage"}
        self._rankings = {name for name in makers if cascade.stage(name).output.kind is Kind.RANKING}
        self._parents = [parent for parent in stage.parents if parent not in makers]

    def units(self, record: Record, outputs: Mapping[str, Output], units: Units, *, repeat: int) -> list[Unit] | Output:
        """The units of a record, in the order of the list; the stage's output where there is no list.

        `outputs` are those of the record, `units` those of its units, by stage. Where a list in a list failed, one unit
        stands for all that it would hold.
        """
        each, name = self._lists[-1], self.stage.name
        if len(self._lists) > 1 and each.name in units:
            sources = units[each.name]
        else:
            whole = _field(record, each) if each.origin == "record" else outputs[each.name]
            if listed(whole) is None:
                return unlisted(record.id, name, whole, repeat=repeat)
            sources = {(): whole}
        apart: list[Unit] = []
        align = self._levels.align[self._levels.paths[name]]
        for above, source in sources.items():
            items = listed(source)
            if items is None:
                lost = unlisted(unit_id(record.id, above), name, source, repeat=repeat)
                if lost.status is not Status.SKIPPED:
                    apart.append(Unit(keys=above, record=replace(record, id=lost.record), settled={}, decided=lost))
                continue
            inside = self._outer_items(record, outputs, units, above)
            for key, item in zip(unit_names(items, align), items, strict=True):
                read = [*inside, (each, source, item)]
                apart.append(self._unit(record, outputs, units, (*above, key), read, repeat))
        return apart

    def _outer_items(
        self, record: Record, outputs: Mapping[str, Output], units: Units, above: Keys
    ) -> list[tuple[Source, Output, Json]]:
        """The items of outer lists that a unit lies in, of the lists that its stage reads."""
        inside: list[tuple[Source, Output, Json]] = []
        for depth, source in enumerate(self._lists[:-1]):
            if source.origin == "stage" and source.name not in self.stage.parents:
                continue
            whole = _field(record, source) if source.origin == "record" else outputs[source.name]
            maker = units.get(source.name, {}).get(above[:depth], whole) if depth else whole
            items = listed(maker) or ()
            align = self._levels.align[self._levels.paths[self.stage.name][: depth + 1]]
            named = dict(zip(unit_names(items, align), items, strict=True))
            if above[depth] in named:
                inside.append((source, maker, named[above[depth]]))
        return inside

    def _unit(
        self,
        record: Record,
        outputs: Mapping[str, Output],
        units: Units,
        keys: Keys,
        items: list[tuple[Source, Output, Json]],
        repeat: int,
    ) -> Unit:
        name, fields, settled = self.stage.name, record.fields, dict[str, Output]()
        for source, maker, item in items:
            if source.origin == "record":
                fields = {**fields, source.name: item}
            else:
                value: Json = [item] if source.name in self._rankings else item
                settled[source.name] = replace(maker, value=value, scores=(), alternatives=())
        for parent in self._parents:
            output = self._read(parent, record, outputs, units, keys)
            if output is not None:
                settled[parent] = output
        own = replace(record, id=unit_id(record.id, keys), cluster=record.unit, fields=fields)
        is_known = len(settled) == len(self.stage.parents)
        skip = Output(record=own.id, stage=name, status=Status.SKIPPED, repeat=repeat)
        return Unit(keys=keys, record=own, settled=settled, decided=None if is_known else skip)

    def _read(
        self, parent: str, record: Record, outputs: Mapping[str, Output], units: Units, keys: Keys
    ) -> Output | None:
        """What a unit reads of another stage; None where that knows no such unit, as a swapped answer may."""
        depth, common = self._levels.depth(parent), self._levels.common(self.stage.name, parent)
        if not common or parent not in units:
            return outputs[parent]
        if common == depth:
            return units[parent].get(keys[:common])
        inside = under(units[parent], keys[:common])
        return gathered(unit_id(record.id, keys[:common]), parent, list(inside.values()))

    def cases(self, whole: Case) -> list[tuple[Case, Output | None]]:
        """The units of a case as cases of their own, with the output of each that is decided; none without a list."""
        name = self.stage.name
        units = self.units(whole.record, whole.outputs, whole.units, repeat=whole.repeat)
        if isinstance(units, Output):
            return []
        whole.units[name] = dict.fromkeys((unit.keys for unit in units), _OPEN)
        whole.waits[name] = len(units)
        return [
            (Case(unit.record, whole.repeat, unit.settled, {}, 1, whole.route, {}, whole, unit.keys), unit.decided)
            for unit in units
        ]

    def empty(self, whole: Case) -> Output:
        """The output of a case that has no units: an empty list, or what stands in its place."""
        units = self.units(whole.record, whole.outputs, whole.units, repeat=whole.repeat)
        name = self.stage.name
        return units if isinstance(units, Output) else gathered(whole.record.id, name, [], repeat=whole.repeat)


_OPEN = Output(record="", stage="", status=Status.BLOCKED, error="not answered yet")


def _field(record: Record, each: Source) -> Output:
    """A list of the record in the form of an output."""
    value = record.fields.get(each.name)
    return Output(record=record.id, stage=str(each), status=Status.OK, value=value)


def fans_of(cascade: Cascade, stages: Iterable[Stage]) -> dict[str, Fan]:
    """How each of these stages takes a record apart; only those that do."""
    levels = Levels.of(cascade)
    return {stage.name: Fan(cascade, stage, levels) for stage in stages if stage.each is not None}


def together(stage: str, pairs: Iterable[tuple[Case, Output]]) -> list[tuple[Case, Output]]:
    """Take outputs of units in: the cases whose last unit is among them, each with all of its outputs as one."""
    wholes: list[tuple[Case, Output]] = []
    for unit, output in pairs:
        whole = cast("Case", unit.whole)
        whole.units[stage][unit.keys] = output
        whole.waits[stage] -= 1
        if not whole.waits[stage]:
            units = list(whole.units[stage].values())
            wholes.append((whole, gathered(whole.record.id, stage, units, repeat=whole.repeat)))
    return wholes


def asked_units(
    cascade: Cascade, stage: Stage, records: Sequence[Record], outputs: Mapping[str, Mapping[str, Output]]
) -> tuple[tuple[Record, ...], Mapping[str, Mapping[str, Output]]]:
    """What a stage was asked about in a run, and the outputs that it read and gave there, by stage.

    Records as they are, with the lists of their units' outputs; units for a stage that is asked item by item.
    """
    levels = Levels.of(cascade)
    if levels.is_flat:
        return tuple(records), outputs
    places = with_lists(cascade, records, {(str(SYSTEM), name): of for name, of in outputs.items()}, {})
    whole = {name: of for (_, name), of in places.items()}
    if stage.each is None:
        return tuple(records), whole
    fan, answers = Fan(cascade, stage, levels), whole.get(stage.name, {})
    by_unit: dict[str, dict[str, Output]] = {name: {} for name in (*stage.parents, stage.name)}
    inside: dict[str, dict[str, dict[Keys, Output]]] = {}
    for name in stage.parents:
        for unit, output in whole.get(name, {}).items() if levels.depth(name) else ():
            place = owner(unit, levels.depth(name))
            if place is not None:
                inside.setdefault(place[0], {}).setdefault(name, {})[place[1]] = output
    asked: list[Record] = []
    for record in records:
        own = {name: whole[name][record.id] for name in stage.parents if record.id in whole.get(name, {})}
        if len(own) < len(stage.parents):
            continue
        units = fan.units(record, own, inside.get(record.id, {}), repeat=0)
        for unit in units if not isinstance(units, Output) else ():
            asked.append(unit.record)
            for name, output in unit.settled.items():
                by_unit[name][unit.record.id] = output
            if unit.record.id in answers:
                by_unit[stage.name][unit.record.id] = answers[unit.record.id]
    return tuple(asked), by_unit
