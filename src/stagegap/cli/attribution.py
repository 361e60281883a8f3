"""Views of one run: blame, faults, agree, need, slices, swaps, escalation, selfcheck; and who said what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, PaidOption, RunOption, tools, views
from stagegap.errors import ConfigurationError, NotFound
from stagegap.registry import VIEWS, View

if TYPE_CHECKING:
    from stagegap.people.histories import LabelHistory, PastEvent
    from stagegap.workspace import Attribution, Workspace

LookOption = Annotated[bool, typer.Option("--look", help="Also where the record still waits for your answer.")]


@views.command(name="swaps")
def person_swaps(
    cascade: CascadeOption = None,
    run: RunOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would call, and what is paid.")] = False,
    paid: PaidOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put people's answers to what a stage received in its place, run the rest, and say what changes at the end."""
    from stagegap.cli import printed
    from stagegap.cli.printed import present
    from stagegap.cli.start import past, workspace

    with workspace() as opened, past(opened, cascade).person_swaps(run) as people:
        if plan:
            return present("plan", people.plan(), as_json=as_json, following=())
        view = people.swapped(may_pay=paid, progress=printed.progress(as_json))
    return present("swaps", view, as_json=as_json)


looking = typer.Typer()


@looking.command()
def record(
    id: Annotated[str, typer.Argument(help="Id of the record.")],
    who: Annotated[str, typer.Option("--as", help="Your initials: it is noted that you saw the answers.")],
    look: LookOption = False,
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print one record stage by stage: what was sent, what came back, what is right, tokens, seconds, cost."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import cascade_name, newest, workspace

    with workspace() as opened:
        name, run_name = cascade_name(opened, cascade), newest(opened, cascade, run)
        view = opened.failures.record(name, run_name, id)
        if view is None:
            raise NotFound(f"Record {id} is not in run {run_name}.")
        _see(opened, name, id, who, run=run_name, look=look)
    present("record", view, as_json=as_json)


def _see(opened: Workspace, cascade: str, record: str, who: str, *, run: str, look: bool) -> None:
    """Note that somebody sees the answers to a record. Raises: ConfigurationError where that would end blindness."""
    waiting = opened.failures.waiting(cascade, record, who)
    if waiting and not look:
        raise ConfigurationError(
            f"{record} still waits for your answer at {', '.join(waiting)}. --look shows the answers all the same, "
            "and takes it out of your queue, because you would not be blind to them."
        )
    opened.failures.look(cascade, run, record, who)


@tools.command()
def history(
    stage: Annotated[str, typer.Argument(help="Stage of the answers.")],
    record: Annotated[str, typer.Argument(help="Id of the record.")],
    who: Annotated[str, typer.Option("--as", help="Your initials: it is noted that you saw the answers.")],
    look: LookOption = False,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print who said what about a record, when, having seen what, and how it was settled."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

    with workspace() as opened:
        name = cascade_name(opened, cascade)
        past = opened.people.history(name, stage, record)
        _see(opened, name, record, who, run="", look=look)
    if as_json:
        return printed.print_view(past)
    for line in lines(past):
        printed.say(line)
    return printed.advise("stagegap app", f"stagegap label {stage} --as {who}")


def lines(history: LabelHistory) -> list[str]:
    """A history as lines of text."""
    right = [f"Held to be right: {text}" for text in history.accepted]
    how = [history.settled or "No reference yet."]
    return [
        f"{history.record} at {history.stage}",
        *right,
        *how,
        *(line for event in history.events for line in _event(event)),
    ]


def _event(event: PastEvent) -> list[str]:
    from stagegap.people.histories import when

    checked = "" if event.did == "saw the answers" else f" ({'verified' if event.verified else 'not verified'})"
    words = f": {event.said}" if event.said else ""
    took = "" if event.active_ms is None else f", {max(1, round(event.active_ms / 1000)):,} s"
    by = f", guideline {event.guideline}" if event.guideline else ""
    return [
        f"{when(event.at)}  {event.who}{checked} {event.did}{words}",
        *(f"    {remark}" for remark in event.remarks),
        f"    {event.saw}{took}{by}",
    ]


@views.command()
def escalation(
    cheap: Annotated[str, typer.Argument(help="Stage that is asked first; by default the one that is unsure.")] = "",
    strong: Annotated[str, typer.Argument(help="Stage that is asked where the first is unsure.")] = "",
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what asking the stronger stage about 10% more records would buy and cost, threshold by threshold."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).escalation(cheap, strong)
    present("escalation", view, as_json=as_json)


def _command(entry: View, look: Callable[[Attribution], object]) -> Callable[..., None]:
    """The command of a view that is computed from one run."""

    def command(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
        from stagegap.cli.printed import present
        from stagegap.cli.start import attribution, workspace

        with workspace() as opened:
            view = look(attribution(opened, cascade, run))
        present(entry.name, view, as_json=as_json)

    return command


for _entry in VIEWS:
    if _entry.look is not None:
        views.command(name=_entry.command, help=_entry.says)(_command(_entry, _entry.look))


@views.command()
def judges(
    cascade: CascadeOption = None,
    run: RunOption = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Earlier run; the one before when not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how good the judges are beside people, and what they say of all outputs with their errors taken off."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).judges(against=against)
    present("judges", view, as_json=as_json)


@views.command()
def agree(
    cascade: CascadeOption = None,
    run: RunOption = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="Price of a person: 0.2 experts, 0.15 skilled, 0.1 crowd.")
    ] = 0.15,
    as_json: JsonOption = False,
) -> None:
    """Say how far people agree, how good they are against each other, and whether the system could be one of them."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).agree(epsilon=epsilon)
    present("agree", view, as_json=as_json)


@views.command()
def marks(
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with record, annotator, faults, root_cause.")],
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put faults and root causes that people marked in records beside those that the scores show."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).marks(file)
    present("marks", view, as_json=as_json)


@views.command()
def attempts(
    file: Annotated[Path, typer.Argument(help="Rows with record, annotator, position of the first wrong attempt.")],
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how likely an agent's next attempt is the first wrong one, by role, tool and position."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).attempts(file)
    present("attempts", view, as_json=as_json)


@views.command()
def ratings(
    file: Annotated[Path, typer.Argument(help="JSONL, CSV or Parquet with system, record, criterion, rater, value.")],
    system: Annotated[str, typer.Option("--system", help="Name of the run's answers in the file.")] = "",
    person: Annotated[str, typer.Option("--person", help="Whose answers the system is held against.")] = "",
    scale: Annotated[str, typer.Option("--scale", metavar="LOW-HIGH", help="Ratings that can be given: 1-5.")] = "",
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put ratings of whole answers beside a run: by first fault, rater noise, correlation with the scores."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).ratings(file, system=system, person=person, scale=scale)
    present("ratings", view, as_json=as_json)


@views.command()
def selfcheck(
    cascade: CascadeOption = None,
    run: RunOption = None,
    rate: Annotated[float, typer.Option("--rate", help="Share of the records that get a fault.")] = 0.2,
    records: Annotated[int, typer.Option("--records", help="So many records at most, drawn at random.")] = 200,
    paid: Annotated[bool, typer.Option("--paid", help="Allow calls to a paid service.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plant faults at every stage of your own cascade, and report what each method recovers of them."""
    from stagegap.cli.printed import present
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).selfcheck(rate=rate, records=records, may_pay=paid)
    present("selfcheck", view, as_json=as_json)
