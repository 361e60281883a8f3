"""Options that several commands share, and the sections of the help that lists them all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stagegap.registry import VIEWS

_OTHERS = {
    "Begin": ("demo", "init", "validate", "schema", "traces", "doctor"),
    "Run": ("plan", "run"),
    "Label": ("label", "history", "import", "export"),
    "Read": ("app", "report"),
    "Change": ("expect",),
    "Hold the line": ("bless",),
}
"""Commands that print no view; those that do are in the registry."""
SECTIONS = {
    heading: (*names, *(view.command for view in VIEWS if view.command and view.section == heading))
    for heading, names in _OTHERS.items()
}
LONGEST = 120
"""Characters of the sentence beside a command."""
LAST = "More"
"""Where a command stands that no section names."""


class Sections(TyperGroup):
    """A group that lists its commands in sections."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one table a section, all with the same first column."""
        named = {name for names in SECTIONS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in named)
        width = max(map(len, self.commands))
        for heading, names in {**SECTIONS, LAST: rest}.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(LONGEST))
                for name in names
                if (command := self.commands.get(name)) is not None and not command.hidden
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Cascade file; without one, the first under pipelines/.", show_default=False),
]
CascadeOption = Annotated[
    str | None, typer.Option("--cascade", help="Name of the cascade; by default the one that ran last.")
]
RunOption = Annotated[str | None, typer.Option("--run", help="Name of the run, such as v3; by default the newest.")]
EarlierArgument = Annotated[
    str | None, typer.Argument(help="Name of the earlier run, such as v3; by default the one before the newest.")
]
LaterArgument = Annotated[str | None, typer.Argument(help="Name of the later run; by default the newest.")]
PaidOption = Annotated[bool, typer.Option("--paid", help="Allow calls to a paid service.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
LimitOption = Annotated[int | None, typer.Option("--limit", help="So many records at most, the first ones.")]
FilterOption = Annotated[
    str, typer.Option("--filter", help="Only records where this CEL is true: record.language == 'de'.")
]
SampleOption = Annotated[int | None, typer.Option("--sample", help="So many records, drawn at random.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the sample and of resampling.")]
RepeatOption = Annotated[
    int | None, typer.Option("--repeat", help="Calls for the same input, at stages that may answer otherwise.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Call again what is known.")]
FreshStageOption = Annotated[
    list[str] | None, typer.Option("--fresh-stage", help="Call a stage again; may be given several times.")
]
JobsOption = Annotated[int | None, typer.Option("--jobs", help="Calls at the same time, a stage.")]
OrdersOption = Annotated[
    int | None,
    typer.Option("--orders", help="Sampled orders where branches have too many to run; 40 unless told, 0 for none."),
]
BudgetOption = Annotated[str | None, typer.Option("--budget", help="Hard stop: 200 calls, 5 min, $3.")]
EngineOption = Annotated[
    str, typer.Option("--engine", help="Where calls are made: processes:4, ray:4; by default in this process.")
]
