from __future__ import annotations

import pytest

from stagegap.model.wording import counted, listed, plural, sentence


@pytest.mark.parametrize(
    ("noun", "many"), [("mail", "mails"), ("query", "queries"), ("day", "days"), ("box", "boxes"), ("batch", "batches")]
)
def test_plural(noun: str, many: str):
    assert (plural(noun, 2), plural(noun, 0), plural(noun, 1)) == (many, many, noun)


def test_counts_have_thousands_separated():
    assert (counted(1, "mail"), counted(12345, "mail")) == ("1 mail", "12,345 mails")


def test_lists_and_sentences():
    assert (listed(["a"]), listed(["a", "b"]), sentence("route is BM25")) == ("a", "a and b", "Route is BM25")
