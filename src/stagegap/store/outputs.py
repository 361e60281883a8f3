"""Outputs in DuckDB: written from the columns of journal operations, which DuckDB itself takes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The rows of a query have the types of its columns, which it names.
from typing import Any

from stagegap.model.answer import Output
from stagegap.model.run import SYSTEM, Cell
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Op
from stagegap.store.rows import COLUMNS, SAME, SHAPE, answer, output, parts

_UNPACK = f"""
create or replace temp table batch as
select seq, run_key, cell,
    {", ".join(f"coalesce({c}, same_{c}) as {c}" if c in SAME else c for c in COLUMNS)}
from (select seq, p.run as run_key, p.cell as cell, unnest(range(p.n)),
        {", ".join(f"unnest(p.{c}) as {c}" for c in COLUMNS)},
        {", ".join(f"p.{c}[1] as same_{c}" for c in sorted(SAME))}
    from (select unnest(?::ubigint[]) as seq, unnest(from_json_strict(?::varchar, '{SHAPE}')) as p))
"""
CACHEABLE = ("ok", "repaired", "refused", "unparsable")
"""Outcomes of a call that are its answer; the other ones say that there was none."""
SPARSE = 4
"""Up to so many rows for each wanted one are read rather than picked: picking costs more than reading."""
LARGE = 16_000_000
"""Bytes of an operation from which on it is taken apart in parts."""
NEWER = f"""
select (call_key::uhugeint >> 64)::ubigint as head, rowid as place, seq::bigint as seq from output
where call_key is not null and not cached and status in {CACHEABLE} and seq > ?
"""
"""Answers that were made in operations after one: first half of the key, row, operation."""


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write batch operations into the tables, inside the caller's transaction."""
    done = session.rows(
        "select replace(op_id::varchar, '-', '') from batch_applied where op_id in (select unnest(?::uuid[]))",
        [op.id for op in ops],
    )
    known = {row[0] for row in done}
    fresh = [op for op in ops if op.id not in known]
    if not fresh:
        return
    whole = [op for op in fresh if len(op.body) <= LARGE]
    if whole:
        _write(session, [op.seq for op in whole], [op.body for op in whole])
        session.run(
            "insert into batch_applied (op_id, seq, run, n, cell) select o.id, o.seq, r.id, b.n, c.id"
            " from (select unnest(?::uuid[]) as id, unnest(?::ubigint[]) as seq) o"
            " join (select seq, run_key, cell, count(*) n from batch group by all) b using (seq)"
            " join run r on r.key = b.run_key join cell c on c.name = b.cell",
            [op.id for op in whole],
            [op.seq for op in whole],
        )
    for op in fresh:
        if len(op.body) > LARGE:
            _write_in_parts(session, op)


def _write_in_parts(session: Session, op: Op) -> None:
    """Write an operation that is too large to be taken apart at once: an older program made no smaller ones."""
    for part in parts(op.body, LARGE, session.texts.put):
        _write(session, [op.seq], [part])
    session.run(
        "insert into batch_applied (op_id, seq, run, n, cell)"
        " select ?::uuid, seq, any_value(run), count(*), any_value(cell) from output where seq = ? group by seq",
        op.id,
        op.seq,
    )


def _write(session: Session, seqs: Sequence[int], bodies: Sequence[bytes]) -> None:
    session.run(_UNPACK, seqs, (b"[" + b",".join(bodies) + b"]").decode())
    _intern(session)
    texts, cached = session.rows("select count(body) + count(raw), count(*) filter (cached) from batch")[0]
    if texts:
        session.run(_texts(look_back=bool(cached)))
    session.run(_INSERT if texts else _INSERT.replace(_WITH_TEXTS, _WITHOUT_TEXTS))


_WITH_TEXTS = """
    left join fresh_text body_text on body_text.key = md5_number(b.body)
    left join fresh_text raw_text on raw_text.key = md5_number(b.raw)"""
