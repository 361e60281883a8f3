"""Events of people that stay in the journal for ever: moved into a table, and readable before that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Kind, Op

NAMES = """
    insert into cascade select (select coalesce(max(id), 0) from cascade) + row_number() over (order by seq), name
    from (select cascade as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from cascade);
    insert into annotator
    select (select coalesce(max(id), 0) from annotator) + row_number() over (order by seq), name
    from (select annotator as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from annotator);
    insert into record select (select coalesce(max(id), 0) from record) + row_number() over (order by seq), id, name
    from (select c.id, a.record as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
          where a.record <> '' group by all) n
    where not exists (from record r where r.cascade = n.id and r.name = n.name);
"""
"""Gives ids to the cascades, people and records that `arrived` names for the first time."""


def arrive(session: Session, ops: Sequence[Op], *, shape: str, table: str) -> None:
    """Spread the bodies of operations into the temporary table `arrived`, without those that `table` holds."""
    session.run(
        f"""create or replace temp table arrived as
        select o.* from (select seq, unnest(p) from (select unnest(?::ubigint[]) as seq,
            unnest(from_json_strict(?::varchar, '[{shape}]')) as p)) o
        where o.id not in (select id from {table})""",
        [op.seq for op in ops],
        (b"[" + b",".join(op.body for op in ops) + b"]").decode(),
    )


def tail(session: Session, journal: Journal, kind: Kind, *, applied: int, table: str) -> list[dict[str, Any]]:
    """The bodies of the operations that the journal holds and the table does not, in order."""
    ops = [op for op in journal.pending(kind, applied) if op.is_whole]
    if not ops:
        return []
    ids = [op.id for op in ops]
    rows = session.rows(f"select id from {table} where id in (select unnest(?::varchar[]))", ids)
    applied_ids = {row[0] for row in rows}
    return [cast("dict[str, Any]", json_text.read(op.body)) for op in ops if op.id not in applied_ids]
