"""The units of a run, level by level: how many there are, what became of them at each stage, and their scorecard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stagegap.analysis import evidence as ev
from stagegap.analysis.faults import FaultsView, faults_sheet, faults_view
from stagegap.analysis.outcomes import OtherOutcome
from stagegap.analysis.scorecard import measured, outcome_beside
from stagegap.analysis.units import calls_of, lists_of, no_answer, not_there, units_by, with_lists
from stagegap.analysis.views import Scorecard, gap_sheet
from stagegap.metrics import metric
from stagegap.model.answer import Answer, Label, Output, Reference, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Stage
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Cell, Run
from stagegap.model.units import UNIT, Keys, Levels, owners, unit_id, unlisted
from stagegap.model.wording import counted, plural
from stagegap.people.references import reference_units, with_units
from stagegap.stats.resample import RESAMPLES
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

COUNTED = (Kind.LABEL, Kind.BOOLEAN)
"""Types of answers that are counted by value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """What became of the records, or units, at one stage."""

    stage: str
    arrived: int
    """Outputs of the system, skipped and failed ones among them."""
    answered: int
    skipped: int
    failed: int
    values: tuple[tuple[str, int], ...] = ()
    """How often each label, or true and false, was the answer: the declared order, or the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLevel:
    """The units that a list is taken apart into."""

    source: str
    """The list: `split`, `record.lines`; `sentences > claims` for a list in a list."""
    units: int
    """Units that the system or the references have."""
    records: int
    """Records that they belong to."""
    known: int
    """Of these units, those of records whose references say which units there are."""
    missed: int
    """Units that only the references have."""
    spurious: int
    """Units that only the system has, in records whose references say which there are."""
    funnel: tuple[FunnelRow, ...]
    scorecard: Scorecard
    """With a unit in the place of a record, clustered by record."""
    faults: FaultsView


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsView:
    """The units of one run."""

    cascade: str
    run: str
    noun: str
    records: int
    funnel: tuple[FunnelRow, ...]
    """Of the records, at the stages that take a whole record."""
    levels: tuple[UnitLevel, ...]


def units_view(evidence: ev.Evidence, run: Run, *, resamples: int = RESAMPLES) -> UnitsView:
    """Every level of the units of a run, outer lists first."""
    levels = Levels.of(evidence.cascade)
    return UnitsView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        records=len(evidence.records),
        funnel=_funnel(evidence, ()),
        levels=tuple(_level(evidence, path, run, resamples) for path in sorted(levels.align, key=len)),
    )


def unit_outcomes(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> tuple[OtherOutcome, ...]:
    """What units come to, list by list, beside the records' own outcome: the end of each list, its ceiling and gain."""
    outcomes: list[OtherOutcome] = []
    for path in sorted(Levels.of(evidence.cascade).align, key=len):
        beside = outcome_beside(unit_evidence(evidence, path), resamples=resamples)
        outcomes.append(replace(beside, outcome_name=f"{beside.outcome_name}, each item of {' > '.join(path)}"))
    return tuple(outcomes)


def _level(evidence: ev.Evidence, path: tuple[str, ...], run: Run, resamples: int) -> UnitLevel:
    units = unit_evidence(evidence, path)
    inside = _Inside.of(evidence, path)
    known = [(theirs, inside.system[record]) for record, theirs in inside.theirs.items()]
    return UnitLevel(
        source=" > ".join(path),
        units=len(units.records),
        records=len({owners(unit.id, len(path))[0] for unit in units.records}),
        known=sum(len({*theirs, *own}) for theirs, own in known),
        missed=sum(len({*theirs} - {*own}) for theirs, own in known),
        spurious=sum(len({*own} - {*theirs}) for theirs, own in known),
        funnel=_funnel(evidence, path),
        scorecard=measured(units, run, labels_seq=0, resamples=resamples).scorecard,
        faults=faults_view(units, resamples=resamples),
    )


