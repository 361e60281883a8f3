"""What people said of a run's records, as numpy arrays, by SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The arrays have the types of the columns, which each query names.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.model.answer import SWAP_QUEUE, Reference
from stagegap.model.cascade import Stage
from stagegap.store import json_text
from stagegap.store.attach import Session

Column = NDArray[Any]


def plain(column: Column, blank: float) -> Column:
    """Put a value in the place of nulls."""
    return column.filled(blank) if isinstance(column, np.ma.MaskedArray) else column


def placed(at: Column, values: Column, blank: Column) -> Column:
    """Put values at their positions in `blank`, which says what stands elsewhere and in the place of nulls."""
    fill = blank[0] if len(blank) else 0
    blank[plain(at, 0).astype(np.int64)] = plain(values, fill)
    return blank


def floats(at: Column, values: Column, *, n: int) -> Column:
    """Put values at their positions, NaN elsewhere."""
    return placed(at, values, np.full(n, np.nan))


AN_HOUR = 3600
_OWN = f"task is distinct from 'judge' and not starts_with(coalesce(queue, ''), '{SWAP_QUEUE}')"
"""What a person answered to the question as it stands: no judgement of answers, no answer in another's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleTable:
    """Labels in force of one stage that say something of people, and answers given twice."""

    labels: dict[str, Column]
    changed: dict[str, Column]
    names: tuple[str, ...]


def prepare(session: Session, cascade: int) -> None:
    """Prepare the labels in force: the last event of each person decides.

    What was hunted for, and what people said of answers that others gave, is left out.
    """
    session.run(
        f"""create or replace temp table screened_label as
        select s.position, l.stage, l.annotator, l.value, l.active_ms from
            (select * from label where cascade = ? and action <> 'adjudicate' and not coalesce(targeted, false)
                and {_OWN}
             qualify row_number() over (partition by record, stage, annotator order by made_at desc, seq desc) = 1
            ) l join screened s using (record)
        where l.action = 'label' and l.value is not null""",
        cascade,
    )


def people(session: Session, stage: Stage, cascade: int) -> PeopleTable:
    """Read the labels of one stage where several people answered or a time is known; reads what `prepare` made."""
    name = json_text.plain(stage.name)
    own = session.columns(
        """select position, annotator, if(value = 'null', 0, hash(value)) as answer, active_ms::double as active_ms
        from screened_label where stage = (select id from stage where name = ? and cascade = ?)
        qualify count(*) over (partition by position) > 1 or active_ms is not null""",
        name, cascade,
    )  # fmt: skip
    changed = session.columns(
        f"""select s.position, l.annotator, (l.value <> l.before)::double as changed from
            (select record, annotator, value, made_at,
                lag(value) over each as before, lag(made_at) over each as earlier from label
             where cascade = ? and stage = (select id from stage where name = ? and cascade = ?)
                and action = 'label' and value is not null and {_OWN}
             window each as (partition by record, annotator order by made_at, seq)) l
            join screened s using (record)
        where l.before is not null and l.made_at - l.earlier >= {AN_HOUR}""",
        cascade, name, cascade,
    )  # fmt: skip
    names = dict(session.rows("select id, name from annotator"))
    known = np.unique(np.concatenate([plain(own["annotator"], -1), plain(changed["annotator"], -1)]))
    return PeopleTable(
        labels={
            "position": plain(own["position"], -1),
            "person": np.searchsorted(known, plain(own["annotator"], -1)),
            "answer": plain(own["answer"], 0).astype(np.uint64),
            "active_ms": plain(own["active_ms"], np.nan).astype(np.float64),
        },
        changed={
            "position": plain(changed["position"], -1),
            "person": np.searchsorted(known, plain(changed["annotator"], -1)),
            "changed": plain(changed["changed"], np.nan).astype(np.float64),
        },
        names=tuple(names[key] for key in known.tolist()),
    )


def put_references(session: Session, cascade: int, references: Iterable[Reference]) -> None:
    """Lay out what is held to be right, for all readers of it: `screened_reference`, a row for each accepted answer."""
    rows = [
        (reference.record, reference.stage, place, json_text.write(answer.value).decode())
        for reference in references
        for place, answer in enumerate(reference.accepted)
    ]
    session.run(
        """create or replace temp table screened_reference as
        select s.position, t.id as stage, a.place, a.value
        from (select unnest(from_json_strict(?::varchar, '["VARCHAR"]')) as record,
                unnest(from_json_strict(?::varchar, '["VARCHAR"]')) as stage,
                unnest(?::usmallint[]) as place, unnest(from_json_strict(?::varchar, '["VARCHAR"]')) as value) a
            join record r on r.cascade = ? and r.name = a.record join stage t on t.cascade = ? and t.name = a.stage
            join screened s on s.record = r.id""",
        *(json_text.write([row[part] for row in rows]).decode() for part in (0, 1)),
        [row[2] for row in rows],
        json_text.write([row[3] for row in rows]).decode(),
        cascade, cascade,
    )  # fmt: skip


def reference_texts(session: Session, stage: Stage, cascade: int, positions: Sequence[int]) -> dict[int, str]:
    """The text that is held to be right at each of these records, the first where several are."""
    rows = session.rows(
        """select position, value ->> '$' from screened_reference
        where stage = (select id from stage where name = ? and cascade = ?) and value like '"%' and place = 0
            and position in (select unnest(?::bigint[]))""",
        json_text.plain(stage.name),
        cascade,
        list(positions),
    )
    return dict(rows)


def flagged(session: Session, stage: Stage, cascade: int, *, n: int) -> Column:
    """1 where somebody flagged the record as odd or two people skipped it, 0 where people looked at it.

    The last event of each person decides; a flag counts however the record came before that person.
    """
    where = (cascade, json_text.plain(stage.name), cascade)
    any_flag = session.rows(
        """select coalesce(bool_or(odd or action = 'skip'), false) from label
        where cascade = ? and stage = (select id from stage where name = ? and cascade = ?)""",
        *where,
    )[0][0]
    if not any_flag:
        columns = session.columns(
            """select distinct position, 0.0::double as flagged from screened_label
            where stage = (select id from stage where name = ? and cascade = ?)""",
            *where[1:],
        )
    else:
        columns = session.columns(
            f"""select s.position,
                (bool_or(l.odd) or count(*) filter (where l.action = 'skip') >= 2)::double as flagged from
                (select record, action, odd from label
                 where cascade = ? and stage = (select id from stage where name = ? and cascade = ?)
                    and action <> 'adjudicate' and {_OWN}
                 qualify row_number() over (partition by record, annotator order by made_at desc, seq desc) = 1) l
                join screened s using (record)
            where l.action in ('label', 'skip') group by s.position""",
            *where,
        )
    return floats(columns["position"], columns["flagged"], n=n)
