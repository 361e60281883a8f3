"""The verbs that look into one run: blame, faults, agree, need, slices."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, RunOption

attributing = typer.Typer()


@attributing.command()
def blame(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Put the methods of attribution side by side, and say where and why they disagree."""
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).blame()
    if as_json:
        return printing.print_view(view)
    drawing.draw_blame(view)
    return printing.advise("stagegap faults", "stagegap need")


@attributing.command()
def faults(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say where records first go wrong, what is inherited, recovered or masked, and the causes of each bad one."""
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).faults()
    if as_json:
        return printing.print_view(view)
    drawing.draw_faults(view)
    return printing.advise("stagegap blame", "stagegap slices")


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
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).agree(epsilon=epsilon)
    if as_json:
        return printing.print_view(view)
    drawing.draw_agree(view)
    return printing.advise("stagegap need", "stagegap app")


@attributing.command()
def need(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say how many more labels name the worst stage, which ones, and how long people take for them."""
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).need()
    if as_json:
        return printing.print_view(view)
    drawing.draw_need(view)
    return printing.advise("stagegap app", "stagegap import")


@attributing.command()
def slices(cascade: CascadeOption = None, run: RunOption = None, as_json: JsonOption = False) -> None:
    """Say which groups of records fail more than the others at which stage, and the bottleneck of each group."""
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).slices()
    if as_json:
        return printing.print_view(view)
    drawing.draw_slices(view)
    return printing.advise("stagegap faults", "stagegap report")


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
    from stagegap.cli import drawing, printing
    from stagegap.cli.opening import attribution, workspace

    with workspace() as opened:
        view = attribution(opened, cascade, run).selfcheck(rate=rate, records=records, may_pay=paid)
    if as_json:
        return printing.print_view(view)
    drawing.draw_selfcheck(view)
    return printing.advise("stagegap blame", "stagegap faults")
