"""What a view reads of a run: the records that people labelled with all their outputs, and counts of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from stagegap.model.answer import NO_ROW, NOBODY, Output, Status
from stagegap.model.record import Json, Record
from stagegap.model.run import (
    SYSTEM,
    Cell,
    OddOutputs,
    PairPopulation,
    PairTally,
    Population,
    StageTally,
    TroubleKind,
    first_repeated,
    kind_of,
)
from stagegap.store import outputs
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.control import identify, look_up
from stagegap.store.records import record_of_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read of a run."""

    run: str
    """Its id."""
    records: str | None
    """Digest of the set that it was made on; None for a run that is older than the keeping of sets."""
    first: str
    """The stage that every record of the run has an output of."""
    stages: tuple[str, ...]
    split: str | None
    """The split that is scored; None for all records."""
    rankings: tuple[str, ...]
    """Recorded stages whose rankings may name an id twice."""
    ends: Mapping[str, tuple[str, ...]]
    """By stage whose score is an outcome: the cells, as text, that the scorecard needs it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """Records with their outputs, and what is counted of all."""

    records: tuple[Record, ...]
    outputs: Mapping[tuple[str, str], Mapping[str, Output]]
    """(cell as text, stage) -> record -> the first repeat of its output."""
    population: Population


def excerpt(
    session: Session, wanted: Wanted, ids: Sequence[str], names_at: Callable[[Sequence[int]], Sequence[str]]
) -> Excerpt:
    """Read the records of these ids that the run scores; `names_at` looks others up later. Raises: NotFound."""
    prepare(session, wanted)
    key, cascade = identify(session, wanted.run)
    look_up(session, cascade, ids)
    session.run("create or replace temp table excerpt as select e.* from evaluated e join named on id = record")
    rows = session.rows(
        """select e.position, r.name, v.cluster, v.split, v.difficulty, v.slices, v.fields
        from excerpt e join record r on r.id = e.record
            join record_version v on v.record = e.content and v.version = e.version order by e.position"""
    )
    filled = frozenset(
        (cell, stage)
        for cell, stage in session.rows(
            """select c.name, s.name from (select distinct cell, stage from output where run = ?) o
            join cell c on c.id = o.cell join stage s on s.id = o.stage""",
            key,
        )
        if Cell.parse(cell).is_own
    )
    return Excerpt(
        records=tuple(record_of_row(row[1:]) for row in rows),
        outputs=_outputs(session, key, sorted({cell for cell, _ in filled})),
        population=Population(
            count=session.rows("select count(*) from evaluated")[0][0],
            places=tuple(row[0] for row in rows),
            tallies=_tallies(session, key, wanted),
            lost={stage: _lost(session, key, stage, cells) for stage, cells in wanted.ends.items()},
            filled=filled,
            slices=_slices(session),
            names=names_at,
        ),
    )


def prepare(session: Session, wanted: Wanted, *, name: str = "evaluated") -> bool:
    """Number the records that the run scores, in their order, as a table of that name.

    A set is kept once, by its contents: one that another cascade brought first names that one's records. Where the run
    answered a whole set, its places are the numbers, and nothing is copied: `name` is a view. True in that case.
    """
    key, cascade = identify(session, wanted.run)
    members = f"(select record, version, place from record_set where digest = '{wanted.records}'::uuid)"
    if wanted.records is None:
        source = f"""select v.record, v.record as content, max(v.version) as version, any_value(v.position) as place
            from record_version v join record r on r.id = v.record where r.cascade = {cascade} group by v.record"""
    elif session.rows(f"select cascade from record where id = (select min(record) from {members})") == [(cascade,)]:
        source = f"select record, record as content, version, place from {members}"
        if wanted.split is None and _is_whole(session, members, key, wanted.first):
            session.run(
                f"create temp view {name} as select record, content, version, place as position from ({source})"
            )
            return True
    else:
        source = f"""select own.id as record, n.record as content, n.version, n.place from {members} n
            join record other on other.id = n.record join record own on own.name = other.name
            where own.cascade = {cascade}"""
    of_split = "from record_version v where v.record = content and v.version = n.version and v.split = ?"
    session.run(
        f"""create temp table {name} as
        select n.record, n.content, n.version, row_number() over (order by n.place) - 1 as position
        from ({source}) n semi join (
            select record from output where run = ? and cell = (select id from cell where name = 'system')
                and stage = (select id from stage where name = ? and cascade = ?)) o using (record)
        {"" if wanted.split is None else f"where exists ({of_split})"}""",
        key,
        json_text.plain(wanted.first),
        cascade,
        *([] if wanted.split is None else [json_text.plain(wanted.split)]),
    )
    return False


def _is_whole(session: Session, members: str, run: int, stage: str) -> bool:
    """Whether the places of a set count it through, and the system answered all of it at a stage that is named once."""
    bits = outputs.RecordBits.of(session).aggregate
    last, lacking = session.rows(
        f"""select max(place) + 1 - count(*), bit_count({bits} & ~(
            select {bits} from output where run = ? and cell = (select id from cell where name = '{SYSTEM}')
                and stage in (select id from stage where name = ?)))
        from {members}""",
        run,
        json_text.plain(stage),
    )[0]
    return last == 0 and lacking == 0


def names(session: Session, wanted: Wanted, places: Sequence[int]) -> list[str]:
    """The ids of the records at these places among those that the run scores."""
    prepare(session, wanted)
    rows = session.rows(
        """select e.position, r.name from evaluated e join record r on r.id = e.record
        where e.position in (select unnest(?::bigint[]))""",
        list(places),
    )
    by_place = dict(rows)
    return [by_place[place] for place in places]


def sampled(session: Session, wanted: Wanted, chosen: Callable[[int], Sequence[int]]) -> list[str]:
    """Names of the records that `chosen` picks among those that a run scores; it is told how many there are.

    Places are those of the names in their order, so that the same draw picks the same records in a later run.
    Raises: NotFound.
    """
    prepare(session, wanted)
    places = list(chosen(session.rows("select count(*) from evaluated")[0][0]))
    rows = session.rows(
        """select * from (select row_number() over (order by r.name) - 1 as place, r.name
            from evaluated e join record r on r.id = e.record)
        where place in (select unnest(?::bigint[]))""",
        places,
    )
    by_place = dict(rows)
    return [by_place[place] for place in places]


def _outputs(session: Session, key: int, cells: Sequence[str]) -> dict[tuple[str, str], dict[str, Output]]:
    """The newest first repeat of every output of the excerpt's records in these cells."""
    rows = session.rows(
        f"""select {outputs.ANSWER}, c.name, s.name, r.name, o.because::varchar
        from (select * from output where run = ? and repeat = 0) o join excerpt e on e.record = o.record
            join record r on r.id = o.record join stage s on s.id = o.stage join cell c on c.id = o.cell
        where c.name in (select unnest(?::varchar[])) order by e.position, o.seq""",
        key,
        list(cells),
    )
    texts = outputs.bodies(session, rows)
    by_place: dict[tuple[str, str], dict[str, Output]] = {}
    for row in rows:
        cell, stage, record, because = row[-4:]
        output = json_text.answer(row, texts, record=record, stage=stage, because=because)
        by_place.setdefault((cell, stage), {})[record] = output
    return by_place


