"""Percentages that cannot be: a share of n records is one of n + 1 numbers (GRIM, Brown & Heathers 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.analysis.oddities.card import Detector, Family, Finding, Screen
from stagegap.analysis.oddities.tables import nothing_in_a_run, table_screen
from stagegap.analysis.wording import counted
from stagegap.stats.intervals import wilson

SLACK = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedScore:
    """One number of a table of scores, as it is printed."""

    name: str
    printed: str
    """`12.50`, `12.50%` or `0.125`; its digits count."""
    n: int
    """Records that it is a share of."""
    runs: int = 1
    """Runs that it is the mean of."""


def is_possible(score: PrintedScore) -> bool:
    """Say whether some whole number of successes rounds to the printed share, halves either way.

    A text with a per cent sign, or a number above 1, counts as per cent.

    >>> is_possible(PrintedScore(name="a", printed="12.50%", n=126))
    False
    >>> is_possible(PrintedScore(name="a", printed="12.70%", n=126))
    True
    """
    text = score.printed.strip().removesuffix("%").strip()
    value = float(text)
    digits = len(text.partition(".")[2])
    whole = 100.0 if score.printed.strip().endswith("%") or value > 1 else 1.0
    trials = score.n * score.runs
    half = 0.5 * 10.0**-digits + SLACK
    low, high = (value - half) * trials / whole, (value + half) * trials / whole
    return math.ceil(low - SLACK) <= math.floor(high + SLACK) and high >= 0 and low <= trials


def nearest(score: PrintedScore) -> str:
    """The attainable shares on both sides, with one digit more than is printed.

    >>> nearest(PrintedScore(name="a", printed="12.50%", n=126))
    '15 of 126 (11.905%) or 16 of 126 (12.698%)'
    """
    text = score.printed.strip().removesuffix("%").strip()
    whole = 100.0 if score.printed.strip().endswith("%") or float(text) > 1 else 1.0
    trials = score.n * score.runs
    below = min(max(math.floor(float(text) * trials / whole), 0), trials)
    digits, unit = len(text.partition(".")[2]) + 1, "%" if whole > 1 else ""
    around = sorted({below, min(below + 1, trials)})
    return " or ".join(f"{k} of {trials} ({whole * k / trials:.{digits}f}{unit})" for k in around)


DETECTOR = Detector(
    name="impossible", family=Family.TOO_GOOD, title="A percentage that cannot be",
    rule="no whole number of the n records rounds to the printed share",
    why="Another n, another number of runs, an average of averages, or a slip of the pen: the table does not say what "
    "it seems to say.", look=nothing_in_a_run,
)  # fmt: skip


def score_table(scores: Sequence[PrintedScore], *, name: str) -> Screen:
    """Screen a table of scores: a card for each number that cannot be. Nothing is tested, so nothing has a q."""
    share = wilson(sum(not is_possible(score) for score in scores) / max(len(scores), 1), n=len(scores))
    findings = [
        Finding(
            stage="",
            subject=score.name,
            statistic=share,
            scale="share",
            p=None,
            is_found=not is_possible(score),
            sentence=f"{score.name}: {score.printed} is no share of {counted(score.n, 'record')}"
            + (f" in {score.runs} runs" if score.runs > 1 else "")
            + f"; the nearest are {nearest(score)}.",
            count=1,
        )
        for score in scores
    ]
    return table_screen(DETECTOR, findings, name=name, basis=f"{counted(len(scores), 'printed score')} in {name}.")
