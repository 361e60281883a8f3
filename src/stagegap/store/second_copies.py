"""Second copies of what can't be made again: what people did, and answers that were paid for.

They stand in sealed frames beside the journal and are written before it acknowledges, so that no single damage, of the
journal, of the file or of a frame, takes the only one.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from stagegap.model.run import Run, RunStatus
from stagegap.store import rows
from stagegap.store.attach import Session
from stagegap.store.journal import PEOPLE, Journal, Kind
from stagegap.store.long_texts import MARK
from stagegap.store.runs import put_back
from stagegap.store.segments import Frame, Gap, Segments

PUT_BACK = "It was put back from second copies: answers that cost nothing are missing until it is run again."
CHUNK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What second copies gave back."""

    people: int = 0
    """Labels and other things that people did."""
    paid: int = 0
    """Answers that were paid for."""
    runs: int = 0


class SecondCopies:
    """The second copies of a store."""

    def __init__(self, folder: Path) -> None:
        self._segments = Segments(folder / "copies")

    def close(self) -> None:
        self._segments.close()

    def keep(
        self,
        kind: Kind,
        ops: Sequence[tuple[str, bytes]],
        *,
        run: Run | None = None,
        texts: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Make copies of operations durable, with the run and the long texts that they name. Raises: StoreError."""
        frames = [(f"{kind} {op_id}", body) for op_id, body in ops]
        if run is not None:
            frames.insert(0, (f"run {run.id}", rows.write(asdict(run))))
        self._segments.append([*texts, *frames])

    def ops(self) -> Generator[tuple[Kind, str, bytes]]:
        """Every operation that has a copy here: kind, id, body."""
        for frame in self._segments.frames():
            if isinstance(frame, Frame) and not frame.name.startswith((MARK, "run ")):
                kind, _, op_id = frame.name.partition(" ")
                yield cast("Kind", kind), op_id, frame.body  # `keep` wrote it

    def runs(self) -> list[Run]:
        """The runs whose answers have copies, oldest first."""
        runs = {
            frame.name: cast("dict[str, Any]", rows.read(frame.body))
            for frame in self._segments.frames()
            if isinstance(frame, Frame) and frame.name.startswith("run ")
        }
        for fields in runs.values():
            fields["status"] = RunStatus(fields["status"])
        return sorted((Run(**fields) for fields in runs.values()), key=lambda run: run.started_at)

    def retire_damaged(self) -> None:
        """Put files with damaged frames aside; what they held is written again by who has it."""
        for file in {gap.file for gap in self.gaps()}:
            self._segments.retire(file)

    def gaps(self) -> list[Gap]:
        """Where copies are damaged; what a killed process had not finished writing is none."""
        return [gap for gap in self._segments.frames() if isinstance(gap, Gap) and not gap.is_tail]

    def count(self) -> PutBack:
        """What could be had back from here."""
        people: set[str] = set()
        paid: dict[str, int] = {}
        for kind, op_id, body in self.ops():
            if kind == "batch":
                paid[op_id] = _outputs(body)
            else:
                people.add(op_id)
        return PutBack(people=len(people), paid=sum(paid.values()), runs=len(self.runs()))


def put_back_all(session: Session, journal: Journal, copies: SecondCopies) -> PutBack:
    """Give the journal what neither it nor the file holds, and the file the runs that it lacks."""
    runs = sum(put_back(session, run, PUT_BACK) for run in copies.runs())
    applied = {row[0] for row in session.rows("select replace(op_id::varchar, '-', '') from batch_applied")}
    known = {*applied, *journal.ids()}
    people = paid = 0
    waiting: dict[Kind, list[tuple[str, bytes]]] = {}
    for kind, op_id, body in copies.ops():
        if op_id in known:
            continue
        known.add(op_id)
        if kind in PEOPLE:
            people += 1
        else:
            paid += _outputs(body)
        ops = waiting.setdefault(kind, [])
        ops.append((op_id, body))
        if len(ops) >= CHUNK:
            journal.append(kind, waiting.pop(kind), is_copied=True)
    for kind, ops in waiting.items():
        journal.append(kind, ops, is_copied=True)
    return PutBack(people=people, paid=paid, runs=runs)


def _outputs(body: bytes) -> int:
    return cast("dict[str, Any]", rows.read(body))["n"]
