"""The documents that stages search, and hand to each other by id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stagegap.model.sources import Document
from stagegap.model.values import Json
from stagegap.stages.canonical import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Documents by id, with hashes of their content.

    >>> shop = Corpus(name="shop", documents={"a": Document(id="a", title="Tent", text="Two poles.")})
    >>> shop.inputs["a"]["title"], len(shop.hash)
    ('Tent', 32)
    """

    name: str
    documents: Mapping[str, Document]
    inputs: Mapping[str, dict[str, Json]] = field(init=False, repr=False)
    """Each document as a later stage receives it."""
    digests: Mapping[str, str] = field(init=False, repr=False)
    """Hash of each document's content."""
    hash: str = field(init=False)
    """Hash of all documents, whatever their order."""
    ids_hash: str = field(init=False)
    """Hash of the ids alone: what decides whether a ranking is acceptable."""

    def __post_init__(self) -> None:
        inputs = {name: document.as_input() for name, document in self.documents.items()}
        digests = {name: digest(content) for name, content in inputs.items()}
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "digests", digests)
        object.__setattr__(self, "hash", digest(digests))
        object.__setattr__(self, "ids_hash", digest(sorted(digests)))
