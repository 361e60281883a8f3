"""Labels from other programs: a registry of their formats, found by name or by what a file holds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.foreign.argilla import ARGILLA
from stagegap.exchange.foreign.label_studio import LABEL_STUDIO
from stagegap.exchange.foreign.langfuse import LANGFUSE
from stagegap.exchange.foreign.mlflow import MLFLOW
from stagegap.exchange.foreign.protocol import Format, Leftovers, Object, Unmapped, Wanted, labels_of, objects
from stagegap.exchange.label_files import Known
from stagegap.exchange.rows import MAX_LINE, Problems, parse_json, read_json, read_rows
from stagegap.model.answer import Label

__all__ = ["FORMATS", "Taken", "Unmapped", "Wanted", "detected", "read_foreign"]

FORMATS: Mapping[str, Format] = {form.name: form for form in (LABEL_STUDIO, ARGILLA, LANGFUSE, MLFLOW)}
ENOUGH = 20
"""Objects of a file that are looked at to say its format."""


class Taken(NamedTuple):
    """What a file of another program gave."""

    labels: Sequence[Label]
    unmapped: Sequence[Unmapped]


def detected(path: Path) -> str | None:
    """The name of the format that the file's content leaves no doubt of; None for our own files of labels.

    Raises: InputError for a file that can't be read, ConfigurationError for one that is neither.
    """
    entries = _objects(path) if _is_json(path) else _first_row(path)
    seen = {form.name: _unwrapped(entries, form)[:ENOUGH] for form in FORMATS.values()}
    certain = [name for name, first in seen.items() if first and FORMATS[name].is_certain(first)]
    if len(certain) == 1:
        return certain[0]
    if not _is_json(path):
        return None
    raise ConfigurationError(
        f"What {path} holds does not say for certain which program wrote it. Name it with --from: {', '.join(FORMATS)}."
    )


def read_foreign(path: Path, source: str, known: Known, wanted: Wanted) -> Taken:
    """The labels of another program's file, and what became none, by reason.

    Raises: ConfigurationError for an unknown format or stage, InputError for a file that can't be read.
    """
    form = FORMATS.get(source)
    if form is None:
        raise ConfigurationError(f"There is no format {source!r}. {near_names(source, FORMATS)}")
    for name in wanted.stages:
        if name not in known.cascade.names:
            raise ConfigurationError(f"There is no stage {name!r}. {near_names(name, known.cascade.names)}")
    doubled = sorted({name for name in wanted.names if list(wanted.stages.values()).count(name) > 1})
    if doubled:
        raise ConfigurationError(f"The answers to {doubled[0]!r} can be those of one stage only.")
    leftovers = Leftovers()
    given = list(form.read(_unwrapped(_objects(path), form), wanted, leftovers))
    labels = labels_of(given, known, wanted, leftovers, source=source)
    return Taken(labels, leftovers.all())


def _objects(path: Path) -> list[Object]:
    """The objects of a JSON, JSONL or CSV file. Raises: InputError when a JSON file holds none."""
    if not _is_json(path):
        return [row.values for row in read_rows(path)]
    value = read_json(path)
    entries = objects(value) or objects([value])
    if not entries:
        Problems(path).fail(None, "A list of JSON objects was expected, and there is none.")
    return entries


def _is_json(path: Path) -> bool:
    return ".json" in (ending.lower() for ending in path.suffixes)


def _first_row(path: Path) -> list[Object]:
    """The first row of a JSONL or CSV file, where it can be read without the rest; for CSV only its names."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".jsonl", ".ndjson") or not path.is_file():
        return []
    with path.open("rb") as stream:
        line = stream.readline(MAX_LINE).decode("utf-8-sig", "replace")
    try:
        if ending == ".csv":
            return [dict.fromkeys(names, "") for names in csv.reader([line])]
        return objects([parse_json(line)])
    except (ValueError, csv.Error):
        return []


def _unwrapped(entries: list[Object], form: Format) -> list[Object]:
    """What stands under the wrapper where the file is one object that has it."""
    wrapped = len(entries) == 1 and form.wrapper is not None and form.wrapper in entries[0]
    return objects(entries[0][form.wrapper]) if wrapped and form.wrapper is not None else entries