def _funnel(evidence: ev.Evidence, path: tuple[str, ...]) -> tuple[FunnelRow, ...]:
    levels, records = Levels.of(evidence.cascade), frozenset(record.id for record in evidence.records)
    rows: list[FunnelRow] = []
    for stage in evidence.cascade.stages:
        if levels.paths[stage.name] != path:
            continue
        outputs = calls_of(evidence.system(stage.name), records, depth=levels.depth(stage.name))
        answered = [output for output in outputs if output.status.has_value]
        skipped = sum(output.status is Status.SKIPPED for output in outputs)
        rows.append(
            FunnelRow(
                stage=stage.name,
                arrived=len(outputs),
                answered=len(answered),
                skipped=skipped,
                failed=len(outputs) - len(answered) - skipped,
                values=_values(stage, answered) if stage.output.kind in COUNTED else (),
            )
        )
    return tuple(rows)


def _values(stage: Stage, outputs: Iterable[Output]) -> tuple[tuple[str, int], ...]:
    times = Counter(_word(output.value) for output in outputs)
    order = stage.output.values or ("true", "false")
    return tuple((value, times[value]) for value in order)


def _word(value: Json) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class _Inside:
    """The units of each record."""

    theirs: Mapping[str, Sequence[Keys]]
    """By the references, where they say which there are."""
    system: Mapping[str, Sequence[Keys]]
    """By the system, none where its list failed."""

    @classmethod
    def of(cls, evidence: ev.Evidence, path: tuple[str, ...]) -> _Inside:
        levels = Levels.of(evidence.cascade)
        lists = lists_of(SYSTEM, path, evidence.outputs, evidence.references)
        theirs: dict[str, Sequence[Keys]] = {}
        system: dict[str, Sequence[Keys]] = {}
        for record in evidence.records:
            units = reference_units(evidence.references, evidence.cascade, levels, record, path)
            if units is not None:
                theirs[record.id] = units
            own = units_by(lists, levels, record, path)
            system[record.id] = own if isinstance(own, list) else []
        return cls(theirs, system)


def unit_evidence(evidence: ev.Evidence, path: tuple[str, ...]) -> ev.Evidence:
    """The evidence of the units of one list: each is a record whose cluster is that of the record it belongs to.

    Units are those that the system or the references have. The stage that lists them answers "there is such a unit";
    stages before it answer for each unit what they answered for the record. The outcome is the last stage that is
    asked about these units.
    """
    return _UnitEvidence(evidence, path).evidence()


