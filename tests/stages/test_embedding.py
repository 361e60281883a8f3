"""Searches by the vectors of the test server: each counts the words of a text by their first letter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llm_server import LlmServer
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Document, Kind, OutputType, Stage
from stagegap.model.record import Json
from stagegap.runner.budget import is_paid
from stagegap.stages import Corpus, Reply, build, embedding
from stagegap.stages.embedding import EmbeddingStage
from stagegap.stages.endpoint import Priced

RANKING = OutputType(kind=Kind.RANKING, of="shop", k=2)
Search = Callable[..., EmbeddingStage]


@pytest.fixture
def search(tmp_path: Path, make_stage: Callable[..., Stage], server: LlmServer, shop: Corpus) -> Search:
    (tmp_path / ".stagegap").mkdir()
    (tmp_path / "pipelines").mkdir()

    def make(*, k: int = 2, corpus: Corpus = shop, folder: str = "pipelines", **rest: Json) -> EmbeddingStage:
        parameters: dict[str, Json] = {
            "corpus": "shop",
            "method": "embeddings",
            "k": k,
            "query": ["text"],
            "filter": {"departments": "department"},
            "model": "e",
            "base_url": server.base_url,
            **rest,
        }
        stage = make_stage("retrieval", RANKING, "text department", **parameters)
        assert is_paid(stage)
        made = build(stage, folder=tmp_path / folder, corpora={"shop": corpus}, environment={"KEY": "sk-secret"})
        assert isinstance(made, EmbeddingStage)
        return made

    return make


def ask(stage: EmbeddingStage, *texts: str, department: Json = None) -> list[Reply]:
    async def all_at_once() -> list[Reply]:
        try:
            return await asyncio.gather(*(stage.answer({"text": text, "department": department}) for text in texts))
        finally:
            await stage.close()

    return asyncio.run(all_at_once())


def test_documents_come_by_cosine_and_equal_ones_in_the_order_of_their_ids(search: Search, server: LlmServer) -> None:
    (reply,) = ask(search(k=3), "tent bottles pool")
    assert (reply.status, reply.value) == (Status.OK, ["t1", "t2", "x1"])
    # Rug, wool, and, poles, of, wool: one of six words begins like a word of the query, length sqrt(8).
    assert reply.scores == (1.0, 1.0, pytest.approx(1 / (3**0.5 * 8**0.5), abs=1e-6))
    assert server.counters()["last"]["model"] == "e"


def test_a_filter_leaves_other_documents_out(search: Search) -> None:
    (reply,) = ask(search(k=4), "tent", department="advice")
    assert reply.value == ["t2", "k1"]


def test_documents_are_asked_for_once_whoever_comes_first(
    search: Search, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "AT_ONCE", 3)
    stage = search(price=2.0)
    replies = ask(stage, "tent", "rug", "kettle")
    assert server.counters()["calls"] == 2 + 3
    assert sorted(reply.tokens_in or 0 for reply in replies) == [7, 7, 21]
    assert sum(reply.cost or 0.0 for reply in replies) == pytest.approx(35 * 2.0 / 1_000_000)
    assert isinstance(stage, Priced)
    assert stage.has_price
    ask(stage, "blue")
    assert server.counters()["calls"] == 6


def test_vectors_of_the_documents_are_kept_for_the_next_process(
    search: Search, server: LlmServer, tmp_path: Path, shop: Corpus
) -> None:
    ask(search(), "tent")
    (kept,) = (tmp_path / ".stagegap" / "embeddings").iterdir()
    ask(search(), "tent")
    assert server.counters()["calls"] == 3
    kept.write_bytes(kept.read_bytes()[:100])
    ask(search(), "tent")
    assert server.counters()["calls"] == 5
    more = Corpus(name="shop", documents={**shop.documents, "z": Document(id="z", title="Zip", text="", fields={})})
    assert ask(search(corpus=more), "zebra")[0].value[:1] == ["z"]  # type: ignore[index]
    assert server.counters()["calls"] == 7


def test_without_a_store_vectors_are_kept_by_the_process_only(search: Search, tmp_path: Path) -> None:
    (tmp_path / ".stagegap").rmdir()
    assert ask(search(), "tent")[0].value == ["t1", "t2"]
    assert not (tmp_path / ".stagegap").exists()


def test_nothing_to_search_for_or_in_asks_nobody(search: Search, server: LlmServer) -> None:
    assert ask(search(), " ") == [Reply(value=[])]
    assert ask(search(corpus=Corpus(name="shop", documents={})), "tent") == [Reply(value=[])]
    assert server.counters()["calls"] == 0


@pytest.mark.parametrize("fault", ["500", "no_choices", "page", "half_body"])
def test_faults_that_pass_are_asked_again(search: Search, server: LlmServer, fault: str) -> None:
    server.answers(faults=[fault])
    assert ask(search(), "tent")[0].value == ["t1", "t2"]
    assert server.counters()["calls"] == 3


def test_documents_that_cannot_be_had_are_no_answer(search: Search, server: LlmServer, shop: Corpus) -> None:
    server.answers(faults=["too_long"])
    (reply,) = ask(search(), "tent")
    assert (reply.status, reply.is_reusable) == (Status.UNPARSABLE, False)
    assert reply.error == "the documents: the prompt is too long: HTTP 400: 8193 tokens"
    server.answers(faults=["", "too_long"])
    assert ask(search(), "tent")[0].error == "the prompt is too long: HTTP 400: 8193 tokens"


def test_vectors_of_another_length_are_no_answer(
    search: Search, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(faults=["", "short"])
    (reply,) = ask(search(), "tent")
    assert (reply.status, reply.error) == (
        Status.INFRASTRUCTURE,
        "the vector has another length than those of the documents",
    )
    monkeypatch.setattr(embedding, "AT_ONCE", 3)
    server.answers(faults=["", "short"])
    assert ask(search(model="other"), "tent")[0].error == "vectors of several lengths came"


def test_tokens_that_nobody_counted_are_unknown(search: Search, server: LlmServer) -> None:
    server.answers(faults=["", "no_usage"])
    (reply,) = ask(search(price=1.0), "tent")
    assert (reply.tokens_in, reply.cost) == (None, None)


def test_a_refused_key_ends_the_run_and_is_not_repeated(search: Search, server: LlmServer) -> None:
    server.answers(always="401")
    with pytest.raises(RunStopped, match=r"refuses every call\. HTTP 401: Incorrect API key") as caught:
        ask(search(api_key={"$env": "KEY"}), "tent")
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="needs the environment variable OTHER"):
        ask(search(api_key={"$env": "OTHER"}), "tent")


def test_what_decides_a_ranking_is_in_the_fingerprint_and_nothing_else(search: Search, shop: Corpus) -> None:
    same = search().fingerprint
    assert search(price=3.0, api_key={"$env": "KEY"}).fingerprint == same
    fewer = replace(shop, documents={"t1": shop.documents["t1"]})
    others = [search(k=1), search(model="other"), search(base_url="http://127.0.0.1:1/v1"), search(corpus=fewer)]
    assert len({same, *(other.fingerprint for other in others)}) == 5


def test_a_text_without_a_vector_is_like_nothing(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(
        embedding._vectors(Reply(value=[[0.0, 0.0], [3.0, 4.0]])), np.array([[0, 0], [0.6, 0.8]], dtype=np.float32)
    )
