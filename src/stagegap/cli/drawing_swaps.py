"""Swaps on a terminal: people in place of stages, versions in place of each other; pairs and harm."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from stagegap.analysis.person_swaps import PersonStage, PersonSwaps, Unanswered
from stagegap.attribution.shapley import Harm, PairTable
from stagegap.cli.drawing import gain, reasons, share
from stagegap.cli.printed import Sheet, console, printable, say
from stagegap.model.wording import counted, listed
from stagegap.tables import figures

HARMED_SHOWN = 5
"""Records of a harm list that are named; `--json` has up to 200."""


def draw_person_swaps(view: PersonSwaps) -> None:
    """Print what a person at each stage changes at the end, how stages hang together, and whom it harms."""
    console().print(Text(printable(view.sentence), style="bold"))
    sheet = Sheet(
        *("Stage", "People", "Answered", "Alone", "Fixed", "Broken", "Harm", "Shapley", "Banzhaf", "Verdict"),
        spare=("People", "Banzhaf", "Broken", "Fixed", "Answered"),
    )
    for row in view.stages:
        moved = (f"{row.fixed:,}", f"{row.broken:,}") if row.alone.change.is_measured else ("-", "-")
        harmed = share(row.harm.rate) if row.harm else "-"
        values = (gain(row.share.change), gain(row.banzhaf))
        counts = (f"{row.people:,}", f"{row.answered:,}")
        sheet.add(row.stage, *counts, gain(row.alone.change), *moved, harmed, *values, row.alone.verdict)
    sheet.show()
    if view.people.is_measured:
        say(
            f"People at {listed(list(view.players))}: {view.outcome_name} {share(view.people)} where the system has "
            f"{share(view.system)}, {gain(view.total.change)} points, {counted(view.n, view.noun)}."
        )
    if view.orders:
        say(f"Shapley values over {figures.orders_walked(view.orders, view.tolerance)}.")
    for pair in view.pairs:
        draw_pair(pair.earlier, pair.later, pair.table, noun=view.noun)
        if pair.together.change.is_measured:
            together = f"{gain(pair.together.change)} points, {pair.together.verdict}"
            say(f"  both minus each alone {together}; over all sets {gain(pair.interaction)}")
    for row in view.stages:
        _draw_harm(row, noun=view.noun)
    if view.no_target:
        say(f"{counted(view.no_target, view.noun)}: nobody else has said what is right at the end.")
    reasons([(row.stage, figure) for row in view.stages for figure in (row.alone.change, row.share.change)])
    for waiting in view.unanswered:
        say(_waiting(waiting, view.noun))


def draw_pair(earlier: str, later: str, table: PairTable, *, noun: str) -> None:
    """Print the four cells of two swaps, and what becomes of the records that are wrong without them."""
    if not table.n:
        return say(f"{earlier} and {later}: no {noun} has an outcome with each alone and with both.")
    say(
        f"{earlier} and {later}, {counted(table.n, noun)}: good with neither {table.right:,}, with {earlier} "
        f"{table.right_first:,}, with {later} {table.right_second:,}, with both {table.right_both:,}"
    )
    return say(
        f"  of {table.n - table.right:,} bad: only {earlier} mends {table.only_first:,}, only {later} "
        f"{table.only_second:,}, either {table.either:,}, only both {table.together:,}, both undo {table.undone:,}, "
        f"neither {table.neither:,}"
    )


def draw_harm(stage: str, harm: Harm, *, noun: str, who: str) -> None:
    """Print which good records a swap makes bad; nothing where there is none."""
    if harm.count:
        named = ", ".join(harm.records[:HARMED_SHOWN])
        more = f" and {harm.count - HARMED_SHOWN:,} more" if harm.count > HARMED_SHOWN else ""
        say(f"{who} {stage} harms {counted(harm.count, noun)} ({share(harm.rate)} of {harm.rate.n:,}): {named}{more}.")


def _draw_harm(row: PersonStage, *, noun: str) -> None:
    if row.harm is not None:
        draw_harm(row.stage, row.harm, noun=noun, who="A person at")


def _waiting(waiting: Unanswered, noun: str) -> str:
    after = f" after people at {listed(list(waiting.after))}" if waiting.after else ""
    return f"{waiting.stage}: nobody has answered what it receives{after} for {counted(len(waiting.records), noun)}."


def after_person_swaps(view: PersonSwaps) -> Sequence[str]:
    """The commands to type after the view: the inputs that wait, the most first."""
    most = sorted(view.unanswered, key=lambda waiting: (bool(waiting.after), -len(waiting.records)))
    stages = list(dict.fromkeys(waiting.stage for waiting in most))[:2]
    return [f"stagegap label {stage} --swap --as NAME" for stage in stages] or ["stagegap blame", "stagegap need"]