_WITHOUT_TEXTS = " cross join (select null::uinteger as id) body_text cross join (select null::uinteger as id) raw_text"
_INSERT = f"""
insert into output
select r.id, c.id, s.id, n.id, b.repeat, b.seq, b.status, b.form, b.short, b.number, body_text.id, b.confidence,
    b.because, b.error, raw_text.id, b.extra, b.latency_ms, b.tokens_in, b.tokens_out, b.cost, b.call_key, b.cached
from batch b
    left join run r on r.key = b.run_key
    left join cell c on c.name = b.cell
    left join stage s on s.cascade = r.cascade and s.name = b.stage
    left join batch_record n on n.cascade = r.cascade and n.name = b.record{_WITH_TEXTS}
order by r.id, c.id, s.id, n.id, b.repeat, b.seq
"""


def _intern(session: Session) -> None:
    """Number the names of a batch that have no id yet."""
    session.run("""
        insert into cell select (select coalesce(max(id), 0) from cell) + row_number() over (), cell
        from (select distinct cell from batch) where cell not in (select name from cell);
        insert into stage select (select coalesce(max(id), 0) from stage) + row_number() over (), cascade, stage
        from (select distinct r.cascade, b.stage from batch b join run r on r.key = b.run_key) n
        where not exists (from stage s where s.cascade = n.cascade and s.name = n.stage);
        create or replace temp table batch_record as
        select n.cascade, n.name, n.place, r.id from
            (select r.cascade, b.record as name, min(b.rowid) as place
             from batch b join run r on r.key = b.run_key group by all) n
            left join record r on r.cascade = n.cascade and r.name = n.name
    """)
    if session.rows("select count(*) from batch_record where id is null")[0][0]:
        session.run("""
            insert into record select (select coalesce(max(id), 0) from record) + row_number() over (order by place),
                cascade, name from batch_record where id is null;
            update batch_record n set id = r.id from record r
            where n.id is null and r.cascade = n.cascade and r.name = n.name
        """)


def _texts(*, look_back: bool) -> str:
    """The statements that store each text of a batch once.

    Only a batch that holds cached answers is compared with all older texts: what was computed afresh is rarely known.
    """
    known = "select key, min(id) as id from blob semi join batch_text using (key) group by key"
    return f"""
        create or replace temp table batch_text as
        select md5_number(body) as key, any_value(body) as body, min(place) as place from
            (select body, rowid as place from batch where body is not null
             union all select raw, rowid from batch where raw is not null) group by key;
        create or replace temp table fresh_text as {known if look_back else known + " having false"};
        insert into fresh_text select key, (select coalesce(max(id), 0) from blob) + row_number() over (order by place)
        from batch_text anti join fresh_text using (key);
        insert into blob select f.id, t.key, t.body from batch_text t join fresh_text f using (key)
        where f.id > (select coalesce(max(id), 0) from blob) order by f.id
    """


@dataclass(frozen=True, slots=True)
class RecordBits:
    """Sets of records as bits, one an id: ids are dense, and bits are counted ten times as fast as distinct ids."""

    low: int
    high: int

    @classmethod
    def of(cls, session: Session) -> RecordBits:
        low, high = session.rows("select coalesce(min(id), 0), coalesce(max(id), 0) from record")[0]
        return cls(low, high)

    @property
    def aggregate(self) -> str:
        """The records of some rows of `output`, as an SQL expression over them."""
        return f"bitstring_agg(record, {self.low}, {self.high})"

    def answered(self, run: int) -> str:
        """A query of the ids of the records that the system answered in a run."""
        return f"""select (i + {self.low})::uinteger as record from range({self.high - self.low + 1}) r(i),
            (select {self.aggregate} as bits from output
             where run = {run} and cell = (select id from cell where name = '{SYSTEM}'))
            where get_bit(bits, i::integer) = 1"""


