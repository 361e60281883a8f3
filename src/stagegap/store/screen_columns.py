"""Columns that only the screen reads: what people said, and what other splits have in common with a run."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# The arrays have the types of the columns, which each query names.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.model.answer import SWAP_QUEUE, Reference
from stagegap.model.cascade import WRITTEN, Kind, Stage
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.segments import MARK

SCORED, OTHERS = 1_500, 5_000
"""Texts of the run and of the other splits that are compared for near-copies, chosen by the hash of their record."""
LONGEST = 2_000
SHORTEST_ANSWER = 20
"""Characters from which an answer found in the input is no chance."""
MOST_FIELDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTexts:
    """Texts with where they are from."""

    positions: tuple[int, ...]
    """Of the run's records; empty for those of other splits."""
    texts: tuple[str, ...]
    units: tuple[str, ...]


class OtherRecords:
    """The records of some splits that a run does not have."""

    def __init__(self, session: Session, cascade: int, splits: Sequence[str], *, n: int) -> None:
        self._session = session
        self._n = n
        session.run(
            """create or replace temp table other as
            select v.* from record_version v join record r on r.id = v.record
            where r.cascade = ? and v.split in (select unnest(?::varchar[])) and v.record not in
                (select record from screened)
            qualify row_number() over (partition by v.record order by v.version desc) = 1""",
            cascade,
            [json_text.plain(split) for split in splits],
        )
        self.count: int = session.rows("select count(*) from other")[0][0]

    def exact_copies(self, fields: Sequence[str]) -> Column:
        """1 where a record of the run says the same as another one, signs and capitals aside."""
        content = _same(fields)
        columns = self._session.columns(
            f"""select position, ({content} in (select {content} from other))::double as copied from screened_version"""
        )
        return floats(columns["position"], columns["copied"], n=self._n)

    def texts(self, fields: Sequence[str]) -> tuple[SampledTexts, SampledTexts]:
        """Texts of the run's records and of the others."""
        content = _joined(fields)
        unit = "if(cluster = '', 'r' || record, 'c' || cluster)"
        ours = self._session.rows(
            f"select position, {content}, {unit} from screened_version order by hash(position) limit {SCORED}"
        )
        theirs = self._session.rows(f"select {content}, {unit} from other order by hash(record) limit {OTHERS}")
        return (
            SampledTexts(
                positions=tuple(row[0] for row in ours),
                texts=tuple(row[1] for row in ours),
                units=tuple(row[2] for row in ours),
            ),
            SampledTexts(positions=(), texts=tuple(row[0] for row in theirs), units=tuple(row[1] for row in theirs)),
        )

    def shared_groups(self) -> Column:
        """1 where a record's cluster also has other records, NaN without clusters."""
        columns = self._session.columns(
            """select position, (cluster in (select cluster from other))::double as shared from screened_version
            where cluster <> ''"""
        )
        return floats(columns["position"], columns["shared"], n=self._n)

    def older(self) -> Column:
        """1 where a record is older than the newest other, NaN without a field that is a time in every record."""
        rows = self._session.rows(
            r"""select key from (select unnest(json_keys(fields)) as key, fields from
                (select fields from screened_version order by hash(position) limit 50))
            group by key having bool_and(regexp_matches(fields ->> ('$."' || key || '"'), '^\d{4}-\d{2}-\d{2}([T ]|$)'))
            order by key limit 1"""
        )
        if not rows:
            return np.full(self._n, np.nan)
        path = path_of(rows[0][0])
        columns = self._session.columns(
            f"""select position, (fields ->> {path} < (select max(fields ->> {path}) from other))::double as older
            from screened_version where fields ->> {path} is not null"""
        )
        return floats(columns["position"], columns["older"], n=self._n)


