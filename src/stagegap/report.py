"""A run as one file: HTML without script or network, or Markdown for a comment. The same view, the same charts."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from stagegap import charts
from stagegap.analysis import codec
from stagegap.analysis.rounding import percent
from stagegap.analysis.views import FailureRow, Scorecard, StageDetail, StageRow
from stagegap.analysis.wording import counted, interval
from stagegap.charts.marks import packaged

if TYPE_CHECKING:
    from stagegap.analysis.oddities.noticed import Noticing

SHOWN = 25
"""Failures whose texts the report shows."""


def html(scorecard: Scorecard, *, records: bool, oddities: Noticing | None = None) -> str:
    """Give the whole report as one HTML document; without `records` it holds no text of a record.

    Same view, same bytes.
    """
    verdict, why = scorecard.verdict, explained(scorecard)
    parts = [
        f"<h1>{escape(verdict.headline)}</h1>",
        f"<p>{charts.emphasised(verdict.summary, stage=verdict.stage)}</p>",
        _small(verdict.advice, f"{scorecard.cascade}, run {scorecard.run}, {_day(scorecard)}. {verdict.basis}"),
        _small(*charts.notices(scorecard)),
        _section("How far is each stage from a person?", charts.gap(scorecard, chosen=why)),
        _section("What would fixing it buy, end to end?", charts.ceiling(scorecard, chosen=why)),
        _small(charts.lost_anyway(scorecard)),
    ]
    detail = next((detail for detail in scorecard.details if detail.stage == why), None)
    if detail is not None:
        parts += _why(scorecard, detail, records=records)
    parts += [
        _section("First fault, stage by stage", charts.first_faults(scorecard)),
        _section("Which stages fail together", charts.together(scorecard)),
        _section("What each step fixes and breaks", charts.steps(scorecard)),
        _section("What looks strange?", charts.oddity_list(oddities, records=records)) if oddities else "",
        _section("How these numbers were made", _small(*charts.method(scorecard))),
        _data(scorecard, records=records),
    ]
    style = packaged("report.css") + charts.style()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(verdict.headline)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def markdown(scorecard: Scorecard) -> str:
    """Give the verdict and one table as Markdown, for a pull request; it holds no text of a record."""
    verdict = scorecard.verdict
    rows = [
        "| stage | system | person | gap | gain at the end | 95% interval |",
        "| --- | ---: | ---: | ---: | ---: | :---: |",
        *(_markdown_row(stage, gain) for stage, gain in zip(scorecard.stages, scorecard.printed_gains, strict=True)),
    ]
    lines = [
        f"## {_literal(verdict.headline)}",
        _literal(verdict.summary),
        "\n".join(rows),
        _literal(verdict.basis),
        _literal(verdict.advice),
        *(_literal(notice) for notice in charts.notices(scorecard)),
        _literal(f"{scorecard.cascade}, run {scorecard.run}, {_day(scorecard)}."),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def shown_records(scorecard: Scorecard) -> int:
    """Count the records whose texts `html` shows when it is asked for records."""
    why = explained(scorecard)
    return sum(len(detail.rows[:SHOWN]) for detail in scorecard.details if detail.stage == why)


def explained(scorecard: Scorecard) -> str:
    """Give the stage to explain first: the one that holds back, else the likeliest, else the largest gain."""
    likeliest = max(scorecard.stages, key=lambda stage: stage.p_first if stage.gain.is_measured else -1.0)
    return scorecard.verdict.stage or likeliest.stage


def _day(scorecard: Scorecard) -> str:
    day = datetime.fromtimestamp(scorecard.started_at, UTC)
    return f"{day.day} {day:%b %Y}"


def _section(heading: str, body: str) -> str:
    return f"<h2>{escape(heading)}</h2>\n{body}"


def _small(*sentences: str) -> str:
    return "\n".join(f'<p class="small">{escape(sentence)}</p>' for sentence in sentences if sentence)


def _why(scorecard: Scorecard, detail: StageDetail, *, records: bool) -> list[str]:
    parts = [
        _section(f"Why {detail.stage}?", f"<p>{escape(charts.first_fault_sentence(scorecard, detail))}</p>"),
        charts.groups(detail),
        _small(charts.groups_note(detail)),
    ]
    shown = detail.rows[:SHOWN] if records else ()
    if shown:
        heading = f"{counted(len(shown), 'failure')} of {detail.failures:,} at {detail.stage}, most typical first"
        parts.append(_section(heading, "\n".join(_failure(row) for row in shown)))
    return parts


def _failure(row: FailureRow) -> str:
    first = " (first fault)" if row.first_fault else ""
    return (
        f"<details><summary><code>{escape(row.record)}</code> {escape(row.title)}{first}</summary><dl>"
        f"<dt>System, score {charts.percent(row.score)}</dt><dd>{escape(row.system)}</dd>"
        f"<dt>Reference</dt><dd>{escape(row.reference)}</dd></dl></details>"
    )


def _data(scorecard: Scorecard, *, records: bool) -> str:
    """The view itself, so that a program finds the numbers; `<` cannot end the block early."""
    view = codec.plain(scorecard)
    for detail in view["details"]:
        detail["rows"] = detail["rows"][:SHOWN] if records and detail["stage"] == explained(scorecard) else []
    text = codec.to_json(view).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>'


def _markdown_row(stage: StageRow, gain: int) -> str:
    system = stage.system if stage.gap.is_measured else stage.in_place
    cells = [
        _literal(stage.stage),
        charts.percent(system.value) if system.is_measured else "not measured",
        charts.percent(stage.person.value) if stage.person.is_measured else "not measured",
        str(percent(stage.person.value) - percent(system.value)) if stage.gap.is_measured else "",
        charts.signed(gain) if stage.gain.is_measured else "not measured",
        interval(stage.gain).partition("interval ")[2] if stage.gain.is_measured else "",
    ]
    return f"| {' | '.join(cells)} |"


def _literal(text: str) -> str:
    """Escape what Markdown would read as marks."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#!~" else char for char in text)
