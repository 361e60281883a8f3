"""What a run holds: its cells, the outputs in them, and the records that it was made on."""

from __future__ import annotations

from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell, Run
from stagegap.store import Store
from stagegap.workspace.provenance import read as read_provenance


def own_cells(store: Store, run: Run) -> list[Cell]:
    """The cells of the run itself, without mixtures with another run and without people's answers."""
    return [cell for cell in store.cells(run.id) if not cell.base and cell.kind != "person"]


def own_outputs(store: Store, run: Run, cascade: Cascade) -> dict[tuple[str, str], dict[str, Output]]:
    """The first repeat of every output of the run's own cells: by cell as text and stage, then by record."""
    return {
        (str(cell), name): first_outputs(store, run, cell, name)
        for cell in own_cells(store, run)
        for name in cascade.names
        if name not in cell.stages
    }


def first_outputs(store: Store, run: Run, cell: Cell, stage: str) -> dict[str, Output]:
    """The first repeat of a stage's outputs by record."""
    return {output.record: output for output in store.outputs(run.id, cell, stage) if output.repeat == 0}


def run_records(store: Store, run: Run, cascade: Cascade) -> list[Record]:
    """The records that a run was made on, as they were then where the run kept that."""
    made = {output.record for output in store.outputs(run.id, SYSTEM, cascade.stages[0].name)}
    made_from = read_provenance(store, run.id)
    then = store.origins.records(made_from.records_digest) if made_from else store.records(cascade.name)
    return [record for record in then if record.id in made]
