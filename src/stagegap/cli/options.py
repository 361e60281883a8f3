"""Options that several commands share, and the groups in which commands stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from stagegap.errors import ConfigurationError

DAY_ONE = ("init", "validate", "run", "label", "show", "compare", "check", "app", "report")
"""What a first day needs; all else stands behind it."""
LONGEST = 120
"""Characters of the sentence beside a command."""


class Sections(TyperGroup):
    """A group that lists what a first day needs first, and knows where a command stands that is asked for elsewhere."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one table a section, all with the same first column."""
        rest = tuple(name for name in self.list_commands(ctx) if name not in DAY_ONE)
        _write(self, formatter, {"Day one": DAY_ONE, "Then": rest})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of that name; where there is none, where it stands or what is like it."""
        return resolved(self, super().resolve_command, ctx, args)


class Group(TyperGroup):
    """A group within it."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one table."""
        _write(self, formatter, {"Commands": self.list_commands(ctx)})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As for the whole."""
        return resolved(self, super().resolve_command, ctx, args)


def _write(group: TyperGroup, formatter: Any, sections: Mapping[str, Sequence[str]]) -> None:
    """One table a section, all with the same first column. Any: the formatter is typer's own click's."""
    width = max(map(len, group.commands))
    for heading, names in sections.items():
        with formatter.section(heading):
            formatter.write_dl(
                [(name.ljust(width), group.commands[name].get_short_help_str(LONGEST)) for name in names]
            )


def resolved(group: TyperGroup, resolve: Callable[[Any, list[str]], Any], ctx: Any, args: list[str]) -> Any:
    """What `resolve` finds, or the end of the program with a hint. Any: the contexts are those of typer's own click."""
    name = args[0]
    if name not in group.commands and not name.startswith("-"):
        places = _places(ctx.find_root().command)
        at = places.get(name)
        near = [place for close in get_close_matches(name, places, n=2, cutoff=0.6) for place in places[close]]
        here = [place for place in near if place.startswith(f"{ctx.command_path} ")]
        known = f"Did you mean `{'` or `'.join(here)}`?" if here else f"Known: {', '.join(group.list_commands(ctx))}."
        hint = f"It is `{at[0]}`." if at else known
        asked = f"{ctx.command_path.partition(' ')[2]} {name}".strip()
        raise ConfigurationError(f"There is no command {asked!r}. {hint}")
    return resolve(ctx, args)


def mistyped(error: TyperException) -> str:
    """A command line that can't be read as one sentence: what is wrong, and where it stands how it should be."""
    context: Any = getattr(error, "ctx", None)  # Any: the contexts and parameters are those of typer's own click
    message = error.format_message()
    if context is None or "\n" in message:  # a whole help text
        return message
    lacks: Any = getattr(error, "param", None) if message.startswith("Missing ") else None
    reason = f"It lacks {lacks.get_error_hint()}: {lacks.help}" if lacks else message
    return f"{reason} `{context.command_path} --help` says what it takes."


def _places(root: TyperGroup) -> dict[str, list[str]]:
    """Every command by the last word of its name, as it is typed."""
    places: dict[str, list[str]] = {}
    for name, command in root.commands.items():
        places.setdefault(name, []).append(f"stagegap {name}")
        for inner in command.commands if isinstance(command, TyperGroup) else ():
            places.setdefault(inner, []).append(f"stagegap {name} {inner}")
    return places


views = typer.Typer(
    cls=Group,
    invoke_without_command=True,
    help="Print the verdict of a run, or another VIEW of it: where it fails, what people are, what is odd, its past.",
    subcommand_metavar="[VIEW]",
)
"""What looks into runs: `stagegap show VIEW`."""
tools = typer.Typer(cls=Group, no_args_is_help=True, help="What is needed now and then: labels in and out, bless, ...")
"""What is rarely used: `stagegap tools NAME`."""


FileArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="Cascade file or name; without one, what ran last, or the first under pipelines/.",
        show_default=False,
    ),
]
CascadeOption = Annotated[
    str | None, typer.Option("--cascade", help="Name of the cascade; by default the one that ran last.")
]
RunOption = Annotated[str | None, typer.Option("--run", help="Name of the run, such as v3; by default the newest.")]
EarlierArgument = Annotated[
    str | None, typer.Argument(help="Name of the earlier run, such as v3; by default the one before the newest.")
]
LaterArgument = Annotated[str | None, typer.Argument(help="Name of the later run; by default the newest.")]
RunArgument = Annotated[str, typer.Argument(help="Name of the run, such as v3.")]
SharedOption = Annotated[
    bool, typer.Option("--shared", help="Compare the records that are the same in both, where the runs differ.")
]
PaidOption = Annotated[bool, typer.Option("--paid", help="Allow calls to a paid service.")]
JUnitOption = Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")]
ExitOption = Annotated[bool, typer.Option("--exit-code", help="End with the decision as exit code, for CI.")]
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
