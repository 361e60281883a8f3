"""Stages that rank the documents of a corpus for a query: BM25 or TF-IDF."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Stage
from stagegap.model.sources import Document
from stagegap.model.values import Json
from stagegap.stages.canonical import canonical, digest
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.texts import joined

Untyped: TypeAlias = Any
"""An object of scipy, scikit-learn or bm25s: they ship no types."""
MAX_CELLS = 4_000_000
"""Scores held at once: queries are taken in groups so that queries times documents stay below (32 MB)."""


@dataclass(frozen=True, slots=True)
class _Index:
    words: Untyped
    weights: Untyped
    """Terms by documents."""
    idf: NDArray[np.float64] | None
    """Weight of each term in a query; None when every occurrence counts 1."""


class RetrievalStage:
    """Ranks the documents of one corpus; a document that shares no word with the query is never given.

    Documents of equal score stand in the order of their ids.
    """

    reads_record = False

    def __init__(self, stage: Stage, *, corpora: Mapping[str, Corpus]) -> None:
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
        self._method = str(parameters["method"])
        self._k = int(cast("int", parameters["k"]))
        self._documents: list[Document] = sorted(corpora[name].documents.values(), key=lambda document: document.id)
        self._masks: dict[bytes, NDArray[np.bool_]] = {}
        self._made: _Index | None = None
        self._lock = threading.Lock()
        library = "bm25s" if self._method == "bm25" else "scikit-learn"
        settings = {key: value for key, value in parameters.items() if key != "corpus"}
        self.fingerprint = digest(["retrieval", settings, corpora[name].hash, library, version(library)])

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Rank for all queries at once, as sparse matrix products."""
        if not self._documents:
            return [Reply(value=[]) for _ in inputs]
        with self._lock:
            index = self._made = self._made or self._build()
        group = max(1, MAX_CELLS // len(self._documents))
        return [
            reply
            for start in range(0, len(inputs), group)
            for reply in self._ranked(index, inputs[start : start + group])
        ]

    def _ranked(self, index: _Index, inputs: Sequence[Inputs]) -> list[Reply]:
        queries: Untyped = index.words.transform([joined(one[name] for name in self._query) for one in inputs])
        queries = queries.astype(np.float64)
        if index.idf is not None:
            queries = _unit_length(queries.multiply(index.idf).tocsr())
        scores: NDArray[np.float64] = (queries @ index.weights).toarray()
        for row, one in zip(scores, inputs, strict=True):
            for field, input_name in self._filter.items():
                if one[input_name] is not None:
                    row[~self._mask(field, one[input_name])] = 0.0
        return [self._reply(row) for row in scores]

    def _reply(self, scores: NDArray[np.float64]) -> Reply:
        found = np.flatnonzero(scores > 0)
        if len(found) > self._k:
            bar = np.partition(scores[found], -self._k)[-self._k]
            found = found[scores[found] >= bar]
        # Documents stand in the order of their ids, and a stable sort keeps it where scores are equal.
        best = found[np.argsort(-scores[found], kind="stable")][: self._k]
        ids = [self._documents[int(place)].id for place in best]
        return Reply(value=ids, scores=tuple(round(float(score), 6) for score in scores[best]))

    def _mask(self, field: str, wanted: Json) -> NDArray[np.bool_]:
        key = canonical([field, wanted])
        if key not in self._masks:
            self._masks[key] = np.array(
                [_holds(document.as_input().get(field), wanted) for document in self._documents]
            )
        return self._masks[key]

    def _build(self) -> _Index:
        texts = [f"{document.title}\n{document.text}" for document in self._documents]
        words: Untyped = import_module("sklearn.feature_extraction.text").CountVectorizer(strip_accents="unicode")
        try:
            counts: Untyped = words.fit_transform(texts)
        except ValueError as error:
            raise ConfigurationError(f"The corpus can't be searched: {error}.") from None
        return _bm25(words, texts) if self._method == "bm25" else _tfidf(words, counts)


def _holds(found: Json, wanted: Json) -> bool:
    if isinstance(found, Sequence) and not isinstance(found, str):
        return wanted in found
    return found == wanted


def _bm25(words: Untyped, texts: Sequence[str]) -> _Index:
    """Weigh with BM25 as in Lucene (k1 = 1.5, b = 0.75), every occurrence of a query's word counting 1.

    Kamphuis et al., "Which BM25 do you mean?", ECIR 2020.
    """
    bm25s: Untyped = import_module("bm25s")
    # The library sets its logger to DEBUG when it is imported.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    tokens_of = words.build_analyzer()
    vocabulary = {str(word): int(place) for word, place in words.vocabulary_.items()}
    index = bm25s.BM25(dtype="float64", backend="numpy")
    tokens = [[vocabulary[word] for word in tokens_of(text)] for text in texts]
    index.index((tokens, vocabulary), create_empty_token=False, show_progress=False)
    parts = (index.scores["data"], index.scores["indices"], index.scores["indptr"])
    weights: Untyped = import_module("scipy.sparse").csc_array(parts, shape=(len(texts), len(vocabulary)))
    return _Index(words, weights.T.tocsr(), None)


def _tfidf(words: Untyped, counts: Untyped) -> _Index:
    """Weigh with smoothed TF-IDF; scores are cosines."""
    occurs = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + counts.shape[0]) / (1 + occurs)) + 1
    weights = _unit_length(counts.astype(np.float64).multiply(idf).tocsr())
    return _Index(words, weights.T.tocsr(), idf)


def _unit_length(rows: Untyped) -> Untyped:
    return import_module("sklearn.preprocessing").normalize(rows)
