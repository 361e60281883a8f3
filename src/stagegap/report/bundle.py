"""A report as a folder: the verdict on the first page, and a page for each failure, opened by a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

from stagegap import charts
from stagegap.analysis.record_view import RecordView
from stagegap.analysis.views import FailureRow, Scorecard, StageDetail
from stagegap.model.wording import counted
from stagegap.report.page import page, section, small
from stagegap.report.scorecard import explained, head

INDEX = "index.html"


def bundle(scorecard: Scorecard, records: Sequence[RecordView], *, left_out: int) -> dict[str, str]:
    """The files of the folder by their path: the first page, and one page a record, without the people's names.

    `left_out` counts the failures that people are still to label; they must not be among `records`.
    """
    places = {view.record: f"records/{number:04d}.html" for number, view in enumerate(records, start=1)}
    revealed = reveals(scorecard, len(records), left_out=left_out)
    lists = [_list(detail, places) for detail in scorecard.details]
    method = section("How these numbers were made", small(*charts.method(scorecard)))
    first = page(scorecard.verdict.headline, [*head(scorecard, explained(scorecard)), small(revealed), *lists, method])
    names = [places[view.record] for view in records]
    return {INDEX: first} | {
        places[view.record]: _record(scorecard, view, before=before, after=after)
        for view, before, after in zip(records, ["", *names], [*names[1:], ""], strict=False)
    }


def reveals(scorecard: Scorecard, records: int, *, left_out: int) -> str:
    """Say what whoever gets the folder can read."""
    disclosure = (
        f"Shows the texts of {counted(records, scorecard.noun)}, what the system answered at each stage, and what is "
        "right. No person is named."
    )
    return disclosure + (
        f" {counted(left_out, scorecard.noun)} left out: people are still to label them." if left_out else ""
    )


def _list(detail: StageDetail, places: Mapping[str, str]) -> str:
    readable = [row for row in detail.rows if row.record in places]
    heading = f"{detail.stage}: {counted(len(readable), 'failure')} of {detail.failures:,}, most typical first"
    if not readable:
        return section(f"{detail.stage}: {counted(detail.failures, 'failure')}", "")
    return section(heading, f'<ul class="records">{"".join(_link(row, places) for row in readable)}</ul>')


def _link(row: FailureRow, places: Mapping[str, str]) -> str:
    return f'<li><a href="{places[row.record]}">{escape(row.title)}</a> <code>{escape(row.record)}</code></li>'


def _record(scorecard: Scorecard, view: RecordView, *, before: str, after: str) -> str:
    ways = [("All failures", f"../{INDEX}"), ("Previous", before and f"../{before}"), ("Next", after and f"../{after}")]
    links = " · ".join(f'<a href="{place}">{name}</a>' for name, place in ways if place)
    nameless = replace(view, blocks=tuple(replace(block, people="") for block in view.blocks))
    fields = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in view.fields)
    title = f"{scorecard.noun} {view.record}"
    parts = [
        f"<p>{links}</p>",
        f"<h1>{escape(title)}</h1>",
        small(f"{scorecard.cascade}, run {scorecard.run}."),
        f'<dl class="fields">{fields}</dl>',
        section("Stage by stage", charts.record_blocks(nameless)),
    ]
    return page(title, parts)
