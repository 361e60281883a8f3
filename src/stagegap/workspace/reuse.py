"""Which earlier runs a new one may take outputs over from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from stagegap.analysis import codec
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade
from stagegap.model.run import Carry
from stagegap.people.references import settle
from stagegap.runner import CellWork
from stagegap.runner.prepare import given_answers
from stagegap.runner.reuse import Basis, unchanged
from stagegap.store import Store
from stagegap.workspace.provenance import labels_digest
from stagegap.workspace.run_facts import BASIS

LOOK_BACK = 20
"""Runs that are looked at, the newest first."""
SOURCES = 3
"""Runs that one cell takes over from at most: a run that was stopped early, and those that know the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """An earlier run, with what has changed since."""

    run: str
    basis: Basis
    changed: frozenset[str]
    """Records that are others now."""
    given: Mapping[str, Mapping[str, Answer]] | None
    """What was put in then, by stage and record; None where the labels of then can't be told."""

    def since(self, cell: CellWork) -> frozenset[str] | None:
        """The records that have changed or that another answer is put in for; None where that is unknown."""
        if not cell.given:
            return self.changed
        if self.given is None:
            return None
        other = {
            record
            for stage, answers in cell.given.items()
            for record, answer in answers.items()
            if (then := self.given.get(stage, {}).get(record)) is None or then.value != answer.value
        }
        return self.changed | other


def with_carries(
    store: Store, run: str, cascade: Cascade, cells: Sequence[CellWork], *, basis: Basis, labels: Sequence[Label]
) -> tuple[CellWork, ...]:
    """The cells of a run with what they may take over from others, as far as those have come."""
    earlier = [other for other in _earlier(store, cascade, basis, labels) if other.run != run]
    return tuple(replace(cell, carries=tuple(_carries(cascade, cell, basis, earlier))) for cell in cells)


def _earlier(store: Store, cascade: Cascade, now: Basis, labels: Sequence[Label]) -> Iterator[_Earlier]:
    """The newest runs, up to one that called stages again: before it other answers may have been given."""
    for run, body in store.carrying.sources(cascade.name, BASIS, limit=LOOK_BACK):
        then = codec.from_json(Basis, body)
        yield _Earlier(
            run=run,
            basis=then,
            changed=frozenset(store.origins.changed(then.records, now.records)),
            given=_given(then, cascade, labels),
        )
        if then.fresh:
            break


def _given(then: Basis, cascade: Cascade, labels: Sequence[Label]) -> Mapping[str, Mapping[str, Answer]] | None:
    first = labels[: then.labels]
    return given_answers(settle(first, cascade)) if labels_digest(first) == then.labels_digest else None


def _carries(cascade: Cascade, cell: CellWork, now: Basis, earlier: Sequence[_Earlier]) -> Iterator[Carry]:
    """The carries of the runs that share the most stages with this one, the newest first."""
    matches: list[tuple[_Earlier, dict[str, int]]] = []
    for source in earlier:
        same = unchanged(
            cascade, cell.cell, wants=cell.wants, then=source.basis.stages, now=now.stages, fresh=frozenset(now.fresh)
        )
        if same:
            matches.append((source, same))
    most = max((len(same) for _, same in matches), default=0)
    for source, same in [pair for pair in matches if len(pair[1]) == most][:SOURCES]:
        without = source.since(cell)
        if without is not None:
            yield Carry(source=source.run, cell=cell.cell, repeats=same, without=without)
