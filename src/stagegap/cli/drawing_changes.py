"""Runs, comparisons and checks as tables on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from stagegap.analysis.changes import OUTCOME, Comparison, StageChange
from stagegap.analysis.checks import FAILED, INFRASTRUCTURE, SYMBOLS, UNDECIDED
from stagegap.analysis.runs import Blessed, History
from stagegap.cli.drawing import gain, share, table
from stagegap.cli.printed import console, printable, say
from stagegap.model.run import RunStatus
from stagegap.tables import figures
from stagegap.workspace import Checked

WORST_SHOWN = 10
WIDEST = 60
"""Characters of a value or an output that a line shows."""


def draw_history(view: History) -> None:
    """Print one row a run, newest first."""
    if not view.rows:
        return say(f"Cascade {view.cascade!r} has no such run.")
    grid = table("Run", "When (UTC)", "Status", "Records", "Commit", "Cost", "Outcome", "Tags", texts=3)
    for row in view.rows:
        when = datetime.fromtimestamp(row.started_at, UTC).strftime("%Y-%m-%d %H:%M")
        cost = figures.money(row.cost) if row.cost else "-"
        tags = printable(", ".join((*(["blessed"] if row.is_blessed else []), *row.tags)))
        grid.add_row(row.run, when, row.status, f"{row.records:,}", row.commit or "-", cost, share(row.outcome), tags)
    console().print(grid)
    return say(view.note) if view.note else None


def draw_comparison(view: Comparison) -> None:
    """Print the headline, a row a stage, the worst records and what differs; while it is refused, only why."""
    out = console()
    if view.refusal is not None and not view.is_accepted:
        out.print(Text(f"{view.before} and {view.after} can't be compared as they are.", style="bold"))
        for line in (*view.refusal.reasons, view.refusal.offer):
            say(line)
        return
    out.print(Text(printable(f"{view.headline}."), style="bold"))
    out.print(Text(printable(view.summary)))
    grid = table("Stage", view.before, view.after, "Change", "Fixed", "Broken", "Verdict")
    for row in (view.outcome, *view.stages):
        grid.add_row(*_cells(row), style="bold" if row.stage == OUTCOME else "")
    out.print(grid)
    _draw_worst(view)
    _draw_config(view)


def _cells(row: StageChange) -> tuple[str, ...]:
    if not row.is_compared:
        return row.stage, "-", "-", "-", "-", "-", "not compared"
    counts = (f"{row.flips.fixed:,}", f"{row.flips.broken:,}")
    return row.stage, share(row.before), share(row.after), gain(row.claim.change), *counts, row.claim.verdict


def _draw_worst(view: Comparison) -> None:
    """Print the records that got worse at the end, or else at the first stage where some did."""
    lists = next((lists for lists in view.lists if lists.worse), None)
    if lists is None:
        return
    worst = lists.worse[:WORST_SHOWN]
    say(
        f"\nGot worse at {lists.stage}: {lists.n_worse:,}"
        + (f", the worst {len(worst)}:" if lists.n_worse > len(worst) else ":")
    )
    grid = table("Record", "Score", view.before, view.after, texts=4)
    for row in worst:
        score = f"{figures.share(row.score_before)} → {figures.share(row.score_after)}"
        grid.add_row(_short(row.record), score, _short(row.before), _short(row.after))
    console().print(grid)


def _draw_config(view: Comparison) -> None:
    if not view.config:
        return say("\nNo setting differs. Code and prompts may: see the commits.")
    say("\nDifferences:")
    grid = table("Key", view.before, view.after, texts=3)
    for setting in view.config:
        grid.add_row(_short(setting.path), _short(setting.before or "-"), _short(setting.after or "-"))
    console().print(grid)
    return None


def draw_checks(checked: Checked) -> None:
    """Print one line a check, what is not in order with its reason, and the verdict."""
    for result in checked.results:
        say(
            f"{SYMBOLS[result.status]}   {result.message}"
            + (f"  ({result.status})" if result.status != "passed" else "")
        )
        if result.status != "passed" and result.detail:
            say(f"    {result.detail}")
    console().print(Text(printable(f"{checked.verdict} (exit code {checked.exit_code})"), style="bold"))


def _short(text: str) -> Text:
    line = " ".join(text.split())
    return Text(printable(line if len(line) <= WIDEST else f"{line[: WIDEST - 1].rstrip()}…"))


def draw_blessed(blessed: Blessed, path: Path) -> None:
    """Print which run is blessed, and who can use it."""
    say(f"Later runs are held against {blessed.run}: outcome {share(blessed.outcome)}. Commit {path}.")
    if not blessed.is_reproducible:
        say("No commit holds what was run: only this store can be held against it.")


def after_history(view: History) -> tuple[str, ...]:
    """The commands to type after the list of runs."""
    names = [row.run for row in view.rows if row.status == RunStatus.DONE]
    if len(names) < 2:
        return ("stagegap run",)
    return f"stagegap compare {names[1]} {names[0]}", "stagegap check"


def after_comparison(view: Comparison) -> tuple[str, ...]:
    """The commands to type after a comparison."""
    if view.refusal is not None and not view.is_accepted:
        return (f"stagegap compare {view.before} {view.after} --shared",) if view.refusal.offer else ("stagegap runs",)
    return f"stagegap bless {view.after}", "stagegap check"


def after_checks(checked: Checked) -> tuple[str, ...]:
    """The commands to type after the checks."""
    if not checked.against:
        return "stagegap runs", f"stagegap bless {checked.run}"
    following = {
        FAILED: (f"stagegap compare {checked.against} {checked.run}", "stagegap faults"),
        UNDECIDED: ("stagegap need", "stagegap app"),
        INFRASTRUCTURE: ("stagegap run --retry",),
    }
    return following.get(checked.exit_code, ("stagegap show",))
