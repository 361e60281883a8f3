"""One record stage by stage: what the stage saw, the system's answer beside the reference, and how they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from stagegap.analysis.record_view import Mark, RecordView, StageBlock
from stagegap.model.wording import counted
from stagegap.tables import figures

_HOT = ("first fault", "inherits the fault", "own fault")
_SIGNS = {"extra": "+", "missing": "−"}


def record_blocks(view: RecordView, *, marked: bool = True) -> str:
    """Draw a block for each stage; with `marked` the differences carry signs and words, otherwise texts are plain."""
    blocks = "".join(_block(position, block, marked=marked) for position, block in enumerate(view.blocks, start=1))
    return f'<div class="bc">{blocks}</div>'


def _block(position: int, block: StageBlock, *, marked: bool) -> str:
    hot = " hot" if block.badge in _HOT else ""
    score = "" if math.isnan(block.score) else f" <small>score {figures.share(block.score)}</small>"
    return (
        f'<section class="sb"><h3>{position} {escape(block.stage)} <span class="badge{hot}">{block.badge}</span>{score}'
        f'</h3>{_saw(block)}<div class="two"><div><h4>System</h4>{_side(block, "system", marked=marked)}</div>'
        f"<div><h4>Reference{_people(block)}</h4>{_side(block, 'reference', marked=marked)}{_also(block)}</div></div>"
        f"{_summary(block)}</section>"
    )


def _saw(block: StageBlock) -> str:
    if not block.saw:
        return ""
    inputs = " · ".join(f"{escape(name)}: {escape(text)}" for name, text in block.saw)
    return f'<p class="saw">Saw {inputs}</p>'


def _people(block: StageBlock) -> str:
    return f" <small>{escape(block.people)}</small>" if block.people else ""


def _side(block: StageBlock, side: str, *, marked: bool) -> str:
    text = block.system if side == "system" else block.reference
    if not text:
        return '<div class="ans none">No reference yet.</div>'
    if block.difference is None or not marked:
        return f'<div class="ans">{escape(text)}</div>{_facts(block) if side == "reference" else ""}'
    marks = block.difference.system if side == "system" else block.difference.reference
    if block.kind == "items":
        return _items(marks)
    return (
        f'<div class="ans">{"".join(_word(mark) for mark in marks)}</div>{_facts(block) if side == "reference" else ""}'
    )


def _items(marks: Sequence[Mark]) -> str:
    if not marks:
        return '<div class="ans">none</div>'
    rows = "".join(
        f"<li>{escape(mark.text)}</li>"
        if mark.kind == "same"
        else f'<li class="{mark.kind}"><b aria-hidden="true">{_SIGNS[mark.kind]}</b> {escape(mark.text)} '
        f"<small>{mark.kind}</small></li>"
        for mark in marks
    )
    return f'<ul class="ans">{rows}</ul>'


def _word(mark: Mark) -> str:
    if mark.kind == "same":
        return escape(mark.text)
    words = mark.text.rstrip()
    return (
        f'<span class="w {mark.kind}"><span class="sr">{mark.kind}: </span>'
        f'<b aria-hidden="true">{_SIGNS[mark.kind]}</b>{escape(words)}</span>{escape(mark.text[len(words) :])}'
    )


def _facts(block: StageBlock) -> str:
    return (
        _items(block.facts).replace('class="ans"', 'class="ans facts" aria-label="What must be in it"', 1)
        if (block.facts)
        else ""
    )


def _also(block: StageBlock) -> str:
    return "".join(f'<p class="saw">Also right: {escape(text)}</p>' for text in block.also)


def _summary(block: StageBlock) -> str:
    """Say the difference in words, for people who don't compare columns."""
    if block.difference is None:
        return ""
    extra = [mark.text for mark in block.difference.system if mark.kind == "extra"]
    missing = [mark.text for mark in block.difference.reference if mark.kind == "missing"]
    if block.kind == "items" and (extra or missing):
        parts = [
            f"{word} {', '.join(escape(item) for item in items)}"
            for word, items in (("Missing:", missing), ("Extra:", extra))
            if items
        ]
        return f'<p class="saw">{". ".join(parts)}.</p>'
    gone = [mark.text for mark in block.facts if mark.kind == "missing"]
    if gone:
        return f'<p class="saw">{counted(len(gone), "fact")} missing: {"; ".join(escape(text) for text in gone)}.</p>'
    return ""