def holding(session: Session, stage: str, cascade: int, fields: Sequence[str], *, n: int) -> Column:
    """1 where a reference of the stage stands word for word in these fields; reads `screened_reference`."""
    if not fields:
        return np.full(n, np.nan)
    columns = session.columns(
        f"""select position, max(contains(lower({_joined(fields)}), lower(l.value ->> '$'))::double) as holds
        from screened_reference l join screened_version v using (position)
        where l.stage = (select id from stage where name = ? and cascade = ?) and l.value like '"%'
            and length(l.value) >= {SHORTEST_ANSWER + 2} group by position""",
        json_text.plain(stage),
        cascade,
    )
    return floats(columns["position"], columns["holds"], n=n)


def field_codes(session: Session, fields: Sequence[str], *, n: int) -> dict[str, Column]:
    """A code for each value of a field, -1 where it is empty or nothing is held to be right of the record.

    Only of fields whose values come again, and of what nobody labelled nothing is asked; reads `screened_reference`.
    """
    columns: dict[str, Column] = {}
    for name in list(fields)[:MOST_FIELDS]:
        path = path_of(name)
        values, records = session.rows(
            f"select approx_count_distinct(fields ->> {path}), count(fields ->> {path}) from screened_version"
        )[0]
        if records and 2 * values <= records:
            codes = session.columns(
                f"""select position, dense_rank() over (order by fields ->> {path}) - 1 as code from screened_version
                where fields ->> {path} is not null and position in (select position from screened_reference)"""
            )
            column = np.full(n, -1, dtype=np.int64)
            column[codes["position"]] = codes["code"]
            columns[name] = column
    return columns


def _joined(fields: Sequence[str]) -> str:
    return f"left(concat_ws(' ', {', '.join(f'fields ->> {path_of(name)}' for name in fields)}), {LONGEST})"


def _same(fields: Sequence[str]) -> str:
    return rf"hash(regexp_replace(lower({_joined(fields)}), '\W+', ' ', 'g'))"


def path_of(field: str) -> str:
    """The JSON path of a field as an SQL string."""
    inner = json_text.plain(field).replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"'$.\"{inner}\"'"


Column = NDArray[Any]


def plain(column: Column, blank: float) -> Column:
    """Put a value in the place of nulls."""
    return column.filled(blank) if isinstance(column, np.ma.MaskedArray) else column


def placed(at: Column, values: Column, blank: Column) -> Column:
    """Put values at their positions in `blank`, which says what stands elsewhere and in the place of nulls."""
    fill = blank[0] if len(blank) else 0
    blank[plain(at, 0)] = plain(values, fill)
    return blank


def floats(at: Column, values: Column, *, n: int) -> Column:
    """Put values at their positions, NaN elsewhere."""
    return placed(at, values, np.full(n, np.nan))


SMALL = 1 << 20
"""Bytes up to which a column stays in memory."""


class Shelf:
    """Large columns in files without a name, beside the store: they are read where they are looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pages: list[mmap.mmap] = []

    def put(self, column: Column) -> Column:
        """The same column, for reading only: in memory where it is small or one value, or the disk full."""
        if column.nbytes <= SMALL or not column.flags.writeable:
            return column
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                file.write(column.data)
                file.flush()
                pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError:
            return column
        self._pages.append(pages)
        return np.frombuffer(pages, dtype=column.dtype)

    def release(self) -> None:
        """Let go of the memory in which the columns were read."""
        for pages in self._pages:
            pages.madvise(mmap.MADV_DONTNEED)


AN_HOUR = 3600
_OWN = f"coalesce(task, 'produce') = 'produce' and not starts_with(coalesce(queue, ''), '{SWAP_QUEUE}')"
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


LONG = 40
"""Characters from which a text is expected to end with a sentence's sign."""