def _is_doubled(session: Session, key: int) -> bool:
    return bool(
        outputs.doubled(session, f"run = {key} and repeat = 0 and cell = (select id from cell where name = '{SYSTEM}')")
    )


def _tallies(session: Session, key: int, wanted: Wanted) -> dict[str, StageTally]:
    scored = "" if wanted.split is None else "semi join evaluated using (record)"
    system = f"""select o.* from output o {scored} where run = {key} and repeat = 0
        and cell = (select id from cell where name = '{SYSTEM}')"""
    counted, is_doubled = _ends(session, system)
    if is_doubled:
        system += " qualify row_number() over (partition by stage, record order by seq desc) = 1"
        counted, _ = _ends(session, system)
    rows = session.rows(
        f"""select s.name, o.status, count(*), min(r.name), arg_min(coalesce(o.error, ''), r.name)
        from ({system}) o join stage s on s.id = o.stage join record r on r.id = o.record
        where o.status in ('error', 'unparsable', 'infrastructure')
        group by s.name, o.status, o.error = ?, starts_with(o.error, ?)""",
        NO_ROW,
        NOBODY,
    )
    odd: dict[str, dict[TroubleKind, OddOutputs]] = {name: {} for name in wanted.stages}
    for name, status, count, record, error in rows:
        kind = kind_of(Status(status), error)
        if name in odd and kind is not None:
            odd[name][kind] = OddOutputs(count=count, record=record, what=error)
    for name in wanted.rankings:
        doubled = _named_twice(session, system, name)
        if doubled is not None:
            odd[name]["name twice"] = doubled
    return {
        name: StageTally(statuses={Status(ended): n for at, ended, n in counted if at == name}, odd=odd[name])
        for name in wanted.stages
    }


