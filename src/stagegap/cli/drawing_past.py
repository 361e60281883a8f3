"""Past runs on a terminal: what they were made from, made again, what changed, what was expected."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.table import Table as Grid
from rich.text import Text

from stagegap.cli.printed import console, printable, say, span_of
from stagegap.model.provenance import Provenance
from stagegap.model.run import Expectation, Run
from stagegap.model.wording import counted
from stagegap.runner.plan import Plan
from stagegap.tables import figures

MOST_SHOWN = 12
"""Differences of a kind that are printed; `--json` has all."""


def draw_made_from(run: Run, made_from: Provenance) -> None:
    """Print what a run was made from."""
    here = made_from.environment
    clean = "" if not made_from.diff else f", with a difference of {counted(len(made_from.diff.splitlines()), 'line')}"
    console().print(Text(printable(f"{run.name} of {run.cascade}, seed {run.seed}, by {run.who}"), style="bold"))
    say(f"Commit {run.commit or 'none'}{clean}{' (cut)' if made_from.diff_is_cut else ''}.")
    say(f"stagegap {here.program}, Python {here.python}, {here.platform}, {len(here.packages):,} packages.")
    records, labels = counted(made_from.records, "record"), counted(made_from.labels, "label")
    say(f"{records} ({made_from.records_digest[:12]}), {labels} ({made_from.labels_digest[:12]}).")
    grid = _grid("Stage", "Kind", "Model", "Fingerprint")
    for name in json.loads(run.resolved)["stages"]:
        origin = made_from.stages[name]
        grid.add_row(printable(name), origin.uses, printable(origin.model or "-"), origin.fingerprint[:12])
    console().print(grid)
    files = _grid("File", "What", "SHA-256", "Kept")
    for source in made_from.sources:
        files.add_row(printable(source.path), source.role, source.digest[:12] or "gone", source.kept)
    console().print(files)
    if made_from.diff:
        say(f"\n{made_from.diff}")


def draw_price(plan: Plan) -> None:
    """Print what telling two versions apart needs."""
    mixtures = counted(len(plan.cells), "mixture")
    if not plan.calls:
        return say(f"{mixtures} of the two versions, nothing to call.")
    many = f"{plan.calls:,}" if plan.is_exact else f"at most {plan.calls:,}"
    return say(f"{mixtures} of the two versions: {many} calls, {plan.paid_calls:,} of them paid{span_of(plan)}.")


def draw_expected(expectations: Sequence[Expectation]) -> None:
    """Print what was written down."""
    for hope in expectations:
        between = "" if hope.low is None or hope.high is None else f" ({figures.between(hope.low, hope.high)})"
        why = f": {hope.reason}" if hope.reason else ""
        say(
            f"Expected of the change after {hope.baseline}: {hope.place} {_points(hope.predicted)} points{between}{why}"
        )


def _points(share: float) -> str:
    return figures.points(share)


def _grid(*headings: str) -> Grid:
    """An empty table of texts."""
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    return grid
