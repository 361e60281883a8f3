"""The verbs that hold a run against others: compare, bless, check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stagegap.cli.options import CascadeOption, EarlierArgument, JsonOption, LaterArgument, RunOption

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
    from stagegap.cli import drawing_changes, printing
    from stagegap.cli.opening import comparison, pair, workspace

    with workspace() as opened:
        view = comparison(opened, cascade, *pair(opened, cascade, before, after), shared=shared)
    if as_json:
        return printing.print_view(view)
    drawing_changes.draw_comparison(view)
    return printing.advise(*drawing_changes.after_comparison(view))


@changing.command()
def bless(
    run: Annotated[str, typer.Argument(help="Name of the run that later ones are held against.")],
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold later runs against this one: writes a small file beside the cascade file, to be committed."""
    from stagegap.cli import drawing_changes, printing
    from stagegap.cli.opening import gate, workspace

    with workspace() as opened:
        cascade_gate = gate(opened, cascade)
        blessed = cascade_gate.bless(run)
    if as_json:
        return printing.print_view(blessed)
    drawing_changes.draw_blessed(blessed, cascade_gate.path)
    return printing.advise("stagegap check")


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
    from stagegap.cli import drawing_changes, printing
    from stagegap.cli.opening import gate, workspace
    from stagegap.cli.reporting import write_checks

    with workspace() as opened:
        checked = gate(opened, cascade).check(run, against=against, shared=shared)
    write_checks(checked, junit=junit, markdown=markdown)
    if as_json:
        printing.print_view(checked)
    else:
        drawing_changes.draw_checks(checked)
        printing.advise(*drawing_changes.after_checks(checked))
    raise typer.Exit(checked.exit_code)
