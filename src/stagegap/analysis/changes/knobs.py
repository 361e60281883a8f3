"""Many runs beside each other: what was turned, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stagegap.analysis.changes.config import config_differences
from stagegap.analysis.changes.views import OUTCOME
from stagegap.analysis.views import Scorecard
from stagegap.analysis.wording import counted
from stagegap.model.estimate import Estimate
from stagegap.model.provenance import Provenance
from stagegap.model.run import Run
from stagegap.tables import figures

FILE = "file "
"""Begin of the name of a knob that is a file's content."""
DIGITS = 7
"""Of a digest, as people compare them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One run that is done, with what it was made from."""

    run: Run
    card: Scorecard
    cost: float
    """US dollars."""
    tags: tuple[str, ...]
    made_from: Provenance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPoint:
    """One run: its knobs and its estimates."""

    run: str
    started_at: float
    knobs: Mapping[str, str]
    """Value of every knob that differs among the runs; empty where the run does not have it."""
    estimates: Mapping[str, Estimate]
    """`outcome`, and each stage's score in place."""
    records: int
    cost: float
    tags: tuple[str, ...]
    is_best_so_far: bool
    """Its outcome is above those of all earlier runs; how far it is from them by chance, its interval says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsView:
    """The runs of a cascade by knobs and estimates, oldest first."""

    cascade: str
    noun: str
    outcome_name: str
    rows: tuple[RunPoint, ...]
    knobs: tuple[str, ...]
    measures: tuple[str, ...]
    """The outcome first."""
    headline: str
    warning: str
    """Says that the runs did not see the same records; empty when they did."""


def runs_view(cascade: str, tried: Sequence[Tried]) -> RunsView:
    """Lay the runs beside each other, in the order in which they were made."""
    ordered = sorted(tried, key=lambda attempt: attempt.run.started_at)
    knobs = _knobs(ordered)
    best = float("-inf")
    rows: list[RunPoint] = []
    for attempt in ordered:
        outcome = attempt.card.system
        ahead = outcome.is_measured and outcome.value > best
        best = max(best, outcome.value) if outcome.is_measured else best
        stages = {row.stage: row.in_place for row in attempt.card.stages}
        rows.append(
            RunPoint(
                run=attempt.run.name,
                started_at=attempt.run.started_at,
                knobs={name: values.get(attempt.run.name, "") for name, values in knobs.items()},
                estimates={OUTCOME: outcome, **stages},
                records=attempt.run.records,
                cost=attempt.cost,
                tags=attempt.tags,
                is_best_so_far=ahead,
            )
        )
    newest = ordered[-1].card if ordered else None
    return RunsView(
        cascade=cascade,
        noun=newest.noun if newest else "record",
        outcome_name=newest.outcome_name if newest else "",
        rows=tuple(rows),
        knobs=tuple(knobs),
        measures=tuple(dict.fromkeys(name for row in reversed(rows) for name in row.estimates)),
        headline=_headline(rows),
        warning=_warning(ordered, newest.noun if newest else "record"),
    )


def _knobs(tried: Sequence[Tried]) -> dict[str, dict[str, str]]:
    """Every key and file that differs among the runs, with its value by run."""
    if not tried:
        return {}
    first = tried[0].run
    changes = {attempt.run.name: config_differences(first.resolved, attempt.run.resolved) for attempt in tried}
    usual = {change.path: change.before or "" for differences in changes.values() for change in differences}
    knobs: dict[str, dict[str, str]] = {}
    for path in sorted(usual):
        turned = {
            run: change.after or ""
            for run, differences in changes.items()
            for change in differences
            if change.path == path
        }
        knobs[path] = {attempt.run.name: turned.get(attempt.run.name, usual[path]) for attempt in tried}
    files = {source.path for attempt in tried if attempt.made_from for source in attempt.made_from.sources}
    for path in sorted(files):
        values = {attempt.run.name: _digest(attempt.made_from, path) for attempt in tried}
        if len(set(values.values())) > 1:
            knobs[FILE + path] = values
    return knobs


def _digest(made_from: Provenance | None, path: str) -> str:
    digests = (source.digest[:DIGITS] for source in made_from.sources if source.path == path) if made_from else ()
    return next(iter(digests), "")


def _headline(rows: Sequence[RunPoint]) -> str:
    best = next((row for row in reversed(rows) if row.is_best_so_far), None)
    if best is None:
        return "No run has an outcome yet"
    outcome = figures.figure(best.estimates[OUTCOME], figures.Unit.SHARE)
    return f"{best.run} is the best of {counted(len(rows), 'run')} so far: {outcome}"


def _warning(tried: Sequence[Tried], noun: str) -> str:
    sizes = {attempt.run.records for attempt in tried}
    sets = {attempt.made_from.records_digest for attempt in tried if attempt.made_from}
    if len(sizes) > 1:
        return f"The runs saw between {min(sizes):,} and {counted(max(sizes), noun)}: compare two of them to be fair."
    if len(sets) > 1:
        return "The records of some runs had other contents: compare two of them to be fair."
    return ""
