"""How far people agree at each stage, and who said what when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from stagegap.analysis.views import Scorecard, StageRow
from stagegap.charts.content import column_heads, scroll_table
from stagegap.charts.marks import Chart, Row, at, between
from stagegap.model.queue import GuidelineVersion
from stagegap.model.wording import counted, instant
from stagegap.people.disagreements import Decision
from stagegap.people.histories import LabelHistory, OwnLabel, PastEvent, when
from stagegap.tables import figures


def agreement_chart(
    scorecard: Scorecard,
    *,
    chosen: str | None = None,
    beyond: Mapping[str, str] | None = None,
    pickable: bool = True,
) -> Chart:
    """Every stage's agreement of two people; `beyond` has a sentence a stage on agreement beyond chance."""
    nouns = scorecard.labellers.nouns
    rows = tuple(
        _stage_row(
            stage,
            nouns,
            scorecard.noun,
            is_chosen=stage.stage == chosen,
            beyond=(beyond or {}).get(stage.stage, ""),
            value=stage.stage if pickable else None,
        )
        for stage in scorecard.stages
    )
    return Chart(kind="sl", caption=f"Agreement of two {nouns} at each stage", rows=rows)


def agreement(
    scorecard: Scorecard,
    *,
    chosen: str | None = None,
    beyond: Mapping[str, str] | None = None,
    pickable: bool = True,
) -> str:
    """Draw every stage's agreement of two people."""
    return agreement_chart(scorecard, chosen=chosen, beyond=beyond, pickable=pickable).html()


def _stage_row(stage: StageRow, nouns: str, noun: str, *, is_chosen: bool, beyond: str, value: str | None) -> Row:
    alike = stage.agreement
    if not alike.is_measured:
        why = alike.method.removeprefix("not measured: ")
        return Row(
            head=stage.stage,
            says=f"{stage.stage}: agreement not measured, {why}.",
            note=f"not measured: {why}",
            value=value,
            is_chosen=is_chosen,
        )
    says = (
        f"{stage.stage}: two {nouns} agree on {figures.share(alike.value)}, {figures.interval(alike)}, "
        f"{alike.n:,} {noun} records. {beyond}"
    )
    return Row(
        head=stage.stage,
        says=says.strip(),
        marks=(
            between("band", (alike.low, alike.high), tone="person", role="95% interval"),
            at("diamond", alike.value, tone="person", role="agreement"),
        ),
        end=(figures.share(alike.value), f"n {alike.n:,}"),
        value=value,
        is_chosen=is_chosen,
        hint=beyond,
    )


def own_labels(rows: Sequence[OwnLabel], *, noun: str, link: Callable[[OwnLabel], str | None]) -> str:
    """Draw the list; `link` gives the address at which a record is opened again, None where it can't be."""
    if not rows:
        return '<div class="bc"><p class="none">You have no label here yet.</p></div>'
    heads = column_heads(noun.capitalize(), "You said", "When, UTC")
    body = "".join(_own_row(row, link(row)) for row in rows)
    return scroll_table(heads, body, caption="Your labels, newest first", table="fl own", label="Your labels")


def _own_row(row: OwnLabel, link: str | None) -> str:
    name = f"<code>{escape(row.record)}</code>"
    head = f'<a href="{escape(link)}" target="_self">{name}</a>' if link else name
    before = f"<br><small>before: {escape('; '.join(row.before))}</small>" if row.before else ""
    at = instant(row.at)
    return (
        f'<tr{" class=pick" if link else ""}><th scope="row">{head}</th><td>{escape(row.said)}{before}</td>'
        f"<td>{at.day} {at:%b %H:%M}</td></tr>"
    )


def label_histories(histories: Sequence[LabelHistory]) -> str:
    """Draw the history of each stage, oldest first; what a person saw and the guidelines unfold."""
    return f'<div class="bc">{"".join(_stage(history) for history in histories)}</div>'


def _stage(history: LabelHistory) -> str:
    name = escape(history.stage)
    right = "".join(f'<p class="saw">Held to be right: {escape(text)}</p>' for text in history.accepted)
    how = f'<p class="saw">{escape(history.settled)}</p>' if history.settled else '<p class="saw">No reference yet.</p>'
    if not history.events:
        return f'<section class="sb"><h3>{name}</h3>{right}{how}<p class="saw">Nobody did anything here.</p></section>'
    heads = column_heads("When, UTC", "Who", "What")
    rows = "".join(_event_row(event) for event in history.events)
    return (
        f'<section class="sb"><h3>{name} <small>{counted(len(history.events), "event")}</small></h3>{right}{how}'
        f'<div class="scroll long" tabindex="0" role="region" aria-label="History at {name}"><table class="fl hist">'
        f'<caption class="sr">Who did what at {name}, oldest first</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{''.join(_guideline(version) for version in history.guidelines)}</section>"
    )


def _event_row(event: PastEvent) -> str:
    is_look = event.did == "saw the answers"
    checked = "" if is_look else f"<br><small>{'verified' if event.verified else 'not verified'}</small>"
    words = f": {escape(event.said)}" if event.said else ""
    remarks = "".join(f"<br><small>{escape(remark)}</small>" for remark in event.remarks)
    took = "" if event.active_ms is None else f", {max(1, round(event.active_ms / 1000)):,} s"
    by = f", guideline {escape(event.guideline)}" if event.guideline else ""
    return (
        f'<tr><th scope="row">{when(event.at)}</th><td>{escape(event.who)}{checked}</td>'
        f"<td><b>{escape(event.did)}</b>{words}{remarks}{_saw(event, took + by)}</td></tr>"
    )


def _saw(event: PastEvent, rest: str) -> str:
    summary = f"{escape(event.saw)}{rest}"
    if not event.inputs:
        return f"<br>{summary}"
    fields = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in event.inputs)
    return f"<details><summary>{summary}</summary><dl>{fields}</dl></details>"


def _guideline(version: GuidelineVersion) -> str:
    since = instant(version.since)
    return (
        f"<details><summary>Guideline {escape(version.hash)}, used since {since:%Y-%m-%d %H:%M} UTC</summary>"
        f"<dl><dd>{escape(version.text)}</dd></dl></details>"
    )


def decisions(rows: Sequence[Decision], *, noun: str, chosen: str | None) -> str:
    """List what was settled, newest first, without what was decided; a click chooses the record."""
    heads = column_heads(noun.capitalize(), "Settled by", "When, UTC")
    body = "".join(_decision(row, row.record == chosen) for row in rows)
    return scroll_table(heads, body, caption="Decisions, newest first", table="fl dec", label="Decisions")


def _decision(row: Decision, is_chosen: bool) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    reason = f" <small>{escape(row.reason)}</small>" if row.reason else ""
    at = instant(row.at)
    return (
        f'<tr class="pick{" on" if is_chosen else ""}"><th scope="row"><button type="button" '
        f'data-v="{escape(row.record)}"{current}>{escape(row.record)}</button>{reason}</th>'
        f"<td>{escape(row.who)} <small>{'verified' if row.verified else 'not verified'}</small></td>"
        f"<td>{at:%Y-%m-%d %H:%M}</td></tr>"
    )