def doubled(session: Session, where: str, *values: object) -> set[tuple[int, int]]:
    """(run, stage) at which some record has two rows of one cell and repeat, among outputs that a condition chooses."""
    rows = session.rows(
        f"""select distinct run, stage from (select run, stage from output where {where}
            group by run, cell, stage, repeat having count(*) > bit_count({RecordBits.of(session).aggregate}))""",
        *values,
    )
    return set(rows)


ROW = """
    n.name, s.name, o.status, o.form, coalesce(o.short, b.body), o.number, o.confidence, o.latency_ms,
    replace(o.call_key::varchar, '-', ''), o.cached, o.repeat,
    case when coalesce(o.because::varchar, o.error, o.extra) is null and o.cost is null
        and coalesce(o.raw, o.tokens_in, o.tokens_out) is null then null
    else {'because': o.because::varchar, 'error': o.error, 'raw': w.body, 'extra': o.extra, 'tokens_in': o.tokens_in,
        'tokens_out': o.tokens_out, 'cost': o.cost} end
"""
"""What few outputs have comes as one column, null for all others: a cell costs as much as any other, empty or not."""
KEY = 8
"""Place of the call's key in a row."""
ANSWER = """
    o.status, o.form, o.short, o.body, o.number, o.confidence, o.latency_ms, replace(o.call_key::varchar, '-', ''),
    case when coalesce(o.because::varchar, o.error, o.extra) is null and o.cost is null
        and coalesce(o.raw, o.tokens_in, o.tokens_out) is null then null
    else {'error': o.error, 'raw': o.raw, 'extra': o.extra, 'tokens_in': o.tokens_in, 'tokens_out': o.tokens_out,
        'cost': o.cost} end
"""
"""An answer without names and texts: those are fetched by id."""
BODY, CALL, MORE = 3, 7, 8
"""Places of the text's id, the call's key, and what few answers have."""
JOINS = """
    join stage s on s.id = o.stage join record n on n.id = o.record
    left join blob b on b.id = o.body left join blob w on w.id = o.raw
"""


def find(session: Session, run: str, cell: Cell, stage: str | None, records: Sequence[str] | None) -> list[Output]:
    """The newest output of each record and repeat at a stage, or at each, in the order in which records came in."""
    of_one = "o.record, o.repeat" if stage is not None else "o.stage, o.record, o.repeat"
    chosen = "" if records is None else " and n.name in (select unnest(from_json_strict(?::varchar, '[\"VARCHAR\"]')))"
    rows = session.rows(
        f"""select {ROW} from output o {JOINS}
        where o.run = (select id from run where key = ?::uuid) and o.cell = (select id from cell where name = ?)
            {"" if stage is None else "and s.name = ?"} {chosen}
        qualify row_number() over (partition by {of_one} order by o.seq desc) = 1
        order by {of_one}""",
        run,
        str(cell),
        *([] if stage is None else [json_text.plain(stage)]),
        *([] if records is None else [json_text.write(list(records)).decode()]),
    )
    return [output(row, session.texts.get) for row in rows]


def at(session: Session, places: Mapping[str, int]) -> dict[str, Output]:
    """The answers to calls; `places` has the row where each is found, unless two keys begin alike.

    Of whose record and stage they are is not said: who asks has its own, and names would cost as much as the rest.
    """
    wanted = {place: key for key, place in places.items()}
    rows = _range(session, f"select {ANSWER}, o.rowid from output o", "o.rowid", list(wanted))
    texts = bodies(session, rows)
    answers: dict[str, Output] = {}
    for row in rows:
        key = wanted.get(row[-1])
        if key is not None and key == row[CALL]:
            answers[key] = answer(row, texts)
    others = [key for key in places if key not in answers]
    return answers | _searched(session, others) if others else answers


