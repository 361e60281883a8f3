"""The columns of a run as numpy arrays, made by SQL: one pass over the rows of each stage, no row is an object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from stagegap.model.answer import Reference
from stagegap.model.cascade import WRITTEN, Kind, Stage
from stagegap.oddities.columns import forms_in_words
from stagegap.store import rows as json_text
from stagegap.store import screen_columns
from stagegap.store.attach import Session
from stagegap.store.outputs import RecordBits, doubled
from stagegap.store.runs import identify
from stagegap.store.screen_columns import (
    Column,
    OtherRecords,
    PeopleTable,
    field_codes,
    floats,
    holding,
    path_of,
    placed,
    plain,
)
from stagegap.store.segments import MARK

LONG = 40
"""Characters from which a text is expected to end with a sentence's sign."""


def answers_of(stage: Stage) -> tuple[str, ...]:
    """The values that a label or boolean can take, as the store's text; empty for other types."""
    match stage.output.kind:
        case Kind.LABEL:
            return stage.output.values
        case Kind.BOOLEAN:
            return ("false", "true")
        case _:
            return ()


COLUMNS: dict[str, tuple[float, str]] = {
    "status": (-1, "int64"), "value": (0, "uint64"), "call": (0, "uint64"), "confidence": (nan, "float64"),
    "latency": (nan, "float64"), "cost": (nan, "float64"), "size": (nan, "float64"),
    "cut": (nan, "float64"), "doubled": (nan, "float64"), "outside": (nan, "float64"),
}  # fmt: skip
_SAID = """case o.form when 'boolean' then if(o.number = 1, 'true', 'false') when 'number' then o.number::varchar
    when 'integer' then o.number::varchar else coalesce(o.short, b.body) end"""
_ENDS = r"""[.!?…。！？"''”»)\]}*`:;]\s*$"""
_OPENING = r"^(sure|certainly|of course|here is|here are|here''s|okay|gerne|natürlich|bien sûr)\b"


def rows_of(stage: Stage, *, again: bool, mended: bool) -> str:
    """The statement that lays out the newest row of each record and repeat, its text hashed and looked at.

    `again` says that some record may stand twice, `mended` that some answer was; what is not there costs nothing.
    """
    kind = stage.output.kind
    is_text = kind in WRITTEN
    values = ", ".join("'" + json_text.plain(value).replace("'", "''") + "'" for value in stage.output.values)
    size = "length(said)::double" if is_text else "null::double"
    cut = f"(not regexp_matches(said, '{_ENDS}'))::double" if is_text else "null::double"
    doubled = (
        "(len(list_distinct(from_json(said, '[\"VARCHAR\"]'))) < json_array_length(said))::double"
        if kind is Kind.RANKING
        else "null::double"
    )
    outside = f"(said not in ({values}))::double" if kind is Kind.LABEL and values else "null::double"
    plain = "'as declared'"
    if is_text:
        plain = f"""case when said like '```%' then 'a code block'
            when regexp_matches(lower(left(said, 24)), '{_OPENING}') then 'opening words'
            when said like '{{%' or said like '[%' then 'JSON' when said like '<%' then 'markup'
            when regexp_matches(left(said, 8), '^\\s*([-*•]|\\d+[.)])\\s') then 'a list' else 'plain text' end"""
    elif kind is Kind.OBJECT:
        plain = "left(json_structure(said)::varchar, 200)"
    newest = "qualify row_number() over (partition by record, repeat order by seq desc) = 1" if again else ""
    raw = (
        "left join blob w on w.id = o.raw and o.status = 'repaired'"
        if mended
        else "cross join (select null::varchar as body) w"
    )
    return f"""create or replace temp table stage_row as
    select position, repeat, status, said, if(ok and said is not null, greatest(hash(said), 1), 0)::ubigint as value,
        call, confidence, latency, cost, if(ok, {size}, null) as size,
        if(ok and length(said) > {LONG}, {cut}, null) as cut,
        if(ok and said is not null, {doubled}, null) as doubled,
        if(ok and said is not null, {outside}, null) as outside,
        case when not ok or said is null then null when raw like '```%' then 'a code block around it'
            when raw is not null then 'words around it' else {plain} end as shape
    from (select s.position, o.repeat, enum_code(o.status) as status, o.status in ('ok', 'repaired') as ok,
            {_SAID} as said, ltrim(w.body) as raw, (o.call_key::uhugeint >> 64)::ubigint as call, o.confidence,
            if(o.cached, null, o.latency_ms) as latency, o.cost
        from (select * from output
              where run = ? and cell = (select id from cell where name = 'system')
                and stage = (select id from stage where name = ? and cascade = ?)
              {newest}) o
            join screened s using (record) left join blob b on b.id = o.body
                and not starts_with(b.body, '{MARK}')
            {raw})"""


