"""What the records of other splits have in common with those of a run, by SQL; reads `screened` of a RunReader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.store import json_text
from stagegap.store.attach import Session
from stagegap.store.people_columns import Column, floats

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
    """A code for each value of a field, -1 where it is empty; only of fields whose values come again."""
    columns: dict[str, Column] = {}
    for name in list(fields)[:MOST_FIELDS]:
        path = path_of(name)
        values, records = session.rows(
            f"select approx_count_distinct(fields ->> {path}), count(fields ->> {path}) from screened_version"
        )[0]
        if records and 2 * values <= records:
            codes = session.columns(
                f"""select position, dense_rank() over (order by fields ->> {path}) - 1 as code from screened_version
                where fields ->> {path} is not null"""
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