CALLED = {
    "status": ("tinyint", "enum_code(status)"),
    "call": ("ubigint", "(call_key::uhugeint >> 64)"),
    "confidence": ("double", "confidence"),
    "latency": ("double", "if(cached, null, latency_ms)"),
    "cost": ("double", "cost"),
}
"""What stands beside an answer: type and expression over `stage_answer`."""
READ = {
    "value": ("ubigint", "if(ok and said is not null, greatest(hash(said), 1), 0)"),
    "size": ("double", "if(ok, length(said), null)"),
    "cut": ("double", "cut"),
    "doubled": ("double", "doubled"),
}
"""What the answer's text says: type and expression over `stage_row`."""
BLANK = {"tinyint": "-1", "ubigint": "0", "double": "'nan'"}
FORMS = (
    "as declared", "a code block around it", "words around it", "a code block", "opening words", "JSON", "markup",
    "a list", "plain text",
)  # fmt: skip
"""The forms of an answer that is no object."""
EARLIER = ("status", "call", "value")
"""What is read of another run than the one that is screened, besides scores and shapes."""
SAID = """case o.form when 'boolean' then if(o.number = 1, 'true', 'false') when 'number' then o.number::varchar
    when 'integer' then o.number::varchar else coalesce(o.short, b.body) end"""
_ENDS = r"""[.!?…。！？"''”»)\]}*`:;]\s*$"""
_OPENING = r"^(sure|certainly|of course|here is|here are|here''s|okay|gerne|natürlich|bien sûr)\b"


def rows_of(stage: Stage, chosen: str, *, again: bool, mended: bool, with_texts: bool) -> Iterator[str]:
    """The statements that name the newest row of each record and repeat: `stage_answer`, and `stage_row` with its text.

    Both are views, so that each question reads and works out what it asks for, and nothing is copied. `again` says that
    some record may stand twice, `mended` that some answer was, `with_texts` that some text stands in a table of its
    own; what is not there costs nothing.
    """
    kind = stage.output.kind
    is_text = kind in WRITTEN
    cut = f"(not regexp_matches(said, '{_ENDS}'))::double" if is_text else "null::double"
    doubled = (
        "(len(list_distinct(from_json(said, '[\"VARCHAR\"]'))) < json_array_length(said))::double"
        if kind is Kind.RANKING
        else "null::double"
    )
    plain = "'as declared'"
    if is_text:
        plain = f"""case when said like '```%' then 'a code block'
            when regexp_matches(lower(left(said, 24)), '{_OPENING}') then 'opening words'
            when said like '{{%' or said like '[%' then 'JSON' when said like '<%' then 'markup'
            when regexp_matches(left(said, 8), '^\\s*([-*•]|\\d+[.)])\\s') then 'a list' else 'plain text' end"""
    elif kind is Kind.OBJECT:
        plain = "left(json_structure(said)::varchar, 200)"
    answers = f"select * from output where {chosen}"
    if again:
        newest = "qualify row_number() over (partition by record, repeat order by seq desc) = 1"
        yield f"create or replace temp table stage_newest as {answers} {newest}"
        answers = "from stage_newest"
    yield f"create or replace temp view stage_answer as {answers}"
    yield f"""create or replace temp view stage_row as
    select record, repeat, ok, said,
        if(ok and length(said) > {LONG}, {cut}, null) as cut,
        if(ok and said is not null, {doubled}, null) as doubled,
        case when not ok or said is null then null when raw like '```%' then 'a code block around it'
            when raw is not null then 'words around it' else {plain} end as shape
    from (select o.record, o.repeat, o.status in ('ok', 'repaired') as ok, {SAID} as said, ltrim(w.body) as raw
          from stage_answer o {_joined_texts(with_texts)}
            {"left join blob w on w.id = o.raw and o.status = 'repaired'" if mended else _NO_TEXT.format("w")})"""


_NO_TEXT = "cross join (select null::varchar as body) {}"


def _joined_texts(with_texts: bool) -> str:
    if not with_texts:
        return _NO_TEXT.format("b")
    return f"left join blob b on b.id = o.body and not starts_with(b.body, '{MARK}')"


def alphabetical(numbers: Column) -> Column:
    """The rank of each number among their spellings.

    >>> alphabetical(np.array([2, 10, 1, 100])).tolist()
    [3, 1, 0, 2]
    """
    digits = np.searchsorted(10 ** np.arange(1, 11), numbers, side="right").astype(np.int8)
    order = np.lexsort((digits, numbers * (10 ** np.arange(11))[digits.max(initial=0) - digits]))
    ranks = np.empty(len(numbers), dtype=np.int64)
    ranks[order] = np.arange(len(numbers))
    return ranks
