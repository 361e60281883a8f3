"""Two runs beside each other, all runs in a list, and what changed between two: their versions mixed stage by
stage.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from stagegap.analysis.aim import part_of
from stagegap.analysis.changed import cell_outcomes, what_changed
from stagegap.analysis.changes import Comparison, ConfigChange, WhatChanged, line_difference
from stagegap.analysis.coalitions import SwapPlan, mixture, swap_plan
from stagegap.analysis.compare import accept
from stagegap.analysis.compare import compare as compared
from stagegap.analysis.evidence import good_from
from stagegap.analysis.paired_records import Shared, Side, shared
from stagegap.analysis.runs import History, RunRow
from stagegap.attribution.shapley import EXACT_UP_TO
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Output
from stagegap.model.estimate import unmeasured
from stagegap.model.run import SYSTEM, Cell, Provenance, Run, RunStatus, Source, StageSpending
from stagegap.runner import CellSummary, Plan, PlannedCell, Progress, Stop, Work, execute, forecast, plan_several
from stagegap.store import Store
from stagegap.tables import figures
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.execution import past_of
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import KeptViews, Now, changed_since
from stagegap.workspace.provenance import first_outputs
from stagegap.workspace.provenance import read as read_provenance
from stagegap.workspace.reproduced import Restored, refuse_to_pay
from stagegap.workspace.scorecards import Scorecards, counts_alone, wanted_of

FASTEST_MS = 10.0
"""Times of an answer below it differ between two runs of the same code."""
NO_OUTCOME = unmeasured("not measured: the run has no scorecard")
NOISE = 0.1
"""Share by which the median time of a stage has to differ before it is named."""


def compare(store: Store, before: Attribution, after: Attribution, *, held_out: bool = False) -> Comparison:
    """Compare two runs, each scored by the cascade that it was made with, on all labels that there are.

    `held_out` takes the records alone that were kept from an optimiser.
    """
    if held_out:
        view = compared(_held_out(before), _held_out(after), seed=after.run.seed)
    elif counts_alone(before.cascade) and counts_alone(after.cascade):
        whole = store.pair(*(wanted_of(store, look.run, look.cascade) for look in (before, after)))
        sides = [Side(run=look.run, evidence=look.labelled) for look in (before, after)]
        view = compared(*sides, seed=after.run.seed, whole=whole)
    else:
        view = compared(side(before), side(after), seed=after.run.seed)
    return replace(view, config=(*view.config, *facts(store, before.run, after.run)))


def facts(store: Store, before: Run, after: Run) -> tuple[ConfigChange, ...]:
    """What differs between two runs besides their settings: files, cost and time by stage and in all, versions."""
    spent = store.spent(after.cascade)
    pairs = [
        *_of_stages(store, before, after),
        ("run.cost", *(f"${spent[run.id]:,.2f}" if spent.get(run.id) else None for run in (before, after))),
        ("run.time", *(_time(run) for run in (before, after))),
    ]
    old, new = read_provenance(store, before.id), read_provenance(store, after.id)
    if old is not None and new is not None:
        worlds = [
            {"Python": made_from.environment.python, **made_from.environment.packages} for made_from in (old, new)
        ]
        pairs += [(f"version of {name}", worlds[0].get(name), worlds[1].get(name)) for name in _keys(*worlds)]
    files = tuple(_files(store, old, new)) if old is not None and new is not None else ()
    return (*files, *(ConfigChange(path=path, before=then, after=now) for path, then, now in pairs if then != now))


def _files(store: Store, old: Provenance, new: Provenance) -> Iterator[ConfigChange]:
    """Files that differ, line by line where their texts are kept; else their hashes, and why."""
    then, now = ({source.path: source for source in made_from.sources} for made_from in (old, new))
    pairs = [(path, then.get(path), now.get(path)) for path in _keys(then, now)]
    changed = [pair for pair in pairs if _hash(pair[1]) != _hash(pair[2])]
    texts = store.origins.texts([source.digest for _, *both in changed for source in both if source is not None])
    for path, *both in changed:
        known = ["" if source is None else texts.get(source.digest) for source in both]
        lines = [text for text in known if text is not None]
        before, after = map(_named_file, both)
        yield ConfigChange(
            path=f"file {path}", before=before, after=after, lines=line_difference(*lines) if len(lines) == 2 else ""
        )


def _hash(source: Source | None) -> str:
    return source.digest if source is not None else ""


def _named_file(source: Source | None) -> str | None:
    """The beginning of a file's hash, and why no more is known of it; None where there is no such file."""
    if source is None or not source.digest:
        return None
    return source.digest[:12] if source.kept == "text" else f"{source.digest[:12]} ({source.kept})"


