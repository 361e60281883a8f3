"""The verb that weighs a cheap stage against a stronger one."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.analysis.escalation import EscalationView
from stagegap.cli.options import CascadeOption, JsonOption, RunOption
from stagegap.model.estimate import Estimate
from stagegap.tables import figures

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
    from stagegap.cli import printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).escalation(cheap, strong)
    if as_json:
        return printing.print_view(view)
    draw(view)
    return printing.advise("stagegap run", "stagegap blame")


def draw(view: EscalationView) -> None:
    """Print the curve and what comes next on it."""
    from stagegap.cli.drawing import gain, share, table
    from stagegap.cli.printing import console, say

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
