"""How far people agree as one file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stagegap import charts
from stagegap.analysis import codec, frames
from stagegap.analysis.frames import Row
from stagegap.analysis.views import Scorecard
from stagegap.report.page import page, section, small

FIGURES = ("agreement", "person", "system", "gap")


def agreement_html(scorecard: Scorecard, *, headline: str, stage: str, notes: Sequence[str]) -> str:
    """The agreement at every stage as one HTML document; it holds no text of a record and names no person.

    `notes` are sentences about `stage`.
    """
    parts = [
        f"<h1>{escape(headline)}</h1>",
        small(f"{scorecard.cascade}, run {scorecard.run}.", scorecard.verdict.basis),
        section("How far two people agree, stage by stage", charts.agreement(scorecard, chosen=stage, pickable=False)),
        section(f"At {stage}", small(*notes)) if any(notes) else "",
        section("How these numbers were made", small(*charts.method(scorecard))),
    ]
    return page(headline, parts, data=codec.plain(agreement_rows(scorecard)))


def agreement_rows(scorecard: Scorecard) -> list[Row]:
    """The figures of people at every stage, one a row."""
    return [row for row in frames.rows(scorecard) if row["stage"] and row["figure"] in FIGURES]
