from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Document, Kind, OutputType, Stage
from stagegap.model.record import Json
from stagegap.stages import BatchStage, Corpus, Reply, build, retrieval

RANKING = OutputType(kind=Kind.RANKING, of="shop", k=2)
Retrieve = Callable[..., BatchStage]


@pytest.fixture
def retrieve(make_stage: Callable[..., Stage], shop: Corpus) -> Retrieve:
    def make(method: str = "bm25", *, k: int = 2, corpus: Corpus = shop, **rest: Json) -> BatchStage:
        parameters: dict[str, Json] = {"corpus": "shop", "method": method, "k": k, "query": ["text"], **rest}
        stage = make_stage("retrieval", RANKING, "text department", **parameters)
        built = build(stage, folder=Path(), corpora={"shop": corpus}, environment={})
        assert isinstance(built, BatchStage)
        return built

    return make


def asked(stage: BatchStage, text: Json, department: Json = None) -> Reply:
    return stage.answer_batch([{"text": text, "department": department}])[0]


@pytest.mark.parametrize("method", ["bm25", "tfidf"])
def test_documents_that_share_more_words_come_first_and_others_do_not_come(retrieve: Retrieve, method: str) -> None:
    assert asked(retrieve(method, k=4), "a steel kettle").value == ["k1"]


@pytest.mark.parametrize("method", ["bm25", "tfidf"])
def test_documents_of_equal_score_stand_in_the_order_of_their_ids(retrieve: Retrieve, method: str) -> None:
    reply = asked(retrieve(method), "blue tent")
    assert reply.value == ["t1", "t2"]
    assert reply.scores[0] == reply.scores[1]
    assert asked(retrieve(method, k=1), "blue tent").value == ["t1"]


@pytest.mark.parametrize("query", ["", "  ", None, "zeppelin", "!?"])
def test_a_query_without_a_known_word_finds_nothing(retrieve: Retrieve, query: str | None) -> None:
    assert asked(retrieve(), query) == Reply(value=[])


def test_bm25_scores_are_those_of_the_formula(retrieve: Retrieve) -> None:
    # Lucene's form: idf * tf / (tf + k1 * (1 - b + b * length / mean length)), k1 = 1.5, b = 0.75. "wool" stands twice
    # in x1 (rug wool and poles of wool: 6 words), in no other document; mean length (3 + 3 + 3 + 6) / 4.
    idf = math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 6 / 3.75))
    assert asked(retrieve(), "wool").scores == (pytest.approx(expected, abs=1e-6),)


def test_tfidf_scores_are_cosines(retrieve: Retrieve) -> None:
    assert asked(retrieve("tfidf"), "kettle steel whistle").scores == (1.0,)


def test_a_filter_keeps_documents_whose_field_holds_the_input(retrieve: Retrieve) -> None:
    stage = retrieve(filter={"departments": "department"})
    assert asked(stage, "blue poles", "returns").value == ["t1"]
    assert asked(stage, "blue poles", "repairs").value == ["t2"]
    assert asked(stage, "blue poles", "nobody").value == []


def test_a_filter_keeps_documents_whose_field_equals_the_input(retrieve: Retrieve) -> None:
    assert asked(retrieve(filter={"kind": "department"}), "blue poles steel", "a").value == ["k1", "t2"]


def test_a_filter_whose_input_is_null_keeps_all(retrieve: Retrieve) -> None:
    assert asked(retrieve(filter={"departments": "department"}), "blue poles", None).value == ["t1", "t2"]


@pytest.mark.parametrize("method", ["bm25", "tfidf"])
def test_a_batch_gives_what_single_queries_give(
    retrieve: Retrieve, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = retrieve(method, filter={"departments": "department"})
    inputs: list[dict[str, Json]] = [
        {"text": text, "department": department}
        for text in ("blue tent", "", "steel poles", "wool")
        for department in (None, "advice")
    ]
    single = [stage.answer_batch([one])[0] for one in inputs]
    assert stage.answer_batch(inputs) == single
    monkeypatch.setattr(retrieval, "MAX_CELLS", 9)
    assert stage.answer_batch(inputs) == single


def test_accents_and_case_make_no_difference(retrieve: Retrieve) -> None:
    assert asked(retrieve(), "KÉTTLE").value == ["k1"]


def test_nothing_is_printed(retrieve: Retrieve, capfd: pytest.CaptureFixture[str]) -> None:
    asked(retrieve(), "blue")
    assert capfd.readouterr() == ("", "")


def test_an_empty_corpus_has_no_documents_to_give(retrieve: Retrieve) -> None:
    assert asked(retrieve(corpus=Corpus(name="shop", documents={})), "blue").value == []


def test_a_corpus_without_words_is_a_named_error(retrieve: Retrieve) -> None:
    silent = Corpus(name="shop", documents={"a": Document(id="a", title="", text="!")})
    with pytest.raises(ConfigurationError, match="The corpus can't be searched: empty vocabulary"):
        asked(retrieve(corpus=silent), "blue")


def test_an_unknown_corpus_is_named_at_once(retrieve: Retrieve, make_stage: Callable[..., Stage]) -> None:
    stage = make_stage("retrieval", RANKING, corpus="shops", method="bm25", k=2, query=["text"])
    with pytest.raises(ConfigurationError, match="searches the unknown corpus 'shops'"):
        build(stage, folder=Path(), corpora={}, environment={})


def test_an_unknown_input_is_named_at_once(retrieve: Retrieve) -> None:
    with pytest.raises(ConfigurationError, match=r"no input 'departments' to search with\. Did you mean department"):
        retrieve(filter={"kind": "departments"})


def test_a_filter_by_a_field_that_no_document_has_is_named_at_once(retrieve: Retrieve) -> None:
    with pytest.raises(ConfigurationError, match=r"'Departments', which no document .* Did you mean departments\?"):
        retrieve(filter={"Departments": "department"})


def test_the_fingerprint_changes_with_corpus_and_settings(retrieve: Retrieve, shop: Corpus) -> None:
    changed = {**shop.documents, "k1": Document(id="k1", title="Kettle", text="iron")}
    stages = [retrieve(), retrieve("tfidf"), retrieve(k=1), retrieve(corpus=Corpus(name="shop", documents=changed))]
    assert len({stage.fingerprint for stage in stages}) == 4
    assert retrieve().fingerprint == stages[0].fingerprint
