"""Outputs that another system wrote down, in swaps: which of them are known where a stage's inputs were changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagegap.analysis.units import Outputs
from stagegap.model.answer import Output, Reference, Status
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.units import Levels, owners


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Outputs that are known, and where none is."""

    outputs: Outputs
    unknown: Mapping[tuple[str, str], frozenset[str]]
    """(cell as text, stage) -> records whose output there nobody can know; only entries that hold a record."""


def known_outputs(cascade: Cascade, outputs: Outputs, references: Mapping[tuple[str, str], Reference]) -> Sorted:
    """Leave out, in swap cells, the outputs of recorded stages whose inputs the swap changed, and what rests on them.

    A recorded stage can't be run again: for a changed input it has either no output or the one that belongs to the
    old input. A skip by `when` is known, and so is an output whose call is the system's own (same key).
    """
    if not any(stage.is_recorded for stage in cascade.stages):
        return Sorted(outputs=outputs, unknown={})
    levels = Levels.of(cascade)
    known = dict(outputs)
    unknown: dict[tuple[str, str], frozenset[str]] = {}
    for cell in {name: Cell.parse(name) for name, _ in outputs}.values():
        for stage in cascade.stages:
            place = (str(cell), stage.name)
            if cell == SYSTEM or place not in outputs:
                continue
            at = _Place(levels, stage, cell, outputs, references, unknown)
            facts = {record: at.fact(record, output) for record, output in outputs[place].items()}
            # What a unit would have answered is missing from its record too.
            lost = frozenset(
                name
                for record, output in facts.items()
                if output is None
                for name in owners(record, levels.depth(stage.name))
            )
            if lost:
                unknown[place] = lost
            if stage.is_recorded or lost:
                known[place] = {record: output for record, output in facts.items() if output is not None}
    return Sorted(outputs=known, unknown=unknown)


@dataclass(frozen=True, slots=True)
class _Place:
    """A stage in a swap cell."""

    levels: Levels
    stage: Stage
    cell: Cell
    outputs: Outputs
    references: Mapping[tuple[str, str], Reference]
    unknown: Mapping[tuple[str, str], frozenset[str]]

    def fact(self, record: str, output: Output) -> Output | None:
        """The output in the cell; the system's own where a recorded stage reads the same; None where none is known."""
        own = self._system(self.stage.name, record)
        is_skip = output.status is Status.SKIPPED and own is not None and own.status is not Status.SKIPPED
        if self.stage.is_recorded and is_skip and self._reads_the_same(record):
            return own
        return output if self.is_known(record, output) else None

    def _reads_the_same(self, record: str) -> bool:
        return all(self._is_unchanged(parent, self._at(parent, record)) for parent in self.stage.parents)

    def _at(self, parent: str, record: str) -> str:
        """What a unit, or a record, reads of another stage: the same unit, the one that it lies in, or the record."""
        return owners(record, self.levels.depth(self.stage.name))[self.levels.common(self.stage.name, parent)]

    def is_known(self, record: str, output: Output) -> bool:
        unknown = self.unknown
        if any(self._at(parent, record) in unknown.get((str(self.cell), parent), ()) for parent in self.stage.parents):
            return False
        own = self._system(self.stage.name, record)
        if own is not None and output.key and output.key == own.key:
            return True
        if not self.stage.is_recorded or output.status is Status.BLOCKED:
            return True
        if output.status is Status.SKIPPED and own is not None and own.status is not Status.SKIPPED:
            return True
        return self._reads_the_same(record)

    def _is_unchanged(self, parent: str, record: str) -> bool:
        before = self._system(parent, record)
        if parent in self.cell.stages:
            reference = self.references.get((record, parent))
            return before is not None and reference is not None and before.value == reference.first.given
        here = self.outputs.get((str(self.cell), parent), {}).get(record, before)
        return before is not None and here is not None and before.value == here.value

    def _system(self, stage: str, record: str) -> Output | None:
        return self.outputs.get((str(SYSTEM), stage), {}).get(record)