def _ends(session: Session, system: str) -> tuple[list[tuple[str, str, int]], bool]:
    """How many outputs ended how at each stage, and whether some record has two at one of them."""
    rows = session.rows(
        f"""with ended as (
            select stage, status, count(*) as n, {outputs.RecordBits.of(session).aggregate} as bits
            from ({system}) group by all)
        select s.name, list((e.status, e.n)), sum(e.n) > bit_count(bit_or(e.bits))
        from ended e join stage s on s.id = e.stage group by e.stage, s.name"""
    )
    counted = [(name, status, n) for name, ends, _ in rows for status, n in ends]
    return counted, any(is_doubled for *_, is_doubled in rows)


def _named_twice(session: Session, system: str, stage: str) -> OddOutputs | None:
    """The rankings of a stage that name an id twice."""
    count, record, ranking = session.rows(
        f"""select count(*), min(name), arg_min(said, name) from (
            select r.name, coalesce(o.short, b.body) as said, json_extract_string(said, '$[*]') as ids
            from ({system}) o join record r on r.id = o.record left join blob b on b.id = o.body
            where o.stage in (select id from stage where name = ?) and o.form = 'json' and json_valid(said)
                and len(ids) > len(list_distinct(ids)))""",
        json_text.plain(stage),
    )[0]
    if not count:
        return None
    return OddOutputs(count=count, record=record, what=first_repeated(cast("Sequence[Json]", json_text.read(ranking))))


def _lost(session: Session, key: int, stage: str, cells: Sequence[str]) -> int:
    """Count the scored records whose newest output at a stage is lost to infrastructure in some of these cells."""
    where = """run = ? and repeat = 0 and stage in (select id from stage where name = ?)
        and cell in (select id from cell where name in (select unnest(?::varchar[])))"""
    place = (key, json_text.plain(stage), list(cells))
    lost = "'infrastructure' in (status::varchar, because::varchar)"
    if not session.rows(f"select exists (from output where {where} and {lost})", *place)[0][0]:
        return 0
    return session.rows(
        f"""select count(distinct record) from (
            select record, arg_max(status::varchar, seq) as ended, arg_max(coalesce(because::varchar, ''), seq) as why
            from output semi join evaluated using (record) semi join (
                select record from output where {where} and {lost}
            ) using (record)
            where {where} group by cell, record)
        where 'infrastructure' in (ended, why)""",
        *place,
        *place,
    )[0][0]


