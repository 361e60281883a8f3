"""The screen of a table that was imported: percentages that cannot be (GRIM), raters that hardly agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.model.answer import Rating
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted
from stagegap.oddities.card import Checked, Detector, Family, Finding, Oddity, Screen
from stagegap.oddities.columns import RunColumns
from stagegap.oddities.people import DETECTORS, weak_agreement
from stagegap.oddities.screen import headline
from stagegap.people.agreement import RESAMPLES
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.intervals import wilson


def nothing_in_a_run(_run: RunColumns) -> Iterator[Finding | None]:
    """Nothing: what such a detector looks at stands in no run."""
    return iter(())


def table_screen(detector: Detector, findings: Sequence[Finding], *, name: str, basis: str) -> Screen:
    """Make a card of each finding of one detector, in their order."""
    notable = [finding for finding in findings if finding.is_found]
    cards = tuple(
        Oddity(
            key=f"{detector.name}/{finding.stage}/{finding.subject}",
            run=name,
            detector=detector.name,
            family=detector.family.value,
            title=detector.title,
            stage=finding.stage,
            subject=finding.subject,
            kind="found",
            statistic=finding.statistic,
            scale=finding.scale,
            n=finding.statistic.n,
            p=math.nan,
            q=math.nan,
            rule=detector.rule,
            sentence=finding.sentence,
            why=detector.why,
            count=finding.count,
            records=(),
            example="",
        )
        for finding in notable
    )
    check = Checked(
        detector=detector.name,
        family=detector.family.value,
        title=detector.title,
        rule=detector.rule,
        looked=len(findings),
        n=max((finding.statistic.n for finding in findings), default=0),
        shown=len(cards),
    )
    return Screen(
        cascade="",
        runs=(name,),
        noun="record",
        headline=headline(len(cards), (check,)),
        basis=f"{basis} Nothing is tested here: what a rule finds is there.",
        cards=cards,
        checks=(check,),
        tests=0,
        records=0,
    )


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


WEAK = next(detector for detector in DETECTORS if detector.name == "weak-agreement")


def ratings_screen(ratings: Sequence[Rating], *, name: str) -> Screen:
    """A card for each criterion by which raters hardly agree (Krippendorff's alpha, interval scale)."""
    findings: list[Finding] = []
    for criterion in dict.fromkeys(rating.criterion for rating in ratings):
        chosen = [rating for rating in ratings if rating.criterion == criterion]
        findings.append(weak_agreement("", alpha(chosen), "answer", place=f"by {criterion}", subject=criterion))
    return table_screen(WEAK, findings, name=name, basis=f"{counted(len(ratings), 'rating')} in {name}.")


def alpha(ratings: Sequence[Rating]) -> Estimate:
    """Alpha of one criterion, the answers to one record resampled together."""
    items = {place: i for i, place in enumerate(dict.fromkeys((r.system, r.record) for r in ratings))}
    raters = {rater: i for i, rater in enumerate(dict.fromkeys(r.rater for r in ratings))}
    records = {record: i for i, record in enumerate(dict.fromkeys(record for _, record in items))}
    table = np.full((len(raters), len(items)), np.nan)
    for rating in ratings:
        table[raters[rating.rater], items[rating.system, rating.record]] = rating.value
    codes = np.array([records[record] for _, record in items], dtype=np.int64)
    rng = np.random.default_rng(0)
    return alpha_bootstrap(table, codes, scale="interval", rng=rng, resamples=RESAMPLES)
