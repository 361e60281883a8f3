"""Stages that rank the documents of a corpus by the meaning of a query: vectors of an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.model.answer import Status
from stagegap.model.canonical import digest, parsed
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.model.run import STORE
from stagegap.stages.attempts import UNREADABLE, Failure, Patience, complaint_inside, complaint_of, failure_for
from stagegap.stages.corpus import Corpus, Shelf
from stagegap.stages.endpoint import Endpoint, Line, TokenPrice
from stagegap.stages.pace import Attempts, Providers
from stagegap.stages.protocol import Inputs, Reply

AT_ONCE = 128
"""Documents that are asked for in one call."""
FOLDER = "embeddings"
"""Beside the store: vectors of a corpus, one file for each corpus and model."""
OTHER_LENGTH = "the vector has another length than those of the documents"
Vectors = NDArray[np.float32]


def build_embedding(
    stage: Stage,
    *,
    folder: Path,
    corpora: Mapping[str, Corpus],
    environment: Mapping[str, str],
    providers: Providers,
) -> EmbeddingStage:
    """The stage; `providers` are those that all stages of the cascade share.

    Raises: ConfigurationError for an unknown corpus or input, or an address that can't be used.
    """
    shelf, endpoint = Shelf(stage, corpora), Endpoint(stage, environment)
    given = stage.parameters
    settings = {name: given.get(name) for name in ("model", "k", "query", "filter")}
    model = digest(["embeddings", given["model"], endpoint.address, shelf.corpus.hash])
    return EmbeddingStage(
        stage,
        shelf=shelf,
        endpoint=endpoint,
        fingerprint=digest(["retrieval", settings, model]),
        store=_kept(folder, model),
        providers=providers,
    )


def _kept(folder: Path, name: str) -> Path | None:
    """The file that vectors are kept in; None outside a project that has a store."""
    stores = (place / STORE for place in (folder.resolve(), *folder.resolve().parents))
    store = next((place for place in stores if place.is_dir()), None)
    return store / FOLDER / f"{name}.npy" if store else None


class EmbeddingStage:
    """Asks for the vector of each query; those of the documents are asked for once and kept beside the store.

    Scores are cosines. Documents of equal score stand in the order of their ids.
    """

    reads_record = False

    def __init__(
        self,
        stage: Stage,
        *,
        shelf: Shelf,
        endpoint: Endpoint,
        fingerprint: str,
        store: Path | None,
        providers: Providers,
    ) -> None:
        self.fingerprint = fingerprint
        self._model = str(stage.parameters["model"])
        self._shelf = shelf
        self._endpoint = endpoint
        self._kept = store
        self._patience = Patience.of(stage)
        price = cast("float | None", stage.parameters.get("price"))
        self._price = None if price is None else TokenPrice(price, 0.0)
        self._attempts = Attempts(
            stage, host=endpoint.host, address=endpoint.address, providers=providers, redacted=endpoint.redacted
        )
        self._documents: Vectors | None = None
        self._line: Line | None = None
        self._turn = asyncio.Lock()

    @property
    def has_price(self) -> bool:
        """True when what a call cost is known afterwards."""
        return self._price is not None

    def call_cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """US dollars; None where the price or the tokens are unknown."""
        del tokens_out
        return None if self._price is None or tokens_in is None else self._price.cost(tokens_in, 0)

    async def answer(self, inputs: Inputs) -> Reply:
        """Rank the documents for one query. What the documents' vectors took counts with the query that came first.

        Raises: RunStopped when the provider refuses every call; ConfigurationError when the key is not set.
        """
        query = self._shelf.query(inputs)
        if not self._shelf.documents or not query.strip():
            return Reply(value=[])
        async with self._turn:
            first = await self._learn() if self._documents is None else Reply()
        documents = self._documents
        if documents is None:
            return first
        asked = await self._asked([query])
        if asked.status is not Status.OK:
            return asked
        vector = _vectors(asked)[0]
        if len(vector) != documents.shape[1]:
            return Reply(status=Status.INFRASTRUCTURE, error=OTHER_LENGTH, is_reusable=False)
        scores = (documents @ vector).astype(np.float64)
        scores[~self._shelf.allowed(inputs)] = -np.inf
        tokens = None if asked.tokens_in is None else asked.tokens_in + (first.tokens_in or 0)
        return replace(self._shelf.best(scores, above=-np.inf), tokens_in=tokens, cost=self.call_cost(tokens, None))

    async def close(self) -> None:
        """Close the connections."""
        line, self._line = self._line, None
        # A lock belongs to the loop that it was first waited for in.
        self._turn = asyncio.Lock()
        if line is not None:
            await line.close()

    async def _learn(self) -> Reply:
        """Get the vectors of all documents; give the tokens that it took, or what came between."""
        self._documents = self._read()
        if self._documents is not None:
            return Reply(tokens_in=0)
        texts, parts, tokens = self._shelf.texts, list[Vectors](), 0
        for start in range(0, len(texts), AT_ONCE):
            reply = await self._asked(texts[start : start + AT_ONCE])
            if reply.status is not Status.OK:
                return replace(reply, error=f"the documents: {reply.error}", is_reusable=False)
            parts.append(_vectors(reply))
            tokens += reply.tokens_in or 0
        if len({part.shape[1] for part in parts}) > 1:
            return Reply(status=Status.INFRASTRUCTURE, error="vectors of several lengths came", is_reusable=False)
        self._documents = np.concatenate(parts)
        self._write(self._documents)
        return Reply(tokens_in=tokens)

    async def _asked(self, texts: Sequence[str]) -> Reply:
        """The vectors of some texts as the value of a reply, or how it failed."""
        return await self._attempts.until_answered(lambda: self._ask(texts))

    async def _ask(self, texts: Sequence[str]) -> Reply | Failure:
        if self._line is None:
            self._line = self._endpoint.open(patience=self._patience, heed=self._attempts.heed)
        question: dict[str, Json] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        received = await self._line.post("/embeddings", question)
        if isinstance(received, Failure):
            return received
        if received.status >= 300:
            complaint = complaint_of(received.status, received.text, reason=received.reason)
            return failure_for(complaint, headers=received.headers)
        try:
            body = parsed(received.body)
        except ValueError:
            return UNREADABLE
        rows = _rows(body)
        if rows is None or len(rows) != len(texts) or len({len(row) for row in rows}) != 1:
            complaint = None if rows else complaint_inside(body)
            return UNREADABLE if complaint is None else failure_for(complaint, headers=received.headers)
        usage = cast("Mapping[str, Json]", body).get("usage")
        tokens = usage.get("prompt_tokens") if isinstance(usage, Mapping) else None
        return Reply(value=cast("Json", rows), tokens_in=tokens if type(tokens) is int else None)

    def _read(self) -> Vectors | None:
        """The kept vectors of the documents; None where there are none, or they are not whole."""
        if self._kept is None:
            return None
        try:
            vectors = cast("Vectors", np.load(self._kept, allow_pickle=False))
        except (OSError, ValueError, EOFError):
            return None
        return vectors if vectors.ndim == 2 and len(vectors) == len(self._shelf.documents) else None

    def _write(self, vectors: Vectors) -> None:
        """Keep the vectors, all or nothing."""
        if self._kept is None:
            return
        self._kept.parent.mkdir(mode=0o700, exist_ok=True)
        new = self._kept.with_name(f"{uuid.uuid4().hex}.new.npy")
        np.save(new, vectors, allow_pickle=False)
        os.replace(new, self._kept)


def _rows(body: object) -> list[list[float]] | None:
    """The vectors in an answer, in the order of what was asked; None where it is of another shape."""
    data = cast("Mapping[str, object]", body).get("data") if isinstance(body, Mapping) else None
    rows: list[tuple[int, list[float]]] = []
    for entry in cast("list[object]", data) if isinstance(data, list) else ():
        if not isinstance(entry, Mapping):
            return None
        members = cast("Mapping[str, object]", entry)
        place, vector = members.get("index"), members.get("embedding")
        if not isinstance(place, int) or not isinstance(vector, list):
            return None
        if not all(isinstance(number, int | float) for number in cast("list[object]", vector)):
            return None
        rows.append((place, cast("list[float]", vector)))
    return [vector for _, vector in sorted(rows, key=lambda row: row[0])]


def _vectors(reply: Reply) -> Vectors:
    """Vectors of length 1; one of zeros stays, and is like nothing."""
    vectors = np.asarray(reply.value, dtype=np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(length > 0, length, 1)).astype(np.float32)
