"""The verb that makes files to send around: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stagegap.cli.options import CascadeOption, JsonOption, RunOption, SharedOption

sharing = typer.Typer()


@sharing.command()
def report(
    cascade: CascadeOption = None,
    run: RunOption = None,
    compare: Annotated[str | None, typer.Option("--compare", help="Report on the change from this run on.")] = None,
    shared: SharedOption = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write to.")] = None,
    form: Annotated[Literal["html", "md", "json"], typer.Option("--form", help="html, md or json.")] = "html",
    records: Annotated[bool, typer.Option("--records/--no-records", help="Show texts of records.")] = True,
    media: Annotated[bool, typer.Option("--media/--no-media", help="Small pictures of the records shown.")] = True,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Make this folder: the verdict, and a page for each failure.")
    ] = None,
    with_open: Annotated[
        bool,
        typer.Option(
            "--with-open-records", help="Also what somebody has yet to answer; noted: they are no longer blind to it."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the verdict, or with --compare what changed, as one file without scripts, to send around."""
    from stagegap.cli import printed, reports
    from stagegap.cli.start import comparison, newest, scorecard, workspace

    disclosed = reports.Disclosed(records=records, media=media, with_open=with_open)
    with workspace() as opened:
        if compare is not None:
            view = comparison(opened, cascade, compare, newest(opened, cascade, run), shared=shared)
            written = reports.write_comparison(opened, view, output, form=form, disclosed=disclosed)
        elif bundle is not None:
            written = reports.write_bundle(opened, scorecard(opened, cascade, run), bundle, disclosed=disclosed)
        else:
            card = scorecard(opened, cascade, run)
            written = reports.write_report(opened, card, output, form=form, disclosed=disclosed)
    if as_json:
        return printed.print_json({"path": str(written.path), "bytes": written.size, "records": written.records})
    printed.say(written.sentence)
    return printed.advise(f"open {written.open}", "stagegap report --no-records")