def inputs_of(stage: Stage) -> str:
    """The query of the hash of everything that the stage reads of a record."""
    fields = [path_of(source.name) for source in stage.inputs.values() if source.origin == "record"]
    if not fields:
        return "select position, 0::ubigint as given from screened_version limit 0"
    parts = ", ".join(f"(fields -> {field})::varchar" for field in fields)
    return f"select position, greatest(hash({parts}), 1)::ubigint as given from screened_version"


def joined(stage: Stage) -> str:
    """What the stage reads of a record as one text, as an SQL expression."""
    fields = [path_of(source.name) for source in stage.inputs.values() if source.origin == "record"]
    return f"concat_ws(' ', {', '.join(f'v.fields ->> {field}' for field in fields)})" if fields else "''"


LANGUAGES = 2_000
"""Texts of a stage whose language is looked at, chosen by the hash of their record."""
SHAPES = 100
"""Forms of an answer that are told apart."""
MOST_GROUPS = 12
FEWEST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsTable:
    """What is known of a run's records besides their texts."""

    unit: Column
    difficulty: Column
    """Place in `difficulties`, -1 where none is given."""
    difficulties: tuple[str, ...]
    groups: dict[str, Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTable:
    """The columns of one stage; -1, 0 and NaN stand for nothing, as `StageColumns` says."""

    numbers: dict[str, Column]
    shapes: tuple[str, ...]
    texts: tuple[tuple[int, str, str], ...]
    """Position, answer and inputs of some texts."""


_VERSION = """create or replace temp table screened_newest as
select s.position, v.record, max(v.version) as version
from screened s join record_version v using (record) group by all;
create or replace temp view screened_version as
select n.position, v.* from screened_newest n join record_version v using (record, version)"""
"""What records hold is read where it is needed, and not copied: texts may be long."""


def _empty_columns(kind: Kind, measured: Sequence[bool]) -> list[str]:
    """Columns of a stage in which nothing can stand: what its type does not have, and what was not measured."""
    of_type = {"size": WRITTEN, "cut": WRITTEN, "doubled": (Kind.RANKING,), "outside": (Kind.LABEL,)}
    is_known = zip(("confidence", "latency", "cost"), measured, strict=True)
    return [
        *(name for name, only in of_type.items() if kind not in only),
        *(name for name, known in is_known if not known),
    ]


class RunReader:
    """Reads one run, and others on the records of that one."""

    def __init__(self, session: Session, run: str, *, with_contents: bool = True) -> None:
        """Number the records of a run; `with_contents` is False for who asks for names and positions alone."""
        self._session = session
        self._key, self._cascade = identify(session, run)
        session.run(
            f"""create or replace temp table screened as
            select record, row_number() over (order by record) - 1 as position
            from ({RecordBits.of(session).answered(self._key)})"""
        )
        if with_contents:
            session.run(_VERSION)
        self.n: int = session.rows("select count(*) from screened")[0][0]
        self._given: dict[str, Column] = {}
        self._nothing: Column = np.full(self.n, np.nan)
        self._nothing.flags.writeable = False  # one array stands for all columns in which nothing is known

    def records(self) -> RecordsTable:
        """Read units, difficulty and slices."""
        session = self._session
        columns = session.columns(
            """select position, dense_rank() over (order by if(cluster = '', 'r' || record, 'c' || cluster)) - 1 as unit
            from screened_version"""
        )
        levels = tuple(
            row[0]
            for row in session.rows(
                "select distinct difficulty from screened_version where difficulty is not null order by 1"
            )
        )
        difficulty = np.full(self.n, -1, dtype=np.int64)
        if levels:
            given = session.columns(
                """select position, list_position(?::varchar[], difficulty) - 1 as level from screened_version
                where difficulty is not null""",
                list(levels),
            )
            difficulty[given["position"]] = given["level"]
        return RecordsTable(
            unit=placed(columns["position"], columns["unit"], np.arange(self.n, 2 * self.n, dtype=np.int64)),
            difficulty=difficulty,
            difficulties=levels,
            groups=self._groups() if levels else {},
        )

    def _groups(self) -> dict[str, Column]:
        rows = self._session.rows(
            f"""select name, list(position order by position) from
            (select e.key || ': ' || e.value as name, position from
                (select position, unnest(map_entries(from_json(slices, '"MAP(VARCHAR, VARCHAR)"'))) as e
                 from screened_version where slices <> '{{}}'))
            group by name having count(*) between {FEWEST} and ? - 1
            order by count(*) desc, name limit {MOST_GROUPS}""",
            self.n,
        )
        return {name: np.array(positions, dtype=np.int64) for name, positions in rows}

    def names(self, positions: Sequence[int]) -> list[str]:
        """The ids of the records at these positions, in that order."""
        rows = self._session.rows(
            """select s.position, r.name from screened s join record r on r.id = s.record
            where s.position in (select unnest(?::bigint[]))""",
            list(positions),
        )
        names = dict(rows)
        return [names[position] for position in positions]

    def positions(self, names: Sequence[str]) -> list[int]:
        """The positions of these records, -1 for one that the run does not have."""
        rows = self._session.rows(
            """select r.name, s.position from screened s join record r on r.id = s.record
            where r.name in (select unnest(?::varchar[]))""",
            [json_text.plain(name) for name in names],
        )
        positions = dict(rows)
        return [positions.get(json_text.plain(name), -1) for name in names]

    def stage(self, stage: Stage, *, run: str | None = None, with_texts: bool = True) -> StageTable:
        """Read one stage of this run, or of another on the records of this one."""
        session = self._session
        key = self._key if run is None else identify(session, run)[0]
        where = (key, json_text.plain(stage.name), self._cascade)
        of_stage = """run = ? and cell = (select id from cell where name = 'system')
            and stage = (select id from stage where name = ? and cascade = ?)"""
        repeated, mended, *measured = session.rows(
            f"""select coalesce(max(repeat) > 0, false), coalesce(bool_or(status = 'repaired'), false),
                count(confidence) > 0, count(latency_ms) filter (not cached) > 0, count(cost) > 0
            from output where {of_stage}""",
            *where,
        )[0]
        again = repeated or bool(doubled(session, of_stage, *where))
        session.run(rows_of(stage, again=again, mended=mended), *where)
        empty = _empty_columns(stage.output.kind, measured)
        wanted = [name for name in COLUMNS if name not in empty]
        first = session.columns(f"select position, {', '.join(wanted)} from stage_row where repeat = 0")
        at = first["position"]
        numbers = {
            name: placed(at, first.pop(name), np.full(self.n, blank, dtype=np.dtype(kind)))
            for name, (blank, kind) in COLUMNS.items()
            if name in first
        }
        numbers |= dict.fromkeys([*empty, "unstable"], self._nothing)
        shapes = self._shapes(numbers, stage)
        if again:
            repeated = session.columns(
                """select position, (count(distinct value) > 1)::double as unstable from stage_row where value <> 0
                group by position having count(*) > 1"""
            )
            numbers["unstable"] = floats(repeated["position"], repeated["unstable"], n=self.n)
        scores = session.columns(
            """select s.position, v.value as score from score v join screened s using (record)
            where v.run = ? and v.cell = (select id from cell where name = 'system')
                and v.stage = (select id from stage where name = ? and cascade = ?)
                and v.metric in (select id from metric where name = ?)""",
            key, json_text.plain(stage.name), self._cascade, json_text.plain(stage.metrics[0]),
        )  # fmt: skip
        numbers["score"] = floats(scores["position"], scores["score"], n=self.n)
        numbers["answer"] = self._coded(stage, "select position, said from stage_row where repeat = 0 and value <> 0")
        numbers["given"] = self._read_of_record(inputs_of(stage))
        texts: list[tuple[int, str, str]] = []
        if with_texts and stage.output.kind in WRITTEN:
            texts = session.rows(
                f"""select o.position, o.said, {joined(stage)}
                from (select position, said from stage_row where repeat = 0 and value <> 0
                      order by hash(position) limit {LANGUAGES}) o
                    join screened_version v using (position) order by hash(o.position)"""
            )
        return StageTable(numbers=numbers, shapes=shapes, texts=tuple(texts))

    def _read_of_record(self, query: str) -> Column:
        """The hash of what a stage reads of each record, looked up once for all stages and runs that read the same."""
        if query not in self._given:
            given = self._session.columns(query)
            self._given[query] = placed(given["position"], given["given"], np.zeros(self.n, dtype=np.uint64))
        return self._given[query]

    def _shapes(self, numbers: dict[str, Column], stage: Stage) -> tuple[str, ...]:
        session = self._session
        counted = session.rows(
            f"""select shape from stage_row where repeat = 0 and shape is not null
            group by shape order by count(*) desc, shape limit {SHAPES}"""
        )
        shapes = tuple(row[0] for row in counted)
        codes = session.columns(
            """select position, coalesce(list_position(?::varchar[], shape), len(?::varchar[])) - 1 as shape
            from stage_row where repeat = 0 and shape is not null""",
            list(shapes), list(shapes),
        )  # fmt: skip
        placed_codes = placed(codes["position"], codes["shape"], np.full(self.n, -1, dtype=np.int64))
        if stage.output.kind is Kind.OBJECT:
            shapes, places = forms_in_words(shapes, stage.output.schema or "")
            placed_codes = np.array([*places, -1], dtype=np.int64)[placed_codes]
        numbers["shape"] = placed_codes
        return shapes

    def labels(self, references: Iterable[Reference]) -> None:
        """Prepare the labels in force, and what is held to be right, for the methods that say what people said."""
        screen_columns.prepare(self._session, self._cascade)
        screen_columns.put_references(self._session, self._cascade, references)

    def people(self, stage: Stage) -> PeopleTable:
        """Read the labels of one stage where several people answered or a time is known."""
        return screen_columns.people(self._session, stage, self._cascade)

    def reference_texts(self, stage: Stage, positions: Sequence[int]) -> dict[int, str]:
        """The text that is held to be right at each of these records."""
        return screen_columns.reference_texts(self._session, stage, self._cascade, positions)

    def flagged(self, stage: Stage) -> Column:
        """1 where somebody flagged the record as odd or two people skipped it, 0 where people looked at it."""
        return screen_columns.flagged(self._session, stage, self._cascade, n=self.n)

    def reference(self, stage: Stage) -> Column:
        """The answer that is held to be right, the first of several: its place among the stage's values, or -1."""
        return self._coded(
            stage,
            """select position, value ->> '$' as said from screened_reference
            where stage = (select id from stage where name = ? and cascade = ?) and place = 0 and value <> 'null'""",
            json_text.plain(stage.name),
            self._cascade,
        )

    def field_sizes(self, names: Sequence[str], *, against: str) -> tuple[dict[str, Column], dict[str, Column]]:
        """Characters by field of the records that only this run has, and of those that only `against` has.

        Under `unit` stands the code of the unit of independence, the same in both.
        """
        before = identify(self._session, against)[0]
        self._session.run(
            f"""create or replace temp table screened_before as {RecordBits.of(self._session).answered(before)};
            create or replace temp table lone as
            select v.*, o.now, dense_rank() over (order by if(v.cluster = '', 'r' || v.record, 'c' || v.cluster)) - 1
                as unit from
                (select record, true as now from screened anti join screened_before using (record)
                 union all select record, false from screened_before anti join screened using (record)) o
                join record_version v using (record)
            qualify row_number() over (partition by v.record order by v.version desc) = 1"""
        )
        sizes = ", ".join(f"length(fields ->> {path_of(name)})::double as size_{i}" for i, name in enumerate(names))
        both: list[dict[str, Column]] = []
        for wanted in ("now", "not now"):
            columns = self._session.columns(f"select unit, {sizes} from lone where {wanted} order by record")
            both.append(
                {
                    "unit": plain(columns["unit"], 0).astype(np.int64),
                    **{name: plain(columns[f"size_{i}"], 0.0).astype(np.float64) for i, name in enumerate(names)},
                }
            )
        return both[0], both[1]

    def splits(self) -> list[str]:
        """The splits that the cascade's records stand in."""
        rows = self._session.rows(
            """select distinct v.split from record_version v join record r on r.id = v.record
            where r.cascade = ? and v.split is not null order by 1""",
            self._cascade,
        )
        return [row[0] for row in rows]

    def others(self, splits: Sequence[str]) -> OtherRecords:
        """The records of these splits that the run does not have."""
        return OtherRecords(self._session, self._cascade, splits, n=self.n)

    def holding(self, stage: Stage, fields: Sequence[str]) -> Column:
        """1 where a reference of the stage stands word for word in these fields."""
        return holding(self._session, stage.name, self._cascade, fields, n=self.n)

    def field_codes(self, fields: Sequence[str]) -> dict[str, Column]:
        """A code for each value of fields whose values come again."""
        return field_codes(self._session, fields, n=self.n)

    def files(self, field: str) -> list[tuple[int, str]]:
        """Position and value, as JSON, of a field that holds files."""
        path = path_of(field)
        return self._session.rows(
            f"select position, (fields -> {path})::varchar from screened_version where fields ->> {path} is not null"
        )

    def shared(self, run: str) -> int:
        """Count the records that another run has too."""
        return self._session.rows(
            f"""select count(*) from screened semi join
            ({RecordBits.of(self._session).answered(identify(self._session, run)[0])}) using (record)"""
        )[0][0]

    def marks(self, stage: str, *, run: str | None = None) -> dict[str, Column]:
        """Every repeat of what a stage of this run said, or of another on the records of this one, as numbers.

        By position: `repeat`; `ended` (1 with an answer, 0 where it failed by its own fault, -1 otherwise); `number` of
        numbers and of yes or no; `size` in characters; `value` and `call`, which are the same where those are; and
        `cached`.
        """
        key = self._key if run is None else identify(self._session, run)[0]
        failed = "('unparsable', 'refused', 'error')"
        return self._session.columns(
            f"""select s.position, o.repeat, o.number, o.cached,
                case when o.status in ('ok', 'repaired') then 1
                    when o.status in {failed} or (o.status = 'blocked' and o.because in {failed}) then 0
                    else -1 end as ended,
                if(starts_with(b.body, '{MARK}'), null, length({_SAID}))::double as size,
                greatest(hash({_SAID}), 1)::ubigint as value,
                (o.call_key::uhugeint >> 64)::ubigint as call
            from (select * from output where run = ? and cell = (select id from cell where name = 'system')
                    and stage = (select id from stage where name = ? and cascade = ?)
                    qualify row_number() over (partition by record, repeat order by seq desc) = 1) o
                join screened s using (record) left join blob b on b.id = o.body""",
            key,
            json_text.plain(stage),
            self._cascade,
        )

    def _coded(self, stage: Stage, sql: str, *values: object) -> Column:
        """The place of `said` among the stage's values; of labels and booleans only."""
        blank = np.full(self.n, -1, dtype=np.int64)
        answers = answers_of(stage)
        if not answers:
            return blank
        columns = self._session.columns(
            f"select position, coalesce(list_position(?::varchar[], said), 0) - 1 as code from ({sql})",
            list(answers),
            *values,
        )
        return placed(columns["position"], columns["code"], blank)
