"""A run as one file: its verdict, its charts, why, agreement, and the failures to read first."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from stagegap import charts
from stagegap.analysis import codec
from stagegap.analysis.views import FailureRow, Scorecard, StageDetail, gap_sheet
from stagegap.charts.failures import SHOWN as GROUPS_SHOWN
from stagegap.model.wording import counted
from stagegap.report.oddities import nameless, odd_markdown, without_words
from stagegap.report.page import page, rows_csv, section, small
from stagegap.tables import figures
from stagegap.tables.markdown import literal, table_markdown
from stagegap.tables.table import Row

if TYPE_CHECKING:
    from stagegap.oddities.screen import Noticing


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
    return [row for row in gap_sheet(scorecard).rows() if row["stage"] and row["figure"] in FIGURES]


SHOWN = 25
"""Failures whose texts the report shows."""


def html(
    scorecard: Scorecard,
    *,
    records: bool,
    left_out: int = 0,
    stage: str | None = None,
    oddities: Noticing | None = None,
) -> str:
    """The whole report as one HTML document; without `records` it holds no text of a record.

    `stage` is the one whose failures are explained, by default that of `explained`. `left_out` counts records that
    people are still to label, taken out by `without` and `without_words`. Same view, same bytes.
    """
    strange = charts.oddity_list(nameless(oddities), records=records) if oddities else ""
    strange += charts.trials(oddities.screen) if oddities else ""
    chosen = stage or explained(scorecard)
    why = _why(scorecard, chosen, records=records, left_out=left_out)
    parts = [*head(scorecard, chosen), *why, *_rest(scorecard, strange)]
    return page(scorecard.verdict.headline, parts, data=_data(scorecard, chosen, records=records))


def head(scorecard: Scorecard, why: str) -> list[str]:
    """The verdict and the two charts, with the stage that is explained marked."""
    verdict = scorecard.verdict
    return [
        f"<h1>{escape(verdict.headline)}</h1>",
        f"<p><b>{escape(verdict.caution)}</b></p>" if verdict.caution else "",
        f"<p>{charts.emphasised(verdict.summary, stage=verdict.stage)}</p>",
        small(verdict.advice, f"{scorecard.cascade}, run {scorecard.run}, {_day(scorecard)}. {verdict.basis}"),
        small(*charts.notices(scorecard)),
        section("How far is each stage from a person?", charts.gap(scorecard, chosen=why)),
        section(
            "What would fixing it buy, end to end?",
            charts.ceiling(scorecard, chosen=why) + small(charts.one_order(scorecard), charts.lost_anyway(scorecard)),
        ),
    ]


def _rest(scorecard: Scorecard, strange: str) -> list[str]:
    return [
        section("First fault, stage by stage", charts.first_faults(scorecard)),
        section("Which stages fail together", charts.together(scorecard)),
        section("What each step fixes and breaks", charts.steps(scorecard)),
        section("What looks strange?", strange) if strange else "",
        section("How these numbers were made", small(*charts.method(scorecard))),
    ]


def markdown(scorecard: Scorecard, *, oddities: Noticing | None = None) -> str:
    """The verdict and one table as Markdown, for a pull request; it holds no text of a record."""
    verdict = scorecard.verdict
    lines = [
        f"## {literal(verdict.headline)}",
        f"**{literal(verdict.caution)}**" if verdict.caution else "",
        literal(verdict.summary),
        *(table_markdown(table) for table in gap_sheet(scorecard).tables if table.is_visible),
        literal(verdict.basis),
        literal(verdict.advice),
        *(literal(notice) for notice in charts.notices(scorecard)),
        literal(f"{scorecard.cascade}, run {scorecard.run}, {_day(scorecard)}."),
        odd_markdown(nameless(oddities)).rstrip() if oddities else "",
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def shown_records(scorecard: Scorecard, stage: str | None = None) -> int:
    """Count the records whose texts `html` shows when it is asked for records."""
    why = stage or explained(scorecard)
    return sum(len(detail.rows[:SHOWN]) for detail in scorecard.details if detail.stage == why)


def explained(scorecard: Scorecard) -> str:
    """The stage to explain first: the one that holds back, else the likeliest, else the largest gain."""
    likeliest = max(scorecard.stages, key=lambda stage: stage.p_first if stage.gain.is_measured else -1.0)
    return scorecard.verdict.stage or likeliest.stage


def _day(scorecard: Scorecard) -> str:
    day = datetime.fromtimestamp(scorecard.started_at, UTC)
    return f"{day.day} {day:%b %Y}"


def _why(scorecard: Scorecard, stage: str, *, records: bool, left_out: int) -> list[str]:
    detail = next((detail for detail in scorecard.details if detail.stage == stage), None)
    if detail is None:
        return []
    sentence = f"<p>{escape(charts.first_fault_sentence(scorecard, detail))}</p>"
    body = sentence + charts.groups(detail) + small(charts.groups_note(detail))
    return [section(f"Why {detail.stage}?", body), *(_failures(scorecard, detail, left_out) if records else [])]


def _failures(scorecard: Scorecard, detail: StageDetail, left_out: int) -> list[str]:
    rows = detail.rows[:SHOWN]
    why = f"{counted(left_out, scorecard.noun)} left out: people are still to label them." if left_out else ""
    if not rows:
        return [small(why)]
    heading = f"{counted(len(rows), 'failure')} of {detail.failures:,} at {detail.stage}, most typical first"
    return [section(heading, small(why) + "\n".join(_failure(row) for row in rows))]


def without(scorecard: Scorecard, records: Collection[str]) -> Scorecard:
    """Take records out of the lists of failures; no figure changes."""
    details = (
        replace(detail, rows=tuple(row for row in detail.rows if row.record not in records))
        for detail in scorecard.details
    )
    return replace(scorecard, details=tuple(details))


def _failure(row: FailureRow) -> str:
    first = " (first fault)" if row.first_fault else ""
    return (
        f"<details><summary><code>{escape(row.record)}</code> {escape(row.title)}{first}</summary><dl>"
        f"<dt>System, score {figures.share(row.score)}</dt><dd>{escape(row.system)}</dd>"
        f"<dt>Reference</dt><dd>{escape(row.reference)}</dd></dl></details>"
    )


def textless(scorecard: Scorecard) -> Scorecard:
    """Take out all texts of records; no figure changes."""
    return replace(scorecard, details=tuple(replace(detail, rows=()) for detail in scorecard.details))


def whole_json(scorecard: Scorecard, *, oddities: Noticing | None = None) -> str:
    """Every figure of the view as JSON, what looks strange under `oddities`; null where nobody looked."""
    screen = codec.plain(nameless(oddities)) if oddities else None
    return json.dumps(codec.plain(scorecard) | {"oddities": screen}, ensure_ascii=False, separators=(",", ":"))


def numbers_json(scorecard: Scorecard, *, oddities: Noticing | None = None) -> str:
    """What `whole_json` gives without any text of a record."""
    return whole_json(textless(scorecard), oddities=without_words(oddities) if oddities else None)


def numbers_csv(scorecard: Scorecard) -> str:
    """One line a figure, with interval, n and method; it holds no text of a record."""
    return rows_csv(gap_sheet(scorecard).rows())


def _data(scorecard: Scorecard, stage: str, *, records: bool) -> dict[str, Any]:  # Any: JSON of any depth
    """The view for programs: of the groups and failures those that are shown."""
    view = codec.lean(scorecard)
    for detail in view["details"]:
        is_shown = detail["stage"] == stage
        detail["groups"] = detail["groups"][:GROUPS_SHOWN] if is_shown else []
        detail["rows"] = detail["rows"][:SHOWN] if records and is_shown else []
    return view
