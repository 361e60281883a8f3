"""Past runs: listed, compared, made again, held to; what was expected of a change; and new records."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import (
    CascadeOption,
    EarlierArgument,
    ExitOption,
    JsonOption,
    JUnitOption,
    LaterArgument,
    PaidOption,
    RunArgument,
    RunOption,
    SharedOption,
    tools,
    views,
)
from stagegap.errors import ConfigurationError

if TYPE_CHECKING:
    from stagegap.analysis.runs import Blessed
    from stagegap.analysis.watch import WatchView
    from stagegap.model.run import Expectation
    from stagegap.runner import Plan


def draw_price(plan: Plan) -> None:
    """Print what telling two versions apart needs."""
    from stagegap.cli.printed import say
    from stagegap.model.wording import counted
    from stagegap.runner import span

    mixtures = counted(len(plan.cells), "mixture")
    if not plan.calls:
        return say(f"{mixtures} of the two versions, nothing to call.")
    many = f"{plan.calls:,}" if plan.is_exact else f"at most {plan.calls:,}"
    return say(f"{mixtures} of the two versions: {many} calls, {plan.paid_calls:,} of them paid{span(plan)}.")


def draw_expected(expectations: Sequence[Expectation]) -> None:
    """Print what was written down."""
    from stagegap.cli.printed import say
    from stagegap.tables import figures

    for hope in expectations:
        between = "" if hope.low is None or hope.high is None else f" ({figures.between(hope.low, hope.high)})"
        why = f": {hope.reason}" if hope.reason else ""
        points = f"{figures.points(hope.predicted)} points"
        say(f"Expected of the change after {hope.baseline}: {hope.place} {points}{between}{why}")


changing = typer.Typer()


@changing.command()
def compare(
    before: EarlierArgument = None,
    after: LaterArgument = None,
    cascade: CascadeOption = None,
    shared: SharedOption = False,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Only the half of the records that an optimiser never saw.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs on the records that both have: what got better, what got worse, what differs."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import comparison, pair, workspace

    with workspace() as opened:
        view = comparison(opened, cascade, *pair(opened, cascade, before, after), shared=shared, held_out=held_out)
    present("compare", view, as_json=as_json)


@tools.command()
def bless(
    run: Annotated[str, typer.Argument(help="Name of the run that later ones are held against.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold later runs against this one: writes figures and scores beside the cascade file, to be committed."""
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
    junit: JUnitOption = None,
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


@tools.command()
def comment(
    file: Annotated[Path, typer.Argument(help="What `stagegap check --markdown FILE` wrote.", show_default=False)],
    number: Annotated[
        int | None, typer.Option("--number", help="Number of the pull request; by default that of the event.")
    ] = None,
    key: Annotated[str, typer.Option("--key", help="Tells comments of several cascades apart.")] = "check",
) -> None:
    """Put a file on a pull request as its one comment: the next push writes it anew. For GitHub Actions."""
    from stagegap import redaction
    from stagegap.cli import printed
    from stagegap.cli.reports import MARK, pull_of

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}.") from None
    printed.say(pull_of(os.environ, number).write(MARK.format(key=key), redaction.words(text)))


