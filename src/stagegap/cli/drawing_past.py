"""Past runs on a terminal: what they were made from, made again, what changed, what was expected."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.text import Text

from stagegap.analysis.changes import WhatChanged
from stagegap.analysis.ledger import Ledger
from stagegap.analysis.reproduced import Reproduction
from stagegap.cli.drawing import gain, table
from stagegap.cli.drawing_swaps import draw_harm, draw_pair
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
    grid = table("Stage", "Kind", "Model", "Fingerprint", texts=4)
    for name in json.loads(run.resolved)["stages"]:
        origin = made_from.stages[name]
        grid.add_row(printable(name), origin.uses, printable(origin.model or "-"), origin.fingerprint[:12])
    console().print(grid)
    files = table("File", "What", "SHA-256", "Kept", texts=4)
    for source in made_from.sources:
        files.add_row(printable(source.path), source.role, source.digest[:12] or "gone", source.kept)
    console().print(files)
    if made_from.diff:
        say(f"\n{made_from.diff}")


def draw_reproduction(view: Reproduction) -> None:
    """Print whether a run comes out the same, and every difference."""
    console().print(Text(printable(f"{view.headline}."), style="bold"))
    say(f"{counted(view.calls, 'call')} made again; nothing of it was stored.")
    grid = table("Cell", "Stage", "Outputs", "Same", "Other", "Missing", "")
    for row in view.stages:
        other = row.n - row.same - row.missing - row.not_called
        note = "from the store" if not row.is_asked else ""
        if row.not_called:
            note = f"{row.not_called:,} not called again (--paid)"
        grid.add_row(row.cell, row.stage, f"{row.n:,}", f"{row.same:,}", f"{other:,}", f"{row.missing:,}", note)
    console().print(grid)
    for row in view.stages:
        for example in row.examples[:2]:
            say(f"\n{row.cell} {row.stage}, record {example.record}: from byte {example.byte:,}")
            say(f"  then  {example.then}\n  now   {example.now}")
    if view.differences:
        say("\nWhat differs besides:")
    for difference in view.differences[:MOST_SHOWN]:
        say(f"  {difference.kind:<12} {difference.name}: {difference.then or '-'} → {difference.now or '-'}")
        for line in difference.detail.splitlines():
            say(f"    {line}")
    if len(view.differences) > MOST_SHOWN:
        say(f"  and {len(view.differences) - MOST_SHOWN:,} more: --json has them.")


def draw_price(plan: Plan) -> None:
    """Print what telling two versions apart needs."""
    mixtures = counted(len(plan.cells), "mixture")
    if not plan.calls:
        return say(f"{mixtures} of the two versions, nothing to call.")
    many = f"{plan.calls:,}" if plan.is_exact else f"at most {plan.calls:,}"
    return say(f"{mixtures} of the two versions: {many} calls, {plan.paid_calls:,} of them paid{span_of(plan)}.")


def draw_changed(view: WhatChanged) -> None:
    """Print which stages a difference comes from."""
    console().print(Text(printable(f"{view.headline}."), style="bold"))
    say(view.summary)
    grid = table("Stage", "Contribution", "Banzhaf", "Alone", "Last", "Fixed", "Broken", "Verdict")
    for row in view.stages:
        if row.status == "changed":
            power = gain(row.banzhaf) if row.banzhaf is not None else "-"
            gains = gain(row.claim.change, points=view.printed.get(row.stage)), power, gain(row.alone), gain(row.last)
            grid.add_row(row.stage, *gains, f"{row.fixed:,}", f"{row.broken:,}", row.claim.verdict)
        else:
            grid.add_row(row.stage, "-", "-", "-", "-", "-", "-", row.status)
    grid.add_row("in all", gain(view.total.change), "", "", "", "", "", view.total.verdict, style="bold")
    console().print(grid)
    for pair in view.pairs:
        if not pair.claim.change.is_measured or pair.claim.change.low == pair.claim.change.high == 0:
            continue
        say(
            f"{pair.later} with the new {pair.earlier} rather than the old one: {gain(pair.claim.change)} points, "
            f"{pair.claim.verdict}."
        )
    for pair in view.pairs:
        if pair.table is not None:
            draw_pair(pair.earlier, pair.later, pair.table, noun=view.noun)
    for row in view.stages:
        if row.harm is not None:
            draw_harm(row.stage, row.harm, noun=view.noun, who="The new version of")
    how = figures.orders_walked(view.orders, view.tolerance) or "every mixture of the two versions"
    say(f"Shapley values over {how}, {counted(view.n, view.noun)}, 95% intervals from {view.resamples:,} resamples.")


def draw_expected(expectations: Sequence[Expectation]) -> None:
    """Print what was written down."""
    for hope in expectations:
        between = "" if hope.low is None or hope.high is None else f" ({figures.between(hope.low, hope.high)})"
        why = f": {hope.reason}" if hope.reason else ""
        say(
            f"Expected of the change after {hope.baseline}: {hope.place} {_points(hope.predicted)} points{between}{why}"
        )


def draw_ledger(view: Ledger) -> None:
    """Print what was expected beside what came."""
    if not view.rows:
        return say("Nothing was expected yet. Write it down before the next change.")
    console().print(Text(printable(view.calibration.sentence), style="bold"))
    grid = table("Change", "Place", "Expected", "Came", "Verdict", "Because", texts=2)
    for row in view.rows:
        hope = row.expectation
        change = f"{hope.baseline} → {row.run or '?'}"
        grid.add_row(
            change, hope.place, _points(hope.predicted), gain(row.came), row.verdict, printable(hope.reason or "-"),
        )  # fmt: skip
    console().print(grid)
    for row in view.rows:
        if row.run:
            say(f"{row.expectation.baseline} → {row.run}, {row.expectation.place}. {row.peek.sentence}")
    return None


def _points(share: float) -> str:
    return figures.points(share)
