"""Rows as pandas frames and back. pandas is loaded when a frame is asked for, and not before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

# pandas has no complete types; a frame is handed on without being looked into.
from typing import Any, TypeAlias

from stagegap.errors import ConfigurationError
from stagegap.exchange.rows import Problems, Row
from stagegap.exchange.tables import Column
from stagegap.model.record import Json
from stagegap.stages.acceptance import plain

Frame: TypeAlias = Any
"""A pandas.DataFrame."""
_TYPES = {Column.TEXT: "str", Column.NUMBER: "float64", Column.WHOLE: "Int64", Column.FLAG: "bool"}


def frame(columns: Mapping[str, Column], rows: Iterable[Mapping[str, Json]], *, values: str = "value") -> Frame:
    """The rows as a frame with typed columns; the column `values` holds what Python has, of any type.

    Raises: ConfigurationError without pandas.
    """
    pandas = _pandas()
    listed = list(rows)
    return pandas.DataFrame(
        {
            name: pandas.Series(
                [row[name] for row in listed], dtype="object" if name == values else _TYPES.get(kind, "object")
            )
            for name, kind in columns.items()
        }
    )


def frame_of(rows: Sequence[Mapping[str, Json]]) -> Frame:
    """The rows as a frame whose columns are typed by what stands in them; what is missing is missing.

    Raises: ConfigurationError without pandas.
    """
    pandas = _pandas()
    names = list(rows[0]) if rows else []
    columns = {name: [row[name] for row in rows] for name in names}
    return pandas.DataFrame(
        {name: pandas.Series(values, dtype=_type_of(name, values)) for name, values in columns.items()}
    )


def _type_of(name: str, values: Sequence[Json]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if not kinds and name in ("p", "p_adj"):
        return "float64"
    if kinds and kinds <= {int}:
        return "Int64"
    if kinds and kinds <= {int, float}:
        return "float64"
    if kinds == {bool}:
        return "boolean"
    return "str" if kinds == {str} else "object"


def frame_rows(given: Frame, problems: Problems) -> list[Row]:
    """The rows of a frame, counted from 1; what pandas calls missing is None, what is no JSON a problem.

    Raises: ConfigurationError without pandas.
    """
    missing = _pandas().isna
    names = [str(name) for name in given.columns]

    def cell(value: Any) -> Json:
        native = _python(value)
        if type(native) is str:
            return native
        return None if type(native) not in (list, dict) and missing(native) else plain(native)

    rows: list[Row] = []
    for number, values in enumerate(given.itertuples(index=False, name=None), start=1):
        try:
            rows.append(Row(number, {name: cell(value) for name, value in zip(names, values, strict=True)}))
        except ValueError as error:
            problems.add(number, str(error))
    return rows


def _python(value: Any) -> Any:
    """Lists for arrays, which is what pandas reads the lists of a Parquet file as."""
    if type(value).__name__ in ("list", "tuple", "ndarray"):
        return [_python(part) for part in value]
    return value


def _pandas() -> Any:
    try:
        import pandas  # pyright: ignore[reportMissingTypeStubs]  # it has none
    except ImportError:
        raise ConfigurationError(
            "A data frame needs pandas, which is not installed: `pip install 'stagegap[app]'` brings it."
        ) from None
    return pandas
