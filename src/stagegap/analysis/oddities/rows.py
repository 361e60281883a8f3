"""Cards as rows, for data frames and spreadsheets."""

from __future__ import annotations

from stagegap.analysis.frames import Row, figure_row
from stagegap.analysis.oddities.noticed import Noticing
from stagegap.tables.figures import Unit


def card_rows(noticing: Noticing) -> list[Row]:
    """One row a card, the open ones first; `p_adj` is q. No row names a record or holds a text of one."""
    return [
        {
            "card": row.card.title,
            "subject": row.card.subject,
            "is_open": row.dismissed is None,
            "is_flagged": row.flagged is not None,
            "count": row.card.count,
            "sentence": row.card.sentence,
            "why": row.card.why,
            **figure_row(row.card.stage, row.card.detector, row.card.statistic, Unit(row.card.scale)),
            "p": row.card.p,
            "p_adj": row.card.q,
        }
        for row in (*noticing.open, *noticing.dismissed)
    ]
