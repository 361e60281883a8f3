"""What looks strange: `stagegap show odd`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stagegap.cli.options import CascadeOption, JsonOption, views

if TYPE_CHECKING:  # `stagegap --help` imports this module: what a verb works with is imported when it works.
    from stagegap.oddities.card import Oddity, Screen, Taught
    from stagegap.oddities.screen import Noticed, Noticing
    from stagegap.tables.table import Sheet, Table

UNTAUGHT = (
    "No stage can be taught with less: one with `uses: sklearn` needs 32 records to learn from, a prompt 4 examples."
)
FEW = 5
"""Records that a card names on a terminal."""


@views.command()
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
    without: Annotated[
        bool, typer.Option("--without", help="First try the stages without each input, prompt block, document, stage.")
    ] = False,
    learn: Annotated[bool, typer.Option("--learn", help="First teach trained stages and prompts with less.")] = False,
    paid: Annotated[bool, typer.Option("--paid", help="Allow these tries to call a paid service.")] = False,
    scores: Annotated[
        Path | None, typer.Option("--scores", help="Screen a table of printed scores instead: name, value, n, runs.")
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option("--ratings", help="Screen a file of ratings instead: do the raters agree?")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Notice what looks strange in a run: a screen with false alarms held to 5%, never a verdict."""
    from stagegap.cli import printed
    from stagegap.cli.start import cascade_name, workspace
    from stagegap.oddities.screen import noticed
    from stagegap.workspace import printed_scores, rated

    if scores is not None or ratings is not None:
        view = printed_scores(scores) if scores is not None else rated(ratings or Path())
        return printed.print_view(view) if as_json else draw_screen(noticed(view, ()), rules=rules)
    with workspace() as opened:
        name = cascade_name(opened, cascade)
        for tried in (run or [None]) if without or learn else ():
            attempted = opened.oddities.attempt(name, tried, without=without, learn=learn, may_pay=paid)
            if learn and not attempted.curves and not as_json:
                printed.say(UNTAUGHT)
        noticing = opened.oddities.seen(name, run or ())
        if dismiss is not None:
            opened.oddities.say(noticing.screen, dismiss, "dismiss", who=who, reason=because)
            return printed.say(f"{dismiss} is kept away. The Oddities page shows it again.")
    if as_json:
        return printed.print_view(noticing)
    draw_screen(noticing, rules=rules)
    first = next((row.card.key for row in noticing.open), None)
    away = (
        [f"stagegap show odd --dismiss {first} --because REASON --as YOU"] if first else ["stagegap show odd --rules"]
    )
    return printed.advise("stagegap app", *away)


def draw_screen(noticing: Noticing, *, rules: bool) -> None:
    """Print one paragraph a card, and with `rules` one line a check."""
    from stagegap.cli.printed import draw_sheet

    draw_sheet(screen_sheet(noticing, rules=rules))


def screen_sheet(noticing: Noticing, *, rules: bool) -> Sheet:
    """The screen as a terminal has room for it: cards as paragraphs, curves as tables, what was tried line by line."""
    from stagegap import charts
    from stagegap.tables.table import Sheet

    view = noticing.screen
    tried = [
        f"  {cut.what}, {charts.judged(cut)}: {charts.change(cut)}, {cut.better:,} better, {cut.worse:,} worse"
        for cut in view.tried
    ]
    checks = [
        f"{check.title}: {check.rule}. "
        + (f"{check.looked} looked at, up to {check.n:,} records" if check.looked else "nothing to look at")
        for check in view.checks
    ]
    return Sheet(
        headline=noticing.headline,
        parts=(
            *("\n  ".join([f"\n{card.title}  {where(card, view)}", *lines(card)]) for card in _cards(noticing)),
            *(part for curve in view.curves for part in _curve(curve)),
            "\n".join(["\nWithout something: points of the score, better, worse", *tried]) if tried else "",
            "\n".join(["", *checks]) if rules else "",
            *(_dismissed(row) for row in noticing.dismissed),
            f"\n{view.basis}",
        ),
    )


def _cards(noticing: Noticing) -> list[Oddity]:
    return [row.card for row in noticing.open]


def _curve(curve: Taught) -> tuple[str | Table, ...]:
    from stagegap.tables.figures import Unit
    from stagegap.tables.table import Column, Table

    name = Column(name="", unit=Unit.TEXT)
    columns = (name, Column(name=curve.plot.y_name, unit=Unit.SHARE))
    rows = tuple((mark.name, mark.y) for mark in curve.plot.marks)
    return f"\nLearning curve  {curve.stage}\n  {curve.sentence}", Table(columns=columns, rows=rows)


def _dismissed(row: Noticed) -> str:
    why = f"\n  “{row.dismissed.reason}” ({row.dismissed.annotator})" if row.dismissed is not None else ""
    return f"\nNot odd: {row.card.title} ({row.card.key}){why}"


def where(card: Oddity, view: Screen) -> str:
    """Say where and how it was found: `draft, q = 0.003` or `draft, found by rule`."""
    parts = [card.stage, *([card.run] if len(view.runs) > 1 else [])]
    certainty = "found by rule" if card.kind == "found" else f"q {'< 0.001' if card.q < 0.001 else f'= {card.q:.3f}'}"
    return ", ".join([*(part for part in parts if part), certainty])


def lines(card: Oddity) -> list[str]:
    """What a card says, line by line."""
    lines = [card.sentence, card.why]
    if card.records:
        more = f" and {card.count - FEW:,} more" if card.count > FEW else ""
        lines.append(f"Records: {', '.join(card.records[:FEW])}{more}")
    if card.example:
        lines.append(f"Such as: {card.example}")
    return lines
