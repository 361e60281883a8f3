"""New records taken in from a folder, and an alarm where what comes or what answers has changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, tools, views

if TYPE_CHECKING:
    from stagegap.analysis.watch import WatchView

LoseOption = Annotated[
    float, typer.Option("--lose-at-most", help="Points that a score may lie below the reference run.")
]


@views.command(name="watch")
def show_watch(lose_at_most: LoseOption = 5.0, cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """Say whether what came in is still answered as well as the reference run; takes nothing in."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import past, workspace

    with workspace() as opened:
        view = past(opened, cascade).watch().view(lose_at_most=lose_at_most / 100)
    present("watch", view, as_json=as_json)


@tools.command(name="watch")
def watch_folder(
    folder: Annotated[Path, typer.Argument(help="Where files of new records arrive: .jsonl, .csv, .parquet.")],
    share: Annotated[float, typer.Option("--share", help="Chance with which people are asked about a record.")] = 0.1,
    again: Annotated[int, typer.Option("--again", help="Old records asked anew with every batch; 0 for none.")] = 10,
    lose_at_most: LoseOption = 5.0,
    every: Annotated[
        float | None, typer.Option("--every", help="Look again after so many seconds, until an alarm.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the view to this JSON file.")] = None,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take new records in, run them, draw some for people, and exit with 1 on an alarm, however often one looks."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.reports import write_watch
    from stagegap.cli.start import past, workspace

    def look() -> WatchView:
        with workspace() as opened:
            watch = past(opened, cascade).watch()
            watch.take_in(folder, share=share, again=again, progress=printed.progress(as_json))
            return watch.view(lose_at_most=lose_at_most / 100)

    view = look() if every is None else until_alarm(look, every=every, pause=time.sleep)
    write_watch(view, junit=junit, output=output)
    present("watch", view, as_json=as_json)
    raise typer.Exit(view.exit_code)


def until_alarm(look: Callable[[], WatchView], *, every: float, pause: Callable[[float], None]) -> WatchView:
    """Look again and again, and say what the last look saw."""
    while not (view := look()).is_alarm:
        pause(every)
    return view
