"""The verbs that look into one run: blame, faults, agree, need, slices, swaps, escalation, history."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.analysis.escalation import EscalationView
from stagegap.cli.options import CascadeOption, JsonOption, PaidOption, RunOption
from stagegap.errors import ConfigurationError
from stagegap.model.estimate import Estimate
from stagegap.people.histories import LabelHistory, PastEvent, when
from stagegap.tables import figures

swapping = typer.Typer()


@swapping.command(name="swaps")
def person_swaps(
    cascade: CascadeOption = None,
    run: RunOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what it would call, and what is paid.")] = False,
    paid: PaidOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put people's answers to what a stage received in its place, run the rest, and say what changes at the end."""
    from stagegap.cli import drawing_swaps, printed
    from stagegap.cli.start import past, workspace

    with workspace() as opened, past(opened, cascade).person_swaps(run) as people:
        if plan:
            return printed.print_view(people.plan()) if as_json else printed.draw_plan(people.plan())
        view = people.swapped(may_pay=paid, progress=printed.progress(as_json))
    if as_json:
        return printed.print_view(view)
    drawing_swaps.draw_person_swaps(view)
    return printed.advise(*drawing_swaps.after_person_swaps(view))


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
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace

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
    checked = "" if event.did == "saw the answers" else f" ({'verified' if event.verified else 'not verified'})"
    words = f": {event.said}" if event.said else ""
    took = "" if event.active_ms is None else f", {max(1, round(event.active_ms / 1000)):,} s"
    by = f", guideline {event.guideline}" if event.guideline else ""
    return [
        f"{when(event.at)}  {event.who}{checked} {event.did}{words}",
        *(f"    {remark}" for remark in event.remarks),
        f"    {event.saw}{took}{by}",
    ]


escalating = typer.Typer()


@escalating.command()
def escalation(
    cheap: Annotated[str, typer.Argument(help="Stage that is asked first; by default the one that is unsure.")] = "",
    strong: Annotated[str, typer.Argument(help="Stage that is asked where the first is unsure.")] = "",
    cascade: CascadeOption = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what asking the stronger stage about 10% more records would buy and cost, threshold by threshold."""
    from stagegap.cli import printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).escalation(cheap, strong)
    if as_json:
        return printed.print_view(view)
    draw(view)
    return printed.advise("stagegap run", "stagegap blame")


def draw(view: EscalationView) -> None:
    """Print the curve and what comes next on it."""
    from stagegap.cli.drawing import gain, share, table
    from stagegap.cli.printed import console, say

    say(f"{view.cheap}, and {view.strong} where it is unsure: {view.metric} over {view.n:,} records of {view.run}.\n")
    if view.points:
        drawn = table("Escalated", "Confidence below", "Score", "Gain", "Cost a 1,000", "Extra", texts=0)
        for point in view.points:
            at = "-" if point.threshold is None else f"{point.threshold:.3g}"
            drawn.add_row(
                figures.share(point.share),
                at,
                share(point.score),
                gain(point.gain),
                dollars(point.cost),
                dollars(point.extra),
            )
        console().print(drawn)
    if view.note:
        say(view.note)
    if view.next is not None:
        more = view.next.share - view.now
        say(
            f"Now {figures.share(view.now)} are escalated. {figures.share(more)} more: {gain(view.next.gain)} points "
            f"a record; {dollars(view.next.extra)} a 1,000 records."
        )


def dollars(estimate: Estimate) -> str:
    """US dollars for 1,000 records with their interval, or a dash."""
    return figures.figure(estimate.times(1000), figures.Unit.MONEY)


attributing = typer.Typer()


@attributing.command()
def blame(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Put the methods of attribution side by side, and say where and why they disagree."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).blame()
    if as_json:
        return printed.print_view(view)
    drawing.draw_blame(view)
    return printed.advise("stagegap faults", "stagegap need")


@attributing.command()
def faults(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say where records first go wrong, what is inherited, recovered or masked, and the causes of each bad one."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).faults()
    if as_json:
        return printed.print_view(view)
    drawing.draw_faults(view)
    return printed.advise("stagegap blame", "stagegap slices")


@attributing.command()
def agree(
    cascade: CascadeOption = None,
    run: RunOption = None,
    epsilon: Annotated[
        float, typer.Option("--epsilon", help="Price of a person: 0.2 experts, 0.15 skilled, 0.1 crowd.")
    ] = 0.15,
    as_json: JsonOption = False,
) -> None:
    """Say how far people agree, how good they are against each other, and whether the system could be one of them."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).agree(epsilon=epsilon)
    if as_json:
        return printed.print_view(view)
    drawing.draw_agree(view)
    return printed.advise("stagegap need", "stagegap app")


@attributing.command()
def need(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say how many more labels name the worst stage, which ones, and how long people take for them."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).need()
    if as_json:
        return printed.print_view(view)
    drawing.draw_need(view)
    return printed.advise("stagegap app", "stagegap import")


@attributing.command()
def slices(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say which groups of records fail more than the others at which stage, and the bottleneck of each group."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).slices()
    if as_json:
        return printed.print_view(view)
    drawing.draw_slices(view)
    return printed.advise("stagegap faults", "stagegap report")


@attributing.command()
def selfcheck(
    cascade: CascadeOption = None,
    run: RunOption = None,
    rate: Annotated[float, typer.Option("--rate", help="Share of the records that get a fault.")] = 0.2,
    records: Annotated[int, typer.Option("--records", help="So many records at most, drawn at random.")] = 200,
    paid: Annotated[bool, typer.Option("--paid", help="Allow calls to a paid service.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plant faults at every stage of your own cascade, and report what each method recovers of them."""
    from stagegap.cli import drawing, printed
    from stagegap.cli.start import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).selfcheck(rate=rate, records=records, may_pay=paid)
    if as_json:
        return printed.print_view(view)
    drawing.draw_selfcheck(view)
    return printed.advise("stagegap blame", "stagegap faults")
