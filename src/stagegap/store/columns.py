"""The columns of a run as numpy arrays, made by SQL: one pass over the rows of each stage, no row is an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.model.answer import Reference
from stagegap.model.cascade import WRITTEN, Kind, Stage
from stagegap.oddities.columns import forms_in_words
from stagegap.store import rows as json_text
from stagegap.store import screen_columns
from stagegap.store.attach import Session
from stagegap.store.control import identify
from stagegap.store.outputs import RecordBits, doubled
from stagegap.store.screen_columns import (
    BLANK,
    CALLED,
    EARLIER,
    FORMS,
    READ,
    SAID,
    Column,
    OtherRecords,
    PeopleTable,
    Shelf,
    alphabetical,
    field_codes,
    holding,
    path_of,
    placed,
    plain,
    rows_of,
)
from stagegap.store.segments import MARK


def answers_of(stage: Stage) -> tuple[str, ...]:
    """The values that a label or boolean can take, as the store's text; empty for other types."""
    match stage.output.kind:
        case Kind.LABEL:
            return stage.output.values
        case Kind.BOOLEAN:
            return ("false", "true")
        case _:
            return ()


def inputs_of(stage: Stage) -> str:
    """The query of the hash of everything that the stage reads of a record."""
    fields = [path_of(source.name) for source in stage.inputs.values() if source.origin == "record"]
    if not fields:
        return "select record, 0::ubigint as given from screened_version limit 0"
    parts = ", ".join(f"(fields -> {field})::varchar" for field in fields)
    return f"select record, greatest(hash({parts}), 1)::ubigint as given from screened_version"


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


_NEWEST = """create or replace temp table screened_newest as
select s.position, v.record, max(v.version) as version
from screened s join record_version v using (record) group by all;
create or replace temp view screened_version as
select n.position, v.* from screened_newest n join record_version v using (record, version)"""
_ONLY = """create or replace temp view screened_version as
select s.position, v.* from screened s join record_version v using (record)"""
"""The same where no record came in two versions."""


def _empty_columns(kind: Kind, measured: Sequence[bool]) -> list[str]:
    """Columns of a stage in which nothing can stand: what its type does not have, and what was not measured."""
    of_type = {"size": WRITTEN, "cut": WRITTEN, "doubled": (Kind.RANKING,)}
    is_known = zip(("confidence", "latency", "cost"), measured, strict=True)
    return [
        *(name for name, only in of_type.items() if kind not in only),
        *(name for name, known in is_known if not known),
    ]


