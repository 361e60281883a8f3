"""The failures to read, what they have in common, and one record stage by stage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from stagegap.analysis.failures import Confusion
from stagegap.analysis.record_view import Mark as Difference
from stagegap.analysis.record_view import RecordView, Shown, StageBlock
from stagegap.analysis.views import FailureRow, SliceRow, StageDetail
from stagegap.charts.content import (
    PLAIN,
    SIGNS,
    Manner,
    Pictures,
    column_heads,
    differing_html,
    scroll_table,
    small_picture,
    value_html,
)
from stagegap.charts.marks import Chart, Mark, Row, at, between
from stagegap.model.notes import Failure, FailurePage
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.people.codebook import CodeRow, CodeTally
from stagegap.tables import figures

_FAULTS = ("first fault", "inherits the fault", "own fault")
LINE = 40
"""Characters of a field that stands in a line with others."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a record is drawn: whether differences are marked, and how values are drawn."""

    is_marked: bool
    manner: Manner


def record_fields(view: RecordView, manner: Manner = PLAIN) -> str:
    """Draw the fields of a record, each as what it is; matches of `seek` are marked. Short ones share a line."""
    return f'<div class="bc"><div class="sb">{_fields(view, manner)}</div></div>'


def _fields(view: RecordView, manner: Manner) -> str:
    """Long ones as what they are, short ones in a line; lists whose items stand beside the answers are folded."""
    short = [(name, text) for name, text in view.fields if text and not is_long(text)]
    drawn = "".join(
        f'<details class="saw"><summary>{escape(name)}, item by item</summary><div class="v">'
        f"{value_html(text, manner)}</div></details>"
        if name in view.lists
        else f'<p class="field">{escape(name)}</p><div class="v">{value_html(text, manner)}</div>'
        for name, text in sorted(view.fields, key=lambda field: field[0] in view.lists)
        if is_long(text)
    )
    line = " · ".join(f"{escape(name)} {escape(manner.gate(text))}" for name, text in short)
    return drawn + (f'<p class="saw">{line}</p>' if line else "")


def is_long(text: str) -> bool:
    """True for a field that stands on lines of its own."""
    return " " in text or "\n" in text or len(text) > LINE


def record_blocks(view: RecordView, manner: Manner = PLAIN, *, marked: bool = True) -> str:
    """Draw a block for each stage; with `marked` the differences carry signs and words, otherwise texts are plain."""
    blocks = "".join(
        _block(position, block, Drawing(marked, manner)) for position, block in enumerate(view.blocks, start=1)
    )
    return f'<div class="bc">{blocks}</div>'


def record_flow(view: RecordView, manner: Manner = PLAIN) -> str:
    """Draw the record as it flowed: its fields, then what each stage saw, answered and took."""
    stages = "".join(
        f'<section class="sb" data-stage="{escape(block.stage)}"><h3>{position} {escape(block.stage)}</h3>'
        f"{_saw(block)}{_answer(block, manner)}{_call(block)}</section>"
        for position, block in enumerate(view.blocks, start=1)
    )
    return f'<div class="bc"><section class="sb"><h3>Record</h3>{_fields(view, manner)}</section>{stages}</div>'


def _answer(block: StageBlock, manner: Manner) -> str:
    """What the system answered, with nothing beside it; documents by their titles, answers to items as a chat."""
    if block.turns:
        return f'<div class="ans v">{value_html(block.turns, manner)}</div>'
    if block.kind == "items" and block.documents:
        marks = [Difference("same", item) for item in block.system.split(", ")]
        return _items(marks, {document.id: document for document in block.documents})
    if not block.system:
        return '<div class="ans none">Empty.</div>'
    return f'<div class="ans v">{value_html(block.system, manner)}</div>'


def _block(position: int, block: StageBlock, how: Drawing) -> str:
    strong = " strong" if block.badge in _FAULTS else ""
    score = "" if math.isnan(block.score) else f" <small>score {figures.share(block.score)}</small>"
    return (
        f'<section class="sb"><h3>{position} {escape(block.stage)} <span class="badge{strong}">{block.badge}</span>'
        f'{score}</h3>{_saw(block)}<div class="two"><div><h4>System</h4>{_side(block, "system", how)}</div>'
        f"<div><h4>Reference{_people(block)}</h4>{_side(block, 'reference', how)}{_also(block, how)}</div></div>"
        f"{_summary(block)}{_call(block)}</section>"
    )


