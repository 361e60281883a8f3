from __future__ import annotations

from stagegap.model.cascade import Document
from stagegap.stages import Corpus


def test_the_order_of_documents_makes_no_difference(shop: Corpus) -> None:
    turned = Corpus(name="shop", documents=dict(reversed(list(shop.documents.items()))))
    assert (turned.hash, turned.ids_hash) == (shop.hash, shop.ids_hash)


def test_changed_text_changes_the_hash_of_that_document_and_of_the_whole_but_not_of_the_ids(shop: Corpus) -> None:
    changed = Corpus(name="shop", documents={**shop.documents, "k1": Document(id="k1", title="Kettle", text="iron")})
    assert changed.hash != shop.hash
    assert {name for name in shop.digests if changed.digests[name] != shop.digests[name]} == {"k1"}
    assert changed.ids_hash == shop.ids_hash


def test_a_document_arrives_with_id_title_text_and_every_field(shop: Corpus) -> None:
    assert shop.inputs["k1"] == {
        "id": "k1",
        "title": "Kettle",
        "text": "steel whistle",
        "departments": ["advice"],
        "kind": "a",
    }


def test_a_passage_of_another_cut_is_read_as_the_passages_of_today_that_share_text_with_it():
    names = ("handbook#0-200", "handbook#200-400", "handbook#400-600", "terms#0-200")
    corpus = Corpus(name="c", documents={name: Document(id=name, title="", text="") for name in names})
    assert corpus.present(["handbook#150-250", "terms#0-200"]) == [names[0], names[1], names[3]]
    assert corpus.present(["law#0-9"]) == []
