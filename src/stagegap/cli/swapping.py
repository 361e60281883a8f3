"""The verb that puts people in place of stages."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, PaidOption, RunOption

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
    from stagegap.cli import drawing_swaps, printing
    from stagegap.cli.opening import past, workspace

    with workspace() as opened, past(opened, cascade).person_swaps(run) as people:
        if plan:
            return printing.print_view(people.plan()) if as_json else printing.draw_plan(people.plan())
        view = people.swapped(may_pay=paid, progress=printing.progress(as_json))
    if as_json:
        return printing.print_view(view)
    drawing_swaps.draw_person_swaps(view)
    return printing.advise(*drawing_swaps.after_person_swaps(view))
