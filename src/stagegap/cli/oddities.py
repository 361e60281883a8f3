"""What looks strange: `stagegap odd`."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.analysis.oddities.card import Oddity, Screen
from stagegap.cli.options import CascadeOption, JsonOption

oddities = typer.Typer()
FEW = 5
"""Records that a card names on a terminal."""


@oddities.command()
def odd(
    cascade: CascadeOption = None,
    run: Annotated[
        list[str] | None, typer.Option("--run", help="Name of a run, such as v3; several are screened together.")
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="List every check with its rule and how much it saw.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Notice what looks strange in a run: a screen with false alarms held to 5%, never a verdict."""
    from stagegap.cli import printing
    from stagegap.cli.opening import cascade_name, workspace

    with workspace() as opened:
        view = opened.oddities.screen(cascade_name(opened, cascade), run or ())
    if as_json:
        return printing.print_view(view)
    draw_screen(view, rules=rules)
    return printing.advise("stagegap app", "stagegap odd --rules")


def draw_screen(view: Screen, *, rules: bool) -> None:
    """Print one paragraph a card, and with `rules` one line a check."""
    from rich.text import Text

    from stagegap.cli import printing

    out = printing.console()
    out.print(Text(f"{view.headline}.", style="bold"))
    for card in view.cards:
        out.print(Text.assemble("\n", (printing.printable(card.title), "bold"), (f"  {where(card, view)}", "dim")))
        for line in lines(card):
            out.print(Text(f"  {printing.printable(line)}"))
    if rules:
        out.print()
        for check in view.checks:
            seen = f"{check.looked} looked at, up to {check.n:,} records" if check.looked else "nothing to look at"
            out.print(Text.assemble((check.title, "bold"), f": {check.rule}. ", (seen, "dim")))
    out.print(Text(f"\n{view.basis}" if view.cards or rules else view.basis, style="dim"))


def where(card: Oddity, view: Screen) -> str:
    """Say where and how it was found: `draft, q = 0.003` or `draft, found by rule`."""
    parts = [card.stage, *([card.run] if len(view.runs) > 1 else [])]
    certainty = "found by rule" if card.kind == "found" else f"q {'< 0.001' if card.q < 0.001 else f'= {card.q:.3f}'}"
    return ", ".join([*(part for part in parts if part), certainty])


def lines(card: Oddity) -> list[str]:
    """Give what a card says, line by line."""
    said = [card.sentence, card.why]
    if card.records:
        more = f" and {card.count - FEW:,} more" if card.count > FEW else ""
        said.append(f"Records: {', '.join(card.records[:FEW])}{more}")
    if card.example:
        said.append(f"Such as: {card.example}")
    return said
