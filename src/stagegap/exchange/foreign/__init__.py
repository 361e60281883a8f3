"""Labels from other programs: a registry of their formats, found by name or by what a file holds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.foreign.argilla import ARGILLA
from stagegap.exchange.foreign.doccano import DOCCANO
from stagegap.exchange.foreign.label_studio import LABEL_STUDIO
from stagegap.exchange.foreign.langfuse import LANGFUSE
from stagegap.exchange.foreign.mlflow import MLFLOW
from stagegap.exchange.foreign.prodigy import PRODIGY
from stagegap.exchange.foreign.protocol import Format, Leftovers, Object, Unmapped, Wanted, labels_of, objects
from stagegap.exchange.label_files import FIELDS, Known
from stagegap.exchange.rows import MAX_LINE, Problems, entries_of, read_json, read_rows, separator_of
from stagegap.model.answer import Label
from stagegap.model.canonical import parse_json
from stagegap.model.record import Json
from stagegap.plugins import LABELS, with_added

__all__ = ["FORMATS", "Taken", "Unmapped", "Wanted", "detected", "label_formats", "objects_of", "read_foreign"]

FORMATS: Mapping[str, Format] = {
    form.name: form for form in (LABEL_STUDIO, ARGILLA, LANGFUSE, MLFLOW, PRODIGY, DOCCANO)
}
ENOUGH = 20
"""Objects of a file that are looked at to say its format."""


def label_formats() -> Mapping[str, Format]:
    """Every format of labels; those of other packages come first, as they know their files best."""
    return with_added(LABELS, Format, FORMATS)


class Taken(NamedTuple):
    """What a file of another program gave."""

    labels: Sequence[Label]
    unmapped: Sequence[Unmapped]


def detected(path: Path) -> str | None:
    """The name of the format that the file's content leaves no doubt of; None for our own files of labels.

    Raises: InputError for a file that can't be read, ConfigurationError for one that is neither.
    """
    entries = _objects(path) if _is_json(path) else _first_row(path)
    forms = label_formats()
    seen = {name: _unwrapped(entries, form)[:ENOUGH] for name, form in forms.items()}
    certain = [name for name, first in seen.items() if first and forms[name].is_certain(first)]
    if len(certain) == 1:
        return certain[0]
    if not _is_json(path) or (entries and all(name in entries[0] for name in FIELDS[:3])):
        return None
    raise ConfigurationError(
        f"What {path} holds does not say for certain which program wrote it. Name it with --from: {', '.join(forms)}."
    )


def read_foreign(path: Path, source: str, known: Known, wanted: Wanted) -> Taken:
    """The labels of another program's file, and what became none, by reason.

    Raises: ConfigurationError for an unknown format or stage, InputError for a file that can't be read.
    """
    forms = label_formats()
    form = forms.get(source)
    if form is None:
        raise ConfigurationError(f"There is no format {source!r}. {near_names(source, forms)}")
    for name in wanted.stages:
        if name not in known.cascade.names:
            raise ConfigurationError(f"There is no stage {name!r}. {near_names(name, known.cascade.names)}")
    doubled = sorted({name for name in wanted.names if list(wanted.stages.values()).count(name) > 1})
    if doubled:
        raise ConfigurationError(f"The answers to {doubled[0]!r} can be those of one stage only.")
    leftovers = Leftovers()
    entries = objects_of(path, form)
    wanted = replace(wanted, same=tuple(name for name in known.cascade.names if name not in wanted.stages))
    given = list(form.read(entries, wanted, leftovers))
    if not given and not any(form.is_certain([entry]) for entry in entries):
        raise ConfigurationError(_other_shape(path, form, entries))
    labels = labels_of(given, known, wanted, leftovers, source=source)
    return Taken(labels, leftovers.all())


def objects_of(path: Path, form: Format) -> list[Object]:
    """The objects of a file as a format reads them. Raises: InputError."""
    return _unwrapped(_objects(path), form)


def _other_shape(path: Path, form: Format, entries: Sequence[Object]) -> str:
    """What a file holds that is none of the format that was named."""
    first = entries[:ENOUGH]
    seen = next((other.title for other in label_formats().values() if first and other.is_certain(first)), "")
    keys = ", ".join(repr(key) for key in list(entries[0])[:8]) if entries else "nothing"
    looks = f" It looks like {seen}." if seen else ""
    return (
        f"{path} holds no labels of {form.title}: its first object has {keys}.{looks} "
        "Traces, and the scores in them, go in by `stagegap import`."
    )


def _objects(path: Path) -> list[Object]:
    """The objects of a JSON, JSONL or CSV file. Raises: InputError when a JSON file holds none."""
    if not _is_json(path):
        return [row.values for row in read_rows(path)]
    value = read_json(path)
    try:
        entries = objects(value) or (objects(entries_of(value)) if _is_columns(value) else objects([value]))
    except ValueError:
        entries = objects([value])
    if not entries:
        Problems(path).fail(None, "A list of JSON objects was expected, and there is none.")
    odd = (
        [place for place, entry in enumerate(value, 1) if not isinstance(entry, Mapping)]
        if isinstance(value, list)
        else []
    )
    if odd:
        Problems(path).fail(None, f"A list of JSON objects was expected, and entry {odd[0]} is none.")
    return entries


def _is_columns(value: Json) -> bool:
    """Whether an object holds a list a column, and is no list that a format wraps."""
    wrappers = {form.wrapper for form in label_formats().values()}
    return (
        isinstance(value, Mapping)
        and not value.keys() & wrappers
        and all(isinstance(column, list) for column in value.values())
    )


def _is_json(path: Path) -> bool:
    return ".json" in (ending.lower() for ending in path.suffixes)


def _first_row(path: Path) -> list[Object]:
    """The first row of a JSONL, CSV or TSV file, where it can be read without the rest; of tables only the names."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".tsv", ".jsonl", ".ndjson") or not path.is_file():
        return []
    with path.open("rb") as stream:
        line = stream.readline(MAX_LINE).decode("utf-8-sig", "replace")
    try:
        if ending in (".csv", ".tsv"):
            return [dict.fromkeys(names, "") for names in csv.reader([line], delimiter=separator_of(line))]
        return objects([parse_json(line)])
    except (ValueError, csv.Error):
        return []


def _unwrapped(entries: list[Object], form: Format) -> list[Object]:
    """What stands under the wrapper where the file is one object that has it."""
    wrapped = len(entries) == 1 and form.wrapper is not None and form.wrapper in entries[0]
    return objects(entries[0][form.wrapper]) if wrapped and form.wrapper is not None else entries
