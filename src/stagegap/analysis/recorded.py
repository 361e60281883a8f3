"""What recorded outputs can say about a swap: only what they would be if nothing changed in what the stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagegap.model.answer import Output, Reference, Status
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.run import SYSTEM, Cell

Outputs = Mapping[tuple[str, str], Mapping[str, Output]]
"""(cell as text, stage) -> record -> output."""


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
    known = dict(outputs)
    unknown: dict[tuple[str, str], frozenset[str]] = {}
    for cell in {name: Cell.parse(name) for name, _ in outputs}.values():
        for stage in cascade.stages:
            place = (str(cell), stage.name)
            if cell == SYSTEM or place not in outputs:
                continue
            at = _Place(cascade, stage, cell, outputs, references, unknown)
            lost = frozenset(record for record, output in outputs[place].items() if not at.is_known(record, output))
            if lost:
                unknown[place] = lost
                known[place] = {record: output for record, output in outputs[place].items() if record not in lost}
    return Sorted(outputs=known, unknown=unknown)


@dataclass(frozen=True, slots=True)
class _Place:
    """A stage in a swap cell."""

    cascade: Cascade
    stage: Stage
    cell: Cell
    outputs: Outputs
    references: Mapping[tuple[str, str], Reference]
    unknown: Mapping[tuple[str, str], frozenset[str]]

    def is_known(self, record: str, output: Output) -> bool:
        if any(record in self.unknown.get((str(self.cell), parent), ()) for parent in self.stage.parents):
            return False
        own = self._system(self.stage.name, record)
        if own is not None and output.key and output.key == own.key:
            return True
        if not self.stage.is_recorded or output.status is Status.BLOCKED:
            return True
        if output.status is Status.SKIPPED and own is not None and own.status is not Status.SKIPPED:
            return True
        return all(self._is_unchanged(parent, record) for parent in self.stage.parents)

    def _is_unchanged(self, parent: str, record: str) -> bool:
        before = self._system(parent, record)
        if parent in self.cell.stages:
            reference = self.references.get((record, parent))
            return before is not None and reference is not None and before.value == reference.first.value
        here = self.outputs.get((str(self.cell), parent), {}).get(record, before)
        return before is not None and here is not None and before.value == here.value

    def _system(self, stage: str, record: str) -> Output | None:
        return self.outputs.get((str(SYSTEM), stage), {}).get(record)
