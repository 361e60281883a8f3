"""The verb that leads from a number back to people: history."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.analysis.label_history import LabelHistory, PastEvent, when
from stagegap.cli.options import CascadeOption, JsonOption
from stagegap.errors import ConfigurationError

tracing = typer.Typer()


@tracing.command()
def history(
    stage: Annotated[str, typer.Argument(help="Stage of the answers.")],
    record: Annotated[str, typer.Argument(help="Id of the record.")],
    who: Annotated[str, typer.Option("--as", help="Your initials: it is noted that you saw the answers.")],
    look: Annotated[bool, typer.Option("--look", help="Also where the record still waits for your answer.")] = False,
    cascade: CascadeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print who said what about a record, when, having seen what, and how it was settled."""
    from stagegap.cli import printing
    from stagegap.cli.opening import cascade_name, workspace

    with workspace() as opened:
        name = cascade_name(opened, cascade)
        past = opened.people.history(name, stage, record)
        waiting = opened.failures.waiting(name, record, who)
        if waiting and not look:
            raise ConfigurationError(
                f"{record} still waits for your answer at {', '.join(waiting)}. --look shows the answers all the same, "
                "and takes it out of your queue, because you would not be blind to them."
            )
        opened.failures.look(name, "", record, who)
    if as_json:
        return printing.print_view(past)
    for line in lines(past):
        printing.say(line)
    return printing.advise("stagegap app", f"stagegap label {stage} --as {who}")


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
    checked = "" if event.did == "saw the answers" else f" ({'verified' if event.verified else 'not verified'})"
    words = f": {event.said}" if event.said else ""
    took = "" if event.active_ms is None else f", {max(1, round(event.active_ms / 1000)):,} s"
    by = f", guideline {event.guideline}" if event.guideline else ""
    return [
        f"{when(event.at)}  {event.who}{checked} {event.did}{words}",
        *(f"    {remark}" for remark in event.remarks),
        f"    {event.saw}{took}{by}",
    ]
