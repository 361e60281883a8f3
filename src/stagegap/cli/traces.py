"""Traces that other programs recorded, from the command line: one command from a file to something to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import JsonOption

if TYPE_CHECKING:  # `stagegap --help` imports this module: what a verb works with is imported when it works.
    from stagegap.exchange.spans.files import ImportedTraces
    from stagegap.model.record import Json
    from stagegap.tables.table import Sheet


def import_traces(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Traces, messages or a wide table: JSON, JSONL, .eval, CSV, Parquet."),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name of the cascade; by default the file's.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="Refuse files of another format: otlp, phoenix, langfuse, inspect, ...")
    ] = None,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Take it into the store at once.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Make a cascade of traces that another program recorded, and take it into the store."""
    from stagegap.cli import printed
    from stagegap.cli.start import workspace

    with workspace() as opened:
        imported = opened.runs.import_traces(files, name=name, source=source)
        if run:
            opened.runs.new(imported.cascade, progress=printed.progress(as_json))
    if as_json:
        return printed.print_json(import_json(imported))
    printed.draw_sheet(import_sheet(imported))
    read = ("stagegap app (page Read: no label is needed)", "stagegap show codes")
    return printed.advise(*(read if run else (f"stagegap run {imported.cascade}",)))


def import_sheet(imported: ImportedTraces) -> Sheet:
    """What came in, stage by stage, and everything that did not."""
    from stagegap.model.wording import plural
    from stagegap.tables.figures import Unit
    from stagegap.tables.table import Column, Sheet, Table

    columns = (
        Column(name="Stage", unit=Unit.TEXT, key="stage"),
        Column(name="Type", unit=Unit.TEXT, key="type"),
        Column(name="Attempts", unit=Unit.COUNT, key="attempts"),
        Column(name="Traces", unit=Unit.COUNT, key="traces"),
        Column(name="Errors", unit=Unit.COUNT, key="errors"),
        Column(name="Median", unit=Unit.SECONDS, key="seconds"),
        Column(name="Tokens", unit=Unit.COUNT, key="tokens"),
        Column(name="Cost", unit=Unit.MONEY, key="cost"),
        Column(name="Model", unit=Unit.TEXT, key="model", spare=1),
    )
    rows = tuple(
        (
            stage.name, stage.type, stage.attempts, stage.traces, stage.errors,
            stage.seconds, stage.tokens, stage.cost, ", ".join(stage.models),
        )
        for stage in imported.stages
    )  # fmt: skip
    traces, spans = (f"{n:,} {plural(noun, n)}" for noun, n in (("trace", imported.traces), ("span", imported.spans)))
    known = f" {imported.known:,} were there already." if imported.known else ""
    where = "Wrote" if imported.is_new else "Added to"
    left = [
        line
        for part in imported.unmapped
        for line in (f"{part.count:,} left over: {part.reason}", *(f"    {example}" for example in part.examples))
    ]
    return Sheet(
        headline=f"{traces} of {spans}, read as {', '.join(imported.formats)}",
        parts=(
            f"{where} {imported.cascade}: every guess has a comment.{known}",
            Table(columns=columns, rows=rows, title="What came in"),
            *([f"{imported.references:,} right answers became references."] if imported.references else []),
            *([_ratings(imported)] if imported.ratings else []),
            *([_first_faults(imported)] if imported.first_faults else []),
            *left,
        ),
    )


def _ratings(imported: ImportedTraces) -> str:
    path = Path("data", imported.name, "ratings.jsonl")
    return f"{imported.ratings:,} scores are ratings of their authors: `stagegap show ratings {path}`."


def _first_faults(imported: ImportedTraces) -> str:
    path = Path("data", imported.name, "first_faults.jsonl")
    return f"{imported.first_faults:,} traces say where people see the first fault: `stagegap show attempts {path}`."


def import_json(imported: ImportedTraces) -> Json:
    """The report for programs."""
    return {
        "cascade": str(imported.cascade),
        "name": imported.name,
        "from": list(imported.formats),
        "spans": imported.spans,
        "traces": imported.traces,
        "known": imported.known,
        "is_new": imported.is_new,
        "references": imported.references,
        "ratings": imported.ratings,
        "first_faults": imported.first_faults,
        "stages": [
            {
                "name": stage.name, "type": stage.type, "attempts": stage.attempts, "traces": stage.traces,
                "errors": stage.errors, "seconds": stage.seconds, "tokens": stage.tokens, "cost": stage.cost,
                "models": list(stage.models),
            }
            for stage in imported.stages
        ],
        "unmapped": [
            {"reason": part.reason, "count": part.count, "examples": list(part.examples)} for part in imported.unmapped
        ],
    }  # fmt: skip
