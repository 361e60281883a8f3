"""Where a cascade's records, corpora and references come from: paths and the fields to read, no access to files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stagegap.model.cascade import Cascade
from stagegap.model.record import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsSource:
    """Files with one record a row (JSONL, CSV or Parquet) and the meaning of their fields."""

    paths: tuple[str, ...]
    """Absolute paths."""
    id: str = "id"
    cluster: str | None = None
    split: str | None = None
    difficulty: str | None = None
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSource:
    """Files with one document a row."""

    name: str
    paths: tuple[str, ...]
    id: str = "id"
    title: str = "title"
    text: tuple[str, ...] = ("text",)
    """Fields that are searched and shown, in this order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencesSource:
    """Files with one label a row: record, stage, annotator, value, facts."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One entry of a corpus."""

    id: str
    title: str
    text: str
    fields: Mapping[str, Json] = field(default_factory=dict[str, Json])

    def as_input(self) -> dict[str, Json]:
        """What a later stage receives: id, title, text and every other field."""
        return {**self.fields, "id": self.id, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFile:
    """A loaded cascade file: the cascade, and where its data lies."""

    path: str
    """The file that was asked for, absolute."""
    folder: str
    """Folder that relative paths and Python functions are looked up in."""
    cascade: Cascade
    records: RecordsSource
    corpora: Mapping[str, CorpusSource]
    references: ReferencesSource | None
    resolved: Mapping[str, Json]
    """The whole file after `extends` and environment, secrets by name only."""
