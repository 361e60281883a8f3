"""The screen of a table that was imported: no run, so no test, only what a rule finds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from stagegap.analysis.oddities.card import Checked, Detector, Finding, Oddity, Screen
from stagegap.analysis.oddities.columns import RunColumns
from stagegap.analysis.oddities.screen import headline


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
