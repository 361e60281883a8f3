"""How the views of past runs, and of what looks strange, show themselves."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap import charts
from stagegap.analysis import codec, run_rows
from stagegap.analysis.changes import WhatChanged
from stagegap.analysis.escalation import EscalationView
from stagegap.analysis.ledger import Ledger
from stagegap.analysis.reproduced import Reproduction
from stagegap.analysis.runs import RunsView
from stagegap.library.views import Shown
from stagegap.model.run import Expectation
from stagegap.model.wording import counted, sentence
from stagegap.oddities.screen import Noticing, card_rows
from stagegap.tables import figures


def changed(view: WhatChanged) -> Shown[WhatChanged]:
    """Show which stages a difference comes from."""
    return Shown(
        view=view,
        headline=view.headline,
        sentences=(view.summary, charts.contributions_note(view)),
        rows=run_rows.changed_rows(view),
        picture=charts.contributions,
    )


def ledger(view: Ledger) -> Shown[Ledger]:
    """Show what was expected beside what came."""
    peeks = dict.fromkeys(row.peek.sentence for row in view.rows if row.run)
    return Shown(
        view=view,
        headline=view.calibration.sentence,
        sentences=tuple(peeks),
        rows=run_rows.ledger_rows(view),
        picture=charts.ledger if view.rows else None,
    )


def expected(expectations: Sequence[Expectation]) -> Shown[tuple[Expectation, ...]]:
    """Show what was written down."""
    places = ", ".join(f"{hope.place} {figures.points(hope.predicted)} points" for hope in expectations)
    return Shown(
        view=tuple(expectations),
        headline=f"Expected of the change after {expectations[0].baseline}: {places}",
        rows=[codec.plain(hope) for hope in expectations],
    )


def reproduction(view: Reproduction) -> Shown[Reproduction]:
    """Show whether a run comes out the same, and what differs besides."""
    differences = tuple(
        f"{difference.kind} {difference.name}: {difference.then or 'not there'}, now {difference.now or 'not there'}"
        for difference in view.differences
    )
    return Shown(view=view, headline=view.headline, sentences=differences, rows=run_rows.reproduced_rows(view))


def compared_runs(view: RunsView) -> Shown[RunsView]:
    """Show all runs by knobs and figures, and the best so far."""
    return Shown(
        view=view,
        headline=view.headline,
        sentences=(view.warning,),
        rows=run_rows.runs_rows(view),
        picture=lambda view: f"{charts.runs_table(view, measure='outcome')}{charts.best_so_far(view)}",
    )


def escalation(view: EscalationView) -> Shown[EscalationView]:
    """Show what asking the stronger stage about more records buys and costs."""
    headline = f"{sentence(view.cheap)}, and {view.strong} where it is unsure, on {counted(view.n, 'record')}"
    return Shown(view=view, headline=headline, sentences=(view.note,), rows=run_rows.escalation_rows(view))


def oddities(view: Noticing) -> Shown[Noticing]:
    """Show what looks strange, without the texts of records."""
    return Shown(
        view=view,
        headline=view.headline,
        rows=card_rows(view),
        picture=lambda noticing: charts.oddity_list(noticing, records=False),
    )
