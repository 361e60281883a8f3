from __future__ import annotations

import pytest

from stagegap.analysis.wording import counted, interval, listed, plural, sentence
from stagegap.model.estimate import Estimate


@pytest.mark.parametrize(
    ("noun", "many"), [("mail", "mails"), ("query", "queries"), ("day", "days"), ("box", "boxes"), ("batch", "batches")]
)
def test_plural(noun: str, many: str):
    assert (plural(noun, 2), plural(noun, 0), plural(noun, 1)) == (many, many, noun)


def test_counts_have_thousands_separated():
    assert (counted(1, "mail"), counted(12345, "mail")) == ("1 mail", "12,345 mails")


def test_an_interval_names_its_level():
    found = Estimate(value=0.2, low=0.155, high=0.244, n=10, method="m", level=0.9)
    assert interval(found) == "90% interval 16 to 24"


def test_lists_and_sentences():
    assert (listed(["a"]), listed(["a", "b"]), sentence("route is BM25")) == ("a", "a and b", "Route is BM25")