def _of_stages(store: Store, before: Run, after: Run) -> Iterator[tuple[str, str | None, str | None]]:
    """What an answer of each stage costs and takes; times that only a clock would tell apart are left out."""
    took = store.spent_by_stage([before.id, after.id])
    for stage in _keys(*(json.loads(run.resolved)["stages"] for run in (before, after))):
        old, new = (took.get((run.id, stage)) for run in (before, after))
        yield f"{stage}: cost of an answer", _price(old), _price(new)
        times = [0.0 if spending is None else spending.latency_ms or 0.0 for spending in (old, new)]
        if max(times) >= FASTEST_MS and max(times) > (1 + NOISE) * min(times):
            yield f"{stage}: time of an answer", _latency(old), _latency(new)


def _price(spending: StageSpending | None) -> str | None:
    if spending is None or spending.cost is None:
        return None
    return f"{figures.money(spending.cost)} on average, n {spending.priced:,}"


def _latency(spending: StageSpending | None) -> str | None:
    if spending is None or spending.latency_ms is None:
        return None
    return f"median {figures.seconds(spending.latency_ms / 1000)}, n {spending.timed:,}"


def _keys(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    return list(dict.fromkeys([*then, *now]))


def _time(run: Run) -> str | None:
    return None if run.finished_at is None else figures.seconds(run.finished_at - run.started_at)


def on_shared_records(view: Comparison) -> Comparison:
    """Take the offer of a refused comparison, where there is one."""
    return accept(view) if view.refusal is not None and view.refusal.offer else view


def _held_out(read: Attribution) -> Side:
    part = part_of(read.evidence, held_out=True)
    cascade = replace(part.cascade, noun=f"held-out {part.cascade.noun}")
    return Side(run=read.run, evidence=replace(part, cascade=cascade))


def side(read: Attribution) -> Side:
    """One side of a comparison."""
    return Side(run=read.run, evidence=read.evidence)


def history(base: Foundation, cascade: str, *, blessed: Run | None) -> History:
    """List the runs of a cascade with what they cost and the outcome that their scorecards have."""
    store = base.store
    runs, spent, tags = store.runs(cascade), store.spent(cascade), store.origins.tags(cascade)
    outcomes = Scorecards(base).outcomes(cascade, runs)
    rows = (
        RunRow(
            run=run.name,
            status=run.status.value,
            started_at=run.started_at,
            seconds=None if run.finished_at is None else run.finished_at - run.started_at,
            records=run.records,
            who=run.who,
            commit=run.commit,
            cost=spent.get(run.id, 0.0),
            bounded_by=run.bounded_by,
            outcome=outcomes[run.id].view if run.id in outcomes else NO_OUTCOME,
            is_old=run.id in outcomes and outcomes[run.id].is_old,
            is_blessed=blessed is not None and run.id == blessed.id,
            error=run.error,
            tags=tags.get(run.id, ()),
        )
        for run in runs
    )
    return History(cascade=cascade, rows=tuple(rows))


PAIRS_OF_ORDERS = 20
"""Orders and their reverses that are drawn where more than 10 stages changed."""


@contextmanager
def versions(
    base: Foundation, before: Attribution, after: Attribution, *, use_shared: bool = False
) -> Generator[Versions]:
    """Two runs as two versions of one cascade; a context, because code of then stands in a folder meanwhile.

    Raises: ConfigurationError where the runs differ in more than the system, or kept too little.
    """
    with base.restored(before.run) as old, base.restored(after.run) as new:
        now = base.views.now(after.run.cascade, [after.run, before.run])
        both = shared(side(before), side(after))
        swaps = _swaps(old, new, both, use_shared=use_shared)
        yield Versions(old=old, new=new, both=both, swaps=swaps, store=base.store, views=base.views, now=now)


def _swaps(old: Restored, new: Restored, both: Shared, *, use_shared: bool) -> SwapPlan:
    reasons = both.refusal.reasons if both.refusal and not use_shared else ()
    names = old.run.name, new.run.name
    if reasons:
        offer = "`--shared` takes the records that are the same in both." if both.refusal else ""
        raise ConfigurationError(
            " ".join([f"{names[0]} and {names[1]} differ in more than the system.", *reasons, offer])
        )
    corpora = [restored.job.materials.corpora for restored in (old, new)]
    for name in corpora[0].keys() & corpora[1].keys():
        if corpora[0][name].hash != corpora[1][name].hash:
            raise ConfigurationError(
                f"The corpus {name} is another one in {names[1]}, so stages of {names[0]} can't be mixed in."
            )
    cascades = old.job.file.cascade, new.job.file.cascade
    changed = {name: origin.fingerprint for name, origin in new.made_from.stages.items()}
    many = len(changed) > EXACT_UP_TO
    swaps = swap_plan(
        *cascades,
        {name: origin.fingerprint for name, origin in old.made_from.stages.items()},
        changed,
        pairs_of_orders=PAIRS_OF_ORDERS if many else None,
        rng=np.random.default_rng(new.run.seed) if many else None,
    )
    if swaps.problem:
        raise ConfigurationError(swaps.problem)
    return swaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Two restored runs and the mixtures that tell their stages apart."""

    old: Restored
    new: Restored
    both: Shared
    swaps: SwapPlan
    store: Store
    views: KeptViews
    now: Now
    """What the view rests on, noted before the evidence was read."""

    def plan(self) -> Plan:
        """Calls that telling them apart needs, with their price; nothing is called."""
        works = [self._work(cell) for cell in self.swaps.cells]
        planned = plan_several(works, cache=self.store)
        old, new = past_of(self.store, self.old.job.file), past_of(self.store, self.new.job.file)
        cells: list[PlannedCell] = []
        for cell, work, needed in zip(self.swaps.cells, works, planned.cells, strict=True):
            past = {name: (new if name in cell.stages else old).get(name, ()) for name in work.cascade.names}
            predicted = forecast(Plan(cells=(needed,)), work, past).cells[0]
            cells.append(replace(predicted, cell=self._stored_as(cell)))
        return Plan(cells=tuple(cells))

    def changed(self, *, may_pay: bool = False, progress: Progress, stop: Stop | None = None) -> WhatChanged:
        """Run the mixtures, share the difference out among the stages, and keep the view at the later run.

        Raises: ConfigurationError when that would call a paid service without leave, RunStopped, StoreError.
        """
        refuse_to_pay(
            self.plan(),
            may_pay=may_pay,
            what="Telling the stages apart",
            ways="`--plan` says what they cost, `--paid` allows them.",
        )
        stop = stop or Stop()
        outcome = self.new.job.file.cascade.outcome.stage
        outputs: dict[Cell, Mapping[str, Output]] = {
            self.swaps.start: first_outputs(self.store, self.old.run, SYSTEM, outcome),
            self.swaps.end: first_outputs(self.store, self.new.run, SYSTEM, outcome),
        }
        for cell in self.swaps.cells:
            kept_as = self._stored_as(cell)
            summary = execute(
                self._work(cell),
                sink=Into(self.store, kept_as),
                cache=self.store,
                progress=_Named(progress, kept_as),
                stop=stop,
            )
            if summary.status is not RunStatus.DONE:
                raise RunStopped(f"{summary.error} What was answered is kept; the same command goes on.")
            outputs[cell] = first_outputs(self.store, self.new.run, kept_as, outcome)
        evidence = self.both.after.evidence
        view = what_changed(
            self.swaps,
            {cell: cell_outcomes(evidence, of_cell) for cell, of_cell in outputs.items()},
            evidence.records,
            evidence.cascade,
            before=self.old.run.name,
            after=self.new.run.name,
            seed=self.new.run.seed,
            bar=good_from(evidence),
        )
        self.views.keep(changed_since(self.old.run, self.new.run), view, now=self.now)
        return view

    def _stored_as(self, cell: Cell) -> Cell:
        return Cell(cell.kind, cell.stages, self.old.run.name)

    def _work(self, cell: Cell) -> Work:
        mixed = mixture(self.old.job.file.cascade, self.new.job.file.cascade, cell)
        return Work(
            run=self.new.run.id,
            cascade=mixed,
            codes={name: (self.new if name in cell.stages else self.old).job.codes[name] for name in mixed.names},
            corpora={**self.old.job.materials.corpora, **self.new.job.materials.corpora},
            records=self.both.after.evidence.records,
        )


@dataclass(frozen=True, slots=True)
class _Named:
    """Tells of a mixture by its own name, though it runs as a system."""

    inner: Progress
    cell: Cell

    def begin(self, cell: CellSummary) -> None:
        """Begin."""
        self.inner.begin(replace(cell, cell=self.cell))

    def update(self) -> None:
        """Go on."""
        self.inner.update()

    def end(self) -> None:
        """End."""
        self.inner.end()


@dataclass(frozen=True, slots=True)
class Into:
    """Keeps outputs of a mixture, which runs as a system of its own, in the cell that it is."""

    store: Store
    cell: Cell

    def append_outputs(self, run: str, _cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the outputs. Raises: StoreError."""
        self.store.append_outputs(run, self.cell, outputs)