class RunReader:
    """Reads one run, and others on the records of that one."""

    def __init__(self, session: Session, run: str, *, shelf: Shelf, with_contents: bool = True) -> None:
        """Number the records of a run; `with_contents` is False for who asks for names and positions alone."""
        self._session = session
        self.shelf = shelf
        """Where large columns are put."""
        self._key, self._cascade = identify(session, run)
        session.run(
            f"""create or replace temp table screened as
            select record, row_number() over (order by record) - 1 as position
            from ({RecordBits.of(session).answered(self._key)})"""
        )
        self.n: int = session.rows("select count(*) from screened")[0][0]
        self._given: dict[str, Column] = {}
        self._before: int | None = None
        self._nothing: Column = np.broadcast_to(np.nan, self.n)  # stands for all columns in which nothing is known
        if with_contents:
            # What records hold is read where it is needed, and not copied: texts may be long.
            has_versions = session.rows("select coalesce(max(version) > min(version), false) from record_version")[0][0]
            session.run(_NEWEST if has_versions else _ONLY)
            self._bits = RecordBits.of(session)
            self._place: Column = np.full(self._bits.high - self._bits.low + 1, -1, dtype=np.int32)
            known = session.columns("select record, position from screened")
            self._place[known["record"] - self._bits.low] = known["position"]

    def _by_record(self, columns: dict[str, Column], name: str, blank: Column) -> Column:
        """Put the values of records at their positions in `blank`; records that the run does not have are left out."""
        at = self._place[columns["record"] - self._bits.low]
        values, is_own = columns.pop(name), at >= 0
        if not is_own.all():
            at, values = at[is_own], values[is_own]
        blank[at] = values
        return blank

    def records(self) -> RecordsTable:
        """Read units, difficulty and slices."""
        session = self._session
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
            unit=self._units(),
            difficulty=difficulty,
            difficulties=levels,
            groups=self._groups() if levels else {},
        )

    def _units(self) -> Column:
        """The place of each record's cluster, or of its own number, in the order of their spellings."""
        records, clustered = self._session.rows(
            "select count(*), count(*) filter (cluster <> '') from screened_version"
        )[0]
        if records == self.n and not clustered:
            return alphabetical(np.flatnonzero(self._place >= 0) + self._bits.low)
        columns = self._session.columns(
            """select position, dense_rank() over (order by if(cluster = '', 'r' || record, 'c' || cluster)) - 1 as unit
            from screened_version"""
        )
        units = placed(columns["position"], columns["unit"], np.arange(self.n, 2 * self.n, dtype=np.int64))
        return np.unique(units, return_inverse=True)[1].astype(np.int64, copy=False)

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
        chosen = f"""run = {key} and cell = (select id from cell where name = 'system')
            and stage = {self._number(stage)}"""
        repeated, mended, with_texts, *measured = session.rows(
            f"""select coalesce(max(repeat) > 0, false), coalesce(bool_or(status = 'repaired'), false),
                count(body) + count(raw) > 0,
                count(confidence) > 0, count(latency_ms) filter (not cached) > 0, count(cost) > 0
            from output where {chosen}"""
        )[0]
        again = repeated or bool(doubled(session, chosen))
        for statement in rows_of(stage, chosen, again=again, mended=mended, with_texts=with_texts):
            session.run(statement)
        empty = _empty_columns(stage.output.kind, measured)
        numbers: dict[str, Column] = {}
        for columns, of in ((CALLED, "stage_answer"), (READ, "stage_row")):
            wanted = [name for name in columns if name not in empty and (run is None or name in EARLIER)]
            # A text is looked at once; what needs none is read column by column, which takes less memory.
            for names in [wanted] if of == "stage_row" and with_texts else [[name] for name in wanted]:
                read = self._numbers({name: columns[name] for name in names}, of)
                numbers |= {name: self.shelf.put(read.pop(name)) for name in names}
                self.shelf.release()
        numbers |= {name: self._nothing for name in (*CALLED, *READ, "outside", "unstable") if name not in numbers}
        shapes = self._shapes(numbers, stage, mended=mended)
        if again:
            repeats = session.columns(
                """select record, (count(distinct value) > 1)::double as unstable from
                    (select record, if(ok and said is not null, greatest(hash(said), 1), 0) as value from stage_row)
                where value <> 0 group by record having count(*) > 1"""
            )
            numbers["unstable"] = self._by_record(repeats, "unstable", np.full(self.n, np.nan))
        scores = session.columns(
            f"""select record, value as score from score where {chosen}
                and metric in (select id from metric where name = ?)""",
            json_text.plain(stage.metrics[0]),
        )
        numbers["score"] = self._nothing
        if len(scores["record"]):
            numbers["score"] = self._by_record(scores, "score", np.full(self.n, np.nan))
        numbers["answer"] = self._codes(stage, numbers["value"])
        if stage.output.kind is Kind.LABEL and stage.output.values and run is None:
            is_outside = (numbers["answer"] < 0).astype(np.float64)
            numbers["outside"] = np.where(numbers["value"] == 0, np.nan, is_outside)
        numbers["given"] = self._read_of_record(inputs_of(stage))
        texts: list[tuple[int, str, str]] = []
        if with_texts and stage.output.kind in WRITTEN:
            texts = session.rows(
                f"""select o.position, o.said, {joined(stage)}
                from (select position, said from stage_row join screened using (record)
                      where repeat = 0 and ok and said is not null order by hash(position) limit {LANGUAGES}) o
                    join screened_version v using (position) order by hash(o.position)"""
            )
        return StageTable(numbers=numbers, shapes=shapes, texts=tuple(texts))

    def _read_of_record(self, query: str) -> Column:
        """The hash of what a stage reads of each record, looked up once for all stages and runs that read the same."""
        if query not in self._given:
            given = self._session.columns(query)
            self._given[query] = self.shelf.put(self._by_record(given, "given", np.zeros(self.n, dtype=np.uint64)))
        return self._given[query]

    def _number(self, stage: Stage) -> int:
        """The number of a stage in the tables, -1 for one that they don't have."""
        rows = self._session.rows(
            "select id from stage where name = ? and cascade = ?", json_text.plain(stage.name), self._cascade
        )
        return rows[0][0] if rows else -1

    def _numbers(self, columns: Mapping[str, tuple[str, str]], table: str) -> dict[str, Column]:
        """Columns of the first answers, at the positions of their records."""
        blanks = {name: f"{BLANK[kind]}::{kind}" for name, (kind, _) in columns.items()}
        asked = ", ".join(
            f"coalesce({sql}, {blanks[name]})::{columns[name][0]} as {name}" for name, (_, sql) in columns.items()
        )
        values = self._session.columns(f"select record, {asked} from {table} where repeat = 0")
        return {
            name: self._by_record(
                values, name, np.full(self.n, float(BLANK[columns[name][0]].strip("'")), dtype=values[name].dtype)
            )
            for name in columns
        }

    def _codes(self, stage: Stage, value: Column) -> Column:
        """The place of each answer among the stage's values, -1 for another or none; of labels and booleans only."""
        answers = answers_of(stage)
        if not answers:
            return np.broadcast_to(np.int32(-1), self.n)
        hashes = self._session.columns("select hash(unnest(?::varchar[])) as value", list(answers))["value"]
        order = np.argsort(hashes).astype(np.int32)
        at = np.minimum(np.searchsorted(hashes[order], value), len(answers) - 1)
        codes = order[at]
        codes[hashes[codes] != value] = -1
        return codes

    def _shapes(self, numbers: dict[str, Column], stage: Stage, *, mended: bool) -> tuple[str, ...]:
        session = self._session
        if stage.output.kind not in (*WRITTEN, Kind.OBJECT) and not mended:
            has_value = numbers["value"] != 0
            numbers["shape"] = np.where(has_value, 0, -1).astype(np.int8)
            return ("as declared",) if has_value.any() else ()
        shapes: tuple[str, ...] = FORMS
        if stage.output.kind is Kind.OBJECT:
            common = session.rows(
                f"""select shape from stage_row semi join screened using (record)
                where repeat = 0 and shape is not null
                group by shape order by count(*) desc, shape limit {SHAPES}"""
            )
            shapes = tuple(row[0] for row in common)
        columns = session.columns(
            """select record, (coalesce(list_position(?::varchar[], shape), len(?::varchar[])) - 1)::tinyint as shape
            from stage_row where repeat = 0 and shape is not null""",
            list(shapes), list(shapes),
        )  # fmt: skip
        codes = self._by_record(columns, "shape", np.full(self.n, -1, dtype=np.int8))
        if stage.output.kind is Kind.OBJECT:
            shapes, places = forms_in_words(shapes, stage.output.schema or "")
        else:
            counts = np.bincount(codes[codes >= 0], minlength=len(FORMS)).tolist()
            order = sorted((code for code in range(len(FORMS)) if counts[code]), key=lambda c: (-counts[c], FORMS[c]))
            shapes = tuple(FORMS[code] for code in order)
            places = tuple(order.index(code) if code in order else -1 for code in range(len(FORMS)))
        numbers["shape"] = np.array([*places, -1], dtype=np.int8)[codes]
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
        return self.shelf.put(screen_columns.flagged(self._session, stage, self._cascade, n=self.n))

    def reference(self, stage: Stage) -> Column:
        """The answer that is held to be right, the first of several: its place among the stage's values, or -1."""
        codes = {answer: place for place, answer in enumerate(answers_of(stage))}
        if not codes:
            return np.broadcast_to(np.int32(-1), self.n)
        rows = self._session.rows(
            """select position, value ->> '$' from screened_reference
            where stage = ? and place = 0 and value <> 'null'""",
            self._number(stage),
        )
        column = np.full(self.n, -1, dtype=np.int32)
        column[[row[0] for row in rows]] = [codes.get(row[1], -1) for row in rows]
        return self.shelf.put(column)

    def field_sizes(self, names: Sequence[str], *, against: str) -> tuple[dict[str, Column], dict[str, Column]]:
        """Characters by field of the records that only this run has, and of those that only `against` has.

        Under `unit` stands the code of the unit of independence, the same in both.
        """
        self._lay_out_before(against)
        self._session.run(
            """create or replace temp table lone as
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
        return self.shelf.put(holding(self._session, stage.name, self._cascade, fields, n=self.n))

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
        self._lay_out_before(run)
        return self._session.rows("select count(*) from screened semi join screened_before using (record)")[0][0]

    def _lay_out_before(self, run: str) -> None:
        """The records of another run as `screened_before`."""
        key = identify(self._session, run)[0]
        if key != self._before:
            self._session.run(f"create or replace temp table screened_before as {self._bits.answered(key)}")
            self._before = key

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
                if(starts_with(b.body, '{MARK}'), null, length({SAID}))::double as size,
                greatest(hash({SAID}), 1)::ubigint as value,
                (o.call_key::uhugeint >> 64)::ubigint as call
            from (select * from output where run = ? and cell = (select id from cell where name = 'system')
                    and stage = (select id from stage where name = ? and cascade = ?)
                    qualify row_number() over (partition by record, repeat order by seq desc) = 1) o
                join screened s using (record) left join blob b on b.id = o.body""",
            key,
            json_text.plain(stage),
            self._cascade,
        )
