"""The verbs for past runs: runs, reproduce, changed, expect, ledger, compare, bless, check."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid
from rich.text import Text

from stagegap.cli.options import CascadeOption, EarlierArgument, JsonOption, LaterArgument, PaidOption, RunOption
from stagegap.cli.printed import console, printable, say, span_of
from stagegap.model.run import Expectation, Provenance, Run
from stagegap.model.wording import counted
from stagegap.runner.plan import Plan
from stagegap.tables import figures

if TYPE_CHECKING:
    from stagegap.analysis.runs import Blessed


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


changing = typer.Typer()

SharedOption = Annotated[
    bool, typer.Option("--shared", help="Compare the records that are the same in both, where the runs differ.")
]


@changing.command()
def compare(
    before: EarlierArgument = None,
    after: LaterArgument = None,
    cascade: CascadeOption = None,
    shared: SharedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs on the records that both have: what got better, what got worse, what differs."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import comparison, pair, workspace

    with workspace() as opened:
        view = comparison(opened, cascade, *pair(opened, cascade, before, after), shared=shared)
    present("compare", view, as_json=as_json)


@changing.command()
def bless(
    run: Annotated[str, typer.Argument(help="Name of the run that later ones are held against.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold later runs against this one: writes a small file beside the cascade file, to be committed."""
    from stagegap.cli import printed
    from stagegap.cli.start import gate, workspace

    with workspace() as opened:
        cascade_gate = gate(opened, cascade)
        blessed = cascade_gate.bless(run)
    if as_json:
        return printed.print_view(blessed)
    draw_blessed(blessed, (cascade_gate.path, cascade_gate.scores_path))
    return printed.advise("stagegap check")


@changing.command()
def check(
    cascade: CascadeOption = None,
    run: RunOption = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Run to hold it against; by default the blessed one.")
    ] = None,
    shared: SharedOption = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write a comment to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a run: targets, not worse than the blessed run, enough labels, made blind. Made for CI: see exit codes."""
    from stagegap.cli.printed import present
    from stagegap.cli.reports import write_checks
    from stagegap.cli.start import gate, workspace

    with workspace() as opened:
        checked = gate(opened, cascade).check(run, against=against, shared=shared)
    write_checks(checked, junit=junit, markdown=markdown)
    present("check", checked, as_json=as_json)
    raise typer.Exit(checked.exit_code)


past = typer.Typer()
runs = typer.Typer(invoke_without_command=True, help="List the runs of a cascade, filter them, tag them, follow one.")
past.add_typer(runs, name="runs")

RunArgument = Annotated[str, typer.Argument(help="Name of the run, such as v3.")]


@runs.callback()
def list_runs(
    context: typer.Context,
    cascade: CascadeOption = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs that carry this tag.")] = None,
    since: Annotated[str, typer.Option("--since", help="Only runs of this day or later: 2026-11-20, 3d, 12h.")] = "",
    text: Annotated[str, typer.Option("--text", help="Only runs whose name, tag, commit or person holds this.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Watch the runs that go on, until they end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a cascade: when, how many records, commit, cost, outcome, tags."""
    from stagegap.cli import printed
    from stagegap.cli import runs as following
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    if context.invoked_subcommand:
        return None
    with workspace() as opened:
        past = opened_past(opened, cascade)
        if follow:
            return following.follow(past, pause=time.sleep)
        began = following.since(since, now=time.time()) if since else None
        view = past.history().filtered(tag=tag, since=began, text=text)
        live = past.live()
    present("runs", view, as_json=as_json)
    return printed.advise("stagegap runs --follow") if live and not as_json else None