def _saw(block: StageBlock) -> str:
    if not block.saw:
        return ""
    fields = [name for name, text in block.saw if text == f"record.{name}"]
    whole = [f"the record's {listed(fields)}"] if fields else []
    inputs = " · ".join([*whole, *(f"{name}: {text}" for name, text in block.saw if name not in fields)])
    return f'<p class="saw">Saw {escape(inputs)}</p>'


def _call(block: StageBlock) -> str:
    """How the call ended and what it took; what was sent and what came back, folded."""
    facts = " · ".join(escape(part) for part in (block.status, block.call) if part)
    folded = (
        ("Attempts", "\n".join(block.attempts)),
        ("Prompt, as it was sent", block.prompt),
        ("Raw answer", block.raw),
    )
    return (f'<p class="saw">Call: {facts}</p>' if facts else "") + "".join(
        f'<details class="saw"><summary>{name}</summary><div class="ans">{escape(text)}</div></details>'
        for name, text in folded
        if text
    )


def _people(block: StageBlock) -> str:
    return f" <small>{escape(block.people)}</small>" if block.people else ""


def _side(block: StageBlock, side: Literal["system", "reference"], how: Drawing) -> str:
    text, other = (block.system, block.reference) if side == "system" else (block.reference, block.system)
    if not text:
        return '<div class="ans none">No reference yet.</div>'
    marks = getattr(block.difference, side) if block.difference is not None and how.is_marked else None
    if marks is not None and block.kind == "items":
        return _items(marks, {document.id: document for document in block.documents})
    drawn = (
        value_html(text, how.manner)
        if marks is None
        else differing_html(text, other, marks, kind="extra" if side == "system" else "missing", manner=how.manner)
    )
    return f'<div class="ans v">{drawn}</div>{_facts(block) if side == "reference" else ""}'


def _items(marks: Sequence[Difference], documents: Mapping[str, Shown] | None = None) -> str:
    if not marks:
        return '<div class="ans">none</div>'
    known = documents or {}
    rows = "".join(
        f"<li>{_item(mark.text, known.get(mark.text))}</li>"
        if mark.kind == "same"
        else f'<li class="{mark.kind}"><b aria-hidden="true">{SIGNS[mark.kind]}</b> '
        f"{_item(mark.text, known.get(mark.text))} <small>{mark.kind}</small></li>"
        for mark in marks
    )
    return f'<ul class="ans">{rows}</ul>'


def _item(text: str, document: Shown | None) -> str:
    """An item, or the title of the document that it names, with its text folded."""
    if document is None:
        return escape(text)
    head = f"{escape(document.title)} <small>{escape(text)}</small>" if document.title else escape(text)
    body = f'<div class="v">{value_html(document.text)}</div>'
    return f"<details><summary>{head}</summary>{body}</details>" if document.text else head


def _facts(block: StageBlock) -> str:
    return (
        _items(block.facts).replace('class="ans"', 'class="ans facts" aria-label="What must be in it"', 1)
        if (block.facts)
        else ""
    )


def _also(block: StageBlock, how: Drawing) -> str:
    return "".join(
        f'<p class="saw">Also right:</p><div class="ans v">{value_html(text, how.manner)}</div>'
        if is_long(text)
        else f'<p class="saw">Also right: {escape(how.manner.gate(text))}</p>'
        for text in block.also
    )


def _summary(block: StageBlock) -> str:
    """Say the difference in words, for people who don't compare columns."""
    if block.difference is None:
        return ""
    titles = {document.id: document.title for document in block.documents}
    extra = [mark.text for mark in block.difference.system if mark.kind == "extra"]
    missing = [mark.text for mark in block.difference.reference if mark.kind == "missing"]
    if block.kind == "items" and (extra or missing):
        parts = [
            f"{word} {', '.join(escape(titles.get(item) or item) for item in items)}"
            for word, items in (("Missing:", missing), ("Extra:", extra))
            if items
        ]
        return f'<p class="saw">{". ".join(parts)}.</p>'
    gone = [mark.text for mark in block.facts if mark.kind == "missing"]
    if gone:
        return f'<p class="saw">{counted(len(gone), "fact")} missing: {"; ".join(escape(text) for text in gone)}.</p>'
    return ""


