"""Traces that arrive for a cascade that is there: what went in, as its records, or with what its stages answered."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans import format_of, items_of
from stagegap.exchange.spans.files import MANIFEST, fields_of
from stagegap.exchange.spans.spool import Spool
from stagegap.exchange.spans.steps import Frames, case_of
from stagegap.exchange.spans.values import first_of
from stagegap.model.record import Json


def is_imported(folder: Path, cascade: str) -> bool:
    """True where the cascade was made by an import of traces, so that later traces bring the outputs of its stages."""
    return (folder / "data" / cascade / MANIFEST).exists()


def holds_traces(path: Path, fields: Collection[str]) -> bool:
    """True for a file of traces; one whose first row has these fields holds records, whatever else it looks like."""
    if path.suffix in (".csv", ".parquet"):
        return False
    first = first_of(path, 1, Leftovers())
    if not first or all(name in first[0] for name in fields):
        return False
    try:
        format_of(path)
    except ConfigurationError:
        return False
    return True


def records_of(path: Path, *, id: str) -> list[dict[str, Json]]:
    """What went into each trace of a file, by name, under the id of the trace.

    Raises: ConfigurationError for a file without a trace that can be read, InputError.
    """
    leftovers, frames = Leftovers(), Frames()
    with TemporaryDirectory(prefix="stagegap-traces-") as place:
        spool = Spool(Path(place))
        for _, item in items_of([path], leftovers, None):
            spool.add(item, leftovers)
        if not spool.spans:
            raise ConfigurationError(f"{path}: no trace can be read.")
        for trace in spool.traces(leftovers):
            frames.note(trace)
        cases = (case_of(trace, frames, leftovers) for trace in spool.traces())
        return [
            {id: case.id, **fields_of(case)}
            | {name: value for name, value in (("session", case.session), ("user", case.user)) if value}
            for case in cases
        ]
