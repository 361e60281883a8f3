"""The rows of one stage laid out for looking at: each answer hashed, measured and put into a form, by SQL."""

from __future__ import annotations

from math import nan

from stagegap.model.cascade import Kind, Stage
from stagegap.store import text
from stagegap.store.leaking import path_of

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
FIRST = f"select position, {', '.join(COLUMNS)} from stage_row where repeat = 0"
_SAID = """case o.form when 'boolean' then if(o.number = 1, 'true', 'false') when 'number' then o.number::varchar
    when 'integer' then o.number::varchar else coalesce(o.short, b.body) end"""
_ENDS = r"""[.!?…。！？"''”»)\]}*`:;]\s*$"""
_OPENING = r"^(sure|certainly|of course|here is|here are|here''s|okay|gerne|natürlich|bien sûr)\b"


def rows_of(stage: Stage, *, again: bool, mended: bool) -> str:
    """The statement that lays out the newest row of each record and repeat, its text hashed and looked at.

    `again` says that some record may stand twice, `mended` that some answer was; what is not there costs nothing.
    """
    kind = stage.output.kind
    is_text = kind is Kind.TEXT
    values = ", ".join("'" + text.plain(value).replace("'", "''") + "'" for value in stage.output.values)
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
