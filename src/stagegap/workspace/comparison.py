"""Two runs beside each other, and all runs in a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from stagegap.analysis.changes import Comparison, ConfigChange
from stagegap.analysis.compare import accept
from stagegap.analysis.compare import compare as compared
from stagegap.analysis.paired_records import Side
from stagegap.analysis.runs import History, RunRow
from stagegap.model.estimate import unmeasured
from stagegap.model.run import Run, StageSpending
from stagegap.store import Store
from stagegap.tables import figures
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.provenance import read as read_provenance
from stagegap.workspace.scorecards import Scorecards

FASTEST_MS = 1.0
"""Times of an answer below it differ between two runs of the same code."""
NO_OUTCOME = unmeasured("not measured: the run has no scorecard")
NOISE = 0.1
"""Share by which the median time of a stage has to differ before it is named."""


def compare(store: Store, before: Attribution, after: Attribution) -> Comparison:
    """Compare two runs, each scored by the cascade that it was made with, on all labels that there are."""
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
        files = [{source.path: source.digest[:12] for source in made_from.sources} for made_from in (old, new)]
        pairs = [*((f"file {path}", files[0].get(path), files[1].get(path)) for path in _keys(*files)), *pairs]
        worlds = [
            {"Python": made_from.environment.python, **made_from.environment.packages} for made_from in (old, new)
        ]
        pairs += [(f"version of {name}", worlds[0].get(name), worlds[1].get(name)) for name in _keys(*worlds)]
    return tuple(ConfigChange(path=path, before=then, after=now) for path, then, now in pairs if then != now)


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
            outcome=outcomes[run.id].view if run.id in outcomes else NO_OUTCOME,
            is_old=run.id in outcomes and outcomes[run.id].is_old,
            is_blessed=blessed is not None and run.id == blessed.id,
            error=run.error,
            tags=tags.get(run.id, ()),
        )
        for run in runs
    )
    return History(cascade=cascade, rows=tuple(rows))