class _UnitEvidence:
    def __init__(self, evidence: ev.Evidence, path: tuple[str, ...]) -> None:
        self._whole = evidence
        self._path = path
        self._levels = Levels.of(evidence.cascade)
        self._inside = _Inside.of(evidence, path)
        self._cascade = unit_cascade(evidence.cascade, path)
        self._lists = {name: depth for depth, name in enumerate(path, 1) if name in evidence.cascade.names}
        """How deep the units lie that each list of the path has."""
        self._theirs = {depth: _Inside.of(evidence, path[:depth]).theirs for depth in self._lists.values()}
        self._units: dict[str, list[Keys]] = {
            record.id: list(dict.fromkeys((*self._inside.theirs.get(record.id, ()), *self._inside.system[record.id])))
            for record in evidence.records
        }

    def evidence(self) -> ev.Evidence:
        whole, cascade = self._whole, self._cascade
        records = tuple(
            replace(record, id=unit_id(record.id, keys), cluster=record.unit)
            for record in whole.records
            for keys in self._units[record.id]
        )
        references = with_units(self._references(), cascade, records)
        outputs = {
            place: self._outputs(Cell.parse(place[0]), place[1]) for place in whole.outputs if place[1] in cascade.names
        }
        outcome = whole.metrics[cascade.outcome.stage]
        return ev.Evidence(
            cascade=cascade,
            records=records,
            outputs=with_lists(cascade, records, outputs, references),
            unknown={
                place: frozenset(record.id for record in records if {*self._at(place[1], record.id)} & lost)
                for place, lost in whole.unknown.items()
                if place[1] in cascade.names
            },
            references=references,
            labels={place: labels for place, labels in self._labels() if place[1] in cascade.names},
            metrics={
                name: metric("accuracy") if name in self._lists else whole.metrics[name] for name in cascade.names
            },
            outcome=outcome,
            run=whole.run,
            seed=whole.seed,
        )

    def _labels(self) -> Iterable[tuple[tuple[str, str], Mapping[str, Label]]]:
        for (unit, stage), labels in self._whole.unit_labels.items():
            if self._levels.paths[stage] == self._path:
                yield (unit, stage), labels

    def _at(self, stage: str, unit: str) -> list[str]:
        """The names under which a stage knows what a unit reads of it."""
        names = owners(unit, len(self._path))
        common = _common(self._levels.paths[stage], self._path)
        return names[common : common + 1]

    def _reading(self, stage: str) -> Iterator[tuple[str, Keys, str]]:
        """Every unit as record and names, with the name of what the stage answered for it."""
        common = _common(self._levels.paths[stage], self._path)
        for record, units in self._units.items():
            for keys in units:
                yield record, keys, unit_id(record, keys[:common])

    def _outputs(self, cell: Cell, stage: str) -> dict[str, Output]:
        """The outputs of a stage in a cell, by unit."""
        whole = self._whole.outputs[str(cell), stage]
        path = self._levels.paths[stage]
        if stage in self._lists:
            return self._existing(cell, stage)
        if len(path) > len(self._path) and path[: len(self._path)] == self._path:
            return dict(whole)
        outputs: dict[str, Output] = {}
        gone = self._gone(cell, stage) if path == self._path else {}

        for record, keys, name in self._reading(stage):
            unit = unit_id(record, keys)
            output = whole.get(name) or gone.get(record)
            if output is not None:
                outputs[unit] = replace(output, record=unit)
        return outputs

    def _gone(self, cell: Cell, stage: str) -> dict[str, Output]:
        """What stands for units that a cell does not have, by record: no answer, or the failure of their list."""
        lists = lists_of(cell, self._path, self._whole.outputs, self._whole.references)
        gone: dict[str, Output] = {}
        for record in self._whole.records:
            units = units_by(lists, self._levels, record, self._path)
            if isinstance(units, Output):
                gone[record.id] = unlisted(record.id, stage, units)
            elif units is not None and all(
                unit_id(record.id, keys) in self._whole.outputs[str(cell), stage] for keys in units
            ):
                gone[record.id] = not_there(record.id, stage)
        return gone

    def _existing(self, cell: Cell, stage: str) -> dict[str, Output]:
        """Whether a list of a cell has each unit, or what it lies in; the failure of the list where there is none."""
        depth = self._lists[stage]
        lists = lists_of(cell, self._path, self._whole.outputs, self._whole.references)
        outputs: dict[str, Output] = {}
        for record in self._whole.records:
            units = units_by(lists, self._levels, record, self._path[:depth])
            if units is None:
                continue
            for keys in self._units[record.id]:
                unit = unit_id(record.id, keys)
                outputs[unit] = (
                    replace(units, record=unit, stage=stage, value=None)
                    if isinstance(units, Output)
                    else Output(record=unit, stage=stage, status=Status.OK, value=keys[:depth] in units)
                )
        return outputs

    def _references(self) -> dict[tuple[str, str], Reference]:
        references: dict[tuple[str, str], Reference] = {}
        for stage in self._cascade.names:
            path = self._levels.paths[stage]
            if len(path) > len(self._path) and path[: len(self._path)] == self._path:
                references |= {place: own for place, own in self._whole.references.items() if place[1] == stage}
                continue

            for record, keys, name in self._reading(stage):
                reference = self._reference(record, keys, name, stage, is_own=path == self._path)
                if reference is not None:
                    references[reference.record, stage] = reference
        return references

    def _reference(self, record: str, keys: Keys, name: str, stage: str, *, is_own: bool) -> Reference | None:
        unit, theirs = unit_id(record, keys), self._inside.theirs.get(record)
        if stage in self._lists:
            depth = self._lists[stage]
            known = self._theirs[depth].get(record)
            exists = Answer(value=known is not None and keys[:depth] in known)
            return None if known is None else Reference(record=unit, stage=stage, accepted=(exists,))
        reference = self._whole.references.get((name, stage))
        if reference is not None:
            return replace(reference, record=unit)
        return no_answer(unit, stage) if is_own and theirs is not None and keys not in theirs else None


