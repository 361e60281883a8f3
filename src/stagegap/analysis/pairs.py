"""Two swaps together in sentences, and whom a swap harms: the same of people and of versions."""

from __future__ import annotations

from stagegap.attribution.shapley import Harm, PairTable
from stagegap.model.wording import counted
from stagegap.tables import figures
from stagegap.tables.figures import Unit

_HARMED = 5
"""Records of a harm list that a screen names; the view has up to 200."""


def pair_sentences(earlier: str, later: str, table: PairTable, *, noun: str) -> tuple[str, ...]:
    """The four cells of two swaps, and what becomes of the records that are wrong without them."""
    if not table.n:
        return (f"{earlier} and {later}: no {noun} has an outcome with each alone and with both.",)
    return (
        f"{earlier} and {later}, {counted(table.n, noun)}: good with neither {table.right:,}, with {earlier} "
        f"{table.right_first:,}, with {later} {table.right_second:,}, with both {table.right_both:,}",
        f"  of {table.n - table.right:,} bad: only {earlier} mends {table.only_first:,}, only {later} "
        f"{table.only_second:,}, either {table.either:,}, only both {table.together:,}, both undo {table.undone:,}, "
        f"neither {table.neither:,}",
    )


def harm_sentence(stage: str, harm: Harm, *, noun: str, who: str) -> str:
    """Which good records a swap makes bad; empty where there is none."""
    if not harm.count:
        return ""
    records = ", ".join(harm.records[:_HARMED])
    more = f" and {harm.count - _HARMED:,} more" if harm.count > _HARMED else ""
    rate = figures.figure(harm.rate, Unit.SHARE)
    return f"{who} {stage} harms {counted(harm.count, noun)} ({rate} of {harm.rate.n:,}): {records}{more}."
