"""Stages that rank the documents of a corpus for a query by its words: BM25 or TF-IDF."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.canonical import digest
from stagegap.model.cascade import Kind, Stage
from stagegap.stages.corpus import Corpus, Shelf
from stagegap.stages.embedding import build_embedding
from stagegap.stages.endpoint import missing_key
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.protocol import Inputs, Reply, StageCode
from stagegap.stages.settings import Block, Name, Parameters, Problem, Remark, Secret, Text, address_problem

Untyped: TypeAlias = Any
"""An object of scipy, scikit-learn or bm25s: they ship no types."""
MAX_CELLS = 4_000_000
"""Scores held at once: queries are taken in groups so that queries times documents stay below (32 MB)."""


class RetrievalWith(Block):
    """Search in a corpus."""

    corpus: Text
    """Name of one of the `corpora`."""
    method: Literal["bm25", "tfidf", "embeddings"]
    """How documents are ranked."""
    k: Annotated[int, Field(ge=1, le=1000)]
    """How many documents it gives."""
    query: Annotated[list[Name], Field(min_length=1)]
    """Inputs whose texts are searched for."""
    filter: dict[Text, Name] = Field(default_factory=dict[str, str])
    """Field of the documents -> input: only documents are ranked whose field equals, or holds, the input."""
    model: Text | None = None
    """Name of the model behind an OpenAI-compatible endpoint; with embeddings only, as all that follows."""
    base_url: Text | None = None
    """Address of the endpoint; OPENAI_BASE_URL or the official one when not given."""
    api_key: Secret | None = None
    """Only as ${NAME}; OPENAI_API_KEY when not given."""
    price: Annotated[float, Field(ge=0)] | None = None
    """US dollars for a million tokens, for the plan and the budget."""


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
        self._shelf = shelf = Shelf(stage, corpora)
        self._method = str(parameters["method"])
        self._made: _Index | None = None
        self._lock = threading.Lock()
        library = "bm25s" if self._method == "bm25" else "scikit-learn"
        settings = {key: value for key, value in parameters.items() if key != "corpus" and value is not None}
        self.fingerprint = digest(["retrieval", settings, shelf.corpus.hash, library, version(library)])

    def warm_up(self) -> None:
        """Index the documents. Raises: ConfigurationError for a corpus without words."""
        if self._shelf.documents:
            self._index()

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Rank for all queries at once, as sparse matrix products."""
        if not self._shelf.documents:
            return [Reply(value=[]) for _ in inputs]
        index = self._index()
        group = max(1, MAX_CELLS // len(self._shelf.documents))
        return [
            reply
            for start in range(0, len(inputs), group)
            for reply in self._ranked(index, inputs[start : start + group])
        ]

    def _index(self) -> _Index:
        with self._lock:
            self._made = self._made or self._build()
            return self._made

    def _ranked(self, index: _Index, inputs: Sequence[Inputs]) -> list[Reply]:
        queries: Untyped = index.words.transform([self._shelf.query(call_inputs) for call_inputs in inputs])
        queries = queries.astype(np.float64)
        if index.idf is not None:
            queries = _unit_length(queries.multiply(index.idf).tocsr())
        scores: NDArray[np.float64] = (queries @ index.weights).toarray()
        for row, call_inputs in zip(scores, inputs, strict=True):
            row[~self._shelf.allowed(call_inputs)] = 0.0
        return [self._shelf.best(row, above=0.0) for row in scores]

    def _build(self) -> _Index:
        texts = self._shelf.texts
        words: Untyped = import_module("sklearn.feature_extraction.text").CountVectorizer(strip_accents="unicode")
        try:
            counts: Untyped = words.fit_transform(texts)
        except ValueError as error:
            raise ConfigurationError(f"The corpus can't be searched: {error}.") from None
        return _bm25(words, texts) if self._method == "bm25" else _tfidf(words, counts)


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


def build_retrieval(stage: Stage, around: Surroundings) -> StageCode:
    """The stage that ranks documents, by words or by vectors."""
    if asks_for_vectors(stage.parameters):
        return build_embedding(
            stage,
            folder=around.folder,
            corpora=around.corpora,
            environment=around.environment,
            providers=around.providers,
        )
    return RetrievalStage(stage, corpora=around.corpora)


def asks_for_vectors(parameters: Parameters) -> bool:
    """True for a search by embeddings, whose vectors come from a provider."""
    return parameters.get("method") == "embeddings"


def check_retrieval(draft: Draft) -> Iterator[Problem]:
    """Whether corpus, query, filter and output fit each other."""
    settings, output = draft.of(RetrievalWith), draft.output
    corpus = draft.corpora.get(settings.corpus)
    if corpus is None:
        hint = near_names(settings.corpus, draft.corpora) or "Describe it under `corpora`."
        yield Problem(("with", "corpus"), f"unknown corpus {settings.corpus!r}.", hint)
    for key, inputs in (("query", settings.query), ("filter", list(settings.filter.values()))):
        for name in inputs:
            if name not in draft.inputs:
                message = f"{key} names the unknown input {name!r}."
                yield Problem(("with", key), message, near_names(name, draft.inputs))
    yield from _check_method(settings)
    for field in settings.filter:
        if field in (corpus or ()):
            message = f"the filter compares {field!r}, which the corpus shows as id, title or text."
            yield Problem(("with", "filter"), message, "Filter by another field of the documents.")
    if output.kind is not Kind.RANKING:
        message = f"retrieval puts out a ranking, found type {output.kind}."
        hint = f"Write `output: {{type: ranking, of: {settings.corpus}, k: {settings.k}}}`."
        yield Problem(("output",), message, hint)
        return
    if output.of != settings.corpus:
        message = f"the stage searches {settings.corpus!r} and says that it ranks {output.of!r}."
        yield Problem(("output", "of"), message, f"Write `of: {settings.corpus}`.")
    if output.k is not None and settings.k > output.k:
        message = f"the search gives {settings.k} documents, and the output holds {output.k} at most."
        yield Problem(("with", "k"), message, f"Write `k: {output.k}`.")


def _check_method(settings: RetrievalWith) -> Iterator[Problem]:
    if settings.method == "embeddings":
        problem = address_problem(settings.base_url, "base_url", like="https://HOST/v1")
        if problem:
            yield problem
        if settings.model is None:
            yield Problem(("with", "method"), "embeddings need a model.", "Write its name as `model`.")
        return
    for key in ("model", "base_url", "api_key", "price"):
        if getattr(settings, key) is not None:
            message = f"{settings.method} ranks by words and asks nobody."
            yield Problem(("with", key), message, "Remove the key, or write `method: embeddings`.")


def study_retrieval(draft: Draft, environment: Mapping[str, str]) -> Iterator[Remark]:
    """Which inputs the search never uses, and whether there is a key for embeddings."""
    settings = draft.of(RetrievalWith)
    used = {*settings.query, *settings.filter.values()}
    for name in draft.inputs:
        if name not in used:
            yield Remark(f"the search never uses the input {name!r}.", keys=("inputs", name), is_hint=True)
    if settings.method == "embeddings" and settings.api_key is None:
        name = missing_key(settings.base_url, environment)
        if name:
            yield Remark(f"the environment variable {name} is not set.", keys=("with",), variable=name)


KIND = StageKind(
    summary="Answers by a search in a corpus.",
    settings=RetrievalWith,
    build=build_retrieval,
    check=check_retrieval,
    study=study_retrieval,
    is_paid=asks_for_vectors,
)
