"""Who answers, what is left of whom, who has stopped, and who is asked for what until when, from the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.cli.options import CascadeOption, Group, JsonOption

people = typer.Typer(cls=Group, help="Say who answers, what is left of whom, and who has stopped.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person, as their labels have it.")]
StageArgument = Annotated[str, typer.Argument(help="Stage to answer for.")]
ByOption = Annotated[str, typer.Option("--as", help="Your initials: who says so.")]
QueueOption = Annotated[
    str, typer.Option("--queue", help="random, overlap, next, swap, judge, or the id of a queue, as of a hunt.")
]


@people.callback(invoke_without_command=True)
def everybody(context: typer.Context, cascade: CascadeOption = None, as_json: JsonOption = False) -> None:
    """List who answers, what is left of whom until when, and who has stopped."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import cascade_name, workspace

    if context.invoked_subcommand is None:
        with workspace() as opened:
            view = opened.people.roster(cascade_name(opened, cascade))
        present("people", view, as_json=as_json)


@people.command()
def retire(name: NameArgument, by: ByOption = "", cascade: CascadeOption = None) -> None:
    """Say that somebody has stopped: reports leave nothing out for them, and their labels stay."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        opened.people.retire(cascade_name(opened, cascade), name, by=by)
    printed.say(f"{name} has stopped. Their labels stay as they are, and reports leave out nothing for them.")
    printed.advise(f"stagegap people bring-back {name}", "stagegap report")


@people.command(name="bring-back")
def bring_back(name: NameArgument, by: ByOption = "", cascade: CascadeOption = None) -> None:
    """Say that somebody who had stopped goes on."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        opened.people.bring_back(cascade_name(opened, cascade), name, by=by)
    printed.say(f"{name} goes on. Reports leave out again what they have yet to answer.")
    printed.advise("stagegap people")


@people.command()
def assign(
    name: NameArgument,
    stage: StageArgument,
    queue: QueueOption = "random",
    due: Annotated[str, typer.Option("--due", help="The last day, as 2026-12-05.")] = "",
    by: ByOption = "",
    cascade: CascadeOption = None,
) -> None:
    """Ask somebody to answer a queue, until a day where you name one; asked again, the later day holds."""
    from stagegap.cli import printed
    from stagegap.cli.labels import left
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        work = opened.people.assign(cascade_name(opened, cascade), name, stage, queue, due=due, by=by)
    until = f" until {work.due}" if work.due else ""
    printed.say(f"{name} is asked to answer the {work.purpose} queue of {stage}{until}. {left(work.progress)}")
    flag = "" if work.purpose == "random" else f" --{work.purpose}"
    printed.advise(f"stagegap label {stage}{flag} --as {name}", "stagegap people")


@people.command()
def excuse(
    name: NameArgument,
    stage: StageArgument,
    queue: QueueOption = "random",
    by: ByOption = "",
    cascade: CascadeOption = None,
) -> None:
    """Take back that somebody was asked to answer a queue."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        work = opened.people.excuse(cascade_name(opened, cascade), name, stage, queue, by=by)
    printed.say(f"{name} is no longer asked to answer the {work.purpose} queue of {stage}.")
    printed.advise("stagegap people")