def failures(detail: StageDetail, *, noun: str, link: Callable[[str], str]) -> str:
    """Draw the list of failures; each row leads to the address that `link` gives for its record."""
    if not detail.rows:
        return '<div class="bc"><p class="none">No failures at this stage.</p></div>'
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in (noun.capitalize(), "Score", "Id"))
    rows = "".join(_typical_row(failure, link(failure.record)) for failure in detail.rows)
    return (
        f'<div class="bc"><div class="scroll"><table class="fl"><caption class="sr">Failures of {escape(detail.stage)}'
        f", most typical first</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _typical_row(failure: FailureRow, link: str) -> str:
    first = "<b>first fault</b>" if failure.first_fault else ""
    return (
        f'<tr class="pick"><th scope="row"><div class="cut"><a href="{escape(link)}" target="_self">'
        f"{escape(failure.title)}</a>{first}</div></th><td>{figures.share(failure.score)}</td><td><code>{escape(failure.record)}</code></td></tr>"
    )


def failure_list(
    page: FailurePage,
    *,
    stage: str,
    noun: str,
    chosen: str | None,
    tags: Mapping[str, Sequence[str]],
    pictures: Pictures | None = None,
) -> str:
    """Draw a page of the list; a click anywhere on a row chooses its record."""
    if not page.rows:
        return f'<div class="bc"><p class="none">No {escape(noun)} fits these filters.</p></div>'
    rows = "".join(
        _list_row(
            failure,
            failure.record == chosen,
            tags=tags.get(failure.record, ()),
            picture=small_picture(pictures, failure.record),
        )
        for failure in page.rows
    )
    heads, label = column_heads(sentence(noun), "Score"), f"Failures of {stage}"
    caption = f"{label}, most typical first"
    return scroll_table(heads, rows, caption=caption, table="fl ls", label=label, box="scroll long")


def _list_row(failure: Failure, is_chosen: bool, *, tags: Sequence[str], picture: str) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    notes = [
        *(["<b>first fault</b>"] if failure.first_fault else []),
        *(["<small>labellers disagree</small>"] if failure.disagreed else []),
        *(f'<small class="tag">{escape(tag)}</small>' for tag in tags),
    ]
    return (
        f'<tr class="pick{" on" if is_chosen else ""}"><th scope="row">{picture}<button type="button" '
        f'data-v="{escape(failure.record)}"{current}>{escape(failure.title)}</button>'
        f'<div class="notes"><code>{escape(failure.record)}</code> {" ".join(notes)}</div></th>'
        f"<td>{figures.share(failure.score)}</td></tr>"
    )


def list_sentence(page: FailurePage, *, noun: str) -> str:
    """Say which part of the list is here."""
    if not page.rows:
        return ""
    first, last = page.before + 1, page.before + len(page.rows)
    all_here = len(page.rows) == page.total
    return (
        f"{counted(page.total, noun)}, most typical first."
        if all_here
        else f"{first:,} to {last:,} of {page.total:,} {plural(noun, page.total)}, most typical first."
    )


def code_share(row: CodeRow) -> str:
    """How frequent a tag is: `7, 18% (9 to 32)`."""
    if not row.share.is_measured:
        return f"{row.count:,}"
    return f"{row.count:,}, {figures.share(row.share.value)} ({figures.span(row.share)})"


def code_win(row: CodeRow) -> str:
    """What mending a tag would win at most: `at most +14 points (10 to 18)`."""
    if not row.win.is_measured:
        return row.win.method
    return f"at most {figures.points(row.win.value)} points ({figures.span(row.win)})"


def win_sentence(tally: CodeTally) -> str:
    """Say what mending the tag that promises most would win; empty when no tag has a number."""
    measured = [row for row in tally.rows if row.win.is_measured and row.count]
    if not measured:
        return ""
    top = max(measured, key=lambda row: row.win.value)
    won = figures.percent(top.win.value)
    return f"Fixing all of {top.tag} would win at most {won} {plural('point', won)} ({figures.span(top.win)})."


SHOWN = 6


def groups_chart(detail: StageDetail, *, link: Callable[[str], str] | None = None) -> Chart:
    """The failure rate of the first `SHOWN` groups against the stage's average, the highest rate first.

    `link` gives the address of a group's failures; without it the rows lead nowhere.
    """
    average = detail.average
    rows = sorted(detail.groups[:SHOWN], key=lambda group: (not group.rate.is_measured, -group.rate.value))
    base = (at("rule", average.value, tone="soft", role="average"),) if average.is_measured else ()
    return Chart(
        kind="sl",
        caption=f"Failure rate of {detail.stage} by group",
        rows=tuple(_group_row(group, base, link(group.group) if link else None) for group in rows),
        empty="No groups to compare: no slices are declared for the records.",
    )


def groups(detail: StageDetail, *, link: Callable[[str], str] | None = None) -> str:
    """Draw the failure rate of the first groups against the stage's average."""
    return groups_chart(detail, link=link).html()


def _group_row(group: SliceRow, base: tuple[Mark, ...], link: str | None) -> Row:
    rate, count = group.rate, f"({group.failures} of {group.n})"
    if not rate.is_measured:
        why = f"{rate.method} {count}"
        return Row(head=group.group, says=f"{why}.", note=why, link=link)
    tone = "system" if group.stands_out else "soft"
    above = ", above the average with its whole interval" if group.stands_out else ""
    return Row(
        head=group.group,
        says=f"fails {figures.share(rate.value)} {count}, {figures.interval(rate)}{above}.",
        marks=(
            *base,
            between("band", (rate.low, rate.high), tone=tone, role="95% interval"),
            at("dot", rate.value, tone=tone, role="failure rate"),
        ),
        end=(figures.share(rate.value), count),
        link=link,
    )


ARROW = " → "
"""Between what is right and what was answered, in the name of a cell."""


MOST_VALUES = 40
"""Values that are drawn by each other: a table of thousands by thousands is read by nobody and ends a browser."""


def confusion_table(view: Confusion, *, chosen: str | None) -> str:
    """What is right by what the system answered; a cell of mistakes leads to its records.

    Of many values those with the most mistakes, and those of the chosen cell.
    """
    mistakes = Counter(value for pair, ids in view.records.items() if pair[0] != pair[1] for value in pair for _ in ids)
    values = {value for value, _ in mistakes.most_common(MOST_VALUES)} | set((chosen or "").split(ARROW))
    is_large = max(len(view.right), len(view.answered)) > MOST_VALUES
    rights, answers = (
        [value for value in side if not is_large or value in values] for side in (view.right, view.answered)
    )
    every = len({*view.right, *view.answered})
    note = f"<p>The {MOST_VALUES} values with the most mistakes, of {every:,}.</p>" if is_large else ""
    heads = "".join(f'<th scope="col">{escape(answered)}</th>' for answered in answers)
    rows = "".join(
        f'<tr><th scope="row">{escape(right)}</th>'
        + "".join(_confused(view, right, answered, chosen=chosen) for answered in answers)
        + "</tr>"
        for right in rights
    )
    return (
        note
        + '<div class="bc"><div class="scroll wide" tabindex="0" role="region" aria-label="What is taken for what">'
        f'<table class="mx four"><caption class="sr">{escape(view.stage)}: right by answered</caption>'
        f"<thead><tr><td>right ↓ answered →</td>{heads}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _confused(view: Confusion, right: str, answered: str, *, chosen: str | None) -> str:
    count, name = view.count(right, answered), f"{right}{ARROW}{answered}"
    if not count or right == answered:
        return f"<td>{f'<b>{count:,}</b>' if count else '0'}</td>"
    on = ' aria-current="true"' if name == chosen else ""
    return (
        f'<td class="go{" on" if name == chosen else ""}"><button type="button" data-v="{escape(name)}"{on}>{count:,}'
        f'<span class="sr"> {escape(right)} taken for {escape(answered)}</span></button></td>'
    )