@runs.command(name="tag")
def tag_run(
    run: RunArgument,
    name: Annotated[str, typer.Argument(help="The tag.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A name of your own for a run."""
    _tagged(run, name, cascade, is_on=True, as_json=as_json)


@runs.command(name="untag")
def untag_run(
    run: RunArgument,
    name: Annotated[str, typer.Argument(help="The tag.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a tag off a run."""
    _tagged(run, name, cascade, is_on=False, as_json=as_json)


def _tagged(run: str, name: str, cascade: str | None, *, is_on: bool, as_json: bool) -> None:
    from stagegap.cli import printed
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        tags = opened_past(opened, cascade).tag(run, name, is_on=is_on)
    if as_json:
        return printed.print_json({"run": run, "tags": list(tags)})
    printed.say(f"{run} has the tags: {', '.join(tags)}." if tags else f"{run} has no tag.")
    return printed.advise(f"stagegap runs --tag {name}" if is_on else "stagegap runs")


@runs.command(name="show")
def show_run(run: RunArgument, cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """Say what a run was made from: files, stages, records, labels, versions, the difference from the commit."""
    from stagegap.cli import printed
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        past = opened_past(opened, cascade)
        view, shown_run = past.made_from(run), past.run(run)
    if as_json:
        return printed.print_view(view)
    draw_made_from(shown_run, view)
    return printed.advise(f"stagegap reproduce {run}")


@past.command(name="reproduce")
def reproduce_run(
    run: RunArgument,
    cascade: CascadeOption = None,
    kept_in: Annotated[
        Path | None,
        typer.Option("--from", help="Project folder, or a copy of its .stagegap, of whoever made the run."),
    ] = None,
    paid: PaidOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a run again from what was stored, and say to the byte what differs. Exit code 1 when an output does."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        view = opened_past(opened, cascade).reproduce(
            run, kept_in=kept_in, may_pay=paid, progress=printed.progress(as_json)
        )
    present("reproduce", view, as_json=as_json)
    if not as_json:
        printed.advise("stagegap run" if kept_in else f"stagegap runs show {run}")
    raise typer.Exit(0 if view.is_identical else 1)


@past.command(name="changed")
def changed_between(
    before: EarlierArgument = None,
    after: LaterArgument = None,
    cascade: CascadeOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would call, and what that costs.")] = False,
    shared: Annotated[bool, typer.Option("--shared", help="Take the records that are the same in both.")] = False,
    paid: PaidOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say which stages the difference between two runs comes from, by mixing their versions stage by stage."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import pair, workspace
    from stagegap.cli.start import past as opened_past

    with workspace() as opened:
        before, after = pair(opened, cascade, before, after)
        with opened_past(opened, cascade).versions(before, after, use_shared=shared) as versions:
            if plan:
                return printed.print_view(versions.plan()) if as_json else printed.draw_plan(versions.plan())
            if not as_json:
                draw_price(versions.plan())
            view = versions.changed(may_pay=paid, progress=printed.progress(as_json))
    present("changed", view, as_json=as_json)
    return None if as_json else printed.advise(f"stagegap compare {before} {after}", "stagegap ledger")


@past.command(name="expect")
def expect_change(
    hopes: Annotated[
        list[str],
        typer.Argument(
            metavar="PLACE=POINTS", help="As retrieve=+5 or outcome=3,1,6: points, and a range if you like."
        ),
    ],
    because: Annotated[str, typer.Option("--because", help="Why you expect that.")] = "",
    baseline: Annotated[str | None, typer.Option("--baseline", help="Run that the change starts from.")] = None,
    guess: Annotated[
        bool, typer.Option("--guess/--no-guess", help="Fill the outcome in from the stage's swap where it is left out.")
    ] = True,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down what you expect of a change, before you run it; the ledger holds it against what comes."""
    from stagegap.cli import printed
    from stagegap.cli import runs as following
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    named = following.hopes(hopes)
    with workspace() as opened:
        expectations = opened_past(opened, cascade).expect(named, reason=because, baseline=baseline, guess=guess)
    if as_json:
        return printed.print_json([following.as_json(hope) for hope in expectations])
    draw_expected(expectations)
    return printed.advise("change the cascade, then `stagegap run`", "stagegap ledger")


@past.command(name="ledger")
def show_ledger(cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """Put what was expected of each change beside what came of it, and say how well this team predicts."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        view = opened_past(opened, cascade).ledger()
    present("ledger", view, as_json=as_json)


def draw_blessed(blessed: Blessed, paths: Sequence[Path]) -> None:
    """Print which run is blessed, what to commit, and what to do where no commit holds what was run."""
    from stagegap.cli.printed import say
    from stagegap.tables import figures

    outcome = figures.figure(blessed.outcome, figures.Unit.SHARE)
    say(f"Later runs are held against {blessed.run}: outcome {outcome}. Commit {' and '.join(map(str, paths))}.")
    if not blessed.is_reproducible:
        say(
            "No commit holds what was run, so nobody can make it again, though any clone can hold its runs against "
            "these scores. To mend that: commit your changes, `stagegap run` (what is known is not called again), and "
            "bless the new run."
        )