@views.command(name="runs")
def list_runs(
    cascade: CascadeOption = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only runs that carry this tag.")] = None,
    since: Annotated[str, typer.Option("--since", help="Only runs of this day or later: 2026-11-20, 3d, 12h.")] = "",
    text: Annotated[str, typer.Option("--text", help="Only runs whose name, tag, commit or labeller holds this.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Watch the runs that go on, until they end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a cascade: when, how many records, commit, cost, outcome, tags."""
    from stagegap.cli import execution, printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        past = opened_past(opened, cascade)
        if follow:
            return execution.follow(past, pause=time.sleep)
        began = execution.since(since, now=time.time()) if since else None
        view = past.history().filtered(tag=tag, since=began, text=text)
        live = past.live()
    present("runs", view, as_json=as_json)
    return printed.advise("stagegap show runs --follow") if live and not as_json else None


@tools.command(name="tag")
def tag_run(
    run: RunArgument,
    name: Annotated[str, typer.Argument(help="The tag.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A name of your own for a run."""
    _tagged(run, name, cascade, is_on=True, as_json=as_json)


@tools.command(name="untag")
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
    return printed.advise(f"stagegap show runs --tag {name}" if is_on else "stagegap show runs")


@views.command(name="training")
def show_training(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs side by side, such as v3 v4; by default the newest.")
    ] = None,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the stages of runs learned: the curves that they logged, as far as they have come."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        past = opened_past(opened, cascade)
        view = past.training(*(runs or past.newest()))
    present("training", view, as_json=as_json)


@views.command(name="origin")
def show_origin(run: RunOption = None, cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """Say what a run was made from: files, stages, records, labels, versions, the difference from the commit."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import newest, workspace
    from stagegap.cli.start import past as opened_past

    with workspace() as opened:
        view = opened_past(opened, cascade).origin(newest(opened, cascade, run))
    present("origin", view, as_json=as_json)


@tools.command(name="reproduce")
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
        printed.advise("stagegap run" if kept_in else f"stagegap show origin --run {run}")
    raise typer.Exit(0 if view.is_identical else 1)


@views.command(name="changed")
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
                return present("plan", versions.plan(), as_json=as_json, following=())
            if not as_json:
                draw_price(versions.plan())
            view = versions.changed(may_pay=paid, progress=printed.progress(as_json))
    present("changed", view, as_json=as_json)
    return None if as_json else printed.advise(f"stagegap compare {before} {after}", "stagegap show ledger")


@views.command(name="cheaper")
def cheaper_stages(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(help="Runs with another version of a stage; by default all that ran under a margin."),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Run that they are held against; by default the blessed one.")
    ] = None,
    cascade: CascadeOption = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what running all accepted ones at once calls.")
    ] = False,
    paid: PaidOption = False,
    junit: JUnitOption = None,
    exit_code: ExitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say which stages may be cheaper: not worse at the end by a margin written before, each alone, then all."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    with workspace() as opened:
        swaps = opened_past(opened, cascade).cheaper(base, candidates or ())
        if plan:
            return present("plan", swaps.plan(), as_json=as_json, following=())
        view = swaps.view(may_pay=paid, progress=printed.progress(as_json))
    return present("cheaper", view, as_json=as_json, junit=junit, is_decided=exit_code)


@tools.command(name="expect")
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
    from stagegap.cli import execution, printed
    from stagegap.cli.start import past as opened_past
    from stagegap.cli.start import workspace

    named = execution.hopes(hopes)
    with workspace() as opened:
        expectations = opened_past(opened, cascade).expect(named, reason=because, baseline=baseline, guess=guess)
    if as_json:
        return printed.print_json([execution.as_json(hope) for hope in expectations])
    draw_expected(expectations)
    return printed.advise("change the cascade, then `stagegap run`", "stagegap show ledger")


@views.command(name="ledger")
def show_ledger(cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """Put what was expected of each change beside what came of it, and say how well this team predicts."""
    from stagegap.cli.start import show_past

    show_past("ledger", lambda past: past.ledger(), cascade, as_json=as_json)


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


LoseOption = Annotated[
    float, typer.Option("--lose-at-most", help="Points that a score may lie below the reference run.")
]


@views.command(name="watch")
def show_watch(
    lose_at_most: LoseOption = 5.0,
    cascade: CascadeOption = None,
    junit: JUnitOption = None,
    exit_code: ExitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say whether what came in is still answered as well as the reference run; takes nothing in."""
    from stagegap.cli.start import show_past

    show_past(
        "watch",
        lambda past: past.watch().view(lose_at_most=lose_at_most / 100),
        cascade,
        as_json=as_json,
        junit=junit,
        is_decided=exit_code,
    )


@tools.command(name="watch")
def watch_folder(
    folder: Annotated[Path, typer.Argument(help="Where files of new records arrive: .jsonl, .csv, .parquet.")],
    share: Annotated[float, typer.Option("--share", help="Chance with which people are asked about a record.")] = 0.1,
    again: Annotated[int, typer.Option("--again", help="Old records asked anew with every batch; 0 for none.")] = 10,
    lose_at_most: LoseOption = 5.0,
    every: Annotated[
        float | None, typer.Option("--every", help="Look again after so many seconds, until an alarm.")
    ] = None,
    junit: JUnitOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the view to this JSON file.")] = None,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take new records in, run them, draw some for people, and exit with 1 on an alarm, however often one looks."""
    from stagegap.analysis import views as codec
    from stagegap.cli import printed
    from stagegap.cli.start import past, workspace

    def look() -> WatchView:
        with workspace() as opened:
            watch = past(opened, cascade).watch()
            watch.take_in(folder, share=share, again=again, progress=printed.progress(as_json))
            return watch.view(lose_at_most=lose_at_most / 100)

    view = look() if every is None else until_alarm(look, every=every, pause=time.sleep)
    if output is not None:
        printed.write_file(output, codec.to_json(view))
    printed.present("watch", view, as_json=as_json, junit=junit, is_decided=True)


def until_alarm(look: Callable[[], WatchView], *, every: float, pause: Callable[[float], None]) -> WatchView:
    """Look again and again, and say what the last look saw."""
    while not (view := look()).is_alarm:
        pause(every)
    return view
