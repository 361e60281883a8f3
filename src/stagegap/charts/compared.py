"""Two runs record by record: the list to read, flips to choose from, and one record's answers of then and now."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stagegap.analysis.changes.views import ChangeRow, Comparison, ConfigChange, StageChange
from stagegap.analysis.differences import Mark, word_difference
from stagegap.tables import figures

_SIGNS = {"extra": "+", "missing": "−"}
_FLIPS = {"broken": "right to wrong", "fixed": "wrong to right", "none": ""}


def change_list(rows: Sequence[ChangeRow], *, what: str, noun: str, chosen: str | None) -> str:
    """Draw the records behind a change; nothing in the list says what anybody answered."""
    if not rows:
        return f'<div class="bc"><p class="none">No {escape(noun)}: {escape(what)}.</p></div>'
    body = "".join(_row(row, is_chosen=row.record == chosen) for row in rows)
    heads = f'<th scope="col">{escape(noun.capitalize())}</th><th scope="col">Score</th>'
    return (
        f'<div class="bc"><div class="scroll long" tabindex="0" role="region" aria-label="{escape(what)}">'
        f'<table class="fl ls cl"><caption class="sr">{escape(what)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _row(row: ChangeRow, *, is_chosen: bool) -> str:
    current = ' aria-current="true"' if is_chosen else ""
    flip = f'<small class="hot">{_FLIPS[row.flip]}</small>' if row.flip != "none" else ""
    change = figures.points(row.score_after - row.score_before)
    return (
        f'<tr class="pick{" on" if is_chosen else ""}"><th scope="row"><button type="button" '
        f'data-v="{escape(row.record)}"{current}>{escape(row.title)}</button>'
        f'<div class="notes"><code>{escape(row.record)}</code> {flip}</div></th>'
        f"<td>{figures.share(row.score_before)} → {figures.share(row.score_after)}<br><small>{change}</small></td></tr>"
    )


def flip_table(row: StageChange, view: Comparison, *, chosen: str | None) -> str:
    """Draw the 2x2 table of a stage: was right or wrong, is right or wrong; the changed counts lead to their lists."""
    flips = row.flips
    was, now = escape(view.before), escape(view.after)

    def cell(count: int, value: str) -> str:
        on = ' aria-current="true"' if value == chosen else ""
        word = "broken" if value == "worse" else "fixed"
        return (
            f'<td class="go{" on" if value == chosen else ""}"><button type="button" data-v="{value}"{on}>'
            f"<b>{count:,}</b> <small>{word}</small></button></td>"
        )

    heads = f'<th scope="col">right in {now}</th><th scope="col">wrong in {now}</th>'
    right = f'<th scope="row">right in {was}</th><td><b>{flips.stayed_right:,}</b></td>{cell(flips.broken, "worse")}'
    wrong = f'<th scope="row">wrong in {was}</th>{cell(flips.fixed, "better")}<td><b>{flips.stayed_wrong:,}</b></td>'
    return (
        f'<div class="bc"><table class="mx four"><caption class="sr">{escape(row.stage)}: right and wrong in {was} and '
        f"{now}</caption><thead><tr><td></td>{heads}</tr></thead>"
        f"<tbody><tr>{right}</tr><tr>{wrong}</tr></tbody></table></div>"
    )


def answers_of_both(row: ChangeRow, view: Comparison, *, stage: str, marked: bool = True) -> str:
    """Draw what a stage answered to a record in both runs, side by side, with the reference under them.

    What only the earlier answer has is marked `−` (gone), what only the later one has `+` (new).
    """
    difference = word_difference(row.after, row.before) if marked else None
    new = _marked(difference.system, {"extra": "new"}) if difference else escape(row.after)
    old = _marked(difference.reference, {"missing": "gone"}) if difference else escape(row.before)
    return (
        f'<div class="bc"><section class="sb"><h3>{escape(stage)} <small>score {figures.share(row.score_before)} → '
        f'{figures.share(row.score_after)}</small></h3><div class="two"><div><h4>{escape(view.before)}</h4>'
        f'<div class="ans">{old}</div></div><div><h4>{escape(view.after)}</h4><div class="ans">{new}</div></div></div>'
        f'<h4>Reference</h4><div class="ans">{escape(row.reference) or "none"}</div></section></div>'
    )


def _marked(marks: Sequence[Mark], words: dict[str, str]) -> str:
    return "".join(
        escape(mark.text)
        if mark.kind == "same"
        else f'<span class="w {mark.kind}"><span class="sr">{words[mark.kind]}: </span><b aria-hidden="true">'
        f"{_SIGNS[mark.kind]}</b>{escape(mark.text.rstrip())}</span>{escape(mark.text[len(mark.text.rstrip()) :])}"
        for mark in marks
    )


def settings(rows: Sequence[ConfigChange], view: Comparison) -> str:
    """Draw settings of both runs beside each other; what differs is marked by a word, too."""
    if not rows:
        return '<div class="bc"><p class="none">No setting differs.</p></div>'
    differ = [setting.before != setting.after for setting in rows]
    body = "".join(
        _setting(setting, says_so=differs and not all(differ)) for setting, differs in zip(rows, differ, strict=True)
    )
    head = f'<th scope="col">{escape(view.before)}</th><th scope="col">{escape(view.after)}</th>'
    return (
        '<div class="bc"><div class="scroll long" tabindex="0" role="region" aria-label="Settings of both runs">'
        f'<table class="an set"><caption class="sr">Settings of both runs</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _setting(setting: ConfigChange, *, says_so: bool) -> str:
    before, after = ("not there" if value is None else escape(value) for value in (setting.before, setting.after))
    note = " <small>differs</small>" if says_so else ""
    return f'<tr><th scope="row">{escape(setting.path)}{note}</th><td>{before}</td><td>{after}</td></tr>'