def unit_cascade(cascade: Cascade, path: tuple[str, ...]) -> Cascade:
    """The cascade as the units of one list see it: up to the last stage that is asked about them."""
    levels = Levels.of(cascade)
    own = [stage for stage in cascade.stages if levels.paths[stage.name] == path]
    read = {parent for stage in own for parent in stage.parents}
    last = [stage for stage in own if stage.name not in read][-1]
    needed = {last.name, *cascade.ancestors(last.name)}
    return replace(
        cascade,
        stages=tuple(_seen(stage, path, levels) for stage in cascade.stages if stage.name in needed),
        outcome=Outcome(stage=last.name, metric=last.metrics[0]),
        noun=UNIT,
        evaluate=None,
        targets={},
    )


def _seen(stage: Stage, path: tuple[str, ...], levels: Levels) -> Stage:
    own = levels.paths[stage.name]
    if len(own) > len(path) and own[: len(path)] == path:
        return stage
    reads = (stage.each,) if stage.each is not None and stage.each.origin == "stage" else ()
    stage = replace(stage, each=None, when_reads=(*stage.when_reads, *reads))
    if stage.name in path:
        return replace(stage, output=OutputType(kind=Kind.BOOLEAN), metrics=("accuracy",))
    return stage


def _common(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    pairs = zip(path, other, strict=False)
    return next((n for n, (own, their) in enumerate(pairs) if own != their), min(len(path), len(other)))


_FUNNEL = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Arrived", unit=Unit.COUNT, key="arrived"),
    Column(name="Answered", unit=Unit.COUNT, key="answered"),
    Column(name="Skipped", unit=Unit.COUNT, key="skipped"),
    Column(name="Failed", unit=Unit.COUNT, key="failed"),
    Column(name="Answers", unit=Unit.TEXT, key="values"),
)


def units_sheet(view: UnitsView) -> Sheet:
    """The funnel of records and units, then the scorecard and the faults of each level."""
    parts: list[str | Table] = [_table(view.funnel, f"What became of {plural(view.noun, 2)}")]
    for level in view.levels:
        parts.append(_sentence(level, view.noun))
        parts.append(_table(level.funnel, f"What became of the units of {level.source}"))
        parts += _parts(gap_sheet(level.scorecard))
        parts += _parts(faults_sheet(level.faults))
    units = ", ".join(f"{counted(level.units, UNIT)} of {level.source}" for level in view.levels)
    headline = f"{counted(view.records, view.noun)}: {units}." if units else "No stage is asked about items of a list."
    return Sheet(headline=headline, parts=tuple(parts) if view.levels else ())


def _parts(sheet: Sheet) -> list[str | Table]:
    return [text for text in (*sheet.first, sheet.caution, sheet.headline) if text] + list(sheet.parts)


def _sentence(level: UnitLevel, noun: str) -> str:
    start = f"{level.source}: {counted(level.units, UNIT)} in {counted(level.records, noun)}."
    if not level.known:
        return f"{start} No reference says which units there are."
    return (
        f"{start} Of {level.known:,} in {plural(noun, 2)} whose references say which there are, "
        f"the system lacks {level.missed:,}, and {level.spurious:,} are only the system's."
    )


def _table(rows: Sequence[FunnelRow], title: str) -> Table:
    return Table(
        columns=_FUNNEL,
        rows=tuple(
            (
                row.stage, row.arrived, row.answered, row.skipped, row.failed,
                ", ".join(f"{value} {times:,}" for value, times in row.values),
            )
            for row in rows
        ),
        title=title,
    )  # fmt: skip
