"""The screen of a table that was imported: no run, so no test, only what a rule finds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from stagegap.analysis.oddities.card import Checked, Detector, Finding, Oddity, Screen
from stagegap.analysis.oddities.columns import RunColumns
from stagegap.analysis.oddities.screen import headline


def nothing_in_a_run(_run: RunColumns) -> Iterator[Finding | None]:
    """Give nothing: what such a detector looks at stands in no run."""
    return iter(())


def table_screen(detector: Detector, findings: Sequence[Finding], *, name: str, basis: str) -> Screen:
    """Make a card of each finding of one detector, in their order."""
    found = [one for one in findings if one.is_found]
    cards = tuple(
        Oddity(
            key=f"{detector.name}/{one.stage}/{one.subject}",
            run=name,
            detector=detector.name,
            family=detector.family.value,
            title=detector.title,
            stage=one.stage,
            subject=one.subject,
            kind="found",
            statistic=one.statistic,
            scale=one.scale,
            n=one.statistic.n,
            p=math.nan,
            q=math.nan,
            rule=detector.rule,
            sentence=one.sentence,
            why=detector.why,
            count=one.count,
            records=(),
            example="",
        )
        for one in found
    )
    check = Checked(
        detector=detector.name,
        family=detector.family.value,
        title=detector.title,
        rule=detector.rule,
        looked=len(findings),
        n=max((one.statistic.n for one in findings), default=0),
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
