"""What a run's views rest on, as one short text: where nothing was added since, the text is the same."""

from __future__ import annotations

from stagegap.store import text
from stagegap.store.attach import Session


def mark(session: Session, run: str, cascade: str) -> str:
    """Count the run's batches of outputs with the newest of them, and the versions of the cascade's records.

    Both tables only grow, so the counts change with whatever is added, and a rebuilt file has other ones.
    """
    batches, newest = session.rows(
        "select count(*), coalesce(max(seq), 0) from batch_applied"
        " where run = (select id from run where replace(key::varchar, '-', '') = ?)",
        text.plain(run),
    )[0]
    records = session.rows(
        "select count(*) from record_version v join record r on r.id = v.record"
        " where r.cascade = (select id from cascade where name = ?)",
        text.plain(cascade),
    )[0][0]
    return f"{batches}.{newest}.{records}"
