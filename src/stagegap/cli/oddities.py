"""What looks strange: `stagegap odd`."""

from __future__ import annotations

from typing import Annotated

import typer

from stagegap.analysis.oddities.card import Oddity, Screen
from stagegap.analysis.oddities.noticed import Noticing
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
    dismiss: Annotated[
        str | None,
        typer.Option("--dismiss", metavar="KEY", help="A card is not odd; needs --because and --as."),
    ] = None,
    because: Annotated[str, typer.Option("--because", help="Why it is not odd; kept with it.")] = "",
    who: Annotated[str, typer.Option("--as", help="Your initials.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Notice what looks strange in a run: a screen with false alarms held to 5%, never a verdict."""
    from stagegap.cli import printing
    from stagegap.cli.opening import cascade_name, workspace

    with workspace() as opened:
        found = opened.oddities.seen(cascade_name(opened, cascade), run or ())
        if dismiss is not None:
            opened.oddities.say(found.screen, dismiss, "dismiss", who=who, reason=because)
            return printing.say(f"{dismiss} is kept away. The Oddities page shows it again.")
    if as_json:
        return printing.print_view(found)
    draw_screen(found, rules=rules)
    first = next((row.card.key for row in found.open), None)
    away = [f"stagegap odd --dismiss {first} --because REASON --as YOU"] if first else ["stagegap odd --rules"]
    return printing.advise("stagegap app", *away)


def draw_screen(found: Noticing, *, rules: bool) -> None:
    """Print one paragraph a card, and with `rules` one line a check."""
    from rich.text import Text

    from stagegap.cli import printing

    out, view = printing.console(), found.screen
    out.print(Text(f"{found.headline}.", style="bold"))
    for card in (row.card for row in found.open):
        out.print(Text.assemble("\n", (printing.printable(card.title), "bold"), (f"  {where(card, view)}", "dim")))
        for line in lines(card):
            out.print(Text(f"  {printing.printable(line)}"))
    if rules:
        out.print()
        for check in view.checks:
            seen = f"{check.looked} looked at, up to {check.n:,} records" if check.looked else "nothing to look at"
            out.print(Text.assemble((check.title, "bold"), f": {check.rule}. ", (seen, "dim")))
    for row in found.dismissed:
        out.print(Text(f"\nNot odd: {printing.printable(row.card.title)} ({row.card.key})", style="dim"))
        if row.dismissed is not None:
            out.print(Text(f"  “{printing.printable(row.dismissed.reason)}” ({row.dismissed.annotator})", style="dim"))
    out.print(Text(f"\n{view.basis}", style="dim"))


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