def _slices(session: Session) -> tuple[str, ...]:
    """Names of the slices that the scored records have, the difficulty one of them.

    One witness for each kind of record is looked up; all records only where one of these is not scored.
    """

    names = "unnest(list_concat(json_keys(slices), if(graded, ['difficulty'], []))) as name"
    kind = "slices, difficulty is not null as graded"
    of_witnesses = session.rows(
        f"""with kinds as (
            select {kind}, max(record::ubigint << 32 | version) as witness from record_version group by all)
        select name, bool_or(is_scored) from (
            select {names}, e.record is not null as is_scored from kinds left join evaluated e
            on e.content = (witness >> 32)::uinteger and e.version = (witness & {2**32 - 1})::uinteger) group by name"""
    )
    scored = {name for name, is_scored in of_witnesses if is_scored}
    if len(scored) < len(of_witnesses):
        rows = session.rows(
            f"""select distinct {names} from (select distinct {kind} from record_version v
            semi join evaluated e on e.content = v.record and e.version = v.version)"""
        )
        scored = {row[0] for row in rows}
    return tuple(sorted(scored))


def pair(session: Session, before: Wanted, after: Wanted) -> PairPopulation:
    """Compare the outputs of two runs of a cascade record by record. Raises: NotFound.

    Objects are compared as they were written: another order of their keys is another value.
    """
    is_whole = [prepare(session, before, name="evaluated_before"), prepare(session, after)]
    is_same = before.records is not None and before.records == after.records
    renewed = """select a.record from evaluated_before a join evaluated b using (record)
            join record_version v on v.record = a.content and v.version = a.version
            join record_version w on w.record = b.content and w.version = b.version
        where (a.content, a.version) <> (b.content, b.version) and (v.fields, v.cluster) <> (w.fields, w.cluster)"""
    if is_same and all(is_whole):
        session.run("create temp view paired as select record, false as other from evaluated")
    else:
        session.run(
            f"""create temp table paired as select a.record, r.record is not null as other
            from evaluated_before a join evaluated b using (record)
                left join ({"select record from evaluated where false" if is_same else renewed}) r using (record)"""
        )
    both, other = session.rows("select count(*), count(*) filter (other) from paired")[0]
    seen = session.rows("select (select count(*) from evaluated_before), (select count(*) from evaluated)")[0]
    shared = [stage for stage in after.stages if stage in before.stages]
    among = "" if is_same and all(is_whole) else "semi join (select record from paired where not other) using (record)"
    sides = [_side(session, wanted.run, among) for wanted in (before, after)]
    return PairPopulation(
        seen=seen,
        both=both,
        other_content=other,
        tallies={stage: _pair_tally(session, sides, stage, of=both - other) for stage in shared},
    )


def _side(session: Session, run: str, among: str) -> str:
    """A query of what a run's system answered at stage $1, `among` some records: the newest first repeat of each."""
    key, cascade = identify(session, run)
    newest = "qualify row_number() over (partition by record order by seq desc) = 1"
    return f"""(select record, body, 'infrastructure' in (status::varchar, because::varchar) as lost,
            hash(status, because, short, number, if(number is null, form, 'number')) as said from output {among}
        where run = {key} and repeat = 0 and cell = (select id from cell where name = '{SYSTEM}')
            and stage = (select id from stage where name = $1 and cascade = {cascade})
        {newest if _is_doubled(session, key) else ""})"""


def _pair_tally(session: Session, sides: Sequence[str], stage: str, *, of: int) -> PairTally:
    """Compare both runs at a stage on `of` records; one that has no output in either is the same in both."""
    same, answered, lost_before, lost_after = session.rows(
        f"""select count(*) filter (
                a.said is not distinct from b.said and (a.body is not distinct from b.body or v.body = w.body)),
            count(*), count(*) filter (a.lost), count(*) filter (b.lost)
        from {sides[0]} a full join {sides[1]} b using (record)
            left join blob v on v.id = a.body and a.body <> b.body
            left join blob w on w.id = b.body and a.body <> b.body""",
        json_text.plain(stage),
    )[0]
    return PairTally(same=same + of - answered, infrastructure=(lost_before, lost_after))
