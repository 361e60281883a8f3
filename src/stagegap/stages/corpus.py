"""The documents that stages search: which of them an input allows, and the best by their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.canonical import canonical, digest
from stagegap.model.cascade import Document, Stage
from stagegap.model.record import Json, span_of
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.templates import joined


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

    def present(self, ids: Sequence[str]) -> list[str]:
        """These ids, each passage of another cut (`handbook#0-400`) replaced by those here that share text with it."""
        present: dict[str, None] = {}
        for name in ids:
            if name in self.documents:
                present[name] = None
                continue
            wanted = span_of(name)
            spans = ((other, span_of(other)) for other in self.documents)
            present |= dict.fromkeys(other for other, span in spans if wanted.overlap(span))
        return list(present)


class Shelf:
    """One corpus as a retrieval stage sees it, in the order of the ids."""

    def __init__(self, stage: Stage, corpora: Mapping[str, Corpus]) -> None:
        """Raises: ConfigurationError for an unknown corpus or input."""
        parameters = stage.parameters
        name = str(parameters["corpus"])
        if name not in corpora:
            raise ConfigurationError(
                f"Stage {stage.name!r} searches the unknown corpus {name!r}. {near_names(name, corpora)}"
            )
        self._query = tuple(cast("Sequence[str]", parameters["query"]))
        self._filter = dict(cast("Mapping[str, str]", parameters.get("filter") or {}))
        for input_name in (*self._query, *self._filter.values()):
            if input_name not in stage.inputs:
                near = near_names(input_name, stage.inputs)
                raise ConfigurationError(f"Stage {stage.name!r} has no input {input_name!r} to search with. {near}")
        self.corpus = corpora[name]
        self.documents: list[Document] = sorted(self.corpus.documents.values(), key=lambda document: document.id)
        fields = {key for document in self.documents for key in document.as_input()}
        for key in self._filter.keys() - fields if fields else ():
            raise ConfigurationError(
                f"Stage {stage.name!r} filters by {key!r}, which no document of the corpus {name!r} has. "
                f"{near_names(key, fields)}".strip()
            )
        self._k = int(cast("int", parameters["k"]))
        self._masks: dict[bytes, NDArray[np.bool_]] = {}

    @property
    def texts(self) -> list[str]:
        """Title and text of each document."""
        return [f"{document.title}\n{document.text}" for document in self.documents]

    def query(self, inputs: Inputs) -> str:
        """What is searched for."""
        return joined(inputs[name] for name in self._query)

    def allowed(self, inputs: Inputs) -> NDArray[np.bool_]:
        """Say for each document whether it passes the filter; an input of null filters nothing."""
        allowed = np.ones(len(self.documents), dtype=np.bool_)
        for name, input_name in self._filter.items():
            if inputs[input_name] is not None:
                allowed &= self._mask(name, inputs[input_name])
        return allowed

    def best(self, scores: NDArray[np.float64], *, above: float) -> Reply:
        """The documents of the best scores above a bar; those of equal score in the order of their ids."""
        places = np.flatnonzero(scores > above)
        if len(places) > self._k:
            bar = np.partition(scores[places], -self._k)[-self._k]
            places = places[scores[places] >= bar]
        # A stable sort keeps the order of the ids where scores are equal.
        best = places[np.argsort(-scores[places], kind="stable")][: self._k]
        ids = [self.documents[int(place)].id for place in best]
        return Reply(value=ids, scores=tuple(round(float(score), 6) for score in scores[best]))

    def _mask(self, field: str, wanted: Json) -> NDArray[np.bool_]:
        key = canonical([field, wanted])
        if key not in self._masks:
            self._masks[key] = np.array([_holds(document.as_input().get(field), wanted) for document in self.documents])
        return self._masks[key]


def _holds(value: Json, wanted: Json) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return wanted in value
    return value == wanted
