"""A run as one file, or a folder with a page a failure: verdict, charts, agreement, failures, and what looks
strange.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stagegap import charts, redaction
from stagegap.analysis import views
from stagegap.analysis.codes import CodesView, codes_sheet
from stagegap.analysis.record_view import RecordView
from stagegap.analysis.views import Scorecard, StageDetail, gap_sheet
from stagegap.charts.failures import SHOWN as GROUPS_SHOWN
from stagegap.model.notes import OddityEvent
from stagegap.model.wording import counted, instant
from stagegap.report.page import page, part, rows_csv, section, small
from stagegap.tables import figures
from stagegap.tables.table import Row, Sheet, literal, table_markdown

if TYPE_CHECKING:
    from stagegap.oddities.card import Oddity
    from stagegap.oddities.screen import Noticing


FIGURES = ("agreement", "person", "system", "gap")


def agreement_html(scorecard: Scorecard, *, headline: str, stage: str, notes: Sequence[str]) -> str:
    """The agreement at every stage as one HTML document; it holds no text of a record and names no person.

    `notes` are sentences about `stage`.
    """
    parts = [
        part("title", headline),
        small(f"{scorecard.cascade}, run {scorecard.run}.", scorecard.verdict.basis),
        section(
            f"How far two {scorecard.labellers.nouns} agree, stage by stage",
            charts.agreement(scorecard, chosen=stage, pickable=False),
        ),
        section(f"At {stage}", small(*notes)) if any(notes) else "",
        section("How these numbers were made", small(*charts.method(scorecard))),
    ]
    return page(headline, parts, data=views.plain(agreement_rows(scorecard)))


def agreement_rows(scorecard: Scorecard) -> list[Row]:
    """The figures of people at every stage, one a row."""
    return [row for row in gap_sheet(scorecard).rows() if row["stage"] and row["figure"] in FIGURES]


SHOWN = 25
"""Failures whose texts the report shows."""


def html(
    scorecard: Scorecard,
    *,
    records: bool,
    left_out: str = "",
    stage: str | None = None,
    oddities: Noticing | None = None,
    pictures: charts.Pictures | None = None,
    read: CodesView | None = None,
) -> str:
    """The whole report as one HTML document; without `records` it holds no text of a record.

    `stage` is the one whose failures are explained, by default that of `explained`. `left_out` says what was
    taken out by `without` and `without_words`, and for whom. `pictures` hold themselves; `read` is what
    people say who read whole records. Same view, same bytes.
    """
    strange = charts.oddity_list(nameless(oddities), records=records, pictures=pictures) if oddities else ""
    strange += charts.trials(oddities.screen) if oddities else ""
    chosen = stage or explained(scorecard)
    why = _why(scorecard, chosen, left_out=left_out, pictures=(pictures or {}) if records else None)
    codes = _said(codes_sheet(read)) if read is not None and (read.n or read.looked_up) else ""
    parts = [*head(scorecard, chosen), codes, *why, *_rest(scorecard, strange)]
    return page(scorecard.verdict.headline, parts, data=_data(scorecard, chosen, records=records))


def head(scorecard: Scorecard, why: str) -> list[str]:
    """The verdict and the two charts, with the stage that is explained marked."""
    verdict = scorecard.verdict
    return [
        part("title", verdict.headline),
        part("sentence", verdict.caution, True) if verdict.caution else "",
        part("emphasised", charts.emphasised(verdict.summary, stage=verdict.stage)),
        small(verdict.advice, f"{scorecard.cascade}, run {scorecard.run}, {_day(scorecard)}. {verdict.basis}"),
        small(*charts.notices(scorecard)),
        section(f"How far is each stage from a {scorecard.labellers.noun}?", charts.gap(scorecard, chosen=why)),
        section(
            "What would correcting it buy, end to end?",
            charts.ceiling(scorecard, chosen=why) + small(charts.one_order(scorecard), charts.lost_anyway(scorecard)),
        ),
    ]


def _rest(scorecard: Scorecard, strange: str) -> list[str]:
    return [
        section(charts.WHICH, charts.both_gains(scorecard) + small(*charts.which_number(scorecard))),
        section("First fault, stage by stage", charts.first_faults(scorecard)),
        section("Which stages fail together", charts.together(scorecard)),
        section("What each step fixes and breaks", charts.steps(scorecard)),
        *map(_said, views.sheets_beside(scorecard)),
        section("What looks strange?", strange) if strange else "",
        section("How these numbers were made", small(*charts.method(scorecard))),
    ]


def _said(sheet: Sheet) -> str:
    return section(sheet.headline, small(*sheet.sentences) + charts.tables_html(sheet))


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


def shown_records(scorecard: Scorecard, stage: str | None = None) -> tuple[str, ...]:
    """The failures whose texts `html` shows when it is asked for records."""
    return failures_at(scorecard, stage)[:SHOWN]


def failures_at(scorecard: Scorecard, stage: str | None = None) -> tuple[str, ...]:
    """The failures that are listed of a stage, by default of the one that is explained first."""
    why = stage or explained(scorecard)
    return tuple(row.record for detail in scorecard.details if detail.stage == why for row in detail.rows)


def explained(scorecard: Scorecard) -> str:
    """The stage to explain first: the one that holds back, else the likeliest, else the largest gain."""
    likeliest = max(scorecard.stages, key=lambda stage: stage.p_first if stage.gain.is_measured else -1.0)
    return scorecard.verdict.stage or likeliest.stage


def _day(scorecard: Scorecard) -> str:
    day = instant(scorecard.started_at)
    return f"{day.day} {day:%b %Y}"


def _why(scorecard: Scorecard, stage: str, *, left_out: str, pictures: charts.Pictures | None) -> list[str]:
    """Why a stage fails, with its failures and their `pictures`; None where no record is to be seen."""
    detail = next((detail for detail in scorecard.details if detail.stage == stage), None)
    if detail is None:
        return []
    sentence = part("sentence", charts.first_fault_sentence(scorecard, detail))
    body = sentence + charts.groups(detail) + small(charts.groups_note(detail))
    return [section(f"Why {detail.stage}?", body), *([] if pictures is None else _failures(detail, left_out, pictures))]


def _failures(detail: StageDetail, left_out: str, pictures: charts.Pictures) -> list[str]:
    rows = detail.rows[:SHOWN]
    if not rows:
        return [small(left_out)]
    heading = f"{counted(len(rows), 'failure')} of {detail.failures:,} at {detail.stage}, most typical first"
    drawn = [part("failure", row, figures.share(row.score), charts.small_picture(pictures, row.record)) for row in rows]
    return [section(heading, small(left_out) + "\n".join(drawn))]


def without(scorecard: Scorecard, records: Collection[str]) -> Scorecard:
    """Take records out of the lists of failures; no figure changes."""
    details = (
        replace(detail, rows=tuple(row for row in detail.rows if row.record not in records))
        for detail in scorecard.details
    )
    return replace(scorecard, details=tuple(details))


def textless(scorecard: Scorecard) -> Scorecard:
    """Take out all texts of records; no figure changes."""
    return replace(scorecard, details=tuple(replace(detail, rows=()) for detail in scorecard.details))


def whole_json(scorecard: Scorecard, *, oddities: Noticing | None = None) -> str:
    """Every figure of the view as JSON, what looks strange under `oddities`; null where nobody looked."""
    screen = views.plain(nameless(oddities)) if oddities else None
    return json.dumps(views.plain(scorecard) | {"oddities": screen}, ensure_ascii=False, separators=(",", ":"))


def numbers_json(scorecard: Scorecard, *, oddities: Noticing | None = None) -> str:
    """What `whole_json` gives without any text of a record."""
    return whole_json(textless(scorecard), oddities=without_words(oddities) if oddities else None)


def numbers_csv(scorecard: Scorecard) -> str:
    """One line a figure, with interval, n and method; it holds no text of a record."""
    return rows_csv(gap_sheet(scorecard).rows())


def _data(scorecard: Scorecard, stage: str, *, records: bool) -> dict[str, Any]:  # Any: JSON of any depth
    """The view for programs: of the groups and failures those that are shown."""
    view = views.lean(scorecard)
    for detail in view["details"]:
        is_shown = detail["stage"] == stage
        detail["groups"] = detail["groups"][:GROUPS_SHOWN] if is_shown else []
        detail["rows"] = detail["rows"][:SHOWN] if records and is_shown else []
    return view


PERSONAL = frozenset({"hasty", "wavering"})
"""Detectors whose cards are about one person, named in `subject` and at the start of the sentence."""


def odd_examples(noticing: Noticing) -> set[str]:
    """The records whose first words stand on cards."""
    return {row.card.records[0] for row in (*noticing.open, *noticing.dismissed) if row.card.example}


def without_words(noticing: Noticing, records: Collection[str] | None = None) -> Noticing:
    """Take the first words of these records out, by default of all; no figure changes."""

    def silent(card: Oddity) -> Oddity:
        hides = bool(card.example) and (records is None or card.records[0] in records)
        return replace(card, example="") if hides else card

    return _with_cards(noticing, silent)


def nameless(noticing: Noticing) -> Noticing:
    """Take out who is meant and who said what: a report names no person."""

    def unnamed(card: Oddity) -> Oddity:
        if card.detector not in PERSONAL:
            return card
        sentence = card.sentence.replace(card.subject, "One labeller", 1)
        return replace(card, key=f"{card.detector}/{card.stage}/", subject="", sentence=sentence)

    def unsigned(event: OddityEvent | None, card: str) -> OddityEvent | None:
        return replace(event, annotator="", card=card) if event else None

    without_names = _with_cards(noticing, unnamed)
    return replace(
        without_names,
        open=tuple(replace(row, flagged=unsigned(row.flagged, row.card.key)) for row in without_names.open),
        dismissed=tuple(
            replace(row, dismissed=unsigned(row.dismissed, row.card.key), flagged=unsigned(row.flagged, row.card.key))
            for row in without_names.dismissed
        ),
    )


def _with_cards(noticing: Noticing, change: Callable[[Oddity], Oddity]) -> Noticing:
    return replace(
        noticing,
        screen=replace(noticing.screen, cards=tuple(map(change, noticing.screen.cards))),
        open=tuple(replace(row, card=change(row.card)) for row in noticing.open),
        dismissed=tuple(replace(row, card=change(row.card)) for row in noticing.dismissed),
    )


def odd_markdown(noticing: Noticing) -> str:
    """The open cards as a Markdown section; it holds no text of a record."""
    lines = [f"### {literal(noticing.headline)}"]
    cards = [row.card for row in noticing.open]
    if cards:
        lines.append("\n".join(map(_line, cards)))
    lines += [
        f"Not odd: {literal(row.card.title)}. “{literal(row.dismissed.reason)}”"
        for row in noticing.dismissed
        if row.dismissed is not None
    ]
    lines += [f"Learning curve: {literal(curve.sentence)}" for curve in noticing.screen.curves]
    lines += [
        f"Without {literal(trial.what)} ({literal(charts.judged(trial))}): {literal(charts.change(trial))}"
        for trial in noticing.screen.tried
    ]
    return "\n\n".join([*lines, literal(noticing.screen.basis)]) + "\n"


def _line(card: Oddity) -> str:
    place = literal(", ".join(part for part in (card.stage, charts.certainty(card)) if part))
    return f"- **{literal(card.title)}** ({place}): {literal(card.sentence)} {literal(card.why)}"


INDEX = "index.html"


def bundle(
    scorecard: Scorecard, records: Sequence[RecordView], *, left_out: str, show: charts.Show = charts.as_path
) -> dict[str, str]:
    """The files of the folder by their path: the first page, and one page a record, without the people's names.

    `left_out` says which failures are not among `records`, and for whom; `show` draws files.
    """
    manner = charts.Manner(gate=redaction.words, show=show)
    places = {view.record: f"records/{number:04d}.html" for number, view in enumerate(records, start=1)}
    revealed = reveals(scorecard, len(records), left_out=left_out)
    lists = [_list(detail, places) for detail in scorecard.details]
    method = section("How these numbers were made", small(*charts.method(scorecard)))
    first = page(scorecard.verdict.headline, [*head(scorecard, explained(scorecard)), small(revealed), *lists, method])
    names = [places[view.record] for view in records]
    return {INDEX: first} | {
        places[view.record]: _record(scorecard, view, manner, before=before, after=after)
        for view, before, after in zip(records, ["", *names], [*names[1:], ""], strict=False)
    }


def reveals(scorecard: Scorecard, records: int, *, left_out: str) -> str:
    """Say what whoever gets the folder can read."""
    disclosure = (
        f"Shows the texts of {counted(records, scorecard.noun)}, what the system answered at each stage, and what is "
        "right. No answer carries a name."
    )
    return f"{disclosure} {left_out}".rstrip()


def _list(detail: StageDetail, places: Mapping[str, str]) -> str:
    readable = [row for row in detail.rows if row.record in places]
    heading = f"{detail.stage}: {counted(len(readable), 'failure')} of {detail.failures:,}, most typical first"
    if not readable:
        return section(f"{detail.stage}: {counted(detail.failures, 'failure')}", "")
    return section(heading, part("links", readable, places))


def _record(scorecard: Scorecard, view: RecordView, manner: charts.Manner, *, before: str, after: str) -> str:
    ways = [("All failures", f"../{INDEX}"), ("Previous", before and f"../{before}"), ("Next", after and f"../{after}")]
    nameless = replace(view, blocks=tuple(replace(block, people="") for block in view.blocks))
    title = f"{scorecard.noun} {view.record}"
    parts = [
        part("ways", [way for way in ways if way[1]]),
        part("title", title),
        small(f"{scorecard.cascade}, run {scorecard.run}."),
        part("fields", view.fields, manner),
        section("Stage by stage", charts.record_blocks(nameless, manner)),
    ]
    return page(title, parts)