def of_records(session: Session, run: str, cell: Cell, stage: str, records: Sequence[str]) -> list[Output]:
    """The outputs of these records, each of which has one for each repeat; in no particular order.

    Like `find`, without a look at all texts and names: for a few thousand records of a run of many.
    """
    names = dict(
        session.rows(
            "select r.id, r.name from record r where r.cascade = (select cascade from run where key = ?::uuid)"
            " and r.name in (select unnest(from_json_strict(?::varchar, '[\"VARCHAR\"]')))",
            run,
            json_text.write(list(records)).decode(),
        )
    )
    rows = session.rows(
        f"""select {ANSWER}, o.record, o.repeat, o.because::varchar from output o
            semi join (select unnest(?::uinteger[]) as id) w on o.record = w.id
        where o.run = (select id from run where key = ?::uuid) and o.cell = (select id from cell where name = ?)
            and o.stage in (select id from stage where name = ?) and o.record between ? and ?""",
        list(names), run, str(cell), json_text.plain(stage), min(names), max(names),
    )  # fmt: skip
    texts = bodies(session, rows)
    return [answer(row, texts, record=names[row[-3]], stage=stage, repeat=row[-2], because=row[-1]) for row in rows]


def bodies(session: Session, rows: Sequence[Any]) -> dict[int, str]:
    """The texts that rows of `ANSWER` name, by id."""
    ids = {text_id for row in rows for text_id in (row[BODY], row[MORE] and row[MORE]["raw"]) if text_id is not None}
    whole = session.texts.get
    stored = _range(session, "select o.id, o.body from blob o", "o.id", list(ids)) if ids else []
    return {text_id: whole(body) for text_id, body in stored if text_id in ids}


def _range(session: Session, select: str, column: str, numbers: Sequence[int]) -> list[Any]:
    """The rows with these numbers, and others between them where that costs less than picking.

    Rows and texts that were written together stand together: a range of numbers lets DuckDB skip all other parts.
    """
    low, high = min(numbers), max(numbers)
    is_dense = high - low < SPARSE * len(numbers)
    chosen = "" if is_dense else f"semi join (select unnest(?::bigint[]) as n) on {column} = n"
    return session.rows(
        f"{select} {chosen} where {column} between ? and ?", *([] if is_dense else [numbers]), low, high
    )


def _searched(session: Session, keys: Sequence[str]) -> dict[str, Output]:
    """The newest answer to each of these calls by a search through all outputs."""
    rows = session.rows(
        f"""select {ROW} from
        (select * from output semi join (select unnest(?::uuid[]) as call_key) using (call_key)
         where status in {CACHEABLE}
         qualify row_number() over (partition by call_key order by seq desc) = 1) o {JOINS}""",
        keys,
    )
    return {cached.key: cached for cached in (output(row, session.texts.get) for row in rows)}


def paid_operations(session: Session) -> list[tuple[str, int]]:
    """Id and sequence number of the operations that hold answers with tokens or a price, which were paid for."""
    return session.rows(
        "select replace(op_id::varchar, '-', ''), seq from batch_applied where seq in (select distinct seq from output"
        " where not cached and call_key is not null and coalesce(tokens_in, tokens_out, cost) is not null) order by seq"
    )


def of_operation(session: Session, seq: int) -> tuple[str, Cell, list[Output]]:
    """The run, the cell and the outputs of one operation."""
    run, cell = session.rows(
        "select replace(r.key::varchar, '-', ''), c.name from batch_applied b join run r on r.id = b.run"
        " join output o on o.seq = b.seq join cell c on c.id = o.cell where b.seq = ? limit 1",
        seq,
    )[0]
    written = session.rows(f"select {ROW} from output o {JOINS} where o.seq = ?", seq)
    return run, Cell.parse(cell), [output(row, session.texts.get) for row in written]


def cells(session: Session, run: str) -> list[Cell]:
    """The cells that a run has outputs in, in the order of their first output."""
    rows = session.rows(
        "select c.name from (select cell, min(seq) as first from output"
        " where run = (select id from run where key = ?::uuid) group by cell) o join cell c on c.id = o.cell"
        " order by o.first, c.id",
        run,
    )
    return [Cell.parse(row[0]) for row in rows]
